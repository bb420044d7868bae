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
fn status(observation: &Status) -> Facts {
    *observation.facts().unwrap()
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

/// Debian keeps `supervise` in /run, where it is gone after a boot.
pub fn f04_a_dangling_supervise_link_is_nobodys_and_then_followed(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    let target = supervised.scan_dir().join("target");
    symlink(&target, supervised.dir().join("supervise")).unwrap();
    let service = open(&supervised);
    assert_eq!(service.status().unwrap().reading(), Reading::Unsupervised);
    assert_eq!(service.send(Op::Up).unwrap_err().kind(), ErrorKind::NotSupervised);
    let mut watch = watch(&supervised);
    assert_eq!(watch.next_now().unwrap().unwrap().news, News::Snapshot);
    if suite == Suite::Encore {
        // The others make it; encore does not start without it.
        fs::create_dir(&target).unwrap();
    }
    supervised.supervise();
    until(&mut watch, State::Up);
    assert!(target.join("status").exists());
    service.send(Op::Pause).unwrap();
    until(&mut watch, State::Paused);
}

pub fn f09_a_request_that_was_never_read_dies_with_its_supervisor(suite: Suite) {
    let mut supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    let before = until(&mut watch, State::Up);
    let service = open(&supervised);
    supervised.signal(Signal::SIGSTOP);
    service.send(Op::Down).unwrap();
    passed(ask(&service, &Request::down(), soon(50)));
    supervised.signal(Signal::SIGKILL);
    until_gone(&mut watch);
    supervised.supervise();
    status_where(&mut watch, |status| status.state() == State::Up && status.pid != before.pid);
    // What was written before this one has been read by now.
    service.send(Op::Pause).unwrap();
    assert_eq!(until(&mut watch, State::Paused).want, Some(Want::Up));
}

pub fn f12_what_a_dead_supervisor_left_is_nobodys_at_once(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    let up = until(&mut watch, State::Up);
    supervised.signal(Signal::SIGKILL);
    until_gone(&mut watch);
    assert!(lives(up.pid.unwrap()), "no orphan");
    let service = open(&supervised);
    let asked = Instant::now();
    let observation = service.status().unwrap();
    assert_eq!(
        (observation.reading(), observation.liveness()),
        (Reading::Unsupervised, Liveness::Dead)
    );
    assert_eq!(
        service.send_before(Op::Down, deadline()).unwrap_err().kind(),
        ErrorKind::NotSupervised
    );
    for request in [Request::up(), Request::down(), Request::restart()] {
        let error = ask(&service, &request, deadline()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupervised);
    }
    assert!(asked.elapsed() < PATIENCE / 3, "waited for nobody");
}

pub fn f13_a_wait_ends_with_the_supervisor(suite: Suite) {
    let (supervised, _) = deaf_service(suite);
    let service = open(&supervised);
    thread::scope(|scope| {
        let outcome = scope.spawn(|| ask(&service, &Request::down(), deadline()));
        status_where(&mut watch(&supervised), |status| status.want == Some(Want::Down));
        supervised.signal(Signal::SIGKILL);
        let killed = Instant::now();
        assert_eq!(never(outcome.join().unwrap()), Cause::Unsupervised);
        assert!(killed.elapsed() < PATIENCE / 3);
    });
}

pub fn f14_a_stopped_supervisor_does_not_acknowledge_and_catches_up(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let up = wait_for(&supervised, State::Up);
    supervised.signal(Signal::SIGSTOP);
    let service = open(&supervised);
    let observation = service.status().unwrap();
    assert_eq!(observation.liveness().is_alive(), Some(true));
    assert_eq!(status(&observation), up);
    let asked = Instant::now();
    let limit = Duration::from_millis(100);
    let (observation, acknowledged) = passed(ask(&service, &Request::down(), asked + limit));
    assert!(asked.elapsed() >= limit && !acknowledged);
    assert_eq!(status(&observation), up);
    supervised.signal(Signal::SIGCONT);
    wait_for(&supervised, State::Down);
}

pub fn f15_a_full_control_fifo_takes_the_request_once_it_drains(suite: Suite) {
    // Nothing is written about a SIGHUP, so all of them are soon dealt with.
    let (supervised, _) = start_deaf(suite, "trap '' HUP\n: >deaf\nexec sleep 1000");
    supervised.signal(Signal::SIGSTOP);
    let service = open(&supervised);
    let full = (0..100_000).find_map(|_| service.send(Op::Hup).err()).unwrap();
    assert_eq!(full.kind(), ErrorKind::Busy);
    thread::scope(|scope| {
        let sent = scope.spawn(|| service.send_before(Op::Down, deadline()));
        let asked = scope.spawn(|| ask(&service, &Request::down(), deadline()));
        let refused = ask(&service, &Request::down(), soon(50)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Busy);
        assert!(!sent.is_finished() && !asked.is_finished());
        supervised.signal(Signal::SIGCONT);
        sent.join().unwrap().unwrap();
        assert_eq!(status(&reached(asked.join().unwrap())).state(), State::Down);
    });
}

/// runsv after an early death, supervise after any start.
pub fn f17_a_deaf_supervisor_is_waited_for(suite: Suite) {
    let supervised = Supervised::start(suite, if suite == Suite::Runit { "exit 3" } else { SLEEP });
    let mut watch = watch(&supervised);
    let up = status_where(&mut watch, |status| status.pid.is_some());
    if suite == Suite::Runit {
        status_where(&mut watch, |status| status.pid != up.pid);
    }
    let service = open(&supervised);
    let asked = Instant::now();
    let down = reached(ask(&service, &Request::down(), deadline()));
    assert_eq!((status(&down).state(), status(&down).want), (State::Down, Some(Want::Down)));
    // Otherwise it was not deaf, and this test shows nothing.
    assert!(asked.elapsed() > Duration::from_millis(300), "{:?}", asked.elapsed());
}

pub fn f18_the_next_supervisor_takes_the_next_request(suite: Suite) {
    let mut supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    let before = until(&mut watch, State::Up);
    let service = open(&supervised);
    let control = supervised.dir().join("supervise/control");
    let inode = fs::metadata(&control).unwrap().ino();
    let supervisor = |service: &Service| match service.status().unwrap().liveness() {
        Liveness::Alive { supervisor } => supervisor,
        other => panic!("{other:?}"),
    };
    let tells = (suite == Suite::S6).then_some(());
    assert_eq!(supervisor(&service), tells.and_then(|()| pid_of(&supervised)));
    supervised.signal(Signal::SIGKILL);
    until_gone(&mut watch);
    supervised.supervise();
    event(&mut watch, |event| event.news == News::Supervised);
    assert_eq!(supervisor(&service), tells.and_then(|()| pid_of(&supervised)));
    assert_eq!(fs::metadata(&control).unwrap().ino(), inode);
    let mut watch = self::watch(&supervised);
    status_where(&mut watch, |status| status.state() == State::Up && status.pid != before.pid);
    reached(ask(&service, &Request::down(), deadline()));
    assert!(supervised.native().starts_with("down"), "{}", supervised.native());
}

/// From the first moment on either nobody is there, or the request is carried out.
pub fn f19_a_supervisor_is_asked_while_it_starts(suite: Suite) {
    for _ in 0..5 {
        let mut supervised = Supervised::prepare(suite, SLEEP);
        supervised.file("down", "");
        let service = open(&supervised);
        supervised.supervise();
        let limit = deadline();
        let outcome = loop {
            match ask(&service, &Request::up(), limit) {
                Err(Error::NotSupervised { .. }) if Instant::now() < limit => (),
                outcome => break outcome,
            }
        };
        assert_eq!(status(&reached(outcome)).state(), State::Up);
    }
}

/// A scanner starts it again, as this test does.
pub fn f21_a_service_stays_down_after_its_supervisor_only_if_normally_down(suite: Suite) {
    let mut supervised = Supervised::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    until(&mut watch, State::Up);
    let exit = Request::new(Op::StopExit, Goal::Gone);
    for (normally, state) in [(Normally::Up, State::Up), (Normally::Down, State::Down)] {
        if normally == Normally::Down {
            supervised.file("down", "");
        }
        let gone = reached(ask(&open(&supervised), &exit, deadline()));
        assert_eq!(gone.reading(), Reading::Unsupervised);
        until_gone(&mut watch);
        supervised.supervise();
        event(&mut watch, |event| event.news == News::Supervised);
        // In either case the first record of this supervisor may be the one left by the last.
        wait_for(&supervised, state);
        assert_eq!(open(&supervised).status().unwrap().normally(), Some(normally));
    }
}

pub fn f22_an_orphan_is_not_taken_for_the_service_and_not_killed(suite: Suite) {
    let (mut supervised, before) = deaf_service(suite);
    let orphan = before.pid.unwrap();
    let mut watch = watch(&supervised);
    fs::remove_file(supervised.dir().join("deaf")).unwrap();
    supervised.signal(Signal::SIGKILL);
    until_gone(&mut watch);
    supervised.supervise();
    let second =
        status_where(&mut watch, |status| status.state() == State::Up && status.pid != before.pid);
    poll_until(|| supervised.dir().join("deaf").exists());
    let down = Request::down().kill_after(Duration::from_millis(50));
    reached(ask(&open(&supervised), &down, deadline()));
    ends(second.pid.unwrap());
    assert!(lives(orphan));
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
    let (observation, _) = passed(ask(&open(&supervised), &up_for, soon(2500)));
    assert!(status(&observation).since > first.since);
}

pub fn f38_a_closed_supervise_directory_is_named(suite: Suite) {
    const TEST: &str = "f38_a_closed_supervise_directory_is_named";
    let Some(dir) = nobodys() else {
        let supervised = Supervised::start(suite, SLEEP);
        wait_for(&supervised, State::Up);
        if can_become_others(suite) {
            as_nobody(&supervised, TEST);
        }
        return;
    };
    let closed = dir.join("supervise");
    let service = Service::open(&dir).unwrap();
    denied(service.status(), &closed);
    denied(service.send(Op::Down), &closed);
    denied(WatchSet::new().unwrap().add(service.clone()), &closed);
    denied(ask(&service, &Request::down(), deadline()), &closed);
    let hint = service.status().unwrap_err().hint().unwrap();
    assert!(hint.ends_with(&format!(" permission on {}", closed.display())), "{hint}");
    let listed = ScanDir::new(dir.parent().unwrap()).services().unwrap();
    assert_eq!(listed.iter().map(Service::dir).collect::<Vec<_>>(), [&dir]);
}

pub fn f39_a_record_that_may_be_read_is_told_though_nobody_may_be_asked(suite: Suite) {
    const TEST: &str = "f39_a_record_that_may_be_read_is_told_though_nobody_may_be_asked";
    let Some(dir) = nobodys() else {
        let supervised = Supervised::start(suite, SLEEP);
        let mut watch = watch(&supervised);
        until(&mut watch, State::Up);
        if can_become_others(suite) {
            let supervise = supervised.dir().join("supervise");
            fs::set_permissions(&supervise, fs::Permissions::from_mode(0o755)).unwrap();
            as_nobody(&supervised, TEST);
            supervised.signal(Signal::SIGKILL);
            until_gone(&mut watch);
            supervised.file("dead", "");
            as_nobody(&supervised, TEST);
        }
        return;
    };
    let service = Service::open(&dir).unwrap();
    let observation = service.status().unwrap();
    let read = observation.facts().map(Facts::state);
    match (dir.join("dead").exists(), suite) {
        // Its lock may be asked about by everybody.
        (false, Suite::S6) => {
            assert_eq!((observation.liveness().is_alive(), read), (Some(true), Some(State::Up)));
        }
        (true, Suite::S6) => assert_eq!(observation.reading(), Reading::Unsupervised),
        // Alive if the table of locks shows it; else it is not known, and never "dead".
        (false, _) => {
            assert_ne!(observation.liveness(), Liveness::Dead);
            assert_eq!(read, Some(State::Up));
        }
        (true, _) => {
            assert_eq!((observation.liveness(), read), (Liveness::Unknown, Some(State::Up)));
        }
    }
    denied(service.send(Op::Down), &dir.join("supervise/control"));
    denied(ask(&service, &Request::down(), deadline()), &dir.join("supervise/control"));
    let mut watch = WatchSet::new().unwrap();
    watch.add(service).unwrap();
    let first = watch.next_now().unwrap().unwrap();
    assert_eq!(first.status.unwrap(), observation);
}

pub fn f40_a_record_that_may_not_be_read_is_named(suite: Suite) {
    const TEST: &str = "f40_a_record_that_may_not_be_read_is_named";
    let Some(dir) = nobodys() else {
        let mut supervised = Supervised::prepare(suite, SLEEP);
        supervised.supervise_under(&["sh", "-c", "umask 077 && exec \"$@\"", "sh"]);
        wait_for(&supervised, State::Up);
        if can_become_others(suite) {
            let supervise = supervised.dir().join("supervise");
            let record = fs::metadata(supervise.join("status")).unwrap();
            assert_eq!(record.mode() & 0o777, 0o600);
            fs::set_permissions(&supervise, fs::Permissions::from_mode(0o755)).unwrap();
            as_nobody(&supervised, TEST);
        }
        return;
    };
    let service = Service::open(&dir).unwrap();
    denied(service.status(), &dir.join("supervise/status"));
    denied(service.send(Op::Down), &dir.join("supervise/control"));
}

/// The supervisor may write files of no byte: a disk that is full for it alone.
pub fn f41_a_request_whose_record_could_not_be_written_is_not_acknowledged(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.supervise_under(&["sh", "-c", "trap '' XFSZ && exec \"$@\"", "sh"]);
    let up = wait_for(&supervised, State::Up);
    let limit = |bytes: &str| {
        let pid = format!("--pid={}", supervised.pid());
        let limit = format!("--fsize={bytes}:");
        assert!(Command::new("prlimit").args([pid, limit]).status().unwrap().success());
    };
    limit("0");
    let service = open(&supervised);
    // supervise is deaf for up to 1.8 s after a start.
    let asked = soon(if suite.is_daemontools() { 2500 } else { 300 });
    let (observation, acknowledged) = passed(ask(&service, &Request::down(), asked));
    ends(up.pid.unwrap());
    assert_eq!((status(&observation), acknowledged), (up, false));
    assert_eq!(status(&service.status().unwrap()), up);
    limit("unlimited");
    let again = status(&reached(ask(&service, &Request::restart(), deadline())));
    assert_ne!(again.pid, up.pid);
}

pub fn f42_a_directory_deleted_under_its_supervisor_is_not_found(suite: Suite) {
    // It has read its script by now.
    let (supervised, up) = deaf_service(suite);
    let mut watch = watch(&supervised);
    let service = open(&supervised);
    fs::remove_dir_all(supervised.dir()).unwrap();
    let gone = event(&mut watch, |event| event.status.is_err());
    assert_eq!(gone.news, News::Removed);
    for error in [
        gone.status.unwrap_err(),
        service.status().unwrap_err(),
        service.send(Op::Down).unwrap_err(),
        ask(&service, &Request::down(), deadline()).unwrap_err(),
        Service::open(supervised.dir()).unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::NotFound { path } if *path == supervised.dir()),
            "{error:?}"
        );
    }
    assert!(pid_of(&supervised).is_some_and(lives) && up.pid.is_some_and(lives));
}

