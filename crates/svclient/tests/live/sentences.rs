//! What must hold under each supervisor, in the same words.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{OpenOptionsExt, symlink},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use svclient::{
    ErrorKind, Facts, Goal, LastExit, Name, News, OnFailure, Op, Order, OrderStep, Outcome,
    OutcomeKind, Reading, Request, Service, State, Status, Want, WatchEvent, WatchKey, WatchSet,
    pursue,
};

use crate::{
    supervised::{PATIENCE, Suite, Supervised},
    waiting::{deadline, event, open, status_of, watch},
};

const SLEEP: &str = "exec sleep 1000";
/// An ignored signal stays ignored across `exec`.
const IGNORE_TERM: &str = "trap '' TERM HUP\nexec sleep 1000";

/// Waits until the script of [`IGNORE_TERM`] has come so far.
#[track_caller]
fn wait_until_deaf(up: &Facts) -> Facts {
    let path = format!("/proc/{}/status", up.pid.unwrap());
    let ignores_term = || {
        let text = fs::read_to_string(&path).unwrap();
        let mask = text.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        u64::from_str_radix(mask, 16).unwrap() >> (Signal::SIGTERM as u64 - 1) & 1 == 1
    };
    let deadline = deadline();
    while !ignores_term() {
        assert!(Instant::now() < deadline, "still listens to SIGTERM");
        std::thread::sleep(Duration::from_millis(1));
    }
    *up
}

/// Waits for a state.
#[track_caller]
fn until(watch: &mut WatchSet, state: State) -> Facts {
    status_of(&event(watch, |event| status_of(event).is_some_and(|s| s.state() == state))).unwrap()
}

#[track_caller]
fn wait_for(supervised: &Supervised, state: State) -> Facts {
    until(&mut watch(supervised), state)
}

#[track_caller]
fn ask(service: &Service, op: Op, goal: Goal) -> Outcome {
    ask_until(service, op, goal, deadline())
}

#[track_caller]
fn ask_until(service: &Service, op: Op, goal: Goal, deadline: Instant) -> Outcome {
    let services = std::slice::from_ref(service);
    pursue(services, &Request::new(op, goal), deadline).unwrap().remove(0).unwrap()
}

#[track_caller]
fn request(service: &Service, request: &Request) -> Outcome {
    pursue(std::slice::from_ref(service), request, deadline()).unwrap().remove(0).unwrap()
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "it takes what a call gave")]
fn reached(outcome: Outcome) -> Status {
    assert!(outcome.is_reached(), "{outcome:?}");
    *outcome.status().unwrap()
}

#[track_caller]
fn status(observation: &Status) -> Facts {
    *observation.facts().unwrap()
}

pub fn an_up_service_is_up_and_a_down_one_is_down(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let up = wait_for(&supervised, State::Up);
    assert_eq!(up.want, Some(Want::Up));
    let pid = up.pid.unwrap();
    assert!(supervised.native_names(pid), "{}", supervised.native());
    let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
    assert_eq!(cwd, supervised.dir().canonicalize().unwrap());

    let down = Supervised::prepare(suite, SLEEP);
    down.file("down", "");
    let mut down = down;
    down.supervise();
    let status = wait_for(&down, State::Down);
    assert_eq!((status.pid, status.want), (None, Some(Want::Down)));
    assert_eq!(open(&down).status().unwrap().normally(), Some(svclient::Normally::Down));
}

pub fn a_service_that_ignores_term_is_wanted_down_and_still_there(suite: Suite) {
    let supervised = Supervised::start(suite, IGNORE_TERM);
    let up = wait_until_deaf(&wait_for(&supervised, State::Up));
    let outcome =
        ask_until(&open(&supervised), Op::Down, Goal::Down, Instant::now() + ACKNOWLEDGED_BY);
    assert!(outcome.kind() == OutcomeKind::Deadline && outcome.was_read(), "{outcome:?}");
    let status = status(outcome.status().unwrap());
    assert_eq!((status.pid, status.want), (up.pid, Some(Want::Down)));
    // s6 writes the same record for "told to end" and for "this is the last run".
    let word = if suite == Suite::S6 { State::Up } else { State::Stopping };
    assert_eq!(status.state(), word);
    assert!(supervised.native().contains("want down"), "{}", supervised.native());
}

/// daemontools is deaf for up to 1.8 s after a start.
const ACKNOWLEDGED_BY: Duration = Duration::from_secs(4);

pub fn a_paused_service_is_paused(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    until(&mut watch, State::Up);
    open(&supervised).send(Op::Pause).unwrap();
    assert_eq!(until(&mut watch, State::Paused).paused, Some(true));
    assert!(supervised.native().contains("paused"), "{}", supervised.native());
    open(&supervised).send(Op::Cont).unwrap();
    assert_eq!(until(&mut watch, State::Up).paused, Some(false));
}

