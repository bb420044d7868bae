//! The children of a keeper or guard: being woken by their ends, taking them, and ending all that
//! descends from this process.

use std::{
    io,
    os::{fd::AsFd as _, unix::net::UnixStream},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    libc::c_int,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::Signal,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};

use super::{super::processes, system};

/// Whatever loses its parent below this process is a child of it, too. So "no child" is "nothing
/// left".
pub(super) struct Children {
    signals: SignalDelivery<UnixStream, SignalOnly>,
}

/// A child that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) pid: Pid,
    /// As in "exited with 1".
    pub(super) how: String,
}

impl Children {
    /// Listens to signals and adopts what loses its parent. An error comes with what could not be
    /// done.
    pub(super) fn adopt() -> Result<Self, (&'static str, io::Error)> {
        let signals = system::listen().map_err(|error| ("listen to signals", error))?;
        system::adopt_orphans().map_err(|error| ("adopt orphans", error))?;
        Ok(Self { signals })
    }

    /// Sleeps until one of these has something, a child ends or the time is over. Whether a signal
    /// told this process to end.
    pub(super) fn wait(
        &mut self,
        streams: &[&UnixStream],
        longest: Option<Duration>,
    ) -> io::Result<bool> {
        let signals = self.signals.get_read().as_fd();
        let mut fds = vec![PollFd::new(signals, PollFlags::POLLIN)];
        fds.extend(streams.iter().map(|it| PollFd::new(it.as_fd(), PollFlags::POLLIN)));
        let longest = longest.map_or(PollTimeout::NONE, |longest| {
            PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, longest) {
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => (),
            Err(errno) => return Err(errno.into()),
        }
        // Whose SIGCHLD it is does not matter: all children are looked at.
        let ends = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].map(|signal| signal as c_int);
        Ok(self.signals.pending().fold(false, |seen, it| seen | ends.contains(&it)))
    }

    /// Takes every child that has ended.
    pub(super) fn take() -> (Vec<Death>, Left) {
        let mut deaths = Vec::new();
        loop {
            let (pid, how) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, format!("exited with {code}")),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, format!("killed by {signal}")),
                Err(Errno::ECHILD) => return (deaths, Left::Nobody),
                Err(Errno::EINTR) => continue,
                Ok(_) | Err(_) => return (deaths, Left::Some),
            };
            deaths.push(Death { pid, how });
        }
    }

    /// SIGKILL for whatever descends from this process, until nothing does. What is left at the
    /// deadline comes back. `engine` is for systems on which processes are not listed.
    pub(super) fn end_all(&mut self, engine: Option<Pid>, deadline: Instant) -> Vec<u32> {
        let mut pause = Duration::from_millis(1);
        loop {
            system::end_group(engine);
            let _ends = processes::kill(&processes::descendants());
            if let (_, Left::Nobody) = Self::take() {
                return Vec::new();
            }
            if Instant::now() >= deadline {
                return processes::numbers(&processes::descendants());
            }
            // A child's end wakes at once; the time is for one that was born while they were
            // listed.
            let _listing_again = self.wait(&[], Some(pause));
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
}

/// Whether there are children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nobody,
    Some,
}
