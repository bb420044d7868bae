//! A status record of any dialect: one type for programs that meet all of them.

use core::fmt;

use crate::{
    DecodeError, Dialect, Facts, Pid, Tai64n, UnixTime,
    daemontools::DaemontoolsRecord,
    encore::{EncorePairRecord, EncoreRecord},
    runit::RunitRecord,
    s6::S6Record,
};

/// A status record, whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// 18 bytes of daemontools.
    Daemontools(DaemontoolsRecord),
    /// 20 bytes of daemontools-encore.
    Encore(EncoreRecord),
    /// 40 bytes of daemontools-encore, with a logger.
    EncorePair(EncorePairRecord),
    /// 20 bytes of runit.
    Runit(RunitRecord),
    /// s6, any layout.
    S6(S6Record),
}

impl Record {
    /// The longest record of any dialect. Whoever reads a file asks for one byte more, to notice a
    /// longer one.
    pub const MAX_LEN: usize = 43;

    /// Whether somebody writes records of so many bytes. A file of another length holds none.
    #[must_use]
    pub const fn is_len(len: usize) -> bool {
        matches!(len, 18 | 20 | 26 | 35 | 40 | 43)
    }

    /// Takes bytes as a record of `dialect`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Length`] for a length that `dialect` never writes. Any bytes of a right
    /// length are a record.
    // Taken apart into its callers, the bytes are stored in pieces and loaded again in others,
    // which the processor waits for: 14 ns for a status instead of 10.
    /// ```
    /// use svproto::{Dialect, Record, State};
    ///
    /// let bytes = *b"\x40\0\0\0\x6b\x03\x7e\x0d\x1b\x96\x47\x5c\xa7\x58\0\0\0u\0\x01";
    /// let record = Record::from_bytes(Dialect::Runit, &bytes)?;
    /// assert_eq!(record.facts().state(), State::Up);
    /// assert_eq!(record.as_bytes(), bytes);
    /// // s6 writes no record of 20 bytes.
    /// assert!(Record::from_bytes(Dialect::S6, &bytes).is_err());
    /// # Ok::<(), svproto::DecodeError>(())
    /// ```
    #[inline(never)]
    pub fn from_bytes(dialect: Dialect, bytes: &[u8]) -> Result<Self, DecodeError> {
        match dialect {
            Dialect::Daemontools => {
                if let Ok(&bytes) = <&[u8; DaemontoolsRecord::LEN]>::try_from(bytes) {
                    return Ok(Self::Daemontools(DaemontoolsRecord::from_bytes(bytes)));
                }
            }
            Dialect::Encore => {
                if let Ok(&bytes) = <&[u8; EncoreRecord::LEN]>::try_from(bytes) {
                    return Ok(Self::Encore(EncoreRecord::from_bytes(bytes)));
                }
                if let Ok(&bytes) = <&[u8; EncorePairRecord::LEN]>::try_from(bytes) {
                    return Ok(Self::EncorePair(EncorePairRecord::from_bytes(bytes)));
                }
            }
            Dialect::Runit => {
                if let Ok(&bytes) = <&[u8; RunitRecord::LEN]>::try_from(bytes) {
                    return Ok(Self::Runit(RunitRecord::from_bytes(bytes)));
                }
            }
            Dialect::S6 => return S6Record::from_bytes(bytes).map(Self::S6),
        }
        Err(DecodeError::Length { dialect, found: bytes.len() })
    }

    /// Takes bytes as a record of whoever most probably wrote them, when nothing else is known.
    ///
    /// Length decides, but for 18 bytes, which are taken for daemontools' and not for s6 2.0's, and
    /// for 20, which are runit's where byte 19 says that something runs, encore's where byte 18 has
    /// a value that only encore knows, and else taken for encore's if they name a process and for
    /// runit's if not. [`Record::other_writer`] says where that is a guess.
    ///
    /// ```
    /// use svproto::{Dialect, Record};
    ///
    /// let bytes = *b"\x40\0\0\0\x6b\x03\x7e\x0d\x1b\x96\x47\x5c\xa7\x58\0\0\0u\0\x01";
    /// assert_eq!(Record::guess(&bytes)?.dialect(), Dialect::Runit);
    /// assert!(Record::guess(b"none of them").is_err());
    /// # Ok::<(), svproto::record::UnknownLength>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnknownLength`] for a length that nobody writes.
    pub fn guess(bytes: &[u8]) -> Result<Self, UnknownLength> {
        let dialect = match bytes.len() {
            DaemontoolsRecord::LEN => Dialect::Daemontools,
            EncoreRecord::LEN => {
                let [.., stage, spare] = bytes else { return Err(UnknownLength(bytes.len())) };
                let runit = Self::from_bytes(Dialect::Runit, bytes).map(|record| record.raw_pid());
                let has_process = !matches!(runit, Ok(0));
                // runit's byte 18 is 0 or 1, and 0 without a process.
                let encore = *spare == 0 && (has_process || *stage > 1);
                if encore { Dialect::Encore } else { Dialect::Runit }
            }
            EncorePairRecord::LEN => Dialect::Encore,
            _ => Dialect::S6,
        };
        Self::from_bytes(dialect, bytes).map_err(|_| UnknownLength(bytes.len()))
    }

