//! What the embedded supervisor tells, as words and as JSON.

use std::{
    fmt,
    io::{self, Write as _},
    os::fd::AsFd,
    time::SystemTime,
};

use jiff::Timestamp;
use serde::Serialize;
use svcmgr::{
    Service,
    devtree::{self, EventKind, ServiceEvent, ServicePart, Unwell},
};

use crate::{
    args::Global,
    json::{self, absolute, exit},
    name,
    output::{aside::Aside, in_full, printable},
    text,
    view::name_of,
};

/// Tells events. A reader that went away ends nothing here, and one that is behind holds nothing
/// up: services depend on it. What it is too slow for is left out and counted.
#[derive(Debug)]
pub(crate) struct Teller {
    json: bool,
    verbose: bool,
    out: Stream,
    messages: Stream,
}

impl Teller {
    pub(crate) const fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            verbose: global.verbose && !global.quiet,
            out: Stream::new(),
            messages: Stream::new(),
        }
    }

    pub(crate) fn tell(&mut self, event: &ServiceEvent) {
        if self.json {
            let line = serde_json::to_string(&Line::new(event)).unwrap_or_default();
            let skipped = |skipped| {
                serde_json::to_string(&json::Skipped { service: None, skipped }).unwrap_or_default()
            };
            self.out.say(io::stdout, &line, skipped);
        } else if let Some(error) = error_of(&event.kind) {
            let hint = hint(error).map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            self.say(&format!("svctl: {}{hint}", in_full(error)));
        } else if self.verbose || matches!(event.kind, EventKind::Unwell { .. }) {
            self.say(&format!("svctl: {}", words(event)));
            if let Some(left) = left_behind(event) {
                self.say(&format!("svctl: {left}"));
            }
        }
    }

    /// The same, for a person who wants to hear more.
    pub(crate) fn remark(&mut self, text: &str) {
        if self.verbose && !self.json {
            self.message(text);
        }
    }

    /// Something that is no event, for a person.
    pub(crate) fn message(&mut self, text: &str) {
        self.say(&format!("svctl: {}", printable(text)));
    }

    fn say(&mut self, text: &str) {
        let skipped = |lines| format!("svctl: ... {} lines skipped", text::count(lines));
        self.messages.say(io::stderr, text, skipped);
    }
}

/// A stream that holds nobody up; it begins when there is something to say.
struct Stream {
    aside: Option<Aside>,
    skipped: u64,
}

impl Stream {
    const fn new() -> Self {
        Self { aside: None, skipped: 0 }
    }

    fn say<S: io::Write + AsFd + Send + 'static>(
        &mut self,
        stream: fn() -> S,
        text: &str,
        skipped: impl FnOnce(u64) -> String,
    ) {
        if self.aside.is_none() {
            self.aside = Aside::new(stream()).ok();
        }
        let Some(aside) = &mut self.aside else {
            // No thread is to be had: then as everybody does it.
            let _nobody_left = writeln!(stream(), "{text}");
            return;
        };
        if aside.is_behind() {
            self.skipped += 1;
            return;
        }
        let left_out = std::mem::take(&mut self.skipped);
        let told = if left_out > 0 { skipped(left_out) + "\n" } else { String::new() };
        // One write, so that no other comes between its lines.
        let _nobody_left = aside.write_all(format!("{told}{text}\n").as_bytes());
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("skipped", &self.skipped).finish_non_exhaustive()
    }
}

/// An event; its own object of the schema.
#[derive(Debug, Serialize)]
struct Line {
    service: String,
    path: String,
    part: &'static str,
    at: Option<String>,
    event: &'static str,
    pid: Option<u32>,
    signal: Option<String>,
    exit: Option<json::Exit>,
    delay: Option<f64>,
    crashes: Option<u32>,
    why: Option<&'static str>,
    text: Option<String>,
    error: Option<String>,
}

