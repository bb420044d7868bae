//! `svctl lint`: what is wrong in directories and files, before they are run.

mod forms;
mod others;
mod source;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use svcmgr::{
    Severity,
    lint::{Finding, Linter, Report, fix, rules},
};

use crate::{
    args::{Form, Global, Lint, Other},
    exit::Exit,
    json::Linted,
    output::{Output, in_full, printable},
    silent::Silent,
};

pub(crate) fn run(global: &Global, lint: &Lint, output: &mut Output) -> Exit {
    if let Some(code) = lint.allow.iter().find(|code| !rules().any(|rule| rule.code == **code)) {
        output.message(&format!("cannot allow {code}: there is no such rule"));
        return Exit::Usage;
    }
    let (paths, silent) = answering(global, lint);
    for path in &silent {
        output.error(&Silent::error(path));
    }
    if paths.is_empty() {
        return Exit::Deadline;
    }
    let mut report = look(global, lint, &paths);
    let mut failed = false;
    let (mut before, mut fixed) = (Vec::new(), Vec::new());
    if lint.fix {
        fixed = fix::apply(&report.findings);
        for one in &fixed {
            let path = printable(&one.path.display().to_string());
            if let Some(error) = &one.error {
                failed = true;
                output.message(&in_full(error));
                if let Some(hint) = error.hint() {
                    output.hint(hint);
                }
            } else if !output.quiet && !output.json && lint.format == Form::Text {
                output.line(&format!("fixed {path}: {}", one.codes.join(", ")));
            }
        }
        if fixed.iter().any(|it| it.error.is_none()) {
            // What is there now.
            before = std::mem::replace(&mut report, look(global, lint, &paths)).findings;
        }
    }
    let with: BTreeSet<Other> = lint.with.iter().copied().collect();
    let mut said = Vec::new();
    for other in &with {
        match others::ask(*other, global.user, &report.files) {
            Ok(more) => said.extend(more),
            Err(error) => {
                failed = true;
                let name = other.name();
                output.message(&format!("cannot run {name}: {}", printable(&error.to_string())));
            }
        }
    }
    if output.json {
        output.json(&Linted::all(&report, &before, &fixed, &said));
    } else {
        match lint.format {
            Form::Text => {
                for it in &said {
                    output.line(&forms::line(it));
                }
                text(lint, &report, output);
            }
            Form::Sarif => output.json(&forms::Sarif::of(&report, &with, &said)),
            Form::Github => {
                report.findings.iter().for_each(|it| output.line(&forms::github(it)));
                for it in &said {
                    output.line(&forms::github_said(it));
                }
            }
        }
    }
    let is_told = said.iter().any(|it| it.severity > Severity::Note);
    let told = if is_told { Exit::Negative } else { Exit::Done };
    let silent = if silent.is_empty() { Exit::Done } else { Exit::Deadline };
    exit(&report, failed).max(told).max(silent)
}

/// The paths that are looked at, and what at or below the others does not answer.
fn answering<'a>(global: &'a Global, lint: &Lint) -> (Vec<PathBuf>, BTreeSet<&'a Path>) {
    let root = [PathBuf::from("/")];
    let (mut paths, mut silent) = (Vec::new(), BTreeSet::new());
    for path in if lint.paths.is_empty() { &root[..] } else { &lint.paths } {
        let is_at = match &lint.image {
            Some(image) => image.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.clone(),
        };
        let below = global.silent.below(&is_at);
        match below.or_else(|| lint.image.as_ref().and_then(|image| global.silent.below(image))) {
            Some(path) => drop(silent.insert(path)),
            None => paths.push(path.clone()),
        }
    }
    (paths, silent)
}

/// All paths together.
fn look(global: &Global, lint: &Lint, paths: &[PathBuf]) -> Report {
    let mut linter = Linter::new();
    if let Some(dialect) = global.suite.and_then(|whose| whose.dialect) {
        linter = linter.suite(dialect);
    }
    if let Some(root) = &lint.image {
        linter = linter.image(root);
    }
    for code in &lint.allow {
        linter = linter.allow(code);
    }
    linter.lint_all(paths)
}

fn exit(report: &Report, failed: bool) -> Exit {
    let is_wrong = |it: &Finding| it.severity > Severity::Note;
    if !report.unseen.is_empty() || failed {
        Exit::System
    } else if report.findings.iter().any(is_wrong) {
        Exit::Negative
    } else {
        Exit::Done
    }
}

fn text(lint: &Lint, report: &Report, output: &mut Output) {
    for finding in &report.findings {
        output.line(&source::annotated(finding, output.has_color()));
        output.line("");
    }
    for unseen in &report.unseen {
        output.message(&unseen.to_string());
    }
    if output.quiet {
        return;
    }
    let count = |severity| report.findings.iter().filter(|it| it.severity == severity).count();
    let mut counts = Vec::new();
    for (severity, one, many) in [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Note, "note", "notes"),
    ] {
        match count(severity) {
            0 => {}
            1 => counts.push(format!("1 {one}")),
            more => counts.push(format!("{more} {many}")),
        }
    }
    if report.looked_at == 0 {
        return;
    }
    let found = if counts.is_empty() { "nothing found".to_owned() } else { counts.join(", ") };
    let places = match report.looked_at {
        1 => "1 place looked at".to_owned(),
        many => format!("{many} places looked at"),
    };
    let allowed = match report.allowed {
        0 => String::new(),
        many => format!("; {many} allowed"),
    };
    output.line(&format!("{found}; {places}{allowed}"));
    if !lint.fix {
        let fixable = report.findings.iter().filter(|it| it.fix.is_some()).count();
        if fixable > 0 {
            output.line(&format!("svctl lint --fix mends {fixable} of them"));
        }
    }
}
