//! A service or its logger: the machine, the files, the process, and the timers.

use std::time::Duration;

use super::{
    machine::{Machine, Timer},
    publish::LockedDir,
    reap::Process,
    replace::Replaced,
};
use crate::Error;

/// One of the two, and what belongs to it.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) machine: Machine,
    pub(crate) dir: LockedDir,
    pub(crate) process: Option<Process>,
    /// When the timers ring, on the steady clock.
    pub(crate) rest: Option<Duration>,
    pub(crate) kill: Option<Duration>,
    /// When to write again what could not be written: the disk may be full for a moment only.
    pub(crate) rewrite: Option<Duration>,
}

/// Between two attempts to write.
const REWRITE: Duration = Duration::from_secs(1);

impl Runner {
    pub(crate) const fn new(machine: &Machine, dir: LockedDir) -> Self {
        let (process, rest, kill, rewrite) = (None, None, None, None);
        Self { machine: *machine, dir, process, rest, kill, rewrite }
    }

    pub(crate) const fn timer(&mut self, timer: Timer) -> &mut Option<Duration> {
        match timer {
            Timer::Rest => &mut self.rest,
            Timer::Kill => &mut self.kill,
        }
    }

    /// Writes how it stands; if that fails, again later. The error comes once, until it is written.
    pub(crate) fn publish(&mut self, now: Duration, replaced: &mut Replaced) -> Option<Error> {
        match self.dir.publish(&self.machine, replaced) {
            Ok(()) => {
                self.rewrite = None;
                None
            }
            Err(error) => {
                let told = self.rewrite.replace(now.saturating_add(REWRITE)).is_some();
                (!told).then_some(error)
            }
        }
    }

    /// Writes what could not be written, if it is time.
    pub(crate) fn rewrite_if_due(&mut self, now: Duration, replaced: &mut Replaced) {
        if self.rewrite.is_some_and(|at| at <= now) {
            let _told_already = self.publish(now, replaced);
        }
    }
}
