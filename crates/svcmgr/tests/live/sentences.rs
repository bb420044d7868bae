//! One sentence for each example.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use svcmgr::{Service, State, Status};

use crate::supervised::{PATIENCE, Suite, Supervised};

const SLEEP: &str = "exec sleep 1000";

/// Cargo builds the examples of a package beside its tests.
fn example(name: &str) -> Command {
    let here = std::env::current_exe().unwrap();
    let built: PathBuf = here.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(built.exists(), "{} is not built: run the tests of the whole package", built.display());
    let mut command = Command::new(built);
    command.stdin(Stdio::null());
    command
}

#[track_caller]
fn run<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> String {
    let output = example(name).args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn status(supervised: &Supervised) -> Option<Status> {
    let service = Service::open(supervised.dir()).unwrap();
    service.status().unwrap().reading.status().copied()
}

fn up(supervised: &Supervised) -> Status {
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
    assert!(said.starts_with(&format!("web: restarted as {after} after ")), "{said}");
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
    assert_eq!(lines.next().unwrap().unwrap(), "   1 snapshot web: up");
    symlink(supervised.dir(), scan.join("again")).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "   2 added again: up");
    assert!(child.wait().unwrap().success());
}

pub fn the_bulk_example_restarts_them_one_after_the_other(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let before = up(&supervised).pid;
    let hidden = supervised.scan_dir().join(".not-seen-by-any-scanner");
    symlink(supervised.dir(), hidden).unwrap();
    assert_eq!(run("bulk", [supervised.scan_dir()]), "web: restarted and ready\n");
    assert_ne!(up(&supervised).pid, before);
}

#[test]
fn the_own_backend_example_is_asked_and_watched_like_all_others() {
    let said = run("own_backend", ["sleep", "1000"]);
    let lines: Vec<&str> = said.lines().collect();
    // Whether a change is seen before the next is asked for is a matter of milliseconds.
    let told = lines.iter().filter(|line| **line != "sleep: changed");
    assert!(told.eq(["sleep: done", "sleep: snapshot", "sleep: done"].iter()), "{lines:?}");
}

pub fn the_order_example_starts_by_need(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    supervised.file("down", "");
    supervised.supervise();
    let deadline = Instant::now() + PATIENCE;
    while status(&supervised).is_none() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(2));
    }
    symlink(supervised.dir(), supervised.scan_dir().join("alias")).unwrap();
    let scan = supervised.scan_dir().as_os_str();
    let said = run("order", [scan, "web:alias".as_ref(), "alias:".as_ref()]);
    assert_eq!(said, "1. alias\n2. web\nalias: Some(true)\nweb: Some(true)\n");
    up(&supervised);
}
