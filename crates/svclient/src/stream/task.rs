//! `pursue` as a future: what is asked of files is asked in a thread beside the task, which is never held.
//!
//! The thread takes the wait along for as long as it looks, and gives it back; while nothing happens there is none.

use std::{
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Sender},
    },
    task::{Context, Poll, Wake, Waker},
    time::Instant,
};

use super::{Driver, Waiting};
use crate::{
    Error, Outcome, Request, Supervised, WatchSet,
    aside::{AGAIN, Again, Aside, GRACE, NotBegun},
    pursue::{Enough, Prober, Silent, Terms, Turns, pursue_within},
};

/// What the task itself needs of its runtime: to be woken at a time, and to let a thread work for it.
pub(super) trait Runtime: Unpin {
    /// What a thread needs to work for a task of this runtime.
    type Entry: Send + 'static;

    fn entry(&self) -> Self::Entry;

    fn within<T>(entry: &Self::Entry, act: impl FnOnce() -> T) -> T;

    /// Ready once the moment has come.
    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()>;
}

type Results = Vec<Option<Result<Outcome, Error>>>;
type Wait = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
type Looked = (Wait, Poll<Result<(), Error>>);

/// Where the wait is.
enum TaskState {
    Here(Wait),
    Away(Aside<Looked>),
    Over,
}

/// Wakes the task, and knows that it was the wait that was to be woken.
struct TaskWaker {
    woken: AtomicBool,
    task: Mutex<Waker>,
}

impl TaskWaker {
    fn wake_task(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.wake();
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.wake_task();
    }
}

struct Task<R> {
    state: TaskState,
    waker: Arc<TaskWaker>,
    runtime: R,
    /// What is asked for, for a service that may not begin.
    first: Silent,
    /// When a look that hangs is left.
    leave: Option<Instant>,
}

/// What became of the wait itself.
enum Ended {
    Over(Result<(), Error>),
    /// A look hangs, or may not be begun.
    Left,
}

impl<R: Runtime> Task<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        self.waker.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker());
        loop {
            match mem::replace(&mut self.state, TaskState::Over) {
                TaskState::Over => return Poll::Ready(Ended::Over(Ok(()))),
                TaskState::Here(wait) => {
                    if !self.waker.woken.swap(false, Ordering::AcqRel) {
                        self.state = TaskState::Here(wait);
                        return Poll::Pending;
                    }
                    match self.look(wait) {
                        Ok(state) => self.state = state,
                        Err(result) => return Poll::Ready(Ended::Over(result)),
                    }
                }
                TaskState::Away(aside) => match aside.hear_again(Some(Instant::now())) {
                    Again::Said((_, Poll::Ready(result))) => {
                        return Poll::Ready(Ended::Over(result));
                    }
                    Again::Said((wait, Poll::Pending)) => self.state = TaskState::Here(wait),
                    Again::NotYet => {
                        let Some(leave) = self.leave else {
                            self.state = TaskState::Away(aside);
                            return Poll::Pending;
                        };
                        if self.runtime.poll_until(cx, leave).is_pending() {
                            self.state = TaskState::Away(aside);
                            return Poll::Pending;
                        }
                        if aside.leave() {
                            return Poll::Ready(Ended::Left);
                        }
                        // It computes, waits for a processor, or has ended in this moment.
                        self.leave = Instant::now().checked_add(AGAIN);
                        self.state = TaskState::Away(aside);
                    }
                    Again::End => {
                        aside.rethrow();
                        return Poll::Ready(Ended::Left);
                    }
                },
            }
        }
    }

    /// Lets a thread look; where there is none to be had, this one does. The result, if it is over by that.
    fn look(&self, mut wait: Wait) -> Result<TaskState, Result<(), Error>> {
        let (entry, flag) = (self.runtime.entry(), Arc::clone(&self.waker));
        let (give, take) = mpsc::sync_channel::<Wait>(1);
        let begun = Aside::begin(move |say: &Sender<Looked>| {
            let Ok(mut wait) = take.recv() else { return };
            let waker = Waker::from(Arc::clone(&flag));
            let look = || wait.as_mut().poll(&mut Context::from_waker(&waker));
            let polled = R::within(&entry, look);
            let _nobody_waits = say.send((wait, polled));
            flag.wake_task();
        });
        match begun {
            Ok(aside) => {
                let _taken = give.send(wait);
                Ok(TaskState::Away(aside))
            }
            Err(NotBegun::TooMany) => Err(Err(self.first.error())),
            Err(NotBegun::NoThread(_)) => {
                let waker = Waker::from(Arc::clone(&self.waker));
                match wait.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Pending => Ok(TaskState::Here(wait)),
                    Poll::Ready(result) => Err(result),
                }
            }
        }
    }
}

/// A look that nobody waits for any more sends nothing.
impl<R> Drop for Task<R> {
    fn drop(&mut self) {
        if let TaskState::Away(aside) = &self.state {
            aside.abandon();
        }
    }
}

pub(super) async fn pursue_all<B: Supervised + Clone + 'static>(
    watch: WatchSet,
    driver: impl Driver + Send + 'static,
    runtime: impl Runtime,
    services: &[B],
    request: &Request,
    deadline: Instant,
) -> Result<Vec<Result<Outcome, Error>>, Error> {
    let begun = Instant::now();
    let (its, its_request) = (services.to_vec(), *request);
    let turns = Arc::new(Turns::of(services.len()));
    let results: Results = services.iter().map(|_| None).collect();
    let results = Arc::new(Mutex::new(results));
    let (its_turns, its_results) = (Arc::clone(&turns), Arc::clone(&results));
    let wait = async move {
        let (request, prober, turns) = (&its_request, &Prober::none(), &*its_turns);
        let terms =
            Terms { request, prober, limit: usize::MAX, enough: Enough::All, deadline, turns };
        let mut world = Waiting { watch, driver };
        pursue_within(&mut world, &its, &terms, &mut |at, result| {
            let mut results = its_results.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = results.get_mut(at) {
                *place = Some(result);
            }
        })
        .await
    };
    let waker = TaskWaker { woken: AtomicBool::new(true), task: Mutex::new(Waker::noop().clone()) };
    let mut task = Task {
        state: TaskState::Here(Box::pin(wait)),
        waker: Arc::new(waker),
        runtime,
        first: Silent::of(services.first()),
        leave: deadline.checked_add(GRACE),
    };
    let ended = poll_fn(|cx| task.poll(cx)).await;
    drop(task);
    let mut results = mem::take(&mut *results.lock().unwrap_or_else(PoisonError::into_inner));
    match ended {
        Ended::Over(result) => result?,
        Ended::Left => {
            let open = results.iter_mut().zip(services).enumerate();
            for (at, (result, service)) in open.filter(|(_, (result, _))| result.is_none()) {
                *result = turns.result_when_left(at, service, begun);
            }
        }
    }
    let not_asked = |result: Option<_>| result.unwrap_or_else(|| Ok(Outcome::not_asked()));
    Ok(results.into_iter().map(not_asked).collect())
}
