//! A Procfile: a name and a command in each line.

use std::{collections::BTreeMap, path::Path};

use crate::{Finding, rule::others, shell, visit::Visit};

pub(crate) fn check(visit: &mut Visit<'_>, path: &Path) {
    let Some(source) = visit.read(path) else { return };
    visit.look();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (number, (from, line)) in (1..).zip(source.lines()) {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let start = from + line.find(text).unwrap_or_default();
        let location = source.at(start..start + text.len());
        let is_name = |it: &str| {
            !it.is_empty()
                && it.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_'))
        };
        let (name, command) = match text.split_once(':') {
            Some((name, command)) if is_name(name.trim()) => (name.trim(), command.trim()),
            Some((name, _)) => {
                let message = format!("`{}` is no name", source.quoted(name.trim()));
                visit.tell(Finding::new(&others::PROCFILE_LINE, location, message));
                continue;
            }
            None => {
                let message = "a line is NAME: COMMAND, and this has no colon";
                visit.tell(Finding::new(&others::PROCFILE_LINE, location, message));
                continue;
            }
        };
        if command.is_empty() {
            let message = format!("{name} has no command");
            visit.tell(Finding::new(&others::PROCFILE_LINE, location, message));
            continue;
        }
        if let Some(first) = names.insert(name.to_owned(), number) {
            let message = format!("{name} stands in line {first} already");
            visit.tell(Finding::new(&others::PROCFILE_TWICE, location.clone(), message));
        }
        let script = shell::read(command).unwrap_or_default();
        if script.commands.last().is_some_and(|it| it.in_background && it.depth == 0) {
            let message = format!("{name} ends at once, and this goes on in the background");
            visit.tell(Finding::new(&others::PROCFILE_BACKGROUND, location, message));
        }
    }
}
