//! One writer at a time in a directory: the lock of a file that only its owner can open. A lock on
//! the directory itself could be had, and kept for ever, by whoever may open it for reading.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::disk;
use crate::{
    error::Error,
    trusted_dir::{Kind, Looked, TrustedDir, wrong},
};

/// Its name. It is there while somebody writes, and after a crash until the next write.
const LOCK: &str = ".svbuild.lock";

/// How often whoever had it removes it in the moment in which it is opened.
const ATTEMPTS: usize = 100;

/// Holds the lock on a directory, so that two writers do not meet. Whoever may not make a file
/// there can change nothing but service directories of his own, and has a lock in each of them.
#[derive(Debug)]
pub(super) struct Alone(#[expect(dead_code, reason = "held")] Vec<Lock>);

impl Alone {
    /// Whether somebody writes, or was killed while he did.
    pub(super) fn is_left<'a>(dir: &TrustedDir, names: impl Iterator<Item = &'a String>) -> bool {
        let is_in = |dir: &TrustedDir| !matches!(dir.look(LOCK), Ok(None));
        is_in(dir) || inside(dir, names).is_ok_and(|units| units.iter().any(is_in))
    }

    pub(super) fn in_dir<'a>(
        dir: &TrustedDir,
        names: impl Iterator<Item = &'a String>,
    ) -> Result<Self, Error> {
        let refused = match Lock::take(dir) {
            Ok(lock) => return Ok(Self(vec![lock])),
            Err(Error::Io { doing: LOCKING, path, source })
                if matches!(
                    source.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                Error::Io { doing: LOCKING, path, source }
            }
            Err(error) => return Err(error),
        };
        let units = inside(dir, names)?;
        if units.is_empty() {
            return Err(refused);
        }
        units.iter().map(Lock::take).collect::<Result<_, _>>().map(Self)
    }
}

/// The directories of these units that are there.
fn inside<'a>(
    dir: &TrustedDir,
    names: impl Iterator<Item = &'a String>,
) -> Result<Vec<TrustedDir>, Error> {
    let mut found = Vec::new();
    for name in names {
        if dir.look(name)?.is_some_and(|looked| looked.is_dir()) {
            found.extend(dir.sub(name)?);
        }
    }
    Ok(found)
}

const LOCKING: &str = "lock";

#[derive(Debug)]
struct Lock {
    dir: TrustedDir,
    file: fs::File,
}

impl Lock {
    fn take(dir: &TrustedDir) -> Result<Self, Error> {
        let path = dir.path().join(LOCK);
        for _ in 0..ATTEMPTS {
            // Even to open a device can do something.
            require_file(&path, dir.look(LOCK)?)?;
            let mut file = disk::open_lock(dir, LOCK).map_err(Error::io(LOCKING, &path))?;
            let looked = Looked::at(&file).map_err(Error::io("look at", &path))?;
            require_file(&path, Some(looked))?;
            // In a directory with the sticky bit somebody else may have made it, and can hold it
            // for ever.
            if !dir.caller().trusts(looked.uid) {
                let why = svtrust::Distrust::Owner(looked.uid);
                return Err(Error::Untrusted { path, why });
            }
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(Error::Busy { path: dir.path().to_owned(), by: holder(&mut file) });
                }
                Err(error) => return Err(Error::io(LOCKING, &path)(error.into())),
            }
            // Whoever had it may have removed it just before.
            if is_there(dir, &file).map_err(Error::io("look at", &path))? {
                let _who_is_not_known =
                    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
                return Ok(Self { dir: dir.again()?, file });
            }
        }
        Err(Error::Busy { path: dir.path().to_owned(), by: None })
    }
}

fn require_file(path: &Path, looked: Option<Looked>) -> Result<(), Error> {
    match looked {
        Some(looked) if looked.kind != Kind::File => {
            Err(wrong(path, "a regular file", looked.kind))
        }
        _ => Ok(()),
    }
}

fn is_there(dir: &TrustedDir, file: &fs::File) -> io::Result<bool> {
    let here = rustix::fs::fstat(file)?;
    match rustix::fs::statat(dir, LOCK, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) => Ok((there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What its holder has written there; for the message only.
fn holder(file: &mut fs::File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before the lock is given up: afterwards it may be another's.
        let _left_behind = disk::remove_lock(&self.dir, LOCK);
        // Not by closing: a child that another thread starts may have the descriptor for a moment.
        let _unlocked = flock(&self.file, FlockOperation::Unlock);
    }
}
