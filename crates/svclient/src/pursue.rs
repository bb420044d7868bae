//! Ask and wait: subscribe, send, then follow the record until the goal is reached or cannot be.
//!
//! The baseline is taken and the watch armed before anything is sent, so the change that the
//! request causes cannot be missed, and one that was under way is not taken for it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use svproto::{
    Dialect, Op, Phase, UnixTime,
    goal::{Goal, Pursuit, Verdict, Why},
};

use crate::{Error, Observation, Service, WatchKey, WatchSet};

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The goal is reached.
    Reached {
        /// How the service stands.
        observation: Observation,
        /// Time from the request.
        took: Duration,
    },
    /// The goal will not be reached.
    Never {
        /// Why not.
        why: Why,
        /// How the service stands.
        observation: Observation,
        /// Time from the request.
        took: Duration,
    },
    /// The deadline passed.
    Deadline {
        /// How the service stands.
        observation: Observation,
        /// Whether the supervisor is known to have read the request.
        acknowledged: bool,
        /// Time from the request.
        took: Duration,
    },
}

/// What to ask of a service, when that is done, and what to do if it is not done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Request {
    ask: Ask,
    goal: Goal,
    kill_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Op(Op),
    Restart,
}

impl Request {
    /// Any operation, done when `goal` is reached.
    pub const fn new(op: Op, goal: Goal) -> Self {
        Self { ask: Ask::Op(op), goal, kill_after: None }
    }

    /// Want up; done when a process is there that will stay.
    pub const fn up() -> Self {
        Self::new(Op::Up, Goal::Up)
    }

    /// Want down; done when no process is left, `finish` included.
    pub const fn down() -> Self {
        Self::new(Op::Down, Goal::Down)
    }

    /// One run and no other; done when it has begun.
    pub const fn once() -> Self {
        Self::new(Op::Once, Goal::Up)
    }

    /// Ends the process, if there is one, and wants the service up; done when a process is there
    /// that was started after the request. A service that is down is started.
    pub const fn restart() -> Self {
        Self { ask: Ask::Restart, goal: Goal::Restarted, kill_after: None }
    }

    /// The same request, done at another goal: ready, say, or up for a while.
    pub const fn until(self, goal: Goal) -> Self {
        Self { goal, ..self }
    }

    /// The same request; a process that is still there after so long gets SIGKILL.
    pub const fn kill_after(self, after: Duration) -> Self {
        Self { kill_after: Some(after), ..self }
    }

    /// What is sent to a supervisor of this dialect, in one write.
    #[must_use]
    pub const fn ops(&self, dialect: Dialect) -> &[Op] {
        match (&self.ask, dialect) {
            (Ask::Op(op), _) => std::slice::from_ref(op),
            // SIGCONT, because a paused process does not end of SIGTERM; want up, because it may
            // be down or wanted down.
            (Ask::Restart, Dialect::Daemontools | Dialect::Encore | Dialect::Runit) => {
                &[Op::Term, Op::Cont, Op::Up]
            }
            // Its own `down-signal` instead of SIGTERM.
            (Ask::Restart, Dialect::S6) => &[Op::Restart, Op::Cont, Op::Up],
        }
    }

    /// The operation whose wish the record must show before it can have been read.
    const fn wish(&self) -> Op {
        match self.ask {
            Ask::Op(op) => op,
            Ask::Restart => Op::Up,
        }
    }

    /// Sends it, at once or not at all.
    fn send(&self, service: &Service) -> Result<(), Error> {
        match (self.ask, service.dialect()) {
            (Ask::Op(op), _) => service.send(op),
            (Ask::Restart, Some(dialect)) => {
                service.send_all_before(self.ops(dialect), Instant::now())
            }
            (Ask::Restart, None) => service.send(Op::Up),
        }
    }
}

