//! Jobs: what became of a request, judged on the unit and not on the job alone.
//!
//! A job that is `done` says little: stopping is `done` also when the unit ends `failed`, and
//! starting is when a condition kept it down. So the unit is read once its job is over.

use std::{fmt, time::Instant};

use crate::{
    Action, Bus, BusCall, Error, Unit, UnitStatus,
    error::Subject,
    router::{JobEnd, JobWait},
    wire::slot::block_on,
};

/// A job that the manager has taken on.
#[must_use = "the job goes on; what becomes of it is told by `outcome` or `outcome_before`"]
pub struct Job {
    unit: Unit,
    action: Action,
    path: String,
    wait: JobWait,
}

/// How a job ended, in the manager's words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobResult {
    /// It did what there was to do, which may have been nothing.
    Done,
    /// Another job took its place, or somebody canceled it.
    Canceled,
    /// It took longer than the unit's `JobTimeoutSec=`. The unit goes on.
    Timeout,
    /// The unit failed.
    Failed,
    /// A unit that it requires failed.
    Dependency,
    /// There was nothing to do for this kind of job.
    Skipped,
    /// The unit was not in a state for this kind of job: a reload of one that is down.
    Invalid,
    /// An assertion of the unit did not hold.
    Assert,
    /// The unit cannot do this.
    Unsupported,
    /// The unit was dropped meanwhile.
    Collected,
    /// The unit was started before, and may be once only.
    Once,
    /// The unit is frozen: thaw it first (systemd 257 and later).
    Frozen,
    /// Too many units of its slice run (systemd 258 and later).
    Concurrency,
    /// The connection was lost and the job ended meanwhile; how, nobody can tell any more.
    Missed,
    /// A word that this version does not know.
    Other(String),
}

impl JobResult {
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "done" => Self::Done,
            "canceled" => Self::Canceled,
            "timeout" => Self::Timeout,
            "failed" => Self::Failed,
            "dependency" => Self::Dependency,
            "skipped" => Self::Skipped,
            "invalid" => Self::Invalid,
            "assert" => Self::Assert,
            "unsupported" => Self::Unsupported,
            "collected" => Self::Collected,
            "once" => Self::Once,
            "frozen" => Self::Frozen,
            "concurrency" => Self::Concurrency,
            "missed" => Self::Missed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The manager's word for it; "missed" is ours.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Done => "done",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Dependency => "dependency",
            Self::Skipped => "skipped",
            Self::Invalid => "invalid",
            Self::Assert => "assert",
            Self::Unsupported => "unsupported",
            Self::Collected => "collected",
            Self::Once => "once",
            Self::Frozen => "frozen",
            Self::Concurrency => "concurrency",
            Self::Missed => "missed",
            Self::Other(name) => name,
        }
    }
}

impl std::str::FromStr for JobResult {
    type Err = std::convert::Infallible;

    /// A word that this version does not know is kept.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(Self::from_name(word))
    }
}

impl fmt::Display for JobResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum JobOutcome {
    /// The unit is as it was asked to be.
    Reached {
        /// How the job ended.
        job: JobResult,
        /// The unit, read after that.
        status: Box<UnitStatus>,
    },
    /// The job is over, and the unit is not as it was asked to be: see its result, its exit, and
    /// whether a condition kept it down.
    Missed {
        /// How the job ended.
        job: JobResult,
        /// The unit, read after that.
        status: Box<UnitStatus>,
    },
    /// The deadline passed first. The job goes on.
    Deadline {
        /// The unit at that moment.
        status: Box<UnitStatus>,
    },
}

/// `reached (done)`: what became of it, and the manager's word.
impl fmt::Display for JobOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached { job, .. } => write!(f, "reached ({job})"),
            Self::Missed { job, .. } => write!(f, "missed ({job})"),
            Self::Deadline { .. } => f.pad("deadline"),
        }
    }
}

impl JobOutcome {
    /// The unit, as it was last read.
    #[must_use]
    pub fn status(&self) -> &UnitStatus {
        match self {
            Self::Reached { status, .. }
            | Self::Missed { status, .. }
            | Self::Deadline { status } => status,
        }
    }

    /// How the job ended; `None` at the deadline.
    #[must_use]
    pub fn job(&self) -> Option<&JobResult> {
        match self {
            Self::Reached { job, .. } | Self::Missed { job, .. } => Some(job),
            Self::Deadline { .. } => None,
        }
    }

    /// Whether the unit is as it was asked to be.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        matches!(self, Self::Reached { .. })
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, action, path, .. } = self;
        let mut job = f.debug_struct("Job");
        job.field("unit", unit.name()).field("action", action).field("path", path);
        job.finish_non_exhaustive()
    }
}

impl Job {
    pub(crate) fn new(unit: Unit, action: Action, path: String, wait: JobWait) -> Self {
        Self { unit, action, path, wait }
    }

