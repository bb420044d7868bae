//! What is to be known of a log, or stands in its place.

use std::{fmt, path::PathBuf};

use crate::Error;

/// Why a service has no log that can be read, or what is to be known of it. [`fmt::Display`] is a
/// clause about its logger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogNote {
    /// The service has no logger.
    NoLogger,
    /// The logger does not run.
    Down,
    /// Nobody supervises the logger.
    Unsupervised,
    /// Nobody supervises the logger, because the supervisor of the service started before `log` was
    /// there.
    TooLate,
    /// The logger writes to syslog.
    Syslog {
        /// The program.
        program: String,
        /// What marks its lines there.
        tag: Option<String>,
    },
    /// The logger is a program of which it is not known where it writes.
    Other {
        /// The program.
        program: String,
    },
    /// The logger writes there, and there is no log yet.
    Empty(PathBuf),
    /// What would tell may not be looked at.
    Denied {
        /// What, and why.
        what: String,
        /// Which right is missing.
        hint: Option<String>,
    },
}

impl LogNote {
    pub(super) fn denied(error: &Error) -> Self {
        Self::Denied { what: error.in_full(), hint: error.hint() }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoLogger => Some(
                "it writes where its supervisor writes; a directory `log` with a logger's `run` changes that".into(),
            ),
            Self::TooLate => Some(
                "disable and enable the service; under runsvdir, `svctl exit` of it is enough".into(),
            ),
            Self::Syslog { tag, .. } => {
                let by = tag.as_ref().map(|tag| format!(" under the tag `{tag}`"));
                let by = by.unwrap_or_default();
                Some(format!("the files of the syslog daemon have its lines{by}"))
            }
            Self::Denied { hint, .. } => hint.clone(),
            Self::Down | Self::Unsupervised | Self::Other { .. } | Self::Empty(_) => None,
        }
    }

    /// Whether a right is missing.
    #[must_use]
    pub const fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }
}

impl fmt::Display for LogNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLogger => f.write_str("it has no logger"),
            Self::Down => f.write_str("its logger does not run"),
            Self::Unsupervised => f.write_str("its logger does not run, for nobody supervises it"),
            Self::TooLate => f.write_str(
                "its logger does not run: the supervisor of the service started before `log` was there",
            ),
            Self::Syslog { program, .. } => {
                write!(f, "its logger is `{program}`, which writes to syslog")
            }
            Self::Other { program } => {
                write!(f, "its logger is `{program}`, and where that writes is not known")
            }
            Self::Empty(path) => write!(f, "its logger writes to {}, and no log is there", path.display()),
            Self::Denied { what, .. } => f.write_str(what),
        }
    }
}
