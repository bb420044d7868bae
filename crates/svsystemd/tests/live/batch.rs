//! Many units at once: what is told of each is what it tells alone.

use svclient::{Bulk, ErrorKind, State, Status, Supervised, Want};
use svsystemd::{Bus, LoadState, Unit};

use crate::{
    fixture::{Fixture, SLEEP, wait_for},
    machine::Manager,
};

/// So many are asked about over a connection of their own to the manager.
const MANY: usize = 40;

/// Each alone, and all of them three times: fresh, remembered, and remembered before the manager
/// has read its files again. Once as they are, by the bus, and once as many.
#[track_caller]
fn agree(manager: Manager, units: &[Unit]) -> Vec<Result<Status, ErrorKind>> {
    let kind = |seen: Result<Status, svclient::Error>| seen.map_err(|why| why.kind());
    let alone: Vec<_> = units.iter().map(|it| kind(Supervised::status(it))).collect();
    let together = |bus: &Bus, units: &[Unit]| -> Vec<_> {
        let units: Vec<_> = units.iter().map(|it| bus.named(it.name().clone())).collect();
        Bulk::new(&units).statuses().into_iter().map(kind).collect()
    };
    let many = || units.iter().cycle().take(units.len().max(MANY));
    for all in [units.to_vec(), many().cloned().collect()] {
        let bus = manager.bus();
        for turn in ["first", "again", "after a reload"] {
            if turn == "after a reload" {
                bus.reload().wait().unwrap();
            }
            let together = together(&bus, &all);
            assert_eq!(together.len(), all.len());
            for ((unit, alone), together) in many().zip(alone.iter().cycle()).zip(together) {
                assert_eq!(together, *alone, "{turn} of {}: {}", all.len(), unit.name());
            }
        }
    }
    alone
}

fn state(seen: &Result<Status, ErrorKind>) -> State {
    seen.as_ref().unwrap().facts().unwrap().state()
}

/// A unit of each kind, and how it stands.
fn each_kind(manager: Manager) -> Vec<(Fixture, State)> {
    let new = |service: &str| Fixture::new(manager, service);
    let plain = new(SLEEP);
    plain.start();
    let escaped =
        Fixture::named(manager, &format!("_svt-{}.service", std::process::id()), "", SLEEP);
    escaped.start();
    let notify = new("Type=notify\nNotifyAccess=all\nExecStart=@/run\n");
    notify.script("run", "systemd-notify --ready; exec sleep 1000");
    notify.start();
    let reloading = new("Type=notify\nNotifyAccess=all\nExecStart=@/run\n");
    reloading.script("run", "systemd-notify --ready; systemd-notify RELOADING=1; exec sleep 1000");
    reloading.start();
    reloading.until_that(svsystemd::UnitStatus::is_reloading);
    let held = new("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n");
    held.start();
    let done = new("Type=oneshot\nExecStart=/bin/true\n");
    done.unit.start().wait().unwrap().outcome_before(crate::machine::deadline()).unwrap();
    let failed = new("ExecStart=/bin/sh -c 'exit 3'\n");
    drop(failed.unit.start().wait().unwrap());
    failed.until(State::Failed);
    let waits = new("ExecStart=/bin/sh -c 'exit 3'\nRestart=always\nRestartSec=1000\n");
    drop(waits.unit.start().wait().unwrap());
    waits.until(State::Backoff);
    let starting = new("ExecStartPre=/bin/sleep 1000\nExecStart=/bin/true\nTimeoutStartSec=1000\n");
    drop(starting.unit.start().wait().unwrap());
    starting.until(State::Starting);
    let stopping = new("ExecStart=@/run\nTimeoutStopSec=1000\n");
    stopping.script("run", "trap '' TERM\necho deaf >$0.deaf\nexec sleep 1000");
    stopping.start();
    wait_for(&stopping.tmp.path().join("run.deaf"));
    drop(stopping.unit.stop().wait().unwrap());
    stopping.until(State::Stopping);
    let paused = new(SLEEP);
    paused.start();
    paused.unit.pause().wait().unwrap();
    let once = new("ExecStart=/bin/sleep 1000\nRestart=always\n");
    once.start();
    once.unit.no_restart().wait().unwrap();
    let masked = new(SLEEP);
    masked.unit.mask().wait().unwrap();
    let gone = new(SLEEP);
    gone.start();
    std::fs::remove_file(gone.path()).unwrap();
    vec![
        (plain, State::Up),
        (escaped, State::Up),
        (notify, State::Ready),
        (reloading, State::Ready),
        (held, State::Exited),
        (done, State::Down),
        (failed, State::Failed),
        (waits, State::Backoff),
        (starting, State::Starting),
        (stopping, State::Stopping),
        (paused, State::Paused),
        (once, State::Up),
        (masked, State::Down),
        (gone, State::Up),
    ]
}

