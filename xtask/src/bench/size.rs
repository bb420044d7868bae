//! How much is measured, by extent.

use std::time::Duration;

use super::Extent;

/// Rounds and sizes.
pub(super) struct Size {
    /// Services of `svctl status`.
    pub(super) listed: &'static [usize],
    /// Services of calls of the library.
    pub(super) many: &'static [usize],
    /// Services of a watch.
    pub(super) watched: &'static [usize],
    /// Rounds of what takes a millisecond or less.
    pub(super) rounds: usize,
    /// Rounds of a second or so.
    pub(super) starts: usize,
    /// How long nothing happens.
    pub(super) rest: Duration,
    /// Services of the embedded supervisor.
    pub(super) embedded: usize,
    pub(super) units: usize,
    /// Records that are published a few milliseconds apart.
    pub(super) published: usize,
    /// Seconds of each function: to warm up, and to measure; `None` where nothing is optimised.
    pub(super) criterion: Option<(f32, f32)>,
}

const FULL: Size = Size {
    listed: &[1, 10, 100, 1_000, 5_000, 10_000],
    many: &[10, 100, 1_000, 5_000, 10_000],
    watched: &[10, 100, 1_000, 10_000],
    rounds: 200,
    starts: 40,
    rest: Duration::from_secs(10),
    embedded: 1_000,
    units: 200,
    published: 400,
    criterion: Some((1.0, 2.0)),
};

const QUICK: Size = Size {
    listed: &[1, 100, 5_000],
    many: &[10, 100, 1_000],
    watched: &[1_000],
    rounds: 20,
    starts: 2,
    rest: Duration::from_secs(1),
    embedded: 100,
    units: 200,
    published: 50,
    criterion: Some((0.1, 0.3)),
};

const SMOKE: Size = Size {
    listed: &[1, 10],
    many: &[10],
    watched: &[10],
    rounds: 1,
    starts: 1,
    rest: Duration::from_secs(1),
    embedded: 10,
    units: 10,
    published: 10,
    criterion: None,
};

impl Size {
    pub(super) const fn of(extent: Extent) -> Self {
        match extent {
            Extent::Full => FULL,
            Extent::Quick => QUICK,
            Extent::Smoke => SMOKE,
        }
    }
}
