//! The first look at a directory: whose it is shows on the way, so nothing is asked twice.

use std::{
    ffi::{OsStr, OsString},
    os::fd::OwnedFd,
    path::Path,
    sync::Arc,
};

use svproto::{Dialect, Reading, files};

use super::{Normally, Service, Status};
use crate::{
    Liveness, detect,
    home::Home,
    liveness,
    node::{self, Fifo},
};

impl Service {
    /// A handle that goes from entry to entry of an open directory: it is to [`Service::enter`] one.
    pub(crate) fn in_open(opened: &Arc<OwnedFd>, parent: &Path) -> Self {
        let home = Home::below(opened, parent);
        Self { home, name: OsString::new(), dialect: None, believed: false, version: None }
    }

    /// Goes to an entry, of which nothing is known then. Nothing is allocated for it: that would take
    /// as long as two system calls.
    pub(crate) fn enter(&mut self, entry: &OsStr) {
        self.home.enter(entry);
        self.dialect = None;
        self.name.clear();
        self.name.push(entry);
    }

    /// How an entry stands, and whose it is; `None` for all that is less plain.
    ///
    /// [`Service::open`] and [`Service::status`] come to the same with more system calls, each of
    /// which goes all the way from the root.
    pub(crate) fn glance(&mut self) -> Option<Status> {
        let seen = self.first_look()?;
        self.dialect = seen.dialect();
        Some(seen)
    }

    /// The same for a service that was opened before, by whomever it was supervised then; `None` for
    /// all that is less plain, and where the caller has said whose it is.
    pub(crate) fn glance_again(&self) -> Option<Status> {
        if self.believed { None } else { self.first_look() }
    }

    /// How a service stands whose record was replaced by a supervisor that is known to live; `None` for
    /// all that is less plain.
    pub(crate) fn next_record(&self, liveness: Liveness, normally: Normally) -> Option<Status> {
        let dialect = self.dialect?;
        let record = self.read_record(dialect).ok()??;
        let reading = Reading::Record(record.facts());
        Some(self.with_readiness(reading, liveness, Some(dialect), Some(normally)))
    }

    /// How a service stands that is supervised as its record says; `None` for all that is less plain.
    fn first_look(&self) -> Option<Status> {
        // Liveness comes before the record, as always: the other way round, a record of before would
        // seem to be that of a supervisor who has just come.
        let (liveness, of_s6) = match node::open_fifo(self.home.at(files::OK)).ok()? {
            Fifo::Open(_) => (Liveness::Alive { supervisor: None }, false),
            Fifo::NoReader => return None,
            Fifo::Missing => (liveness::probe(&self.home, Dialect::S6).ok()?, true),
        };
        if liveness.is_alive() != Some(true) {
            return None;
        }
        let at = self.home.at(files::STATUS);
        let bytes = node::read_record(&at).ok()??;
        let dialect =
            Dialect::of_record(bytes.as_slice()).or_else(|| detect::detect(&self.home))?;
        // Who answered is not who wrote the record: somebody changed suites.
        if (dialect == Dialect::S6) != of_s6 {
            return None;
        }
        let record = Self::record_of(dialect, &at, bytes).ok()??;
        let reading = Reading::Record(record.facts());
        Some(self.with_what_is_beside(reading, liveness, Some(dialect)))
    }
}
