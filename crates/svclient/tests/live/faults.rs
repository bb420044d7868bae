//! Faults and bad inputs, by their numbers in the list of faults: those that take a real
//! supervisor. `../faults.rs` has those that do not.
//!
//! Not here, and why:
//!
//! * F20: two supervisors on one directory; this library starts none.
//! * F51, F52: `lock-fd` and `flag-newpidns` are whoever generates a directory's to get right.
//! * F56, F57, F58: scanners; `scanners.rs` has what concerns this library.
//! * F59: it signals no process by its number; F22 says so.
//! * F63, F64: env and log directories are whoever generates them's to get right.

mod locked;
mod places;

mod supervisors;

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::{signal::Signal, stat::Mode},
    unistd::mkfifo,
};
use svclient::{
    Cause, Error, ErrorKind, Facts, Goal, LastExit, Liveness, News, Normally, Op, Outcome,
    OutcomeKind, Pid, Readiness, Reading, Request, ScanDir, Service, State, Status, UnixTime,
    Version, Want, WatchEvent, WatchSet, pursue, signal_name,
};
use svproto::{
    Scale, Tai64n,
    s6::{event::S6Event, v2_11},
};

use crate::{
    supervised::{PATIENCE, Suite, Supervised, skips},
    waiting::{deadline, event, open, watch},
};

pub use self::{locked::*, places::*, supervisors::*};

macro_rules! faults {
    (
        all: $($all:ident)*;
        runit: $($runit:ident)*;
        daemontools: $($daemontools:ident)*;
        s6: $($s6:ident)*;
    ) => {
        of_suite!(crate::faults, runit Runit $($all)* $($runit)*);
        of_suite!(crate::faults, daemontools Daemontools $($all)* $($daemontools)*);
        of_suite!(crate::faults, encore Encore $($all)* $($daemontools)*);
        of_suite!(crate::faults, s6 S6 $($all)* $($s6)*);
    };
}

faults! {
    all:
        f04_a_dangling_supervise_link_is_nobodys_and_then_followed
        f09_a_request_that_was_never_read_dies_with_its_supervisor
        f12_what_a_dead_supervisor_left_is_nobodys_at_once
        f13_a_wait_ends_with_the_supervisor
        f14_a_stopped_supervisor_does_not_acknowledge_and_catches_up
        f15_a_full_control_fifo_takes_the_request_once_it_drains
        f18_the_next_supervisor_takes_the_next_request
        f19_a_supervisor_is_asked_while_it_starts
        f21_a_service_stays_down_after_its_supervisor_only_if_normally_down
        f22_an_orphan_is_not_taken_for_the_service_and_not_killed
        f38_a_closed_supervise_directory_is_named
        f39_a_record_that_may_be_read_is_told_though_nobody_may_be_asked
        f40_a_record_that_may_not_be_read_is_named
        f41_a_request_whose_record_could_not_be_written_is_not_acknowledged
        f42_a_directory_deleted_under_its_supervisor_is_not_found
        f43_a_renamed_directory_works_under_its_new_name
        f43_a_supervise_directory_that_is_replaced_is_followed
        f48_a_service_that_never_says_ready_is_not_waited_for
        a_service_that_never_says_ready_is_not_restarted_for_it
        f50_a_run_script_that_cannot_be_run_is_never_up_for_long_and_never_down
        f65_a_wait_ends_when_somebody_else_has_the_last_word;
    runit:
        f17_a_deaf_supervisor_is_waited_for
        f35_what_runsv_left_after_exit_and_kill_is_nobodys
        f61_a_log_that_is_a_file_is_left_out
        f62_a_logger_that_ignores_its_end_can_be_ended;
    daemontools:
        f17_a_deaf_supervisor_is_waited_for
        f36_a_crash_loop_is_seen_by_its_stamps_and_never_up_for_long;
    s6:
        f19_a_supervisor_without_a_record_has_not_said_yet
        f23_a_record_cut_short_is_told_with_its_length
        f24_a_record_that_is_too_long_is_no_record
        f25_a_record_of_zeros_or_ones_is_no_record
        f26_a_stamp_in_the_future_is_kept
        f28_a_number_that_no_process_has_never_becomes_a_pid
        f08_the_file_of_a_descriptor_is_read_up_to_its_bound
    f32_flag_bits_that_mean_nothing_change_nothing
        f33_wait_statuses_of_every_kind_are_told
        f46_a_listener_is_there_as_long_as_it_listens
        f47_what_a_full_listener_loses_is_in_the_record
        f49_a_permanent_failure_ends_the_wait_with_its_exit
        f54_a_byte_of_another_family_is_never_sent;
}

const SLEEP: &str = "exec sleep 1000";
/// An ignored signal stays ignored across `exec`; the file says that it is so.
const IGNORE_TERM: &str = "trap '' TERM\n: >deaf\nexec sleep 1000";

fn soon(millis: u64) -> Instant {
    Instant::now() + Duration::from_millis(millis)
}

