//! What must say yes besides, once the goal of a wait is reached: the caller's own question, or a
//! `check` script.

use std::time::{Duration, Instant};

use svproto::{Cause, Dialect, LastExit, Pid, Readiness, goal::Goal};

use super::Request;
use crate::{
    Error, Service, Status, Supervised,
    check::{self, Script},
};

/// What must say yes besides once the goal is reached.
pub(super) struct Probe {
    what: What,
    /// When to ask, or to look whether the answer is there.
    pub(super) at: Option<Instant>,
    /// The process that it is asked about.
    of: Option<Pid>,
    pub(super) running: Option<Script>,
    /// How the script ended last, where it said no.
    said: Option<LastExit>,
    /// Who may have answered in the place of the service.
    usurper: Option<(Pid, u16)>,
    /// Since when it has been running.
    runs_since: Option<Instant>,
}

enum What {
    /// The caller's own question.
    Closure,
    /// The script in this service directory.
    Script(Service),
}

/// The caller's own question, if there is one.
pub(crate) struct Prober<'a> {
    ask: Option<(Duration, Box<Ask<'a>>)>,
}

type Ask<'a> = dyn Fn(usize, &dyn Supervised, &Status) -> bool + Send + Sync + 'a;

impl<'a> Prober<'a> {
    pub(crate) const fn none() -> Self {
        Self { ask: None }
    }

    pub(crate) fn asking(
        every: Duration,
        ask: impl Fn(&dyn Supervised, &Status) -> bool + Send + Sync + 'a,
    ) -> Self {
        Self::asking_by_place(every, move |_, service, seen| ask(service, seen))
    }

    /// The same, which gets the place of the service in the call, too.
    pub(crate) fn asking_by_place(
        every: Duration,
        ask: impl Fn(usize, &dyn Supervised, &Status) -> bool + Send + Sync + 'a,
    ) -> Self {
        Self { ask: Some((every, Box::new(ask))) }
    }

    /// How often it is asked; `None` where nobody is.
    pub(crate) fn every(&self) -> Option<Duration> {
        self.ask.as_ref().map(|(every, _)| *every)
    }

    /// What the caller says.
    pub(crate) fn says(&self, at: usize, service: &dyn Supervised, seen: &Status) -> bool {
        self.ask.as_ref().is_none_or(|(_, ask)| ask(at, service, seen))
    }
}

impl Probe {
    /// What must say yes besides, if anything.
    pub(super) fn wanted(
        request: &Request,
        prober: &Prober<'_>,
        directory: Option<&Service>,
        baseline: &Status,
    ) -> Option<Self> {
        let readiness = baseline.reading.facts().map(|status| status.readiness);
        let is_silent = matches!(readiness, None | Some(Readiness::NotReported));
        let asks_ready = matches!(request.goal(), Goal::Ready | Goal::ReadyOrUp) && is_silent;
        let script = |service: &&Service| {
            service.dialect() == Some(Dialect::Runit) && check::has_script(service.handle())
        };
        let what = if asks_ready && prober.ask.is_some() {
            What::Closure
        } else if asks_ready || request.check_rule().is_some() {
            What::Script(directory.filter(script)?.clone())
        } else {
            return None;
        };
        let (said, usurper, runs_since) = (None, None, None);
        Some(Self { what, at: None, of: None, running: None, said, usurper, runs_since })
    }

    /// The goal is reached: ask about this process, unless that is under way.
    pub(super) fn begin(&mut self, now: Instant, of: Option<Pid>) {
        if self.of != of || self.at.is_none() {
            (self.at, self.of, self.running) = (Some(now), of, None);
        }
    }

    /// What it has said instead of yes: a cause, and what that is about.
    pub(super) fn why_not(&self, now: Instant) -> Option<(Cause, String)> {
        let overdue = self.runs_since.map(|since| {
            let span = now.saturating_duration_since(since).as_secs_f64();
            (Cause::CheckOverdue, format!("{span:.1} s"))
        });
        let failed = || Some((Cause::CheckFailed, check::how_in_words(self.said?)));
        let usurped =
            || self.usurper.map(|(pid, port)| (Cause::LeftBehind, check::listens(pid, port)));
        // What it has said before says more than that it has been asked again.
        failed().or_else(usurped).or(overdue)
    }

    /// Asks, or looks for the answer. `true` once it is yes.
    pub(super) fn go_on(
        &mut self,
        (at, service): (usize, &dyn Supervised),
        status: &Status,
        prober: &Prober<'_>,
        now: Instant,
    ) -> Result<bool, Error> {
        let (answer, again) = match &self.what {
            What::Closure => {
                let every = prober.every().unwrap_or_default();
                (Some(prober.says(at, service, status)), every)
            }
            What::Script(service) => {
                let mut script = match self.running.take() {
                    Some(script) => script,
                    None => Script::start(service.handle())?,
                };
                let ended = script.ended()?;
                self.said = match ended {
                    Some(status) if status.success() => None,
                    Some(status) => Some(check::how(status)),
                    None => self.said,
                };
                if ended.is_none() {
                    self.running = Some(script);
                    self.runs_since.get_or_insert(now);
                } else {
                    self.runs_since = None;
                }
                let again = if ended.is_none() { check::LOOK_AGAIN } else { check::TRY_AGAIN };
                let passed = ended.map(|status| status.success());
                self.usurper = match passed {
                    Some(true) => service.usurper(status),
                    Some(false) => None,
                    None => self.usurper,
                };
                (passed.map(|passed| passed && self.usurper.is_none()), again)
            }
        };
        self.at = now.checked_add(again);
        Ok(answer == Some(true))
    }
}
