//! The open directory in which links are made and removed, come to so that nobody less privileged can have
//! led there: what is a service to root is started as root.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat},
    sys::stat::{FileStat, Mode, fstatat},
    unistd::{Gid, Uid, UnlinkatFlags, symlinkat, unlinkat},
};

use crate::{Error, node};

/// A scan directory that is open.
pub(super) struct Ground {
    dir: File,
    path: PathBuf,
}

/// A link, as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    is: node::Identity,
    pub(super) to: PathBuf,
}

/// As many links as the system itself follows.
const MOST_LINKS: u32 = 40;

const FLAGS: OFlag = {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let way = OFlag::O_PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let way = OFlag::O_RDONLY;
    way.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC)
};

impl Ground {
    /// Comes to a directory name by name, each from the open one above it, and refuses what somebody else
    /// may change. Links on the way count if they are root's or the caller's.
    pub(super) fn reach(path: &Path) -> Result<Self, Error> {
        let full = std::path::absolute(path)
            .map_err(|source| Error::os("find", path, "search", source))?;
        let mut way: Vec<Self> = Vec::new();
        let mut here = Self::open(AT_FDCWD, OsStr::new("/"), PathBuf::from("/"))?;
        // The next one is the last.
        let mut names = parts(&full);
        let mut links = 0;
        while let Some(name) = names.pop() {
            if name == ".." {
                here = way.pop().unwrap_or(here);
                continue;
            }
            let at = here.path.join(&name);
            let stat = here.look(&name)?.ok_or_else(|| Error::NotFound { path: at.clone() })?;
            if !is_link(&stat) {
                let next = Self::open(&here.dir, &name, at)?;
                way.push(std::mem::replace(&mut here, next));
                continue;
            }
            if !is_trusted(stat.st_uid) {
                return Err(Error::Untrusted { path: at, who: format!("user {}", stat.st_uid) });
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(Error::os("open", path, "search", Errno::ELOOP));
            }
            let to = here.leads(&name)?;
            if to.is_absolute() && !way.is_empty() {
                way.truncate(1);
                here = way.pop().unwrap_or(here);
            }
            names.extend(parts(&to));
        }
        Ok(Self { path: path.to_owned(), ..here })
    }

    fn open(above: impl AsFd, name: &OsStr, path: PathBuf) -> Result<Self, Error> {
        let fd = openat(above, name, FLAGS, Mode::empty())
            .map_err(|errno| Error::os("open", &path, "search", errno))?;
        let dir = File::from(fd);
        let looked = dir.metadata().map_err(|error| Error::os("stat", &path, "search", error))?;
        match who_else(looked.uid(), looked.gid(), looked.mode()) {
            None => Ok(Self { dir, path }),
            Some(who) => Err(Error::Untrusted { path, who }),
        }
    }

    /// What an entry is; `None` if there is none.
    fn look(&self, name: &OsStr) -> Result<Option<FileStat>, Error> {
        match fstatat(&self.dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(Error::os("look at", &self.path.join(name), "search", errno)),
        }
    }

    fn leads(&self, name: &OsStr) -> Result<PathBuf, Error> {
        readlinkat(&self.dir, name)
            .map(PathBuf::from)
            .map_err(|errno| Error::os("read the link", &self.path.join(name), "search", errno))
    }

    /// A link in it. What is none is refused.
    pub(super) fn link(&self, name: &OsStr) -> Result<Seen, Error> {
        let path = self.path.join(name);
        let Some(stat) = self.look(name)? else { return Err(Error::NotFound { path }) };
        if !is_link(&stat) {
            return Err(Error::NotALink { path, found: node::what(&stat) });
        }
        Ok(Seen { is: node::identity(&stat), to: self.leads(name)? })
    }

    /// Makes a link, which appears whole and in the place of nothing.
    pub(super) fn make(&self, name: &OsStr, to: &Path) -> io::Result<()> {
        Ok(symlinkat(to, &self.dir, name)?)
    }

    /// Removes the link that was looked at. One that was exchanged since stays.
    pub(super) fn remove(&self, name: &OsStr, seen: &Seen) -> Result<(), Error> {
        if self.link(name)? != *seen {
            let path = self.path.join(name);
            return Err(Error::NotALink { path, found: "another link by now" });
        }
        unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir)
            .map_err(|errno| Error::os("remove a link from", &self.path, "write", errno))
    }
}

fn is_link(stat: &FileStat) -> bool {
    node::what(stat) == "a symbolic link"
}

fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == Uid::effective().as_raw()
}

/// Who else may exchange what is in a directory. With the sticky bit nobody but the owner of an entry may,
/// and each directory on the way is asked for its owner.
fn who_else(uid: u32, gid: u32, mode: u32) -> Option<String> {
    const STICKY: u32 = 0o1000;
    let (user, group) = (Uid::effective().as_raw(), Gid::effective().as_raw());
    // Where each user has a group of the same number, nobody else is in it.
    let is_alone = user != 0 && gid == group && gid == user;
    if !is_trusted(uid) {
        Some(format!("user {uid}"))
    } else if mode & STICKY != 0 {
        None
    } else if mode & 0o002 != 0 {
        Some("everybody".to_owned())
    } else {
        (mode & 0o020 != 0 && !is_alone).then(|| format!("group {gid}"))
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
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    #[test]
    fn a_directory_that_others_may_change_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        let (above, scan) = (tree.path().join("above"), tree.path().join("above/scan"));
        fs::create_dir_all(&scan).unwrap();
        symlink("above/../above/scan", tree.path().join("link")).unwrap();
        let mode = |path: &Path, mode: u32| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for path in [&above, &scan] {
            for (bits, fits) in [(0o777, false), (0o757, false), (0o755, true), (0o1777, true)] {
                mode(path, bits);
                for way in [scan.clone(), tree.path().join("link")] {
                    let reached = Ground::reach(&way);
                    let refused = matches!(reached, Err(Error::Untrusted { .. }));
                    assert_eq!((reached.is_ok(), refused), (fits, !fits), "{bits:o} {path:?}");
                }
            }
            mode(path, 0o755);
        }
        if !Uid::effective().is_root() {
            // Then nobody else's can be made.
            return;
        }
        std::os::unix::fs::chown(&above, Some(4711), None).unwrap();
        assert!(matches!(Ground::reach(&scan), Err(Error::Untrusted { .. })));
        std::os::unix::fs::chown(&above, Some(0), None).unwrap();
        std::os::unix::fs::lchown(tree.path().join("link"), Some(4711), None).unwrap();
        let error = Ground::reach(&tree.path().join("link")).err().unwrap();
        assert!(matches!(error, Error::Untrusted { .. }), "{error}");
    }

    #[test]
    fn what_is_removed_is_what_was_looked_at() {
        let tree = tempfile::tempdir().unwrap();
        let (ground, web) = (Ground::reach(tree.path()).unwrap(), OsStr::new("web"));
        ground.make(web, Path::new("/one")).unwrap();
        let seen = ground.link(web).unwrap();
        fs::rename(tree.path().join("web"), tree.path().join("kept")).unwrap();
        ground.make(web, Path::new("/two")).unwrap();
        assert!(ground.remove(web, &seen).is_err());
        assert_eq!(fs::read_link(tree.path().join("web")).unwrap(), Path::new("/two"));
        ground.remove(web, &ground.link(web).unwrap()).unwrap();
        fs::create_dir(tree.path().join("web")).unwrap();
        assert!(matches!(ground.link(web), Err(Error::NotALink { .. })));
        assert!(ground.remove(web, &seen).is_err());
    }
}
