//! What a supervisor tells whoever embeds it.

use std::{fmt, path::Path, sync::Arc, time::Duration, time::SystemTime};

use svproto::LastExit;

use crate::{Error, Signal};

/// Which of the two processes of a service directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServicePart {
    /// The service.
    Main,
    /// Its logger, in `log/`.
    Log,
}

svproto::words!(ServicePart, "part of a service":
    Main "main",
    Log "log",
);

/// A service of one supervisor; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub(crate) u64);

/// Something happened to a service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceEvent {
    /// The service; `None` for what was never taken on.
    pub service: Option<ServiceId>,
    /// Its directory, as it was named; below a scan directory, that and the name of the entry.
    pub dir: Arc<Path>,
    /// Whether this is about the service or about its logger.
    pub part: ServicePart,
    /// When.
    pub at: SystemTime,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// It is supervised from now on: its files are in place.
    Supervised,
    /// `run` has a process.
    Started {
        /// The process.
        pid: u32,
    },
    /// It said that it is ready.
    Ready {
        /// The process that said so.
        pid: u32,
    },
    /// It is not as it should be, and is ended for that.
    Unwell {
        /// The process.
        pid: u32,
        /// What is wrong with it.
        why: Unwell,
    },
    /// What it says of itself (`STATUS=` of `sd_notify(3)`).
    Said {
        /// Its words, in one line.
        text: String,
    },
    /// It was asked to end.
    Stopping {
        /// The process.
        pid: u32,
        /// What was sent to it.
        signal: Signal,
    },
    /// It did not end in time; SIGKILL was sent.
    Overdue {
        /// The process.
        pid: u32,
    },
    /// The process of `run` ended.
    Exited {
        /// How.
        exit: Exit,
    },
    /// `finish` has a process.
    Finishing {
        /// The process.
        pid: u32,
    },
    /// `finish` ended.
    Finished {
        /// How.
        exit: Exit,
    },
    /// `run` or `finish` could not be started; it counts as an exit with 111.
    CannotStart {
        /// Why.
        error: Arc<Error>,
    },
    /// Down and wanted up: it rests before the next start.
    Backoff {
        /// How long.
        delay: Duration,
        /// Deaths in a row that nobody asked for, each after less than ten seconds.
        crashes: u32,
    },
    /// Down, and nothing will start it until somebody asks.
    Down,
    /// It is supervised no longer: every process of it has ended.
    Gone,
    /// It cannot be supervised; a scan directory's entry is tried again later.
    Refused {
        /// Why.
        error: Arc<Error>,
    },
    /// Something else did not work; the supervision goes on.
    Trouble {
        /// What and why.
        error: Arc<Error>,
    },
}

impl EventKind {
    /// One lower-case word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Supervised => "supervised",
            Self::Started { .. } => "started",
            Self::Ready { .. } => "ready",
            Self::Unwell { .. } => "unwell",
            Self::Said { .. } => "said",
            Self::Stopping { .. } => "stopping",
            Self::Overdue { .. } => "overdue",
            Self::Exited { .. } => "exited",
            Self::Finishing { .. } => "finishing",
            Self::Finished { .. } => "finished",
            Self::CannotStart { .. } => "cannot-start",
            Self::Backoff { .. } => "backoff",
            Self::Down => "down",
            Self::Gone => "gone",
            Self::Refused { .. } => "refused",
            Self::Trouble { .. } => "trouble",
        }
    }
}

/// The word, without what it is about.
impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a service is ended although nobody asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unwell {
    /// It was not ready in its time.
    NotReady,
    /// It did not answer the question whether it is well, too often in a row.
    Unanswered,
    /// It did not say in time that it is alive, or said that it is not well.
    Silent,
}

svproto::words!(Unwell, "reason to end a service":
    NotReady "not-ready",
    Unanswered "unanswered",
    Silent "silent",
);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// By itself, with this code.
    Code(u8),
    /// By a signal.
    Signal {
        /// Its number.
        number: u8,
        /// Whether it left a core.
        core: bool,
    },
}

impl Exit {
    /// The two arguments of `finish`: the exit code or -1, and the low byte of the wait status.
    ///
    /// Source: `runsv(8)`, and `finish` scripts run by runit 2.1.2.
    pub(crate) fn finish_arguments(self) -> [String; 2] {
        match self {
            Self::Code(code) => [code.to_string(), "0".to_owned()],
            Self::Signal { number, core } => {
                ["-1".to_owned(), (number | if core { 0x80 } else { 0 }).to_string()]
            }
        }
    }

    /// In the terms shared by all suites.
    ///
    /// ```
    /// use svdevtree::Exit;
    ///
    /// assert_eq!(Exit::Code(1).to_string(), "exited with 1");
    /// ```
    #[must_use]
    pub const fn last_exit(self) -> LastExit {
        LastExit::from_wait_status(match self {
            Self::Code(code) => (code as u16) << 8,
            Self::Signal { number, core } => number as u16 | if core { 0x80 } else { 0 },
        })
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exited with {code}"),
            Self::Signal { number, .. } => match Signal::from_number(i32::from(number)) {
                Some(signal) => write!(f, "killed by {signal}"),
                None => write!(f, "killed by signal {number}"),
            },
        }
    }
}
