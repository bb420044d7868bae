//! What can be wrong with a record: its length, or a value that no supervisor writes.

use core::fmt;

use crate::Dialect;

/// Bytes that are no status record of the dialect, or one that nobody can have written.
///
/// `Display` says what; [`DecodeError::hint`] says what to do about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeError {
    /// The record has a length this dialect never writes.
    Length {
        /// The dialect the caller asked for.
        dialect: Dialect,
        /// Bytes handed in.
        found: usize,
    },
    /// The process id is none ([`crate::Pid`]).
    Pid {
        /// The dialect the caller asked for.
        dialect: Dialect,
        /// The number in the record.
        pid: u64,
    },
    /// The stamp is no moment, or one outside the years 1 to 9999, which no clock gives.
    Stamp {
        /// The dialect the caller asked for.
        dialect: Dialect,
        /// The label in the record.
        label: crate::Tai64n,
    },
}

crate::readable!(DecodeError, |it| Some(it.hint()));

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { dialect, found } => {
                let plural = if *found == 1 { "" } else { "s" };
                let expected = dialect.record_lengths();
                write!(f, "{dialect} status record has {found} byte{plural}, expected {expected}")
            }
            Self::Pid { dialect, pid } => {
                write!(f, "{dialect} status record names process {pid}, which cannot exist")
            }
            Self::Stamp { dialect, label } => {
                write!(f, "{dialect} status record has the stamp {label}, which no clock gives")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

impl DecodeError {
    /// One sentence of advice. It names no program: who prints it is not known here.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Length { found: 0, .. } => {
                "the file is empty: the supervisor may be starting, or its disk was full"
            }
            Self::Length { .. } => {
                "another supervisor may own this directory, or the file was damaged"
            }
            Self::Pid { .. } | Self::Stamp { .. } => {
                "the file was damaged; the supervisor rewrites it at its next change"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_length_error_names_what_was_found_and_what_is_known() {
        let error = DecodeError::Length { dialect: Dialect::Runit, found: 1 };
        assert_eq!(error.to_string(), "runit status record has 1 byte, expected 20");
        assert!(error.hint().contains("damaged"));
    }
}
