//! The JSON that svctl prints. Field names and order are a contract: `docs/cli.md` and the schema
//! beside it. Unknown is `null`, never 0.

mod built;

use std::{borrow::Cow, path::Path, time::Duration};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use svcmgr::{
    Error, Facts, LastExit, Normally, Readiness, Reading, Service, State, Status, Supervised,
    UnixTime, Want, is_path,
    proto::{Phase, Record, files},
    signal_name,
};

pub(crate) use built::Built;

use crate::{name, output::message};

/// One service. It borrows from what was looked at: of thousands, memory for each name and path would
/// take as long as a system call.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'a> {
    pub(crate) service: Cow<'a, str>,
    /// What people are shown instead, where that is different: a path as they typed it, as a word of a
    /// shell.
    #[serde(skip)]
    pub(crate) shown: Option<String>,
    pub(crate) path: Option<InText<'a>>,
    /// The same with every byte; an argument of svctl.
    pub(crate) url: Option<InUrl<'a>>,
    pub(crate) suite: Option<Cow<'a, str>>,
    pub(crate) supervised: Option<bool>,
    pub(crate) state: Option<&'static str>,
    pub(crate) want: Option<&'static str>,
    pub(crate) pid: Option<u32>,
    pub(crate) finish_pid: Option<u32>,
    #[serde(serialize_with = "in_full")]
    pub(crate) since: Option<UnixTime>,
    /// How long that is ago.
    #[serde(skip)]
    pub(crate) changed_ago: Option<Duration>,
    pub(crate) uptime: Option<f64>,
    pub(crate) ready: Option<bool>,
    #[serde(serialize_with = "in_full")]
    pub(crate) ready_since: Option<UnixTime>,
    pub(crate) paused: Option<bool>,
    pub(crate) normally: Option<&'static str>,
    pub(crate) exit: Option<Exit>,
    pub(crate) log: Option<Log>,
    pub(crate) error: Option<String>,
}

/// A path from the root, written only where it is printed: a table shows none. Links are kept as the
/// user named them.
#[derive(Debug)]
pub(crate) struct InText<'a>(Cow<'a, Path>);

/// The same as a URL.
#[derive(Debug)]
pub(crate) struct InUrl<'a>(Cow<'a, Path>);

impl Serialize for InText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&name::absolute(&self.0).to_string_lossy())
    }
}

impl Serialize for InUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&name::Url(&self.0))
    }
}

