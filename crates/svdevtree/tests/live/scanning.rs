//! A scan directory, whose links come and go.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use nix::sys::signal::Signal;
use svdevtree::{ErrorKind, EventKind, Options, ServiceOptions};

use crate::{
    acting::{Who, until},
    thread::{Running, signed},
    tree::{Dir, Tree},
};

struct Scanned {
    tree: Tree,
    scan: PathBuf,
}

impl Scanned {
    fn new() -> Self {
        let tree = Tree::new();
        let scan = tree.path().join("scan");
        fs::create_dir(&scan).unwrap();
        Self { tree, scan }
    }

    fn service(&self, name: &str) -> Dir {
        self.tree.service(&format!("sv/{name}"), "exec sleep 1000")
    }

    fn link(&self, name: &str, to: &Dir) {
        symlink(&to.0, self.scan.join(name)).unwrap();
    }

    fn unlink(&self, name: &str) {
        fs::remove_file(self.scan.join(name)).unwrap();
    }

    fn follow(&self) -> Running {
        let running = Running::start(Options::new());
        running.handle.follow(&self.scan).unwrap();
        running
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn links_that_come_and_go_are_followed_at_once() {
    let scanned = Scanned::new();
    let (one, two) = (scanned.service("one"), scanned.service("two"));
    scanned.link("one", &one);
    let running = scanned.follow();
    running.started();
    scanned.link("two", &two);
    running.started();
    scanned.unlink("one");
    assert_eq!(name(&running.named("gone").dir), "one");
    assert_eq!(one.stat(), "down");
    assert!(two.stat().starts_with("run"));
    running.stop();
}

#[test]
fn hidden_names_files_and_dangling_links_are_left_alone() {
    let scanned = Scanned::new();
    let (one, hidden) = (scanned.service("one"), scanned.service("hidden"));
    fs::write(scanned.scan.join("file"), "").unwrap();
    scanned.link(".hidden", &hidden);
    symlink("/nowhere/at/all", scanned.scan.join("dangling")).unwrap();
    let running = scanned.follow();
    scanned.link("one", &one);
    running.started();
    assert_eq!(one.stat(), "run");
    assert!(!hidden.0.join("supervise").exists());
    running.stop();
}

#[test]
fn two_names_are_one_service_and_a_new_name_changes_nothing() {
    let scanned = Scanned::new();
    let one = scanned.service("one");
    scanned.link("a", &one);
    let running = scanned.follow();
    let pid = running.started();
    scanned.link("b", &one);
    scanned.unlink("a");
    fs::rename(scanned.scan.join("b"), scanned.scan.join("c")).unwrap();
    // Something that shows that all of it has been seen.
    let two = scanned.service("two");
    scanned.link("two", &two);
    running.started();
    assert_eq!(one.pid(), Some(signed(pid)));
    running.stop();
}

#[test]
fn a_replaced_link_is_another_service() {
    let scanned = Scanned::new();
    let (one, two) = (scanned.service("one"), scanned.service("two"));
    scanned.link("web", &one);
    let running = scanned.follow();
    running.started();
    scanned.link("fresh", &two);
    fs::rename(scanned.scan.join("fresh"), scanned.scan.join("web")).unwrap();
    running.named("gone");
    assert_eq!(one.stat(), "down");
    two.until_run(None);
    running.stop();
}

#[test]
fn a_name_that_comes_back_while_its_service_still_ends_starts_it_again() {
    let scanned = Scanned::new();
    let slow = scanned.tree.service("sv/slow", "trap '' TERM; exec sleep 1000");
    scanned.link("slow", &slow);
    let running = scanned.follow();
    let pid = running.started();
    until("ignores TERM", || {
        let status = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        status.starts_with("sleep").then_some(())
    });
    scanned.unlink("slow");
    running.named("stopping");
    scanned.link("slow", &slow);
    slow.send("k");
    running.named("gone");
    assert_ne!(running.started(), pid);
    running.kill();
}

#[test]
fn a_directory_that_is_still_being_made_is_awaited() {
    let scanned = Scanned::new();
    let running = scanned.follow();
    let dir = Dir(scanned.scan.join("web"));
    fs::create_dir(&dir.0).unwrap();
    dir.script("log/run", "exec cat > out");
    dir.file("down", "");
    dir.script("run", "exec sleep 1000");
    running.named("supervised");
    running.named("started");
    assert_eq!(dir.stat(), "down", "the down file was there before run");
    assert_eq!(dir.read("log/supervise/stat"), "run\n");
    running.stop();
}

#[test]
fn what_a_client_ended_is_taken_on_again_while_its_name_is_there() {
    let scanned = Scanned::new();
    let one = scanned.service("one");
    scanned.link("one", &one);
    let running = scanned.follow();
    let pid = running.started();
    assert!(one.send("x"));
    running.named("gone");
    assert_ne!(running.started(), pid);
    running.stop();
}

#[test]
fn what_another_supervisor_holds_is_refused_and_taken_on_later() {
    let scanned = Scanned::new();
    let one = scanned.service("one");
    let holder = Running::start(Options::new());
    holder.add(&one, ServiceOptions::new());
    holder.started();
    scanned.link("one", &one);
    let running = scanned.follow();
    let error = running.event(|event| match &event.kind {
        EventKind::Refused { error } => Some(error.kind()),
        _ => None,
    });
    assert_eq!(error, ErrorKind::Held);
    holder.stop();
    running.started();
    running.stop();
}

#[test]
fn a_scan_directory_that_vanishes_stops_nothing_and_is_found_again() {
    let scanned = Scanned::new();
    let one = scanned.service("one");
    scanned.link("one", &one);
    let running = scanned.follow();
    let pid = running.started();
    let away = scanned.tree.path().join("away");
    fs::rename(&scanned.scan, &away).unwrap();
    running.named("trouble");
    assert_eq!(one.pid(), Some(signed(pid)));
    fs::rename(&away, &scanned.scan).unwrap();
    let two = scanned.service("two");
    scanned.link("two", &two);
    running.started();
    assert_eq!(one.pid(), Some(signed(pid)));
    running.stop();
}

#[test]
fn the_embedder_says_what_each_found_service_may_do() {
    let scanned = Scanned::new();
    let one = scanned.tree.service("sv/one", "echo >&7; exec sleep 1000");
    scanned.link("one", &one);
    let options = Options::new().configure(|dir| {
        assert!(dir.ends_with("scan/one"), "{}", dir.display());
        ServiceOptions::new().notification_fd(7)
    });
    let running = Running::start(options);
    running.handle.follow(&scanned.scan).unwrap();
    running.named("ready");
    running.stop();
}

#[test]
fn a_scanner_process_ends_all_at_term_and_at_hup() {
    for (signal, code) in [(Signal::SIGTERM, 0), (Signal::SIGINT, 0), (Signal::SIGHUP, 111)] {
        let scanned = Scanned::new();
        let (one, two) = (scanned.service("one"), scanned.service("two"));
        two.script("log/run", "exec cat > ../out");
        scanned.link("one", &one);
        scanned.link("two", &two);
        let mut scanner = Who::EmbeddedScanner.start(&scanned.scan);
        one.until_run(None);
        two.until_run(None);
        scanner.signal(signal);
        assert_eq!(scanner.wait().code(), Some(code), "{signal}");
        assert_eq!([one.stat(), two.stat()], ["down", "down"]);
        assert_eq!(scanned.tree.processes(), []);
    }
}
