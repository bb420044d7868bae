//! What concerns the files of systemd's units, and what only its manager does: `enable`, `disable`,
//! `mask` and `unmask` of units, `daemon-reload`, `reset-failed`; and `escape`, which makes names.

use std::ffi::{OsStr, OsString};

use svcmgr::{
    Error,
    systemd::{self, Action, Bus, FileChange, UnitName, escape, escape_path, unescape},
};

use crate::{
    args::{self, Global},
    exit::Exit,
    json::{Became, Ended, Placed},
    name,
    names::{self, NoTargets},
    output::{Output, message},
};

/// What is done with files of units, and its words.
#[derive(Clone, Copy)]
pub(crate) struct Deed {
    action: Action,
    /// What came of it, as in JSON.
    done: &'static str,
}

pub(crate) const ENABLE: Deed = Deed { action: Action::Enable, done: "enabled" };
pub(crate) const DISABLE: Deed = Deed { action: Action::Disable, done: "disabled" };
pub(crate) const MASK: Deed = Deed { action: Action::Mask, done: "masked" };
pub(crate) const UNMASK: Deed = Deed { action: Action::Unmask, done: "unmasked" };

/// Lets the manager read all unit files again.
pub(crate) fn daemon_reload(global: &Global, output: &mut Output) -> Exit {
    let bus = match names::bus(global, output) {
        Ok(bus) => bus,
        Err(NoTargets(exit)) => return exit,
    };
    match bus.reload().wait() {
        Ok(()) => print(Vec::new(), false, output),
        Err(why) => failed(why, output),
    }
}

/// Forgets that units failed; all of them without a name.
pub(crate) fn reset_failed(global: &Global, args: &args::Units, output: &mut Output) -> Exit {
    let bus = match names::bus(global, output) {
        Ok(bus) => bus,
        Err(NoTargets(exit)) => return exit,
    };
    if args.units.is_empty() {
        return match bus.reset_failed().wait() {
            Ok(()) => print(Vec::new(), args.stream, output),
            Err(why) => failed(why, output),
        };
    }
    let (mut told, units) = units(&bus, &args.units);
    for unit in units {
        let was_failed = bus.states_of(std::slice::from_ref(&unit)).wait();
        let was_failed =
            was_failed.is_ok_and(|rows| rows.first().is_some_and(|row| row.active == "failed"));
        let done = bus.named(unit.clone()).reset_failed().wait();
        let done = done.map(|()| Some((was_failed, String::new())));
        told.push(Told::of(unit.as_str(), "reset", done));
    }
    print(told, args.stream, output)
}

/// Enables, disables, masks or unmasks units. The manager reads its files again once.
pub(crate) fn change(
    global: &Global,
    names: &[OsString],
    stream: bool,
    deed: Deed,
    output: &mut Output,
) -> Exit {
    let bus = match names::bus(global, output) {
        Ok(bus) => bus,
        Err(NoTargets(exit)) => return exit,
    };
    let (mut told, mut units) = units(&bus, names);
    let mut links = Vec::new();
    for path in names.iter().filter(|_| deed.action == Action::Enable) {
        match link(&bus, path) {
            Some((_, Ok(made))) => links.extend(made),
            Some((unit, Err(why))) => {
                units.retain(|it| *it != unit);
                told.push(Told::of(unit.as_str(), "error", Err(why)));
            }
            None => (),
        }
    }
    match bus.change_each(deed.action, &units).wait() {
        Ok(results) => {
            for (unit, result) in units.iter().zip(results) {
                let result = match result {
                    // Its link went when it was disabled, and with that all that was known of it.
                    Err(systemd::Error::NoSuchUnit { .. })
                        if deed.action == Action::Disable && is_by_path(names, unit) =>
                    {
                        Ok(Vec::new())
                    }
                    Ok(mut changes) => {
                        let of_unit = |link: &FileChange| link.path.ends_with(&format!("/{unit}"));
                        changes.splice(0..0, links.iter().filter(|it| of_unit(it)).cloned());
                        Ok(changes)
                    }
                    result => result,
                };
                let done = result.map(|changes| what_changed(&bus, unit, deed, &changes));
                told.push(Told::of(unit.as_str(), deed.done, done));
            }
        }
        Err(why) => return failed(why, output),
    }
    print(told, stream, output)
}

/// Makes a unit file known by its path, where it was named by that.
fn link(bus: &Bus, typed: &OsStr) -> Option<(UnitName, Result<Vec<FileChange>, systemd::Error>)> {
    let unit = UnitName::new(name::unit_file(typed)?).ok()?;
    let path = std::path::absolute(typed).ok()?;
    let made = bus.link(&unit, &path.to_string_lossy()).wait();
    Some((unit, made))
}

fn is_by_path(names: &[OsString], unit: &UnitName) -> bool {
    names.iter().any(|typed| name::unit_file(typed) == Some(unit.as_str()))
}

