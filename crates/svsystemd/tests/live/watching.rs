//! Watching: what is signalled, what is not, and what must not be missed.

use std::{collections::BTreeSet, fs};

use svproto::State;
use svsystemd::{ErrorKind, LoadState, UnitNews};

use crate::{
    fixture::{Fixture, SLEEP, event, reached},
    machine::{Manager, deadline},
};

pub fn a_thousand_restarts_are_seen_and_nothing_is_left(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=0\n");
    let names = [it.unit.name().clone()];
    let count: u32 =
        std::env::var("SV_RESTARTS").ok().and_then(|it| it.parse().ok()).unwrap_or(1000);
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let mut watch = it.bus.watch(&names).wait().unwrap();
    it.start();
    let mut pids = BTreeSet::new();
    let (mut ends, mut seq, mut descriptors) = (0, 0, 0);
    let mut last = None;
    while pids.len() < usize::try_from(count).unwrap() {
        let event = watch.next_before(deadline()).expect("an event");
        assert_eq!(event.seq, seq + 1, "events are numbered without a gap");
        seq = event.seq;
        let status = event.status.unwrap();
        assert!(status.facts.state() != State::Failed, "{}", crate::fixture::words(&status));
        // Every process is seen coming and going.
        match (status.facts.state(), status.facts.pid) {
            (State::Up, Some(pid)) if pids.insert(pid) => {
                if pids.len() == 100 {
                    descriptors = open();
                }
                it.unit.kill(nix::libc::SIGKILL).wait().unwrap();
            }
            (State::Backoff, _) if last != Some(State::Backoff) => ends += 1,
            _ => (),
        }
        last = Some(status.facts.state());
    }
    let last = event(&mut watch, |event| {
        let status = event.status.as_ref().unwrap();
        status.restarts() == u64::from(count) && status.facts.state() == State::Up
    });
    // The last was not waited for; and before the first there was none, though a start was queued.
    assert_eq!(ends, count - 1, "every end is seen");
    let read = it.status();
    let told = last.status.unwrap();
    assert_eq!((told.facts, told.restarts()), (read.facts, read.restarts()));
    assert_eq!(it.native("NRestarts"), count.to_string());
    // Others run in this process as well, so not to the last one.
    assert!(open() < descriptors + 40, "{descriptors} then {}", open());
    drop(watch);
    reached(it.unit.stop().wait().unwrap());
}

pub fn a_unit_that_appears_later_is_seen_and_one_that_goes_as_well(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    let text = fs::read(it.path()).unwrap();
    fs::remove_file(it.path()).unwrap();
    it.bus.reload().wait().unwrap();
    let names = [it.unit.name().clone()];
    let mut watch = it.bus.watch(&names).wait().unwrap();
    let first = event(&mut watch, |_| true);
    assert_eq!(first.news, UnitNews::Snapshot);
    assert_eq!(first.status.unwrap_err().kind(), ErrorKind::NoSuchUnit);
    // The file alone says nothing; the reload does.
    fs::write(it.path(), text).unwrap();
    it.bus.reload().wait().unwrap();
    let loaded = event(&mut watch, |event| event.status.is_ok());
    assert_eq!(loaded.status.unwrap().facts.state(), State::Down);
    let job = it.unit.start().wait().unwrap();
    event(&mut watch, |event| event.status.as_ref().unwrap().facts.state() == State::Up);
    reached(job);
    reached(it.unit.stop().wait().unwrap());
    // It is dropped from memory, and heard of again.
    event(&mut watch, |event| event.status.as_ref().unwrap().facts.state() == State::Down);
    it.start();
    event(&mut watch, |event| event.status.as_ref().unwrap().facts.state() == State::Up);
    reached(it.unit.stop().wait().unwrap());
    fs::remove_file(it.path()).unwrap();
    it.bus.reload().wait().unwrap();
    event(&mut watch, |event| event.status.is_err());
}

pub fn a_unit_is_watched_under_any_of_its_names(manager: Manager) {
    let alias = format!("svt-alias-{}.service", std::process::id());
    let it = Fixture::new(manager, SLEEP);
    let link = manager.runtime_dir().join(&alias);
    std::os::unix::fs::symlink(it.path(), &link).unwrap();
    it.bus.reload().wait().unwrap();
    let names = [crate::fixture::name(&alias)];
    let mut watch = it.bus.watch(&names).wait().unwrap();
    it.start();
    let up = event(&mut watch, |event| {
        event.status.as_ref().is_ok_and(|status| status.facts.state() == State::Up)
    });
    assert_eq!(up.unit.as_str(), alias);
    assert_eq!(up.status.unwrap().id().unwrap(), *it.unit.name());
    // By its other name it can be controlled as well.
    let other = it.bus.unit(&alias).unwrap();
    reached(other.stop().wait().unwrap());
    event(&mut watch, |event| event.status.as_ref().unwrap().facts.state() == State::Down);
    reached(other.start().wait().unwrap());
    reached(other.stop().wait().unwrap());
    fs::remove_file(link).unwrap();
    it.bus.reload().wait().unwrap();
}

