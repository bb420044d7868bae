//! Makes a plan so: the only file of this crate that writes.
//!
//! **A service directory that is new** is made under another name, complete and on disk, and renamed.
//!
//! **One that is there** may have a supervisor in it, which keeps the directory open, so it cannot be
//! exchanged for another. It is changed at one moment all the same:
//!
//! 1. In `.svbuild.work`, `old` gets what is there and `new` what is to be there; `current` is a link to
//!    `old`.
//! 2. Each entry that changes is replaced by a link to `.svbuild.work/current/…`. Whoever reads it reads
//!    what was there before. An entry that is to be made is a dangling link, hence absent.
//! 3. `current` is replaced by a link to `new`, by one rename. This is the moment.
//! 4. Each link is replaced by what it leads to, and `.svbuild.work` is removed.
//!
//! After a crash, whoever reads sees all of the old or all of the new. The next write does step 4 with
//! whatever `current` leads to, first of all. Files are on disk before a name leads to them, and names
//! before the next step relies on them.
//!
//! **A single file** is written under another name, and renamed.
//!
//! One limit: a look that has read a link of step 2 and has not yet come to what it leads to, while the
//! whole of step 4 is done, finds nothing. The system has no way to wait for such a look. It would have
//! to rest in the middle of one system call for as long as several `fsync` take.
//!
//! Only entries of the plan, and of the list of what was written before, are touched: `supervise`, logs
//! and files of others stay. No link is followed on the way to an entry. The directory itself and its
//! parents are trusted: a process that may write there can do all of this by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown, symlink},
    },
    path::{Component, Path, PathBuf},
};

use crate::{
    error::Error,
    plan::{Diff, Entry, File, MANIFEST, Manifest, Owner, Plan, Unit, WORK, disk},
};

/// One operation on the disk, told before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The verb, as in "cannot write".
    pub doing: &'static str,
    /// What it is done to.
    pub path: PathBuf,
}

/// What a write has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// What was different, and is not any more.
    pub diff: Diff,
    /// What was left of a write that did not come to its end, and was brought to one.
    pub recovered: Vec<PathBuf>,
}

/// Hears of each step; an error ends the write as if the step had failed.
type Observer<'a> = &'a mut dyn FnMut(&Step) -> io::Result<()>;

/// Directories of which every entry is read by one program at one time, so that they change as one.
const WHOLE: [&str; 3] = ["env", "control", "data"];

impl Plan {
    /// Makes it so, durably. A second time changes nothing.
    ///
    /// What somebody else changed is overwritten; [`Plan::diff`] tells beforehand.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`], [`Error::Busy`], [`Error::Io`]. Each unit is as it was or as it is to be;
    /// units before it in the plan may be done.
    pub fn write(&self, dir: &Path) -> Result<Written, Error> {
        self.write_observed(dir, &mut |_| Ok(()))
    }

    /// The same, telling each operation on the disk beforehand; for tests of what a crash leaves.
    ///
    /// # Errors
    ///
    /// As [`Plan::write`], and [`Error::Io`] with an error of the observer.
    pub fn write_observed(
        &self,
        dir: &Path,
        observer: &mut dyn FnMut(&Step) -> io::Result<()>,
    ) -> Result<Written, Error> {
        let mut disk = Disk { observer, owner: self.owner };
        if !dir.is_dir() {
            disk.make_dirs(dir)?;
        }
        let _alone = Alone::in_dir(dir)?;
        let mut written = Written::default();
        for name in self.units.keys().chain(&self.removals) {
            let place = dir.join(name);
            if disk.recover(&place)? {
                written.recovered.push(place);
            }
        }
        written.diff = self.diff(dir)?;
        for (name, unit) in &self.owned_units() {
            match unit {
                Unit::File(file) => disk.single(dir, name, Some(file))?,
                Unit::Directory(entries) => disk.directory(dir, name, entries)?,
            }
        }
        for name in &self.removals {
            disk.remove(dir, name)?;
        }
        Ok(written)
    }
}

/// Holds the lock on a directory, so that two writers do not meet.
struct Alone(fs::File);

