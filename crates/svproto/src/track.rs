//! What changed: the part of watching that needs no files and no clock.

use crate::Reading;

/// Something worth telling, and the reading that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TrackerEvent {
    /// What is new.
    pub change: Change,
    /// The reading.
    pub reading: Reading,
}

/// Kinds of news about one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Change {
    /// The first reading.
    Snapshot,
    /// The status differs from the last one.
    Changed,
    /// A supervisor holds the directory again.
    Supervised,
    /// The supervisor is gone; whatever the record still says is stale.
    Unsupervised,
}

crate::words!(Change, "change":
    Snapshot "snapshot",
    Changed "changed",
    Supervised "supervised",
    Unsupervised "unsupervised",
);

/// Turns readings into events. Feed it every reading; it drops those that say nothing new, and
/// that is all the debouncing there is.
///
/// The blocking and the async drivers in `svclient` share this value; tests drive it with literals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracker {
    last: Option<Reading>,
}

impl Tracker {
    /// A tracker that has seen nothing: its first reading is a snapshot.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// Takes one reading; `None` if it says nothing new.
    ///
    /// A supervisor without a record yet is not worth an event of its own: the record follows
    /// within milliseconds and is then the news.
    ///
    /// ```
    /// use svproto::{Reading, track::{Change, Tracker}};
    ///
    /// let mut tracker = Tracker::new();
    /// let mut tell = |reading| tracker.observe(reading).map(|event| event.change);
    /// assert_eq!(tell(Reading::Unsupervised), Some(Change::Snapshot));
    /// assert_eq!(tell(Reading::Unsupervised), None, "nothing new");
    /// ```
    pub fn observe(&mut self, reading: Reading) -> Option<TrackerEvent> {
        let change = match (self.last, reading) {
            (None, _) => Change::Snapshot,
            (Some(last), now) if last == now => return None,
            (Some(_), Reading::Unsupervised) => Change::Unsupervised,
            (Some(_), Reading::NotYet) => return None,
            (Some(Reading::Unsupervised | Reading::NotYet), Reading::Record(_)) => {
                Change::Supervised
            }
            (Some(Reading::Record(_)), Reading::Record(_)) => Change::Changed,
        };
        self.last = Some(reading);
        Some(TrackerEvent { change, reading })
    }

    /// The last reading that made an event.
    #[must_use]
    pub const fn last(&self) -> Option<Reading> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, Record};

    fn reading(pid: u8) -> Reading {
        let mut bytes = [0; 20];
        [bytes[0], bytes[12], bytes[17], bytes[19]] = [0x40, pid, b'u', 1];
        Reading::Record(Record::from_bytes(Dialect::Runit, &bytes).unwrap().facts())
    }

    #[track_caller]
    fn check(readings: &[Reading], expected: &[Change]) {
        let mut tracker = Tracker::new();
        let changes: std::vec::Vec<_> = readings
            .iter()
            .filter_map(|&reading| tracker.observe(reading).map(|event| event.change))
            .collect();
        assert_eq!(changes, expected);
    }

    #[test]
    fn the_last_reading_that_was_told_is_kept() {
        let mut tracker = Tracker::new();
        assert_eq!(tracker.last(), None);
        for told in [reading(1), reading(1), Reading::NotYet] {
            let _news = tracker.observe(told);
            assert_eq!(tracker.last(), Some(reading(1)));
        }
    }

    #[test]
    fn the_same_reading_twice_is_one_event() {
        check(
            &[reading(1), reading(1), reading(2), reading(2)],
            &[Change::Snapshot, Change::Changed],
        );
    }

    #[test]
    fn the_end_and_the_return_of_a_supervisor_are_events() {
        check(
            &[reading(1), Reading::Unsupervised, Reading::Unsupervised, reading(1), reading(2)],
            &[Change::Snapshot, Change::Unsupervised, Change::Supervised, Change::Changed],
        );
    }

    #[test]
    fn a_supervisor_without_a_record_is_news_only_at_first() {
        check(&[Reading::NotYet, reading(1)], &[Change::Snapshot, Change::Supervised]);
        check(
            &[Reading::Unsupervised, Reading::NotYet, reading(1)],
            &[Change::Snapshot, Change::Supervised],
        );
        check(&[reading(1), Reading::NotYet, reading(1)], &[Change::Snapshot]);
    }
}