/// Asks every service and waits until each has reached the goal of the request, or cannot, or
/// `deadline` has passed. Results come in the order of the services, one each; one failure hides no
/// other.
///
/// All requests are sent before the first wait; one watch serves all services. A supervisor whose
/// FIFO is full is asked again until the deadline, and keeps no other service waiting. A service
/// that may be asked but not watched (its `supervise` can be searched and not listed) is looked at
/// every 50 ms instead.
///
/// # Errors
///
/// [`Error::Io`] if the notification mechanism fails. Each service has its own result beside: the
/// errors of [`Service::send_before`], [`WatchSet::add`] and [`Service::status`].
pub fn pursue(
    services: &[Service],
    request: &Request,
    deadline: Instant,
) -> Result<Vec<Result<Outcome, Error>>, Error> {
    let mut watch = WatchSet::new()?;
    let mut waits: Vec<Wait> =
        services.iter().map(|service| Wait::begin(&mut watch, service, request)).collect();
    let keys: BTreeMap<WatchKey, usize> = waits
        .iter()
        .enumerate()
        .filter_map(|(at, wait)| Some((wait.waiting()?.key?, at)))
        .collect();
    for (service, wait) in services.iter().zip(&mut waits) {
        wait.ask(service, request);
    }
    while let Some(until) = next_look(&waits, deadline) {
        if let Some(event) = watch.next_before(Some(until))? {
            if let Some(wait) = keys.get(&event.key).and_then(|&at| waits.get_mut(at)) {
                wait.take(event.observation);
            }
        }
        let now = Instant::now();
        if now >= deadline {
            break;
        }
        for (service, wait) in services.iter().zip(&mut waits) {
            wait.go_on(service, request, now);
        }
    }
    Ok(waits.into_iter().map(Wait::finish).collect())
}

/// When something is due even if nothing is heard; `None` once no service waits.
fn next_look(waits: &[Wait], deadline: Instant) -> Option<Instant> {
    let mut dues = waits.iter().filter_map(Wait::waiting).map(|waiting| {
        [waiting.ask_again, waiting.look_again, waiting.judge_again, waiting.kill_at]
            .into_iter()
            .flatten()
            .fold(deadline, Instant::min)
    });
    let first = dues.next()?;
    Some(dues.fold(first, Instant::min))
}

/// One service of a call.
enum Wait {
    Waiting(Box<Waiting>),
    Done(Result<Outcome, Error>),
}

struct Waiting {
    /// `None` for a service that cannot be watched.
    key: Option<WatchKey>,
    pursuit: Pursuit,
    begun: Instant,
    asked: Instant,
    last: Observation,
    /// The request could not be delivered yet.
    ask_again: Option<Instant>,
    refused: Option<Error>,
    /// Nothing will be heard of a change, so it must be looked for.
    look_again: Option<Instant>,
    /// The passing of time alone may change the verdict.
    judge_again: Option<Instant>,
    /// When SIGKILL is due.
    kill_at: Option<Instant>,
}

