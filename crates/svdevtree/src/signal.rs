//! Signals by name and number.

use std::{fmt, str::FromStr};

use nix::sys::signal;

/// A signal that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(pub(crate) signal::Signal);

impl Signal {
    /// Ends a process that does not object.
    pub const TERM: Self = Self(signal::Signal::SIGTERM);
    /// As from the keyboard.
    pub const INT: Self = Self(signal::Signal::SIGINT);
    /// The terminal went away; to many programs: read the configuration again.
    pub const HUP: Self = Self(signal::Signal::SIGHUP);
    /// Ends a process, with a core.
    pub const QUIT: Self = Self(signal::Signal::SIGQUIT);
    /// Ends any process.
    pub const KILL: Self = Self(signal::Signal::SIGKILL);

    /// The signal of this number; `None` for real-time signals and what is no signal.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        signal::Signal::try_from(number).ok().map(Self)
    }

    /// Its number on this system.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0 as i32
    }
}

/// `15`, `TERM`, `sigterm` and `SIGTERM` are the same, as in s6's `down-signal`.
///
/// ```
/// use svdevtree::Signal;
///
/// assert_eq!("SIGTERM".parse(), Ok(Signal::TERM));
/// assert_eq!(Signal::HUP.to_string(), "SIGHUP");
/// ```
impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let unknown = || UnknownSignal(text.to_owned());
        if let Ok(number) = text.parse() {
            return Self::from_number(number).ok_or_else(unknown);
        }
        let upper = text.to_ascii_uppercase();
        let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
        name.parse().map(Self).map_err(|_| unknown())
    }
}

/// The name, as in `SIGTERM`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str())
    }
}

/// Not the name or the number of a signal.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no signal")]
pub struct UnknownSignal(String);

svproto::readable!(UnknownSignal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_read_in_all_the_ways_of_s6() {
        for text in ["15", "TERM", "sigterm", "SIGTERM", "Term"] {
            assert_eq!(text.parse(), Ok(Signal::TERM), "{text}");
        }
        for text in ["", "0", "-1", "99", "SIG", "SIGSIGTERM", "TERM "] {
            assert!(text.parse::<Signal>().is_err(), "{text:?}");
        }
        assert_eq!(Signal::TERM.to_string(), "SIGTERM");
    }
}
