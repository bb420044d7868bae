//! A service directory that may be read-only, supervised in another place: there, a directory with a link
//! to each of its files, in which the supervisor keeps what it writes.
//!
//! Clients find the service there, and so does its script: that is where it is started. What is there and
//! is no link of ours stays as it is. What holds a value is copied: no client follows a link to it.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs, io,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat, readlinkat},
    sys::stat::{Mode, SFlag, fstatat, mkdirat},
    unistd::{UnlinkatFlags, symlinkat, unlinkat},
};
use svproto::files::{self, FileKind};

use super::options::OWN_FILES;
use crate::{
    Error,
    trusted::{self, Make, is},
};

/// The directory below `state` in which this service directory is supervised, made as it is now.
///
/// # Errors
///
/// If it cannot be made, or somebody else may change the way to it.
pub(crate) fn mirror(dir: &Path, state: &Path) -> Result<PathBuf, Error> {
    let real = dir.canonicalize().map_err(|error| Error::io("find", dir, error))?;
    let state = std::path::absolute(state).map_err(|error| Error::io("find", state, error))?;
    // Of `.`, the name that it has.
    let name = dir.file_name().or(real.file_name()).unwrap_or_default().to_owned();
    let place = Mirror { from: real, to: state.join(&name) };
    let above = trusted::make_safe(&state).map_err(|error| distrusted(&state, error))?;
    place.make(above.as_fd(), &name)?;
    Ok(place.to)
}

/// A directory and the one that stands for it.
struct Mirror {
    from: PathBuf,
    to: PathBuf,
}

impl Mirror {
    fn make(&self, above: BorrowedFd<'_>, name: &OsStr) -> Result<(), Error> {
        let here = self.enter(above, name)?;
        let entries = fs::read_dir(&self.from);
        let entries = entries.and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|error| Error::io("list", &self.from, error))?;
        let mut names: BTreeSet<OsString> = entries.iter().map(fs::DirEntry::file_name).collect();
        // These are a supervisor's own.
        names.remove(OsStr::new(files::SUPERVISE));
        names.remove(OsStr::new(files::EVENT));
        self.remove_stale(&here, &names)?;
        for name in names {
            let from = self.from.join(&name);
            if name == files::LOG && from.is_dir() {
                Self { from, to: self.to.join(&name) }.make(here.as_fd(), &name)?;
            } else if is_value(&name) {
                self.copy(&here, &name)?;
            } else {
                self.link(&here, &name)?;
            }
        }
        self.note(&here)
    }

    /// Opens the directory that stands for it; makes it if need be.
    fn enter(&self, above: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Error> {
        match mkdirat(above, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => (),
            Err(errno) => return Err(Error::io("make", &self.to, errno)),
        }
        let entered = trusted::enter(above, Path::new(name), Make::Nothing);
        entered.map_err(|error| distrusted(&self.to, error))
    }

    /// Removes links into the service directory to what is not there any more.
    fn remove_stale(&self, here: &OwnedFd, names: &BTreeSet<OsString>) -> Result<(), Error> {
        let found = fs::read_dir(&self.to).map_err(|error| Error::io("list", &self.to, error))?;
        for entry in found.flatten() {
            let name = entry.file_name();
            if !names.contains(&name) && self.is_ours(here, &name) {
                self.remove(here, &name)?;
            }
        }
        Ok(())
    }

    fn link(&self, here: &OwnedFd, name: &OsStr) -> Result<(), Error> {
        let leads_to = readlinkat(here, name).ok();
        if leads_to.as_deref() == Some(self.from.join(name).as_os_str()) {
            return Ok(());
        }
        if self.is_ours(here, name) {
            self.remove(here, name)?;
        }
        match symlinkat(&self.from.join(name), here, name) {
            // Somebody has put something of his own there.
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(errno) => Err(Error::io("link", &self.to.join(name), errno)),
        }
    }

    /// Whether it is a link to the file of that name in the service directory, or in the one that was in its
    /// place before.
    fn is_ours(&self, here: &OwnedFd, name: &OsStr) -> bool {
        let Ok(leads_to) = readlinkat(here, name) else { return false };
        let before = readlinkat(here, FROM).ok().map(PathBuf::from);
        let of = |dir: &Path| dir.join(name).as_os_str() == leads_to;
        of(&self.from) || before.is_some_and(|dir| of(&dir))
    }

    /// Notes whose links these are.
    fn note(&self, here: &OwnedFd) -> Result<(), Error> {
        if readlinkat(here, FROM).is_ok_and(|it| it == self.from.as_os_str()) {
            return Ok(());
        }
        let fail = |errno| Error::io("link", &self.to.join(FROM), errno);
        match unlinkat(here, FROM, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => symlinkat(&self.from, here, FROM).map_err(fail),
            Err(errno) => Err(fail(errno)),
        }
    }

    fn remove(&self, here: &OwnedFd, name: &OsStr) -> Result<(), Error> {
        let removed = unlinkat(here, name, UnlinkatFlags::NoRemoveDir);
        removed.map_err(|errno| Error::io("remove", &self.to.join(name), errno))
    }

    fn copy(&self, here: &OwnedFd, name: &OsStr) -> Result<(), Error> {
        let from = self.from.join(name);
        let is_file = fs::metadata(&from).is_ok_and(|data| data.is_file());
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        let there = fstatat(here, name, flags).ok();
        if !is_file || there.is_some_and(|stat| !is(&stat, SFlag::S_IFREG)) {
            return Ok(());
        }
        let text = fs::read(&from).map_err(|error| Error::io("read", &from, error))?;
        let flags = OFlag::O_WRONLY
            | OFlag::O_CREAT
            | OFlag::O_TRUNC
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_CLOEXEC;
        let to = self.to.join(name);
        let file = openat(here, name, flags, Mode::from_bits_truncate(0o644));
        let file = file.map_err(|errno| Error::io("write", &to, errno))?;
        let text = text.get(..LONGEST_VALUE.min(text.len())).unwrap_or_default();
        nix::unistd::write(&file, text).map_err(|errno| Error::io("write", &to, errno))?;
        Ok(())
    }
}

