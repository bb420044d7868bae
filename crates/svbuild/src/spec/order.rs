//! What a service is to the others: a job that ends, and whom it waits for.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
    ser::SerializeMap,
};

use super::{Service, setters};

/// `kind = "…"`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It runs until it is told to end.
    #[default]
    Service,
    /// It runs to its end once, and is done if that was a success.
    Job,
}

svproto::words!(Kind, "kind of service":
    Service "service",
    Job "job",
);

/// Whom a service waits for: a name, or `{ service = "…", when = "…" }`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// `service`: its name.
    pub service: String,
    /// `when`: how far that one must be. Without it: done for a job, ready for what says when it is
    /// ready, else up.
    pub when: Option<When>,
}

/// `when = "…"`: how far a service must be for another to start.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Its program runs.
    Up,
    /// It has said that it is ready.
    Ready,
    /// The job has ended with success.
    Done,
}

svproto::words!(When, "moment of a service":
    Up "up",
    Ready "ready",
    Done "done",
);

/// `after_external = { … }`: what is not of this file, by the target that knows it.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct External {
    /// `systemd`: units, by their whole names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub systemd: Vec<String>,
}

impl Need {
    /// A service, as far as it can be waited for.
    pub fn new(service: impl Into<String>) -> Self {
        Self { service: service.into(), when: None }
    }

    /// The same, as far as said.
    #[must_use]
    pub const fn when(mut self, when: When) -> Self {
        self.when = Some(when);
        self
    }
}

impl From<&str> for Need {
    fn from(service: &str) -> Self {
        Self::new(service)
    }
}

impl From<String> for Need {
    fn from(service: String) -> Self {
        Self::new(service)
    }
}

impl External {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Adds a unit of systemd, by its whole name.
        systemd: impl Into<String> => |it, unit| it.systemd.push(unit.into());
    }
}

impl Service {
    /// The lists of those it waits for, by their keys.
    pub(crate) fn lists(&self) -> [(&'static str, &[Need]); 3] {
        [("after", &self.after), ("needs", &self.needs), ("wants", &self.wants)]
    }

    /// Every service of the file that this one is started after, in no particular order; one may
    /// come twice.
    pub fn order(&self) -> impl Iterator<Item = &str> {
        self.lists().into_iter().flat_map(|(_, needs)| needs).map(|need| &*need.service)
    }

    /// Whether it runs to its end once.
    pub(crate) fn is_job(&self) -> bool {
        self.kind == Kind::Job
    }

    /// How far it is when it is as far as it can be waited for.
    pub(crate) const fn last(&self) -> When {
        match (self.kind, &self.ready) {
            (Kind::Job, _) => When::Done,
            (Kind::Service, Some(_)) => When::Ready,
            (Kind::Service, None) => When::Up,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    service: String,
    #[serde(default)]
    when: Option<When>,
}

impl Serialize for Need {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(when) = self.when else { return self.service.serialize(serializer) };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("service", &self.service)?;
        map.serialize_entry("when", &when)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Need {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;

        impl<'de> Visitor<'de> for One {
            type Value = Need;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a service, or { service = \"…\", when = \"…\" }")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Need, E> {
                Ok(Need::new(name))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Need, A::Error> {
                let Table { service, when } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Need { service, when })
            }
        }

        deserializer.deserialize_any(One)
    }
}
