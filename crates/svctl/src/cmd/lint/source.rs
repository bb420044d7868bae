//! A finding with the line that it is about.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use svcmgr::{
    Severity,
    lint::{Finding, Span},
};

use crate::{name::must_not_be_shown, output::printable};

/// What is longer is no line for a screen.
const LONGEST: usize = 400;

pub(super) fn annotated(finding: &Finding, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let level = match finding.severity {
        Severity::Note => Level::NOTE,
        Severity::Warning => Level::WARNING,
        _ => Level::ERROR,
    };
    let title = level.primary_title(printable(&finding.message)).id(finding.rule.code);
    let mut group = Group::with_title(title);
    let path = printable(&finding.location.path.display().to_string());
    let part = finding.location.span.as_ref();
    let shown = part.and_then(|it| Some((it, it.text.as_ref()?)));
    if let Some((part, text)) = shown.filter(|(_, text)| text.len() <= LONGEST) {
        let (text, span) = harmless(text, &part.in_text);
        let annotation = AnnotationKind::Primary.span(span);
        let snippet = Snippet::source(text).line_start(line(part)).path(path);
        group = group.element(snippet.annotation(annotation));
    } else {
        let origin = Origin::path(path);
        group = group.element(match part {
            Some(part) => origin.line(line(part)),
            None => origin,
        });
    }
    let mut help = printable(&finding.help);
    if finding.rule.is_heuristic {
        help.push_str(" (Read out of a script by rules of thumb.)");
    }
    let help = Group::with_title(Level::HELP.secondary_title(help));
    renderer.render(&[group, help])
}

fn line(part: &Span) -> usize {
    usize::try_from(part.line).unwrap_or(1)
}

/// A line in which nothing moves a cursor, and where the span is in it then.
fn harmless(text: &str, span: &Range<usize>) -> (String, Range<usize>) {
    let mut safe = String::with_capacity(text.len());
    let (mut start, mut end) = (None, None);
    for (at, c) in text.char_indices() {
        if at >= span.start {
            start.get_or_insert(safe.len());
        }
        if at >= span.end {
            end.get_or_insert(safe.len());
        }
        match c {
            '\t' => safe.push('\t'),
            '\r' => safe.push('\u{240d}'),
            c if must_not_be_shown(c) => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    let start = start.unwrap_or(safe.len());
    let end = end.unwrap_or(safe.len()).max(start);
    (safe, start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_moves_no_cursor_and_its_span_stays_where_it_was() {
        let (text, span) = harmless("a\u{1b}[2J exec\r", &(6..11));
        assert_eq!(text, "a\u{fffd}[2J exec\u{240d}");
        assert_eq!(&text[span], "exec\u{240d}");
        assert_eq!(harmless("", &(0..0)), (String::new(), 0..0));
    }
}
