//! Feature `serde`: statuses and outcomes as the JSON of svctl, whose schema is
//! `docs/svctl.schema.json`. Unknown is `null`, never 0. [`read`] reads it back.

mod read;

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use svproto::{Cause, LastExit, Phase, Pid, State, UnixTime, Want};

use crate::{Name, Normally, Oddities, Outcome, OutcomeKind, Status, Suite, signal_name};

impl Serialize for Suite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for Normally {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for OutcomeKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// As text; what is no text is replaced.
impl Serialize for Name<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string_lossy())
    }
}

/// The fields of a row of `svctl status --json` that a look gives.
impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let now = UnixTime::now();
        let facts = self.facts();
        let runs = facts.is_some_and(|it| it.phase == Phase::Up && it.pid.is_some());
        let ago = self.since().map(|since| seconds(since.elapsed(now)));
        let paused = |it: &svproto::Facts| it.paused.map(|on| on && it.phase != Phase::Down);
        let mut row = serializer.serialize_struct("Status", 15)?;
        row.serialize_field("suite", &self.suite())?;
        row.serialize_field("supervised", &self.supervised())?;
        row.serialize_field("state", self.state().name())?;
        row.serialize_field("want", &self.want().and_then(Want::name))?;
        row.serialize_field("pid", &self.pid())?;
        row.serialize_field("finish_pid", &facts.and_then(|it| it.finish_pid))?;
        row.serialize_field("since", &in_its_years(self.since()))?;
        row.serialize_field("uptime", &ago.filter(|_| runs))?;
        row.serialize_field("ready", &self.ready())?;
        row.serialize_field("ready_since", &in_its_years(self.ready_since()))?;
        row.serialize_field("paused", &facts.and_then(paused))?;
        row.serialize_field("normally", &self.normally())?;
        row.serialize_field("restarts", &self.restarts())?;
        row.serialize_field("exit", &self.exit().and_then(Exit::of))?;
        row.serialize_field("odd", self.odd())?;
        row.end()
    }
}

/// What is odd: `kind` is that of a cause, `says` its sentence, and the rest what that is made of.
impl Serialize for Oddities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let causes = self.causes(UnixTime::now());
        serializer.collect_seq(causes.iter().map(|(cause, about)| Odd::of(self, *cause, about)))
    }
}

/// One thing that is odd. What a kind does not have is left out.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Odd {
    kind: String,
    says: String,
    /// How often, or how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// In how many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<UnixTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<Pid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<Exit>,
    /// How a logger stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<u32>,
}

impl Odd {
    fn of(odd: &Oddities, cause: Cause, about: &str) -> Self {
        let says = cause.about(about).to_string();
        let it = Self { kind: cause.kind().to_owned(), says, ..Self::default() };
        match cause {
            Cause::CrashLoop => Self {
                count: odd.crash_loop.map(|it| it.ends),
                within: odd.crash_loop.and_then(|it| it.within).map(seconds),
                ..it
            },
            Cause::CannotStart => Self {
                script: odd.cannot_start.map(|it| it.script.name().to_owned()),
                errno: odd.cannot_start.map(|it| it.errno),
                ..it
            },
            Cause::Stale => Self { since: in_its_years(odd.stale_since), ..it },
            Cause::Stuck => Self { since: in_its_years(odd.stuck_since), ..it },
            Cause::GivenUp { exit } | Cause::Refused { exit } | Cause::Failed { exit } => {
                Self { exit: Exit::of(exit), ..it }
            }
            Cause::ProcessDead => Self { pid: odd.dead, ..it },
            Cause::Orphan => Self { pid: odd.orphan, ..it },
            Cause::LeftBehind => Self {
                count: odd.left_behind.map(|(count, _)| count.into()),
                pid: odd.left_behind.map(|(_, pid)| pid),
                ..it
            },
            Cause::Logger => Self { state: odd.logger.map(State::name).map(str::to_owned), ..it },
            Cause::LoggerLoop => Self { count: odd.logger_loop, ..it },
            _ => it,
        }
    }
}

/// What came of a request: the fields that `svctl --json` adds to a row.
impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = match self.kind() {
            OutcomeKind::NotAsked => OutcomeKind::Deadline,
            kind => kind,
        };
        let mut outcome = serializer.serialize_struct("Outcome", 6)?;
        outcome.serialize_field("outcome", &kind)?;
        outcome.serialize_field("changed", &self.changed())?;
        outcome.serialize_field("took", &seconds(self.took()))?;
        outcome.serialize_field("why", &self.why().as_ref().map(Cause::kind))?;
        outcome.serialize_field("says", &self.reason())?;
        outcome.serialize_field("result", &self.word())?;
        outcome.end()
    }
}

/// How a run ended: `{"code":3}`, `{"signal":"SIGKILL"}`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Exit {
    Code(u8),
    Signal(String),
}

impl Exit {
    fn of(exit: LastExit) -> Option<Self> {
        match exit {
            LastExit::Exited { code } => Some(Self::Code(code)),
            LastExit::Signaled { signal, .. } => {
                let name = signal_name(signal);
                Some(Self::Signal(name.map_or_else(|| format!("SIG{signal}"), str::to_owned)))
            }
            _ => None,
        }
    }
}

/// RFC 3339 has no other years.
fn in_its_years(time: Option<UnixTime>) -> Option<UnixTime> {
    const YEARS_0_TO_9999: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;
    time.filter(|time| YEARS_0_TO_9999.contains(&time.secs()))
}

/// Whole microseconds, so that the number is as short as it is precise.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}
