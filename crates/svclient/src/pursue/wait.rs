//! One service of a call: asking it, judging what is seen of it, and what is due by the clock.

use std::{
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use svproto::{
    Cause, Now, Op, Reading,
    goal::{Goal, Pursuit, Verdict},
    s6::event::S6Event,
};

use super::{
    Outcome, Request,
    baseline::{Baseline, Together},
    look::{has_process, never_says_ready, no_readiness, process, runs, whom, wish},
    probe::{Probe, Prober},
    world::World,
};
use crate::{
    Error, Intent, Pending, Service, Settled, Status, Supervised, UnixTime, WatchKey, pending::End,
};

/// One service of a call.
pub(super) struct Wait {
    /// `None` for a service that cannot be watched.
    key: Option<WatchKey>,
    state: State,
    /// The key of the waker that is still to be forgotten.
    woken: Option<WatchKey>,
}

enum State {
    /// Its supervisor tells what becomes of the request, and that decides.
    Telling(Box<Telling>),
    Waiting(Box<Waiting>),
    Done(Box<Result<Outcome, Error>>),
}

struct Telling {
    pending: Pending,
    key: WatchKey,
    waker: Waker,
    asked: Instant,
}

pub(super) struct Waiting {
    pub(super) pursuit: Pursuit,
    /// Nobody supervises it yet, and nothing was asked.
    absent: bool,
    /// Something was asked.
    pub(super) asks: bool,
    /// It is to be started once more if it is not by itself: a `finish` script that lets nothing end
    /// without meaning it takes an end that was asked for for one.
    starts_anew: bool,
    /// What to wait for after this.
    then: Option<Goal>,
    /// Where the steady clock begins.
    begun: Instant,
    asked: Instant,
    /// From when time is taken, where that is before it was asked: a supervisor was waited for.
    from: Option<Instant>,
    /// How it stood before it was asked.
    pub(super) baseline: Status,
    pub(super) last: Status,
    /// What the supervisor will say of the request, and the waker that it calls when it does.
    pending: Option<(Pending, WatchKey, Waker)>,
    /// The request could not be delivered yet.
    ask_again: Option<Instant>,
    refused: Option<Error>,
    /// Nothing will be heard of a change, so it must be looked for.
    look_again: Option<Instant>,
    /// The passing of time alone may change the verdict.
    judge_again: Option<Instant>,
    /// When SIGKILL is due.
    kill_at: Option<Instant>,
    finish: Finish,
    pub(super) probe: Option<Probe>,
    /// Why what seems to be up was perhaps never begun; until when its supervisor has said so, and of which process.
    pub(super) in_vain: Option<(Cause, String)>,
    pub(super) in_vain_until: Option<(Instant, Option<svproto::Pid>)>,
    /// The service directory, if it is one.
    pub(super) directory: Option<Service>,
}

/// Whether a `finish` script that refuses another start will be heard of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    /// No, or there is none.
    Unheard,
    /// Yes. The service seems to be given up, and until then a letter may say why.
    Listening(Option<Instant>),
}

/// Between two attempts on a full FIFO. It is not kept open to be told when it drains: a descriptor
/// that outlives the supervisor hands its unread bytes to the next one.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// No supervisor takes as long to make its files.
const STARTING: Duration = Duration::from_secs(1);
/// Between two looks at a service that cannot be watched.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// s6 publishes a record first and tells its listeners then, microseconds later on an idle machine. A
/// listener that is full hears nothing.
const HEARING: Duration = Duration::from_secs(1);

impl Wait {
    /// Arms the watch and takes the baseline, as far as that was not done together with others.
    pub(super) fn begin<B: Supervised>(
        world: &mut impl World<B>,
        service: &B,
        request: &Request,
        prober: &Prober<'_>,
        known: Option<Together>,
    ) -> Self {
        let found = Baseline::of(world, service, known);
        Self::looked(world, service, found, request, prober)
    }

