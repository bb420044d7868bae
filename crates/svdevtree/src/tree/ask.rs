//! What a tree asks its keeper, and how it ends.

use std::time::{Duration, Instant};

use svclient::{Op, Request, Scanner, Service, pursue};
use svproto::goal::Goal;

use super::{
    DevTree, KILLING,
    error::TreeError,
    owner::Owner,
    wire::{Message, timed},
};

impl DevTree {
    pub(super) fn is_started(&mut self) -> Result<bool, TreeError> {
        match self.check() {
            Ok(()) => Ok(true),
            Err(TreeError::NotStarted { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One message and its answer.
    pub(super) fn ask(
        &mut self,
        message: &Message,
        answers: &[&str],
        deadline: Instant,
        doing: &'static str,
    ) -> Result<Message, TreeError> {
        let Some(owner) = &mut self.owner else {
            return Err(TreeError::NotStarted { doing, base: self.base.clone() });
        };
        owner.ask(message, answers, deadline, doing)
    }

    /// `s6-svscan` hears nothing before it has made its FIFO, and looks only when it is told.
    pub(super) fn await_scanner(&mut self, deadline: Instant) -> Result<(), TreeError> {
        while self.scan_dir().scanner()? != Scanner::Listens {
            self.check()?;
            if Instant::now() >= deadline {
                return Err(TreeError::Deadline {
                    doing: "hear of s6-svscan in",
                    base: self.base.clone(),
                });
            }
            // Nothing tells of it but the FIFO itself; of its failing the keeper does, at once.
            if let Some(owner) = &mut self.owner {
                owner.listen(Duration::from_millis(2))?;
            }
        }
        Ok(())
    }

    /// The engine first; then, of those that leave their supervisors behind, one after the other.
    pub(super) fn wind_down(&mut self, deadline: Instant) -> Result<(), TreeError> {
        if !self.started {
            return Ok(());
        }
        // An engine that ended by itself just now has ended.
        match self.ask(&Message::new("wind"), &["wound", "engine-ended"], deadline, "wind down") {
            Ok(_) | Err(TreeError::Deadline { .. }) => (),
            Err(error) => return Err(error),
        }
        if self.engine.ends_services() {
            return Ok(());
        }
        let services = self.scan_dir().services().unwrap_or_default();
        let loggers: Vec<Service> = services.iter().filter_map(Service::log).collect();
        let ask = |part: &[Service], op, deadline| {
            // What does not do as it is asked is killed next.
            let _outcomes = pursue(part, &Request::new(op, Goal::Gone), deadline);
        };
        ask(&services, Op::StopExit, deadline);
        // Nobody writes to it any more, so a logger ends by itself, with the last line read. A signal
        // would end it before; that is for one whose input an orphan still holds.
        let now = Instant::now();
        ask(&loggers, Op::Exit, now + deadline.saturating_duration_since(now) / 2);
        ask(&loggers, Op::StopExit, deadline);
        Ok(())
    }

    pub(super) fn kill_rest(&mut self) -> Result<usize, TreeError> {
        let deadline = Instant::now() + KILLING;
        let answer =
            self.ask(&timed("end", deadline), &["ended"], deadline + KILLING, "end all in")?;
        Ok(answer.number(1).unwrap_or_default())
    }

    /// Lets the keeper go.
    pub(super) fn release(&mut self) -> Result<(), TreeError> {
        self.started = false;
        let left = self.owner.take().map(Owner::end).unwrap_or_default();
        if left.is_empty() {
            return Ok(());
        }
        Err(TreeError::Survivors { base: self.base.clone(), pids: left })
    }
}
