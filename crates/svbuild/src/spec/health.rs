//! Whether a service that runs is well, asked again and again; and what it says by itself.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap};

use super::{Time, Word, is_default, setters};

/// `health = { … }`: a question that is asked again and again while a service runs.
///
/// ```
/// use std::time::Duration;
/// use svbuild::spec::{Health, HealthCheck};
///
/// let health = Health::new(HealthCheck::Tcp("127.0.0.1:80".into())).every("1m".parse()?);
/// assert_eq!(health.pause(), Duration::from_secs(60));
/// assert_eq!((health.patience(), health.most()), (Duration::from_secs(2), 3));
/// # Ok::<(), svbuild::spec::BadValue>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How it is asked: one of `tcp`, `http` and `command`.
    pub check: HealthCheck,
    /// `every`: the pause between two questions; 10 s if it is not given.
    pub every: Option<Time>,
    /// `timeout`: how long an answer may take; 2 s if it is not given.
    pub timeout: Option<Time>,
    /// `failures`: so many failures in a row, and it is not well; 3 if it is not given.
    pub failures: Option<u32>,
    /// `then`: what is done about it.
    pub then: Then,
}

/// How a service is asked whether it is well.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthCheck {
    /// `tcp`: `HOST:PORT` takes a connection.
    Tcp(String),
    /// `http`: the URL answers with a status below 400.
    Http(String),
    /// `command`: the program exits with 0.
    Command(Vec<Word>),
}

/// What is done when a service is not well.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// It is ended, and started again.
    #[default]
    Restart,
}

svproto::words!(Then, "answer to bad health":
    Restart "restart",
);

impl Health {
    /// Asked in this way, every ten seconds.
    #[must_use]
    pub const fn new(check: HealthCheck) -> Self {
        Self { check, every: None, timeout: None, failures: None, then: Then::Restart }
    }

    setters! {
        /// Sets the pause between two questions.
        every: Time => |it, time| it.every = Some(time);
        /// Sets how long an answer may take.
        timeout: Time => |it, time| it.timeout = Some(time);
        /// Sets how many failures in a row are too many.
        failures: u32 => |it, failures| it.failures = Some(failures);
        /// Sets what is done then.
        then: Then => |it, then| it.then = then;
    }

    /// The pause between two questions, said or not.
    #[must_use]
    pub fn pause(&self) -> Duration {
        self.every.map_or(Duration::from_secs(10), |time| time.0)
    }

    /// How long an answer may take, said or not.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.timeout.map_or(Duration::from_secs(2), |time| time.0)
    }

    /// How many failures in a row are too many, said or not.
    #[must_use]
    pub fn most(&self) -> u32 {
        self.failures.unwrap_or(3)
    }
}

impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_map(None)?;
        match &self.check {
            HealthCheck::Tcp(address) => table.serialize_entry("tcp", address)?,
            HealthCheck::Http(url) => table.serialize_entry("http", url)?,
            HealthCheck::Command(argv) => table.serialize_entry("command", argv)?,
        }
        for (key, time) in [("every", &self.every), ("timeout", &self.timeout)] {
            if let Some(time) = time {
                table.serialize_entry(key, time)?;
            }
        }
        if let Some(failures) = self.failures {
            table.serialize_entry("failures", &failures)?;
        }
        if !is_default(&self.then) {
            table.serialize_entry("then", &self.then)?;
        }
        table.end()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Table {
    tcp: Option<String>,
    http: Option<String>,
    command: Option<Vec<Word>>,
    every: Option<Time>,
    timeout: Option<Time>,
    failures: Option<u32>,
    #[serde(default)]
    then: Then,
}

impl<'de> Deserialize<'de> for Health {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table { tcp, http, command, every, timeout, failures, then } =
            Table::deserialize(deserializer)?;
        let ways = [
            tcp.map(HealthCheck::Tcp),
            http.map(HealthCheck::Http),
            command.map(HealthCheck::Command),
        ];
        let mut ways = ways.into_iter().flatten();
        match (ways.next(), ways.next()) {
            (Some(check), None) => Ok(Self { check, every, timeout, failures, then }),
            _ => Err(D::Error::custom(
                "`health` needs one of `tcp`, `http` and `command`, and takes no second",
            )),
        }
    }
}