impl Alone {
    fn in_dir(dir: &Path) -> Result<Self, Error> {
        let lock = fs::File::open(dir).map_err(Error::io("open", dir))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(lock)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Busy { path: dir.to_owned() }),
            Err(error) => Err(Error::io("lock", dir)(error.into())),
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // Not by closing: a child that another thread starts may have the descriptor for a moment.
        let _unlocked = rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock);
    }
}

struct Disk<'a> {
    observer: Observer<'a>,
    /// Of what is made.
    owner: Option<Owner>,
}

/// Operations, each told first and each with its path in its error.
impl Disk<'_> {
    fn step<T>(
        &mut self,
        doing: &'static str,
        path: &Path,
        operation: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, Error> {
        (self.observer)(&Step { doing, path: path.to_owned() })
            .and_then(|()| operation())
            .map_err(Error::io(doing, path))
    }

    fn make_dirs(&mut self, path: &Path) -> Result<(), Error> {
        self.step("make", path, || fs::create_dir_all(path))
    }

    fn make_dir(&mut self, path: &Path, mode: u32) -> Result<(), Error> {
        let owner = self.owner;
        self.step("make", path, || {
            fs::DirBuilder::new().mode(0o700).create(path)?;
            if let Some(owner) = owner {
                lchown(path, Some(owner.uid), Some(owner.gid))?;
            }
            // Whatever the umask is.
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
        })
    }

    fn make_file(&mut self, path: &Path, file: &File) -> Result<(), Error> {
        let owner = self.owner;
        self.step("write", path, || {
            use io::Write as _;
            let owner = file.owner.or(owner);
            // Private until it has its mode; it must not be there yet, not even as a link.
            let mut open = fs::OpenOptions::new();
            let mut there = open.write(true).create_new(true).mode(0o600).open(path)?;
            there.write_all(&file.bytes)?;
            if let Some(owner) = owner {
                fchown(&there, Some(owner.uid), Some(owner.gid))?;
            }
            there.set_permissions(fs::Permissions::from_mode(file.mode))?;
            there.sync_all()
        })
    }

    fn make_link(&mut self, path: &Path, to: &Path) -> Result<(), Error> {
        self.step("link", path, || symlink(to, path))
    }

    /// A second name of a file or a link.
    fn second_name(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        self.step("link", to, || fs::hard_link(from, to))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        self.step("rename", to, || fs::rename(from, to))
    }

    /// Two entries take each other's place, of whatever types they are.
    fn exchange(&mut self, here: &Path, there: &Path) -> Result<(), Error> {
        self.step("exchange", there, || exchange(here, there))
    }

    fn remove_file(&mut self, path: &Path) -> Result<(), Error> {
        self.step("remove", path, || ignore_missing(fs::remove_file(path)))
    }

    fn remove_tree(&mut self, path: &Path) -> Result<(), Error> {
        self.step("remove", path, || ignore_missing(fs::remove_dir_all(path)))
    }

    /// An empty one; one that is not empty stays.
    fn remove_empty(&mut self, path: &Path) -> Result<(), Error> {
        self.step("remove", path, || match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            result => ignore_missing(result),
        })
    }

    fn sync(&mut self, dir: &Path) -> Result<(), Error> {
        self.step("sync", dir, || fs::File::open(dir)?.sync_all())
    }

    /// Everything below a directory gets a second name, or a directory of its own.
    fn second_tree(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        let metadata = fs::symlink_metadata(from).map_err(Error::io("look at", from))?;
        if !metadata.is_dir() {
            return self.second_name(from, to);
        }
        self.make_dir(to, metadata.mode() & 0o7777)?;
        for name in names(from)? {
            self.second_tree(&from.join(&name), &to.join(&name))?;
        }
        self.step("own", to, || {
            let made = fs::symlink_metadata(to)?;
            if (made.uid(), made.gid()) == (metadata.uid(), metadata.gid()) {
                return Ok(());
            }
            lchown(to, Some(metadata.uid()), Some(metadata.gid()))
        })?;
        self.sync(to)
    }

    /// Entries in a directory that nobody reads yet.
    fn make_entries(&mut self, dir: &Path, entries: &BTreeMap<&Path, &Entry>) -> Result<(), Error> {
        let mut touched = BTreeSet::from([dir.to_owned()]);
        for (path, entry) in entries {
            let above: Vec<_> = path.ancestors().skip(1).collect();
            for above in above.into_iter().rev().filter(|it| !it.as_os_str().is_empty()) {
                let above = dir.join(above);
                if !is_there(&above)? {
                    self.make_dir(&above, 0o755)?;
                }
                touched.insert(above);
            }
            let path = dir.join(path);
            match entry {
                Entry::File(file) => self.make_file(&path, file)?,
                Entry::Link(to) => self.make_link(&path, to)?,
                Entry::Directory { mode } if is_there(&path)? => {
                    self.step("write", &path, || {
                        fs::set_permissions(&path, fs::Permissions::from_mode(*mode))
                    })?;
                }
                Entry::Directory { mode } => self.make_dir(&path, *mode)?,
            }
            if matches!(entry, Entry::Directory { .. }) {
                touched.insert(path);
            }
        }
        // From the deepest to the top.
        touched.iter().rev().try_for_each(|dir| self.sync(dir))
    }
}

