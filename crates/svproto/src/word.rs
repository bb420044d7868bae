//! Words that people and programs write, read back.

use core::fmt;

/// A word that is none of those that a value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnknownWord {
    kind: &'static str,
}

impl UnknownWord {
    /// Not the word for such a thing: `"state"`.
    #[must_use]
    pub const fn new(kind: &'static str) -> Self {
        Self { kind }
    }

    /// What it was to be the word for.
    ///
    /// ```
    /// use svproto::Op;
    ///
    /// assert_eq!("reboot".parse::<Op>().unwrap_err().kind(), "request");
    /// ```
    #[must_use]
    pub const fn kind(self) -> &'static str {
        self.kind
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the word for a {}", self.kind)
    }
}

impl core::error::Error for UnknownWord {}
