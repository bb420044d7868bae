//! The JSON that svctl prints. Field names and order are a contract: `docs/cli.md` and the schema
//! beside it. Unknown is `null`, never 0.

mod applied;
mod buildable;
mod built;
mod converted;
mod explained;
mod linted;
mod shown;

use std::{borrow::Cow, fmt, path::Path, time::Duration};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use svcmgr::{
    Cause, Error, ErrorKind, Facts, LastExit, Outcome, OutcomeKind, Readiness, State, Status,
    UnixTime, Want, proto::Record, signal_name,
};

pub(crate) use applied::Applied;
pub(crate) use buildable::{Buildable, ForTarget, Refused};
pub(crate) use built::{Built, Changed, Found, Verb};
pub(crate) use converted::Converted;
pub(crate) use explained::Explained;
pub(crate) use linted::{Linted, Said};
pub(crate) use shown::{Shown, ShownLine};

use crate::{
    name,
    output::message,
    view::{self, View},
};

/// Counts the changes after which a reader of the JSON may be wrong.
pub(crate) const SCHEMA: u32 = 2;

/// What `svctl version --json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    pub(crate) svctl: &'static str,
    pub(crate) schema: u32,
}

/// One service.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'a> {
    service: &'a str,
    /// The name with every byte, where it is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_bytes: Option<&'a [u8]>,
    path: Option<InText<'a>>,
    /// The same with every byte; an argument of svctl.
    url: Option<InUrl<'a>>,
    #[serde(flatten)]
    seen: Seen<'a>,
    log: Option<Log>,
    /// What s6-rc takes it for, where that keeps it and may be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    s6_rc: Option<&'static str>,
    error: Option<&'a str>,
    /// Why it is not as it should be, where that was asked and is more than how it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<explained::Reason<'a>>,
}

/// What a look showed, in the library's own words.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Seen<'a> {
    It(&'a Status),
    Nothing(Nothing),
}

/// The same fields of what could not be looked at.
#[derive(Debug, Default, Serialize)]
struct Nothing {
    suite: Option<&'static str>,
    supervised: (),
    state: (),
    want: (),
    pid: (),
    finish_pid: (),
    since: (),
    uptime: (),
    ready: (),
    ready_since: (),
    paused: (),
    normally: (),
    restarts: (),
    exit: (),
    odd: (),
}

impl<'a> Row<'a> {
    pub(crate) fn of(view: &'a View<'_>) -> Self {
        let path = view.path.as_deref();
        let suite = view.suite.map(svcmgr::Suite::name);
        Self {
            service: &view.service,
            service_bytes: view.bytes.as_deref(),
            path: path.map(InText),
            url: path.map(InUrl),
            seen: match &view.status {
                Some(seen) => Seen::It(seen),
                None => Seen::Nothing(Nothing { suite, ..Nothing::default() }),
            },
            log: view.log.map(Log::of),
            s6_rc: view.s6_rc.map(|is_up| if is_up { "up" } else { "down" }),
            error: view.error.as_deref(),
            reason: view.reason.as_deref().map(explained::Reason::of),
        }
    }
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Row::of(self).serialize(serializer)
    }
}

/// A path from the root, written only where it is printed: a table shows none. Links are kept as the
/// user named them.
#[derive(Debug)]
struct InText<'a>(&'a Path);

/// The same as a URL.
#[derive(Debug)]
struct InUrl<'a>(&'a Path);

impl Serialize for InText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&name::absolute(self.0).to_string_lossy())
    }
}

impl Serialize for InUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&name::Url(self.0))
    }
}

/// How the last run ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Exit {
    Code(u8),
    Signal(String),
}

/// The logger, beside its service and never instead of it.
#[derive(Debug, Serialize)]
pub(crate) struct Log {
    pub(crate) state: Option<&'static str>,
    pub(crate) pid: Option<u32>,
}

impl Log {
    fn of(log: view::Log) -> Self {
        Self { state: log.state.map(State::name), pid: log.pid.map(u32::from) }
    }

    fn of_facts(facts: &Facts) -> Self {
        Self { state: state(facts), pid: facts.pid.map(u32::from) }
    }
}

/// A line of `watch`: a row, its number and what happened.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    seq: u64,
    event: &'static str,
}

impl<'a> Line<'a> {
    pub(crate) fn of(view: &'a View<'_>, seq: u64, event: &'static str) -> Self {
        Self { row: Row::of(view), seq, event }
    }
}

/// What came of a request, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    Reached,
    /// It was so before, and nothing has changed.
    Already,
    /// A condition was not met, and nothing was done.
    Skipped,
    /// Delivered, and not waited for.
    Sent,
    Never,
    #[default]
    Deadline,
    /// It cannot be asked for; nothing was done.
    Refused,
    Error,
}

