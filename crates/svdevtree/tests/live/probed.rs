//! Whether a service is ready and well: asked by the supervisor, or said by the service; and sockets that outlive it.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    time::Duration,
};

use svclient::State;
use svdevtree::{EventKind, Exit, Options, ServiceOptions, ServicePart, Unwell};
use svproto::Op;

use crate::{
    acting::until,
    thread::Running,
    tree::{Dir, Tree},
};

/// A port that nobody has now.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn state(dir: &Dir) -> State {
    svclient::Service::open(&dir.0).unwrap().status().unwrap().state()
}

/// The next end of the service.
#[track_caller]
fn exit(running: &Running) -> Exit {
    running.event(|event| match event.kind {
        EventKind::Exited { exit } if event.part == ServicePart::Main => Some(exit),
        _ => None,
    })
}

#[track_caller]
fn unwell(running: &Running) -> Unwell {
    running.event(|event| match event.kind {
        EventKind::Unwell { why, .. } => Some(why),
        _ => None,
    })
}

/// A server in `sh` has no place to listen: this process listens for it.
#[test]
fn a_place_that_takes_connections_makes_it_ready_and_not_before() {
    let tree = Tree::new();
    let port = port();
    let web = tree.service("web", "exec sleep 1000");
    web.file("probes", &format!("ready tcp localhost:{port}\n"));
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    running.started();
    assert_eq!(state(&web), State::Starting);
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    running.named("ready");
    assert_eq!(state(&web), State::Ready);
    drop(listener);
    // What is ready stays so; another run is asked anew.
    running.handle.ask(id, ServicePart::Main, Op::Term).unwrap();
    running.started();
    assert_eq!(state(&web), State::Starting);
    running.stop();
}

