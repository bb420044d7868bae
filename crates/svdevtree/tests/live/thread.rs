//! The library in a thread of somebody else's program.

use std::{
    fs,
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use svdevtree::{
    Error, ErrorKind, EventKind, Exit, Handle, Options, ProcessGroup, ServiceEvent, ServiceId,
    ServiceOptions, ServicePart, Signal, Supervisor,
};
use svproto::Op;

use crate::{
    acting::{alone, until},
    snapshot::{ids, names, state},
    supervised::PATIENCE,
    tree::{Dir, Tree},
};

/// A supervisor in a thread, stopped at the end.
pub struct Running {
    pub handle: Handle,
    pub events: Receiver<ServiceEvent>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Running {
    pub fn start(options: Options) -> Self {
        let (sender, events) = mpsc::channel();
        let options = options.observer(move |event| drop(sender.send(event.clone())));
        let mut supervisor = Supervisor::new(options).unwrap();
        let handle = supervisor.handle();
        let thread = Some(thread::spawn(move || supervisor.run()));
        Self { handle, events, thread }
    }

    pub fn add(&self, dir: &Dir, options: ServiceOptions) -> ServiceId {
        self.handle.add(&dir.0, options).unwrap()
    }

    /// The next event for which `found` says what it is.
    #[track_caller]
    pub fn event<T>(&self, mut found: impl FnMut(&ServiceEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => match found(&event) {
                    Some(found) => return found,
                    None => seen.push(event.kind),
                },
                Err(why) => panic!("not seen, {why}; seen {seen:?}"),
            }
        }
    }

    /// The pid of the next start of a service.
    #[track_caller]
    pub fn started(&self) -> u32 {
        self.event(|event| match event.kind {
            EventKind::Started { pid } if event.part == ServicePart::Main => Some(pid),
            _ => None,
        })
    }

    #[track_caller]
    pub fn named(&self, name: &str) -> ServiceEvent {
        self.event(|event| (event.kind.name() == name).then(|| event.clone()))
    }

    /// For services that would not end by themselves.
    #[track_caller]
    pub fn kill(self) {
        self.handle.kill();
        self.stop();
    }

    #[track_caller]
    pub fn stop(mut self) {
        self.handle.stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.kill();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// As system calls and the files have it.
pub fn signed(pid: u32) -> i32 {
    pid.try_into().unwrap()
}

#[test]
fn a_service_is_started_told_about_and_stopped() {
    let tree = Tree::new();
    let web = tree.service("web", "exec sleep 1000");
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    let pid = running.started();
    assert_eq!(web.pid(), Some(signed(pid)));
    running.handle.ask(id, ServicePart::Main, Op::Down).unwrap();
    let exit = running.event(|event| match event.kind {
        EventKind::Exited { exit } => Some(exit),
        _ => None,
    });
    assert_eq!(exit, Exit::Signal { number: 15, core: false });
    let down = running.named("down");
    assert_eq!((down.service, &*down.dir), (Some(id), &*web.0));
    running.handle.remove(id).unwrap();
    running.named("gone");
    assert_eq!(running.handle.remove(id).unwrap_err().kind(), ErrorKind::Gone);
    let handle = running.handle.clone();
    running.stop();
    let late = handle.add(&web.0, ServiceOptions::new()).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Stopping);
}

#[test]
fn children_of_the_host_are_left_to_the_host() {
    let tree = Tree::new();
    let web = tree.service("web", "exit 0");
    let running = Running::start(Options::new());
    // Ends while the supervisor waits for children of its own.
    let mut own = Command::new("sh").args(["-c", "sleep 0.2; exit 42"]).spawn().unwrap();
    running.add(&web, ServiceOptions::new());
    running.named("exited");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(own.wait().unwrap().code(), Some(42));
    let mut own = Command::new("sh").args(["-c", "kill -9 $$"]).spawn().unwrap();
    assert_eq!(own.wait().unwrap().signal(), Some(9));
    running.stop();
}

#[test]
fn no_signal_of_the_host_is_touched() {
    let dispositions = || {
        // Of this thread: the first one blocks all signals whenever it starts another.
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let wanted =
            |line: &&str| ["SigBlk", "SigIgn", "SigCgt"].iter().any(|it| line.starts_with(it));
        status.lines().filter(wanted).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = dispositions();
    let tree = Tree::new();
    let web = tree.service("web", "exec sleep 1000");
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    running.started();
    assert_eq!(dispositions(), before);
    running.stop();
}

#[test]
fn at_rest_the_thread_is_not_woken() {
    alone("thread::at_rest_the_thread_is_not_woken", || {
        let tree = Tree::new();
        let scan = tree.path().join("scan");
        fs::create_dir(&scan).unwrap();
        let web = tree.service("scan/web", "exec sleep 1000");
        web.script("log/run", "exec cat");
        let running = Running::start(Options::new());
        running.handle.follow(&scan).unwrap();
        running.started();
        let switches = || -> Vec<String> {
            let tasks = names(std::path::Path::new("/proc/self/task"));
            let counts = tasks.iter().filter_map(|task| {
                let status = fs::read_to_string(format!("/proc/self/task/{task}/status")).ok()?;
                let polls = fs::read_to_string(format!("/proc/self/task/{task}/syscall")).ok()?;
                // Only the supervisor's thread waits in poll.
                let polls = ["7 ", "271 ", "73 "].iter().any(|call| polls.starts_with(call));
                let count = status.lines().find(|line| line.starts_with("voluntary"))?;
                polls.then(|| format!("{task} {count}"))
            });
            counts.collect()
        };
        until("a thread that polls", || (!switches().is_empty()).then_some(()));
        // The last of the start is over once nothing changes any more.
        let at_rest = until("rest", || {
            let before = switches();
            thread::sleep(Duration::from_millis(200));
            (switches() == before).then_some(before)
        });
        thread::sleep(Duration::from_secs(2));
        assert_eq!(switches(), at_rest, "it woke up");
        running.stop();
    });
}

#[test]
fn a_dropped_supervisor_leaves_no_process() {
    let tree = Tree::new();
    let web = tree.service("web", "trap '' TERM; while :; do sleep 1000; done");
    let mut supervisor = Supervisor::new(Options::new()).unwrap();
    supervisor.add(&web.0, ServiceOptions::new().group(ProcessGroup::Own)).unwrap();
    let pid = web.pid().unwrap().to_string();
    assert!(state(&pid).is_some());
    drop(supervisor);
    assert_eq!(state(&pid), None, "also no zombie");
    until("its group is gone", || tree.processes().is_empty().then_some(()));
}

#[test]
fn stopping_kills_what_takes_too_long() {
    let tree = Tree::new();
    let deaf = tree.service("deaf", "trap '' TERM; exec sleep 1000");
    deaf.script("finish", "exec sleep 1000");
    let running = Running::start(Options::new().kill_after(Duration::from_millis(100)));
    running.add(&deaf, ServiceOptions::new());
    running.started();
    running.stop();
    assert_eq!(deaf.stat(), "down");
}

#[test]
fn a_held_lock_is_refused_and_the_holder_goes_on() {
    let tree = Tree::new();
    let web = tree.service("web", "exec sleep 1000");
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    let pid = running.started();
    let error = running.handle.add(&web.0, ServiceOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Held);
    assert!(error.to_string().contains("supervised already"), "{error}");
    assert_eq!(web.pid(), Some(signed(pid)));
    running.stop();
}

#[test]
fn output_goes_to_the_embedder_across_restarts() {
    let tree = Tree::new();
    let web = tree.service("web", "echo out; echo err >&2; exec sleep 1000");
    let (mut reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new().output(writer));
    let mut text = [0; 8];
    reader.read_exact(&mut text).unwrap();
    running.handle.ask(id, ServicePart::Main, Op::Kill).unwrap();
    let mut again = [0; 8];
    reader.read_exact(&mut again).unwrap();
    assert_eq!((&text, &again), (b"out\nerr\n", b"out\nerr\n"));
    running.handle.remove(id).unwrap();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "end of file, once it is supervised no longer");
    running.stop();
}

#[test]
fn a_service_reads_nothing_and_inherits_nothing_that_is_open() {
    let tree = Tree::new();
    let web = tree.service("web", "exec sleep 1000");
    let running = Running::start(Options::new());
    running.add(&web, ServiceOptions::new());
    let pid = running.started();
    until("exec", || {
        let cmdline = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        cmdline.starts_with("sleep").then_some(())
    });
    let fd = |fd| fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap_or_default();
    assert_eq!(fd(0), std::path::Path::new("/dev/null"));
    // What the harness itself hands down to every child is not ours.
    let mut plain = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let count = |pid: u32| names(std::path::Path::new(&format!("/proc/{pid}/fd"))).len();
    // A process that is on its way through exec still has more.
    until("as many", || (count(pid) == count(plain.id())).then_some(()));
    plain.kill().unwrap();
    plain.wait().unwrap();
    running.stop();
}

#[test]
fn a_renamed_service_directory_is_followed() {
    let tree = Tree::new();
    let mut web = tree.service("web", "exec sleep 1000");
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    running.started();
    let moved = tree.path().join("moved");
    fs::rename(&web.0, &moved).unwrap();
    // Another one takes its name, and is no concern of ours.
    let other = tree.service("web", "exit 1");
    web.0 = moved;
    running.handle.ask(id, ServicePart::Main, Op::Kill).unwrap();
    let pid = running.started();
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), web.0);
    web.until_run(None);
    assert!(!other.0.join("supervise").exists());
    running.stop();
}

