//! Values straight from the wire: 200 units have 60,000 of them, and the D-Bus library's own type
//! of them is made of more pieces than is needed for a while.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use zbus::{Signature, Type};

use crate::{Properties, PropertyValue};

/// What a variant holds.
pub(crate) struct Held(pub(crate) PropertyValue);

/// A dictionary of names and variants.
pub(crate) struct Named(pub(crate) Properties);

impl Type for Held {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl Type for Named {
    const SIGNATURE: &'static Signature = <BTreeMap<String, Held> as Type>::SIGNATURE;
}

impl<'de> Deserialize<'de> for Held {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Of(&Signature::Variant).deserialize(from).map(Self)
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Named;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named, A::Error> {
                // Made of all of them at once: a tree that grows one by one is copied about.
                let mut all = Vec::with_capacity(384);
                while let Some(pair) = map.next_entry::<String, Held>()? {
                    all.push((pair.0, pair.1.0));
                }
                Ok(Named(all.into_iter().collect()))
            }
        }
        from.deserialize_map(Names)
    }
}

/// A value of this signature.
struct Of<'a>(&'a Signature);

impl<'de> DeserializeSeed<'de> for Of<'_> {
    type Value = PropertyValue;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<PropertyValue, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Of<'_> {
    type Value = PropertyValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of signature {}", self.0)
    }

    fn visit_bool<E>(self, it: bool) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Bool(it))
    }

    fn visit_u8<E>(self, it: u8) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Unsigned(it.into()))
    }

    fn visit_u16<E>(self, it: u16) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Unsigned(it.into()))
    }

    fn visit_u32<E>(self, it: u32) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Unsigned(it.into()))
    }

    fn visit_u64<E>(self, it: u64) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Unsigned(it))
    }

    fn visit_i16<E>(self, it: i16) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Signed(it.into()))
    }

    fn visit_i32<E>(self, it: i32) -> Result<PropertyValue, E> {
        Ok(if matches!(self.0, Signature::Fd) {
            PropertyValue::Descriptor
        } else {
            PropertyValue::Signed(it.into())
        })
    }

    fn visit_i64<E>(self, it: i64) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Signed(it))
    }

    fn visit_f64<E>(self, it: f64) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Float(it))
    }

    fn visit_str<E>(self, it: &str) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Text(it.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PropertyValue, A::Error> {
        let mut values = Vec::new();
        match self.0 {
            // First what it is, then it.
            Signature::Variant => {
                let nothing = || A::Error::custom("a variant without a value");
                let signature: Signature = seq.next_element()?.ok_or_else(nothing)?;
                return seq.next_element_seed(Of(&signature))?.ok_or_else(nothing);
            }
            Signature::Array(of) => {
                while let Some(value) = seq.next_element_seed(Of(of.signature()))? {
                    values.push(value);
                }
                Ok(PropertyValue::List(values))
            }
            Signature::Structure(fields) => {
                for field in fields.iter() {
                    values.extend(seq.next_element_seed(Of(field))?);
                }
                Ok(PropertyValue::Struct(values))
            }
            other => Err(A::Error::custom(format_args!("{other} is no sequence"))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PropertyValue, A::Error> {
        let Signature::Dict { key, value } = self.0 else {
            return Err(A::Error::custom(format_args!("{} is no dictionary", self.0)));
        };
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry_seed(Of(key.signature()), Of(value.signature()))? {
            pairs.push(pair);
        }
        Ok(PropertyValue::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use zbus::{Message, Variant};

    use super::*;

    #[test]
    fn a_value_of_each_type_is_the_same_by_way_of_the_library() {
        let path = zbus::ObjectPath::try_from("/a/b").unwrap();
        let all: HashMap<&str, Variant<'_>> = [
            ("bool", true.into()),
            ("byte", 7_u8.into()),
            ("short", (-7_i16).into()),
            ("word", 7_u16.into()),
            ("int", (-7_i32).into()),
            ("number", 7_u32.into()),
            ("long", (-7_i64).into()),
            ("stamp", u64::MAX.into()),
            ("half", 0.5_f64.into()),
            ("text", "running".into()),
            ("path", path.clone().into()),
            ("bytes", vec![1_u8, 2].into()),
            ("none", Vec::<String>::new().into()),
            ("list", vec!["a", "b"].into()),
            ("job", (7_u32, path).into()),
            ("exec", vec![("/bin/true", vec!["a"], false, 1_u64, 0_i32)].into()),
            ("map", HashMap::from([("a", 1_u32)]).into()),
            ("nested", Variant::Variant(Box::new("deep".into()))),
        ]
        .into();
        let message = Message::signal("/a", "a.b", "C").build(&all).unwrap();
        let body = message.body();
        let ours: Named = body.deserialize().unwrap();
        let theirs: HashMap<&str, Variant<'_>> = body.deserialize().unwrap();
        assert_eq!(theirs.len(), 18);
        for (name, value) in &theirs {
            assert_eq!(ours.0.get(name), Some(&PropertyValue::from_variant(value)), "{name}");
        }
        assert_eq!(ours.0.iter().count(), theirs.len());
    }
}
