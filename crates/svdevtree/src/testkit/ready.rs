//! When a service counts as ready.

use std::{
    ffi::OsString,
    fmt,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use svclient::Status;

/// When a service counts as ready.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadyWhen {
    /// It is supervised, whether it runs or not: for services that are to fail.
    Supervised,
    /// It has a process.
    Up,
    /// It has written a line end to this descriptor, which it got.
    Fd(u32),
    /// It takes connections.
    Tcp(SocketAddr),
    /// It answers `GET` with a status of 200 to 399.
    Http {
        /// Where.
        addr: SocketAddr,
        /// What is asked for, as in `/health`.
        path: String,
    },
    /// These words, run again and again, exit with 0. Their output goes to the service's log. They
    /// run below the kit, so they end with it.
    Command(Vec<OsString>),
}

impl ReadyWhen {
    /// By a line end on this descriptor.
    #[must_use]
    pub const fn fd(number: u32) -> Self {
        Self::Fd(number)
    }

    /// By a connection to this port of 127.0.0.1.
    ///
    /// ```
    /// use svdevtree::testkit::ReadyWhen;
    ///
    /// assert_eq!(ReadyWhen::tcp(80).to_string(), "a connection to 127.0.0.1:80");
    /// ```
    #[must_use]
    pub fn tcp(port: u16) -> Self {
        Self::Tcp((Ipv4Addr::LOCALHOST, port).into())
    }

    /// By an answer on this port of 127.0.0.1.
    #[must_use]
    pub fn http(port: u16, path: impl Into<String>) -> Self {
        Self::Http { addr: (Ipv4Addr::LOCALHOST, port).into(), path: path.into() }
    }

    /// By a program.
    #[must_use]
    pub fn command<Word: Into<OsString>>(argv: impl IntoIterator<Item = Word>) -> Self {
        Self::Command(argv.into_iter().map(Into::into).collect())
    }

    /// Whether it is so now, of a service that has a process.
    pub(super) fn holds(&self, seen: Option<&Status>, deadline: Instant) -> bool {
        match self {
            Self::Supervised | Self::Up => true,
            Self::Fd(_) => is_recorded_ready(seen),
            Self::Tcp(addr) => connect(*addr, deadline).is_some(),
            Self::Http { addr, path } => {
                let until = deadline.min(Instant::now() + ANSWER);
                connect(*addr, deadline)
                    .is_some_and(|stream| answers(stream, path, until).unwrap_or(false))
            }
            // The tree runs it.
            Self::Command(_) => false,
        }
    }
}

impl fmt::Display for ReadyWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Supervised => f.write_str("a supervisor"),
            Self::Up => f.write_str("a process"),
            Self::Fd(number) => write!(f, "a line end on descriptor {number}"),
            Self::Tcp(addr) => write!(f, "a connection to {addr}"),
            Self::Http { addr, path } => write!(f, "an answer of http://{addr}{path}"),
            Self::Command(argv) => {
                let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
                write!(f, "an exit with 0 of `{}`", words.join(" "))
            }
        }
    }
}

/// What the engine says of it.
fn is_recorded_ready(seen: Option<&Status>) -> bool {
    let status = seen.and_then(|seen| seen.facts());
    status.is_some_and(|status| status.readiness.is_ready() == Some(true))
}

/// A server that does not answer at once is asked again.
const ANSWER: Duration = Duration::from_secs(1);

fn connect(addr: SocketAddr, deadline: Instant) -> Option<TcpStream> {
    let left = deadline.saturating_duration_since(Instant::now());
    let longest = left.clamp(Duration::from_millis(1), ANSWER);
    let stream = TcpStream::connect_timeout(&addr, longest).ok()?;
    // A client's own port may be the one that it asks for: then it talks to itself.
    let is_itself = stream.local_addr().ok() == stream.peer_addr().ok();
    stream.set_read_timeout(Some(longest)).ok()?;
    stream.set_write_timeout(Some(longest)).ok()?;
    (!is_itself).then_some(stream)
}

/// `HTTP/1.1 204 ...`: three digits after the first space.
fn answers(mut stream: TcpStream, path: &str, until: Instant) -> std::io::Result<bool> {
    let host = stream.peer_addr()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let (mut line, mut piece) = (Vec::new(), [0; 64]);
    // A server may take its time for every byte.
    while line.len() < piece.len() {
        let left = until.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => line.extend(piece.iter().take(count)),
            Err(error) if line.is_empty() => return Err(error),
            // It may keep the connection open behind an answer.
            Err(_) => break,
        }
        if Instant::now() >= until {
            break;
        }
    }
    Ok(is_good(&line))
}

fn is_good(answer: &[u8]) -> bool {
    let line = String::from_utf8_lossy(answer);
    let mut words = line.split(' ');
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/"));
    let code = words.next().and_then(|code| code.get(..3)?.parse().ok());
    is_http && code.is_some_and(|code: u16| (200..400).contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_by_its_status() {
        for (answer, good) in [
            ("HTTP/1.1 200 OK\r\n", true),
            ("HTTP/1.0 204\r\n", true),
            ("HTTP/1.1 302 Found\r\n", true),
            ("HTTP/1.1 404 Not Found\r\n", false),
            ("HTTP/1.1 503 Later\r\n", false),
            ("SSH-2.0-200 OK", false),
            ("HTTP/1.1", false),
            ("", false),
        ] {
            assert_eq!(is_good(answer.as_bytes()), good, "{answer:?}");
        }
    }

    /// A byte now and then, for ever.
    #[test]
    fn a_server_that_drips_is_not_waited_for_beyond_the_deadline() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = std::thread::Builder::new();
        let server = server.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.write_all(b"x").is_ok() {
                std::thread::park_timeout(Duration::from_millis(80));
            }
        });
        let begun = Instant::now();
        let ready = ReadyWhen::http(addr.port(), "/");
        assert!(!ready.holds(None, begun + Duration::from_millis(100)));
        // All 64 bytes would have taken longer than that.
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        server.unwrap().join().unwrap();
    }

    #[test]
    fn what_is_awaited_can_be_read() {
        assert_eq!(ReadyWhen::tcp(80).to_string(), "a connection to 127.0.0.1:80");
        assert_eq!(ReadyWhen::http(80, "/up").to_string(), "an answer of http://127.0.0.1:80/up");
        assert_eq!(ReadyWhen::command(["test", "-e"]).to_string(), "an exit with 0 of `test -e`");
    }
}
