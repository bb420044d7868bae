//! Waits in a scripted world: its clock moves when nobody has anything to do, so nothing here
//! sleeps, reads a file or starts a thread.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
    task::{Poll, Wake, Waker},
    time::Duration,
};

use nix::errno::Errno;
use svproto::{
    Cause, Facts, LastExit, Op, Phase, Pid, Readiness, Reading, Stage, UnixTime, Want, goal::Goal,
    s6::event::S6Event,
};

use super::{world::Added, *};
use crate::{
    Bulk, CheckRule, ErrorKind, Intent, Liveness, Name, Pending, Status, Subscription, Suite,
    Support, Told,
};

/// What happens to a service at a time, in milliseconds of the script.
#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "a script of a few")]
enum Turn {
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
struct Word {
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

struct Role {
    now: Result<Status, ErrorKind>,
    /// Still to come, soonest first.
    turns: Vec<(u64, Turn)>,
    /// What a request brings about, after so many milliseconds.
    answers: Vec<(&'static str, u64, Turn)>,
    /// So many requests find the FIFO full.
    full: usize,
    watchable: bool,
    /// Its letters are heard.
    tells: bool,
    /// What it was asked it has read, and what it says at once is its answer.
    acknowledges: bool,
    /// After so long its supervisor says what became of a request.
    tells_of: Option<(u64, Told)>,
    word: Option<Arc<Mutex<Word>>>,
}

/// The scripted service.
#[derive(Clone)]
struct Scripted {
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
struct Theatre {
    script: Arc<Mutex<Script>>,
    start: Instant,
    keys: Vec<Option<usize>>,
    most: usize,
    bells: usize,
    rung: Arc<Mutex<Vec<WatchKey>>>,
}

struct Bell(WatchKey, Arc<Mutex<Vec<WatchKey>>>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

impl World<Scripted> for Theatre {
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

    fn bell(&mut self) -> Result<(WatchKey, Waker), Error> {
        self.bells += 1;
        let key = WatchKey::nth(1_000_000 + self.bells);
        Ok((key, Waker::from(Arc::new(Bell(key, Arc::clone(&self.rung))))))
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

impl Theatre {
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
                return self.rung.lock().unwrap().pop().map(Heard::Rang);
            }
            Turn::Is(observation) => role.now = Ok(observation),
            Turn::Letter(letter) => failed = Some(letter),
            Turn::Vanishes => role.now = Err(ErrorKind::NotFound),
        }
        let observation = role.now.map_err(|_| Error::NotFound { path: "gone".into() });
        let key = self.keys.iter().position(|watched| *watched == Some(at)).map(WatchKey::nth);
        key.map(|key| Heard::Seen { key, failed, observation })
    }
}

fn at_ms(clock: u64) -> UnixTime {
    UnixTime::EPOCH.saturating_add(Duration::from_secs(1000) + Duration::from_millis(clock))
}

fn status(phase: Phase, pid: u64, want: Want, since: u64) -> Facts {
    let facts = Facts::new(phase).with_want(want).with_pid(Pid::new(pid));
    facts.with_paused(false).with_since(Some(at_ms(since)))
}

fn seen(status: Facts) -> Status {
    let reading = Reading::Record(status);
    let liveness = Liveness::Alive { supervisor: None };
    Status::new(reading, liveness)
}

fn up(pid: u64, since: u64) -> Status {
    seen(status(Phase::Up, pid, Want::Up, since))
}

fn down(since: u64) -> Status {
    seen(status(Phase::Down, 0, Want::Down, since))
}

fn role(now: Status, answers: &[(&'static str, u64, Turn)]) -> Role {
    Role {
        now: Ok(now),
        turns: vec![],
        answers: answers.to_vec(),
        full: 0,
        watchable: true,
        tells: false,
        acknowledges: false,
        tells_of: None,
        word: None,
    }
}

struct Play {
    theatre: Theatre,
    services: Vec<Scripted>,
    enough: Enough,
}

impl Play {
    fn new(services: Vec<Role>) -> Self {
        let count = services.len();
        let script = Arc::new(Mutex::new(Script { services, ..Script::default() }));
        let services = (0..count)
            .map(|at| Scripted { script: Arc::clone(&script), at, name: format!("service-{at}") })
            .collect();
        let start = Instant::now();
        let theatre =
            Theatre { script, start, keys: vec![], most: 0, bells: 0, rung: Arc::default() };
        Self { theatre, services, enough: Enough::All }
    }

    fn run(&mut self, request: &Request, deadline: u64) -> Vec<Result<Outcome, Error>> {
        self.run_with(request, &Prober::none(), usize::MAX, deadline)
    }

    fn run_with(
        &mut self,
        request: &Request,
        prober: &Prober<'_>,
        limit: usize,
        deadline: u64,
    ) -> Vec<Result<Outcome, Error>> {
        let deadline = self.theatre.start + Duration::from_millis(deadline);
        let services = &self.services;
        let turns = &Turns::of(services.len());
        let terms = Terms { request, prober, limit, enough: self.enough, deadline, turns };
        let mut told = Vec::new();
        let mut results: Vec<_> = services.iter().map(|_| Ok(Outcome::not_asked())).collect();
        let mut tell = |at: usize, result| {
            told.push(at);
            results[at] = result;
        };
        pursue_in(&mut self.theatre, services, &terms, &mut tell).unwrap();
        let asked = |at: &usize| !is_kind(&results[*at], OutcomeKind::NotAsked);
        told.sort_unstable();
        assert_eq!(told, (0..results.len()).filter(asked).collect::<Vec<_>>(), "told of each once");
        results
    }

    fn asked(&self) -> Vec<(u64, usize, &'static str)> {
        self.theatre.script.lock().unwrap().asked.clone()
    }
}

fn is_kind(result: &Result<Outcome, Error>, kind: OutcomeKind) -> bool {
    result.as_ref().is_ok_and(|outcome| outcome.kind() == kind)
}

#[track_caller]
fn reached(result: &Result<Outcome, Error>) -> (u64, u64) {
    match result {
        Ok(outcome) if outcome.is_reached() => {
            let facts = outcome.status().unwrap().reading.facts().unwrap();
            let took = u64::try_from(outcome.took().as_millis()).unwrap();
            (facts.pid.map_or(0, |pid| pid.get().into()), took)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn results_come_in_the_order_of_the_services_whoever_is_done_first() {
    let slow = role(down(0), &[("up", 500, Turn::Is(up(7, 500)))]);
    let quick = role(down(0), &[("up", 10, Turn::Is(up(8, 10)))]);
    let gone = role(down(0), &[("up", 20, Turn::Vanishes)]);
    let already = role(up(9, 0), &[]);
    let mut play = Play::new(vec![slow, quick, gone, already]);
    let results = play.run(&Request::up(), 1000);
    assert_eq!(reached(&results[0]), (7, 500));
    assert_eq!(reached(&results[1]), (8, 10));
    assert_eq!(results[2].as_ref().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(reached(&results[3]), (9, 0));
    assert!(play.asked().iter().all(|&(at, ..)| at == 0), "all are asked before the first wait");
}

#[test]
fn what_changed_before_the_request_was_taken_is_no_answer_to_it() {
    // Its FIFO is full for two attempts; meanwhile somebody else restarts it.
    let mut busy = role(up(5, 0), &[("restart", 5, Turn::Is(up(7, 45)))]);
    busy.full = 2;
    busy.turns = vec![(30, Turn::Is(up(6, 30)))];
    let mut play = Play::new(vec![busy]);
    let results = play.run(&Request::restart(), 1000);
    assert_eq!(play.asked(), [(40, 0, "restart")]);
    // It has another process than before the request, and that is what was asked for.
    assert_eq!(reached(&results[0]).0, 6);
}

#[test]
fn a_fifo_that_stays_full_is_an_error_at_the_deadline_and_delays_nobody() {
    let mut wedged = role(down(0), &[]);
    wedged.full = usize::MAX;
    let quick = role(down(0), &[("up", 10, Turn::Is(up(8, 10)))]);
    let mut play = Play::new(vec![wedged, quick]);
    let results = play.run(&Request::up(), 300);
    assert_eq!(results[0].as_ref().unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(reached(&results[1]), (8, 10));
}

#[test]
fn the_deadline_tells_whether_the_request_was_read() {
    let deaf = role(down(0), &[]);
    let wanted = seen(status(Phase::Down, 0, Want::Up, 0));
    let slow = role(down(0), &[("up", 10, Turn::Is(wanted))]);
    let results = Play::new(vec![deaf, slow]).run(&Request::up(), 300);
    let acknowledged: Vec<bool> = results
        .iter()
        .map(|result| match result {
            Ok(outcome) if outcome.kind() == OutcomeKind::Deadline => outcome.was_read(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(acknowledged, [false, true]);
}

#[test]
fn a_process_that_stays_is_killed_when_its_time_is_over_and_not_before() {
    let stubborn = role(up(5, 0), &[("kill", 3, Turn::Is(down(203)))]);
    let mut play = Play::new(vec![stubborn]);
    let results = play.run(&Request::down().kill_after(Duration::from_millis(200)), 1000);
    assert_eq!(play.asked(), [(0, 0, "down"), (200, 0, "kill")]);
    assert_eq!(reached(&results[0]), (0, 203));
}

#[test]
fn the_process_that_follows_is_not_killed_for_the_one_before() {
    let obedient = role(up(5, 0), &[("restart", 10, Turn::Is(up(6, 10)))]);
    let mut play = Play::new(vec![obedient]);
    let stays = Request::restart().until(Goal::UpFor(Duration::from_millis(500)));
    let results = play.run(&stays.kill_after(Duration::from_millis(200)), 1000);
    assert_eq!(play.asked(), [(0, 0, "restart")]);
    assert_eq!(reached(&results[0]), (6, 510));
}

#[test]
fn a_question_for_all_time_is_asked_once() {
    let count = AtomicU32::new(0);
    let prober = Prober::asking(Duration::MAX, |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        false
    });
    let mut play = Play::new(vec![role(up(5, 0), &[])]);
    let results = play.run_with(&Request::wait(Goal::Ready), &prober, 1, 100);
    assert!(is_kind(&results[0], OutcomeKind::Deadline), "{results:?}");
    drop(prober);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn one_after_the_other_is_watched_one_at_a_time() {
    let services = (1..=3).map(|n| role(up(n, 0), &[("restart", 100, Turn::Is(up(10 + n, 100)))]));
    let mut play = Play::new(services.collect());
    let results = play.run_with(&Request::restart(), &Prober::none(), 1, 10_000);
    assert!(results.iter().all(|result| reached(result).0 > 10));
    assert_eq!(play.theatre.most, 1);
}

#[test]
fn after_the_deadline_nobody_has_a_turn() {
    let mut play = Play::new(vec![role(up(1, 0), &[]), role(up(2, 0), &[])]);
    let results = play.run_with(&Request::up(), &Prober::none(), 1, 0);
    assert_eq!(reached(&results[0]), (1, 0));
    assert!(is_kind(&results[1], OutcomeKind::NotAsked), "{results:?}");
    assert_eq!(play.asked(), [(0, 0, "up")]);
}

#[test]
fn no_more_than_the_limit_are_under_way() {
    let services = (1..=5).map(|n| role(up(n, 0), &[("restart", 100, Turn::Is(up(10 + n, 100)))]));
    let mut play = Play::new(services.collect());
    let results = play.run_with(&Request::restart(), &Prober::none(), 2, 10_000);
    let pids: Vec<u64> = results.iter().map(|result| reached(result).0).collect();
    assert_eq!(pids, [11, 12, 13, 14, 15]);
    assert_eq!(play.theatre.most, 2);
    let times: Vec<u64> = play.asked().iter().map(|&(at, ..)| at).collect();
    assert_eq!(times, [0, 0, 100, 100, 200]);
}

#[test]
fn the_first_of_them_is_enough_where_any_will_do() {
    let slow = role(down(0), &[("up", 500, Turn::Is(up(7, 500)))]);
    let quick = role(down(0), &[("up", 10, Turn::Is(up(8, 10)))]);
    let mut play = Play::new(vec![slow, quick]);
    play.enough = Enough::One;
    let results = play.run(&Request::up(), 1000);
    assert!(is_kind(&results[0], OutcomeKind::Deadline), "{results:?}");
    assert_eq!(reached(&results[1]), (8, 10));
}

#[test]
fn who_never_had_a_turn_was_not_asked() {
    let stuck = role(up(1, 0), &[]);
    let next = role(up(2, 0), &[]);
    let mut play = Play::new(vec![stuck, next]);
    let results = play.run_with(&Request::restart(), &Prober::none(), 1, 300);
    assert!(is_kind(&results[0], OutcomeKind::Deadline));
    assert!(is_kind(&results[1], OutcomeKind::NotAsked));
    assert_eq!(play.asked(), [(0, 0, "restart")]);
}

#[test]
fn a_service_that_cannot_be_watched_is_looked_at() {
    let mut hidden = role(down(0), &[("up", 60, Turn::Is(up(7, 60)))]);
    hidden.watchable = false;
    let results = Play::new(vec![hidden]).run(&Request::up(), 1000);
    assert_eq!(reached(&results[0]), (7, 100), "at the second look");
}

#[test]
fn a_service_that_says_nothing_is_ready_when_the_probe_says_so() {
    let started = ("up", 10, Turn::Is(up(7, 10)));
    let again = ("up", 120, Turn::Is(up(8, 120)));
    let mut play = Play::new(vec![role(down(0), &[started, again])]);
    let asked_about = Mutex::new(vec![]);
    let count = AtomicU32::new(0);
    let prober = Prober::asking(Duration::from_millis(50), |service, observation| {
        let pid = observation.reading.facts().unwrap().pid.unwrap().get();
        asked_about.lock().unwrap().push((service.name().to_string(), pid));
        count.fetch_add(1, Ordering::Relaxed);
        count.load(Ordering::Relaxed) == 5
    });
    let results = play.run_with(&Request::up().until(Goal::Ready), &prober, usize::MAX, 1000);
    drop(prober);
    // At 10, 60 and 110 of one process, at 120 and 170 of the next.
    assert_eq!(reached(&results[0]), (8, 170));
    let pids: Vec<u32> =
        asked_about.into_inner().unwrap().into_iter().map(|(_, pid)| pid).collect();
    assert_eq!(pids, [7, 7, 7, 8, 8]);
}

#[test]
fn without_a_probe_readiness_that_nobody_reports_is_never_reached() {
    let results = Play::new(vec![role(up(7, 0), &[])]).run(&Request::wait(Goal::Ready), 1000);
    assert!(results[0].as_ref().unwrap().why() == Some(Cause::NoReadiness));
}

#[test]
fn what_a_service_says_of_its_readiness_goes_before_any_probe() {
    let readiness = |pid, since, readiness| {
        let mut up = status(Phase::Up, pid, Want::Up, since);
        up.readiness = readiness;
        Turn::Is(seen(up))
    };
    let mut first = status(Phase::Up, 5, Want::Up, 0);
    first.readiness = Readiness::Ready { since: Some(at_ms(0)) };
    let answers = [
        ("restart", 10, readiness(6, 10, Readiness::Awaited)),
        ("restart", 90, readiness(6, 10, Readiness::Ready { since: Some(at_ms(90)) })),
    ];
    let mut play = Play::new(vec![role(seen(first), &answers)]);
    let prober = Prober::asking(Duration::from_millis(1), |_, _| unreachable!());
    let results = play.run_with(&Request::restart().until(Goal::Ready), &prober, 1, 1000);
    // Not the readiness of the process that was there before.
    assert_eq!(reached(&results[0]), (6, 90));
}

#[test]
fn a_wait_alone_asks_for_nothing() {
    let mut comes = role(down(0), &[]);
    comes.turns = vec![(70, Turn::Is(up(7, 70)))];
    let mut play = Play::new(vec![comes]);
    let results = play.run(&Request::wait(Goal::Up), 1000);
    assert_eq!(reached(&results[0]), (7, 70));
    assert_eq!(play.asked(), []);
}

#[test]
fn the_rules_of_checking_differ_for_what_does_not_stand_as_it_is_wanted() {
    let starting = seen(status(Phase::Down, 0, Want::Up, 0));
    let ending = seen(status(Phase::Up, 5, Want::Down, 0));
    let passes = |rule, stands| {
        let mut play = Play::new(vec![role(stands, &[])]);
        play.run(&Request::check(rule), 100)[0].as_ref().unwrap().is_reached()
    };
    for stands in [starting, ending] {
        assert!(passes(CheckRule::Runit2_1, stands));
        assert!(!passes(CheckRule::Runit2_3, stands));
    }
    for stands in [up(5, 0), down(0)] {
        assert!(passes(CheckRule::Runit2_1, stands) && passes(CheckRule::Runit2_3, stands));
    }
}

#[test]
fn a_finish_that_refuses_another_start_is_a_reason_of_its_own() {
    let exit = LastExit::Exited { code: 3 };
    let refused = status(Phase::Down, 0, Want::Down, 30).with_last_exit(exit);
    // The record comes before the letters, and the letters may be lost.
    let answers = [("up", 10, Turn::Is(up(7, 10))), ("up", 30, Turn::Is(seen(refused)))];
    let letters =
        [("up", 31, Turn::Letter(S6Event::Failed)), ("up", 31, Turn::Letter(S6Event::Down))];
    let told = role(down(0), &[answers.as_slice(), &letters].concat());
    let lost = role(down(0), &answers);
    let plain = role(down(0), &answers);
    let mut play =
        Play::new(vec![Role { tells: true, ..told }, Role { tells: true, ..lost }, plain]);
    // A process that ends before it is ready.
    let results = play.run(&Request::up().until(Goal::UpFor(Duration::from_secs(5))), 3000);
    let never: Vec<(Cause, u128)> = results
        .iter()
        .map(|result| match result {
            Ok(outcome) => (outcome.why().unwrap(), outcome.took().as_millis()),
            other => panic!("{other:?}"),
        })
        .collect();
    let given_up = Cause::GivenUp { exit };
    assert_eq!(never, [(Cause::Refused { exit }, 31), (given_up, 1030), (given_up, 30)]);
}

#[test]
fn bulk_calls_answer_in_order_with_any_number_of_threads() {
    let roles = (1..=200).map(|n| role(up(n, 0), &[])).collect();
    let play = Play::new(roles);
    for threads in [1, 2, 7] {
        let bulk = Bulk::new(&play.services).parallel(NonZeroUsize::new(threads).unwrap());
        let pids: Vec<u32> = bulk
            .statuses()
            .into_iter()
            .map(|status| status.unwrap().reading.facts().unwrap().pid.unwrap().get())
            .collect();
        assert_eq!(pids, (1..=200).collect::<Vec<u32>>());
        assert_eq!(bulk.request(Intent::Op(Op::Usr1)).iter().flatten().count(), 200);
    }
    assert_eq!(play.asked().len(), 600);
}

/// systemd replies when it has taken a job on, so what is seen then is the answer, also if the want
/// in between was seen by nobody.
#[test]
fn what_a_backend_says_after_it_has_acknowledged_is_the_answer() {
    let failed = seen(status(Phase::Down, 0, Want::Down, 7).with_stage(Stage::Failed));
    let answering = |answer| {
        let answers = [("up", 0, Turn::Is(answer)), ("up", 9, Turn::Is(up(3, 9)))];
        Role { acknowledges: true, ..role(down(1), &answers) }
    };
    let starting = seen(status(Phase::Down, 0, Want::Up, 7).with_stage(Stage::Starting));
    let mut play = Play::new(vec![
        answering(failed),
        answering(starting),
        role(down(1), &[("up", 0, Turn::Is(failed))]),
    ]);
    let outcomes = play.run(&Request::up(), 1_000);
    let [failed, started, unread] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    let why = failed.as_ref().unwrap().why();
    assert!(matches!(why, Some(Cause::GivenUp { .. })), "{failed:?}");
    assert!(started.as_ref().unwrap().is_reached(), "{started:?}");
    // Without that it could still be the old want.
    assert!(
        is_kind(unread, OutcomeKind::Deadline) && !unread.as_ref().unwrap().was_read(),
        "{unread:?}"
    );
}

/// A unit: what is seen of it decides nothing while its job runs, and what the job says does.
#[test]
fn where_the_supervisor_says_what_became_of_a_request_that_decides() {
    let telling = |after, told, seen| {
        let answers = [("up", 5, Turn::Is(seen)), ("restart", 5, Turn::Is(seen))];
        Role { tells_of: Some((after, told)), ..role(down(1), &answers) }
    };
    let over = seen(status(Phase::Down, 0, Want::Down, 5));
    let failed = Cause::Exited;
    let mut play = Play::new(vec![
        // A one-shot that ran and is down again.
        telling(40, Told::reached().with_word("done"), over),
        // It seems to be up, and what runs before it fails.
        telling(30, Told::never(failed).with_word("failed").because("exited with 3"), up(3, 5)),
        telling(10, Told::skipped(Cause::Condition), down(1)),
        telling(2_000, Told::reached(), up(4, 5)),
    ]);
    let outcomes = play.run(&Request::up(), 1_000);
    let outcomes: Vec<&Outcome> = outcomes.iter().map(|it| it.as_ref().unwrap()).collect();
    let kinds: Vec<_> = outcomes.iter().map(|it| (it.kind(), it.took().as_millis())).collect();
    let expected = [
        (OutcomeKind::Reached, 40),
        (OutcomeKind::Never, 30),
        (OutcomeKind::Skipped, 10),
        (OutcomeKind::Deadline, 1_000),
    ];
    assert_eq!(kinds, expected);
    let words: Vec<_> = outcomes.iter().map(|it| (it.word(), it.why(), it.changed())).collect();
    assert_eq!(words[0], (Some("done"), None, Some(true)));
    assert_eq!(words[1], (Some("failed"), Some(failed), Some(true)));
    assert_eq!(words[2], (None, Some(Cause::Condition), Some(false)));
    assert_eq!(outcomes[1].to_string(), "exited with 3");
    assert!(outcomes[3].was_read());
}

#[test]
fn more_than_the_supervisor_says_is_waited_for_after_its_word() {
    let answers = [("restart", 5, Turn::Is(up(3, 5))), ("restart", 300, Turn::Is(up(4, 300)))];
    let telling = Role { tells_of: Some((20, Told::reached())), ..role(up(2, 1), &answers) };
    let mut play = Play::new(vec![telling]);
    let outcomes = play.run(&Request::restart().until(Goal::UpFor(Duration::from_secs(1))), 5_000);
    assert_eq!(reached(&outcomes[0]), (4, 1_300));
}
