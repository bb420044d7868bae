//! `svctl check`: are services healthy, in one line and an exit code.
//!
//! Without a name, a service of the scan directory passes if it stands as it is wanted; one that is
//! named must be up. What has only just started, or is about to, is waited for a moment: it may be
//! one that crashes again and again, and a probe is not to say now yes and now no.

use std::time::{Duration, Instant};

use svcmgr::{
    Bulk, Cause, CheckAnswer, Error, ErrorKind, Goal, LastExit, Normally, Readiness, Request,
    State, Status, Want,
};

use crate::{
    args::{self, Global},
    exit::Exit,
    json,
    names::{self, Found, NoTargets, Target},
    output::Output,
    reason::Asker,
    text,
    view::View,
};

pub(crate) fn run(global: &Global, check: &args::Check, output: &mut Output) -> Exit {
    let targets = match names::find_shown(global, &check.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let (restless, asker) = (restless(&targets), Asker::of(targets.len(), global.user));
    let checked: Vec<Checked> = targets
        .into_iter()
        .zip(restless)
        .filter_map(|(target, restless)| look(target, restless, check, &asker))
        .collect();
    let mut exit = checked.iter().map(|checked| checked.exit).max().unwrap_or(Exit::Done);
    if output.json {
        let array: Vec<_> = checked.iter().map(Checked::json).collect();
        output.json(&array);
    } else {
        for checked in &checked {
            checked.print(output);
        }
    }
    if let Some(expected) = check.expect {
        let there = checked.iter().filter(|checked| checked.view.error.is_none()).count();
        if there < expected.get() {
            let there = text::counted(there, "service");
            output.message(&format!("{there} instead of {expected}"));
            exit = exit.max(Exit::Negative);
        }
    }
    exit
}

/// A process that is younger than this may be one of a crash loop. Every supervisor leaves a second
/// between two starts, so a loop of short lives shows within it.
const SETTLED: Duration = Duration::from_millis(1100);
/// `wait --for ready` gives a `check` script all the time that it has itself; a probe has no more patience.
const CHECK_TAKES: Duration = Duration::from_secs(3);

/// Who did not stay up.
#[derive(Clone, Copy, Default)]
struct Restless {
    service: bool,
    logger: bool,
}

/// Whether it may look otherwise a moment later: it has only just started, or is about to.
fn is_unsettled(seen: &Status) -> bool {
    // What is paused does not get older by waiting.
    let goes_on = seen.pid().is_some() && seen.state() != State::Paused;
    let is_young = goes_on && seen.uptime().is_some_and(|up| up < SETTLED);
    // A finish script that runs stands between two starts as well.
    let starts_again = seen.facts().is_some_and(|it| it.want == Some(Want::Up))
        && matches!(seen.state(), State::Backoff | State::Finishing);
    is_young || starts_again
}

/// Waits for those that are not settled, loggers as well.
fn restless(targets: &[Target]) -> Vec<Restless> {
    let mut all = vec![Restless::default(); targets.len()];
    let mut unsettled: Vec<(usize, bool, Found)> = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        let Ok(found) = &target.found else { continue };
        if found.status().is_ok_and(|seen| is_unsettled(&seen)) {
            unsettled.push((at, false, found.clone()));
        }
        let log = found.directory().and_then(svcmgr::Service::log);
        if let Some(log) = log.filter(|log| log.status().is_ok_and(|seen| is_unsettled(&seen))) {
            unsettled.push((at, true, std::sync::Arc::new(log)));
        }
    }
    let services: Vec<Found> = unsettled.iter().map(|(.., found)| found.clone()).collect();
    let settled = Request::wait(Goal::UpFor(SETTLED));
    // Twice as long is enough for a clock that is a little off.
    let Ok(results) = Bulk::new(&services).pursue(&settled, Instant::now() + 2 * SETTLED) else {
        return all;
    };
    for ((at, is_logger, _), result) in unsettled.into_iter().zip(results) {
        let Some(place) = all.get_mut(at) else { continue };
        if !result.is_ok_and(|outcome| outcome.is_reached()) {
            *(if is_logger { &mut place.logger } else { &mut place.service }) = true;
        }
    }
    all
}

/// One service, and what is wrong with it.
struct Checked {
    view: View<'static>,
    complaints: Vec<String>,
    /// What to do where it does not answer.
    hint: Option<String>,
    exit: Exit,
}

impl Checked {
    fn json(&self) -> json::Checked<'_> {
        json::Checked::of(&self.view, self.exit == Exit::Done, &self.complaints)
    }

    /// What is well is not worth a line on its own.
    fn print(&self, output: &mut Output) {
        let name = self.view.shown();
        if self.exit != Exit::Done {
            // A complaint may be the reason itself.
            let why =
                self.view.why().filter(|why| !self.complaints.iter().any(|it| it.contains(why)));
            let complaints: Vec<_> = self.complaints.iter().cloned().chain(why).collect();
            let hint = self.hint.as_ref().map(|hint| format!("\n  hint: {hint}"));
            let hint = hint.unwrap_or_default();
            output.message(&format!("{name}: {}{hint}", complaints.join("; ")));
        } else if !output.quiet {
            output.line(&format!("{name}: ok, {}", text::summary(&self.view)));
        }
    }
}

