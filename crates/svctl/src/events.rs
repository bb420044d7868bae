//! What the embedded supervisor tells, as words and as JSON.

use std::{
    io::{self, Write as _},
    time::SystemTime,
};

use jiff::Timestamp;
use serde::Serialize;
use svcmgr::devtree::{self, Event, Part, What};

use crate::{
    args::Global,
    json::{self, absolute, exit, name_of},
    name,
    output::{in_full, printable},
};

/// Tells events. A reader that went away ends nothing here: services depend on it.
#[derive(Debug)]
pub(crate) struct Teller {
    json: bool,
    verbose: bool,
}

impl Teller {
    pub(crate) const fn new(global: &Global) -> Self {
        Self { json: global.json, verbose: global.verbose && !global.quiet }
    }

    pub(crate) fn tell(&mut self, event: &Event) {
        if self.json {
            let line = serde_json::to_string(&Line::new(event)).unwrap_or_default();
            let _reader_left = writeln!(io::stdout(), "{line}");
        } else if let Some(error) = error_of(&event.what) {
            let hint = error.hint().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            say(&format!("svctl: {}{hint}", in_full(error)));
        } else if self.verbose {
            say(&format!("svctl: {}", words(event)));
        }
    }
}

fn say(text: &str) {
    let _nobody_left = writeln!(io::stderr(), "{text}");
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
    error: Option<String>,
}

impl Line {
    fn new(event: &Event) -> Self {
        let mut line = Self {
            service: name_of(&event.dir.to_string_lossy(), &event.dir).into_owned(),
            path: absolute(&event.dir),
            part: part(event.part),
            at: time(event.at),
            event: event.what.name(),
            pid: None,
            signal: None,
            exit: None,
            delay: None,
            crashes: None,
            error: error_of(&event.what).map(|error| in_full(error)),
        };
        match &event.what {
            What::Started { pid }
            | What::Ready { pid }
            | What::Overdue { pid }
            | What::Finishing { pid } => line.pid = Some(*pid),
            What::Stopping { pid, signal } => {
                (line.pid, line.signal) = (Some(*pid), Some(signal.to_string()));
            }
            What::Exited { exit: how } | What::Finished { exit: how } => {
                line.exit = exit(how.last_exit());
            }
            What::Backoff { delay, crashes } => {
                (line.delay, line.crashes) = (Some(delay.as_secs_f64()), Some(*crashes));
            }
            _ => (),
        }
        line
    }
}

const fn part(part: Part) -> &'static str {
    match part {
        Part::Main => "main",
        Part::Log => "log",
    }
}

fn time(at: SystemTime) -> Option<String> {
    Timestamp::try_from(at).ok().map(|at| format!("{at:.9}"))
}

fn error_of(what: &What) -> Option<&devtree::Error> {
    match what {
        What::CannotStart { error } | What::Refused { error } | What::Trouble { error } => {
            Some(error)
        }
        _ => None,
    }
}

fn words(event: &Event) -> String {
    let typed = event.dir.to_string_lossy();
    let name = name::shown(&name_of(&typed, &event.dir), Some(&event.dir));
    let part = if event.part == Part::Log { "/log" } else { "" };
    let what = match &event.what {
        What::Started { pid } => format!("started, pid {pid}"),
        What::Ready { pid } => format!("ready, pid {pid}"),
        What::Stopping { pid, signal } => format!("{signal} sent to {pid}"),
        What::Overdue { pid } => format!("{pid} did not end in time, killed"),
        What::Exited { exit } => exit.to_string(),
        What::Finishing { pid } => format!("finish started, pid {pid}"),
        What::Finished { exit } => format!("finish {exit}"),
        What::Backoff { delay, .. } => format!("starts again in {:.1} s", delay.as_secs_f64()),
        other => other.name().to_owned(),
    };
    printable(&format!("{name}{part}: {what}"))
}
