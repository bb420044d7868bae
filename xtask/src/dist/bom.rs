//! The bill of materials: what the program is linked with, as `CycloneDX` 1.5 in JSON, for whoever watches for
//! vulnerabilities.
//!
//! Nothing in it depends on when or where it was made, so the same commit gives the same bytes.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use super::{Release, linked};
use crate::{command, failure::Failure};

/// The document about the program for `target`.
pub(super) fn of_dependencies(release: &Release, target: &str) -> Result<String, Failure> {
    let lock = command::root().join("Cargo.lock");
    let lock = fs::read_to_string(&lock)
        .map_err(|why| Failure::cannot(format!("read {}", lock.display()), why))?;
    let sums = sums(&lock);
    let mut components = Vec::new();
    let mut below = Vec::new();
    for package in linked::packages(target)? {
        let (name, version) = (package.name.to_string(), package.version.to_string());
        let purl = purl(&name, &version);
        // Old packages have a slash where SPDX has OR.
        let licence = package.license.as_ref().map(|it| it.replace('/', " OR "));
        let sum = sums.get(&(name.clone(), version.clone()));
        let component = json!({
            "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
            "scope": "required",
            "licenses": licence.iter().map(|it| json!({ "expression": it })).collect::<Vec<_>>(),
            "hashes": sum.iter().map(|it| json!({ "alg": "SHA-256", "content": it })).collect::<Vec<_>>(),
        });
        components.push(component);
        below.push(Value::from(purl));
    }
    let program = purl("svctl", &release.version);
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": {
            "type": "application", "bom-ref": program, "name": "svctl", "version": release.version,
            "purl": program,
            "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            "properties": [{ "name": "target", "value": target }],
        } },
        "components": components,
        "dependencies": [{ "ref": program, "dependsOn": below }],
    });
    Ok(format!("{document:#}\n"))
}

fn purl(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// Of each package that has one: the SHA-256 of what the registry gives out.
fn sums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut sums = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let mut lines = package.lines();
            let line = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
            line.map(|it| it.trim_matches('"').to_owned())
        };
        if let (Some(name), Some(version), Some(sum)) =
            (value("name"), value("version"), value("checksum"))
        {
            sums.insert((name, version), sum);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_linked_is_named_with_its_sum() {
        let release = Release::load().unwrap();
        let text = of_dependencies(&release, "x86_64-unknown-linux-musl").unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let components = document["components"].as_array().unwrap();
        let named = |name: &str| components.iter().any(|it| it["name"] == name);
        assert!(named("nix") && named("zbus") && named("toml"));
        // For tests alone, for another system, and of this workspace.
        assert!(!named("proptest") && !named("kqueue") && !named("svclient"));
        for component in components {
            assert_eq!(component["hashes"][0]["content"].as_str().map(str::len), Some(64));
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        }
    }
}