/// `None` where it was listed and is gone since.
fn look(target: Target, restless: Restless, check: &args::Check, asker: &Asker) -> Option<Checked> {
    let Target { name, path, found } = target;
    let result = match found {
        Ok(found) => match found.status() {
            seen if names::has_gone(&check.services, &seen) => return None,
            seen => seen.map(|seen| (found, seen)),
        },
        Err(error) => Err(error),
    };
    Some(match result {
        Ok((found, seen)) => {
            let view = View::new(&*found, &seen).asking(&*found).into_owned();
            let mut complaints = complaints(&view, restless, check);
            if check.ready
                && complaints.is_empty()
                && !is_done(&seen)
                && let Some(no) = unready(&found, &seen)
            {
                complaints.push(no);
            }
            let exit = match (complaints.is_empty(), view.supervised()) {
                (true, _) => Exit::Done,
                (false, Some(false)) => Exit::Unsupervised,
                (false, _) => Exit::Negative,
            };
            let reason = (exit != Exit::Done).then(|| asker.insist(&*found, &view)).flatten();
            let view = View { reason: reason.map(Box::new), ..view };
            Checked { view, complaints, hint: None, exit }
        }
        Err(error) => {
            let view = View::failed(&name, path.as_deref(), &error).into_owned();
            let complaints = view.error.iter().cloned().collect();
            let hint = error.hint().filter(|_| error.kind() == ErrorKind::Unanswered);
            Checked { view, complaints, hint, exit: Exit::from(&error) }
        }
    })
}

fn complaints(view: &View<'_>, restless: Restless, check: &args::Check) -> Vec<String> {
    let (Some(seen), Some(facts)) = (&view.status, view.facts()) else {
        return vec![text::state(view).to_owned()];
    };
    let mut complaints = Vec::new();
    let state = seen.state();
    // It has done what it had to, and its supervisor takes it for up from then on (systemd).
    let is_held = state == State::Exited && facts.want == Some(Want::Up);
    let is_up = is_held || matches!(state, State::Up | State::Ready | State::Active);
    let is_down = matches!(state, State::Down | State::Exited | State::Inactive);
    let is_wanted = facts.want == Some(Want::Up);
    // Nobody asked for it by name, and nobody wants it up; or it had one thing to do, and did it
    // well.
    let ran_well = matches!(seen.exit(), None | Some(LastExit::Exited { code: 0 }))
        && seen.normally() != Some(Normally::Up);
    let may_be_down = is_down
        && !is_wanted
        && (check.services.is_empty() || (state == State::Exited && ran_well));
    if !is_up && !may_be_down {
        let paused = if state == State::Paused { "; `cont` lets it go on" } else { "" };
        complaints.push(format!("{}{paused}", text::summary(view)));
    }
    if restless.service && is_up {
        complaints.push("does not stay up".to_owned());
    }
    for (cause, about) in seen.odd().causes(view.at) {
        let is_bad = match cause {
            Cause::GivenUp { .. } | Cause::ProcessDead => true,
            Cause::CrashLoop | Cause::CannotStart => is_wanted || is_up,
            Cause::Logger | Cause::LoggerLoop => !may_be_down || is_up,
            _ => false,
        };
        if is_bad {
            complaints.push(cause.about(&about).to_string());
        }
    }
    if restless.logger && seen.odd().logger.is_none() && seen.odd().logger_loop.is_none() {
        complaints.push("its logger does not stay up".to_owned());
    }
    if may_be_down {
        return complaints;
    }
    if let Some(span) = check.up_for.filter(|_| is_up)
        && view.uptime().is_none_or(|uptime| uptime < span)
    {
        let up = view.uptime().map(|up| text::span(up.as_secs_f64())).unwrap_or_default();
        complaints.push(format!("up for {up} only"));
    }
    if let Some(limit) = check.max_restarts {
        match seen.restarts() {
            Some(count) if count <= limit => (),
            Some(count) => complaints.push(format!("ended {count} times")),
            None => complaints.push("its supervisor does not tell how often it ended".into()),
        }
    }
    complaints
}

/// Whether there is nothing to be ready: it has no process and, having no complaint, needs none. A job that
/// has done its work is one.
fn is_done(seen: &Status) -> bool {
    matches!(seen.state(), State::Down | State::Exited | State::Inactive)
}

/// Why it is not ready, by whoever `wait --for ready` asks; `None` if it is.
fn unready(found: &Found, seen: &Status) -> Option<String> {
    match seen.facts()?.readiness {
        Readiness::Ready { .. } => return None,
        Readiness::NotReady | Readiness::Awaited => return Some("not ready".to_owned()),
        Readiness::NotReported => (),
    }
    let silent = || Some("does not say whether it is ready".to_owned());
    let Some(service) = found.directory() else { return silent() };
    match service.ask_check(CHECK_TAKES) {
        Ok(CheckAnswer::Passed) => None,
        Ok(CheckAnswer::NoScript) => silent(),
        Ok(CheckAnswer::Overdue) => {
            let span = format!("{} s", CHECK_TAKES.as_secs());
            Some(Cause::CheckOverdue.about(&span).to_string())
        }
        Ok(answer) => Some(answer.to_string()),
        Err(error) => Some(said(&error)),
    }
}

fn said(error: &Error) -> String {
    crate::output::message(error)
}
