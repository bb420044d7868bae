//! Services of a tree that is held: looked at, asked, and heard of.

use std::{fs, hint::black_box, num::NonZeroUsize, os::fd::AsFd, path::Path};

use rustix::fs::CWD;
use svclient::{Bulk, Dialect, Op, Service};

use crate::{
    Fallible,
    floor::{self, Names},
    rounds::{columns, in_turn},
    tree::place,
};

/// All services in one call, by their paths, each.
pub(crate) fn statuses(dir: &Path, count: usize, rounds: usize) -> Fallible {
    let places = || (0..count).map(|number| place(dir, number));
    let names: Vec<Names> = places().map(|it| Names::in_dir(&it)).collect();
    let services: Vec<Service> = places().map(Service::open).collect::<Result<_, _>>()?;
    let all = |look: fn(std::os::fd::BorrowedFd<'_>, &Names) -> Fallible<[u8; 44]>| {
        names.iter().try_for_each(|names| {
            look(CWD, names).map(|it| {
                black_box(it);
            })
        })
    };
    let bulk = |bulk: &Bulk<'_, Service>| {
        bulk.statuses().into_iter().try_for_each(|it| {
            black_box(it?);
            Ok(())
        })
    };
    let one = Bulk::new(&services);
    let two = Bulk::new(&services).parallel(NonZeroUsize::MIN.saturating_add(1));
    columns(&["fewest", "same", "ours", "ours-2-threads"]);
    in_turn(
        rounds,
        count,
        &mut [
            &mut || all(floor::fewest),
            &mut || all(floor::same),
            &mut || bulk(&one),
            &mut || bulk(&two),
        ],
    )
}

/// One service behind a kept descriptor.
pub(crate) fn status(dir: &Path, rounds: usize) -> Fallible {
    const TIMES: usize = 200;
    let names = Names::in_dir(Path::new(""));
    let kept = fs::File::open(place(dir, 0))?;
    let service = Service::from_fd(kept.try_clone()?)?;
    let floor = |look: fn(std::os::fd::BorrowedFd<'_>, &Names) -> Fallible<[u8; 44]>| {
        (0..TIMES).try_for_each(|_| {
            look(kept.as_fd(), &names).map(|it| {
                black_box(it);
            })
        })
    };
    columns(&["record", "ours-record", "fewest", "same", "ours"]);
    in_turn(
        rounds,
        TIMES,
        &mut [
            &mut || floor(floor::record),
            &mut || {
                (0..TIMES).try_for_each(|_| {
                    black_box(service.record()?.ok_or("no record")?.facts());
                    Ok(())
                })
            },
            &mut || floor(floor::fewest),
            &mut || floor(floor::same),
            &mut || {
                (0..TIMES).try_for_each(|_| {
                    black_box(service.status()?);
                    Ok(())
                })
            },
        ],
    )
}

/// One byte for a FIFO that somebody has open and does not read: it takes 65,536.
pub(crate) fn send(dir: &Path, rounds: usize) -> Fallible {
    const TIMES: usize = 50;
    if rounds * TIMES * 3 > 60_000 {
        return Err("more rounds than the FIFO holds".into());
    }
    let dir = place(dir, 1);
    let names = Names::in_dir(&dir);
    let found = Service::open(&dir)?;
    let named = Service::with_dialect(&dir, Dialect::Runit)?;
    let send = |service: &Service| (0..TIMES).try_for_each(|_| Ok(service.send(Op::Alarm)?));
    columns(&["floor", "ours", "ours-named"]);
    in_turn(
        rounds,
        TIMES,
        &mut [
            &mut || (0..TIMES).try_for_each(|_| floor::send(&names, b'a')),
            &mut || send(&found),
            &mut || send(&named),
        ],
    )
}
