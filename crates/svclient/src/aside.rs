//! Work that may hang in the system, done in a thread beside the one that waits for it: a directory
//! on a server that is gone holds whoever looks into it for as long as it likes, and nothing but
//! the end of the process ends that. Whoever waits leaves at the deadline, and the thread behind.
//!
//! What was left behind writes nothing any more, makes and removes nothing, and ends when the
//! system lets it. Nothing is begun while there are [`MOST`] of them; what was under way by then may be left as well.

use std::{
    cell::RefCell,
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Threads that were left behind in a process; a call beyond them is refused and not begun.
pub(crate) const MOST: usize = 64;

/// Work that looks at the deadline itself ends before this. A call ends within 0.2 s of its
/// deadline.
pub(crate) const GRACE: Duration = Duration::from_millis(150);

/// Between two looks whether busy work is held after all.
pub(crate) const AGAIN: Duration = Duration::from_millis(10);

static LEFT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The work that this thread does for another.
    static WORK: RefCell<Option<Arc<Work>>> = const { RefCell::new(None) };
}

#[derive(Debug, Default)]
struct Work {
    left: AtomicBool,
    /// How the system knows the thread; 0 before it runs.
    thread: AtomicI32,
}

/// Whether nobody waits any more for what this thread does. Asked before anything is changed.
pub(crate) fn is_left_behind() -> bool {
    WORK.with_borrow(|work| work.as_ref().is_some_and(|work| work.left.load(Ordering::Acquire)))
}

/// A thread that works, and what it says on the way.
pub(crate) struct Aside<T> {
    work: Arc<Work>,
    said: Receiver<T>,
    thread: JoinHandle<()>,
}

/// Why there is nothing to wait for.
pub(crate) enum NotBegun<F> {
    /// As many as may be hang already.
    TooMany,
    /// The system has no thread to give: to be done here.
    NoThread(F),
}

/// What was heard.
pub(crate) enum Heard<T> {
    Said(T),
    /// The work is done, or the work panicked, which goes on here.
    End,
    /// The deadline is over, and the work hangs.
    Left,
}

/// What was heard of work that had been left.
pub(crate) enum Again<T> {
    Said(T),
    NotYet,
    End,
}

