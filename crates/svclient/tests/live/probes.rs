//! Readiness that is asked for: the `check` script of runit, and the caller's own question.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use svclient::{
    Bulk, Cause, CheckRule, Goal, Machine, Op, Outcome, OutcomeKind, Request, Service, State,
    Version, Versions, pursue,
};

use crate::{
    supervised::{Suite, Supervised},
    waiting::{deadline, event, open, status_of, watch},
};

const SLEEP: &str = "exec sleep 1000";

fn wait_for(supervised: &Supervised, state: State) {
    let mut watch = watch(supervised);
    event(&mut watch, |event| status_of(event).is_some_and(|status| status.state() == state));
}

fn outcome(supervised: &Supervised, request: &Request, deadline: Instant) -> Outcome {
    pursue(&[open(supervised)], request, deadline).unwrap().remove(0).unwrap()
}

/// Whether the installed `sv` is content within a second. Debian 12 has 2.1.2.
fn sv_check(supervised: &Supervised) -> bool {
    let mut sv = Command::new("sv");
    sv.args(["-w", "1", "check"]).arg(supervised.dir()).stdout(Stdio::null());
    sv.status().unwrap().success()
}

/// Whether we are, by the same rule.
fn check(supervised: &Supervised, rule: CheckRule) -> bool {
    let soon = Instant::now() + Duration::from_secs(1);
    outcome(supervised, &Request::check(rule), soon).is_reached()
}

pub fn a_check_script_is_run_as_sv_runs_it(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    wait_for(&supervised, State::Up);
    let agree = |expected: bool, case: &str| {
        assert_eq!(sv_check(&supervised), expected, "sv, {case}");
        assert_eq!(check(&supervised, CheckRule::Runit2_1), expected, "{case}");
    };
    agree(true, "no script");
    supervised.script("check", "exit 1");
    agree(false, "it says no");
    supervised.script("check", "test $# = 0 && test -x run");
    agree(true, "it runs in the service directory, without arguments");
    supervised.script("check", "exec 2>/dev/null; echo something");
    // sv closes its standard output: what it prints is an error there and nowhere here.
    assert!(check(&supervised, CheckRule::Runit2_1));
    supervised.script("check", "exit 1");
    let check = supervised.dir().join("check");
    fs::set_permissions(&check, fs::Permissions::from_mode(0o644)).unwrap();
    agree(true, "nobody may run it");
}

pub fn a_script_that_hangs_ends_with_the_deadline_and_is_not_left_behind(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    wait_for(&supervised, State::Up);
    supervised.script("check", "echo $$ > check.pid; exec sleep 1000");
    assert!(!check(&supervised, CheckRule::default()));
    let pid = fs::read_to_string(supervised.dir().join("check.pid")).unwrap();
    let alive = fs::exists(format!("/proc/{}", pid.trim())).unwrap();
    assert!(!alive);
}

pub fn what_a_hanging_script_has_started_is_not_left_behind(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    wait_for(&supervised, State::Up);
    supervised.script("check", "sleep 1000 &\necho $! > check.pid\nwait");
    assert!(!check(&supervised, CheckRule::default()));
    let pid = fs::read_to_string(supervised.dir().join("check.pid")).unwrap();
    let deadline = deadline();
    // It is somebody else's to wait for; until then it has no command line.
    let command = || fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
    while !command().is_empty() {
        assert!(Instant::now() < deadline, "it is left behind");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Of a service that is up few processes are asked; of the ninth of many, all of them are.
pub fn what_is_left_behind_is_found_near_it_and_among_all_processes(suite: Suite) {
    let supervised = Supervised::start(
        suite,
        "if [ ! -e left ]; then\nsleep 1000 </dev/null &\necho $! >left\nexit 1\nfi\nexec sleep 1000",
    );
    let mut watch = watch(&supervised);
    let left = supervised.dir().join("left");
    event(&mut watch, |event| {
        status_of(event).is_some_and(|status| status.state() == State::Up) && left.exists()
    });
    let deadline = deadline();
    let service = open(&supervised);
    let of_shared = |service: &Service| service.oddities(&service.status().unwrap()).left_behind;
    // Its first run, seen just before its end, has lost nobody, and has told nobody its number.
    let its = loop {
        let found = of_shared(&service);
        let text = fs::read_to_string(&left).unwrap();
        if let Some((1, pid)) = found.filter(|(_, pid)| text.trim() == pid.to_string()) {
            break pid;
        }
        assert!(Instant::now() < deadline, "it is not found near the service: {found:?}");
    };
    let service = service.sharing(&Machine::new());
    for turn in 0..10 {
        assert_eq!(of_shared(&service), Some((1, its)), "turn {turn}");
    }
    let its = nix::unistd::Pid::from_raw(its.get().try_into().unwrap());
    nix::sys::signal::kill(its, nix::sys::signal::Signal::SIGKILL).unwrap();
}

pub fn a_finish_script_is_a_process_to_the_older_rule(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    supervised.script("finish", "exec sleep 1000");
    supervised.script("check", "exit 1");
    wait_for(&supervised, State::Up);
    open(&supervised).send(Op::Term).unwrap();
    // To `sv` before 2.3 it is the pid in the record that makes a process; it comes with the second
    // record.
    let mut watch = watch(&supervised);
    event(&mut watch, |event| status_of(event).is_some_and(|it| it.finish_pid.is_some()));
    let sv = Versions::new().of(&open(&supervised)).map(|it| it.version);
    let is_older = sv.is_none_or(|version| version < Version([2, 3, 0, 0]));
    assert!(!is_older || !sv_check(&supervised));
    assert!(!check(&supervised, CheckRule::Runit2_1));
    supervised.script("check", "exit 0");
    assert!(!is_older || sv_check(&supervised));
    assert!(check(&supervised, CheckRule::Runit2_1));
}

pub fn ready_is_what_the_check_script_says(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.script("check", "test -e is-ready");
    supervised.file("down", "");
    supervised.supervise();
    wait_for(&supervised, State::Down);
    let soon = Instant::now() + Duration::from_millis(300);
    let not_yet = outcome(&supervised, &Request::up().until(Goal::Ready), soon);
    assert!(not_yet.kind() == OutcomeKind::Deadline, "{not_yet:?}");
    supervised.file("is-ready", "");
    let ready = outcome(&supervised, &Request::up().until(Goal::Ready), deadline());
    assert!(ready.is_reached(), "{ready:?}");
    fs::remove_file(supervised.dir().join("check")).unwrap();
    let never = outcome(&supervised, &Request::wait(Goal::Ready), deadline());
    assert_eq!(never.why(), Some(Cause::NoReadiness), "{never:?}");
}

pub fn a_closure_says_when_a_silent_service_is_ready(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, "echo x > started; exec sleep 1000");
    supervised.file("down", "");
    supervised.supervise();
    wait_for(&supervised, State::Down);
    let services = [open(&supervised)];
    let started = supervised.dir().join("started");
    let outcomes = Bulk::new(&services)
        .ready_when(Duration::from_millis(1), |_, _| started.exists())
        .pursue(&Request::up().until(Goal::Ready), deadline())
        .unwrap();
    assert!(outcomes[0].as_ref().is_ok_and(Outcome::is_reached), "{outcomes:?}");
    assert!(started.exists());
    services[0].send(Op::Down).unwrap();
}
