//! What follows an end: how long to rest, and whether another run follows at all.

use std::time::Duration;

use super::{CALM, Machine, Now, SECOND, Want};
use crate::embed::{event::Unwell, restarts::RestartRule};

impl Machine {
    /// How long to rest after this life.
    pub(super) fn weigh(&mut self, now: Now) {
        let lived = now.steady.saturating_sub(self.begun);
        let RestartRule { delay, longest_delay, .. } = self.policy.restart;
        let is_own = !self.told && self.want == Want::Up;
        let least = if lived < SECOND { SECOND } else { Duration::ZERO };
        let mut rest = delay.filter(|_| is_own).unwrap_or(least);
        let crashed = is_own && lived < CALM;
        self.crashes = if crashed { self.crashes.saturating_add(1) } else { 0 };
        if crashed {
            if let Some(longest) = longest_delay {
                let doubled = 2_u32.saturating_pow(self.crashes - 1);
                let first = delay.unwrap_or(SECOND);
                rest = rest.max(first.saturating_mul(doubled).min(longest));
            }
            self.delay = Some(rest);
        }
        self.rest(rest, now);
        if is_own {
            self.judge();
        }
    }

    /// Whether another run follows the one that has ended by itself.
    fn judge(&mut self) {
        let rule = self.policy.restart;
        let is_last = match self.unwell {
            // However it has ended then.
            Some(Unwell::Unanswered) => false,
            Some(Unwell::NotReady | Unwell::Silent) => !rule.starts_again_after_failure(),
            None => self.last_exit.is_some_and(|(exit, _)| !rule.starts_again_after(exit)),
        };
        let met = rule.limit.filter(|it| self.counted.leave_none_at(self.rest_until, *it));
        self.gave_up = met.filter(|_| !is_last);
        if is_last || self.gave_up.is_some() {
            self.want = Want::Down;
            self.delay = None;
        }
    }

    /// Whether it was the last run because of a failure.
    pub(super) fn has_failed(&self) -> bool {
        let rule = self.policy.restart;
        let is_failure = self.last_exit.is_some_and(|(exit, _)| !rule.is_success(exit));
        self.gave_up.is_some() || is_failure || self.unwell.is_some()
    }
}
