//! A process that dies and the next one: the embedded supervisor beside `runsv`.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use rustix::{fs::CWD, process::Signal};
use svclient::{Dialect, Phase, Service};
use svproto::{Facts, Record, UnixTime};

use crate::{
    Fallible,
    floor::{self, Names},
    rounds::{columns, round},
    supervised::{First, Fleet, PATIENCE, SETTLED, directory, kill, process},
    tree::c_path,
};

/// They are let run for a second together.
const AT_ONCE: usize = 10;

struct Both(Fleet, Fleet);

/// So many services of either, which sleep for so long.
fn both(dir: &Path, count: usize, svctl: &Path, sleep: &str) -> Fallible<Both> {
    let dirs = |of: &str| -> Fallible<Vec<PathBuf>> {
        let dirs: Vec<_> =
            (0..count).map(|number| dir.join(of).join(format!("web-{number:05}"))).collect();
        dirs.iter().try_for_each(|dir| directory(dir, First::Up, sleep))?;
        Ok(dirs)
    };
    let native = Fleet::one_each(Dialect::Runit, &dirs("native")?)?;
    let scan = dir.join("embedded");
    let embedded = Fleet::embedded(svctl, &scan, &dirs("embedded")?)?;
    Ok(Both(embedded, native))
}

/// From the kill of one that ran for more than a second to the record of the next.
pub(crate) fn killed(dir: &Path, rounds: usize, svctl: &Path) -> Fallible {
    let count = rounds.clamp(1, AT_ONCE);
    let Both(embedded, native) = both(dir, count, svctl, "1000")?;
    columns(&["ours", "native"]);
    let mut done = 0;
    while done < rounds {
        thread::sleep(SETTLED);
        for (ours, other) in embedded.services.iter().zip(&native.services) {
            if done % 2 == 0 {
                let ours = again(ours)?;
                round(&[ours, again(other)?]);
            } else {
                let other = again(other)?;
                round(&[again(ours)?, other]);
            }
            done += 1;
        }
    }
    Ok(())
}

fn again(service: &Service) -> Fallible<u128> {
    let pid = process(service).ok_or("it does not run")?;
    let instance = floor::instance()?;
    floor::watch(&instance, &c_path(&service.dir().join("supervise")))?;
    let names = Names::in_dir(service.dir());
    let begin = Instant::now();
    kill(pid, Signal::KILL);
    loop {
        floor::hear(&instance)?;
        let status = status(&names)?;
        if status.phase == Phase::Up && status.pid.is_some_and(|it| it.get() != pid) {
            return Ok(begin.elapsed().as_nanos());
        }
    }
}

/// From the end of the second that a process which lived for less is waited for, to the next one's
/// start: what the records say.
pub(crate) fn second(dir: &Path, rounds: usize, svctl: &Path) -> Fallible {
    let Both(embedded, native) = both(dir, 1, svctl, "0.2")?;
    let (Some(ours), Some(other)) = (embedded.services.first(), native.services.first()) else {
        return Err("no service".into());
    };
    columns(&["ours", "native"]);
    for _ in 0..rounds {
        round(&[late(ours)?, late(other)?]);
    }
    Ok(())
}

/// One death and the start after it.
fn late(service: &Service) -> Fallible<u128> {
    let instance = floor::instance()?;
    floor::watch(&instance, &c_path(&service.dir().join("supervise")))?;
    let names = Names::in_dir(service.dir());
    let deadline = Instant::now() + PATIENCE;
    let (mut up, mut died): (Option<UnixTime>, Option<UnixTime>) = (None, None);
    while Instant::now() < deadline {
        let status = status(&names)?;
        let since = status.since.ok_or("no time")?;
        match (status.phase, died) {
            (Phase::Up, Some(died)) => {
                let rest = died.elapsed(since).as_nanos();
                return Ok(rest.saturating_sub(1_000_000_000));
            }
            (Phase::Up, None) => up = Some(since),
            (Phase::Down, None) if up.is_some() => died = Some(since),
            _ => {}
        }
        floor::hear(&instance)?;
    }
    Err("it is not started again".into())
}

fn status(names: &Names) -> Fallible<Facts> {
    let (bytes, len) = floor::record_and_len(CWD, names)?;
    Ok(Record::from_bytes(Dialect::Runit, bytes.get(..len).unwrap_or(&bytes))?.facts())
}