/// A path in both ways.
fn in_both_ways(path: Option<&Path>) -> (Option<InText<'_>>, Option<InUrl<'_>>) {
    (path.map(|path| InText(path.into())), path.map(|path| InUrl(path.into())))
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn in_full<S: Serializer>(
    time: &Option<UnixTime>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match time.and_then(in_its_years) {
        Some(time) => serializer.collect_str(&format_args!("{time:.9}")),
        None => serializer.serialize_none(),
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

impl<'a> Row<'a> {
    /// A service that was looked at.
    pub(crate) fn new(service: &'a dyn Supervised, observation: &Status) -> Self {
        let directory = service.directory();
        let status = observation.facts();
        // runit keeps its pause flag when the process is gone; what is down is not paused.
        let paused = status
            .and_then(|status| status.paused.map(|paused| paused && status.phase != Phase::Down));
        let (path, url) = in_both_ways(directory.map(Service::dir));
        let changed_ago = status.and_then(|status| status.since).map(|at| at.elapsed(now()));
        let typed = service.name().to_string_lossy();
        let name = match (&typed, directory) {
            (Cow::Borrowed(typed), Some(it)) => name_of(typed, it.dir()),
            (Cow::Owned(typed), Some(it)) => name_of(typed, it.dir()).into_owned().into(),
            (typed, None) => typed.clone(),
        };
        let as_it_is = typed == name && name::is_plain(&typed);
        Self {
            shown: (!as_it_is).then(|| name::shown(&typed, directory.map(Service::dir))),
            service: name,
            path,
            url,
            suite: match observation.suite() {
                Some(dialect) => Some(dialect.name().into()),
                None => service.suite().map(|suite| suite.name().into()),
            },
            supervised: observation.liveness().is_alive(),
            state: state_word(&observation.reading()),
            want: status.and_then(want),
            pid: status.and_then(|status| status.pid).map(u32::from),
            finish_pid: status.and_then(|status| status.finish_pid).map(u32::from),
            since: status.and_then(|status| status.since),
            changed_ago,
            uptime: status.filter(|status| has_run(status)).and(changed_ago).map(seconds),
            ready: status.and_then(|status| status.readiness.is_ready()),
            ready_since: status.and_then(ready_since),
            paused,
            normally: observation.normally().map(Normally::name),
            exit: status.and_then(|status| exit(status.last_exit)),
            log: directory.and_then(|it| log(it, observation)),
            error: None,
        }
    }

    /// A service for which something failed, and what can be said of it nevertheless.
    pub(crate) fn failed_for(service: &'a dyn Supervised, error: &Error) -> Self {
        let error_text = Some(message(error));
        match service.status() {
            Ok(observation) => Self { error: error_text, ..Self::new(service, &observation) },
            Err(_) => Self {
                suite: service.suite().map(|suite| suite.name().into()),
                ..Self::failed(
                    &service.name().to_string_lossy(),
                    service.directory().map(Service::dir),
                    error,
                )
            },
        }
    }

    /// A service that could not be looked at.
    pub(crate) fn failed(name: &str, path: Option<&'a Path>, error: &Error) -> Self {
        let (in_text, url) = in_both_ways(path);
        let service = path.map_or_else(|| name.into(), |path| name_of(name, path));
        Self {
            service: service.into_owned().into(),
            shown: Some(name::shown(name, path)),
            path: in_text,
            url,
            error: Some(message(error)),
            ..Self::named("")
        }
    }

    /// A service of which nothing is known but its name.
    pub(crate) fn named(name: &'a str) -> Self {
        Self {
            service: name.into(),
            shown: Some(name::shown(name, None)),
            path: None,
            url: None,
            suite: None,
            supervised: None,
            state: None,
            want: None,
            pid: None,
            finish_pid: None,
            since: None,
            changed_ago: None,
            uptime: None,
            ready: None,
            ready_since: None,
            paused: None,
            normally: None,
            exit: None,
            log: None,
            error: None,
        }
    }

    /// What people are shown.
    pub(crate) fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.service)
    }

    /// The same row, to keep.
    pub(crate) fn into_owned(self) -> Row<'static> {
        let to_keep = |path: Cow<'_, Path>| Cow::Owned(path.into_owned());
        let text = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Row {
            service: text(self.service),
            path: self.path.map(|path| InText(to_keep(path.0))),
            url: self.url.map(|path| InUrl(to_keep(path.0))),
            suite: self.suite.map(text),
            ..self
        }
    }

    /// Whether the supervisor starts the service by itself.
    pub(crate) fn is_normally(&self, normally: Normally) -> bool {
        self.normally == Some(normally.name())
    }
}

/// A service in a listing: a row, and what is odd about it.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<'a> {
    #[serde(flatten)]
    pub(crate) row: &'a Row<'a>,
    /// `None` for who was not asked.
    pub(crate) odd: Option<&'a [Odd]>,
}

/// Something odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Odd {
    pub(crate) kind: &'static str,
    /// In words.
    pub(crate) says: String,
}

/// A line of `watch`: a row, its number and what happened.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    #[serde(flatten)]
    pub(crate) row: &'a Row<'a>,
    pub(crate) seq: u64,
    pub(crate) event: &'static str,
}

