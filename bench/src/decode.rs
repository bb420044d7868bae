//! From the bytes of a record to what they mean.

use std::hint::black_box;

use svproto::{Dialect, Record, runit::RunitRecord};

use crate::{
    Fallible,
    rounds::{columns, in_turn},
    tree::running,
};

/// What the fields of runit's record are in plain Rust: no names, no checks beyond its length.
struct Plain {
    _secs: i64,
    _nanos: u32,
    _pid: u32,
    _paused: bool,
    _want: u8,
    _term: bool,
    _phase: u8,
}

fn plain(bytes: &[u8]) -> Option<Plain> {
    let bytes: &[u8; 20] = bytes.try_into().ok()?;
    let [s0, s1, s2, s3, s4, s5, s6, s7, n0, n1, n2, n3, rest @ ..] = *bytes;
    let [p0, p1, p2, p3, paused, want, term, phase] = rest;
    let label = u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
    Some(Plain {
        _secs: label.wrapping_sub((1 << 62) + 10).cast_signed(),
        _nanos: u32::from_be_bytes([n0, n1, n2, n3]),
        _pid: u32::from_le_bytes([p0, p1, p2, p3]),
        _paused: paused != 0,
        _want: want,
        _term: term != 0,
        _phase: phase,
    })
}

/// A record of runit, again and again, in picoseconds.
pub(crate) fn run(rounds: usize) -> Fallible {
    const TIMES: usize = 20_000;
    let bytes = running(Dialect::Runit)?;
    columns(&["floor", "ours", "any"]);
    // A thousandth of the number is divided by: what is printed are picoseconds.
    in_turn(
        rounds,
        TIMES / 1_000,
        &mut [
            &mut || {
                for _ in 0..TIMES {
                    black_box(plain(black_box(&bytes)));
                }
                Ok(())
            },
            &mut || {
                for _ in 0..TIMES {
                    let bytes: [u8; 20] = black_box(bytes.as_slice()).try_into()?;
                    black_box(RunitRecord::from_bytes(bytes).facts());
                }
                Ok(())
            },
            &mut || {
                for _ in 0..TIMES {
                    // What becomes of an error is the caller's.
                    if let Ok(record) = Record::from_bytes(Dialect::Runit, black_box(&bytes)) {
                        black_box(record.facts());
                    }
                }
                Ok(())
            },
        ],
    )
}
