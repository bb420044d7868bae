//! What a plan would change on disk, and what of that somebody else made.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{
    File, Manifest, Plan, PlanEntry, Unit, lines, printable,
    seen::{Seen, file_list, same},
};
use crate::{
    error::Error,
    trusted_dir::{Caller, TrustedDir, wrong},
};

/// Everything that a plan would change below a directory, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diff {
    /// The changes, in order.
    pub changes: Vec<Change>,
}

/// One path that would change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The path below the directory.
    pub path: PathBuf,
    /// What would be done.
    pub what: ChangeKind,
    /// Somebody else made or changed what would be lost.
    pub foreign: bool,
    /// The old and the new, for `Display`.
    pub difference: Difference,
}

/// What would be done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is made.
    Make,
    /// It is changed.
    Alter,
    /// It is removed.
    Remove,
}

svproto::words!(ChangeKind, "kind of change":
    Make "make",
    Alter "alter",
    Remove "remove",
);

/// The old and the new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// What is there.
    pub old: Option<PlanEntry>,
    /// What is to be there.
    pub new: Option<PlanEntry>,
}

impl Diff {
    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What would be lost that somebody else made or changed.
    pub fn foreign(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.foreign)
    }
}

impl Plan {
    /// Compares with what is below `dir`. Nothing is written. What no plan wrote and this one does
    /// not write either is not looked at. Where a write did not come to its end, this is what it
    /// left to be seen, which the next one ends.
    ///
    /// ```
    /// use svbuild::{Definitions, Options, Service, Target};
    ///
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path();
    /// let definitions = Definitions::default().with("web", Service::new(["server"]));
    /// let plan = definitions.render(Target::S6, Options::new())?;
    /// for change in &plan.diff(dir)?.changes {
    ///     println!("{}", change.path.display());
    /// }
    /// # Ok::<(), svbuild::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Untrusted`] as [`Plan::write`]; [`Error::WrongType`] where a file or a link has the
    /// place of a directory, or the reverse; [`Error::TooLarge`], [`Error::OutsideName`],
    /// [`Error::Io`].
    pub fn diff(&self, dir: &Path) -> Result<Diff, Error> {
        self.check_names()?;
        let walked = TrustedDir::walk(dir)?;
        let place = Some(&walked.place).filter(|_| walked.missing.is_empty());
        self.compared(place)
    }

    /// The same in a directory that is open; `None` if there is none yet.
    pub(crate) fn compared(&self, dir: Option<&TrustedDir>) -> Result<Diff, Error> {
        let mut changes = Vec::new();
        for (name, unit) in &self.units {
            match unit {
                Unit::File(file) => {
                    let new =
                        BTreeMap::from([(PathBuf::from(name), PlanEntry::File(file.clone()))]);
                    let single = dir.map(Single);
                    let list = dir.map(file_list).transpose()?.unwrap_or_default();
                    let none = BTreeSet::new();
                    compare(single.as_ref(), Path::new(""), &new, &list, &none, &mut changes)?;
                }
                Unit::Directory(entries) => {
                    let place = dir.map(|dir| unit_is_usable(dir, name)).transpose()?.flatten();
                    let seen = place.as_ref().map(Seen::of).transpose()?;
                    let list = seen.as_ref().map(Seen::manifest).transpose()?.unwrap_or_default();
                    let gone = list.0.keys().filter(|path| !entries.contains_key(*path)).cloned();
                    let gone = gone.collect();
                    compare(seen.as_ref(), Path::new(name), entries, &list, &gone, &mut changes)?;
                }
            }
        }
        for name in &self.removals {
            if let Some(dir) = dir {
                removal(dir, name, &mut changes)?;
            }
        }
        Ok(Diff { changes })
    }
}

/// The directory of a unit; `None` if there is none yet.
pub(crate) fn unit_is_usable(dir: &TrustedDir, name: &str) -> Result<Option<TrustedDir>, Error> {
    match dir.look(name)? {
        None => Ok(None),
        Some(looked) if looked.is_dir() => dir.sub(name),
        Some(looked) => Err(wrong(&dir.path().join(name), "a directory", looked.kind)),
    }
}

/// Where entries are found.
trait Entries {
    fn entry(&self, path: &Path) -> Result<Option<PlanEntry>, Error>;
    fn caller(&self) -> Caller;
}

impl Entries for Seen<'_> {
    fn entry(&self, path: &Path) -> Result<Option<PlanEntry>, Error> {
        Seen::entry(self, path)
    }

    fn caller(&self) -> Caller {
        Seen::caller(self)
    }
}

/// A directory of single files.
struct Single<'a>(&'a TrustedDir);

