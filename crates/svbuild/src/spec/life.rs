//! When a service is ready, how it ends, and whether it is started again.

use serde::{Deserialize, Serialize};

use super::{Signal, Time, Word, setters};

/// `ready = { … }`, with one of these.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadyCheck {
    /// `fd`: the service writes a line to this descriptor.
    Fd(u32),
    /// `tcp`: `HOST:PORT` takes a connection.
    Tcp(String),
    /// `http`: the URL answers with a status below 400.
    Http(String),
    /// `command`: the program exits with 0.
    Command(Vec<Word>),
}

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

/// `restart = "…"`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// After every end.
    #[default]
    Always,
    /// Not after an exit with 0.
    OnFailure,
    /// After none: every run is the last until the service is asked up again.
    Never,
}

svproto::words!(Restart, "rule for restarts":
    Always "always",
    OnFailure "on-failure",
    Never "never",
);

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
