//! `docs/mutants.md`: a section for each part, between marks. Reasons are a person's, and stay with their survivors.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use super::Figures;
use crate::{command, failure::Failure};

const PAGE: &str = "docs/mutants.md";
const NONE: &str = "no reason yet";

/// Puts the figures of a part into the page; the survivors for which it has no reason.
pub(super) fn put(part: &str, figures: &Figures) -> Result<Vec<String>, Failure> {
    let path = command::root().join(PAGE);
    let page =
        fs::read_to_string(&path).map_err(|why| Failure::cannot(format!("read {PAGE}"), why))?;
    let (page, without) = replaced(&page, part, figures)
        .ok_or_else(|| Failure::cannot(format!("change {PAGE}"), "its marks are gone"))?;
    fs::write(&path, page).map_err(|why| Failure::cannot(format!("write {PAGE}"), why))?;
    Ok(without)
}

fn replaced(page: &str, part: &str, figures: &Figures) -> Option<(String, Vec<String>)> {
    let (begin, end) = (format!("<!-- begin {part} -->\n"), format!("<!-- end {part} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (old, after) = rest.split_once(&end)?;
    let reasons: BTreeMap<&str, &str> = old.lines().filter_map(row).collect();
    let mut without = Vec::new();
    let mut text = figures_of(figures);
    // The same change at several lines of one function is one row.
    let mut counts = BTreeMap::<&str, usize>::new();
    for survivor in &figures.survived {
        *counts.entry(survivor).or_default() += 1;
    }
    if !counts.is_empty() {
        text.push_str("\n| survived | times | why |\n|---|---|---|\n");
    }
    for (survivor, times) in counts {
        let cell = cell(survivor);
        let reason = reasons.get(cell.as_str()).copied().filter(|it| *it != NONE);
        if reason.is_none() {
            without.push(survivor.to_owned());
        }
        let _ = writeln!(text, "| `{cell}` | {times} | {} |", reason.unwrap_or(NONE));
    }
    Some((format!("{before}{begin}\n{text}\n{end}{after}"), without))
}

fn figures_of(figures: &Figures) -> String {
    let viable = figures.viable();
    let tenths = figures.survived.len() * 1000 / viable.max(1);
    format!(
        "{viable} changes that compile: {} failed a test, {} kept the tests from ending, {} survived ({}.{} %). {} more do not compile.\n",
        figures.caught,
        figures.timed_out,
        figures.survived.len(),
        tenths / 10,
        tenths % 10,
        figures.unviable,
    )
}

/// Words of a change as they stand in a cell: no bar ends it.
fn cell(survivor: &str) -> String {
    survivor.replace('|', "¦")
}

/// A row's change and its reason.
fn row(line: &str) -> Option<(&str, &str)> {
    let (survivor, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
    let (_times, reason) = rest.strip_suffix(" |")?.split_once(" | ")?;
    Some((survivor, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stay_with_their_survivors() {
        let page = "a\n<!-- begin x -->\n| `f: replace || with &&` | 1 | gone |\n| `f: b` | 2 | equal |\n<!-- end x -->\nz\n";
        let survived = ["f: b", "f: replace || with &&", "f: b"].map(str::to_owned).to_vec();
        let figures = Figures { caught: 97, timed_out: 1, unviable: 4, survived };
        let (new, without) = replaced(page, "x", &figures).unwrap_or_default();
        assert!(new.contains("101 changes that compile: 97 failed a test, 1 kept"), "{new}");
        assert!(new.contains("3 survived (2.9 %). 4 more"), "{new}");
        assert!(new.contains("| `f: b` | 2 | equal |\n"), "{new}");
        assert!(new.contains("| `f: replace ¦¦ with &&` | 1 | no reason yet |\n"), "{new}");
        assert!(new.starts_with("a\n") && new.ends_with("\nz\n"), "{new}");
        assert_eq!(without, ["f: replace || with &&"]);
        // What has none keeps having none, and what has one is found again whatever its words are.
        let (again, without) = replaced(&new, "x", &figures).unwrap_or_default();
        assert_eq!((again, without.len()), (new.clone(), 1));
        let told = new.replace(NONE, "because");
        let (again, without) = replaced(&told, "x", &figures).unwrap_or_default();
        assert_eq!((again, without.len()), (told, 0));
        assert!(replaced(page, "y", &figures).is_none());
    }
}
