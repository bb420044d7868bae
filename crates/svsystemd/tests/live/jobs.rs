//! What becomes of jobs: each result provoked for real.

use std::fs;

use svproto::{LastExit, State};
use svsystemd::{ErrorKind, JobOutcome, ServiceResult};

use crate::{
    fixture::{Fixture, SLEEP, outcome, reached, words},
    machine::Manager,
};

#[track_caller]
fn missed(it: &Fixture, job: &str, state: State, result: ServiceResult, exit: LastExit) {
    let outcome = outcome(it.unit.start().wait().unwrap());
    let JobOutcome::Missed { job: seen, status } = &outcome else { panic!("{outcome:?}") };
    let got = (seen.name(), status.facts.state(), status.result(), status.facts.last_exit);
    assert_eq!(got, (job, state, result, exit), "{}", words(status));
}

const NONE: LastExit = LastExit::NotReported;

const fn code(code: u8) -> LastExit {
    LastExit::Exited { code }
}

pub fn each_way_to_fail_has_its_outcome(manager: Manager) {
    let of = |service: &str| Fixture::new(manager, service);
    let (failed, exit_code) = (State::Failed, ServiceResult::ExitCode);
    let check = |service: &str, result: &ServiceResult, exit| {
        missed(&of(service), "failed", failed, result.clone(), exit);
    };
    // No such program: known before it is up, except to Type=simple.
    check("ExecStart=/nonexistent\n", &exit_code, code(203));
    let it = of("Type=simple\nExecStart=/nonexistent\n");
    let job = outcome(it.unit.start().wait().unwrap());
    assert_eq!(job.job().unwrap().name(), "done");
    it.until(State::Failed);
    if manager == Manager::System {
        check("ExecStart=/bin/sleep 9\nUser=nosuchuser\n", &exit_code, code(217));
    }
    check("ExecStart=/bin/sleep 9\nWorkingDirectory=/nonexistent\n", &exit_code, code(200));
    check("ExecStartPre=/bin/false\nExecStart=/bin/sleep 9\n", &exit_code, NONE);
    check("Type=oneshot\nExecStart=/bin/sh -c 'exit 7'\n", &exit_code, code(7));
    check("Type=forking\nExecStart=/bin/sh -c 'exit 7'\n", &exit_code, NONE);
    // Never ready.
    let term = LastExit::Signaled { signal: 15, core: false };
    let late = "Type=notify\nExecStart=/bin/sleep 9\nTimeoutStartSec=200ms\n";
    check(late, &ServiceResult::Timeout, term);
    // It says that it will be ready, and ends.
    check("Type=notify\nExecStart=/bin/true\n", &ServiceResult::Protocol, code(0));
    check("ExecCondition=/bin/sh -c 'exit 255'\nExecStart=/bin/sleep 9\n", &exit_code, NONE);
}

pub fn a_condition_that_does_not_hold_is_no_failure(manager: Manager) {
    // Kept, since the manager drops what is down, and forgets what came of it when another test makes
    // it read its files again at that moment.
    let unmet = "ConditionPathExists=/nonexistent\n";
    let it = Fixture::with(manager, unmet, SLEEP);
    it.unit.keep().wait().unwrap();
    let skipped = outcome(it.unit.start().wait().unwrap());
    assert!(!skipped.is_reached() && skipped.status().is_condition_unmet(), "{skipped:?}");
    let status = &skipped.status().facts;
    assert_eq!((skipped.job().unwrap().name(), status.state()), ("done", State::Down));
    let it = Fixture::new(manager, "ExecCondition=/bin/sh -c 'exit 1'\nExecStart=/bin/sleep 9\n");
    it.unit.keep().wait().unwrap();
    missed(&it, "done", State::Down, ServiceResult::ExecCondition, NONE);
    // An assertion is one.
    let it = Fixture::with(manager, "AssertPathExists=/nonexistent\n", SLEEP);
    missed(&it, "assert", State::Down, ServiceResult::Success, NONE);
}

