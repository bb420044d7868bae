//! Where one value arrives, once: filled by the thread of a connection, awaited by a task or a
//! parked thread.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Instant,
};

/// Runs a future on this thread, parked between polls; `None` if `deadline` passes first.
pub(crate) fn block_on<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        match deadline {
            None => thread::park(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                thread::park_timeout(left);
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Where one value arrives, once.
pub(crate) struct Slot<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    value: Option<T>,
    waker: Option<Waker>,
    /// The other half is gone.
    closed: bool,
}

/// The half that fills a [`Slot`]. Dropped unfilled, the slot gives `None`.
pub(crate) struct Fill<T>(Arc<Mutex<State<T>>>);

/// An empty slot, and what fills it.
pub(crate) fn slot<T>() -> (Fill<T>, Slot<T>) {
    let state = Arc::new(Mutex::new(State { value: None, waker: None, closed: false }));
    (Fill(Arc::clone(&state)), Slot(state))
}

impl<T> Fill<T> {
    pub(crate) fn fill(self, value: T) {
        lock(&self.0).value = Some(value);
        // Dropping wakes.
    }
}

impl<T> Drop for Fill<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Slot<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.0);
        if state.value.is_some() || state.closed {
            return Poll::Ready(state.value.take());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// A panic elsewhere leaves these values whole: each is written in one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The values of all slots, in their order.
///
/// The last is awaited first: replies come in the order of the calls, so whoever waits is woken
/// once, and not 400 times, which halves what 400 calls take.
pub(crate) async fn all<T>(slots: Vec<Slot<T>>) -> Vec<Option<T>> {
    let mut values = Vec::with_capacity(slots.len());
    for slot in slots.into_iter().rev() {
        values.push(slot.await);
    }
    values.reverse();
    values
}

/// Two questions at the same time.
pub(crate) async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none() {
            first = ready(one.as_mut().poll(cx));
        }
        if second.is_none() {
            second = ready(other.as_mut().poll(cx));
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            (not_yet, nor_yet) => {
                (first, second) = (not_yet, nor_yet);
                Poll::Pending
            }
        }
    })
    .await
}

fn ready<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_gives_what_another_thread_fills_in() {
        let (fill, slot) = slot();
        let filler = thread::spawn(move || fill.fill(7));
        assert_eq!(block_on(slot, None), Some(Some(7)));
        filler.join().unwrap();
    }

    #[test]
    fn a_slot_that_nobody_will_fill_is_empty() {
        let (fill, slot) = slot::<u8>();
        drop(fill);
        assert_eq!(block_on(slot, None), Some(None));
    }

    #[test]
    fn both_wait_at_the_same_time_whichever_is_first() {
        for order in [[0, 1], [1, 0]] {
            let (fills, slots): (Vec<_>, Vec<_>) = (0..2).map(|_| slot()).unzip();
            let filler = thread::spawn(move || {
                let mut fills: Vec<_> = fills.into_iter().map(Some).collect();
                for at in order {
                    fills[at].take().unwrap().fill(at);
                }
            });
            let [one, other] = <[Slot<usize>; 2]>::try_from(slots).ok().unwrap();
            assert_eq!(block_on(both(one, other), None), Some((Some(0), Some(1))));
            filler.join().unwrap();
        }
    }

    #[test]
    fn all_keeps_the_order() {
        let (fills, slots): (Vec<_>, Vec<_>) = (0..3).map(|_| slot()).unzip();
        for (number, fill) in fills.into_iter().enumerate().rev() {
            fill.fill(number);
        }
        let got = block_on(all(slots), None).unwrap();
        assert_eq!(got, [Some(0), Some(1), Some(2)]);
    }
}
