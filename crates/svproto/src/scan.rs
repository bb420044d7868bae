//! What can be asked of `s6-svscan`: the alphabet of `.s6-svscan/control` in a scan directory.
//!
//! It shares letters with `s6-supervise` and means other things by them. `runsvdir` and `svscan`
//! have no such FIFO; they look at the scan directory every five seconds.
//!
//! Source: `s6-svscan.c` 2.11.3 and 2.15.1; observed on 2.11.3, 2.13.1 and 2.15.1, which ignore all
//! other bytes with a warning.

/// Where the scanner listens, relative to the scan directory.
pub const CONTROL: &str = ".s6-svscan/control";

/// A request to `s6-svscan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScanOp {
    /// Look for new and vanished entries now.
    Rescan,
    /// Stop the supervisors of vanished entries: SIGTERM to services, SIGHUP to loggers.
    Prune,
    /// As [`ScanOp::Prune`], with SIGTERM to loggers too.
    PruneAll,
    /// [`ScanOp::Rescan`] and [`ScanOp::Prune`].
    RescanAndPrune,
    /// Stop everything, then end.
    Terminate,
    /// As [`ScanOp::Terminate`], under its second letter.
    Interrupt,
    /// As [`ScanOp::Terminate`], with SIGTERM to loggers too.
    Quit,
    /// End at once and leave the supervisors running.
    Abort,
    /// Reap children.
    Reap,
}

impl ScanOp {
    /// Every request with its byte.
    pub const ALL: [(Self, u8); 9] = [
        (Self::Rescan, b'a'),
        (Self::Prune, b'n'),
        (Self::PruneAll, b'N'),
        (Self::RescanAndPrune, b'h'),
        (Self::Terminate, b't'),
        (Self::Interrupt, b'i'),
        (Self::Quit, b'q'),
        (Self::Abort, b'b'),
        (Self::Reap, b'z'),
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rescan => "rescan",
            Self::Prune => "prune",
            Self::PruneAll => "prune-all",
            Self::RescanAndPrune => "rescan-and-prune",
            Self::Terminate => "terminate",
            Self::Interrupt => "interrupt",
            Self::Quit => "quit",
            Self::Abort => "abort",
            Self::Reap => "reap",
        }
    }

    /// The byte that asks for it.
    ///
    /// ```
    /// use svproto::scan::ScanOp;
    ///
    /// assert!(ScanOp::ALL.into_iter().all(|(op, byte)| op.byte() == byte));
    /// assert_eq!(ScanOp::from_byte(0), None);
    /// ```
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Rescan => b'a',
            Self::Prune => b'n',
            Self::PruneAll => b'N',
            Self::RescanAndPrune => b'h',
            Self::Terminate => b't',
            Self::Interrupt => b'i',
            Self::Quit => b'q',
            Self::Abort => b'b',
            Self::Reap => b'z',
        }
    }

    /// The request that a byte makes; `None` for bytes that `s6-svscan` ignores.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, letter)| *letter == byte).map(|(op, _)| *op)
    }
}

impl core::fmt::Display for ScanOp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}

impl core::str::FromStr for ScanOp {
    type Err = crate::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().map(|(op, _)| op).find(|op| op.name() == word);
        named.ok_or(crate::UnknownWord::new("request to a scanner"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_requests_are_one_to_one() {
        let known: std::vec::Vec<_> = (0..=u8::MAX).filter_map(ScanOp::from_byte).collect();
        assert_eq!(known.len(), ScanOp::ALL.len());
        for (op, byte) in ScanOp::ALL {
            assert_eq!((op.byte(), ScanOp::from_byte(byte)), (byte, Some(op)));
        }
    }
}
