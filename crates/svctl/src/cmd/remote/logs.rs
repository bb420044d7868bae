//! Lines of logs of many hosts, by their times.
//!
//! Each host prints its own in order, so the next of all is the earliest of the first ones. A host that is ahead of the
//! others waits with the rest: what is kept here is bounded.

use std::{collections::VecDeque, io, os::fd::AsFd};

use jiff::{Timestamp, tz::TimeZone};
use svcmgr::remote::{Call, Calls, Error, EventKind, Host, Progress};

use super::{
    greet, relay,
    row::{Row, with_host},
    stream,
};
use crate::{
    args::{Args, Command},
    exit::Exit,
    output::{Output, printable},
};

/// So many lines of a host are kept before it has to wait.
const KEPT: usize = 1000;

/// One host, and the lines of it that were not printed yet.
struct Source {
    lines: VecDeque<Line>,
    has_ended: bool,
}

struct Line {
    at: Option<String>,
    row: Row,
    object: String,
}

pub(super) fn run(
    call: &Call,
    hosts: &[Host],
    args: &Args,
    output: &mut Output,
) -> Result<Exit, Error> {
    let Command::Logs(logs) = &args.command else { return Ok(Exit::Usage) };
    let mut calls = call.start(hosts)?;
    let mut sources: Vec<_> =
        hosts.iter().map(|_| Source { lines: VecDeque::new(), has_ended: false }).collect();
    let zone = if logs.utc { TimeZone::UTC } else { TimeZone::system() };
    let mut printer =
        Printer { hosts, zone, last: VecDeque::new(), only: logs.lines.filter(|_| !logs.follow) };
    let (mut exit, mut is_first) = (Exit::Done, true);
    let stdout = io::stdout();
    loop {
        match calls.next_beside(Some(stdout.as_fd())) {
            Progress::Event(event) => {
                let (Some(host), Some(source)) =
                    (hosts.get(event.host), sources.get_mut(event.host))
                else {
                    continue;
                };
                match event.kind {
                    EventKind::Answered(version) => greet(host, &version, output),
                    EventKind::Message(message) => relay(host, &message, output),
                    EventKind::Line(line) => match Row::of(&line).zip(with_host(host, &line)) {
                        Some((row, object)) => {
                            source.lines.push_back(Line { at: row.at.clone(), row, object });
                        }
                        None => output.message(&format!(
                            "{host}: what svctl printed there is no JSON of svctl"
                        )),
                    },
                    EventKind::Ended(ended) => {
                        source.has_ended = true;
                        let told = stream::end(host, ended, output);
                        exit = if is_first { told } else { best(exit, told) };
                        is_first = false;
                    }
                    _ => (),
                }
            }
            Progress::Done | Progress::ReaderGone => break,
            // Nothing for now; what is there is merged all the same.
            _ => (),
        }
        // What is followed comes when it comes: to wait for a host that logs nothing would be to wait for ever.
        merge(&mut sources, logs.follow, &mut calls, &mut printer, output);
        output.flush();
        if output.is_closed() {
            return Ok(exit);
        }
    }
    merge(&mut sources, true, &mut calls, &mut printer, output);
    printer.end(output);
    Ok(exit)
}

/// One host without a log is no failure of the others; all without are one.
fn best(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Negative, Exit::Done) | (Exit::Done, Exit::Negative) => Exit::Done,
        _ => one.max(other),
    }
}

/// Prints what can be: all there is, or for as long as no host could still have an earlier line.
fn merge(
    sources: &mut [Source],
    is_all: bool,
    calls: &mut Calls,
    printer: &mut Printer<'_>,
    output: &mut Output,
) {
    while is_all || sources.iter().all(|it| it.has_ended || !it.lines.is_empty()) {
        let firsts =
            sources.iter().enumerate().filter_map(|(at, it)| Some((at, it.lines.front()?)));
        let earliest = firsts.min_by(|(_, one), (_, other)| one.at.cmp(&other.at));
        let Some(at) = earliest.map(|(at, _)| at) else { break };
        let line = sources.get_mut(at).and_then(|source| source.lines.pop_front());
        if let Some(line) = line {
            printer.take(at, line, output);
        }
    }
    for (at, source) in sources.iter().enumerate() {
        calls.hold(at, source.lines.len() > KEPT);
    }
}

struct Printer<'a> {
    hosts: &'a [Host],
    zone: TimeZone,
    /// With `-n`: those that are the last so far.
    last: VecDeque<(usize, Line)>,
    only: Option<usize>,
}

impl Printer<'_> {
    fn take(&mut self, at: usize, line: Line, output: &mut Output) {
        let Some(only) = self.only else { return self.print(at, &line, output) };
        self.last.push_back((at, line));
        if self.last.len() > only {
            self.last.pop_front();
        }
    }

    fn end(&mut self, output: &mut Output) {
        for (at, line) in std::mem::take(&mut self.last) {
            self.print(at, &line, output);
        }
    }

    fn print(&self, at: usize, line: &Line, output: &mut Output) {
        if output.json {
            output.line(&line.object);
            return;
        }
        let Some(host) = self.hosts.get(at) else { return };
        let time = line.at.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
        let time = time.map(|time| {
            format!("{} ", time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S.%3f"))
        });
        let name = printable(line.row.service.as_deref().unwrap_or_default());
        let text = printable(line.row.line.as_deref().unwrap_or_default());
        output.line(&format!("{}{host} {name} {text}", time.unwrap_or_default()));
    }
}
