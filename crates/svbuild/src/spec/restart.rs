//! After which ends a service is started again, how soon, and how often.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
    ser::SerializeMap,
};

use super::{Time, is_default, setters};

/// `restart = "…"`, or `restart.when`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// After every end.
    #[default]
    Always,
    /// Not after a success.
    OnFailure,
    /// After none: every run is the last until the service is asked up again.
    Never,
}

svproto::words!(Restart, "rule for restarts":
    Always "always",
    OnFailure "on-failure",
    Never "never",
);

/// `restart = { … }`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestartPolicy {
    /// `when`: after which ends.
    pub when: Restart,
    /// `delay`: the pause between an end and the next start; a second if it is not given.
    pub delay: Option<Time>,
    /// `max`: so many starts within [`RestartPolicy::within`], and it is given up instead of another.
    pub max: Option<u32>,
    /// `within`: in which time they count.
    pub within: Option<Time>,
    /// `max_delay`: the pause grows up to this from one start to the next.
    pub max_delay: Option<Time>,
}

impl RestartPolicy {
    /// After these ends, a second after each, as often as it takes.
    #[must_use]
    pub const fn new(when: Restart) -> Self {
        Self { when, delay: None, max: None, within: None, max_delay: None }
    }

    setters! {
        /// Sets the pause between an end and the next start.
        delay: Time => |it, time| it.delay = Some(time);
        /// Sets up to what the pause grows.
        max_delay: Time => |it, time| it.max_delay = Some(time);
    }

    /// Gives it up where it would be started more often than this within this time.
    #[must_use]
    pub const fn at_most(mut self, max: u32, within: Time) -> Self {
        (self.max, self.within) = (Some(max), Some(within));
        self
    }

    /// The pause in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.delay.map_or(1, |time| time.0.as_secs())
    }

    /// Whether something has to be decided after an end.
    pub(crate) fn chooses(&self) -> bool {
        self.when != Restart::Always || self.max.is_some()
    }
}

impl From<Restart> for RestartPolicy {
    fn from(when: Restart) -> Self {
        Self::new(when)
    }
}

impl Serialize for RestartPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { when, delay, max, within, max_delay } = self;
        if *self == Self::new(*when) {
            return when.serialize(serializer);
        }
        let mut table = serializer.serialize_map(None)?;
        if !is_default(when) {
            table.serialize_entry("when", when)?;
        }
        for (key, time) in [("delay", delay), ("within", within), ("max_delay", max_delay)] {
            if let Some(time) = time {
                table.serialize_entry(key, time)?;
            }
        }
        if let Some(max) = max {
            table.serialize_entry("max", max)?;
        }
        table.end()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    when: Restart,
    delay: Option<Time>,
    max: Option<u32>,
    within: Option<Time>,
    max_delay: Option<Time>,
}

impl<'de> Deserialize<'de> for RestartPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;

        impl<'de> Visitor<'de> for One {
            type Value = RestartPolicy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`always`, `on-failure`, `never`, or { when = \"…\", delay = \"…\", … }",
                )
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<RestartPolicy, E> {
                let when = word.parse().map_err(|_| E::unknown_variant(word, &WORDS))?;
                Ok(RestartPolicy::new(when))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RestartPolicy, A::Error> {
                let Table { when, delay, max, within, max_delay } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RestartPolicy { when, delay, max, within, max_delay })
            }
        }

        deserializer.deserialize_any(One)
    }
}

const WORDS: [&str; 3] = ["always", "on-failure", "never"];
