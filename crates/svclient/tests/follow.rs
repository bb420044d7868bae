//! What a watch follows: links that are put elsewhere, directories that come back, what was lost.
//! Directories alone, without supervisors.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "live/skips.rs"]
mod skips;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::sys::stat::Mode;
use svclient::{Name, News, ScanDir, Service, WatchSet};
use tempfile::{TempDir, tempdir};

fn service(dir: &Path) {
    fs::create_dir_all(dir.join("supervise")).unwrap();
}

/// A tree, a scan directory in it with a link `web`, and the service to which that leads.
fn linked() -> (TempDir, PathBuf, PathBuf) {
    let tree = tempdir().unwrap();
    let (scan, web) = (tree.path().join("scan"), tree.path().join("pool/web"));
    fs::create_dir(&scan).unwrap();
    service(&web);
    symlink(&web, scan.join("web")).unwrap();
    (tree, scan, web)
}

fn watch(dir: impl Into<PathBuf>) -> WatchSet {
    let mut watch = WatchSet::new().unwrap();
    watch.add(Service::open(dir).unwrap()).unwrap();
    assert_eq!(watch.next_now().unwrap().unwrap().news, News::Snapshot);
    watch
}

fn follow(dir: &Path) -> WatchSet {
    let mut watch = WatchSet::new().unwrap();
    watch.follow(ScanDir::new(dir)).unwrap();
    assert_eq!(watch.next_now().unwrap().unwrap().news, News::Snapshot);
    watch
}

/// Waits for such news of the service of this name.
#[track_caller]
fn expect(watch: &mut WatchSet, name: &str, news: News) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut seen = Vec::new();
    while let Some(event) = watch.next_before(deadline).unwrap() {
        if (event.name(), event.news) == (Name::new(name), news) {
            return;
        }
        seen.push((event.name().to_string(), event.news));
    }
    panic!("not seen in time; seen {seen:?}");
}

fn replace(link: &Path, target: &str) {
    let fresh = link.with_file_name(".fresh");
    symlink(target, &fresh).unwrap();
    fs::rename(fresh, link).unwrap();
}

#[test]
fn a_service_that_comes_back_behind_its_link_is_added_again() {
    let (_tree, scan, web) = linked();
    let mut watch = follow(&scan);
    for _ in 0..3 {
        fs::remove_dir_all(&web).unwrap();
        expect(&mut watch, "web", News::Removed);
        service(&web);
        expect(&mut watch, "web", News::Added);
    }
}

#[test]
fn a_scan_directory_that_is_a_link_is_followed_to_another_target() {
    let tree = tempdir().unwrap();
    service(&tree.path().join("one/a"));
    service(&tree.path().join("two/b"));
    let (outer, inner) = (tree.path().join("outer"), tree.path().join("inner"));
    symlink("inner", &outer).unwrap();
    symlink("one", &inner).unwrap();
    let mut watch = follow(&outer);
    replace(&inner, "two");
    expect(&mut watch, "a", News::Removed);
    expect(&mut watch, "b", News::Added);
    replace(&outer, "one");
    expect(&mut watch, "b", News::Removed);
    expect(&mut watch, "a", News::Added);
}

#[test]
fn a_link_is_one_also_with_a_slash_or_a_dot_behind_it() {
    let tree = tempdir().unwrap();
    service(&tree.path().join("one"));
    service(&tree.path().join("two"));
    fs::write(tree.path().join("two/down"), "").unwrap();
    let link = tree.path().join("web");
    for name in ["web", "web/", "web/."] {
        replace(&link, "one");
        let mut watch = watch(tree.path().join(name));
        replace(&link, "two");
        expect(&mut watch, "web", News::Changed);
    }
}

#[test]
fn an_error_of_one_keeps_nothing_from_the_others_and_is_got_over() {
    let (tree, scan, web) = linked();
    let mut watch = follow(&scan);
    let away = tree.path().join("away");
    fs::rename(&scan, &away).unwrap();
    fs::write(&scan, "").unwrap();
    fs::write(web.join("down"), "").unwrap();
    let error = watch.next_before(Instant::now() + Duration::from_secs(10));
    assert!(error.is_err());
    expect(&mut watch, "web", News::Changed);
    fs::remove_file(&scan).unwrap();
    fs::rename(&away, &scan).unwrap();
    service(&scan.join("new"));
    expect(&mut watch, "new", News::Added);
}

/// A supervisor of runit, as far as it shows; here as long as the value.
fn supervise(supervise: &Path) -> fs::File {
    let mut record = [0; 20];
    (record[0], record[17]) = (0x40, b'd');
    fs::write(supervise.join("stat"), "").unwrap();
    nix::unistd::mkfifo(&supervise.join("ok"), Mode::S_IRWXU).unwrap();
    let ok = fs::File::options().read(true).write(true).open(supervise.join("ok")).unwrap();
    fs::write(supervise.join("status.new"), record).unwrap();
    fs::rename(supervise.join("status.new"), supervise.join("status")).unwrap();
    ok
}

#[test]
fn a_directory_that_is_replaced_while_events_are_lost_is_watched_again() {
    let Some(limit) = skips::overflow("follow") else { return };
    let tree = tempdir().unwrap();
    service(tree.path());
    let mut watch = watch(tree.path());
    let dir = tree.path().join("supervise");
    let (a, b) = (dir.join("a"), dir.join("b"));
    fs::write(&a, "").unwrap();
    for _ in 0..=limit / 2 {
        fs::rename(&a, &b).unwrap();
        fs::rename(&b, &a).unwrap();
    }
    // Some file systems give the new one the number of the old.
    fs::remove_dir_all(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    let name = tree.path().file_name().unwrap().to_str().unwrap().to_owned();
    expect(&mut watch, &name, News::Resync);
    let _ok = supervise(&dir);
    expect(&mut watch, &name, News::Supervised);
}

#[test]
fn a_supervisor_that_opens_its_ok_after_the_first_look_is_noticed() {
    let tree = tempdir().unwrap();
    service(tree.path());
    let dir = tree.path().join("supervise");
    // Published already; nothing tells that somebody reads `ok` a moment later.
    drop(supervise(&dir));
    let mut watch = watch(tree.path());
    let _ok = fs::File::options().read(true).write(true).open(dir.join("ok")).unwrap();
    let name = tree.path().file_name().unwrap().to_str().unwrap().to_owned();
    expect(&mut watch, &name, News::Supervised);
}

#[test]
fn what_a_dangling_link_leads_to_may_appear_at_any_moment() {
    for round in 0..400 {
        let tree = tempdir().unwrap();
        let (web, run) = (tree.path().join("web"), tree.path().join("run"));
        fs::create_dir(&web).unwrap();
        fs::create_dir(&run).unwrap();
        let target = run.join("a/web");
        symlink(&target, web.join("supervise")).unwrap();
        let mut watch = WatchSet::new().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..(round * 37 % 4000) {
                    std::hint::spin_loop();
                }
                fs::create_dir_all(&target).unwrap();
            });
            watch.add(Service::open(&web).unwrap()).unwrap();
        });
        while watch.next_now().unwrap().is_some() {}
        let _ok = supervise(&target);
        expect(&mut watch, "web", News::Supervised);
    }
}
