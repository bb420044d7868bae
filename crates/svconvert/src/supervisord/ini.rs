//! INI files as Python's `configparser` reads them for supervisord.
//!
//! Source: `configparser` of Python 3, `UnhosedConfigParser` of supervisor 4.2: inline comments begin with `;` or
//! `#` after a blank.

use std::path::{Path, PathBuf};

use crate::{
    book::{At, Book},
    report::Location,
};

/// An option with its value, or the heading of a section.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) at: At,
    pub(super) key: String,
    pub(super) value: String,
}

/// A section.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: String,
    /// The directory of its file.
    pub(super) here: PathBuf,
    pub(super) head: At,
    pub(super) entries: Vec<Entry>,
}

impl Section {
    /// Takes an option out; the last of several counts, as the others have no effect.
    pub(super) fn take(&mut self, book: &mut Book, key: &str) -> Option<Entry> {
        let all = std::mem::take(&mut self.entries);
        let (mut taken, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.key == key);
        self.entries = left;
        let last = taken.pop();
        for entry in taken {
            book.equivalent(entry.at, None, "a later line takes its place");
        }
        last
    }
}

/// A line that is being put together: where it begins and ends.
struct Open {
    start: usize,
    end: usize,
    indent: usize,
    key: String,
    value: String,
}

/// The sections of a file.
pub(super) fn read(book: &mut Book, file: &Path, here: &Path, text: &str) -> Vec<Section> {
    let file = &file.display().to_string();
    let mut sections: Vec<Section> = Vec::new();
    let mut open: Option<Open> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = without_comment(line.trim_end_matches(['\n', '\r']));
        let indent = content.len() - content.trim_start().len();
        let content = content.trim();
        if content.is_empty() {
            continue;
        }
        if let Some(it) = open.as_mut().filter(|it| indent > it.indent) {
            it.value.push('\n');
            it.value.push_str(content);
            it.end = at;
            continue;
        }
        close(book, file, text, &mut sections, open.take());
        if let Some(name) =
            content.strip_prefix('[').and_then(|it| it.split_once(']')).map(|it| it.0)
        {
            let head = book.heading(Location::of(file, text, start..at), line);
            let entries = Vec::new();
            let (name, here) = (name.to_owned(), here.to_owned());
            sections.push(Section { name, here, head, entries });
            continue;
        }
        if let Some((key, value)) = content.split_once(['=', ':']) {
            let key = key.trim().to_ascii_lowercase();
            let value = value.trim().to_owned();
            open = Some(Open { start, end: at, indent, key, value });
        } else {
            let number = book.line(Location::of(file, text, start..at), line);
            book.refused(number, "it is no `KEY=VALUE`, and supervisord does not start with it");
        }
    }
    close(book, file, text, &mut sections, open);
    sections
}

fn close(book: &mut Book, file: &str, text: &str, sections: &mut [Section], open: Option<Open>) {
    let Some(Open { start, end, key, value, .. }) = open else { return };
    let at =
        book.line(Location::of(file, text, start..end), text.get(start..end).unwrap_or_default());
    match sections.last_mut() {
        Some(section) => section.entries.push(Entry { at, key, value }),
        None => book.refused(at, "it stands in no section, and supervisord does not start with it"),
    }
}

/// A line up to a comment.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if matches!(c, ';' | '#') && before.is_whitespace() {
            return line.get(..at).unwrap_or_default();
        }
        before = c;
    }
    line
}
