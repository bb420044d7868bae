//! What a record means, whoever wrote it.
//!
//! [`Facts`] says what the bytes say and no more: where a supervisor does not report a thing, the
//! field says so. The one word for people and scripts is made in one place, [`Facts::state`].

use core::{fmt, num::NonZeroU32};

use crate::UnixTime;

/// A process id, 1 to 2^31 - 1.
///
/// Records hold up to 64 bits. What does not fit is no process id, and a signal sent to it could
/// reach every process there is (`kill(-1)`); so it never becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u32", into = "u32"))]
pub struct Pid(NonZeroU32);

impl Pid {
    /// `None` for 0 and for what no process can have.
    ///
    /// ```
    /// use svproto::Pid;
    ///
    /// assert_eq!(Pid::new(4711).map(Pid::get), Some(4711));
    /// assert_eq!((Pid::new(0), Pid::new(u64::MAX)), (None, None));
    /// // A `u32`, as of `std::process::Child::id`.
    /// assert!(Pid::new(std::process::id().into()).is_some());
    /// ```
    #[must_use]
    pub const fn new(raw: u64) -> Option<Self> {
        if raw > i32::MAX as u64 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 2^31 - 1, checked above")]
        match NonZeroU32::new(raw as u32) {
            Some(pid) => Some(Self(pid)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl From<Pid> for u32 {
    fn from(pid: Pid) -> Self {
        pid.get()
    }
}

impl TryFrom<u32> for Pid {
    type Error = &'static str;

    fn try_from(raw: u32) -> Result<Self, Self::Error> {
        Self::new(raw.into()).ok_or("a process id is 1 to 2147483647")
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One reading of a service, in the terms shared by all dialects. More facts may come.
///
/// ```
/// use svproto::{Facts, Phase, Pid, State, Want};
///
/// let facts = Facts::new(Phase::Up).with_want(Want::Up).with_pid(Pid::new(4711));
/// assert_eq!(facts.state(), State::Up);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Facts {
    /// Which script, if any, has a process.
    pub phase: Phase,
    /// What the supervisor says beyond the phase, where it has a word for it.
    pub stage: Stage,
    /// What the administrator asked for; `None` where that is not reported.
    pub want: Option<Want>,
    /// Process of `run`; `None` when there is none or its number is no process id.
    pub pid: Option<Pid>,
    /// Process of `finish`, while that runs. Never the service itself.
    pub finish_pid: Option<Pid>,
    /// A pause was asked for and no continue since; `None` where that is not reported. runit may
    /// say so of a service that is down, and of one that `d` has continued.
    pub paused: Option<bool>,
    /// The supervisor sent SIGTERM and the process has not died yet; only runit reports it.
    pub got_term: Option<bool>,
    /// When the process last started or died; `None` when the stamp is no moment.
    pub since: Option<UnixTime>,
    /// Whether the service said it is ready; only s6 reports it.
    pub readiness: Readiness,
    /// How the last run ended; only s6 reports it.
    pub last_exit: LastExit,
}

/// Which script has a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Phase {
    /// None.
    Down,
    /// `run`; in encore also `start`, or a service that is up without a process.
    Up,
    /// `finish`; in encore `stop`.
    Finish,
    /// A value this version does not know.
    Unknown(u8),
}

impl Phase {
    /// The word for it, `None` for an unknown value.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Down => Some("down"),
            Self::Up => Some("up"),
            Self::Finish => Some("finish"),
            Self::Unknown(_) => None,
        }
    }
}

/// What a supervisor says beyond [`Phase`] and [`Want`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Stage {
    /// Nothing.
    NotReported,
    /// On its way up.
    Starting,
    /// Told to stop, still there.
    Stopping,
    /// Given up; it will not be started again by itself.
    Failed,
    /// Ended as it should.
    Exited,
}

/// What the administrator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Want {
    /// Start it, and again whenever it dies.
    Up,
    /// Leave it down once it is down. runit and s6 write this for "once" and "exit" too.
    Down,
    /// Let this run be the last (daemontools and encore).
    Once,
    /// A value this version does not know.
    Unknown(u8),
}