#[test]
fn a_url_is_well_below_400_and_a_service_that_answers_worse_is_started_again() {
    let tree = Tree::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let web = tree.service("web", "exec sleep 1000");
    web.file(
        "probes",
        &format!(
            "ready http http://127.0.0.1:{port}/ready?a\nhealth http http://127.0.0.1:{port}/health\n\
             health every 20\nhealth failures 2\n"
        ),
    );
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    let answer = |status: &str| {
        let (mut caller, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            caller.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        write!(caller, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
        String::from_utf8(request).unwrap().lines().next().unwrap().to_owned()
    };
    assert_eq!(answer("503 Not yet"), "GET /ready?a HTTP/1.1");
    assert_eq!(answer("204 Yes"), "GET /ready?a HTTP/1.1");
    running.named("ready");
    // One failure is none, and an answer ends the count.
    for status in ["500 No", "302 Elsewhere", "500 No", "404 No"] {
        assert_eq!(answer(status), "GET /health HTTP/1.1");
    }
    assert_eq!(unwell(&running), Unwell::Unanswered);
    assert_eq!(exit(&running), Exit::Signal { number: 15, core: false });
    running.started();
    assert_eq!(answer("200 Yes"), "GET /ready?a HTTP/1.1");
    running.named("ready");
    running.kill();
}

#[test]
fn a_script_decides_and_one_that_hangs_is_killed_with_what_it_started() {
    let tree = Tree::new();
    let web = tree.service("web", "trap '' TERM; while :; do sleep 1000; done");
    web.script("data/check", "test -e go");
    web.script("data/health", "test ! -e hang || { sleep 1000 & wait; }");
    web.file(
        "probes",
        "ready command\nhealth command\nhealth every 20\nhealth timeout 300\nhealth failures 1\n",
    );
    web.file("timeout-kill", "200\n");
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    running.started();
    web.file("go", "");
    running.named("ready");
    web.file("hang", "");
    assert_eq!(unwell(&running), Unwell::Unanswered);
    std::fs::remove_file(web.0.join("hang")).unwrap();
    // It ignores SIGTERM.
    running.named("overdue");
    assert_eq!(exit(&running), Exit::Signal { number: 9, core: false });
    running.named("ready");
    running.kill();
}

#[test]
fn what_is_not_ready_in_its_time_is_ended_and_that_is_a_failure() {
    let tree = Tree::new();
    let web = tree.service("web", "trap 'exit 0' TERM; while :; do sleep 0.05; done");
    web.file("probes", "ready command\nready timeout 300\n");
    web.script("data/check", "exit 1");
    web.file("restart", "when on-failure\nlimit 2 600000\n");
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    for _ in 0..2 {
        assert_eq!(unwell(&running), Unwell::NotReady);
        assert_eq!(exit(&running), Exit::Code(0));
    }
    running.named("down");
    assert_eq!(state(&web), State::Failed);
    running.stop();
}

/// `systemd-notify` is gone before it can be asked whose child it was, so the shell's own socket tells; bash has none for
/// datagrams, perl does.
const TELL: &str = r#"tell() { perl -MSocket -e '
    socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; my $name = $ENV{NOTIFY_SOCKET}; $name =~ s/^@/\0/;
    send(S, join("\n", @ARGV), 0, pack_sockaddr_un($name)) or die' "$@"; }
"#;

#[test]
fn what_it_says_as_sd_notify_has_it_is_heard() {
    let tree = Tree::new();
    let web = tree.service(
        "web",
        &format!(
            "{TELL}tell 'STATUS=about to'\nread go < gate\ntell READY=1 'STATUS=serving'\nread go < gate\n\
             tell RELOADING=1\nread go < gate\ntell READY=1\nexec sleep 1000"
        ),
    );
    nix::unistd::mkfifo(&web.0.join("gate"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    web.file("probes", "ready notify\n");
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    let said = || {
        running.event(|event| match &event.kind {
            EventKind::Said { text } => Some(text.clone()),
            _ => None,
        })
    };
    let gate = || until("the gate", || web.send_to("gate", "go\n").then_some(()));
    assert_eq!((said().as_str(), state(&web)), ("about to", State::Starting));
    gate();
    running.named("ready");
    assert_eq!((said().as_str(), state(&web)), ("serving", State::Ready));
    gate();
    until("it is not ready", || (state(&web) == State::Starting).then_some(()));
    gate();
    running.named("ready");
    running.stop();
}

#[test]
fn a_watchdog_that_hears_nothing_aborts_and_one_that_does_lets_it_be() {
    let tree = Tree::new();
    let run = format!(
        "{TELL}echo $WATCHDOG_USEC > usec\ntell READY=1\nfor i in 1 2 3 4; do sleep 0.1; tell WATCHDOG=1; done\n\
         echo alive > alive\nexec sleep 1000"
    );
    let web = tree.service("web", &run);
    web.file("probes", "ready notify\nwatchdog 10000\n");
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    running.named("ready");
    until("the last word", || (!web.read("alive").is_empty()).then_some(()));
    assert_eq!(web.read("usec"), "10000000\n");
    // The next run has less time than it takes to say anything.
    web.script("run", &format!("{TELL}tell WATCHDOG_USEC=1000 READY=1\nexec sleep 1000"));
    running.handle.ask(id, ServicePart::Main, Op::Term).unwrap();
    assert_eq!(unwell(&running), Unwell::Silent);
    let aborted = |exit| matches!(exit, Exit::Signal { number: 6, .. });
    while !aborted(exit(&running)) {}
    web.script("run", &format!("{TELL}tell WATCHDOG=trigger; exec sleep 1000"));
    assert_eq!(unwell(&running), Unwell::Silent);
    running.kill();
}

#[test]
fn who_is_none_of_the_services_is_not_heard_and_that_is_told_once() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let tree = Tree::new();
    // Two strangers: neither of the service's user nor started by it, since their parents are gone.
    let web = tree.service(
        "web",
        &format!(
            "{TELL}(setpriv --reuid=65533 --clear-groups --regid=65533 sh -c '(sleep 0.3; exec perl -MSocket -e \"\
             socket(S, AF_UNIX, SOCK_DGRAM, 0); \\$n = \\$ENV{{NOTIFY_SOCKET}}; \\$n =~ s/^@/\\\\0/; \
             send(S, \\\"READY=1\\\", 0, pack_sockaddr_un(\\$n)) for 1..3\") &')\nexec sleep 1000"
        ),
    );
    web.file("probes", "ready notify\n");
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    let why = running.event(|event| match &event.kind {
        EventKind::Trouble { error } => Some(error.to_string()),
        EventKind::Ready { .. } => panic!("a stranger was heard"),
        _ => None,
    });
    assert!(why.contains("of user 65533"), "{why}");
    assert_eq!(state(&web), State::Starting);
    running.stop();
}

#[test]
fn sockets_are_open_before_it_starts_and_stay_while_it_is_started_again() {
    let tree = Tree::new();
    let port = port();
    let path = tree.path().join("admin.sock");
    // It is its own number that the program compares.
    let run = "export LISTEN_PID=$$; echo $LISTEN_PID $LISTEN_FDS $LISTEN_FDNAMES > told; \
               [ -e go ] || exec sleep 1000; exec perl -MIO::Socket -e '\
               my $s = IO::Socket::INET->new_from_fd(3, \"r+\"); \
               while (my $c = $s->accept) { print $c \"hello\"; close $c }'";
    let web = tree.service("web", run);
    web.file("sockets", &format!("http 127.0.0.1:{port}\nadmin {}\n", path.display()));
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    let pid = running.started();
    until("the variables", || (web.read("told") == format!("{pid} 2 http:admin\n")).then_some(()));
    // Nobody accepts yet, and nobody is refused: not now, and not while there is no run.
    let mut early = TcpStream::connect(("127.0.0.1", port)).unwrap();
    UnixStream::connect(&path).unwrap();
    running.handle.ask(id, ServicePart::Main, Op::Down).unwrap();
    running.named("down");
    let mut meanwhile = TcpStream::connect(("127.0.0.1", port)).unwrap();
    web.file("go", "");
    running.handle.ask(id, ServicePart::Main, Op::Up).unwrap();
    for caller in [&mut early, &mut meanwhile] {
        caller.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello");
    }
    running.kill();
}

#[test]
fn a_socket_that_is_another_programs_is_told_and_tried_again() {
    let tree = Tree::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    let web = tree.service("web", "exec sleep 1000");
    web.file("sockets", &format!("http {place}\n"));
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    let why = running.event(|event| match &event.kind {
        EventKind::CannotStart { error } => Some(error.to_string()),
        _ => None,
    });
    assert_eq!(why, format!("cannot listen on {place}"));
    drop(listener);
    running.started();
    running.stop();
}
