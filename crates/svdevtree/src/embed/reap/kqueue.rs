//! The BSDs and macOS: a kqueue for each process, readable once the process has ended.
//! Type-checked, never run.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    process::Child,
};

use kqueue::{EventFilter, FilterFlag, Watcher};
use nix::{
    errno::Errno,
    sys::{
        signal::{self, Signal},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::embed::{event::Exit, reap::Peek};

/// A child as a descriptor.
#[derive(Debug)]
pub(crate) struct Handle {
    pid: Pid,
    queue: Watcher,
}

impl Handle {
    pub(crate) fn open(child: &Child) -> io::Result<Self> {
        let pid = child.id();
        let mut queue = Watcher::new()?;
        let pid = i32::try_from(pid).map_err(io::Error::other)?;
        queue.add_pid(pid, EventFilter::EVFILT_PROC, FilterFlag::NOTE_EXIT)?;
        queue.watch()?;
        Ok(Self { pid: Pid::from_raw(pid), queue })
    }

    /// Whether it has ended; it can still be waited for.
    pub(crate) fn has_ended(&self) -> io::Result<bool> {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let pid = Pid::from_raw(self.pid.as_raw()).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(waitid(WaitId::Pid(pid), options)?.is_some())
    }

    pub(crate) fn try_wait(&self) -> io::Result<Option<Exit>> {
        Ok(match waitpid(self.pid, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::Exited(_, code) => Some(Exit::Code(u8::try_from(code).unwrap_or(u8::MAX))),
            WaitStatus::Signaled(_, signal, core) => {
                let number = u8::try_from(signal as i32).unwrap_or(u8::MAX);
                Some(Exit::Signal { number, core })
            }
            _ => None,
        })
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match signal::kill(self.pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Orphans are waited for on Linux only.
pub(crate) const fn peek() -> Peek {
    Peek::Nobody
}

pub(crate) const fn take(_: Option<u32>) {}

impl AsFd for Handle {
    #[expect(unsafe_code, reason = "the crate lends its descriptor as a number only")]
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the queue owns the descriptor and closes it when it is dropped, not before.
        unsafe { BorrowedFd::borrow_raw(self.queue.as_raw_fd()) }
    }
}
