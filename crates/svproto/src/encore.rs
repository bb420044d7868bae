//! `supervise/status` as `supervise` of daemontools-encore writes it: 20 bytes, or 40 where the
//! service has an executable file `log`; rewritten **in place**, so it can be caught half written,
//! and empty while the supervisor starts.
//!
//! | bytes  | field  | encoding                                              |
//! |--------|--------|-------------------------------------------------------|
//! | 0..18  |        | as in [`crate::daemontools`]                          |
//! | 18     | stage  | 0 stopped, 1 starting, 2 started, 3 running, 4 stopping, 5 failed |
//! | 19     | spare  | 0                                                     |
//! | 20..40 | logger | the same again, for the log service                   |
//!
//! While the `stop` script runs the record holds its pid and stage 0; after a kill with an exit
//! pending it holds no pid and stage 3.
//!
//! Source: `svpath.h`, `supervise.c` and `svstatus_get` of daemontools-encore 1.11; captured
//! records.

use crate::{
    Facts, LastExit, Phase, Pid, Readiness, Stage, Tai64n, Want,
    bytes::{field, put, record_of_bytes},
    daemontools::{DaemontoolsRecord, raw_pid, want_byte},
    tai::Scale,
};

record_of_bytes! {
    /// A daemontools-encore status record of one service. Any 20 bytes are one.
    EncoreRecord: 20
}

/// What encore calls the status: byte 18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncoreStage {
    /// No process, or that of the `stop` script.
    Stopped,
    /// The `start` script runs.
    Starting,
    /// `start` is done and there is no `run`: up without a process.
    Started,
    /// `run` has a process.
    Running,
    /// `run` was told to end.
    Stopping,
    /// Exited with 100, or `start` failed; not started again.
    Failed,
    /// A value this version does not know.
    Unknown(u8),
}

/// encore's own word, as `svstat` prints it; `unknown` for what this version does not know.
impl core::fmt::Display for EncoreStage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
            Self::Unknown(_) => "unknown",
        })
    }
}

impl EncoreStage {
    const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Stopped,
            1 => Self::Starting,
            2 => Self::Started,
            3 => Self::Running,
            4 => Self::Stopping,
            5 => Self::Failed,
            other => Self::Unknown(other),
        }
    }

    const fn to_byte(self) -> u8 {
        match self {
            Self::Stopped => 0,
            Self::Starting => 1,
            Self::Started => 2,
            Self::Running => 3,
            Self::Stopping => 4,
            Self::Failed => 5,
            Self::Unknown(byte) => byte,
        }
    }
}

impl EncoreRecord {
    /// A record from its fields, for a program that supervises.
    #[must_use]
    pub const fn new(
        since: Tai64n,
        pid: Option<Pid>,
        paused: bool,
        want: Want,
        stage: EncoreStage,
    ) -> Self {
        let mut bytes = [0; Self::LEN];
        put::<0, 12, 20>(&mut bytes, since.to_bytes());
        put::<12, 4, 20>(&mut bytes, raw_pid(pid).to_le_bytes());
        put::<16, 4, 20>(&mut bytes, [paused as u8, want_byte(want), stage.to_byte(), 0]);
        Self(bytes)
    }

    /// The label of the last change of pid.
    #[must_use]
    pub const fn since(&self) -> Tai64n {
        self.common().since()
    }

    /// The number in the pid field; 0 for none.
    #[must_use]
    pub const fn raw_pid(&self) -> u32 {
        self.common().raw_pid()
    }

    /// What encore calls the status.
    #[must_use]
    pub const fn stage(&self) -> EncoreStage {
        let [.., stage, _] = self.0;
        EncoreStage::from_byte(stage)
    }

    /// The first 18 bytes, which are daemontools' record.
    const fn common(&self) -> DaemontoolsRecord {
        DaemontoolsRecord::from_bytes(field::<0, 18, 20>(&self.0))
    }

