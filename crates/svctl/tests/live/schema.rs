//! The published schema, held against everything that svctl prints as JSON.

use std::{collections::HashMap, sync::LazyLock};

use jsonschema::Validator;
use serde_json::{Value, json};

/// One validator for each kind of object.
static KINDS: LazyLock<HashMap<&str, Validator>> = LazyLock::new(|| {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/svctl.schema.json")).unwrap();
    let kind = |name: &'static str| {
        let one = json!({ "$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"] });
        (name, jsonschema::validator_for(&one).unwrap())
    };
    [
        "row",
        "line",
        "result",
        "checked",
        "explained",
        "linted",
        "shown",
        "placed",
        "applied",
        "logged",
        "decoded",
        "happening",
        "built",
        "buildable",
        "converted",
        "skipped",
        "unreached",
        "version",
    ]
    .map(kind)
    .into()
});

/// Panics where a value is not what the schema promises.
pub fn check(value: &Value) {
    for object in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
        let has = |key: &str| !object[key].is_null();
        let knows = |key: &str| object.get(key).is_some();
        let kind = match object {
            _ if has("host") && has("why") && !knows("service") => "unreached",
            _ if has("raw") => "decoded",
            _ if has("part") => "happening",
            _ if has("units") => "built",
            _ if has("checked") => "buildable",
            _ if has("counts") => "converted",
            _ if has("skipped") => "skipped",
            _ if has("event") => "line",
            _ if knows("schema") => "version",
            _ if knows("rolled_back") => "applied",
            _ if knows("scan_dir") => "placed",
            _ if knows("fixable") => "linted",
            _ if has("line") => "logged",
            _ if has("processes") => "shown",
            _ if has("findings") => "explained",
            _ if has("complaints") => "checked",
            _ if has("outcome") => "result",
            _ => "row",
        };
        let errors: Vec<_> = KINDS[kind].iter_errors(object).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{kind}: {errors:?} in {object}");
    }
}
