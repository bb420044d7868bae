//! Definitions without a scan directory: their service directories are made, and supervised in the order of their needs.

use std::{
    collections::BTreeMap,
    io::IsTerminal as _,
    process::ExitCode,
    sync::{Arc, Mutex, mpsc},
};

use nix::unistd::Uid;
use svcmgr::{
    build::{Definitions, Lossy, Options, Target, spec::Dirs},
    devtree::{self, ServiceOptions, ServicePart},
};
use unicode_width::UnicodeWidthStr as _;

use super::{
    lines::{Form, Lines},
    plan_driver::{Cast, Driver},
    scripts::Scripts,
};
use crate::{
    args::{Global, Scan},
    cmd::{
        build,
        definitions::{
            self,
            plan::{self, Plan},
            sources::Paths,
        },
        place::{self, Place},
        supervise::{self, lock},
    },
    events::{Teller, hint},
    exit::Exit,
    output::{Output, printable},
};

pub(super) fn run(global: &Global, args: &Scan, mut output: Output) -> ExitCode {
    match prepare(args, &mut output) {
        Ok((place, prepared)) => play(global, args, place, prepared, output),
        Err(exit) => output.finish(exit).into(),
    }
}

/// What there is to run, and where.
struct Prepared {
    plan: Plan,
    cast: BTreeMap<String, Cast>,
}

fn prepare(args: &Scan, output: &mut Output) -> Result<(Place, Prepared), Exit> {
    let mut definitions = definitions::load(&args.place, output, &mut Paths::new())?;
    let exit_with: Vec<String> =
        args.exit_with.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    definitions::choose(&mut definitions, &args.place, &[], &exit_with, output)?;
    refuse_what_needs_root(&definitions, output)?;
    let order = definitions::order(&definitions, output)?;
    let place = Place::take(args.state_dir.as_deref()).map_err(|why| place::tell(why, output))?;
    let scripts = Scripts::of(place.dir());
    scripts.without_loggers(&mut definitions, output);
    let options = Options::new().lossy(Lossy::Commented);
    let rendered = definitions::without_order(&definitions).render(Target::Embedded, options);
    let rendered = rendered.map_err(|error| build::refused(&error, output))?;
    for gap in &rendered.gaps {
        output.message(&printable(&format!("not here: {gap}")));
    }
    rendered.write(place.dir()).map_err(|error| build::refused(&error, output))?;
    place.clear_but_for(|name| definitions.service.contains_key(name));
    let mut cast = BTreeMap::new();
    for (rank, level) in (0..).zip(order.levels()) {
        for name in level {
            // What others need ends after them.
            let options = ServiceOptions::new().stop_rank(rank);
            let options = if exit_with.contains(name) { options.critical() } else { options };
            let options = scripts.started(options);
            cast.insert(name.clone(), Cast::new(place.dir().join(name), options));
        }
    }
    let mut plan = Plan::new(&definitions, &[]).ending_with_services();
    let obstacles = definitions::obstacles::find(&definitions);
    for (name, why) in obstacles.into_iter().chain(scripts.write(&definitions, place.dir())) {
        output.message(&printable(&format!("{name}: {why}")));
        plan.refused(&name, &why);
    }
    Ok((place, Prepared { plan, cast }))
}

/// Runs them until all have ended.
fn play(
    global: &Global,
    args: &Scan,
    place: Place,
    prepared: Prepared,
    mut output: Output,
) -> ExitCode {
    let width = prepared.cast.keys().map(|name| name.width()).max().unwrap_or(0);
    let terminal = std::io::stdout().is_terminal();
    let lines = match Lines::start(Form { json: global.json, terminal, width }) {
        Ok(lines) => lines,
        Err(error) => {
            output.message(&format!("cannot start a thread for what services write: {error}"));
            return output.finish(Exit::System).into();
        }
    };
    let teller = Arc::new(Mutex::new(Teller::new(global)));
    let dir = place.dir().display();
    lock(&teller).remark(&printable(&format!("elsewhere: svctl --dir {dir} status")));
    let (tell, events) = mpsc::channel();
    let its = Arc::clone(&teller);
    let options = supervise::kill_after(args.kill_after).observer(move |event| {
        lock(&its).tell(event);
        if event.part == ServicePart::Main {
            // At the end nobody asks any more.
            let _heard = tell.send(Arc::clone(&event.dir));
        }
    });
    let Prepared { plan, cast } = prepared;
    let mut driver = Driver::new(plan, cast, events, lines, teller);
    let mut is_new = true;
    let ended = devtree::supervise_with(options, |supervisor| {
        if std::mem::take(&mut is_new) {
            driver.take_on(supervisor);
        }
        driver.go_on(supervisor)
    });
    let (plan, worst, is_finished) = driver.finish();
    drop(place);
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            output.failure(&error, hint(&error));
            return output.finish(Exit::from(&error)).into();
        }
    };
    if ended != devtree::ProcessEnd::Asked || !is_finished {
        return supervise::ended(Ok(ended), output);
    }
    let (verdict, told) = plan.verdict();
    for what in told {
        output.message(&printable(&what));
    }
    let exit = output.finish(worst.max(verdict));
    // Whoever runs the container knows the codes of what is in it.
    match plan.only_failure() {
        Some(failure) if exit == Exit::Negative => plan::code(failure).into(),
        _ => exit.into(),
    }
}

/// A user that is not root cannot become somebody else, and is told so before anything starts.
fn refuse_what_needs_root(definitions: &Definitions, output: &mut Output) -> Result<(), Exit> {
    if Uid::effective().is_root() {
        return Ok(());
    }
    let mut refused = false;
    for (name, service) in &definitions.service {
        let asks = [
            ("user", service.user.is_some()),
            ("dirs", service.dirs != Dirs::default()),
            ("root", service.root.is_some()),
        ];
        for (key, _) in asks.into_iter().filter(|(_, asks)| *asks) {
            refused = true;
            output.message(&format!("service `{name}`: `{key}` needs root, and this is not root"));
        }
    }
    if refused {
        output.hint("start it as root, or leave these keys out and start it as that user");
        return Err(Exit::System);
    }
    Ok(())
}
