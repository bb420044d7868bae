//! Child processes as descriptors: readable when the process has ended, so that one `poll` waits
//! for all of them, and nobody's SIGCHLD and nobody else's children are touched.
//!
//! | system            | mechanism                                          | proved by |
//! |-------------------|----------------------------------------------------|-----------|
//! | Linux 5.4 and on  | `pidfd_open`, `waitid` and `pidfd_send_signal`     | tests     |
//! | the BSDs, macOS   | a kqueue each with `EVFILT_PROC`, `waitpid`, `kill` | the type checker only |
//!
//! A process is signalled only while it has not been waited for, so its number cannot be another's.

#[cfg(not(target_os = "linux"))]
#[path = "reap/kqueue.rs"]
mod mechanism;
#[cfg(target_os = "linux")]
#[path = "reap/pidfd.rs"]
mod mechanism;

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    process::Child,
};

use nix::{
    errno::Errno,
    sys::signal::{self, Signal},
    unistd,
};
use svproto::Pid;

use super::{event::Exit, options::ProcessGroup};

pub(crate) use mechanism::{peek, take};

/// What is known of children of this process that have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peek {
    Nobody,
    /// One, of unknown number.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "see `peek` there"))]
    Hidden,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "see `peek` there"))]
    Child(u32),
}

/// A child that has not been waited for.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    group: ProcessGroup,
    handle: mechanism::Handle,
}

impl Process {
    /// Takes over a child that was just started.
    ///
    /// # Errors
    ///
    /// The system has no descriptor left; then the child is killed and waited for.
    pub(crate) fn adopt(mut child: Child, group: ProcessGroup) -> io::Result<Self> {
        let adopted = mechanism::Handle::open(&child).and_then(|handle| {
            let pid = Pid::new(u64::from(child.id())).ok_or(Errno::ESRCH)?;
            Ok(Self { pid, group, handle })
        });
        if adopted.is_err() {
            let _gone_already = child.kill();
            let _taken_already = child.wait();
        }
        adopted
    }

    pub(crate) const fn pid(&self) -> Pid {
        self.pid
    }

    /// How it ended; `None` while it lives. Afterwards the process is no more.
    pub(crate) fn try_wait(&self) -> io::Result<Option<Exit>> {
        if self.group == ProcessGroup::Swept && self.handle.has_ended()? {
            // Its number is its group's, and is kept from others until it is waited for.
            let _nobody_left = signal::killpg(self.raw(), Signal::SIGKILL);
        }
        self.handle.try_wait()
    }

    /// To the process alone. One that has just ended is no error.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        self.handle.signal(signal)
    }

    /// SIGKILL, to its whole group where it has one of its own.
    pub(crate) fn kill(&self) -> io::Result<()> {
        if self.group == ProcessGroup::Shared {
            return self.signal(Signal::SIGKILL);
        }
        match signal::killpg(self.raw(), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn raw(&self) -> unistd::Pid {
        // `Pid` holds no more than fits; a number that does not would be nobody's.
        unistd::Pid::from_raw(i32::try_from(self.pid.get()).unwrap_or(i32::MAX))
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}
