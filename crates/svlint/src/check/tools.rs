//! Programs that prepare another: their options, numbers and directories.

use std::path::{Path, PathBuf};

use crate::{
    Finding,
    rule::scripts,
    shell::{Link, Word},
    source::Source,
    visit::Visit,
};

/// Where a script is when it comes to a program.
pub(crate) enum At {
    /// In the service directory.
    ServiceDir,
    /// In another one.
    Elsewhere(PathBuf),
    /// Nobody knows.
    Unknown,
}

pub(crate) fn check(
    visit: &mut Visit<'_>,
    source: &Source,
    working_dir: &Path,
    at: &At,
    link: &Link<'_>,
) {
    if let Some((letter, word)) = link.unknown {
        let message =
            format!("{} has no option -{}", link.name, source.quoted(&letter.to_string()));
        visit.tell(Finding::new(&scripts::TOOL_OPTION, source.at(word.at.clone()), message));
    }
    for (letter, value, word) in &link.options {
        let is_number = match link.name {
            "chpst" => "nmdofcrpt".contains(*letter),
            _ => false,
        };
        let Some(value) = value else { continue };
        let digits = value.strip_prefix('-').filter(|_| *letter == 'n').unwrap_or(value);
        if is_number && !digits.bytes().all(|it| it.is_ascii_digit()) {
            let message =
                format!("{} -{letter} takes a number, not {}", link.name, source.quoted(value));
            visit.tell(Finding::new(&scripts::TOOL_NUMBER, source.at(word.at.clone()), message));
        }
        if link.name == "chpst" && *letter == 'e' {
            variables(visit, source, working_dir, at, (value, word, link.name));
        }
    }
    if let ("envdir" | "s6-envdir", Some(word)) = (link.name, link.arguments.first()) {
        let may_be_missing = link.options.iter().any(|it| matches!(it.0, 'I' | 'i'));
        if let (Some(dir), false) = (word.plain(), may_be_missing) {
            variables(visit, source, working_dir, at, (dir, word, link.name));
        }
    }
}

/// A directory of environment variables.
fn variables(
    visit: &mut Visit<'_>,
    source: &Source,
    working_dir: &Path,
    at: &At,
    (dir, word, program): (&str, &Word, &str),
) {
    if dir.is_empty() {
        return;
    }
    let location = source.at(word.at.clone());
    let path = if dir.starts_with('/') {
        if !visit.world.is_image() {
            // Of another machine, perhaps.
            return;
        }
        PathBuf::from(dir)
    } else {
        match at {
            At::ServiceDir => working_dir.join(dir),
            At::Elsewhere(to) => {
                let here = working_dir.join(dir);
                if visit.world.entry(&here).is_ok_and(|it| it.is_dir()) {
                    let message = format!(
                        "{program} looks for {} in {}, and it is in the service directory",
                        source.quoted(dir),
                        source.quoted(&to.display().to_string()),
                    );
                    visit.tell(Finding::new(&scripts::CD_BEFORE_ENVDIR, location, message));
                }
                return;
            }
            At::Unknown => return,
        }
    };
    let Ok(entry) = visit.world.entry(&path) else {
        if visit.world.is_missing(&path) {
            let message = format!("{program} reads {}, which does not exist", source.quoted(dir));
            visit.tell(Finding::new(&scripts::ENVDIR_MISSING, location, message));
        }
        return;
    };
    if !entry.is_dir() {
        let message = format!("{program} reads {}, which is {}", source.quoted(dir), entry.what());
        visit.tell(Finding::new(&scripts::ENVDIR_MISSING, location, message));
        return;
    }
    for name in visit.names(&path) {
        let inner = path.join(&name);
        if name.starts_with('.') {
            continue;
        }
        if program != "chpst" && visit.world.entry(&inner).is_ok_and(|it| it.is_dir()) {
            let message = format!("{program} cannot read {name}, a directory, as a variable");
            visit.tell(Visit::at(&scripts::ENVDIR_SUBDIRECTORY, &inner, message));
        } else if name.contains('=') {
            let message = format!("{program} takes {name} for a name and a part of a value");
            visit.tell(Visit::at(&scripts::ENVDIR_NAME, &inner, message));
        }
    }
}
