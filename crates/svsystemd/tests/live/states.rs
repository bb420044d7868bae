//! Each row of the table of states, with what brings it about.

use std::{fs, io::Write as _};

use svproto::{LastExit, State, Want};
use svsystemd::{ErrorKind, LoadState, ServiceResult};

use crate::{
    fixture::{Fixture, SLEEP, event, outcome, pid_of, reached, wait_for},
    machine::Manager,
};

pub fn missing_masked_and_broken_units_are_told_apart(manager: Manager) {
    let bus = manager.bus();
    let missing = bus.unit("svt-nowhere").unwrap();
    let error = missing.status().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchUnit);
    assert_eq!(
        error.to_string(),
        "cannot read the status of svt-nowhere.service: there is no such unit"
    );
    for error in [
        missing.start().wait().err().unwrap(),
        missing.stop().wait().err().unwrap(),
        missing.restart().wait().err().unwrap(),
        missing.reload().wait().err().unwrap(),
        missing.once().wait().err().unwrap(),
        missing.kill(15).wait().unwrap_err(),
        missing.pause().wait().unwrap_err(),
        missing.reset_failed().wait().unwrap_err(),
        missing.file_state().wait().unwrap_err(),
        missing.enable().wait().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NoSuchUnit, "{error}");
    }

    let masked = Fixture::new(manager, SLEEP);
    fs::remove_file(masked.path()).unwrap();
    std::os::unix::fs::symlink("/dev/null", masked.path()).unwrap();
    let status = masked.status();
    assert_eq!((&status.load, status.facts.state()), (&LoadState::Masked, State::Down));
    assert_eq!(masked.unit.start().wait().err().unwrap().kind(), ErrorKind::Masked);

    for text in ["Type=exec\n", "ExecStart=bin/relative\n", "ExecStart=/bin/sh -c \"\n"] {
        let broken = Fixture::new(manager, text);
        let status = broken.status();
        assert_eq!(
            (&status.load, status.facts.state()),
            (&LoadState::Broken, State::Down),
            "{text}"
        );
        assert!(status.load_error().is_some(), "{text}");
        let error = broken.unit.start().wait().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::BadUnit, "{error}");
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert!(why.contains(status.load_error().unwrap()), "{why}");
    }
    let raw = Fixture::new(manager, SLEEP);
    fs::write(raw.path(), b"[Service]\nExecStart=/bin/sleep \xff\n").unwrap();
    assert_eq!(raw.status().load, LoadState::Broken);
}

pub fn a_oneshot_is_starting_then_over_or_held(manager: Manager) {
    let it = Fixture::new(manager, "Type=oneshot\nExecStart=@/run\n");
    let (go, mut gate) = it.gate();
    it.script("run", &format!("read line <{}", go.display()));
    let job = it.unit.start().wait().unwrap();
    let starting = it.until(State::Starting);
    assert_eq!(starting.facts.want, Some(Want::Up));
    gate.write_all(b"\n").unwrap();
    // It is dropped at once, and what it did is told all the same.
    let over = reached(job);
    assert_eq!(over.facts.state(), State::Down);
    assert_eq!(over.facts.last_exit, LastExit::Exited { code: 0 });

    let it = Fixture::new(manager, "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n");
    let held = it.start();
    assert_eq!((held.facts.state(), held.facts.want), (State::Exited, Some(Want::Up)));
    assert_eq!(held.states(), ("active", "exited"));
    assert_eq!(held.facts.last_exit, LastExit::Exited { code: 0 });
    assert_eq!(reached(it.unit.stop().wait().unwrap()).facts.state(), State::Down);
}

pub fn readiness_is_awaited_then_reported(manager: Manager) {
    let it = Fixture::new(manager, "Type=notify\nNotifyAccess=all\nExecStart=@/run\n");
    let (go, mut gate) = it.gate();
    it.script(
        "run",
        &format!(
            "systemd-notify --status='warming up'\nread line <{0}\n\
             systemd-notify --ready --status=serving\nread line <{0}\n\
             systemd-notify RELOADING=1\nread line <{0}\nsystemd-notify --ready\nexec sleep 1000",
            go.display()
        ),
    );
    let names = [it.unit.name().clone()];
    let mut watch = it.bus.watch(&names).wait().unwrap();
    let job = it.unit.start().wait().unwrap();
    let mut next = |done: &dyn Fn(&svsystemd::UnitStatus) -> bool| {
        event(&mut watch, |event| event.status.as_ref().is_ok_and(done)).status.unwrap()
    };
    let starting = next(&|it| it.text() == Some("warming up"));
    assert_eq!(starting.facts.state(), State::Starting);
    assert_eq!(starting.facts.readiness.is_ready(), Some(false));
    gate.write_all(b"\n").unwrap();
    let ready = reached(job);
    assert_eq!((ready.facts.state(), ready.text()), (State::Ready, Some("serving")));
    next(&|it| it.facts.state() == State::Ready);
    gate.write_all(b"\n").unwrap();
    let reloading = next(&svsystemd::UnitStatus::is_reloading);
    assert_eq!(reloading.facts.state(), State::Ready);
    gate.write_all(b"\n").unwrap();
    next(&|it| !it.is_reloading() && it.facts.state() == State::Ready);
}

