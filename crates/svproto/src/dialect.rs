//! Who wrote the bytes: the dialects, and how a service directory gives its own away.
//!
//! | evidence                        | runit | daemontools | encore | s6 |
//! |---------------------------------|-------|-------------|--------|----|
//! | `supervise/stat`                | yes   | no          | no     | no |
//! | `supervise/ok`                  | yes   | yes         | yes    | no |
//! | `supervise/death_tally`         | no    | no          | no     | since 2.7.1 |
//! | `event/`                        | no    | no          | no     | yes |
//! | length of `supervise/status`    | 20    | 18          | 20, 40 with a logger | 35, 43 (2.13.0 to 2.13.2); 18, 26 before 2.2 |
//!
//! Source: observed on runit 2.1.2, 2.2.0, 2.3.1; daemontools 0.76; s6 2.11.3, 2.13.1, 2.15.1;
//! `supervise.c` of daemontools-encore 1.11.

use core::{fmt, str::FromStr};

/// One member of the daemontools family.
///
/// Closed on purpose: a dialect is a published program, and every place that must take a side
/// matches on it without a wildcard. Supervisors that do not speak this protocol have no place
/// here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Dialect {
    /// `supervise` of daemontools 0.76.
    Daemontools,
    /// `supervise` of daemontools-encore.
    Encore,
    /// `runsv` of runit 2.
    Runit,
    /// `s6-supervise` of s6.
    S6,
}

impl Dialect {
    /// Every dialect, in the column order of [`crate::op::TABLE`].
    pub const ALL: [Self; 4] = [Self::Daemontools, Self::Encore, Self::Runit, Self::S6];

    /// The short name that options, messages and JSON use.
    ///
    /// ```
    /// use svproto::Dialect;
    ///
    /// assert_eq!("s6".parse(), Ok(Dialect::S6));
    /// assert_eq!(Dialect::Encore.to_string(), Dialect::Encore.name());
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daemontools => "daemontools",
            Self::Encore => "encore",
            Self::Runit => "runit",
            Self::S6 => "s6",
        }
    }

    /// The program that supervises one service.
    #[must_use]
    pub const fn supervisor(self) -> &'static str {
        match self {
            Self::Daemontools | Self::Encore => "supervise",
            Self::Runit => "runsv",
            Self::S6 => "s6-supervise",
        }
    }

    /// The lengths of a status record of this dialect, in words for a message.
    #[must_use]
    pub const fn record_lengths(self) -> &'static str {
        match self {
            Self::Daemontools => "18",
            Self::Encore => "20, or 40 with a log service",
            Self::Runit => "20",
            Self::S6 => "35, or 43 (s6 2.13.0 to 2.13.2), 26 (s6 2.1), 18 (s6 2.0)",
        }
    }
}

impl Dialect {
    /// The only dialect that writes such a record, where its bytes alone tell.
    ///
    /// runit's last byte says what runs, and is 0 while nothing does; that of encore's 20 bytes is
    /// always 0, and the one before it, which is 0 or 1 of runit, is more than that of a service
    /// that was started (`supervise.c` of daemontools-encore 1.11). So this knows services that
    /// run, and leaves all else to [`Evidence`].
    ///
    /// ```
    /// use svproto::Dialect;
    ///
    /// let mut record = [0; 20];
    /// record[19] = 1;
    /// assert_eq!(Dialect::of_record(&record), Some(Dialect::Runit));
    /// assert_eq!(Dialect::of_record(&[0; 18]), None, "daemontools and s6 2.0 share it");
    /// ```
    #[must_use]
    pub const fn of_record(record: &[u8]) -> Option<Self> {
        match record {
            [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, 1 | 2] => Some(Self::Runit),
            [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, 2..=5, 0] => Some(Self::Encore),
            _ => None,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no dialect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UnknownDialect;

crate::readable!(UnknownDialect);

impl fmt::Display for UnknownDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a dialect; known are daemontools, encore, runit and s6")
    }
}

impl core::error::Error for UnknownDialect {}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    /// Takes [`Dialect::name`], and `daemontools-encore` as encore calls itself.
    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        match name {
            "daemontools" => Ok(Self::Daemontools),
            "encore" | "daemontools-encore" => Ok(Self::Encore),
            "runit" => Ok(Self::Runit),
            "s6" => Ok(Self::S6),
            _ => Err(UnknownDialect),
        }
    }
}

/// What a service directory looks like from outside; collected by `svclient`, judged here.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent observations, all combinations occur"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// `supervise/ok` exists (all but s6).
    pub ok: bool,
    /// `supervise/stat` exists (runit only).
    pub stat: bool,
    /// `supervise/death_tally` exists (s6 only).
    pub death_tally: bool,
    /// `event/` exists beside `supervise/` (s6 only).
    pub event: bool,
    /// Length of `supervise/status` in bytes; `None` when there is no such file.
    pub status_len: Option<u64>,
}

impl Evidence {
    /// The one dialect that leaves this evidence, or `None` rather than a guess.
    ///
    /// Files of two suites may lie side by side where somebody switched. The record belongs to
    /// whoever ran last, so its length speaks first, and the files beside it only where a length is
    /// shared or says nothing (absent, empty, cut short).
    ///
    /// `None` may also mean "not yet": a starting `runsv` writes `status` before it makes `ok`.
    ///
    /// ```
    /// use svproto::{Dialect, Evidence};
    ///
    /// let seen = Evidence { ok: true, status_len: Some(18), ..Evidence::default() };
    /// assert_eq!(seen.dialect(), Some(Dialect::Daemontools));
    /// ```
    #[must_use]
    pub const fn dialect(self) -> Option<Dialect> {
        let s6 = self.event || self.death_tally;
        match self.status_len {
            // s6 never ran where there is no trace of it beside a record of its length: that is
            // another's record, damaged.
            Some(35 | 43) if s6 || !(self.ok || self.stat) => Some(Dialect::S6),
            Some(26) if s6 => Some(Dialect::S6),
            Some(18) if self.event && !self.ok => Some(Dialect::S6),
            // A starting `supervise` writes its record before it makes `ok`.
            Some(18) => Some(Dialect::Daemontools),
            Some(40) if self.ok => Some(Dialect::Encore),
            Some(20) if self.stat => Some(Dialect::Runit),
            Some(20) if self.ok => Some(Dialect::Encore),
            // No record, or one of no known length: only what a single suite leaves counts.
            // `ok` alone could be daemontools' or encore's.
            _ => match (self.stat, s6) {
                (true, false) => Some(Dialect::Runit),
                (false, true) if !self.ok => Some(Dialect::S6),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests;
