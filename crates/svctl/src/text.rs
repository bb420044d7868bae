//! The words for people: how a service stands, in a line or as columns.

use std::{fmt, time::Duration};

use svcmgr::{LastExit, Normally, State, Suite, Want, signal_name};

use crate::{
    table::{self, Align, Column, NOTHING},
    view::{Log, View},
};

/// `up (pid 4711) 3m 5s, want down`.
pub(crate) fn summary(view: &View<'_>) -> String {
    if let Some(error) = &view.error {
        return error.clone();
    }
    let mut line = state(view).to_owned();
    if let Some(pid) = view.pid() {
        line.push_str(&format!(" (pid {pid})"));
    } else if let Some(pid) = view.finish_pid() {
        line.push_str(&format!(" (finish pid {pid})"));
    }
    if let Some(uptime) = view.uptime() {
        line.push(' ');
        line.push_str(&span(uptime.as_secs_f64()));
    }
    for note in notes(view) {
        line.push_str(", ");
        line.push_str(&note);
    }
    line
}

/// The one word.
pub(crate) fn state(view: &View<'_>) -> &'static str {
    view.state().unwrap_or(State::Unknown).name()
}

/// What would not be guessed from the state.
pub(crate) fn notes(view: &View<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut say = |note: String| notes.push(note);
    let has_process = view.process().is_some();
    let state = view.state();
    let is_unit = view.status.as_ref().and_then(svcmgr::Status::suite) == Some(Suite::Systemd);
    match (state, view.want()) {
        (Some(State::Stopping), Some(Want::Up)) => say("want up".into()),
        (Some(State::Stopping | State::Unsupervised), _) => (),
        (_, Some(Want::Down)) if has_process => say("want down".into()),
        (_, Some(Want::Once)) if has_process => say("last run".into()),
        // Between two runs; the word says that another is wanted.
        (Some(State::Backoff), Some(Want::Up)) => (),
        // What has no process at all.
        (Some(State::Active | State::Activating), _) => (),
        // A job that is done is active to systemd, and nothing else is to come of it.
        (Some(State::Exited), Some(Want::Up)) if is_unit => (),
        (_, Some(Want::Up)) if !has_process => say("want up".into()),
        _ => (),
    }
    if view.paused() == Some(true) && state != Some(State::Paused) {
        say("paused".into());
    }
    match state {
        Some(State::Unsupervised | State::New) | None => (),
        _ if has_process && view.is_normally(Normally::Down) => say("normally down".into()),
        Some(State::Backoff | State::Active) if view.is_normally(Normally::Up) => (),
        _ if !has_process && view.is_normally(Normally::Up) => say("normally up".into()),
        _ => (),
    }
    if let Some(is_up) = view.s6_rc {
        say(format!("s6-rc: {}", if is_up { "up" } else { "down" }));
    }
    if view.supervised().is_none() && view.error.is_none() {
        say("supervisor cannot be seen, may be stale".into());
    }
    if let Some(exit) = view.exit().filter(|_| !has_process) {
        say(ended(exit));
    }
    if let Some(at) = view.status.as_ref().and_then(svcmgr::Status::starts_again) {
        let now = svcmgr::UnixTime::now();
        let left = now.elapsed(at);
        if !left.is_zero() {
            say(format!("again in {}", span(left.as_secs_f64())));
        }
    }
    notes.extend(log_note(view));
    notes
}

/// How its logger stands, if that is not well.
fn log_note(view: &View<'_>) -> Option<String> {
    let log = view.log.filter(|log| !matches!(log.state, Some(State::Up | State::Ready)))?;
    Some(format!("log {}", log_word(log)))
}

/// How a run ended.
pub(crate) fn ended(exit: LastExit) -> String {
    match exit {
        LastExit::Exited { code } => format!("exited with {code}"),
        LastExit::Signaled { signal, .. } => format!("killed by {}", signal_word(signal)),
        _ => "ended".to_owned(),
    }
}

fn signal_word(signal: u8) -> String {
    signal_name(signal).map_or_else(|| format!("SIG{signal}"), str::to_owned)
}

/// The columns of a live view, without their heads: state, pid, uptime, notes.
pub(crate) fn columns(view: &View<'_>) -> [String; 4] {
    let dash = || NOTHING.to_owned();
    let notes = match &view.error {
        Some(error) => error.clone(),
        None => notes(view).join(", "),
    };
    [
        view.state().map_or_else(dash, |state| state.to_string()),
        view.process().map_or_else(dash, |pid| pid.to_string()),
        view.uptime().map_or_else(dash, |uptime| span(uptime.as_secs_f64())),
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

/// Those of a short listing.
pub(crate) const BRIEF: [Column; COLUMNS.len()] = {
    const fn without(column: Column) -> Column {
        Column { head: "", ..column }
    }
    let [service, state, pid, span, ready, exit, log, notes] = COLUMNS;
    [
        service,
        state,
        without(pid),
        without(span),
        without(ready),
        without(exit),
        without(log),
        notes,
    ]
};

/// What stands in them.
pub(crate) type Cells = table::Cells<{ COLUMNS.len() }>;

/// How a service stands, in columns.
pub(crate) fn cells(view: &View<'_>) -> Cells {
    let mut cells = Cells::new();
    cells.push(view.shown());
    cells.push(view.state().map_or(NOTHING, State::name));
    cells.write_or_nothing(view.process());
    cells.write_or_nothing(view.changed_ago().map(|ago| Span(ago.as_secs_f64())));
    cells.push(view.ready().map_or(NOTHING, |ready| if ready { "yes" } else { "no" }));
    match view.exit() {
        Some(LastExit::Exited { code }) => cells.write(code),
        Some(LastExit::Signaled { signal, .. }) => cells.push(&signal_word(signal)),
        _ => cells.push(NOTHING),
    }
    cells.push(view.log.map_or(NOTHING, log_word));
    if let Some(error) = &view.error {
        cells.push(error);
    } else {
        // What explains the others stands first, where there is room.
        let why = view.why();
        // The same cause, without what it is about.
        let bare = view.reason.as_ref().map(|it| it.finding.cause.to_string());
        let is_said = |note: &String| [&why, &bare].into_iter().flatten().any(|it| it == note);
        let odd = view.odd().into_iter().filter(|note| !is_said(note));
        let notes: Vec<_> =
            why.iter().cloned().chain(odd).chain(notes_beside_columns(view)).collect();
        cells.push(&notes.join(", "));
    }
    cells
}

/// Its name and its state, and why there is none.
pub(crate) fn brief(view: &View<'_>) -> Cells {
    let mut cells = Cells::new();
    cells.push(view.shown());
    cells.push(view.state().map_or(NOTHING, State::name));
    for _ in 3..COLUMNS.len() {
        cells.push(NOTHING);
    }
    cells.push(view.error.as_deref().unwrap_or_default());
    cells
}

/// What neither the columns nor what is odd says well enough: a bad end is worth a note, for its column goes
/// where there is no room.
fn notes_beside_columns(view: &View<'_>) -> impl Iterator<Item = String> {
    let well = (view.exit() == Some(LastExit::Exited { code: 0 })).then_some("exited with 0");
    let has_odd_logger = view.status.as_ref().is_some_and(|seen| seen.odd().logger.is_some());
    let log = log_note(view).filter(|_| has_odd_logger);
    let is_said = move |note: &String| well == Some(note) || log.as_ref() == Some(note);
    notes(view).into_iter().filter(move |note| !is_said(note))
}

const fn log_word(log: Log) -> &'static str {
    match log.state {
        Some(state) => state.name(),
        None => State::Unknown.name(),
    }
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
