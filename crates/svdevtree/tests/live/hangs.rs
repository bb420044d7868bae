//! A tree in a directory that hangs in the system: calls end at their deadlines, and the tree comes back whole.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use svdevtree::{
    Definition, DevTree, Engine, TreeError, TreeErrorKind, TreeStarted,
    testkit::{Kit, KitError, Spec},
};

use crate::{
    acting::until,
    hang::Hang,
    kit::soon,
    supervised::PATIENCE,
    victims::{processes, running},
};

/// Calls one after the other, with so much time each. All are late, and none hangs.
fn all_are_late(tree: &mut DevTree, wait: Duration) {
    let late = |what: &str, call: &mut dyn FnMut(Instant) -> TreeError| {
        let deadline = Instant::now() + wait;
        let error = call(deadline);
        println!("{what}: {:?} after the deadline", deadline.elapsed());
        assert!(deadline.elapsed() < PATIENCE, "{what}: {:?}", deadline.elapsed());
        assert_eq!(error.kind(), TreeErrorKind::Deadline, "{what}: {error}");
    };
    late("enable", &mut |deadline| tree.enable("web", deadline).unwrap_err());
    late("disable", &mut |deadline| tree.disable("web", deadline).unwrap_err());
    late("take", &mut |deadline| tree.take(deadline).unwrap_err());
    late("start", &mut |deadline| tree.start(deadline).unwrap_err());
    late("stop", &mut |deadline| tree.stop(deadline).unwrap_err());
    late("check", &mut |_| tree.check().unwrap_err());
    late("add", &mut |_| tree.add(Definition::new("web", ["/bin/true"])).unwrap_err());
}

#[test]
fn a_tree_in_a_directory_that_hangs_keeps_nobody_beyond_a_deadline() {
    let place = tempfile::Builder::new().prefix("svtree-").tempdir().unwrap();
    let token = format!("{:07}9119", std::process::id());
    let hangs = place.path().join("hangs");
    fs::create_dir(&hangs).unwrap();
    let mut tree = DevTree::at(hangs.join("tree")).unwrap().engine(Engine::Embedded);
    let sleep = format!("exec sleep 1000000.{token}");
    tree.add(Definition::new("web", ["/bin/sh", "-c", &sleep])).unwrap();
    tree.enable("web", soon()).unwrap();
    assert_eq!(tree.start(soon()).unwrap(), TreeStarted::Now);
    let web = tree.service("web").unwrap();
    until("web", || running(&web));
    // In another thread, whose view of the system ends with it: a tree that is not started hangs in its keeper.
    let base = hangs.join("other");
    let hanging = thread::spawn(move || {
        let Some(hang) = Hang::over(base.parent().unwrap()) else { return tree };
        let mut other = DevTree::at(&base).unwrap();
        all_are_late(&mut tree, Duration::from_millis(5));
        let deadline = Instant::now();
        assert_eq!(other.take(deadline).unwrap_err().kind(), TreeErrorKind::Deadline);
        assert!(deadline.elapsed() < PATIENCE, "{:?}", deadline.elapsed());
        drop(hang.server);
        drop(other);
        tree
    });
    let mut tree = hanging.join().unwrap();
    // It goes on beside with what it was told first, and does not find its directory; then it is whole again.
    until("the tree", || (!matches!(tree.check(), Err(TreeError::Deadline { .. }))).then_some(()));
    tree.check().unwrap();
    tree.stop(soon()).unwrap();
    assert_eq!(processes(&token), [] as [i32; 0]);
}

#[test]
fn a_kit_in_a_directory_that_hangs_keeps_nobody_beyond_a_deadline() {
    let mut kit = Kit::new().unwrap();
    let token = format!("{:07}9120", std::process::id());
    let spec = |name: &str| Spec::new(name, ["/bin/sleep", &format!("1000000.{token}")]);
    kit.start(spec("web"), soon()).unwrap();
    let (one, other) = (spec("one"), spec("other"));
    let hanging = thread::spawn(move || {
        let Some(hang) = Hang::over(kit.tree().base()) else { return kit };
        let mut late = |what: &str, call: &mut dyn FnMut(&mut Kit, Instant) -> KitError| {
            let deadline = Instant::now() + Duration::from_millis(5);
            let error = call(&mut kit, deadline);
            println!("{what}: {:?} after the deadline", deadline.elapsed());
            assert!(deadline.elapsed() < PATIENCE, "{what}: {:?}", deadline.elapsed());
            let is_late =
                matches!(&error, KitError::Tree(it) if it.kind() == TreeErrorKind::Deadline);
            assert!(is_late, "{what}: {error}");
        };
        late("start", &mut |kit, by| kit.start(one.clone(), by).unwrap_err());
        late("start all", &mut |kit, by| kit.start_all([other.clone()], by).unwrap_err());
        late("restart", &mut |kit, by| kit.restart("web", by).unwrap_err());
        late("stop", &mut |kit, by| kit.stop("web", by).unwrap_err());
        late("wait", &mut |kit, by| kit.wait_ready("web", by).unwrap_err());
        assert!(kit.port().is_ok());
        drop(hang.server);
        kit
    });
    let mut kit = hanging.join().unwrap();
    let is_late = |it: &KitError| matches!(it, KitError::Tree(error) if error.kind() == TreeErrorKind::Deadline);
    // Whole again, with what it had.
    until("the kit", || {
        let restarted = kit.restart("web", soon());
        (!restarted.as_ref().is_err_and(is_late)).then_some(restarted)
    })
    .unwrap();
    kit.end().unwrap();
    assert_eq!(processes(&token), [] as [i32; 0]);
}
