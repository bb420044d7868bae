//! Whose rules a service obeys.

use std::{fmt, str::FromStr};

use svproto::Dialect;

/// Whose rules a service obeys: a suite of the daemontools family, systemd, or a program's own.
///
/// `Display` and `FromStr` are the words of `svctl --suite` and of its JSON.
///
/// ```
/// use svclient::Suite;
///
/// assert_eq!("runit".parse(), Ok(Suite::Runit));
/// assert_eq!(Suite::S6.to_string(), "s6");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// daemontools.
    Daemontools,
    /// daemontools-encore.
    Encore,
    /// runit.
    Runit,
    /// s6.
    S6,
    /// The supervisor of svdevtree, which keeps runit's files.
    Embedded,
    /// systemd.
    Systemd,
    /// A supervisor of a program's own, by its word for it.
    Own(&'static str),
}

impl Suite {
    /// Every suite but programs' own.
    pub const ALL: &'static [Self] =
        &[Self::Daemontools, Self::Encore, Self::Runit, Self::S6, Self::Embedded, Self::Systemd];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daemontools => Dialect::Daemontools.name(),
            Self::Encore => Dialect::Encore.name(),
            Self::Runit => Dialect::Runit.name(),
            Self::S6 => Dialect::S6.name(),
            Self::Embedded => "embedded",
            Self::Systemd => "systemd",
            Self::Own(name) => name,
        }
    }

    /// Whose bytes its service directories have; `None` where it has none.
    #[must_use]
    pub const fn dialect(self) -> Option<Dialect> {
        match self {
            Self::Daemontools => Some(Dialect::Daemontools),
            Self::Encore => Some(Dialect::Encore),
            Self::Runit | Self::Embedded => Some(Dialect::Runit),
            Self::S6 => Some(Dialect::S6),
            Self::Systemd | Self::Own(_) => None,
        }
    }
}

impl From<Dialect> for Suite {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Daemontools => Self::Daemontools,
            Dialect::Encore => Self::Encore,
            Dialect::Runit => Self::Runit,
            Dialect::S6 => Self::S6,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Suite {
    type Err = svproto::UnknownWord;

    /// A word of [`Suite::ALL`]. The word of a program's own suite is not known here.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named = |suite: &&Self| suite.name() == word;
        Self::ALL.iter().find(named).copied().ok_or(svproto::UnknownWord::new("suite"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_is_read_as_it_is_written() {
        for suite in Suite::ALL {
            assert_eq!(suite.to_string().parse(), Ok(*suite));
            assert!(suite.dialect().is_none_or(|dialect| {
                *suite == Suite::Embedded || Suite::from(dialect) == *suite
            }));
        }
        let error = "upstart".parse::<Suite>().unwrap_err();
        assert_eq!(error.to_string(), "not the word for a suite");
    }
}
