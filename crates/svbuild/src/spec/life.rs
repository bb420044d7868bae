//! How a service ends.

use serde::{Deserialize, Serialize};

use super::{Signal, Time, setters};

/// `stop = { … }`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// `signal`; `TERM` if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// `kill_after`: SIGKILL follows after so long; never if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_after: Option<Time>,
    /// `group`: whether all its processes are ended, or the one that the supervisor started; as the
    /// supervisor has it if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<bool>,
}

impl Stop {
    /// By SIGTERM, and never by SIGKILL.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets the signal.
        signal: Signal => |it, signal| it.signal = Some(signal);
        /// Sets after how long SIGKILL follows.
        kill_after: Time => |it, time| it.kill_after = Some(time);
        /// Sets whether all its processes are ended.
        group: bool => |it, group| it.group = Some(group);
    }
}
