//! Faults of a manager and of a bus that a real one does not produce on demand.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod direct;
mod manager;
#[path = "../../../svclient/tests/live/skips.rs"]
mod skips;

use std::time::{Duration, Instant};

use manager::{Answer, Fake, OWNER};
use svproto::State;
use svsystemd::{
    Action, Error, ErrorKind, JobOutcome, RequestAnswer, Unit, UnitEvent, UnitName, UnitNews,
    UnitWatch,
};

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(100)
}

fn start() -> (Fake, Unit) {
    let fake = Fake::new();
    let unit = fake.bus().unit("web").unwrap();
    (fake, unit)
}

fn watch(unit: &Unit) -> UnitWatch {
    let names = [unit.name().clone()];
    let mut watch = unit.bus().watch(&names).wait().unwrap();
    assert_eq!(watch.next_before(deadline()).unwrap().news, UnitNews::Snapshot);
    watch
}

fn state(event: &UnitEvent) -> State {
    event.status.as_ref().unwrap().facts.state()
}

#[test]
fn a_connection_that_is_lost_in_a_call_is_told_and_the_next_call_has_a_new_one() {
    let (fake, unit) = start();
    fake.answer("StopUnit", Answer::HangUp);
    let error = unit.stop().wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Lost);
    assert!(error.to_string().starts_with("cannot stop web.service: the connection"), "{error}");
    // It may have been done, so it was not asked twice.
    assert_eq!(fake.asked("StopUnit").0, 1);
    assert_eq!(unit.status().wait().unwrap().facts.state(), State::Down);
    // What changes nothing is asked again over a new connection.
    fake.hang_up();
    assert_eq!(unit.status().wait().unwrap().facts.state(), State::Down);
}

#[test]
fn a_job_whose_end_was_missed_is_judged_on_the_unit() {
    let (fake, unit) = start();
    let job = unit.start().wait().unwrap();
    fake.turn("active", "running");
    fake.job_is_over();
    fake.hang_up();
    let outcome = job.outcome_before(deadline()).unwrap();
    let JobOutcome::Reached { job, status } = &outcome else { panic!("{outcome:?}") };
    assert_eq!((job.name(), status.facts.state()), ("missed", State::Up));
}

