//! The logger of a service.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Id, Mode, Size, Word, is_default, setters};

/// `log = { … }`.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `dir`: the log directory; `main` in the logger's service directory if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// `max_size`: of a file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Size>,
    /// `max_files`: old files that are kept beside the current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_files: Option<u32>,
    /// `timestamp`: what stands before each line.
    #[serde(skip_serializing_if = "is_default")]
    pub timestamp: Timestamp,
    /// `filter`: patterns with `-` or `+` in front.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<String>,
    /// `processor`: a program that each old file goes through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processor: Vec<Word>,
    /// `user`: whom the logger runs as, and who owns the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Id>,
    /// `group`: its primary group, and the directory's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Id>,
    /// `mode`: of the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

/// `timestamp = "…"`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timestamp {
    /// Nothing.
    #[default]
    None,
    /// An external TAI64N label, as in `@400000006b037e0d1b96475c`.
    Tai64n,
    /// UTC, as in `2026-11-22T23:34:43.13821`; `s6-log` writes a blank for the `T`.
    Iso8601,
}

svproto::words!(Timestamp, "kind of time stamp":
    None "none",
    Tai64n "tai64n",
    Iso8601 "iso8601",
);

impl Log {
    /// A logger as its suite has it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets the log directory.
        dir: impl Into<PathBuf> => |it, path| it.dir = Some(path.into());
        /// Sets the size of a file.
        max_size: Size => |it, size| it.max_size = Some(size);
        /// Sets how many old files are kept.
        max_files: u32 => |it, number| it.max_files = Some(number);
        /// Sets what stands before each line.
        timestamp: Timestamp => |it, stamp| it.timestamp = stamp;
        /// Adds a pattern with `-` or `+` in front.
        filter: impl Into<String> => |it, pattern| it.filter.push(pattern.into());
        /// Sets whom it runs as.
        user: impl Into<Id> => |it, id| it.user = Some(id.into());
        /// Sets its primary group.
        group: impl Into<Id> => |it, id| it.group = Some(id.into());
        /// Sets the mode of the directory.
        mode: u16 => |it, bits| it.mode = Some(Mode(bits));
    }

    /// Sets the program that each old file goes through.
    #[must_use]
    pub fn processor<W: Into<Word>>(mut self, argv: impl IntoIterator<Item = W>) -> Self {
        self.processor = argv.into_iter().map(Into::into).collect();
        self
    }
}
