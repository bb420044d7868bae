//! What a keeper needs of its system: signals, orphans, and ending what it cannot list.

use std::{io, os::unix::net::UnixStream};

use nix::{libc::c_int, sys::signal::Signal, unistd::Pid};
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};

pub(super) fn listen() -> io::Result<SignalDelivery<UnixStream, SignalOnly>> {
    let (reader, writer) = UnixStream::pair()?;
    // SIGPIPE too: an owner that is gone is an error of `write`, and no death.
    let signals =
        [Signal::SIGCHLD, Signal::SIGPIPE, Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];
    SignalDelivery::with_pipe(reader, writer, SignalOnly, signals.map(|it| it as c_int))
}

#[cfg(target_os = "linux")]
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

#[cfg(target_os = "freebsd")]
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_reaper_status(true)?)
}

/// There is no such thing: a process that leaves the engine's process group is lost.
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
pub(super) const fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

/// Where processes are not listed: what the system ends by itself.
#[cfg(target_os = "freebsd")]
pub(super) fn end_group(_engine: Option<Pid>) {
    use rustix::process::{Signal, reaper_kill};
    let _nobody = reaper_kill(None, Signal::KILL, false, None);
}

/// Where processes are not listed: the engine and its group.
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
pub(super) fn end_group(engine: Option<Pid>) {
    if let Some(engine) = engine {
        let _ended_already = nix::sys::signal::killpg(engine, Signal::SIGKILL);
    }
}

#[cfg(target_os = "linux")]
pub(super) const fn end_group(_engine: Option<Pid>) {}
