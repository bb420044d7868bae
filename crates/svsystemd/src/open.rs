//! From a name as people write it to a unit.

use std::{ffi::OsStr, sync::Arc};

use svclient::{Supervised, unit_in};

use crate::{BadName, Bus, Error, supervised::error};

/// A service by the name that a user typed, as [`svclient::open`] takes it; and `web.service` or
/// `systemd:web`, which is a unit of the system's manager.
///
/// # Errors
///
/// Those of [`svclient::open`], and for units [`svclient::Error::Other`]: a name that no unit can
/// have, or no manager that answers.
pub fn open(name: impl AsRef<OsStr>) -> Result<Arc<dyn Supervised>, svclient::Error> {
    let name = name.as_ref();
    let Some(unit) = unit_in(name) else { return svclient::open(name) };
    let opened = Bus::system().wait().and_then(|bus| bus.unit(unit));
    match opened {
        Ok(unit) => Ok(Arc::new(unit)),
        Err(why) => Err(error(why, unit)),
    }
}

impl From<Error> for svclient::Error {
    /// The same error in the words of `svclient`, about the same.
    fn from(why: Error) -> Self {
        let name = why.subject();
        error(why, &name)
    }
}

impl From<BadName> for svclient::Error {
    fn from(bad: BadName) -> Self {
        Error::from(bad).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnitName;

    #[test]
    fn endings_and_the_prefix_make_a_unit() {
        let unit = |name: &str| unit_in(OsStr::new(name)).map(str::to_owned);
        assert_eq!(unit("web.service").as_deref(), Some("web.service"));
        assert_eq!(unit("web*.service").as_deref(), Some("web*.service"));
        assert_eq!(unit("systemd:web").as_deref(), Some("web"));
        assert_eq!(unit("getty@tty1.service").as_deref(), Some("getty@tty1.service"));
        for other in ["web", "./web.service", "web.d", "a/web.service", ".", ""] {
            assert_eq!(unit(other), None, "{other}");
        }
        assert_eq!(UnitName::new(&unit("systemd:web").unwrap()).unwrap().as_str(), "web.service");
    }
}
