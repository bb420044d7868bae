//! `env_file`: a path, a table with a path, or several of them.

use std::{fmt, path::PathBuf};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
    ser::SerializeMap,
};

/// A file of variables, in the grammar of systemd's `EnvironmentFile=`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    /// `path`.
    pub path: PathBuf,
    /// `optional`: it may be missing.
    pub optional: bool,
}

impl EnvFile {
    /// A file that must be there at each start.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), optional: false }
    }

    /// The same, if it is there.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    path: PathBuf,
    #[serde(default)]
    optional: bool,
}

impl Serialize for EnvFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.optional {
            return self.path.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("optional", &true)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for EnvFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(One)
    }
}

struct One;

impl<'de> Visitor<'de> for One {
    type Value = EnvFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, or { path = \"…\", optional = true }")
    }

    fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<EnvFile, E> {
        Ok(EnvFile::new(path))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvFile, A::Error> {
        let Table { path, optional } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(EnvFile { path, optional })
    }
}

/// One, or an array of them.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<EnvFile>, D::Error> {
    deserializer.deserialize_any(Files)
}

struct Files;

impl<'de> Visitor<'de> for Files {
    type Value = Vec<EnvFile>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, { path = \"…\", optional = true }, or an array of those")
    }

    fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Self::Value, E> {
        One.visit_str(path).map(|file| vec![file])
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        One.visit_map(map).map(|file| vec![file])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut files = Vec::new();
        while let Some(file) = seq.next_element()? {
            files.push(file);
        }
        Ok(files)
    }
}
