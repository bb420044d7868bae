//! The table against the observed alphabets, both ways.

use super::*;

#[test]
fn no_dialect_uses_one_byte_for_two_operations() {
    for dialect in Dialect::ALL {
        for byte in 0..=u8::MAX {
            let asks = TABLE.iter().filter(|row| row.bytes[dialect as usize] == [byte]);
            assert!(asks.count() <= 1, "{dialect} {}", char::from(byte));
        }
    }
}

#[test]
fn bytes_and_operations_go_both_ways() {
    for dialect in Dialect::ALL {
        for row in TABLE {
            if let [byte] = row.bytes[dialect as usize] {
                assert_eq!(Op::from_control_byte(dialect, *byte), Some(row.op), "{dialect}");
            }
        }
    }
}

/// The alphabets as observed: all 256 bytes were sent to every program.
#[test]
fn each_dialect_knows_its_own_alphabet_and_nothing_else() {
    let alphabet = |dialect| -> std::string::String {
        let known = |byte: &u8| Op::from_control_byte(dialect, *byte).is_some();
        (0..=u8::MAX).filter(known).map(char::from).collect()
    };
    assert_eq!(alphabet(Dialect::Runit), "12acdhikopqtux");
    assert_eq!(alphabet(Dialect::Daemontools), "12acdhikopqtux");
    assert_eq!(alphabet(Dialect::Encore), "+12=Lacdhiklopqtuwx");
    assert_eq!(alphabet(Dialect::S6), "12CDKOPQUabcdhiklopqrtuxy");
}

#[test]
fn exit_alone_leaves_the_service_be_and_runit_has_no_such_thing() {
    assert_eq!(Op::Exit.control_bytes(Dialect::S6, None), Ok(&b"x"[..]));
    assert!(Op::Exit.control_bytes(Dialect::Runit, None).is_err());
    assert_eq!(Op::StopExit.control_bytes(Dialect::Runit, None), Ok(&b"x"[..]));
    assert_eq!(Op::StopExit.control_bytes(Dialect::Daemontools, None), Ok(&b"dx"[..]));
    assert_eq!(Op::from_control_byte(Dialect::Runit, b'x'), Some(Op::StopExit));
}

#[test]
fn what_depends_on_the_version_is_refused_until_the_version_is_known() {
    let ask = |op: Op, dialect, version: Option<&str>| {
        let version = version.map(|text| text.parse().unwrap());
        op.control_bytes(dialect, version).map_err(|refused| refused.reason)
    };
    let first = Version([0, 76, 9, 0]);
    let (dt, s6) = (Dialect::Daemontools, Dialect::S6);
    assert_eq!(ask(Op::Quit, dt, None), Err(Refusal::VersionUnknown { first }));
    assert_eq!(ask(Op::Quit, dt, Some("1:0.76-8.1")), Err(Refusal::TooOld { first }));
    assert_eq!(ask(Op::Quit, dt, Some("1:0.76-14")), Ok(&b"q"[..]));
    assert_eq!(ask(Op::StayNoRestart, s6, Some("2.15.1.0")), Err(Refusal::Broken));
    assert_eq!(ask(Op::StayNoRestart, s6, Some("2.13.1.0")), Ok(&b"Q"[..]));
    assert_eq!(ask(Op::Up, s6, None), Ok(&b"u"[..]));
}

#[test]
fn every_operation_has_a_row_and_a_name_of_its_own() {
    for (at, row) in TABLE.iter().enumerate() {
        assert_eq!(row.op as usize, at);
        assert_eq!(row.op.name(), row.name);
        assert!(TABLE[..at].iter().all(|other| other.name != row.name));
    }
}

#[test]
fn what_is_common_is_asked_of_every_version_of_everybody_alike() {
    for op in Op::all() {
        let [first, others @ ..] = Dialect::ALL.map(|dialect| op.control_bytes(dialect, None).ok());
        let alike = first.is_some() && others.iter().all(|bytes| *bytes == first);
        assert_eq!(op.is_common(), alike, "{op}");
    }
    assert!(Op::Up.is_common() && !Op::Exit.is_common() && !Op::TryRestart.is_common());
}
