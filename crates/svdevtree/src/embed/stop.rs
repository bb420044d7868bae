//! The end of all services: the highest rank first, each in its share of the time, and what has not ended then is
//! killed.
//!
//! | at                              | what is done                                                    |
//! |---------------------------------|-----------------------------------------------------------------|
//! | the beginning                   | the highest rank is told to end                                 |
//! | a rank has ended, or its share of the time is over | the next one is told                         |
//! | the end of the time             | what still runs is killed, but for loggers                      |
//! | a second later, again and again | what still runs is killed, a `finish` for one, and loggers      |

use std::time::Duration;

use svproto::Op;

use super::{Supervisor, event::ServicePart, service_dir::ServiceDir};

/// How far stopping is; moments are on the steady clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopping {
    /// When to kill what still runs.
    kill_at: Option<Duration>,
    /// Services were killed; now it is the turn of their loggers too.
    again: bool,
    /// What has this rank or a higher one was told.
    told: u32,
    /// When to tell the next rank although those before it have not ended.
    next_at: Option<Duration>,
}

/// After this, what was killed and still runs is killed again, a `finish` for one, and so are loggers, which have
/// had the time to write what was left for them.
const KILL_AGAIN: Duration = Duration::from_secs(1);

impl Stopping {
    /// When to be called although nothing has happened.
    pub(super) fn due(&self) -> Option<Duration> {
        self.kill_at.into_iter().chain(self.next_at).min()
    }
}

impl Supervisor {
    /// Stops all services, those of a [higher rank](super::ServiceOptions::stop_rank) first; [`run`](Self::run)
    /// returns once every one has ended.
    pub fn stop(&mut self) {
        let now = self.context.clock.now().steady;
        let kill_at = self.context.options.kill_after.map(|after| now.saturating_add(after));
        self.scans.clear();
        if self.stopping.is_none() {
            self.context.killed = false;
            let told = self.services.values().map(ServiceDir::stop_rank).max().unwrap_or(0);
            self.stopping = Some(Stopping { kill_at, again: false, told, next_at: None });
            self.set_next_at(now);
        }
        self.tell_to_end();
        self.clear_away();
    }

    /// Stops all services with SIGKILL, also their `finish` scripts, and a second later their loggers.
    pub fn kill(&mut self) {
        self.stop();
        let now = self.context.clock.now().steady;
        self.stopping = Some(Stopping { kill_at: Some(now), again: false, told: 0, next_at: None });
        self.tell_to_end();
        self.clear_away();
    }

    /// Whether it was told to stop, or has begun to because a critical service ended.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Tells all whose turn it is.
    fn tell_to_end(&mut self) {
        let Some(Stopping { told, .. }) = self.stopping else { return };
        for service in self.services.values_mut().filter(|it| it.stop_rank() >= told) {
            service.ask(ServicePart::Main, Op::StopExit, &mut self.context);
        }
    }

    /// Tells the next rank once those before it have ended.
    pub(super) fn tell_the_next(&mut self) {
        let Some(Stopping { told, .. }) = self.stopping else { return };
        let left = self.services.values().map(ServiceDir::stop_rank).max();
        if left.is_some_and(|left| left < told) {
            let now = self.context.clock.now().steady;
            self.lower(now);
            // What has no process is over at once; then it is the turn of the next.
            self.clear_away();
        }
    }

    fn lower(&mut self, now: Duration) {
        let Some(stopping) = &mut self.stopping else { return };
        let ranks = self.services.values().map(ServiceDir::stop_rank);
        let Some(next) = ranks.filter(|rank| *rank < stopping.told).max() else { return };
        stopping.told = next;
        self.set_next_at(now);
        let is_next = |it: &&mut ServiceDir| it.stop_rank() == next;
        for service in self.services.values_mut().filter(is_next) {
            service.ask(ServicePart::Main, Op::StopExit, &mut self.context);
        }
    }

    /// Those that are told now have the time that is left, divided by the ranks that are left.
    fn set_next_at(&mut self, now: Duration) {
        let Some(Stopping { told, kill_at, .. }) = self.stopping else { return };
        let mut ranks: Vec<u32> = self.services.values().map(ServiceDir::stop_rank).collect();
        ranks.retain(|rank| *rank < told);
        ranks.sort_unstable();
        ranks.dedup();
        let waiting = u32::try_from(ranks.len()).unwrap_or(u32::MAX);
        let share = kill_at.map(|at| at.saturating_sub(now) / waiting.saturating_add(1));
        let next_at = share.filter(|_| waiting > 0).map(|share| now.saturating_add(share));
        if let Some(stopping) = &mut self.stopping {
            stopping.next_at = next_at;
        }
    }

    /// Does what is due.
    pub(super) fn go_on_stopping(&mut self, now: Duration) {
        if self.stopping.and_then(|it| it.next_at).is_some_and(|at| at <= now) {
            self.lower(now);
        }
        let Some(stopping) = &mut self.stopping else { return };
        if stopping.kill_at.is_some_and(|at| at <= now) {
            let again = std::mem::replace(&mut stopping.again, true);
            stopping.kill_at = Some(now.saturating_add(KILL_AGAIN));
            // What was asked to be up after all goes on.
            for service in self.services.values_mut().filter(|it| it.wants_exit()) {
                service.kill(again, &mut self.context);
            }
        }
    }
}
