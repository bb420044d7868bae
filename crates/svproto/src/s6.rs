//! `supervise/status` as `s6-supervise` writes it, replaced by rename: five layouts so far.
//!
//! | s6                        | bytes | module    | what changed                                |
//! |---------------------------|-------|-----------|---------------------------------------------|
//! | 2.0                       | 18    | [`v2_0`]  | daemontools' length, own flags              |
//! | 2.1                       | 26    | [`v2_1`]  | the wait status                             |
//! | 2.2.0 to 2.10             | 35    | [`v2_2`]  | readiness, big-endian pid                   |
//! | 2.11.0 to 2.12, 2.14.0 on | 35    | [`v2_11`] | flag bits renumbered                        |
//! | 2.13.0 to 2.13.2          | 43    | [`v2_13`] | the process group                           |
//!
//! Two layouts share 35 bytes; [`S6Record::from_bytes`] tells them apart where the flags can.
//! Labels count leap seconds ([`Scale::LeapSeconds`]).
//!
//! Beside the record: the [`tally`] of deaths, and the letters of the [`event`] directory.

pub mod event;
pub mod rc;
pub mod tally;
pub mod v2_0;
pub mod v2_1;
pub mod v2_11;
pub mod v2_13;
pub mod v2_2;

use crate::{
    DecodeError, Dialect, Facts, LastExit, Phase, Pid, Readiness, Scale, Stage, Tai64n, Want,
};

/// An s6 status record of any layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum S6Record {
    /// s6 2.0: 18 bytes.
    V2_0(v2_0::Record),
    /// s6 2.1: 26 bytes.
    V2_1(v2_1::Record),
    /// s6 2.2 to 2.10: 35 bytes.
    V2_2(v2_2::Record),
    /// s6 2.11, 2.12, and 2.14 on: 35 bytes.
    V2_11(v2_11::Record),
    /// s6 2.13: 43 bytes.
    V2_13(v2_13::Record),
}

impl S6Record {
    /// Takes bytes as a record of the layout that has their length.
    ///
    /// 35 bytes are taken for the current layout unless their flags exclude it: the old one keeps
    /// "ready" in bit 4, which the current one always leaves 0. A service of s6 before 2.11 that is
    /// up and not ready has the flags 0x0c and reads as ready; a caller who knows that it runs such
    /// an s6 takes [`v2_2::Record`] itself.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Length`] for a length that s6 has never written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if let Ok(&bytes) = <&[u8; v2_11::Record::LEN]>::try_from(bytes) {
            let old = v2_2::Record::from_bytes(bytes);
            return Ok(if old.is_certainly_this_layout() {
                Self::V2_2(old)
            } else {
                Self::V2_11(v2_11::Record::from_bytes(bytes))
            });
        }
        if let Ok(&bytes) = <&[u8; v2_13::Record::LEN]>::try_from(bytes) {
            return Ok(Self::V2_13(v2_13::Record::from_bytes(bytes)));
        }
        if let Ok(&bytes) = <&[u8; v2_1::Record::LEN]>::try_from(bytes) {
            return Ok(Self::V2_1(v2_1::Record::from_bytes(bytes)));
        }
        match <&[u8; v2_0::Record::LEN]>::try_from(bytes) {
            Ok(&bytes) => Ok(Self::V2_0(v2_0::Record::from_bytes(bytes))),
            Err(_) => Err(DecodeError::Length { dialect: Dialect::S6, found: bytes.len() }),
        }
    }

    /// The bytes as they are on disk.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V2_0(record) => record.as_bytes(),
            Self::V2_1(record) => record.as_bytes(),
            Self::V2_2(record) => record.as_bytes(),
            Self::V2_11(record) => record.as_bytes(),
            Self::V2_13(record) => record.as_bytes(),
        }
    }

    /// The layout, in words.
    #[must_use]
    pub const fn layout(&self) -> &'static str {
        match self {
            Self::V2_0(_) => "s6 2.0",
            Self::V2_1(_) => "s6 2.1",
            Self::V2_2(_) => "s6 2.2 to 2.10",
            Self::V2_11(_) => "s6 2.11, 2.12, 2.14 and later",
            Self::V2_13(_) => "s6 2.13",
        }
    }

    /// The label of the last change between up and down.
    #[must_use]
    pub const fn since(&self) -> Tai64n {
        self.fields().since
    }

    /// The number in the pid field; 0 for none.
    #[must_use]
    pub const fn raw_pid(&self) -> u64 {
        self.fields().pid
    }

    /// The raw wait status of the last death of `run`; `None` before s6 2.1.
    #[must_use]
    pub const fn wait_status(&self) -> Option<u16> {
        self.fields().wait_status
    }

    /// The record in the terms shared by all dialects.
    #[must_use]
    pub const fn facts(&self) -> Facts {
        self.facts_on(Scale::LeapSeconds)
    }

    /// As [`S6Record::facts`], for an s6 whose skalibs was built for a system clock on TAI.
    #[must_use]
    pub const fn facts_on(&self, scale: Scale) -> Facts {
        self.fields().facts(scale)
    }

    const fn fields(&self) -> Fields {
        match self {
            Self::V2_0(record) => record.fields(),
            Self::V2_1(record) => record.fields(),
            Self::V2_2(record) => record.fields(),
            Self::V2_11(record) => record.fields(),
            Self::V2_13(record) => record.fields(),
        }
    }
}

/// What every layout says, in its own order and widths.
#[derive(Clone, Copy)]
struct Fields {
    since: Tai64n,
    /// Label of the last readiness; `None` where the layout has none.
    ready_since: Option<Tai64n>,
    pid: u64,
    wait_status: Option<u16>,
    paused: bool,
    finishing: bool,
    want: Want,
    /// The raw bit: notified while up, "finish is over" while down.
    ready: bool,
}

impl Fields {
    const fn facts(self, scale: Scale) -> Facts {
        let phase = match (self.pid, self.finishing) {
            (0, _) => Phase::Down,
            (_, true) => Phase::Finish,
            (_, false) => Phase::Up,
        };
        let up = matches!(phase, Phase::Up);
        // From 2.13.2 on, "paused" without a process marks a service that was never started.
        let not_started = matches!(phase, Phase::Down) && self.paused && !self.finishing;
        let process = Pid::new(self.pid);
        Facts {
            phase,
            stage: Stage::NotReported,
            want: Some(self.want),
            pid: if up { process } else { None },
            finish_pid: if matches!(phase, Phase::Finish) { process } else { None },
            paused: Some(self.paused && !matches!(phase, Phase::Down)),
            got_term: None,
            since: self.since.unix(scale),
            readiness: match self.ready_since {
                None => Readiness::NotReported,
                Some(label) if up && self.ready => Readiness::Ready { since: label.unix(scale) },
                Some(_) => Readiness::NotReady,
            },
            last_exit: match self.wait_status {
                _ if not_started => LastExit::NotStarted,
                None => LastExit::NotReported,
                // The status of the last death, which is 0 before the first one too.
                Some(0) if !matches!(phase, Phase::Down) => LastExit::NotReported,
                Some(raw) => LastExit::from_wait_status(raw),
            },
        }
    }
}

#[cfg(test)]
mod tests;
