//! What must hold for any bytes at all: the bodies of the fuzz targets, and of the tests beside them.
//!
//! `cargo +nightly fuzz run record` searches for counterexamples; `cargo test -p svproto-fuzz` runs
//! the same properties briefly on the captured records, on their mutations and on noise. Each
//! property panics where it does not hold.

#![allow(clippy::missing_panics_doc, reason = "a property panics where it does not hold")]

use svproto::{
    Dialect, Evidence, Op, Reading, Record, Scale, Tai64n, UnixTime,
    goal::{Goal, Pursuit},
    s6::tally::{Death, Tally},
    track::Tracker,
};

/// A property by its name, as the fuzz target is called.
pub type Property = fn(&[u8]);

/// Every property.
pub const ALL: [(&str, Property); 4] =
    [("record", record), ("evidence", evidence), ("time", time), ("watch", watch)];

/// Decoding then taking the bytes is identity; a second decoding says the same; nothing panics.
pub fn record(data: &[u8]) {
    for dialect in Dialect::ALL {
        let Ok(record) = Record::from_bytes(dialect, data) else { continue };
        assert_eq!(record.as_bytes(), data);
        assert_eq!(Record::from_bytes(dialect, record.as_bytes()), Ok(record));
        let status = record.status();
        assert!(status.pid.is_none() || status.finish_pid.is_none(), "{status:?}");
        if record.check().is_ok() {
            assert!(status.since.is_some(), "{status:?}");
        }
        // Debug and Display reach every field.
        assert!(!format!("{record:?} {status:?} {}", status.state()).is_empty());
    }
    let deaths: Vec<_> = Tally::new(data).collect();
    assert_eq!(deaths.len(), data.len() / Death::LEN);
    let again: Vec<u8> = deaths.iter().flat_map(|death| *death.as_bytes()).collect();
    assert!(data.starts_with(&again));
}

/// A verdict on evidence depends on nothing but the evidence, and never on how long a record is
/// beyond what is known.
pub fn evidence(data: &[u8]) {
    let Some((&bits, rest)) = data.split_first() else { return };
    let bit = |at: u8| bits >> at & 1 != 0;
    let length = rest.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let of = |status_len| Evidence {
        ok: bit(0),
        stat: bit(1),
        death_tally: bit(2),
        event: bit(3),
        status_len,
    };
    let verdict = of(Some(length)).dialect();
    if length > Record::MAX_LEN as u64 {
        assert_eq!(verdict, of(None).dialect(), "{length}");
    }
    for &byte in rest {
        for dialect in Dialect::ALL {
            if let Some(op) = Op::from_control_byte(dialect, byte) {
                let asked = op.control_bytes(dialect, Some(svproto::Version([u16::MAX; 4])));
                assert_eq!(asked, Ok(&[byte][..]), "{dialect} {op}");
            }
        }
    }
}

/// Labels and moments convert into each other, in order, on both scales.
pub fn time(data: &[u8]) {
    let Some(bytes) = data.first_chunk() else { return };
    let label = Tai64n::from_bytes(*bytes);
    assert_eq!(label.to_bytes(), *bytes);
    for scale in [Scale::Fixed, Scale::LeapSeconds] {
        let Some(unix) = label.unix(scale) else { continue };
        let again = Tai64n::from_unix(unix, scale);
        // An inserted leap second shares its Unix time with the second after it.
        let next = Tai64n { secs: label.secs + 1, ..label };
        assert!(again == Some(label) || (scale == Scale::LeapSeconds && again == Some(next)));
        assert!(unix.saturating_add(unix.elapsed(UnixTime::EPOCH)) >= unix);
    }
}

/// Any sequence of readings gives a watch without repetitions and a wait without contradictions.
pub fn watch(data: &[u8]) {
    let mut tracker = Tracker::new();
    let mut last = None;
    let mut pursuit = None;
    for chunk in data.chunks(20) {
        let reading = match Record::from_bytes(Dialect::Runit, chunk) {
            Ok(record) => Reading::Status(record.status()),
            Err(_) if chunk.len() % 2 == 0 => Reading::Unsupervised,
            Err(_) => Reading::NotYet,
        };
        if let Some(event) = tracker.observe(reading) {
            assert_ne!(last, Some(event.reading));
            last = Some(event.reading);
        }
        let pursuit = pursuit.get_or_insert_with(|| Pursuit::new(Goal::Up, Some(Op::Up), reading));
        let verdict = pursuit.observe(&reading, UnixTime::EPOCH);
        assert_eq!(pursuit.observe(&reading, UnixTime::EPOCH), verdict);
    }
}
