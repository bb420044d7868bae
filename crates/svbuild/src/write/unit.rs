//! The three kinds of units: a single file, a service directory, and one that is to be gone.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::disk::Disk;
use crate::{
    error::Error,
    plan::{File, MANIFEST, Manifest, PlanEntry, Unit, disk},
    trusted_dir::{Kind, TrustedDir, wrong},
};

impl Disk<'_> {
    pub(super) fn unit(&mut self, dir: &TrustedDir, name: &str, unit: &Unit) -> Result<(), Error> {
        match unit {
            Unit::File(file) => self.single(dir, name, Some(file)),
            Unit::Directory(entries) => self.directory(dir, name, entries),
        }
    }

    pub(super) fn remove(&mut self, dir: &TrustedDir, name: &str) -> Result<(), Error> {
        match dir.look(name)? {
            None => Ok(()),
            Some(looked) if looked.is_dir() => {
                let Some(service_dir) = dir.sub(name)? else { return Ok(()) };
                self.alter(&service_dir, &BTreeMap::new())?;
                self.remove_empty(dir, name)?;
                self.sync(dir)
            }
            Some(_) => self.single(dir, name, None),
        }
    }

    /// A file of its own, or its end, and its line in the list beside it.
    fn single(&mut self, dir: &TrustedDir, name: &str, file: Option<&File>) -> Result<(), Error> {
        let path = Path::new(name);
        let mut list = disk::file_list(dir)?;
        let before = list.text();
        let looked = dir.look(name)?;
        if let Some(file) = file {
            let old = looked.map(|looked| disk::entry(dir, path.as_os_str(), &looked));
            let old = old.transpose()?;
            let new = PlanEntry::File(file.clone());
            if matches!(old, Some(PlanEntry::Directory { .. })) {
                return Err(wrong(&dir.path().join(name), "a file", Kind::Directory));
            }
            if !old.is_some_and(|old| disk::same(&old, &new, dir.caller())) {
                self.replace(dir, name, file)?;
            }
            list.0.extend(Manifest::of(&[(path.to_owned(), new)].into()).0);
        } else if list.0.remove(path).is_some() && looked.is_some() {
            self.remove_file(dir, name)?;
        }
        let text = if list.0.is_empty() { String::new() } else { list.text() };
        if text.is_empty() && before == Manifest::default().text() {
            return Ok(());
        }
        if before != text || dir.look(MANIFEST)?.is_none() {
            self.replace(dir, MANIFEST, &File::new(0o644, text))?;
        }
        Ok(())
    }

    fn replace(&mut self, dir: &TrustedDir, name: &str, file: &File) -> Result<(), Error> {
        let fresh = fresh(name);
        let fresh = OsStr::new(&fresh);
        self.remove_file(dir, fresh)?;
        self.make_file(dir, fresh, file)?;
        self.rename((dir, fresh), (dir, OsStr::new(name)))?;
        self.sync(dir)
    }

    fn directory(
        &mut self,
        dir: &TrustedDir,
        name: &str,
        entries: &BTreeMap<PathBuf, PlanEntry>,
    ) -> Result<(), Error> {
        // Private: from the hash of a short value, the value can be found by trying.
        let list = PlanEntry::File(File::new(0o600, Manifest::of(entries).text()));
        let list_path = PathBuf::from(MANIFEST);
        let mut all: BTreeMap<&Path, &PlanEntry> =
            entries.iter().map(|(path, entry)| (path.as_path(), entry)).collect();
        all.insert(&list_path, &list);
        if let Some(service_dir) = disk::unit_is_usable(dir, name)? {
            return self.alter(&service_dir, &all);
        }
        let fresh = fresh(name);
        let fresh = OsStr::new(&fresh);
        self.remove_any(dir, fresh)?;
        let made = self.make_dir(dir, fresh, 0o755)?;
        self.make_entries(&made, &all)?;
        self.rename((dir, fresh), (dir, OsStr::new(name)))?;
        self.sync(dir)
    }

    /// Entries in a directory that nobody reads yet.
    pub(super) fn make_entries(
        &mut self,
        dir: &TrustedDir,
        entries: &BTreeMap<&Path, &PlanEntry>,
    ) -> Result<(), Error> {
        // An entry is after what it is in, so a directory is on disk after what is in it.
        let mut made: BTreeMap<PathBuf, TrustedDir> = BTreeMap::new();
        for (path, entry) in entries {
            let name = path.file_name().unwrap_or_default();
            let above = path.parent().unwrap_or(Path::new(""));
            self.make_above(dir, above, &mut made)?;
            let at = made.get(above).unwrap_or(dir);
            match entry {
                PlanEntry::File(file) => self.make_file(at, name, file)?,
                PlanEntry::Link(to) => self.make_link(at, name, to)?,
                PlanEntry::Directory { mode } => {
                    let below = match at.sub(name)? {
                        Some(below) => {
                            self.set_mode(&below, *mode)?;
                            below
                        }
                        None => self.make_dir(at, name, *mode)?,
                    };
                    made.insert((*path).to_owned(), below);
                }
            }
        }
        // From the deepest to the top.
        made.values().rev().try_for_each(|dir| self.sync(dir))?;
        self.sync(dir)
    }

    /// The directories on the way to an entry.
    pub(super) fn make_above(
        &mut self,
        dir: &TrustedDir,
        above: &Path,
        made: &mut BTreeMap<PathBuf, TrustedDir>,
    ) -> Result<(), Error> {
        let mut way: Vec<_> = above.ancestors().collect();
        way.reverse();
        for above in way.into_iter().filter(|it| !it.as_os_str().is_empty()) {
            if made.contains_key(above) {
                continue;
            }
            let name = above.file_name().unwrap_or_default();
            let at = above.parent().and_then(|parent| made.get(parent)).unwrap_or(dir);
            let below = match at.sub(name)? {
                Some(below) => below,
                None => self.make_dir(at, name, 0o755)?,
            };
            made.insert(above.to_owned(), below);
        }
        Ok(())
    }
}

/// Under which name something is made before it gets its own.
fn fresh(name: &str) -> String {
    format!(".{name}.svbuild")
}
