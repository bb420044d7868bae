//! A tree whose directory hangs in the system: a call with a deadline leaves it, and it comes back later, whole.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use svclient::lend::{self, Lent};

use super::{DevTree, error::TreeError};

/// A tree that hangs. What came of its call shows in the next one.
pub(super) type Away = lend::Away<DevTree, ()>;

/// How long the end of a tree waits for one that hangs.
const PATIENCE: Duration = Duration::from_secs(5);

impl DevTree {
    /// Does something in a thread beside the caller, who leaves at the deadline.
    pub(super) fn aside<R: Send + 'static>(
        &mut self,
        deadline: Instant,
        doing: &'static str,
        act: impl FnOnce(&mut Self) -> Result<R, TreeError> + Send + 'static,
    ) -> Result<R, TreeError> {
        self.come_back(deadline, doing)?;
        let (say, said) = mpsc::channel();
        let stand_in = self.stand_in();
        let lent = lend::lend(self, stand_in, deadline, move |tree| {
            let _nobody_waits = say.send(act(tree));
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

    /// For whatever needs the tree itself.
    pub(super) fn be_here(&mut self, doing: &'static str) -> Result<(), TreeError> {
        self.come_back(Instant::now(), doing)
    }

    fn come_back(&mut self, deadline: Instant, doing: &'static str) -> Result<(), TreeError> {
        let Some(away) = self.away.take() else { return Ok(()) };
        match away.take_back(Some(deadline)) {
            Ok((tree, ())) => {
                *self = tree;
                Ok(())
            }
            Err(away) => {
                self.away = Some(Box::new(away));
                Err(self.late(doing))
            }
        }
    }

    /// What is here while the tree is elsewhere: its place, and nothing of it.
    pub(crate) fn stand_in(&self) -> Self {
        Self {
            base: self.base.clone(),
            engine: self.engine,
            grace: self.grace,
            program: self.program.clone(),
            owner: None,
            started: false,
            lost: None,
            fate: self.fate,
            away: None,
        }
    }

    fn late(&self, doing: &'static str) -> TreeError {
        TreeError::Deadline { doing, base: self.base.clone() }
    }
}

/// What is kept ends with the tree. One that hangs ends when the system lets it; what takes its time is waited for.
impl Drop for DevTree {
    fn drop(&mut self) {
        if let Some(away) = self.away.take() {
            let _ends_now_or_later = away.take_back(Some(Instant::now() + PATIENCE));
        }
    }
}
