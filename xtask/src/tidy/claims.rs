//! `docs/claims.md`: each promise is held by a test or a check that is there.
//!
//! A row of a table has its proofs in the last cell, each as code: `crate::file::test`, `xtask check PART`,
//! `tidy RULE`, or `tidy words CRATE WORD`. The section [`UNHELD`] alone has rows without any.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{files, rules, source};
use crate::{command, failure::Failure, workspace::Member};

const PLACE: &str = "docs/claims.md";
/// The heading above what nothing holds, with the reason.
const UNHELD: &str = "Held by no test";

/// The code of each file by its path in the checkout, without comments and literals.
pub(super) type Code = BTreeMap<String, String>;

/// A row that names its proofs.
#[derive(Debug, PartialEq)]
struct Claim {
    /// From 1.
    line: usize,
    proofs: Vec<String>,
}

/// Findings about the page of this checkout.
pub(super) fn check(members: &[Member], code: &Code) -> Result<Vec<String>, Failure> {
    let page = files::read(&command::root().join(PLACE))?;
    Ok(findings(&claims(&page), &tests(members, code), code))
}

fn findings(claims: &[Claim], tests: &BTreeSet<String>, code: &Code) -> Vec<String> {
    let mut findings = Vec::new();
    for claim in claims {
        let at = format!("{PLACE}:{}", claim.line);
        if claim.proofs.is_empty() {
            findings.push(format!("{at}: no test holds this; name one, or say why under {UNHELD}"));
        }
        let missing = claim.proofs.iter().filter(|it| !is_there(it, tests, code));
        findings.extend(missing.map(|proof| {
            let name = format!("::{}", proof.rsplit("::").next().unwrap_or_default());
            let moved = tests.iter().find(|it| it.ends_with(&name));
            let moved = moved.map(|it| format!("; there is {it}")).unwrap_or_default();
            format!(
                "{at}: {proof} is not there{moved}; name what holds the promise, or take it back"
            )
        }));
    }
    findings
}

/// Whether there is such a test, part of `check` or rule of `tidy`.
fn is_there(proof: &str, tests: &BTreeSet<String>, code: &Code) -> bool {
    let says = |place: &str, words: &str| code.get(place).is_some_and(|it| it.contains(words));
    if let Some(part) = proof.strip_prefix("xtask check ") {
        let (first, rest) = part.split_at_checked(1).unwrap_or_default();
        return says("xtask/src/check.rs", &format!("Part::{}{rest} =>", first.to_uppercase()));
    }
    if let Some((name, word)) = proof.strip_prefix("tidy words ").and_then(|it| it.split_once(' '))
    {
        return rules::of(name).is_some_and(|it| it.words.iter().any(|has| has.0.trim() == word));
    }
    if let Some(rule) = proof.strip_prefix("tidy ") {
        return says("xtask/src/tidy.rs", &format!("{rule}::check("));
    }
    tests.contains(proof)
}

/// The rows of the page that are to name a proof.
fn claims(page: &str) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut heading = String::new();
    let (mut is_heading, mut is_unheld) = (false, false);
    let mut row: Option<Claim> = None;
    for (event, range) in Parser::new_ext(page, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) => (heading, is_heading) = (String::new(), true),
            Event::End(TagEnd::Heading(_)) => (is_unheld, is_heading) = (heading == UNHELD, false),
            Event::Text(text) if is_heading => heading.push_str(&text),
            Event::Start(Tag::TableRow) if !is_unheld => {
                let line = 1 + page[..range.start].matches('\n').count();
                row = Some(Claim { line, proofs: Vec::new() });
            }
            Event::End(TagEnd::TableRow) => claims.extend(row.take()),
            // Code in an earlier cell is of the promise.
            Event::Start(Tag::TableCell) => {
                if let Some(row) = &mut row {
                    row.proofs.clear();
                }
            }
            Event::Code(code) => {
                if let Some(row) = &mut row {
                    row.proofs.push(code.into_string());
                }
            }
            _ => (),
        }
    }
    claims
}

