//! Is anybody supervising? Each suite is asked its own question, and none is disturbed by it.
//!
//! A dead supervisor leaves a record that looks alive, so this comes before a record is believed.
//! runit, daemontools and encore keep a reader on `supervise/ok`; s6 keeps a POSIX lock on
//! `supervise/lock`. Their `flock` is never tried: a probe that gets it kills a starting
//! supervisor. A user who may not open `ok` can still find the lock in `/proc/locks`.

mod proc_locks;

use std::{fmt, os::fd::AsFd};

use nix::{
    fcntl::{FcntlArg, fcntl},
    libc,
};
use svproto::{Dialect, Pid, files};

use crate::{
    Error, ErrorKind,
    handle::Handle,
    node::{self, Fifo},
};

/// Whether a supervisor holds a service directory. Alive is not the same as responsive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Liveness {
    /// One does; its pid, where the probe tells it.
    Alive {
        /// Process of the supervisor.
        supervisor: Option<Pid>,
    },
    /// None does.
    Dead,
    /// This user may not ask.
    Unknown,
}

/// In one word.
impl fmt::Display for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Alive { .. } => "alive",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        })
    }
}

impl Liveness {
    /// `None` if it is not known.
    #[must_use]
    pub const fn is_alive(self) -> Option<bool> {
        match self {
            Self::Alive { .. } => Some(true),
            Self::Dead => Some(false),
            Self::Unknown => None,
        }
    }
}

/// Asks the supervisor of a service directory whether it is there, in its own way.
pub(crate) fn probe(handle: &Handle, dialect: Dialect) -> Result<Liveness, Error> {
    match dialect {
        Dialect::Daemontools | Dialect::Encore | Dialect::Runit => probe_ok(handle),
        Dialect::S6 => probe_lock(handle),
    }
}

/// The supervisor's process, where the lock that it holds tells.
pub(crate) fn supervisor(handle: &Handle, dialect: Dialect) -> Option<Pid> {
    let liveness = match dialect {
        Dialect::S6 => probe_lock(handle).ok()?,
        Dialect::Daemontools | Dialect::Encore | Dialect::Runit => {
            proc_locks::find(&node::stat(handle.at(files::LOCK)).ok()??)
        }
    };
    match liveness {
        Liveness::Alive { supervisor } => supervisor,
        Liveness::Dead | Liveness::Unknown => None,
    }
}

/// Asks in the way of each suite: the first answer, and whether it was s6's way.
pub(crate) fn probe_any(handle: &Handle) -> (Result<Liveness, Error>, bool) {
    match node::open_fifo(handle.at(files::OK)) {
        Ok(Fifo::Open(_)) => (Ok(Liveness::Alive { supervisor: None }), false),
        Ok(Fifo::NoReader) => (Ok(Liveness::Dead), false),
        // s6 has none.
        Ok(Fifo::Missing) => (probe_lock(handle), true),
        Err(error) => (without_asking(handle, error), false),
    }
}

/// Who holds a lock, as the system's table of locks has it; `Unknown` where that says nothing.
pub(crate) fn holder(lock: &nix::sys::stat::FileStat) -> Liveness {
    proc_locks::find(lock)
}

/// Whether `supervise/ok` has a reader.
pub(crate) fn probe_ok(handle: &Handle) -> Result<Liveness, Error> {
    match node::open_fifo(handle.at(files::OK)) {
        Ok(Fifo::Open(_)) => Ok(Liveness::Alive { supervisor: None }),
        Ok(Fifo::NoReader | Fifo::Missing) => Ok(Liveness::Dead),
        Err(error) => without_asking(handle, error),
    }
}

/// Whether `supervise/lock` is locked in s6's way, and by whom.
fn probe_lock(handle: &Handle) -> Result<Liveness, Error> {
    let at = handle.at(files::LOCK);
    let file = match node::open_file(&at) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(Liveness::Dead),
        Err(error) => return without_asking(handle, error),
    };
    let mut lock = whole_file_read_lock();
    fcntl(file.as_fd(), FcntlArg::F_GETLK(&mut lock))
        .map_err(|errno| Error::os("query the lock of", &at.path(), "read", errno))?;
    #[cfg_attr(
        target_os = "linux",
        expect(clippy::cast_possible_truncation, reason = "F_UNLCK is 2, of another width")
    )]
    if lock.l_type == libc::F_UNLCK as _ {
        return Ok(Liveness::Dead);
    }
    // 0 where the owner lives in another pid namespace.
    let supervisor = u64::try_from(lock.l_pid).ok().and_then(Pid::new);
    Ok(Liveness::Alive { supervisor })
}

/// What can be said to a user who was denied the question. Where not even the directory may be
/// searched, the denial is the answer.
fn without_asking(handle: &Handle, error: Error) -> Result<Liveness, Error> {
    match node::stat(handle.at(files::LOCK)) {
        Ok(Some(stat)) if error.kind() == ErrorKind::Denied => Ok(proc_locks::find(&stat)),
        _ => Err(error),
    }
}

/// The lock to ask about. A read lock, because the file is open for reading only; it conflicts with
/// the supervisor's write lock all the same.
fn whole_file_read_lock() -> libc::flock {
    #[expect(clippy::cast_possible_truncation, reason = "F_RDLCK and SEEK_SET are 0 to 3")]
    libc::flock {
        l_type: libc::F_RDLCK as _,
        l_whence: libc::SEEK_SET as _,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
        #[cfg(target_os = "freebsd")]
        l_sysid: 0,
    }
}
