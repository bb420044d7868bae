//! Every system call of this crate that changes the disk. Each is relative to an open directory, is
//! told first, and has its path in its error.

use std::{ffi::OsStr, fmt, fs, io, io::Write as _, os::fd::AsFd, path::Path};

use rustix::{
    fs::{AtFlags, Gid, Mode, OFlags, Uid},
    io::Errno,
};

use super::WriteStep;
use crate::{
    error::Error,
    plan::File,
    trusted_dir::{Looked, TrustedDir},
};

/// Hears of each step; an error ends the write as if the step had failed.
type Observer<'a> = &'a mut dyn FnMut(&WriteStep) -> io::Result<()>;

/// What changes the disk.
pub(super) struct Disk<'a> {
    observer: Option<Observer<'a>>,
}

impl fmt::Debug for Disk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

/// No directory that is copied or removed has more below it.
const DEEPEST: u32 = 64;

impl<'a> Disk<'a> {
    pub(super) const fn silent() -> Self {
        Self { observer: None }
    }

    pub(super) const fn observed(observer: Observer<'a>) -> Self {
        Self { observer: Some(observer) }
    }
}

/// Operations.
impl Disk<'_> {
    fn step<T>(
        &mut self,
        doing: &'static str,
        path: &Path,
        operation: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, Error> {
        let told = match &mut self.observer {
            Some(observer) => observer(&WriteStep { doing, path: path.to_owned() }),
            None => Ok(()),
        };
        told.and_then(|()| operation()).map_err(Error::io(doing, path))
    }

    /// The directory of all units; what is missing of it is made.
    pub(super) fn reach(&mut self, dir: &Path) -> Result<TrustedDir, Error> {
        let walked = TrustedDir::walk(dir)?;
        let mut here = walked.place;
        for name in walked.missing {
            let path = here.path().join(&name);
            self.step("make", &path, || {
                match rustix::fs::mkdirat(&here, &name, Mode::from_raw_mode(0o755)) {
                    // Somebody was quicker; who it is will be looked at.
                    Ok(()) | Err(Errno::EXIST) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            })?;
            here = here.enter(&name)?.ok_or_else(|| vanished(&path))?;
        }
        Ok(here)
    }

    pub(super) fn make_dir(
        &mut self,
        at: &TrustedDir,
        name: impl AsRef<OsStr>,
        mode: u32,
    ) -> Result<TrustedDir, Error> {
        let name = name.as_ref();
        let path = at.path().join(name);
        self.step("make", &path, || {
            // Nobody else's before its mode is what it is to be, whatever the umask is.
            Ok(rustix::fs::mkdirat(at, name, Mode::from_raw_mode(0o700))?)
        })?;
        let made = at.sub(name)?.ok_or_else(|| vanished(&path))?;
        set_mode(&made, mode).map_err(Error::io("make", &path))?;
        Ok(made)
    }

    pub(super) fn set_mode(&mut self, dir: &TrustedDir, mode: u32) -> Result<(), Error> {
        self.step("write", dir.path(), || set_mode(dir, mode))
    }

    pub(super) fn make_file(
        &mut self,
        at: &TrustedDir,
        name: impl AsRef<OsStr>,
        file: &File,
    ) -> Result<(), Error> {
        let name = name.as_ref();
        self.step("write", &at.path().join(name), || {
            // Private until it has its mode; it must not be there yet, not even as a link.
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
            let flags = flags | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(at, name, flags, Mode::from_raw_mode(0o600))?;
            let mut there = fs::File::from(fd);
            there.write_all(&file.bytes)?;
            rustix::fs::fchmod(&there, Mode::from_raw_mode(bits(file.mode)))?;
            there.sync_all()
        })
    }

    /// A file gets the owner of what it is to take the place of, and this mode.
    pub(super) fn own_file(
        &mut self,
        at: &TrustedDir,
        name: &OsStr,
        looked: &Looked,
        mode: u32,
    ) -> Result<(), Error> {
        self.step("own", &at.path().join(name), || {
            let file = open_file(at, name)?;
            be_as(&file, looked)?;
            set_mode(&file, mode)?;
            file.sync_all()
        })
    }

    pub(super) fn set_file_mode(
        &mut self,
        at: &TrustedDir,
        name: &OsStr,
        mode: u32,
    ) -> Result<(), Error> {
        self.step("write", &at.path().join(name), || {
            let file = open_file(at, name)?;
            set_mode(&file, mode)?;
            file.sync_all()
        })
    }

    pub(super) fn make_link(
        &mut self,
        at: &TrustedDir,
        name: impl AsRef<OsStr>,
        to: &Path,
    ) -> Result<(), Error> {
        let name = name.as_ref();
        self.step("link", &at.path().join(name), || Ok(rustix::fs::symlinkat(to, at, name)?))
    }

    /// A second name of a file or a link.
    fn second_name(
        &mut self,
        from: (&TrustedDir, &OsStr),
        to: (&TrustedDir, &OsStr),
    ) -> Result<(), Error> {
        self.step("link", &to.0.path().join(to.1), || {
            Ok(rustix::fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty())?)
        })
    }

    pub(super) fn rename(
        &mut self,
        from: (&TrustedDir, &OsStr),
        to: (&TrustedDir, &OsStr),
    ) -> Result<(), Error> {
        self.step("rename", &to.0.path().join(to.1), || {
            Ok(rustix::fs::renameat(from.0, from.1, to.0, to.1)?)
        })
    }

    /// Two entries take each other's place, of whatever types they are.
    pub(super) fn exchange(
        &mut self,
        here: (&TrustedDir, &OsStr),
        there: (&TrustedDir, &OsStr),
    ) -> Result<(), Error> {
        self.step("exchange", &there.0.path().join(there.1), || exchange(here, there))
    }

    pub(super) fn remove_file(
        &mut self,
        at: &TrustedDir,
        name: impl AsRef<OsStr>,
    ) -> Result<(), Error> {
        let name = name.as_ref();
        self.step("remove", &at.path().join(name), || {
            ignore_missing(rustix::fs::unlinkat(at, name, AtFlags::empty()))
        })
    }

    /// An empty one; one that is not empty stays.
    pub(super) fn remove_empty(
        &mut self,
        at: &TrustedDir,
        name: impl AsRef<OsStr>,
    ) -> Result<(), Error> {
        let name = name.as_ref();
        self.step("remove", &at.path().join(name), || {
            match rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
                result => ignore_missing(result),
            }
        })
    }

    /// Whatever is there, of whatever type, and everything below it.
    pub(super) fn remove_any(
        &mut self,
        at: &TrustedDir,
        name: impl AsRef<OsStr>,
    ) -> Result<(), Error> {
        self.remove_below(at, name.as_ref(), 0)
    }

    fn remove_below(&mut self, at: &TrustedDir, name: &OsStr, depth: u32) -> Result<(), Error> {
        let Some(looked) = at.look(name)? else { return Ok(()) };
        if !looked.is_dir() {
            return self.remove_file(at, name);
        }
        let Some(dir) = at.sub(name)? else { return Ok(()) };
        not_too_deep(&dir, depth)?;
        for name in dir.names()? {
            self.remove_below(&dir, &name, depth + 1)?;
        }
        self.step("remove", dir.path(), || {
            ignore_missing(rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR))
        })
    }

    pub(super) fn sync(&mut self, dir: &TrustedDir) -> Result<(), Error> {
        let fd = dir.readable()?;
        self.step("sync", dir.path(), || Ok(rustix::fs::fsync(&fd)?))
    }

    /// Everything below a directory gets a second name, or a directory of its own.
    pub(super) fn second_tree(
        &mut self,
        from: (&TrustedDir, &OsStr),
        to: (&TrustedDir, &OsStr),
    ) -> Result<(), Error> {
        self.second_below(from, to, 0)
    }

    fn second_below(
        &mut self,
        from: (&TrustedDir, &OsStr),
        to: (&TrustedDir, &OsStr),
        depth: u32,
    ) -> Result<(), Error> {
        let path = from.0.path().join(from.1);
        let looked = from.0.look(from.1)?.ok_or_else(|| vanished(&path))?;
        if !looked.is_dir() {
            return self.second_name(from, to);
        }
        let source = from.0.sub(from.1)?.ok_or_else(|| vanished(&path))?;
        not_too_deep(&source, depth)?;
        let made = self.make_dir(to.0, to.1, 0o700)?;
        for name in source.names()? {
            self.second_below((&source, &name), (&made, &name), depth + 1)?;
        }
        self.step("own", made.path(), || be_as(&made, &looked))?;
        self.sync(&made)
    }
}

