//! One row of `cargo xtask bench` as a process: prints `columns` and then a line of numbers for each
//! round, all in nanoseconds unless the column says otherwise. What is compared takes turns within
//! the process, so that both meet the same moods of the machine.

mod fleet;
mod floor;
mod rest;
mod rounds;
mod start;
mod tree;

use std::{path::Path, process::ExitCode};

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "svcmgr-bench hold SUITE DIR COUNT | statuses DIR COUNT ROUNDS | status DIR ROUNDS | \
    send DIR ROUNDS | event DIR ROUNDS | start SUITE DIR ROUNDS SVCTL | \
    watch DIR COUNT SECONDS | watch-floor DIR COUNT";

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
        ["statuses", dir, count, rounds] => {
            fleet::statuses(Path::new(dir), count.parse()?, rounds.parse()?)
        }
        ["status", dir, rounds] => fleet::status(Path::new(dir), rounds.parse()?),
        ["send", dir, rounds] => fleet::send(Path::new(dir), rounds.parse()?),
        ["event", dir, rounds] => fleet::event(Path::new(dir), rounds.parse()?),
        ["start", suite, dir, rounds, svctl] => {
            start::run(suite.parse()?, Path::new(dir), rounds.parse()?, Path::new(svctl))
        }
        ["watch", dir, count, seconds] => {
            rest::watch(Path::new(dir), count.parse()?, seconds.parse()?)
        }
        ["watch-floor", dir, count] => rest::floor(Path::new(dir), count.parse()?),
        _ => Err(USAGE.into()),
    }
}
