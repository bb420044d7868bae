//! What was found, where, and what can be done about it.

use std::{fmt, ops::Range, path::PathBuf, sync::Arc};

use svproto::cause::Severity;

use crate::Rule;

/// Where something was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The file or directory.
    pub path: PathBuf,
    /// The part of it, where it is a part.
    pub span: Option<Span>,
}

/// A part of a line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// The line, counted from 1.
    pub line: u32,
    /// The first character, counted from 1.
    pub column: u32,
    /// The character behind it, counted from 1.
    pub end_column: u32,
    /// Its bytes in the file.
    pub bytes: Range<usize>,
    /// The line itself, without its end; `None` where it may not be shown: a link of somebody else led
    /// to it.
    pub text: Option<String>,
    /// Its bytes in that line.
    pub in_text: Range<usize>,
}

/// Something that a rule found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad it is here.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub location: Location,
    /// What to do, in words.
    pub help: String,
    /// What `--fix` would do, where that is safe.
    pub fix: Option<Fix>,
}

impl Finding {
    pub(crate) fn new(rule: &'static Rule, location: Location, message: impl Into<String>) -> Self {
        let help = rule.fix.to_owned();
        let severity = rule.severity;
        Self { rule, severity, message: message.into(), location, help, fix: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    pub(crate) fn severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    pub(crate) fn fix(self, fix: impl Into<Option<Fix>>) -> Self {
        Self { fix: fix.into(), ..self }
    }
}

/// `run:1: lines end with a carriage return (line-ends)`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location.path.display())?;
        if let Some(part) = &self.location.span {
            write!(f, ":{}", part.line)?;
        }
        write!(f, ": {} ({})", self.message, self.rule)
    }
}

/// A change that is safe: it cannot make worse what is there, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fix {
    /// Bytes of the file are replaced; in order, and none twice.
    Bytes {
        /// Each place, and what is there then.
        edits: Vec<Edit>,
        /// What the file was.
        seen: FileBytes,
    },
    /// Permission bits are set and cleared.
    Mode {
        /// These are set.
        set: u32,
        /// These are cleared.
        clear: u32,
    },
}

/// A file's bytes as a linter has seen them: they are changed only as long as they are these.
#[derive(Clone, PartialEq, Eq)]
pub struct FileBytes(pub(crate) Arc<[u8]>);

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileBytes({} bytes)", self.0.len())
    }
}

/// Bytes of a file, and what takes their place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edit {
    /// Where.
    pub bytes: Range<usize>,
    /// What is there then.
    pub with: Vec<u8>,
}

/// What could not be looked at, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unseen {
    /// What.
    pub path: PathBuf,
    /// The system's word.
    pub why: String,
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot look at {}: {}", self.path.display(), self.why)
    }
}
