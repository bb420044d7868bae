//! What the operating system tells about changes in directories: one mechanism a file, all with the
//! same face. They only say where to look; what is there is read afterwards, so a hint too many is
//! harmless and a hint too few is the only fault.

use std::path::PathBuf;

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(target_os = "linux")]
pub(crate) use inotify::Changes;

#[cfg(not(target_os = "linux"))]
mod kqueue;
#[cfg(not(target_os = "linux"))]
pub(crate) use kqueue::Changes;

/// One watched directory; the mechanism's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DirId(i32);

/// A directory to watch, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dir {
    /// A service directory: its `supervise` comes or goes, its `down` file.
    Service(PathBuf),
    /// A `supervise` directory: its record, its lock.
    Supervise(PathBuf),
    /// A directory in which a missing one may appear.
    Above(PathBuf),
    /// An event directory of s6: letters written to a listener.
    Events(PathBuf),
    /// A log directory: lines, and rotation.
    Log(PathBuf),
}

impl Dir {
    pub(crate) fn path(&self) -> &PathBuf {
        match self {
            Self::Service(path)
            | Self::Supervise(path)
            | Self::Above(path)
            | Self::Events(path)
            | Self::Log(path) => path,
        }
    }
}

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// In a watched directory.
    In(DirId, EntryKind),
    /// The directory is no longer watched: removed, moved away or unmounted.
    Gone(DirId),
    /// Hints were lost; everything must be looked at again.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "kqueue does not tell"))]
    Overflow,
}

/// What it happened to, where the mechanism tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EntryKind {
    /// The record was published.
    Status,
    /// Somebody closed the lock: practically only the supervisor, when it ends.
    Lock,
    /// The directory itself was moved, or `supervise` in it came or went.
    Layout,
    /// Any other entry came or went.
    Entry,
    /// It is no longer watched.
    Gone,
    /// Something was written to a listener.
    Letters,
    /// A file that says what is expected of the service: `down`, `notification-fd`.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "kqueue does not tell"))]
    Down,
    /// A log has grown.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "kqueue does not tell"))]
    Line,
    /// Not told: all of these.
    Anything,
}
