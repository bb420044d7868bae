//! The two clocks, read in one place.

use std::time::{Duration, Instant};

use svproto::UnixTime;

use super::machine::Now;

/// The wall's clock, and one that never steps.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock {
    pub(crate) fn now(&self) -> Now {
        Now { wall: wall(), steady: self.origin.elapsed() }
    }
}

/// Whole microseconds and 500 ns, which is what `runsv` writes.
fn wall() -> UnixTime {
    let now = UnixTime::now();
    UnixTime::new(now.secs(), now.nanos() / 1000 * 1000 + 500).unwrap_or(now)
}

/// How long to wait now for what is due then. Linux lets a `poll` take longer by a thousandth
/// (`fs/select.c`, `select_estimate_accuracy`), a millisecond for the second between two starts.
/// Who waits for long is woken a little early once, and waits again.
pub(crate) fn in_time(then: Duration, now: &Now) -> Duration {
    /// A thousandth of it is less than what Linux takes anyway (50 us).
    const SHORT: Duration = Duration::from_millis(20);
    let left = then.saturating_sub(now.steady);
    if left <= SHORT { left } else { left.saturating_sub(left / 512) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_long_is_woken_early_and_then_in_time() {
        let now = |steady| Now { wall: UnixTime::EPOCH, steady };
        for due in [1, 20, 1_000, 3_600_000].map(Duration::from_millis) {
            let mut steady = Duration::ZERO;
            let mut slack = Duration::ZERO;
            for turns in 0.. {
                assert!(turns < 5, "{due:?} takes {turns} turns");
                let wait = in_time(due, &now(steady));
                (steady, slack) = (steady + wait, wait / 1000);
                if steady == due {
                    break;
                }
                assert!(steady + slack < due, "{due:?} is missed");
            }
            assert!(slack <= Duration::from_micros(20), "{due:?} is late by {slack:?}");
        }
        assert_eq!(in_time(Duration::ZERO, &now(Duration::from_secs(1))), Duration::ZERO);
    }
}
