//! Units as services: the same calls as for service directories, and together with them.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use svclient::{
    Bulk, Cause, Goal, LastExit, Name, News, Normally, Op, Outcome, OutcomeKind, Request, State,
    Status, Suite, Supervised, Support, Want, WatchEvent, WatchSet,
};
use svsystemd::Unit;

use crate::{
    fixture::{Fixture, SLEEP, wait_for},
    machine::{Manager, PATIENCE, deadline},
};

#[track_caller]
fn pursue(unit: &Unit, request: &Request) -> Outcome {
    let units = std::slice::from_ref(unit);
    Bulk::new(units).pursue(request, deadline()).unwrap().remove(0).unwrap()
}

#[track_caller]
fn reached(outcome: &Outcome) -> svclient::Facts {
    assert!(outcome.is_reached(), "{outcome:?}");
    *outcome.status().unwrap().facts().unwrap()
}

#[track_caller]
fn until(watch: &mut WatchSet, state: State) -> WatchEvent {
    let deadline = deadline();
    let mut seen = Vec::new();
    while let Some(event) = watch.next_before(deadline).unwrap() {
        let status = event.status.as_ref().ok().and_then(|it| it.facts().copied());
        if status.is_some_and(|status| status.state() == state) {
            return event;
        }
        seen.push(event);
    }
    panic!("{state} not seen; seen {seen:#?}");
}

pub fn up_down_restart_and_once_are_pursued(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=0\n");
    let up = reached(&pursue(&it.unit, &Request::up()));
    assert_eq!((up.state(), up.want), (State::Up, Some(Want::Up)));
    let again = reached(&pursue(&it.unit, &Request::restart()));
    assert!(again.pid != up.pid && again.since > up.since);
    // The service restarts itself after a signal.
    let after = reached(&pursue(&it.unit, &Request::new(Op::Kill, Goal::Restarted)));
    assert!(after.pid != again.pid && after.since > again.since);
    let paused = {
        it.unit.request(&Op::Pause.into()).unwrap();
        Supervised::status(&it.unit).unwrap().facts().unwrap().state()
    };
    assert_eq!(paused, State::Paused);
    let again = reached(&pursue(&it.unit, &Request::restart()));
    assert_ne!(again.pid, after.pid);
    assert_eq!(reached(&pursue(&it.unit, &Request::down())).state(), State::Down);
    let restarted = reached(&pursue(&it.unit, &Request::restart()));
    assert_eq!(restarted.state(), State::Up);
    reached(&pursue(&it.unit, &Request::down()));
    let once = reached(&pursue(&it.unit, &Request::once()));
    assert_eq!(once.want, Some(Want::Once));
    assert_eq!(reached(&pursue(&it.unit, &Request::down())).pid, None);
}

pub fn what_will_not_be_reached_is_told_at_once(manager: Manager) {
    let started = Instant::now();
    let check = |service: &str, cause: Cause, exit: LastExit| {
        let it = Fixture::new(manager, service);
        for request in [Request::up(), Request::restart()] {
            let outcome = pursue(&it.unit, &request);
            assert_eq!(outcome.why(), Some(cause), "{service}: {outcome:?}");
            let facts = outcome.status().unwrap().facts().unwrap();
            assert_eq!(facts.last_exit, exit, "{service}: {outcome:?}");
        }
    };
    check("ExecStart=/nonexistent\n", Cause::NotExecuted, LastExit::Exited { code: 203 });
    check(
        "Type=oneshot\nExecStart=/bin/sh -c 'exit 3'\n",
        Cause::Exited,
        LastExit::Exited { code: 3 },
    );
    check(
        "Type=notify\nExecStart=/bin/sh -c 'exit 4'\n",
        Cause::Exited,
        LastExit::Exited { code: 4 },
    );
    let it = Fixture::with(manager, "ConditionPathExists=/nonexistent\n", SLEEP);
    let outcome = pursue(&it.unit, &Request::up());
    assert_eq!(outcome.kind(), OutcomeKind::Skipped, "{outcome:?}");
    assert_eq!(outcome.why(), Some(Cause::Condition), "{outcome:?}");
    let it = Fixture::new(manager, SLEEP);
    let outcome = pursue(&it.unit, &Request::up().until(Goal::Ready));
    assert_eq!(outcome.why(), Some(Cause::NoReadiness), "{outcome:?}");
    let missing = it.bus.unit("svt-nowhere").unwrap();
    let error =
        Bulk::new(&[missing]).pursue(&Request::up(), deadline()).unwrap().remove(0).unwrap_err();
    assert_eq!(error.kind(), svclient::ErrorKind::NotFound);
    assert!(started.elapsed() < PATIENCE, "none of these was waited for");
}