#[test]
fn a_job_that_outlives_the_connection_is_waited_for_on_the_next() {
    let (fake, unit) = start();
    let job = unit.start().wait().unwrap();
    fake.hang_up();
    let elsewhere = fake.clone();
    let teller = std::thread::spawn(move || {
        elsewhere.wait_until_asked("GetJob", 1);
        elsewhere.turn("failed", "failed");
        // Its listener may have to come yet.
        for _ in 0..200 {
            elsewhere.job_removed(OWNER, "failed");
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let outcome = job.outcome_before(deadline()).unwrap();
    assert_eq!((outcome.job().unwrap().name(), outcome.is_reached()), ("failed", false));
    teller.join().unwrap();
}

#[test]
fn a_job_that_ends_before_the_call_returns_is_not_missed() {
    let (fake, unit) = start();
    fake.answer("StartUnit", Answer::Silence);
    let elsewhere = fake.clone();
    let manager = std::thread::spawn(move || {
        elsewhere.wait_until_asked("StartUnit", 1);
        elsewhere.turn("active", "running");
        elsewhere.job_removed(OWNER, "done");
        elsewhere.let_go();
    });
    let outcome = unit.start().wait().unwrap().outcome_before(deadline()).unwrap();
    assert!(outcome.is_reached(), "{outcome:?}");
    manager.join().unwrap();
}

#[test]
fn without_a_signal_a_job_ends_at_the_deadline() {
    let (_fake, unit) = start();
    let outcome = unit.start().wait().unwrap().outcome_before(soon()).unwrap();
    let JobOutcome::Deadline { status } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(status.facts.state(), State::Down);
}

#[test]
fn what_others_signal_does_not_count() {
    let (fake, unit) = start();
    let mut watch = watch(&unit);
    let job = unit.start().wait().unwrap();
    fake.turn("active", "running");
    fake.signal(":1.666");
    fake.job_removed(":1.666", "failed");
    assert!(watch.next_before(soon()).is_none());
    fake.signal(OWNER);
    assert_eq!(state(&watch.next_before(deadline()).unwrap()), State::Up);
    fake.job_removed(OWNER, "done");
    assert_eq!(job.outcome_before(deadline()).unwrap().job().unwrap().name(), "done");
}

#[test]
fn half_a_change_is_none() {
    let (fake, unit) = start();
    let mut watch = watch(&unit);
    fake.turn("active", "running");
    fake.signal_first_half(OWNER);
    assert!(watch.next_before(soon()).is_none());
    fake.signal(OWNER);
    assert_eq!(state(&watch.next_before(deadline()).unwrap()), State::Up);
    // The same again is no news.
    fake.signal(OWNER);
    assert!(watch.next_before(soon()).is_none());
}

#[test]
fn a_watch_outlives_its_connection() {
    let (fake, unit) = start();
    let mut watch = watch(&unit);
    fake.turn("active", "running");
    fake.hang_up();
    let again = watch.next_before(deadline()).unwrap();
    assert_eq!((again.news, state(&again)), (UnitNews::Resync, State::Up));
    fake.wait_until_asked("Subscribe", 2);
    fake.turn("failed", "failed");
    // The first signals may find nobody yet, and what is read meanwhile says the same.
    let elsewhere = fake.clone();
    std::thread::spawn(move || {
        for _ in 0..100 {
            elsewhere.signal(OWNER);
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let until = deadline();
    while state(&watch.next_before(until).unwrap()) != State::Failed {}
}

#[test]
fn a_manager_that_is_executed_again_is_asked_again_and_its_old_name_is_nobody() {
    let (fake, unit) = start();
    let mut watch = watch(&unit);
    fake.turn("active", "running");
    fake.reexecute(":1.9");
    let again = watch.next_before(deadline()).unwrap();
    assert_eq!((again.news, state(&again)), (UnitNews::Resync, State::Up));
    fake.wait_until_asked("Subscribe", 2);
    fake.turn("failed", "failed");
    fake.signal(OWNER);
    assert!(watch.next_before(soon()).is_none());
    fake.signal(":1.9");
    assert_eq!(state(&watch.next_before(deadline()).unwrap()), State::Failed);
}

#[test]
fn a_slow_reply_ends_the_wait_and_not_the_connection() {
    let (fake, unit) = start();
    let hasty = unit.bus().patience(Some(Duration::from_millis(50))).unit("web").unwrap();
    fake.answer("KillUnit", Answer::Silence);
    let error = hasty.signal(svsystemd::KillWhom::Main, 15).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoReply);
    assert!(error.hint().is_some());
    fake.let_go();
    fake.answer("KillUnit", Answer::Usual);
    hasty.kill(15).wait().unwrap();
    let before = Instant::now();
    fake.answer("GetAll", Answer::Silence);
    assert_eq!(unit.status().wait_before(soon()).unwrap_err().kind(), ErrorKind::NoReply);
    assert!(before.elapsed() < Duration::from_secs(10));
}

#[test]
fn at_most_so_many_calls_are_in_flight() {
    let (fake, unit) = start();
    fake.answer("GetAll", Answer::Silence);
    let bus = unit.bus().clone();
    let names: Vec<_> = (0..200).map(|at| UnitName::new(&format!("u{at}")).unwrap()).collect();
    let caller = std::thread::spawn(move || bus.status_of(&names).wait().unwrap());
    fake.wait_until_asked("GetAll", 64);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(fake.held(), 64);
    fake.answer("GetAll", Answer::Usual);
    fake.let_go();
    let all = caller.join().unwrap();
    assert_eq!(all.len(), 200);
    assert!(all.iter().all(Result::is_ok));
}

/// What a bus says of a manager that executes itself again before it has answered.
#[test]
fn a_manager_that_leaves_without_an_answer_is_asked_again_about_many() {
    let (fake, unit) = start();
    let names = vec![unit.name().clone(); 3];
    let gone = ("org.freedesktop.DBus.Error.NoReply", "Message recipient disconnected");
    for (member, lists) in [("ListUnitsByNames", 2), ("GetAll", 4)] {
        fake.answer(member, Answer::ErrorOnce(gone.0, gone.1));
        let all = unit.bus().status_of(&names).wait().unwrap();
        assert_eq!(all.len(), 3);
        assert!(all.iter().all(Result::is_ok), "{member}: {all:?}");
        assert_eq!(fake.asked("ListUnitsByNames").0, lists);
    }
    // Not for ever.
    fake.answer("ListUnitsByNames", Answer::Error(gone.0, gone.1));
    let error = unit.bus().status_of(&names).wait().unwrap_err();
    assert_eq!((error.kind(), fake.asked("ListUnitsByNames").0), (ErrorKind::Manager, 4 + 5));
}

/// After a reload the first signal of a unit is that it is new, which tells nothing of its job.
#[test]
fn the_end_of_a_job_is_a_reason_to_look() {
    use svclient::WatchSet;
    let (fake, unit) = start();
    let mut set = WatchSet::new().unwrap();
    set.add(unit).unwrap();
    assert!(set.next_now().unwrap().is_some());
    fake.turn("active", "running");
    fake.job_removed(OWNER, "done");
    let event = set.next_before(deadline()).unwrap().unwrap();
    assert_eq!(event.status.unwrap().facts().unwrap().state(), State::Up);
    // What others say is none.
    fake.turn("failed", "failed");
    fake.job_removed(":1.666", "done");
    assert!(set.next_before(soon()).unwrap().is_none());
}

/// Single answers of several moments are no status.
#[test]
fn answers_that_contradict_the_list_are_not_believed() {
    use svclient::Bulk;
    let (fake, unit) = start();
    let units = [unit];
    let look = || Bulk::new(&units).statuses().remove(0).unwrap().facts().copied().unwrap();
    fake.list("active", "running");
    fake.word("ControlGroup", "");
    fake.word("UnitFileState", "enabled");
    fake.word("DropInPaths", "");
    fake.number("UnitsLoadTimestampMonotonic", 1);
    // It was running when the list was made, and has ended since.
    fake.turn("failed", "failed");
    fake.number("MainPID", 0);
    fake.number("ExecMainStartTimestamp", 1);
    assert_eq!((look().state(), fake.asked("GetAll").0), (State::Failed, 1));
    // It runs again, by a process that was started after the list was made.
    fake.turn("activating", "start");
    let here = u64::from(std::process::id());
    fake.number("MainPID", here);
    fake.number("ExecMainStartTimestamp", u64::MAX - 1);
    assert_eq!((look().state(), fake.asked("GetAll").0), (State::Starting, 2));
    // The process is there, and not one of this unit.
    fake.number("ExecMainStartTimestamp", 1);
    assert_eq!((look().state(), fake.asked("GetAll").0), (State::Starting, 3));
    // No answer at all.
    fake.answer("Get", Answer::Nonsense);
    assert_eq!((look().state(), fake.asked("GetAll").0), (State::Starting, 4));
}

#[test]
fn what_is_denied_says_which_right_is_missing() {
    let (fake, unit) = start();
    fake.answer(
        "StartUnit",
        Answer::Error(
            "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
            "Interactive authentication required.",
        ),
    );
    let error = unit.start().wait().err().unwrap();
    assert!(matches!(error, Error::Denied { interactive: true, .. }), "{error:?}");
    assert_eq!(fake.asked("StartUnit"), (1, 0), "nobody is asked for a password unbidden");
    let asking = unit.bus().interactive().unit("web").unwrap();
    fake.answer(
        "StartUnit",
        Answer::Error("org.freedesktop.DBus.Error.AccessDenied", "Permission denied"),
    );
    let error = asking.start().wait().err().unwrap();
    assert!(matches!(error, Error::Denied { interactive: false, .. }), "{error:?}");
    assert_eq!(fake.asked("StartUnit"), (2, 1));
}

#[test]
fn a_reply_of_another_type_is_an_error() {
    let (fake, unit) = start();
    fake.answer("GetAll", Answer::Nonsense);
    assert_eq!(unit.status().wait().unwrap_err().kind(), ErrorKind::Manager);
    fake.answer("GetAll", Answer::Usual);
    fake.answer("StartUnit", Answer::Nonsense);
    assert_eq!(unit.start().wait().err().unwrap().kind(), ErrorKind::Manager);
}

#[test]
fn a_listener_that_does_not_listen_is_told_to_look_again() {
    let (fake, unit) = start();
    let mut watch = watch(&unit);
    for _ in 0..9_000 {
        // Two signals each.
        fake.turn("active", "running");
        fake.signal(OWNER);
        fake.turn("failed", "failed");
        fake.signal(OWNER);
    }
    fake.turn("active", "exited");
    fake.signal(OWNER);
    let until = deadline();
    let mut resync = false;
    loop {
        let event = watch.next_before(until).unwrap();
        resync |= event.news == UnitNews::Resync;
        if resync && state(&event) == State::Exited {
            break;
        }
    }
}

/// The first signal of a unit after its manager has read its files again says that it is new, and nothing
/// else; on a busy machine that is the last one before the end of a job.
#[test]
fn a_unit_of_which_nothing_was_signalled_is_read_once_its_job_is_over() {
    let (fake, unit) = start();
    fake.list("active", "running");
    let units = [unit.name().clone()];
    let mut requests = unit.bus().request_all(Action::Stop, &units, Some(deadline()));
    fake.wait_until_asked("StopUnit", 1);
    requests.delivered();
    fake.turn("inactive", "dead");
    fake.job_removed(OWNER, "done");
    let (_, answer) = requests.next_before(deadline()).unwrap();
    let RequestAnswer::Settled(became) = answer.unwrap() else { panic!("not settled") };
    assert!(became.reached && became.changed, "{became:?}");
    assert_eq!((became.cause, became.status.states()), (None, ("inactive", "dead")));
}

/// Also the blocking face: whoever waits enters no runtime.
#[tokio::test]
async fn everything_can_be_awaited_and_waited_for_inside_a_runtime() {
    let fake = Fake::new();
    let bus = svsystemd::Bus::address(fake.address()).await.unwrap();
    let unit = bus.unit("web").unwrap();
    assert_eq!(unit.status().await.unwrap().facts.state(), State::Down);
    assert_eq!(unit.status().wait().unwrap().facts.state(), State::Down);
    let job = unit.start().await.unwrap();
    fake.turn("active", "running");
    fake.job_removed(OWNER, "done");
    assert!(job.outcome().await.unwrap().is_reached());
    let names = [unit.name().clone()];
    let mut watch = bus.watch(&names).await.unwrap();
    assert_eq!(state(&watch.next().await), State::Up);
    let pause = Duration::from_millis(50);
    assert!(tokio::time::timeout(pause, watch.next()).await.is_err(), "nothing has happened");
    // A wait that was given up has lost nothing.
    fake.turn("failed", "failed");
    fake.signal(OWNER);
    assert_eq!(state(&watch.next().await), State::Failed);
}

#[test]
fn a_bus_that_is_dropped_leaves_no_thread_and_no_descriptor() {
    let count = |path: &str| std::fs::read_dir(path).unwrap().count();
    let ours = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok);
        let names = tasks.filter_map(|it| std::fs::read_to_string(it.path().join("comm")).ok());
        names.filter(|name| name.starts_with("svsystemd")).count()
    };
    let fake = Fake::new();
    let mut descriptors = 0;
    for turn in 0..50 {
        let unit = fake.bus().unit("web").unwrap();
        drop(watch(&unit));
        drop(unit.start().wait().unwrap());
        drop(unit);
        if turn == 10 {
            descriptors = count("/proc/self/fd");
        }
    }
    // The other end closes a moment later; other tests run meanwhile where they share a process.
    let until = deadline();
    while count("/proc/self/fd") > descriptors + 60 {
        assert!(Instant::now() < until, "{descriptors}, then {}", count("/proc/self/fd"));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(ours() < 40, "{} threads", ours());
}
