//! One element of what a host prints: its JSON as it is, and what is read of it.

use std::path::PathBuf;

use serde::Deserialize;
use svcmgr::{Pid, State, Status, UnixTime, remote::Host};

use crate::{
    output::printable,
    view::{Log, View},
};

/// What is read of an element; whatever else is in it is left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    pub(super) service: Option<String>,
    path: Option<PathBuf>,
    url: Option<String>,
    log: Option<LogRow>,
    s6_rc: Option<String>,
    pub(super) error: Option<String>,
    pub(super) reason: Option<Reason>,
    pub(super) outcome: Option<String>,
    pub(super) took: Option<f64>,
    pub(super) says: Option<String>,
    pub(super) ok: Option<bool>,
    pub(super) complaints: Vec<String>,
    pub(super) event: Option<String>,
    pub(super) at: Option<String>,
    pub(super) line: Option<String>,
    #[serde(skip)]
    status: Option<Status>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum LogRow {
    Of {
        state: Option<String>,
        pid: Option<Pid>,
    },
    /// The directory of a log, in what `logs` prints.
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reason {
    pub(super) says: String,
    pub(super) remedy: Option<String>,
}

impl Row {
    /// `None` for what is no object, or has another type where one is read.
    pub(super) fn of(json: &str) -> Option<Self> {
        // An empty array would be a row of nothing.
        let row: Self = serde_json::from_str(json).ok().filter(|_| json.starts_with('{'))?;
        Some(Self { status: serde_json::from_str(json).ok(), ..row })
    }

    /// What a later command on the same host takes for it.
    pub(super) fn argument(&self) -> Option<String> {
        self.url.clone().or_else(|| self.service.clone())
    }

    /// As if it were of this machine.
    pub(super) fn view(&self) -> View<'_> {
        let name = self.service.as_deref().unwrap_or_default();
        let log = match &self.log {
            Some(LogRow::Of { state, pid }) => Some(Log {
                state: state.as_deref().map(|word| word.parse().unwrap_or(State::Unknown)),
                pid: *pid,
            }),
            _ => None,
        };
        View {
            shown: Some(printable(name)),
            path: self.path.as_deref().map(Into::into),
            status: self.status,
            log,
            s6_rc: self.s6_rc.as_deref().map(|word| word == "up"),
            error: self.error.as_deref().map(printable),
            at: UnixTime::now(),
            ..View::named(name)
        }
    }
}

/// An object with its host as the first field.
pub(super) fn with_host(host: &Host, object: &str) -> Option<String> {
    let rest = object.trim_start().strip_prefix('{')?;
    // Names of hosts have no character that JSON writes otherwise.
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    Some(format!("{{\"host\":\"{host}\"{comma}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_later_version_is_read_as_far_as_it_is_known() {
        let json = r#"{"service":"web","suite":"runit","supervised":true,"state":"up","pid":7,"log":{"state":"new-word","pid":null},"of_later":{}}"#;
        let row = Row::of(json).unwrap();
        let view = row.view();
        assert_eq!((view.state(), view.pid().unwrap().get()), (Some(State::Up), 7));
        assert_eq!(view.log.unwrap().state, Some(State::Unknown));
        assert!(Row::of("[]").is_none() && Row::of("7").is_none());
        // The log of a line of `logs` is a directory.
        assert_eq!(Row::of(r#"{"log":"/var/log","line":"x"}"#).unwrap().line.unwrap(), "x");
    }

    #[test]
    fn the_host_stands_first() {
        let host: Host = "root@web1".parse().unwrap();
        assert_eq!(with_host(&host, r#"{"a":1}"#).unwrap(), r#"{"host":"root@web1","a":1}"#);
        assert_eq!(with_host(&host, "{}").unwrap(), r#"{"host":"root@web1"}"#);
        assert_eq!(with_host(&host, "[]"), None);
    }
}
