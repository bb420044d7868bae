//! Enabling a service: a link in the scan directory, and the wait until a supervisor holds what it
//! leads to. Disabling is its opposite.

mod disable;
mod trusted;

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use svproto::{Reading, scan::ScanOp};

pub use self::disable::{Disabled, SupervisionEnd};
use self::trusted::TrustedDir;
use crate::{
    Error, ScanDir, Scanner, Service, Status, WatchSet, deadline::at_the_latest, node,
    scandir::leads_to,
};

/// What enabling a service came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enabled {
    /// The service, by its name in the scan directory.
    pub service: Service,
    /// Where the link comes from.
    pub link: EnabledLink,
    /// Whether the scanner was told.
    pub scanner: Scanner,
    /// Whether a supervisor holds it.
    pub noticed: Noticed,
    /// Time from the link being there.
    pub took: Duration,
}

/// Where the link of an enabled service comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EnabledLink {
    /// It was made.
    Made,
    /// The name led to this directory before: the service was enabled.
    Found,
}

svproto::words!(EnabledLink, "origin of a link": Made "made", Found "found");

/// Whether a supervisor holds an enabled service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Noticed {
    /// One does, and its record can be read. If it did so before the link was made, it is not this
    /// scan directory's: [`Enabled::took`] is next to nothing then.
    Supervised {
        /// How the service stands.
        status: Status,
    },
    /// None does yet, or this user may not ask. The link stays: a scanner that runs, or will, may
    /// find it later.
    NotYet {
        /// How the service stands.
        status: Status,
    },
}

impl ScanDir {
    /// Enables a service under the name of its directory; see [`ScanDir::enable_as`].
    ///
    /// # Errors
    ///
    /// As [`ScanDir::enable_as`].
    pub fn enable(&self, dir: impl AsRef<Path>, deadline: Instant) -> Result<Enabled, Error> {
        let dir = dir.as_ref().to_owned();
        self.aside(deadline, move |this| {
            // Before its name is asked for: nothing has no name.
            let service = Service::open(&dir)?;
            let full = absolute(&dir)?;
            match full.file_name() {
                Some(name) => this.link_and_wait(service, name, &full, deadline),
                None => Err(Error::BadName { name: dir.into() }),
            }
        })
    }

    /// Makes a link to a service directory in this scan directory, tells the scanner if it can be
    /// told, and waits until a supervisor holds the directory or `deadline` passes. `runsvdir` and
    /// `svscan` need up to [`Scanner::PERIOD`] and a second more. The logger is not waited for.
    ///
    /// The link appears at once and never in the place of anything. A service that is enabled under
    /// this name already is waited for all the same. It must not be enabled under two names: to
    /// every scanner that is one service.
    ///
    /// # Errors
    ///
    /// Before anything is changed: the errors of [`Service::open`], [`Error::BadName`],
    /// [`Error::NameTaken`], [`Error::EnabledAs`], [`Error::Untrusted`] where somebody who is
    /// neither the caller nor root may change the scan directory or one above it, [`Error::Denied`]
    /// where this user may not watch the service, tell the scanner or make the link.
    ///
    /// With the link in place, so that the same call goes on from there:
    /// [`Error::ScannerNotTakingRequests`], and, once the deadline has passed, what stands in the
    /// way of a look at the service, as [`Service::status`].
    pub fn enable_as(
        &self,
        name: impl AsRef<OsStr>,
        dir: impl AsRef<Path>,
        deadline: Instant,
    ) -> Result<Enabled, Error> {
        let (name, dir) = (name.as_ref().to_owned(), dir.as_ref().to_owned());
        self.aside(deadline, move |this| {
            let service = Service::open(&dir)?;
            this.link_and_wait(service, &name, &absolute(&dir)?, deadline)
        })
    }

    fn link_and_wait(
        &self,
        service: Service,
        name: &OsStr,
        target: &Path,
        deadline: Instant,
    ) -> Result<Enabled, Error> {
        let link = self.entry(name)?;
        let scanner = self.open_scanner()?;
        let trusted = TrustedDir::reach(self.dir())?;
        let mut watch = WatchSet::new()?;
        let (_, mut seen) = watch.add_and_look(service)?;

        let origin = self.link(&trusted, name, target)?;
        let linked = Instant::now();
        let scanner = scanner.tell(self.dir(), ScanOp::Rescan, deadline)?;
        let mut is_late = false;
        let is_supervised = loop {
            match &seen {
                Ok(status) if is_supervised(status) => break true,
                Err(Error::NotFound { .. }) => break false,
                _ if is_late => break false,
                _ => (),
            }
            match watch.next_here(Some(deadline))? {
                Some(event) => {
                    seen = event.status;
                    is_late = Instant::now() >= at_the_latest(deadline);
                }
                None => break false,
            }
        };
        let (took, status) = (linked.elapsed(), seen?);
        let noticed =
            if is_supervised { Noticed::Supervised { status } } else { Noticed::NotYet { status } };
        Ok(Enabled { service: Service::open(link)?, link: origin, scanner, noticed, took })
    }

    /// Makes the link, unless it is there.
    fn link(
        &self,
        trusted: &TrustedDir,
        name: &OsStr,
        target: &Path,
    ) -> Result<EnabledLink, Error> {
        let link = self.dir().join(name);
        let Some(stat) = node::stat(target)? else {
            return Err(Error::NotFound { path: target.to_owned() });
        };
        let identity = node::identity(&stat);
        let is_there = || leads_to(&link) == Some(identity);
        if is_there() {
            return Ok(EnabledLink::Found);
        }
        if let Some(other) = self.other_name(name, identity)? {
            return Err(Error::EnabledAs { dir: target.to_owned(), link: other });
        }
        // The call itself does not show half a link and replaces nothing, as renaming one would.
        match trusted.make(name, target) {
            Ok(()) => Ok(EnabledLink::Made),
            // Somebody else was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_there() => {
                Ok(EnabledLink::Found)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let leads_to = link.canonicalize().ok();
                Err(Error::NameTaken { link, dir: target.to_owned(), leads_to })
            }
            Err(source) => Err(Error::os("make a link in", self.dir(), "write", source)),
        }
    }
}

/// A record is waited for, too: until it is there, what is asked of the supervisor may be lost.
fn is_supervised(status: &Status) -> bool {
    status.liveness.is_alive() == Some(true) && matches!(status.reading, Reading::Record(_))
}

/// The path from the root, links in it unfollowed: what an administrator would link to.
fn absolute(dir: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(dir).map_err(|source| Error::os("find", dir, "search", source))
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    #[test]
    fn of_many_who_enable_it_at_once_one_makes_the_link() {
        let tree = tempfile::tempdir().unwrap();
        let (scan, web) = (tree.path().join("scan"), tree.path().join("web"));
        fs::create_dir(&scan).unwrap();
        fs::create_dir(&web).unwrap();
        fs::write(web.join("run"), "").unwrap();
        // Its name is found behind the dot, too.
        let enable = || ScanDir::new(&scan).enable(web.join("."), Instant::now()).unwrap();
        let all: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(enable)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let made = all.iter().filter(|enabled| enabled.link == EnabledLink::Made).count();
        assert_eq!(made, 1);
        assert!(all.iter().all(|enabled| matches!(enabled.noticed, Noticed::NotYet { .. })));
        assert_eq!(scan.join("web").canonicalize().unwrap(), web.canonicalize().unwrap());
        assert_eq!(fs::read_dir(&scan).unwrap().count(), 1);
    }
}
