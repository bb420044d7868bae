//! Something asked of a manager: to be awaited in any executor, or waited for by a thread.
//!
//! Nothing here belongs to a runtime. The connection lives on a thread of its own
//! ([`crate::wire`]), which fills a slot; what waits for it is woken by its `Waker`, be it a task
//! or a parked thread. So the blocking face works inside an executor too, where zbus's own
//! `block_on` would panic.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{Action, Error, wire::slot::block_on};

/// Something asked of a manager. Nothing is sent before it is awaited or waited for.
#[must_use = "nothing is sent before it is awaited, or waited for with `wait`"]
pub struct BusCall<'a, T> {
    future: Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>,
    action: Action,
    subject: String,
    patience: Option<Duration>,
}

impl<T> std::fmt::Debug for BusCall<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { action, subject, patience, .. } = self;
        let mut asked = f.debug_struct("BusCall");
        asked.field("action", action).field("subject", subject).field("patience", patience);
        asked.finish_non_exhaustive()
    }
}

impl<'a, T> BusCall<'a, T> {
    pub(crate) fn new(
        action: Action,
        subject: &(impl ToString + ?Sized),
        patience: Option<Duration>,
        future: impl Future<Output = Result<T, Error>> + Send + 'a,
    ) -> Self {
        Self { future: Box::pin(future), action, subject: subject.to_string(), patience }
    }

    /// Waits on this thread, as long as the bus is patient ([`crate::Bus::patience`]).
    ///
    /// # Errors
    ///
    /// That of the operation; [`Error::NoReply`] if there is no reply in time.
    pub fn wait(self) -> Result<T, Error> {
        let deadline = self.patience.and_then(|patience| Instant::now().checked_add(patience));
        self.wait_until(deadline)
    }

    /// Waits on this thread, until `deadline`. What was asked may be done later all the same.
    ///
    /// # Errors
    ///
    /// That of the operation; [`Error::NoReply`] if there is none before `deadline`.
    pub fn wait_before(self, deadline: Instant) -> Result<T, Error> {
        self.wait_until(Some(deadline))
    }

    fn wait_until(self, deadline: Option<Instant>) -> Result<T, Error> {
        let started = Instant::now();
        let Self { future, action, subject, .. } = self;
        block_on(future, deadline)
            .unwrap_or_else(|| Err(Error::NoReply { action, subject, within: started.elapsed() }))
    }
}

impl<T> Future for BusCall<'_, T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::slot::slot;

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let (_fill, slot) = slot::<u8>();
        assert_eq!(block_on(slot, Some(Instant::now() + Duration::from_millis(5))), None);
        let asked = BusCall::new(Action::Start, "web.service", Some(Duration::ZERO), async {
            std::future::pending::<Result<(), Error>>().await
        });
        let error = asked.wait().unwrap_err();
        assert!(error.to_string().starts_with("cannot start web.service: no reply within"));
    }
}