/// The three kinds of units.
impl Disk<'_> {
    /// A file of its own, or its end, and its line in the list beside it.
    fn single(&mut self, dir: &Path, name: &str, file: Option<&File>) -> Result<(), Error> {
        let path = Path::new(name);
        let mut list = Manifest::parse(&disk::file_list(dir)?);
        let before = list.text();
        let old = disk::there(dir, path)?;
        if let Some(file) = file {
            let new = Entry::File(file.clone());
            if matches!(old, Some(Entry::Directory { .. })) {
                return Err(disk::wrong(&dir.join(name), "a file", "a directory"));
            }
            if !old.is_some_and(|old| disk::same(&old, &new)) {
                self.replace(dir, name, file)?;
            }
            list.0.extend(Manifest::of(&[(path.to_owned(), new)].into()).0);
        } else if list.0.remove(path).is_some() && old.is_some() {
            self.remove_file(&dir.join(name))?;
        }
        let text = if list.0.is_empty() { String::new() } else { list.text() };
        if text.is_empty() && before == Manifest::default().text() {
            return Ok(());
        }
        if before != text || !is_there(&dir.join(MANIFEST))? {
            self.replace(dir, MANIFEST, &File::new(0o644, text))?;
        }
        Ok(())
    }

    fn replace(&mut self, dir: &Path, name: &str, file: &File) -> Result<(), Error> {
        let fresh = dir.join(format!(".{name}.svbuild"));
        self.remove_file(&fresh)?;
        self.make_file(&fresh, file)?;
        self.rename(&fresh, &dir.join(name))?;
        self.sync(dir)
    }

    fn directory(
        &mut self,
        dir: &Path,
        name: &str,
        entries: &BTreeMap<PathBuf, Entry>,
    ) -> Result<(), Error> {
        // Private: from the hash of a short value, the value can be found by trying.
        let list = Entry::File(File::new(0o600, Manifest::of(entries).text()));
        let list_path = PathBuf::from(MANIFEST);
        let mut all: BTreeMap<&Path, &Entry> =
            entries.iter().map(|(path, entry)| (path.as_path(), entry)).collect();
        all.insert(&list_path, &list);
        let place = dir.join(name);
        if is_there(&place)? {
            return self.alter(&place, &all);
        }
        let fresh = dir.join(format!(".{name}.svbuild"));
        self.remove_tree(&fresh)?;
        self.make_dir(&fresh, 0o755)?;
        self.make_entries(&fresh, &all)?;
        self.rename(&fresh, &place)?;
        self.sync(dir)
    }

    fn remove(&mut self, dir: &Path, name: &str) -> Result<(), Error> {
        let place = dir.join(name);
        if !is_there(&place)? {
            return Ok(());
        }
        if !place.is_dir() {
            return self.single(dir, name, None);
        }
        self.alter(&place, &BTreeMap::new())?;
        self.remove_empty(&place)?;
        self.sync(dir)
    }

    /// A service directory that is there; the steps of the file's header.
    fn alter(&mut self, place: &Path, new: &BTreeMap<&Path, &Entry>) -> Result<(), Error> {
        let list = Manifest::parse(&disk::read_or_nothing(&place.join(MANIFEST))?);
        let own = Path::new(MANIFEST);
        let listed = list.0.keys().map(PathBuf::as_path).chain([own]);
        let keeps_log = keeps_log(place, &list, new)?;
        let mut slots: BTreeSet<PathBuf> = BTreeSet::new();
        for path in new.keys().copied().chain(listed) {
            let old = disk::there(place, path)?;
            let same = match (&old, new.get(path)) {
                (Some(old), Some(new)) => disk::same(old, new),
                (old, new) => old.is_none() && new.is_none(),
            };
            if !same {
                slots.insert(slot(place, path, keeps_log)?);
            }
        }
        if slots.is_empty() {
            return Ok(());
        }
        let work = place.join(WORK);
        self.make_dir(&work, 0o755)?;
        self.prepare(place, &work, &slots, &list, new)?;

        for slot in &slots {
            self.lead(place, &work, slot)?;
        }
        self.sync_all(place, &slots)?;

        self.make_link(&work.join("next"), Path::new("new"))?;
        self.rename(&work.join("next"), &work.join("current"))?;
        self.sync(&work)?;

        self.settle(place, &work)
    }

    /// `old`, `new` and `current` of the work directory.
    fn prepare(
        &mut self,
        place: &Path,
        work: &Path,
        slots: &BTreeSet<PathBuf>,
        list: &Manifest,
        entries: &BTreeMap<&Path, &Entry>,
    ) -> Result<(), Error> {
        let (old, new) = (work.join("old"), work.join("new"));
        self.make_dir(&old, 0o755)?;
        self.make_dir(&new, 0o755)?;
        for slot in slots {
            let there = place.join(slot);
            for tree in [&old, &new] {
                if let Some(above) = slot.parent().filter(|above| !above.as_os_str().is_empty()) {
                    if !is_there(&tree.join(above))? {
                        self.make_dir(&tree.join(above), 0o755)?;
                    }
                }
            }
            if is_there(&there)? {
                self.second_tree(&there, &old.join(slot))?;
            }
            // What others have put into a directory that changes as one.
            if there.is_dir() && !there.is_symlink() {
                for name in names(&there)? {
                    let path = slot.join(&name);
                    if !list.0.contains_key(&path) && !entries.contains_key(path.as_path()) {
                        if !is_there(&new.join(slot))? {
                            self.make_dir(&new.join(slot), 0o755)?;
                        }
                        self.second_tree(&there.join(&name), &new.join(&path))?;
                    }
                }
            }
        }
        let changed =
            entries.iter().filter(|(path, _)| slots.iter().any(|slot| path.starts_with(slot)));
        self.make_entries(&new, &changed.map(|(path, entry)| (*path, *entry)).collect())?;
        self.sync(&old)?;
        self.make_link(&work.join("current"), Path::new("old"))?;
        self.sync(work)?;
        self.sync(place)
    }

    /// An entry becomes a link into the work directory.
    fn lead(&mut self, place: &Path, work: &Path, slot: &Path) -> Result<(), Error> {
        let there = place.join(slot);
        let fresh = work.join("link");
        self.remove_any(&fresh)?;
        self.make_link(&fresh, &leads_to(slot))?;
        if there.is_dir() && !there.is_symlink() {
            self.exchange(&fresh, &there)?;
            return self.remove_any(&fresh);
        }
        self.rename(&fresh, &there)
    }

    fn remove_any(&mut self, path: &Path) -> Result<(), Error> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.remove_tree(path),
            Ok(_) => self.remove_file(path),
            Err(_) => Ok(()),
        }
    }

    /// Ends a change, or what is left of one: every link into the work directory becomes what it leads
    /// to.
    fn settle(&mut self, place: &Path, work: &Path) -> Result<(), Error> {
        let slots = leading(place)?;
        let current = work.join("current");
        for slot in &slots {
            let (from, there, fresh) = (current.join(slot), place.join(slot), work.join("fresh"));
            self.remove_any(&fresh)?;
            match fs::symlink_metadata(&from) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.remove_file(&there)?;
                }
                Err(error) => return Err(Error::io("look at", &from)(error)),
                Ok(metadata) => {
                    self.second_tree(&from, &fresh)?;
                    if metadata.is_dir() {
                        self.exchange(&fresh, &there)?;
                        self.remove_any(&fresh)?;
                    } else {
                        self.rename(&fresh, &there)?;
                    }
                }
            }
        }
        self.sync_all(place, &slots)?;
        // What a look may still be on its way to comes last.
        self.remove_tree(&work.join("old"))?;
        self.sync(work)?;
        self.remove_file(&current)?;
        self.remove_tree(work)?;
        self.sync(place)
    }

    fn sync_all(&mut self, place: &Path, slots: &BTreeSet<PathBuf>) -> Result<(), Error> {
        let above: BTreeSet<_> = slots.iter().filter_map(|slot| slot.parent()).collect();
        for above in above {
            self.sync(&place.join(above))?;
        }
        Ok(())
    }

    /// What a write that did not come to its end has left of a unit. Whether there was anything.
    fn recover(&mut self, place: &Path) -> Result<bool, Error> {
        let metadata = match fs::symlink_metadata(place) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io("look at", place)(error)),
        };
        let work = place.join(WORK);
        if !metadata.is_dir() || !is_there(&work)? {
            return Ok(false);
        }
        if is_there(&work.join("current"))? {
            self.settle(place, &work)?;
        } else {
            self.remove_tree(&work)?;
            self.sync(place)?;
        }
        Ok(true)
    }
}

