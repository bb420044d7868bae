//! What svctl and systemctl make of the same request to the same unit, again and again: the same class
//! of exit each time. `SV_RUNS` says how often (3 times else); the times of both are printed and not
//! judged.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::svctl;

/// One way for a request to end; of `systemd.md` 1 (one-shot), 2 (dependency), 3 (failed), 5 (job-timeout), 6
/// (transient), 7 (condition), 8 (assert), 10 (masked) and 20 (timeout).
struct Case {
    name: &'static str,
    unit: &'static str,
    service: &'static str,
    /// Asked for before, so that it is so when the request comes.
    before: fn(&str),
    request: (&'static str, &'static str),
    /// The exit of svctl.
    exit: i32,
    /// What it says.
    says: &'static str,
}

/// The case of a start limit.
const LIMIT: &str = "start-limit";
const DIR: &str = "/run/systemd/system";
const SLEEP: &str = "Type=exec\nExecStart=/bin/sleep 1000";
const START: (&str, &str) = ("start", "up");

fn systemctl(args: &[&str]) -> i32 {
    let output = Command::new("systemctl").args(args).output().unwrap();
    output.status.code().unwrap()
}

fn nothing(_: &str) {}

fn fail_once(unit: &str) {
    assert_ne!(systemctl(&["start", unit]), 0);
}

fn run_it(unit: &str) {
    assert_eq!(systemctl(&["start", unit]), 0);
}

fn run_transient(unit: &str) {
    let mut run = Command::new("systemd-run");
    let run = run.args(["--quiet", "--unit", unit, "sleep", "1000"]).output().unwrap();
    assert!(run.status.success(), "{run:?}");
}

const fn start(name: &'static str, service: &'static str, exit: i32, says: &'static str) -> Case {
    Case { name, unit: "", service, before: nothing, request: START, exit, says }
}

const CASES: [Case; 13] = [
    start("done", SLEEP, 0, "up (pid"),
    start("failed", "Type=oneshot\nExecStart=/bin/sh -c 'exit 4'", 1, "exited with 4"),
    start(
        "timeout",
        "Type=notify\nExecStart=/bin/sleep 1000\nTimeoutStartSec=200ms",
        1,
        "the start timed out: not ready in 200 ms",
    ),
    Case {
        unit: "Requires=svo-needed.service\nAfter=svo-needed.service",
        ..start("dependency", SLEEP, 1, "the dependency svo-needed.service failed")
    },
    Case {
        unit: "AssertPathExists=/nonexistent/file",
        ..start("assert", SLEEP, 1, "AssertPathExists=/nonexistent/file")
    },
    Case {
        unit: "ConditionPathExists=/nonexistent/file",
        ..start("condition", SLEEP, 0, "ConditionPathExists=/nonexistent/file")
    },
    Case {
        unit: "StartLimitBurst=1\nStartLimitIntervalSec=1000",
        before: fail_once,
        ..start(
            LIMIT,
            "Type=exec\nExecStart=/nonexistent",
            1,
            "`svctl reset-failed svo-start-limit.service`",
        )
    },
    start("one-shot", "Type=oneshot\nExecStart=/bin/true", 0, "ran and ended with 0"),
    start(
        "notify",
        "Type=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 1000'",
        0,
        "ready",
    ),
    start("masked", "", 1, "masked"),
    Case { request: ("stop", "down"), before: run_transient, ..start("transient", "", 0, "down") },
    Case {
        request: ("stop", "down"),
        before: run_it,
        ..start(
            "stop-command",
            "Type=exec\nExecStart=/bin/sleep 1000\nExecStop=/bin/false",
            0,
            "ExecStop=/bin/false exited with 1",
        )
    },
    Case {
        unit: "JobTimeoutSec=200ms",
        ..start(
            "job-timeout",
            "Type=notify\nExecStart=/bin/sleep 1000",
            1,
            "the request timed out after 200 ms",
        )
    },
];

/// Unit files that are gone with the value.
struct Files(Vec<PathBuf>);

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            let _gone = fs::remove_file(path);
        }
        systemctl(&["daemon-reload"]);
    }
}

fn write(case: &Case) -> Files {
    let path = |name: &str| Path::new(DIR).join(format!("svo-{name}.service"));
    let mut files = vec![path(case.name)];
    match case.name {
        "masked" => std::os::unix::fs::symlink("/dev/null", path(case.name)).unwrap(),
        "transient" => (),
        _ => {
            let text = format!("[Unit]\n{}\n[Service]\n{}\n", case.unit, case.service);
            fs::write(path(case.name), text).unwrap();
        }
    }
    if case.name == "dependency" {
        let text = "[Service]\nType=exec\nExecStartPre=/bin/false\nExecStart=/bin/sleep 1000\n";
        fs::write(path("needed"), text).unwrap();
        files.push(path("needed"));
    }
    systemctl(&["daemon-reload"]);
    Files(files)
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

#[test]
fn each_outcome_is_what_systemctl_makes_of_it_every_time() {
    let Some(_machine) = super::machine() else { return };
    compare(&CASES.iter().filter(|case| case.name != LIMIT).collect::<Vec<_>>());
}

/// A reload of the manager, which nearly every other test asks for, starts the count anew.
#[test]
fn a_start_limit_is_what_systemctl_makes_of_it_every_time() {
    let Some(_machine) = super::machine_alone() else { return };
    compare(&CASES.iter().filter(|case| case.name == LIMIT).collect::<Vec<_>>());
}

fn compare(cases: &[&Case]) {
    let runs: usize = std::env::var("SV_RUNS").map_or(3, |runs| runs.parse().unwrap());
    for case in cases {
        let _files = write(case);
        let unit = format!("svo-{}.service", case.name);
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        let clean = || {
            systemctl(&["stop", &unit]);
            systemctl(&["reset-failed", &unit]);
            systemctl(&["reset-failed", "svo-needed.service"]);
        };
        for _ in 0..runs {
            clean();
            (case.before)(&unit);
            let begun = Instant::now();
            let native = systemctl(&[case.request.0, &unit]);
            theirs.push(begun.elapsed());
            clean();
            (case.before)(&unit);
            let begun = Instant::now();
            let run = svctl::run([case.request.1, &unit]);
            ours.push(begun.elapsed());
            assert_eq!(run.code, case.exit, "{}: {run:?}", case.name);
            assert_eq!(native == 0, run.code == 0, "{}: {native} {run:?}", case.name);
            let said = format!("{}{}", run.out, run.err);
            assert!(said.contains(case.says), "{}: {run:?}", case.name);
        }
        clean();
        let (theirs, ours) = (median(theirs), median(ours));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        eprintln!("{:12} {runs} runs: systemctl {theirs:?}, svctl {ours:?}, {ratio:.2}", case.name);
    }
}
