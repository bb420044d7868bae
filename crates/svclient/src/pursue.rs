//! Ask and wait: subscribe, send, then follow the readings until the goal is reached or cannot be.
//!
//! The baseline is taken and the watch armed before anything is sent, so the change that the
//! request causes cannot be missed, and one that was under way is not taken for it.

mod wait;
mod world;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use svproto::{
    Op,
    goal::{Goal, Why},
};

pub(crate) use self::wait::Prober;
use self::{
    wait::Wait,
    world::{Heard, World},
};
use crate::{Bulk, CheckRule, Error, Observation, Supervised, WatchKey};

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
    /// The deadline passed before it was its turn ([`Bulk::limit`]); nothing was asked.
    NotAsked,
}

/// What to ask of a service, when that is done, and what to do if it is not done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Request {
    ask: Ask,
    goal: Goal,
    kill_after: Option<Duration>,
    check: Option<CheckRule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Nothing,
    Op(Op),
    Restart,
}

impl Request {
    /// Any operation, done when `goal` is reached.
    pub const fn new(op: Op, goal: Goal) -> Self {
        Self { ask: Ask::Op(op), goal, kill_after: None, check: None }
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
        Self { ask: Ask::Restart, ..Self::wait(Goal::Restarted) }
    }

    /// Nothing is asked; done when it is so.
    pub const fn wait(goal: Goal) -> Self {
        Self { ask: Ask::Nothing, goal, kill_after: None, check: None }
    }

    /// What `sv check` waits for: by the rule of one version or another, and with the `check`
    /// script of a service directory under runit. See [`CheckRule`].
    pub const fn check(rule: CheckRule) -> Self {
        let goal = match rule {
            CheckRule::Runit2_1 => Goal::Known,
            CheckRule::Runit2_3 => Goal::AsWanted,
        };
        Self { check: Some(rule), ..Self::wait(goal) }
    }

    /// The same request, done at another goal: ready, say, or up for a while. After a restart that
    /// is asked of the new process.
    ///
    /// [`Goal::Ready`] is what the service says of itself; where it says nothing, what
    /// [`Bulk::ready_when`] asks, and else, under runit, the `check` script of its directory.
    pub const fn until(self, goal: Goal) -> Self {
        Self { goal, ..self }
    }

    /// The same request; a process that is still there after so long gets SIGKILL.
    pub const fn kill_after(self, after: Duration) -> Self {
        Self { kill_after: Some(after), ..self }
    }

    /// The operation whose wish the record must show before it can have been read.
    const fn wish(&self) -> Option<Op> {
        match self.ask {
            Ask::Nothing => None,
            Ask::Op(op) => Some(op),
            Ask::Restart => Some(Op::Up),
        }
    }

    /// What to wait for first, and what after that.
    const fn goals(&self) -> (Goal, Option<Goal>) {
        match (self.ask, self.goal) {
            (Ask::Restart, Goal::Up | Goal::Restarted) => (Goal::Restarted, None),
            (Ask::Restart, goal @ (Goal::Ready | Goal::UpFor(_) | Goal::AsWanted)) => {
                (Goal::Restarted, Some(goal))
            }
            (_, goal) => (goal, None),
        }
    }

    /// Sends it, at once or not at all.
    fn send(&self, service: &dyn Supervised) -> Result<(), Error> {
        match self.ask {
            Ask::Nothing => Ok(()),
            Ask::Op(op) => service.send(op),
            Ask::Restart => service.restart(),
        }
    }
}

/// Asks every service and waits until each has reached the goal of the request, or cannot, or
/// `deadline` has passed: [`Bulk::pursue`] with nothing set.
///
/// # Errors
///
/// As [`Bulk::pursue`].
pub fn pursue<B: Supervised + Clone + 'static>(
    services: &[B],
    request: &Request,
    deadline: Instant,
) -> Result<Vec<Result<Outcome, Error>>, Error> {
    Bulk::new(services).pursue(request, deadline)
}

/// On what terms services are asked and waited for.
pub(crate) struct Terms<'a> {
    pub(crate) request: &'a Request,
    pub(crate) prober: &'a Prober<'a>,
    /// Services at a time.
    pub(crate) limit: usize,
    pub(crate) enough: Enough,
    pub(crate) deadline: Instant,
}

/// How many services must reach their goal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enough {
    All,
    One,
}

/// Told of each service that is done.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(usize, &Result<Outcome, Error>);

