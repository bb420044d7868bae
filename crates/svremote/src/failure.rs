//! Why a host did not do what it was asked.

use std::{io, time::Duration};

/// Why there is no answer, or no whole one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostFailure {
    /// `ssh` cannot be started here.
    #[error("cannot start ssh")]
    NoSsh {
        /// What the system said.
        source: io::Error,
    },
    /// `ssh` did not get there: refused, unknown, not let in, another key.
    #[error("cannot be reached: {said}")]
    Unreachable {
        /// The last line of what `ssh` said.
        said: String,
    },
    /// There is no `svctl` on that host.
    #[error("has no svctl")]
    NoProgram,
    /// Something answered that is no `svctl`.
    #[error("no svctl answered: {said}")]
    Nonsense {
        /// What was said instead.
        said: String,
    },
    /// Nothing was heard in time.
    #[error("did not answer within {}", seconds(after))]
    Silent {
        /// The time it had.
        after: Duration,
    },
    /// It answered and was not done in time.
    #[error("was not done within {}", seconds(after))]
    Late {
        /// The time it had.
        after: Duration,
    },
    /// It printed more than anybody reads.
    #[error("printed more than {limit} bytes")]
    Flood {
        /// What would have been read.
        limit: usize,
    },
    /// The connection, or the program there, ended before it was done.
    #[error("the connection ended before it was done{}{said}", colon(said))]
    Cut {
        /// The last line of what was said.
        said: String,
    },
    /// The program could not be brought there.
    #[error("svctl could not be copied there: {said}")]
    NotPushed {
        /// What was said.
        said: String,
    },
}

fn seconds(time: &Duration) -> String {
    format!("{} s", (time.as_secs_f64() * 10.0).round() / 10.0)
}

const fn colon(said: &str) -> &'static str {
    if said.is_empty() { "" } else { ": " }
}

impl HostFailure {
    /// A word to branch on.
    ///
    /// ```
    /// assert_eq!(svremote::HostFailure::NoProgram.kind(), "no-program");
    /// ```
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoSsh { .. } => "no-ssh",
            Self::Unreachable { .. } => "unreachable",
            Self::NoProgram => "no-program",
            Self::Nonsense { .. } => "nonsense",
            Self::Silent { .. } => "silent",
            Self::Late { .. } => "deadline",
            Self::Flood { .. } => "flood",
            Self::Cut { .. } => "cut",
            Self::NotPushed { .. } => "not-pushed",
        }
    }

    /// Whether it is the time that was over.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::Late { .. })
    }

    /// What to do about it, where that is certain.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoSsh { .. } => Some("an absolute entry of PATH has to have the program ssh"),
            Self::NoProgram => Some("install svctl there, or bring it along"),
            Self::Unreachable { said } if said.contains("Host key verification failed") => {
                Some("ssh there once by hand, and compare the key")
            }
            Self::Unreachable { said } if said.contains("Permission denied") => {
                Some("nobody is asked for a password: give ssh a key or an agent")
            }
            _ => None,
        }
    }
}