impl Ended {
    /// Where something failed.
    pub(crate) fn of_error(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Unsupported => Self::Refused,
            ErrorKind::Busy | ErrorKind::Unanswered => Self::Deadline,
            _ => Self::Error,
        }
    }

    /// Whether it is told as a complaint, not as a result.
    pub(crate) const fn is_complaint(self) -> bool {
        !matches!(self, Self::Reached | Self::Already | Self::Sent)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl From<OutcomeKind> for Ended {
    fn from(kind: OutcomeKind) -> Self {
        match kind {
            OutcomeKind::Reached => Self::Reached,
            OutcomeKind::Already => Self::Already,
            OutcomeKind::Skipped => Self::Skipped,
            OutcomeKind::Never => Self::Never,
            _ => Self::Deadline,
        }
    }
}

/// What came of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Became {
    pub(crate) outcome: Ended,
    /// Whether something has changed for it; `None` where nobody can tell, and where nothing was asked.
    pub(crate) changed: Option<bool>,
    /// Seconds from the request.
    pub(crate) took: Option<f64>,
    /// Why it is not as it was asked to be: the kind of a cause.
    pub(crate) why: Option<&'static str>,
    /// The same in words.
    pub(crate) says: Option<String>,
    /// systemd's own word.
    pub(crate) result: Option<String>,
}

impl Became {
    /// What the library tells.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let is_asked = outcome.kind() != OutcomeKind::NotAsked;
        Self {
            outcome: outcome.kind().into(),
            changed: outcome.changed(),
            took: is_asked.then(|| seconds(outcome.took())),
            why: outcome.why().as_ref().map(Cause::kind),
            says: outcome.reason(),
            result: outcome.word().map(str::to_owned),
        }
    }

    /// A request that could not be made, or of which nothing can be told.
    pub(crate) fn failed(error: &Error) -> Self {
        let outcome = Ended::of_error(error);
        let changed = (outcome == Ended::Refused).then_some(false);
        Self { outcome, changed, says: Some(message(error)), ..Self::default() }
    }
}

/// What came of a request to one service.
#[derive(Debug, Serialize)]
pub(crate) struct Result<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    #[serde(flatten)]
    became: &'a Became,
}

impl<'a> Result<'a> {
    pub(crate) fn of(view: &'a View<'_>, became: &'a Became) -> Self {
        Self { row: Row::of(view), became }
    }
}

/// What a check found.
#[derive(Debug, Serialize)]
pub(crate) struct Checked<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    ok: bool,
    /// What is wrong; empty if it is well.
    complaints: &'a [String],
}

impl<'a> Checked<'a> {
    pub(crate) fn of(view: &'a View<'_>, ok: bool, complaints: &'a [String]) -> Self {
        Self { row: Row::of(view), ok, complaints }
    }
}

/// What came of enabling or disabling, and of changes to the files of a unit.
#[derive(Debug, Serialize)]
pub(crate) struct Placed {
    pub(crate) service: String,
    /// `None` for a unit.
    pub(crate) scan_dir: Option<String>,
    #[serde(flatten)]
    pub(crate) became: Became,
}

/// A line of a log.
#[derive(Debug, Serialize)]
pub(crate) struct Logged<'a> {
    pub(crate) service: &'a str,
    /// The service directory, or the log directory that was named; `None` for a unit.
    pub(crate) url: Option<&'a str>,
    /// The log directory; `None` for the journal.
    pub(crate) log: Option<&'a str>,
    pub(crate) at: Option<String>,
    pub(crate) line: Cow<'a, str>,
}

/// A host of which there is nothing else.
#[derive(Debug, Serialize)]
pub(crate) struct Unreached<'a> {
    pub(crate) host: &'a str,
    pub(crate) error: &'a str,
    /// A word to branch on.
    pub(crate) why: &'static str,
}

/// In the place of lines that the reader was too slow for.
#[derive(Debug, Serialize)]
pub(crate) struct Skipped<'a> {
    /// Whose lines; `None` for changes of services.
    pub(crate) service: Option<&'a str>,
    pub(crate) skipped: u64,
}

/// A raw record, explained.
#[derive(Debug, Serialize)]
pub(crate) struct Decoded {
    pub(crate) dialect: &'static str,
    pub(crate) layout: &'static str,
    pub(crate) phase: Option<&'static str>,
    pub(crate) state: Option<&'static str>,
    pub(crate) want: Option<&'static str>,
    pub(crate) pid: Option<u32>,
    pub(crate) finish_pid: Option<u32>,
    pub(crate) paused: Option<bool>,
    pub(crate) got_term: Option<bool>,
    pub(crate) since: Option<String>,
    pub(crate) ready: Option<bool>,
    pub(crate) ready_since: Option<String>,
    pub(crate) exit: Option<Exit>,
    /// The logger, in the one layout that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<Log>,
    pub(crate) raw: String,
}

