//! When a service is ready, and how long that may take.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap};

use super::{Time, Word, setters};

/// `ready = { … }`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// How it is known: one of `fd`, `notify`, `tcp`, `http` and `command`.
    pub check: ReadyCheck,
    /// `timeout`: how long it may take; as long as it likes if it is not given.
    pub timeout: Option<Time>,
}

/// How it is known that a service is ready.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadyCheck {
    /// `fd`: the service writes a line to this descriptor.
    Fd(u32),
    /// `notify`: the service, or a process that it has started, sends `READY=1` to `NOTIFY_SOCKET`.
    Notify,
    /// `tcp`: `HOST:PORT` takes a connection.
    Tcp(String),
    /// `http`: the URL answers with a status below 400.
    Http(String),
    /// `command`: the program exits with 0.
    Command(Vec<Word>),
}

impl Ready {
    /// Known in this way, in any time.
    #[must_use]
    pub const fn new(check: ReadyCheck) -> Self {
        Self { check, timeout: None }
    }

    setters! {
        /// Sets how long it may take.
        timeout: Time => |it, time| it.timeout = Some(time);
    }
}

impl From<ReadyCheck> for Ready {
    fn from(check: ReadyCheck) -> Self {
        Self::new(check)
    }
}

impl Serialize for Ready {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_map(None)?;
        match &self.check {
            ReadyCheck::Fd(fd) => table.serialize_entry("fd", fd)?,
            ReadyCheck::Notify => table.serialize_entry("notify", &true)?,
            ReadyCheck::Tcp(address) => table.serialize_entry("tcp", address)?,
            ReadyCheck::Http(url) => table.serialize_entry("http", url)?,
            ReadyCheck::Command(argv) => table.serialize_entry("command", argv)?,
        }
        if let Some(time) = &self.timeout {
            table.serialize_entry("timeout", time)?;
        }
        table.end()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Table {
    fd: Option<u32>,
    notify: Option<bool>,
    tcp: Option<String>,
    http: Option<String>,
    command: Option<Vec<Word>>,
    timeout: Option<Time>,
}

impl<'de> Deserialize<'de> for Ready {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table { fd, notify, tcp, http, command, timeout } = Table::deserialize(deserializer)?;
        if notify == Some(false) {
            return Err(D::Error::custom("`notify` is `true`, or it is left out"));
        }
        let ways = [
            fd.map(ReadyCheck::Fd),
            notify.map(|_| ReadyCheck::Notify),
            tcp.map(ReadyCheck::Tcp),
            http.map(ReadyCheck::Http),
            command.map(ReadyCheck::Command),
        ];
        let mut ways = ways.into_iter().flatten();
        match (ways.next(), ways.next()) {
            (Some(check), None) => Ok(Self { check, timeout }),
            _ => Err(D::Error::custom(
                "`ready` needs one of `fd`, `notify`, `tcp`, `http` and `command`, and takes no second",
            )),
        }
    }
}