pub fn a_finish_script_is_not_the_service(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.script("finish", SLEEP);
    supervised.file("timeout-finish", "0\n");
    supervised.supervise();
    let mut watch = watch(&supervised);
    let up = until(&mut watch, State::Up);
    open(&supervised).send(Op::Down).unwrap();
    if suite.is_daemontools() {
        // It has no finish: the file means nothing to it.
        until(&mut watch, State::Down);
        return;
    }
    let finishing = until(&mut watch, State::Finishing);
    assert_eq!(finishing.pid, None);
    let script = finishing.finish_pid.or_else(|| {
        // runit publishes the phase first and the pid of the script a moment later.
        status_of(&event(&mut watch, |event| {
            status_of(event).is_some_and(|status| status.finish_pid.is_some())
        }))
        .unwrap()
        .finish_pid
    });
    assert!(script.is_some() && script != up.pid);
    let native = supervised.native();
    let says = if suite == Suite::Runit { "finish" } else { "down" };
    assert!(native.starts_with(says), "{native}");
}

pub fn a_crash_loop_is_never_called_down(suite: Suite) {
    let supervised = Supervised::start(suite, "exit 3");
    let mut watch = watch(&supervised);
    let mut starts = std::collections::BTreeSet::new();
    while starts.len() < 3 {
        let event = event(&mut watch, |event| status_of(event).is_some());
        let status = status_of(&event).unwrap();
        assert!(
            matches!(status.state(), State::Up | State::Backoff | State::Finishing),
            "{status:?}"
        );
        assert_eq!(status.want, Some(Want::Up));
        starts.extend(status.pid.map(svclient::Pid::get));
    }
    assert!(!supervised.native().contains("want down"));
}

/// Also in the second after a death, in which runsv and supervise hear nothing.
pub fn a_crash_loop_can_be_ended(suite: Suite) {
    let supervised = Supervised::start(suite, "exit 3");
    let mut watch = watch(&supervised);
    event(&mut watch, |event| status_of(event).is_some_and(|status| status.pid.is_some()));
    let down = status(&reached(ask(&open(&supervised), Op::Down, Goal::Down)));
    assert_eq!((down.state(), down.want), (State::Down, Some(Want::Down)));
    assert!(supervised.native().starts_with("down"), "{}", supervised.native());
    assert!(!supervised.native().contains("want up"), "{}", supervised.native());
}

pub fn down_and_up_change_what_the_native_tool_says(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    wait_for(&supervised, State::Up);
    let service = open(&supervised);
    let down = reached(ask(&service, Op::Down, Goal::Down));
    assert_eq!(status(&down).state(), State::Down);
    assert!(supervised.native().starts_with("down"), "{}", supervised.native());
    let up = reached(ask(&service, Op::Up, Goal::Up));
    let native = supervised.native();
    let pid = status(&up).pid.unwrap();
    assert!(supervised.native_names(pid), "{native}");
    assert!(native.starts_with("up") || native.starts_with("run"), "{native}");
}

pub fn a_watch_sees_both_ends_and_says_each_thing_once(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    let mut readings: Vec<Reading> = Vec::new();
    let mut next = |state: State| {
        event(&mut watch, |event| {
            let observation = event.status.as_ref().unwrap();
            assert_ne!(readings.last(), Some(&observation.reading()), "said twice");
            readings.push(observation.reading());
            observation.facts().is_some_and(|status| status.state() == state)
        })
    };
    let up = next(State::Up);
    open(&supervised).send(Op::Down).unwrap();
    let down = next(State::Down);
    open(&supervised).send(Op::Up).unwrap();
    let again = next(State::Up);
    assert!(up.seq < down.seq && down.seq < again.seq);
    let since = |event: &WatchEvent| status_of(event).unwrap().since;
    assert!(since(&up) < since(&down) && since(&down) < since(&again));
}

pub fn a_killed_supervisor_is_reported_at_once(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    until(&mut watch, State::Up);
    supervised.signal(Signal::SIGKILL);
    let event = event(&mut watch, |event| event.news == News::Unsupervised);
    assert_eq!(event.status.unwrap().reading(), Reading::Unsupervised);
    // The record is still there and looks alive; nobody stands behind it.
    let service = open(&supervised);
    assert_eq!(service.status().unwrap().reading(), Reading::Unsupervised);
    assert_eq!(service.send(Op::Up).unwrap_err().kind(), ErrorKind::NotSupervised);
}

