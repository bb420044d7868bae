//! Supervisors that end, are stopped, are deaf or start.

use super::*;

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
    let seen = service.status().unwrap();
    assert_eq!((seen.reading(), seen.liveness()), (Reading::Unsupervised, Liveness::Dead));
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
    let seen = service.status().unwrap();
    assert_eq!(seen.liveness().is_alive(), Some(true));
    assert_eq!(status(&seen), up);
    let asked = Instant::now();
    let limit = Duration::from_millis(100);
    let (seen, acknowledged) = passed(ask(&service, &Request::down(), asked + limit));
    assert!(asked.elapsed() >= limit && !acknowledged);
    assert_eq!(status(&seen), up);
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
