//! The one look at a service directory: whose it is, whether a supervisor holds it, what the record says, and what
//! the files beside it add. Every way to a status of a directory comes here; they differ in what is known before.

use std::{ffi::OsStr, os::fd::OwnedFd, path::Path, sync::Arc};

use svproto::{Dialect, Reading, files};

use super::{Service, require_directory, require_service};
use crate::{
    Error, Liveness, Normally, Status,
    handle::Handle,
    liveness,
    node::{self, RecordBytes},
};

/// What is known before a look, so that it is not asked again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known {
    /// Nothing: whose it is shows on the way.
    Nothing,
    /// By whom it was supervised last.
    Dialect(Dialect),
    /// All but the record, which was replaced by a supervisor that is known to live.
    AllButRecord(Dialect, Liveness, Normally),
}

/// The first part of a look.
struct Whose {
    dialect: Option<Dialect>,
    liveness: Liveness,
    /// The bytes of the record, if they told whose it is.
    record: Option<RecordBytes>,
}

impl Service {
    /// Looks at the service: asks whether it is supervised, reads its record, looks for a `down`
    /// file. Takes no lock and changes nothing.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::{Normally, Service};
    ///
    /// std::fs::write(dir.join("down"), "").unwrap();
    /// let status = Service::open(&dir)?.status()?;
    /// assert_eq!((status.supervised(), status.normally()), (Some(false), Some(Normally::Down)));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a record that no supervisor writes, [`Error::WrongType`],
    /// [`Error::Denied`], [`Error::NotFound`] once the directory is gone, [`Error::Io`]. Being
    /// down or unsupervised is not an error.
    pub fn status(&self) -> Result<Status, Error> {
        self.look(self.dialect.map_or(Known::Nothing, Known::Dialect))
    }

    /// The look. What is known may be no longer so: where it seems that another suite has taken over, it looks
    /// again with less.
    ///
    /// # Errors
    ///
    /// As [`Service::status`].
    pub(crate) fn look(&self, known: Known) -> Result<Status, Error> {
        let known = match known {
            Known::Nothing => self.dialect.filter(|_| self.believed).map_or(known, Known::Dialect),
            known => known,
        };
        let result = self.look_once(known);
        match known {
            Known::Nothing => result,
            Known::Dialect(before) => {
                let is_dead = |seen: &Status| seen.liveness == Liveness::Dead;
                let is_anothers = matches!(result, Err(Error::Malformed { .. }));
                let may_be = is_anothers || result.as_ref().is_ok_and(is_dead);
                let now = if may_be { self.dialect_now() } else { None };
                match now.filter(|now| *now != before) {
                    Some(now) => self.look_once(Known::Dialect(now)),
                    None => result,
                }
            }
            Known::AllButRecord(dialect, ..) => match result {
                Ok(seen) if seen.reading != Reading::NotYet => Ok(seen),
                _ => self.look(Known::Dialect(dialect)),
            },
        }
    }

    /// The handle's own entry of a scan directory ([`Service::in_open`]): how it stands, or why that cannot be said;
    /// and from now on whose it is.
    ///
    /// # Errors
    ///
    /// As [`Service::open`]: it is no service.
    pub(crate) fn look_around(&mut self) -> Result<Result<Status, Error>, Error> {
        let seen = self.look(Known::Nothing);
        // What is supervised is a service.
        if !seen.as_ref().is_ok_and(|seen| seen.reading.is_supervised()) {
            require_service(&self.handle)?;
        }
        self.dialect = seen.as_ref().ok().and_then(Status::dialect);
        Ok(seen)
    }

    fn look_once(&self, known: Known) -> Result<Status, Error> {
        let told = |dialect, liveness| Whose { dialect: Some(dialect), liveness, record: None };
        let Whose { dialect, liveness, record } = match known {
            Known::Nothing => self.whose()?,
            Known::Dialect(dialect) => told(dialect, liveness::probe(&self.handle, dialect)?),
            Known::AllButRecord(dialect, liveness, _) => told(dialect, liveness),
        };
        let (reading, dialect) = if liveness == Liveness::Dead {
            require_directory(&self.handle)?;
            (Reading::Unsupervised, dialect)
        } else {
            match self.record_in(record, dialect)? {
                Some(record) => match self.facts_in(&record) {
                    Some(facts) => (Reading::Record(facts), Some(record.dialect())),
                    // A logger that came too late for its service's supervisor.
                    None => return Ok(Status::unsupervised().with_suite(record.dialect().into())),
                },
                None => (Reading::NotYet, dialect),
            }
        };
        let normally = match known {
            Known::AllButRecord(_, _, normally) => Some(normally),
            Known::Nothing | Known::Dialect(_) => self.normally(dialect),
        };
        let seen = self.with_what_is_beside(reading, liveness, dialect, normally);
        Ok(if reading == Reading::Unsupervised { self.as_left(seen) } else { seen })
    }

    /// Asks in the way of each suite whether a supervisor is there, and finds out from what is there whose it is.
    fn whose(&self) -> Result<Whose, Error> {
        // Liveness comes before the record, as always: the other way round, a record of before would
        // seem to be that of a supervisor who has just come.
        let (asked, in_the_way_of_s6) = liveness::probe_any(&self.handle);
        let is_alive = matches!(asked, Ok(Liveness::Alive { .. }));
        let record =
            if is_alive { node::read_record(&self.handle.at(files::STATUS))? } else { None };
        let told = record.as_ref().filter(|_| !in_the_way_of_s6);
        let told = told.and_then(|bytes| Dialect::of_record(bytes.as_slice()));
        let dialect = told.or_else(|| self.dialect_now());
        if (dialect == Some(Dialect::S6)) == in_the_way_of_s6 {
            return Ok(Whose { dialect, liveness: asked?, record });
        }
        // The one that answered has not written the record: somebody changed suites, or there is none.
        let liveness = match dialect {
            Some(dialect) => liveness::probe(&self.handle, dialect)?,
            None => liveness::probe_ok(&self.handle)?,
        };
        Ok(Whose { dialect, liveness, record: None })
    }

    /// A handle that goes from entry to entry of an open directory: it is to [`Service::enter`] one.
    pub(crate) fn in_open(opened: &Arc<OwnedFd>, parent: &Path) -> Self {
        let handle = Handle::below(opened, parent);
        Self::unknown(handle)
    }

    /// Goes to an entry, of which nothing is known then. Nothing is allocated for it: that would take
    /// as long as two system calls.
    pub(crate) fn enter(&mut self, entry: &OsStr) {
        self.handle.enter(entry);
        self.dialect = None;
        self.name.clear();
        self.name.push(entry);
    }
}
