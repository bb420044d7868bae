//! Where a service directory is: at a path, behind a descriptor that somebody opened, or in a
//! directory that is open.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    hash::{Hash, Hasher},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use nix::{
    fcntl::{AT_FDCWD, OFlag, openat},
    sys::{
        resource::{Resource, getrlimit},
        stat::{FileStat, Mode, fstat},
    },
};

use crate::{Error, at::At, node};

/// A directory.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    /// How it is called; how it is reached too, without a descriptor.
    path: PathBuf,
    way: Way,
}

/// How files in it are reached.
#[derive(Debug)]
enum Way {
    Path,
    /// From the directory itself.
    Held(Arc<OwnedFd>),
    /// From an open directory, to which the path leads up to this byte.
    Below(Arc<OwnedFd>, usize),
}

/// A copy may be kept for long, so it does not keep the directory above open: it goes by its path.
impl Clone for Way {
    fn clone(&self) -> Self {
        match self {
            Self::Held(fd) => Self::Held(Arc::clone(fd)),
            Self::Path | Self::Below(..) => Self::Path,
        }
    }
}

impl Handle {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, way: Way::Path }
    }

    pub(crate) fn held(fd: OwnedFd) -> Self {
        Self { path: name_of(fd.as_fd()), way: Way::Held(Arc::new(fd)) }
    }

    /// For entries of the directory `parent`, which is open: the way to it is gone once, not for
    /// each file. [`Handle::enter`] says which.
    pub(crate) fn below(opened: &Arc<OwnedFd>, parent: &Path) -> Self {
        // With a slash at its end.
        let path = parent.join("");
        let parent_len = path.as_os_str().len();
        Self { path, way: Way::Below(Arc::clone(opened), parent_len) }
    }

    /// Goes to an entry of the open directory.
    pub(crate) fn enter(&mut self, entry: &OsStr) {
        if let Way::Below(_, parent_len) = self.way {
            let mut path = std::mem::take(&mut self.path).into_os_string().into_vec();
            path.truncate(parent_len);
            path.extend_from_slice(entry.as_bytes());
            self.path = OsString::from_vec(path).into();
        }
    }

    /// The same directory and no other, whatever becomes of its path from now on. `None` where it
    /// is kept already, and where it cannot be: descriptors are needed for other things, too.
    pub(crate) fn hold(&self) -> Option<Self> {
        if self.is_held() || !cfg!(target_os = "linux") {
            return None;
        }
        let opened = openat(AT_FDCWD, &self.path, TO_SEARCH, Mode::empty()).ok()?;
        let number = u64::try_from(opened.as_raw_fd()).ok()?;
        let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        let found = fstat(&opened).ok()?;
        // What takes a path goes by way of `/proc`, which not every place has.
        let by_path = node::stat(&fd_path(opened.as_fd())).ok()??;
        let is_same = node::identity(&found) == node::identity(&by_path);
        #[allow(clippy::useless_conversion, reason = "signed on some systems")]
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let has_room = number < limit / 2;
        (is_same && has_room)
            .then(|| Self { path: self.path.clone(), way: Way::Held(Arc::new(opened)) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_held(&self) -> bool {
        matches!(self.way, Way::Held(_))
    }

    /// A file in it.
    pub(crate) fn at<'a>(&'a self, name: &'a str) -> At<'a> {
        match &self.way {
            Way::Path => At::joined(&self.path, name),
            Way::Held(fd) => At::held(fd.as_fd(), name, &self.path),
            Way::Below(parent, parent_len) => {
                let (above, entry) = self.path.as_os_str().as_bytes().split_at(*parent_len);
                let [above, entry] = [above, entry].map(|part| Path::new(OsStr::from_bytes(part)));
                At::below(parent.as_fd(), entry, name, above)
            }
        }
    }

    /// What is there, links followed; `None` if nothing is.
    pub(crate) fn stat(&self) -> Result<Option<FileStat>, Error> {
        match &self.way {
            Way::Held(fd) => match fstat(fd) {
                // Deleted: no name leads to it any more.
                Ok(stat) => Ok((stat.st_nlink > 0).then_some(stat)),
                Err(errno) => Err(Error::os("stat", &self.path, "search", errno)),
            },
            Way::Path | Way::Below(..) => node::stat(&self.path),
        }
    }

    /// A directory in it, which is reached as this one is.
    pub(crate) fn directory(&self, name: &str) -> Result<Self, Error> {
        let path = self.path.join(name);
        match &self.way {
            Way::Held(fd) => {
                let opened = openat(fd, name, TO_SEARCH, Mode::empty());
                let opened = opened.map_err(|errno| Error::os("open", &path, "read", errno))?;
                Ok(Self { path, way: Way::Held(Arc::new(opened)) })
            }
            Way::Below(parent, len) => Ok(Self { path, way: Way::Below(Arc::clone(parent), *len) }),
            Way::Path => Ok(Self::new(path)),
        }
    }

    /// For what takes a path and no descriptor.
    pub(crate) fn for_paths(&self) -> Cow<'_, Path> {
        match &self.way {
            Way::Held(fd) if cfg!(target_os = "linux") => fd_path(fd.as_fd()).into(),
            _ => self.path.as_path().into(),
        }
    }
}

/// A directory, only to reach what is in it.
pub(crate) fn open_directory(path: &Path) -> Result<Arc<OwnedFd>, Error> {
    let opened = openat(AT_FDCWD, path, TO_SEARCH, Mode::empty());
    opened.map(Arc::new).map_err(|errno| Error::os("open", path, "search", errno))
}

/// Where there is `O_PATH`, the right to search a directory is enough to keep it.
#[cfg(target_os = "linux")]
const TO_SEARCH: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);
#[cfg(not(target_os = "linux"))]
const TO_SEARCH: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Two handles are the same if they reach the directory in the same way.
impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        let held = |handle: &Self| match &handle.way {
            Way::Held(fd) => Some(fd.as_raw_fd()),
            Way::Path | Way::Below(..) => None,
        };
        self.path == other.path && held(self) == held(other)
    }
}

impl Eq for Handle {}

impl Hash for Handle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
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
