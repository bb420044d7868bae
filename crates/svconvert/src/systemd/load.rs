//! A unit with its drop-ins, as the manager would put it together.
//!
//! Source: `systemd.unit(5)`; `src/shared/dropin.c` of systemd 252.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    parse::{self, Says},
    specifier::UnitName,
};
use crate::{
    book::{At, Book},
    files::{self, FileKind, Files},
    report::Location,
};

/// A directive, and the number of its line.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    pub(super) at: At,
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
}

/// A unit that was read.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) name: UnitName,
    pub(super) source: String,
    /// The line of `[Service]`, or the first of all.
    pub(super) head: At,
    pub(super) directives: Vec<Directive>,
    /// The names of sections that there are.
    pub(super) sections: Vec<String>,
}

/// Directories of units, the first of which wins.
const DIRS: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

/// Reads a unit. What cannot be read is in the book.
pub(super) fn load(book: &mut Book, files: &dyn Files, path: &Path) -> Option<Unit> {
    let shown = path.display().to_string();
    let name = UnitName::new(path.file_name()?.to_str()?);
    let dir = path.parent().unwrap_or(Path::new(""));
    let mut file = path.to_owned();
    if let Some(template) = name.template().filter(|_| files.kind(path).is_none()) {
        file = dir.join(template);
    }
    let whole = |book: &mut Book, why: &str| {
        let at = book.line(Location::whole(&shown), "");
        book.refused(at, why);
        None
    };
    if name.is_template() {
        let why =
            format!("it is a template; name an instance of it, as in {}@NAME.service", name.prefix);
        return whole(book, &why);
    }
    match files.kind(&file) {
        Some(FileKind::Other) => return whole(book, "the unit is masked"),
        Some(FileKind::Directory) => return whole(book, "it is a directory"),
        Some(FileKind::File { .. }) | None => (),
    }
    let text = match files::text(files, &file) {
        Ok(text) => text,
        Err(why) => return whole(book, &why),
    };
    if text.trim().is_empty() {
        return whole(book, "the unit is masked: its file is empty");
    }
    let mut unit =
        Unit { name, source: shown.clone(), head: 0, directives: Vec::new(), sections: Vec::new() };
    let mut head = None;
    add(book, &mut unit, &mut head, &file.display().to_string(), &text);
    for drop_in in drop_ins(files, dir, &unit.name) {
        let shown = drop_in.display().to_string();
        match files.kind(&drop_in) {
            // A link to /dev/null takes a file of the same name away.
            Some(FileKind::Other | FileKind::Directory) => continue,
            Some(FileKind::File { .. }) | None => (),
        }
        match files::text(files, &drop_in) {
            Ok(text) => add(book, &mut unit, &mut head, &shown, &text),
            Err(why) => {
                let at = book.line(Location::whole(&shown), "");
                book.refused(at, &why);
            }
        }
    }
    unit.head = head.or(unit.directives.first().map(|it| it.at)).unwrap_or_else(|| {
        let at = book.line(Location::whole(&shown), "");
        book.exact(at, None);
        at
    });
    Some(unit)
}

fn add(book: &mut Book, unit: &mut Unit, head: &mut Option<At>, file: &str, text: &str) {
    for piece in parse::parse(file, text) {
        match piece.says {
            Says::Section(name) => {
                let at = book.heading(piece.location, &piece.text);
                if name == "Service" && head.is_none() {
                    *head = Some(at);
                }
                unit.sections.push(name);
            }
            Says::Assignment { section, key, value } => {
                let at = book.line(piece.location, &piece.text);
                unit.directives.push(Directive { at, section, key, value });
            }
            Says::Nothing(why) => {
                let at = book.line(piece.location, &piece.text);
                book.equivalent(at, None, why);
            }
        }
    }
}

/// Drop-ins in the order in which they are read.
fn drop_ins(files: &dyn Files, dir: &Path, name: &UnitName) -> Vec<PathBuf> {
    let mut names = vec!["service".to_owned()];
    // `a-b-c.service` has `a-.service.d` and `a-b-.service.d`, too.
    for (at, _) in name.prefix.match_indices('-') {
        names.push(format!("{}-.service", name.prefix.get(..at).unwrap_or_default()));
    }
    names.extend(name.template());
    names.push(name.whole.clone());
    // By the name of the file; of equal names the more specific one, and of those the first directory wins.
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for name in names {
        for dir in places(dir).iter().rev() {
            let dir = dir.join(format!("{name}.d"));
            for file in files.names(&dir).unwrap_or_default() {
                if Path::new(&file).extension().is_some_and(|it| it == "conf") {
                    found.insert(file.clone(), dir.join(&file));
                }
            }
        }
    }
    found.into_values().collect()
}

/// The directory of the unit, and the others of the same system where it is one of a system's.
fn places(dir: &Path) -> Vec<PathBuf> {
    let root = DIRS.iter().find_map(|known| {
        let depth = known.split('/').count();
        dir.ends_with(known).then(|| dir.ancestors().nth(depth))?
    });
    let Some(root) = root else { return vec![dir.to_owned()] };
    let mut all: Vec<PathBuf> = DIRS.iter().map(|known| root.join(known)).collect();
    // Where /lib leads to /usr/lib, both are the same files.
    all.dedup();
    all
}