impl<T: Send + 'static> Aside<T> {
    /// Begins work. What it says comes to whoever [hears](Self::hear).
    pub(crate) fn begin<F: FnOnce(&Sender<T>) + Send + 'static>(
        act: F,
    ) -> Result<Self, NotBegun<F>> {
        if LEFT.load(Ordering::Acquire) >= MOST {
            return Err(NotBegun::TooMany);
        }
        let (say, said) = mpsc::channel();
        let work = Arc::new(Work::default());
        let its = Arc::clone(&work);
        // Given away once there is a thread to take it: without one it is still here.
        let (give, take) = mpsc::sync_channel::<F>(1);
        let run = move || {
            its.thread.store(number(), Ordering::Release);
            WORK.set(Some(Arc::clone(&its)));
            if let Ok(act) = take.recv() {
                act(&say);
            }
            drop(say);
            if its.left.swap(true, Ordering::AcqRel) {
                LEFT.fetch_sub(1, Ordering::AcqRel);
            }
        };
        let thread = thread::Builder::new().name("svclient".to_owned()).spawn(run);
        let Ok(thread) = thread else { return Err(NotBegun::NoThread(act)) };
        let _taken = give.send(act);
        Ok(Self { work, said, thread })
    }

    /// Waits for what it says next, or leaves it: not before the deadline, and not while it
    /// computes or waits for a processor.
    pub(crate) fn hear(&self, deadline: Instant) -> Heard<T> {
        self.hear_unless(deadline, || false)
    }

    /// As [`Self::hear`]; and leaves it at the deadline itself, if nothing it could still say is worth
    /// waiting for then.
    pub(crate) fn hear_unless(&self, deadline: Instant, is_in_vain: impl Fn() -> bool) -> Heard<T> {
        let last = deadline.checked_add(GRACE);
        let mut until = if Instant::now() < deadline { Some(deadline) } else { last };
        loop {
            let heard = match until {
                Some(until) => {
                    self.said.recv_timeout(until.saturating_duration_since(Instant::now()))
                }
                None => self.said.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match heard {
                Ok(said) => return Heard::Said(said),
                Err(RecvTimeoutError::Disconnected) => return Heard::End,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            let is_early = last.is_none_or(|last| now < last);
            if is_early && !is_in_vain() {
                until = last;
                continue;
            }
            if self.leave() {
                return Heard::Left;
            }
            until = now.checked_add(AGAIN);
        }
    }

    /// Leaves it, if it hangs. It may as well compute, wait for a processor, or have ended in this moment.
    pub(crate) fn leave(&self) -> bool {
        is_held(self.work.thread.load(Ordering::Acquire)) && self.abandon()
    }

    /// Leaves it, whatever it does; `false` if it has ended.
    pub(crate) fn abandon(&self) -> bool {
        LEFT.fetch_add(1, Ordering::AcqRel);
        let has_ended = self.work.left.swap(true, Ordering::AcqRel);
        if has_ended {
            LEFT.fetch_sub(1, Ordering::AcqRel);
        }
        !has_ended
    }

    /// What was left says it after all, by then or, without a deadline, at some time.
    pub(crate) fn hear_again(&self, deadline: Option<Instant>) -> Again<T> {
        let said = match deadline {
            Some(until) => self.said.recv_timeout(until.saturating_duration_since(Instant::now())),
            None => self.said.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match said {
            Ok(said) => Again::Said(said),
            Err(RecvTimeoutError::Timeout) => Again::NotYet,
            Err(RecvTimeoutError::Disconnected) => Again::End,
        }
    }

    /// For whoever heard the end before what was to be said: its panic goes on here.
    pub(crate) fn rethrow(self) {
        if let Err(panic) = self.thread.join() {
            panic::resume_unwind(panic);
        }
    }
}

/// Does something that has one result; `None` if it hangs at the deadline, or may not be begun.
pub(crate) fn before<T: Send + 'static>(
    deadline: Instant,
    act: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let aside = match Aside::begin(move |say: &Sender<T>| {
        let _left = say.send(act());
    }) {
        Ok(aside) => aside,
        Err(NotBegun::TooMany) => return None,
        Err(NotBegun::NoThread(act)) => {
            let (say, said) = mpsc::channel();
            act(&say);
            return said.recv().ok();
        }
    };
    match aside.hear(deadline) {
        Heard::Said(it) => Some(it),
        Heard::Left => None,
        Heard::End => {
            aside.rethrow();
            None
        }
    }
}

#[cfg(target_os = "linux")]
fn number() -> i32 {
    nix::unistd::gettid().as_raw()
}

/// Whether that thread waits in the kernel: one that computes, or waits for a processor, does not, nor
/// one that has not had a processor yet.
#[cfg(target_os = "linux")]
fn is_held(thread: i32) -> bool {
    if thread == 0 {
        return false;
    }
    let state = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok();
    let state = state.as_deref().and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    state.is_none_or(|state| state != 'R')
}

#[cfg(not(target_os = "linux"))]
fn number() -> i32 {
    0
}

#[cfg(not(target_os = "linux"))]
fn is_held(_thread: i32) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_left_behind_and_knows_it() {
        let (go_on, held) = mpsc::channel::<()>();
        let (say, said) = mpsc::channel();
        let begun = Instant::now();
        let result = before(begun, move || {
            let before = is_left_behind();
            let _until_it_is_let_go = held.recv();
            say.send((before, is_left_behind())).unwrap();
        });
        assert!(result.is_none() && begun.elapsed() >= GRACE);
        drop(go_on);
        assert_eq!(said.recv().unwrap(), (false, true));
        assert!(!is_left_behind());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_waits_in_the_system_is_held_and_one_that_has_not_begun_is_not() {
        assert!(!is_held(0));
        assert!(!is_held(number()));
        let (thread, number_of) = mpsc::channel();
        let (_go_on, held) = mpsc::channel::<()>();
        let _held = thread::spawn(move || {
            thread.send(number()).unwrap();
            let _for_ever = held.recv();
        });
        let number = number_of.recv().unwrap();
        while !is_held(number) {
            thread::yield_now();
        }
    }

    #[test]
    fn what_computes_is_waited_for_and_a_panic_goes_on() {
        let busy = before(Instant::now(), || {
            let until = Instant::now() + 2 * GRACE;
            let mut turns = 0_u64;
            while Instant::now() < until {
                turns += 1;
            }
            turns
        });
        assert!(busy.unwrap() > 0);
        let far = Instant::now() + Duration::from_secs(1000);
        assert_eq!(before(far, || 7), Some(7));
        let panic = panic::catch_unwind(|| before(far, || panic!("as it should")));
        assert!(panic.is_err());
    }
}
