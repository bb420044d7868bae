//! What becomes of a request that was delivered: the supervisor's own word, if it has one.
//!
//! systemd makes a job of a request and tells how it ended. That decides, and looks at the service
//! do not: a one-shot that succeeded looks like one that was never started. A supervisor of the
//! family says nothing, so there looks decide.

use std::{
    borrow::Cow,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use svproto::Cause;

use crate::{Error, Status};

/// A request that was delivered. Dropping it takes nothing back.
///
/// It is a future of what its supervisor says of it, in any runtime.
pub struct Pending {
    is_read: bool,
    answer: Option<Answer>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Told, Error>> + Send>>;

/// What a supervisor says became of a request.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "on 64 bits; made once for a request, and taken apart at once"
)]
#[non_exhaustive]
pub enum Settled {
    /// Nothing: looks at the service show it.
    Silent,
    /// This, and it has the last word. An error if it can no longer be asked.
    Told(Result<Told, Error>),
}

/// A supervisor's word on what became of a request.
#[derive(Clone, Debug)]
pub struct Told {
    pub(crate) end: End,
    pub(crate) seen: Option<Status>,
    pub(crate) word: Option<Cow<'static, str>>,
    pub(crate) says: Option<String>,
    pub(crate) changed: Option<bool>,
    pub(crate) took: Option<Duration>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Reached,
    Skipped(Cause),
    Never(Cause),
    /// The deadline passed. Whether the supervisor had taken it on.
    Late {
        is_read: bool,
    },
    /// The deadline passed before it was asked.
    NotAsked,
}

impl Pending {
    /// Delivered. The supervisor may read it later, or never, and says nothing of it.
    #[must_use]
    pub fn delivered() -> Self {
        Self { is_read: false, answer: None }
    }

    /// Delivered and read, so that whatever is seen of the service from now on is an answer to it.
    /// The supervisor says nothing else of it.
    #[must_use]
    pub fn read() -> Self {
        Self { is_read: true, answer: None }
    }

    /// Delivered and read, and the supervisor tells what becomes of it. The future is polled from
    /// any thread.
    ///
    /// ```
    /// use svclient::{Pending, Told};
    ///
    /// async fn job_ended() -> Result<Told, svclient::Error> {
    ///     Ok(Told::reached().with_change(true))
    /// }
    /// assert!(Pending::telling(job_ended()).tells());
    /// ```
    pub fn telling(answer: impl Future<Output = Result<Told, Error>> + Send + 'static) -> Self {
        Self { is_read: true, answer: Some(Box::pin(answer)) }
    }

    /// Whether the supervisor is known to have read it.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.is_read
    }

    /// Whether the supervisor will say what became of it.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.answer.is_some()
    }

    /// What the supervisor says, if it has said it; else the task is woken once it has. Said once,
    /// it is not said again: [`Settled::Silent`] follows.
    pub fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<Settled> {
        let Some(answer) = &mut self.answer else { return Poll::Ready(Settled::Silent) };
        let Poll::Ready(told) = answer.as_mut().poll(cx) else { return Poll::Pending };
        self.answer = None;
        Poll::Ready(Settled::Told(told))
    }

    /// Waits on this thread for what the supervisor says; `None` if `deadline` passes first.
    ///
    /// ```
    /// use std::time::Instant;
    /// use svclient::{Pending, Settled, Told};
    ///
    /// let mut pending = Pending::telling(std::future::ready(Ok(Told::reached())));
    /// assert!(matches!(pending.settled_before(Instant::now()), Some(Settled::Told(Ok(_)))));
    /// ```
    #[must_use]
    pub fn settled_before(&mut self, deadline: Instant) -> Option<Settled> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(settled) = self.poll_settled(&mut cx) {
                return Some(settled);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            thread::park_timeout(left);
        }
    }

    /// The same as a future that lends it.
    pub async fn settled(&mut self) -> Settled {
        poll_fn(|cx| self.poll_settled(cx)).await
    }
}