/// A regular file by its own name.
fn open_file(at: &TrustedDir, name: &OsStr) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::File::from(rustix::fs::openat(at, name, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it was exchanged for something else"));
    }
    Ok(file)
}

/// A file to lock, made if it is not there. Neither a FIFO nor a device holds up whoever opens it.
pub(super) fn open_lock(at: &TrustedDir, name: &str) -> io::Result<fs::File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(rustix::fs::openat(at, name, flags, Mode::from_raw_mode(0o600))?.into())
}

pub(super) fn remove_lock(at: &TrustedDir, name: &str) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(at, name, AtFlags::empty())?)
}

/// Owner, group and mode of what it is a copy of.
fn be_as(made: &impl AsFd, looked: &Looked) -> io::Result<()> {
    let is = Looked::at(made)?;
    if (is.uid, is.gid) != (looked.uid, looked.gid) {
        let owner = (is.uid != looked.uid).then(|| Uid::from_raw(looked.uid));
        rustix::fs::fchown(made, owner, Some(Gid::from_raw(looked.gid)))?;
    }
    set_mode(made, looked.mode)
}

fn set_mode(it: &impl AsFd, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(it, Mode::from_raw_mode(bits(mode)))?)
}

fn not_too_deep(dir: &TrustedDir, depth: u32) -> Result<(), Error> {
    if depth < DEEPEST {
        return Ok(());
    }
    let too_deep =
        io::Error::other(format!("there are more than {DEEPEST} directories in another"));
    Err(Error::io("go through", dir.path())(too_deep))
}

/// What was there a moment ago.
pub(super) fn vanished(path: &Path) -> Error {
    Error::io("open", path)(io::ErrorKind::NotFound.into())
}

fn ignore_missing(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        result => Ok(result?),
    }
}

/// Permission bits in the type that the system has for them.
#[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "12 bits")]
const fn bits(mode: u32) -> rustix::fs::RawMode {
    (mode & 0o7777) as rustix::fs::RawMode
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchange(here: (&TrustedDir, &OsStr), there: (&TrustedDir, &OsStr)) -> io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};
    Ok(renameat_with(here.0, here.1, there.0, there.1, RenameFlags::EXCHANGE)?)
}

/// Without a system call for it: for a moment there is nothing.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchange(here: (&TrustedDir, &OsStr), there: (&TrustedDir, &OsStr)) -> io::Result<()> {
    use rustix::fs::renameat;
    const ASIDE: &str = "aside";
    renameat(there.0, there.1, here.0, ASIDE)?;
    renameat(here.0, here.1, there.0, there.1)?;
    Ok(renameat(here.0, ASIDE, here.0, here.1)?)
}
