//! The record of s6 2.2.0 to 2.10: 35 bytes, with the flags in their old order.
//!
//! | bytes  | field       | encoding                                              |
//! |--------|-------------|-------------------------------------------------------|
//! | 0..12  | since       | TAI64N label, leap seconds counted                    |
//! | 12..24 | ready since | the same; meaningful while the ready bit is set       |
//! | 24..32 | pid         | big-endian `u64`, 0 for none                          |
//! | 32..34 | wait status | big-endian `u16` of the last death of `run`           |
//! | 34     | flags       | 1 paused, 2 finishing, 4 wants something, 8 wants up, 16 ready, 32 throttled (2.7.1 on) |
//!
//! Source: `s6_svstatus_pack` and `s6_svstatus_unpack` of s6 2.2 to 2.10; read.

use super::{Fields, v2_11};
use crate::{
    Pid, Tai64n, Want,
    bytes::{field, record_of_bytes},
};

record_of_bytes! {
    /// A status record of s6 2.2 to 2.10. Any 35 bytes are one.
    Record: 35
}

/// The flag byte and its bits.
pub mod flag {
    /// SIGSTOP was sent.
    pub const PAUSED: u8 = 1;
    /// The pid is that of `finish`.
    pub const FINISHING: u8 = 1 << 1;
    /// Something is wanted; clear means "once".
    pub const WANT: u8 = 1 << 2;
    /// What is wanted is up.
    pub const WANT_UP: u8 = 1 << 3;
    /// Notified while up; finish is over while down.
    pub const READY: u8 = 1 << 4;
    /// Held back after too many deaths (2.7.1 on).
    pub const THROTTLED: u8 = 1 << 5;
}

impl Record {
    /// A record from its fields; `flags` as in [`flag`].
    #[must_use]
    pub const fn new(
        since: Tai64n,
        ready_since: Tai64n,
        pid: Option<Pid>,
        wait_status: u16,
        flags: u8,
    ) -> Self {
        // The two layouts of 35 bytes differ in the meaning of the flags alone.
        Self(*v2_11::Record::new(since, ready_since, pid, wait_status, flags).as_bytes())
    }

    /// The flag byte; see [`flag`].
    #[must_use]
    pub const fn flags(&self) -> u8 {
        let [.., flags] = self.0;
        flags
    }

    /// Whether the flags rule out the layout of s6 2.11, which shares the length: bits 4 and 5 are
    /// never set there, and no layout uses the two above them.
    pub(super) const fn is_certainly_this_layout(&self) -> bool {
        let flags = self.flags();
        flags & (flag::READY | flag::THROTTLED) != 0 && flags & 0xc0 == 0
    }

    pub(super) const fn fields(&self) -> Fields {
        let flags = self.flags();
        Fields {
            since: Tai64n::from_bytes(field::<0, 12, 35>(&self.0)),
            ready_since: Some(Tai64n::from_bytes(field::<12, 12, 35>(&self.0))),
            pid: u64::from_be_bytes(field::<24, 8, 35>(&self.0)),
            wait_status: Some(u16::from_be_bytes(field::<32, 2, 35>(&self.0))),
            paused: flags & flag::PAUSED != 0,
            finishing: flags & flag::FINISHING != 0,
            want: match (flags & flag::WANT != 0, flags & flag::WANT_UP != 0) {
                (true, true) => Want::Up,
                (true, false) => Want::Down,
                (false, _) => Want::Once,
            },
            ready: flags & flag::READY != 0,
        }
    }
}
