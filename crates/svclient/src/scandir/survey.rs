//! All services of a scan directory, looked at from there.

use std::{
    ffi::{OsStr, OsString},
    num::NonZeroUsize,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Error, Machine, Service, Status, threads};

/// A scan directory that was listed and is open, so that its services are looked at from there. One
/// look at each finds out both whose it is and how it stands, with fewer system calls and shorter
/// names than [`ScanDir::services`](crate::ScanDir::services) and
/// [`Bulk::statuses`](crate::Bulk::statuses) need.
///
/// ```no_run
/// use std::num::NonZeroUsize;
/// use svclient::ScanDir;
///
/// let survey = ScanDir::new("/etc/service").survey()?;
/// let lines = survey.look(NonZeroUsize::MIN, |service, status| {
///     format!("{}: {status:?}", service.name())
/// });
/// # Ok::<(), svclient::Error>(())
/// ```
#[derive(Debug)]
pub struct Survey {
    dir: PathBuf,
    opened: Arc<OwnedFd>,
    names: Vec<OsString>,
}

impl Survey {
    pub(super) fn new(dir: &Path, opened: Arc<OwnedFd>, names: Vec<OsString>) -> Self {
        Self { dir: dir.to_owned(), opened, names }
    }

    /// The scan directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// So many entries will be looked at. What turns out to be no service is among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is nothing to look at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Looks at every service, in one of so many threads, this one included. What `tell` makes of
    /// them comes in the order of their names. What else it asks of a service, its log say, is asked
    /// from the open directory too; a clone that it keeps goes by its path.
    pub fn look<T: Send>(
        &self,
        threads: NonZeroUsize,
        tell: impl Fn(&Service, Result<Status, Error>) -> T + Sync,
    ) -> Vec<T> {
        self.look_or(threads, tell, |_, _| None)
    }

    /// As [`Survey::look`]; `other` says what becomes of a name that is no service, and why it is
    /// none: the errors of [`Service::open`].
    pub fn look_or<T: Send>(
        &self,
        threads: NonZeroUsize,
        tell: impl Fn(&Service, Result<Status, Error>) -> T + Sync,
        other: impl Fn(&OsStr, Error) -> Option<T> + Sync,
    ) -> Vec<T> {
        let mut all = Vec::with_capacity(self.len());
        self.look_each(threads, tell, other, |one| all.push(one));
        all
    }

    /// As [`Survey::look_or`], and `take` gets what is told as soon as everything before it is
    /// there, in one thread or another, one after the other: nothing is kept for longer.
    pub fn look_each<T: Send>(
        &self,
        threads: NonZeroUsize,
        tell: impl Fn(&Service, Result<Status, Error>) -> T + Sync,
        other: impl Fn(&OsStr, Error) -> Option<T> + Sync,
        take: impl FnMut(T) + Send,
    ) {
        // One handle, which goes from entry to entry.
        let machine = Machine::new();
        let handle = || Service::in_open(&self.opened, &self.dir).sharing(&machine);
        let look = |service: &mut Service, name: &OsString| {
            service.enter(name);
            match service.look_around() {
                Ok(seen) => Some(tell(service, seen)),
                Err(error) => other(name, error),
            }
        };
        threads::each_with(&self.names, threads, handle, look, take);
    }
}
