//! process-compose: `process-compose.yaml`.
//!
//! Source: its documentation, "Configuration", of 1.40; `src/types/process.go`, `src/app/process.go`.

mod probe;
mod process;

use std::path::{Path, PathBuf};

use self::process::Process;
use crate::{
    book::{At, Book},
    env_file,
    files::{self, Files},
    report::Location,
    shell,
    yaml::{self, Entry, Node, Value},
};

/// A file that is being read.
struct Source<'a> {
    shown: String,
    text: &'a str,
}

/// What is said of all processes at once.
#[derive(Default)]
struct Common {
    env: Vec<(String, String)>,
    /// The shell, and its option for a line.
    shell: Vec<String>,
}

/// Reads files.
pub(crate) fn read(book: &mut Book, files: &dyn Files, paths: &[PathBuf]) {
    for path in paths {
        one(book, files, path);
    }
}

fn one(book: &mut Book, files: &dyn Files, path: &Path) {
    let shown = path.display().to_string();
    let whole = |book: &mut Book, why: &str| {
        let at = book.line(Location::whole(&shown), "");
        book.refused(at, why);
    };
    let text = match files::text(files, path) {
        Ok(text) => text,
        Err(why) => return whole(book, &why),
    };
    let dir = files::dir_of(path);
    if !book.is_based_on(&dir) {
        return whole(
            book,
            "files of different directories have no common base; convert each by itself",
        );
    }
    let root = match yaml::read(&text) {
        Ok(Some(root)) => root,
        Ok(None) => return whole(book, "there is nothing in it"),
        Err(wrong) => {
            let end = text
                .get(wrong.at..)
                .and_then(|it| it.find('\n'))
                .map_or(text.len(), |at| wrong.at + at);
            let at = book.line(Location::of(&shown, &text, wrong.at..end), "");
            return book.refused(at, &format!("it is no YAML: {}", wrong.why));
        }
    };
    let source = Source { shown: shown.clone(), text: &text };
    let mut common = Common::default();
    let mut processes = Vec::new();
    for entry in root.table() {
        source.top(book, entry, &mut common, &mut processes);
    }
    if processes.is_empty() {
        return whole(book, "it has no processes; a file of docker compose is another format");
    }
    let has_dotenv = files.kind(&dir.join(".env")).is_some();
    process::all(book, &source, &processes, &common, has_dotenv);
}

impl Source<'_> {
    fn location(&self, entry: &Entry) -> Location {
        Location::of(&self.shown, self.text, entry.bytes.clone())
    }

    /// A line for an entry.
    fn line(&self, book: &mut Book, entry: &Entry) -> At {
        book.line(self.location(entry), self.text.get(entry.bytes.clone()).unwrap_or_default())
    }

    /// A line for what only opens a table: its key.
    fn heading(&self, book: &mut Book, entry: &Entry) -> At {
        let text = self.text.get(entry.bytes.start..entry.node.bytes.start).unwrap_or_default();
        let end = entry.bytes.start + text.trim_end().len();
        let location = Location::of(&self.shown, self.text, entry.bytes.start..end);
        book.heading(location, text)
    }

    fn top<'a>(
        &self,
        book: &mut Book,
        entry: &'a Entry,
        common: &mut Common,
        processes: &mut Vec<&'a Entry>,
    ) {
        match entry.key.as_str() {
            "processes" => {
                self.heading(book, entry);
                processes.extend(entry.node.table());
            }
            "environment" => {
                let at = self.line(book, entry);
                book.exact(at, Some("env"));
                match variables(&entry.node) {
                    Some(all) => common.env.extend(all),
                    None => book.refused(at, "it is no list of `NAME=VALUE`"),
                }
            }
            "shell" => {
                let at = self.line(book, entry);
                let part = |key: &str| {
                    let part = entry.node.table().iter().find(|it| it.key == key);
                    part.and_then(|it| it.node.text()).map(str::to_owned)
                };
                common.shell = vec![
                    part("shell_command").unwrap_or("bash".to_owned()),
                    part("shell_argument").unwrap_or("-c".to_owned()),
                ];
                book.exact(at, Some("exec"));
            }
            "version" => {
                let at = self.line(book, entry);
                book.equivalent(at, None, "it is the version of the format");
            }
            "env_cmds" | "vars" => {
                let at = self.line(book, entry);
                book.refused(at, "what is put in when process-compose starts is known then alone; write the values");
            }
            "extends" => {
                let at = self.line(book, entry);
                book.refused(at, "name the other file as well, and leave this line out");
            }
            "log_location" => {
                let at = self.line(book, entry);
                book.dropped(at, "it is process-compose's own log, of all processes together");
            }
            _ => {
                let at = self.line(book, entry);
                book.equivalent(at, None, "it is about process-compose itself");
            }
        }
    }
}

/// `["A=1"]`, or a table.
fn variables(node: &Node) -> Option<Vec<(String, String)>> {
    match &node.value {
        Value::List(list) => {
            let one = |it: &Node| {
                let (name, value) = it.text()?.split_once('=')?;
                env_file::is_name(name).then(|| (name.to_owned(), dollars(value)))
            };
            list.iter().map(one).collect()
        }
        Value::Table(table) => {
            let one = |it: &Entry| Some((it.key.clone(), dollars(it.node.text()?)));
            table.iter().map(one).collect()
        }
        Value::Text { .. } => node.is_nothing().then(Vec::new),
    }
}

/// A line for the shell as words.
fn words(line: &str, common: &Common) -> Vec<String> {
    let line = dollars(line.trim());
    match shell::plain(&line) {
        Some(plain) if plain.env.is_empty() => plain.words,
        Some(plain) => {
            let set = plain.env.into_iter().map(|(name, value)| format!("{name}={value}"));
            std::iter::once("/usr/bin/env".to_owned()).chain(set).chain(plain.words).collect()
        }
        None if common.shell.is_empty() => ["bash", "-c", &line].map(str::to_owned).to_vec(),
        None => common.shell.iter().cloned().chain([line]).collect(),
    }
}

/// `$$` is one of them.
fn dollars(text: &str) -> String {
    text.replace("$$", "$")
}

/// Another process of the same file.
fn find<'a, 'b>(processes: &'a [Process<'b>], name: &str) -> Option<&'a Process<'b>> {
    processes.iter().find(|it| it.name == name)
}
