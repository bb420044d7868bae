//! What a file is, in words for messages.

use rustix::fs::FileType;

/// What a file is, by the mode that `stat(2)` gives: its type with an article.
///
/// ```
/// assert_eq!(svtrust::file_type(0o100_644_u32), "a regular file");
/// assert_eq!(svtrust::file_type(0o040_755_u32), "a directory");
/// ```
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "modes have 16 bits where the type has them")]
pub fn file_type(mode: impl Into<u32>) -> &'static str {
    match FileType::from_raw_mode(mode.into() as _) {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "something else",
    }
}
