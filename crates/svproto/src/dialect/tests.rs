//! Evidence over all combinations; names.

use std::{string::ToString, vec::Vec};

use super::*;

/// Every combination of files with every length up to 64 and with no record.
fn all() -> impl Iterator<Item = Evidence> {
    let lengths = (0..=64).map(Some).chain([None]);
    lengths.flat_map(|status_len| {
        (0..16).map(move |bits| {
            let [ok, stat, death_tally, event] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            Evidence { ok, stat, death_tally, event, status_len }
        })
    })
}

#[test]
fn a_length_that_one_suite_alone_writes_decides() {
    for evidence in all() {
        let dialect = evidence.dialect();
        match evidence.status_len {
            Some(35 | 43) if evidence.event => {
                assert_eq!(dialect, Some(Dialect::S6), "{evidence:?}");
            }
            Some(40) if evidence.ok => assert_eq!(dialect, Some(Dialect::Encore), "{evidence:?}"),
            Some(18) if evidence.ok => {
                assert_eq!(dialect, Some(Dialect::Daemontools), "{evidence:?}");
            }
            Some(20) if evidence.stat => assert_eq!(dialect, Some(Dialect::Runit), "{evidence:?}"),
            _ => (),
        }
    }
}

#[test]
fn a_dialect_is_never_named_without_a_trace_of_its_own() {
    for evidence in all() {
        let s6_length = matches!(evidence.status_len, Some(35 | 43));
        match evidence.dialect() {
            Some(Dialect::Runit) => assert!(evidence.stat, "{evidence:?}"),
            Some(Dialect::Daemontools) => assert_eq!(evidence.status_len, Some(18), "{evidence:?}"),
            Some(Dialect::Encore) => {
                assert!(
                    evidence.ok && matches!(evidence.status_len, Some(20 | 40)),
                    "{evidence:?}"
                );
            }
            Some(Dialect::S6) => {
                assert!(s6_length || evidence.event || evidence.death_tally, "{evidence:?}");
            }
            None => assert!(!s6_length || evidence.ok, "{evidence:?}"),
        }
    }
}

/// Who looks for one file at a time may stop at these: nothing else changes the verdict.
#[test]
fn a_length_and_one_file_tell_whatever_else_there_is() {
    for evidence in all() {
        let (length, none) = (evidence.status_len, Evidence::default());
        let first = match length {
            Some(20) => Evidence { stat: evidence.stat, ..none },
            Some(18 | 40) => Evidence { ok: evidence.ok, ..none },
            Some(35 | 43) => Evidence { event: evidence.event, ..none },
            _ => none,
        };
        if first != none {
            let first = Evidence { status_len: length, ..first };
            assert_eq!(first.dialect(), evidence.dialect(), "{evidence:?}");
        }
    }
}

/// What each suite leaves when it is alone in the directory, and half-way there.
#[test]
fn each_suite_is_known_by_what_it_leaves() {
    let none = Evidence::default();
    let check =
        |evidence: Evidence, expected| assert_eq!(evidence.dialect(), expected, "{evidence:?}");
    check(none, None);
    check(Evidence { status_len: Some(20), ..none }, None);
    check(Evidence { stat: true, status_len: Some(20), ..none }, Some(Dialect::Runit));
    check(Evidence { ok: true, stat: true, status_len: Some(20), ..none }, Some(Dialect::Runit));
    check(Evidence { ok: true, stat: true, status_len: Some(7), ..none }, Some(Dialect::Runit));
    check(Evidence { ok: true, status_len: Some(18), ..none }, Some(Dialect::Daemontools));
    check(Evidence { status_len: Some(18), ..none }, Some(Dialect::Daemontools));
    check(Evidence { ok: true, stat: true, status_len: Some(35), ..none }, Some(Dialect::Runit));
    check(Evidence { ok: true, status_len: Some(35), ..none }, None);
    check(Evidence { status_len: Some(35), ..none }, Some(Dialect::S6));
    check(Evidence { ok: true, status_len: Some(20), ..none }, Some(Dialect::Encore));
    check(Evidence { ok: true, status_len: Some(40), ..none }, Some(Dialect::Encore));
    check(Evidence { ok: true, status_len: Some(0), ..none }, None);
    let s6 = Evidence { event: true, death_tally: true, ..none };
    check(Evidence { status_len: Some(35), ..s6 }, Some(Dialect::S6));
    check(Evidence { status_len: Some(43), ..s6 }, Some(Dialect::S6));
    check(Evidence { status_len: Some(26), ..s6 }, Some(Dialect::S6));
    check(Evidence { status_len: None, ..s6 }, Some(Dialect::S6));
    check(Evidence { event: true, status_len: Some(18), ..none }, Some(Dialect::S6));
}

/// Somebody switched suites; the record is that of whoever ran last.
#[test]
fn leftovers_of_another_suite_do_not_mislead() {
    let everything =
        Evidence { ok: true, stat: true, death_tally: true, event: true, status_len: None };
    let last = |status_len| Evidence { status_len: Some(status_len), ..everything }.dialect();
    assert_eq!(last(18), Some(Dialect::Daemontools));
    assert_eq!(last(20), Some(Dialect::Runit));
    assert_eq!(last(35), Some(Dialect::S6));
    assert_eq!(last(40), Some(Dialect::Encore));
    assert_eq!(everything.dialect(), None);
}

#[test]
fn names_read_back() {
    for dialect in Dialect::ALL {
        assert_eq!(dialect.name().parse(), Ok(dialect));
    }
    assert_eq!("daemontools-encore".parse(), Ok(Dialect::Encore));
    assert_eq!("systemd".parse::<Dialect>(), Err(UnknownDialect));
    let names: Vec<_> = Dialect::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["daemontools", "encore", "runit", "s6"]);
}
