//! A public enum that cannot grow without breaking programs is one on purpose: `docs/decisions.md` names it with its reason.
//!
//! The enums are those of the listings in `docs/api`, which have `#[non_exhaustive]` where rustdoc has it.

use std::{collections::BTreeSet, fs};

use super::files;
use crate::{command, failure::Failure};

/// What the headings of such decisions hold.
const HEADING: &str = "closed on purpose";

/// Findings about the listings of this checkout.
pub(super) fn check() -> Result<Vec<String>, Failure> {
    let docs = command::root().join("docs");
    let decisions = files::read(&docs.join("decisions.md"))?;
    let dir = docs.join("api");
    let entries = fs::read_dir(&dir)
        .map_err(|why| Failure::cannot(format!("list {}", dir.display()), why))?;
    let mut paths: Vec<_> = entries.flatten().map(|it| it.path()).collect();
    paths.sort();
    let mut findings = Vec::new();
    for path in paths {
        findings.extend(unnamed(&files::read(&path)?, &decisions));
    }
    Ok(findings)
}

/// The enums of a listing that are neither open nor named.
fn unnamed(listing: &str, decisions: &str) -> BTreeSet<String> {
    let sections = decisions
        .split("\n### ")
        .filter(|it| it.lines().next().is_some_and(|heading| heading.contains(HEADING)));
    let named: BTreeSet<&str> = sections.flat_map(|it| it.split('`').skip(1).step_by(2)).collect();
    let enums = listing.lines().filter_map(|it| it.strip_prefix("pub enum "));
    enums
        .map(|path| path.split('<').next().unwrap_or(path))
        .filter(|path| !path.rsplit("::").next().is_some_and(|name| named.contains(name)))
        .map(|path| {
            format!(
                "{path}: a match of it breaks when it grows; make it #[non_exhaustive], or say in docs/decisions.md \
                 why it is {HEADING}"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum_is_open_or_named_with_its_reason() {
        let listing =
            "pub enum a::Open\n#[non_exhaustive] pub enum a::Grows\npub enum a::Bound<T>\n";
        let decisions = "## All\n\n### day: closed on purpose in a\n\n`Bound` has two ends.\n\n### other\n\n`Open`\n";
        let found = unnamed(listing, decisions);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.first().is_some_and(|it| it.starts_with("a::Open: ")));
    }
}
