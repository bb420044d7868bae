//! What a service says by itself, as `sd_notify(3)` has it: lines in datagrams to the socket `NOTIFY_SOCKET`.
//!
//! | line                      | what is made of it                                                     |
//! |---------------------------|------------------------------------------------------------------------|
//! | `READY=1`                 | it is ready, also once it has read its configuration again             |
//! | `RELOADING=1`             | it is not ready any more, until it says so                             |
//! | `STOPPING=1`              | the same, and nothing is asked of it any more                          |
//! | `STATUS=TEXT`             | told to whoever asks                                                   |
//! | `WATCHDOG=1`              | it is well                                                             |
//! | `WATCHDOG=trigger`        | it is not                                                              |
//! | `WATCHDOG_USEC=N`         | from now on it says `WATCHDOG=1` so often                              |
//! | `EXTEND_TIMEOUT_USEC=N`   | it needs so much time from now on, to be ready or to end               |
//! | `MAINPID=N`               | nothing: the process of the service is the one that was started       |
//! | `BARRIER=1` and others    | nothing; a descriptor that comes along is closed, which ends a barrier |
//!
//! Who may tell is what the kernel says of the sender: a process of root, of this user, or of the user of the service, or
//! one that the service has started. The socket is abstract, so that a service of another user and below another root
//! reaches it. There is nothing like it but on Linux.
//!
//! Source: `sd_notify(3)` of systemd 252, `unix(7)`.

#[cfg(not(target_os = "linux"))]
#[path = "notify/elsewhere.rs"]
mod system;
#[cfg(target_os = "linux")]
#[path = "notify/linux.rs"]
mod system;

use std::{
    fmt, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Ready,
    Reloading,
    Stopping,
    Status(String),
    Alive,
    Unwell,
    Watchdog(Duration),
    Extend(Duration),
}

/// The socket of one service, for `NOTIFY_SOCKET` in its environment.
///
/// The embedded supervisor makes one for a service that says by it when it is ready. It is public for a program
/// that starts a process by itself and reads what it says. It is an abstract socket of Linux, so there is no file.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use std::{os::linux::net::SocketAddrExt, os::unix::net::{SocketAddr, UnixDatagram}};
/// use svdevtree::NotifySocket;
///
/// let socket = NotifySocket::new()?;
/// // The value of `NOTIFY_SOCKET`: `@` stands for the byte 0, with which an abstract name begins.
/// let name = socket.name()?;
/// let there = SocketAddr::from_abstract_name(name.trim_start_matches('@'))?;
/// UnixDatagram::unbound()?.send_to_addr(b"STATUS=starting\nREADY=1", &there)?;
///
/// let message = socket.receive(None)?.expect("it was sent");
/// assert!(message.may_tell());
/// assert_eq!(message.lines().last(), Some(&b"READY=1"[..]));
/// assert!(socket.receive(None)?.is_none());
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct NotifySocket(OwnedFd);

impl NotifySocket {
    /// A socket with a name that the kernel has chosen and nobody else has. It is closed when this process
    /// executes another program.
    ///
    /// # Errors
    ///
    /// If the kernel makes none; on all systems but Linux, which alone say who has written to a socket.
    pub fn new() -> io::Result<Self> {
        system::make().map(Self)
    }

    /// The value of `NOTIFY_SOCKET`.
    ///
    /// # Errors
    ///
    /// If it has no abstract name: [`NotifySocket::from`] was given another descriptor.
    pub fn name(&self) -> io::Result<String> {
        system::name(&self.0)
    }

    /// The next message that is there; `None` if there is none. It does not wait: poll the descriptor for that.
    ///
    /// `service` is the pid of the service, while it runs. [`NotifyMessage::may_tell`] asks for it.
    ///
    /// # Errors
    ///
    /// If the socket cannot be read.
    pub fn receive(&self, service: Option<u32>) -> io::Result<Option<NotifyMessage>> {
        system::receive(&self.0, service)
    }
}