pub fn a_supervisor_that_comes_back_is_reported(suite: Suite) {
    let mut supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    until(&mut watch, State::Up);
    reached(ask(&open(&supervised), Op::Down, Goal::Down));
    supervised.signal(Signal::SIGKILL);
    event(&mut watch, |event| event.news == News::Unsupervised);
    supervised.supervise();
    let back = event(&mut watch, |event| event.news == News::Supervised);
    // It may be up by the time that it is noticed.
    if status_of(&back).unwrap().state() != State::Up {
        until(&mut watch, State::Up);
    }
}

/// The record comes before the sign of life, and nothing comes after: with a `down` file there is
/// only one record.
pub fn a_supervisor_with_nothing_to_start_is_noticed(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("down", "");
    let mut watch = watch(&supervised);
    let first = watch.next_before(deadline()).unwrap().unwrap();
    assert_eq!(first.news, News::Snapshot);
    assert_eq!(first.status.unwrap().reading(), Reading::Unsupervised);
    supervised.supervise();
    let event = event(&mut watch, |event| status_of(event).is_some());
    assert_eq!(event.news, News::Supervised);
    assert_eq!(status_of(&event).unwrap().state(), State::Down);
}

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

/// One that does not read keeps no other waiting.
pub fn a_full_fifo_delays_nobody_else(suite: Suite) {
    let (stuck, well) = (Supervised::start(suite, IGNORE_TERM), Supervised::start(suite, SLEEP));
    wait_until_deaf(&wait_for(&stuck, State::Up));
    wait_for(&well, State::Up);
    stuck.signal(Signal::SIGSTOP);
    let service = open(&stuck);
    assert!((0..100_000).any(|_| service.send(Op::Hup).is_err()));
    let both = [service, open(&well)];
    // daemontools naps for more than a second after a start.
    let limit = Instant::now() + ACKNOWLEDGED_BY;
    let mut results = pursue(&both, &Request::down(), limit).unwrap();
    reached(results.remove(1).unwrap());
    let error = results.remove(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    stuck.signal(Signal::SIGCONT);
}

/// So quickly that nobody has seen it unsupervised in between.
pub fn a_watch_that_slept_through_a_change_of_suite_wakes_up(suite: Suite) {
    let other = if suite == Suite::Daemontools { Suite::Runit } else { Suite::Daemontools };
    if !other.is_installed() {
        return;
    }
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("down", "");
    supervised.supervise();
    wait_for(&supervised, State::Down);
    let mut asleep = watch(&supervised);
    asleep.next_before(deadline()).unwrap();
    let mut awake = watch(&supervised);
    supervised.signal(Signal::SIGKILL);
    event(&mut awake, |event| event.news == News::Unsupervised);
    supervised.suite = other;
    supervised.supervise();
    event(&mut awake, |event| event.news == News::Supervised);
    open(&supervised).send(Op::Up).unwrap();
    until(&mut awake, State::Up);
    until(&mut asleep, State::Up);
}

/// A service by the name of a link: what the name leads to is the service.
pub fn a_link_that_is_replaced_or_removed_is_noticed(suite: Suite) {
    let (one, two) = (Supervised::start(suite, SLEEP), Supervised::start(suite, SLEEP));
    let pids = [&one, &two].map(|supervised| wait_for(supervised, State::Up).pid);
    let link = one.scan_dir().join("link");
    symlink(one.dir(), &link).unwrap();
    let mut watch = WatchSet::new().unwrap();
    watch.add(Service::open(&link).unwrap()).unwrap();
    let of = |event: &WatchEvent, pid| status_of(event).is_some_and(|s| s.pid == pid);
    event(&mut watch, |event| of(event, pids[0]));
    let fresh = one.scan_dir().join("fresh");
    symlink(two.dir(), &fresh).unwrap();
    fs::rename(&fresh, &link).unwrap();
    event(&mut watch, |event| of(event, pids[1]));
    open(&one).send(Op::Down).unwrap();
    open(&two).send(Op::Pause).unwrap();
    until(&mut watch, State::Paused);
    fs::remove_file(&link).unwrap();
    event(&mut watch, |event| event.news == News::Removed);
}

pub fn a_request_to_a_stopped_supervisor_ends_at_the_deadline(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    wait_for(&supervised, State::Up);
    supervised.signal(Signal::SIGSTOP);
    let patience = Instant::now() + Duration::from_millis(200);
    let outcome = ask_until(&open(&supervised), Op::Down, Goal::Down, patience);
    assert!(outcome.kind() == OutcomeKind::Deadline && !outcome.was_read(), "{outcome:?}");
    supervised.signal(Signal::SIGCONT);
    wait_for(&supervised, State::Down);
}

pub fn a_full_control_fifo_is_an_error_and_no_hang(suite: Suite) {
    let supervised = Supervised::start(suite, IGNORE_TERM);
    wait_until_deaf(&wait_for(&supervised, State::Up));
    supervised.signal(Signal::SIGSTOP);
    let service = open(&supervised);
    let full = (0..100_000).find_map(|_| service.send(Op::Hup).err()).unwrap();
    assert_eq!(full.kind(), ErrorKind::Busy, "{full}");
    let patience = Duration::from_millis(100);
    let asked = Instant::now();
    let error = service.send_before(Op::Hup, asked + patience).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(asked.elapsed() >= patience);
    supervised.signal(Signal::SIGCONT);
    service.send_before(Op::Down, deadline()).unwrap();
    service.send_before(Op::Kill, deadline()).unwrap();
    wait_for(&supervised, State::Down);
}

pub fn a_service_that_ignores_term_is_killed_when_asked_to(suite: Suite) {
    let supervised = Supervised::start(suite, IGNORE_TERM);
    wait_until_deaf(&wait_for(&supervised, State::Up));
    let down = Request::down().kill_after(Duration::from_millis(100));
    let outcome = request(&open(&supervised), &down);
    assert_eq!(status(&reached(outcome)).state(), State::Down);
}

pub fn a_damaged_record_is_told_and_nothing_is_written(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("down", "");
    supervised.supervise();
    wait_for(&supervised, State::Down);
    let path = supervised.dir().join("supervise/status");
    let good = fs::read(&path).unwrap();
    let longer = [&good[..], &[0]].concat();
    let stamp_of_no_clock = [&[0xff; 12][..], &good[12..]].concat();
    let mut watch = watch(&supervised);
    watch.next_before(deadline()).unwrap();
    for damaged in [&good[..0], &good[..1], &good[..good.len() - 1], &longer, &stamp_of_no_clock] {
        if damaged.is_empty() && suite == Suite::Encore {
            // Of encore it is what a supervisor leaves that is just starting.
            continue;
        }
        fs::write(&path, damaged).unwrap();
        let error = open(&supervised).status().unwrap_err();
        // daemontools leaves nothing but the length to be known by.
        assert_eq!(error.kind(), ErrorKind::Malformed, "{} bytes: {error}", damaged.len());
        assert_eq!(fs::read(&path).unwrap(), damaged);
        let told = event(&mut watch, |event| event.status.is_err());
        let told = told.status.unwrap_err();
        // The watch has seen whose it is; who comes now takes it for the more common daemontools.
        let same = told.to_string() == error.to_string();
        assert!(same || suite == Suite::Encore && told.kind() == error.kind(), "{told}; {error}");
    }
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    assert_eq!(open(&supervised).status().unwrap_err().kind(), ErrorKind::WrongType);
    fs::remove_file(&path).unwrap();
    fs::write(&path, &good).unwrap();
    assert_eq!(status(&open(&supervised).status().unwrap()).state(), State::Down);
    let repaired = event(&mut watch, |event| event.status.is_ok());
    assert_eq!(repaired.news, News::Changed);
}

pub fn leftovers_of_a_dead_supervisor_are_unsupervised(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    until(&mut watch, State::Up);
    let record = fs::read(supervised.dir().join("supervise/status")).unwrap();
    supervised.signal(Signal::SIGKILL);
    event(&mut watch, |event| event.news == News::Unsupervised);
    let service = open(&supervised);
    let observation = service.status().unwrap();
    assert_eq!(observation.reading(), Reading::Unsupervised);
    assert_eq!(observation.suite().unwrap().name(), suite.name());
    for op in [Op::Up, Op::Down, Op::StopExit] {
        assert_eq!(service.send(op).unwrap_err().kind(), ErrorKind::NotSupervised);
    }
    assert_eq!(fs::read(supervised.dir().join("supervise/status")).unwrap(), record);
    // A plain file in place of the FIFO takes no byte.
    let control = supervised.dir().join("supervise/control");
    fs::remove_file(&control).unwrap();
    fs::write(&control, "").unwrap();
    assert_eq!(service.send(Op::Up).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(fs::metadata(&control).unwrap().len(), 0);
}

pub fn another_suite_that_takes_over_is_recognized(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("down", "");
    supervised.supervise();
    wait_for(&supervised, State::Down);
    let mut watch = watch(&supervised);
    supervised.signal(Signal::SIGKILL);
    event(&mut watch, |event| event.news == News::Unsupervised);
    for other in [Suite::Daemontools, Suite::S6, Suite::Runit, suite] {
        if !other.is_installed() {
            continue;
        }
        if other == Suite::Encore {
            // Nobody changes within two seconds; a `stat` of the same moment would be runsv's.
            let stat = supervised.dir().join("supervise/stat");
            let before = std::time::SystemTime::now() - Duration::from_secs(60);
            fs::File::options().write(true).open(stat).unwrap().set_modified(before).unwrap();
        }
        supervised.suite = other;
        supervised.supervise();
        let event = event(&mut watch, |event| {
            let observation = event.status.as_ref();
            observation.is_ok_and(|o| {
                o.reading().is_supervised()
                    && o.suite().map(svclient::Suite::name) == Some(other.name())
            })
        });
        assert_eq!(status_of(&event).unwrap().state(), State::Down);
        supervised.signal(Signal::SIGKILL);
        self::event(&mut watch, |event| event.news == News::Unsupervised);
    }
}

pub fn a_service_directory_that_vanishes_ends_its_watch(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    until(&mut watch, State::Up);
    fs::rename(supervised.dir(), supervised.scan_dir().join("elsewhere")).unwrap();
    let event = event(&mut watch, |event| event.news == News::Removed);
    assert_eq!(event.status.unwrap_err().kind(), ErrorKind::NotFound);
}

pub fn services_that_come_and_go_in_a_scan_directory_are_followed(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    wait_for(&supervised, State::Up);
    let tree = supervised.scan_dir();
    let scan = tree.join("scan");
    fs::create_dir(&scan).unwrap();
    symlink(supervised.dir(), scan.join("web")).unwrap();
    symlink(tree.join("later"), scan.join("early")).unwrap();
    fs::create_dir(scan.join(".hidden")).unwrap();
    let mut watch = WatchSet::new().unwrap();
    watch.follow(svclient::ScanDir::new(&scan)).unwrap();
    let mut next = |news: News| {
        let event = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!(event.news, news, "{event:?}");
        event.name().to_string()
    };
    assert_eq!(next(News::Snapshot), "web");
    symlink(supervised.dir(), scan.join("again")).unwrap();
    assert_eq!(next(News::Added), "again");
    // It is a service once it has something to run.
    fs::create_dir(scan.join("made")).unwrap();
    fs::write(scan.join("made/run"), "").unwrap();
    assert_eq!(next(News::Added), "made");
    // A link that led nowhere.
    fs::create_dir(tree.join("later")).unwrap();
    fs::write(tree.join("later/run"), "").unwrap();
    assert_eq!(next(News::Added), "early");
    // Both names are the same service, and both tell.
    open(&supervised).send(Op::Pause).unwrap();
    let mut both = [next(News::Changed), next(News::Changed)];
    both.sort();
    assert_eq!(both, ["again", "web"]);
    fs::remove_file(scan.join("web")).unwrap();
    assert_eq!(next(News::Removed), "web");
    // Another service under a known name.
    symlink(tree.join("later"), tree.join("link")).unwrap();
    fs::rename(tree.join("link"), scan.join("again")).unwrap();
    assert_eq!(next(News::Removed), "again");
    assert_eq!(next(News::Added), "again");
    fs::rename(&scan, tree.join("elsewhere")).unwrap();
    let mut gone = [next(News::Removed), next(News::Removed), next(News::Removed)];
    gone.sort();
    assert_eq!(gone, ["again", "early", "made"]);
    fs::rename(tree.join("elsewhere"), &scan).unwrap();
    let mut back = [next(News::Added), next(News::Added), next(News::Added)];
    back.sort();
    assert_eq!(back, ["again", "early", "made"]);
}

/// The stream of each runtime gives what the blocking iterator gives.
pub fn streams_give_the_same_events(suite: Suite) {
    #[cfg(feature = "tokio")]
    {
        let supervised = Supervised::start(suite, SLEEP);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stream = svclient::tokio::WatchStream::new(watch(&supervised)).unwrap();
            let watch = tokio::time::timeout(PATIENCE, check_stream(&supervised, stream));
            let left = watch.await.unwrap().into_inner();
            drop(left);
        });
    }
    #[cfg(feature = "async-io")]
    {
        let supervised = Supervised::start(suite, SLEEP);
        let stream = svclient::async_io::WatchStream::new(watch(&supervised)).unwrap();
        let stream = async_io::block_on(check_stream(&supervised, stream));
        drop(stream.into_inner());
    }
    let _ = suite;
}

