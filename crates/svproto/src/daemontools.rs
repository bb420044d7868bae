//! `supervise/status` as `supervise` of daemontools 0.76 writes it: 18 bytes, replaced by rename.
//!
//! | bytes  | field  | encoding                                        |
//! |--------|--------|-------------------------------------------------|
//! | 0..12  | since  | TAI64N label, [`Scale::Fixed`]; last change of pid |
//! | 12..16 | pid    | little-endian `u32`, 0 for none                 |
//! | 16     | paused | 0 or 1; 0 without a pid                         |
//! | 17     | want   | `u`, `d`, or 0 for "once"                       |
//!
//! For up to a second after a start the record may call a zombie up: `supervise` naps before it
//! looks for its child.
//!
//! Source: `pidchange` and `announce` in `supervise.c`, daemontools 0.76; records captured from
//! Debian's 0.76-8.1, 0.76-14 and 0.76-15.

use crate::{
    Facts, LastExit, Phase, Pid, Readiness, Stage, Tai64n, Want,
    bytes::{field, record_of_bytes},
    tai::Scale,
};

record_of_bytes! {
    /// A daemontools status record. Any 18 bytes are one; unknown values survive a round trip.
    DaemontoolsRecord: 18
}

impl DaemontoolsRecord {
    /// A record from its fields, for a program that supervises.
    ///
    /// ```
    /// use svproto::{State, Tai64n, Want, daemontools::DaemontoolsRecord};
    ///
    /// let record = DaemontoolsRecord::new(Tai64n::default(), None, false, Want::Down);
    /// assert_eq!(record.facts().state(), State::Down);
    /// assert_eq!(record.as_bytes().len(), DaemontoolsRecord::LEN);
    /// ```
    #[must_use]
    pub const fn new(since: Tai64n, pid: Option<Pid>, paused: bool, want: Want) -> Self {
        let mut bytes = [0; Self::LEN];
        crate::bytes::put::<0, 12, 18>(&mut bytes, since.to_bytes());
        crate::bytes::put::<12, 4, 18>(&mut bytes, raw_pid(pid).to_le_bytes());
        crate::bytes::put::<16, 2, 18>(&mut bytes, [paused as u8, want_byte(want)]);
        Self(bytes)
    }

    /// The label of the last change of pid.
    #[must_use]
    pub const fn since(&self) -> Tai64n {
        Tai64n::from_bytes(field::<0, 12, 18>(&self.0))
    }

    /// The number in the pid field; 0 for none.
    #[must_use]
    pub const fn raw_pid(&self) -> u32 {
        u32::from_le_bytes(field::<12, 4, 18>(&self.0))
    }

    /// What was asked for.
    #[must_use]
    pub const fn want(&self) -> Want {
        let [.., want] = self.0;
        decode_want(want)
    }

    /// Whether a pause was asked for.
    #[must_use]
    pub const fn paused(&self) -> bool {
        let [.., paused, _] = self.0;
        paused != 0
    }

    /// The record in the terms shared by all dialects.
    ///
    /// `d` always sends SIGTERM and "once" has a byte of its own, so a process that is not wanted
    /// is one that was told to stop.
    #[must_use]
    pub const fn facts(&self) -> Facts {
        let up = self.raw_pid() != 0;
        let want = self.want();
        Facts {
            phase: if up { Phase::Up } else { Phase::Down },
            stage: if up && matches!(want, Want::Down) {
                Stage::Stopping
            } else {
                Stage::NotReported
            },
            want: Some(want),
            pid: Pid::new(self.raw_pid() as u64),
            finish_pid: None,
            paused: Some(self.paused()),
            got_term: None,
            since: self.since().unix(Scale::Fixed),
            readiness: Readiness::NotReported,
            last_exit: LastExit::NotReported,
        }
    }
}

pub(crate) const fn decode_want(byte: u8) -> Want {
    match byte {
        b'u' => Want::Up,
        b'd' => Want::Down,
        0 => Want::Once,
        other => Want::Unknown(other),
    }
}

pub(crate) const fn want_byte(want: Want) -> u8 {
    match want {
        Want::Up => b'u',
        Want::Down => b'd',
        Want::Once => 0,
        Want::Unknown(byte) => byte,
    }
}

pub(crate) const fn raw_pid(pid: Option<Pid>) -> u32 {
    match pid {
        Some(pid) => pid.get(),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;

    /// Written by supervise 0.76 after `svc -o` on a service running `sleep 1000`.
    const ONCE: [u8; 18] = *b"\x40\0\0\0\x6b\x03\x71\xff\x28\xda\x69\x84\x7f\x3b\0\0\0\0";

    #[test]
    fn once_is_up_and_wants_neither_up_nor_down() {
        let status = DaemontoolsRecord::from_bytes(ONCE).facts();
        assert_eq!((status.state(), status.want), (State::Up, Some(Want::Once)));
    }

    #[test]
    fn once_that_ended_is_exited() {
        let record = DaemontoolsRecord::from_bytes(ONCE);
        let ended = DaemontoolsRecord::new(record.since(), None, false, Want::Once);
        assert_eq!(ended.facts().state(), State::Exited);
    }

    #[test]
    fn a_record_made_of_its_fields_is_the_same_record() {
        let record = DaemontoolsRecord::from_bytes(ONCE);
        let again = DaemontoolsRecord::new(
            record.since(),
            record.facts().pid,
            record.paused(),
            record.want(),
        );
        assert_eq!(again, record);
    }
}