    /// The record in the terms shared by all dialects.
    #[must_use]
    pub const fn facts(&self) -> Facts {
        let common = self.common();
        let process = Pid::new(common.raw_pid() as u64);
        let has_pid = common.raw_pid() != 0;
        let (phase, stage) = match (self.stage(), has_pid) {
            (EncoreStage::Stopped, true) => (Phase::Finish, Stage::Stopping),
            (EncoreStage::Stopped, false) => (Phase::Down, Stage::NotReported),
            (EncoreStage::Starting, _) => (Phase::Up, Stage::Starting),
            (EncoreStage::Started, _) | (EncoreStage::Running, true) => {
                (Phase::Up, Stage::NotReported)
            }
            (EncoreStage::Running | EncoreStage::Stopping, false) => {
                (Phase::Down, Stage::NotReported)
            }
            (EncoreStage::Stopping, true) => (Phase::Up, Stage::Stopping),
            (EncoreStage::Failed, _) => (Phase::Down, Stage::Failed),
            (EncoreStage::Unknown(byte), _) => (Phase::Unknown(byte), Stage::NotReported),
        };
        let finishing = matches!(phase, Phase::Finish);
        Facts {
            phase,
            stage,
            want: Some(common.want()),
            pid: if finishing { None } else { process },
            finish_pid: if finishing { process } else { None },
            paused: Some(common.paused()),
            got_term: None,
            since: common.since().unix(Scale::Fixed),
            readiness: Readiness::NotReported,
            last_exit: LastExit::NotReported,
        }
    }
}

record_of_bytes! {
    /// Two encore records, of a service and its logger. Any 40 bytes are one.
    EncorePairRecord: 40
}

impl EncorePairRecord {
    /// The pair, main service first.
    #[must_use]
    pub const fn new(main: EncoreRecord, log: EncoreRecord) -> Self {
        let mut bytes = [0; Self::LEN];
        put::<0, 20, 40>(&mut bytes, main.0);
        put::<20, 20, 40>(&mut bytes, log.0);
        Self(bytes)
    }

    /// The service's own record.
    #[must_use]
    pub const fn main(&self) -> EncoreRecord {
        EncoreRecord(field::<0, 20, 40>(&self.0))
    }

    /// The logger's record.
    #[must_use]
    pub const fn log(&self) -> EncoreRecord {
        EncoreRecord(field::<20, 20, 40>(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;

    /// Written by supervise of daemontools-encore 1.11 while the stop script ran.
    const STOP_SCRIPT: [u8; 20] =
        *b"\x40\0\0\0\x6b\x03\x7e\x3c\x2b\xae\x07\x9c\x72\x54\0\0\0\x64\0\0";

    #[test]
    fn the_stop_script_is_not_the_service() {
        let status = EncoreRecord::from_bytes(STOP_SCRIPT).facts();
        assert_eq!((status.state(), status.pid), (State::Finishing, None));
        assert_eq!(status.finish_pid.map(Pid::get), Some(21618));
    }

    #[test]
    fn a_record_made_of_its_fields_is_the_same_record() {
        let record = EncoreRecord::from_bytes(STOP_SCRIPT);
        let pid = Pid::new(record.raw_pid().into());
        let again = EncoreRecord::new(record.since(), pid, false, Want::Down, record.stage());
        assert_eq!(again, record);
        let pair = EncorePairRecord::new(record, again);
        assert_eq!((pair.main(), pair.log()), (record, again));
    }

    #[test]
    fn every_stage_with_and_without_a_process_has_a_state() {
        let state = |stage: u8, pid: u8| {
            let mut bytes = STOP_SCRIPT;
            [bytes[12], bytes[13], bytes[17], bytes[18]] = [pid, 0, b'u', stage];
            EncoreRecord::from_bytes(bytes).facts().state()
        };
        let words: std::vec::Vec<_> =
            (0..=6).map(|stage| (state(stage, 0), state(stage, 9))).collect();
        assert_eq!(
            words,
            [
                (State::Backoff, State::Finishing),
                (State::Starting, State::Starting),
                (State::Up, State::Up),
                (State::Backoff, State::Up),
                (State::Backoff, State::Stopping),
                (State::Failed, State::Failed),
                (State::Unknown, State::Unknown),
            ]
        );
    }
}
