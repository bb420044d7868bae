//! `svctl metrics`: how services stand, as OpenMetrics; once, into a file, or by HTTP from a watch.

mod file;
mod listen;
mod page;

use svcmgr::Bulk;

use self::page::{Form, Known, Page};
use crate::{
    args::{self, Global},
    exit::Exit,
    names::{self, Found, NoTargets},
    output::Output,
    view::View,
};

pub(crate) fn run(global: &Global, args: &args::Metrics, output: &mut Output) -> Exit {
    if let Some(address) = args.listen {
        return listen::run(global, args, address, output);
    }
    let known = match look(global, args, output) {
        Ok(known) => known,
        Err(NoTargets(exit)) => return exit,
    };
    // The collector of files reads the older format alone.
    let form = if args.textfile.is_some() { Form::Text } else { Form::Open };
    let mut page = Page::new(form);
    page.write(&known.iter(), args.compat);
    match &args.textfile {
        None => output.raw(page.text().as_bytes()),
        Some(path) => {
            if let Err(error) = file::replace(path, page.text().as_bytes()) {
                output.message(&format!("cannot write {}: {error}", path.display()));
                return Exit::System;
            }
        }
    }
    // A service that cannot be read is a series, and no failure of all others.
    Exit::Done
}

/// Looks at each once.
fn look(
    global: &Global,
    args: &args::Metrics,
    output: &mut Output,
) -> Result<Vec<Known>, NoTargets> {
    let targets = names::find_shown(global, &args.services, output)?;
    let found: Vec<Found> =
        targets.iter().filter_map(|it| it.found.as_ref().ok()).cloned().collect();
    let mut seen = Bulk::new(&found).statuses().into_iter();
    let mut known = Vec::new();
    for target in targets {
        known.push(match target.found {
            Ok(found) => match seen.next().unwrap_or_else(|| found.status()) {
                Ok(status) => Known::of(&View::new(&*found, &status).asking(&*found)),
                Err(error) => Known::of(&View::failed_for(&*found, &error)),
            },
            Err(error) => Known::of(&View::failed(&target.name, target.path.as_deref(), &error)),
        });
    }
    Ok(known)
}