    /// The same, once it was looked at.
    fn looked<B: Supervised>(
        world: &mut impl World<B>,
        service: &B,
        mut found: Baseline,
        request: &Request,
        prober: &Prober<'_>,
    ) -> Self {
        let obstacle = found.obstacle(request, service);
        let Baseline { key, directory, seen, .. } = found;
        let last = match seen {
            Ok(last) => last,
            Err(error) => {
                return Self { key, state: State::Done(Box::new(Err(error))), woken: None };
            }
        };
        if let Some(why) = obstacle {
            let never = Outcome::of(Some(End::Never(why.0)), last, Duration::ZERO);
            let never = never.because(Some(why));
            return Self { key, state: State::Done(Box::new(Ok(never))), woken: None };
        }
        let (mut goal, mut then) = request.goals();
        let probe = Probe::wanted(request, prober, directory.as_ref(), &last);
        if probe.is_some() {
            // The probe says it instead of the service.
            for goal in [Some(&mut goal), then.as_mut()].into_iter().flatten() {
                if matches!(*goal, Goal::Ready | Goal::ReadyOrUp) {
                    *goal = Goal::Up;
                }
            }
        }
        // Refused before anything is asked: what is restarted for nothing was up.
        let asks = request.intent().is_some();
        if asks
            && probe.is_none()
            && [Some(goal), then].contains(&Some(Goal::Ready))
            && never_says_ready(service, directory.as_ref(), &last)
        {
            let why = directory.as_ref().map_or(Cause::NoReadiness, no_readiness);
            let never = Outcome::of(Some(End::Never(why)), last, Duration::ZERO);
            let never = never.changed_from(Some(&last));
            return Self { key, state: State::Done(Box::new(Ok(never))), woken: None };
        }
        let needs_a_process = !matches!(goal, Goal::Down | Goal::Finished | Goal::Gone);
        let hears = needs_a_process && key.is_some_and(|key| world.listen(key));
        let begun = world.now();
        let now = Now { wall: world.wall_clock(), steady: Duration::ZERO };
        let waiting = Waiting {
            pursuit: Pursuit::new(goal, wish(request), last.reading, now),
            absent: last.reading == Reading::Unsupervised
                && directory.as_ref().is_some_and(Service::is_expected)
                && (needs_a_process || asks && goal != Goal::Gone),
            asks,
            starts_anew: request.intent() == Some(Intent::Restart) && directory.is_some(),
            then,
            begun,
            asked: begun,
            from: None,
            baseline: last,
            last,
            pending: None,
            ask_again: None,
            refused: None,
            look_again: None,
            judge_again: None,
            kill_at: None,
            finish: if hears { Finish::Listening(None) } else { Finish::Unheard },
            probe,
            in_vain: None,
            in_vain_until: None,
            directory,
        };
        Self { key, state: State::Waiting(Box::new(waiting)), woken: None }
    }

    /// Waits for what the supervisor tells, and looks at nothing.
    pub(super) fn told<B: Supervised>(
        world: &mut impl World<B>,
        service: &B,
        asked: Result<Pending, Error>,
    ) -> Self {
        let done = |result| Self { key: None, state: State::Done(Box::new(result)), woken: None };
        let (pending, (key, waker)) = match asked.and_then(|pending| Ok((pending, world.waker()?)))
        {
            Ok(it) => it,
            Err(error) => return done(Err(error)),
        };
        let telling = Telling { pending, key, waker, asked: world.now() };
        let mut wait = Self { key: None, state: State::Telling(Box::new(telling)), woken: None };
        wait.hear_word(world, service);
        wait
    }

    /// Whether its supervisor tells what becomes of the request, and has not done so yet.
    pub(super) fn tells(&self) -> bool {
        matches!(self.state, State::Telling(_))
    }

    /// Takes what the supervisor has told.
    fn hear_word<B: Supervised>(&mut self, world: &impl World<B>, service: &B) {
        let State::Telling(telling) = &mut self.state else { return };
        let mut cx = Context::from_waker(&telling.waker);
        let Poll::Ready(settled) = telling.pending.poll_settled(&mut cx) else { return };
        let took = world.now().saturating_duration_since(telling.asked);
        let result = match settled {
            Settled::Told(Err(error)) => Err(error),
            Settled::Told(Ok(told)) if told.end == End::NotAsked => Ok(Outcome::unasked(told.seen)),
            Settled::Told(Ok(told)) => match told.seen.map_or_else(|| service.status(), Ok) {
                Ok(seen) => Ok(Outcome::told(told, seen, took)),
                Err(error) => Err(error),
            },
            // It promised to tell.
            Settled::Silent => {
                service.status().map(|seen| Outcome::of(Some(End::Reached), seen, took))
            }
        };
        self.woken = Some(telling.key);
        self.state = State::Done(Box::new(result));
    }

