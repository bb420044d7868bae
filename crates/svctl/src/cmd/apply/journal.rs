//! The journal of a run on disk: a file of a plan as others are, so that it appears and goes at once, and only where
//! nobody else may write. And the lock, so that two runs do not meet.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use serde::{Deserialize, Serialize};
use svcmgr::build::{
    Error, Plan,
    plan::{File, PlanEntry, Unit},
};

use super::plan::Journal;
use crate::{args::Made, cmd::build::wire::Errand};

const NAME: &str = ".svctl-apply";
const LOCK: &str = ".svctl-apply.lock";

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    before: Errand,
    gone: Vec<String>,
    touched: BTreeSet<String>,
    anew: BTreeSet<String>,
    enabled: BTreeSet<String>,
    done: BTreeSet<String>,
}

/// That of a run that was killed.
///
/// # Errors
///
/// What stands in the way of a look; what is there and is no journal is none.
pub(super) fn find(out: &Path) -> Result<Option<Journal>, Error> {
    let there = Plan::default().without(NAME).diff(out)?;
    let old = there.changes.into_iter().find_map(|change| change.difference.old);
    let Some(PlanEntry::File(file)) = old else { return Ok(None) };
    Ok(serde_json::from_slice::<Kept>(&file.bytes).ok().map(Kept::into_journal))
}

/// Keeps it, durably.
///
/// # Errors
///
/// As a plan that is written.
pub(super) fn keep(out: &Path, journal: &Journal) -> Result<(), Error> {
    let made = Made { owner: None, diff: false, adopt: true, is_told: false };
    let kept = Kept {
        before: Errand::new(&journal.before, out, &made),
        gone: journal.before.removals.clone(),
        touched: journal.touched.clone(),
        anew: journal.anew.clone(),
        enabled: journal.enabled.clone(),
        done: journal.done.clone(),
    };
    let text = serde_json::to_vec(&kept).map_err(|error| Error::Io {
        doing: "write",
        path: out.join(NAME),
        source: error.into(),
    })?;
    // Files that only their owner may read are in it.
    Plan::default().with(NAME, Unit::File(File::new(0o600, text))).write(out).map(drop)
}

/// Takes it away.
///
/// # Errors
///
/// As a plan that is written.
pub(super) fn forget(out: &Path) -> Result<(), Error> {
    Plan::default().without(NAME).write(out).map(drop)
}

impl Kept {
    fn into_journal(self) -> Journal {
        let Self { before, gone, touched, anew, enabled, done } = self;
        let (before, _) = before.into_plan();
        let before = gone.into_iter().fold(before, Plan::without);
        Journal { before, touched, anew, enabled, done }
    }
}

/// Held as long as somebody is at work there.
pub(super) struct Lock {
    path: PathBuf,
    _held: Flock<fs::File>,
}

impl Lock {
    /// `None` where another has it. The directory was found to be one in which nobody else may write.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub(super) fn take(out: &Path) -> io::Result<Option<Self>> {
        fs::create_dir_all(out)?;
        let path = out.join(LOCK);
        let mut options = fs::File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.custom_flags(nix::libc::O_NOFOLLOW);
        loop {
            let held = match Flock::lock(options.open(&path)?, FlockArg::LockExclusiveNonblock) {
                Ok(held) => held,
                Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
                Err((_, errno)) => return Err(errno.into()),
            };
            // Whoever had it may have removed it just before.
            let identity = |it: fs::Metadata| (it.dev(), it.ino());
            let here = identity(held.metadata()?);
            let is_there = fs::symlink_metadata(&path).is_ok_and(|it| identity(it) == here);
            if is_there {
                return Ok(Some(Self { path, _held: held }));
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is held: afterwards it may be another's.
        let _left = fs::remove_file(&self.path);
    }
}
