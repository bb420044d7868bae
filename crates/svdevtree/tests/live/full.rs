//! A disk that is full for a moment, or has no room for another file: what the embedded supervisor
//! keeps is right again without anything else happening.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use svclient::{Phase, Service};
use svdevtree::{EventKind, Options, ServiceOptions, ServicePart, Supervisor};
use svproto::Op;

use crate::{acting::until, supervised::PATIENCE, tree::Tree};

/// Runs in a thread that has a mount namespace of its own, with a small file system at this path.
fn with_small_disk(options: &'static str, test: fn(&Path)) {
    if !crate::supervised::skips::is_root("svdevtree") {
        // Only root mounts.
        return;
    }
    let thread = std::thread::spawn(move || {
        let place = tempfile::tempdir().unwrap();
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("svfull"), place.path(), Some("tmpfs"), MsFlags::empty(), Some(options))
            .unwrap();
        test(place.path());
        nix::mount::umount2(place.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
    });
    thread.join().unwrap();
}

fn is_right(service: &Service, phase: Phase) -> bool {
    let status = service.status().unwrap();
    let status = status.facts().copied();
    status.is_some_and(|status| status.phase == phase && status.pid.is_none())
}

/// The service ends while nothing can be written; then there is room again.
fn is_right_again(place: &Path, fill: fn(&Path) -> Option<File>, empty: fn(&Path)) {
    let dir = place.join("web");
    fs::create_dir(&dir).unwrap();
    let run = dir.join("run");
    fs::write(&run, "#!/bin/sh\nexec sleep 1000000\n").unwrap();
    fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (sender, events) = std::sync::mpsc::channel();
    let options = Options::new().observer(move |event| drop(sender.send(event.kind.clone())));
    let mut supervisor = Supervisor::new(options).unwrap();
    let id = supervisor.add(&dir, ServiceOptions::new()).unwrap();
    let service = Service::open(&dir).unwrap();
    until("run", || {
        supervisor.turn(Some(Duration::from_millis(10))).unwrap();
        service.status().unwrap().facts().and_then(|status| status.pid)
    });

    let kept = fill(place);
    supervisor.ask(id, ServicePart::Main, Op::Down).unwrap();
    // Long enough for some attempts.
    let begun = Instant::now();
    let mut troubles = 0;
    let mut is_down = false;
    while begun.elapsed() < Duration::from_millis(2500) || !is_down {
        supervisor.turn(Some(Duration::from_millis(50))).unwrap();
        for what in events.try_iter() {
            troubles += usize::from(matches!(what, EventKind::Trouble { .. }));
            is_down |= matches!(what, EventKind::Down);
        }
        assert!(begun.elapsed() < PATIENCE, "the service has not ended");
    }
    assert!(!is_right(&service, Phase::Down), "the disk was not full");
    assert_eq!(troubles, 1, "it is told once");

    drop(kept);
    empty(place);
    // Nothing happens but that time passes.
    until("a right record", || {
        supervisor.turn(None).unwrap();
        is_right(&service, Phase::Down).then_some(())
    });
    assert_eq!(fs::read_to_string(dir.join("supervise/stat")).unwrap(), "down\n");
    assert_eq!(fs::read_to_string(dir.join("supervise/pid")).unwrap(), "");
    let names = fs::read_dir(dir.join("supervise")).unwrap().map(|it| it.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().ends_with(".new")).collect();
    assert_eq!(left, [] as [&str; 0]);
    let woken = supervisor.turn(Some(Duration::from_millis(1500)));
    woken.unwrap();
    assert!(events.try_iter().all(|what| !matches!(what, EventKind::Trouble { .. })));
}

fn ballast(place: &Path) -> PathBuf {
    place.join("ballast")
}

#[test]
fn after_a_full_disk_the_record_is_right_by_itself() {
    with_small_disk("size=256k", |place| {
        let fill = |place: &Path| {
            let mut file = File::create(ballast(place)).unwrap();
            while file.write_all(&[0; 4096]).is_ok() {}
            // What is replaced by an empty file is to give no room to the others.
            Some(File::open(place.join("web/supervise/pid")).unwrap())
        };
        is_right_again(place, fill, |place| fs::remove_file(ballast(place)).unwrap());
    });
}

#[test]
fn after_a_full_inode_table_the_record_is_right_by_itself() {
    with_small_disk("nr_inodes=40", |place| {
        let fill = |place: &Path| {
            fs::create_dir(ballast(place)).unwrap();
            let mut number = 0;
            while File::create(ballast(place).join(number.to_string())).is_ok() {
                number += 1;
            }
            None
        };
        is_right_again(place, fill, |place| fs::remove_dir_all(ballast(place)).unwrap());
    });
}

/// A name that something else has taken, until it is gone.
#[test]
fn after_a_name_is_free_again_the_record_is_right_by_itself() {
    let tree = Tree::new();
    let fill = |place: &Path| {
        for name in ["status.new", "stat.new", "pid.new"] {
            fs::create_dir_all(place.join("web/supervise").join(name)).unwrap();
        }
        None
    };
    let empty = |place: &Path| {
        for name in ["status.new", "stat.new", "pid.new"] {
            fs::remove_dir(place.join("web/supervise").join(name)).unwrap();
        }
    };
    is_right_again(tree.path(), fill, empty);
}
