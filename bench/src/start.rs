//! From the request to the process that runs, under a real supervisor: direct calls, the library,
//! the program, and the suite's own tool, in turn, each on a service of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use rustix::fs::CWD;
use svclient::{Dialect, Phase, Request, Service, pursue};
use svproto::Record;

use crate::{
    Fallible,
    floor::{self, Names},
    rounds::{columns, round},
    spawn,
    supervised::{First, Fleet, PATIENCE, directory},
    tree::c_path,
};

/// Direct calls, the library, the program, the native tool.
const WAYS: usize = 4;
/// They are let run for a second together.
const AT_ONCE: usize = 5;

pub(crate) fn run(suite: Dialect, dir: &Path, rounds: usize, svctl: &str) -> Fallible {
    let at_once = rounds.clamp(1, AT_ONCE);
    let dirs: Vec<PathBuf> =
        (0..at_once * WAYS).map(|number| dir.join(format!("web-{number:05}"))).collect();
    for dir in &dirs {
        directory(dir, First::Down, "1000")?;
    }
    let fleet = Fleet::one_each(suite, &dirs)?;
    let native = match suite {
        Dialect::Runit => vec!["sv", "start"],
        Dialect::S6 => vec!["s6-svc", "-wu", "-u"],
        // Nothing of daemontools waits.
        Dialect::Daemontools | Dialect::Encore => vec!["svc", "-u"],
    };
    let process = |words: &[&str], service: &Service| -> Fallible<u128> {
        let (first, rest) = words.split_first().ok_or("no command")?;
        let mut command = Command::new(spawn::find(first)?);
        command.args(rest).arg(service.dir()).stdin(Stdio::null()).stdout(Stdio::null());
        let begin = Instant::now();
        spawn::once(&mut command)?;
        Ok(begin.elapsed().as_nanos())
    };
    columns(&["floor", "floor-returned", "reached", "returned", "svctl", "native"]);
    let mut done = 0;
    while done < rounds {
        for (at, services) in fleet.services.chunks_exact(WAYS).enumerate() {
            // Who comes first changes.
            let mut order = [0, 1, 2, 3];
            order.rotate_left((done + at) % WAYS);
            let mut numbers = [0; 6];
            let [floor, floor_returned, goal, returned, svctl_up, native_up] = &mut numbers;
            for way in order {
                let service = services.get(way).ok_or("no service")?;
                match way {
                    0 => (*floor, *floor_returned) = directly(suite, service)?,
                    1 => (*goal, *returned) = by_library(service)?,
                    2 => *svctl_up = process(&[svctl, "up"], service)?,
                    _ => *native_up = process(&native, service)?,
                }
            }
            round(&numbers);
        }
        done += at_once;
        fleet.be_down()?;
    }
    Ok(())
}

/// Until the goal, and until the call returns.
fn by_library(service: &Service) -> Fallible<(u128, u128)> {
    let begin = Instant::now();
    let outcomes = pursue(std::slice::from_ref(service), &Request::up(), begin + PATIENCE)?;
    let returned = begin.elapsed().as_nanos();
    match outcomes.into_iter().next() {
        Some(Ok(outcome)) if outcome.is_reached() => Ok((outcome.took().as_nanos(), returned)),
        other => Err(format!("up: {other:?}").into()),
    }
}

/// Raw inotify: watch, send, and read the record each time until it says up; then close.
fn directly(suite: Dialect, service: &Service) -> Fallible<(u128, u128)> {
    let names = Names::in_dir(service.dir());
    let supervise = c_path(&service.dir().join("supervise"));
    let begin = Instant::now();
    let instance = floor::instance()?;
    floor::watch(&instance, &supervise)?;
    floor::send(&names, b'u')?;
    loop {
        floor::hear(&instance)?;
        let (bytes, len) = floor::record_and_len(CWD, &names)?;
        let bytes = bytes.get(..len).unwrap_or(&bytes);
        if Record::from_bytes(suite, bytes)?.facts().phase == Phase::Up {
            let goal = begin.elapsed().as_nanos();
            drop(instance);
            return Ok((goal, begin.elapsed().as_nanos()));
        }
    }
}
