//! Source definitions of s6-rc: what a directory has beside the files of s6, oneshots, bundles and pipelines.
//!
//! Source: the documentation of s6-rc 0.5, "s6-rc-compile".

use std::path::Path;

use svbuild::spec::{Kind, Log, Need, When};

use super::{Reader, chain, execline, logger, script};
use crate::{
    book::{At, Book},
    files::{self, FileKind, Files},
    report::Location,
};

/// What a source says that it is, if the directory is one.
pub(super) fn kind(files: &dyn Files, dir: &Path) -> Option<String> {
    let file = dir.join("type");
    matches!(files.kind(&file), Some(FileKind::File { .. }))
        .then(|| files::text(files, &file).unwrap_or_default().trim().to_owned())
}

/// A bundle, which is no service: its lines.
pub(super) fn bundle(book: &mut Book, dir: &Path) {
    let at = book.line(Location::whole(&dir.display().to_string()), "");
    book.equivalent(at, None, "a bundle is a name for services; ask them by their own");
}

/// The logger of a directory, if it is one that a definition has.
fn log_of(files: &dyn Files, dir: &Path) -> Option<Log> {
    let text = files::text(files, &dir.join("run")).ok()?;
    let script =
        if execline::is_execline(&text) { execline::read(&text) } else { script::sh(&text) };
    logger::read(&script?.chain, dir)
}

impl Reader<'_> {
    /// A oneshot: a job, by the command line of execline in `up`.
    pub(super) fn oneshot(&mut self) {
        self.service.kind = Kind::Job;
        let Some(up) = self.file("up") else { return };
        let at = self.line(&up, 0..up.text.len());
        let mut read = chain::Chain::default();
        let is_plain = execline::plain_execline(&up.text).is_some_and(|words| {
            chain::read(&words, &mut read).is_some() && read.env_dirs.is_empty()
        });
        if is_plain {
            self.service = read.service;
            self.service.kind = Kind::Job;
            self.book.exact(at, Some("exec"));
            for why in read.lost {
                self.book.approximated(at, None, &why);
            }
        } else {
            let words = ["execlineb", "-P", "-c", up.text.trim()];
            self.service.exec = words.into_iter().map(Into::into).collect();
            self.book.equivalent(at, Some("exec"), "execlineb runs it, as s6-rc lets it");
        }
        self.book.equivalent(at, Some("kind"), "it is a job that is done when it has ended well");
    }

    /// A file or directory that s6-rc reads. Whether it is one.
    pub(super) fn of_s6_rc(&mut self, name: &str) -> bool {
        match name {
            "type" | "up" | "pipeline-name" => {
                let whole = self.whole(name);
                self.book.equivalent(whole, None, "it says what it is to s6-rc");
            }
            "down" if self.service.kind == Kind::Job => {
                let whole = self.whole(name);
                let text = files::text(self.files, &self.dir.join(name)).unwrap_or_default();
                if text.trim().is_empty() {
                    self.book.exact(whole, None);
                } else {
                    self.book.dropped(whole, "nothing runs when a job is taken back");
                }
            }
            "dependencies.d" => {
                for name in self.files.names(&self.dir.join(name)).unwrap_or_default() {
                    let at = self.whole(&format!("dependencies.d/{name}"));
                    self.needs(at, &name);
                }
            }
            "dependencies" => {
                let Some((at, text)) = self.value(name) else { return true };
                text.split_whitespace().for_each(|name| self.needs(at, name));
            }
            "producer-for" => {
                let Some((at, consumer)) = self.value(name) else { return true };
                let dir = self.dir.parent().unwrap_or(Path::new(".")).join(&consumer);
                let log = log_of(self.files, &dir);
                match &log {
                    Some(_) => self.book.equivalent(at, Some("log"), "the consumer is its logger"),
                    None => self.book.approximated(
                        at,
                        Some("log"),
                        "the logger is the usual one of its suite, with its own directory",
                    ),
                }
                self.service.log = Some(log.unwrap_or_default());
            }
            "timeout-up" | "timeout-down" | "flag-essential" | "flag-recommended" => {
                let at = self.whole(name);
                self.book.dropped(at, "a definition has nothing for it");
            }
            _ => return false,
        }
        true
    }

    /// A consumer of a pipeline is no service of its own: it is the logger of another one.
    pub(super) fn is_consumer(&mut self) -> bool {
        let Some((at, producer)) = self.value("consumer-for") else { return false };
        self.book.equivalent(at, None, &format!("it is the logger of `{producer}`, as `log`"));
        true
    }

    fn whole(&mut self, name: &str) -> At {
        let location = Location::whole(&self.dir.join(name).display().to_string());
        let at = self.book.line(location, "");
        self.book.about(at, &self.name);
        at
    }

    /// For whom it waits, as a build has left it.
    pub(super) fn order(&mut self) {
        let Some(file) = self.file("needs") else { return };
        for (bytes, line) in script::lines(&file.text) {
            let at = self.line(&file, bytes);
            let mut words = line.split_whitespace();
            let (list, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let need = Need::new(name);
            let need = match words.next() {
                Some("up") => need.when(When::Up),
                Some("ready") => need.when(When::Ready),
                Some("done") => need.when(When::Done),
                _ => need,
            };
            let key = match list {
                _ if !self.names.iter().any(|it| it == name) => {
                    let why = format!("`{name}` is not converted with it, so nothing waits for it");
                    self.book.dropped(at, &why);
                    continue;
                }
                "after" => ("after", &mut self.service.after),
                "needs" => ("needs", &mut self.service.needs),
                "wants" => ("wants", &mut self.service.wants),
                _ => {
                    self.book.dropped(at, "a build writes no such line");
                    continue;
                }
            };
            key.1.push(need);
            self.book.exact(at, Some(key.0));
        }
    }

    fn needs(&mut self, at: At, name: &str) {
        if self.names.iter().any(|it| it == name) {
            self.service.needs.push(Need::new(name));
            self.book.exact(at, Some("needs"));
        } else {
            let why = format!("`{name}` is not converted with it, so nothing waits for it");
            self.book.dropped(at, &why);
        }
    }
}
