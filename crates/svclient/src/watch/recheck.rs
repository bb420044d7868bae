//! Looking again after a contradiction: the only timer of a watch, and not one at rest.

use std::time::{Duration, Instant};

/// A look that is due although nothing new was heard: what was seen contradicts what was heard.
///
/// A supervisor that ends closes its lock first and `ok` microseconds later; one that starts
/// publishes its record first and opens `ok` microseconds later. Both are heard before they can be
/// seen, and nothing is heard afterwards.
#[derive(Clone, Copy)]
pub(super) struct Recheck {
    /// When to look.
    pub(super) at: Instant,
    pause: Duration,
}

impl Recheck {
    const FIRST: Duration = Duration::from_millis(1);
    /// After some two seconds of contradiction it is not a matter of microseconds.
    const LAST: Duration = Duration::from_secs(2);

    pub(super) fn start() -> Self {
        Self { at: Instant::now() + Self::FIRST, pause: Self::FIRST }
    }

    /// A look for its own sake, where nobody tells; `None` if that is beyond all time.
    pub(super) fn after(pause: Duration) -> Option<Self> {
        Some(Self { at: Instant::now().checked_add(pause)?, pause })
    }

    /// The next look, twice as far away; `None` once it is not worth it.
    pub(super) fn next(self) -> Option<Self> {
        let pause = self.pause * 2;
        (pause <= Self::LAST).then(|| Self { at: Instant::now() + pause, pause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contradiction_is_looked_at_a_dozen_times_and_then_let_go() {
        let looks = std::iter::successors(Some(Recheck::start()), |recheck| recheck.next());
        let pauses: Vec<_> = looks.map(|recheck| recheck.pause.as_millis()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]);
    }
}
