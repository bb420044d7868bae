//! Operations of the library between two marks, for a tracer of the system calls of this thread.

use std::{
    fs::File,
    hint::black_box,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{AtFlags, CWD, statat};
use svclient::{Bulk, Dialect, Op, Request, Service, WatchSet};

use crate::{
    Fallible,
    event::Publisher,
    supervised::{First, Fleet, directory, reached},
    tree::place,
};

/// Where what is counted begins and ends.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    Begin,
    End,
}

/// A call that nobody else makes.
pub(crate) fn mark(mark: Mark) {
    let name = match mark {
        Mark::Begin => c"/mark:begin",
        Mark::End => c"/mark:end",
    };
    let _missing = statat(CWD, name, AtFlags::empty());
}

fn marked(work: impl FnOnce() -> Fallible) -> Fallible {
    mark(Mark::Begin);
    work()?;
    mark(Mark::End);
    Ok(())
}

/// The status of one service behind a kept descriptor, so often.
pub(crate) fn status(dir: &Path, times: usize) -> Fallible {
    let service = Service::from_fd(File::open(place(dir, 0))?)?;
    marked(|| {
        for _ in 0..times {
            black_box(service.status()?);
        }
        Ok(())
    })
}

/// The statuses of so many.
pub(crate) fn statuses(dir: &Path, count: usize) -> Fallible {
    let services = services(dir, count)?;
    marked(|| {
        for status in Bulk::new(&services).statuses() {
            black_box(status?);
        }
        Ok(())
    })
}

/// A request, so often.
pub(crate) fn send(dir: &Path, times: usize) -> Fallible {
    let service = Service::open(place(dir, 1))?;
    marked(|| (0..times).try_for_each(|_| Ok(service.send(Op::Alarm)?)))
}

/// So many under `runsv` brought up, one after the other.
pub(crate) fn up(dir: &Path, count: usize) -> Fallible {
    let dirs: Vec<PathBuf> = (0..count).map(|number| place(dir, number)).collect();
    dirs.iter().try_for_each(|dir| directory(dir, First::Down, "1000"))?;
    let fleet = Fleet::one_each(Dialect::Runit, &dirs)?;
    marked(|| {
        let up = Request::up();
        fleet.services.iter().try_for_each(|it| reached(std::slice::from_ref(it), &up))
    })
}

/// So many records published in another thread and heard of in this one.
pub(crate) fn event(dir: &Path, times: usize) -> Fallible {
    let dir = place(dir, 2);
    let publisher = Publisher::new(&dir)?;
    let mut set = WatchSet::new()?;
    set.add(Service::open(&dir)?)?;
    while set.next_now()?.is_some() {}
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in told {
                // Who waits is asleep by then.
                thread::sleep(Duration::from_millis(20));
                let _done = publisher.prepare(number).and_then(|()| publisher.publish());
            }
        });
        marked(|| {
            for number in 0..times {
                tell.send(number)?;
                black_box(set.next().ok_or("no event")??.status?);
            }
            Ok(())
        })?;
        drop(tell);
        Ok(())
    })
}

/// So many put into a watch.
pub(crate) fn add(dir: &Path, count: usize) -> Fallible {
    let services = services(dir, count)?;
    let mut set = WatchSet::new()?;
    marked(|| {
        for service in &services {
            set.add(service.clone())?;
        }
        while set.next_now()?.is_some() {}
        Ok(())
    })
}

/// A watch of so many while nothing happens.
pub(crate) fn rest(dir: &Path, count: usize, seconds: u64) -> Fallible {
    let mut set = WatchSet::new()?;
    for service in services(dir, count)? {
        set.add(service)?;
    }
    while set.next_now()?.is_some() {}
    marked(|| {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        match set.next_before(deadline)? {
            Some(event) => Err(format!("{event:?}").into()),
            None => Ok(()),
        }
    })
}

fn services(dir: &Path, count: usize) -> Fallible<Vec<Service>> {
    Ok((0..count).map(|number| Service::open(place(dir, number))).collect::<Result<_, _>>()?)
}
