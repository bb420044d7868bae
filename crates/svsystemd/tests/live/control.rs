//! The sentences that every supervisor is told, said to systemd.

use std::{fs, io::Write as _, time::Instant};

use nix::libc as c;
use svproto::{LastExit, State, Want};
use svsystemd::{ErrorKind, JobOutcome, ServiceResult};

use crate::{
    fixture::{Fixture, SLEEP, event, outcome, pid_of, reached, wait_for},
    machine::{Manager, deadline},
};

pub fn up_down_and_restart_change_what_systemctl_says(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    assert_eq!(it.status().facts.state(), State::Down);
    let up = it.start();
    assert_eq!((up.facts.state(), up.facts.want), (State::Up, Some(Want::Up)));
    assert_eq!(it.native("MainPID"), pid_of(&up).to_string());
    assert_eq!(it.native("SubState"), "running");
    let again = reached(it.unit.restart().wait().unwrap());
    assert_ne!(pid_of(&again), pid_of(&up));
    assert_eq!(it.native("MainPID"), pid_of(&again).to_string());
    let down = reached(it.unit.stop().wait().unwrap());
    assert_eq!((down.facts.state(), down.facts.want), (State::Down, Some(Want::Down)));
    assert_eq!(down.facts.pid, None);
    assert_eq!(it.native("ActiveState"), "inactive");
    // What is so already is no failure.
    reached(it.unit.stop().wait().unwrap());
    it.start();
    it.start();
}

pub fn a_restart_is_another_process_even_within_the_same_second(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    let mut before = it.start();
    for _ in 0..5 {
        let after = reached(it.unit.restart().wait().unwrap());
        assert!(after.facts.since > before.facts.since, "{before:?} {after:?}");
        assert_ne!(after.invocation(), before.invocation());
        before = after;
    }
    let down = Fixture::new(manager, SLEEP);
    reached(down.unit.try_restart().wait().unwrap());
    assert_eq!(down.status().facts.state(), State::Down);
    reached(down.unit.restart().wait().unwrap());
    assert_eq!(down.status().facts.state(), State::Up);
}

pub fn a_crash_with_restart_comes_back(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=0\n");
    let up = it.start();
    it.unit.kill(nix::libc::SIGKILL).wait().unwrap();
    let again = it
        .until_that(|status| status.facts.state() == State::Up && status.facts.pid != up.facts.pid);
    assert_eq!(again.restarts(), 1);
    assert_ne!(again.invocation(), up.invocation());
}

pub fn a_crash_loop_is_never_called_down_or_failed(manager: Manager) {
    let it = Fixture::with(
        manager,
        "StartLimitIntervalSec=0\n",
        "ExecStart=/bin/sh -c 'exit 3'\nRestart=always\nRestartSec=50ms\n",
    );
    let names = [it.unit.name().clone()];
    let mut watch = it.bus.watch(&names).wait().unwrap();
    drop(it.unit.start().wait().unwrap());
    let mut runs = 0;
    event(&mut watch, |event| {
        event.status.as_ref().is_ok_and(|status| status.facts.want == Some(Want::Up))
    });
    let mut last = None;
    while runs < 5 {
        let event = event(&mut watch, |_| true);
        let status = event.status.unwrap();
        let state = status.facts.state();
        let words = crate::fixture::words(&status);
        assert!(
            matches!(state, State::Backoff | State::Up | State::Starting | State::Stopping),
            "{words}"
        );
        if state == State::Backoff && last != Some(State::Backoff) {
            assert_eq!(status.facts.last_exit, LastExit::Exited { code: 3 }, "{words}");
            assert_eq!(status.result(), ServiceResult::ExitCode);
            runs += 1;
        }
        last = Some(state);
    }
    let down = reached(it.unit.stop().wait().unwrap());
    assert_eq!(down.facts.want, Some(Want::Down));
}

pub fn a_slow_stop_is_waited_for(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=@/run\n");
    let (go, mut gate) = it.gate();
    let trap = format!("trap 'read go <{}; exit 0' TERM\n", go.display());
    it.script("run", &(trap + ": >$0.deaf\nwhile :; do sleep 0.05; done"));
    let before = it.start();
    let started = Instant::now();
    while !it.tmp.path().join("run.deaf").exists() {
        assert!(started.elapsed().as_secs() < 20);
    }
    let job = it.unit.stop().wait().unwrap();
    let seen = it.until_that(|status| status.states().1 == "stop-sigterm");
    assert_eq!(seen.facts.state(), State::Stopping);
    assert_eq!((seen.facts.pid, seen.facts.want), (before.facts.pid, Some(Want::Down)));
    assert_eq!(it.native("SubState"), "stop-sigterm");
    gate.write_all(b"go\n").unwrap();
    assert_eq!(reached(job).facts.state(), State::Down);
}

