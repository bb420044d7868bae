//! What holds for all bytes, all moments and all sequences of readings.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use proptest::{array::uniform20, collection::vec, prelude::*};
use svproto::{
    Dialect, Now, Op, Reading, Record, Scale, Tai64n, UnixTime,
    goal::{Goal, Pursuit, Verdict},
    track::{Change, Tracker},
};

fn scale() -> impl Strategy<Value = Scale> {
    prop_oneof![Just(Scale::Fixed), Just(Scale::LeapSeconds)]
}

fn time() -> impl Strategy<Value = UnixTime> {
    let secs =
        prop_oneof![any::<i64>(), -100_000_000_000..100_000_000_000_i64, 0..2_000_000_000_i64];
    (secs, 0..1_000_000_000_u32).prop_map(|(secs, nanos)| UnixTime::new(secs, nanos).unwrap())
}

/// Readings as a watcher meets them: few distinct ones, so that repetitions and returns happen.
fn reading() -> impl Strategy<Value = Reading> {
    let status = uniform20(prop_oneof![Just(0_u8), Just(1), Just(b'u'), Just(b'd'), Just(0x40)]);
    prop_oneof![
        1 => Just(Reading::Unsupervised),
        1 => Just(Reading::NotYet),
        6 => status.prop_map(|bytes| {
            Reading::Record(Record::from_bytes(Dialect::Runit, &bytes).unwrap().facts())
        }),
    ]
}

proptest! {
    #[test]
    fn unix_time_survives_the_label(time in time(), scale in scale()) {
        if let Some(label) = Tai64n::from_unix(time, scale) {
            prop_assert_eq!(label.unix(scale), Some(time));
        }
    }

    #[test]
    fn a_label_survives_unix_time_but_for_inserted_seconds(
        label in uniform20(any::<u8>()), scale in scale()
    ) {
        let label = Tai64n::from_bytes(*label.first_chunk().unwrap());
        prop_assert_eq!(Tai64n::from_bytes(label.to_bytes()), label);
        if let Some(time) = label.unix(scale) {
            let again = Tai64n::from_unix(time, scale).unwrap();
            prop_assert!(again == label || again.secs == label.secs + 1);
        }
    }

    #[test]
    fn time_never_runs_backwards_through_the_leap_seconds(a in time(), b in time(), scale in scale()) {
        if let (Some(x), Some(y)) = (Tai64n::from_unix(a, scale), Tai64n::from_unix(b, scale)) {
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        }
        prop_assert!(a.elapsed(b) == Duration::ZERO || a < b);
    }

    #[test]
    fn a_record_is_its_bytes(bytes in vec(any::<u8>(), 0..64)) {
        for dialect in Dialect::ALL {
            match Record::from_bytes(dialect, &bytes) {
                Ok(record) => {
                    prop_assert_eq!(record.as_bytes(), &bytes[..]);
                    let status = record.facts();
                    prop_assert!(status.pid.is_none() || status.finish_pid.is_none());
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }

    /// No two events in a row say the same, the first is a snapshot and no other is, and the last
    /// one shows the last reading that counts.
    #[test]
    fn a_tracker_says_each_thing_once(readings in vec(reading(), 1..40)) {
        let mut tracker = Tracker::new();
        let events: Vec<_> = readings.iter().filter_map(|&r| tracker.observe(r)).collect();
        for pair in events.windows(2) {
            prop_assert_ne!(pair[0].reading, pair[1].reading);
        }
        for (at, event) in events.iter().enumerate() {
            prop_assert_eq!(event.change == Change::Snapshot, at == 0);
        }
        let last = readings.iter().rev().find(|&&r| r != Reading::NotYet);
        if let Some(&last) = last {
            prop_assert_eq!(events.last().unwrap().reading, last);
        }
    }

    /// A wait says the same of the same reading, and a goal that was reached stays reached.
    #[test]
    fn a_pursuit_is_steady(base in reading(), readings in vec(reading(), 1..20), which in 0..6_usize) {
        let goal = [Goal::Up, Goal::Ready, Goal::Down, Goal::Finished, Goal::Restarted, Goal::Gone];
        let op = [Some(Op::Up), None, Some(Op::Down), None, None, Some(Op::StopExit)];
        let mut pursuit = Pursuit::new(goal[which], op[which], base, Now::default());
        for reading in &readings {
            let verdict = pursuit.observe(reading, Now::default());
            if verdict == Verdict::Reached {
                prop_assert_eq!(pursuit.observe(reading, Now::default()), Verdict::Reached);
            }
            if *reading == Reading::Unsupervised {
                let gone = goal[which] == Goal::Gone;
                prop_assert_eq!(verdict == Verdict::Reached, gone);
            }
        }
    }
}
