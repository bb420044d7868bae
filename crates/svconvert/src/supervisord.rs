//! supervisord.conf: programs of supervisord, with what it includes.
//!
//! Source: the manual of supervisor 4.2, "Configuration File"; `options.py` and `process.py`.

mod ini;
mod program;
mod text;

use std::path::{Path, PathBuf};

use self::{
    ini::{Entry, Section},
    text::Known,
};
use crate::{
    book::{At, Book},
    files::{self, Files},
    report::Location,
};

/// What is said of all programs at once.
#[derive(Default)]
struct Common {
    /// Marked, as `text` has it.
    env: Vec<(String, String)>,
    cwd: Option<String>,
    umask: Option<u16>,
    user: Option<String>,
}

/// Reads files.
pub(crate) fn read(book: &mut Book, files: &dyn Files, paths: &[PathBuf]) {
    for path in paths {
        one(book, files, path);
    }
}

fn one(book: &mut Book, files: &dyn Files, path: &Path) {
    let shown = path.display().to_string();
    let text = match files::text(files, path) {
        Ok(text) => text,
        Err(why) => {
            let at = book.line(Location::whole(&shown), "");
            return book.refused(at, &why);
        }
    };
    let here = files::dir_of(path);
    let known = here_is(&files.absolute(&here));
    let mut sections = Vec::new();
    for section in ini::read(book, path, &files.absolute(&here), &text) {
        if section.name == "include" {
            sections.extend(included(book, files, &here, &known, section));
        } else {
            sections.push(section);
        }
    }
    let mut common = Common::default();
    for section in sections.iter_mut().filter(|it| it.name == "supervisord") {
        let known = here_is(&section.here);
        of_supervisord(book, section, &known, &mut common);
    }
    let mut programs = Vec::new();
    for section in sections {
        let (kind, name) = section.name.split_once(':').unwrap_or((&section.name, ""));
        match (kind, name.trim().to_owned()) {
            ("supervisord", _) => (),
            ("program", name) => programs.push((name, section)),
            ("group", _) => rest(
                book,
                section,
                "a group is a name for its programs; ask the services by theirs",
            ),
            ("supervisorctl" | "rpcinterface" | "ctlplugin", _) => {
                rest(book, section, "it is about supervisord and its tools");
            }
            ("unix_http_server" | "inet_http_server", _) => {
                let why = "nothing listens there; `svctl` asks the supervisor";
                section.entries.iter().for_each(|it| book.dropped(it.at, why));
                book.dropped(section.head, why);
            }
            ("eventlistener", _) => {
                refuse(
                    book,
                    &section,
                    "events of supervisord have no place in a definition; `svctl watch --exec` runs a program for them",
                );
            }
            ("fcgi-program", _) => {
                refuse(
                    book,
                    &section,
                    "a socket that several processes share has no place in a definition; let the program listen itself",
                );
            }
            _ => rest(book, section, "supervisord does not know this section"),
        }
    }
    program::all(book, &shown, programs, &common);
}

fn here_is(dir: &Path) -> Known {
    Known::from([("here", dir.display().to_string())])
}

fn rest(book: &mut Book, section: Section, why: &str) {
    for entry in section.entries {
        book.equivalent(entry.at, None, why);
    }
}

fn refuse(book: &mut Book, section: &Section, why: &str) {
    book.refused(section.head, why);
    section.entries.iter().for_each(|it| book.dropped(it.at, "its section is refused"));
}

/// Files that are read as well: patterns relative to the directory of the file.
fn included(
    book: &mut Book,
    files: &dyn Files,
    here: &Path,
    known: &Known,
    mut section: Section,
) -> Vec<Section> {
    let mut sections = Vec::new();
    let Some(Entry { at, value, .. }) = section.take(book, "files") else { return sections };
    let patterns = match text::expand(&value, known) {
        Ok(patterns) => patterns,
        Err(why) => {
            book.refused(at, &why);
            return sections;
        }
    };
    book.exact(at, None);
    for pattern in patterns.split_whitespace() {
        let pattern = here.join(pattern);
        let (dir, name) = (files::dir_of(&pattern), pattern.file_name().and_then(|it| it.to_str()));
        let Some(name) = name.filter(|name| !name.contains('[')) else {
            book.refused(at, "of patterns only `*` and `?` are read; name the files");
            continue;
        };
        if dir.display().to_string().contains(['*', '?']) {
            book.refused(at, "patterns are read in the name of a file alone; name the directories");
            continue;
        }
        let names = if name.contains(['*', '?']) {
            files
                .names(&dir)
                .unwrap_or_default()
                .into_iter()
                .filter(|it| text::fits(name, it))
                .collect()
        } else {
            vec![name.to_owned()]
        };
        for name in names {
            file(book, files, &dir.join(name), at, &mut sections);
        }
    }
    rest(book, section, "supervisord does not know it");
    sections
}

fn file(book: &mut Book, files: &dyn Files, path: &Path, at: At, sections: &mut Vec<Section>) {
    let shown = path.display().to_string();
    match files::text(files, path) {
        Ok(text) => {
            let here = files.absolute(&files::dir_of(path));
            let mut found = ini::read(book, path, &here, &text);
            // What is included includes nothing.
            found.retain(|section| {
                let nested = section.name == "include";
                if nested {
                    section.entries.iter().for_each(|it| {
                        book.equivalent(
                            it.at,
                            None,
                            "supervisord reads no file for an included one",
                        );
                    });
                }
                !nested
            });
            sections.extend(found);
        }
        Err(why) => book.refused(at, &format!("{shown}: {why}")),
    }
}

/// Of all programs: variables, directory, umask. The rest is about supervisord itself.
fn of_supervisord(book: &mut Book, section: &mut Section, known: &Known, common: &mut Common) {
    let nodaemon = section.take(book, "nodaemon");
    let stays = nodaemon.as_ref().is_some_and(|it| text::boolean(&it.value) == Some(true));
    if let Some(Entry { at, .. }) = nodaemon {
        book.equivalent(at, None, "it is about supervisord itself");
    }
    for Entry { at, key, value } in std::mem::take(&mut section.entries) {
        if key == "environment" {
            common.env.extend(program::variables(book, at, &value, known));
            continue;
        }
        let value = match text::expand(&value, known) {
            Ok(value) => value,
            Err(why) => {
                book.dropped(at, &why);
                continue;
            }
        };
        match key.as_str() {
            "directory" => {
                common.cwd = Some(value);
                book.exact(at, Some("cwd"));
            }
            "umask" if stays => {
                let why = "supervisord sets it only where it goes to the background";
                book.equivalent(at, None, why);
            }
            "umask" => {
                common.umask = u16::from_str_radix(&value, 8).ok();
                book.exact(at, Some("umask"));
            }
            "user" => {
                common.user = Some(value).filter(|it| it != "root");
                book.equivalent(at, Some("user"), "it is the user of the programs that name none; the supervisor is whoever starts it");
            }
            "minfds" | "minprocs" => {
                book.equivalent(
                    at,
                    None,
                    "limits are those of the supervisor; `limits` sets others",
                );
            }
            _ => book.equivalent(at, None, "it is about supervisord itself"),
        }
    }
}
