//! `supervise/status` as `runsv` of runit 2 writes it: 20 bytes, replaced by rename.
//!
//! | bytes  | field  | encoding                                                  |
//! |--------|--------|-----------------------------------------------------------|
//! | 0..12  | since  | TAI64N label, [`Scale::Fixed`]; start of `run`, or when it went down |
//! | 12..16 | pid    | little-endian `u32`, 0 for none; that of `finish` in phase 2 |
//! | 16     | paused | 0 or 1; may be 1 without a process                        |
//! | 17     | want   | `u`, or `d` for "down", "once" and "exit"                 |
//! | 18     | term   | 1 once `runsv` has sent SIGTERM, until the process dies   |
//! | 19     | phase  | 0 down, 1 run, 2 finish                                   |
//!
//! A `k` sets the phase to 0 at once: with a `control/k` that refuses, the record shows phase 0 and
//! a process that lives.
//!
//! Source: `update_status` in `runsv.c`, runit 2.1.2; the same bytes from 2.2.0 and 2.3.1.

use crate::{
    Facts, LastExit, Phase, Pid, Readiness, Stage, Tai64n, Want,
    bytes::{field, put, record_of_bytes},
    daemontools::raw_pid,
    tai::Scale,
};

record_of_bytes! {
    /// A runit status record. Any 20 bytes are one; unknown values survive a round trip.
    RunitRecord: 20
}

/// The fields of a record, for a program that supervises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunitFields {
    /// Start of `run`, or when the service went down.
    pub since: Tai64n,
    /// Process of `run`, or of `finish` in that phase.
    pub pid: Option<Pid>,
    /// A pause was asked for.
    pub paused: bool,
    /// `true` writes `u`, `false` writes `d`.
    pub want_up: bool,
    /// SIGTERM was sent.
    pub got_term: bool,
    /// Which script runs.
    pub phase: Phase,
}

impl RunitRecord {
    /// A record from its fields.
    #[must_use]
    pub const fn new(fields: RunitFields) -> Self {
        let phase = match fields.phase {
            Phase::Down => 0,
            Phase::Up => 1,
            Phase::Finish => 2,
            Phase::Unknown(byte) => byte,
        };
        let want = if fields.want_up { b'u' } else { b'd' };
        let mut bytes = [0; Self::LEN];
        put::<0, 12, 20>(&mut bytes, fields.since.to_bytes());
        put::<12, 4, 20>(&mut bytes, raw_pid(fields.pid).to_le_bytes());
        put::<16, 4, 20>(&mut bytes, [fields.paused as u8, want, fields.got_term as u8, phase]);
        Self(bytes)
    }

    /// The label of the start of `run`, or of when the service went down.
    #[must_use]
    pub const fn since(&self) -> Tai64n {
        Tai64n::from_bytes(field::<0, 12, 20>(&self.0))
    }

    /// The number in the pid field; 0 for none.
    #[must_use]
    pub const fn raw_pid(&self) -> u32 {
        u32::from_le_bytes(field::<12, 4, 20>(&self.0))
    }

    /// The record in the terms shared by all dialects.
    #[inline]
    #[must_use]
    pub const fn facts(&self) -> Facts {
        // The pattern covers all 20 bytes, so the compiler checks the arithmetic of the layout.
        let [label @ .., p0, p1, p2, p3, paused, want, term, phase] = self.0;
        let raw_pid = u32::from_le_bytes([p0, p1, p2, p3]);
        let process = Pid::new(raw_pid as u64);
        let phase = match phase {
            0 => Phase::Down,
            // "run" without a process is written by no version.
            1 if raw_pid != 0 => Phase::Up,
            // "finish" without a process is: between the death of `run` and the fork of `finish`.
            2 => Phase::Finish,
            other => Phase::Unknown(other),
        };
        let finishing = matches!(phase, Phase::Finish);
        Facts {
            phase,
            stage: Stage::NotReported,
            want: Some(match want {
                b'u' => Want::Up,
                b'd' => Want::Down,
                other => Want::Unknown(other),
            }),
            pid: if finishing { None } else { process },
            finish_pid: if finishing { process } else { None },
            paused: Some(paused != 0),
            got_term: Some(term != 0),
            since: Tai64n::from_bytes(label).unix(Scale::Fixed),
            readiness: Readiness::NotReported,
            last_exit: LastExit::NotReported,
        }
    }
}

#[cfg(test)]
mod tests;