/// A socket that [`NotifySocket::new`] made, maybe in another process.
impl From<OwnedFd> for NotifySocket {
    fn from(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl From<NotifySocket> for OwnedFd {
    fn from(socket: NotifySocket) -> Self {
        socket.0
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A message to a [`NotifySocket`], and what the kernel says of its sender.
#[derive(Clone, PartialEq, Eq)]
pub struct NotifyMessage {
    text: Vec<u8>,
    pid: i32,
    user: u32,
    may_tell: bool,
}

impl NotifyMessage {
    /// Its lines, such as `READY=1`. None if the sender may not tell, or if it is longer than 4096 bytes.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split(|byte| *byte == b'\n')
    }

    /// Whether the sender is a process of root, of this user or of the user of the service; or the service itself, or
    /// a process that it has started.
    #[must_use]
    pub const fn may_tell(&self) -> bool {
        self.may_tell
    }

    /// The pid of the sender; 0 if the kernel does not say.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.pid
    }

    /// The user of the sender, as a number; `u32::MAX` if the kernel does not say.
    #[must_use]
    pub const fn user(&self) -> u32 {
        self.user
    }
}

impl fmt::Debug for NotifyMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.text);
        let mut shown = f.debug_struct("NotifyMessage");
        shown.field("text", &text).field("pid", &self.pid).field("user", &self.user);
        shown.field("may_tell", &self.may_tell).finish()
    }
}

/// No status is longer, in bytes.
const LONGEST_STATUS: usize = 200;

/// What the lines of a message say.
pub(crate) fn said(message: &NotifyMessage) -> impl Iterator<Item = Said> + '_ {
    message.lines().filter_map(|line| {
        let (key, value) = std::str::from_utf8(line).ok()?.split_once('=')?;
        let usec = || value.parse().ok().map(Duration::from_micros);
        Some(match (key, value) {
            ("READY", "1") => Said::Ready,
            ("RELOADING", "1") => Said::Reloading,
            ("STOPPING", "1") => Said::Stopping,
            ("WATCHDOG", "1") => Said::Alive,
            ("WATCHDOG", "trigger") => Said::Unwell,
            ("WATCHDOG_USEC", _) => Said::Watchdog(usec()?),
            ("EXTEND_TIMEOUT_USEC", _) => Said::Extend(usec()?),
            ("STATUS", text) => Said::Status(short(text)),
            _ => return None,
        })
    })
}

/// As much as there is room for, without what a terminal would act on.
fn short(text: &str) -> String {
    let mut short = String::new();
    for letter in text.chars() {
        if short.len() + letter.len_utf8() > LONGEST_STATUS {
            break;
        }
        short.push(if letter.is_control() { ' ' } else { letter });
    }
    short.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_lines_and_those_that_are_not_known_say_nothing() {
        let heard =
            |text: &[u8]| NotifyMessage { text: text.to_vec(), pid: 1, user: 0, may_tell: true };
        let said = |text: &str| said(&heard(text.as_bytes())).collect::<Vec<_>>();
        assert_eq!(
            said("READY=1\nSTATUS=three\u{1b} requests \nMAINPID=7"),
            [Said::Ready, Said::Status("three  requests".into())]
        );
        assert_eq!(said("READY=0\nX\n=\nWATCHDOG_USEC=x\nBARRIER=1\nFDSTORE=1"), []);
        assert_eq!(
            said("WATCHDOG_USEC=20\nEXTEND_TIMEOUT_USEC=30\n"),
            [Said::Watchdog(Duration::from_micros(20)), Said::Extend(Duration::from_micros(30))]
        );
        let Some(Said::Status(long)) = said(&format!("STATUS={}", "ä".repeat(400))).pop() else {
            panic!()
        };
        assert_eq!(long.len(), LONGEST_STATUS);
        let damaged = heard(b"READY=1\n\xff=1");
        assert_eq!(super::said(&damaged).collect::<Vec<_>>(), [Said::Ready]);
    }
}
