//! `svctl watch`: a line for every change, until interrupted or until nobody reads.

mod hooks;

use std::{collections::BTreeSet, ffi::OsString, os::fd::AsFd};

use jiff::Timestamp;
use svcmgr::{Error, News, Service, WatchEvent, WatchKey, WatchSet};

use self::hooks::Hooks;
use crate::{
    args::{self, Global},
    exit::Exit,
    json,
    names::{self, NoTargets},
    output::{Output, wait_beside_all},
    text,
    view::View,
};

pub(crate) fn run(global: &Global, args: &args::Watch, output: &mut Output) -> Exit {
    match watch(global, args, output) {
        Ok(exit) => exit,
        Err(stopped) => stopped.told(output),
    }
}

/// Why it could not go on.
pub(super) enum Stopped {
    Failed(Error),
    Told(Exit),
}

impl Stopped {
    /// Says it, where that was not done yet.
    pub(super) fn told(self, output: &mut Output) -> Exit {
        match self {
            Self::Told(exit) => exit,
            Self::Failed(error) => {
                output.error(&error);
                Exit::from(&error)
            }
        }
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<NoTargets> for Stopped {
    fn from(NoTargets(exit): NoTargets) -> Self {
        Self::Told(exit)
    }
}

/// What is watched.
pub(super) struct Set {
    pub(super) watch: WatchSet,
    watched: BTreeSet<WatchKey>,
    /// Services of a scan directory come and go.
    follows: bool,
    exit: Exit,
}

impl Set {
    /// The services that are named, or all there are. What cannot be watched is told.
    pub(super) fn of(
        global: &Global,
        services: &[OsString],
        output: &mut Output,
    ) -> Result<Self, Stopped> {
        let mut watch = WatchSet::new()?;
        let mut exit = Exit::Done;
        let mut watched: BTreeSet<WatchKey> = BTreeSet::new();
        // A named suite would have to be named again for every service that appears.
        let is_all = services.is_empty() && global.suite.is_none();
        // Whoever follows looks at everything there.
        let follows = is_all && global.silent.is_empty();
        if is_all && !follows {
            output.message("what comes into the scan directory later is not noticed beside that");
        }
        let units = global.units_too();
        if follows && !units {
            for scan in names::scan_dirs(global, output)? {
                watch.follow(scan)?;
            }
        } else {
            for scan in names::known_scan_dirs(global).into_iter().filter(|_| follows) {
                watch.follow(scan)?;
            }
            let targets = names::find(global, services, output)?;
            // Services of a followed directory come by themselves.
            let targets = targets.into_iter().filter(|target| !follows || target.path.is_none());
            let mut results = Vec::new();
            let found: Vec<_> = targets
                .filter_map(|target| target.found.map_err(|why| results.push(Err(why))).ok())
                .collect();
            results.extend(watch.add_all(found));
            for result in results {
                match result {
                    Ok(key) => drop(watched.insert(key)),
                    Err(error) => {
                        exit = exit.max(Exit::from(&error));
                        output.error(&error);
                    }
                }
            }
        }
        Ok(Self { watch, watched, follows, exit })
    }
}

fn watch(global: &Global, args: &args::Watch, output: &mut Output) -> Result<Exit, Stopped> {
    let Set { mut watch, mut watched, follows, exit } = Set::of(global, &args.services, output)?;
    let hooks = args.exec.as_ref().map(|program| Hooks::of(program, args.exec_limit));
    let mut hooks = match hooks.transpose() {
        Ok(hooks) => hooks,
        Err(error) => {
            output.message(&format!("cannot run programs for changes: {error}"));
            return Ok(Exit::System);
        }
    };
    while (follows || !watched.is_empty()) && !output.is_closed() {
        if let Some(hooks) = &mut hooks {
            hooks.go_on(output);
        }
        if let Some(event) = watch.next_now()? {
            if event.news == News::Removed {
                watched.remove(&event.key);
            }
            if let Some(hooks) = &mut hooks {
                hooks.take(&event, output);
            }
            tell(&event, output);
            continue;
        }
        let ended = hooks.as_ref().map(Hooks::ended);
        let fds: Vec<_> = [watch.as_fd()].into_iter().chain(ended).collect();
        if wait_beside_all(&fds, watch.due()).is_break() {
            break;
        }
    }
    if let Some(mut hooks) = hooks {
        hooks.finish(output);
    }
    Ok(exit)
}

/// How the service stands now.
fn view(event: &WatchEvent) -> View<'_> {
    let service = event.service();
    match &event.status {
        Ok(status) => View::new(service, status),
        Err(error) => {
            let path = service.directory().map(Service::dir);
            View::failed(&service.name().to_string_lossy(), path, error)
        }
    }
}

fn tell(event: &WatchEvent, output: &mut Output) {
    let view = view(event);
    if output.json {
        output.json(&json::Line::of(&view, event.seq, event.news.name()));
    } else if output.quiet {
        if let Err(error) = &event.status {
            output.error(error);
        }
    } else {
        let now = Timestamp::now();
        let what = match event.news {
            News::Removed => "removed".to_owned(),
            News::Added => format!("added, {}", text::summary(&view)),
            News::Resync => format!("{} (events were lost before this)", text::summary(&view)),
            _ => text::summary(&view),
        };
        let name = view.shown();
        let line = output.paint(view.state(), &format!("{now:.3} {name}: {what}"));
        output.line(&line);
    }
    output.flush();
}
