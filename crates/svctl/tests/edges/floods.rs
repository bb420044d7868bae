//! The other side is faster than svctl, or does not read at all: a signal and a deadline are heard
//! all the same, and what is read and kept is bounded.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{
    scan::{SLEEP, Scan, make},
    svctl::{Run, command, program as svctl, run},
};

/// More than this no signal may take; what is measured is in `docs/testing.md`.
const PATIENCE: Duration = Duration::from_secs(60);

/// A pipe without room. Nobody reads it as long as the reader is kept.
fn full_pipe() -> (File, OwnedFd) {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while nix::unistd::write(&writer, &[b'x'; 4096]).is_ok() {}
    while nix::unistd::write(&writer, b"x").is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    (reader.into(), writer)
}

/// A program; ended when dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Self {
        Self(command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap())
    }

    /// Both streams lead to a pipe without room, which is given back.
    fn stuck(command: &mut Command) -> (Self, File) {
        let (reader, writer) = full_pipe();
        let err = writer.try_clone().unwrap();
        (Self::start(command, writer, err), reader)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }

    #[track_caller]
    fn end(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        let told = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                println!("ended {:?} after {signal}", told.elapsed());
                return status;
            }
            assert!(told.elapsed() < PATIENCE, "{signal} is not heard");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first: what it has started ends with it.
        let pid = Pid::from_raw(self.0.id().try_into().unwrap());
        if matches!(self.0.try_wait(), Ok(None)) && std::thread::panicking() {
            let _gone = kill(pid, Signal::SIGTERM);
            std::thread::sleep(Duration::from_secs(1));
        }
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// For logs that are flooded: on a disk the flood would hold up whoever else writes, a test's own
/// line, too.
fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < limit, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Does something again and again until it is dropped.
struct Storm {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Storm {
    fn of(mut work: impl FnMut() + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                work();
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

fn log(tree: &TempDir, name: &str, text: &[u8]) -> PathBuf {
    let dir = tree.path().join(name);
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("current"), text).unwrap();
    dir
}

/// Writes to a log as fast as it can, and begins it anew when it is large.
fn flood(dir: &Path) -> Storm {
    let current = dir.join("current");
    let mut file = OpenOptions::new().append(true).open(&current).unwrap();
    let lines = b"a line of a flood\n".repeat(1000);
    Storm::of(move || {
        file.write_all(&lines).unwrap();
        if file.metadata().unwrap().len() > 64 << 20 {
            fs::rename(&current, current.with_file_name("@4000000000000014000000000.s")).unwrap();
            file = File::create(&current).unwrap();
        }
    })
}

fn definitions(tree: &TempDir, text: &str) -> Command {
    let file = tree.path().join("svcmgr.toml");
    fs::write(&file, text).unwrap();
    let mut command = command(["dev", "--tree"]);
    command.arg(tree.path().join("tree")).arg(file);
    command
}

const FLOOD: &str = "[service.loud]\nexec = [\"yes\", \"a line of a flood\"]\n";

fn size(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).unwrap().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum()
}

#[test]
fn dev_ends_while_a_service_floods_and_its_log_is_bounded() {
    for (signal, json) in [(Signal::SIGINT, false), (Signal::SIGTERM, true)] {
        let tree = TempDir::new().unwrap();
        let logs = tree.path().join("tree/logs/loud");
        let mut dev = definitions(&tree, FLOOD);
        let dev = dev.args(json.then_some("--json"));
        let mut dev = Running::start(dev, Stdio::piped(), Stdio::null());
        let mut out = dev.0.stdout.take().unwrap();
        // A reader that is late: what it missed meanwhile was left out.
        until("its log is rotated", || fs::read_dir(&logs).is_ok_and(|files| files.count() > 11));
        assert!(size(&logs) < 16 << 20, "{} bytes", size(&logs));
        let word = if json { "\"skipped\":" } else { " lines skipped" };
        let mut said = String::new();
        let mut piece = vec![0; 1 << 16];
        until("what was left out is told", || {
            let count = out.read(&mut piece).unwrap();
            said.push_str(&String::from_utf8_lossy(&piece[..count]));
            said.contains(word)
        });
        let reading = std::thread::spawn(move || out.read_to_end(&mut Vec::new()));
        dev.end(signal);
        reading.join().unwrap().unwrap();
        if json {
            for line in said.lines().filter(|line| line.contains(word)) {
                crate::schema::check(&serde_json::from_str(line).unwrap());
            }
        }
    }
}

#[test]
fn dev_ends_although_nobody_reads_what_it_says() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let tree = TempDir::new().unwrap();
        let logs = tree.path().join("tree/logs/loud");
        let (mut dev, _reader) = Running::stuck(&mut definitions(&tree, FLOOD));
        until("its log is written", || fs::read_dir(&logs).is_ok_and(|files| files.count() > 3));
        dev.end(signal);
    }
}

