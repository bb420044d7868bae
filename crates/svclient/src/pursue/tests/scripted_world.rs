//! The scripted world of these tests: services that stand and answer as a script says, and a clock
//! that moves when nobody has anything to do.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    task::{Poll, Wake, Waker},
    time::Duration,
};

use nix::errno::Errno;
use svproto::{Facts, Phase, Pid, Reading, UnixTime, Want, s6::event::S6Event};

use super::super::{world::Added, *};
use crate::{
    ErrorKind, Intent, Liveness, Name, Pending, Status, Subscription, Suite, Support, Told,
};

/// What happens to a service at a time, in milliseconds of the script.
#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "a script of a few")]
pub(super) enum Turn {
    /// It stands like this.
    Is(Status),
    /// s6 tells a letter.
    Letter(S6Event),
    /// Its directory vanishes.
    Vanishes,
    /// Its supervisor says what became of the request.
    Speaks,
}

/// What a supervisor will say, and who is woken then.
pub(super) struct Word {
    told: Option<Told>,
    waker: Option<Waker>,
    is_due: bool,
}

#[derive(Default)]
struct Script {
    clock: u64,
    services: Vec<Role>,
    asked: Vec<(u64, usize, &'static str)>,
}

pub(super) struct Role {
    pub(super) now: Result<Status, ErrorKind>,
    /// Still to come, soonest first.
    pub(super) turns: Vec<(u64, Turn)>,
    /// What a request brings about, after so many milliseconds.
    pub(super) answers: Vec<(&'static str, u64, Turn)>,
    /// At this request there is nothing of this name any more.
    pub(super) gone_at: Option<&'static str>,
    /// So many requests find the FIFO full.
    pub(super) full: usize,
    pub(super) watchable: bool,
    /// Its letters are heard.
    pub(super) tells: bool,
    /// What it was asked it has read, and what it says at once is its answer.
    pub(super) acknowledges: bool,
    /// After so long its supervisor says what became of a request.
    pub(super) tells_of: Option<(u64, Told)>,
    pub(super) word: Option<Arc<Mutex<Word>>>,
}

/// The scripted service.
#[derive(Clone)]
pub(super) struct Scripted {
    script: Arc<Mutex<Script>>,
    at: usize,
    name: String,
}

impl Scripted {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    fn take(&self, word: &'static str) -> Result<(), Error> {
        let mut script = self.script();
        let clock = script.clock;
        let role = &mut script.services[self.at];
        if role.gone_at == Some(word) {
            return Err(Error::other(&self.name, "signal", ErrorKind::NotFound, "it has vanished"));
        }
        if role.full > 0 {
            role.full -= 1;
            return Err(Error::NotTakingRequests {
                intent: Intent::Up,
                dir: self.name.clone().into(),
            });
        }
        if let (true, Some((_, _, Turn::Is(now)))) = (
            role.acknowledges,
            role.answers.iter().find(|(to, after, _)| *to == word && *after == 0),
        ) {
            role.now = Ok(*now);
        }
        let answers = role.answers.iter().filter(|(to, ..)| *to == word);
        role.turns.extend(answers.map(|(_, after, turn)| (clock + after, *turn)));
        role.turns.sort_by_key(|(at, _)| *at);
        script.asked.push((clock, self.at, word));
        Ok(())
    }
}

impl Supervised for Scripted {
    fn name(&self) -> Name<'_> {
        Name::new(&self.name)
    }

    fn suite(&self) -> Option<Suite> {
        Some(Suite::Own("scripted"))
    }

    fn support(&self, _intent: &Intent) -> Support {
        Support::Yes
    }

    fn status(&self) -> Result<Status, Error> {
        let now = self.script().services[self.at].now;
        now.map_err(|kind| Error::other(&self.name, "look at", kind, "the script says so"))
    }

