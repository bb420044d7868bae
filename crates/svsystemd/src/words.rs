//! systemd's words for what there is of a unit file, and for why a service is as it is.

use std::fmt;

/// What there is of a unit file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadState {
    /// It is loaded.
    Loaded,
    /// There is none.
    NotFound,
    /// It is masked.
    Masked,
    /// It cannot be used: `bad-setting` or `error`. [`UnitStatus::load_error`](crate::UnitStatus::load_error) says why.
    Broken,
    /// A state that this version does not know.
    Other(String),
}

/// Why a service is as it is, in systemd's words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServiceResult {
    /// It runs, or has ended as it should.
    Success,
    /// Something could not be set up for it.
    Resources,
    /// It did not do what its type promises.
    Protocol,
    /// It took too long to start or stop.
    Timeout,
    /// It exited with a code that is a failure.
    ExitCode,
    /// It was killed by a signal.
    Signal,
    /// It was killed by a signal and left a core dump.
    CoreDump,
    /// It did not report to the watchdog in time.
    Watchdog,
    /// It was started too often. Before systemd 262 a crashing unit keeps `ExitCode` or `Signal`
    /// when it meets the limit.
    StartLimitHit,
    /// The kernel killed it for want of memory.
    OomKill,
    /// A condition command said no.
    ExecCondition,
    /// A result that this version does not know.
    Other(String),
}

impl ServiceResult {
    pub(crate) fn from_name(word: &str) -> Self {
        match word {
            "success" => Self::Success,
            "resources" => Self::Resources,
            "protocol" => Self::Protocol,
            "timeout" => Self::Timeout,
            "exit-code" => Self::ExitCode,
            "signal" => Self::Signal,
            "core-dump" => Self::CoreDump,
            "watchdog" => Self::Watchdog,
            "start-limit-hit" => Self::StartLimitHit,
            "oom-kill" => Self::OomKill,
            "exec-condition" => Self::ExecCondition,
            other => Self::Other(other.to_owned()),
        }
    }

    /// systemd's word.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Success => "success",
            Self::Resources => "resources",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::ExitCode => "exit-code",
            Self::Signal => "signal",
            Self::CoreDump => "core-dump",
            Self::Watchdog => "watchdog",
            Self::StartLimitHit => "start-limit-hit",
            Self::OomKill => "oom-kill",
            Self::ExecCondition => "exec-condition",
            Self::Other(name) => name,
        }
    }
}

impl std::str::FromStr for ServiceResult {
    type Err = std::convert::Infallible;

    /// A word that this version does not know is kept.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(Self::from_name(word))
    }
}

impl fmt::Display for ServiceResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
