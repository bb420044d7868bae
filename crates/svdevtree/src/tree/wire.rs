//! What an owner and its keeper say to each other: messages of fields over a stream socket.
//!
//! A message is a netstring: the length of what follows in digits, a colon, and fields of any bytes but
//! NUL, each ended by NUL. The first field is the verb.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::{
        fd::AsFd as _,
        unix::{ffi::OsStrExt as _, net::UnixStream},
    },
    path::Path,
    time::{Duration, Instant},
};

/// More than this is no message.
const LONGEST: usize = 1 << 20;
/// Digits of that, and a colon.
const HEAD: usize = 8;

/// A verb and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message(pub(super) Vec<Vec<u8>>);

impl Message {
    pub(super) fn new(verb: &str) -> Self {
        Self(vec![verb.as_bytes().to_vec()])
    }

    pub(super) fn with(mut self, field: impl AsRef<OsStr>) -> Self {
        self.0.push(field.as_ref().as_bytes().to_vec());
        self
    }

    pub(super) fn verb(&self) -> &[u8] {
        self.0.first().map_or(&[], Vec::as_slice)
    }

    pub(super) fn field(&self, at: usize) -> &OsStr {
        OsStr::from_bytes(self.0.get(at).map_or(&[], Vec::as_slice))
    }

    pub(super) fn text(&self, at: usize) -> String {
        self.field(at).to_string_lossy().into_owned()
    }

    pub(super) fn number<T: std::str::FromStr>(&self, at: usize) -> Option<T> {
        self.field(at).to_str()?.parse().ok()
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &OsStr> {
        self.0.iter().skip(1).map(|field| OsStr::from_bytes(field))
    }
}

/// What the system refused, for the owner.
pub(super) fn refusal(doing: &str, path: &Path, error: &io::Error) -> Message {
    let code = error.raw_os_error().unwrap_or(nix::libc::EINVAL);
    Message::new("refused").with(code.to_string()).with(doing).with(path)
}

/// A message with the milliseconds that are left.
pub(super) fn timed(verb: &str, deadline: Instant) -> Message {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis();
    Message::new(verb).with(OsStr::new(&left.to_string()))
}

/// One end. A message that has come in part is kept until the rest comes.
#[derive(Debug)]
pub(super) struct Wire {
    stream: UnixStream,
    read: Vec<u8>,
}

/// How long a parent may take to say what is to be done.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// Whether the socket was made by the parent, which is of this user.
#[cfg(target_os = "linux")]
fn is_of_parent(stream: &UnixStream) -> io::Result<bool> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    let is_parent = rustix::process::getppid() == Some(peer.pid);
    Ok(is_parent && peer.uid == rustix::process::geteuid())
}

/// Whether the socket was made by this user; whose process it is, only Linux says.
#[cfg(not(target_os = "linux"))]
fn is_of_parent(stream: &UnixStream) -> io::Result<bool> {
    Ok(crate::origin::peer(stream)? == nix::unistd::geteuid().as_raw())
}

/// What came.
#[derive(Debug)]
pub(super) enum Heard {
    Message(Message),
    /// Nothing yet.
    Nothing,
    /// The other side is no more.
    End,
}

impl Wire {
    /// The socket that is standard input, if its other end is the parent's; moved away from there, so that
    /// nothing inherits it. With what the parent says first.
    pub(super) fn from_parent() -> io::Result<(Self, Message)> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        // What is no socket was not set up by an owner.
        stream.peer_addr()?;
        if !is_of_parent(&stream)? {
            return Err(io::Error::other("it is not the parent's"));
        }
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        let mut wire = Self::new(stream);
        match wire.hear_before(Instant::now() + FIRST_WORD)? {
            Heard::Message(message) => Ok((wire, message)),
            Heard::Nothing | Heard::End => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    pub(super) const fn new(stream: UnixStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(super) const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub(super) fn say(&self, message: &Message) -> io::Result<()> {
        let mut rest: Vec<u8> = Vec::new();
        for field in &message.0 {
            rest.extend(field);
            rest.push(0);
        }
        if rest.len() > LONGEST {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut bytes = format!("{}:", rest.len()).into_bytes();
        bytes.extend(rest);
        (&self.stream).write_all(&bytes)
    }

    /// Says that nothing more will be said, and waits until the other side is no more. It hears that also
    /// if some child of this process has a copy of this end. Whether it is so in time.
    pub(super) fn close(self, longest: Option<Duration>) -> bool {
        let _gone_already = self.stream.shutdown(Shutdown::Write);
        let _for_ever = self.stream.set_read_timeout(longest);
        match io::copy(&mut (&self.stream), &mut io::sink()) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Waits until then at most.
    pub(super) fn hear_before(&mut self, deadline: Instant) -> io::Result<Heard> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Heard::Message(message));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.hear_now();
            }
            // Rounded up: to the system zero is for ever.
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            if let Some(heard) = self.fill()? {
                return Ok(heard);
            }
        }
    }

