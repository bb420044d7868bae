//! `.env`: read by the service at each start where systemd's grammar says the same, and copied where not.

use std::path::Path;

use crate::{
    book::{At, Book},
    env_file,
    files::Files,
    report::Location,
};

/// A line: its number, what foreman reads, and whether honcho reads the same.
type Said = (At, Option<(String, String)>, bool);

/// What the file sets.
#[derive(Debug, Default)]
pub(crate) struct DotEnv {
    /// As foreman reads it.
    set: Vec<(String, String)>,
    /// A definition reads the file by itself.
    is_file: bool,
}

impl DotEnv {
    /// Reads the file beside a Procfile. Where there is none, a later one is read all the same.
    pub(crate) fn read(book: &mut Book, files: &dyn Files, dir: &Path) -> Self {
        let path = dir.join(".env");
        if files.kind(&path).is_none() {
            return Self { set: Vec::new(), is_file: true };
        }
        let shown = path.display().to_string();
        let text = match crate::files::text(files, &path) {
            Ok(text) => text,
            Err(why) => {
                let at = book.line(Location::whole(&shown), "");
                book.dropped(at, &why);
                return Self { set: Vec::new(), is_file: true };
            }
        };
        let own = env_file::read(&text);
        let mut lines: Vec<Said> = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            let number = book.line(Location::of(&shown, &text, start..at), line);
            let said = foreman(line.trim_end_matches(['\n', '\r']));
            lines.push((number, said.clone(), said == honcho(line.trim())));
        }
        let set: Vec<(String, String)> =
            lines.iter().filter_map(|(_, said, _)| said.clone()).collect();
        let last = |all: &[(String, String)], name: &str| {
            all.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let same = |name: &String| last(&own, name) == last(&set, name);
        let is_file = own.iter().chain(&set).all(|(name, _)| same(name));
        for (number, said, alike) in lines {
            match said {
                None => {
                    book.equivalent(number, None, "foreman leaves it out: it is no `NAME=value`");
                }
                Some(_) if is_file => book.exact(number, Some("env_file")),
                Some(_) => {
                    let why = "the value is copied: the file has lines that `env_file` reads in another way, so a \
                               change of it counts no more";
                    book.approximated(number, Some("env"), why);
                }
            }
            if !alike {
                book.equivalent(
                    number,
                    None,
                    "it is read as foreman does; honcho reads another value",
                );
            }
        }
        Self { set, is_file }
    }

    /// Whether the service reads it by itself.
    pub(crate) const fn is_file(&self) -> bool {
        self.is_file
    }

    /// What is copied because the service does not read it.
    pub(crate) fn copied(&self) -> &[(String, String)] {
        if self.is_file { &[] } else { &self.set }
    }

    /// Whether the file, read by the service, sets this.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.is_file && self.set.iter().any(|(known, _)| known == name)
    }

    /// Where ports are counted from.
    pub(crate) fn port(&self) -> Option<u32> {
        let found = self.set.iter().rev().find(|(name, _)| name == "PORT");
        found.and_then(|(_, value)| value.parse().ok()).filter(|port| *port < 60_000)
    }
}

/// A line as foreman reads it.
fn foreman(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(fits) {
        return None;
    }
    let inside = |quote: char| value.strip_prefix(quote).and_then(|it| it.strip_suffix(quote));
    let value = if let Some(text) = inside('\'') {
        text.to_owned()
    } else if let Some(text) = inside('"') {
        let mut read = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('n') => read.push('\n'),
                    Some(c) => read.push(c),
                    None => read.push('\\'),
                },
                c => read.push(c),
            }
        }
        read
    } else {
        value.to_owned()
    };
    Some((name.to_owned(), value))
}

/// A line as honcho reads it: Python's `shlex`, and all that follows the `=` in one piece.
fn honcho(line: &str) -> Option<(String, String)> {
    let (name, rest) = line.split_once('=')?;
    let name = name.trim();
    if !env_file::is_name(name) {
        return None;
    }
    let mut value = String::new();
    let mut chars = rest.chars();
    let mut is_there = false;
    while let Some(c) = chars.next() {
        match c {
            '#' => break,
            c if c.is_whitespace() => (),
            '\'' | '"' => {
                is_there = true;
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' if c == '"' => match chars.next()? {
                            it @ ('\\' | '"') => value.push(it),
                            it => value.extend(['\\', it]),
                        },
                        it => value.push(it),
                    }
                }
            }
            '\\' => {
                is_there = true;
                value.push(chars.next()?);
            }
            c => {
                is_there = true;
                value.push(c);
            }
        }
    }
    is_there.then(|| (name.to_owned(), value.replace("\\n", "\n").replace("\\t", "\t")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_readers_read_two_values() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        for (line, first, second) in [
            ("A=1", pair("A", "1"), pair("A", "1")),
            ("A='x y'", pair("A", "x y"), pair("A", "x y")),
            ("A=\"x\\ny\"", pair("A", "x\ny"), pair("A", "x\ny")),
            ("A=x y # z", pair("A", "x y # z"), pair("A", "xy")),
            ("export A=1", pair("A", "1"), None),
            ("A=", pair("A", ""), None),
            ("nothing", None, None),
        ] {
            assert_eq!(foreman(line), first, "{line}");
            assert_eq!(honcho(line), second, "{line}");
        }
    }
}
