//! What could not be done: the operation, the exact file, why, and what to do about it.

use std::{io, path::Path, path::PathBuf};

/// Why something could not be supervised.
///
/// `Display` is one line, "cannot WHAT WHERE"; `source` holds why; [`Error::hint`] what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another supervisor holds the lock, of this program or of another.
    #[error("cannot supervise {}: it is supervised already", dir.display())]
    Held {
        /// The service directory.
        dir: PathBuf,
        /// The lock.
        lock: PathBuf,
    },
    /// A file is of another type than the protocol knows.
    #[error("cannot use {}: it is {found}, not {expected}", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// What it must be, with its article.
        expected: &'static str,
        /// What it is, with its article.
        found: &'static str,
    },
    /// Another user may have made it what it is, to have something done elsewhere.
    #[error("cannot use {}: {why}", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// Who.
        why: svtrust::Distrust,
    },
    /// A process that is none of the service's has sent it a message of `sd_notify(3)`; it is not heard.
    #[error("cannot take what process {pid} of user {user} says for {}", dir.display())]
    Stranger {
        /// The service directory.
        dir: PathBuf,
        /// The process; 0 for one that is not known here.
        pid: i32,
        /// The user.
        user: u32,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The verb, as in "cannot open".
        doing: &'static str,
        /// The file, directory or program.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system lacks something that a supervisor cannot do without.
    #[error("cannot {doing}")]
    System {
        /// What it takes.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// No more service fits into the limit on open files; those that are there go on.
    #[error(
        "cannot supervise {}{}: {services} services fit into {limit} open files",
        dir.display(),
        others(*more)
    )]
    Full {
        /// The service directory.
        dir: PathBuf,
        /// How many others wait for room as well.
        more: usize,
        /// How many are supervised.
        services: usize,
        /// How many files this process may have open.
        limit: u64,
    },
    /// A limit on inotify is met, so the directory is listed every few seconds instead.
    #[error("cannot watch {}, which is listed every 5 seconds instead", path.display())]
    Unwatched {
        /// The scan directory.
        path: PathBuf,
        /// The limit.
        limit: WatchLimit,
        /// What the operating system said.
        source: io::Error,
    },
    /// The supervisor has been told to stop, or has ended.
    #[error("cannot {doing}: the supervisor is stopping")]
    Stopping {
        /// The request.
        doing: &'static str,
    },
    /// No such service, or it is gone.
    #[error("cannot ask a service that is gone")]
    Gone,
}

svproto::readable!(Error, Error::hint);

/// What Linux grants a user of inotify, all containers of a host together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WatchLimit {
    /// `fs.inotify.max_user_instances`.
    Instances,
    /// `fs.inotify.max_user_watches`.
    Watches,
}

svproto::words!(WatchLimit, "limit of inotify":
    Instances "fs.inotify.max_user_instances",
    Watches "fs.inotify.max_user_watches",
);

/// [`Error`] without its details, to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another supervisor holds the lock.
    Held,
    /// A file is of another type than the protocol knows.
    WrongType,
    /// Another user may have made it what it is.
    Untrusted,
    /// There is nothing at the path.
    NotFound,
    /// A right is missing.
    Denied,
    /// The operating system refused for another reason.
    Io,
    /// The operating system lacks something.
    System,
    /// No more service fits into the limit on open files.
    Full,
    /// A limit on inotify is met.
    Unwatched,
    /// The supervisor is stopping or has ended.
    Stopping,
    /// No such service, or it is gone.
    Gone,
}

svproto::words!(ErrorKind, "kind of error":
    Held "held",
    WrongType "wrong-type",
    Untrusted "untrusted",
    NotFound "not-found",
    Denied "denied",
    Io "io",
    System "system",
    Full "full",
    Unwatched "unwatched",
    Stopping "stopping",
    Gone "gone",
);

impl Error {
    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Held { .. } => ErrorKind::Held,
            Self::WrongType { .. } => ErrorKind::WrongType,
            Self::Untrusted { .. } | Self::Stranger { .. } => ErrorKind::Untrusted,
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                io::ErrorKind::PermissionDenied => ErrorKind::Denied,
                _ => ErrorKind::Io,
            },
            Self::System { .. } => ErrorKind::System,
            Self::Full { .. } => ErrorKind::Full,
            Self::Unwatched { .. } => ErrorKind::Unwatched,
            Self::Stopping { .. } => ErrorKind::Stopping,
            Self::Gone => ErrorKind::Gone,
        }
    }

    /// One sentence of advice, where there is some that is certainly right.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Held { .. } => Some("one supervisor at a time: end the other one first"),
            Self::Stranger { .. } => Some(
                "it may be told by root, the user of the service, and what the service has started",
            ),
            Self::Untrusted { .. } => {
                Some("make the link as root, or as the user of the supervisor")
            }
            Self::WrongType { path, .. }
                if path.parent().is_some_and(|it| it.ends_with("supervise")) =>
            {
                Some("remove it while no supervisor runs; the supervisor makes its own")
            }
            Self::Io { doing: "execute", source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Some("it must be executable: chmod +x"),
                io::ErrorKind::NotFound => {
                    Some("the file is missing, or the program named in its first line is")
                }
                _ if source.raw_os_error() == Some(nix::libc::ENOEXEC) => {
                    Some("a script starts with a line such as #!/bin/sh")
                }
                _ => limit(source),
            },
            Self::Io { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                Some("what a supervisor writes can be kept elsewhere, in a state directory")
            }
            Self::Full { .. } => {
                Some("raise the hard limit of what starts the supervisor: ulimit -Hn, LimitNOFILE=")
            }
            Self::Unwatched { limit: WatchLimit::Instances, .. } => {
                Some("this user has as many inotify instances as fs.inotify.max_user_instances")
            }
            Self::Unwatched { limit: WatchLimit::Watches, .. } => {
                Some("this user has as many inotify watches as fs.inotify.max_user_watches")
            }
            Self::Io { source, .. } | Self::System { source, .. } => limit(source),
            _ => None,
        }
    }

    /// The number of the system's error; 0 without one.
    pub(crate) fn errno(&self) -> u32 {
        let code = match self {
            Self::Io { source, .. } | Self::System { source, .. } => source.raw_os_error(),
            _ => None,
        };
        code.and_then(|code| u32::try_from(code).ok()).unwrap_or(0)
    }

    pub(crate) fn lacks_descriptors(&self) -> bool {
        let (Self::Io { source, .. } | Self::System { source, .. }) = self else { return false };
        source.raw_os_error() == Some(nix::libc::EMFILE)
    }

    pub(crate) fn io(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { doing, path: path.to_owned(), source: source.into() }
    }

    pub(crate) fn system(doing: &'static str, source: impl Into<io::Error>) -> Self {
        Self::System { doing, source: source.into() }
    }
}

/// Of "cannot supervise WEB and 3 others".
fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        more => format!(" and {more} others"),
    }
}

/// Which limit was met.
fn limit(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error()? {
        nix::libc::EMFILE => Some("this process has as many open files as it may (ulimit -n)"),
        nix::libc::ENFILE => Some("the system has as many open files as it may (fs.file-max)"),
        nix::libc::EAGAIN => Some(
            "as many processes as there may be: of this user (ulimit -u), \
             in this control group (pids.max) or in all (kernel.pid_max)",
        ),
        _ => None,
    }
}
