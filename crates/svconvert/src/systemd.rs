//! Services of systemd: unit files with their drop-ins.

mod command;
mod daemons;
mod life;
mod load;
mod order;
mod parse;
mod process;
mod service;
mod specifier;
mod start;
mod words;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use self::service::Reader;
use crate::{book::Book, files::Files, report::Location};

/// Kinds of units that are no services, and what there is for each.
const OTHERS: [(&str, &str); 10] = [
    ("socket", "a socket: let the service listen itself"),
    ("timer", "a timer: let cron or another program start a job at its time"),
    ("path", "a unit that waits for files: let the program watch them itself"),
    ("mount", "a mount point: write it in /etc/fstab"),
    ("automount", "a mount point: write it in /etc/fstab"),
    ("swap", "swap: write it in /etc/fstab"),
    ("target", "a target: start the services that it groups by their names"),
    ("slice", "a slice: bound each service by `resources`"),
    ("scope", "a scope, which has no program of its own"),
    ("device", "a device"),
];

/// Why a file is none that this reader takes, if it is another kind of unit.
pub(crate) fn other_kind(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?;
    OTHERS.iter().find(|(kind, _)| *kind == ending).map(|(_, what)| *what)
}

/// Reads units.
pub(crate) fn read(book: &mut Book, files: &dyn Files, paths: &[PathBuf]) {
    let mut units = Vec::new();
    for path in paths {
        if let Some(what) = other_kind(path) {
            let at = book.line(Location::whole(&path.display().to_string()), "");
            book.refused(at, &format!("it is {what}"));
            continue;
        }
        units.extend(load::load(book, files, path));
    }
    let names: BTreeMap<String, String> = units
        .iter()
        .map(|unit| (unit.name.whole.clone(), service_name(&unit.name.whole)))
        .collect();
    for unit in units {
        Reader::new(book, files, &names, &unit).run();
    }
    order::done(book);
}

/// A name of a definition for a unit.
fn service_name(unit: &str) -> String {
    let stem = unit.strip_suffix(".service").unwrap_or(unit);
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let name: String = stem.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    name.trim_start_matches(['-', '.']).to_owned()
}
