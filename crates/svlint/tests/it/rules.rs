//! Each rule finds what it is to find, and nothing else is found where all is well.

use std::{collections::BTreeSet, fs};

use svlint::{Linter, Severity, rules};
use svproto::Dialect;

use crate::cases::{self, Case, Kind};

pub fn dialect(name: &str) -> Dialect {
    match name {
        "runit" => Dialect::Runit,
        "daemontools" => Dialect::Daemontools,
        "encore" => Dialect::Encore,
        _ => Dialect::S6,
    }
}

/// The codes that a case comes to, under each of its suites.
fn codes(case: &Case) -> Vec<(String, BTreeSet<&'static str>)> {
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path().join(&case.name);
    case.lay_out(&dir);
    let none = vec![String::new()];
    let suites = if case.suites.is_empty() { &none } else { &case.suites };
    let of = |suite: &String| {
        let mut linter = Linter::new();
        if !suite.is_empty() {
            linter = linter.suite(dialect(suite));
        }
        let report = if case.kind == Kind::Image {
            linter.image(&dir).lint("/".as_ref())
        } else {
            linter.lint(&case.path(&dir))
        };
        assert!(report.unseen.is_empty(), "{} {suite}: {:?}", case.name, report.unseen);
        assert!(report.looked_at > 0, "{} {suite}", case.name);
        for finding in &report.findings {
            let is_well = !finding.message.is_empty() && !finding.message.ends_with('.');
            assert!(is_well && !finding.help.is_empty(), "{finding}");
        }
        (suite.clone(), report.findings.iter().map(|it| it.rule.code).collect())
    };
    suites.iter().map(of).collect()
}

#[test]
fn each_rule_finds_what_it_is_about_and_nothing_where_that_is_well() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        for (suite, found) in codes(&case) {
            // What is well for one rule is well for all of them.
            let is_right = if case.is_bad { found.contains(&*case.code) } else { found.is_empty() };
            if !is_right {
                wrong.push(format!("{} {suite} (bad: {}): {found:?}", case.name, case.is_bad));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_triggers_one_rule_triggers_few_others() {
    for case in cases::all().iter().filter(|it| it.is_bad) {
        for (suite, found) in codes(case) {
            assert!(found.len() <= 3, "{} {suite}: {found:?}", case.name);
        }
    }
}

#[test]
fn every_rule_has_a_case_of_both_kinds_and_a_code_of_its_own() {
    let cases = cases::all();
    let mut codes = BTreeSet::new();
    for rule in rules() {
        assert!(codes.insert(rule.code), "{rule} twice");
        for is_bad in [true, false] {
            let has = cases.iter().any(|it| it.code == rule.code && it.is_bad == is_bad);
            assert!(has, "{rule} has no case that is {}", if is_bad { "bad" } else { "good" });
        }
        for text in [rule.why, rule.fix] {
            assert!(!text.is_empty(), "{rule}");
        }
        assert!(!rule.says.ends_with('.') && rule.why.ends_with('.'), "{rule}");
        let severity = rule.severity;
        assert!(!rule.is_heuristic || severity >= Severity::Note, "{rule}");
    }
    for case in &cases {
        assert!(codes.contains(&*case.code), "{} is no rule", case.code);
    }
}

#[test]
fn what_holds_for_all_suites_is_found_without_a_suite() {
    for case in cases::all().iter().filter(|it| it.kind == Kind::Service && it.is_bad) {
        if case.suites.len() < 4 {
            continue;
        }
        let tree = tempfile::tempdir().unwrap();
        let dir = tree.path().join("web");
        case.lay_out(&dir);
        let report = Linter::new().lint(&dir);
        assert!(report.findings.iter().any(|it| it.rule.code == case.code), "{}", case.name);
    }
}

#[test]
fn what_is_allowed_by_a_comment_a_file_or_the_caller_is_left_out_and_counted() {
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path().join("scan/web");
    fs::create_dir_all(&dir).unwrap();
    let run = dir.join("run");
    let write = |text: &str| {
        fs::write(&run, text).unwrap();
        fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    let found = |linter: Linter| {
        let report = linter.lint(dir.parent().unwrap());
        (report.findings.len(), report.allowed)
    };
    write("#!/bin/sh\nsleep 1000\n");
    assert_eq!(found(Linter::new()), (1, 0));
    assert_eq!(found(Linter::new().allow("no-exec")), (0, 1));
    write("#!/bin/sh\ntest -d /tmp\n# svlint: allow no-exec\nsleep 1000\n");
    assert_eq!(found(Linter::new()), (0, 1));
    write("#!/bin/sh\ntest -d /tmp\n# svlint: allow no-exec\n\nsleep 1000\n");
    assert_eq!(found(Linter::new()), (1, 0), "a comment is for its line and the next");
    write("#!/bin/sh\n# svlint: allow no-exec, backgrounds\n\nsleep 1000\n");
    assert_eq!(found(Linter::new()), (0, 1), "one at the top is for the file");
    write("#!/bin/sh\nsleep 1000\n");
    let allow = dir.parent().unwrap().join(".svlint");
    fs::write(&allow, "# Known.\nno-exec web/run\n").unwrap();
    assert_eq!(found(Linter::new()), (0, 1));
    fs::write(&allow, "no-exec other\n").unwrap();
    assert_eq!(found(Linter::new()), (1, 0));
    fs::write(&allow, "no-exce\n").unwrap();
    assert_eq!(found(Linter::new()), (2, 0), "a code that is none is told");
}

#[test]
fn a_place_is_a_line_a_column_and_bytes_of_the_file() {
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path().join("web");
    fs::create_dir_all(&dir).unwrap();
    let text = "#!/bin/sh\n\u{e4}=1\n  sleep 1000\n";
    fs::write(dir.join("run"), text).unwrap();
    let report = Linter::new().lint(&dir);
    let finding = report.findings.iter().find(|it| it.rule.code == "no-exec").unwrap();
    let part = finding.location.span.as_ref().unwrap();
    assert_eq!((part.line, part.column, part.end_column), (3, 3, 13));
    assert_eq!(&text[part.bytes.clone()], "sleep 1000");
    assert_eq!(&part.text.as_ref().unwrap()[part.in_text.clone()], "sleep 1000");
}
