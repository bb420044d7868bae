//! Supervisors of a program's own, as sparing as the trait allows: what is not told is not guessed.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    sync::{Arc, Mutex},
    task::Waker,
    time::{Duration, Instant},
};

use svcmgr::{
    Bulk, Error, Facts, Goal, Group, Intent, Name, OutcomeKind, Pending, Phase, Pid, Request,
    State, Status, Subscription, Supervised, WatchSet,
};

/// Starts and stops when it is asked to, a moment later, and never tells what was asked for.
struct Terse {
    name: &'static str,
    phase: Mutex<(Phase, Option<(Phase, Instant)>)>,
    group: Option<Arc<Terses>>,
}

/// Asked for all of them at once.
#[derive(Default)]
struct Terses {
    members: Mutex<Vec<Arc<Terse>>>,
    asked: Mutex<Vec<(Intent, usize)>>,
}

impl Terse {
    fn new(name: &'static str) -> Self {
        Self { name, phase: Mutex::new((Phase::Down, None)), group: None }
    }

    fn turn(&self, phase: Phase) {
        let soon = Instant::now() + Duration::from_millis(20);
        self.phase.lock().unwrap().1 = Some((phase, soon));
    }
}

impl Supervised for Terse {
    fn name(&self) -> Name<'_> {
        Name::new(self.name)
    }
    fn status(&self) -> Result<Status, Error> {
        let mut phase = self.phase.lock().unwrap();
        if let Some((next, at)) = phase.1 {
            if at <= Instant::now() {
                *phase = (next, None);
            }
        }
        let pid = Pid::new(4711).filter(|_| phase.0 == Phase::Up);
        Ok(Status::of(Facts::new(phase.0).with_pid(pid)))
    }
    fn request(&self, intent: &Intent) -> Result<Pending, Error> {
        match intent {
            Intent::Up => self.turn(Phase::Up),
            Intent::Down => self.turn(Phase::Down),
            other => return Err(Error::unsupported(self.name, *other)),
        }
        Ok(Pending::delivered())
    }
    fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
        Ok(Subscription::every(Duration::from_millis(5)))
    }
    fn group(&self) -> Option<Arc<dyn Group>> {
        self.group.clone().map(|group| group as _)
    }
}

impl Terses {
    fn find(&self, name: Name<'_>) -> Arc<Terse> {
        let members = self.members.lock().unwrap();
        Arc::clone(members.iter().find(|it| it.name() == name).unwrap())
    }
}

impl Group for Terses {
    fn statuses(&self, names: &[Name<'_>]) -> Vec<Result<Status, Error>> {
        names.iter().map(|name| self.find(*name).status()).collect()
    }
    fn requests(
        &self,
        names: &[Name<'_>],
        intent: &Intent,
        _deadline: Option<Instant>,
    ) -> Option<Vec<Result<Pending, Error>>> {
        self.asked.lock().unwrap().push((*intent, names.len()));
        Some(names.iter().map(|name| self.find(*name).request(intent)).collect())
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Every goal that needs no word of the supervisor's on what is wanted, there and back.
#[test]
fn a_supervisor_that_never_tells_the_want_is_waited_for_all_the_same() {
    let web = Arc::new(Terse::new("web"));
    assert_eq!(web.status().unwrap().want(), None);
    for (request, state) in [
        (Request::up(), State::Up),
        (Request::down(), State::Down),
        (Request::up().until(Goal::Up), State::Up),
        (Request::down().until(Goal::Finished), State::Down),
    ] {
        let outcome = request.pursue(&web, soon()).unwrap();
        assert_eq!(outcome.kind(), OutcomeKind::Reached, "{request:?}: {outcome}");
        assert_eq!(outcome.status().unwrap().state(), state);
    }
    // What it is already, and what it cannot tell.
    let outcome = Request::down().pursue(&web, soon()).unwrap();
    assert!(outcome.is_reached(), "{outcome}");
    let outcome = Request::wait(Goal::AsWanted).pursue(&web, soon()).unwrap();
    assert!(outcome.is_reached(), "{outcome}");
    // Nothing comes of nothing: down without a want is no proof that it will not come up.
    let short = Instant::now() + Duration::from_millis(100);
    let outcome = Request::wait(Goal::Up).pursue(&web, short).unwrap();
    assert_eq!(outcome.kind(), OutcomeKind::Deadline, "{outcome}");
}

#[test]
fn a_watch_tells_of_a_supervisor_that_never_tells_the_want() {
    let web = Arc::new(Terse::new("web"));
    let mut watch = WatchSet::new().unwrap();
    watch.add(Arc::clone(&web)).unwrap();
    web.request(&Intent::Up).unwrap();
    let mut states = Vec::new();
    while states.last() != Some(&State::Up) {
        let event = watch.next_before(soon()).unwrap().unwrap();
        states.push(event.status.unwrap().state());
    }
    assert_eq!(states, [State::Down, State::Up]);
}

#[test]
fn a_group_is_asked_once_for_all_of_its_services() {
    let group = Arc::new(Terses::default());
    let of = |name| Arc::new(Terse { group: Some(Arc::clone(&group)), ..Terse::new(name) });
    let services = ["web", "db", "queue"].map(of);
    group.members.lock().unwrap().extend(services.iter().map(Arc::clone));
    for outcome in Bulk::new(&services).pursue(&Request::up(), soon()).unwrap() {
        let outcome = outcome.unwrap();
        assert!(outcome.is_reached(), "{outcome}");
    }
    assert!(Bulk::new(&services).request(Intent::Down).iter().all(Result::is_ok));
    let asked = group.asked.lock().unwrap().clone();
    assert_eq!(asked, [(Intent::Up, 3), (Intent::Down, 3)]);
}
