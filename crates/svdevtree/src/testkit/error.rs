//! Why a test's services are not as they should be, with what they wrote last.

use std::{io, path::Path, path::PathBuf};

use crate::{Engine, TreeError};

/// Why a service of a test is not as it should be.
///
/// `Display` begins with one line; below it are the last lines of the service's log, if it is about
/// a service that has one.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum KitError {
    /// It ended before it was ready.
    #[error("`{name}` {how} before it was ready{}", shown(log))]
    Died {
        /// The service.
        name: String,
        /// How, as in "exited with 1".
        how: String,
        /// The last lines of its log.
        log: String,
    },
    /// It was not ready at the deadline.
    #[error("`{name}` was not ready in time: there was not {awaited}{}", shown(log))]
    NotReady {
        /// The service.
        name: String,
        /// What was waited for.
        awaited: String,
        /// The last lines of its log.
        log: String,
    },
    /// What was asked of it did not come about.
    #[error("cannot {doing} `{name}`: {why}{}", shown(log))]
    NotReached {
        /// The request.
        doing: &'static str,
        /// The service.
        name: String,
        /// Why not.
        why: String,
        /// The last lines of its log.
        log: String,
    },
    /// This engine does not hear of readiness by descriptor.
    #[error("cannot wait until `{name}` says that it is ready: {} does not hear it", engine.name())]
    NoReadiness {
        /// The service.
        name: String,
        /// The engine.
        engine: Engine,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The verb, as in "cannot open".
        doing: &'static str,
        /// The file, directory or address.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

svproto::readable!(KitError, KitError::hint);

/// [`KitError`] without its details, to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KitErrorKind {
    /// It ended before it was ready.
    Died,
    /// It was not ready at the deadline.
    NotReady,
    /// What was asked of it did not come about.
    NotReached,
    /// The engine does not hear of readiness by descriptor.
    NoReadiness,
    /// The operating system refused.
    Io,
    /// The tree; see the [`TreeError`].
    Tree,
}

svproto::words!(KitErrorKind, "kind of error":
    Died "died",
    NotReady "not-ready",
    NotReached "not-reached",
    NoReadiness "no-readiness",
    Io "io",
    Tree "tree",
);

impl KitError {
    /// What kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> KitErrorKind {
        match self {
            Self::Died { .. } => KitErrorKind::Died,
            Self::NotReady { .. } => KitErrorKind::NotReady,
            Self::NotReached { .. } => KitErrorKind::NotReached,
            Self::NoReadiness { .. } => KitErrorKind::NoReadiness,
            Self::Io { .. } => KitErrorKind::Io,
            Self::Tree(_) => KitErrorKind::Tree,
        }
    }

    /// One sentence of advice, where there is some that is certainly right.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoReadiness { .. } => {
                Some("take the embedded engine or s6-svscan, or another criterion".to_owned())
            }
            Self::Tree(error) => error.hint(),
            _ => None,
        }
    }

    /// The last lines of the log of the service that it is about.
    #[must_use]
    pub fn log(&self) -> Option<&str> {
        match self {
            Self::Died { log, .. } | Self::NotReady { log, .. } | Self::NotReached { log, .. } => {
                Some(log)
            }
            Self::NoReadiness { .. } | Self::Io { .. } | Self::Tree(_) => None,
        }
    }

    pub(super) fn io(doing: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { doing, path: path.as_ref().to_owned(), source }
    }
}

fn shown(log: &str) -> String {
    if log.is_empty() {
        return "; its log is empty".to_owned();
    }
    let lines = log.lines().fold(String::new(), |lines, line| lines + "\n  | " + line);
    format!("; its log ends with{lines}")
}
