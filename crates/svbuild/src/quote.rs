//! Words for their readers, so that each arrives as it is and none can become anything else.
//!
//! | module       | reader                                                          |
//! |--------------|-----------------------------------------------------------------|
//! | [`sh`]       | `/bin/sh`                                                       |
//! | [`execline`] | `execlineb`                                                     |
//! | [`systemd`]  | unit files                                                      |
//! | [`envdir`]   | a file in a directory that `envdir`, `chpst -e`, `s6-envdir` read |
//!
//! Whatever a reader cannot be told is refused. The tests give arbitrary bytes to the real readers.

pub mod envdir;
pub mod execline;
pub mod sh;
pub mod systemd;

/// A word that a reader cannot be told.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unquotable {
    /// No argument, variable or path has one.
    #[error("it has a NUL")]
    Nul,
    /// The reader takes it for the end of the line, with or without quotes.
    #[error("it has a line end")]
    LineEnd,
    /// The reader would cut it off.
    #[error("it ends in a blank")]
    OuterBlank,
    /// The reader would take the next line for a part of it.
    #[error("it ends in a backslash")]
    FinalBackslash,
    /// The reader takes UTF-8 only.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// The reader has no way to write it here.
    #[error("it has a quote, a backslash or a control character")]
    Special,
    /// The reader refuses such a path.
    #[error("it has `..`")]
    DotDot,
    /// The reader wants an absolute path here.
    #[error("it is not an absolute path")]
    NotAbsolute,
    /// The reader cuts values off there.
    #[error("it is longer than 4094 bytes")]
    TooLong,
}

svproto::readable!(Unquotable);
