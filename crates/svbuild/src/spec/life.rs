//! How a service ends, and how it is told to read its configuration again.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

use super::{Signal, Time, Word, setters};

/// `stop = { … }`.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// `command`: a program that runs before the signal is sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Word>,
}

/// `reload = { … }`.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reload {
    /// `signal`; `HUP` if there is no `command` either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// `command`: a program that does it, in the place of the signal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Word>,
    /// `check`: a program that runs before; where it does not exit with 0, nothing is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub check: Vec<Word>,
}

impl Reload {
    /// By SIGHUP, unchecked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets the signal.
        signal: Signal => |it, signal| it.signal = Some(signal);
    }

    /// Sets the program that does it.
    #[must_use]
    pub fn command<W: Into<Word>>(mut self, argv: impl IntoIterator<Item = W>) -> Self {
        self.command = argv.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the program that runs before.
    #[must_use]
    pub fn check<W: Into<Word>>(mut self, argv: impl IntoIterator<Item = W>) -> Self {
        self.check = argv.into_iter().map(Into::into).collect();
        self
    }

    /// The signal, unless a program does it.
    pub(crate) fn signals(&self) -> Option<&'static str> {
        self.command.is_empty().then(|| self.signal.map_or("HUP", Signal::name))
    }
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

    /// Sets the program that runs before the signal is sent.
    #[must_use]
    pub fn command<W: Into<Word>>(mut self, argv: impl IntoIterator<Item = W>) -> Self {
        self.command = argv.into_iter().map(Into::into).collect();
        self
    }
}

/// `critical = …`: an end for good that is the end of everything that runs beside the service.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Critical {
    /// `true`: any end for good.
    AnyEnd,
    /// `"failure"`: one without success.
    Failure,
}

svproto::words!(Critical, "kind of critical service":
    AnyEnd "true",
    Failure "failure",
);

impl Serialize for Critical {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AnyEnd => serializer.serialize_bool(true),
            Self::Failure => serializer.serialize_str(self.name()),
        }
    }
}

impl<'de> Deserialize<'de> for Critical {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;

        impl Visitor<'_> for One {
            type Value = Critical;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, or \"failure\"")
            }

            fn visit_bool<E: serde::de::Error>(self, is: bool) -> Result<Critical, E> {
                if is {
                    Ok(Critical::AnyEnd)
                } else {
                    Err(E::custom("`critical` is `true` or \"failure\", or it is left out"))
                }
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Critical, E> {
                match word {
                    "failure" => Ok(Critical::Failure),
                    _ => Err(E::unknown_variant(word, &["failure"])),
                }
            }
        }

        deserializer.deserialize_any(One)
    }
}
