//! Being woken for members that are no directories: each rings for itself, from any thread, and one
//! descriptor tells that somebody rang.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{Arc, Mutex, PoisonError},
    task::{Wake, Waker},
};

use super::WatchKey;

/// All bells of a set, and the descriptor that becomes readable when one rings.
#[derive(Default)]
pub(super) struct Bells {
    rung: Arc<Rung>,
    heard: Option<UnixStream>,
}

#[derive(Default)]
struct Rung(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    keys: BTreeSet<WatchKey>,
    /// Not before somebody may ring.
    rope: Option<UnixStream>,
}

struct Bell {
    key: WatchKey,
    rung: Arc<Rung>,
}

impl Bells {
    /// What a member rings with.
    pub(super) fn bell(&self, key: WatchKey) -> Waker {
        Waker::from(Arc::new(Bell { key, rung: Arc::clone(&self.rung) }))
    }

    /// Makes the descriptor, unless there is one; `Some` if it is new.
    pub(super) fn hang_up(&mut self) -> io::Result<Option<BorrowedFd<'_>>> {
        if self.heard.is_some() {
            return Ok(None);
        }
        let (rope, heard) = UnixStream::pair()?;
        rope.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        let mut inner = self.rung.lock();
        if !inner.keys.is_empty() {
            pull(&rope);
        }
        inner.rope = Some(rope);
        drop(inner);
        let heard: &UnixStream = self.heard.insert(heard);
        Ok(Some(heard.as_fd()))
    }

    /// Takes the descriptor away again.
    pub(super) fn take_down(&mut self) {
        self.rung.lock().rope = None;
        self.heard = None;
    }

    /// Who rang since the last call.
    pub(super) fn take(&mut self) -> BTreeSet<WatchKey> {
        let Some(mut heard) = self.heard.as_ref() else { return BTreeSet::new() };
        // Emptied before the names are taken, so that a ring in between is heard again.
        while matches!(heard.read(&mut [0; 64]), Ok(1..)) {}
        std::mem::take(&mut self.rung.lock().keys)
    }
}

impl Rung {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut inner = self.rung.lock();
        let silent = inner.keys.is_empty();
        inner.keys.insert(self.key);
        if let Some(rope) = inner.rope.as_ref().filter(|_| silent) {
            pull(rope);
        }
    }
}

/// One byte says it; a full socket says it already, and nobody listens to a set that is gone.
fn pull(mut rope: &UnixStream) {
    let _told = rope.write(&[1]);
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn rings(bells: &Bells) -> bool {
        let heard = bells.heard.as_ref().unwrap();
        poll(&mut [PollFd::new(heard.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(1)
    }

    #[test]
    fn who_rings_before_there_is_a_descriptor_is_heard_too() {
        let mut bells = Bells::default();
        let (one, two) = (bells.bell(WatchKey(1)), bells.bell(WatchKey(2)));
        one.wake_by_ref();
        assert!(bells.hang_up().unwrap().is_some());
        assert!(bells.hang_up().unwrap().is_none());
        assert!(rings(&bells));
        std::thread::spawn(move || two.wake()).join().unwrap();
        assert_eq!(bells.take(), BTreeSet::from([WatchKey(1), WatchKey(2)]));
        assert!(!rings(&bells));
        assert!(bells.take().is_empty());
        one.wake();
        assert!(rings(&bells));
    }

    #[test]
    fn a_bell_outlives_its_set() {
        let bells = Bells::default();
        let bell = bells.bell(WatchKey(1));
        drop(bells);
        bell.wake();
    }
}
