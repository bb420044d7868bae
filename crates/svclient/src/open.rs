//! From a name as people write it to a service.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Error, ScanDir, Service, Supervised, is_path};

/// A service by the name that a user typed: `web` and its logger `web/log` in the scan directory
/// ([`ScanDir::find_all`]); a path (`./web`, `/etc/service/web`, `web/`) or its
/// URL (`file:///etc/service/web`) as it stands.
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
/// [`Error::NoScanDir`] for a name where none is in use, [`Error::Ambiguous`] for one that is in
/// two, [`Error::BadName`] for an empty one, [`Error::NoUnits`] for that of a unit ([`unit_in`]):
/// `svcmgr::open` knows units with feature `systemd`. Those of [`Service::open`].
pub fn open(name: impl AsRef<OsStr>) -> Result<Arc<dyn Supervised>, Error> {
    let name = name.as_ref();
    if name.is_empty() {
        return Err(Error::BadName { name: name.to_owned() });
    }
    if unit_in(name).is_some() {
        return Err(Error::NoUnits { name: name.to_owned() });
    }
    let path = if let Some(path) = path_of_url(name) {
        path
    } else if is_path(name) {
        Path::new(name).to_owned()
    } else {
        let all = ScanDir::find_all();
        let opened = Service::open(ScanDir::entry_of(&all, name)?);
        return match opened {
            Err(Error::NotFound { .. }) => Err(ScanDir::no_such_name(&all, name)),
            opened => Ok(Arc::new(opened?.named(name))),
        };
    };
    Ok(Arc::new(Service::open(path)?.named(name)))
}

/// The types of systemd's units, as their names end.
pub const UNIT_TYPES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
];

/// The unit of systemd that a name stands for: what follows `systemd:`, or the whole of a name that
/// ends as those of units do; `None` for a path and for any other name.
///
/// ```
/// use std::ffi::OsStr;
/// use svclient::unit_in;
///
/// assert_eq!(unit_in(OsStr::new("web.service")), Some("web.service"));
/// assert_eq!(unit_in(OsStr::new("systemd:web")), Some("web"));
/// assert_eq!(unit_in(OsStr::new("./web.service")), None);
/// ```
#[must_use]
pub fn unit_in(name: &OsStr) -> Option<&str> {
    let name = name.to_str()?;
    if let Some(unit) = name.strip_prefix("systemd:") {
        return Some(unit);
    }
    let (_, ending) = name.rsplit_once('.')?;
    (!name.contains('/') && UNIT_TYPES.contains(&ending)).then_some(name)
}

/// The path behind `file:///etc/service/web`, with `%` and two digits for any byte; `None` for any
/// other name.
fn path_of_url(name: &OsStr) -> Option<PathBuf> {
    let text = name.to_str()?.strip_prefix("file://").filter(|path| path.starts_with('/'))?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = more.get(if byte.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_opened_as_it_stands_and_keeps_its_name() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("supervise")).unwrap();
        let service = open(tree.path()).unwrap();
        assert_eq!(service.name(), crate::Name::new(tree.path()));
        assert_eq!(service.directory().unwrap().dir(), tree.path());
        let url = format!("file://{}", tree.path().display());
        assert_eq!(open(&url).unwrap().directory().unwrap().dir(), tree.path());
        let nowhere = open("./no-such-service").err().unwrap();
        assert_eq!(nowhere.kind(), crate::ErrorKind::NotFound);
    }

    /// The same reading of names in every build.
    #[test]
    fn the_name_of_a_unit_names_the_feature_and_a_path_is_a_directory() {
        for unit in ["web.service", "systemd:web", "a@b.timer"] {
            let error = open(unit).err().unwrap();
            assert_eq!(error.kind(), crate::ErrorKind::Unsupported, "{unit}");
            assert!(error.hint().unwrap().contains("feature `systemd`"), "{error}");
        }
        for path in ["./web.service", "/no/web.service", "file:///no/web%2eservice"] {
            let error = open(path).err().unwrap();
            assert_eq!(error.kind(), crate::ErrorKind::NotFound, "{path}");
        }
        assert_eq!(open("").err().unwrap().kind(), crate::ErrorKind::BadName);
        let path = path_of_url(OsStr::new("file:///a%20b/%ff%")).unwrap();
        assert_eq!(path.as_os_str().as_encoded_bytes(), b"/a b/\xff%");
    }
}
