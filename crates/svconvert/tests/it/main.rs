//! What is read of each format, and what the report says of it: files in memory.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod compose;
mod dirs;
mod procfile;
mod round_trip;
mod supervisord;
mod systemd;

use svconvert::{Conversion, Format, LineReport, LineVerdict, Memory, convert};

/// One file.
fn one(path: &str, text: &str) -> Conversion {
    convert(&Memory::new().file(path, text), &[path.into()], None).unwrap()
}

/// The line that begins so.
#[track_caller]
fn line<'a>(conversion: &'a Conversion, text: &str) -> &'a LineReport {
    let found = conversion.report.lines.iter().find(|line| line.text.starts_with(text));
    found.unwrap_or_else(|| panic!("no line {text}: {:#?}", conversion.report.lines))
}

#[track_caller]
fn verdict(conversion: &Conversion, text: &str, expected: LineVerdict) {
    let found = line(conversion, text);
    assert_eq!(found.verdict, expected, "{found}");
    let gives_reason = found.why.is_some();
    assert!(gives_reason || expected == LineVerdict::Exact, "{found} has no reason");
}

/// The text without the services' heads is these lines, in any order.
#[track_caller]
fn text(conversion: &Conversion, expected: &str) {
    let lines = |text: &str| {
        let lines = text.lines().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned);
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(lines(&conversion.text), lines(expected));
}

#[test]
fn words_are_read_as_they_are_printed() {
    for verdict in LineVerdict::ALL {
        assert_eq!(verdict.name().parse(), Ok(*verdict));
    }
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(*format));
    }
}
