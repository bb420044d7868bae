//! The first reason why a service is not as it should be, in one line, for commands that are asked
//! something else: `status`, `check`, `dev`, and all that ask for something and wait.
//!
//! Nothing is asked of what stands well. Only what was seen, or is likely, is said here; guesses are
//! for `svctl explain`.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use svcmgr::{Cause, Certainty, Finding, Remedy, Severity, State, Status, Supervised, Want};

use crate::{
    name,
    view::{Reason, View},
};

/// Asks for reasons, and no longer than is worth it: one takes some milliseconds, and there may be
/// thousands of services.
#[derive(Debug)]
pub(crate) struct Asker {
    /// How much time there is for all of them.
    time: Duration,
    /// When the command was to be done, if it said: a manager that has much to do may answer late.
    deadline: Option<Instant>,
    /// Then what nobody supervises is asked about, too, for which who scans is found among all processes; and
    /// a manager is asked a moment after the deadline.
    is_few: bool,
    /// Units are those of the user.
    user: bool,
    begun: OnceLock<Instant>,
}

impl Asker {
    /// For so many services. Of few, each is asked.
    pub(crate) fn of(services: usize, user: bool) -> Self {
        const FEW: usize = 16;
        let is_few = services <= FEW;
        let time = Duration::from_millis(if is_few { 1000 } else { 100 });
        Self { time, deadline: None, is_few, user, begun: OnceLock::new() }
    }

    /// The same, for a command with this deadline.
    pub(crate) fn by(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }

    /// How a service stands, with the reason for that where there is one.
    pub(crate) fn with_reason<'a>(&self, service: &dyn Supervised, view: View<'a>) -> View<'a> {
        let reason = self.ask(service, &view).map(Box::new);
        View { reason, ..view }
    }

    /// The reason of a service that was looked at, where it says more than its state.
    fn ask(&self, service: &dyn Supervised, view: &View<'_>) -> Option<Reason> {
        let seen = view.status.as_ref()?;
        let may_ask = self.is_few || seen.state() != State::Unsupervised;
        (may_ask && is_in_trouble(seen)).then(|| self.insist(service, view))?
    }

    /// The same of what was found not to be well, however it stands.
    pub(crate) fn insist(&self, service: &dyn Supervised, view: &View<'_>) -> Option<Reason> {
        /// So long after the deadline of its command a manager is asked about few units.
        const LATE: Duration = Duration::from_millis(100);
        let begun = *self.begun.get_or_init(Instant::now);
        let mut until = begun + self.time;
        if let (None, Some(deadline)) = (service.directory(), self.deadline) {
            let late = if self.is_few { LATE } else { Duration::ZERO };
            until = until.min(deadline.max(begun) + late);
        }
        if Instant::now() >= until {
            return None;
        }
        // Of what stands well, only what is an error is a reason why it was not done.
        let is_ill = view.status.as_ref().is_none_or(is_in_trouble);
        let least = if is_ill { Severity::Warning } else { Severity::Error };
        let is_enough = |it: &Finding| it.cause.severity() >= least || it.cause == Cause::Waiting;
        // What does not answer has been waited for long enough.
        let findings = service.explain_before(until).ok()?.findings;
        let finding = findings.into_iter().find(|it| says_more(it) && is_enough(it))?;
        let remedy = remedy(&finding, view, self.user);
        Some(Reason { finding, remedy })
    }
}

/// Whether there is a reason to be looked for.
fn is_in_trouble(seen: &Status) -> bool {
    let odd = seen.odd();
    let is_ill = odd.crash_loop.is_some()
        || odd.given_up.is_some()
        || odd.dead.is_some()
        || odd.logger.is_some()
        || odd.cannot_start.is_some()
        || matches!(odd.cause, Some(Cause::Waiting | Cause::HeldBack));
    match seen.state() {
        State::Backoff | State::Failed | State::Finishing | State::Unsupervised => true,
        // Without a process it waits for another, for all that is known.
        State::Starting => {
            seen.pid().is_none() || seen.uptime().is_some_and(|it| it >= Duration::from_secs(5))
        }
        State::Down => seen.want() == Some(Want::Up) || is_ill,
        _ => is_ill,
    }
}

/// Whether it is more than the state, and certain enough.
fn says_more(finding: &Finding) -> bool {
    let is_state = matches!(
        finding.cause,
        Cause::BackOff
            | Cause::WantedDown
            | Cause::DownFile
            | Cause::Paused
            | Cause::Unsupervised
            | Cause::DefinitionNewer
            | Cause::Orphan
            | Cause::Logger
            // How it ended stands beside its state.
            | Cause::Exited
            | Cause::Killed
            // Who asked for it was told.
            | Cause::Reload
    );
    finding.certainty >= Certainty::Likely && !is_state
}

/// What makes a command mean the units of the user.
pub(crate) const fn whose(user: bool) -> &'static str {
    if user { " --user" } else { "" }
}

/// What helps, as a command that can be typed; `user` where units are those of the user.
pub(crate) fn remedy(finding: &Finding, view: &View<'_>, user: bool) -> Option<String> {
    match finding.remedy.as_ref()? {
        Remedy::Command(command) => Some(ours(command)),
        Remedy::Ask(intent) => {
            Some(format!("svctl{} {} {}", whose(user), intent.name(), view.shown()))
        }
        Remedy::Enable => {
            let dir = view.path.as_deref()?;
            Some(format!("svctl enable {}", name::shown(&dir.to_string_lossy(), Some(dir))))
        }
        _ => None,
    }
}

/// The same by svctl, of what it has a command for.
fn ours(command: &str) -> String {
    let words = command.strip_prefix("systemctl ").unwrap_or_default();
    let verb = words.strip_prefix("--user ").unwrap_or(words).split(' ').next();
    match verb {
        Some("unmask" | "reset-failed" | "daemon-reload") => format!("svctl {words}"),
        _ => command.to_owned(),
    }
}
