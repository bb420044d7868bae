//! What becomes of jobs: each result provoked for real.

use svproto::{LastExit, State};
use svsystemd::{Outcome, ServiceResult};

use crate::{
    fixture::{Fixture, outcome, words},
    machine::Manager,
};

#[track_caller]
fn missed(it: &Fixture, job: &str, state: State, result: ServiceResult, exit: LastExit) {
    let outcome = outcome(it.unit.start().wait().unwrap());
    let Outcome::Missed { job: seen, status } = &outcome else { panic!("{outcome:?}") };
    let got = (seen.name(), status.status.state(), status.result(), status.status.last_exit);
    assert_eq!(got, (job, state, result, exit), "{}", words(status));
}

pub fn each_end_of_a_start_has_its_outcome(manager: Manager) {
    let none = LastExit::NotReported;
    let code = |code| LastExit::Exited { code };
    let of = |service: &str| Fixture::new(manager, service);
    let (failed, down) = (State::Failed, State::Down);
    let exit_code = ServiceResult::ExitCode;
    // No such program: known before it is up, except to Type=simple.
    let it = of("ExecStart=/nonexistent\n");
    missed(&it, "failed", failed, exit_code.clone(), code(203));
    let it = of("Type=simple\nExecStart=/nonexistent\n");
    let job = outcome(it.unit.start().wait().unwrap());
    assert_eq!(job.job().unwrap().name(), "done");
    it.until(State::Failed);
    let it = of("ExecStart=/bin/sleep 9\nUser=nosuchuser\n");
    if manager == Manager::System {
        missed(&it, "failed", failed, exit_code.clone(), code(217));
    }
    let it = of("ExecStart=/bin/sleep 9\nWorkingDirectory=/nonexistent\n");
    missed(&it, "failed", failed, exit_code.clone(), code(200));
    let it = of("ExecStartPre=/bin/false\nExecStart=/bin/sleep 9\n");
    missed(&it, "failed", failed, exit_code.clone(), none);
    let it = of("Type=oneshot\nExecStart=/bin/sh -c 'exit 7'\n");
    missed(&it, "failed", failed, exit_code, code(7));
    // Never ready.
    let it = of("Type=notify\nExecStart=/bin/sleep 9\nTimeoutStartSec=200ms\n");
    let term = LastExit::Signaled { signal: 15, core: false };
    missed(&it, "failed", failed, ServiceResult::Timeout, term);
    // A condition keeps it down, an assertion as well, but that is a failure.
    let it =
        Fixture::with(manager, "ConditionPathExists=/nonexistent\n", "ExecStart=/bin/sleep 9\n");
    let skipped = outcome(it.unit.start().wait().unwrap());
    assert!(!skipped.is_reached() && skipped.status().is_condition_unmet(), "{skipped:?}");
    assert_eq!((skipped.job().unwrap().name(), skipped.status().status.state()), ("done", down));
    let it = Fixture::with(manager, "AssertPathExists=/nonexistent\n", "ExecStart=/bin/sleep 9\n");
    missed(&it, "assert", down, ServiceResult::Success, none);
    let it = of("ExecCondition=/bin/sh -c 'exit 1'\nExecStart=/bin/sleep 9\n");
    missed(&it, "done", down, ServiceResult::ExecCondition, none);
}