#[test]
fn services_share_the_hosts_group_unless_they_ask_for_their_own() {
    let tree = Tree::new();
    let running = Running::start(Options::new());
    let group = |options| {
        let name = format!("s{}", tree.path().read_dir().unwrap().count());
        running.add(&tree.service(&name, "exec sleep 1000"), options);
        let pid = running.started();
        (pid.to_string(), ids(&pid.to_string()).unwrap().1)
    };
    let own = ids("self").unwrap().1;
    assert_eq!(group(ServiceOptions::new()).1, own);
    let (pid, its_group) = group(ServiceOptions::new().group(ProcessGroup::Own));
    assert_eq!(pid, its_group);
    running.stop();
    assert_eq!(Signal::TERM.number(), 15);
}

#[test]
fn what_is_asked_while_a_control_script_runs_is_done_when_it_has_ended() {
    let tree = Tree::new();
    let web = tree.service("web", "exec sleep 1000");
    nix::unistd::mkfifo(&web.0.join("gate"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    web.script("control/h", "read line < gate");
    let running = Running::start(Options::new());
    let id = running.add(&web, ServiceOptions::new());
    running.started();
    for op in [Op::Hup, Op::Down] {
        running.handle.ask(id, ServicePart::Main, op).unwrap();
    }
    assert_eq!(web.stat(), "run", "it hears nothing now");
    until("the gate", || web.send_to("gate", "open\n").then_some(()));
    running.named("down");
    running.stop();
}

#[test]
fn services_that_come_and_go_leave_no_descriptor() {
    alone("thread::services_that_come_and_go_leave_no_descriptor", || {
        let tree = Tree::new();
        let web = tree.service("web", "exec sleep 1000");
        web.script("log/run", "exec cat");
        web.script("finish", "exit 0");
        web.file("notification-fd", "4");
        let running = Running::start(Options::new());
        let count = || names(std::path::Path::new("/proc/self/fd")).len();
        let before = count();
        for _ in 0..50 {
            let id = running.add(&web, ServiceOptions::new());
            running.handle.remove(id).unwrap();
            running.named("gone");
            assert!(running.handle.add(tree.path().join("none"), ServiceOptions::new()).is_err());
        }
        assert_eq!(count(), before);
        running.stop();
    });
}

#[test]
fn who_is_told_of_a_start_finds_all_files_saying_so() {
    let tree = Tree::new();
    let web = tree.service("web", "exec sleep 1000");
    let (sender, told) = mpsc::channel();
    let supervise = web.0.join("supervise");
    let options = Options::new().observer(move |event| {
        if let EventKind::Started { pid } = event.kind {
            let read = |name| fs::read_to_string(supervise.join(name)).unwrap_or_default();
            let _ended = sender.send((pid, read("pid"), read("stat")));
        }
    });
    let mut supervisor = Supervisor::new(options).unwrap();
    supervisor.add(&web.0, ServiceOptions::new()).unwrap();
    let (first, ..) = told.try_recv().unwrap();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(signed(first)),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    let deadline = Instant::now() + PATIENCE;
    let (second, pid, stat) = loop {
        supervisor.turn(Some(PATIENCE)).unwrap();
        match told.try_recv() {
            Ok(told) => break told,
            Err(_) => assert!(Instant::now() < deadline, "it is not started again"),
        }
    };
    assert_ne!(second, first);
    assert_eq!((pid, stat), (format!("{second}\n"), "run\n".to_owned()));
}
