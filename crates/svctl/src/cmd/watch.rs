//! `svctl watch`: a line for every change, until interrupted or until nobody reads.

use std::{collections::BTreeMap, ffi::OsString};

use jiff::Timestamp;
use svcmgr::{News, Service, State, WatchEvent, WatchKey, WatchSet};

use crate::{
    args::Global,
    exit::Exit,
    json::{self, Row},
    names::{self, NoTargets},
    output::{Output, printable},
    text,
};

pub(crate) fn run(global: &Global, services: &[OsString], output: &mut Output) -> Exit {
    let targets = match names::find(global, services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let mut watch = match WatchSet::new() {
        Ok(watch) => watch,
        Err(error) => {
            output.error(&error);
            return Exit::from(&error);
        }
    };
    let mut exit = Exit::Done;
    let mut watched: BTreeMap<WatchKey, Service> = BTreeMap::new();
    for target in targets {
        let added = target.service.and_then(|service| Ok((watch.add(service.clone())?, service)));
        match added {
            Ok((key, service)) => drop(watched.insert(key, service)),
            Err(error) => {
                exit = exit.max(Exit::from(&error));
                output.error(&error);
            }
        }
    }
    while !watched.is_empty() && !output.is_closed() {
        match watch.next_before(None) {
            Ok(Some(event)) => tell(&event, &mut watched, output),
            Ok(None) => (),
            Err(error) => {
                output.error(&error);
                return Exit::from(&error);
            }
        }
    }
    exit
}

fn tell(event: &WatchEvent, watched: &mut BTreeMap<WatchKey, Service>, output: &mut Output) {
    let Some(service) = watched.get(&event.key) else { return };
    let row = match &event.observation {
        Ok(observation) => Row::new(service, observation),
        Err(error) => Row::failed(service.name(), service.dir(), error),
    };
    if event.news == News::Removed {
        watched.remove(&event.key);
    }
    if output.json {
        output.json(&json::Line { row: &row, seq: event.seq, event: event.news.name() });
    } else {
        let now = Timestamp::now();
        let what = match event.news {
            News::Removed => "removed".to_owned(),
            News::Resync => format!("{} (events were lost before this)", text::summary(&row)),
            _ => text::summary(&row),
        };
        let name = printable(&row.shown);
        let state = State::ALL.into_iter().find(|state| row.state == Some(state.name()));
        let line = output.paint(state, &format!("{now:.3} {name}: {what}"));
        output.line(&line);
    }
    output.flush();
}
