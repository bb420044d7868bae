//! What a service may ask for beyond `runsv`.

use std::time::Duration;

use svdevtree::{EventKind, Exit, Options, ProcessGroup, ServiceOptions, Signal};
use svproto::{
    LastExit, Op, Scale, Tai64n,
    embedded::{CannotStart, Embedded, Script},
};

use crate::{acting::until, snapshot::state, thread::Running, tree::Tree};

#[test]
fn readiness_is_what_the_service_says_and_is_published_with_its_record() {
    let tree = Tree::new();
    // Told in two writes, and only by a line end.
    let web = tree.service("web", "printf al >&4; read go < gate; echo most >&4; exec sleep 1000");
    nix::unistd::mkfifo(&web.0.join("gate"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    web.file("notification-fd", "4\n");
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    running.started();
    let told = |line: &str| web.read("supervise/embedded").contains(line).then_some(());
    until("awaited", || told("\nready awaited\n"));
    until("the gate", || web.send_to("gate", "go\n").then_some(()));
    let ready = running.named("ready");
    let text = web.read("supervise/embedded");
    let label = text.lines().find_map(|line| line.strip_prefix("ready @")).unwrap();
    let bytes: Vec<u8> =
        (0..12).map(|at| u8::from_str_radix(&label[2 * at..2 * at + 2], 16).unwrap()).collect();
    let label = Tai64n::from_bytes(bytes.try_into().unwrap()).unix(Scale::Fixed).unwrap();
    let at = ready.at.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(label.secs().abs_diff(at.as_secs().try_into().unwrap()) <= 1, "{label:?} {at:?}");
    // And a client sees it beside the record.
    let status = || *svclient::Service::open(&web.0).unwrap().status().unwrap().facts().unwrap();
    assert_eq!(status().state(), svclient::State::Ready);
    // No time of any file has a part in it.
    for name in ["supervise/ok", "supervise/embedded", "supervise/status"] {
        let file = std::fs::File::options().read(true).write(true).open(web.0.join(name)).unwrap();
        file.set_modified(std::time::SystemTime::now()).unwrap();
        assert_eq!(status().state(), svclient::State::Ready, "{name}");
    }
    running.handle.ask(id, svdevtree::ServicePart::Main, Op::Down).unwrap();
    running.named("down");
    assert_eq!(status().readiness, svclient::Readiness::NotReported);
    assert!(!web.read("supervise/embedded").contains("ready"));
    // The record is runit's as ever.
    assert_eq!(std::fs::read(web.0.join("supervise/status")).unwrap().len(), 20);
    running.stop();
}

#[test]
fn a_client_waits_for_readiness_as_under_s6() {
    let tree = Tree::new();
    let web = tree.service("web", "read go < gate; echo >&4; exec sleep 1000");
    nix::unistd::mkfifo(&web.0.join("gate"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    web.file("notification-fd", "4\n");
    web.file("down", "");
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    let service = svclient::Service::open(&web.0).unwrap();
    let request = svclient::Request::up().until(svclient::Goal::Ready);
    let ask = |span| {
        let deadline = std::time::Instant::now() + span;
        let outcomes = svclient::pursue(std::slice::from_ref(&service), &request, deadline);
        outcomes.unwrap().remove(0).unwrap()
    };
    let not_yet = ask(Duration::from_millis(300));
    assert!(not_yet.kind() == svclient::OutcomeKind::Deadline, "{not_yet:?}");
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(Duration::from_secs(20)));
        until("the gate", || web.send_to("gate", "go\n").then_some(()));
        waiting.join().unwrap()
    });
    assert!(waiting.is_reached(), "{waiting:?}");
    running.stop();
}

#[test]
fn an_option_wins_over_a_file_and_a_bad_file_counts_as_none() {
    let tree = Tree::new();
    let web = tree.service("web", "echo >&5; exec sleep 1000");
    web.file("notification-fd", "4 \n");
    web.file("down-signal", "NOSUCH\n");
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new().notification_fd(5));
    running.named("ready");
    running.handle.ask(id, svdevtree::ServicePart::Main, Op::Down).unwrap();
    let signal = running.event(|event| match event.kind {
        EventKind::Stopping { signal, .. } => Some(signal),
        _ => None,
    });
    assert_eq!(signal, Signal::TERM);
    running.stop();
}

#[test]
fn a_notification_fd_of_any_number_reaches_the_service_and_nothing_else_does() {
    let tree = Tree::new();
    let running = Running::start(Options::new());
    // Every number that a pipe of std or of ours may have at that moment.
    for fd in 1..60 {
        // dash knows descriptors of one digit only.
        let run = format!("exec bash -c 'echo >&{fd}; exec sleep 1000'");
        let web = tree.service(&format!("s{fd}"), &run);
        let id = running.add(&web, ServiceOptions::new().notification_fd(fd));
        running.named("ready");
        running.handle.remove(id).unwrap();
        running.named("gone");
    }
    running.stop();
}