/// Every test of every member, as `crate::file::test`.
fn tests(members: &[Member], code: &Code) -> BTreeSet<String> {
    let makers = makers(code.values());
    let mut tests = BTreeSet::new();
    for member in members {
        let dir = member.dir.strip_prefix(command::root()).unwrap_or(&member.dir);
        let ours = || code.iter().filter(|it| Path::new(it.0).starts_with(dir));
        let functions: BTreeSet<&str> =
            ours().flat_map(|(_, text)| functions(text).map(|it| it.0)).collect();
        for (place, text) in ours() {
            let file = file(Path::new(place).strip_prefix(dir).unwrap_or(Path::new("")));
            let plain = functions_of_tests(text);
            // What a macro is given counts where it names a function, which it says to a suite.
            let made = made(text, &makers).filter(|it| functions.contains(it));
            tests.extend(plain.chain(made).map(|name| format!("{}::{file}{name}", member.name)));
        }
    }
    tests
}

/// The file of a test as its name has it: below `src` or `tests`, without what every module has.
fn file(below: &Path) -> String {
    let below = below.with_extension("");
    let parts: Vec<_> = below.iter().skip(1).map(|it| it.to_string_lossy()).collect();
    let last = parts.last().is_some_and(|it| ["main", "lib", "tests"].contains(&&**it));
    let kept = parts.len() - usize::from(last);
    parts.iter().take(kept).fold(String::new(), |path, it| path + it + "::")
}

/// The functions of a text, each with where its line begins.
fn functions(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let at = start;
        start += line.len();
        let (before, after) = line.split_once("fn ")?;
        let is_item = before.trim().is_empty() || before.ends_with(' ');
        let name = after.split(|it: char| !it.is_alphanumeric() && it != '_').next()?;
        (is_item && !name.is_empty()).then_some((name, at))
    })
}

/// Those under an attribute that makes them tests, but for those that are left out of a run.
fn functions_of_tests(text: &str) -> impl Iterator<Item = &str> {
    functions(text).filter_map(|(name, at)| {
        let attributes = text[..at].lines().rev().map(str::trim);
        let attributes = attributes.take_while(|it| it.starts_with("#[") || it.is_empty());
        let attributes: Vec<&str> = attributes.collect();
        let is_test = attributes.iter().any(|it| *it == "#[test]" || it.ends_with("::test]"));
        let is_run = !attributes.iter().any(|it| it.starts_with("#[ignore"));
        (is_test && is_run).then_some(name)
    })
}

/// The names of macros that make tests, by themselves or by another.
fn makers<'a>(code: impl Iterator<Item = &'a String>) -> BTreeSet<&'a str> {
    const DEFINES: &str = "macro_rules! ";
    let mut bodies = Vec::new();
    for text in code {
        for (at, _) in text.match_indices(DEFINES) {
            let after = &text[at + DEFINES.len()..];
            let name = after.split([' ', '{']).next().unwrap_or_default();
            bodies.push((name, &after[inside(after)]));
        }
    }
    let mut makers = BTreeSet::new();
    loop {
        let known = makers.len();
        for (name, body) in &bodies {
            let uses = |it: &&str| calls(body, it).next().is_some();
            if body.contains("#[test]") || makers.iter().any(uses) {
                makers.insert(*name);
            }
        }
        if makers.len() == known {
            return makers;
        }
    }
}

/// The words that these macros are given in a text.
fn made<'a>(text: &'a str, makers: &BTreeSet<&'a str>) -> impl Iterator<Item = &'a str> {
    let given = makers.iter().flat_map(move |name| calls(text, name));
    given.flat_map(|it| it.split(|it: char| !it.is_alphanumeric() && it != '_'))
}

/// What a macro is given, each time that it is called.
fn calls<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let call = format!("{name}!");
    let starts: Vec<usize> = text.match_indices(&call).map(|it| it.0).collect();
    starts.into_iter().filter_map(move |at| {
        let longer = text[..at].ends_with(|it: char| it.is_alphanumeric() || it == '_');
        let after = &text[at + call.len()..];
        (!longer && after.trim_start().starts_with(['{', '('])).then(|| &after[inside(after)])
    })
}

/// Where the first brackets of a text begin and end; the comments and literals are gone.
fn inside(text: &str) -> Range<usize> {
    let (mut open, mut start) = (0_usize, text.len());
    for (at, it) in text.char_indices() {
        match it {
            '{' | '(' | '[' => {
                start = start.min(at);
                open += 1;
            }
            '}' | ')' | ']' => {
                open = open.saturating_sub(1);
                if open == 0 && start < at {
                    return start..at;
                }
            }
            _ => (),
        }
    }
    start..text.len()
}

