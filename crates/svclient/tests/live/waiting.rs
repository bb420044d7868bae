//! Waiting for a service to be as a test needs it: by event, with a deadline.

use std::time::Instant;

use svclient::{Facts, Service, WatchEvent, WatchSet};

use crate::supervised::{PATIENCE, Supervised};

pub fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

pub fn open(supervised: &Supervised) -> Service {
    Service::open(supervised.dir()).unwrap()
}

pub fn watch(supervised: &Supervised) -> WatchSet {
    let mut watch = WatchSet::new().unwrap();
    watch.add(open(supervised)).unwrap();
    watch
}

/// The next event for which `done` holds.
#[track_caller]
pub fn event(watch: &mut WatchSet, mut done: impl FnMut(&WatchEvent) -> bool) -> WatchEvent {
    let deadline = deadline();
    let mut seen = Vec::new();
    while let Some(event) = watch.next_before(deadline).unwrap() {
        if done(&event) {
            return event;
        }
        seen.push(event);
    }
    panic!("not seen in time; seen {seen:#?}");
}

pub fn status_of(event: &WatchEvent) -> Option<Facts> {
    event.status.as_ref().ok()?.facts().copied()
}
