//! A file of definitions that is to be run: read, chosen from, and in which order its services start and stop.
//!
//! | file        | for                                                     |
//! |-------------|---------------------------------------------------------|
//! | `choice.rs` | some services, and what they need                       |
//! | `notices.rs` | what keeps one from being started, for whoever looks at it |
//! | `obstacles.rs` | what keeps one from coming up, known before it starts  |
//! | `plan.rs`   | what may start, and when the whole ends: decisions alone |
//! | `sources.rs` | the files that definitions were read from, and whether they have changed |

pub(crate) mod choice;
pub(crate) mod notices;
pub(crate) mod obstacles;
pub(crate) mod plan;
pub(crate) mod sources;

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use svcmgr::{
    Order,
    build::{Definitions, spec::Base},
    convert::{Format, LineReport, LineVerdict, convert},
};

use self::sources::{Disk, Paths};
use super::build;
use crate::{
    exit::Exit,
    output::{Output, printable},
};

/// Reads a file. What is not as it should be is told; `read` gets what was looked at.
///
/// # Errors
///
/// With what to end.
pub(crate) fn load(
    file: &Path,
    output: &mut Output,
    read: &mut Paths,
) -> Result<Definitions, Exit> {
    read.insert(file.to_owned());
    let disk = Disk::noting(read);
    let text = match Format::of(&disk, file) {
        Some(format) if file.extension() != Some("toml".as_ref()) => {
            converted(file, format, &disk, output)?
        }
        _ => build::read(file, output).inspect_err(|_| {
            let is_usual = file == Path::new("svcmgr.toml") && !file.exists();
            if is_usual && Path::new("Procfile").is_file() {
                output.hint("there is a Procfile here: `svctl dev Procfile` runs it");
            }
        })?,
    };
    let dir = build::dir_of(file);
    let base = dir.as_deref().map_or(Base::Unknown, Base::Implied);
    let mut definitions = Definitions::from_toml_in(&text, base).map_err(|findings| {
        build::explain(file, &text, &findings, output);
        Exit::Negative
    })?;
    if definitions.service.is_empty() {
        output.message(&printable(&format!("{} has no service", file.display())));
        return Err(Exit::Negative);
    }
    for (name, service) in &mut definitions.service {
        if service.instances.is_some() {
            let text = format!("not here: `instances` of service `{name}`: the first of them runs");
            output.once(&text);
            *service = service.instance(1);
        }
    }
    Ok(definitions)
}

/// The definitions that a file of another format becomes. What they do not do as it says is told.
fn converted(
    file: &Path,
    format: Format,
    disk: &Disk<'_>,
    output: &mut Output,
) -> Result<String, Exit> {
    let conversion = convert(disk, &[file.to_owned()], Some(format)).map_err(|error| {
        output.failure(&error, error.hint());
        Exit::Usage
    })?;
    let is_told = |it: &&LineReport| it.verdict > LineVerdict::Equivalent;
    for line in conversion.report.lines.iter().filter(is_told) {
        output.once(&printable(&line.to_string()));
    }
    Ok(conversion.text)
}

/// Leaves what is named and what that needs, or all without a name; what there is to be said of that is told.
///
/// # Errors
///
/// With what to end.
pub(crate) fn choose(
    definitions: &mut Definitions,
    file: &Path,
    names: &[OsString],
    exit_with: &[String],
    output: &mut Output,
) -> Result<(), Exit> {
    let chosen = choice::choose(definitions, names, exit_with);
    for told in chosen.map_err(|unknown| unknown.tell(file, output))? {
        output.once(&printable(&told));
    }
    Ok(())
}

/// The same, for whoever keeps their order himself: their directories do not tell it, so that somebody may start one
/// all the same that is held back.
pub(crate) fn without_order(definitions: &Definitions) -> Definitions {
    let mut definitions = definitions.clone();
    for service in definitions.service.values_mut() {
        service.after.clear();
        service.needs.clear();
        service.wants.clear();
    }
    definitions
}

/// The services by what they wait for: those of a level wait for earlier levels alone.
///
/// # Errors
///
/// With what to end.
pub(crate) fn order(definitions: &Definitions, output: &mut Output) -> Result<Order, Exit> {
    let needs: BTreeMap<&str, Vec<&str>> = definitions
        .service
        .iter()
        .map(|(name, service)| (name.as_str(), service.order().collect()))
        .collect();
    let needs = needs.iter().map(|(name, after)| (*name, after.iter().copied()));
    // The definitions were checked: every name is known and there is no cycle.
    Order::new(needs).map_err(|error| {
        output.message(&printable(&error.to_string()));
        Exit::System
    })
}
