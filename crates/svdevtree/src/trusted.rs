//! Directories that are made and come to where nobody less privileged can lead a step elsewhere;
//! the steps are [`svtrust`]'s.
//!
//! A descriptor that was looked at is what the next step starts from; no path is resolved twice.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

use nix::{
    errno::Errno,
    sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat},
};
use svtrust::{Caller, Distrust, Error, Walked};

/// Opens the directory of an absolute path that only root and this user can make another.
pub(crate) fn open_safe(path: &Path) -> Result<OwnedFd, Error> {
    let walked = svtrust::walk(path)?;
    there(walked, path)
}

/// As [`open_safe`]; what is missing is made, of mode 0700.
pub(crate) fn make_safe(path: &Path) -> Result<OwnedFd, Error> {
    loop {
        let walked = svtrust::walk(path)?;
        match walked.missing.split_first() {
            None => return Ok(walked.dir),
            Some((name, _)) => make(&walked, Path::new(name))?,
        }
    }
}

/// Opens a directory in another one. A link is followed if root or this user made it, and every
/// link behind it, and the directory behind it is one of theirs. With [`Make::Last`] one that is
/// missing is made, but not those above it.
pub(crate) fn enter(
    dir: BorrowedFd<'_>,
    name: impl AsRef<Path>,
    makes: Make,
) -> Result<OwnedFd, Error> {
    let path = name.as_ref();
    let mut walked = svtrust::walk_from(dir, path)?;
    if let ([missing], Make::Last) = (&*walked.missing, makes) {
        make(&walked, Path::new(missing))?;
        walked = svtrust::walk_from(dir, path)?;
    }
    let (linked, dir) = (walked.linked, there(walked, path)?);
    let owner = fstat(&dir).map_err(|errno| fail("look at", path, errno))?.st_uid;
    if linked && !Caller::now().trusts(owner) {
        return Err(Error::Untrusted { path: path.to_owned(), why: Distrust::Owner(owner) });
    }
    Ok(dir)
}

/// What is made that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Nothing,
    Last,
}

/// Somebody else's that is there by now is looked at as what it is.
fn make(above: &Walked, name: &Path) -> Result<(), Error> {
    match mkdirat(above.dir.as_fd(), name, Mode::S_IRWXU) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(fail("make", &above.path.join(name), errno)),
    }
}

fn there(walked: Walked, path: &Path) -> Result<OwnedFd, Error> {
    if walked.missing.is_empty() {
        return Ok(walked.dir);
    }
    Err(fail("open", path, Errno::ENOENT))
}

fn fail(doing: &'static str, path: &Path, errno: Errno) -> Error {
    Error::Io { doing, path: path.to_owned(), source: io::Error::from(errno) }
}

/// Whether a file is of this type.
pub(crate) fn is(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn what_is_missing_is_made_for_its_user_alone() {
        let place = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            make_safe(&place.path().join("a/b/c")).unwrap();
            let mode = fs::metadata(place.path().join("a")).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
            assert_eq!(mode & 0o7777, 0o700);
        }
        assert!(open_safe(&place.path().join("a/d")).is_err());
        let dir = open_safe(place.path()).unwrap();
        symlink("to/come", place.path().join("supervise")).unwrap();
        assert!(enter(dir.as_fd(), "supervise", Make::Last).is_err());
        fs::create_dir(place.path().join("to")).unwrap();
        assert!(enter(dir.as_fd(), "supervise", Make::Nothing).is_err());
        enter(dir.as_fd(), "supervise", Make::Last).unwrap();
        assert!(place.path().join("to/come").is_dir());
    }
}
