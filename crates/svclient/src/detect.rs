//! Collecting the evidence that `svproto` judges: which files a service directory holds.

use nix::sys::stat::FileStat;
use svproto::{Dialect, Evidence, UnixTime, files};

use crate::{handle::Handle, node};

/// The dialect of the suite that ran last there; `None` if there was none yet, or if what it
/// left does not tell.
pub(crate) fn detect(handle: &Handle) -> Option<Dialect> {
    detect_by(handle, node::stat(handle.at(files::STATUS)).ok().flatten())
}

/// The same, where the status file was looked at already.
pub(crate) fn detect_by(handle: &Handle, status: Option<FileStat>) -> Option<Dialect> {
    let exists = |name: &str| node::exists(&handle.at(name));
    let status_len = status.and_then(|stat| u64::try_from(stat.st_size).ok());
    // As a rule the length and one file tell, and whatever else there is would not change that.
    let only = Evidence { status_len, ..Evidence::default() };
    let first = match status_len {
        Some(20) => Evidence { stat: of_this_record(handle, status), ..only },
        Some(18 | 40) => Evidence { ok: exists(files::OK), ..only },
        Some(35 | 43) => Evidence { event: exists(files::EVENT), ..only },
        _ => only,
    };
    if first.stat || first.ok || first.event {
        return first.dialect();
    }
    let all = Evidence {
        ok: exists(files::OK),
        stat: first.stat || status_len != Some(20) && exists(files::STAT),
        death_tally: exists(files::DEATH_TALLY),
        event: exists(files::EVENT),
        status_len,
    };
    all.dialect()
}

/// Whether `supervise/stat` is of whoever wrote the record. runsv writes one after the other;
/// encore, which has a record of the same length, leaves a `stat` of runsv's as it is.
fn of_this_record(handle: &Handle, status: Option<FileStat>) -> bool {
    let Some(stat) = node::stat(handle.at(files::STAT)).ok().flatten() else { return false };
    let secs = |stat: &FileStat| node::changed(stat).map(UnixTime::secs);
    let after = status.map(|status| Some(secs(&status)?.saturating_sub(secs(&stat)?)));
    if after.is_none_or(|after| after.is_some_and(|after| after <= ONE_AFTER_THE_OTHER)) {
        return true;
    }
    // Runsv's own bytes decide against its clock, which somebody may have put forward.
    let record = node::read_record(&handle.at(files::STATUS)).ok().flatten();
    record.and_then(|record| Dialect::of_record(record.as_slice())) == Some(Dialect::Runit)
}

/// In seconds; a moment, on a machine that is very busy.
const ONE_AFTER_THE_OTHER: i64 = 2;
