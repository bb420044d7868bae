//! The way to a directory, one name after the other. Each directory is open before the next name is
//! looked at, so nobody can exchange what was looked at.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use crate::{Caller, Distrust, Error, caller::is_shared};

/// Where a walk ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Walked {
    /// The last directory that is there; to go on from, not to be listed.
    pub dir: OwnedFd,
    /// Where it is: without a link, unless the walk began in a directory; then from there.
    pub path: PathBuf,
    /// The names below it that are missing; empty if all are there.
    pub missing: Vec<OsString>,
    /// A link was followed.
    pub linked: bool,
}

/// Comes to a directory from the root. Each directory on the way is asked whether somebody else may
/// change it, the last one as well; each may be one that many share, if it is sticky. A relative
/// path begins in the working directory.
///
/// # Errors
///
/// [`Error::Untrusted`] where somebody may who is neither root nor the caller, and for a link of
/// such a user; [`Error::Io`].
pub fn walk(path: &Path) -> Result<Walked, Error> {
    let absolute = std::path::absolute(path).map_err(|source| fail("find", path, source))?;
    Walk { caller: Caller::now(), asked: true, up: Vec::new() }.go(None, &absolute)
}

/// Comes to a directory from an open one. Links count as in [`walk`]; directories are not asked,
/// for whoever may change `dir` may as well have put there what is found. The paths in what it says
/// begin in `dir`.
///
/// # Errors
///
/// As [`walk`].
pub fn walk_from(dir: BorrowedFd<'_>, path: &Path) -> Result<Walked, Error> {
    Walk { caller: Caller::now(), asked: false, up: Vec::new() }.go(Some(dir), path)
}

struct Walk {
    caller: Caller,
    /// Directories are asked.
    asked: bool,
    /// From where it began down to where it is, so that `..` is the way back.
    up: Vec<Here>,
}

struct Here {
    dir: OwnedFd,
    path: PathBuf,
}

/// As many links as the system itself follows.
const MOST_LINKS: u32 = 40;

/// Searching it is enough, where the system has such descriptors.
const TO_PASS: OFlags = {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let flags = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let flags = OFlags::RDONLY.union(OFlags::NONBLOCK);
    flags.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC)
};

fn fail(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Error {
    Error::Io { doing, path: path.to_owned(), source: source.into() }
}

impl Walk {
    fn go(mut self, start: Option<BorrowedFd<'_>>, path: &Path) -> Result<Walked, Error> {
        let mut here = match start {
            Some(dir) => {
                let dir = dir.try_clone_to_owned().map_err(|error| fail("open", path, error))?;
                Here { dir, path: PathBuf::new() }
            }
            None => self.root()?,
        };
        // The next name is the last.
        let mut names = parts(path);
        let mut links = 0;
        while let Some(name) = names.pop() {
            if name == ".." {
                here = self.back(here)?;
                continue;
            }
            let full = here.path.join(&name);
            let stat = match rustix::fs::statat(&here.dir, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => {
                    names.push(name);
                    names.reverse();
                    if names.iter().any(|name| name == "..") {
                        return Err(fail("open", &full, Errno::NOENT));
                    }
                    let Here { dir, path } = here;
                    return Ok(Walked { dir, path, missing: names, linked: links > 0 });
                }
                Err(error) => return Err(fail("look at", &full, error)),
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
                links += 1;
                if links > MOST_LINKS {
                    return Err(fail("open", path, Errno::LOOP));
                }
                let Some(to) = self.follow(&here, &name, &stat, &full)? else {
                    names.push(name);
                    continue;
                };
                if to.is_absolute() {
                    self.up.clear();
                    here = self.root()?;
                }
                names.extend(parts(&to));
                continue;
            }
            let next = self.enter(&here.dir, &name, full)?;
            self.up.push(std::mem::replace(&mut here, next));
        }
        let Here { dir, path } = here;
        Ok(Walked { dir, path, missing: Vec::new(), linked: links > 0 })
    }

    fn root(&self) -> Result<Here, Error> {
        self.enter(CWD, OsStr::new("/"), PathBuf::from("/"))
    }

    fn enter(&self, above: impl AsFd, name: &OsStr, path: PathBuf) -> Result<Here, Error> {
        let dir = rustix::fs::openat(above, name, TO_PASS, Mode::empty())
            .map_err(|error| fail("open", &path, error))?;
        if self.asked {
            let distrusts = self.caller.distrusts(&dir, &path, true);
            if let Some(why) = distrusts.map_err(|error| fail("look at", &path, error))? {
                return Err(Error::Untrusted { path, why });
            }
        }
        Ok(Here { dir, path })
    }

    /// The directory above: the one that was come through, and of the one where it began, what the
    /// system says.
    fn back(&mut self, here: Here) -> Result<Here, Error> {
        if let Some(above) = self.up.pop() {
            return Ok(above);
        }
        if here.path == Path::new("/") {
            return Ok(here);
        }
        let path = here.path.join("..");
        self.enter(&here.dir, OsStr::new(".."), path)
    }

    /// Where a link leads, by its own word, if it is one to follow; `None` if it is another one by
    /// now.
    fn follow(
        &self,
        at: &Here,
        name: &OsStr,
        stat: &Stat,
        full: &Path,
    ) -> Result<Option<PathBuf>, Error> {
        let distrusted = |why| Err(Error::Untrusted { path: full.to_owned(), why });
        if let Some(why) = self.caller.distrusts_owner(stat, full) {
            return distrusted(why);
        }
        if stat.st_nlink != 1 {
            let above = rustix::fs::fstat(&at.dir).map_err(|error| fail("look at", full, error))?;
            if !self.asked || is_shared(&above) {
                return distrusted(Distrust::SecondName);
            }
        }
        let to = match rustix::fs::readlinkat(&at.dir, name, Vec::new()) {
            Ok(to) => OsString::from_vec(to.into_bytes()),
            // No link by now, or nothing.
            Err(Errno::INVAL | Errno::NOENT) => return Ok(None),
            Err(error) => return Err(fail("read the link", full, error)),
        };
        // What a link says never changes, so it is what the one that was looked at says, if that is
        // still there.
        let after = rustix::fs::statat(&at.dir, name, AtFlags::SYMLINK_NOFOLLOW);
        let is_same = |after: Stat| (after.st_dev, after.st_ino) == (stat.st_dev, stat.st_ino);
        Ok(after.is_ok_and(is_same).then(|| to.into()))
    }
}

/// The names of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let name = |part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    let mut parts: Vec<_> = path.components().filter_map(name).collect();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests;