#[test]
fn a_stop_signal_is_for_down_and_not_for_term() {
    let tree = Tree::new();
    // `wait` misses no signal; `read` does, between the look for one and the system call.
    let run = "trap 'exit 3' INT; trap 'exit 4' TERM; sleep 1000 4>&- & echo >&4; wait";
    let web = tree.service("web", run);
    web.file("down-signal", "int\n");
    web.file("notification-fd", "4");
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    for (op, code) in [(Op::Term, 4), (Op::Down, 3)] {
        running.named("ready");
        running.handle.ask(id, svdevtree::ServicePart::Main, op).unwrap();
        let exit = running.event(|event| match event.kind {
            EventKind::Exited { exit } => Some(exit),
            _ => None,
        });
        assert_eq!(exit, Exit::Code(code));
    }
    running.stop();
}

#[test]
fn what_ignores_its_stop_signal_is_killed_in_time_and_with_its_group_where_asked() {
    let tree = Tree::new();
    let web = tree.service("web", "trap '' TERM; sleep 1000 & echo $! > child; echo >&4; wait");
    web.file("notification-fd", "4");
    web.file("timeout-kill", "100\n");
    web.file("flag-timeout-killpg", "");
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    running.named("ready");
    let child = web.read("child").trim().to_owned();
    assert!(state(&child).is_some());
    running.handle.ask(id, svdevtree::ServicePart::Main, Op::Down).unwrap();
    running.named("overdue");
    running.named("down");
    until("the child's end", || (!matches!(state(&child), Some('S' | 'R'))).then_some(()));
    running.stop();
}

#[test]
fn a_swept_group_leaves_nothing_when_run_ends() {
    let tree = Tree::new();
    let web = tree.service("web", "sleep 1000 & echo $! > child; exit 1");
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new().group(ProcessGroup::Swept));
    running.named("exited");
    let child = web.read("child").trim().to_owned();
    until("the child's end", || (!matches!(state(&child), Some('S' | 'R'))).then_some(()));
    running.stop();
}

#[test]
fn delays_of_a_crash_loop_grow_and_are_published() {
    let tree = Tree::new();
    let web = tree.service("web", "exit 1");
    let running = Running::start(Options::new());
    let options = ServiceOptions::new().longest_delay(Duration::from_secs(1000));
    let id = running.add(&web, options);
    for (count, seconds) in [(1, 1), (2, 2)] {
        let backoff = running.event(|event| match event.kind {
            EventKind::Backoff { delay, crashes } => Some((crashes, delay)),
            _ => None,
        });
        assert_eq!(backoff, (count, Duration::from_secs(seconds)));
        let text = web.read("supervise/embedded");
        assert!(text.contains(&format!("\nbackoff {count} {seconds}000 @40000000")), "{text}");
        running.started();
    }
    running.handle.ask(id, svdevtree::ServicePart::Main, Op::Down).unwrap();
    running.named("down");
    assert!(!web.read("supervise/embedded").contains("backoff"));
    running.stop();
}

#[test]
fn the_last_exit_the_restarts_and_what_cannot_be_started_are_published() {
    let tree = Tree::new();
    let web = tree.service("web", "read go < gate; exit 3");
    nix::unistd::mkfifo(&web.0.join("gate"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    let embedded = || Embedded::from_bytes(web.read("supervise/embedded").as_bytes()).unwrap();
    let facts = || *svclient::Service::open(&web.0).unwrap().status().unwrap().facts().unwrap();
    running.started();
    until("the first record", || (embedded().belongs_to(&facts())).then_some(()));
    assert_eq!((embedded().restarts, embedded().exit), (0, None));
    until("the gate", || web.send_to("gate", "go\n").then_some(()));
    running.started();
    let exit = LastExit::Exited { code: 3 };
    until("a second run", || {
        (embedded().restarts == 1 && embedded().belongs_to(&facts())).then_some(())
    });
    assert_eq!(embedded().exit.map(|(exit, _)| exit), Some(exit));
    assert_eq!(facts().last_exit, exit);
    // A script that is missing from now on.
    std::fs::rename(web.0.join("run"), web.0.join("gone")).unwrap();
    running.handle.ask(id, svdevtree::ServicePart::Main, Op::Kill).unwrap();
    running.named("cannot-start");
    let cannot = CannotStart::new(Script::Run, nix::libc::ENOENT.unsigned_abs());
    until("why", || (embedded().cannot_start == Some(cannot)).then_some(()));
    let text = web.read("supervise/embedded");
    assert!(
        text.contains("\ncannot-start run 2\n") && text.contains("\nexit code 111 @"),
        "{text}"
    );
    std::fs::rename(web.0.join("gone"), web.0.join("run")).unwrap();
    running.started();
    until("another run", || embedded().cannot_start.is_none().then_some(()));
    running.stop();
    // What another supervisor writes afterwards has nothing of it.
    let later = svproto::runit::RunitRecord::new(svproto::runit::RunitFields {
        since: Tai64n::from_unix(svproto::UnixTime::new(2_000_000_000, 0).unwrap(), Scale::Fixed)
            .unwrap(),
        pid: svproto::Pid::new(4711),
        paused: false,
        want_up: true,
        got_term: false,
        phase: svproto::Phase::Up,
    });
    std::fs::write(web.0.join("supervise/status"), later.as_bytes()).unwrap();
    assert!(!embedded().belongs_to(&later.facts()));
}
