//! The record of s6 2.11.0 to 2.12 and of 2.14.0 on, the current one: 35 bytes.
//!
//! | bytes  | field       | encoding                                              |
//! |--------|-------------|-------------------------------------------------------|
//! | 0..12  | since       | TAI64N label, leap seconds counted; last change between up and down |
//! | 12..24 | ready since | the same; meaningful while the ready bit is set       |
//! | 24..32 | pid         | big-endian `u64`, 0 for none; that of `finish` while it runs |
//! | 32..34 | wait status | big-endian `u16` of the last death of `run`; kept while it is up again |
//! | 34     | flags       | 1 paused, 2 finishing, 4 wants up, 8 ready            |
//!
//! From 2.13.2 on "paused" without a process means "never started".
//!
//! Source: `s6_svstatus_pack` of s6 2.11.3 and 2.15.1; captured records of both.

use super::Fields;
use crate::{
    Pid, Tai64n, Want,
    bytes::{field, put, record_of_bytes},
};

record_of_bytes! {
    /// A status record of s6 2.11, 2.12, and 2.14 on. Any 35 bytes are one.
    Record: 35
}

/// The flag byte and its bits; [`super::v2_13`] has the same.
pub mod flag {
    /// SIGSTOP was sent; without a process, never started (2.13.2 on).
    pub const PAUSED: u8 = 1;
    /// The pid is that of `finish`.
    pub const FINISHING: u8 = 1 << 1;
    /// Wanted up; clear for "down" and for "once".
    pub const WANT_UP: u8 = 1 << 2;
    /// Notified while up; finish is over while down.
    pub const READY: u8 = 1 << 3;
}

impl Record {
    /// A record from its fields, for a program that supervises; `flags` as in [`flag`].
    #[must_use]
    pub const fn new(
        since: Tai64n,
        ready_since: Tai64n,
        pid: Option<Pid>,
        wait_status: u16,
        flags: u8,
    ) -> Self {
        let mut bytes = [0; Self::LEN];
        let pid = crate::daemontools::raw_pid(pid) as u64;
        put::<0, 12, 35>(&mut bytes, since.to_bytes());
        put::<12, 12, 35>(&mut bytes, ready_since.to_bytes());
        put::<24, 8, 35>(&mut bytes, pid.to_be_bytes());
        put::<32, 2, 35>(&mut bytes, wait_status.to_be_bytes());
        put::<34, 1, 35>(&mut bytes, [flags]);
        Self(bytes)
    }

    /// The flag byte; see [`flag`].
    #[must_use]
    pub const fn flags(&self) -> u8 {
        let [.., flags] = self.0;
        flags
    }

    pub(super) const fn fields(&self) -> Fields {
        common_fields(
            field::<0, 12, 35>(&self.0),
            field::<12, 12, 35>(&self.0),
            field::<24, 8, 35>(&self.0),
            field::<32, 2, 35>(&self.0),
            self.flags(),
        )
    }
}

/// What this layout and [`super::v2_13`] have in common: everything but where it stands.
pub(super) const fn common_fields(
    since: [u8; 12],
    ready_since: [u8; 12],
    pid: [u8; 8],
    wait_status: [u8; 2],
    flags: u8,
) -> Fields {
    Fields {
        since: Tai64n::from_bytes(since),
        ready_since: Some(Tai64n::from_bytes(ready_since)),
        pid: u64::from_be_bytes(pid),
        wait_status: Some(u16::from_be_bytes(wait_status)),
        paused: flags & flag::PAUSED != 0,
        finishing: flags & flag::FINISHING != 0,
        want: if flags & flag::WANT_UP != 0 { Want::Up } else { Want::Down },
        ready: flags & flag::READY != 0,
    }
}
