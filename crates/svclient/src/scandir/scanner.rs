//! The scanner of a scan directory: whether it can be told to look now, and telling it.
//!
//! Only `s6-svscan` can be told; it has a FIFO for that. `runsvdir` and `svscan` have nothing of
//! the kind, leave no trace in the directory, and look by themselves.

use std::{
    ffi::OsStr,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::Path,
    time::{Duration, Instant},
};

use svproto::{
    embedded::{Embedded, EntryName},
    files,
    scan::{self, ScanOp},
};

use super::ScanDir;
use crate::{
    Error, Service, Suite,
    node::{self, Fifo, Written},
    processes,
};

/// Whether the scanner of a scan directory can be told to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scanner {
    /// `s6-svscan` runs: it looks when it is told to, and as a rule only then.
    Listens,
    /// `s6-svscan` has run here and does not: nobody reads its FIFO.
    Gone,
    /// There is nobody to tell. `runsvdir` and `svscan` look every [`Scanner::PERIOD`] by
    /// themselves; whether one of them runs does not show.
    LooksByItself,
}

svproto::words!(Scanner, "kind of scanner":
    Listens "listens",
    Gone "gone",
    LooksByItself "looks-by-itself",
);

impl Scanner {
    /// How often `runsvdir` and `svscan` look. A deadline for them should leave a second or two
    /// more: `runsvdir` waits for the clock's next second, too.
    pub const PERIOD: Duration = Duration::from_secs(5);
}

impl ScanDir {
    /// Whether the scanner of this directory can be told to look.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] or [`Error::WrongType`] for what is no directory, [`Error::Denied`] if
    /// this user may not tell it, [`Error::WrongType`] if its FIFO is none, [`Error::Io`].
    pub fn scanner(&self) -> Result<Scanner, Error> {
        self.open_scanner().map(|control| control.scanner())
    }

    /// Whether a scanner that takes up what is new here runs, or will when it is told: `s6-svscan` by
    /// its FIFO; another one where the table of processes shows it (Linux); the embedded one where it
    /// supervises a service here.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// assert!(!svclient::ScanDir::new(tree.path()).has_scanner());
    /// ```
    #[must_use]
    pub fn has_scanner(&self) -> bool {
        if matches!(self.scanner(), Ok(Scanner::Listens)) {
            return true;
        }
        let place = node::stat(&self.dir).ok().flatten();
        if place.is_some_and(|place| processes::is_scanned(&place)) {
            return true;
        }
        let is_embeddeds = |service: &Service| {
            let seen = service.status().ok().filter(|seen| seen.supervised() == Some(true));
            seen.is_some_and(|seen| seen.suite() == Some(Suite::Embedded))
        };
        self.services().is_ok_and(|services| services.iter().any(is_embeddeds))
    }

    /// A service whose entry here is gone, and whose supervisor the scanner has not ended yet (Linux).
    #[must_use]
    pub fn outlived(&self, name: impl AsRef<OsStr>) -> Option<Service> {
        let name = name.as_ref();
        let place = node::stat(&self.dir).ok().flatten()?;
        if let Some(dir) = processes::supervised_for(&place, name) {
            return Some(Service::open(dir).ok()?.named(name));
        }
        // The embedded supervisor is the scanner itself, and says which entry each of them is.
        let is_it = |service: &Service| {
            let text =
                node::read_at_most(&service.handle().at(files::EMBEDDED), Embedded::MAX_LEN as u64);
            let text = text.ok().flatten().unwrap_or_default();
            EntryName(name.as_bytes()).is_in(&text)
                && service.status().is_ok_and(|seen| seen.supervised() == Some(true))
        };
        let dirs = processes::held_by_scanners(&place).into_iter();
        let mut services = dirs.filter_map(|dir| Service::open(dir).ok());
        Some(services.find(is_it)?.named(name))
    }

    /// Asks something of the scanner. What comes back says whether anybody was asked: that nobody
    /// can be is an answer and no error.
    ///
    /// The request is delivered, not carried out. A FIFO that is full is tried until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`ScanDir::scanner`], and [`Error::ScannerNotTakingRequests`].
    pub fn poke(&self, op: ScanOp, deadline: Instant) -> Result<Scanner, Error> {
        self.aside(deadline, move |this| this.open_scanner()?.tell(&this.dir, op, deadline))
    }

    /// Opens the scanner's FIFO, for one request and at once: see [`crate::Service::send`].
    pub(crate) fn open_scanner(&self) -> Result<Control, Error> {
        self.require()?;
        Ok(match node::open_fifo(&self.dir.join(scan::CONTROL))? {
            Fifo::Open(fifo) => Control::Open(fifo),
            Fifo::NoReader => Control::Closed(Scanner::Gone),
            Fifo::Missing => Control::Closed(Scanner::LooksByItself),
        })
    }
}

/// The FIFO of a scanner.
pub(crate) enum Control {
    Open(OwnedFd),
    Closed(Scanner),
}

impl Control {
    pub(crate) const fn scanner(&self) -> Scanner {
        match self {
            Self::Open(_) => Scanner::Listens,
            Self::Closed(scanner) => *scanner,
        }
    }

    /// Writes one request, if anybody reads.
    pub(crate) fn tell(self, dir: &Path, op: ScanOp, deadline: Instant) -> Result<Scanner, Error> {
        let fifo = match self {
            Self::Open(fifo) => fifo,
            Self::Closed(scanner) => return Ok(scanner),
        };
        let path = dir.join(scan::CONTROL);
        match node::write_fifo(fifo, || path.clone(), &[op.byte()], Some(deadline))? {
            Written::All => Ok(Scanner::Listens),
            Written::NoReader => Ok(Scanner::Gone),
            Written::Full => Err(Error::ScannerNotTakingRequests { dir: dir.to_owned() }),
        }
    }
}
