//! Where a service directory is: at a path, or behind a descriptor that somebody opened; and the
//! files in it, named from there.

use std::{
    borrow::Cow,
    hash::{Hash, Hasher},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use nix::{
    fcntl::{AT_FDCWD, OFlag, openat},
    sys::stat::{FileStat, Mode, fstat},
};

use crate::{Error, node};

/// A directory.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// How it is called; how it is reached too, without a descriptor.
    path: PathBuf,
    held: Option<Arc<OwnedFd>>,
}

impl Home {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, held: None }
    }

    pub(crate) fn held(fd: OwnedFd) -> Self {
        Self { path: name_of(fd.as_fd()), held: Some(Arc::new(fd)) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// A file in it.
    pub(crate) fn at<'a>(&'a self, name: &'a str) -> At<'a> {
        match &self.held {
            Some(fd) => {
                At { from: fd.as_fd(), name: Path::new(name).into(), under: Some(&self.path) }
            }
            None => At { from: AT_FDCWD, name: self.path.join(name).into(), under: None },
        }
    }

    /// What is there, links followed; `None` if nothing is.
    pub(crate) fn stat(&self) -> Result<Option<FileStat>, Error> {
        match &self.held {
            Some(fd) => match fstat(fd) {
                // Deleted: no name leads to it any more.
                Ok(stat) => Ok((stat.st_nlink > 0).then_some(stat)),
                Err(errno) => Err(Error::os("stat", &self.path, "search", errno)),
            },
            None => node::stat(&self.path),
        }
    }

    /// A directory in it, which is reached as this one is.
    pub(crate) fn directory(&self, name: &str) -> Result<Self, Error> {
        let path = self.path.join(name);
        let held = match &self.held {
            Some(fd) => {
                let opened = openat(fd, name, TO_SEARCH, Mode::empty());
                let opened = opened.map_err(|errno| Error::os("open", &path, "read", errno))?;
                Some(Arc::new(opened))
            }
            None => None,
        };
        Ok(Self { path, held })
    }

    /// For what takes a path and no descriptor.
    pub(crate) fn for_paths(&self) -> Cow<'_, Path> {
        match &self.held {
            Some(fd) if cfg!(target_os = "linux") => fd_path(fd.as_fd()).into(),
            _ => self.path.as_path().into(),
        }
    }
}

/// Where there is `O_PATH`, the right to search a directory is enough to keep it.
#[cfg(target_os = "linux")]
const TO_SEARCH: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);
#[cfg(not(target_os = "linux"))]
const TO_SEARCH: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Two handles are the same if they reach the directory in the same way.
impl PartialEq for Home {
    fn eq(&self, other: &Self) -> bool {
        let raw = |home: &Self| home.held.as_deref().map(AsRawFd::as_raw_fd);
        self.path == other.path && raw(self) == raw(other)
    }
}

impl Eq for Home {}

impl Hash for Home {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

/// A file: from where, and by what name.
pub(crate) struct At<'a> {
    from: BorrowedFd<'a>,
    name: Cow<'a, Path>,
    /// What `from` is called.
    under: Option<&'a Path>,
}

impl At<'_> {
    pub(crate) fn base(&self) -> BorrowedFd<'_> {
        self.from
    }

    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// What to call it in messages.
    pub(crate) fn path(&self) -> PathBuf {
        match self.under {
            Some(dir) => dir.join(&self.name),
            None => self.name.clone().into_owned(),
        }
    }
}

impl<'a> From<&'a Path> for At<'a> {
    fn from(path: &'a Path) -> Self {
        Self { from: AT_FDCWD, name: path.into(), under: None }
    }
}

impl<'a> From<&'a PathBuf> for At<'a> {
    fn from(path: &'a PathBuf) -> Self {
        path.as_path().into()
    }
}

/// The name under which the kernel shows a descriptor to its own process.
fn fd_path(fd: BorrowedFd<'_>) -> PathBuf {
    let table = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    Path::new(table).join(fd.as_raw_fd().to_string())
}

/// The path that leads to a descriptor, as far as the system tells.
fn name_of(fd: BorrowedFd<'_>) -> PathBuf {
    let link = fd_path(fd);
    std::fs::read_link(&link).unwrap_or(link)
}
