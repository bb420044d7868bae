//! The manager's own socket, without a bus in between.
//!
//! systemd writes `org.freedesktop.systemd1` as the sender of every message there, which is a name
//! of another kind than a sender has; zbus 6.2 takes no such message. So a pair of threads stands
//! in between, and makes the first letter of that name a colon: as long, and of the right kind.
//!
//! Source: systemd 252, 257 and 262, observed.

use std::{
    io::{self, Read, Write},
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
/// Read at a time, unless a message is longer.
const ROOM: usize = 64 * 1024;
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

/// Lines of the handshake as they are, then messages. What came in one piece goes on in one: who
/// asks 1,000 questions is woken for many answers at a time.
fn forward(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let (mut held, mut filled) = (vec![0; ROOM], 0);
    loop {
        if filled == held.len() {
            // A message that is longer.
            held.resize(2 * filled, 0);
        }
        let more = from.read(held.get_mut(filled..).unwrap_or_default())?;
        if more == 0 {
            return Ok(());
        }
        filled += more;
        let mut whole = 0;
        while let Some(len) = piece(held.get_mut(whole..filled).unwrap_or_default())? {
            whole += len;
        }
        to.write_all(held.get(..whole).unwrap_or_default())?;
        held.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

/// The length of the line or message that these bytes begin with, its sender renamed; `None` if it
/// is not there in full.
fn piece(bytes: &mut [u8]) -> io::Result<Option<usize>> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    // A message begins with its byte order, a line with the capital of another word.
    let big_endian = match first {
        b'l' => false,
        b'B' => true,
        _ => return Ok(bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1)),
    };
    let number = |at: usize| -> Option<usize> {
        let bytes = <[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?;
        let number = if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        usize::try_from(number).ok()
    };
    let Some((body, fields)) = number(4).zip(number(12)) else { return Ok(None) };
    let rest = fields.checked_next_multiple_of(8).and_then(|fields| fields.checked_add(body));
    let rest = rest.filter(|rest| *rest <= LONGEST);
    let len = FIXED + rest.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    if bytes.len() < len {
        return Ok(None);
    }
    // Every field begins at a multiple of eight, and only the header has fields.
    let header = bytes.get_mut(FIXED..FIXED + fields).unwrap_or_default();
    for at in (0..header.len()).step_by(8) {
        let field = header.get_mut(at..).filter(|field| is_sender(field));
        if let Some(letter) = field.and_then(|field| field.get_mut(FIRST_LETTER)) {
            *letter = b':';
        }
    }
    Ok(Some(len))
}

fn is_sender(field: &[u8]) -> bool {
    // Most fields differ in their first byte, and there are ten places in each of 1,000 messages.
    field.first() == SENDER.first() && field.starts_with(SENDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &[u8]) -> Vec<u8> {
        let mut bytes = b"l\x04\0\x01".to_vec();
        bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(u32::try_from(SENDER.len()).unwrap().to_le_bytes());
        bytes.extend(SENDER);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(body);
        bytes
    }

    /// Gives so many bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(to.len());
            self.0.read(&mut to[..len])
        }
    }

    #[test]
    fn only_the_sender_is_renamed() {
        let mut bytes = message(SENDER);
        let len = bytes.len();
        bytes.extend(b"the next message");
        let before = bytes.clone();
        assert_eq!(piece(&mut bytes).unwrap(), Some(len));
        let changed: Vec<_> = (0..bytes.len()).filter(|&at| before[at] != bytes[at]).collect();
        assert_eq!(changed, [FIXED + FIRST_LETTER]);
        assert_eq!(bytes[FIXED + FIRST_LETTER], b':');
    }

    #[test]
    fn pieces_of_any_size_arrive_whole_and_in_order() {
        let long = vec![7; 3 * ROOM];
        let mut all = b"OK 0123\r\nAGREE_UNIX_FD\r\n".to_vec();
        for body in [SENDER, b"", &long, b"x"] {
            all.extend(message(body));
        }
        let mut whole = Vec::new();
        forward(all.as_slice(), &mut whole).unwrap();
        assert_eq!(whole.len(), all.len());
        assert_eq!(whole.iter().zip(&all).filter(|(one, other)| one != other).count(), 4);
        for size in [1, 1000] {
            let mut got = Vec::new();
            forward(Drops(&all, size), &mut got).unwrap();
            assert!(got == whole, "{size} at a time");
        }
        // The last is not there in full.
        let mut got = Vec::new();
        forward(&all[..all.len() - 1], &mut got).unwrap();
        assert_eq!(got.len(), all.len() - message(b"x").len());
    }

    #[test]
    fn a_message_that_is_too_long_is_refused() {
        let mut bytes = b"l\x04\0\x01".to_vec();
        bytes.extend(u32::MAX.to_le_bytes());
        bytes.extend([0; 8]);
        assert!(piece(&mut bytes).is_err());
    }
}
