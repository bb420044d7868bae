//! `dirs`: directories of the system that a service needs, made before its user changes.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
    ser::SerializeStruct,
};

use super::{Mode, is_default, setters};

/// Names of directories in one place, and their mode.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dir {
    /// Each a name, without a `/`.
    pub names: Vec<String>,
    /// `mode`; `0755` if it is not given.
    pub mode: Option<Mode>,
}

impl Dir {
    /// Directories of these names.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), mode: None }
    }

    /// With this mode.
    #[must_use]
    pub const fn mode(mut self, bits: u16) -> Self {
        self.mode = Some(Mode(bits));
        self
    }

    /// The bits of their mode.
    pub(crate) fn bits(&self) -> u16 {
        self.mode.map_or(0o755, |mode| mode.0)
    }
}

impl<const N: usize> From<[&str; N]> for Dir {
    fn from(names: [&str; N]) -> Self {
        Self::new(names)
    }
}

/// `dirs = { … }`: they belong to the service's user and group.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dirs {
    /// `runtime`: in `/run`.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime: Dir,
    /// `state`: in `/var/lib`.
    #[serde(skip_serializing_if = "is_default")]
    pub state: Dir,
    /// `cache`: in `/var/cache`.
    #[serde(skip_serializing_if = "is_default")]
    pub cache: Dir,
    /// `logs`: in `/var/log`.
    #[serde(skip_serializing_if = "is_default")]
    pub logs: Dir,
}

impl Dirs {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets those in `/run`.
        runtime: impl Into<Dir> => |it, dir| it.runtime = dir.into();
        /// Sets those in `/var/lib`.
        state: impl Into<Dir> => |it, dir| it.state = dir.into();
        /// Sets those in `/var/cache`.
        cache: impl Into<Dir> => |it, dir| it.cache = dir.into();
        /// Sets those in `/var/log`.
        logs: impl Into<Dir> => |it, dir| it.logs = dir.into();
    }

    /// Each place with its key, its path and systemd's word for it.
    pub(crate) fn each(&self) -> [(&'static str, &'static str, &'static str, &Dir); 4] {
        [
            ("runtime", "/run", "Runtime", &self.runtime),
            ("state", "/var/lib", "State", &self.state),
            ("cache", "/var/cache", "Cache", &self.cache),
            ("logs", "/var/log", "Logs", &self.logs),
        ]
    }
}

impl Serialize for Dir {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(mode) = self.mode else { return self.names.serialize(serializer) };
        let mut table = serializer.serialize_struct("Dir", 2)?;
        table.serialize_field("names", &self.names)?;
        table.serialize_field("mode", &mode)?;
        table.end()
    }
}

impl<'de> Deserialize<'de> for Dir {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Dir;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of names, or { names = [\"…\"], mode = \"0750\" }")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Dir, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(|names| Dir { names, mode: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Dir, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            names: Vec<String>,
            mode: Option<Mode>,
        }
        let Table { names, mode } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Dir { names, mode })
    }
}
