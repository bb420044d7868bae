//! What is allowed: by comments in a file, and by files named `.svlint`.

use std::path::{Path, PathBuf};

use crate::{finding::Location, source::Source};

/// What a comment begins with, behind `#`.
const WORD: &str = "svlint: allow";

/// Codes that a text allows, and where.
#[derive(Debug)]
pub(crate) struct Comment {
    path: PathBuf,
    codes: Vec<String>,
    /// The line of the comment; `None` for the whole file.
    line: Option<u32>,
    /// Where each code stands in the text.
    pub(crate) at: Vec<(String, std::ops::Range<usize>)>,
}

impl Comment {
    pub(crate) fn allows(&self, code: &str, location: &Location) -> bool {
        let is_here = match (self.line, &location.span) {
            (None, _) => true,
            // Its own line, or the one below it.
            (Some(line), Some(part)) => part.line == line || part.line == line + 1,
            (Some(_), None) => false,
        };
        is_here && location.path == self.path && self.codes.iter().any(|it| it == code)
    }
}

/// The comments of a text. One before its first line that is no comment holds for all of it.
pub(crate) fn comments(source: &Source) -> Vec<Comment> {
    let mut found = Vec::new();
    let mut is_head = true;
    for (number, (from, line)) in (1..).zip(source.lines()) {
        let is_comment = line.trim_start().starts_with(['#', ';']);
        is_head &= is_comment || line.trim().is_empty();
        let Some((before, behind)) = line.split_once(WORD) else { continue };
        if !before.trim_end().ends_with(['#', ';']) {
            continue;
        }
        let at = codes(behind, from + before.len() + WORD.len());
        found.push(Comment {
            path: source.path.clone(),
            codes: at.iter().map(|it| it.0.clone()).collect(),
            line: (!is_head).then_some(number),
            at,
        });
    }
    found
}

/// Words with commas or blanks between them.
fn codes(text: &str, from: usize) -> Vec<(String, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = from;
    for word in text.split_inclusive([',', ' ', '\t']) {
        let code = word.trim_matches([',', ' ', '\t', ':']);
        if !code.is_empty() {
            let start = at + word.find(code).unwrap_or_default();
            found.push((code.to_owned(), start..start + code.len()));
        }
        at += word.len();
    }
    found
}

/// A file `.svlint`: lines of a code, and a path below the file's directory where it is not for all of it.
#[derive(Debug)]
pub(crate) struct File {
    dir: PathBuf,
    lines: Vec<(String, Option<PathBuf>)>,
}

impl File {
    pub(crate) const NAME: &'static str = ".svlint";

    pub(crate) fn read(
        dir: &Path,
        source: &Source,
    ) -> (Self, Vec<(String, std::ops::Range<usize>)>) {
        let (mut lines, mut at) = (Vec::new(), Vec::new());
        for (from, line) in source.lines() {
            let text = line.split('#').next().unwrap_or_default();
            let mut words = text.split_whitespace();
            let Some(code) = words.next() else { continue };
            lines.push((code.to_owned(), words.next().map(|it| dir.join(it))));
            let start = from + line.find(code).unwrap_or_default();
            at.push((code.to_owned(), start..start + code.len()));
        }
        (Self { dir: dir.to_owned(), lines }, at)
    }

    pub(crate) fn allows(&self, code: &str, location: &Location) -> bool {
        self.lines.iter().any(|(allowed, path)| {
            allowed == code && location.path.starts_with(path.as_ref().unwrap_or(&self.dir))
        })
    }
}
