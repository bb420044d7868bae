//! The manager's own socket, without a bus in between.
//!
//! systemd writes `org.freedesktop.systemd1` as the sender of every message there, which is a name
//! of another kind than a sender has; zbus 6.2 takes no such message. So a pair of threads stands in
//! between, and makes the first letter of that name a colon: as long, and of the right kind.
//!
//! Source: systemd 252, 257 and 262, observed.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    thread,
};

use zbus::connection::Builder;

/// The field "sender" of a message's header: code 7, a string of 24 bytes.
const SENDER: &[u8] = b"\x07\x01s\0\x18\0\0\0org.freedesktop.systemd1\0";
/// Where in that the first letter stands.
const FIRST_LETTER: usize = 8;
/// Before the fields of a header.
const FIXED: usize = 16;
/// What D-Bus allows at most.
const LONGEST: usize = 128 * 1024 * 1024;

/// Connects to a manager's socket, by way of the threads.
pub(crate) fn connect(path: &Path) -> io::Result<Builder<'static>> {
    let manager = UnixStream::connect(path)?;
    let (ours, theirs) = UnixStream::pair()?;
    let (from_manager, to_us) = (manager.try_clone()?, theirs.try_clone()?);
    let start = |work: Box<dyn FnOnce() + Send>| {
        thread::Builder::new().name("svsystemd".to_owned()).spawn(work)
    };
    start(Box::new(move || {
        let _ended = forward(&from_manager, &to_us);
        let _gone = (from_manager.shutdown(Shutdown::Both), to_us.shutdown(Shutdown::Both));
    }))?;
    start(Box::new(move || {
        let _ended = io::copy(&mut &theirs, &mut &manager);
        let _gone = (manager.shutdown(Shutdown::Both), theirs.shutdown(Shutdown::Both));
    }))?;
    Ok(Builder::unix_stream(ours).p2p())
}

/// Lines of the handshake as they are, then messages.
fn forward(from: &UnixStream, mut to: &UnixStream) -> io::Result<()> {
    let mut from = BufReader::new(from);
    loop {
        let Some(&first) = from.fill_buf()?.first() else { return Ok(()) };
        // A message begins with its byte order, a line with the capital of another word.
        if first == b'l' || first == b'B' {
            to.write_all(&message(&mut from, first == b'B')?)?;
        } else {
            let mut line = Vec::new();
            from.read_until(b'\n', &mut line)?;
            to.write_all(&line)?;
        }
    }
}

/// One message, its sender renamed.
fn message(from: &mut impl Read, big_endian: bool) -> io::Result<Vec<u8>> {
    let mut message = vec![0; FIXED];
    from.read_exact(&mut message)?;
    let number = |at: usize| -> usize {
        let bytes = message.get(at..at + 4).and_then(|it| <[u8; 4]>::try_from(it).ok());
        let bytes = bytes.unwrap_or_default();
        let number = if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let (body, fields) = (number(4), number(12));
    let rest = fields.checked_next_multiple_of(8).and_then(|fields| fields.checked_add(body));
    let rest = rest.filter(|rest| *rest <= LONGEST);
    let rest = rest.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    message.resize(FIXED + rest, 0);
    if let Some(rest) = message.get_mut(FIXED..) {
        from.read_exact(rest)?;
        // Every field begins at a multiple of eight, and only the header has fields.
        let header = rest.get_mut(..fields.min(rest.len())).unwrap_or_default();
        for at in (0..header.len()).step_by(8) {
            let field = header.get_mut(at..).filter(|field| field.starts_with(SENDER));
            if let Some(letter) = field.and_then(|field| field.get_mut(FIRST_LETTER)) {
                *letter = b':';
            }
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sender_is_renamed() {
        let mut bytes = b"l\x04\0\x01".to_vec();
        let body = SENDER;
        bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(u32::try_from(SENDER.len()).unwrap().to_le_bytes());
        bytes.extend(SENDER);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(body);
        bytes.extend(b"the next message");
        let mut from = bytes.as_slice();
        let got = message(&mut from, false).unwrap();
        assert_eq!(from, b"the next message");
        assert_eq!(got.len(), bytes.len() - from.len());
        let changed: Vec<_> = (0..got.len()).filter(|&at| got[at] != bytes[at]).collect();
        assert_eq!(changed, [FIXED + FIRST_LETTER]);
        assert_eq!(got[FIXED + FIRST_LETTER], b':');
    }

    #[test]
    fn a_message_that_is_too_long_is_refused() {
        let mut bytes = b"l\x04\0\x01".to_vec();
        bytes.extend(u32::MAX.to_le_bytes());
        bytes.extend([0; 8]);
        assert!(message(&mut bytes.as_slice(), false).is_err());
    }
}
