//! A kit whose directory hangs in the system: a call with a deadline leaves it, and it comes back later, whole.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use svclient::lend::{self, Lent};

use super::{Kit, KitError};
use crate::TreeError;

/// A kit that hangs. What came of its call shows in the next one.
pub(super) type Away = lend::Away<Kit, ()>;

/// How long the end of a kit waits for one that hangs, and for its logs.
const PATIENCE: Duration = Duration::from_secs(5);

impl Kit {
    /// Does something in a thread beside the caller, who leaves at the deadline.
    pub(super) fn aside<R: Send + 'static>(
        &mut self,
        deadline: Instant,
        doing: &'static str,
        act: impl FnOnce(&mut Self) -> Result<R, KitError> + Send + 'static,
    ) -> Result<R, KitError> {
        self.come_back(deadline, doing)?;
        let (say, said) = mpsc::channel();
        let stand_in = self.stand_in();
        let lent = lend::lend(self, stand_in, deadline, move |kit| {
            let _nobody_waits = say.send(act(kit));
        });
        match lent {
            Lent::Done(()) => said.recv().unwrap_or_else(|_| Err(self.late(doing))),
            Lent::TooMany => Err(self.late(doing)),
            Lent::Away(away) => {
                self.away = Some(Box::new(away));
                Err(self.late(doing))
            }
        }
    }

    fn come_back(&mut self, deadline: Instant, doing: &'static str) -> Result<(), KitError> {
        let Some(away) = self.away.take() else { return Ok(()) };
        match away.take_back(Some(deadline)) {
            Ok((kit, ())) => {
                // Ports may have been reserved meanwhile.
                let ports = std::mem::take(&mut self.ports);
                *self = kit;
                self.ports.extend(ports);
                Ok(())
            }
            Err(away) => {
                self.away = Some(Box::new(away));
                Err(self.late(doing))
            }
        }
    }

    /// What is here while the kit is elsewhere: its places, and nothing that ends with it.
    fn stand_in(&self) -> Self {
        Self {
            tree: self.tree.stand_in(),
            ports: Vec::new(),
            specs: self.specs.clone(),
            dir: self.dir.clone(),
            away: None,
        }
    }

    fn late(&self, doing: &'static str) -> KitError {
        KitError::Tree(TreeError::Deadline { doing, base: self.tree.base().to_owned() })
    }

    /// One that hangs ends when the system lets it; what takes its time is waited for.
    pub(super) fn end_with(&mut self) {
        if let Some(away) = self.away.take() {
            let _ends_now_or_later = away.take_back(Some(Instant::now() + PATIENCE));
        }
    }

    /// The last lines of all logs; a word instead, where they hang.
    pub(super) fn last_lines(&self) -> String {
        let here = self.stand_in();
        let read = move |(): &mut ()| here.shown_logs();
        match lend::lend(&mut (), (), Instant::now() + PATIENCE, read) {
            Lent::Done(text) => text,
            _ => format!("--- the logs in {} do not answer", self.tree.base().display()),
        }
    }
}

/// Does something before there is a kit.
pub(super) fn before<R: Send + 'static>(
    deadline: Instant,
    doing: &'static str,
    act: impl FnOnce() -> Result<R, KitError> + Send + 'static,
) -> Result<R, KitError> {
    match lend::lend(&mut (), (), deadline, move |()| act()) {
        Lent::Done(result) => result,
        _ => Err(KitError::Tree(TreeError::Deadline { doing, base: std::env::temp_dir() })),
    }
}
