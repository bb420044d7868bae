//! The JSON of `svctl lint`.

use serde::Serialize;
use svcmgr::{
    Severity,
    lint::{Finding, Report, Unseen, fix::Fixed},
};

use super::explained::severity;

/// What another program says of a file.
pub(crate) struct Said {
    pub(crate) by: &'static str,
    /// Empty where it names no file.
    pub(crate) path: std::path::PathBuf,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
    pub(crate) severity: Severity,
    /// How it calls what it has found.
    pub(crate) code: Option<String>,
    pub(crate) text: String,
}

/// A finding, or what could not be looked at: that has no code, and an error.
#[derive(Debug, Serialize)]
pub(crate) struct Linted<'a> {
    /// The program that says it, where that is not this one.
    by: Option<&'static str>,
    code: Option<&'a str>,
    severity: &'static str,
    /// The kind of the table of causes that it comes to.
    cause: Option<&'static str>,
    heuristic: Option<bool>,
    path: String,
    line: Option<u32>,
    column: Option<u32>,
    end_column: Option<u32>,
    /// Its first byte in the file, and the one behind it.
    bytes: Option<[usize; 2]>,
    message: &'a str,
    why: Option<&'static str>,
    fix: Option<&'a str>,
    /// `--fix` can do it.
    fixable: bool,
    /// `--fix` has done it.
    fixed: bool,
    /// Its page below `docs`.
    page: Option<String>,
    /// Why `--fix` could not do it, or why nothing was looked at.
    error: Option<String>,
}

impl<'a> Linted<'a> {
    /// All of it: what `--fix` has mended of the findings of `before`, what is found, and what could
    /// not be looked at; in the order of paths and lines.
    pub(crate) fn all(
        report: &'a Report,
        before: &'a [Finding],
        fixes: &'a [Fixed],
        said: &'a [Said],
    ) -> Vec<Self> {
        let fix_of = |it: &Finding| {
            let is_it =
                |fix: &&Fixed| fix.path == it.location.path && fix.codes.contains(&it.rule.code);
            it.fix.as_ref().and_then(|_| fixes.iter().find(is_it))
        };
        let is_mended = |it: &&Finding| fix_of(it).is_some_and(|fix| fix.error.is_none());
        let mended = before.iter().filter(is_mended).map(|it| Self { fixed: true, ..Self::of(it) });
        let found = report.findings.iter().map(|it| {
            let error = fix_of(it).and_then(|fix| fix.error.as_ref());
            Self { error: error.map(|it| crate::output::in_full(it)), ..Self::of(it) }
        });
        let unseen = report.unseen.iter().map(Self::unseen);
        let mut all: Vec<_> =
            mended.chain(found).chain(unseen).chain(said.iter().map(Self::said)).collect();
        all.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
        all
    }

    fn said(said: &'a Said) -> Self {
        Self {
            by: Some(said.by),
            code: said.code.as_deref(),
            severity: severity(said.severity),
            cause: None,
            heuristic: None,
            path: said.path.display().to_string(),
            line: said.line,
            column: said.column,
            end_column: None,
            bytes: None,
            message: &said.text,
            why: None,
            fix: None,
            fixable: false,
            fixed: false,
            page: None,
            error: None,
        }
    }

    fn unseen(unseen: &'a Unseen) -> Self {
        Self {
            by: None,
            code: None,
            severity: severity(Severity::Error),
            cause: None,
            heuristic: None,
            path: unseen.path.display().to_string(),
            line: None,
            column: None,
            end_column: None,
            bytes: None,
            message: &unseen.why,
            why: None,
            fix: None,
            fixable: false,
            fixed: false,
            page: None,
            error: Some(unseen.why.clone()),
        }
    }

    fn of(finding: &'a Finding) -> Self {
        let part = finding.location.span.as_ref();
        Self {
            by: None,
            code: Some(finding.rule.code),
            severity: severity(finding.severity),
            cause: finding.rule.cause.map(|it| it.kind()),
            heuristic: Some(finding.rule.is_heuristic),
            path: finding.location.path.display().to_string(),
            line: part.map(|it| it.line),
            column: part.map(|it| it.column),
            end_column: part.map(|it| it.end_column),
            bytes: part.map(|it| [it.bytes.start, it.bytes.end]),
            message: &finding.message,
            why: Some(finding.rule.why),
            fix: Some(&finding.help),
            fixable: finding.fix.is_some(),
            fixed: false,
            page: Some(format!("lint/{}.md", finding.rule.code)),
            error: None,
        }
    }
}
