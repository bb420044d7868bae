//! The `README.md` of each library that is published: its crate page, which is written once.
//!
//! Registries show it where nobody has built the documentation. `svcmgr` has that of the whole, and `svctl`
//! one of its own, as it is no library.

use std::{env, fs};

use super::files;
use crate::{
    failure::Failure,
    workspace::{Member, Workspace},
};

const PLACE: &str = "README.md";

/// Those whose page is written by hand.
const BY_HAND: [&str; 2] = ["svcmgr", "svctl"];

/// Findings about pages that are not what the crate says of itself; with `UPDATE` set they are made so.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let made = |it: &&Member| !BY_HAND.contains(&it.name.as_str());
    for member in workspace.publishable().filter(made) {
        let page = page(&member.name, &files::read(&member.dir.join("src/lib.rs"))?);
        let path = member.dir.join(PLACE);
        if env::var_os("UPDATE").is_some() {
            let place = path.display();
            fs::write(&path, page).map_err(|why| Failure::cannot(format!("write {place}"), why))?;
        } else if fs::read_to_string(&path).unwrap_or_default() != page {
            findings.push(format!(
                "crates/{}/{PLACE}: is not the crate's page; run UPDATE=1 cargo xtask tidy",
                member.name
            ));
        }
    }
    Ok(findings)
}

/// The page of a crate, of the text of its `lib.rs`.
fn page(name: &str, code: &str) -> String {
    let mut page = format!("# {name}\n\n");
    let mut in_code = false;
    for line in code.lines().map_while(|line| line.strip_prefix("//!")) {
        let line = line.strip_prefix(' ').unwrap_or(line);
        if let Some(language) = line.strip_prefix("```") {
            // What rustdoc takes for Rust, and is told about running it, means nothing to others.
            let words = ["", "no_run", "ignore", "should_panic", "compile_fail"];
            let is_rust = !in_code && words.contains(&language);
            page.push_str(if is_rust { "```rust" } else { line });
            in_code = !in_code;
        } else if in_code {
            // What only a test needs.
            if line == "#" || line.starts_with("# ") {
                continue;
            }
            page.push_str(line);
        } else if line.starts_with("# ") || line.starts_with("## ") {
            page.push('#');
            page.push_str(line);
        } else {
            page.push_str(&without_paths(line));
        }
        page.push('\n');
    }
    page.push_str(
        "\n## Licence\n\nEither of Apache License 2.0 or MIT licence, at your option. Contributions are taken under both.\n",
    );
    page
}

/// A line without the links that only rustdoc can follow: `` [`Name`] `` and `` [`name`](crate::name) ``.
fn without_paths(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, link)) = rest.split_once("[`") {
        plain.push_str(before);
        let Some((name, after)) = link.split_once("`]") else {
            plain.push_str("[`");
            rest = link;
            continue;
        };
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        if target.is_some_and(|(target, _)| target.contains("://")) {
            plain.push_str(&format!("[`{name}`]"));
            rest = after;
            continue;
        }
        // `mod@name` says to rustdoc which of two things is meant.
        plain.push_str(&format!("`{}`", name.rsplit('@').next().unwrap_or(name)));
        rest = target.map_or(after, |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_only_rustdoc_follows_are_names() {
        let check = |line, expected: &str| assert_eq!(without_paths(line), expected, "{line}");
        check("[`Unit`] is one; [`mod@kit`] too", "`Unit` is one; `kit` too");
        check("[`embedded`](svproto::embedded): more", "`embedded`: more");
        check(
            "[`sv`](https://smarden.org) and [glossary]",
            "[`sv`](https://smarden.org) and [glossary]",
        );
        check("a [` b", "a [` b");
    }

    #[test]
    fn the_page_is_what_the_crate_says_without_what_tests_need() {
        let code = "//! Bytes.\n//!\n//! # Use\n//!\n//! ```no_run\n//! # let x = 1;\n//! use a;\n//! ```\n//! [`A`]\nmod a;\n//! no\n";
        let page = page("svproto", code);
        let body = "# svproto\n\nBytes.\n\n## Use\n\n```rust\nuse a;\n```\n`A`\n\n## Licence\n";
        assert!(page.starts_with(body), "{page}");
    }
}
