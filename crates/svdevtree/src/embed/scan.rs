//! Following a scan directory, as `runsvdir` does, but at once: inotify tells of every change.
//!
//! A service is what a name leads to (device and inode), so two names for a directory are one
//! service and a new name changes nothing. Names with a dot in front and what is no directory are
//! left alone. A directory without `run` is still being made, and awaited; a link that dangles is
//! tried again.
//!
//! Where nothing tells, which is on other systems than Linux and while a limit on inotify is met,
//! the directory is listed every five seconds, as `runsvdir` does.

#[cfg(target_os = "linux")]
#[path = "scan/inotify.rs"]
mod changes;
#[cfg(not(target_os = "linux"))]
#[path = "scan/periodic.rs"]
mod changes;

use std::{
    collections::BTreeMap,
    fs, io,
    os::{
        fd::BorrowedFd,
        unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use self::changes::Changes;
use super::event::ServiceId;
use crate::Error;

/// When to try again what could not be used.
const AGAIN: Duration = Duration::from_secs(5);
/// When to take on again what a client has ended although its name is still there.
const REVIVE: Duration = Duration::from_secs(1);

/// What a name leads to.
type Identity = (u64, u64);

/// A scan directory that is followed.
#[derive(Debug)]
pub(crate) struct Scan {
    path: PathBuf,
    changes: Changes,
    entries: BTreeMap<Identity, Entry>,
    /// When to look although nothing was heard, on the steady clock.
    again: Option<Duration>,
}

#[derive(Debug)]
struct Entry {
    /// The name through which it was taken on.
    dir: Arc<Path>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The supervisor is to take it on.
    Found,
    Supervised(ServiceId),
    /// Its name is gone; `Some` if it came back before it had ended.
    Leaving(ServiceId, Option<Arc<Path>>),
    /// To be found again then.
    Resting(Duration),
}

/// What a look leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Take(Identity, Arc<Path>),
    Leave(ServiceId),
}

impl Scan {
    /// Starts to listen; the first look is for the caller to take.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let changes = Changes::open(path)?;
        fs::read_dir(path).map_err(|error| Error::io("list", path, error))?;
        let (path, entries) = (path.to_owned(), BTreeMap::new());
        Ok(Self { path, changes, entries, again: Some(Duration::ZERO) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.changes.descriptor()
    }

    /// When to look although nothing was heard.
    pub(crate) const fn due(&self) -> Option<Duration> {
        self.again
    }

    /// Takes in what was heard and compares the directory with what is supervised.
    pub(crate) fn look(&mut self, now: Duration) -> (Vec<Step>, Option<Error>) {
        self.changes.drain();
        let trouble = self.changes.renew(&self.path).err();
        self.again = self.changes.period().map(|period| now.saturating_add(period));
        let found = match self.list(now) {
            Ok(found) => found,
            Err(error) => {
                // What runs goes on; the directory may come back.
                self.look_at(now.saturating_add(AGAIN));
                return (Vec::new(), Some(Error::io("list", &self.path, error)));
            }
        };
        if trouble.is_some() {
            self.look_at(now.saturating_add(AGAIN));
        }
        (self.compare(&found, now), trouble)
    }

    fn compare(&mut self, found: &BTreeMap<Identity, Arc<Path>>, now: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        self.entries.retain(|identity, entry| {
            let name = found.get(identity);
            match (&mut entry.state, name) {
                (State::Supervised(id), None) => {
                    steps.push(Step::Leave(*id));
                    entry.state = State::Leaving(*id, None);
                }
                (State::Leaving(_, again), name) => *again = name.cloned(),
                (State::Found | State::Resting(_), None) => return false,
                (State::Resting(until), Some(name)) if *until <= now => {
                    entry.dir = Arc::clone(name);
                    entry.state = State::Found;
                    steps.push(Step::Take(*identity, Arc::clone(name)));
                }
                _ => (),
            }
            true
        });
        for (identity, dir) in found {
            self.entries.entry(*identity).or_insert_with(|| {
                steps.push(Step::Take(*identity, Arc::clone(dir)));
                Entry { dir: Arc::clone(dir), state: State::Found }
            });
        }
        let resting = self.entries.values().filter_map(|entry| match entry.state {
            State::Resting(until) => Some(until),
            _ => None,
        });
        if let Some(first) = resting.min() {
            self.look_at(first);
        }
        steps
    }

    /// What a scanner would see.
    fn list(&mut self, now: Duration) -> io::Result<BTreeMap<Identity, Arc<Path>>> {
        let mut names: Vec<_> = fs::read_dir(&self.path)?
            .filter_map(|entry| Some(entry.ok()?.file_name()))
            .filter(|name| !name.as_bytes().starts_with(b"."))
            .collect();
        names.sort_unstable();
        let mut found = BTreeMap::new();
        let mut in_the_making = Vec::new();
        for name in names {
            let dir = self.path.join(name);
            let Ok(metadata) = fs::metadata(&dir) else {
                self.look_at(now.saturating_add(AGAIN));
                continue;
            };
            if !metadata.is_dir() {
                continue;
            }
            let identity = (metadata.dev(), metadata.ino());
            if self.entries.contains_key(&identity) || fs::metadata(dir.join("run")).is_ok() {
                found.entry(identity).or_insert_with(|| dir.into());
            } else {
                in_the_making.push(dir);
            }
        }
        if !self.changes.await_run(&in_the_making) {
            self.look_at(now.saturating_add(AGAIN));
        }
        // Made while the wait for it was set up.
        if in_the_making.iter().any(|dir| fs::metadata(dir.join("run")).is_ok()) {
            self.look_at(now);
        }
        Ok(found)
    }

    fn look_at(&mut self, then: Duration) {
        self.again = Some(self.again.map_or(then, |at| at.min(then)));
    }

    /// The supervisor has taken it on.
    pub(crate) fn taken(&mut self, identity: Identity, id: ServiceId) {
        if let Some(entry) = self.entries.get_mut(&identity) {
            entry.state = State::Supervised(id);
        }
    }

    /// It could not be taken on.
    pub(crate) fn refused(&mut self, identity: Identity, now: Duration) {
        let until = now.saturating_add(AGAIN);
        if let Some(entry) = self.entries.get_mut(&identity) {
            entry.state = State::Resting(until);
            self.look_at(until);
        }
    }

    /// A supervision has ended, of this directory or of another.
    pub(crate) fn ended(&mut self, ended: ServiceId, now: Duration) -> Option<Step> {
        let (&identity, entry) = self.entries.iter_mut().find(|(_, entry)| match entry.state {
            State::Supervised(id) | State::Leaving(id, _) => id == ended,
            State::Found | State::Resting(_) => false,
        })?;
        match std::mem::replace(&mut entry.state, State::Found) {
            State::Leaving(_, None) => {
                self.entries.remove(&identity);
                None
            }
            State::Leaving(_, Some(dir)) => {
                entry.dir = Arc::clone(&dir);
                Some(Step::Take(identity, dir))
            }
            _ => {
                let until = now.saturating_add(REVIVE);
                entry.state = State::Resting(until);
                self.look_at(until);
                None
            }
        }
    }
}
