//! What must be asked of the kernel, asked directly: paths are made beforehand, nothing is
//! allocated, nothing is decided.

use std::{
    ffi::{CStr, CString},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{AtFlags, CWD, Mode, OFlags, fstat, inotify, openat, statat},
    io::{Errno, pread, read, write},
};

use crate::{Fallible, tree::c_path};

/// The files of a service under runit, and the like.
pub(crate) struct Names {
    ok: CString,
    status: CString,
    down: CString,
    control: CString,
}

impl Names {
    /// In a directory; relative for none.
    pub(crate) fn in_dir(dir: &Path) -> Self {
        let name = |name: &str| c_path(&dir.join(name));
        Self {
            ok: name("supervise/ok"),
            status: name("supervise/status"),
            down: name("down"),
            control: name("supervise/control"),
        }
    }
}

const SAFE: OFlags =
    OFlags::NONBLOCK.union(OFlags::CLOEXEC).union(OFlags::NOCTTY).union(OFlags::NOFOLLOW);

fn open(base: BorrowedFd<'_>, name: &CStr, how: OFlags) -> Result<OwnedFd, Errno> {
    openat(base, name, SAFE | how, Mode::empty())
}

/// The fewest calls that answer: opens what only a living supervisor reads, reads the record, looks
/// for `down`. What they are is not asked.
pub(crate) fn fewest(base: BorrowedFd<'_>, names: &Names) -> Fallible<[u8; 44]> {
    drop(open(base, &names.ok, OFlags::WRONLY)?);
    let record = record(base, names)?;
    let _missing = statat(base, &*names.down, AtFlags::empty());
    Ok(record)
}

/// The calls of [`svclient::Service::status`] for a service of runit that is up: also asks what
/// it is that somebody reads.
pub(crate) fn same(base: BorrowedFd<'_>, names: &Names) -> Fallible<[u8; 44]> {
    let ok = open(base, &names.ok, OFlags::WRONLY)?;
    fstat(&ok)?;
    drop(ok);
    let bytes = record(base, names)?;
    let _missing = statat(base, &*names.down, AtFlags::empty());
    Ok(bytes)
}

/// Open, read, close.
pub(crate) fn record(base: BorrowedFd<'_>, names: &Names) -> Fallible<[u8; 44]> {
    Ok(record_and_len(base, names)?.0)
}

/// The same, and how many bytes it has.
pub(crate) fn record_and_len(base: BorrowedFd<'_>, names: &Names) -> Fallible<([u8; 44], usize)> {
    let mut bytes = [0; 44];
    let status = open(base, &names.status, OFlags::RDONLY)?;
    let len = pread(&status, &mut bytes, 0)?;
    Ok((bytes, len))
}

/// Open, write, close.
pub(crate) fn send(names: &Names, byte: u8) -> Fallible {
    let control = open(CWD, &names.control, OFlags::WRONLY)?;
    write(&control, &[byte])?;
    Ok(())
}

/// An inotify instance.
pub(crate) fn instance() -> Fallible<OwnedFd> {
    Ok(inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?)
}

/// Watches a directory for records that are put there.
pub(crate) fn watch(instance: &OwnedFd, dir: &CStr) -> Fallible {
    inotify::add_watch(instance, dir, inotify::WatchFlags::MOVED_TO)?;
    Ok(())
}

/// Waits until something is told, and takes it.
pub(crate) fn hear(instance: &OwnedFd) -> Fallible {
    let patience = Timespec { tv_sec: 20, tv_nsec: 0 };
    let mut fds = [PollFd::new(instance, PollFlags::IN)];
    if poll(&mut fds, Some(&patience))? == 0 {
        return Err("nothing was told in 20 s".into());
    }
    let mut buffer = [0; 4096];
    read(instance.as_fd(), &mut buffer)?;
    Ok(())
}
