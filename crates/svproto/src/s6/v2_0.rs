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
    bytes::{field, put},
    daemontools::{decode_want, raw_pid, want_byte},
};

/// A status record of s6 2.0. Any 18 bytes are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record([u8; Record::LEN]);

impl Record {
    /// Bytes in a record.
    pub const LEN: usize = 18;

    /// Takes 18 bytes as a record; this cannot fail.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

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

    /// The bytes as they are on disk.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
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
