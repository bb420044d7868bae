//! The end of a change, step 4 of `write.rs`: of one that has come to it, and of one that a crash
//! has left. What a crash has left is on a disk to which others may have come since, so nothing is
//! taken for granted: the work directory and the two states are directories of the caller or of
//! root, `current` leads to one of the two, and an entry counts only if it is exactly the link that
//! stands for it.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{
    change::{parted, sub},
    disk::{Disk, vanished},
};
use crate::{
    error::Error,
    plan::{
        WORK,
        disk::{current, leads_to},
    },
    trusted_dir::{Kind, TrustedDir, wrong},
};

/// All that a write makes in the work directory, besides the states and `current`.
const PASSING: [&str; 4] = ["next", "link", "fresh", "aside"];

impl Disk<'_> {
    /// Ends a change, or what is left of one: every link into the work directory becomes what it
    /// leads to.
    pub(super) fn settle(
        &mut self,
        service_dir: &TrustedDir,
        work: &TrustedDir,
    ) -> Result<(), Error> {
        let slots = leading(service_dir)?;
        let state = match current(work)? {
            Some(state) => work.sub(state)?,
            None => None,
        };
        if let (None, Some(slot)) = (&state, slots.first()) {
            return Err(vanished(&work.path().join("current").join(slot)));
        }
        for slot in &slots {
            let Some(state) = &state else { break };
            self.settle_one(service_dir, work, state, slot)?;
        }
        self.sync_all(service_dir, &slots)?;
        // What a look may still be on its way to comes last.
        self.remove_any(work, "old")?;
        self.sync(work)?;
        self.clear(service_dir, work)
    }

    fn settle_one(
        &mut self,
        service_dir: &TrustedDir,
        work: &TrustedDir,
        state: &TrustedDir,
        slot: &Path,
    ) -> Result<(), Error> {
        let (above, name) = parted(slot);
        let fresh = OsStr::new("fresh");
        self.remove_any(work, fresh)?;
        let gone = || vanished(&service_dir.path().join(above));
        let at = sub(service_dir, above)?.ok_or_else(gone)?;
        let from = sub(state, above)?;
        let looked = from.as_ref().map(|from| from.look(name)).transpose()?.flatten();
        let (Some(from), Some(looked)) = (from, looked) else {
            return self.remove_file(&at, name);
        };
        self.second_tree((&from, name), (work, fresh))?;
        if looked.is_dir() {
            self.exchange((work, fresh), (&at, name))?;
            return self.remove_any(work, fresh);
        }
        self.rename((work, fresh), (&at, name))
    }

    /// Removes the work directory, to which no entry leads any more. What no write has put there
    /// stays, and is in the way.
    fn clear(&mut self, service_dir: &TrustedDir, work: &TrustedDir) -> Result<(), Error> {
        self.remove_file(work, "current")?;
        for name in ["old", "new"].into_iter().chain(PASSING) {
            self.remove_any(work, name)?;
        }
        if let Some(other) = work.names()?.first() {
            let path = work.path().join(other);
            let found = work.look(other)?.map_or(Kind::Other, |looked| looked.kind);
            return Err(wrong(&path, "anything that svbuild has made", found));
        }
        self.remove_any(service_dir, WORK)?;
        self.sync(service_dir)
    }

    /// What a write that did not come to its end has left of a unit. Whether there was anything.
    pub(super) fn recover(&mut self, dir: &TrustedDir, name: &str) -> Result<bool, Error> {
        if !dir.look(name)?.is_some_and(|looked| looked.is_dir()) {
            return Ok(false);
        }
        let Some(service_dir) = dir.sub(name)? else { return Ok(false) };
        if service_dir.look(WORK)?.is_none() {
            return Ok(false);
        }
        // Refuses what is no directory.
        let Some(work) = service_dir.sub(WORK)? else { return Ok(false) };
        match current(&work)? {
            Some(_) => self.settle(&service_dir, &work)?,
            None => self.clear(&service_dir, &work)?,
        }
        Ok(true)
    }
}

/// The entries that are links into the work directory.
fn leading(service_dir: &TrustedDir) -> Result<BTreeSet<PathBuf>, Error> {
    let mut slots = BTreeSet::new();
    for above in ["", "log"] {
        let above = Path::new(above);
        // `log` itself may be such a link.
        if !above.as_os_str().is_empty() && !service_dir.look(above)?.is_some_and(|it| it.is_dir())
        {
            continue;
        }
        let Some(at) = sub(service_dir, above)? else { continue };
        for name in at.names()? {
            let slot = above.join(&name);
            let is_link = at.look(&name)?.is_some_and(|looked| looked.kind == Kind::Link);
            if is_link && at.link(&name)? == leads_to(&slot) {
                slots.insert(slot);
            }
        }
    }
    Ok(slots)
}
