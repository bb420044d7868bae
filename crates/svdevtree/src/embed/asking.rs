//! A question to a service that nobody waits for: whether a place takes a connection, whether a URL answers, whether
//! a script exits with 0.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    event::PollFlags,
    io::Errno,
    net::{self, AddressFamily, SocketType, sockopt},
};

use super::{event::Exit, reap::Process};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// One of these takes a connection.
    Tcp(Vec<SocketAddr>),
    /// It answers this with a status below 400.
    Http(Vec<SocketAddr>, Vec<u8>),
    /// The script of this name exits with 0.
    Script(&'static str),
}

/// No more of an answer is read.
const LONGEST: usize = 64 * 1024;
/// `HTTP/1.1 200`.
const STATUS_LINE: usize = 12;

impl Question {
    /// `ADDRESS:PORT`, or `localhost:PORT`: other names would have to be looked up, and that is waited for.
    pub(crate) fn tcp(place: &str) -> Option<Self> {
        addresses(place).map(Self::Tcp)
    }

    /// `http://ADDRESS[:PORT][/PATH]`.
    pub(crate) fn http(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let path = path.split('#').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let place = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let request = format!(
            "GET {slash}{path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: svctl\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n"
        );
        Some(Self::Http(addresses(&place)?, request.into_bytes()))
    }
}

fn addresses(place: &str) -> Option<Vec<SocketAddr>> {
    let Some(port) = place.strip_prefix("localhost:") else {
        return place.parse().ok().map(|address| vec![address]);
    };
    let port = port.parse().ok()?;
    // The one that is asked for first is taken from the end.
    Some(vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()])
}

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
    fn a_place_is_an_address_or_this_machine_and_nothing_that_must_be_looked_up() {
        let one = |text: &str| vec![text.parse().unwrap()];
        assert_eq!(Question::tcp("127.0.0.1:80"), Some(Question::Tcp(one("127.0.0.1:80"))));
        assert_eq!(Question::tcp("[::1]:80"), Some(Question::Tcp(one("[::1]:80"))));
        let Some(Question::Tcp(both)) = Question::tcp("localhost:80") else { panic!() };
        assert_eq!(both.last(), one("127.0.0.1:80").first());
        for place in ["db:5432", "127.0.0.1", "", "localhost:x"] {
            assert_eq!(Question::tcp(place), None, "{place}");
        }
    }

    #[test]
    fn a_url_becomes_a_request_to_its_place() {
        let asked = |url: &str| match Question::http(url) {
            Some(Question::Http(places, request)) => {
                let request = String::from_utf8(request).unwrap();
                let line = request.lines().next().unwrap().to_owned();
                assert!(request.ends_with("\r\n\r\n"), "{request}");
                Some((places[0].to_string(), line))
            }
            _ => None,
        };
        for (url, place, line) in [
            ("http://127.0.0.1:8080/a?b#c", "127.0.0.1:8080", "GET /a?b HTTP/1.1"),
            ("http://[::1]", "[::1]:80", "GET / HTTP/1.1"),
            ("http://127.0.0.1?a", "127.0.0.1:80", "GET /?a HTTP/1.1"),
        ] {
            assert_eq!(asked(url), Some((place.to_owned(), line.to_owned())), "{url}");
        }
        for url in ["https://127.0.0.1/", "http://web/", "http://", "x"] {
            assert_eq!(asked(url), None, "{url}");
        }
    }

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