impl Line {
    fn new(event: &ServiceEvent) -> Self {
        let mut line = Self {
            service: name_of(&event.dir.to_string_lossy(), &event.dir).into_owned(),
            path: absolute(&event.dir),
            part: part(event.part),
            at: time(event.at),
            event: event.kind.name(),
            pid: None,
            signal: None,
            exit: None,
            delay: None,
            crashes: None,
            why: None,
            text: None,
            error: error_of(&event.kind).map(|error| in_full(error)),
        };
        match &event.kind {
            EventKind::Started { pid }
            | EventKind::Ready { pid }
            | EventKind::Overdue { pid }
            | EventKind::Finishing { pid } => line.pid = Some(*pid),
            EventKind::Stopping { pid, signal } => {
                (line.pid, line.signal) = (Some(*pid), Some(signal.to_string()));
            }
            EventKind::Unwell { pid, why } => {
                (line.pid, line.why) = (Some(*pid), Some(why.name()));
            }
            EventKind::Said { text } => line.text = Some(text.clone()),
            EventKind::Exited { exit: how } | EventKind::Finished { exit: how } => {
                line.exit = exit(how.last_exit());
            }
            EventKind::Backoff { delay, crashes } => {
                (line.delay, line.crashes) = (Some(delay.as_secs_f64()), Some(*crashes));
            }
            _ => (),
        }
        line
    }
}

const fn part(part: ServicePart) -> &'static str {
    match part {
        ServicePart::Main => "main",
        ServicePart::Log => "log",
    }
}

fn time(at: SystemTime) -> Option<String> {
    Timestamp::try_from(at).ok().map(|at| format!("{at:.9}"))
}

/// What to do about it.
pub(crate) fn hint(error: &devtree::Error) -> Option<&'static str> {
    match error {
        devtree::Error::Io { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            Some("--state-dir DIR keeps in DIR what the supervisor writes")
        }
        _ => error.hint(),
    }
}

fn error_of(what: &EventKind) -> Option<&devtree::Error> {
    match what {
        EventKind::CannotStart { error }
        | EventKind::Refused { error }
        | EventKind::Trouble { error } => Some(error),
        _ => None,
    }
}

fn shown(event: &ServiceEvent) -> String {
    let typed = event.dir.to_string_lossy();
    name::shown(&name_of(&typed, &event.dir), Some(&event.dir))
}

/// What a run that has just ended has left behind: a run script that does not `exec` dies of the signal,
/// and what it had started does not hear of it.
fn left_behind(event: &ServiceEvent) -> Option<String> {
    if event.part != ServicePart::Main || !matches!(event.kind, EventKind::Exited { .. }) {
        return None;
    }
    let service = Service::open(&*event.dir).ok()?;
    let left = service.left_behind(&service.status().ok()?);
    let pids: Vec<_> = left.iter().map(ToString::to_string).collect();
    let (name, pids) = (printable(&shown(event)), pids.join(" "));
    (!pids.is_empty()).then(|| {
        format!(
            "{name}: its run has left processes behind: {pids}\n  hint: `exec` in its run script keeps \
             the process; `kill {pids}` ends these"
        )
    })
}

/// Why a service is ended although nobody asked for it.
const fn what_of(why: Unwell) -> &'static str {
    match why {
        Unwell::NotReady => "is not ready in its time",
        Unwell::Unanswered => "does not answer whether it is well",
        _ => "has not said that it is alive",
    }
}

fn words(event: &ServiceEvent) -> String {
    let name = shown(event);
    let part = if event.part == ServicePart::Log { "/log" } else { "" };
    let what = match &event.kind {
        EventKind::Started { pid } => format!("started, pid {pid}"),
        EventKind::Ready { pid } => format!("ready, pid {pid}"),
        EventKind::Unwell { pid, why } => format!("{pid} {}, and is ended for that", what_of(*why)),
        EventKind::Said { text } => format!("says: {text}"),
        EventKind::Stopping { pid, signal } => format!("{signal} sent to {pid}"),
        EventKind::Overdue { pid } => format!("{pid} did not end in time, killed"),
        EventKind::Exited { exit } => exit.to_string(),
        EventKind::Finishing { pid } => format!("finish started, pid {pid}"),
        EventKind::Finished { exit } => format!("finish {exit}"),
        EventKind::Backoff { delay, .. } => format!("starts again in {:.1} s", delay.as_secs_f64()),
        other => other.name().to_owned(),
    };
    printable(&format!("{name}{part}: {what}"))
}