impl Want {
    /// The word for it, `None` for an unknown value.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Up => Some("up"),
            Self::Down => Some("down"),
            Self::Once => Some("once"),
            Self::Unknown(_) => None,
        }
    }
}

/// Readiness, which only s6 reports, and only for services with a `notification-fd` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Readiness {
    /// This dialect or this service has no readiness.
    NotReported,
    /// Has not said so. Whether it ever will is not in the record.
    NotReady,
    /// Has not said so, and is known to be one that will.
    Awaited,
    /// Ready.
    Ready {
        /// When it became ready; `None` when the stamp is no moment.
        since: Option<UnixTime>,
    },
}

impl Readiness {
    /// Ready or not; `None` where that is not reported.
    ///
    /// ```
    /// use svproto::Readiness;
    ///
    /// assert_eq!(Readiness::Awaited.is_ready(), Some(false));
    /// assert_eq!(Readiness::NotReported.is_ready(), None);
    /// ```
    #[must_use]
    pub const fn is_ready(self) -> Option<bool> {
        match self {
            Self::NotReported => None,
            Self::NotReady | Self::Awaited => Some(false),
            Self::Ready { .. } => Some(true),
        }
    }

    /// The same, now that it is known whether the service notifies at all
    /// (whether its `notification-fd` file exists).
    #[must_use]
    pub const fn with_notification(self, notifies: bool) -> Self {
        match (self, notifies) {
            (Self::NotReady, true) => Self::Awaited,
            (Self::NotReady, false) => Self::NotReported,
            (other, _) => other,
        }
    }
}

/// How the last run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum LastExit {
    /// This dialect does not say, or the record cannot tell "never died" from "exited 0".
    NotReported,
    /// It has not been started yet.
    NotStarted,
    /// Exited by itself.
    Exited {
        /// The exit code.
        code: u8,
    },
    /// Killed by a signal.
    Signaled {
        /// Number of the signal, 1 to 126.
        signal: u8,
        /// Whether it left a core dump.
        core: bool,
    },
    /// A wait status that is neither ("stopped", for one).
    Unknown(u16),
}

impl LastExit {
    /// Takes apart what `wait(2)` gave the supervisor: low seven bits the signal, 0x80 the core
    /// dump, high byte the exit code.
    ///
    /// ```
    /// use svproto::LastExit;
    ///
    /// assert_eq!(LastExit::from_wait_status(0x0100), LastExit::Exited { code: 1 });
    /// assert_eq!(LastExit::from_wait_status(9), LastExit::Signaled { signal: 9, core: false });
    /// ```
    #[must_use]
    pub const fn from_wait_status(raw: u16) -> Self {
        let [code, low] = raw.to_be_bytes();
        match low & 0x7f {
            0 if low == 0 => Self::Exited { code },
            signal @ 1..=0x7e if code == 0 => Self::Signaled { signal, core: low & 0x80 != 0 },
            _ => Self::Unknown(raw),
        }
    }
}

/// What an attempt to read a service gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Reading {
    /// Nobody holds the directory. An answer, not an error.
    Unsupervised,
    /// A supervisor holds it and has not published a record yet.
    NotYet,
    /// A supervisor holds it and says this.
    Record(Facts),
}

impl Reading {
    /// What the record says, if there is one.
    #[must_use]
    pub const fn facts(&self) -> Option<&Facts> {
        match self {
            Self::Record(facts) => Some(facts),
            Self::Unsupervised | Self::NotYet => None,
        }
    }

    /// Whether a supervisor holds the directory.
    ///
    /// ```
    /// use svproto::Reading;
    ///
    /// assert!(!Reading::Unsupervised.is_supervised());
    /// assert!(Reading::NotYet.is_supervised());
    /// ```
    #[must_use]
    pub const fn is_supervised(&self) -> bool {
        !matches!(self, Self::Unsupervised)
    }
}

