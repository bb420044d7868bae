//! The pages in `docs/lint`: each is made of the rule's row and of its cases. `UPDATE=1` writes them anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use svlint::{Area, Rule, Severity, rules};

use crate::cases::{self, Case, Kind};

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lint")
}

fn severity(it: Severity) -> &'static str {
    match it {
        Severity::Note => "note",
        Severity::Warning => "warning",
        _ => "error",
    }
}

/// Who shows that it is a fault, by the cases.
fn shown_by(cases: &[Case], rule: &Rule) -> BTreeSet<String> {
    let of_rule = cases.iter().filter(|it| it.code == rule.code);
    of_rule.flat_map(|it| it.shows.iter().flat_map(|it| it.0.clone())).collect()
}

fn page(rule: &Rule, cases: &[Case]) -> String {
    let mut page = format!("# {}\n\n{}.\n\n", rule.code, capital(rule.says));
    let _ = writeln!(page, "{}\n", rule.why);
    let _ = writeln!(page, "**What to do:** {}\n", rule.fix);
    let _ = writeln!(page, "| | |\n|---|---|");
    let _ = writeln!(page, "| about | {} |", rule.area.title().to_lowercase());
    let _ = writeln!(page, "| severity | {} |", severity(rule.severity));
    if rule.is_heuristic {
        let _ = writeln!(
            page,
            "| certainty | heuristic: it reads inside a script, by rules of thumb |"
        );
    }
    if let Some(cause) = rule.cause {
        let _ = writeln!(page, "| `svctl explain` says then | `{}` |", cause.kind());
    }
    let by: Vec<_> = shown_by(cases, rule).into_iter().collect();
    if !by.is_empty() {
        let _ = writeln!(page, "| seen under | {} |", by.join(", "));
    }
    page.push('\n');
    for (is_bad, title) in [(true, "Found"), (false, "Well")] {
        let case = cases.iter().find(|it| it.code == rule.code && it.is_bad == is_bad);
        let Some(case) = case else { continue };
        let _ = write!(page, "## {title}\n\n```text\n{}```\n\n", case.as_text());
    }
    let allow = match rule.area {
        Area::Units | Area::Files | Area::Scripts | Area::Loggers => {
            format!("`# svlint: allow {}` in the line before, or ", rule.code)
        }
        _ => String::new(),
    };
    let _ = writeln!(
        page,
        "To leave it out: {allow}`{}` in a file `.svlint` of the directory, or `--allow {}`.",
        rule.code, rule.code
    );
    page
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |it| it.to_uppercase().chain(chars).collect())
}

fn index(cases: &[Case]) -> String {
    let mut page =
        "# Rules of `svctl lint`\n\nMade of the table of rules and their cases, by a test. \
        [../lint.md](../lint.md) says how they are used.\n"
            .to_owned();
    let mut areas: BTreeMap<Area, Vec<&Rule>> = BTreeMap::new();
    for rule in rules() {
        areas.entry(rule.area).or_default().push(rule);
    }
    for (area, rules) in areas {
        let _ = write!(
            page,
            "\n## {}\n\n| rule | says | severity | seen under |\n|---|---|---|---|\n",
            area.title()
        );
        for rule in rules {
            let by: Vec<_> = shown_by(cases, rule).into_iter().collect();
            let thumb = if rule.is_heuristic { ", heuristic" } else { "" };
            let _ = writeln!(
                page,
                "| [{0}]({0}.md) | {1} | {2}{thumb} | {3} |",
                rule.code,
                rule.says,
                severity(rule.severity),
                by.join(", "),
            );
        }
    }
    page
}

#[test]
fn every_rule_has_its_page_and_every_page_is_as_its_rule() {
    let cases = cases::all();
    let mut pages: BTreeMap<String, String> =
        rules().map(|it| (format!("{}.md", it.code), page(it, &cases))).collect();
    pages.insert("README.md".into(), index(&cases));
    if std::env::var_os("UPDATE").is_some() {
        let _gone = fs::remove_dir_all(dir());
        fs::create_dir_all(dir()).unwrap();
        for (name, text) in &pages {
            fs::write(dir().join(name), text).unwrap();
        }
    }
    let names: BTreeSet<_> = fs::read_dir(dir())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, pages.keys().cloned().collect());
    for (name, text) in &pages {
        let there = fs::read_to_string(dir().join(name)).unwrap();
        assert!(there == *text, "docs/lint/{name} is old: UPDATE=1 cargo test -p svlint pages");
    }
}

/// What was asked of the whole of them.
#[test]
fn there_are_so_many_rules_and_so_many_are_seen_to_be_faults() {
    let cases = cases::all();
    let shown: Vec<_> = rules().filter(|it| !shown_by(&cases, it).is_empty()).collect();
    assert!(rules().count() >= 60, "{}", rules().count());
    assert!(shown.len() >= 40, "{}", shown.len());
    for suite in cases::SUITES {
        let of = shown.iter().filter(|it| shown_by(&cases, it).contains(suite)).count();
        assert!(of >= 8, "{suite}: {of}");
    }
    let of = |kinds: &[Area]| rules().filter(|it| kinds.contains(&it.area)).count();
    assert!(of(&[Area::Rc]) >= 6 && of(&[Area::Loggers]) >= 6);
    let rc = cases.iter().filter(|it| it.kind == Kind::Rc && !it.shows.is_empty()).count();
    assert!(rc >= 6, "{rc}");
}
