//! One row of `cargo xtask bench` as a process: prints `columns` and then a line of numbers for
//! each round, all in nanoseconds unless the column says otherwise. What is compared takes turns
//! within the process, so that both meet the same moods of the machine.

mod bus;
mod crash;
mod decode;
mod event;
mod fleet;
mod floor;
mod op;
mod rest;
mod rounds;
mod spawn;
mod start;
mod supervised;
mod tree;
mod units;

use std::{path::Path, process::ExitCode, time::Duration};

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
svcmgr-bench ROW ..., where a row is one of
  hold SUITE DIR COUNT
  spawn ROUNDS NAME PROGRAM ARGUMENT... [; NAME PROGRAM ARGUMENT...]...
  decode ROUNDS
  statuses DIR COUNT ROUNDS | status DIR ROUNDS | send DIR ROUNDS
  event DIR ROUNDS | spaced DIR COUNT MILLISECONDS
  start SUITE DIR ROUNDS SVCTL
  watch DIR COUNT SECONDS | watch-floor DIR COUNT
  killed DIR ROUNDS SVCTL | second DIR ROUNDS SVCTL
  units COUNT ROUNDS | units-show COUNT ROUNDS
or, to be traced,
  op status|statuses|send|up|event|add DIR COUNT | op rest DIR COUNT SECONDS
  op live COUNT CHANGING | op list TIMES";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("svcmgr-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Fallible {
    match args {
        ["hold", suite, dir, count] => tree::hold(suite.parse()?, Path::new(dir), count.parse()?),
        ["spawn", rounds, words @ ..] => spawn::run(rounds.parse()?, words),
        ["decode", rounds] => decode::run(rounds.parse()?),
        ["statuses", dir, count, rounds] => {
            fleet::statuses(Path::new(dir), count.parse()?, rounds.parse()?)
        }
        ["status", dir, rounds] => fleet::status(Path::new(dir), rounds.parse()?),
        ["send", dir, rounds] => fleet::send(Path::new(dir), rounds.parse()?),
        ["event", dir, rounds] => event::run(Path::new(dir), rounds.parse()?),
        ["spaced", dir, count, millis] => {
            event::spaced(Path::new(dir), count.parse()?, Duration::from_millis(millis.parse()?))
        }
        ["start", suite, dir, rounds, svctl] => {
            start::run(suite.parse()?, Path::new(dir), rounds.parse()?, svctl)
        }
        ["watch", dir, count, seconds] => {
            rest::watch(Path::new(dir), count.parse()?, seconds.parse()?)
        }
        ["watch-floor", dir, count] => rest::floor(Path::new(dir), count.parse()?),
        ["killed", dir, rounds, svctl] => {
            crash::killed(Path::new(dir), rounds.parse()?, Path::new(svctl))
        }
        ["second", dir, rounds, svctl] => {
            crash::second(Path::new(dir), rounds.parse()?, Path::new(svctl))
        }
        ["units", count, rounds] => units::look(count.parse()?, rounds.parse()?),
        ["units-show", count, rounds] => units::show(count.parse()?, rounds.parse()?),
        ["op", rest @ ..] => operation(rest),
        _ => Err(USAGE.into()),
    }
}

fn operation(args: &[&str]) -> Fallible {
    match args {
        ["live", count, changing] => units::live(count.parse()?, changing.parse()?),
        ["list", times] => units::list(times.parse()?),
        ["rest", dir, count, seconds] => op::rest(Path::new(dir), count.parse()?, seconds.parse()?),
        [name, dir, count] => {
            let operation = match *name {
                "status" => op::status,
                "statuses" => op::statuses,
                "send" => op::send,
                "up" => op::up,
                "event" => op::event,
                "add" => op::add,
                _ => return Err(USAGE.into()),
            };
            operation(Path::new(dir), count.parse()?)
        }
        _ => Err(USAGE.into()),
    }
}
