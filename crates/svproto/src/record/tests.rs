//! All dialects over every byte and every length.

use std::vec;

use super::*;

/// Lengths that each dialect writes.
fn lengths(dialect: Dialect) -> &'static [usize] {
    match dialect {
        Dialect::Daemontools => &[18],
        Dialect::Encore => &[20, 40],
        Dialect::Runit => &[20],
        Dialect::S6 => &[18, 26, 35, 43],
    }
}

#[test]
fn every_value_of_every_byte_decodes_and_survives() {
    for dialect in Dialect::ALL {
        for &len in lengths(dialect) {
            for at in 0..len {
                for value in 0..=u8::MAX {
                    let mut bytes = vec![0x40; len];
                    bytes[at] = value;
                    let record = Record::from_bytes(dialect, &bytes).unwrap();
                    let _ = (record.facts().state(), record.check());
                    assert_eq!(record.as_bytes(), bytes);
                    assert_eq!(record.dialect(), dialect);
                }
            }
        }
    }
}

#[test]
fn any_other_length_is_an_error_that_names_it() {
    for dialect in Dialect::ALL {
        for len in 0..=64 {
            let result = Record::from_bytes(dialect, &vec![0; len]);
            let expected = DecodeError::Length { dialect, found: len };
            assert_eq!(result.err(), (!lengths(dialect).contains(&len)).then_some(expected));
        }
    }
}

#[test]
fn what_no_supervisor_writes_is_found_out() {
    let check = |bytes: [u8; 20]| Record::from_bytes(Dialect::Runit, &bytes).unwrap().check();
    let mut bytes = [0; 20];
    assert!(matches!(check(bytes), Err(DecodeError::Stamp { .. })));
    assert!(matches!(check([0xff; 20]), Err(DecodeError::Pid { .. })));
    bytes[0] = 0x40;
    assert_eq!(check(bytes), Ok(()));
    [bytes[12], bytes[15]] = [1, 0x80];
    assert_eq!(check(bytes), Err(DecodeError::Pid { dialect: Dialect::Runit, pid: 0x8000_0001 }));
    [bytes[15], bytes[8]] = [0, 0xff];
    assert!(matches!(check(bytes), Err(DecodeError::Stamp { .. })));
}

#[test]
fn a_length_is_a_records_if_somebody_writes_it() {
    let all = [0; 100];
    for len in 0..all.len() {
        let some = |dialect| Record::from_bytes(dialect, &all[..len]).is_ok();
        assert_eq!(Record::is_len(len), Dialect::ALL.into_iter().any(some), "{len}");
    }
}