pub fn a_service_that_ignores_term_is_stopping_and_ends_failed(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=@/run\nTimeoutStopSec=1\n");
    it.script("run", "trap '' TERM\necho >$0.deaf\nexec sleep 1000");
    let up = it.start();
    wait_for(&it.tmp.path().join("run.deaf"));
    let job = it.unit.stop().wait().unwrap();
    // The deadline passes first: it is still there, and wanted down.
    let early = job.outcome_before(Instant::now()).unwrap();
    let JobOutcome::Deadline { status } = &early else { panic!("{early:?}") };
    assert_eq!((status.facts.state(), status.facts.pid), (State::Stopping, up.facts.pid));
    let JobOutcome::Reached { job, status } = outcome(it.unit.stop().wait().unwrap()) else {
        panic!("it is down")
    };
    assert_eq!(job.name(), "done");
    assert_eq!((status.facts.state(), status.result()), (State::Failed, ServiceResult::Timeout));
    assert_eq!(status.facts.last_exit, LastExit::Signaled { signal: 9, core: false });
    it.unit.reset_failed().wait().unwrap();
    assert_eq!(it.status().facts.state(), State::Down);
}

pub fn a_paused_service_is_paused_and_stops_all_the_same(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    let up = it.start();
    let names = [it.unit.name().clone()];
    let mut watch = it.bus.watch(&names).wait().unwrap();
    for _ in 0..3 {
        it.unit.pause().wait().unwrap();
        let paused = it.status();
        assert_eq!((paused.facts.state(), paused.facts.paused), (State::Paused, Some(true)));
        assert!(!paused.is_frozen());
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid_of(&up))).unwrap();
        assert!(stat.contains(") T "), "{stat}");
        event(&mut watch, |it| it.status.as_ref().unwrap().facts.state() == State::Paused);
        it.unit.cont().wait().unwrap();
        assert_eq!(it.status().facts.state(), State::Up);
        event(&mut watch, |it| it.status.as_ref().unwrap().facts.state() == State::Up);
    }
    it.unit.pause().wait().unwrap();
    let down = reached(it.unit.stop().wait().unwrap());
    assert_eq!(down.facts.state(), State::Down);
    assert_eq!(it.unit.pause().wait().unwrap_err().kind(), ErrorKind::NotRunning);
}

pub fn signals_reach_the_main_process(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=@/run\n");
    it.script(
        "run",
        "for s in HUP INT QUIT USR1 USR2 ALRM WINCH TERM; do trap \"echo $s >>$0.got\" $s; done\n\
         echo ready >>$0.got\nwhile :; do sleep 0.02; done",
    );
    let up = it.start();
    let got = it.tmp.path().join("run.got");
    wait_for(&got);
    for (signal, name) in [
        (c::SIGHUP, "HUP"),
        (c::SIGINT, "INT"),
        (c::SIGQUIT, "QUIT"),
        (c::SIGUSR1, "USR1"),
        (c::SIGUSR2, "USR2"),
        (c::SIGALRM, "ALRM"),
        (c::SIGWINCH, "WINCH"),
        (c::SIGTERM, "TERM"),
    ] {
        it.unit.kill(signal).wait().unwrap();
        let until = deadline();
        while !wait_for(&got).lines().any(|line| line == name) {
            assert!(Instant::now() < until, "{name} does not come");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
    assert_eq!(it.status().facts.pid, up.facts.pid);
    assert_eq!(it.unit.kill(99).wait().unwrap_err().kind(), ErrorKind::Manager);
    it.unit.kill(c::SIGKILL).wait().unwrap();
    let failed = it.until(State::Failed);
    assert_eq!(failed.result(), ServiceResult::Signal);
    assert_eq!(failed.facts.last_exit, LastExit::Signaled { signal: 9, core: false });
    let error = it.unit.kill(c::SIGTERM).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning, "{error}");
}

pub fn once_is_not_started_again(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=0\n");
    let up = reached(it.unit.once().wait().unwrap());
    assert_eq!((up.facts.state(), up.facts.want), (State::Up, Some(Want::Once)));
    assert_eq!(it.native("Restart"), "no");
    it.unit.kill(nix::libc::SIGTERM).wait().unwrap();
    let ended = it.until(State::Exited);
    assert_eq!((ended.restarts(), ended.facts.want), (0, Some(Want::Down)));
    // A start undoes it.
    it.start();
    assert_eq!(it.native("Restart"), "always");
    let first = it.status();
    assert_eq!(first.facts.want, Some(Want::Up));
    // On one that runs: the same process goes on, and is the last.
    it.unit.no_restart().wait().unwrap();
    assert_eq!(it.status().facts.pid, first.facts.pid);
    it.unit.kill(nix::libc::SIGKILL).wait().unwrap();
    it.until(State::Failed);
    assert_eq!(it.status().restarts(), 0);
}

pub fn a_start_during_the_wait_between_two_runs_is_at_once(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=600\n");
    let up = it.start();
    it.unit.kill(nix::libc::SIGKILL).wait().unwrap();
    let backoff = it.until(State::Backoff);
    assert_eq!((backoff.facts.pid, backoff.facts.want), (None, Some(Want::Up)));
    let error = it.unit.kill(nix::libc::SIGTERM).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning);
    let again = it.start();
    assert_ne!(again.facts.pid, up.facts.pid);
    it.unit.kill(nix::libc::SIGKILL).wait().unwrap();
    it.until(State::Backoff);
    assert_eq!(reached(it.unit.stop().wait().unwrap()).facts.state(), State::Down);
}
