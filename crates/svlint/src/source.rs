//! A text that was read, and places in it.

use std::{ops::Range, path::PathBuf};

use crate::finding::{Edit, FileBytes, Fix, Location, Span};

/// A file's text. Each byte of the file is one byte of it, so that places are places of the file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
    /// What is in it may be printed.
    pub(crate) is_shown: bool,
}

impl Source {
    pub(crate) fn new(path: PathBuf, bytes: Vec<u8>, is_shown: bool) -> Self {
        // What is no UTF-8 is no word of any rule; its place is kept.
        let text = String::from_utf8(bytes.clone()).unwrap_or_else(|_| {
            bytes.iter().map(|it| if it.is_ascii() { char::from(*it) } else { '?' }).collect()
        });
        Self { path, bytes, text, is_shown }
    }

    /// Lines with the place of their first byte, without their ends.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut at = 0;
        self.text.split_inclusive('\n').map(move |line| {
            let from = at;
            at += line.len();
            (from, line.strip_suffix('\n').unwrap_or(line))
        })
    }

    pub(crate) fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// A range of bytes, as far as its first line has it.
    pub(crate) fn at(&self, bytes: Range<usize>) -> Location {
        let start =
            self.text.get(..bytes.start).map_or(0, |it| it.rfind('\n').map_or(0, |at| at + 1));
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let number = self.text.get(..start).map_or(0, |it| it.matches('\n').count()) + 1;
        let from = bytes.start.saturating_sub(start).min(line.len());
        let to = bytes.end.saturating_sub(start).clamp(from, line.len());
        let column = |to: usize| {
            let count = line.get(..to).map_or(0, |it| it.chars().count()) + 1;
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let span = Span {
            line: u32::try_from(number).unwrap_or(u32::MAX),
            column: column(from),
            end_column: column(to),
            bytes,
            text: self.is_shown.then(|| line.to_owned()),
            in_text: from..to,
        };
        Location { path: self.path.clone(), span: Some(span) }
    }

    /// A change of its bytes.
    pub(crate) fn change(&self, edits: Vec<Edit>) -> Fix {
        Fix::Bytes { edits, seen: FileBytes(self.bytes.as_slice().into()) }
    }

    pub(crate) fn first(&self) -> Location {
        self.at(0..self.first_line().len())
    }

    pub(crate) fn whole(&self) -> Location {
        Location { path: self.path.clone(), span: None }
    }

    /// What a message may say of it.
    pub(crate) fn quoted<'a>(&self, text: &'a str) -> &'a str {
        if self.is_shown { text } else { "what it says" }
    }
}
