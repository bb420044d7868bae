//! The JSON of `svctl explain`.

use serde::Serialize;
use svcmgr::{Certainty, Evidence, Explanation, Finding, Severity};

use super::Row;
use crate::view::{self, View};

/// Why one service is not as it should be.
#[derive(Debug, Serialize)]
pub(crate) struct Explained<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    /// The first reason first; empty if nothing is wrong.
    findings: Vec<Found<'a>>,
    /// What this user may not see.
    unseen: Vec<Hidden<'a>>,
    /// The last lines in the journal of a unit for which something is wrong.
    log_lines: &'a [String],
}

#[derive(Debug, Serialize)]
struct Found<'a> {
    kind: &'static str,
    severity: &'static str,
    certainty: &'static str,
    /// The sentence.
    says: String,
    evidence: Vec<Seen<'a>>,
    /// A command.
    remedy: Option<String>,
}

/// The first reason, beside how a service stands.
#[derive(Debug, Serialize)]
pub(super) struct Reason<'a> {
    kind: &'static str,
    severity: &'static str,
    certainty: &'static str,
    says: String,
    remedy: Option<&'a str>,
}

impl<'a> Reason<'a> {
    pub(super) fn of(reason: &'a view::Reason) -> Self {
        let it = &reason.finding;
        Self {
            kind: it.cause.kind(),
            severity: severity(it.cause.severity()),
            certainty: Certainty::name(it.certainty),
            says: it.cause.about(&it.about).to_string(),
            remedy: reason.remedy.as_deref(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Seen<'a> {
    path: Option<String>,
    line: Option<u32>,
    errno: Option<i32>,
    says: &'a str,
}

#[derive(Debug, Serialize)]
struct Hidden<'a> {
    what: &'a str,
    needs: &'a str,
}

impl<'a> Explained<'a> {
    pub(crate) fn of(
        view: &'a View<'_>,
        why: &'a Explanation,
        log_lines: &'a [String],
        remedy: impl Fn(&Finding) -> Option<String>,
    ) -> Self {
        let seen = |it: &'a Evidence| Seen {
            path: it.path.as_ref().map(|it| it.display().to_string()),
            line: it.line,
            errno: it.errno,
            says: &it.says,
        };
        let found = |it: &'a Finding| Found {
            kind: it.cause.kind(),
            severity: severity(it.cause.severity()),
            certainty: Certainty::name(it.certainty),
            says: it.cause.about(&it.about).to_string(),
            evidence: it.evidence.iter().map(seen).collect(),
            remedy: remedy(it),
        };
        Self {
            row: Row::of(view),
            findings: why.findings.iter().map(found).collect(),
            unseen: why
                .unseen
                .iter()
                .map(|it| Hidden { what: &it.what, needs: &it.needs })
                .collect(),
            log_lines,
        }
    }
}

pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        _ => "error",
    }
}