    /// The unit.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Its number, unique while the manager runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.path.rsplit('/').next()?.parse().ok()
    }

    /// Takes the job back, if it is not over. A unit that is starting goes on starting.
    pub fn cancel(&self) -> BusCall<'_, ()> {
        let subject = Subject::from(self.unit.name());
        let asked = subject.clone();
        self.unit.bus().ask(Action::Cancel, &asked, async move {
            let Some(id) = self.id() else { return Ok(()) };
            let bus = self.unit.bus();
            match bus.manager::<()>(Action::Cancel, &subject, "CancelJob", &id).await {
                Err(Error::Manager { source, .. }) if source.name.ends_with(".NoSuchJob") => Ok(()),
                done => done,
            }
        })
    }

    /// Waits for the end of the job, for ever, and reads the unit then.
    pub fn outcome(self) -> BusCall<'static, JobOutcome> {
        let (action, subject) = (self.action, self.unit.name().to_string());
        BusCall::new(action, &subject, None, async move {
            let job = self.end().await?;
            let status = Box::new(self.seen().await?);
            Ok(if is_reached(self.action, &job, &status) {
                JobOutcome::Reached { job, status }
            } else {
                JobOutcome::Missed { job, status }
            })
        })
    }

    /// Waits on this thread for the end of the job, until `deadline`.
    ///
    /// # Errors
    ///
    /// If the unit cannot be read, or the connection is lost and does not come back.
    pub fn outcome_before(self, deadline: Instant) -> Result<JobOutcome, Error> {
        let unit = self.unit.clone();
        if let Some(outcome) = block_on(self.outcome(), Some(deadline)) {
            return outcome;
        }
        let status = Box::new(unit.look_now().wait()?);
        Ok(JobOutcome::Deadline { status })
    }

    async fn end(&self) -> Result<JobResult, Error> {
        let mut end = self.wait.of(&self.path).await;
        loop {
            if let Some(JobEnd::Result(result)) = end {
                return Ok(JobResult::from_name(&result));
            }
            // The connection was lost. Listen again first, then ask whether the job is there yet.
            let bus = self.unit.bus();
            let wait = bus.router().jobs(self.unit.name().clone()).await?;
            if !self.is_pending(bus).await? {
                return Ok(JobResult::Missed);
            }
            end = wait.of(&self.path).await;
        }
    }

    /// The unit, read now that its job is over. One that ended well is dropped by the manager at
    /// once, and what it did with it; then what was signalled before is all there is.
    async fn seen(&self) -> Result<UnitStatus, Error> {
        let bus = self.unit.bus();
        let mut properties = bus.properties(self.action, self.unit.name()).await?;
        let told = self.wait.told();
        let ran = told.number("StateChangeTimestamp") > 0 || told.number("ConditionTimestamp") > 0;
        let forgotten = properties.number("StateChangeTimestamp") == 0
            && properties.number("ConditionTimestamp") == 0;
        if ran && forgotten {
            properties.merge(&told);
        }
        self.unit.seen(properties).await
    }

    async fn is_pending(&self, bus: &Bus) -> Result<bool, Error> {
        let Some(id) = self.id() else { return Ok(false) };
        let subject = Subject::from(self.unit.name());
        let asked =
            bus.manager::<zbus::OwnedObjectPath>(self.action, &subject, "GetJob", &id).await;
        match asked {
            Ok(path) => Ok(path.as_str() == self.path),
            Err(Error::Manager { source, .. }) if source.name.ends_with(".NoSuchJob") => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether the unit is as this action wants it. Pure.
fn is_reached(action: Action, job: &JobResult, unit: &UnitStatus) -> bool {
    let (active, _) = unit.states();
    let is_active = matches!(active, "active" | "reloading" | "refreshing");
    match action {
        Action::Stop => matches!(active, "inactive" | "failed" | "maintenance"),
        Action::Start | Action::Restart | Action::Once | Action::Run | Action::ReloadOrRestart => {
            is_active || (*job == JobResult::Done && has_run(unit))
        }
        // Nothing to do for a unit that is down.
        Action::TryRestart => *job == JobResult::Done && active != "failed",
        _ => *job == JobResult::Done,
    }
}

/// A oneshot is over when its job is.
fn has_run(unit: &UnitStatus) -> bool {
    let kind = unit.properties().text("Type");
    kind == "oneshot"
        && unit.states().0 == "inactive"
        && unit.result() == crate::ServiceResult::Success
        && !unit.is_condition_unmet()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PropertyValue, map::MainProcess};

    fn unit(words: &[(&str, &str)]) -> UnitStatus {
        let properties =
            words.iter().map(|(name, it)| (*name, PropertyValue::Text((*it).to_owned())));
        UnitStatus::new(properties.collect(), None, MainProcess::Unseen)
    }

    #[test]
    fn the_unit_has_the_last_word() {
        let active = unit(&[("ActiveState", "active"), ("SubState", "running")]);
        let failed = unit(&[("ActiveState", "failed"), ("Result", "exit-code")]);
        let down = unit(&[("ActiveState", "inactive"), ("Result", "success")]);
        let done = JobResult::Done;
        assert!(is_reached(Action::Start, &done, &active));
        // Type=simple, and a program that cannot be executed.
        assert!(!is_reached(Action::Start, &done, &failed));
        // A condition that did not hold.
        assert!(!is_reached(Action::Start, &done, &down));
        // Somebody else's start took its place.
        assert!(is_reached(Action::Start, &JobResult::Canceled, &active));
        // SIGKILL after the timeout: down all the same.
        assert!(is_reached(Action::Stop, &done, &failed));
        assert!(!is_reached(Action::Stop, &JobResult::Canceled, &active));
        assert!(is_reached(Action::TryRestart, &done, &down));
        assert!(!is_reached(Action::Reload, &JobResult::Invalid, &down));
        let oneshot =
            unit(&[("ActiveState", "inactive"), ("Result", "success"), ("Type", "oneshot")]);
        assert!(is_reached(Action::Start, &done, &oneshot));
    }

    #[test]
    fn every_result_keeps_its_word() {
        for name in [
            "done",
            "canceled",
            "timeout",
            "failed",
            "dependency",
            "skipped",
            "invalid",
            "assert",
            "unsupported",
            "collected",
            "once",
            "frozen",
            "concurrency",
            "news",
        ] {
            assert_eq!(JobResult::from_name(name).name(), name);
        }
    }
}
