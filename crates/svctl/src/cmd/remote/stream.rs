//! Objects that hosts print as it happens: one stream of all of them.

use std::io;
use std::os::fd::AsFd;

use jiff::Timestamp;
use svcmgr::remote::{Call, Error, EventKind, Host, Progress};

use super::{
    answer::{Why, exit_for, exit_of},
    greet, relay,
    row::{Row, with_host},
    say,
};
use crate::{
    exit::Exit,
    output::{Output, in_full, printable},
    text,
};

/// Until all hosts have ended, or nobody reads any more.
pub(super) fn run(call: &Call, hosts: &[Host], output: &mut Output) -> Result<Exit, Error> {
    let mut calls = call.start(hosts)?;
    let mut exit = Exit::Done;
    let stdout = io::stdout();
    while let Progress::Event(event) = calls.next_beside(Some(stdout.as_fd())) {
        let Some(host) = hosts.get(event.host) else { continue };
        match event.kind {
            EventKind::Answered(version) => greet(host, &version, output),
            EventKind::Message(message) => relay(host, &message, output),
            EventKind::Line(line) => tell(host, &line, output),
            EventKind::Ended(ended) => exit = exit.max(end(host, ended, output)),
            _ => (),
        }
        output.flush();
        if output.is_closed() {
            break;
        }
    }
    Ok(exit)
}

/// Says that a host has ended, if that is not as it should be.
pub(super) fn end(
    host: &Host,
    ended: Result<u8, svcmgr::remote::HostFailure>,
    output: &mut Output,
) -> Exit {
    match ended {
        Ok(code) => exit_of(code),
        Err(trouble) => {
            let why = Why { kind: trouble.kind(), says: in_full(&trouble), hint: trouble.hint() };
            if output.json {
                output.line(&say::unreached(host, &why));
            } else {
                say::failed(host, &why, output);
            }
            exit_for(&trouble)
        }
    }
}

fn tell(host: &Host, line: &str, output: &mut Output) {
    let row = Row::of(line);
    let Some((row, object)) = row.zip(with_host(host, line)) else {
        output.message(&format!("{host}: what svctl printed there is no JSON of svctl"));
        return;
    };
    if output.json {
        output.line(&object);
    } else if row.outcome.is_some() {
        say::row_line(host, &row, output);
    } else if !output.quiet || row.error.is_some() {
        let view = row.view();
        let what = match row.event.as_deref() {
            Some("removed") => "removed".to_owned(),
            Some("added") => format!("added, {}", text::summary(&view)),
            _ => text::summary(&view),
        };
        let name = printable(row.service.as_deref().unwrap_or_default());
        let now = Timestamp::now();
        let line = output.paint(say::state(&row), &format!("{now:.3} {host} {name}: {what}"));
        output.line(&line);
    }
}
