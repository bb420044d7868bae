//! One sentence for each example.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use svcmgr::{Facts, Service, State};

use crate::supervised::{PATIENCE, Suite, Supervised};

const SLEEP: &str = "exec sleep 1000";

/// Cargo builds the examples of a package beside its tests.
pub fn example(name: &str) -> Command {
    let here = std::env::current_exe().unwrap();
    let built: PathBuf = here.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(built.exists(), "{} is not built: run the tests of the whole package", built.display());
    let mut command = Command::new(built);
    command.stdin(Stdio::null()).env_remove("SVDIR");
    command
}

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[track_caller]
pub fn run<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> String {
    let output = example(name).args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn status(supervised: &Supervised) -> Option<Facts> {
    let service = Service::open(supervised.dir()).unwrap();
    service.status().unwrap().facts().copied()
}

fn up(supervised: &Supervised) -> Facts {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match status(supervised) {
            Some(status) if status.state() == State::Up => return status,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn the_status_example_lists_a_scan_directory(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let pid = up(&supervised).pid.unwrap();
    assert_eq!(run("status", [supervised.scan_dir()]), format!("web: up (pid {pid})\n"));
}

pub fn the_restart_example_names_the_new_process(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let before = up(&supervised).pid.unwrap();
    let said = run("restart", [supervised.dir()]);
    let after = up(&supervised).pid.unwrap();
    assert_ne!(before, after);
    assert!(said.starts_with(&format!("web: up (pid {after}) after ")), "{said}");
}

pub fn the_watch_example_tells_of_what_comes(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    up(&supervised);
    let scan = supervised.scan_dir();
    let mut child = example("watch")
        .args([scan.as_os_str(), "2".as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.starts_with("   1 snapshot web: up (pid "), "{line}");
    symlink(supervised.dir(), scan.join("again")).unwrap();
    let line = lines.next().unwrap().unwrap();
    assert!(line.starts_with("   2 added again: up (pid "), "{line}");
    assert!(child.wait().unwrap().success());
}

pub fn the_bulk_example_restarts_them_one_after_the_other(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let before = up(&supervised).pid;
    let hidden = supervised.scan_dir().join(".not-seen-by-any-scanner");
    symlink(supervised.dir(), hidden).unwrap();
    let said = run("bulk", [supervised.scan_dir()]);
    let after = up(&supervised).pid;
    assert_ne!(after, before);
    assert!(said.starts_with(&format!("web: up (pid {}) after ", after.unwrap())), "{said}");
}

#[test]
fn the_own_supervisor_example_is_asked_like_all_others() {
    let said = run("own_supervisor", [""; 0]);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("cache: up (pid "), "{lines:?}");
    assert!(lines[1].starts_with("cache: down after ") && lines.len() == 2, "{lines:?}");
}

pub fn the_order_example_starts_by_need(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("down", "");
    supervised.supervise();
    while_no_status(&supervised);
    symlink(supervised.dir(), supervised.scan_dir().join("alias")).unwrap();
    let scan = supervised.scan_dir().as_os_str();
    let said = run("order", [scan, "web:alias".as_ref(), "alias:".as_ref()]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..2], ["1. alias", "2. web"], "{said}");
    assert!(lines[2].starts_with("alias: up (pid ") && lines[3].starts_with("web: "), "{said}");
    up(&supervised);
}

pub fn the_open_example_reads_names_as_they_are_typed(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    up(&supervised);
    let log = supervised.dir().join("log");
    std::fs::create_dir(&log).unwrap();
    std::fs::write(log.join("run"), "#!/bin/sh\n").unwrap();
    let path = supervised.dir();
    let path = path.to_str().unwrap();
    let mut command = example("open");
    command.current_dir(supervised.scan_dir()).env("SVDIR", supervised.scan_dir());
    let output = command.args(["web", "web/log", "./web", "web/", path]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let name = if suite == Suite::Embedded { "embedded" } else { suite.name() };
    let expected = format!(
        "web: up, {name}\nweb/log: unsupervised, nobody\n./web: up, {name}\nweb/: up, {name}\n{path}: up, {name}\n"
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    let nowhere = example("open").env("SVDIR", "/no/such").arg("web").output().unwrap();
    assert!(!nowhere.status.success(), "{nowhere:?}");
}

pub fn the_up_example_says_what_became_of_it(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("down", "");
    supervised.supervise();
    while_no_status(&supervised);
    let said = run("up", [supervised.dir()]);
    let pid = up(&supervised).pid.unwrap();
    let dir = supervised.dir();
    let name = dir.file_name().unwrap().to_str().unwrap();
    assert!(said.starts_with(&format!("{name}: up (pid {pid}) after ")), "{said}");
    // One that always ends is not called up.
    let crashing = Supervised::start(suite, "exit 3");
    while_no_status(&crashing);
    let output = example("up").arg(crashing.dir()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains(": up (pid"), "{said}");
}

pub fn the_wait_example_asks_for_nothing(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("down", "");
    supervised.supervise();
    while_no_status(&supervised);
    let scan = supervised.scan_dir().as_os_str();
    let early = run("wait", [scan, "0".as_ref()]);
    assert!(early.starts_with("web: not done after 0.0 s, now down"), "{early}");
    Service::open(supervised.dir()).unwrap().send(svcmgr::Op::Up).unwrap();
    let pid = up(&supervised).pid.unwrap();
    assert!(run("wait", [scan]).starts_with(&format!("web: up (pid {pid})")));
}

pub fn the_explain_example_names_the_cause(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    up(&supervised);
    let dir = supervised.dir();
    let dead = supervised.scan_dir().join("dead");
    std::fs::create_dir(&dead).unwrap();
    std::fs::write(dead.join("run"), "#!/bin/sh\n").unwrap();
    let none = supervised.scan_dir().join("none");
    let said = run("explain", [&dir, &dead, &none]);
    assert!(said.starts_with("web: up\n"), "{said}");
    let (_, dead) = said.split_once("dead: unsupervised\n").unwrap();
    assert!(dead.contains("(file-not-executable)"), "{said}");
    let missing = format!("cannot find {} (not-found)\n  check the name", none.display());
    assert!(said.contains(&missing), "{said}");
    // Between two runs; the pause is a second, and finish makes it none.
    let crashing = Supervised::start(suite, "exit 3");
    let deadline = Instant::now() + PATIENCE;
    let mut said = String::new();
    while !said.starts_with("web: backoff\n  ") {
        assert!(Instant::now() < deadline, "{said}");
        said = run("explain", [crashing.dir()]);
    }
}

/// What is written is run by its own suite, and says what the definition says.
pub fn the_definitions_example_writes_what_its_suite_runs(suite: Suite) {
    let supervised = Supervised::prepare(suite, SLEEP);
    std::fs::remove_dir_all(supervised.dir()).unwrap();
    let target = if suite == Suite::Embedded { "embedded" } else { suite.name() };
    let said = run("definitions", [target.as_ref(), supervised.scan_dir().as_os_str()]);
    assert!(said.starts_with("web") && said.ends_with("written: true\n"), "{said}");
    let mut supervised = supervised;
    supervised.supervise();
    while_no_status(&supervised);
    up(&supervised);
}

/// svlogd writes it, s6 or runit supervise.
pub fn the_logs_example_follows_svlogd(suite: Suite) {
    let supervised =
        Supervised::prepare(suite, "n=0; while :; do echo line $n; n=$((n+1)); sleep 0.05; done");
    let scan = supervised.scan_dir().to_owned();
    let log = supervised.dir().join("log");
    std::fs::create_dir_all(log.join("main")).unwrap();
    // A log directory by hand: what is asked is how it is read.
    std::fs::write(log.join("run"), "#!/bin/sh\nexec svlogd -tt main\n").unwrap();
    std::fs::write(log.join("main/current"), "2026-11-23_01:50:42.10000 first\n").unwrap();
    let mut child = example("logs")
        .args([scan.as_os_str(), "2".as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let mut running = Running(child);
    let mut lines = BufReader::new(out).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "web: first");
    let mut current = std::fs::File::options().append(true).open(log.join("main/current")).unwrap();
    std::io::Write::write_all(&mut current, b"2026-11-23_01:50:43.20000 second\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "web: second");
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn the_tree_example_leaves_nothing_behind() {
    let said = run("tree", [""; 0]);
    let lines: Vec<&str> = said.lines().collect();
    let [db, web, stopped] = *lines else { panic!("{said}") };
    assert!(db.starts_with("db: ") && db.contains("up (pid "), "{said}");
    assert!(web.starts_with("web: ") && web.contains("up (pid "), "{said}");
    assert!(stopped.starts_with("stopped, "), "{said}");
}

#[test]
fn the_decode_example_takes_its_bytes_and_no_others() {
    let said = run("decode", [""; 0]);
    assert!(
        said.starts_with("up (pid 22695)\nlamp: green\nrefused: s6 status record has 20 bytes"),
        "{said}"
    );
}

#[test]
fn the_tokio_example_follows_a_directory() {
    let suite = Suite::Embedded;
    let supervised = Supervised::start(suite, SLEEP);
    up(&supervised);
    let scan = supervised.scan_dir();
    let child =
        example("tokio").args([scan.as_os_str(), "2".as_ref()]).stdout(Stdio::piped()).spawn();
    let mut running = Running(child.unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.starts_with("snapshot web: up (pid "), "{line}");
    symlink(supervised.dir(), scan.join("again")).unwrap();
    let line = lines.next().unwrap().unwrap();
    assert!(line.starts_with("added again: up (pid "), "{line}");
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn the_mixed_example_takes_directories_too() {
    let supervised = Supervised::start(Suite::Embedded, SLEEP);
    up(&supervised);
    let dir = supervised.dir().display().to_string();
    let said = run("mixed", [supervised.dir()]);
    assert!(
        said.starts_with(&format!("{dir} (embedded): up (pid "))
            && said.contains(&format!("\nsnapshot {dir}: up (pid ")),
        "{said}"
    );
    let last = said.lines().last().unwrap();
    assert!(last.starts_with(&format!("changed {dir}: up (pid ")), "{said}");
}

fn while_no_status(supervised: &Supervised) {
    let deadline = Instant::now() + PATIENCE;
    while status(supervised).is_none() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(2));
    }
}
