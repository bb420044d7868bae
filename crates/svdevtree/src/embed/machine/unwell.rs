//! The end of a run that is not as it should be, which nobody has asked for.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::{Action, After, Machine, Now, ServicePart, Timer, Want};
use crate::embed::event::Unwell;

/// For one that has no time of its own to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

impl Machine {
    /// Why the last run was ended although nobody asked for it; while it runs, why it is.
    pub(crate) const fn unwell(&self) -> Option<Unwell> {
        self.unwell
    }

    /// Whether it can be ended for that: while nothing else is under way.
    pub(crate) fn can_be_unwell(&self) -> bool {
        let is_free = !self.is_busy() && !self.told && self.unwell.is_none();
        let is_up = self.part == ServicePart::Main && self.is_running();
        is_up && is_free && self.want == Want::Up
    }

    /// It is to end because of that, as if it had been asked to; a silent one is to leave a trace of where it was.
    pub(super) fn is_unwell(&mut self, why: Unwell, now: Now, todo: &mut Vec<Action>) {
        self.unwell = Some(why);
        if why == Unwell::Silent {
            todo.push(Action::Signal(Signal::SIGABRT));
            self.hurry(todo);
        } else {
            self.script_or('t', After::Unwell, now, todo);
        }
    }

    /// It is killed if it does not end in time.
    pub(super) fn hurry(&self, todo: &mut Vec<Action>) {
        let patience = self.policy.kill_after.unwrap_or(PATIENCE);
        todo.extend([Action::Set(Timer::Kill, patience), Action::Signal(Signal::SIGCONT)]);
    }

    /// `control/t` was asked; whether it stands for the signal.
    pub(super) fn told_to_end(&mut self, instead: bool, todo: &mut Vec<Action>) {
        if !instead {
            self.got_term = true;
            todo.extend([Action::Signal(self.policy.stop), Action::Publish]);
        }
        self.hurry(todo);
    }
}