/// The next status for which `done` holds.
#[track_caller]
fn status_where(watch: &mut WatchSet, done: impl Fn(&Facts) -> bool) -> Facts {
    let holds = |event: &WatchEvent| {
        event.status.as_ref().is_ok_and(|seen| seen.facts().is_some_and(&done))
    };
    status(&event(watch, holds).status.unwrap())
}

#[track_caller]
fn until(watch: &mut WatchSet, state: State) -> Facts {
    status_where(watch, |status| status.state() == state)
}

#[track_caller]
fn wait_for(supervised: &Supervised, state: State) -> Facts {
    until(&mut watch(supervised), state)
}

#[track_caller]
fn until_gone(watch: &mut WatchSet) {
    event(watch, |event| event.news == News::Unsupervised);
}

#[track_caller]
fn status(seen: &Status) -> Facts {
    *seen.facts().unwrap()
}

fn ask(service: &Service, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
    pursue(std::slice::from_ref(service), request, deadline).unwrap().remove(0)
}

#[track_caller]
fn reached(outcome: Result<Outcome, Error>) -> Status {
    match outcome {
        Ok(outcome) if outcome.is_reached() => *outcome.status().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn never(outcome: Result<Outcome, Error>) -> Cause {
    outcome.unwrap().why().unwrap()
}

/// The deadline passed: how the service stood, and whether the request was seen to be read.
#[track_caller]
fn passed(outcome: Result<Outcome, Error>) -> (Status, bool) {
    match outcome {
        Ok(outcome) if outcome.kind() == OutcomeKind::Deadline => {
            (*outcome.status().unwrap(), outcome.was_read())
        }
        other => panic!("{other:?}"),
    }
}

/// Waits for what nothing tells of.
#[track_caller]
fn poll_until(done: impl Fn() -> bool) {
    let deadline = deadline();
    while !done() {
        assert!(Instant::now() < deadline, "does not come true");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A service that ignores SIGTERM, and does so by now.
#[track_caller]
fn deaf_service(suite: Suite) -> (Supervised, Facts) {
    start_deaf(suite, IGNORE_TERM)
}

#[track_caller]
fn start_deaf(suite: Suite, run: &str) -> (Supervised, Facts) {
    let supervised = Supervised::start(suite, run);
    let up = wait_for(&supervised, State::Up);
    poll_until(|| supervised.dir().join("deaf").exists());
    (supervised, up)
}

/// Whether a process is there and no zombie.
fn lives(pid: Pid) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok()
}

/// Somebody else's child tells nobody of its end, so it is looked for.
#[track_caller]
fn ends(pid: Pid) {
    let deadline = deadline();
    while lives(pid) {
        assert!(Instant::now() < deadline, "{pid} lives");
        thread::sleep(Duration::from_millis(1));
    }
}

fn pid_of(supervised: &Supervised) -> Option<Pid> {
    Pid::new(supervised.pid().as_raw().try_into().unwrap())
}

#[track_caller]
fn denied(result: Result<impl std::fmt::Debug, Error>, below: &Path) {
    match result {
        Err(Error::Denied { path, .. }) => assert!(path.starts_with(below), "{}", path.display()),
        other => panic!("{other:?}"),
    }
}

/// Whether somebody else can be started. If not, the test is left out.
fn can_become_others(suite: Suite) -> bool {
    skips::is_root(suite.name())
}

const DIR: &str = "SVCLIENT_FAULTS_DIR";

/// The directory of [`as_nobody`], in the process that it started.
fn nobodys() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

/// Runs a test again as a process of a user without rights, on this service directory.
#[track_caller]
fn as_nobody(supervised: &Supervised, test: &str) {
    let test = format!("faults::{}::{test}", supervised.suite.name());
    let mut child = Command::new("/proc/self/exe");
    child.args(["--exact", &test, "--nocapture"]).env(DIR, supervised.dir());
    let output = child.current_dir("/").uid(65_534).gid(65_534).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(" 1 passed"), "{output:#?}");
}

/// What the kill overtook is not written.
pub fn f35_what_runsv_left_after_exit_and_kill_is_nobodys(suite: Suite) {
    let (supervised, up) = deaf_service(suite);
    let service = open(&supervised);
    let exit = Request::new(Op::StopExit, Goal::Gone).kill_after(Duration::from_millis(50));
    let gone = reached(ask(&service, &exit, deadline()));
    assert_eq!(gone.reading(), Reading::Unsupervised);
    // runsv does not wait for what it has killed.
    ends(up.pid.unwrap());
    let left = fs::read(supervised.dir().join("supervise/status")).unwrap();
    assert_eq!(left[12..16], up.pid.unwrap().get().to_le_bytes(), "the record is not stale");
    assert_eq!(left[19], 1, "the record is not stale");
    assert_eq!(service.status().unwrap().reading(), Reading::Unsupervised);
}

pub fn f36_a_crash_loop_is_seen_by_its_stamps_and_never_up_for_long(suite: Suite) {
    let supervised = Supervised::start(suite, "exit 3");
    let mut watch = watch(&supervised);
    let first = status_where(&mut watch, |status| status.pid.is_some());
    let up_for = Request::up().until(Goal::UpFor(Duration::from_millis(1200)));
    let (seen, _) = passed(ask(&open(&supervised), &up_for, soon(2500)));
    assert!(status(&seen).since > first.since);
}

pub fn f48_a_service_that_never_says_ready_is_not_waited_for(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let up = wait_for(&supervised, State::Up);
    assert_eq!(up.readiness, Readiness::NotReported);
    let asked = Instant::now();
    let ready = Request::up().until(Goal::Ready);
    assert_eq!(never(ask(&open(&supervised), &ready, deadline())), Cause::NoReadiness);
    assert!(asked.elapsed() < PATIENCE / 3);
}

/// `family.md` 36: what cannot come is refused before anything is done.
pub fn a_service_that_never_says_ready_is_not_restarted_for_it(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    let before = until(&mut watch, State::Up).pid;
    let service = open(&supervised);
    for request in [Request::restart(), Request::up()] {
        let request = request.until(Goal::Ready);
        assert_eq!(never(ask(&service, &request, deadline())), Cause::NoReadiness);
    }
    assert_eq!(service.status().unwrap().facts().unwrap().pid, before);
}

pub fn f50_a_run_script_that_cannot_be_run_is_never_up_for_long_and_never_down(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    let run = supervised.dir().join("run");
    fs::set_permissions(run, fs::Permissions::from_mode(0o644)).unwrap();
    supervised.supervise();
    let mut watch = watch(&supervised);
    event(&mut watch, |event| event.status.as_ref().is_ok_and(|seen| seen.facts().is_some()));
    let up_for = Request::up().until(Goal::UpFor(Duration::from_millis(1200)));
    let (seen, _) = passed(ask(&open(&supervised), &up_for, soon(2000)));
    assert_eq!(status(&seen).want, Some(Want::Up));
    if suite == Suite::S6 {
        assert_eq!(status(&seen).state(), State::Backoff);
    }
    while let Some(event) = watch.next_now().unwrap() {
        let state = status(&event.status.unwrap()).state();
        assert!(matches!(state, State::Backoff | State::Up | State::Finishing), "{state}");
    }
}

/// runsv warns, and runs the service without a logger.
pub fn f61_a_log_that_is_a_file_is_left_out(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("log", "");
    supervised.supervise();
    wait_for(&supervised, State::Up);
    let service = open(&supervised);
    assert_eq!(service.log(), None);
    assert_eq!(status(&service.status().unwrap()).state(), State::Up);
    reached(ask(&service, &Request::down(), deadline()));
}

pub fn f62_a_logger_that_ignores_its_end_can_be_ended(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    fs::create_dir(supervised.dir().join("log")).unwrap();
    supervised.script("log/run", SLEEP);
    supervised.supervise();
    let mut watch = watch(&supervised);
    until(&mut watch, State::Up);
    let service = open(&supervised);
    let log = service.log().unwrap();
    let exit = Request::new(Op::StopExit, Goal::Gone);
    let (seen, acknowledged) = passed(ask(&service, &exit, soon(300)));
    assert_eq!((status(&seen).state(), acknowledged), (State::Down, true));
    assert_eq!(status(&log.status().unwrap()).state(), State::Up);
    log.send(Op::Term).unwrap();
    until_gone(&mut watch);
    assert_eq!(log.status().unwrap().reading(), Reading::Unsupervised);
}

/// A want that turns, and turns back before anybody looks, leaves no trace in a record; so the
/// first turn is given time to be seen.
pub fn f65_a_wait_ends_when_somebody_else_has_the_last_word(suite: Suite) {
    let (supervised, _) = deaf_service(suite);
    let (mine, theirs) = (open(&supervised), open(&supervised));
    thread::scope(|scope| {
        let outcome = scope.spawn(|| ask(&mine, &Request::down(), deadline()));
        status_where(&mut watch(&supervised), |status| status.want == Some(Want::Down));
        // It was woken when this thread was, and sleeps again once it has looked.
        poll_until(waits_sleep);
        theirs.send(Op::Up).unwrap();
        assert_eq!(never(outcome.join().unwrap()), Cause::WantedUpAgain);
    });
    reached(ask(&theirs, &Request::down().kill_after(Duration::ZERO), deadline()));
    let long = Request::up().until(Goal::UpFor(PATIENCE * 2));
    thread::scope(|scope| {
        let outcome = scope.spawn(|| ask(&mine, &long, deadline()));
        until(&mut watch(&supervised), State::Up);
        theirs.send_all_before(&[Op::Down, Op::Kill], deadline()).unwrap();
        assert!(matches!(never(outcome.join().unwrap()), Cause::GivenUp { .. }));
    });
}

/// Whether the threads of this process in which waits are made wait for something.
fn waits_sleep() -> bool {
    let stats = fs::read_dir("/proc/self/task").unwrap().filter_map(|it| {
        // It may have ended meanwhile.
        fs::read_to_string(it.ok()?.path().join("stat")).ok()
    });
    let mut waits = stats.filter(|it| it.contains(" (svclient) ")).peekable();
    waits.peek().is_some() && waits.all(|it| it.contains(") S "))
}
