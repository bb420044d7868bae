//! What can be asked of a supervisor, and which byte asks it.
//!
//! A request is one byte to `supervise/control` (for [`Op::StopExit`] two, in one write). Every
//! supervisor ignores bytes that it does not know, silently; so what it has no byte for is refused
//! here, and nothing is sent instead.
//!
//! Source: all 256 bytes sent to runit 2.1.2, 2.2.0 and 2.3.1, daemontools 0.76-8.1, -14 and -15,
//! s6 2.11.3, 2.13.1 and 2.15.1; `supervise.c` of daemontools-encore 1.11; the s6 change logs for
//! first versions.

use core::fmt;

use crate::{Dialect, Version};

/// A request, independent of dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Op {
    /// Want up; start it if it is down.
    Up,
    /// Want down: SIGTERM (s6: its `down-signal`) and SIGCONT, no restart.
    Down,
    /// Start it if it is down; this run is the last.
    Once,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Cont,
    /// SIGHUP.
    Hup,
    /// SIGALRM.
    Alarm,
    /// SIGINT.
    Interrupt,
    /// SIGQUIT.
    Quit,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2.
    Usr2,
    /// SIGTERM; a service that is wanted up is started again.
    Term,
    /// SIGKILL.
    Kill,
    /// SIGABRT.
    Abort,
    /// SIGWINCH.
    Winch,
    /// The service's `down-signal`, wants unchanged: a process that is there ends, and another is
    /// started if one is wanted. What is down stays down.
    TryRestart,
    /// The service's `reload-signal`.
    Reload,
    /// This run is the last; nothing is sent to it.
    NoRestart,
    /// [`Op::Down`], and down when the supervisor next starts (makes the `down` file).
    StayDown,
    /// [`Op::Up`], and up when the supervisor next starts (removes the `down` file).
    StayUp,
    /// [`Op::NoRestart`], and down when the supervisor next starts (makes the `down` file).
    StayNoRestart,
    /// SIGSTOP to the whole process group.
    GroupPause,
    /// SIGCONT to the whole process group.
    GroupCont,
    /// SIGKILL to the whole process group.
    GroupKill,
    /// The supervisor ends once the service ends by itself. The service is not touched.
    Exit,
    /// Stops the service; then the supervisor ends.
    StopExit,
    /// encore: what follows goes to the service.
    ToMain,
    /// encore: what follows goes to its logger.
    ToLog,
    /// encore: signals go to the process.
    ToProcess,
    /// encore: signals go to the process group.
    ToGroup,
}

/// One operation and what each dialect takes for it; empty where it takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpBytes {
    /// The operation.
    pub op: Op,
    /// The word for it, as in `svctl up`.
    pub name: &'static str,
    /// Columns in the order of [`Dialect::ALL`].
    pub bytes: [&'static [u8]; 4],
}

const NO: &[u8] = b"";