/// A link to the service directory.
const FROM: &str = ".from";

/// No reader takes more of a value.
const LONGEST_VALUE: usize = 4096;

/// Whether a file of this name holds a value.
fn is_value(name: &OsStr) -> bool {
    let is_it = |file: &&files::KnownFile| {
        file.kind == FileKind::File
            && file.made_with.is_none()
            && file.path.as_bytes() == name.as_bytes()
    };
    OWN_FILES.iter().any(|own| name == *own) || files::TABLE.iter().any(|file| is_it(&file))
}

fn distrusted(dir: &Path, error: svtrust::Error) -> Error {
    match error {
        svtrust::Error::Untrusted { path, why } => Error::Untrusted { path: dir.join(path), why },
        svtrust::Error::Io { doing, path, source } => Error::io(doing, &dir.join(path), source),
        other => Error::io("open", dir, io::Error::other(other)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_there_is_linked_and_what_was_put_there_stays() {
        let tree = tempfile::tempdir().unwrap();
        let (web, state) = (tree.path().join("web"), tree.path().join("state"));
        fs::create_dir_all(web.join("log")).unwrap();
        for name in ["run", "old", "log/run", "finish"] {
            fs::write(web.join(name), "").unwrap();
        }
        fs::write(web.join("down-signal"), "INT\n").unwrap();
        fs::create_dir(web.join("supervise")).unwrap();
        let there = mirror(&web, &state).unwrap();
        assert_eq!(there, state.join("web"));
        let real = web.canonicalize().unwrap();
        let leads_to = |name: &str| fs::read_link(there.join(name)).unwrap();
        assert_eq!(leads_to("run"), real.join("run"));
        assert_eq!(leads_to("log/run"), real.join("log/run"));
        let value = there.join("down-signal");
        assert!(!value.is_symlink() && fs::read(&value).unwrap() == b"INT\n");
        assert!(!there.join("supervise").exists());
        // Again, after a change: nothing that is its own is touched.
        fs::remove_file(web.join("old")).unwrap();
        fs::write(web.join("down-signal"), "9\n").unwrap();
        fs::remove_file(there.join("finish")).unwrap();
        fs::write(there.join("finish"), "mine").unwrap();
        symlink("elsewhere", there.join("link")).unwrap();
        symlink("/elsewhere/own", there.join("own")).unwrap();
        fs::write(web.join("own"), "").unwrap();
        fs::create_dir(there.join("supervise")).unwrap();
        mirror(&web, &state).unwrap();
        assert!(there.join("old").symlink_metadata().is_err());
        assert_eq!(fs::read(&value).unwrap(), b"9\n");
        assert_eq!(fs::read(there.join("finish")).unwrap(), b"mine");
        assert_eq!(leads_to("link"), Path::new("elsewhere"));
        assert_eq!(leads_to("own"), Path::new("/elsewhere/own"));
        // The same service from another place.
        let newer = tree.path().join("newer/web");
        fs::create_dir_all(&newer).unwrap();
        fs::write(newer.join("run"), "").unwrap();
        mirror(&newer, &state).unwrap();
        assert_eq!(leads_to("run"), newer.canonicalize().unwrap().join("run"));
        assert_eq!(leads_to("own"), Path::new("/elsewhere/own"));
        assert!(there.join("supervise").is_dir());
    }
}