    /// Does not wait.
    pub(super) fn hear_now(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Heard::Message(message));
            }
            self.stream.set_nonblocking(true)?;
            let heard = self.fill();
            self.stream.set_nonblocking(false)?;
            match heard? {
                Some(Heard::End) => return Ok(Heard::End),
                Some(_) => return Ok(Heard::Nothing),
                None => (),
            }
        }
    }

    /// `None` if something came.
    fn fill(&mut self) -> io::Result<Option<Heard>> {
        let mut bytes = [0; 4096];
        match (&self.stream).read(&mut bytes) {
            Ok(0) => Ok(Some(Heard::End)),
            Ok(length) => {
                self.read.extend(bytes.iter().take(length));
                Ok(None)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => Ok(None),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(Some(Heard::Nothing)),
                // It was killed with something unread.
                io::ErrorKind::ConnectionReset => Ok(Some(Heard::End)),
                _ => Err(error),
            },
        }
    }

    fn take(&mut self) -> io::Result<Option<Message>> {
        let Some(colon) = self.read.iter().take(HEAD).position(|&byte| byte == b':') else {
            let is_too_long = self.read.len() >= HEAD;
            return if is_too_long { Err(io::ErrorKind::InvalidData.into()) } else { Ok(None) };
        };
        let digits = self.read.get(..colon).and_then(|digits| std::str::from_utf8(digits).ok());
        let length =
            digits.and_then(|digits| digits.parse::<usize>().ok()).filter(|&it| it <= LONGEST);
        let end = colon + 1 + length.ok_or(io::ErrorKind::InvalidData)?;
        let Some(fields) = self.read.get(colon + 1..end) else { return Ok(None) };
        let fields = fields.strip_suffix(&[0]).ok_or(io::ErrorKind::InvalidData)?;
        let message = Message(fields.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect());
        self.read.drain(..end);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Wire, Wire) {
        let (one, other) = UnixStream::pair().unwrap();
        (Wire::new(one), Wire::new(other))
    }

    #[test]
    fn fields_of_any_bytes_arrive_as_they_were_sent_and_in_order() {
        let (one, mut other) = pair();
        let odd = OsStr::from_bytes(b"\xff\n /a b");
        let sent = [Message::new("check").with(odd).with("").with("x"), Message::new("end")];
        for message in &sent {
            one.say(message).unwrap();
        }
        for message in sent {
            let heard = other.hear_now().unwrap();
            assert!(matches!(heard, Heard::Message(heard) if heard == message));
        }
        assert!(matches!(other.hear_now().unwrap(), Heard::Nothing));
        drop(one);
        assert!(matches!(other.hear_now().unwrap(), Heard::End));
    }

    #[test]
    fn half_a_message_is_none_until_the_rest_comes() {
        let (one, mut other) = pair();
        let bytes = b"4:end\0";
        for byte in bytes {
            assert!(matches!(other.hear_now().unwrap(), Heard::Nothing));
            (&one.stream).write_all(&[*byte]).unwrap();
        }
        assert!(matches!(other.hear_now().unwrap(), Heard::Message(it) if it.verb() == b"end"));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for bytes in [&b"99999999"[..], b"1048577:", b"1:x", b"0:", b":", b"-1:", b"1x:"] {
            let (one, mut other) = pair();
            (&one.stream).write_all(bytes).unwrap();
            assert!(other.hear_now().is_err(), "{bytes:?}");
        }
    }
}