/// Who accepts what.
#[rustfmt::skip]
pub const TABLE: [OpBytes; 30] = [
    //                                                       daemontools encore runit   s6
    OpBytes { op: Op::Up,            name: "up",              bytes: [b"u",  b"u",  b"u",  b"u"] },
    OpBytes { op: Op::Down,          name: "down",            bytes: [b"d",  b"d",  b"d",  b"d"] },
    OpBytes { op: Op::Once,          name: "once",            bytes: [b"o",  b"o",  b"o",  b"o"] },
    OpBytes { op: Op::Pause,         name: "pause",           bytes: [b"p",  b"p",  b"p",  b"p"] },
    OpBytes { op: Op::Cont,          name: "cont",            bytes: [b"c",  b"c",  b"c",  b"c"] },
    OpBytes { op: Op::Hup,           name: "hup",             bytes: [b"h",  b"h",  b"h",  b"h"] },
    OpBytes { op: Op::Alarm,         name: "alarm",           bytes: [b"a",  b"a",  b"a",  b"a"] },
    OpBytes { op: Op::Interrupt,     name: "interrupt",       bytes: [b"i",  b"i",  b"i",  b"i"] },
    OpBytes { op: Op::Quit,          name: "quit",            bytes: [b"q",  b"q",  b"q",  b"q"] },
    OpBytes { op: Op::Usr1,          name: "usr1",            bytes: [b"1",  b"1",  b"1",  b"1"] },
    OpBytes { op: Op::Usr2,          name: "usr2",            bytes: [b"2",  b"2",  b"2",  b"2"] },
    OpBytes { op: Op::Term,          name: "term",            bytes: [b"t",  b"t",  b"t",  b"t"] },
    OpBytes { op: Op::Kill,          name: "kill",            bytes: [b"k",  b"k",  b"k",  b"k"] },
    OpBytes { op: Op::Abort,         name: "abort",           bytes: [NO,    NO,    NO,    b"b"] },
    OpBytes { op: Op::Winch,         name: "winch",           bytes: [NO,    b"w",  NO,    b"y"] },
    OpBytes { op: Op::TryRestart,    name: "try-restart",     bytes: [NO,    NO,    NO,    b"r"] },
    OpBytes { op: Op::Reload,        name: "reload",          bytes: [NO,    NO,    NO,    b"l"] },
    OpBytes { op: Op::NoRestart,     name: "no-restart",      bytes: [NO,    NO,    NO,    b"O"] },
    OpBytes { op: Op::StayDown,      name: "stay-down",       bytes: [NO,    NO,    NO,    b"D"] },
    OpBytes { op: Op::StayUp,        name: "stay-up",         bytes: [NO,    NO,    NO,    b"U"] },
    OpBytes { op: Op::StayNoRestart, name: "stay-no-restart", bytes: [NO,    NO,    NO,    b"Q"] },
    OpBytes { op: Op::GroupPause,    name: "group-pause",     bytes: [NO,    NO,    NO,    b"P"] },
    OpBytes { op: Op::GroupCont,     name: "group-cont",      bytes: [NO,    NO,    NO,    b"C"] },
    OpBytes { op: Op::GroupKill,     name: "group-kill",      bytes: [NO,    NO,    NO,    b"K"] },
    OpBytes { op: Op::Exit,          name: "exit",            bytes: [b"x",  b"x",  NO,    b"x"] },
    OpBytes { op: Op::StopExit,      name: "stop-exit",       bytes: [b"dx", b"dx", b"x",  b"dx"] },
    OpBytes { op: Op::ToMain,        name: "to-main",         bytes: [NO,    b"l",  NO,    NO] },
    OpBytes { op: Op::ToLog,         name: "to-log",          bytes: [NO,    b"L",  NO,    NO] },
    OpBytes { op: Op::ToProcess,     name: "to-process",      bytes: [NO,    b"=",  NO,    NO] },
    OpBytes { op: Op::ToGroup,       name: "to-group",        bytes: [NO,    b"+",  NO,    NO] },
];

/// An operation that not every version of a dialect has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinceVersion {
    /// The dialect.
    pub dialect: Dialect,
    /// The operation.
    pub op: Op,
    /// The first version that has it.
    pub first: Version,
    /// A later version that ignores it by mistake.
    pub except: Option<Version>,
}

/// First versions, for the operations whose absence was seen or is recorded.
#[rustfmt::skip]
pub const SINCE: [SinceVersion; 10] = [
    // Debian's revisions; upstream's 0.76 has none of the three.
    SinceVersion { dialect: Dialect::Daemontools, op: Op::Quit, first: Version([0, 76, 9, 0]), except: None },
    SinceVersion { dialect: Dialect::Daemontools, op: Op::Usr1, first: Version([0, 76, 9, 0]), except: None },
    SinceVersion { dialect: Dialect::Daemontools, op: Op::Usr2, first: Version([0, 76, 9, 0]), except: None },
    SinceVersion { dialect: Dialect::S6, op: Op::StayDown, first: Version([2, 11, 2, 0]), except: None },
    SinceVersion { dialect: Dialect::S6, op: Op::StayUp, first: Version([2, 11, 2, 0]), except: None },
    // 2.15.1.0 compares with one letter too few.
    SinceVersion { dialect: Dialect::S6, op: Op::StayNoRestart, first: Version([2, 11, 3, 0]), except: Some(Version([2, 15, 1, 0])) },
    SinceVersion { dialect: Dialect::S6, op: Op::GroupPause, first: Version([2, 13, 0, 0]), except: None },
    SinceVersion { dialect: Dialect::S6, op: Op::GroupCont, first: Version([2, 13, 0, 0]), except: None },
    SinceVersion { dialect: Dialect::S6, op: Op::GroupKill, first: Version([2, 13, 0, 0]), except: None },
    SinceVersion { dialect: Dialect::S6, op: Op::Reload, first: Version([2, 15, 1, 0]), except: None },
];

/// Why an operation is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Unsupported {
    /// The dialect that was to be asked.
    pub dialect: Dialect,
    /// The operation.
    pub op: Op,
    /// Why.
    pub reason: Refusal,
}

impl Unsupported {
    /// What refused what, and why.
    #[must_use]
    pub const fn new(dialect: Dialect, op: Op, reason: Refusal) -> Self {
        Self { dialect, op, reason }
    }
}

crate::readable!(Unsupported);