/// Up, down by request, and the supervisor's end, which takes a second look.
#[cfg(any(feature = "tokio", feature = "async-io"))]
async fn check_stream<S>(supervised: &Supervised, mut stream: S) -> S
where
    S: futures_core::Stream<Item = Result<WatchEvent, svclient::Error>> + Unpin,
{
    let mut last = 0;
    let mut until = async |stream: &mut S, done: &dyn Fn(&WatchEvent) -> bool| {
        loop {
            let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx));
            let event = next.await.unwrap().unwrap();
            last += 1;
            assert_eq!(event.seq, last);
            if done(&event) {
                return;
            }
        }
    };
    let state = |state: State| {
        move |event: &WatchEvent| status_of(event).is_some_and(|status| status.state() == state)
    };
    until(&mut stream, &state(State::Up)).await;
    open(supervised).send(Op::Down).unwrap();
    until(&mut stream, &state(State::Down)).await;
    supervised.signal(Signal::SIGKILL);
    until(&mut stream, &|event| event.news == News::Unsupervised).await;
    stream
}

pub fn a_logger_has_a_service_of_its_own(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    assert_eq!(open(&supervised).log(), None);
    fs::create_dir(supervised.dir().join("log")).unwrap();
    supervised.script("log/run", "exec cat >/dev/null");
    supervised.supervise();
    wait_for(&supervised, State::Up);
    let log = open(&supervised).log().unwrap();
    assert_eq!(log.name(), "web/log");
    let mut watch = WatchSet::new().unwrap();
    watch.add(log).unwrap();
    if suite == Suite::Runit {
        // runsv runs the logger itself; the other suites leave that to a second supervisor.
        assert!(until(&mut watch, State::Up).pid.is_some());
    } else {
        let first = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!(first.status.unwrap().reading(), Reading::Unsupervised);
    }
}

