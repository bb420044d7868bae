//! `svctl watch`: a line for every change, until interrupted or until nobody reads.

use std::{collections::BTreeSet, ffi::OsString, os::fd::AsFd};

use jiff::Timestamp;
use svcmgr::{Error, News, Service, WatchEvent, WatchKey, WatchSet};

use crate::{
    args::Global,
    exit::Exit,
    json,
    names::{self, NoTargets},
    output::{Output, wait_beside},
    text,
    view::View,
};

pub(crate) fn run(global: &Global, services: &[OsString], output: &mut Output) -> Exit {
    match watch(global, services, output) {
        Ok(exit) | Err(Stopped::Told(exit)) => exit,
        Err(Stopped::Failed(error)) => {
            output.error(&error);
            Exit::from(&error)
        }
    }
}

/// Why it could not go on.
enum Stopped {
    Failed(Error),
    Told(Exit),
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

fn watch(global: &Global, services: &[OsString], output: &mut Output) -> Result<Exit, Stopped> {
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
    while (follows || !watched.is_empty()) && !output.is_closed() {
        match watch.next_now()? {
            Some(event) => {
                if event.news == News::Removed {
                    watched.remove(&event.key);
                }
                tell(&event, output);
            }
            None if wait_beside(watch.as_fd(), watch.due()).is_break() => break,
            None => (),
        }
    }
    Ok(exit)
}

fn tell(event: &WatchEvent, output: &mut Output) {
    let service = event.service();
    let view = match &event.status {
        Ok(status) => View::new(service, status),
        Err(error) => {
            let path = service.directory().map(Service::dir);
            View::failed(&service.name().to_string_lossy(), path, error)
        }
    };
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