pub fn each_end_of_a_run_is_told(manager: Manager) {
    use nix::libc as c;
    let end = |signal: i32| {
        let it = Fixture::new(manager, SLEEP);
        it.unit.keep().wait().unwrap();
        it.start();
        it.unit.kill(signal).wait().unwrap();
        it.until_that(|status| status.facts.pid.is_none() && status.states().0 != "deactivating")
    };
    let killed = |signal, core| LastExit::Signaled { signal, core };
    // What systemd takes for a clean death.
    for (signal, number) in [(c::SIGTERM, 15), (c::SIGHUP, 1), (c::SIGINT, 2)] {
        let status = end(signal);
        assert_eq!((status.facts.state(), status.result()), (State::Down, ServiceResult::Success));
        assert_eq!(status.facts.last_exit, killed(number, false));
    }
    let status = end(c::SIGUSR1);
    assert_eq!((status.facts.state(), status.result()), (State::Failed, ServiceResult::Signal));
    assert_eq!(status.facts.last_exit, killed(10, false));
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nLimitCORE=infinity\n");
    it.start();
    it.unit.kill(c::SIGSEGV).wait().unwrap();
    let status = it.until(State::Failed);
    // Whether a core is dumped is the machine's affair.
    match status.facts.last_exit {
        LastExit::Signaled { signal: 11, core: true } => {
            assert_eq!(status.result(), ServiceResult::CoreDump);
        }
        LastExit::Signaled { signal: 11, core: false } => {
            assert_eq!(status.result(), ServiceResult::Signal);
        }
        other => panic!("{other:?}"),
    }
    let it = Fixture::new(manager, "ExecStart=/bin/sh -c 'sleep 0.1; exit 3'\n");
    it.start();
    let status = it.until(State::Failed);
    assert_eq!(status.facts.last_exit, LastExit::Exited { code: 3 });
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nWatchdogSec=100ms\n");
    it.start();
    let status = it.until(State::Failed);
    assert_eq!(status.result(), ServiceResult::Watchdog);
}

pub fn what_runs_after_the_end_is_not_the_service(manager: Manager) {
    let it =
        Fixture::new(manager, "ExecStart=/bin/sleep 1000\nExecStop=@/stop\nExecStopPost=@/post\n");
    let (go, mut gate) = it.gate();
    let wait = format!("read line <{}", go.display());
    it.script("stop", &wait);
    it.script("post", &wait);
    let up = it.start();
    let job = it.unit.stop().wait().unwrap();
    let stopping = it.until_that(|status| status.states().1 == "stop");
    assert_eq!((stopping.facts.state(), stopping.facts.pid), (State::Stopping, up.facts.pid));
    gate.write_all(b"\n").unwrap();
    let finishing = it.until(State::Finishing);
    assert_eq!(finishing.facts.pid, None);
    assert!(finishing.facts.finish_pid.is_some_and(|pid| pid.get() != pid_of(&up)));
    assert_eq!(finishing.facts.want, Some(Want::Down));
    gate.write_all(b"\n").unwrap();
    assert_eq!(reached(job).facts.state(), State::Down);

    // The same after a crash; it will be started again.
    let it =
        Fixture::new(manager, "ExecStart=/bin/sleep 1000\nExecStopPost=@/post\nRestart=always\n");
    let (go, mut gate) = it.gate();
    it.script("post", &format!("read line <{}", go.display()));
    it.start();
    it.unit.kill(9).wait().unwrap();
    let finishing = it.until(State::Finishing);
    assert_eq!(finishing.facts.want, Some(Want::Up));
    assert_eq!(finishing.facts.last_exit, LastExit::Signaled { signal: 9, core: false });
    gate.write_all(b"\n").unwrap();
    it.until(State::Up);
    // Its last end wants its turn as well.
    let stop = it.unit.stop().wait().unwrap();
    it.until(State::Finishing);
    gate.write_all(b"\n").unwrap();
    reached(stop);
}

pub fn what_runs_before_it_is_up_is_starting(manager: Manager) {
    let it = Fixture::new(
        manager,
        "ExecStartPre=@/pre\nExecStart=/bin/sleep 1000\nExecStartPost=@/post\n",
    );
    let (go, mut gate) = it.gate();
    for name in ["pre", "post"] {
        it.script(name, &format!("read line <{}", go.display()));
    }
    let job = it.unit.start().wait().unwrap();
    let before = it.until_that(|status| status.states().1 == "start-pre");
    assert_eq!((before.facts.state(), before.facts.pid), (State::Starting, None));
    // There is a process, and it is not the main one.
    assert_eq!(it.unit.kill(15).wait().unwrap_err().kind(), ErrorKind::NotRunning);
    it.unit.signal(svsystemd::KillWhom::Control, nix::libc::SIGCONT).wait().unwrap();
    it.unit.signal(svsystemd::KillWhom::All, nix::libc::SIGCONT).wait().unwrap();
    gate.write_all(b"\n").unwrap();
    let after = it.until_that(|status| status.states().1 == "start-post");
    assert_eq!(after.facts.state(), State::Starting);
    assert!(after.facts.pid.is_some());
    // A pending job outlives a reload of the manager.
    it.bus.reload().wait().unwrap();
    gate.write_all(b"\n").unwrap();
    assert_eq!(reached(job).facts.pid, after.facts.pid);
}