pub fn readiness_and_held_oneshots_are_pursued(manager: Manager) {
    let it = Fixture::new(manager, "Type=notify\nNotifyAccess=all\nExecStart=@/run\n");
    it.script("run", "sleep 0.2; systemd-notify --ready; exec sleep 1000");
    let ready = reached(&pursue(&it.unit, &Request::up().until(Goal::Ready)));
    assert_eq!(ready.state(), State::Ready);
    let again = reached(&pursue(&it.unit, &Request::restart().until(Goal::Ready)));
    assert!(again.state() == State::Ready && again.pid != ready.pid);
    let held = Fixture::new(manager, "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n");
    assert_eq!(reached(&pursue(&held.unit, &Request::up())).state(), State::Exited);
    assert_eq!(reached(&pursue(&held.unit, &Request::up())).state(), State::Exited);
    assert_eq!(reached(&pursue(&held.unit, &Request::restart())).state(), State::Exited);
    assert_eq!(reached(&pursue(&held.unit, &Request::down())).state(), State::Down);
}

pub fn a_service_that_ignores_term_is_killed_when_asked_to(manager: Manager) {
    let it = Fixture::new(manager, "ExecStart=@/run\nTimeoutStopSec=infinity\n");
    it.script("run", "trap '' TERM\necho deaf >$0.deaf\nexec sleep 1000");
    reached(&pursue(&it.unit, &Request::up()));
    wait_for(&it.tmp.path().join("run.deaf"));
    // On a busy machine a deadline may pass before the manager has read anything.
    let mut patience = Duration::from_millis(100);
    loop {
        let outcome = Bulk::new(std::slice::from_ref(&it.unit))
            .pursue(&Request::down(), Instant::now() + patience);
        let outcome = outcome.unwrap().remove(0).unwrap();
        assert!(!outcome.is_reached(), "it ignores SIGTERM");
        let facts = outcome.status().and_then(Status::facts);
        let shown = facts.map(|it| (it.state(), it.want));
        let is_read = outcome.kind() == OutcomeKind::Deadline && outcome.was_read();
        if is_read && shown == Some((State::Stopping, Some(Want::Down))) {
            break;
        }
        patience *= 2;
        assert!(patience < PATIENCE, "{outcome:?}");
    }
    let down = pursue(&it.unit, &Request::down().kill_after(Duration::from_millis(100)));
    assert_eq!(reached(&down).pid, None);
}

pub fn commands_of_a_stop_that_hang_are_killed_with_it(manager: Manager) {
    for mode in ["control-group", "mixed", "process"] {
        // Its process ends at once, and each of its commands hangs; the second once the first was killed.
        let lines = "ExecStart=/bin/sleep 1000\nExecStop=@/stop\nExecStopPost=@/stop\n";
        let lines = format!("{lines}TimeoutStopSec=infinity\nKillMode={mode}\n");
        let it = Fixture::new(manager, &lines);
        it.script("stop", "trap '' TERM\nkill -9 $MAINPID\nexec sleep 1000");
        reached(&pursue(&it.unit, &Request::up()));
        for request in [Request::restart(), Request::down()] {
            let outcome = pursue(&it.unit, &request.kill_after(Duration::from_millis(50)));
            assert!(outcome.is_reached(), "{mode}: {outcome:?}");
        }
    }
}

pub fn units_and_service_directories_share_a_watch(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    let tree = tempfile::tempdir().unwrap();
    std::fs::create_dir(tree.path().join("supervise")).unwrap();
    let mut watch = WatchSet::new().unwrap();
    let dir = watch.add(svclient::Service::open(tree.path()).unwrap()).unwrap();
    let key = watch.add(it.unit.clone()).unwrap();
    let first = [watch.next_now().unwrap().unwrap(), watch.next_now().unwrap().unwrap()];
    assert_eq!(
        first.map(|event| (event.key, event.news)),
        [dir, key].map(|key| (key, News::Snapshot))
    );
    it.start();
    let up = until(&mut watch, State::Up);
    assert_eq!((up.key, up.name().to_str()), (key, Some(it.name())));
    std::fs::write(tree.path().join("down"), "").unwrap();
    let event = watch.next_before(deadline()).unwrap().unwrap();
    assert_eq!(event.key, dir);
    // SIGSTOP is signalled by nobody, and told all the same if it goes through us.
    it.unit.request(&Op::Pause.into()).unwrap();
    until(&mut watch, State::Paused);
    it.unit.request(&Op::Cont.into()).unwrap();
    until(&mut watch, State::Up);
    it.unit.request(&Op::Kill.into()).unwrap();
    until(&mut watch, State::Failed);
    assert!(watch.due().is_none(), "nothing is polled");
}

pub fn a_unit_that_appears_later_joins_the_watch(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    let text = std::fs::read(it.path()).unwrap();
    std::fs::remove_file(it.path()).unwrap();
    it.bus.reload().wait().unwrap();
    let mut watch = WatchSet::new().unwrap();
    watch.add(it.unit.clone()).unwrap();
    let first = watch.next_now().unwrap().unwrap();
    assert_eq!(first.news, News::Snapshot);
    assert_eq!(first.status.unwrap_err().kind(), svclient::ErrorKind::NotFound);
    std::fs::write(it.path(), text).unwrap();
    it.bus.reload().wait().unwrap();
    until(&mut watch, State::Down);
    it.start();
    until(&mut watch, State::Up);
}

