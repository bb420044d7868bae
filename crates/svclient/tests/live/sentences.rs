//! What must hold under each supervisor, in the same words.

mod heard;
mod many;
mod restarting;

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

pub use self::{heard::*, many::*, restarting::*};

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
fn status(seen: &Status) -> Facts {
    *seen.facts().unwrap()
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
            let seen = event.status.as_ref().unwrap();
            assert_ne!(readings.last(), Some(&seen.reading()), "said twice");
            readings.push(seen.reading());
            seen.facts().is_some_and(|status| status.state() == state)
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
        // The supervisor may write once more, right after its start.
        let seen = (0..10).find_map(|_| {
            fs::write(&path, damaged).unwrap();
            let seen = open(&supervised).status();
            (fs::read(&path).unwrap() == damaged).then_some(seen)
        });
        let error = seen.unwrap().unwrap_err();
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
    let seen = service.status().unwrap();
    assert_eq!(seen.reading(), Reading::Unsupervised);
    assert_eq!(seen.suite().unwrap().name(), suite.name());
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
            let seen = event.status.as_ref();
            seen.is_ok_and(|o| {
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

fn open_when_up(supervised: &Supervised) -> Service {
    wait_for(supervised, State::Up);
    open(supervised)
}

/// Longer than any pause of a supervisor between two bytes.
const QUIET: Duration = Duration::from_millis(1_900);
