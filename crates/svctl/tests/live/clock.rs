//! A wall clock that is stepped by an hour while svctl waits.
//!
//! libfaketime gives svctl a wall clock of its own, an offset that is read from a file; the steady
//! clock is left alone. A time namespace would not do: it has no wall clock.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use svcmgr::{Service, State, WatchSet};

use crate::{
    supervised::{Suite, Supervised},
    svctl::{PROGRAM, Run},
};

/// Where Debian's package `faketime` has it.
fn library() -> Option<String> {
    let output = Command::new("faketime")
        .args(["-f", "+0", "sh", "-c", "echo $LD_PRELOAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split([' ', ':', '\n']).find(|word| word.contains("libfaketime")).map(str::to_owned)
}

/// Waits for a service to be up for half a second. Once it is up the clock is stepped, and
/// something else is changed, so that svctl looks and judges at once.
#[track_caller]
fn steps_by(step: &str) {
    let Some(library) = library() else {
        return crate::supervised::skips::skip(
            "clock",
            "faketime is not installed",
            "cargo xtask setup",
        );
    };
    let mut supervised = Supervised::prepare(Suite::Runit, "exec sleep 1000");
    supervised.file("down", "");
    supervised.supervise();
    let offset = supervised.dir().join("offset");
    fs::write(&offset, "+0").unwrap();
    let service = Service::open(supervised.dir()).unwrap();
    let mut watch = WatchSet::new().unwrap();
    watch.add(service).unwrap();
    let until = |watch: &mut WatchSet, state| {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let event = watch.next_before(deadline).unwrap().unwrap();
            if event.status.is_ok_and(|seen| seen.state() == state) {
                return;
            }
        }
    };
    until(&mut watch, State::Down);

    let mut svctl = Command::new(PROGRAM);
    svctl.args(["up", "--json", "--for", "up-for=500ms", "--timeout", "20"]).arg(supervised.dir());
    svctl.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &offset);
    svctl.envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]);
    let svctl = svctl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let svctl = svctl.unwrap();
    until(&mut watch, State::Up);
    fs::write(&offset, step).unwrap();
    fs::remove_file(supervised.dir().join("down")).unwrap();

    let run = Run::of(svctl.wait_with_output().unwrap());
    assert_eq!(run.code, 0, "{step}: {run:?}");
    let took = run.json()[0]["took"].as_f64();
    assert!(
        took.is_some_and(|took| took >= 0.4),
        "{step}: not before it was up for so long: {run:?}"
    );
}

#[test]
fn a_wall_clock_that_is_put_an_hour_forward_ends_no_wait_early() {
    steps_by("+3600");
}

#[test]
fn a_wall_clock_that_is_put_an_hour_back_lets_no_wait_go_on() {
    steps_by("-3600");
}
