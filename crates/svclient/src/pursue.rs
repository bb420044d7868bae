//! Ask and wait: subscribe, send, then follow the record until the goal is reached or cannot be.
//!
//! The baseline is taken and the watch armed before anything is sent, so the change that the
//! request causes cannot be missed, and one that was under way is not taken for it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use svproto::{
    Op, UnixTime,
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

/// A second request to a service that has not reached the goal after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// How long to wait for the first.
    pub after: Duration,
    /// The second; [`Op::Kill`] as a rule.
    pub op: Op,
}

/// Sends `op` to every service and waits until each has reached `goal`, or cannot, or `deadline`
/// has passed. Results come in the order of the services, one each; one failure hides no other.
///
/// All requests are sent before the first wait; one watch serves all services.
///
/// # Errors
///
/// [`Error::Io`] if the notification mechanism fails. Each service has its own result beside: the
/// errors of [`Service::send_before`], [`WatchSet::add`] and [`Service::status`].
pub fn pursue(
    services: &[Service],
    op: Op,
    goal: Goal,
    deadline: Instant,
    escalation: Option<Escalation>,
) -> Result<Vec<Result<Outcome, Error>>, Error> {
    let mut watch = WatchSet::new()?;
    let mut waits: Vec<Wait> =
        services.iter().map(|service| Wait::begin(&mut watch, service, op, goal)).collect();
    let keys: BTreeMap<WatchKey, usize> = waits
        .iter()
        .enumerate()
        .filter_map(|(at, wait)| wait.waiting().map(|waiting| (waiting.key, at)))
        .collect();
    for (service, wait) in services.iter().zip(&mut waits) {
        wait.send(service, op, deadline);
    }
    while let Some(until) = next_look(&waits, deadline, escalation) {
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
            if let Some(Escalation { after, op }) = escalation {
                wait.escalate(service, op, now, after, deadline);
            }
        }
    }
    Ok(waits.into_iter().map(Wait::finish).collect())
}

/// When something is due even if nothing is heard; `None` once no service waits.
fn next_look(waits: &[Wait], deadline: Instant, escalation: Option<Escalation>) -> Option<Instant> {
    let waiting = || waits.iter().filter_map(Wait::waiting);
    waiting().next()?;
    let look_again = waiting().filter_map(|waiting| waiting.look_again);
    let escalate = waiting()
        .filter(|waiting| !waiting.escalated)
        .filter_map(|waiting| escalation.map(|escalation| waiting.asked + escalation.after));
    look_again.chain(escalate).chain([deadline]).min()
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
    escalated: bool,
}

impl Wait {
    /// Arms the watch and takes the baseline.
    fn begin(watch: &mut WatchSet, service: &Service, op: Op, goal: Goal) -> Self {
        let begun = watch.add_and_look(service.clone()).and_then(|(key, snapshot)| {
            let last = snapshot?;
            let pursuit = Pursuit::new(goal, Some(op), last.reading);
            let asked = Instant::now();
            Ok(Waiting { key, pursuit, asked, last, look_again: None, escalated: false })
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

    fn send(&mut self, service: &Service, op: Op, deadline: Instant) {
        if let Self::Waiting(waiting) = self {
            match service.send_before(op, deadline) {
                Ok(()) => {
                    waiting.asked = Instant::now();
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

    fn escalate(
        &mut self,
        service: &Service,
        op: Op,
        now: Instant,
        after: Duration,
        deadline: Instant,
    ) {
        if let Self::Waiting(waiting) = self {
            if !waiting.escalated && now >= waiting.asked + after {
                waiting.escalated = true;
                if let Err(error) = service.send_before(op, deadline) {
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