/// The same in any world.
pub(crate) fn pursue_in<B: Supervised>(
    world: &mut impl World<B>,
    services: &[B],
    terms: &Terms<'_>,
    tell: Tell<'_>,
) -> Result<Vec<Result<Outcome, Error>>, Error> {
    let Terms { request, prober, limit, enough, deadline } = *terms;
    let mut results: Vec<Option<Result<Outcome, Error>>> = services.iter().map(|_| None).collect();
    let mut queue: VecDeque<(usize, &B)> = services.iter().enumerate().collect();
    let mut under_way: BTreeMap<usize, (&B, Wait)> = BTreeMap::new();
    let mut keys: BTreeMap<WatchKey, usize> = BTreeMap::new();
    let last = at_the_latest(deadline);
    loop {
        // All baselines are taken before the first request is sent: services may know each other.
        let room = limit.saturating_sub(under_way.len()).min(queue.len());
        let next: Vec<_> = queue.drain(..room).collect();
        let mut begun = Vec::with_capacity(next.len());
        for (at, service) in next {
            // To look at many takes time, too. Who was not looked at by then is not asked.
            if world.now() >= last {
                break;
            }
            let wait = Wait::begin(world, service, request, prober);
            keys.extend(wait.key().map(|key| (key, at)));
            under_way.insert(at, (service, wait));
            begun.push(at);
        }
        for at in begun {
            let Some((service, wait)) = under_way.get_mut(&at) else { continue };
            if request.ask != Ask::Nothing && world.now() >= last {
                wait.leave_unasked();
            } else {
                wait.ask(world, *service, request);
            }
        }
        take_done(world, &mut under_way, &mut keys, &mut results, queue.len(), tell);
        let reached = |result: &Option<_>| matches!(result, Some(Ok(Outcome::Reached { .. })));
        if enough == Enough::One && results.iter().any(reached) {
            break;
        }
        let Some(until) = next_look(&under_way, deadline) else {
            if queue.is_empty() || world.now() >= deadline {
                break;
            }
            continue;
        };
        if let Some(Heard { key, failed, observation }) = world.next_before(until)? {
            let wait = keys.get(&key).and_then(|at| under_way.get_mut(at));
            if let Some((_, wait)) = wait {
                wait.hear(failed);
                wait.take(world, observation);
            }
        }
        let now = world.now();
        if now >= deadline {
            break;
        }
        for (service, wait) in under_way.values_mut() {
            wait.go_on(world, *service, request, prober, now);
            if world.now() >= last {
                break;
            }
        }
        take_done(world, &mut under_way, &mut keys, &mut results, queue.len(), tell);
    }
    for (at, (_, wait)) in under_way {
        let result = wait.finish(world.now());
        tell(at, &result);
        if let Some(place) = results.get_mut(at) {
            *place = Some(result);
        }
    }
    Ok(results.into_iter().map(|result| result.unwrap_or(Ok(Outcome::NotAsked))).collect())
}

/// Who gives no time at all wants everything looked at and asked once. What takes longer than this
/// breaks the promise of a deadline.
const GRACE: Duration = Duration::from_millis(100);

/// When to stop, whatever there is still to be looked at: news that never end are no reason to go on.
pub(crate) fn at_the_latest(deadline: Instant) -> Instant {
    deadline.checked_add(GRACE).unwrap_or(deadline)
}

/// Files the results of those that are done and ends their watch.
fn take_done<B>(
    world: &mut impl World<B>,
    under_way: &mut BTreeMap<usize, (&B, Wait)>,
    keys: &mut BTreeMap<WatchKey, usize>,
    results: &mut [Option<Result<Outcome, Error>>],
    queued: usize,
    tell: Tell<'_>,
) {
    let done: Vec<usize> =
        under_way.iter().filter(|(_, (_, wait))| wait.is_done()).map(|(&at, _)| at).collect();
    for at in done {
        let Some((_, wait)) = under_way.remove(&at) else { continue };
        if let Some(key) = wait.key() {
            keys.remove(&key);
            // While others wait, nothing more need be heard of this one.
            if queued > 0 || !under_way.is_empty() {
                world.remove(key);
            }
        }
        let result = wait.finish(world.now());
        tell(at, &result);
        if let Some(place) = results.get_mut(at) {
            *place = Some(result);
        }
    }
}

/// When something is due even if nothing is heard; `None` once no service waits.
fn next_look<B>(under_way: &BTreeMap<usize, (&B, Wait)>, deadline: Instant) -> Option<Instant> {
    let dues = under_way.values().filter_map(|(_, wait)| wait.due());
    (!under_way.is_empty()).then(|| dues.fold(deadline, Instant::min))
}

#[cfg(test)]
mod tests;
