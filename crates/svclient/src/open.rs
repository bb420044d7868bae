//! From a name as people write it to a service.

use std::{ffi::OsStr, path::Path, sync::Arc};

use crate::{Error, ScanDir, Service, Supervised};

/// A service by the name that a user typed: `web` and its logger `web/log` in the scan directory
/// ([`ScanDir::find_all`]); a path (`./web`, `/etc/service/web`, `web/`) as it stands.
///
/// ```
/// # let tree = tempfile::tempdir().unwrap();
/// # let dir = tree.path().join("web");
/// # std::fs::create_dir_all(&dir).unwrap();
/// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
/// let web = svclient::open(&dir)?;
/// println!("{} is {}", web.name(), web.status()?.state());
/// # Ok::<(), svclient::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::NoScanDir`] for a name where none is in use, [`Error::Ambiguous`] for one that is in two, and those of [`Service::open`].
pub fn open(name: impl AsRef<OsStr>) -> Result<Arc<dyn Supervised>, Error> {
    let name = name.as_ref();
    let path = if is_path(name) {
        Path::new(name).to_owned()
    } else {
        ScanDir::entry_of(&ScanDir::find_all(), name)?
    };
    Ok(Arc::new(Service::open(path)?.named(name)))
}

/// Whether a name is a path: it begins with a dot or a slash, or ends with a slash. The rule of `sv`.
///
/// ```
/// use svclient::is_path;
///
/// assert!(is_path("./web".as_ref()));
/// assert!(!is_path("web".as_ref()));
/// ```
#[must_use]
pub fn is_path(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.starts_with(b".") || bytes.starts_with(b"/") || bytes.ends_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_slashes_make_a_path_and_a_slash_inside_does_not() {
        for path in ["./web", "../web", ".", "/etc/service/web", "web/"] {
            assert!(is_path(OsStr::new(path)), "{path}");
        }
        for name in ["web", "web/log", "web-*"] {
            assert!(!is_path(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_path_is_opened_as_it_stands_and_keeps_its_name() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("supervise")).unwrap();
        let service = open(tree.path()).unwrap();
        assert_eq!(service.name(), crate::Name::new(tree.path()));
        assert_eq!(service.directory().unwrap().dir(), tree.path());
        let nowhere = open("./no-such-service").err().unwrap();
        assert_eq!(nowhere.kind(), crate::ErrorKind::NotFound);
    }
}
