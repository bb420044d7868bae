//! What the suite's own tool says, taken apart; and the stamp, read from the bytes by another way.

use std::fs;

use serde_json::Value;

use crate::supervised::{Suite, Supervised};

/// The word of svctl for a suite.
pub fn word(suite: Suite) -> &'static str {
    if suite == Suite::Embedded { "embedded" } else { suite.name() }
}

/// What `sv status`, `svstat` or `s6-svstat` tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Native {
    /// `up`, `down` or `finish`. s6-svstat calls a running finish script "down".
    pub phase: &'static str,
    pub pid: Option<u64>,
    pub want_up: bool,
    pub want_down: bool,
    pub paused: bool,
    pub normally: Option<&'static str>,
}

impl Native {
    pub fn read(supervised: &Supervised) -> Self {
        Self::parse(&supervised.native())
    }

    fn parse(text: &str) -> Self {
        let says = |word: &str| text.contains(word);
        let phase = match text {
            _ if text.starts_with("run") || text.starts_with("up") => "up",
            _ if text.starts_with("finish") => "finish",
            _ if text.starts_with("down") => "down",
            other => panic!("{other}"),
        };
        let pid = text.split_once("(pid ").map(|(_, rest)| {
            rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
        });
        let normally = [(", normally up", "up"), (", normally down", "down")];
        Self {
            phase,
            pid,
            want_up: says(", want up"),
            want_down: says(", want down"),
            paused: says(", paused"),
            normally: normally.iter().find(|(text, _)| says(text)).map(|(_, word)| *word),
        }
    }

    /// The same from svctl's JSON. The tools tell wants and the default only where they differ from
    /// what is to be expected.
    pub fn of_json(row: &Value, suite: Suite) -> Self {
        let finishing = row["state"] == "finishing";
        let up = row["pid"].is_u64();
        let phase = match (up, finishing) {
            (true, _) => "up",
            (false, true) if suite == Suite::S6 => "down",
            (false, true) => "finish",
            (false, false) => "down",
        };
        // sv calls the script of finish the service's process; s6-svstat does not.
        let has_process = up || (finishing && suite != Suite::S6);
        let normally = match (row["normally"].as_str().unwrap(), has_process) {
            ("up", false) => Some("up"),
            ("down", true) => Some("down"),
            _ => None,
        };
        let process = if suite == Suite::S6 { &row["pid"] } else { &row["finish_pid"] };
        Self {
            phase,
            pid: row["pid"].as_u64().or_else(|| process.as_u64()),
            want_up: row["want"] == "up" && !has_process,
            want_down: row["want"] == "down" && has_process,
            paused: row["paused"] == true && has_process,
            normally,
        }
    }
}

/// The stamp of the record, in the words of the JSON: big-endian seconds since 2^62, less ten, and
/// less the 27 leap seconds that s6 counts.
pub fn stamp(supervised: &Supervised) -> String {
    let bytes = fs::read(supervised.dir().join("supervise/status")).unwrap();
    let label = u64::from_be_bytes(bytes[..8].try_into().unwrap());
    let nanos = u32::from_be_bytes(bytes[8..12].try_into().unwrap());
    let ahead = if supervised.suite == Suite::S6 { 37 } else { 10 };
    let secs = i64::try_from(label - (1 << 62) - ahead).unwrap();
    let time = jiff::Timestamp::new(secs, nanos.try_into().unwrap()).unwrap();
    format!("{time:.9}")
}
