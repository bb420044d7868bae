//! What came of a request, in words: `up (pid 4711, ready after 0.8 s)`.

use std::time::Duration;

use svcmgr::Goal;

use crate::{
    json::{Exit, Row},
    text,
};

/// The goal was reached after so many seconds; `asked_ago` is when it was asked for, seen from the
/// moment of the row.
pub(super) fn reached(row: &Row<'_>, goal: Goal, took: f64, asked_ago: Duration) -> String {
    let after = text::time(took);
    if goal == Goal::Gone {
        return format!("gone after {after}");
    }
    let stood_so = row.changed_ago.is_some_and(|ago| ago > asked_ago);
    let wants_process = !matches!(goal, Goal::Down | Goal::AsWanted | Goal::Known);
    if wants_process && row.pid.is_none() {
        // There was one, and it is no more.
        return format!("{} after {after}, now {}", ended(row), now(row));
    }
    let word = row.state.unwrap_or("unknown");
    let notes = text::notes(row).into_iter().fold(String::new(), |all, note| all + ", " + &note);
    match row.pid.or(row.finish_pid) {
        Some(pid) if goal == Goal::Finished => {
            format!("the run ended after {after}, now {word} (pid {pid}){notes}")
        }
        Some(pid) if goal == Goal::Ready && row.ready == Some(true) => {
            format!("{} (pid {pid}, ready after {after}){notes}", without_ready(word))
        }
        Some(pid) if stood_so => {
            let uptime = row.uptime.map(|uptime| format!(", for {}", text::span(uptime)));
            format!("already {word} (pid {pid}{}){notes}", uptime.unwrap_or_default())
        }
        Some(pid) => format!("{word} (pid {pid}, after {after}){notes}"),
        None if stood_so => format!("already {word}{notes}"),
        None => format!("{word} after {after}{notes}"),
    }
}

/// `up (..., ready after ...)` says it once.
fn without_ready(word: &str) -> &str {
    if word == "ready" { "up" } else { word }
}

/// Why the goal will not be reached.
pub(super) fn never(row: &Row<'_>, goal: Goal, why: &str, took: f64) -> String {
    if row.state == Some("unsupervised") {
        return why.to_owned();
    }
    if goal == Goal::Ready && row.ready.is_none() {
        // That was so before.
        return format!("{why}; now {}", now_in_full(row));
    }
    format!("{why} (after {}); now {}", text::time(took), now_in_full(row))
}

/// The deadline passed. `word` is what was asked, and whether it is known to have been read.
pub(super) fn overdue(
    row: &Row<'_>,
    goal: Goal,
    word: Option<(&str, bool)>,
    asked_ago: Duration,
) -> String {
    let short_of = match goal {
        Goal::Up => Some("up".to_owned()),
        Goal::Ready => Some("ready".to_owned()),
        Goal::UpFor(span) => Some(format!("up for {}", text::span(span.as_secs_f64()))),
        _ => None,
    };
    let happened = row.changed_ago.is_some_and(|ago| ago <= asked_ago);
    match (short_of, word) {
        // It was started, more than once perhaps, so the request is not what fails.
        (Some(goal), _) if happened && row.want == Some("up") => {
            let how = if row.pid.is_none() { format!("{}, ", ended(row)) } else { String::new() };
            format!("the deadline passed and it was not {goal}; {how}now {}", now(row))
        }
        _ => {
            let (word, acknowledged) = word.unzip();
            let why = super::overdue(word, acknowledged == Some(true));
            format!("{why}; now {}", now_in_full(row))
        }
    }
}

/// How the last run ended, where that is told.
fn ended(row: &Row<'_>) -> String {
    match &row.exit {
        Some(Exit::Code(code)) => format!("exited with {code}"),
        Some(Exit::Signal(signal)) => format!("killed by {signal}"),
        None => "ended".to_owned(),
    }
}

/// `in backoff`, `up (pid 4711)`.
fn now(row: &Row<'_>) -> String {
    match (row.state, row.pid) {
        (Some("backoff"), _) => "in backoff".to_owned(),
        (word, Some(pid)) => format!("{} (pid {pid})", word.unwrap_or("unknown")),
        (word, None) => word.unwrap_or("unknown").to_owned(),
    }
}

fn now_in_full(row: &Row<'_>) -> String {
    text::summary(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn row() -> Row<'static> {
        Row { state: Some("up"), pid: Some(4711), supervised: Some(true), ..Row::named("web") }
    }

    #[test]
    fn a_service_that_came_up_is_told_from_one_that_was_up() {
        let ago = |ago| Row {
            changed_ago: Some(Duration::from_secs_f64(ago)),
            uptime: Some(ago),
            ..row()
        };
        assert_eq!(reached(&ago(0.004), Goal::Up, 0.04, SOON), "up (pid 4711, after 40 ms)");
        assert_eq!(reached(&ago(185.0), Goal::Up, 0.04, SOON), "already up (pid 4711, for 3m 5s)");
        let ready = Row { ready: Some(true), state: Some("ready"), ..ago(0.8) };
        assert_eq!(reached(&ready, Goal::Ready, 0.81, SOON), "up (pid 4711, ready after 0.8 s)");
        assert_eq!(reached(&ready, Goal::Up, 0.81, SOON), "ready (pid 4711, after 0.8 s)");
    }

    #[test]
    fn a_service_that_died_is_not_called_up() {
        let dead = Row { state: Some("backoff"), pid: None, exit: Some(Exit::Code(3)), ..row() };
        assert_eq!(
            reached(&dead, Goal::Up, 0.04, SOON),
            "exited with 3 after 40 ms, now in backoff"
        );
        let mute = Row { exit: None, ..dead };
        assert_eq!(reached(&mute, Goal::Finished, 1.26, SOON), "ended after 1.3 s, now in backoff");
        let (goal, tried) = (Goal::UpFor(Duration::from_secs(5)), Some(("up", false)));
        let young = Row { changed_ago: Some(Duration::ZERO), want: Some("up"), ..mute };
        assert_eq!(
            overdue(&young, goal, tried, SOON),
            "the deadline passed and it was not up for 5.0s; ended, now in backoff"
        );
    }
}
