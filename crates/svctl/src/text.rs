//! The words for people: how a service stands, in a line or as columns.

use std::time::Duration;

use svcmgr::Normally;

use crate::{
    json::{Exit, Row},
    output::printable,
};

/// `up (pid 4711) 3m 5s, want down`.
pub(crate) fn summary(row: &Row) -> String {
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
pub(crate) fn notes(row: &Row) -> Vec<String> {
    let mut notes = Vec::new();
    let mut say = |note: String| notes.push(note);
    let has_process = row.pid.is_some() || row.finish_pid.is_some();
    match (row.state, row.want) {
        (Some("stopping"), Some("up")) => say("want up".into()),
        (Some("stopping" | "unsupervised"), _) => (),
        (_, Some("down")) if has_process => say("want down".into()),
        (_, Some("once")) if has_process => say("last run".into()),
        (_, Some("up")) if !has_process => say("want up".into()),
        _ => (),
    }
    if row.paused == Some(true) && row.state != Some("paused") {
        say("paused".into());
    }
    match row.state {
        Some("unsupervised") | None => (),
        _ if has_process && row.is_normally(Normally::Down) => say("normally down".into()),
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
            state => say(format!("log {}", state.unwrap_or("unknown"))),
        }
    }
    notes
}

/// The columns of `status`, without their heads: service, state, pid, for, notes.
pub(crate) fn columns(row: &Row) -> [String; 5] {
    let dash = || "-".to_owned();
    let notes = match &row.error {
        Some(error) => error.clone(),
        None => notes(row).join(", "),
    };
    [
        printable(&row.shown),
        row.state.map_or_else(dash, str::to_owned),
        row.pid.or(row.finish_pid).map_or_else(dash, |pid| pid.to_string()),
        row.uptime.map_or_else(dash, span),
        notes,
    ]
}

/// Seconds as people say them, in at most two units: `40ms`, `1.2s`, `12s`, `3m 5s`, `2d 4h`.
pub(crate) fn span(seconds: f64) -> String {
    if seconds < 0.9995 {
        return format!("{:.0}ms", seconds * 1000.0);
    }
    if seconds < 9.95 {
        return format!("{seconds:.1}s");
    }
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).as_secs();
    let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{whole}s"),
        (0, 0, _) => format!("{minutes}m {}s", whole % 60),
        (0, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
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
}
