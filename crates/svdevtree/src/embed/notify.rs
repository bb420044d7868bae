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

use std::time::Duration;

pub(crate) use self::system::NotifySocket;

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

/// A process that may not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stranger {
    pub(crate) pid: i32,
    pub(crate) user: u32,
}

/// No status is longer, in bytes.
const LONGEST_STATUS: usize = 200;

/// The lines of a message.
pub(crate) fn lines(message: &[u8]) -> impl Iterator<Item = Said> + '_ {
    message.split(|byte| *byte == b'\n').filter_map(|line| {
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
        let said = |text: &str| lines(text.as_bytes()).collect::<Vec<_>>();
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
        assert_eq!(lines(b"READY=1\n\xff=1").collect::<Vec<_>>(), [Said::Ready]);
    }
}
