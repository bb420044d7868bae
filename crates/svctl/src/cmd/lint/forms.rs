//! Findings for other programs: SARIF 2.1.0, and the annotations of GitHub's workflows.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value, json};
use svcmgr::{
    Severity,
    lint::{Edit, Finding, Fix, Report, Rule, Span, rules},
};

use crate::{args::Other, json::Said, name::in_url, output::printable};

/// A document of SARIF.
#[derive(serde::Serialize)]
#[serde(transparent)]
pub(super) struct Sarif(Value);

impl Sarif {
    pub(super) fn of(report: &Report, with: &BTreeSet<Other>, said: &[Said]) -> Self {
        let all: Vec<&Rule> = rules().collect();
        let results: Vec<_> = report.findings.iter().map(|it| result(it, &all)).collect();
        let unseen: Vec<_> = report
            .unseen
            .iter()
            .map(|it| json!({ "level": "error", "message": { "text": it.to_string() } }))
            .collect();
        let mut runs = vec![json!({
            "tool": { "driver": {
                "name": "svctl lint",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": all.iter().map(|it| described(it)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": report.unseen.is_empty(),
                "toolExecutionNotifications": unseen,
            }],
            "results": results,
        })];
        // A run of each, since what it says is its own.
        runs.extend(with.iter().map(|other| {
            let its = said.iter().filter(|it| it.by == other.name());
            json!({
                "tool": { "driver": { "name": other.name() } },
                "results": its.map(result_of).collect::<Vec<_>>(),
            })
        }));
        Self(json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": runs,
        }))
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        _ => "error",
    }
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "shortDescription": { "text": rule.says },
        "fullDescription": { "text": rule.why },
        "help": { "text": rule.fix },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": { "heuristic": rule.is_heuristic },
    })
}

fn result(finding: &Finding, all: &[&Rule]) -> Value {
    let artifact = json!({ "uri": uri(&finding.location.path) });
    let mut location = Map::new();
    location.insert("artifactLocation".to_owned(), artifact.clone());
    if let Some(part) = &finding.location.span {
        location.insert("region".to_owned(), region(part));
    }
    let mut result = Map::new();
    let mut is = |name: &str, value: Value| result.insert(name.to_owned(), value);
    is("ruleId", finding.rule.code.into());
    is("ruleIndex", all.iter().position(|it| *it == finding.rule).into());
    is("level", level(finding.severity).into());
    is("message", json!({ "text": format!("{}. {}", finding.message, finding.help) }));
    is("locations", json!([{ "physicalLocation": location }]));
    // A change of the mode is none of a text.
    if let Some(Fix::Bytes { edits, .. }) = &finding.fix {
        let replacements: Vec<_> = edits.iter().map(replacement).collect();
        let change = json!({ "artifactLocation": artifact, "replacements": replacements });
        is("fixes", json!([{ "artifactChanges": [change] }]));
    }
    result.into()
}

fn result_of(said: &Said) -> Value {
    let mut result = Map::new();
    let mut is = |name: &str, value: Value| result.insert(name.to_owned(), value);
    if let Some(code) = &said.code {
        is("ruleId", code.as_str().into());
    }
    is("level", level(said.severity).into());
    is("message", json!({ "text": said.text }));
    if !said.path.as_os_str().is_empty() {
        let mut location = Map::new();
        location.insert("artifactLocation".to_owned(), json!({ "uri": uri(&said.path) }));
        if let Some(line) = said.line {
            let mut region = Map::from_iter([("startLine".to_owned(), line.into())]);
            region.extend(said.column.map(|it| ("startColumn".to_owned(), it.into())));
            location.insert("region".to_owned(), region.into());
        }
        is("locations", json!([{ "physicalLocation": location }]));
    }
    result.into()
}

/// `shellcheck: web/run:3:6: note: SC2086: Double quote to prevent globbing`.
pub(super) fn line(said: &Said) -> String {
    let mut line = format!("{}: ", said.by);
    if !said.path.as_os_str().is_empty() {
        line.push_str(&said.path.display().to_string());
        for number in [said.line, said.column].into_iter().flatten() {
            line.push_str(&format!(":{number}"));
        }
        line.push_str(": ");
    }
    line.push_str(level(said.severity));
    if let Some(code) = &said.code {
        line.push_str(&format!(": {code}"));
    }
    printable(&format!("{line}: {}", said.text))
}

fn region(part: &Span) -> Value {
    json!({
        "startLine": part.line,
        "startColumn": part.column,
        "endColumn": part.end_column,
    })
}

fn replacement(edit: &Edit) -> Value {
    json!({
        "deletedRegion": {
            "byteOffset": edit.bytes.start,
            "byteLength": edit.bytes.len(),
        },
        "insertedContent": { "text": String::from_utf8_lossy(&edit.with) },
    })
}

/// A path as a reference: a relative one stays so.
fn uri(path: &Path) -> String {
    let text = in_url(path).to_string();
    if path.is_absolute() {
        return format!("file://{text}");
    }
    // A colon in the first name would be that of a scheme.
    if text.split('/').next().is_some_and(|it| it.contains(':')) {
        format!("./{text}")
    } else {
        text
    }
}

/// `::error file=web/run,line=1,…::message`
pub(super) fn github(finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Note => "notice",
        Severity::Warning => "warning",
        _ => "error",
    };
    let mut line =
        format!("::{level} file={}", property(&finding.location.path.display().to_string()));
    if let Some(part) = &finding.location.span {
        line.push_str(&format!(
            ",line={},col={},endColumn={}",
            part.line, part.column, part.end_column
        ));
    }
    let message = format!("{}. {}", finding.message, finding.help);
    line.push_str(&format!(",title={}::{}", finding.rule.code, data(&message)));
    line
}

/// The same of what another program says.
pub(super) fn github_said(said: &Said) -> String {
    let level = match said.severity {
        Severity::Note => "notice",
        Severity::Warning => "warning",
        _ => "error",
    };
    let mut line = format!("::{level} ");
    if !said.path.as_os_str().is_empty() {
        line.push_str(&format!("file={},", property(&said.path.display().to_string())));
    }
    for (name, number) in [("line", said.line), ("col", said.column)] {
        line.push_str(&number.map(|it| format!("{name}={it},")).unwrap_or_default());
    }
    let code = said.code.as_deref().map(|it| format!(" {it}")).unwrap_or_default();
    line.push_str(&format!(
        "title={}::{}",
        property(&format!("{}{code}", said.by)),
        data(&said.text)
    ));
    line
}

/// Text that ends no line of a workflow's commands.
fn data(text: &str) -> String {
    let text: String = text.chars().map(|it| if is_unsafe(it) { '\u{fffd}' } else { it }).collect();
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn is_unsafe(c: char) -> bool {
    crate::name::must_not_be_shown(c) && !matches!(c, '\r' | '\n')
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_reference_that_leads_back_to_it() {
        assert_eq!(uri(Path::new("/etc/a b/run")), "file:///etc/a%20b/run");
        assert_eq!(uri(Path::new("web/run")), "web/run");
        assert_eq!(uri(Path::new("a:b/run")), "./a:b/run");
    }

    #[test]
    fn no_text_ends_an_annotation_or_begins_another() {
        assert_eq!(data("100%\n::error::"), "100%25%0A::error::");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
        assert_eq!(data("\u{1b}[2J"), "\u{fffd}[2J");
    }
}