pub fn a_forked_service_is_up_by_its_main_process(manager: Manager) {
    let it = Fixture::new(manager, "Type=forking\nPIDFile=@/pid\nExecStart=@/run\n");
    it.script("run", "sleep 1000 & echo $! >${0%/*}/pid");
    let up = it.start();
    let pid = fs::read_to_string(it.tmp.path().join("pid")).unwrap();
    assert_eq!((up.facts.state(), pid_of(&up).to_string().as_str()), (State::Up, pid.trim()));
    reached(it.unit.stop().wait().unwrap());
}

pub fn a_start_limit_ends_in_failed(manager: Manager) {
    let it = Fixture::with(
        manager,
        "StartLimitIntervalSec=60\nStartLimitBurst=3\n",
        "ExecStart=/bin/sh -c 'exit 4'\nRestart=always\nRestartSec=10ms\n",
    );
    drop(it.unit.start().wait().unwrap());
    let failed = it.until(State::Failed);
    assert_eq!(failed.facts.want, Some(Want::Down));
    // Not `StartLimitHit` before 262: the result stays that of the crash.
    assert!(
        matches!(failed.result(), ServiceResult::ExitCode | ServiceResult::StartLimitHit),
        "{}",
        failed.result()
    );
    // A reload of the manager, which other tests ask for, starts the count anew.
    assert!(failed.restarts() >= 3, "{}", failed.restarts());
    let again = outcome(it.unit.start().wait().unwrap());
    assert_eq!(again.job().unwrap().name(), "failed");
    it.unit.reset_failed().wait().unwrap();
    assert_eq!(it.status().restarts(), 0);
    drop(it.unit.start().wait().unwrap());
    it.until(State::Failed);
}

pub fn a_running_unit_outlives_its_file(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    let up = it.start();
    assert!(!it.status().needs_reload());
    let text = fs::read_to_string(it.path()).unwrap();
    // The manager compares times, and a file system may keep coarse ones.
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(it.path(), format!("{text}# edited\n")).unwrap();
    assert!(it.status().needs_reload());
    fs::remove_file(it.path()).unwrap();
    it.bus.reload().wait().unwrap();
    let gone = it.status();
    assert_eq!((&gone.load, gone.facts.state()), (&LoadState::NotFound, State::Up));
    assert_eq!(gone.facts.pid, up.facts.pid);
    std::os::unix::fs::symlink("/dev/null", it.path()).unwrap();
    it.bus.reload().wait().unwrap();
    let masked = it.status();
    assert_eq!((&masked.load, masked.facts.state()), (&LoadState::Masked, State::Up));
    reached(it.unit.stop().wait().unwrap());
}

pub fn uptime_is_that_of_the_process(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    assert_eq!(it.status().uptime(), None);
    let before = std::time::Instant::now();
    it.start();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let (uptime, most) = (it.status().uptime().unwrap(), before.elapsed());
    assert!(
        uptime >= std::time::Duration::from_millis(50) && uptime <= most,
        "{uptime:?} {most:?}"
    );
}

/// The freezer is the system manager's: user managers are not given it everywhere.
pub fn frozen_is_paused_under_its_own_name(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=@/run\n");
    it.script("run", "echo $$ >$0.pid\nexec sleep 1000");
    let up = it.start();
    wait_for(&it.tmp.path().join("run.pid"));
    let names = [it.unit.name().clone()];
    let mut watch = it.bus.watch(&names).wait().unwrap();
    it.unit.freeze().wait().unwrap();
    let frozen = it.status();
    assert!(frozen.is_frozen());
    assert_eq!((frozen.facts.state(), frozen.facts.pid), (State::Paused, up.facts.pid));
    event(&mut watch, |event| event.status.as_ref().unwrap().is_frozen());
    it.unit.thaw().wait().unwrap();
    assert!(!it.status().is_frozen());
    event(&mut watch, |event| !event.status.as_ref().unwrap().is_frozen());
    // What would be refused or lost while it is frozen is not: it is thawed first.
    it.unit.freeze().wait().unwrap();
    let again = reached(it.unit.restart().wait().unwrap());
    assert_ne!(again.facts.pid, up.facts.pid);
    it.unit.freeze().wait().unwrap();
    it.unit.kill(9).wait().unwrap();
    it.until(State::Failed);
    it.start();
    it.unit.freeze().wait().unwrap();
    let down = reached(it.unit.stop().wait().unwrap());
    assert_eq!((down.facts.state(), down.is_frozen()), (State::Down, false));
    it.unit.thaw().wait().unwrap_err();
}
