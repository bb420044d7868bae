//! What must hold for any bytes at all: the bodies of the fuzz targets, and of the tests beside
//! them.
//!
//! `cargo +nightly fuzz run record` searches for counterexamples; `cargo test -p svproto-fuzz` runs
//! the same properties briefly on the captured records, on their mutations and on noise. Each
//! property panics where it does not hold.

#![allow(clippy::missing_panics_doc, reason = "a property panics where it does not hold")]

use svbuild::{Definitions, Error, Lossy, Options, Target};
use svproto::{
    Dialect, Evidence, Now, Op, Reading, Record, Scale, Tai64n, UnixTime,
    goal::{Goal, Pursuit},
    s6::tally::{Death, Tally},
    track::Tracker,
};

/// A property by its name, as the fuzz target is called.
pub type Property = fn(&[u8]);

/// Every property.
pub const ALL: [(&str, Property); 6] = [
    ("record", record),
    ("evidence", evidence),
    ("time", time),
    ("watch", watch),
    ("quote", quote),
    ("definition", definition),
];

/// Decoding then taking the bytes is identity; a second decoding says the same; nothing panics.
pub fn record(data: &[u8]) {
    for dialect in Dialect::ALL {
        let Ok(record) = Record::from_bytes(dialect, data) else { continue };
        assert_eq!(record.as_bytes(), data);
        assert_eq!(Record::from_bytes(dialect, record.as_bytes()), Ok(record));
        let status = record.facts();
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
            Ok(record) => Reading::Record(record.facts()),
            Err(_) if chunk.len() % 2 == 0 => Reading::Unsupervised,
            Err(_) => Reading::NotYet,
        };
        if let Some(event) = tracker.observe(reading) {
            assert_ne!(last, Some(event.reading));
            last = Some(event.reading);
        }
        let pursuit = pursuit
            .get_or_insert_with(|| Pursuit::new(Goal::Up, Some(Op::Up), reading, Now::default()));
        let verdict = pursuit.observe(&reading, Now::default());
        assert_eq!(pursuit.observe(&reading, Now::default()), verdict);
    }
}

/// A quoted word is one word again, for a reader of each language, and never two lines where a line
/// end would be the end of it.
pub fn quote(data: &[u8]) {
    use svbuild::quote::{envdir, execline, sh, systemd};
    if let Ok(quoted) = sh::quote(data) {
        assert_eq!(shlex::bytes::split(&quoted), Some(vec![data.to_vec()]));
    }
    if let Ok(quoted) = execline::quote(data) {
        let bare = quoted.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\""));
        let mut escaped = false;
        let mut word = Vec::new();
        for &byte in bare.unwrap_or(&quoted) {
            if byte == b'\\' && !escaped {
                escaped = true;
                continue;
            }
            assert!(escaped || byte != b'"', "the quotes end early");
            escaped = false;
            word.push(byte);
        }
        assert!(!escaped && word == data);
    }
    assert_eq!(sh::quote(data).is_err(), data.contains(&0));
    for line in [
        systemd::argument(data),
        systemd::program(data),
        systemd::assignment("A", data),
        systemd::plain(data),
        systemd::path(data),
    ] {
        let Ok(line) = line else { continue };
        assert!(!line.contains(['\n', '\r', '\0']), "{line:?}");
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        assert_eq!(backslashes % 2, 0, "{line:?} reaches into the next line");
        assert_eq!(line.matches('%').count() % 2, 0, "{line:?}");
    }
    if let Ok(content) = envdir::content(data) {
        assert_eq!(content.iter().position(|byte| *byte == b'\n'), Some(data.len()));
        assert_eq!(content.len(), data.len() + 1);
    }
}

/// A text is definitions or has findings in it; definitions are the same after a way through TOML,
/// and every target takes or refuses them.
pub fn definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let definitions = match Definitions::from_toml(text) {
        Ok(definitions) => definitions,
        Err(findings) => {
            assert!(!findings.0.is_empty());
            for finding in &findings.0 {
                assert!(!finding.message.is_empty());
                if let Some(span) = &finding.span {
                    assert!(text.get(span.bytes.clone()).is_some(), "{finding:?}");
                    assert!(span.line >= 1 && span.column >= 1);
                }
            }
            return;
        }
    };
    assert_eq!(definitions.check(), []);
    let again = definitions.to_toml().map(|text| Definitions::from_toml(&text));
    assert_eq!(again.as_ref().ok().and_then(|it| it.as_ref().ok()), Some(&definitions));
    for target in Target::ALL {
        let lossy = Options::new().lossy(Lossy::Commented);
        let strict = definitions.render(target, Options::default());
        match definitions.render(target, lossy) {
            Ok(plan) => match strict {
                Ok(strict) => assert_eq!(strict, plan),
                Err(error) => assert!(matches!(error, Error::Gaps(gaps) if gaps == plan.gaps)),
            },
            // What is about rights is never left out.
            Err(Error::Gaps(gaps)) => assert!(
                gaps.iter().all(|gap| gap.rights)
                    && matches!(strict, Err(Error::Gaps(all)) if gaps.iter().all(|gap| all.contains(gap)))
            ),
            Err(error) => assert!(matches!(error, Error::Unquotable { .. }), "{error}"),
        }
    }
}