/// Between two attempts on a full FIFO. It is not kept open to be told when it drains: a descriptor
/// that outlives the supervisor hands its unread bytes to the next one.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// No supervisor takes as long to make its files.
const STARTING: Duration = Duration::from_secs(1);
/// Between two looks at a service that cannot be watched.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Wait {
    /// Arms the watch and takes the baseline.
    fn begin(watch: &mut WatchSet, service: &Service, request: &Request) -> Self {
        let begun = match watch.add_and_look(service.clone()) {
            Ok((key, snapshot)) => snapshot.map(|last| (Some(key), last)),
            Err(Error::Denied { .. }) => service.status().map(|last| (None, last)),
            Err(error) => Err(error),
        };
        match begun {
            Ok((key, last)) => Self::Waiting(Box::new(Waiting {
                key,
                pursuit: Pursuit::new(request.goal, Some(request.wish()), last.reading),
                begun: Instant::now(),
                asked: Instant::now(),
                last,
                ask_again: None,
                refused: None,
                look_again: None,
                judge_again: None,
                kill_at: None,
            })),
            Err(error) => Self::Done(Err(error)),
        }
    }

    fn waiting(&self) -> Option<&Waiting> {
        match self {
            Self::Waiting(waiting) => Some(waiting),
            Self::Done(_) => None,
        }
    }

    /// Sends the request, or notes that it must be tried again.
    fn ask(&mut self, service: &Service, request: &Request) {
        let Self::Waiting(waiting) = self else { return };
        let now = Instant::now();
        waiting.ask_again = None;
        match request.send(service) {
            Ok(()) => {
                waiting.refused = None;
                waiting.asked = now;
                waiting.kill_at = request.kill_after.and_then(|after| now.checked_add(after));
                // Somebody took it, so what was seen before is not how it stands.
                let stale = !waiting.last.reading.is_supervised();
                if stale || waiting.key.is_none() {
                    waiting.look_again = Some(now + LOOK_AGAIN);
                }
                if !stale {
                    self.judge();
                }
            }
            Err(error @ Error::NotTakingRequests { .. }) => {
                waiting.refused = Some(error);
                waiting.ask_again = Some(now + ASK_AGAIN);
            }
            // A starting supervisor opens its FIFO before it leaves what tells its dialect.
            Err(error @ Error::UnknownDialect { .. }) if now < waiting.begun + STARTING => {
                waiting.refused = Some(error);
                waiting.ask_again = Some(now + ASK_AGAIN);
            }
            Err(error) => *self = Self::Done(Err(error)),
        }
    }

    /// Takes what the watch saw.
    fn take(&mut self, observation: Result<Observation, Error>) {
        if let Self::Waiting(waiting) = self {
            match observation {
                Ok(observation) => {
                    waiting.last = observation;
                    // Before the request is delivered nothing is an answer to it.
                    if waiting.refused.is_none() {
                        self.judge();
                    }
                }
                Err(error) => *self = Self::Done(Err(error)),
            }
        }
    }

    /// Does what is due.
    fn go_on(&mut self, service: &Service, request: &Request, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let Self::Waiting(waiting) = self else { return };
        if is_due(waiting.ask_again) {
            self.ask(service, request);
            return;
        }
        if is_due(waiting.look_again) {
            waiting.look_again = waiting.key.is_none().then(|| now + LOOK_AGAIN);
            self.take(service.status());
            return;
        }
        if is_due(waiting.kill_at) {
            waiting.kill_at = None;
            // Only `run`: runit answers a kill during `finish` by running `finish` once more.
            let runs = waiting.last.reading.status().map(|status| status.phase);
            if runs == Some(Phase::Up) {
                match service.send(Op::Kill) {
                    Ok(()) => (),
                    Err(Error::NotTakingRequests { .. }) => waiting.kill_at = Some(now + ASK_AGAIN),
                    Err(error) => *self = Self::Done(Err(error)),
                }
            }
            return;
        }
        if is_due(waiting.judge_again) {
            self.judge();
        }
    }

    /// Asks the pursuit about the last observation.
    fn judge(&mut self) {
        let Self::Waiting(waiting) = self else { return };
        let (observation, took) = (waiting.last, waiting.asked.elapsed());
        match waiting.pursuit.observe(&observation.reading, wall_clock()) {
            Verdict::Reached => *self = Self::Done(Ok(Outcome::Reached { observation, took })),
            Verdict::Never(why) => {
                *self = Self::Done(Ok(Outcome::Never { why, observation, took }));
            }
            Verdict::Pending { look_again } => {
                waiting.judge_again =
                    look_again.and_then(|at| Instant::now().checked_add(wall_clock().elapsed(at)));
            }
        }
    }

    fn finish(self) -> Result<Outcome, Error> {
        match self {
            Self::Done(result) => result,
            Self::Waiting(waiting) => match waiting.refused {
                Some(refused) => Err(refused),
                None => Ok(Outcome::Deadline {
                    observation: waiting.last,
                    acknowledged: waiting.pursuit.is_acknowledged(),
                    took: waiting.asked.elapsed(),
                }),
            },
        }
    }
}

fn wall_clock() -> UnixTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let secs = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    UnixTime::new(secs, now.subsec_nanos()).unwrap_or(UnixTime::EPOCH)
}
