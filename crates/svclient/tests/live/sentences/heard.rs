//! What is told of a service besides: readiness, exits, letters of s6, and handles that outlive a change.

use super::*;

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
