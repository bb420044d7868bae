//! Exit codes, all of them. Where the s6 tools have a number for it, it is theirs.

pub(crate) mod codes;

use std::process::ExitCode;

use svcmgr::{Error, ErrorKind, devtree};

/// How the process ends; part of the interface, printed by `svctl --help`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Every service did what was asked.
    #[default]
    Done = 0,
    /// A negative answer: not reached, refused, not a service, not a record.
    Negative = 1,
    /// The deadline passed.
    Deadline = 99,
    /// The command line made no sense; nothing was sent.
    Usage = 100,
    /// No supervisor is running there.
    Unsupervised = 102,
    /// The operating system refused.
    System = 111,
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::NotSupervised => Self::Unsupervised,
            ErrorKind::Busy | ErrorKind::Unanswered => Self::Deadline,
            ErrorKind::Ambiguous => Self::Usage,
            ErrorKind::NotFound | ErrorKind::Denied | ErrorKind::Io => Self::System,
            // A service that is not one, a record that is none, a request that does not exist.
            _ => Self::Negative,
        }
    }
}

impl From<&devtree::Error> for Exit {
    fn from(error: &devtree::Error) -> Self {
        match error.kind() {
            // A file that is none of the protocol's.
            devtree::ErrorKind::WrongType => Self::Negative,
            // Also a held lock, as with runsv.
            _ => Self::System,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        (exit as u8).into()
    }
}