pub fn a_job_that_is_replaced_or_taken_back_is_canceled(manager: Manager) {
    let it = Fixture::new(manager, "Type=notify\nExecStart=/bin/sleep 1000\n");
    let start = it.unit.start().wait().unwrap();
    let stop = it.unit.stop().wait().unwrap();
    let canceled = outcome(start);
    assert_eq!(canceled.job().unwrap().name(), "canceled", "{canceled:?}");
    assert!(!canceled.is_reached());
    reached(stop);
    let start = it.unit.start().wait().unwrap();
    it.until(State::Starting);
    start.cancel().wait().unwrap();
    let unit = start.unit().clone();
    let canceled = outcome(start);
    assert_eq!(canceled.job().unwrap().name(), "canceled");
    // It goes on starting.
    assert_eq!(unit.status().wait().unwrap().facts.state(), State::Starting);
    // A job that is over can be taken back as well.
    let stop = unit.stop().wait().unwrap();
    let id = stop.id().unwrap();
    assert!(id > 0);
    it.until(State::Down);
    stop.cancel().wait().unwrap();
    reached(stop);
}

pub fn two_who_ask_for_the_same_share_a_job(manager: Manager) {
    let it = Fixture::new(manager, "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 0.3\n");
    let other = manager.bus();
    let first = it.unit.start().wait().unwrap();
    let second = other.unit(it.name()).unwrap().start().wait().unwrap();
    assert_eq!(first.id(), second.id());
    assert!(outcome(first).is_reached() && outcome(second).is_reached());
}

pub fn a_dependency_that_fails_or_is_missing_is_named(manager: Manager) {
    let needed = Fixture::new(manager, "Type=oneshot\nExecStart=/bin/false\n");
    let lines = format!("Requires={0}\nAfter={0}\n", needed.name());
    let it = Fixture::with(manager, &lines, SLEEP);
    missed(&it, "dependency", State::Down, ServiceResult::Success, NONE);
    assert_eq!(needed.status().facts.state(), State::Failed);

    let it = Fixture::with(manager, "Requires=svt-gone.service\n", SLEEP);
    let error = it.unit.start().wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Dependency);
    let text = error.to_string();
    assert!(text.ends_with("it requires svt-gone.service, which does not exist"), "{text}");
}

pub fn a_job_has_a_timeout_of_its_own(manager: Manager) {
    let it =
        Fixture::with(manager, "JobTimeoutSec=200ms\n", "Type=notify\nExecStart=/bin/sleep 1000\n");
    let late = outcome(it.unit.start().wait().unwrap());
    assert_eq!(late.job().unwrap().name(), "timeout", "{late:?}");
    // The unit goes on.
    assert_eq!(late.status().facts.state(), State::Starting);
}

pub fn a_reload_is_a_reload_and_nothing_else(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    let up = it.start();
    let error = it.unit.reload().wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(it.status().facts.pid, up.facts.pid);
    // The other one restarts what cannot be reloaded.
    let again = reached(it.unit.reload_or_restart().wait().unwrap());
    assert_ne!(again.facts.pid, up.facts.pid);

    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nExecReload=@/reload\n");
    it.script("reload", "echo reloaded >>$0.got; test ! -e $0.fail");
    let down = outcome(it.unit.reload().wait().unwrap());
    assert_eq!((down.job().unwrap().name(), down.is_reached()), ("invalid", false));
    let up = it.start();
    let done = outcome(it.unit.reload().wait().unwrap());
    assert!(done.is_reached());
    let got = it.tmp.path().join("reload.got");
    assert_eq!(fs::read_to_string(&got).unwrap(), "reloaded\n");
    let same = reached(it.unit.reload_or_restart().wait().unwrap());
    assert_eq!(same.facts.pid, up.facts.pid);
    fs::write(it.tmp.path().join("reload.fail"), "").unwrap();
    let failed = outcome(it.unit.reload().wait().unwrap());
    assert_eq!((failed.job().unwrap().name(), failed.is_reached()), ("failed", false));
    // A reload that fails leaves it up.
    assert_eq!(failed.status().facts.state(), State::Up);
}

pub fn what_may_not_be_started_by_hand_is_refused(manager: Manager) {
    let it = Fixture::with(manager, "RefuseManualStart=yes\nRefuseManualStop=yes\n", SLEEP);
    assert_eq!(it.unit.start().wait().err().unwrap().kind(), ErrorKind::Refused);
    let template =
        Fixture::named(manager, "svt-template@.service", "", "ExecStart=/bin/sleep %i\n");
    let error = template.unit.start().wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Manager, "{error}");
    let name = template.unit.name().instantiate("1000").unwrap();
    let instance = template.bus.named(name);
    let up = reached(instance.start().wait().unwrap());
    assert_eq!(up.id().unwrap().as_str(), "svt-template@1000.service");
    reached(instance.stop().wait().unwrap());
}
