//! Collecting the evidence that `svproto` judges: which files a service directory holds.

use nix::sys::stat::FileStat;
use svproto::{Dialect, Evidence, files};

use crate::{home::Home, node};

/// The dialect of the suite that ran last there; `None` if there was none yet, or if what it
/// left does not tell.
pub(crate) fn detect(home: &Home) -> Option<Dialect> {
    detect_by(home, node::stat(home.at(files::STATUS)).ok().flatten())
}

/// The same, where the status file was looked at already.
pub(crate) fn detect_by(home: &Home, status: Option<FileStat>) -> Option<Dialect> {
    detect_by_len(home, status.and_then(|stat| u64::try_from(stat.st_size).ok()))
}

/// The same, where the length of the status file is known, or that there is none.
pub(crate) fn detect_by_len(home: &Home, status_len: Option<u64>) -> Option<Dialect> {
    let exists = |name: &str| node::exists(&home.at(name));
    // As a rule the length and one file tell, and whatever else there is would not change that.
    let only = Evidence { status_len, ..Evidence::default() };
    let first = match status_len {
        Some(20) => Evidence { stat: exists(files::STAT), ..only },
        Some(18 | 40) => Evidence { ok: exists(files::OK), ..only },
        Some(35 | 43) => Evidence { event: exists(files::EVENT), ..only },
        _ => only,
    };
    if first.stat || first.ok || first.event {
        return first.dialect();
    }
    let all = Evidence {
        ok: exists(files::OK),
        stat: exists(files::STAT),
        death_tally: exists(files::DEATH_TALLY),
        event: exists(files::EVENT),
        status_len,
    };
    all.dialect()
}
