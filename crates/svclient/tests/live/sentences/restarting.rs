//! Restarts, and what begins again: another process, and not one that is about to go.

use super::*;

pub fn a_restart_is_another_process_even_within_the_same_second(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let before = wait_for(&supervised, State::Up);
    let after = status(&reached(ask(&open(&supervised), Op::Term, Goal::Restarted)));
    assert_ne!(after.pid, before.pid);
    assert!(after.since > before.since);
}

/// A process other than the one before, started later.
#[track_caller]
fn check_restart(supervised: &Supervised, before: Option<&Facts>, restart: &Request) {
    let after = status(&reached(request(&open(supervised), restart)));
    assert!(after.pid.is_some() && after.want == Some(Want::Up), "{after:?}");
    if let Some(before) = before {
        assert_ne!(after.pid, before.pid);
        assert!(after.since > before.since, "{before:?} {after:?}");
    }
}

pub fn restart_works_for_a_service_that_is_up_down_or_paused(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    let up = until(&mut watch, State::Up);
    check_restart(&supervised, Some(&up), &Request::restart());
    reached(request(&open(&supervised), &Request::down()));
    check_restart(&supervised, None, &Request::restart());
    open(&supervised).send(Op::Pause).unwrap();
    let paused = until(&mut watch, State::Paused);
    check_restart(&supervised, Some(&paused), &Request::restart());
}

pub fn restart_waits_for_a_service_that_takes_its_time_to_stop(suite: Suite) {
    let supervised = Supervised::start(
        suite,
        "trap 'sleep 1; exit 0' TERM\n: >deaf\nwhile :; do sleep 0.05; done",
    );
    let up = wait_for(&supervised, State::Up);
    let deadline = deadline();
    while !supervised.dir().join("deaf").exists() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    }
    check_restart(&supervised, Some(&up), &Request::restart());
}

pub fn restart_kills_what_ignores_term_when_asked_to(suite: Suite) {
    let supervised = Supervised::start(suite, IGNORE_TERM);
    let up = wait_until_deaf(&wait_for(&supervised, State::Up));
    let restart = Request::restart().kill_after(Duration::from_millis(100));
    check_restart(&supervised, Some(&up), &restart);
}

pub fn restart_of_a_crash_loop_is_its_next_start(suite: Suite) {
    let supervised = Supervised::start(suite, "exit 3");
    let mut watch = watch(&supervised);
    let up = event(&mut watch, |event| status_of(event).is_some_and(|s| s.pid.is_some()));
    check_restart(&supervised, status_of(&up).as_ref(), &Request::restart());
}

pub fn restart_outlasts_the_finish_script(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.script("finish", "exec sleep 1");
    supervised.supervise();
    let mut watch = watch(&supervised);
    let up = until(&mut watch, State::Up);
    open(&supervised).send(Op::Down).unwrap();
    if !suite.is_daemontools() {
        until(&mut watch, State::Finishing);
    }
    check_restart(&supervised, Some(&up), &Request::restart());
}

/// The job is over before anybody can look; that it has run is seen all the same.
pub fn once_is_reached_even_by_a_job_of_a_millisecond(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, ": >ran");
    supervised.file("down", "");
    supervised.supervise();
    wait_for(&supervised, State::Down);
    reached(request(&open(&supervised), &Request::once()));
    let mut watch = watch(&supervised);
    event(&mut watch, |event| status_of(event).is_some_and(|status| status.pid.is_none()));
    assert!(supervised.dir().join("ran").exists());
}

/// `up` while it is on its way down: the process that is there is not the one that was asked for.
pub fn up_does_not_take_a_dying_process_for_an_answer(suite: Suite) {
    let script = "trap 'sleep 0.6; exit 0' TERM\n: >deaf\nwhile :; do sleep 0.05; done";
    let supervised = Supervised::start(suite, script);
    let up = wait_for(&supervised, State::Up);
    let limit = deadline();
    while !supervised.dir().join("deaf").exists() {
        assert!(Instant::now() < limit);
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut watch = watch(&supervised);
    open(&supervised).send(Op::Down).unwrap();
    event(&mut watch, |event| status_of(event).is_some_and(|s| s.want == Some(Want::Down)));
    let after = status(&reached(request(&open(&supervised), &Request::up())));
    assert_ne!(after.pid, up.pid);
}