/// Whether the logger's directory stays: it does if there is to be a logger, or if its supervisor or
/// others have something in it.
fn keeps_log(place: &Path, list: &Manifest, new: &BTreeMap<&Path, &Entry>) -> Result<bool, Error> {
    let log = Path::new("log");
    if new.keys().any(|path| path.starts_with(log)) {
        return Ok(true);
    }
    if !is_there(&place.join(log))? || !place.join(log).is_dir() {
        return Ok(false);
    }
    Ok(names(&place.join(log))?.iter().any(|name| !list.0.contains_key(&log.join(name))))
}

/// What changes as one with this entry: a directory that is read as a whole, a `log` that comes or
/// goes, else the entry.
fn slot(place: &Path, path: &Path, keeps_log: bool) -> Result<PathBuf, Error> {
    let Some(Component::Normal(first)) = path.components().next() else {
        return Ok(path.to_owned());
    };
    let whole = WHOLE.iter().any(|whole| whole.as_bytes() == first.as_bytes())
        || (first.as_bytes() == b"log" && !keeps_log);
    if whole || !is_there(&place.join(first))? {
        return Ok(first.into());
    }
    Ok(path.to_owned())
}

/// The link that stands for an entry, relative to where it stands.
fn leads_to(slot: &Path) -> PathBuf {
    let mut path: PathBuf = slot.components().skip(1).map(|_| Component::ParentDir).collect();
    path.extend([WORK, "current"]);
    path.join(slot)
}

/// The entries that are links into the work directory.
fn leading(place: &Path) -> Result<BTreeSet<PathBuf>, Error> {
    let mut slots = BTreeSet::new();
    for dir in ["", "log"] {
        let above = place.join(dir);
        if !fs::symlink_metadata(&above).is_ok_and(|metadata| metadata.is_dir()) {
            continue;
        }
        for name in names(&above)? {
            let slot = Path::new(dir).join(name);
            if fs::read_link(place.join(&slot)).is_ok_and(|to| to == leads_to(&slot)) {
                slots.insert(slot);
            }
        }
    }
    Ok(slots)
}

fn names(dir: &Path) -> Result<Vec<std::ffi::OsString>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::io("list", dir))?;
    let names: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.file_name())).collect();
    names.map_err(Error::io("list", dir))
}

fn is_there(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchange(here: &Path, there: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, here, CWD, there, RenameFlags::EXCHANGE).map_err(io::Error::from)
}

/// Without a system call for it: for a moment there is nothing.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchange(here: &Path, there: &Path) -> io::Result<()> {
    let aside = here.with_extension("aside");
    fs::rename(there, &aside)?;
    fs::rename(here, there)?;
    fs::rename(&aside, here)
}