/// Whether something changed, and a word on it; `None` for a unit that cannot be enabled.
fn what_changed(
    bus: &Bus,
    unit: &UnitName,
    deed: Deed,
    changes: &[FileChange],
) -> Option<(bool, String)> {
    let made: Vec<&str> = changes
        .iter()
        .filter(|change| matches!(&*change.kind, "symlink" | "unlink"))
        .map(|change| change.path.as_str())
        .collect();
    if made.is_empty() && deed.action == Action::Enable {
        let state = bus.named(unit.clone()).file_state().wait().unwrap_or_default();
        if !state.starts_with("enabled") {
            return None;
        }
    }
    Some((!made.is_empty(), made.join(", ")))
}

/// The names as units; what no unit can be called is told.
fn units(bus: &Bus, names: &[OsString]) -> (Vec<Told>, Vec<UnitName>) {
    let (mut told, mut units) = (Vec::new(), Vec::new());
    for typed in names {
        let text = name::unit_file(typed).map_or_else(|| typed.to_string_lossy(), Into::into);
        let text = text.strip_prefix("systemd:").unwrap_or(&text);
        match bus.unit(text) {
            Ok(unit) => units.push(unit.name().clone()),
            Err(why) => told.push(Told::of(text, "error", Err(why))),
        }
    }
    (told, units)
}

/// What to say of one unit.
struct Told {
    unit: String,
    outcome: Ended,
    changed: Option<bool>,
    words: String,
    exit: Exit,
    error: Option<Error>,
}

impl Told {
    fn of(
        unit: &str,
        word: &'static str,
        done: Result<Option<(bool, String)>, systemd::Error>,
    ) -> Self {
        let unit = unit.to_owned();
        let (changed, outcome, words, exit, error) = match done {
            Ok(Some((true, links))) if links.is_empty() => {
                (Some(true), Ended::Reached, word.to_owned(), Exit::Done, None)
            }
            Ok(Some((true, links))) => {
                (Some(true), Ended::Reached, format!("{word} ({links})"), Exit::Done, None)
            }
            Ok(Some((false, _))) => {
                let words = format!("nothing to do, {word} already");
                (Some(false), Ended::Already, words, Exit::Done, None)
            }
            Ok(None) => {
                let why = "its file has no [Install] section, so it is not started by itself";
                (Some(false), Ended::Never, why.to_owned(), Exit::Negative, None)
            }
            Err(why) => {
                let error = Error::from(why);
                let outcome = Ended::of_error(&error);
                (None, outcome, message(&error), Exit::from(&error), Some(error))
            }
        };
        Self { unit, outcome, changed, words, exit, error }
    }
}

fn print(told: Vec<Told>, stream: bool, output: &mut Output) -> Exit {
    let exit = told.iter().map(|told| told.exit).max().unwrap_or(Exit::Done);
    if output.json {
        let row = |told: Told| Placed {
            service: told.unit,
            scan_dir: None,
            became: Became {
                outcome: told.outcome,
                changed: told.changed,
                says: (told.exit != Exit::Done).then_some(told.words),
                ..Became::default()
            },
        };
        let rows = told.into_iter().map(row);
        if stream {
            rows.for_each(|row| output.json(&row));
        } else {
            output.json(&rows.collect::<Vec<_>>());
        }
        return exit;
    }
    for told in told {
        match told.error {
            Some(error) => output.error(&error),
            None if told.exit != Exit::Done => {
                output.message(&format!("{}: {}", told.unit, told.words));
            }
            None if output.quiet => (),
            None => output.line(&format!("{}: {}", told.unit, told.words)),
        }
    }
    exit
}

fn failed(why: systemd::Error, output: &mut Output) -> Exit {
    let error = Error::from(why);
    output.error(&error);
    Exit::from(&error)
}

/// Prints texts as parts of names of units, or the texts behind such parts.
pub(crate) fn escapes(args: &args::Escape, output: &mut Output) -> Exit {
    let mut exit = Exit::Done;
    for text in &args.texts {
        match escaped(args, text) {
            Ok(name) => output.line(&name),
            Err(why) => {
                output.message(&why);
                exit = Exit::Usage;
            }
        }
    }
    exit
}

fn escaped(args: &args::Escape, text: &str) -> Result<String, String> {
    if args.unescape {
        let part = text.rsplit_once('.').filter(|(_, kind)| systemd::is_type(kind));
        let part = part.map_or(text, |(part, _)| part);
        let part = part.split_once('@').map_or(part, |(_, instance)| instance);
        let found = unescape(part).ok_or_else(|| format!("`{part}` is not escaped"))?;
        return Ok(match args.path {
            true if found.starts_with('/') => found,
            true => format!("/{found}"),
            false => found,
        });
    }
    let part = if args.path {
        escape_path(text)
            .ok_or_else(|| format!("`{text}` is no path of a unit: no `..`, please"))?
    } else {
        escape(text)
    };
    let name = |name: String| UnitName::new(&name).map(|name| name.to_string());
    match (&args.template, &args.suffix) {
        (Some(template), _) => {
            let template = UnitName::new(template).map_err(|why| why.to_string())?;
            let Some((prefix, _)) = template.prefix().split_once('@') else {
                return Err(format!("{template} is no template; one is like web@.service"));
            };
            name(format!("{prefix}@{part}.{}", template.kind()))
        }
        (None, Some(suffix)) => name(format!("{part}.{suffix}")),
        (None, None) => Ok(part),
    }
    .map_err(|why| why.to_string())
}
