//! The two clocks, read in one place.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let secs = i64::try_from(since.as_secs()).unwrap_or_default();
    let nanos = since.subsec_micros() * 1000 + 500;
    UnixTime::new(secs, nanos).unwrap_or(UnixTime::EPOCH)
}

/// What is left until then.
pub(crate) fn until(then: Duration, now: &Now) -> Duration {
    then.saturating_sub(now.steady)
}