pub fn many_services_share_one_watch(suite: Suite) {
    let all: Vec<_> = (0..8).map(|_| Supervised::start(suite, SLEEP)).collect();
    for supervised in &all {
        wait_for(supervised, State::Up);
    }
    let services: Vec<_> = all.iter().map(open).collect();
    let outcomes = pursue(&services, &Request::down(), deadline()).unwrap();
    for outcome in outcomes {
        assert_eq!(status(&reached(outcome.unwrap())).state(), State::Down);
    }
}

/// `b` after `a`: started in that order, stopped in the other; after a failure the rest is left.
pub fn an_order_is_kept_both_ways(suite: Suite) {
    let mut all = [Supervised::prepare(suite, SLEEP), Supervised::prepare(suite, SLEEP)];
    for supervised in &mut all {
        supervised.file("down", "");
        supervised.supervise();
        wait_for(supervised, State::Down);
    }
    let services: Vec<_> = ["a", "b"]
        .iter()
        .zip(&all)
        .map(|(name, supervised)| open(supervised).named(*name))
        .collect();
    let plan = Order::new([("b", vec!["a"]), ("a", vec![])]).unwrap();
    let since = |steps: &[OrderStep]| -> Vec<_> {
        let outcome = |step: &OrderStep| match &step.result {
            Some(Ok(outcome)) if outcome.is_reached() => {
                status(outcome.status().unwrap()).since.unwrap()
            }
            other => panic!("{other:?}"),
        };
        steps.iter().map(|step| (step.name.clone(), outcome(step))).collect()
    };
    let carry_out = |plan: &Order, request: &Request, services: &[Service]| {
        plan.carry_out(services, request, deadline(), OnFailure::Stop).unwrap()
    };
    let up = since(&carry_out(&plan, &Request::up(), &services));
    assert!(up[0].0 == "a" && up[1].0 == "b" && up[0].1 < up[1].1, "{up:?}");
    let down = since(&carry_out(&plan.reversed(), &Request::down(), &services));
    assert!(down[0].0 == "b" && down[1].0 == "a" && down[0].1 < down[1].1, "{down:?}");
    all[0].signal(Signal::SIGKILL);
    let mut watch = watch(&all[0]);
    event(&mut watch, |event| event.status.as_ref().is_ok_and(|o| !o.reading().is_supervised()));
    let steps = carry_out(&plan, &Request::up(), &services);
    assert!(matches!(steps[0].result, Some(Err(svclient::Error::NotSupervised { .. }))));
    assert!(steps[1].result.is_none());
}