impl Future for Pending {
    type Output = Settled;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Settled> {
        self.poll_settled(cx)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Pending");
        debug.field("is_read", &self.is_read).field("tells", &self.tells()).finish_non_exhaustive()
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Told {
    /// It did what was asked.
    #[must_use]
    pub const fn reached() -> Self {
        Self::of(End::Reached)
    }

    /// Nothing was done, and that is as it should be: a condition does not hold.
    #[must_use]
    pub const fn skipped(cause: Cause) -> Self {
        Self::of(End::Skipped(cause))
    }

    /// It did not do what was asked, and will not.
    #[must_use]
    pub const fn never(cause: Cause) -> Self {
        Self::of(End::Never(cause))
    }

    /// The deadline passed first. `is_read`: whether the supervisor had taken the request on.
    #[must_use]
    pub const fn late(is_read: bool) -> Self {
        Self::of(End::Late { is_read })
    }

    /// The deadline passed before it was its turn: nothing was asked.
    #[must_use]
    pub const fn not_asked() -> Self {
        Self::of(End::NotAsked)
    }

    const fn of(end: End) -> Self {
        Self { end, seen: None, word: None, says: None, changed: None, took: None }
    }

    /// How the service stood then. Without it the service is looked at once more.
    #[must_use]
    pub fn with_status(self, seen: Status) -> Self {
        Self { seen: Some(seen), ..self }
    }

    /// Whether something was started, stopped or reloaded for it. Without it the looks before and
    /// after are compared, if there were any.
    #[must_use]
    pub fn with_change(self, changed: bool) -> Self {
        Self { changed: Some(changed), ..self }
    }

    /// How long it took, where the supervisor knows better than its caller.
    #[must_use]
    pub fn after(self, took: Duration) -> Self {
        Self { took: Some(took), ..self }
    }

    /// The supervisor's own word, as in the `result` of `svctl --json`: `dependency`.
    #[must_use]
    pub fn with_word(self, word: impl Into<Cow<'static, str>>) -> Self {
        Self { word: Some(word.into()), ..self }
    }

    /// What the cause alone does not say, as a clause that follows the name of the service: which
    /// condition does not hold, which service failed.
    #[must_use]
    pub fn because(self, says: impl Into<String>) -> Self {
        Self { says: Some(says.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_that_says_nothing_is_silent_at_once() {
        let mut pending = Pending::delivered();
        assert!(!pending.is_read() && !pending.tells());
        assert!(matches!(pending.settled_before(Instant::now()), Some(Settled::Silent)));
    }

    #[test]
    fn what_is_told_comes_once_and_from_another_thread() {
        let (tell, told) = std::sync::mpsc::channel::<Waker>();
        let mut is_over = false;
        let mut pending = Pending::telling(poll_fn(move |cx| {
            if std::mem::replace(&mut is_over, true) {
                return Poll::Ready(Ok(Told::never(Cause::Dependency).with_word("dependency")));
            }
            tell.send(cx.waker().clone()).unwrap();
            Poll::Pending
        }));
        assert!(pending.is_read() && pending.tells());
        let waker = thread::spawn(move || told.recv().unwrap().wake());
        let deadline = Instant::now() + Duration::from_secs(60);
        let Some(Settled::Told(Ok(told))) = pending.settled_before(deadline) else { panic!() };
        waker.join().unwrap();
        assert_eq!(
            (told.end, told.word.as_deref()),
            (End::Never(Cause::Dependency), Some("dependency"))
        );
        assert!(matches!(pending.settled_before(deadline), Some(Settled::Silent)));
    }

    #[test]
    fn a_wait_for_a_word_ends_at_its_deadline() {
        let mut pending = Pending::telling(std::future::pending());
        assert!(pending.settled_before(Instant::now() + Duration::from_millis(5)).is_none());
    }
}
