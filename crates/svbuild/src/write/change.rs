//! A service directory that is there: the steps 1 to 3 of `write.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use super::disk::{Disk, vanished};
use crate::{
    error::Error,
    plan::{
        MANIFEST, Manifest, PlanEntry, WORK,
        disk::{Seen, leads_to, same},
    },
    trusted_dir::TrustedDir,
};

/// Directories of which every entry is read by one program at one time, so that they change as one.
const WHOLE: [&str; 3] = ["env", "control", "data"];

impl Disk<'_> {
    pub(super) fn alter(
        &mut self,
        service_dir: &TrustedDir,
        new: &BTreeMap<&Path, &PlanEntry>,
    ) -> Result<(), Error> {
        let seen = Seen::of(service_dir)?;
        let list = seen.manifest()?;
        let own = Path::new(MANIFEST);
        let listed = list.0.keys().map(PathBuf::as_path).chain([own]);
        let keeps_log = keeps_log(service_dir, &list, new)?;
        let mut slots: BTreeSet<PathBuf> = BTreeSet::new();
        for path in new.keys().copied().chain(listed) {
            let old = seen.entry(path)?;
            let is_same = match (&old, new.get(path)) {
                (Some(old), Some(new)) => same(old, new, service_dir.caller()),
                (old, new) => old.is_none() && new.is_none(),
            };
            if !is_same {
                slots.insert(slot(service_dir, path, keeps_log)?);
            }
        }
        if slots.is_empty() {
            return Ok(());
        }
        let work = self.make_dir(service_dir, WORK, 0o755)?;
        self.prepare(service_dir, &work, &slots, &list, new)?;

        for slot in &slots {
            self.lead(service_dir, &work, slot)?;
        }
        self.sync_all(service_dir, &slots)?;

        self.make_link(&work, "next", Path::new("new"))?;
        self.rename((&work, OsStr::new("next")), (&work, OsStr::new("current")))?;
        self.sync(&work)?;

        self.settle(service_dir, &work)
    }

    /// `old`, `new` and `current` of the work directory.
    fn prepare(
        &mut self,
        service_dir: &TrustedDir,
        work: &TrustedDir,
        slots: &BTreeSet<PathBuf>,
        list: &Manifest,
        entries: &BTreeMap<&Path, &PlanEntry>,
    ) -> Result<(), Error> {
        let old = self.make_dir(work, "old", 0o755)?;
        let new = self.make_dir(work, "new", 0o755)?;
        for slot in slots {
            let (above, name) = parted(slot);
            // `new` has it in any case, so that a reader finds the same way in both.
            let in_old = self.below(&old, above)?;
            let in_new = self.below(&new, above)?;
            let Some(at) = sub(service_dir, above)? else { continue };
            let Some(looked) = at.look(name)? else { continue };
            self.second_tree((&at, name), (&in_old, name))?;
            if looked.is_dir() {
                self.keep_foreign(&at, &in_new, slot, list, entries)?;
            }
        }
        let changed =
            entries.iter().filter(|(path, _)| slots.iter().any(|slot| path.starts_with(slot)));
        self.make_entries(&new, &changed.map(|(path, entry)| (*path, *entry)).collect())?;
        self.sync(&old)?;
        self.make_link(work, "current", Path::new("old"))?;
        self.sync(work)?;
        self.sync(service_dir)
    }

    /// What others have put into a directory that changes as one.
    fn keep_foreign(
        &mut self,
        at: &TrustedDir,
        in_new: &TrustedDir,
        slot: &Path,
        list: &Manifest,
        entries: &BTreeMap<&Path, &PlanEntry>,
    ) -> Result<(), Error> {
        let (_, name) = parted(slot);
        let path = at.path().join(name);
        let from = at.sub(name)?.ok_or_else(|| vanished(&path))?;
        for name in from.names()? {
            let path = slot.join(&name);
            if list.0.contains_key(&path) || entries.contains_key(path.as_path()) {
                continue;
            }
            let (_, slot_name) = parted(slot);
            let to = match in_new.sub(slot_name)? {
                Some(to) => to,
                None => self.make_dir(in_new, slot_name, 0o755)?,
            };
            self.second_tree((&from, &name), (&to, &name))?;
        }
        Ok(())
    }

    /// A directory below another, which is made if it is missing.
    fn below(&mut self, tree: &TrustedDir, path: &Path) -> Result<TrustedDir, Error> {
        let mut made = BTreeMap::new();
        self.make_above(tree, path, &mut made)?;
        match made.remove(path) {
            Some(dir) => Ok(dir),
            None => tree.again(),
        }
    }

    /// An entry becomes a link into the work directory.
    fn lead(
        &mut self,
        service_dir: &TrustedDir,
        work: &TrustedDir,
        slot: &Path,
    ) -> Result<(), Error> {
        let (above, name) = parted(slot);
        let path = service_dir.path().join(above);
        let at = sub(service_dir, above)?.ok_or_else(|| vanished(&path))?;
        let fresh = OsStr::new("link");
        self.remove_any(work, fresh)?;
        self.make_link(work, fresh, &leads_to(slot))?;
        if at.look(name)?.is_some_and(|looked| looked.is_dir()) {
            self.exchange((work, fresh), (&at, name))?;
            return self.remove_any(work, fresh);
        }
        self.rename((work, fresh), (&at, name))
    }

    pub(super) fn sync_all(
        &mut self,
        service_dir: &TrustedDir,
        slots: &BTreeSet<PathBuf>,
    ) -> Result<(), Error> {
        let above: BTreeSet<_> = slots.iter().map(|slot| parted(slot).0).collect();
        for above in above {
            if let Some(dir) = sub(service_dir, above)? {
                self.sync(&dir)?;
            }
        }
        Ok(())
    }
}

/// Whether the logger's directory stays: it does if there is to be a logger, or if its supervisor
/// or others have something in it.
fn keeps_log(
    service_dir: &TrustedDir,
    list: &Manifest,
    new: &BTreeMap<&Path, &PlanEntry>,
) -> Result<bool, Error> {
    let log = Path::new("log");
    if new.keys().any(|path| path.starts_with(log)) {
        return Ok(true);
    }
    if !service_dir.look(log)?.is_some_and(|looked| looked.is_dir()) {
        return Ok(false);
    }
    let Some(dir) = service_dir.sub(log)? else { return Ok(false) };
    Ok(dir.names()?.iter().any(|name| !list.0.contains_key(&log.join(name))))
}

/// What changes as one with this entry: a directory that is read as a whole, a `log` that comes or
/// goes, else the entry.
fn slot(service_dir: &TrustedDir, path: &Path, keeps_log: bool) -> Result<PathBuf, Error> {
    let Some(Component::Normal(first)) = path.components().next() else {
        return Ok(path.to_owned());
    };
    let whole = WHOLE.iter().any(|whole| whole.as_bytes() == first.as_bytes())
        || (first.as_bytes() == b"log" && !keeps_log);
    if whole || service_dir.look(first)?.is_none() {
        return Ok(first.into());
    }
    Ok(path.to_owned())
}

/// Where a slot is, and its name there.
pub(super) fn parted(slot: &Path) -> (&Path, &OsStr) {
    (slot.parent().unwrap_or(Path::new("")), slot.file_name().unwrap_or_default())
}

/// A directory below another; `None` if there is none.
pub(super) fn sub(service_dir: &TrustedDir, path: &Path) -> Result<Option<TrustedDir>, Error> {
    let mut here = service_dir.again()?;
    for part in path.components() {
        match here.sub(part)? {
            Some(next) => here = next,
            None => return Ok(None),
        }
    }
    Ok(Some(here))
}