pub fn f43_a_renamed_directory_works_under_its_new_name(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut old = watch(&supervised);
    let up = until(&mut old, State::Up);
    let moved = supervised.scan_dir().join("moved");
    fs::rename(supervised.dir(), &moved).unwrap();
    event(&mut old, |event| event.news == News::Removed);
    let service = Service::open(&moved).unwrap();
    assert_eq!(status(&service.status().unwrap()), up);
    let mut new = WatchSet::new().unwrap();
    new.add(service.clone()).unwrap();
    service.send(Op::Pause).unwrap();
    assert_eq!(until(&mut new, State::Paused).pid, up.pid);
    // Nobody lives under the old name, whoever follows it.
    assert!(old.next_now().unwrap().is_none());
}

pub fn f43_a_supervise_directory_that_is_replaced_is_followed(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("down", "");
    supervised.supervise();
    let mut watch = watch(&supervised);
    until(&mut watch, State::Down);
    for _ in 0..3 {
        supervised.signal(Signal::SIGKILL);
        until_gone(&mut watch);
        fs::remove_dir_all(supervised.dir().join("supervise")).unwrap();
        supervised.supervise();
        event(&mut watch, |event| event.news == News::Supervised);
        open(&supervised).send(Op::Up).unwrap();
        until(&mut watch, State::Up);
        open(&supervised).send(Op::Down).unwrap();
        until(&mut watch, State::Down);
    }
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
    let (observation, _) = passed(ask(&open(&supervised), &up_for, soon(2000)));
    assert_eq!(status(&observation).want, Some(Want::Up));
    if suite == Suite::S6 {
        assert_eq!(status(&observation).state(), State::Backoff);
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
    let (observation, acknowledged) = passed(ask(&service, &exit, soon(300)));
    assert_eq!((status(&observation).state(), acknowledged), (State::Down, true));
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

/// s6-supervise on a service that is down: its lock is held and its record stays as it is put.
struct Locked(Supervised);

impl Locked {
    fn new(suite: Suite) -> Self {
        let mut supervised = Supervised::prepare(suite, SLEEP);
        supervised.file("down", "");
        supervised.supervise();
        wait_for(&supervised, State::Down);
        Self(supervised)
    }

    fn record(&self) -> PathBuf {
        self.0.dir().join("supervise/status")
    }

    fn read(&self, record: &[u8]) -> Result<Status, Error> {
        let fresh = self.0.dir().join("fresh");
        fs::write(&fresh, record).unwrap();
        fs::rename(fresh, self.record()).unwrap();
        open(&self.0).status()
    }

    #[track_caller]
    fn status(&self, record: &[u8]) -> Facts {
        status(&self.read(record).unwrap())
    }

    #[track_caller]
    fn malformed(&self, record: &[u8]) -> String {
        match self.read(record) {
            Err(Error::Malformed { path, source }) => {
                assert_eq!(path, self.record());
                source.to_string()
            }
            other => panic!("{record:x?}: {other:?}"),
        }
    }
}

const THEN: i64 = 1_700_000_000;

fn s6_record(since: i64, pid: u64, wait_status: u16, flags: u8) -> [u8; 35] {
    let label = |secs| Tai64n::from_unix(UnixTime::new(secs, 0).unwrap(), Scale::LeapSeconds);
    let label = label(since).unwrap();
    let mut bytes = *v2_11::Record::new(label, label, None, wait_status, flags).as_bytes();
    bytes[24..32].copy_from_slice(&pid.to_be_bytes());
    bytes
}

const UP: u8 = v2_11::flag::WANT_UP;

pub fn f19_a_supervisor_without_a_record_has_not_said_yet(suite: Suite) {
    let locked = Locked::new(suite);
    let mut watch = watch(&locked.0);
    until(&mut watch, State::Down);
    fs::remove_file(locked.record()).unwrap();
    let observation = open(&locked.0).status().unwrap();
    assert_eq!(observation.reading(), Reading::NotYet);
    assert_eq!(observation.liveness(), Liveness::Alive { supervisor: pid_of(&locked.0) });
    // It writes one at its next change, which is what is waited for.
    reached(ask(&open(&locked.0), &Request::up(), deadline()));
    until(&mut watch, State::Up);
}

pub fn f23_a_record_cut_short_is_told_with_its_length(suite: Suite) {
    let locked = Locked::new(suite);
    let whole = s6_record(THEN, 4711, 0, UP);
    assert_eq!(locked.status(&whole).state(), State::Up);
    // The lengths of two older layouts.
    for len in (0..whole.len()).filter(|len| ![18, 26].contains(len)) {
        let said = locked.malformed(&whole[..len]);
        let plural = if len == 1 { "" } else { "s" };
        assert!(said.contains(&format!(" {len} byte{plural}, ")), "{len}: {said}");
    }
}

pub fn f24_a_record_that_is_too_long_is_no_record(suite: Suite) {
    let locked = Locked::new(suite);
    let mut longer = s6_record(THEN, 4711, 0, UP).to_vec();
    for len in 36..=100 {
        longer.resize(len, 0);
        // s6 2.13 had 43 bytes.
        if len != 43 {
            assert!(locked.malformed(&longer).contains(&format!(" {len} bytes, ")));
        }
    }
}

pub fn f25_a_record_of_zeros_or_ones_is_no_record(suite: Suite) {
    let locked = Locked::new(suite);
    for len in [35, 43] {
        for byte in [0, 0xff] {
            locked.malformed(&vec![byte; len]);
        }
    }
}

pub fn f26_a_stamp_in_the_future_is_kept(suite: Suite) {
    let locked = Locked::new(suite);
    let later = 4_000_000_000;
    assert_eq!(locked.status(&s6_record(later, 4711, 0, UP)).since, UnixTime::new(later, 0));
}

pub fn f28_a_number_that_no_process_has_never_becomes_a_pid(suite: Suite) {
    let locked = Locked::new(suite);
    for pid in [1 << 31, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX - 1, u64::MAX] {
        let said = locked.malformed(&s6_record(THEN, pid, 0, UP));
        assert!(said.contains(&pid.to_string()), "{said}");
    }
    let last = (1 << 31) - 1;
    assert_eq!(locked.status(&s6_record(THEN, last, 0, UP)).pid, Pid::new(last));
}

pub fn f32_flag_bits_that_mean_nothing_change_nothing(suite: Suite) {
    let locked = Locked::new(suite);
    for known in 0..16 {
        let plain = locked.status(&s6_record(THEN, 4711, 0, known));
        for unknown in [0x40, 0x80, 0xc0] {
            let same = locked.status(&s6_record(THEN, 4711, 0, known | unknown));
            assert_eq!(same, plain, "{:#x}", known | unknown);
        }
    }
    // Bit 4 was "ready" before s6 2.11, and bits 2 and 3 were "wanted" and "up".
    locked.0.file("notification-fd", "3\n");
    let old = locked.status(&s6_record(THEN, 4711, 0, 0x1c));
    assert_eq!((old.state(), old.want), (State::Ready, Some(Want::Up)));
}

pub fn f33_wait_statuses_of_every_kind_are_told(suite: Suite) {
    let locked = Locked::new(suite);
    let exit = |raw: u16| locked.status(&s6_record(THEN, 0, raw, 0)).last_exit;
    assert_eq!(exit(0x137f), LastExit::Unknown(0x137f), "stopped by 19");
    assert_eq!(exit(0xffff), LastExit::Unknown(0xffff), "continued");
    assert_eq!(exit(0x0300), LastExit::Exited { code: 3 });
    assert_eq!(exit(0xff00), LastExit::Exited { code: 255 });
    assert_eq!(exit(0x0009), LastExit::Signaled { signal: 9, core: false });
    assert_eq!(exit(0x008b), LastExit::Signaled { signal: 11, core: true });
    for signal in [64, 100] {
        assert_eq!(exit(signal.into()), LastExit::Signaled { signal, core: false });
        assert_eq!(signal_name(signal), None);
    }
}

/// The entries of the event directory.
fn listeners(supervised: &Supervised) -> Vec<PathBuf> {
    let entries = fs::read_dir(supervised.dir().join("event")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// s6 removes a listener that nobody reads.
pub fn f46_a_listener_is_there_as_long_as_it_listens(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = WatchSet::new().unwrap();
    let key = watch.add(open(&supervised)).unwrap();
    until(&mut watch, State::Up);
    assert_eq!(listeners(&supervised).len(), 0, "nobody asked for one");
    // That of a program that was killed.
    let left = "ftrig1:@40000000693bd10c1234567812345678";
    let left = supervised.dir().join("event").join(&format!("{left:0<39}")[..39]);
    mkfifo(&left, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    watch.listen(key).unwrap();
    let here = listeners(&supervised);
    assert!(here.len() == 1 && here[0] != left, "{here:?}");
    for (op, state) in [(Op::Down, State::Down), (Op::Up, State::Up)] {
        open(&supervised).send(op).unwrap();
        event(&mut watch, |event| matches!(event.news, News::Heard(_)));
        wait_for(&supervised, state);
        assert_eq!(listeners(&supervised), here);
    }
    drop(watch);
    assert_eq!(listeners(&supervised).len(), 0);
}

pub fn f47_what_a_full_listener_loses_is_in_the_record(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = WatchSet::new().unwrap();
    let key = watch.add(open(&supervised)).unwrap();
    until(&mut watch, State::Up);
    watch.listen(key).unwrap();
    let listener = listeners(&supervised).remove(0);
    let flags = OFlag::O_NONBLOCK.bits();
    let full = fs::File::options().write(true).custom_flags(flags).open(listener).unwrap();
    let size = fcntl(&full, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let letters = vec![b'?'; size.try_into().unwrap()];
    assert_eq!(nix::unistd::write(&full, &letters), Ok(letters.len()));
    open(&supervised).send(Op::Down).unwrap();
    // Somebody else sees it down, so its letters have been lost by now.
    wait_for(&supervised, State::Down);
    until(&mut watch, State::Down);
    drop(full);
    // The next ones are heard.
    open(&supervised).send(Op::Up).unwrap();
    event(&mut watch, |event| event.news == News::Heard(S6Event::Up));
}

/// The reading end of the control FIFO.
fn control(supervised: &Supervised) -> fs::File {
    let path = supervised.dir().join("supervise/control");
    let flags = OFlag::O_NONBLOCK.bits();
    fs::File::options().read(true).custom_flags(flags).open(path).unwrap()
}

pub fn f49_a_permanent_failure_ends_the_wait_with_its_exit(suite: Suite) {
    for goal in [Goal::Ready, Goal::UpFor(PATIENCE)] {
        let mut supervised = Supervised::prepare(suite, "exit 3");
        supervised.script("finish", "exit 125");
        supervised.file("notification-fd", "3\n");
        supervised.file("down", "");
        supervised.supervise();
        wait_for(&supervised, State::Down);
        let asked = Instant::now();
        let why = never(ask(&open(&supervised), &Request::up().until(goal), deadline()));
        assert_eq!(why, Cause::Refused { exit: LastExit::Exited { code: 3 } });
        assert!(asked.elapsed() < PATIENCE / 3);
    }
}

pub fn f54_a_byte_of_another_family_is_never_sent(suite: Suite) {
    use std::io::Read;
    let supervised = Supervised::start(suite, SLEEP);
    wait_for(&supervised, State::Up);
    // What is written stays to be read by this test.
    supervised.signal(Signal::SIGSTOP);
    let mut control = control(&supervised);
    let mut taken = || {
        let mut bytes = [0; 16];
        match control.read(&mut bytes) {
            Ok(count) => bytes[..count].to_vec(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Vec::new(),
            Err(error) => panic!("{error}"),
        }
    };
    for version in [None, Some(Version([2, 11, 3, 2])), Some(Version([2, 15, 1, 0]))] {
        for op in Op::all() {
            let service = match version {
                None => open(&supervised),
                Some(version) => open(&supervised).of_version(version),
            };
            match (service.send(op), op.control_bytes(svclient::Dialect::S6, version)) {
                (Ok(()), Ok(bytes)) => assert_eq!(taken(), bytes, "{op}"),
                (Err(Error::Unsupported { .. }), Err(_)) => assert_eq!(taken(), b"", "{op}"),
                other => panic!("{version:?}, {op}: {other:?}"),
            }
        }
    }
    for op in [Op::ToMain, Op::ToLog, Op::ToProcess, Op::ToGroup] {
        assert_eq!(open(&supervised).send(op).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
