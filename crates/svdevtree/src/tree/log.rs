//! The engine's log, and the last lines of a log: for those who want to know why something did not work.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// Where logs are below a tree.
pub(super) const LOGS: &str = "logs";

/// What the engine writes to its standard output and error, and services that send theirs nowhere.
pub(super) fn engine_log(base: &Path) -> PathBuf {
    base.join(LOGS).join(".engine")
}

/// So many lines belong to an error.
pub(crate) const LINES: usize = 20;
/// More than this is not read, however long its lines are.
const LONGEST: i64 = 64 << 10;

/// The last lines of a file, without the last line's end; empty if there is none. What is no UTF-8 is
/// replaced.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
        file.seek(SeekFrom::End(-length.min(LONGEST)))?;
        let mut bytes = Vec::new();
        file.take(LONGEST.unsigned_abs()).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut last: Vec<&str> = text.lines().rev().take(lines).collect();
    last.reverse();
    last.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_has_the_last_lines_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines: Vec<_> = (0..20_000).map(|line| format!("line {line}")).collect();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        assert_eq!(tail(file.path(), 2), "line 19998\nline 19999");
        std::fs::write(file.path(), b"only\xff").unwrap();
        assert_eq!(tail(file.path(), 5), "only\u{fffd}");
        assert_eq!(tail(Path::new("/nonexistent"), 5), "");
    }
}