/// The code of a file, as [`check`] takes it.
pub(super) fn code(text: &str) -> String {
    source::code(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# Claims

## One page

| promise | where | held by |
|---------|-------|---------|
| it does not run `sv` | [One](a.md#one) | `a::live::it_works`, `xtask check nopanic` |
| nothing | [Two](a.md) | a good will |

## Another page

| promise | where | held by |
|---------|-------|---------|
| more | [One](b.md) | `tidy links` |

## Held by no test

| promise | why |
|---------|-----|
| it runs on `macOS` | there is none |
";

    fn a(path: &str) -> Member {
        Member {
            name: path.to_owned(),
            dir: command::root().join("crates").join(path),
            ..Member::default()
        }
    }

    fn code_of(files: &[(&str, &str)]) -> Code {
        files.iter().map(|(place, text)| ((*place).to_owned(), code(text))).collect()
    }

    #[test]
    fn a_row_has_its_proofs_in_its_last_cell() {
        let proofs = vec!["a::live::it_works".to_owned(), "xtask check nopanic".to_owned()];
        let expected = [
            Claim { line: 7, proofs },
            Claim { line: 8, proofs: Vec::new() },
            Claim { line: 14, proofs: vec!["tidy links".to_owned()] },
        ];
        assert_eq!(claims(PAGE), expected);
    }

    #[test]
    fn what_is_gone_is_found_with_its_line_and_where_it_went() {
        let found = |tests: &[&str]| {
            let tests = tests.iter().map(|it| (*it).to_owned()).collect();
            let tidy = code_of(&[("xtask/src/tidy.rs", "links::check()")]);
            findings(&claims(PAGE), &tests, &tidy)
        };
        let found = found(&["a::other::it_works"]);
        let starts = [
            "docs/claims.md:7: a::live::it_works is not there; there is a::other::it_works; name",
            "docs/claims.md:7: xtask check nopanic is not there; name",
            "docs/claims.md:8: no test holds this",
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found}");
        }
    }

    #[test]
    fn parts_of_check_and_rules_of_tidy_are_looked_up() {
        let code = code_of(&[
            ("xtask/src/check.rs", "match part {\n    Part::Nopanic => run(),\n}"),
            ("xtask/src/tidy.rs", "findings.extend(links::check()?);"),
        ]);
        let there = |proof: &str| is_there(proof, &BTreeSet::new(), &code);
        assert!(there("xtask check nopanic") && there("tidy links"));
        assert!(!there("xtask check panic") && !there("xtask check ") && !there("tidy link"));
        assert!(there("tidy words svclient Command::new"));
        assert!(!there("tidy words svclient nothing") && !there("tidy words nobody unsafe"));
    }

    #[test]
    fn a_test_is_a_function_with_the_attribute_or_what_a_macro_makes_one_of() {
        let code = code_of(&[
            (
                "crates/a/src/b.rs",
                "#[cfg(test)]\nmod tests {\n    #[test]\n    fn plain() {}\n    fn helper() {}\n}",
            ),
            (
                "crates/a/src/goal/tests.rs",
                "#[test]\n// Why.\n#[cfg(unix)]\nfn ruled() {}\n// #[test]\nfn told() {}\n#[test]\n#[ignore = \"slow\"]\nfn later() {}",
            ),
            ("crates/a/src/lib.rs", "#[tokio::test]\nasync fn at_the_top() {}"),
            (
                "crates/a/tests/live/main.rs",
                "say! {\n    up_is_up\n    nobody_wrote_it\n}\nother!(helped);",
            ),
            ("crates/a/tests/live/said.rs", "pub fn up_is_up() {}\npub fn helped() {}"),
            ("crates/c/tests/it.rs", "say!(up_is_up);"),
            (
                "crates/c/tests/say.rs",
                "macro_rules! say {\n    ($($it:ident)*) => { each! { $($it)* } };\n}\nmacro_rules! each {\n    ($($it:ident)*) => { $(#[test] fn $it() {})* };\n}\nmacro_rules! other { () => {} }",
            ),
        ]);
        let found = tests(&[a("a"), a("c")], &code);
        let expected = ["a::at_the_top", "a::b::plain", "a::goal::ruled", "a::live::up_is_up"]
            .map(str::to_owned);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}
