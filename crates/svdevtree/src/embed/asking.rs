//! A question to a service that nobody waits for: whether a place takes a connection, whether a URL answers, whether
//! a script exits with 0.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    event::PollFlags,
    io::Errno,
    net::{self, AddressFamily, SocketType, sockopt},
};

use super::{event::Exit, reap::Process};

/// No more of an answer is read.
const LONGEST: usize = 64 * 1024;
/// `HTTP/1.1 200`.
const STATUS_LINE: usize = 12;

/// A question that was asked.
#[derive(Debug)]
pub(crate) enum Asking {
    /// The answer is the connection; other places, and what is written then.
    Connecting(OwnedFd, Vec<SocketAddr>, Option<Vec<u8>>),
    /// The answer is what is read: its beginning, and how much there was.
    Reading(OwnedFd, Vec<u8>, usize),
    /// The answer is how it ends, unless it was killed.
    Running(Process, bool),
}

/// What came of it; `None` while nothing has.
pub(crate) type Answer = Option<bool>;

impl Asking {
    /// Connects to the last one of these that can be connected to; `None` if there is none.
    pub(crate) fn connect(mut places: Vec<SocketAddr>, request: Option<Vec<u8>>) -> Option<Self> {
        while let Some(place) = places.pop() {
            let Ok(socket) = socket(place) else { continue };
            match net::connect(&socket, &place) {
                // A connection that is there at once is looked at as any other.
                Ok(()) | Err(Errno::INPROGRESS) => {
                    return Some(Self::Connecting(socket, places, request));
                }
                Err(_) => (),
            }
        }
        None
    }

    /// What to wait for.
    pub(crate) fn source(&self) -> (BorrowedFd<'_>, PollFlags) {
        match self {
            Self::Connecting(socket, ..) => (socket.as_fd(), PollFlags::OUT),
            Self::Reading(socket, ..) => (socket.as_fd(), PollFlags::IN),
            Self::Running(process, _) => (process.as_fd(), PollFlags::IN),
        }
    }

    /// Its descriptor has something.
    pub(crate) fn go_on(self) -> (Option<Self>, Answer) {
        match self {
            Self::Connecting(socket, places, request) => {
                if !is_connected(&socket) {
                    let next = Self::connect(places, request);
                    let answer = next.is_none().then_some(false);
                    return (next, answer);
                }
                let Some(request) = request else { return (None, Some(true)) };
                match rustix::io::write(&socket, &request) {
                    Ok(length) if length == request.len() => {
                        (Some(Self::Reading(socket, Vec::new(), 0)), None)
                    }
                    // A new connection takes more than that, or none.
                    Ok(_) | Err(_) => (None, Some(false)),
                }
            }
            Self::Reading(socket, mut answer, mut length) => {
                let mut more = [0; 4096];
                match rustix::io::read(&socket, &mut more) {
                    Ok(0) => return (None, Some(is_well(&answer))),
                    Ok(read) => {
                        let missing = STATUS_LINE.saturating_sub(answer.len()).min(read);
                        answer.extend_from_slice(more.get(..missing).unwrap_or_default());
                        length = length.saturating_add(read);
                    }
                    Err(Errno::AGAIN | Errno::INTR) => (),
                    Err(_) => return (None, Some(is_well(&answer))),
                }
                if length > LONGEST {
                    return (None, Some(is_well(&answer)));
                }
                (Some(Self::Reading(socket, answer, length)), None)
            }
            Self::Running(process, was_killed) => match process.try_wait() {
                Ok(Some(exit)) => (None, Some(exit == Exit::Code(0) && !was_killed)),
                Ok(None) => (Some(Self::Running(process, was_killed)), None),
                Err(_) => (None, Some(false)),
            },
        }
    }

    /// The time is over. A process is still to be waited for.
    pub(crate) fn give_up(self) -> (Option<Self>, Answer) {
        match self {
            Self::Running(process, _) => {
                let _gone_already = process.kill();
                (Some(Self::Running(process, true)), None)
            }
            // Whoever says that it is well and does not end has answered.
            Self::Reading(_, answer, _) => (None, Some(is_well(&answer))),
            Self::Connecting(..) => (None, Some(false)),
        }
    }

    /// The process that answers.
    pub(crate) const fn process(&self) -> Option<&Process> {
        match self {
            Self::Running(process, _) => Some(process),
            _ => None,
        }
    }
}

#[cfg(target_os = "linux")]
fn socket(place: SocketAddr) -> io::Result<OwnedFd> {
    let flags = net::SocketFlags::CLOEXEC | net::SocketFlags::NONBLOCK;
    Ok(net::socket_with(family(place), SocketType::STREAM, flags, None)?)
}

/// There is no way to have all of that at once.
#[cfg(not(target_os = "linux"))]
fn socket(place: SocketAddr) -> io::Result<OwnedFd> {
    let socket = net::socket(family(place), SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    super::fd::set_nonblocking(&socket);
    Ok(socket)
}

const fn family(place: SocketAddr) -> AddressFamily {
    match place {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    }
}

/// A port that nobody listens on can be the very one that the system gives to whoever connects: then the socket is
/// connected to itself.
fn is_connected(socket: &OwnedFd) -> bool {
    if !matches!(sockopt::socket_error(socket), Ok(Ok(()))) {
        return false;
    }
    let here = net::getsockname(socket).ok().and_then(|it| SocketAddr::try_from(it).ok());
    let there = net::getpeername(socket).ok().flatten();
    let there = there.and_then(|it| SocketAddr::try_from(it).ok());
    there.is_some() && here != there
}

/// Whether an answer begins with a status below 400.
fn is_well(answer: &[u8]) -> bool {
    let Some(rest) = answer.strip_prefix(b"HTTP/1.") else { return false };
    let [_, b' ', digits @ ..] = rest else { return false };
    let [b'1'..=b'3', b'0'..=b'9', b'0'..=b'9', ..] = digits else { return false };
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_below_400_is_well_and_nothing_else_is() {
        for well in ["HTTP/1.1 200 OK", "HTTP/1.0 399", "HTTP/1.1 304"] {
            assert!(is_well(well.as_bytes()), "{well}");
        }
        for bad in ["", "HTTP/1.1 400", "HTTP/1.1 503", "HTTP/1.1 2", "SSH-2.0-x", "HTTP/1.1 abc"] {
            assert!(!is_well(bad.as_bytes()), "{bad}");
        }
    }
}
