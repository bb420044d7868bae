//! Services heard of: how soon, and whether the last state is told whatever the pace.

use std::{
    fs,
    hint::black_box,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::fs::CWD;
use svclient::{Dialect, Reading, Service, WatchSet};

use crate::{
    Fallible,
    floor::{self, Names},
    rounds::{columns, round},
    tree::{c_path, place, running},
};

/// Publishes a record that is news: its second is another one.
pub(crate) struct Publisher {
    record: Vec<u8>,
    new: std::path::PathBuf,
    status: std::path::PathBuf,
}

impl Publisher {
    pub(crate) fn new(service: &Path) -> Fallible<Self> {
        let supervise = service.join("supervise");
        let (new, status) = (supervise.join("status.new"), supervise.join("status"));
        Ok(Self { record: running(Dialect::Runit)?, new, status })
    }

    /// Writes the record of this number beside its place.
    pub(crate) fn prepare(&self, number: usize) -> Fallible {
        let mut record = self.record.clone();
        // The two low bytes of the seconds.
        if let Some(bytes) = record.get_mut(6..8) {
            bytes.copy_from_slice(&u16::try_from(number % 60_000)?.to_be_bytes());
        }
        Ok(fs::write(&self.new, &record)?)
    }

    /// Renames it into its place.
    pub(crate) fn publish(&self) -> Fallible {
        Ok(fs::rename(&self.new, &self.status)?)
    }
}

/// So many records at an interval: how many were told, and whether the last one was.
pub(crate) fn spaced(dir: &Path, count: usize, interval: Duration) -> Fallible {
    let dir = place(dir, 2);
    let publisher = Publisher::new(&dir)?;
    let mut set = WatchSet::new()?;
    set.add(Service::open(&dir)?)?;
    let mut last = None;
    while let Some(event) = set.next_now()? {
        last = Some(event.status?.reading());
    }
    let mut told = 0;
    thread::scope(|scope| {
        let publishing = scope.spawn(|| -> Result<(), String> {
            for number in 0..count {
                thread::sleep(interval);
                let done = publisher.prepare(number).and_then(|()| publisher.publish());
                done.map_err(|why| why.to_string())?;
            }
            Ok(())
        });
        // What is still to be told is there long before half a second has passed.
        let quiet = Duration::from_millis(500);
        while let Some(event) = set.next_before(Instant::now() + quiet + interval)? {
            told += 1;
            last = Some(event.status?.reading());
        }
        publishing.join().map_err(|_| "the publisher ended")??;
        Fallible::Ok(())
    })?;
    let is_last = last == Some(reading(&dir)?);
    columns(&["published", "told", "last-told"]);
    round(&[count as u128, told, u128::from(is_last)]);
    Ok(())
}

fn reading(dir: &Path) -> Fallible<Reading> {
    Ok(Service::open(dir)?.status()?.reading())
}

/// From the moment before a record is renamed into its place to its event in a thread that waits.
pub(crate) fn run(dir: &Path, rounds: usize) -> Fallible {
    let dir = place(dir, 2);
    let names = Names::in_dir(&dir);
    let supervise = dir.join("supervise");
    let publisher = Publisher::new(&dir)?;
    let publish = |number: usize| -> Fallible<Instant> {
        publisher.prepare(number)?;
        // Who waits is asleep by then.
        thread::sleep(Duration::from_millis(2));
        let moment = Instant::now();
        publisher.publish()?;
        Ok(moment)
    };
    let instance = floor::instance()?;
    let supervise = c_path(&supervise);
    floor::watch(&instance, &supervise)?;
    let mut set = WatchSet::new()?;
    set.add(Service::open(&dir)?)?;
    while set.next_now()?.is_some() {}
    columns(&["floor", "ours"]);
    thread::scope(|scope| {
        let (ask, asked) = mpsc::channel::<usize>();
        let (tell, told) = mpsc::channel::<Result<Instant, String>>();
        scope.spawn(move || {
            for number in asked {
                if tell.send(publish(number).map_err(|it| it.to_string())).is_err() {
                    break;
                }
            }
        });
        // Both are told of each record and one is waited in, so the publisher has as much to do for
        // either. To add the service anew each time would make ours look at it for the first time.
        for number in 0..=rounds {
            let mut numbers = [0; 2];
            // Who comes first changes.
            let mut order = [0, 1];
            order.rotate_left(number % 2);
            for (at, way) in order.into_iter().enumerate() {
                ask.send(2 * number + at)?;
                if way == 0 {
                    floor::hear(&instance)?;
                    black_box(floor::record(CWD, &names)?);
                } else {
                    let event = set.next().ok_or("no event")??;
                    black_box(event.status?);
                }
                let heard = Instant::now();
                let taken = heard.saturating_duration_since(told.recv()??);
                // Renamed, hence in both queues: what the other is told is not left for its turn.
                if way == 0 {
                    while set.next_now()?.is_some() {}
                } else {
                    floor::hear(&instance)?;
                }
                if let Some(number) = numbers.get_mut(way) {
                    *number = taken.as_nanos();
                }
            }
            if number > 0 {
                round(&numbers);
            }
        }
        Ok(())
    })
}