impl Decoded {
    pub(crate) fn new(record: &Record) -> Self {
        let status = record.facts();
        Self {
            dialect: record.dialect().name(),
            layout: record.layout(),
            phase: status.phase.name(),
            state: state(&status),
            want: want(&status),
            pid: status.pid.map(u32::from),
            finish_pid: status.finish_pid.map(u32::from),
            paused: status.paused,
            got_term: status.got_term,
            since: status.since.and_then(rfc3339),
            ready: status.readiness.is_ready(),
            ready_since: ready_since(&status).and_then(rfc3339),
            exit: exit(status.last_exit),
            log: record.log_facts().as_ref().map(Log::of_facts),
            raw: hex(record.as_bytes()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// The path from the root, links kept as the user named them.
pub(crate) fn absolute(path: &Path) -> String {
    name::absolute(path).to_string_lossy().into_owned()
}

fn state(status: &Facts) -> Option<&'static str> {
    match status.state() {
        State::Unknown => None,
        known => Some(known.name()),
    }
}

fn want(status: &Facts) -> Option<&'static str> {
    status.want.and_then(Want::name)
}

fn ready_since(status: &Facts) -> Option<UnixTime> {
    match status.readiness {
        Readiness::Ready { since } => since,
        _ => None,
    }
}

/// Whole microseconds, so that the number is as short as it is precise.
pub(crate) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

pub(crate) fn exit(exit: LastExit) -> Option<Exit> {
    match exit {
        LastExit::Exited { code } => Some(Exit::Code(code)),
        LastExit::Signaled { signal, .. } => {
            let name = signal_name(signal).map_or_else(|| format!("SIG{signal}"), str::to_owned);
            Some(Exit::Signal(name))
        }
        LastExit::NotReported | LastExit::NotStarted | LastExit::Unknown(_) => None,
    }
}

/// In seconds of Unix time.
const YEARS_0_TO_9999: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// RFC 3339 in UTC with nanoseconds; `None` outside the years it can write.
pub(crate) fn rfc3339(time: UnixTime) -> Option<String> {
    in_its_years(time).map(|time| format!("{time:.9}"))
}

fn in_its_years(time: UnixTime) -> Option<Timestamp> {
    let nanos = i32::try_from(time.nanos()).ok()?;
    let timestamp = Timestamp::new(time.secs(), nanos).ok()?;
    YEARS_0_TO_9999.contains(&time.secs()).then_some(timestamp)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::Value;
    use svcmgr::Request;

    use super::*;

    fn keys(value: &impl Serialize) -> Vec<String> {
        let Ok(Value::Object(fields)) = serde_json::to_value(value) else { panic!("no object") };
        fields.into_iter().map(|(key, _)| key).collect()
    }

    /// What the library says of a status and of an outcome is what svctl prints, field for field.
    #[test]
    fn the_library_has_the_same_fields() {
        let status = Status::unsupervised();
        assert_eq!(keys(&status), keys(&Nothing::default()));
        let row = keys(&View { status: Some(status), ..View::named("web") });
        assert!(keys(&status).iter().all(|key| row.contains(key)), "{row:?}");
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("supervise")).unwrap();
        let service = svcmgr::Service::open(tree.path()).unwrap();
        let gone = Request::wait(svcmgr::Goal::Gone).pursue(&service, Instant::now()).unwrap();
        assert_eq!(keys(&gone), keys(&Became::of(&gone)));
        let (theirs, ours) = (serde_json::to_value(&gone), serde_json::to_value(Became::of(&gone)));
        assert_eq!(theirs.unwrap(), ours.unwrap());
    }

    #[test]
    fn times_have_nine_digits_and_none_is_invented() {
        let text = |secs, nanos| rfc3339(UnixTime::new(secs, nanos).unwrap());
        assert_eq!(text(1_795_387_890, 569_530_500).unwrap(), "2026-11-22T22:51:30.569530500Z");
        assert_eq!(text(0, 0).unwrap(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(text(-110, 500_000_000).unwrap(), "1969-12-31T23:58:10.500000000Z");
        assert_eq!(text(i64::MIN, 0), None);
        assert_eq!(text(i64::MAX, 0), None);
    }

    #[test]
    fn signals_have_names_and_real_time_ones_numbers() {
        let json = |signal| {
            serde_json::to_string(&exit(LastExit::Signaled { signal, core: false })).unwrap()
        };
        assert_eq!(json(9), r#"{"signal":"SIGKILL"}"#);
        assert_eq!(json(64), r#"{"signal":"SIG64"}"#);
        let code = serde_json::to_string(&exit(LastExit::Exited { code: 3 })).unwrap();
        assert_eq!(code, r#"{"code":3}"#);
    }
}
