//! What came of a request, in words: `up (pid 4711, ready after 0.8 s)`.

use std::time::Duration;

use svcmgr::{Goal, State, Status, Want};

use crate::{text, view::View};

/// The goal was reached after so many seconds; `asked_ago` is when it was asked for, seen from the
/// moment of the view. `changed` is whether something has changed, where something was asked.
pub(super) fn reached(
    view: &View<'_>,
    goal: Goal,
    took: f64,
    asked_ago: Duration,
    changed: Option<bool>,
) -> String {
    let after = text::time(took);
    if goal == Goal::Gone {
        return format!("gone after {after}");
    }
    if goal == Goal::Supervised {
        return format!("supervised after {after}, now {}", now_in_full(view));
    }
    if goal == Goal::Down && view.state() == Some(State::Unsupervised) {
        return format!("down after {after}, and its supervisor is gone");
    }
    let stood_so = view.changed_ago().is_some_and(|ago| ago > asked_ago);
    let ready_since = view.status.as_ref().and_then(Status::ready_since);
    // Who was up before may have become ready since.
    let was_ready = stood_so && ready_since.is_none_or(|at| at.elapsed(view.at) > asked_ago);
    let wants_process = !matches!(goal, Goal::Down | Goal::AsWanted | Goal::Known);
    // Units that are no services; what the `start` script of encore has started.
    let has_none_ever = matches!(view.state(), Some(State::Active | State::Up));
    if wants_process && view.pid().is_none() && !has_none_ever {
        // There was one, and it is no more.
        return format!("{} after {after}, now {}", ended(view), now(view));
    }
    let word = text::state(view);
    let notes = text::notes(view).into_iter().fold(String::new(), |all, note| all + ", " + &note);
    // Its want has changed, and nothing else had to.
    let turned = match (view.want(), changed) {
        (Some(want), Some(true)) if stood_so => Some(want),
        _ => None,
    };
    match view.process() {
        Some(pid) if goal == Goal::Finished => {
            format!("the run ended after {after}, now {word} (pid {pid}){notes}")
        }
        Some(pid)
            if matches!(goal, Goal::Ready | Goal::ReadyOrUp)
                && view.ready() == Some(true)
                && !was_ready =>
        {
            format!("{} (pid {pid}, ready after {after}){notes}", without_ready(word))
        }
        Some(pid) if stood_so => {
            let uptime = view.uptime().map(|up| format!(", for {}", text::span(up.as_secs_f64())));
            let uptime = uptime.unwrap_or_default();
            match turned {
                Some(want) => format!("now wanted {want}, {word} (pid {pid}{uptime}){notes}"),
                None => format!("already {word} (pid {pid}{uptime}){notes}"),
            }
        }
        Some(pid) => format!("{word} (pid {pid}, after {after}){notes}"),
        None => match turned {
            Some(want) => format!("now wanted {want}, {word}{notes}"),
            None if stood_so => format!("already {word}{notes}"),
            None => format!("{word} after {after}{notes}"),
        },
    }
}

/// `up (..., ready after ...)` says it once.
fn without_ready(word: &str) -> &str {
    if word == "ready" { "up" } else { word }
}

/// Why the goal will not be reached.
pub(super) fn never(view: &View<'_>, goal: Goal, why: &str, took: f64) -> String {
    if view.state() == Some(State::Unsupervised) {
        return why.to_owned();
    }
    if goal == Goal::Ready && view.ready().is_none() {
        // That was so before.
        return format!("{why}; now {}", now_in_full(view));
    }
    format!("{why} (after {}); now {}", text::time(took), now_in_full(view))
}

/// The deadline passed. `word` is what was asked, and whether it is known to have been read.
pub(super) fn overdue(
    view: &View<'_>,
    goal: Goal,
    word: Option<(&str, bool)>,
    asked_ago: Duration,
) -> String {
    let short_of = match goal {
        Goal::Up => Some("up".to_owned()),
        Goal::ReadyOrUp if view.ready().is_none() => Some("up".to_owned()),
        Goal::Ready | Goal::ReadyOrUp => Some("ready".to_owned()),
        Goal::UpFor(span) => Some(format!("up for {}", text::span(span.as_secs_f64()))),
        _ => None,
    };
    let happened = view.changed_ago().is_some_and(|ago| ago <= asked_ago);
    match (short_of, word) {
        // It was started, more than once perhaps, so the request is not what fails.
        (Some(goal), _) if happened && view.want() == Some(Want::Up) => {
            let how =
                if view.pid().is_none() { format!("{}, ", ended(view)) } else { String::new() };
            format!("the deadline passed and it was not {goal}; {how}now {}", now(view))
        }
        _ => {
            let (word, acknowledged) = word.unzip();
            let why = super::overdue(word, acknowledged == Some(true));
            format!("{why}; now {}", now_in_full(view))
        }
    }
}

