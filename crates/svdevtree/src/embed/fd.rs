//! Pipes that no child inherits by accident.

use std::{io, os::fd::OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// A reading and a writing end, both closed on exec.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

/// A reading and a writing end, both closed on exec. There is no way to have that at once.
#[cfg(target_vendor = "apple")]
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    use nix::fcntl::FdFlag;
    let (reader, writer) = nix::unistd::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    fcntl(&writer, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok((reader, writer))
}

/// Reading never waits. That a pipe refuses is not known to happen; reading would wait for a line
/// then.
pub(crate) fn set_nonblocking(fd: &OwnedFd) {
    let _refused = fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
}
