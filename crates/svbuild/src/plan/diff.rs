//! What a plan would change on disk, and what of that somebody else made.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{Entry, File, MANIFEST, Manifest, Owner, Plan, Unit, lines};
use crate::error::Error;

/// Everything that a plan would change below a directory, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// The changes, in order.
    pub changes: Vec<Change>,
}

/// One path that would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path below the directory.
    pub path: PathBuf,
    /// What would be done.
    pub what: What,
    /// Somebody else made or changed what would be lost.
    pub foreign: bool,
    /// The old and the new, for `Display`.
    pub difference: Difference,
}

/// What would be done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It is made.
    Make,
    /// It is changed.
    Alter,
    /// It is removed.
    Remove,
}

/// The old and the new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What is there.
    pub old: Option<Entry>,
    /// What is to be there.
    pub new: Option<Entry>,
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
    /// Compares with what is below `dir`. Nothing is written. What no plan wrote and this one does not
    /// write either is not looked at.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] where a file or a link has the place of a directory, or the reverse;
    /// [`Error::Io`].
    pub fn diff(&self, dir: &Path) -> Result<Diff, Error> {
        let mut changes = Vec::new();
        for (name, unit) in &self.owned_units() {
            match unit {
                Unit::File(file) => {
                    let list = Manifest::parse(&file_list(dir)?);
                    let new = BTreeMap::from([(PathBuf::from(name), Entry::File(file.clone()))]);
                    compare(dir, Path::new(""), &new, &list, &BTreeSet::new(), &mut changes)?;
                }
                Unit::Directory(entries) => {
                    let place = dir.join(name);
                    is_directory_or_nothing(&place)?;
                    let list = Manifest::parse(&read_or_nothing(&place.join(MANIFEST))?);
                    let gone = list.0.keys().filter(|path| !entries.contains_key(*path)).cloned();
                    compare(
                        &place,
                        Path::new(name),
                        entries,
                        &list,
                        &gone.collect(),
                        &mut changes,
                    )?;
                }
            }
        }
        for name in &self.removals {
            removal(dir, name, &mut changes)?;
        }
        Ok(Diff { changes })
    }
}

/// The list of single files lies beside them.
pub(crate) fn file_list(dir: &Path) -> Result<Vec<u8>, Error> {
    read_or_nothing(&dir.join(MANIFEST))
}

fn removal(dir: &Path, name: &str, changes: &mut Vec<Change>) -> Result<(), Error> {
    let place = dir.join(name);
    match fs::symlink_metadata(&place) {
        Ok(metadata) if metadata.is_dir() => {
            let list = Manifest::parse(&read_or_nothing(&place.join(MANIFEST))?);
            let gone = list.0.keys().cloned().collect();
            compare(&place, Path::new(name), &BTreeMap::new(), &list, &gone, changes)
        }
        Ok(_) => {
            let list = Manifest::parse(&file_list(dir)?);
            let gone = list.0.keys().filter(|path| *path == Path::new(name)).cloned().collect();
            compare(dir, Path::new(""), &BTreeMap::new(), &list, &gone, changes)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("look at", &place)(error)),
    }
}

fn compare(
    place: &Path,
    shown: &Path,
    new: &BTreeMap<PathBuf, Entry>,
    list: &Manifest,
    gone: &BTreeSet<PathBuf>,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let mut found: Vec<Change> = Vec::new();
    for (path, entry) in new {
        let old = there(place, path)?;
        if old.as_ref().is_some_and(|old| same(old, entry)) {
            continue;
        }
        let foreign = old.as_ref().is_some_and(|old| list.wrote(path, old) != Some(true));
        let what = if old.is_some() { What::Alter } else { What::Make };
        let difference = Difference { old, new: Some(entry.clone()) };
        found.push(Change { path: shown.join(path), what, foreign, difference });
    }
    for path in gone {
        let Some(old) = there(place, path)? else { continue };
        let foreign = list.wrote(path, &old) != Some(true);
        let difference = Difference { old: Some(old), new: None };
        found.push(Change { path: shown.join(path), what: What::Remove, foreign, difference });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    changes.append(&mut found);
    Ok(())
}

/// Whether what is there is what is to be there. An owner counts only where one is asked for.
pub(crate) fn same(old: &Entry, new: &Entry) -> bool {
    match (old, new) {
        (Entry::File(old), Entry::File(new)) => {
            let owner = new.owner.is_none() || new.owner == old.owner;
            old.bytes == new.bytes && old.mode == new.mode && owner
        }
        _ => old == new,
    }
}

/// What is at a path below a service directory. No link is followed, neither at the end nor on the
/// way, but for the one that a change in progress has made.
pub(crate) fn there(place: &Path, path: &Path) -> Result<Option<Entry>, Error> {
    for above in path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
        is_directory_or_nothing(&place.join(above))?;
    }
    let full = place.join(path);
    let metadata = match fs::symlink_metadata(&full) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("look at", &full)(error)),
    };
    let mode = metadata.permissions().mode() & 0o7777;
    let owner = Some(Owner { uid: metadata.uid(), gid: metadata.gid() });
    let entry = if metadata.is_symlink() {
        Entry::Link(fs::read_link(&full).map_err(Error::io("read", &full))?)
    } else if metadata.is_dir() {
        Entry::Directory { mode }
    } else if metadata.is_file() {
        let bytes = fs::read(&full).map_err(Error::io("read", &full))?;
        Entry::File(File { bytes, mode, owner })
    } else {
        return Err(wrong(&full, "a file", "neither file, directory nor link"));
    };
    Ok(Some(entry))
}

fn is_directory_or_nothing(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(metadata) if metadata.is_symlink() => Err(wrong(path, "a directory", "a symbolic link")),
        Ok(_) => Err(wrong(path, "a directory", "something else")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

pub(crate) fn wrong(path: &Path, expected: &'static str, found: &'static str) -> Error {
    Error::WrongType { path: path.to_owned(), expected, found }
}

pub(crate) fn read_or_nothing(path: &Path) -> Result<Vec<u8>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Lines with `+` and `-`, as `diff -u` writes them, without context.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            let what = match change.what {
                What::Make => "new",
                What::Alter => "changed",
                What::Remove => "removed",
            };
            let foreign = if change.foreign { ", which somebody else made or changed" } else { "" };
            writeln!(f, "{what}: {}{foreign}", change.path.display())?;
            let Difference { old, new } = &change.difference;
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

fn shown(entry: &Entry) -> Vec<String> {
    match entry {
        Entry::File(file) => {
            let mut text = vec![format!("(mode {:04o})", file.mode)];
            text.extend(lines(&file.bytes));
            text
        }
        Entry::Link(to) => vec![format!("(link to {})", to.display())],
        Entry::Directory { mode } => vec![format!("(directory, mode {mode:04o})")],
    }
}
