//! A public enum, or a public struct of which a program can write all fields, breaks programs when it grows. So each is closed on
//! purpose: `docs/decisions.md` names it with its reason.
//!
//! They are those of the listings in `docs/api`, which have `#[non_exhaustive]` where rustdoc has it.

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

/// The types of a listing that are neither open nor named.
fn unnamed(listing: &str, decisions: &str) -> BTreeSet<String> {
    let sections = decisions
        .split("\n### ")
        .filter(|it| it.lines().next().is_some_and(|heading| heading.contains(HEADING)));
    let named: BTreeSet<&str> = sections.flat_map(|it| it.split('`').skip(1).step_by(2)).collect();
    let enums = listing.lines().filter_map(|it| it.strip_prefix("pub enum "));
    // A field stands there as `pub a::Struct::field: Type`, and in a tuple as `pub` in brackets.
    let with_fields: BTreeSet<&str> = listing
        .lines()
        .filter_map(|it| it.strip_prefix("pub ")?.split_once(": ")?.0.rsplit_once("::"))
        .filter_map(|(path, field)| field.starts_with(|it: char| it.is_lowercase()).then_some(path))
        .collect();
    let structs = listing.lines().filter_map(|it| it.strip_prefix("pub struct "));
    let structs = structs.filter(|it| it.contains("(pub ") || with_fields.contains(path_of(it)));
    enums
        .chain(structs)
        .map(path_of)
        .filter(|path| !path.rsplit("::").next().is_some_and(|name| named.contains(name)))
        .map(|path| {
            format!(
                "{path}: programs break when it grows; make it #[non_exhaustive], or say in docs/decisions.md \
                 why it is {HEADING}"
            )
        })
        .collect()
}

/// Without type parameters and fields.
fn path_of(item: &str) -> &str {
    item.split(['<', '(']).next().unwrap_or(item)
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
        let listing = "pub struct a::Plain<T>\npub a::Plain::width: u8\n#[non_exhaustive] pub struct a::Grows\n\
                       pub a::Grows::width: u8\npub struct a::Number(pub u8)\npub struct a::Hidden(_)\n\
                       pub struct a::Hides\npub fn a::Hides::new(width: u8) -> Self\n\
                       pub struct a::Bound\npub a::Bound::end: u8\n";
        let found: Vec<_> = unnamed(listing, decisions).into_iter().collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found.iter().zip(["a::Number: ", "a::Plain: "]).all(|(it, name)| it.starts_with(name))
        );
    }
}