    fn request(&self, intent: &Intent) -> Result<Pending, Error> {
        self.take(intent.name())?;
        let mut script = self.script();
        let clock = script.clock;
        let role = &mut script.services[self.at];
        let Some((after, told)) = role.tells_of.take() else {
            return Ok(if role.acknowledges { Pending::read() } else { Pending::delivered() });
        };
        let word = Arc::new(Mutex::new(Word { told: Some(told), waker: None, is_due: false }));
        role.turns.push((clock + after, Turn::Speaks));
        role.turns.sort_by_key(|(at, _)| *at);
        role.word = Some(Arc::clone(&word));
        Ok(Pending::telling(poll_fn(move |cx| {
            let mut word = word.lock().unwrap();
            word.waker = Some(cx.waker().clone());
            let told = if word.is_due { word.told.take() } else { None };
            told.map_or(Poll::Pending, |told| Poll::Ready(Ok(told)))
        })))
    }

    fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
        Ok(Subscription::every(Duration::MAX))
    }
}

/// The scripted world.
pub(super) struct ScriptedWorld {
    script: Arc<Mutex<Script>>,
    start: Instant,
    keys: Vec<Option<usize>>,
    pub(super) most: usize,
    wakers: usize,
    woken: Arc<Mutex<Vec<WatchKey>>>,
}

struct WakeByKey(WatchKey, Arc<Mutex<Vec<WatchKey>>>);

impl Wake for WakeByKey {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

impl World<Scripted> for ScriptedWorld {
    fn add(&mut self, service: &Scripted) -> Result<Added, Error> {
        if !service.script().services[service.at].watchable {
            let (path, source) = (service.name.clone().into(), Errno::EACCES.into());
            let on = "supervise".into();
            return Err(Error::Denied { doing: "watch", needed: "read", on, path, source });
        }
        self.keys.push(Some(service.at));
        self.most = self.most.max(self.keys.iter().flatten().count());
        let key = WatchKey::nth(self.keys.len() - 1);
        Ok(Added { key, baseline: service.status(), directory: None })
    }

    fn listen(&mut self, key: WatchKey) -> bool {
        let at = (0..self.keys.len()).find(|&at| WatchKey::nth(at) == key).unwrap();
        self.keys[at].is_some_and(|at| self.script.lock().unwrap().services[at].tells)
    }

    fn remove(&mut self, key: WatchKey) {
        let at = (0..self.keys.len()).find(|&at| WatchKey::nth(at) == key).unwrap();
        self.keys[at] = None;
    }

    fn waker(&mut self) -> Result<(WatchKey, Waker), Error> {
        self.wakers += 1;
        let key = WatchKey::nth(1_000_000 + self.wakers);
        Ok((key, Waker::from(Arc::new(WakeByKey(key, Arc::clone(&self.woken))))))
    }

    fn mute(&mut self, _key: WatchKey) {}

    fn poll_next_before(
        &mut self,
        _cx: &mut Context<'_>,
        until: Instant,
    ) -> Poll<Result<Option<Heard>, Error>> {
        Poll::Ready(Ok(self.next_before(until)))
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.script.lock().unwrap().clock)
    }

    fn wall_clock(&self) -> UnixTime {
        at_ms(self.script.lock().unwrap().clock)
    }
}

impl ScriptedWorld {
    fn next_before(&mut self, until: Instant) -> Option<Heard> {
        let mut script = self.script.lock().unwrap();
        let until = u64::try_from((until - self.start).as_millis()).unwrap();
        let next = script.services.iter().enumerate();
        let next = next.filter_map(|(at, role)| Some((role.turns.first()?.0, at))).min();
        let Some((time, at)) = next.filter(|(time, _)| *time <= until) else {
            script.clock = script.clock.max(until);
            return None;
        };
        script.clock = script.clock.max(time);
        let role = &mut script.services[at];
        let (_, turn) = role.turns.remove(0);
        let mut failed = None;
        match turn {
            Turn::Speaks => {
                if let Some(word) = &role.word {
                    let mut word = word.lock().unwrap();
                    word.is_due = true;
                    word.waker.take().unwrap().wake();
                }
                drop(script);
                return self.woken.lock().unwrap().pop().map(Heard::Woken);
            }
            Turn::Is(status) => role.now = Ok(status),
            Turn::Letter(letter) => failed = Some(letter),
            Turn::Vanishes => role.now = Err(ErrorKind::NotFound),
        }
        let status = role.now.map_err(|_| Error::NotFound { path: "gone".into() });
        let key = self.keys.iter().position(|watched| *watched == Some(at)).map(WatchKey::nth);
        key.map(|key| Heard::Seen { key, failed, status })
    }
}

