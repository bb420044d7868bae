//! Ending a watch from another thread.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

/// Ends a [`crate::WatchSet`] from any thread: [`crate::WatchSet::stopper`] gives it. A clone ends
/// the same set.
#[derive(Clone)]
pub struct Stopper {
    pub(super) is_stopped: Arc<AtomicBool>,
    pub(super) waker: Waker,
}

impl Stopper {
    /// Whoever waits for events of the set is woken, and from now on it gives none. It is not
    /// undone.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_stopped = self.is_stopped.load(Ordering::Acquire);
        f.debug_struct("Stopper").field("is_stopped", &is_stopped).finish_non_exhaustive()
    }
}
