//! Readiness beside a record that has no room for it: the file `supervise/ready`.
//!
//! The embedded supervisor of `svdevtree` keeps it beside runit's record for a service that says when
//! it is ready, in one line: `awaited PID`, or `ready PID @LABEL` with the label of becoming ready on
//! [`Scale::Fixed`]. It is replaced by rename. It says something only of the process that the record
//! names.
//!
//! Such a supervisor marks the FIFO `supervise/ok`: it was last modified at [`MARK`]. Who looks opens
//! and asks that one anyway, and so looks for no file under runsv, which keeps none: a system call
//! less, 7 % of an `svctl status` of 5,000 services.

use core::fmt;

use crate::{Facts, Pid, Readiness, Scale, Tai64n, stamp};

/// When `supervise/ok` was last modified, in seconds of Unix time, where the file may be there.
pub const MARK: i64 = 0;

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The process.
    pub pid: Pid,
    /// When it said that it is ready; `None` while that is awaited.
    pub since: Option<Tai64n>,
}

impl Ready {
    /// No file is longer, in bytes.
    pub const MAX_LEN: usize = 48;

    /// Reads the file; `None` for anything else.
    #[must_use]
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let line = text.strip_suffix(b"\n")?;
        if let Some(pid) = line.strip_prefix(b"awaited ") {
            return Some(Self { pid: number(pid)?, since: None });
        }
        let rest = line.strip_prefix(b"ready ")?;
        let end = rest.iter().position(|byte| *byte == b' ')?;
        let (pid, label) = rest.split_at_checked(end)?;
        let since = stamp::label(label.strip_prefix(b" ")?)?;
        Some(Self { pid: number(pid)?, since: Some(since) })
    }

    /// What it says of the readiness of a status; `None` if that is of another process.
    #[must_use]
    pub fn of(&self, status: &Facts) -> Option<Readiness> {
        if status.pid != Some(self.pid) {
            return None;
        }
        Some(match self.since {
            Some(label) => Readiness::Ready { since: label.unix(Scale::Fixed) },
            None => Readiness::Awaited,
        })
    }
}

/// The file, with its line end.
impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.since {
            Some(since) => writeln!(f, "ready {} {since}", self.pid),
            None => writeln!(f, "awaited {}", self.pid),
        }
    }
}

fn number(digits: &[u8]) -> Option<Pid> {
    let mut number = 0_u64;
    for byte in digits {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    Pid::new(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnixTime;

    #[test]
    fn what_is_written_is_read() {
        let pid = Pid::new(4711).unwrap();
        let time = UnixTime::new(1_795_390_979, 462_833_500).unwrap();
        for since in [None, Tai64n::from_unix(time, Scale::Fixed)] {
            let ready = Ready { pid, since };
            let text = std::format!("{ready}");
            assert!(text.len() <= Ready::MAX_LEN);
            assert_eq!(Ready::from_bytes(text.as_bytes()), Some(ready), "{text}");
        }
    }

    #[test]
    fn what_nobody_writes_says_nothing() {
        for text in [
            &b""[..],
            b"ready",
            b"awaited 4711",
            b"awaited 0\n",
            b"awaited -1\n",
            b"awaited 99999999999999999999999\n",
            b"ready 4711\n",
            b"ready 4711 @400000006b037e0d1b96475\n",
            b"ready 4711  @400000006b037e0d1b96475c\n",
            b"READY 4711 @400000006b037e0d1b96475c\n",
        ] {
            assert_eq!(Ready::from_bytes(text), None);
        }
    }
}