pub fn many_units_share_one_watch_that_goes_on_over_a_reload(manager: Manager) {
    let all: Vec<_> = (0..20).map(|_| Fixture::new(manager, SLEEP)).collect();
    let bus = manager.bus();
    let names: Vec<_> = all.iter().map(|it| it.unit.name().clone()).collect();
    let mut watch = bus.watch(&names).wait().unwrap();
    for name in &names {
        let first = event(&mut watch, |_| true);
        assert_eq!((&first.unit, first.news), (name, UnitNews::Snapshot));
    }
    for it in &all {
        it.start();
    }
    let mut up = BTreeSet::new();
    while up.len() < names.len() {
        let event = event(&mut watch, |_| true);
        if event.status.unwrap().facts.state() == State::Up {
            up.insert(event.unit);
        }
    }
    bus.reload().wait().unwrap();
    all[7].unit.kill(nix::libc::SIGTERM).wait().unwrap();
    let down = event(&mut watch, |event| {
        event.status.as_ref().is_ok_and(|status| status.facts.state() == State::Down)
    });
    assert_eq!(down.unit, names[7]);
    watch.remove(&names[3]);
    reached(all[3].unit.stop().wait().unwrap());
    reached(all[4].unit.stop().wait().unwrap());
    event(&mut watch, |event| {
        assert_ne!(event.unit, names[3], "it is watched no longer");
        let is_down = |it: &svsystemd::UnitStatus| it.facts.state() == State::Down;
        event.unit == names[4] && event.status.as_ref().is_ok_and(is_down)
    });
}

/// A link to a unit file comes, and a mask: nobody signals these, the manager's reload does.
pub fn what_only_a_reload_tells_is_told(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    it.start();
    let names = [it.unit.name().clone()];
    let mut watch = it.bus.watch(&names).wait().unwrap();
    it.unit.mask().wait().unwrap();
    event(&mut watch, |event| event.status.as_ref().is_ok_and(|it| it.load == LoadState::Masked));
    it.unit.unmask().wait().unwrap();
    event(&mut watch, |event| event.status.as_ref().is_ok_and(|it| it.load == LoadState::Loaded));
}

/// Alone in the machine: the manager is executed again, in the middle of jobs and a watch.
pub fn a_manager_that_is_executed_again_loses_nothing(manager: Manager) {
    let it = Fixture::new(manager, "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 1\n");
    let names = [it.unit.name().clone()];
    let mut watch = it.bus.watch(&names).wait().unwrap();
    event(&mut watch, |_| true);
    let job = it.unit.start().wait().unwrap();
    it.until(State::Starting);
    manager.systemctl(&["daemon-reexec"]);
    let held = reached(job);
    assert_eq!(held.facts.state(), State::Exited);
    event(&mut watch, |event| event.news == UnitNews::Resync);
    if it.status().facts.state() == State::Exited {
        reached(it.unit.stop().wait().unwrap());
    }
    event(&mut watch, |event| {
        event.status.as_ref().is_ok_and(|status| status.facts.state() == State::Down)
    });
    it.unit.start().wait().unwrap().outcome_before(deadline()).unwrap();
}

/// Alone in the machine: the bus itself ends and comes again, in the middle of a job and a watch.
pub fn a_bus_that_is_restarted_is_connected_to_again(manager: Manager) {
    let it = Fixture::new(manager, "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 2\n");
    let names = [it.unit.name().clone()];
    let mut watch = it.bus.watch(&names).wait().unwrap();
    event(&mut watch, |_| true);
    let job = it.unit.start().wait().unwrap();
    it.until(State::Starting);
    // Not by way of the bus, which is going away.
    manager.systemctl(&["restart", "dbus.service"]);
    event(&mut watch, |event| event.news == UnitNews::Resync);
    let outcome = job.outcome_before(deadline()).unwrap();
    assert!(outcome.is_reached(), "{outcome:?}");
    event(&mut watch, |event| {
        event.status.as_ref().is_ok_and(|status| status.facts.state() == State::Exited)
    });
    reached(it.unit.stop().wait().unwrap());
    event(&mut watch, |event| {
        event.status.as_ref().is_ok_and(|status| status.facts.state() == State::Down)
    });
}
