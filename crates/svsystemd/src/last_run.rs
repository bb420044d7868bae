//! How a unit says that its run is to be the last: by the drop-in that [`crate::Unit::once`] makes.

use crate::{Properties, PropertyValue};

/// Late in the order of drop-ins, so that it has the last word.
pub(crate) const FILE: &str = "zz-once.conf";

/// Says of a unit that the drop-in is in force.
pub(crate) fn note(unit: &mut Properties) {
    let path = PropertyValue::Text(format!("/{FILE}"));
    unit.0.insert("DropInPaths".to_owned(), PropertyValue::List(vec![path]));
}

/// Whether the drop-in is in force.
pub(crate) fn is_set(unit: &Properties) -> bool {
    let paths = unit.get("DropInPaths").map(PropertyValue::fields).unwrap_or_default();
    paths.iter().filter_map(PropertyValue::text).any(|path| path.ends_with(&format!("/{FILE}")))
}
