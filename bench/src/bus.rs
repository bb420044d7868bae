//! The bus without a library: messages made beforehand, replies read and not looked into.
//!
//! Source: D-Bus specification, "Message Protocol" and "Authentication Protocol".

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
};

use crate::Fallible;

/// A connection to the bus of the system.
pub(crate) struct Wire {
    stream: BufReader<UnixStream>,
}

impl Wire {
    pub(crate) fn connect() -> Fallible<Self> {
        let mut wire = Self::open("/run/dbus/system_bus_socket")?;
        let bus = "org.freedesktop.DBus";
        let hello = call(1, "/org/freedesktop/DBus", bus, bus, "Hello", "", &[]);
        wire.ask(&hello, 1)?;
        Ok(wire)
    }

    /// The manager itself, without a bus.
    pub(crate) fn direct() -> Fallible<Self> {
        Self::open("/run/systemd/private")
    }

    fn open(path: &str) -> Fallible<Self> {
        let stream = UnixStream::connect(path)?;
        let mut wire = Self { stream: BufReader::with_capacity(1 << 18, stream) };
        // The user's number in decimal, each digit in hexadecimal.
        let uid = rustix::process::getuid().as_raw().to_string();
        let uid = uid.bytes().fold(String::new(), |all, digit| format!("{all}{digit:02x}"));
        wire.write(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
        let mut line = String::new();
        wire.stream.read_line(&mut line)?;
        if !line.starts_with("OK ") {
            return Err(format!("the bus says {}", line.trim()).into());
        }
        wire.write(b"BEGIN\r\n")?;
        Ok(wire)
    }

    fn write(&mut self, bytes: &[u8]) -> Fallible {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    /// Sends calls and reads so many replies; returns the bytes of the last.
    pub(crate) fn ask(&mut self, calls: &[u8], replies: usize) -> Fallible<usize> {
        self.write(calls)?;
        let mut len = 0;
        let mut body = Vec::new();
        for _ in 0..replies {
            loop {
                let mut head = [0; 16];
                self.stream.read_exact(&mut head)?;
                let [_, kind, _, _, b0, b1, b2, b3, _, _, _, _, f0, f1, f2, f3] = head;
                let number = |bytes| u32::from_le_bytes(bytes) as usize;
                len = number([f0, f1, f2, f3]).next_multiple_of(8) + number([b0, b1, b2, b3]);
                body.resize(len, 0);
                self.stream.read_exact(&mut body)?;
                match kind {
                    REPLY => break,
                    ERROR => return Err("the bus answers with an error".into()),
                    // A signal.
                    _ => {}
                }
            }
        }
        Ok(len)
    }
}

const REPLY: u8 = 2;
const ERROR: u8 = 3;

/// A method call. Its serial number must be no other's that is not answered yet.
pub(crate) fn call(
    serial: usize,
    path: &str,
    to: &str,
    interface: &str,
    member: &str,
    signature: &str,
    body: &[u8],
) -> Vec<u8> {
    let mut fields = Vec::new();
    for (code, kind, value) in [
        (1, b'o', path),
        (2, b's', interface),
        (3, b's', member),
        (6, b's', to),
        (8, b'g', signature),
    ] {
        if value.is_empty() {
            continue;
        }
        fields.resize(fields.len().next_multiple_of(8), 0);
        fields.extend([code, 1, kind, 0]);
        if kind == b'g' {
            fields.push(u8::try_from(value.len()).unwrap_or_default());
        } else {
            fields.extend(size(value.len()));
        }
        fields.extend(value.as_bytes());
        fields.push(0);
    }
    let mut message = vec![b'l', 1, 0, 1];
    message.extend(size(body.len()));
    message.extend(size(serial));
    message.extend(size(fields.len()));
    message.extend(fields);
    message.resize(message.len().next_multiple_of(8), 0);
    message.extend(body);
    message
}

/// Strings, each as a value of its own.
pub(crate) fn string(value: &str) -> Vec<u8> {
    let mut bytes = size(value.len()).to_vec();
    bytes.extend(value.as_bytes());
    bytes.push(0);
    bytes
}

pub(crate) fn size(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or_default().to_le_bytes()
}
