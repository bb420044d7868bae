//! Directories that are closed, full, deleted, renamed or replaced.

use super::*;

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
    let seen = service.status().unwrap();
    let read = seen.facts().map(Facts::state);
    match (dir.join("dead").exists(), suite) {
        // Its lock may be asked about by everybody.
        (false, Suite::S6) => {
            assert_eq!((seen.liveness().is_alive(), read), (Some(true), Some(State::Up)));
        }
        (true, Suite::S6) => assert_eq!(seen.reading(), Reading::Unsupervised),
        // Alive if the table of locks shows it; else it is not known, and never "dead".
        (false, _) => {
            assert_ne!(seen.liveness(), Liveness::Dead);
            assert_eq!(read, Some(State::Up));
        }
        (true, _) => {
            assert_eq!((seen.liveness(), read), (Liveness::Unknown, Some(State::Up)));
        }
    }
    denied(service.send(Op::Down), &dir.join("supervise/control"));
    denied(ask(&service, &Request::down(), deadline()), &dir.join("supervise/control"));
    let mut watch = WatchSet::new().unwrap();
    watch.add(service).unwrap();
    let first = watch.next_now().unwrap().unwrap();
    assert_eq!(first.status.unwrap(), seen);
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
    let (seen, acknowledged) = passed(ask(&service, &Request::down(), asked));
    ends(up.pid.unwrap());
    assert_eq!((status(&seen), acknowledged), (up, false));
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