    /// Its number in the watch.
    pub(super) fn key(&self) -> Option<WatchKey> {
        self.key
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// When something is due even if nothing is heard.
    pub(super) fn due(&self) -> Option<Instant> {
        let State::Waiting(waiting) = &self.state else { return None };
        let probe = waiting.probe.as_ref().and_then(|probe| probe.at);
        let dues = [waiting.ask_again, waiting.look_again, waiting.judge_again, waiting.kill_at];
        dues.into_iter().chain([probe]).flatten().min()
    }

    /// The key of the waker that its supervisor calls.
    pub(super) fn waker(&self) -> Option<WatchKey> {
        match &self.state {
            State::Waiting(waiting) => waiting.pending.as_ref().map(|(_, key, _)| *key),
            State::Telling(telling) => Some(telling.key),
            State::Done(_) => self.woken,
        }
    }

    /// Sends the request, unless somebody has sent it together with others (`asked`), or notes that
    /// it must be tried again.
    pub(super) fn ask<B: Supervised>(
        &mut self,
        world: &mut impl World<B>,
        service: &B,
        request: &Request,
        asked: Option<Result<Pending, Error>>,
    ) {
        let State::Waiting(waiting) = &mut self.state else { return };
        if waiting.absent {
            return;
        }
        let now = world.now();
        waiting.ask_again = None;
        let whom = whom(waiting.directory.as_ref(), service);
        match asked.unwrap_or_else(|| request.send(whom)) {
            Ok(pending) => {
                waiting.refused = None;
                waiting.asked = waiting.from.unwrap_or(now);
                let is_read = pending.is_read() && request.intent().is_some();
                waiting.kill_at = request.kills_after().and_then(|after| now.checked_add(after));
                if pending.tells() {
                    waiting.pursuit.acknowledge();
                    match world.waker() {
                        Ok((key, waker)) => waiting.pending = Some((pending, key, waker)),
                        Err(error) => return self.end(Err(error)),
                    }
                    return self.settle(world, service, request);
                }
                if is_read {
                    // What was seen before is no answer, and whatever is seen from now on is.
                    waiting.pursuit.acknowledge();
                    let seen = whom.status();
                    return self.take(world, seen);
                }
                // Somebody took it, so what was seen before is not how it stands.
                let stale = !waiting.last.reading.is_supervised() && wish(request).is_some();
                if stale || self.key.is_none() {
                    waiting.look_again = Some(now + LOOK_AGAIN);
                }
                if !stale {
                    self.judge(world);
                }
            }
            Err(error) if error.kind() == crate::ErrorKind::Busy => {
                waiting.refused = Some(error);
                waiting.ask_again = Some(now + ASK_AGAIN);
            }
            // A starting supervisor opens its FIFO before it leaves what tells its dialect.
            Err(error @ Error::UnknownDialect { .. }) if now < waiting.begun + STARTING => {
                waiting.refused = Some(error);
                waiting.ask_again = Some(now + ASK_AGAIN);
            }
            Err(error) => self.end(Err(error)),
        }
    }

    /// The deadline has passed before it was its turn.
    pub(super) fn leave_unasked(&mut self) {
        if !self.is_done() {
            self.end(Ok(Outcome::not_asked()));
        }
    }

    /// Asks what the supervisor says of the request. Once it has spoken, that decides; until then
    /// nothing that is seen does.
    pub(super) fn settle<B: Supervised>(
        &mut self,
        world: &mut impl World<B>,
        service: &B,
        request: &Request,
    ) {
        if self.tells() {
            return self.hear_word(world, service);
        }
        let State::Waiting(waiting) = &mut self.state else { return };
        let Some((pending, key, waker)) = &mut waiting.pending else { return };
        let Poll::Ready(settled) = pending.poll_settled(&mut Context::from_waker(waker)) else {
            return;
        };
        world.mute(*key);
        waiting.pending = None;
        let told = match settled {
            Settled::Silent => return self.take(world, service.status()),
            Settled::Told(Err(error)) => return self.end(Err(error)),
            Settled::Told(Ok(told)) => told,
        };
        let is_more = told.end == End::Reached && !request.is_done_when_told();
        // What was told may be older than what was seen since.
        match told.seen.filter(|_| !is_more).map_or_else(|| service.status(), Ok) {
            Ok(seen) => waiting.last = seen,
            // A unit that is gone is down; how it stood last is all there is to say.
            Err(_) if told.end == End::Reached && request.is_done_when_told() => (),
            Err(error) if told.end == End::Reached && waiting.is_over_by(&error) => {
                return self.end_gone(world.now());
            }
            Err(error) => return self.end(Err(error)),
        }
        if told.end == End::Reached && (!request.is_done_when_told() || waiting.probe.is_some()) {
            // So much is done, and more was asked for.
            let end = Some(request.goal()).filter(|it| matches!(it, Goal::Down | Goal::Finished));
            if let Some(goal) = waiting.then.take().or(end) {
                // A run that began and ended meanwhile has left no process to wait for.
                let is_over = !has_process(&waiting.last);
                let goal = if goal == Goal::Finished && is_over { Goal::Down } else { goal };
                waiting.pursuit = waiting.pursuit.then(goal, waiting.last.reading);
            }
            return self.judge(world);
        }
        let took = world.now().saturating_duration_since(waiting.asked);
        let outcome = Outcome::told(told, waiting.last, took);
        self.end(Ok(outcome));
    }

    /// Takes what an event directory told.
    pub(super) fn hear(&mut self, letter: Option<S6Event>) {
        if let (State::Waiting(waiting), Some(S6Event::Failed)) = (&mut self.state, letter) {
            waiting.pursuit.refused();
        }
    }

    /// Takes what was seen.
    pub(super) fn take<B: Supervised>(
        &mut self,
        world: &impl World<B>,
        status: Result<Status, Error>,
    ) {
        if let State::Waiting(waiting) = &mut self.state {
            match status {
                Ok(status) => {
                    waiting.last = status;
                    if waiting.absent {
                        // Until there is a record, what is asked may be lost.
                        let is_there = status.reading.facts().is_some();
                        waiting.ask_again = is_there.then(|| world.now());
                        return;
                    }
                    // Before the request is delivered nothing is an answer to it, and where the
                    // supervisor will say what became of it, that is.
                    if waiting.refused.is_none() && waiting.pending.is_none() {
                        self.judge(world);
                    }
                }
                Err(error) if waiting.is_over_by(&error) => self.end_gone(world.now()),
                Err(error) => self.end(Err(error)),
            }
        }
    }

    /// A unit that was to be down has vanished, as one does whose file is gone.
    fn end_gone(&mut self, now: Instant) {
        let State::Waiting(waiting) = &self.state else { return };
        let took = now.saturating_duration_since(waiting.asked);
        let mut down = Status::down(UnixTime::now());
        if let Some(suite) = waiting.last.suite() {
            down = down.with_suite(suite);
        }
        self.end(Ok(Outcome::of(Some(End::Reached), down, took)));
    }

    /// Does what is due.
    pub(super) fn go_on<B: Supervised>(
        &mut self,
        world: &mut impl World<B>,
        (at, service): (usize, &B),
        request: &Request,
        prober: &Prober<'_>,
        now: Instant,
    ) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let State::Waiting(waiting) = &mut self.state else { return };
        if waiting.absent && is_due(waiting.ask_again) {
            let directory = waiting.directory.take().map(Service::detected_again);
            let found = Baseline::now(self.key, directory, waiting.last);
            let from = Some(waiting.asked);
            *self = Self::looked(world, service, found, request, prober);
            if let State::Waiting(waiting) = &mut self.state {
                waiting.from = from;
            }
            return self.ask(world, service, request, None);
        }
        if is_due(waiting.ask_again) {
            return self.ask(world, service, request, None);
        }
        if is_due(waiting.look_again) {
            waiting.look_again = self.key.is_none().then(|| now + LOOK_AGAIN);
            let seen = whom(waiting.directory.as_ref(), service).status();
            self.take(world, seen);
            return;
        }
        if is_due(waiting.kill_at) {
            waiting.kill_at = None;
            let is_left = waiting.is_left_of_a_stop(request, service);
            if is_left || (runs(&waiting.last) && waiting.is_to_end(request)) {
                match whom(waiting.directory.as_ref(), service).request(&Intent::Op(Op::Kill)) {
                    // What a unit runs after that may hang as well.
                    Ok(_) if waiting.directory.is_none() => {
                        let again = request.kills_after().map(|after| after.max(ASK_AGAIN));
                        waiting.kill_at = again.and_then(|after| now.checked_add(after));
                    }
                    Ok(_) => (),
                    // What there was has ended meanwhile, and what follows may hang. A unit of which nothing is left
                    // is forgotten a moment before that is told.
                    Err(error)
                        if error.kind() == crate::ErrorKind::Busy
                            || (waiting.directory.is_none()
                                && matches!(
                                    error.kind(),
                                    crate::ErrorKind::Other | crate::ErrorKind::NotFound
                                )) =>
                    {
                        waiting.kill_at = Some(now + ASK_AGAIN);
                    }
                    Err(error) => self.end(Err(error)),
                }
            }
            return;
        }
        if is_due(waiting.judge_again) {
            self.judge(world);
            return;
        }
        if let Some(probe) = waiting.probe.as_mut().filter(|probe| is_due(probe.at)) {
            let (status, took) = (waiting.last, now.saturating_duration_since(waiting.asked));
            match probe.go_on((at, service), &status, prober, now) {
                Ok(true) => self.end(Ok(Outcome::of(Some(End::Reached), status, took))),
                Ok(false) => (),
                Err(error) => self.end(Err(error)),
            }
        }
    }