/// A service in one word. More may come.
///
/// ```
/// use svproto::State;
///
/// assert_eq!("backoff".parse(), Ok(State::Backoff));
/// assert_eq!("running".parse::<State>().unwrap_err().to_string(), "not the word for a state");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum State {
    /// Down, and nobody asked for anything else.
    Down,
    /// Started, and will say when it is ready.
    Starting,
    /// `run` has a process.
    Up,
    /// `run` has a process, which said that it is ready.
    Ready,
    /// `run` has a process, stopped by SIGSTOP.
    Paused,
    /// `run` has a process that was told to end.
    Stopping,
    /// `finish` has a process.
    Finishing,
    /// Down, wanted up: between two runs.
    Backoff,
    /// Down, and given up by the supervisor.
    Failed,
    /// Down, ended as it should ("once" is done).
    Exited,
    /// The record holds a phase this version does not know, or one that contradicts itself.
    Unknown,
    /// No supervisor holds it.
    Unsupervised,
    /// A supervisor holds it and has told nothing yet.
    New,
    /// Of a unit that is no service: it is on.
    Active,
    /// Of a unit that is no service: it is off.
    Inactive,
    /// Of a unit that is no service: it is on its way on.
    Activating,
    /// Of a unit that is no service: it is on its way off.
    Deactivating,
}

crate::words!(State, "state":
    Down "down",
    Starting "starting",
    Up "up",
    Ready "ready",
    Paused "paused",
    Stopping "stopping",
    Finishing "finishing",
    Backoff "backoff",
    Failed "failed",
    Exited "exited",
    Unknown "unknown",
    Unsupervised "unsupervised",
    New "new",
    Active "active",
    Inactive "inactive",
    Activating "activating",
    Deactivating "deactivating",
);

/// ```
/// use svproto::Want;
///
/// assert_eq!("once".parse(), Ok(Want::Once));
/// ```
impl core::str::FromStr for Want {
    type Err = crate::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named =
            [Self::Up, Self::Down, Self::Once].into_iter().find(|it| it.name() == Some(word));
        named.ok_or(crate::UnknownWord::new("want"))
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name().unwrap_or("unknown"))
    }
}

/// The word; `unknown` is read by nobody.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name().unwrap_or("unknown"))
    }
}

impl core::str::FromStr for Phase {
    type Err = crate::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named =
            [Self::Down, Self::Up, Self::Finish].into_iter().find(|it| it.name() == Some(word));
        named.ok_or(crate::UnknownWord::new("phase"))
    }
}

crate::words!(Stage, "stage":
    NotReported "not-reported",
    Starting "starting",
    Stopping "stopping",
    Failed "failed",
    Exited "exited",
);

/// In a few words, and without the moment.
///
/// ```
/// use svproto::Readiness;
///
/// assert_eq!(Readiness::Ready { since: None }.to_string(), "ready");
/// assert_eq!(Readiness::NotReported.to_string(), "not reported");
/// ```
impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotReported => "not reported",
            Self::NotReady => "not ready",
            Self::Awaited => "awaited",
            Self::Ready { .. } => "ready",
        })
    }
}

/// ```
/// use svproto::LastExit;
///
/// assert_eq!(LastExit::Exited { code: 3 }.to_string(), "exited with 3");
/// assert_eq!(LastExit::from_wait_status(0x8b).to_string(), "killed by signal 11 (core dumped)");
/// ```
impl fmt::Display for LastExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReported => f.pad("end not reported"),
            Self::NotStarted => f.pad("not started yet"),
            Self::Exited { code } => write!(f, "exited with {code}"),
            Self::Signaled { signal, core } => {
                write!(f, "killed by signal {signal}")?;
                f.write_str(if *core { " (core dumped)" } else { "" })
            }
            Self::Unknown(raw) => write!(f, "ended with wait status {raw:#06x}"),
        }
    }
}

/// The one word of [`State`] for it.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupervised => State::Unsupervised,
            Self::NotYet => State::New,
            Self::Record(facts) => facts.state(),
        }
        .fmt(f)
    }
}

