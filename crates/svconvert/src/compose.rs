//! process-compose: `process-compose.yaml`.
//!
//! Source: its documentation, "Configuration", of 1.40; `src/types/process.go`, `src/app/process.go`.

mod probe;
mod process;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use self::process::Process;
use crate::{
    book::{At, Book},
    env_file,
    files::{self, Files},
    references,
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
    /// What is put in for `{{.NAME}}`.
    vars: BTreeMap<String, String>,
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
                common.env.extend(variables(book, at, &entry.node));
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
            "vars" => {
                let at = self.line(book, entry);
                common.vars.extend(constants(&entry.node));
                book.equivalent(at, None, "the values stand where they are used");
            }
            "env_cmds" => {
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

/// `["A=1"]`, or a table: names, and values in which references are marked.
fn variables(book: &mut Book, at: At, node: &Node) -> Vec<(String, String)> {
    let pairs: Option<Vec<(String, String)>> = match &node.value {
        Value::List(list) => {
            let one = |it: &Node| {
                let (name, value) = it.text()?.split_once('=')?;
                env_file::is_name(name).then(|| (name.to_owned(), value.to_owned()))
            };
            list.iter().map(one).collect()
        }
        Value::Table(table) => {
            let one = |it: &Entry| Some((it.key.clone(), it.node.text()?.to_owned()));
            table.iter().map(one).collect()
        }
        Value::Text { .. } => node.is_nothing().then(Vec::new),
    };
    let Some(pairs) = pairs else {
        book.refused(at, "it is no list of `NAME=VALUE`");
        return Vec::new();
    };
    let read = pairs.iter().map(|(name, value)| Some((name.clone(), marked(value)?)));
    let Some(all) = read.collect::<Option<Vec<_>>>() else {
        book.refused(at, "only `$NAME` and `${NAME}` are read; write the value");
        return Vec::new();
    };
    // process-compose has replaced them before any of these was set.
    let of_another = all.iter().find_map(|(name, value)| {
        all.iter().map(|(other, _)| other).find(|it| *it != name && references::is_to(value, it))
    });
    if let Some(other) = of_another {
        let why = format!(
            "{other} is set here as well, and its value from outside is meant; give one of the two another name"
        );
        book.refused(at, &why);
    } else if all.iter().any(|(_, value)| references::has_any(value)) {
        book.equivalent(at, Some("env"), AT_EACH_START);
    } else {
        book.exact(at, Some("env"));
    }
    all
}

/// Texts of a table, which `{{.NAME}}` stands for.
fn constants(node: &Node) -> Vec<(String, String)> {
    let one = |it: &Entry| Some((it.key.clone(), it.node.text()?.to_owned()));
    node.table().iter().filter_map(one).collect()
}

/// Puts in what `{{.NAME}}` stands for; the error has what is no such thing, or not known.
fn filled(text: &str, vars: &BTreeMap<String, String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let (inner, after) = after.split_once("}}").ok_or_else(|| "{{".to_owned())?;
        let name = inner.trim().strip_prefix('.').filter(|it| env_file::is_name(it));
        let value = name.and_then(|name| vars.get(name));
        filled.push_str(value.ok_or_else(|| format!("{{{{{inner}}}}}"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

const AT_EACH_START: &str =
    "the variables are put in at each start, by `expand`, and not by process-compose before";

/// A value in which `$NAME` and `${NAME}` are marked, and `$$` is one of them; nothing where another thing follows.
fn marked(value: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            text.push('$');
            rest = after;
            continue;
        }
        let (name, after) = if let Some(after) = after.strip_prefix('{') {
            after.split_once('}')?
        } else {
            let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            after.split_at(after.find(|c| !is_of_name(c)).unwrap_or(after.len()))
        };
        if !env_file::is_name(name) {
            return None;
        }
        // What is not set is nothing to it.
        text.push_str(&references::mark(&format!("{name}:-")));
        rest = after;
    }
    text.push_str(rest);
    Some(text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_constant_is_put_in() {
        let vars = BTreeMap::from([("PORT".to_owned(), "80".to_owned())]);
        assert_eq!(filled("a {{.PORT}} {{ .PORT }}}", &vars).unwrap(), "a 80 80}");
        for (wrong, named) in [("{{.X}}", "{{.X}}"), ("{{if .PORT}}", "{{if .PORT}}"), ("{{", "{{")]
        {
            assert_eq!(filled(wrong, &vars).unwrap_err(), named);
        }
    }

    #[test]
    fn variables_are_told_from_text() {
        let settled = |value: &str| marked(value).map(|it| references::settled(&it));
        for (value, expected) in [
            ("a $B-${C}$$D", Some("a ${B:-}-${C:-}$D")),
            ("$$${A}", Some("$${A:-}")),
            ("${A:-b}", None),
            ("5$", None),
            ("$1", None),
            ("${open", None),
        ] {
            assert_eq!(settled(value).as_deref(), expected, "{value}");
        }
    }
}
