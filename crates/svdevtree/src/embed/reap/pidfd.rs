//! Linux: a pidfd. It names one process for good.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::Child,
};

use nix::{
    errno::Errno,
    sys::{
        signal::Signal,
        wait::{self, WaitPidFlag, WaitStatus},
    },
};
use rustix::process::{self, Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus};

use crate::embed::{event::Exit, reap::Peek};

/// A child as a descriptor.
#[derive(Debug)]
pub(crate) struct Handle(OwnedFd);

impl Handle {
    pub(crate) fn open(child: &Child) -> io::Result<Self> {
        Ok(Self(process::pidfd_open(Pid::from_child(child), PidfdFlags::empty())?))
    }

    /// Whether it has ended; it can still be waited for.
    pub(crate) fn has_ended(&self) -> io::Result<bool> {
        Ok(self.wait(WaitIdOptions::NOWAIT)?.is_some())
    }

    pub(crate) fn try_wait(&self) -> io::Result<Option<Exit>> {
        Ok(self.wait(WaitIdOptions::empty())?.and_then(|status| exit(&status)))
    }

    fn wait(&self, more: WaitIdOptions) -> io::Result<Option<WaitIdStatus>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | more;
        Ok(process::waitid(WaitId::PidFd(self.0.as_fd()), options)?)
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let signal = process::Signal::from_named_raw(signal as i32);
        let signal = signal.ok_or(io::ErrorKind::InvalidInput)?;
        match process::pidfd_send_signal(&self.0, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether any child has ended that nobody has waited for; it can still be waited for.
pub(crate) fn peek() -> Peek {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match wait::waitid(wait::Id::All, flags) {
        Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => {
            u32::try_from(pid.as_raw()).map_or(Peek::Nobody, Peek::Child)
        }
        // By a signal without a name, which hides the number too.
        Err(Errno::EINVAL) => Peek::Hidden,
        _ => Peek::Nobody,
    }
}

/// Waits for a child that has ended; without a number for any.
pub(crate) fn take(pid: Option<u32>) {
    let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let _taken = process::waitid(pid.map_or(WaitId::All, WaitId::Pid), options);
}

fn exit(status: &WaitIdStatus) -> Option<Exit> {
    if let Some(code) = status.exit_status() {
        return Some(Exit::Code(u8::try_from(code).unwrap_or(u8::MAX)));
    }
    let number = u8::try_from(status.terminating_signal()?).unwrap_or(u8::MAX);
    Some(Exit::Signal { number, core: status.dumped() })
}
