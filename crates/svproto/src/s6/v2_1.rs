//! The record of s6 2.1: 26 bytes, the one of 2.0 and the wait status.
//!
//! | bytes  | field       | encoding                                     |
//! |--------|-------------|----------------------------------------------|
//! | 0..18  |             | as in [`super::v2_0`]                        |
//! | 18..26 | wait status | `u64` of the last death of `run`             |
//!
//! A wait status has 16 bits, so the six bytes that are always 0 show in which order the rest was
//! written; both orders are read.
//!
//! Source: `s6-supervise.h` and `s6_svstatus_pack` of s6 2.1; read, never met in practice.

use super::{Fields, v2_0};
use crate::bytes::{field, put, record_of_bytes};

record_of_bytes! {
    /// A status record of s6 2.1. Any 26 bytes are one.
    Record: 26
}

impl Record {
    /// A record from that of 2.0 and a wait status, written little-endian as the pid is.
    #[must_use]
    pub const fn new(head: v2_0::Record, wait_status: u16) -> Self {
        let mut bytes = [0; Self::LEN];
        put::<0, 18, 26>(&mut bytes, *head.as_bytes());
        put::<18, 8, 26>(&mut bytes, (wait_status as u64).to_le_bytes());
        Self(bytes)
    }

    pub(super) const fn fields(&self) -> Fields {
        let wait_status = match field::<18, 8, 26>(&self.0) {
            [0, 0, 0, 0, 0, 0, high, low] | [low, high, 0, 0, 0, 0, 0, 0] => {
                Some(u16::from_be_bytes([high, low]))
            }
            _ => None,
        };
        let common = v2_0::Record::from_bytes(field::<0, 18, 26>(&self.0)).fields();
        Fields { wait_status, ..common }
    }
}