#[test]
fn a_scanner_starts_and_ends_services_although_nobody_reads_what_it_says() {
    for (word, more) in [("scan", "--json"), ("supervise", "--json"), ("scan", "--verbose")] {
        let scan = Scan::prepare();
        let crasher = scan.service("crasher", "echo >>../../runs; exit 1");
        let dir = if word == "scan" { scan.path() } else { crasher };
        let mut command = command([word, more]);
        let (mut scanner, _reader) = Running::stuck(command.arg(dir));
        until("it was started twice", || {
            fs::read(scan.beside("runs")).is_ok_and(|runs| runs.len() > 1)
        });
        scanner.end(Signal::SIGTERM);
    }
}

#[test]
fn what_only_prints_is_ended_by_a_signal_in_the_middle_of_a_write() {
    let mut scan = Scan::prepare();
    scan.service("web", SLEEP);
    scan.start();
    let tree = in_memory();
    let dir = log(&tree, "log", b"");
    let _flood = flood(&dir);
    let logs = dir.to_str().unwrap();
    for line in [&["watch"][..], &["watch", "--json"], &["logs", "-f", logs], &["logs", logs]] {
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let (mut printing, _reader) = Running::stuck(&mut scan.command(line));
            // Where it waits for the pipe cannot be seen from here; earlier is as good.
            std::thread::yield_now();
            printing.end(signal);
        }
    }
}

#[test]
fn logs_come_to_an_end_while_they_grow() {
    let tree = in_memory();
    let dir = log(&tree, "log", b"first\n");
    let _flood = flood(&dir);
    let mut logs = command(["logs"]);
    let mut logs = Running::start(logs.arg(&dir), Stdio::null(), Stdio::null());
    until("it has printed what was there", || logs.0.try_wait().unwrap().is_some());
}

#[test]
fn a_flood_that_is_followed_keeps_no_other_log_and_no_closed_pipe_from_being_noticed() {
    let tree = in_memory();
    let dir = log(&tree, "log", b"");
    let other = log(&tree, "other", b"");
    let _flood = flood(&dir);
    // What there was comes first, and that may be much by now.
    let mut logs = command(["logs", "-f", "-n", "5"]);
    logs.arg(&dir).arg(&other).stdout(Stdio::piped());
    let mut logs = Running(logs.stdin(Stdio::null()).spawn().unwrap());
    let mut out = logs.0.stdout.take().unwrap();
    let mut seen = vec![0; 1 << 16];
    let mut begun = false;
    // Read as fast as it comes: what had flooded before the start is printed first.
    let limit = Instant::now() + PATIENCE;
    let mut is_printed = || {
        assert!(Instant::now() < limit, "never: the other is printed");
        let count = out.read(&mut seen).unwrap();
        let text = String::from_utf8_lossy(&seen[..count]).into_owned();
        if !begun && text.contains("a line of a flood") {
            begun = true;
            fs::write(other.join("current"), "here\n").unwrap();
        }
        text.contains("here")
    };
    while !is_printed() {}
    drop(out);
    until("it ends", || logs.0.try_wait().unwrap().is_some());
}