/// What came of a request to one service.
#[derive(Debug, Serialize)]
pub(crate) struct Result<'a> {
    #[serde(flatten)]
    pub(crate) row: &'a Row<'a>,
    /// `sent`, `reached`, `never`, `deadline` or `error`.
    pub(crate) outcome: &'static str,
    /// Seconds from the request.
    pub(crate) took: Option<f64>,
    /// Why the goal will not be reached.
    pub(crate) why: Option<String>,
}

/// What a check found.
#[derive(Debug, Serialize)]
pub(crate) struct Checked<'a> {
    #[serde(flatten)]
    pub(crate) row: &'a Row<'a>,
    pub(crate) ok: bool,
    /// What is wrong; empty if it is well.
    pub(crate) complaints: &'a [String],
}

/// What came of enabling or disabling.
#[derive(Debug, Serialize)]
pub(crate) struct Placed {
    pub(crate) service: String,
    pub(crate) scan_dir: String,
    /// `enabled`, `disabled`, `already` (it was not enabled), `deadline` or `error`.
    pub(crate) outcome: &'static str,
    /// Seconds from the link being there, or being gone.
    pub(crate) took: Option<f64>,
    pub(crate) why: Option<String>,
}

/// What came of a change to the files of a unit.
#[derive(Debug, Serialize)]
pub(crate) struct UnitFiles<'a> {
    pub(crate) service: &'a str,
    /// `enabled`, `disabled`, `masked`, `unmasked`, `reset`, `never` or `error`.
    pub(crate) outcome: &'static str,
    pub(crate) changed: Option<bool>,
    pub(crate) why: Option<&'a str>,
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
            log: record.log_facts().as_ref().map(Log::of),
            raw: hex(record.as_bytes()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

impl Log {
    fn of(status: &Facts) -> Self {
        Self { state: state(status), pid: status.pid.map(u32::from) }
    }
}

/// The service's name from what was typed: the last component of a path, for a logger the last two;
/// `web/log` as it is.
pub(crate) fn name_of<'a>(typed: &'a str, path: &Path) -> Cow<'a, str> {
    if !is_path(typed.as_ref()) {
        return typed.into();
    }
    let path = name::absolute(path);
    let Some(last) = path.file_name() else { return typed.into() };
    let last = last.to_string_lossy();
    let above = path.parent().and_then(Path::file_name).filter(|_| last == files::LOG);
    match above {
        Some(above) => format!("{}/{last}", above.to_string_lossy()).into(),
        None => last.into_owned().into(),
    }
}

/// The path from the root, links kept as the user named them.
pub(crate) fn absolute(path: &Path) -> String {
    name::absolute(path).to_string_lossy().into_owned()
}

/// The logger's state: in a directory of its own, or in the record of its service.
fn log(service: &Service, observation: &Status) -> Option<Log> {
    if let Some(log) = service.log() {
        // A logger that cannot be read says nothing about its service.
        let reading = log.status().ok().map(|observation| observation.reading());
        let pid = reading.as_ref().and_then(Reading::facts).and_then(|status| status.pid);
        return Some(Log { state: reading.as_ref().and_then(state_word), pid: pid.map(u32::from) });
    }
    if !observation.reading().is_supervised() {
        return None;
    }
    service.log_facts().ok().flatten().as_ref().map(Log::of)
}

/// The one word; `null` for a supervisor without a record yet and for a record that contradicts
/// itself.
fn state_word(reading: &Reading) -> Option<&'static str> {
    match reading {
        Reading::Unsupervised => Some("unsupervised"),
        Reading::NotYet => None,
        Reading::Record(status) => state(status),
    }
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

/// Whether the time of a status is that of a process that runs.
fn has_run(status: &Facts) -> bool {
    status.phase == Phase::Up && status.pid.is_some()
}

/// Whole microseconds, so that the number is as short as it is precise.
fn seconds(time: Duration) -> f64 {
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

pub(crate) fn now() -> UnixTime {
    UnixTime::now()
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
    use super::*;

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
