//! The JSON of `convert`.

use serde::Serialize;
use svcmgr::convert::{Conversion, LineReport, ServiceReport};

/// What became of each line.
#[derive(Debug, Serialize)]
pub(crate) struct Converted<'a> {
    /// The text of the file of definitions.
    definition: &'a str,
    base: Option<String>,
    target: Option<&'static str>,
    counts: Counts,
    services: Vec<Found<'a>>,
    lines: Vec<ConvertedLine<'a>>,
}

#[derive(Debug, Serialize)]
struct Counts {
    exact: usize,
    equivalent: usize,
    approximated: usize,
    dropped: usize,
    refused: usize,
}

#[derive(Debug, Serialize)]
struct Found<'a> {
    service: &'a str,
    about: &'a str,
    source: &'a str,
    converted: bool,
}

#[derive(Debug, Serialize)]
struct ConvertedLine<'a> {
    file: &'a str,
    line: Option<usize>,
    last: Option<usize>,
    column: Option<usize>,
    bytes: Option<[usize; 2]>,
    text: &'a str,
    heading: bool,
    verdict: &'static str,
    service: Option<&'a str>,
    key: Option<&'a str>,
    why: Option<&'a str>,
}

impl<'a> Converted<'a> {
    pub(crate) fn new(conversion: &'a Conversion, target: Option<&'static str>) -> Self {
        let counts = conversion.report.counts();
        Self {
            definition: &conversion.text,
            base: conversion.base.as_ref().map(|base| base.display().to_string()),
            target,
            counts: Counts {
                exact: counts.exact,
                equivalent: counts.equivalent,
                approximated: counts.approximated,
                dropped: counts.dropped,
                refused: counts.refused,
            },
            services: conversion.report.services.iter().map(service).collect(),
            lines: conversion.report.lines.iter().map(line).collect(),
        }
    }
}

fn service(outcome: &ServiceReport) -> Found<'_> {
    Found {
        service: &outcome.service,
        about: &outcome.about,
        source: &outcome.source,
        converted: outcome.is_converted,
    }
}

fn line(line: &LineReport) -> ConvertedLine<'_> {
    let place = &line.location;
    // A file as a whole has no line.
    let is_line = place.line > 0;
    ConvertedLine {
        file: &place.file,
        line: is_line.then_some(place.line),
        last: is_line.then_some(place.last),
        column: is_line.then_some(place.column),
        bytes: is_line.then_some([place.bytes.start, place.bytes.end]),
        text: &line.text,
        heading: line.is_heading,
        verdict: line.verdict.name(),
        service: line.service.as_deref(),
        key: line.key.as_deref(),
        why: line.why.as_deref(),
    }
}
