//! The record of s6 2.13.0 to 2.13.2: 43 bytes, the only layout with the process group.
//!
//! | bytes  | field         | encoding                                            |
//! |--------|---------------|-----------------------------------------------------|
//! | 0..32  |               | as in [`super::v2_11`]                              |
//! | 32..40 | process group | big-endian `u64`, 0 when down                       |
//! | 40..42 | wait status   | big-endian `u16` of the last death of `run`         |
//! | 42     | flags         | as in [`super::v2_11::flag`]                        |
//!
//! Source: `s6_svstatus_pack` of s6 2.13.1; captured records.

use super::{Fields, v2_11};
use crate::{
    Pid, Tai64n,
    bytes::{field, put, record_of_bytes},
};

record_of_bytes! {
    /// A status record of s6 2.13. Any 43 bytes are one.
    Record: 43
}

impl Record {
    /// A record from its fields; `flags` as in [`v2_11::flag`].
    #[must_use]
    pub const fn new(
        since: Tai64n,
        ready_since: Tai64n,
        pid: Option<Pid>,
        process_group: Option<Pid>,
        wait_status: u16,
        flags: u8,
    ) -> Self {
        let head = v2_11::Record::new(since, ready_since, pid, 0, 0);
        let group = crate::daemontools::raw_pid(process_group) as u64;
        let mut bytes = [0; Self::LEN];
        put::<0, 32, 43>(&mut bytes, field::<0, 32, 35>(head.as_bytes()));
        put::<32, 8, 43>(&mut bytes, group.to_be_bytes());
        put::<40, 2, 43>(&mut bytes, wait_status.to_be_bytes());
        put::<42, 1, 43>(&mut bytes, [flags]);
        Self(bytes)
    }

    /// The flag byte; see [`v2_11::flag`].
    #[must_use]
    pub const fn flags(&self) -> u8 {
        let [.., flags] = self.0;
        flags
    }

    /// The number in the process group field; 0 for none.
    #[must_use]
    pub const fn process_group(&self) -> u64 {
        u64::from_be_bytes(field::<32, 8, 43>(&self.0))
    }

    pub(super) const fn fields(&self) -> Fields {
        v2_11::common_fields(
            field::<0, 12, 43>(&self.0),
            field::<12, 12, 43>(&self.0),
            field::<24, 8, 43>(&self.0),
            field::<40, 2, 43>(&self.0),
            self.flags(),
        )
    }
}