impl Entries for Single<'_> {
    fn entry(&self, path: &Path) -> Result<Option<PlanEntry>, Error> {
        let Some(looked) = self.0.look(path)? else { return Ok(None) };
        super::seen::entry(self.0, path.as_os_str(), &looked).map(Some)
    }

    fn caller(&self) -> Caller {
        self.0.caller()
    }
}

fn removal(dir: &TrustedDir, name: &str, changes: &mut Vec<Change>) -> Result<(), Error> {
    let Some(looked) = dir.look(name)? else { return Ok(()) };
    if looked.is_dir() {
        let Some(place) = dir.sub(name)? else { return Ok(()) };
        let seen = Seen::of(&place)?;
        let list = seen.manifest()?;
        let gone = list.0.keys().cloned().collect();
        return compare(Some(&seen), Path::new(name), &BTreeMap::new(), &list, &gone, changes);
    }
    let list = file_list(dir)?;
    let gone = list.0.keys().filter(|path| *path == Path::new(name)).cloned().collect();
    compare(Some(&Single(dir)), Path::new(""), &BTreeMap::new(), &list, &gone, changes)
}

fn compare(
    entries: Option<&impl Entries>,
    shown: &Path,
    new: &BTreeMap<PathBuf, PlanEntry>,
    list: &Manifest,
    gone: &BTreeSet<PathBuf>,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let there = |path: &Path| entries.map(|it| it.entry(path)).transpose().map(Option::flatten);
    let is_same =
        |old: &PlanEntry, new: &PlanEntry| entries.is_some_and(|it| same(old, new, it.caller()));
    let mut found: Vec<Change> = Vec::new();
    for (path, entry) in new {
        let old = there(path)?;
        if old.as_ref().is_some_and(|old| is_same(old, entry)) {
            continue;
        }
        // What is all the same, and differs nevertheless, belongs to somebody else.
        let foreign = old
            .as_ref()
            .is_some_and(|old| list.wrote(path, old) != Some(true) || Manifest::alike(old, entry));
        let what = if old.is_some() { ChangeKind::Alter } else { ChangeKind::Make };
        let difference = Difference { old, new: Some(entry.clone()) };
        found.push(Change { path: shown.join(path), what, foreign, difference });
    }
    for path in gone {
        let Some(old) = there(path)? else { continue };
        let foreign = list.wrote(path, &old) != Some(true);
        let difference = Difference { old: Some(old), new: None };
        found.push(Change {
            path: shown.join(path),
            what: ChangeKind::Remove,
            foreign,
            difference,
        });
    }
    found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    changes.append(&mut found);
    Ok(())
}

/// Lines with `+` and `-`, as `diff -u` writes them, without context.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            let what = match change.what {
                ChangeKind::Make => "new",
                ChangeKind::Alter => "changed",
                ChangeKind::Remove => "removed",
            };
            let foreign = if change.foreign { ", which somebody else made or changed" } else { "" };
            writeln!(f, "{what}: {}{foreign}", printable(change.path.as_os_str().as_bytes()))?;
            let Difference { old, new } = &change.difference;
            let is_only_owned = match (old, new) {
                (Some(old), Some(new)) => Manifest::alike(old, new),
                _ => false,
            };
            let shown = |entry: &PlanEntry| shown(entry, is_only_owned);
            let (old, new) = (old.as_ref().map(shown), new.as_ref().map(shown));
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            // What is the same at both ends is left out.
            let same = |(a, b): &(&String, &String)| a == b;
            let head = old.iter().zip(&new).take_while(same).count();
            let rest = old.len().min(new.len()) - head;
            let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(same).count();
            let middle =
                |text: &[String]| text.get(head..text.len() - tail).unwrap_or_default().to_vec();
            for line in middle(&old) {
                writeln!(f, "-{line}")?;
            }
            for line in middle(&new) {
                writeln!(f, "+{line}")?;
            }
        }
        Ok(())
    }
}

fn shown(entry: &PlanEntry, is_only_owned: bool) -> Vec<String> {
    match entry {
        PlanEntry::File(File { owner: Some(owner), .. }) if is_only_owned => {
            vec![format!("(owner {}:{})", owner.uid, owner.gid)]
        }
        PlanEntry::File(_) if is_only_owned => vec!["(owner: whoever builds)".to_owned()],
        PlanEntry::File(file) => {
            let mut text = vec![format!("(mode {:04o})", file.mode)];
            text.extend(lines(&file.bytes));
            text
        }
        PlanEntry::Link(to) => vec![format!("(link to {})", printable(to.as_os_str().as_bytes()))],
        PlanEntry::Directory { mode } => vec![format!("(directory, mode {mode:04o})")],
    }
}
