//! What a host prints, as lines: first the version of its `svctl`, then what that prints. Bytes in, lines out.

use serde::Deserialize;

use crate::HostFailure;

/// What the program on a host says of itself before anything else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Version {
    /// The version of its `svctl`.
    pub svctl: String,
    /// Counts the changes of its JSON after which a reader may be wrong.
    pub schema: u32,
}

/// Said in the place of the version where there is no program.
pub(crate) const NO_PROGRAM: &str = "svctl-none";
/// The greeting of a login shell may come first, up to so many bytes.
const GREETING: usize = 64 * 1024;
/// As much as a line may have, and all of it together where it is kept.
pub(crate) const LIMIT: usize = 16 * 1024 * 1024;

/// What a line takes beside its bytes: a flood of empty lines is one all the same.
const A_LINE: usize = 64;

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Version(Version),
    NoProgram,
    Line(String),
}

/// Reads what one host prints.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Up to here there is no end of a line.
    searched: usize,
    has_answered: bool,
    taken: usize,
    /// Whether all of it together has the limit, or each line.
    is_kept: bool,
    /// The last line before the answer, to say what came instead.
    instead: String,
}

impl Lines {
    pub(crate) const fn new(is_kept: bool) -> Self {
        let instead = String::new();
        Self { buffer: Vec::new(), searched: 0, has_answered: false, taken: 0, is_kept, instead }
    }

    pub(crate) const fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// What was said before an answer, or instead of one.
    pub(crate) fn instead(&self) -> &str {
        &self.instead
    }

    /// Takes bytes, and gives the lines that they complete.
    pub(crate) fn hear(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), HostFailure> {
        self.buffer.extend_from_slice(bytes);
        self.taken = self.taken.saturating_add(bytes.len());
        let mut from = 0;
        while let Some(length) = end_of_line(&self.buffer, from.max(self.searched)) {
            let line = self.buffer.get(from..length).unwrap_or_default();
            let line = String::from_utf8_lossy(line).into_owned();
            from = length + 1;
            self.taken = self.taken.saturating_add(A_LINE);
            heard.extend(self.understand(line));
        }
        self.buffer.drain(..from.min(self.buffer.len()));
        self.searched = self.buffer.len();
        let limit = if self.has_answered { LIMIT } else { GREETING };
        let is_bounded = self.is_kept || !self.has_answered;
        let much = if is_bounded { self.taken } else { self.buffer.len() };
        if much > limit {
            if self.has_answered {
                return Err(HostFailure::Flood { limit });
            }
            return Err(HostFailure::Nonsense { said: self.instead.clone() });
        }
        Ok(())
    }

    /// The last line, where it has no end.
    pub(crate) fn rest(&mut self) -> Option<Heard> {
        let rest = std::mem::take(&mut self.buffer);
        self.searched = 0;
        if rest.is_empty() {
            return None;
        }
        self.understand(String::from_utf8_lossy(&rest).into_owned())
    }

    fn understand(&mut self, line: String) -> Option<Heard> {
        if self.has_answered {
            return Some(Heard::Line(line));
        }
        if line == NO_PROGRAM {
            return Some(Heard::NoProgram);
        }
        if line.starts_with("{\"svctl\":") {
            if let Ok(version) = serde_json::from_str(&line) {
                self.has_answered = true;
                self.taken = 0;
                return Some(Heard::Version(version));
            }
        }
        if !line.trim().is_empty() {
            self.instead = line.chars().take(200).collect();
        }
        None
    }
}

fn end_of_line(bytes: &[u8], from: usize) -> Option<usize> {
    let at = bytes.get(from..)?.iter().position(|byte| *byte == b'\n')?;
    Some(from + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VERSION: &str = "{\"svctl\":\"9.0\",\"schema\":2,\"of_later\":[1]}\n";

    fn all(lines: &mut Lines, parts: &[&[u8]]) -> Result<Vec<Heard>, HostFailure> {
        let mut heard = Vec::new();
        for part in parts {
            lines.hear(part, &mut heard)?;
        }
        Ok(heard)
    }

    fn line(text: &str) -> Heard {
        Heard::Line(text.to_owned())
    }

    #[test]
    fn a_greeting_is_passed_over_and_unknown_fields_are_borne() {
        let text = format!("Welcome!\n\n{VERSION}[]\n{VERSION}");
        let heard = all(&mut Lines::new(true), &[text.as_bytes()]).unwrap();
        let version = Version { svctl: "9.0".to_owned(), schema: 2 };
        assert_eq!(heard, [Heard::Version(version), line("[]"), line(VERSION.trim_end())]);
    }

    #[test]
    fn nonsense_is_nonsense_after_so_many_bytes_and_a_flood_a_flood() {
        let mut lines = Lines::new(true);
        let why = all(&mut lines, &[b"hello\n", &vec![b'x'; GREETING]]).unwrap_err();
        assert_eq!((why.kind(), lines.instead()), ("nonsense", "hello"));
        let many = vec![b'\n'; LIMIT / A_LINE];
        let mut kept = Lines::new(true);
        assert_eq!(all(&mut kept, &[VERSION.as_bytes(), &many]).unwrap_err().kind(), "flood");
        // Of a stream each line counts by itself.
        let mut stream = Lines::new(false);
        assert_eq!(
            all(&mut stream, &[VERSION.as_bytes(), &many]).unwrap().len(),
            LIMIT / A_LINE + 1
        );
        let endless = vec![b'x'; LIMIT + 1];
        assert_eq!(all(&mut stream, &[&endless]).unwrap_err().kind(), "flood");
    }

    #[test]
    fn where_there_is_no_program_that_is_heard() {
        assert_eq!(all(&mut Lines::new(true), &[b"svctl-none\n"]).unwrap(), [Heard::NoProgram]);
    }

    proptest! {
        #[test]
        fn the_lines_do_not_depend_on_how_the_bytes_come(
            texts in proptest::collection::vec("[a-z]{0,5}", 0..6),
            cuts in proptest::collection::vec(0_usize..60, 0..6),
        ) {
            let whole = format!("{VERSION}{}\n", texts.join("\n"));
            let at_once = all(&mut Lines::new(true), &[whole.as_bytes()]).unwrap();
            let mut lines = Lines::new(true);
            let mut heard = Vec::new();
            let mut rest = whole.as_bytes();
            for cut in cuts {
                let (part, after) = rest.split_at(cut.min(rest.len()));
                lines.hear(part, &mut heard).unwrap();
                rest = after;
            }
            lines.hear(rest, &mut heard).unwrap();
            prop_assert_eq!(&heard, &at_once);
            prop_assert_eq!(lines.rest(), None);
        }
    }
}