pub(super) fn at_ms(clock: u64) -> UnixTime {
    UnixTime::EPOCH.saturating_add(Duration::from_secs(1000) + Duration::from_millis(clock))
}

pub(super) fn status(phase: Phase, pid: u64, want: Want, since: u64) -> Facts {
    let facts = Facts::new(phase).with_want(want).with_pid(Pid::new(pid));
    facts.with_paused(false).with_since(Some(at_ms(since)))
}

pub(super) fn seen(status: Facts) -> Status {
    let reading = Reading::Record(status);
    let liveness = Liveness::Alive { supervisor: None };
    Status::new(reading, liveness)
}

pub(super) fn up(pid: u64, since: u64) -> Status {
    seen(status(Phase::Up, pid, Want::Up, since))
}

pub(super) fn down(since: u64) -> Status {
    seen(status(Phase::Down, 0, Want::Down, since))
}

pub(super) fn role(now: Status, answers: &[(&'static str, u64, Turn)]) -> Role {
    Role {
        now: Ok(now),
        turns: vec![],
        answers: answers.to_vec(),
        gone_at: None,
        full: 0,
        watchable: true,
        tells: false,
        acknowledges: false,
        tells_of: None,
        word: None,
    }
}

pub(super) struct Play {
    pub(super) scripted_world: ScriptedWorld,
    pub(super) services: Vec<Scripted>,
    pub(super) enough: Enough,
}

impl Play {
    pub(super) fn new(services: Vec<Role>) -> Self {
        let count = services.len();
        let script = Arc::new(Mutex::new(Script { services, ..Script::default() }));
        let services = (0..count)
            .map(|at| Scripted { script: Arc::clone(&script), at, name: format!("service-{at}") })
            .collect();
        let start = Instant::now();
        let scripted_world = ScriptedWorld {
            script,
            start,
            keys: vec![],
            most: 0,
            wakers: 0,
            woken: Arc::default(),
        };
        Self { scripted_world, services, enough: Enough::All }
    }

    pub(super) fn run(&mut self, request: &Request, deadline: u64) -> Vec<Result<Outcome, Error>> {
        self.run_with(request, &Prober::none(), usize::MAX, deadline)
    }

    pub(super) fn run_with(
        &mut self,
        request: &Request,
        prober: &Prober<'_>,
        limit: usize,
        deadline: u64,
    ) -> Vec<Result<Outcome, Error>> {
        let deadline = self.scripted_world.start + Duration::from_millis(deadline);
        let services = &self.services;
        let turns = &Turns::of(services.len());
        let terms = Terms { request, prober, limit, enough: self.enough, deadline, turns };
        let mut told = Vec::new();
        let mut results: Vec<_> = services.iter().map(|_| Ok(Outcome::not_asked())).collect();
        let mut tell = |at: usize, result| {
            told.push(at);
            results[at] = result;
        };
        pursue_in(&mut self.scripted_world, services, &terms, &mut tell).unwrap();
        let asked = |at: &usize| !is_kind(&results[*at], OutcomeKind::NotAsked);
        told.sort_unstable();
        assert_eq!(told, (0..results.len()).filter(asked).collect::<Vec<_>>(), "told of each once");
        results
    }

    pub(super) fn asked(&self) -> Vec<(u64, usize, &'static str)> {
        self.scripted_world.script.lock().unwrap().asked.clone()
    }
}

pub(super) fn is_kind(result: &Result<Outcome, Error>, kind: OutcomeKind) -> bool {
    result.as_ref().is_ok_and(|outcome| outcome.kind() == kind)
}

#[track_caller]
pub(super) fn reached(result: &Result<Outcome, Error>) -> (u64, u64) {
    match result {
        Ok(outcome) if outcome.is_reached() => {
            let facts = outcome.status().unwrap().reading.facts().unwrap();
            let took = u64::try_from(outcome.took().as_millis()).unwrap();
            (facts.pid.map_or(0, |pid| pid.get().into()), took)
        }
        other => panic!("{other:?}"),
    }
}
