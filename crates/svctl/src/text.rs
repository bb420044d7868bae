//! The words for people: how a service stands, in a line or as columns.

use std::{fmt, time::Duration};

use svcmgr::Normally;

use crate::{
    json::{Exit, Log, Odd, Row},
    table::{self, Align, Column, NOTHING},
};

/// `up (pid 4711) 3m 5s, want down`.
pub(crate) fn summary(row: &Row<'_>) -> String {
    if let Some(error) = &row.error {
        return error.clone();
    }
    let mut line = row.state.unwrap_or("unknown").to_owned();
    if let Some(pid) = row.pid {
        line.push_str(&format!(" (pid {pid})"));
    } else if let Some(pid) = row.finish_pid {
        line.push_str(&format!(" (finish pid {pid})"));
    }
    if let Some(uptime) = row.uptime {
        line.push(' ');
        line.push_str(&span(uptime));
    }
    for note in notes(row) {
        line.push_str(", ");
        line.push_str(&note);
    }
    line
}

/// What is odd, or would not be guessed from the state.
pub(crate) fn notes(row: &Row<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut say = |note: String| notes.push(note);
    let has_process = row.pid.is_some() || row.finish_pid.is_some();
    match (row.state, row.want) {
        (Some("stopping"), Some("up")) => say("want up".into()),
        (Some("stopping" | "unsupervised"), _) => (),
        (_, Some("down")) if has_process => say("want down".into()),
        (_, Some("once")) if has_process => say("last run".into()),
        // Between two runs; the word says that another is wanted.
        (Some("backoff"), Some("up")) => (),
        (_, Some("up")) if !has_process => say("want up".into()),
        _ => (),
    }
    if row.paused == Some(true) && row.state != Some("paused") {
        say("paused".into());
    }
    match row.state {
        Some("unsupervised") | None => (),
        _ if has_process && row.is_normally(Normally::Down) => say("normally down".into()),
        Some("backoff") if row.is_normally(Normally::Up) => (),
        _ if !has_process && row.is_normally(Normally::Up) => say("normally up".into()),
        _ => (),
    }
    if row.supervised.is_none() && row.error.is_none() {
        say("supervisor cannot be seen, may be stale".into());
    }
    match &row.exit {
        Some(Exit::Code(code)) if !has_process => say(format!("exited with {code}")),
        Some(Exit::Signal(signal)) if !has_process => say(format!("killed by {signal}")),
        _ => (),
    }
    if let Some(log) = &row.log {
        match log.state {
            Some("up" | "ready") => (),
            _ => say(format!("log {}", log_word(log))),
        }
    }
    notes
}

/// The columns of a live view, without their heads: state, pid, uptime, notes.
pub(crate) fn columns(row: &Row<'_>) -> [String; 4] {
    let dash = || NOTHING.to_owned();
    let notes = match &row.error {
        Some(error) => error.clone(),
        None => notes(row).join(", "),
    };
    [
        row.state.map_or_else(dash, str::to_owned),
        row.pid.or(row.finish_pid).map_or_else(dash, |pid| pid.to_string()),
        row.uptime.map_or_else(dash, span),
        notes,
    ]
}

/// The columns of `status`.
pub(crate) const COLUMNS: [Column; 8] = {
    const fn column(head: &'static str, align: Align, goes: Option<u8>) -> Column {
        Column { head, align, goes }
    }
    [
        column("SERVICE", Align::Left, None),
        column("STATE", Align::Left, None),
        column("PID", Align::Right, Some(4)),
        column("FOR", Align::Right, Some(5)),
        column("READY", Align::Left, Some(1)),
        column("EXIT", Align::Left, Some(3)),
        column("LOG", Align::Left, Some(2)),
        column("NOTES", Align::Left, None),
    ]
};

/// What stands in them.
pub(crate) type Cells = table::Cells<{ COLUMNS.len() }>;

/// How a service stands, in columns.
pub(crate) fn cells(row: &Row<'_>, odd: &[Odd]) -> Cells {
    let mut cells = Cells::new();
    cells.push(row.shown());
    cells.push(row.state.unwrap_or(NOTHING));
    cells.write_or_nothing(row.pid.or(row.finish_pid));
    cells.write_or_nothing(row.changed_ago.map(|ago| Span(ago.as_secs_f64())));
    cells.push(row.ready.map_or(NOTHING, |ready| if ready { "yes" } else { "no" }));
    match &row.exit {
        Some(Exit::Code(code)) => cells.write(code),
        Some(Exit::Signal(signal)) => cells.push(signal),
        None => cells.push(NOTHING),
    }
    cells.push(row.log.as_ref().map_or(NOTHING, log_word));
    if let Some(error) = &row.error {
        cells.push(error);
    } else {
        let odd = odd.iter().map(|odd| odd.says.clone());
        let notes: Vec<_> = odd.chain(notes_beside_columns(row)).collect();
        cells.push(&notes.join(", "));
    }
    cells
}

/// What the columns do not say well enough: a bad end is worth a note, for its column goes where there
/// is no room.
fn notes_beside_columns(row: &Row<'_>) -> impl Iterator<Item = String> {
    notes(row).into_iter().filter(|note| note != "exited with 0")
}

fn log_word(log: &Log) -> &'static str {
    log.state.unwrap_or("unknown")
}

/// Seconds as people say them, in at most two units: `40ms`, `1.2s`, `12s`, `3m 5s`, `2d 4h`.
pub(crate) fn span(seconds: f64) -> String {
    Span(seconds).to_string()
}

/// The same where it is printed.
struct Span(f64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(seconds) = *self;
        if seconds < 0.9995 {
            return write!(f, "{:.0}ms", seconds * 1000.0);
        }
        if seconds < 9.95 {
            return write!(f, "{seconds:.1}s");
        }
        let whole = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).as_secs();
        let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{whole}s"),
            (0, 0, _) => write!(f, "{minutes}m {}s", whole % 60),
            (0, _, _) => write!(f, "{hours}h {}m", minutes % 60),
            _ => write!(f, "{days}d {}h", hours % 24),
        }
    }
}

/// Seconds in a sentence: `40 ms`, `0.8 s`, `12 s`, `3m 5s`.
pub(crate) fn time(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    match whole.as_millis() {
        millis @ ..100 => format!("{millis} ms"),
        100..9_950 => format!("{seconds:.1} s"),
        9_950..60_000 => format!("{seconds:.0} s"),
        _ => span(seconds),
    }
}

/// A number in groups of three digits, as in `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many things, as in `1 service` and `12,345 services`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", count(number as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let said = [0.04, 9.9, 59.9, 185.0, 3_600.0, 187_200.0].map(span);
        assert_eq!(said, ["40ms", "9.9s", "59s", "3m 5s", "1h 0m", "2d 4h"]);
        assert_eq!(span(f64::MAX), "213503982334601d 7h");
    }

    #[test]
    fn times_are_read_in_a_sentence() {
        let said = [0.0, 0.04, 0.8, 9.0, 12.4, 185.0].map(time);
        assert_eq!(said, ["0 ms", "40 ms", "0.8 s", "9.0 s", "12 s", "3m 5s"]);
    }
}