/// Random requests one after the other, unwaited: what the watch says last of a service is what its
/// record says, no event is older than the one before, and none says what the one before said.
/// runsv and supervise take a second for every restart, so the storm has many places.
/// `SV_STORM` sets the number of its sequences.
pub fn a_storm_of_requests_ends_with_the_last_state(suite: Suite) {
    let places = if suite == Suite::S6 { 10 } else { 50 };
    let supervised: Vec<_> = (0..places).map(|_| Supervised::start(suite, SLEEP)).collect();
    let services: Vec<Service> = supervised.iter().map(open_when_up).collect();
    let mut watch = WatchSet::new().unwrap();
    let mut last: BTreeMap<WatchKey, Status> = BTreeMap::new();
    let keys: Vec<_> = services.iter().map(|service| watch.add(service.clone()).unwrap()).collect();
    let mut note = |event: WatchEvent| {
        let now = event.status.unwrap();
        if let Some(before) = last.insert(event.key, now) {
            assert_ne!(before.reading(), now.reading(), "{:?}", event.news);
            let since = |seen: Status| seen.facts().unwrap().since;
            assert!(since(now) >= since(before), "{now:?} after {before:?}");
        }
    };
    // A small generator, so that a failure comes again.
    let mut noise = 0x5eed_u64;
    let mut below = |limit: usize| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        usize::try_from((noise >> 16) % u64::try_from(limit).unwrap()).unwrap()
    };
    let ops = [Op::Up, Op::Down, Op::Once, Op::Pause, Op::Cont, Op::Term, Op::Kill, Op::Up];
    let count = std::env::var("SV_STORM").ok().and_then(|count| count.parse().ok());
    for _ in 0..count.unwrap_or(500) {
        let sequence: Vec<Op> = (0..=below(3)).map(|_| ops[below(ops.len())]).collect();
        services[below(places)].send_all_before(&sequence, deadline()).unwrap();
        if let Some(event) = watch.next_now().unwrap() {
            note(event);
        }
    }
    for service in &services {
        service.send_all_before(&[Op::Cont, Op::Down], deadline()).unwrap();
    }
    // The last word of a storm is down, and there may be a second before every word.
    let limit = Instant::now() + 10 * PATIENCE;
    let is_down = |service: &Service| status(&service.status().unwrap()).state() == State::Down;
    loop {
        let quiet = Instant::now() + QUIET;
        match watch.next_before(quiet).unwrap() {
            Some(event) => note(event),
            None if services.iter().all(is_down) => break,
            None => assert!(Instant::now() < limit, "no rest in time"),
        }
    }
    for (key, service) in keys.iter().zip(&services) {
        assert_eq!(last[key].reading(), service.status().unwrap().reading());
    }
}