    /// Asks the pursuit about the last status.
    fn judge<B>(&mut self, world: &impl World<B>) {
        let State::Waiting(waiting) = &mut self.state else { return };
        let (now, begun) = (world.now(), waiting.begun);
        let both = Now { wall: world.wall_clock(), steady: now.saturating_duration_since(begun) };
        let (status, took) = (waiting.last, now.saturating_duration_since(waiting.asked));
        waiting.judge_again = None;
        if let Some(why) = waiting.in_vain.take_if(|_| !has_process(&status)) {
            let never = Outcome::of(Some(End::Never(why.0)), status, took);
            return self.end(Ok(never.because(Some(why))));
        }
        match waiting.pursuit.observe(&status.reading, both) {
            Verdict::Reached if waiting.has_begun_in_vain(&status, now) => {
                waiting.judge_again = waiting.in_vain_until.map(|(until, _)| until);
            }
            Verdict::Reached => {
                if let Some(goal) = waiting.then.take() {
                    waiting.pursuit = waiting.pursuit.then(goal, status.reading);
                    self.judge(world);
                } else if let Some(probe) = waiting.probe.as_mut().filter(|_| has_process(&status))
                {
                    probe.begin(now, process(&status));
                } else {
                    self.end(Ok(Outcome::of(Some(End::Reached), status, took)));
                }
                return;
            }
            // It was ended in order: the last that its supervisor has said is that it is down.
            Verdict::Never(Cause::Unsupervised) if waiting.was_ended() => {
                self.end(Ok(Outcome::of(Some(End::Reached), status, took)));
                return;
            }
            Verdict::Never(why) => {
                if let (Cause::GivenUp { .. }, Finish::Listening(until)) = (why, waiting.finish) {
                    let until = until.unwrap_or(now + HEARING);
                    if now < until {
                        waiting.finish = Finish::Listening(Some(until));
                        waiting.judge_again = Some(until);
                        return;
                    }
                }
                let is_over = matches!(why, Cause::GivenUp { .. } | Cause::Refused { .. });
                if is_over && std::mem::take(&mut waiting.starts_anew) {
                    // That was the first half of a restart.
                    let wish = Some(Op::Up);
                    waiting.pursuit = Pursuit::new(Goal::Up, wish, status.reading, both);
                    (waiting.from, waiting.ask_again) = (Some(waiting.asked), Some(now));
                    return;
                }
                let why = match (why, &waiting.directory) {
                    (Cause::NoReadiness, Some(service)) => no_readiness(service),
                    (why, _) => why,
                };
                self.end(Ok(Outcome::of(Some(End::Never(why)), status, took)));
                return;
            }
            Verdict::Pending { look_again } => {
                if waiting.finish != Finish::Unheard {
                    waiting.finish = Finish::Listening(None);
                }
                waiting.judge_again = look_again.and_then(|at| begun.checked_add(at));
            }
        }
        // What a probe would ask about has gone.
        if let Some(probe) = &mut waiting.probe {
            (probe.at, probe.running) = (None, None);
        }
    }

