//! Being woken for members that are no directories: each has a waker, for any thread, and one
//! descriptor tells that a waker was called.

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

/// All wakers of a set, and the descriptor that becomes readable when one is called.
#[derive(Default)]
pub(super) struct Wakers {
    woken: Arc<Woken>,
    reader: Option<UnixStream>,
}

#[derive(Default)]
struct Woken(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    keys: BTreeSet<WatchKey>,
    /// None before a waker may be called.
    writer: Option<UnixStream>,
}

struct WakeByKey {
    key: WatchKey,
    woken: Arc<Woken>,
}

impl Wakers {
    /// The waker of a member.
    pub(super) fn waker(&self, key: WatchKey) -> Waker {
        Waker::from(Arc::new(WakeByKey { key, woken: Arc::clone(&self.woken) }))
    }

    /// Makes the descriptor, unless there is one; `Some` if it is new.
    pub(super) fn open(&mut self) -> io::Result<Option<BorrowedFd<'_>>> {
        if self.reader.is_some() {
            return Ok(None);
        }
        let (writer, reader) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        reader.set_nonblocking(true)?;
        let mut inner = self.woken.lock();
        if !inner.keys.is_empty() {
            write_byte(&writer);
        }
        inner.writer = Some(writer);
        drop(inner);
        let reader: &UnixStream = self.reader.insert(reader);
        Ok(Some(reader.as_fd()))
    }

    /// Takes the descriptor away again.
    pub(super) fn close(&mut self) {
        self.woken.lock().writer = None;
        self.reader = None;
    }

    /// Whose waker was called since the last call.
    pub(super) fn take(&mut self) -> BTreeSet<WatchKey> {
        let Some(mut reader) = self.reader.as_ref() else { return BTreeSet::new() };
        // Emptied before the names are taken, so that a call in between is noticed again.
        while matches!(reader.read(&mut [0; 64]), Ok(1..)) {}
        std::mem::take(&mut self.woken.lock().keys)
    }
}

impl Woken {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for WakeByKey {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut inner = self.woken.lock();
        let silent = inner.keys.is_empty();
        inner.keys.insert(self.key);
        if let Some(writer) = inner.writer.as_ref().filter(|_| silent) {
            write_byte(writer);
        }
    }
}

/// One byte says it; a full socket says it already, and nobody listens to a set that is gone.
fn write_byte(mut writer: &UnixStream) {
    let _told = writer.write(&[1]);
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn is_woken(wakers: &Wakers) -> bool {
        let reader = wakers.reader.as_ref().unwrap();
        poll(&mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(1)
    }

    #[test]
    fn a_waker_called_before_there_is_a_descriptor_is_heard_too() {
        let mut wakers = Wakers::default();
        let (one, two) = (wakers.waker(WatchKey(1)), wakers.waker(WatchKey(2)));
        one.wake_by_ref();
        assert!(wakers.open().unwrap().is_some());
        assert!(wakers.open().unwrap().is_none());
        assert!(is_woken(&wakers));
        std::thread::spawn(move || two.wake()).join().unwrap();
        assert_eq!(wakers.take(), BTreeSet::from([WatchKey(1), WatchKey(2)]));
        assert!(!is_woken(&wakers));
        assert!(wakers.take().is_empty());
        one.wake();
        assert!(is_woken(&wakers));
    }

    #[test]
    fn a_waker_outlives_its_set() {
        let wakers = Wakers::default();
        let waker = wakers.waker(WatchKey(1));
        drop(wakers);
        waker.wake();
    }
}
