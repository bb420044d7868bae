//! The licences of what is linked into the program: whoever gives it out gives these along.

use std::{collections::BTreeMap, fs, path::Path};

use super::linked;
use crate::failure::Failure;

/// The file.
pub(super) const NAME: &str = "LICENSES-OF-DEPENDENCIES";

/// The text: each licence once, under the crates that are under it.
pub(super) fn of_dependencies(target: &str) -> Result<String, Failure> {
    let mut licences: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in linked::packages(target)? {
        let texts = match package.manifest_path.parent() {
            Some(dir) => texts(dir.as_std_path())?,
            None => Vec::new(),
        };
        let is_under = package.license.as_deref().unwrap_or("see its package");
        let who = format!("{} {} ({is_under})", package.name, package.version);
        if texts.is_empty() {
            let none = "Its package has no text of its licence.\n".to_owned();
            licences.entry(none).or_default().push(who.clone());
        }
        for text in texts {
            licences.entry(text).or_default().push(who.clone());
        }
    }
    let mut page = "svctl is linked with these packages of others.\n".to_owned();
    let mut all: Vec<_> = licences.into_iter().collect();
    all.sort_by(|one, other| one.1.cmp(&other.1));
    for (text, mut packages) in all {
        packages.sort_unstable();
        let rule = "=".repeat(78);
        page.push_str(&format!("\n{rule}\n{}\n{rule}\n\n{}\n", packages.join("\n"), text.trim()));
    }
    Ok(page)
}

/// The texts of licences in a package, in the order of their names.
fn texts(dir: &Path) -> Result<Vec<String>, Failure> {
    let fail = |why| Failure::cannot(format!("read {}", dir.display()), why);
    let mut found = BTreeMap::new();
    for entry in dir.read_dir().map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let is_one = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE"];
        if is_one.iter().any(|it| name.starts_with(it)) && entry.path().is_file() {
            let text = fs::read(entry.path()).map_err(fail)?;
            found.insert(name, String::from_utf8_lossy(&text).replace("\r\n", "\n"));
        }
    }
    Ok(found.into_values().collect())
}