/// How the last run ended, where that is told.
fn ended(view: &View<'_>) -> String {
    view.exit().map_or_else(|| "ended".to_owned(), text::ended)
}

/// `in backoff`, `up (pid 4711)`.
fn now(view: &View<'_>) -> String {
    match (view.state(), view.pid()) {
        (Some(State::Backoff), _) => "in backoff".to_owned(),
        (_, Some(pid)) => format!("{} (pid {pid})", text::state(view)),
        (_, None) => text::state(view).to_owned(),
    }
}

fn now_in_full(view: &View<'_>) -> String {
    text::summary(view)
}

#[cfg(test)]
mod tests {
    use svcmgr::{Facts, LastExit, Phase, Pid, Readiness};

    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    /// A service that has been like this for so long.
    fn view(facts: Facts, ago: f64) -> View<'static> {
        let named = View::named("web");
        let back = Duration::from_secs_f64(ago);
        let since = svcmgr::UnixTime::new(1_000_000, 0);
        let at = since.unwrap().saturating_add(back);
        View { status: Some(Status::of(facts.with_since(since))), at, ..named }
    }

    fn up() -> Facts {
        Facts::new(Phase::Up).with_pid(Pid::new(4711)).with_want(Want::Up)
    }

    #[test]
    fn a_service_that_came_up_is_told_from_one_that_was_up() {
        let told = |ago, goal, took, changed| reached(&view(up(), ago), goal, took, SOON, changed);
        assert_eq!(told(0.004, Goal::Up, 0.04, Some(true)), "up (pid 4711, after 40 ms)");
        let already = "already up (pid 4711, for 3m 5s)";
        assert_eq!(told(185.0, Goal::Up, 0.04, Some(false)), already);
        assert_eq!(told(185.0, Goal::Up, 0.04, None), already);
        // Its last run, which is not to be the last any more.
        let turned = "now wanted up, up (pid 4711, for 3m 5s)";
        assert_eq!(told(185.0, Goal::Up, 0.04, Some(true)), turned);
        let ready = view(up().with_readiness(Readiness::Ready { since: None }), 0.8);
        let told = |goal| reached(&ready, goal, 0.81, SOON, Some(true));
        assert_eq!(told(Goal::Ready), "up (pid 4711, ready after 0.8 s)");
        assert_eq!(told(Goal::Up), "ready (pid 4711, after 0.8 s)");
        // `daemons.md` 14: it was so before, or it was up and has become so.
        let at = |back: f64| view(up(), 22.0).at.saturating_sub(Duration::from_secs_f64(back));
        let told = |back: f64, changed| {
            let ready = up().with_readiness(Readiness::Ready { since: Some(at(back)) });
            reached(&view(ready, 22.0), Goal::Ready, 0.04, SOON, Some(changed))
        };
        assert_eq!(told(21.0, false), "already ready (pid 4711, for 22s)");
        assert_eq!(told(0.02, true), "up (pid 4711, ready after 40 ms)");
    }

    #[test]
    fn a_want_that_was_changed_is_not_already() {
        let down = Facts::new(Phase::Down).with_want(Want::Down);
        let told = |changed| reached(&view(down, 60.0), Goal::Down, 0.04, SOON, changed);
        assert_eq!(told(Some(true)), "now wanted down, down");
        assert_eq!(told(Some(false)), "already down");
    }

    #[test]
    fn a_service_that_died_is_not_called_up() {
        let dead = Facts::new(Phase::Down).with_want(Want::Up);
        let told = dead.with_last_exit(LastExit::Exited { code: 3 });
        assert_eq!(
            reached(&view(told, 0.0), Goal::Up, 0.04, SOON, Some(true)),
            "exited with 3 after 40 ms, now in backoff"
        );
        assert_eq!(
            reached(&view(dead, 0.0), Goal::Finished, 1.26, SOON, None),
            "ended after 1.3 s, now in backoff"
        );
        let (goal, tried) = (Goal::UpFor(Duration::from_secs(5)), Some(("up", false)));
        assert_eq!(
            overdue(&view(dead, 0.0), goal, tried, SOON),
            "the deadline passed and it was not up for 5.0s; ended, now in backoff"
        );
    }
}
