//! The record of s6 2.0: 18 bytes, the length of daemontools' but with flags of its own.
//!
//! | bytes  | field | encoding                                |
//! |--------|-------|-----------------------------------------|
//! | 0..12  | since | TAI64N label, leap seconds counted      |
//! | 12..16 | pid   | little-endian `u32`, 0 for none         |
//! | 16     | flags | 1 paused, 2 finishing                   |
//! | 17     | want  | `u`, `d`, or 0 for neither              |
//!
//! Source: `s6_svstatus_pack` of s6 2.0; read, never met in practice.

use super::Fields;
use crate::{
    Pid, Tai64n, Want,
    bytes::{field, put, record_of_bytes},
    daemontools::{decode_want, raw_pid, want_byte},
};

record_of_bytes! {
    /// A status record of s6 2.0. Any 18 bytes are one.
    Record: 18
}

impl Record {
    /// A record from its fields; `want` as `u`, `d` or 0.
    #[must_use]
    pub const fn new(
        since: Tai64n,
        pid: Option<Pid>,
        paused: bool,
        finishing: bool,
        want: Want,
    ) -> Self {
        let mut bytes = [0; Self::LEN];
        put::<0, 12, 18>(&mut bytes, since.to_bytes());
        put::<12, 4, 18>(&mut bytes, raw_pid(pid).to_le_bytes());
        let flags = paused as u8 | (finishing as u8) << 1;
        put::<16, 2, 18>(&mut bytes, [flags, want_byte(want)]);
        Self(bytes)
    }

    pub(super) const fn fields(&self) -> Fields {
        let [.., flags, want] = self.0;
        Fields {
            since: Tai64n::from_bytes(field::<0, 12, 18>(&self.0)),
            ready_since: None,
            pid: u32::from_le_bytes(field::<12, 4, 18>(&self.0)) as u64,
            wait_status: None,
            paused: flags & 1 != 0,
            finishing: flags & 2 != 0,
            want: decode_want(want),
            ready: false,
        }
    }
}