/// What stands between an operation and a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// No version has it.
    Never,
    /// This version is older than the first that has it.
    TooOld {
        /// The first version that has it.
        first: Version,
    },
    /// This version ignores it by mistake.
    Broken,
    /// It depends on the version, and that is not known.
    VersionUnknown {
        /// The first version that has it.
        first: Version,
    },
    /// It is for a supervisor, and this one is that of the service as well: encore runs an executable
    /// file `log` beside the service.
    SharedSupervisor,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dialect, op, reason } = self;
        match reason {
            Refusal::Never => write!(f, "{dialect} has no control byte for `{op}`"),
            Refusal::TooOld { first } => {
                write!(f, "{dialect} has `{op}` only from {} on", first.of(*dialect))
            }
            Refusal::Broken => write!(f, "this version of {dialect} ignores `{op}` by mistake"),
            Refusal::VersionUnknown { first } => {
                let first = first.of(*dialect);
                write!(f, "{dialect} has `{op}` from {first} on, and its version is not known")
            }
            Refusal::SharedSupervisor => {
                write!(
                    f,
                    "{dialect} has one supervisor for a service and its `log`, which `{op}` is for"
                )
            }
        }
    }
}

impl core::error::Error for Unsupported {}

impl Op {
    /// Every operation, in the order of [`TABLE`].
    ///
    /// ```
    /// use svproto::{Dialect, Op};
    ///
    /// let can = |op: &Op| op.control_bytes(Dialect::Encore, None).is_ok();
    /// assert!(Op::all().any(|op| op == Op::Winch && can(&op)));
    /// ```
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.op)
    }

    /// The word for it, as in `svctl up`.
    ///
    /// ```
    /// use svproto::Op;
    ///
    /// assert_eq!("try-restart".parse(), Ok(Op::TryRestart));
    /// assert_eq!(Op::Usr1.name(), "usr1");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// The bytes that ask for it, to be written in one go.
    ///
    /// `version` is that of the running supervisor, where known; most operations do not need it.
    ///
    /// ```
    /// use svproto::{Dialect, Op};
    ///
    /// assert_eq!(Op::Up.control_bytes(Dialect::Runit, None), Ok(b"u".as_slice()));
    /// // daemontools has no byte for SIGABRT, so there is nothing to send.
    /// assert!(Op::Abort.control_bytes(Dialect::Daemontools, None).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if `dialect`, or this version of it, has no byte for the operation, or if
    /// that depends on the version and `version` is `None`. Nothing may be written then.
    pub fn control_bytes(
        self,
        dialect: Dialect,
        version: Option<Version>,
    ) -> Result<&'static [u8], Unsupported> {
        let refuse = |reason| Err(Unsupported { dialect, op: self, reason });
        let bytes = self.row().and_then(|row| row.bytes.get(dialect as usize).copied());
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
            return refuse(Refusal::Never);
        };
        let since = SINCE.iter().find(|since| since.dialect == dialect && since.op == self);
        match (since, version) {
            (None, _) => Ok(bytes),
            (Some(since), None) => refuse(Refusal::VersionUnknown { first: since.first }),
            (Some(since), Some(version)) if version < since.first => {
                refuse(Refusal::TooOld { first: since.first })
            }
            (Some(since), Some(version)) if since.except == Some(version) => {
                refuse(Refusal::Broken)
            }
            (Some(_), Some(_)) => Ok(bytes),
        }
    }

    /// Whether only some versions of this dialect have it.
    #[must_use]
    pub fn depends_on_version(self, dialect: Dialect) -> bool {
        SINCE.iter().any(|since| since.dialect == dialect && since.op == self)
    }

    /// Whether every version of every dialect is asked for it with the same bytes: who sends them
    /// need not know whose the directory is.
    #[must_use]
    pub fn is_common(self) -> bool {
        let alike = |row: &OpBytes| row.bytes.iter().all(|bytes| *bytes == row.bytes[0]);
        self.row().is_some_and(|row| row.bytes[0] != NO && alike(row))
            && SINCE.iter().all(|since| since.op != self)
    }

    /// The operation that one byte asks for: the other direction, for a program that supervises.
    ///
    /// `None` for bytes that `dialect` ignores. Operations of two bytes come as two.
    ///
    /// ```
    /// use svproto::{Dialect, Op};
    ///
    /// assert_eq!(Op::from_control_byte(Dialect::Runit, b'd'), Some(Op::Down));
    /// assert_eq!(Op::from_control_byte(Dialect::Runit, b'?'), None);
    /// ```
    #[must_use]
    pub fn from_control_byte(dialect: Dialect, byte: u8) -> Option<Self> {
        let asks = |row: &&OpBytes| row.bytes.get(dialect as usize).copied() == Some(&[byte][..]);
        TABLE.iter().find(asks).map(|row| row.op)
    }

    fn row(self) -> Option<&'static OpBytes> {
        TABLE.iter().find(|row| row.op == self)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl core::str::FromStr for Op {
    type Err = crate::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let row = TABLE.iter().find(|row| row.name == word);
        row.map(|row| row.op).ok_or(crate::UnknownWord::new("request"))
    }
}

#[cfg(test)]
mod tests;