impl Facts {
    /// Of this phase, and nothing else is known.
    #[must_use]
    pub const fn new(phase: Phase) -> Self {
        Self {
            phase,
            stage: Stage::NotReported,
            want: None,
            pid: None,
            finish_pid: None,
            paused: None,
            got_term: None,
            since: None,
            readiness: Readiness::NotReported,
            last_exit: LastExit::NotReported,
        }
    }

    /// The same with this want.
    #[must_use]
    pub const fn with_want(self, want: Want) -> Self {
        Self { want: Some(want), ..self }
    }

    /// The same with this process of `run`.
    #[must_use]
    pub const fn with_pid(self, pid: Option<Pid>) -> Self {
        Self { pid, ..self }
    }

    /// The same with this process of `finish`.
    #[must_use]
    pub const fn with_finish_pid(self, finish_pid: Option<Pid>) -> Self {
        Self { finish_pid, ..self }
    }

    /// The same with a pause that was asked for, or none.
    #[must_use]
    pub const fn with_paused(self, paused: bool) -> Self {
        Self { paused: Some(paused), ..self }
    }

    /// The same with SIGTERM sent and the process not dead yet, or not.
    #[must_use]
    pub const fn with_got_term(self, got_term: bool) -> Self {
        Self { got_term: Some(got_term), ..self }
    }

    /// The same, so since then.
    #[must_use]
    pub const fn with_since(self, since: Option<UnixTime>) -> Self {
        Self { since, ..self }
    }

    /// The same at this stage.
    #[must_use]
    pub const fn with_stage(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    /// The same with this readiness.
    #[must_use]
    pub const fn with_readiness(self, readiness: Readiness) -> Self {
        Self { readiness, ..self }
    }

    /// The same after such an end.
    #[must_use]
    pub const fn with_last_exit(self, last_exit: LastExit) -> Self {
        Self { last_exit, ..self }
    }

    /// The one place that turns the independent facts into one word.
    ///
    /// Two choices deserve a reason. runit keeps its pause byte after `d` has sent SIGCONT, so a
    /// service that was told to end is `stopping` even with that byte set. s6 writes the same
    /// record for "told to end" and for "this run is the last", so its services are `up` with want
    /// `down`: that is all that is known.
    ///
    /// ```
    /// use svproto::{Facts, Phase, State, Want};
    ///
    /// let down = Facts::new(Phase::Down);
    /// assert_eq!(down.state(), State::Down);
    /// assert_eq!(down.with_want(Want::Up).state(), State::Backoff, "between two runs");
    /// ```
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Down => match (self.stage, self.want) {
                (Stage::Failed, _) => State::Failed,
                (Stage::Starting, _) => State::Starting,
                (Stage::Stopping, _) => State::Stopping,
                (Stage::Exited, _) | (Stage::NotReported, Some(Want::Once)) => State::Exited,
                (Stage::NotReported, Some(Want::Up)) => State::Backoff,
                (Stage::NotReported, Some(Want::Down | Want::Unknown(_)) | None) => State::Down,
            },
            Phase::Up => self.state_while_up(),
            Phase::Finish => State::Finishing,
            Phase::Unknown(_) => State::Unknown,
        }
    }

    const fn state_while_up(&self) -> State {
        let paused = matches!(self.paused, Some(true));
        let got_term = matches!(self.got_term, Some(true));
        let continued_by_down = got_term && matches!(self.want, Some(Want::Down));
        if paused && !continued_by_down {
            State::Paused
        } else if got_term || matches!(self.stage, Stage::Stopping) {
            State::Stopping
        } else if matches!(self.stage, Stage::Starting) {
            State::Starting
        } else {
            match self.readiness {
                Readiness::Ready { .. } => State::Ready,
                Readiness::Awaited => State::Starting,
                Readiness::NotReported | Readiness::NotReady => State::Up,
            }
        }
    }
}

#[cfg(test)]
mod tests;