#[test]
fn a_log_without_line_ends_does_not_keep_others_from_being_printed() {
    let tree = TempDir::new().unwrap();
    let plain = log(&tree, "plain", b"a line\nno end");
    let sparse = log(&tree, "sparse", b"");
    let file = OpenOptions::new().write(true).open(sparse.join("current")).unwrap();
    file.set_len(1 << 40).unwrap();
    let endless = log(&tree, "endless", &vec![b'x'; 40 << 20]);
    for more in [&[][..], &["-n", "3"], &["--since", "1h"], &["--json"]] {
        let mut logs = vec!["logs"];
        logs.extend(more);
        logs.extend([&plain, &sparse, &endless].map(|dir| dir.to_str().unwrap()));
        let begun = Instant::now();
        let told = run(&logs);
        println!("{:?} for {more:?}", begun.elapsed());
        // Without a stamp there is nothing since then, which is said and is no success.
        let since = more.first() == Some(&"--since");
        assert_eq!(told.code, i32::from(since), "{more:?}: {}", told.err);
        assert!(told.out.len() < 2 << 20, "{more:?}: {} bytes", told.out.len());
        if !since {
            assert!(told.err.matches("is too long, ").count() == 2, "{more:?}: {}", told.err);
            assert!(told.out.contains("no end"), "{more:?}");
        }
    }
    // What stands behind a hole is found.
    file.write_all_at(b"\nbehind\n", 1 << 40).unwrap();
    let told = run(["logs", "-n", "1", sparse.to_str().unwrap()]);
    assert_eq!(told.out, "behind\n");
}

