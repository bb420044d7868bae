//! A moment, on the two clocks that matter.

use core::time::Duration;

use crate::UnixTime;

/// A moment on both clocks. Stamps of records are of the wall clock, which may be stepped; spans
/// are measured on one that never is.
///
/// ```
/// use std::time::Instant;
/// use svproto::Now;
/// # use svproto::UnixTime;
///
/// let begun = Instant::now();
/// # let wall = UnixTime::EPOCH;
/// let now = Now { wall, steady: begun.elapsed() }; // `wall: UnixTime::now()`, with feature `std`
/// # let _ = now;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock.
    pub wall: UnixTime,
    /// Time since any moment that stays the same while values are compared.
    pub steady: Duration,
}

/// The beginning of both.
impl Default for Now {
    fn default() -> Self {
        Self { wall: UnixTime::EPOCH, steady: Duration::ZERO }
    }
}
