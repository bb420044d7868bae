//! Nothing is left of ten thousand watches: no descriptor, no inotify watch, no thread.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    os::fd::{AsFd, AsRawFd},
    process::Command,
    time::Instant,
};

use svclient::{Service, WatchSet};
use tempfile::TempDir;

/// Runs a test in a process of its own: the counts are of the whole process, which `cargo test`
/// shares among tests.
#[track_caller]
fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "SVCLIENT_LEAKS_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let mut again = Command::new("/proc/self/exe");
    let output = again.args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(" 1 passed"), "{output:#?}");
}

fn count(dir: &str) -> usize {
    fs::read_dir(dir).unwrap().count()
}

/// Watches of an inotify instance, by the kernel's own list.
fn watches(set: &WatchSet) -> usize {
    let info = format!("/proc/self/fdinfo/{}", set.as_fd().as_raw_fd());
    fs::read_to_string(info).unwrap().lines().filter(|line| line.starts_with("inotify")).count()
}

/// A directory that is a service to look at; nobody supervises it.
fn service(tree: &TempDir) -> Service {
    fs::write(tree.path().join("run"), "").unwrap();
    fs::create_dir_all(tree.path().join("supervise")).unwrap();
    Service::open(tree.path()).unwrap()
}

#[test]
fn ten_thousand_watches_come_and_go() {
    alone("ten_thousand_watches_come_and_go", || {
        let tree = TempDir::new().unwrap();
        let service = service(&tree);
        let (descriptors, threads) = (count("/proc/self/fd"), count("/proc/self/task"));
        let mut set = WatchSet::new().unwrap();
        for _ in 0..10_000 {
            let key = set.add(service.clone()).unwrap();
            set.remove(key);
        }
        assert!(set.next_before(Instant::now()).unwrap().is_none());
        assert_eq!(watches(&set), 0);
        assert_eq!(count("/proc/self/fd"), descriptors + 1);
        drop(set);
        // An instance takes the kernel some milliseconds to close, so fewer of these.
        for _ in 0..100 {
            let mut set = WatchSet::new().unwrap();
            set.add(service.clone()).unwrap();
            set.next_before(Instant::now()).unwrap();
        }
        assert_eq!(count("/proc/self/fd"), descriptors);
        assert_eq!(count("/proc/self/task"), threads);
    });
}

/// Two names of one directory share its watches, and the last one ends them.
#[test]
fn a_shared_directory_is_watched_until_nobody_wants_it() {
    alone("a_shared_directory_is_watched_until_nobody_wants_it", || {
        let tree = TempDir::new().unwrap();
        let service = service(&tree);
        let mut set = WatchSet::new().unwrap();
        let (one, two) = (set.add(service.clone()).unwrap(), set.add(service).unwrap());
        assert_eq!(watches(&set), 2);
        set.remove(one);
        assert_eq!(watches(&set), 2);
        set.remove(two);
        assert_eq!(watches(&set), 0);
    });
}
