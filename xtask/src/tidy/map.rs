//! `docs/code-map.md`: every file and what it is for, from the files' own headers.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::PathBuf};

use crate::{command, failure::Failure};

const PLACE: &str = "docs/code-map.md";

const TOP: &str = "\
# Code map

Every file and what it is for: the first sentence of its header. Made by `UPDATE=1 cargo xtask tidy`, which without
`UPDATE` compares. How the parts work together is in [architecture.md](architecture.md).
";

/// A finding if the page is not what the headers say; with `UPDATE` set it is made so.
///
/// `headers` has each file's path in the checkout, with what [`said`] found in it.
pub(super) fn check(headers: &BTreeMap<PathBuf, String>) -> Result<Option<String>, Failure> {
    let page = page(headers);
    let path = command::root().join(PLACE);
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, page).map_err(|why| Failure::cannot(format!("write {PLACE}"), why))?;
        return Ok(None);
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    Ok((there != page)
        .then(|| format!("{PLACE}: is not what the headers say; run UPDATE=1 cargo xtask tidy")))
}

/// The first sentence of a header, on one line.
pub(super) fn said(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let paragraph: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    let sentence = paragraph.get(..end).unwrap_or(&paragraph).trim_start_matches("# ");
    sentence.trim_end_matches('.').replace('|', "\\|")
}

/// The whole page: a heading for each folder, a row for each file in it.
fn page(headers: &BTreeMap<PathBuf, String>) -> String {
    let mut folders: BTreeMap<PathBuf, Vec<(String, &str)>> = BTreeMap::new();
    for (path, said) in headers {
        let folder = group(path);
        let file = path.strip_prefix(&folder).unwrap_or(path).display().to_string();
        folders.entry(folder).or_default().push((file, said));
    }
    let mut page = TOP.to_owned();
    for (folder, files) in folders {
        let _ = write!(page, "\n## `{}`\n\n| file | for |\n|------|-----|\n", folder.display());
        for (file, said) in files {
            let _ = writeln!(page, "| `{file}` | {said} |");
        }
    }
    page
}

/// What a file is listed under: `crates/svproto/src`, `crates/svproto/tests`, `xtask/src`.
fn group(path: &std::path::Path) -> PathBuf {
    let depth = if path.starts_with("crates") { 3 } else { 2 };
    let parents = path.components().count().saturating_sub(1);
    path.components().take(depth.min(parents)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_is_taken() {
        let check = |text, expected| assert_eq!(said(text), expected, "{text:?}");
        check("//! What it is for.\nfn main() {}\n", "What it is for");
        check("//! What it\n//! is for. And more.\n//!\n//! Rest.\n", "What it is for");
        check("//! `a | b`: c\n", "`a \\| b`: c");
        check("//! # A title\n//!\n//! Rest.\n", "A title");
    }

    #[test]
    fn files_stand_under_their_folder() {
        let check = |path: &str, expected: &str| {
            assert_eq!(group(path.as_ref()), PathBuf::from(expected), "{path}");
        };
        check("crates/svproto/src/s6/tally.rs", "crates/svproto/src");
        check("crates/svproto/tests/all.rs", "crates/svproto/tests");
        check("crates/svctl/build.rs", "crates/svctl");
        check("xtask/src/tidy/map.rs", "xtask/src");
    }
}
