//! Why a wait is not over: what did not obey, who said no, and whose end it was.

use std::time::{Duration, Instant};

use svproto::{Cause, Dialect, goal::Goal};

use super::{Request, look::runs, wait::Waiting};
use crate::{Error, Intent, Service, Status, Supervised, explain::cannot_be_executed, node};

/// How long a supervisor may take until it has noticed that a program could not be executed: what waits for it is
/// the end of a process that ends at once.
const IN_VAIN: Duration = Duration::from_secs(2);

impl Waiting {
    /// Whether the process that has just been reached is none: runsv and supervise write that it is up when they
    /// have forked, and its program could not be executed. The next record says that it is down, and soon: one that
    /// the record still has then was begun, whatever its file is now.
    pub(super) fn has_begun_in_vain(&mut self, seen: &Status, now: Instant) -> bool {
        let is_forked = matches!(seen.dialect(), Some(Dialect::Runit | Dialect::Daemontools));
        let service = self.directory.as_ref().filter(|_| is_forked && runs(seen));
        let since = seen.reading.facts().and_then(|it| it.since);
        self.in_vain = service.zip(since).and_then(|(service, since)| {
            let run = node::stat(service.handle().at(service.program())).ok()??;
            // One that was changed since has been executed as it was before.
            (node::touched(&run)? <= since).then(|| cannot_be_executed(service)).flatten()
        });
        let process = seen.pid();
        self.in_vain_until = self.in_vain_until.filter(|(_, of)| *of == process);
        let (until, _) = *self.in_vain_until.get_or_insert((now + IN_VAIN, process));
        if now >= until {
            self.in_vain = None;
        }
        self.in_vain.is_some()
    }

    /// Why it is not so at the deadline, where that can be told: what did not obey, and who said no.
    pub(super) fn why_not(&self, now: Instant) -> Option<(Cause, String)> {
        if let Some(why) = self.probe.as_ref().and_then(|probe| probe.why_not(now)) {
            return Some(why);
        }
        let facts = self.last.reading.facts()?;
        if self.last.state() == svproto::State::Paused {
            return Some((Cause::Paused, String::new()));
        }
        let run = |seen: &Status| seen.reading.facts().map(|it| (it.pid, it.since));
        let is_there = facts.pid.is_some() && run(&self.last) == run(&self.baseline);
        let is_stopped = || self.directory.as_ref().is_some_and(Service::has_stopped_supervisor);
        match self.pursuit.goal() {
            // It was told to end before, and is to come again.
            Goal::Up if self.asks && is_there && self.pursuit.is_acknowledged() => {
                Some((Cause::NotObeyed, String::new()))
            }
            Goal::Down | Goal::Gone | Goal::Restarted if self.asks && is_there => {
                let cause = if is_stopped() { Cause::NotRead } else { Cause::NotObeyed };
                Some((cause, String::new()))
            }
            _ => None,
        }
    }

    /// Whether it is down because its supervisor has ended it and then itself.
    pub(super) fn was_ended(&self) -> bool {
        matches!(self.pursuit.goal(), Goal::Down | Goal::Finished)
            && self.baseline.reading.is_supervised()
            && self.directory.as_ref().is_some_and(Service::was_left_down)
    }

    /// Whether this error of a look is what was waited for: what has no directory is gone for good.
    pub(super) fn is_over_by(&self, error: &Error) -> bool {
        self.directory.is_none()
            && error.kind() == crate::ErrorKind::NotFound
            && matches!(self.pursuit.goal(), Goal::Down | Goal::Finished | Goal::Gone)
    }

    /// Whether the process that is there is one that the request was to end: any, if none is to be
    /// left; else the one that was there before, and not the one that has followed it.
    pub(super) fn is_to_end(&self, request: &Request) -> bool {
        let run = |seen: &Status| {
            let status = seen.reading.facts()?;
            Some((status.pid, status.since))
        };
        matches!(request.goal(), Goal::Down | Goal::Gone) || run(&self.last) == run(&self.baseline)
    }

    /// Whether a stop that was asked for has processes left, be it a command of the stop itself: a unit is
    /// in the middle of one as long as any is there. Not so under a directory: runit answers a kill
    /// during `finish` by running `finish` once more.
    pub(super) fn is_left_of_a_stop<B: Supervised>(&self, request: &Request, unit: &B) -> bool {
        let in_a_stop = |seen: &Status| {
            matches!(seen.state(), svproto::State::Stopping | svproto::State::Finishing)
        };
        self.directory.is_none()
            && in_a_stop(&self.last)
            && match request.goal() {
                Goal::Down | Goal::Gone => true,
                // The next run may have begun since, and is not to be killed.
                _ if request.intent() == Some(Intent::Restart) => {
                    unit.status().is_ok_and(|now| in_a_stop(&now))
                }
                _ => false,
            }
    }
}
