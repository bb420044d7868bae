//! What a property holds, in types of our own: those of the D-Bus library stay inside.

use std::{collections::BTreeMap, fmt};

#[cfg(test)]
use zbus::Variant;

/// The value of a property.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PropertyValue {
    /// `b`.
    Bool(bool),
    /// Every signed number.
    Signed(i64),
    /// Every unsigned number. systemd's "infinity" and "not set" are `u64::MAX`.
    Unsigned(u64),
    /// `d`.
    Float(f64),
    /// A string, the path of an object, or a signature.
    Text(String),
    /// An array; bytes are numbers.
    List(Vec<PropertyValue>),
    /// A structure: a fixed row of different values.
    Struct(Vec<PropertyValue>),
    /// A dictionary, in the order of the wire.
    Map(Vec<(PropertyValue, PropertyValue)>),
    /// A file descriptor, which is not kept.
    Descriptor,
}

impl PropertyValue {
    #[cfg(test)]
    pub(crate) fn from_variant(variant: &Variant<'_>) -> Self {
        match variant {
            Variant::Bool(it) => Self::Bool(*it),
            Variant::U8(it) => Self::Unsigned((*it).into()),
            Variant::U16(it) => Self::Unsigned((*it).into()),
            Variant::U32(it) => Self::Unsigned((*it).into()),
            Variant::U64(it) => Self::Unsigned(*it),
            Variant::I16(it) => Self::Signed((*it).into()),
            Variant::I32(it) => Self::Signed((*it).into()),
            Variant::I64(it) => Self::Signed(*it),
            Variant::F64(it) => Self::Float(*it),
            Variant::Str(it) => Self::Text(it.as_str().to_owned()),
            Variant::ObjectPath(it) => Self::Text(it.as_str().to_owned()),
            Variant::Signature(it) => Self::Text(it.to_string()),
            Variant::Variant(it) => Self::from_variant(it),
            Variant::Array(it) => Self::List(it.iter().map(Self::from_variant).collect()),
            Variant::Structure(it) => {
                Self::Struct(it.fields().iter().map(Self::from_variant).collect())
            }
            Variant::Dict(it) => Self::Map(
                it.iter().map(|(k, v)| (Self::from_variant(k), Self::from_variant(v))).collect(),
            ),
            Variant::Fd(_) => Self::Descriptor,
        }
    }

    /// The text of a [`PropertyValue::Text`].
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A number that is not negative.
    #[must_use]
    pub fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(it) => Some(*it),
            Self::Signed(it) => u64::try_from(*it).ok(),
            _ => None,
        }
    }

    /// Yes or no.
    #[must_use]
    pub fn bool(&self) -> Option<bool> {
        if let Self::Bool(it) = self { Some(*it) } else { None }
    }

    /// The fields of a structure or the elements of an array.
    #[must_use]
    pub fn fields(&self) -> &[Self] {
        match self {
            Self::Struct(fields) | Self::List(fields) => fields,
            _ => &[],
        }
    }
}

/// All that the manager says about a unit, by the names of systemd's properties. Which there are
/// depends on its version.
#[derive(Clone, Default, PartialEq)]
pub struct Properties(pub(crate) BTreeMap<String, PropertyValue>);

impl Properties {
    /// The value of a property; `None` where this version of systemd or this type of unit has no
    /// such property.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&PropertyValue> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PropertyValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The text of a property, empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).and_then(PropertyValue::text).unwrap_or_default()
    }

    /// A number, 0 where there is none.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(PropertyValue::unsigned).unwrap_or_default()
    }

    /// Whether a property is there and true.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.get(name).and_then(PropertyValue::bool).unwrap_or_default()
    }

    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), PropertyValue::Text(text.to_owned()));
    }

    /// Takes over what has changed.
    pub(crate) fn merge(&mut self, changed: &Self) {
        self.0.extend(changed.0.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

/// There are some three hundred of them.
impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} properties", self.0.len())
    }
}

impl<N: Into<String>> FromIterator<(N, PropertyValue)> for Properties {
    fn from_iter<T: IntoIterator<Item = (N, PropertyValue)>>(properties: T) -> Self {
        // One by one: `collect` sorts, and a copy of that for each caller is larger than what it saves.
        let mut all = BTreeMap::new();
        all.extend(properties.into_iter().map(|(name, value)| (name.into(), value)));
        Self(all)
    }
}
