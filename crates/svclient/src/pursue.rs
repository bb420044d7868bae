//! Ask and wait: subscribe, send, then follow the readings until the goal is reached or cannot be.
//!
//! The baseline is taken and the watch armed before anything is sent, so the change that the
//! request causes cannot be missed, and one that was under way is not taken for it.

mod aside;
mod baseline;
mod late;
mod look;
mod outcome;
mod probe;
mod request;
mod wait;
mod world;

use std::{
    collections::{BTreeMap, VecDeque},
    future::{Future, poll_fn},
    ops::Range,
    pin::pin,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

#[cfg(any(feature = "tokio", feature = "async-io"))]
pub(crate) use self::aside::Silent;
use self::wait::Wait;
#[cfg(any(feature = "tokio", feature = "async-io"))]
pub(crate) use self::world::Added;
pub(crate) use self::world::{Heard, World};
pub(crate) use self::{aside::pursue_aside, probe::Prober};
pub use self::{
    outcome::{Outcome, OutcomeKind},
    request::Request,
};
use crate::{Error, Supervised, WatchKey, deadline::at_the_latest, supervised::ask_together};

/// On what terms services are asked and waited for.
pub(crate) struct Terms<'a> {
    pub(crate) request: &'a Request,
    pub(crate) prober: &'a Prober<'a>,
    /// Services at a time.
    pub(crate) limit: usize,
    pub(crate) enough: Enough,
    pub(crate) deadline: Instant,
    /// Whose turn it is, for a caller that may have to leave.
    pub(crate) turns: &'a Turns,
}

/// Whose turn it is, and who was asked: what is known of a call that hangs.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// One more than its place; 0 for nobody's, and [`A_GROUPS`].
    of: AtomicUsize,
    asked: Box<[AtomicBool]>,
}

/// The turn of those for whom somebody answers in one go: what has not come by the deadline comes for none.
const A_GROUPS: usize = usize::MAX;

impl Turns {
    pub(crate) fn of(count: usize) -> Self {
        let asked = (0..count).map(|_| AtomicBool::new(false)).collect();
        Self { of: AtomicUsize::new(0), asked }
    }

    fn is(&self, at: usize) {
        self.of.store(at + 1, Ordering::Release);
    }

    fn of_a_group<T>(&self, act: impl FnOnce() -> T) -> T {
        self.of.store(A_GROUPS, Ordering::Release);
        let done = act();
        self.is_nobodys();
        done
    }

    fn is_a_groups(&self) -> bool {
        self.of.load(Ordering::Acquire) == A_GROUPS
    }

    fn is_nobodys(&self) {
        self.of.store(0, Ordering::Release);
    }

    fn has_asked(&self, at: usize) {
        if let Some(asked) = self.asked.get(at) {
            asked.store(true, Ordering::Release);
        }
    }
}

/// How many services must reach their goal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enough {
    All,
    One,
}

/// After the deadline, until what is told of it must have come.
const LAST_WORD: Duration = Duration::from_millis(100);

/// The same in a world whose news are waited for by this thread.
pub(crate) fn pursue_in<B: Supervised>(
    world: &mut impl World<B>,
    services: &[B],
    terms: &Terms<'_>,
    tell: &mut impl FnMut(usize, Result<Outcome, Error>),
) -> Result<(), Error> {
    let mut all = pin!(pursue_within(world, services, terms, tell));
    match all.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("such a world is always ready"),
    }
}