pub fn each_unit_in_a_batch_is_as_it_is_alone(manager: Manager) {
    let pid = std::process::id();
    let fixtures = each_kind(manager);
    let template = Fixture::named(manager, &format!("svt-{pid}-many@.service"), "", SLEEP);
    let instance = manager.bus().unit(&format!("svt-{pid}-many@one.service")).unwrap();
    crate::fixture::reached(instance.start().wait().unwrap());
    let aliased = Fixture::new(manager, SLEEP);
    let alias = format!("svt-{pid}-other-name.service");
    let link = manager.runtime_dir().join(&alias);
    std::os::unix::fs::symlink(aliased.path(), &link).unwrap();
    manager.bus().reload().wait().unwrap();
    aliased.start();

    let mut units: Vec<Unit> = fixtures.iter().map(|(it, _)| it.unit.clone()).collect();
    units.push(instance.clone());
    units.push(manager.bus().unit(&alias).unwrap());
    units.push(manager.bus().unit("svt-nowhere").unwrap());
    units.push(fixtures[0].0.unit.clone());
    let alone = agree(manager, &units);
    for ((it, expected), seen) in fixtures.iter().zip(&alone) {
        assert_eq!(state(seen), *expected, "{}", it.name());
    }
    let of_once = alone[11].as_ref().unwrap().facts().unwrap();
    assert_eq!(of_once.want, Some(Want::Once));
    assert_eq!(*alone[16].as_ref().unwrap_err(), ErrorKind::NotFound);

    // The list says as much, as far as it goes.
    let names: Vec<_> = units[..14].iter().map(|it| it.name().clone()).collect();
    let states = manager.bus().states_of(&names).wait().unwrap();
    for ((it, expected), seen) in fixtures.iter().zip(&alone) {
        let row = states.iter().find(|row| row.name == *it.unit.name()).unwrap();
        let coarse = match expected {
            State::Ready | State::Paused => State::Up,
            other => *other,
        };
        assert_eq!(row.state, coarse, "{row:?}, {seen:?}");
        assert_eq!(row.active, it.native("ActiveState"));
        assert_eq!(row.job.is_some(), matches!(coarse, State::Starting | State::Stopping));
    }
    let row = |it: &Fixture| states.iter().find(|row| row.name == *it.unit.name()).unwrap();
    assert_eq!(
        (&row(&fixtures[12].0).load, &row(&fixtures[13].0).load),
        (&LoadState::Masked, &LoadState::NotFound)
    );
    let pattern = format!("svt-{pid}-many@*");
    let listed = manager.bus().states(&[&pattern]).wait().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].name, listed[0].state), (instance.name(), State::Up));

    drop(template);
    drop(instance.stop().wait().unwrap());
    fixtures[12].0.unit.unmask().wait().unwrap();
    let _gone = std::fs::remove_file(link);
}

/// What a bus remembers of a run is of that run only.
pub fn what_changes_between_two_batches_is_told(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=0\n");
    it.start();
    let units = [it.unit.clone()];
    let look = || Bulk::new(&units).statuses().remove(0).unwrap();
    let status = |seen: &Status| *seen.facts().unwrap();
    let alone = || Supervised::status(&it.unit).unwrap();
    let first = look();
    assert_eq!((first, status(&first).want), (alone(), Some(Want::Up)));
    // Another process.
    crate::fixture::reached(it.unit.restart().wait().unwrap());
    let second = look();
    assert_eq!(second, alone());
    assert!(
        status(&second).pid != status(&first).pid && status(&second).since > status(&first).since
    );
    // The same process, other files.
    it.unit.no_restart().wait().unwrap();
    let third = look();
    assert_eq!((third, status(&third).want), (alone(), Some(Want::Once)));
    assert_eq!(status(&third).pid, status(&second).pid);
    // The same process, stopped, and going on.
    it.unit.pause().wait().unwrap();
    assert_eq!(status(&look()).state(), State::Paused);
    it.unit.cont().wait().unwrap();
    assert_eq!(status(&look()).state(), State::Up);
    it.unit.stop().wait().unwrap().outcome_before(crate::machine::deadline()).unwrap();
    assert_eq!((look(), status(&look()).state()), (alone(), State::Exited));
}

/// As alone: of the freezer the kernel tells.
pub fn a_frozen_unit_in_a_batch_is_as_it_is_alone(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    it.start();
    let units = [it.unit.clone()];
    let of = |seen: &[Result<Status, ErrorKind>]| state(&seen[0]);
    assert_eq!(of(&agree(manager, &units)), State::Up);
    it.unit.freeze().wait().unwrap();
    assert_eq!(of(&agree(manager, &units)), State::Paused);
    it.unit.thaw().wait().unwrap();
    assert_eq!(of(&agree(manager, &units)), State::Up);
}

/// Alone in the machine: the manager's own socket ends with the program that the manager was, the
/// bus does not.
pub fn batches_are_whole_while_the_manager_is_executed_again(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    it.start();
    let alone = Supervised::status(&it.unit).unwrap();
    let units = vec![it.unit.clone(); MANY];
    let again = std::thread::spawn(move || {
        for _ in 0..3 {
            manager.systemctl(&["daemon-reexec"]);
        }
    });
    let held = || {
        let count = |path: &str| std::fs::read_dir(path).unwrap().count();
        (count("/proc/self/fd"), count("/proc/self/task"))
    };
    let until = crate::machine::deadline();
    let (mut rounds, before) = (0, held());
    while rounds < 20 || !again.is_finished() {
        for seen in Bulk::new(&units).statuses() {
            // What is told besides (restarts, a newer definition) depends on how much was asked
            // for.
            assert_eq!(seen.unwrap().reading(), alone.reading());
        }
        rounds += 1;
    }
    again.join().unwrap();
    // A connection for each round, and nothing is left of them. The other end closes a moment
    // later.
    let few = |now: (usize, usize)| now.0 <= before.0 + 8 && now.1 <= before.1 + 2;
    while !few(held()) {
        assert!(std::time::Instant::now() < until, "{before:?}, then {:?}", held());
        std::thread::yield_now();
    }
}
