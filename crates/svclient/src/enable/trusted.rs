//! The open directory in which links are made and removed, come to so that nobody less privileged
//! can have led there: what is a service to root is started as root.

use std::{
    ffi::OsStr,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, readlinkat},
    sys::stat::{FileStat, fstatat},
    unistd::{UnlinkatFlags, symlinkat, unlinkat},
};

use crate::{Error, aside, node};

/// A scan directory that is open.
pub(super) struct TrustedDir {
    dir: OwnedFd,
    path: PathBuf,
}

/// A link, as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    is: node::Identity,
    pub(super) to: PathBuf,
}

impl TrustedDir {
    /// Comes to a directory name by name, and refuses what somebody else may change. Links on the
    /// way count if they are root's or the caller's.
    pub(super) fn reach(path: &Path) -> Result<Self, Error> {
        let walked = svtrust::walk(path).map_err(|error| match error {
            svtrust::Error::Untrusted { path, why } => Error::Untrusted { path, why },
            svtrust::Error::Io { doing, path, source } => Error::os(doing, &path, "search", source),
            other => Error::os("find", path, "search", io::Error::other(other)),
        })?;
        if let Some(name) = walked.missing.first() {
            return Err(Error::NotFound { path: walked.path.join(name) });
        }
        // One that many share, as a temporary directory, is on the way, and no place for services: a scanner starts
        // what anybody puts there.
        let shared = svtrust::Caller::now().distrusts(&walked.dir, &walked.path, false);
        let shared = shared.map_err(|source| Error::os("look at", path, "search", source))?;
        if let Some(why) = shared {
            return Err(Error::Untrusted { path: walked.path, why });
        }
        Ok(Self { dir: walked.dir, path: path.to_owned() })
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
        if aside::is_left_behind() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(symlinkat(to, &self.dir, name)?)
    }

    /// Removes the link that was looked at. One that was exchanged since stays.
    pub(super) fn remove(&self, name: &OsStr, seen: &Seen) -> Result<(), Error> {
        if self.link(name)? != *seen {
            let path = self.path.join(name);
            return Err(Error::NotALink { path, found: "another link by now" });
        }
        if aside::is_left_behind() {
            return Err(Error::Unanswered { path: self.path.clone() });
        }
        unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir)
            .map_err(|errno| Error::os("remove a link from", &self.path, "write", errno))
    }
}

fn is_link(stat: &FileStat) -> bool {
    node::what(stat) == "a symbolic link"
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_directory_that_others_may_change_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        let scan = tree.path().join("scan");
        assert!(matches!(TrustedDir::reach(&scan), Err(Error::NotFound { path }) if path == scan));
        fs::create_dir(&scan).unwrap();
        TrustedDir::reach(&scan).unwrap();
        fs::set_permissions(&scan, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(TrustedDir::reach(&scan), Err(Error::Untrusted { .. })));
        // Nobody removes what is another's there, and anybody puts something there.
        fs::set_permissions(&scan, fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(
            matches!(TrustedDir::reach(&scan), Err(Error::Untrusted { path, .. }) if path == scan)
        );
        fs::create_dir(scan.join("own")).unwrap();
        TrustedDir::reach(&scan.join("own")).unwrap();
    }

    #[test]
    fn what_is_removed_is_what_was_looked_at() {
        let tree = tempfile::tempdir().unwrap();
        let (trusted, web) = (TrustedDir::reach(tree.path()).unwrap(), OsStr::new("web"));
        trusted.make(web, Path::new("/one")).unwrap();
        let seen = trusted.link(web).unwrap();
        fs::rename(tree.path().join("web"), tree.path().join("kept")).unwrap();
        trusted.make(web, Path::new("/two")).unwrap();
        assert!(trusted.remove(web, &seen).is_err());
        assert_eq!(fs::read_link(tree.path().join("web")).unwrap(), Path::new("/two"));
        trusted.remove(web, &trusted.link(web).unwrap()).unwrap();
        fs::create_dir(tree.path().join("web")).unwrap();
        assert!(matches!(trusted.link(web), Err(Error::NotALink { .. })));
        assert!(trusted.remove(web, &seen).is_err());
    }
}
