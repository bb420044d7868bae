//! The JSON of `svctl lint`.

use serde::Serialize;
use svcmgr::lint::{Finding, Report, Unseen, fix};

use super::explained::severity;

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Linted<'a> {
    findings: Vec<Found<'a>>,
    /// How many more there are that something allows.
    allowed: usize,
    unseen: Vec<NotSeen<'a>>,
    /// How many places were looked at.
    looked_at: usize,
    /// What `--fix` has done.
    fixed: Vec<Fixed<'a>>,
}

#[derive(Debug, Serialize)]
struct Found<'a> {
    code: &'static str,
    severity: &'static str,
    /// The kind of the table of causes that it comes to.
    cause: Option<&'static str>,
    heuristic: bool,
    path: String,
    line: Option<u32>,
    column: Option<u32>,
    end_column: Option<u32>,
    /// Its first byte in the file, and the one behind it.
    bytes: Option<[usize; 2]>,
    message: &'a str,
    why: &'static str,
    fix: &'a str,
    /// `--fix` can do it.
    fixable: bool,
    /// Its page below `docs`.
    page: String,
}

#[derive(Debug, Serialize)]
struct NotSeen<'a> {
    path: String,
    why: &'a str,
}

#[derive(Debug, Serialize)]
struct Fixed<'a> {
    path: String,
    codes: &'a [&'static str],
    /// Why it was left as it was.
    error: Option<String>,
}

impl<'a> Linted<'a> {
    pub(crate) fn of(report: &'a Report, fixed: &'a [fix::Fixed]) -> Self {
        let done = |it: &'a fix::Fixed| Fixed {
            path: it.path.display().to_string(),
            codes: &it.codes,
            error: it.error.as_ref().map(|it| crate::output::in_full(it)),
        };
        let unseen = |it: &'a Unseen| NotSeen { path: it.path.display().to_string(), why: &it.why };
        Self {
            findings: report.findings.iter().map(Found::of).collect(),
            allowed: report.allowed,
            unseen: report.unseen.iter().map(unseen).collect(),
            looked_at: report.looked_at,
            fixed: fixed.iter().map(done).collect(),
        }
    }
}

impl<'a> Found<'a> {
    fn of(finding: &'a Finding) -> Self {
        let part = finding.place.part.as_ref();
        Self {
            code: finding.rule.code,
            severity: severity(finding.severity),
            cause: finding.rule.cause.map(|it| it.kind()),
            heuristic: finding.rule.is_heuristic,
            path: finding.place.path.display().to_string(),
            line: part.map(|it| it.line),
            column: part.map(|it| it.column),
            end_column: part.map(|it| it.end_column),
            bytes: part.map(|it| [it.bytes.start, it.bytes.end]),
            message: &finding.message,
            why: finding.rule.why,
            fix: &finding.help,
            fixable: finding.fix.is_some(),
            page: format!("lint/{}.md", finding.rule.code),
        }
    }
}