/// Under each of their names, and those that there are not; nothing is lost after the first look.
pub fn many_units_join_a_watch_in_one_go(manager: Manager) {
    let all: Vec<_> = (0..40).map(|_| Fixture::new(manager, SLEEP)).collect();
    for it in all.iter().step_by(2) {
        it.start();
    }
    let alias = format!("svt-{}-joined.service", std::process::id());
    let link = manager.runtime_dir().join(&alias);
    std::os::unix::fs::symlink(all[0].path(), &link).unwrap();
    let bus = manager.bus();
    bus.reload().wait().unwrap();
    let mut units: Vec<Unit> = all.iter().map(|it| bus.named(it.unit.name().clone())).collect();
    units.push(bus.unit(&alias).unwrap());
    units.push(bus.unit("svt-nowhere").unwrap());
    let mut watch = WatchSet::new().unwrap();
    let keys: Vec<_> = watch.add_all(units.clone()).into_iter().map(Result::unwrap).collect();
    for (unit, key) in units.iter().zip(&keys) {
        let first = watch.next_now().unwrap().unwrap();
        assert_eq!(
            (first.key, first.news, first.name()),
            (*key, News::Snapshot, Name::new(unit.name().as_str()))
        );
        let alone = Supervised::status(unit).map_err(|why| why.kind());
        assert_eq!(first.status.map_err(|why| why.kind()), alone);
    }
    // All of them change, each is told of, and the first under both of its names.
    let jobs: Vec<_> = all.iter().map(|it| it.unit.restart().wait().unwrap()).collect();
    for job in jobs {
        crate::fixture::reached(job);
    }
    let mut missing: std::collections::BTreeMap<_, _> = units
        .iter()
        .zip(&keys)
        .take(41)
        .map(|(unit, key)| (*key, Supervised::status(unit).unwrap()))
        .collect();
    while !missing.is_empty() {
        let event = watch.next_before(deadline()).unwrap();
        let event = event.unwrap_or_else(|| panic!("{} not told", missing.len()));
        if event.status.is_ok_and(|seen| missing.get(&event.key) == Some(&seen)) {
            missing.remove(&event.key);
        }
    }
    let _gone = std::fs::remove_file(link);
}

pub fn hundreds_of_units_are_asked_in_one_go(manager: Manager) {
    let bus = manager.bus();
    let some: Vec<_> = (0..10).map(|_| Fixture::new(manager, SLEEP)).collect();
    for it in &some[..5] {
        it.start();
    }
    let names: Vec<String> = (0..200).map(|at| format!("svt-many-{at}")).collect();
    let mut units: Vec<Unit> = names.iter().map(|name| bus.unit(name).unwrap()).collect();
    units.extend(some.iter().map(|it| bus.named(it.unit.name().clone())));
    let all = Bulk::new(&units).statuses();
    assert_eq!(all.len(), 210);
    for missing in &all[..200] {
        assert_eq!(missing.as_ref().unwrap_err().kind(), svclient::ErrorKind::NotFound);
    }
    for (at, it) in all[200..].iter().enumerate() {
        let expected = if at < 5 { State::Up } else { State::Down };
        let status = it.as_ref().unwrap().facts().unwrap();
        assert_eq!(status.state(), expected);
        assert_eq!(*status, *Supervised::status(&units[200 + at]).unwrap().facts().unwrap());
    }
    // More at once than a bus allows.
    let there: Vec<Unit> = units.iter().skip(200).cycle().take(300).cloned().collect();
    assert!(Bulk::new(&there).statuses().iter().all(Result::is_ok));
    // A rolling restart, four at a time, units of two connections together.
    let other = manager.bus();
    let mixed: Vec<Arc<dyn Supervised>> = some
        .iter()
        .enumerate()
        .map(|(at, it)| {
            let bus = if at % 2 == 0 { &bus } else { &other };
            Arc::new(bus.named(it.unit.name().clone())) as Arc<dyn Supervised>
        })
        .collect();
    let four = NonZeroUsize::new(4).unwrap();
    let outcomes = Bulk::new(&mixed).limit(four).pursue(&Request::restart(), deadline()).unwrap();
    for outcome in outcomes {
        assert_eq!(reached(&outcome.unwrap()).state(), State::Up);
    }
}

pub fn what_there_is_not_is_refused_and_nothing_else_done(manager: Manager) {
    let it = Fixture::new(manager, SLEEP);
    let up = it.start();
    for op in Op::all() {
        if it.unit.support(&op.into()).is_yes() {
            continue;
        }
        let error = it.unit.request(&op.into()).unwrap_err();
        assert_eq!(error.kind(), svclient::ErrorKind::Unsupported, "{op}");
    }
    for op in [Op::Exit, Op::StopExit] {
        assert_eq!(it.unit.support(&op.into()), Support::No);
    }
    assert_eq!(it.status().facts, up.facts);
    assert_eq!(it.unit.suite(), Some(Suite::Systemd));
    let status = Supervised::status(&it.unit).unwrap();
    assert_eq!((status.normally(), status.suite()), (None, Some(Suite::Systemd)));
    it.unit.mask().wait().unwrap();
    assert_eq!(Supervised::status(&it.unit).unwrap().normally(), Some(Normally::Down));
    it.unit.unmask().wait().unwrap();
}
