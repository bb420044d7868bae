//! Many services under one watch: how long it takes to set up, what it holds, and what it does
//! while nothing happens.

use std::{
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use rustix::fs::CWD;
use svclient::{Service, WatchSet};

use crate::{
    Fallible,
    floor::{self, Names},
    rounds::{columns, round},
    tree::{c_path, place},
};

/// Ours.
pub(crate) fn watch(dir: &Path, count: usize, seconds: u64) -> Fallible {
    let before = Held::now()?;
    let begin = Instant::now();
    let mut set = WatchSet::new()?;
    for number in 0..count {
        set.add(Service::open(place(dir, number))?)?;
    }
    let mut snapshots = 0;
    while set.next_now()?.is_some() {
        snapshots += 1;
    }
    let took = begin.elapsed();
    if snapshots != count {
        return Err(format!("{snapshots} snapshots of {count} services").into());
    }
    let after = Held::now()?;
    let event = set.next_before(Instant::now() + Duration::from_secs(seconds))?;
    if event.is_some() {
        return Err("something happened at rest".into());
    }
    let rested = Held::now()?;
    columns(&["setup", "kib", "descriptors", "threads", "switches"]);
    // The deadline wakes it once.
    let switches = (rested.switches - after.switches).saturating_sub(1);
    let descriptors = rested.descriptors - before.descriptors;
    round(&[took.as_nanos(), rested.kib, descriptors, rested.threads, switches]);
    Ok(())
}

/// A watch for each `supervise`, and one look at each service.
pub(crate) fn floor(dir: &Path, count: usize) -> Fallible {
    let places: Vec<_> = (0..count)
        .map(|number| place(dir, number))
        .map(|place| (Names::in_dir(&place), c_path(&place.join("supervise"))))
        .collect();
    let begin = Instant::now();
    let instance = floor::instance()?;
    for (names, supervise) in &places {
        floor::watch(&instance, supervise)?;
        black_box(floor::same(CWD, names)?);
    }
    let took = begin.elapsed();
    columns(&["setup"]);
    round(&[took.as_nanos()]);
    Ok(())
}

/// What this process holds.
struct Held {
    /// With the pages of the program's file.
    kib: u128,
    threads: u128,
    switches: u128,
    descriptors: u128,
}

impl Held {
    fn now() -> Fallible<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let number = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
        };
        let descriptors = fs::read_dir("/proc/self/fd")?.count() as u128;
        Ok(Self {
            kib: number("VmRSS"),
            threads: number("Threads"),
            switches: number("voluntary_ctxt_switches"),
            descriptors,
        })
    }
}
