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

    fn send(&self, service: &Service, deadline: Instant) -> Result<(), Error> {
        match (self.ask, service.dialect()) {
            (Ask::Op(op), _) => service.send_before(op, deadline),
            (Ask::Restart, Some(dialect)) => service.send_all_before(self.ops(dialect), deadline),
            (Ask::Restart, None) => service.send_before(Op::Up, deadline),
        }
    }
}

/// Asks every service and waits until each has reached the goal of the request, or cannot, or
/// `deadline` has passed. Results come in the order of the services, one each; one failure hides no
/// other.
///
/// All requests are sent before the first wait; one watch serves all services.
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
        .filter_map(|(at, wait)| wait.waiting().map(|waiting| (waiting.key, at)))
        .collect();
    for (service, wait) in services.iter().zip(&mut waits) {
        wait.send(service, request, deadline);
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
            wait.look_again(now);
            wait.kill(service, now, deadline);
        }
    }
    Ok(waits.into_iter().map(Wait::finish).collect())
}

/// When something is due even if nothing is heard; `None` once no service waits.
fn next_look(waits: &[Wait], deadline: Instant) -> Option<Instant> {
    let waiting = || waits.iter().filter_map(Wait::waiting);
    waiting().next()?;
    let look_again = waiting().filter_map(|waiting| waiting.look_again);
    let kill = waiting().filter_map(|waiting| waiting.kill_at);
    look_again.chain(kill).chain([deadline]).min()
}

/// One service of a call.
enum Wait {
    Waiting(Waiting),
    Done(Result<Outcome, Error>),
}

struct Waiting {
    key: WatchKey,
    pursuit: Pursuit,
    asked: Instant,
    last: Observation,
    look_again: Option<Instant>,
    kill_after: Option<Duration>,
    /// When SIGKILL is due; `None` once it was sent.
    kill_at: Option<Instant>,
}

impl Wait {
    /// Arms the watch and takes the baseline.
    fn begin(watch: &mut WatchSet, service: &Service, request: &Request) -> Self {
        let begun = watch.add_and_look(service.clone()).and_then(|(key, snapshot)| {
            let last = snapshot?;
            Ok(Waiting {
                key,
                pursuit: Pursuit::new(request.goal, Some(request.wish()), last.reading),
                asked: Instant::now(),
                last,
                look_again: None,
                kill_after: request.kill_after,
                kill_at: None,
            })
        });
        match begun {
            Ok(waiting) => Self::Waiting(waiting),
            Err(error) => Self::Done(Err(error)),
        }
    }

    fn waiting(&self) -> Option<&Waiting> {
        match self {
            Self::Waiting(waiting) => Some(waiting),
            Self::Done(_) => None,
        }
    }

    fn send(&mut self, service: &Service, request: &Request, deadline: Instant) {
        if let Self::Waiting(waiting) = self {
            match request.send(service, deadline) {
                Ok(()) => {
                    waiting.asked = Instant::now();
                    waiting.kill_at = waiting.kill_after.map(|after| waiting.asked + after);
                    self.judge();
                }
                Err(error) => *self = Self::Done(Err(error)),
            }
        }
    }

    /// Takes what the watch saw.
    fn take(&mut self, observation: Result<Observation, Error>) {
        if let Self::Waiting(waiting) = self {
            match observation {
                Ok(observation) => {
                    waiting.last = observation;
                    self.judge();
                }
                Err(error) => *self = Self::Done(Err(error)),
            }
        }
    }

    fn look_again(&mut self, now: Instant) {
        if self.waiting().and_then(|waiting| waiting.look_again).is_some_and(|at| at <= now) {
            self.judge();
        }
    }

    /// Sends SIGKILL once it is due. Only to `run`: runit answers a kill during `finish` by running
    /// `finish` a second time.
    fn kill(&mut self, service: &Service, now: Instant, deadline: Instant) {
        let Self::Waiting(waiting) = self else { return };
        let phase = waiting.last.reading.status().map(|status| status.phase);
        if waiting.kill_at.is_some_and(|at| at <= now) {
            waiting.kill_at = None;
            if phase == Some(Phase::Up) {
                if let Err(error) = service.send_before(Op::Kill, deadline) {
                    *self = Self::Done(Err(error));
                }
            }
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
                waiting.look_again = look_again.map(|at| Instant::now() + wall_clock().elapsed(at));
            }
        }
    }

    fn finish(self) -> Result<Outcome, Error> {
        match self {
            Self::Done(result) => result,
            Self::Waiting(waiting) => Ok(Outcome::Deadline {
                observation: waiting.last,
                acknowledged: waiting.pursuit.is_acknowledged(),
            }),
        }
    }
}

fn wall_clock() -> UnixTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let secs = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    UnixTime::new(secs, now.subsec_nanos()).unwrap_or(UnixTime::EPOCH)
}