#[test]
fn a_watch_hears_signals_in_a_storm_of_links() {
    let mut scan = Scan::prepare();
    let web = scan.service("web", SLEEP);
    scan.start();
    let (link, number) = (scan.path(), std::cell::Cell::new(0));
    let _storm = Storm::of(move || {
        let link = link.join(format!("link{}", number.replace(number.get() + 1) % 50));
        let _there = std::os::unix::fs::symlink(&web, &link);
        let _gone = fs::remove_file(&link);
    });
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut watch = Running::start(&mut scan.command(["watch"]), Stdio::null(), Stdio::null());
        std::thread::sleep(Duration::from_millis(100));
        watch.end(signal);
    }
    // The scanner serves and ends in the same storm.
    let waited = scan.svctl(["restart", "web", "--timeout", "60s"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    scan.stop();
}

#[test]
fn a_flooded_control_keeps_no_other_service_waiting() {
    let mut scan = Scan::prepare();
    let flooded = scan.service("flooded", SLEEP);
    scan.service("web", SLEEP);
    scan.start();
    let mut control =
        OpenOptions::new().write(true).open(flooded.join("supervise/control")).unwrap();
    // Letters that do something, and such that do nothing.
    let storm = Storm::of(move || control.write_all(&b"uhzuhz\0".repeat(100)).unwrap());
    for _ in 0..3 {
        let waited = scan.svctl(["restart", "web", "--timeout", "60s"]);
        assert_eq!(waited.code, 0, "{waited:?}");
    }
    drop(storm);
    scan.stop();
}

#[test]
fn a_logger_that_does_not_read_keeps_nobody_from_ending() {
    let mut scan = Scan::prepare();
    let loud = scan.service("loud", "echo $$ >pid; exec yes");
    make(&loud.join("log"), "echo here >here; exec sleep 1000");
    scan.service("web", SLEEP);
    scan.start();
    until("the logger is there", || loud.join("log/here").exists());
    let waited = scan.svctl(["restart", "loud", "web", "--timeout", "60s"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    let down = scan.svctl(["down", "loud", "--timeout", "60s"]);
    assert_eq!(down.code, 0, "{down:?}");
    // It is still asked to end, and the logger with it.
    let exit = scan.svctl(["exit", "loud", "--timeout", "300ms"]);
    assert!([0, 99].contains(&exit.code), "{exit:?}");
    let log = scan.svctl(["kill", "loud/log"]);
    assert!([0, 102].contains(&log.code), "{log:?}");
    scan.stop();
}

/// Three hundred supervisors that exist and do not read.
#[test]
fn a_deadline_is_kept_when_three_hundred_do_not_answer() {
    let mut scan = Scan::prepare();
    for n in 0..300 {
        scan.service(format!("s{n:03}"), SLEEP);
    }
    scan.start();
    let scanner = Pid::from_raw(scan.scanner_id().try_into().unwrap());
    kill(scanner, Signal::SIGSTOP).unwrap();
    let told: Vec<(Run, Duration)> = [
        &["restart"][..],
        &["down"],
        &["up", "--for", "restarted"],
        &["wait", "--for", "down"],
        &["down", "--limit", "1"],
        &["down", "--kill-after", "500ms"],
    ]
    .into_iter()
    .map(|words| {
        let begun = Instant::now();
        let told = scan.svctl(words.iter().copied().chain(["--all", "--timeout", "1s"]));
        (told, begun.elapsed())
    })
    .collect();
    kill(scanner, Signal::SIGCONT).unwrap();
    for (told, took) in told {
        println!("{took:?}");
        assert_eq!(told.code, 99, "{told:?}");
        // Of a loaded machine a bound tells nothing; that it is no multiple does.
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn a_check_that_hangs_is_ended_at_the_deadline() {
    let mut scan = Scan::prepare();
    let web = scan.service("web", SLEEP);
    make(&web, SLEEP);
    let check = web.join("check");
    fs::write(&check, "#!/bin/sh\necho $$ >asked\nsleep 1000 & wait\n").unwrap();
    fs::set_permissions(&check, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    scan.start();
    let waited = scan.svctl(["wait", "--for", "ready", "web", "--timeout", "1s"]);
    assert_eq!(waited.code, 99, "{waited:?}");
    let asked = fs::read_to_string(web.join("asked")).unwrap();
    until("its group is gone", || {
        let pid = Pid::from_raw(asked.trim().parse().unwrap());
        nix::sys::signal::killpg(pid, None).is_err()
    });
}

/// A file system whose server never answers: whoever looks into it is held by the kernel.
#[test]
fn a_deadline_is_kept_where_a_directory_hangs() {
    const MOUNT: &str = "exec 3<>/dev/fuse || exit 77
        mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 hang \"$HANGS\" || exit 77
        exec \"$@\"";
    let mut scan = Scan::prepare();
    scan.service("web", SLEEP);
    scan.start();
    let hangs = scan.beside("hangs");
    fs::create_dir(&hangs).unwrap();
    let hung = hangs.to_str().unwrap();
    let web = scan.path().join("web");
    let web = web.to_str().unwrap();
    for line in [
        &["restart", hung][..],
        &["down", "--json", hung],
        &["wait", "--for", "down", web, hung],
        &["up", "--all", "--dir", hung],
        &["enable", "--dir", hung, web],
        &["disable", "--dir", hung, "web"],
        &["reload", web, hung],
    ] {
        let mut program = Command::new("unshare");
        program
            .args(["-m", "sh", "-c", MOUNT, "sh"])
            .arg(svctl())
            .args(line)
            .args(["--timeout", "1s"]);
        let begun = Instant::now();
        let told = Run::of(program.env("HANGS", &hangs).stdin(Stdio::null()).output().unwrap());
        println!("{:?} for {line:?}", begun.elapsed());
        if told.code == 77 || told.err.contains("unshare failed") {
            let why = told.err.trim();
            eprintln!("skipped: no file system that hangs can be made: {why}");
            return;
        }
        assert_eq!(told.code, 99, "{line:?}: {told:?}");
        assert!(begun.elapsed() < PATIENCE, "{line:?}: {:?}", begun.elapsed());
        if line.contains(&"--json") {
            assert_eq!(told.json()[0]["outcome"], "deadline");
        } else {
            assert!(told.err.contains("does not answer"), "{line:?}: {told:?}");
        }
    }
}