fn open_when_up(supervised: &Supervised) -> Service {
    wait_for(supervised, State::Up);
    open(supervised)
}

/// Longer than any pause of a supervisor between two bytes.
const QUIET: Duration = Duration::from_millis(1_900);

pub fn readiness_is_awaited_then_reported(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, "read line <go\necho >&3\nexec sleep 1000");
    supervised.file("notification-fd", "3\n");
    let go = supervised.dir().join("go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::S_IRWXU).unwrap();
    supervised.supervise();
    let mut watch = watch(&supervised);
    let starting = until(&mut watch, State::Starting);
    assert_eq!(starting.readiness.is_ready(), Some(false));
    // The script reads, so this does not block for long.
    fs::File::options().write(true).custom_flags(0).open(go).unwrap();
    let ready = until(&mut watch, State::Ready);
    assert_eq!(ready.pid, starting.pid);
    assert!(supervised.native().contains(", ready"), "{}", supervised.native());
}

/// Whatever happens to its path.
pub fn a_directory_behind_a_descriptor_is_the_same_service(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let up = wait_for(&supervised, State::Up);
    fs::create_dir(supervised.dir().join("log")).unwrap();
    let held = Service::from_fd(fs::File::open(supervised.dir()).unwrap()).unwrap();
    assert_eq!((held.dir(), held.name()), (&*supervised.dir(), Name::new("web")));
    assert_eq!(held.dialect(), open(&supervised).dialect());
    let moved = supervised.scan_dir().join("elsewhere");
    fs::rename(supervised.dir(), &moved).unwrap();
    assert_eq!(status(&held.status().unwrap()).pid, up.pid);
    let again = status(&reached(request(&held, &Request::restart())));
    assert_ne!(again.pid, up.pid);
    let log = held.log().unwrap();
    assert_eq!(
        (log.name(), log.status().unwrap().reading()),
        (Name::new("web/log"), Reading::Unsupervised)
    );
    assert_eq!(log.send(Op::Up).unwrap_err().kind(), ErrorKind::NotSupervised);
    fs::rename(&moved, supervised.dir()).unwrap();
    let file = fs::File::open(supervised.dir().join("run")).unwrap();
    assert_eq!(Service::from_fd(file).unwrap_err().kind(), ErrorKind::WrongType);
    let none = fs::File::open(supervised.scan_dir()).unwrap();
    assert_eq!(Service::from_fd(none).unwrap_err().kind(), ErrorKind::NotAService);
}

pub fn the_exit_code_is_told(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, "exit 3");
    supervised.file("down", "");
    supervised.supervise();
    let mut watch = watch(&supervised);
    until(&mut watch, State::Down);
    open(&supervised).send(Op::Once).unwrap();
    event(&mut watch, |event| {
        status_of(event).is_some_and(|status| {
            status.state() == State::Down && status.last_exit == LastExit::Exited { code: 3 }
        })
    });
    assert!(supervised.native().starts_with("down (exitcode 3)"), "{}", supervised.native());
    let deaths = open(&supervised).deaths().unwrap();
    let exits: Vec<_> = deaths.iter().map(svclient::Death::exit).collect();
    assert_eq!(exits, [LastExit::Exited { code: 3 }]);
}