/// The same in any world. `tell` gets the result of each service, once it is done; one that never had its turn
/// has none.
pub(crate) async fn pursue_within<B: Supervised>(
    world: &mut impl World<B>,
    services: &[B],
    terms: &Terms<'_>,
    tell: &mut impl FnMut(usize, Result<Outcome, Error>),
) -> Result<(), Error> {
    let Terms { request, prober, limit, enough, deadline, turns } = *terms;
    let mut any = false;
    let mut tell = |at: usize, result: Result<Outcome, Error>| {
        any |= result.as_ref().is_ok_and(Outcome::is_reached);
        tell(at, result);
        any
    };
    let mut queue: VecDeque<(usize, &B)> = services.iter().enumerate().collect();
    let mut under_way: BTreeMap<usize, (&B, Wait)> = BTreeMap::new();
    let mut keys: BTreeMap<WatchKey, usize> = BTreeMap::new();
    let last = at_the_latest(deadline);
    loop {
        // All baselines are taken before the first request is sent: services may know each other.
        let room = limit.saturating_sub(under_way.len()).min(queue.len());
        let mut next: Vec<_> = queue.drain(..room).collect();
        // A supervisor that tells what becomes of the whole request need not be looked at before or meanwhile.
        let told = request.intent().filter(|_| request.is_done_when_told());
        if let Some(intent) = told.filter(|_| request.kills_after().is_none()) {
            let mut told = ask_together(next.iter().copied(), intent, Some(deadline));
            next.retain(|(at, service)| {
                let Some(asked) = told.remove(at) else { return true };
                let wait = Wait::told(world, *service, asked);
                keys.extend(wait.waker().map(|key| (key, *at)));
                under_way.insert(*at, (*service, wait));
                false
            });
        }
        let mut begun = Vec::with_capacity(next.len());
        let mut known = turns.of_a_group(|| baseline::ask_about_all(world, &next, request));
        for (at, service) in next {
            // To look at many takes time, too. A service that was not looked at by then is not asked.
            if world.now() >= last {
                break;
            }
            turns.is(at);
            let wait = Wait::begin(world, service, request, prober, known.remove(&at));
            keys.extend(wait.key().map(|key| (key, at)));
            under_way.insert(at, (service, wait));
            begun.push(at);
        }
        // Those who are asked in one go are asked first; each of the others then.
        let waiting = begun.iter().filter_map(|at| Some((*at, under_way.get(at)?)));
        let waiting = waiting.filter(|(_, (_, wait))| !wait.is_done()).map(|(at, it)| (at, it.0));
        let mut answers = match request.intent().filter(|_| world.now() < last) {
            Some(intent) => ask_together(waiting, intent, Some(deadline)),
            None => BTreeMap::new(),
        };
        for at in begun {
            let Some((service, wait)) = under_way.get_mut(&at) else { continue };
            let asked = answers.remove(&at);
            if asked.is_none() && request.intent().is_some() && world.now() >= last {
                wait.leave_unasked();
            } else {
                turns.is(at);
                wait.ask(world, *service, request, asked);
                turns.has_asked(at);
                keys.extend(wait.waker().map(|key| (key, at)));
            }
        }
        turns.is_nobodys();
        if take_done(world, &mut under_way, &mut keys, queue.len(), &mut tell)
            && enough == Enough::One
        {
            break;
        }
        // A supervisor that tells of the deadline does so a moment after it.
        let late = under_way.values().any(|(_, wait)| wait.tells()).then_some(LAST_WORD);
        let deadline = deadline + late.unwrap_or_default();
        let Some(until) = next_look(&under_way, deadline) else {
            if queue.is_empty() || world.now() >= deadline {
                break;
            }
            continue;
        };
        take_news(world, &mut under_way, &keys, request, until..deadline).await?;
        let now = world.now();
        if now >= deadline {
            break;
        }
        for (at, (service, wait)) in &mut under_way {
            turns.is(*at);
            wait.go_on(world, (*at, *service), request, prober, now);
            keys.extend(wait.waker().map(|key| (key, *at)));
            if world.now() >= last {
                break;
            }
        }
        turns.is_nobodys();
        if take_done(world, &mut under_way, &mut keys, queue.len(), &mut tell)
            && enough == Enough::One
        {
            break;
        }
    }
    for (at, (_, wait)) in under_way {
        tell(at, wait.finish(world.now()));
    }
    Ok(())
}

/// Waits for news, and takes what came with it, once for each service at most: whoever calls this goes over all
/// of them then, and 600 may be told of at once.
async fn take_news<B: Supervised>(
    world: &mut impl World<B>,
    under_way: &mut BTreeMap<usize, (&B, Wait)>,
    keys: &BTreeMap<WatchKey, usize>,
    request: &Request,
    times: Range<Instant>,
) -> Result<(), Error> {
    let mut heard = poll_fn(|cx| world.poll_next_before(cx, times.start)).await?;
    let mut left = under_way.len();
    while let Some(news) = heard {
        let place = keys.get(&news.key()).and_then(|at| under_way.get_mut(at));
        if let Some((service, wait)) = place {
            take(world, news, *service, wait, request);
        }
        left = left.saturating_sub(1);
        let now = world.now();
        if left == 0 || now >= times.end {
            break;
        }
        heard = poll_fn(|cx| match world.poll_next_before(cx, now) {
            Poll::Ready(heard) => Poll::Ready(heard),
            Poll::Pending => Poll::Ready(Ok(None)),
        })
        .await?;
    }
    Ok(())
}

/// Takes news of a service.
fn take<B: Supervised>(
    world: &mut impl World<B>,
    heard: Heard,
    service: &B,
    wait: &mut Wait,
    request: &Request,
) {
    match heard {
        Heard::Seen { failed, status, .. } => {
            wait.hear(failed);
            wait.take(world, status);
        }
        Heard::Woken(_) => wait.settle(world, service, request),
    }
}

/// Files the results of those that are done and ends their watch. Whether one of them, or one before, has
/// reached its goal.
fn take_done<B>(
    world: &mut impl World<B>,
    under_way: &mut BTreeMap<usize, (&B, Wait)>,
    keys: &mut BTreeMap<WatchKey, usize>,
    queued: usize,
    tell: &mut impl FnMut(usize, Result<Outcome, Error>) -> bool,
) -> bool {
    let mut reached = false;
    let done: Vec<usize> =
        under_way.iter().filter(|(_, (_, wait))| wait.is_done()).map(|(&at, _)| at).collect();
    for at in done {
        let Some((_, wait)) = under_way.remove(&at) else { continue };
        if let Some(waker) = wait.waker() {
            keys.remove(&waker);
            world.mute(waker);
        }
        if let Some(key) = wait.key() {
            keys.remove(&key);
            // While others wait, nothing more need be heard of this one.
            if queued > 0 || !under_way.is_empty() {
                world.remove(key);
            }
        }
        reached |= tell(at, wait.finish(world.now()));
    }
    reached
}

/// When something is due even if nothing is heard; `None` once no service waits.
fn next_look<B>(under_way: &BTreeMap<usize, (&B, Wait)>, deadline: Instant) -> Option<Instant> {
    let dues = under_way.values().filter_map(|(_, wait)| wait.due());
    (!under_way.is_empty()).then(|| dues.fold(deadline, Instant::min))
}

#[cfg(test)]
mod tests;
