//! Feature `serde`: what is written is read back, whatever a service can stand like.

#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use serde_json::{Value, json};
use svclient::{
    Cause, CrashLoop, Facts, LastExit, Normally, Oddities, OutcomeKind, Phase, Pid, Readiness,
    Stage, State, Status, Suite, UnixTime, Want,
};
use svproto::embedded::{CannotStart, Script};

/// Without what the clock says.
fn timeless(status: &Status) -> Value {
    let mut row = serde_json::to_value(status).unwrap();
    row["uptime"] = Value::Null;
    for odd in row["odd"].as_array_mut().unwrap() {
        if odd.get("since").is_some() {
            odd["says"] = Value::Null;
        }
    }
    row
}

fn is_read_back(status: &Status) {
    let text = serde_json::to_string(status).unwrap();
    let read: Status = serde_json::from_str(&text).unwrap();
    assert_eq!(timeless(&read), timeless(status), "{text}");
    assert_eq!(read.state(), status.state(), "{text}");
    let again: Status = serde_json::from_value(serde_json::to_value(read).unwrap()).unwrap();
    assert_eq!(again.state(), read.state(), "{text}");
}

#[test]
fn every_status_is_read_as_it_was_written() {
    let since = UnixTime::new(1_795_387_890, 123_456_789).unwrap();
    let phases = [Phase::Down, Phase::Up, Phase::Finish, Phase::Unknown(7)];
    let stages =
        [Stage::NotReported, Stage::Starting, Stage::Stopping, Stage::Exited, Stage::Failed];
    let ready = Readiness::Ready { since: Some(since) };
    let readiness = [Readiness::NotReported, Readiness::NotReady, Readiness::Awaited, ready];
    let wants = [None, Some(Want::Up), Some(Want::Down), Some(Want::Once)];
    let exits = [
        LastExit::NotReported,
        LastExit::Exited { code: 111 },
        LastExit::Signaled { signal: 9, core: false },
        LastExit::Signaled { signal: 40, core: false },
    ];
    let mut count = 0;
    for phase in phases {
        for stage in stages {
            for ready in readiness {
                for want in wants {
                    for (at, exit) in exits.into_iter().enumerate() {
                        let mut facts = Facts::new(phase)
                            .with_stage(stage)
                            .with_readiness(ready)
                            .with_last_exit(exit)
                            .with_since((at > 0).then_some(since));
                        facts.want = want;
                        facts.paused = [None, Some(true), Some(false), None][at];
                        facts.got_term = [None, Some(false), Some(true), None][at];
                        match phase {
                            Phase::Up => facts.pid = Pid::new(12),
                            Phase::Finish => facts.finish_pid = Pid::new(13),
                            _ => (),
                        }
                        is_read_back(&Status::of(facts));
                        count += 1;
                    }
                }
            }
        }
    }
    assert_eq!(count, 4 * 5 * 4 * 4 * 4);
    for state in State::ALL {
        is_read_back(&Status::down(since).with_state(*state).with_restarts(3));
    }
    for status in [Status::unsupervised(), Status::untold(), Status::up_and_ready(pid(), since)] {
        for suite in Suite::ALL.iter().copied().chain([Suite::Own("docker")]) {
            is_read_back(&status.with_suite(suite).with_normally(Some(Normally::Down)));
        }
    }
}

fn pid() -> Pid {
    Pid::new(14).unwrap()
}

#[test]
fn everything_that_is_odd_is_read_as_it_was_written() {
    let since = UnixTime::new(1_795_387_890, 0);
    let mut odd = Oddities::default();
    odd.crash_loop = Some(CrashLoop::new(4, Some(Duration::from_millis(3200))));
    odd.is_definition_newer = Some(true);
    odd.stale_since = since;
    odd.stuck_since = since;
    odd.cannot_start = Some(CannotStart::new(Script::Finish, 2));
    odd.cause = Some(Cause::Failed { exit: LastExit::Signaled { signal: 6, core: false } });
    odd.given_up = Some(LastExit::Exited { code: 3 });
    odd.dead = Pid::new(12);
    odd.orphan = Pid::new(13);
    odd.left_behind = Some((2, pid()));
    odd.logger = Some(State::Backoff);
    odd.logger_loop = Some(5);
    let status = Status::down(UnixTime::EPOCH).with_odd(odd);
    is_read_back(&status);
    let read: Status = serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap();
    assert_eq!(*read.odd(), odd);
    for cause in svproto::cause::ALL {
        let odd = Oddities::default().with_cause(Some(*cause));
        is_read_back(&Status::untold().with_odd(odd));
    }
}

#[test]
fn a_newer_svctl_may_say_more() {
    let row = json!({"service": "web", "state": "dreaming", "odd": [{"kind": "new", "says": "x", "y": 1}],
        "suite": "docker", "want": "sideways", "exit": {"signal": "SIGNEW"}, "more": [1]});
    let read: Status = serde_json::from_value(row).unwrap();
    assert_eq!((read.state(), read.want(), read.exit()), (State::Unknown, None, None));
    assert_eq!(read.suite(), Some(Suite::Own("docker")));
    let nothing = serde_json::from_value::<Status>(json!({"state": null, "error": "gone"}));
    assert!(nothing.unwrap_err().to_string().contains("could not be looked at"));
}

#[test]
fn words_are_read_back() {
    for word in ["already", "deadline", "never", "not-asked", "reached", "skipped"] {
        let kind: OutcomeKind = serde_json::from_value(json!(word)).unwrap();
        assert_eq!((kind.name(), serde_json::to_value(kind).unwrap()), (word, json!(word)));
    }
    for word in ["up", "down"] {
        let it: Normally = serde_json::from_value(json!(word)).unwrap();
        assert_eq!(serde_json::to_value(it).unwrap(), json!(word));
    }
    let long = "x".repeat(65);
    assert!(serde_json::from_value::<Suite>(json!(long)).is_err());
}