/// Runs of a millisecond: the record is overwritten before it can be read, the letters are not.
pub fn every_transition_of_a_crash_loop_is_heard(suite: Suite) {
    use svclient::S6Event;

    let mut supervised = Supervised::prepare(suite, "exit 3");
    supervised.file("down", "");
    supervised.supervise();
    wait_for(&supervised, State::Down);
    let mut watch = WatchSet::new().unwrap();
    let key = watch.add(open(&supervised)).unwrap();
    watch.listen(key).unwrap();
    open(&supervised).send(Op::Up).unwrap();
    let mut heard = Vec::new();
    while heard.len() < 6 {
        let event = event(&mut watch, |event| matches!(event.news, News::Heard(_)));
        let News::Heard(letter) = event.news else { unreachable!() };
        heard.push(letter);
    }
    assert_eq!(heard, [S6Event::Up, S6Event::Died, S6Event::Down].repeat(2));
    let listeners = || fs::read_dir(supervised.dir().join("event")).unwrap().count();
    assert_eq!(listeners(), 1);
    watch.remove(key);
    assert_eq!(listeners(), 0);
}

/// Debian keeps `supervise` in /run: a link that leads nowhere until runsv first runs.
pub fn a_dangling_supervise_link_is_followed(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    let run = supervised.scan_dir().join("run/runit");
    symlink(run.join("web"), supervised.dir().join("supervise")).unwrap();
    let mut watch = watch(&supervised);
    let first = watch.next_before(deadline()).unwrap().unwrap();
    assert_eq!(first.status.unwrap().reading(), Reading::Unsupervised);
    assert_eq!(open(&supervised).send(Op::Up).unwrap_err().kind(), ErrorKind::NotSupervised);
    // The way there is made step by step, and nothing that is to be told happens on it.
    fs::create_dir(run.parent().unwrap()).unwrap();
    assert!(watch.next_before(Instant::now()).unwrap().is_none());
    fs::create_dir(&run).unwrap();
    assert!(watch.next_before(Instant::now()).unwrap().is_none());
    supervised.supervise();
    until(&mut watch, State::Up);
}

fn listeners(supervised: &Supervised) -> usize {
    fs::read_dir(supervised.dir().join("event")).unwrap().count()
}

pub fn a_listener_behind_a_descriptor_is_taken_away(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut first = watch(&supervised);
    event(&mut first, |event| status_of(event).is_some());
    // The set has the only descriptor.
    let mut watch = WatchSet::new().unwrap();
    let service = Service::from_fd(fs::File::open(supervised.dir()).unwrap()).unwrap();
    let key = watch.add(service).unwrap();
    watch.listen(key).unwrap();
    watch.next_now().unwrap().unwrap();
    assert_eq!(listeners(&supervised), 1);
    watch.remove(key);
    assert_eq!(listeners(&supervised), 0);
}

pub fn a_listener_moves_to_a_new_event_directory(suite: Suite) {
    let mut supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    let key = event(&mut watch, |event| status_of(event).is_some()).key;
    watch.listen(key).unwrap();
    open(&supervised).send(Op::StopExit).unwrap();
    event(&mut watch, |event| event.news == News::Unsupervised);
    fs::remove_dir_all(supervised.dir().join("event")).unwrap();
    supervised.supervise();
    event(&mut watch, |event| status_of(event).is_some_and(|status| status.state() == State::Up));
    open(&supervised).send(Op::Term).unwrap();
    event(&mut watch, |event| event.news == News::Heard(svclient::S6Event::Died));
}

pub fn a_handle_outlives_a_change_of_suite(_: Suite) {
    if !Suite::S6.is_installed() {
        return;
    }
    let mut supervised = Supervised::start(Suite::Runit, SLEEP);
    let mut watch = watch(&supervised);
    event(&mut watch, |event| status_of(event).is_some_and(|status| status.pid.is_some()));
    let held = open(&supervised);
    held.send(Op::StopExit).unwrap();
    event(&mut watch, |event| event.news == News::Unsupervised);
    supervised.suite = Suite::S6;
    supervised.supervise();
    event(&mut watch, |event| status_of(event).is_some_and(|status| status.state() == State::Up));
    let seen = held.status().unwrap();
    assert_eq!((seen.suite(), seen.liveness().is_alive()), (Some(svclient::Suite::S6), Some(true)));
    // runit has no such request.
    held.send(Op::NoRestart).unwrap();
}
