//! How long a call with a deadline may go on after it.

use std::time::{Duration, Instant};

/// A caller that gives no time at all wants everything looked at and asked once. What takes longer than this
/// breaks the promise of a deadline.
const GRACE: Duration = Duration::from_millis(100);

/// When to stop, whatever there is still to be looked at: news that never end are no reason to go on.
pub(crate) fn at_the_latest(deadline: Instant) -> Instant {
    deadline.checked_add(GRACE).unwrap_or(deadline)
}