    /// Who else may have written the same bytes: runit and encore share a length and, of a service
    /// that is down or is held to be, the bytes.
    #[must_use]
    pub const fn other_writer(&self) -> Option<Dialect> {
        let (other, bytes) = match self {
            Self::Runit(record) => (Dialect::Encore, record.as_bytes()),
            Self::Encore(record) => (Dialect::Runit, record.as_bytes()),
            Self::Daemontools(_) | Self::EncorePair(_) | Self::S6(_) => return None,
        };
        match bytes {
            [.., 0 | 1, 0] => Some(other),
            _ => None,
        }
    }

    /// The bytes as they are on disk.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Daemontools(record) => record.as_bytes(),
            Self::Encore(record) => record.as_bytes(),
            Self::EncorePair(record) => record.as_bytes(),
            Self::Runit(record) => record.as_bytes(),
            Self::S6(record) => record.as_bytes(),
        }
    }

    /// Who wrote it.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Daemontools(_) => Dialect::Daemontools,
            Self::Encore(_) | Self::EncorePair(_) => Dialect::Encore,
            Self::Runit(_) => Dialect::Runit,
            Self::S6(_) => Dialect::S6,
        }
    }

    /// The layout, in words: program and versions.
    #[must_use]
    pub const fn layout(&self) -> &'static str {
        match self {
            Self::Daemontools(_) => "daemontools 0.76",
            Self::Encore(_) => "daemontools-encore 1",
            Self::EncorePair(_) => "daemontools-encore 1, with a log service",
            Self::Runit(_) => "runit 2",
            Self::S6(record) => record.layout(),
        }
    }

    /// The record in the terms shared by all dialects; that of the service itself where the record
    /// holds its logger too.
    #[inline]
    #[must_use]
    pub const fn facts(&self) -> Facts {
        match self {
            Self::Daemontools(record) => record.facts(),
            Self::Encore(record) => record.facts(),
            Self::EncorePair(record) => record.main().facts(),
            Self::Runit(record) => record.facts(),
            Self::S6(record) => record.facts(),
        }
    }

    /// The logger's status, in the one dialect whose record holds it.
    #[must_use]
    pub const fn log_facts(&self) -> Option<Facts> {
        match self {
            Self::EncorePair(record) => Some(record.log().facts()),
            Self::Daemontools(_) | Self::Encore(_) | Self::Runit(_) | Self::S6(_) => None,
        }
    }

    /// The label of the last change, as written.
    #[must_use]
    pub const fn since(&self) -> Tai64n {
        match self {
            Self::Daemontools(record) => record.since(),
            Self::Encore(record) => record.since(),
            Self::EncorePair(record) => record.main().since(),
            Self::Runit(record) => record.since(),
            Self::S6(record) => record.since(),
        }
    }

    /// The number in the pid field, as written; 0 for none.
    #[must_use]
    pub const fn raw_pid(&self) -> u64 {
        match self {
            Self::Daemontools(record) => record.raw_pid() as u64,
            Self::Encore(record) => record.raw_pid() as u64,
            Self::EncorePair(record) => record.main().raw_pid() as u64,
            Self::Runit(record) => record.raw_pid() as u64,
            Self::S6(record) => record.raw_pid(),
        }
    }

    /// Whether a supervisor can have written this: a pid that exists, a stamp that a clock gives.
    ///
    /// A reader of files asks before it believes; [`Record::facts`] itself never fails.
    ///
    /// ```
    /// use svproto::{Dialect, Record};
    ///
    /// let zeros = Record::from_bytes(Dialect::Runit, &[0; 20])?;
    /// assert!(zeros.check().is_err(), "no supervisor writes this");
    /// # Ok::<(), svproto::DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DecodeError::Pid`] or [`DecodeError::Stamp`].
    pub const fn check(&self) -> Result<(), DecodeError> {
        let dialect = self.dialect();
        let pid = self.raw_pid();
        if pid != 0 && Pid::new(pid).is_none() {
            return Err(DecodeError::Pid { dialect, pid });
        }
        match self.facts().since {
            Some(since) if is_a_date(since) => Ok(()),
            _ => Err(DecodeError::Stamp { dialect, label: self.since() }),
        }
    }
}

/// A number of bytes that is the length of no status record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnknownLength(pub usize);

crate::readable!(UnknownLength);

impl fmt::Display for UnknownLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { " is" } else { "s are" };
        write!(
            f,
            "{} byte{plural} no status record; known lengths are 18 (daemontools, s6 2.0), \
             20 (runit, encore), 26 (s6 2.1), 35 (s6), 40 (encore with a log service), \
             43 (s6 2.13)",
            self.0
        )
    }
}

impl core::error::Error for UnknownLength {}

/// Whether a moment lies in the years 1 to 9999.
const fn is_a_date(time: UnixTime) -> bool {
    const FIRST: i64 = -62_135_596_800; // 0001-01-01 00:00:00 UTC
    const LAST: i64 = 253_402_300_799; // 9999-12-31 23:59:59 UTC
    FIRST <= time.secs() && time.secs() <= LAST
}

#[cfg(test)]
mod tests;