    fn end(&mut self, result: Result<Outcome, Error>) {
        let State::Waiting(waiting) = &self.state else { return };
        self.woken = waiting.pending.as_ref().map(|(_, key, _)| *key);
        let before = waiting.asks.then_some(&waiting.baseline);
        let result = result.map(|outcome| outcome.changed_from(before));
        self.state = State::Done(Box::new(result));
    }

    /// The result: at the deadline, if it is not done.
    pub(super) fn finish(self, now: Instant) -> Result<Outcome, Error> {
        match self.state {
            State::Done(result) => *result,
            State::Telling(telling) => {
                Ok(Outcome::unheard(now.saturating_duration_since(telling.asked)))
            }
            State::Waiting(waiting) => {
                if let Some(refused) = waiting.refused {
                    return Err(refused);
                }
                let took = now.saturating_duration_since(waiting.asked);
                let outcome = Outcome::of(None, waiting.last, took);
                let before = waiting.asks.then_some(&waiting.baseline);
                if waiting.absent {
                    let why = Some((Cause::Unsupervised, String::new()));
                    return Ok(outcome.read(false).because(why).changed_from(before));
                }
                let why = waiting.why_not(now);
                let is_read = waiting.pursuit.is_acknowledged();
                Ok(outcome.read(is_read).because(why).changed_from(before))
            }
        }
    }
}
