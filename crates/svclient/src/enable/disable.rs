//! Disabling a service: its link goes first, so that no scanner starts a supervisor again; then
//! service and supervisor are ended in the way of their suite.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::PathBuf,
    time::{Duration, Instant},
};

use svproto::{Dialect, Op, files, scan::ScanOp};

use super::trusted::TrustedDir;
use crate::{
    Error, Liveness, ScanDir, Scanner, Service, Status, WatchKey, WatchSet,
    deadline::at_the_latest,
    node,
    scandir::{leads_to, require_entry},
};

/// What disabling a service came to. Its link is gone, whatever else is said here.
#[derive(Debug)]
#[non_exhaustive]
pub struct Disabled {
    /// The service, by the path to which the link led; `None` if that was no service directory.
    pub service: Option<Service>,
    /// Whether the scanner was told, or why it could not be.
    pub scanner: Result<Scanner, Error>,
    /// What became of the service, or why it could not be asked to end.
    pub ended: Result<SupervisionEnd, Error>,
    /// Time from the link being gone.
    pub took: Duration,
}

/// What became of a service whose link was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SupervisionEnd {
    /// No supervisor holds it or its logger any more. One that is asked to end does so after its
    /// service; what a supervisor that was killed has left behind is not looked for.
    Gone,
    /// The deadline passed and a supervisor holds this one still: the service, or its logger. It
    /// was asked to end, and will not be started again.
    NotYet {
        /// The service or its logger, by a path that is still there.
        service: Service,
    },
    /// Another name in the scan directory leads to the same service, so it was not ended.
    Kept {
        /// That other entry.
        link: PathBuf,
    },
    /// The link led to no service directory. If that was deleted under its supervisor, only a
    /// scanner that keeps an eye on it (`runsvdir`, `s6-svscan`) can end it now.
    NoService,
}

impl ScanDir {
    /// The name in this scan directory of what was enabled: of a path, that of the entry which
    /// leads to the same directory, whatever it is called; of anything else, and of a path to which
    /// none leads, the last of its parts.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`] for a path without a name, and the errors of listing the scan directory.
    pub fn name_of(&self, typed: impl AsRef<OsStr>) -> Result<std::ffi::OsString, Error> {
        let typed = typed.as_ref();
        if !crate::is_path(typed) {
            return Ok(typed.to_owned());
        }
        let path = std::path::absolute(typed)
            .map_err(|source| Error::os("find", std::path::Path::new(typed), "search", source))?;
        let name = path.file_name().ok_or_else(|| Error::BadName { name: typed.into() })?;
        let leads_there = |identity| leads_to(&self.dir().join(name)) == Some(identity);
        match leads_to(&path) {
            Some(identity) if !leads_there(identity) => {
                let other = self.other_name(name, identity)?;
                Ok(other.as_deref().and_then(std::path::Path::file_name).unwrap_or(name).to_owned())
            }
            _ => Ok(name.to_owned()),
        }
    }

    /// Removes the link of a service from this scan directory, ends the service, its logger and
    /// their supervisors, and waits until no supervisor is left or `deadline` passes. Nothing but a
    /// symbolic link is ever removed, and it is the one that was looked at.
    ///
    /// | suite | what ends them |
    /// |---|---|
    /// | runit | [`Op::StopExit`] to the service; `runsv` then ends its logger |
    /// | daemontools, encore | [`Op::StopExit`] to the service and, when that has ended, to its logger |
    /// | s6 | `s6-svscan`, which is told to; without one, as daemontools |
    ///
    /// A logger outlasts its service, so it gets the last lines. `runsvdir` sees within
    /// [`Scanner::PERIOD`] that the link is gone and then asks by itself: a service that takes
    /// longer to end gets a second SIGTERM. `s6-svscan` from 2.13 on ends nothing while there is
    /// any dangling link in the scan directory.
    ///
    /// Whoever supervises the service is asked, be it a child of the scanner or not; only where
    /// `s6-svscan` is to end it, it must be.
    ///
    /// # Errors
    ///
    /// Before anything is changed: [`Error::BadName`], [`Error::NotFound`], [`Error::NotALink`],
    /// [`Error::Untrusted`] where somebody else may change the scan directory or one above it,
    /// [`Error::Denied`] where this user may not watch or ask the service, tell the scanner or
    /// remove the link. What fails afterwards is in [`Disabled`], for the link is gone then.
    pub fn disable(&self, name: impl AsRef<OsStr>, deadline: Instant) -> Result<Disabled, Error> {
        self.disable_killing(name, deadline, None)
    }

    /// As [`ScanDir::disable`]; a service, and then its logger, that has not ended so long after it
    /// was asked gets SIGKILL.
    ///
    /// # Errors
    ///
    /// As [`ScanDir::disable`].
    pub fn disable_killing(
        &self,
        name: impl AsRef<OsStr>,
        deadline: Instant,
        kill_after: Option<Duration>,
    ) -> Result<Disabled, Error> {
        let name = name.as_ref().to_owned();
        self.aside(deadline, move |this| this.unlink_and_wait(&name, deadline, kill_after))
    }

    fn unlink_and_wait(
        &self,
        name: &OsStr,
        deadline: Instant,
        kill_after: Option<Duration>,
    ) -> Result<Disabled, Error> {
        require_entry(name)?;
        let trusted = TrustedDir::reach(self.dir())?;
        let link = trusted.link(name)?;
        let target = self.dir().join(&link.to);
        let end = match Service::open(&target) {
            Ok(service) => Some(End::begin(service.named(name))?),
            Err(Error::NotFound { .. } | Error::NotAService { .. } | Error::WrongType { .. }) => {
                None
            }
            Err(error) => return Err(error),
        };
        let kept = match leads_to(&target) {
            Some(identity) => self.other_name(name, identity)?,
            None => None,
        };
        let scanner = self.open_scanner()?;
        if let Some(end) = end.as_ref().filter(|_| kept.is_none()) {
            end.may_be_asked(scanner.scanner())?;
        }

        trusted.remove(name, &link)?;
        let unlinked = Instant::now();
        // One that does not read will not do it; then the supervisors are asked, without delay.
        let scanner = scanner.tell(self.dir(), ScanOp::RescanAndPrune, unlinked);
        let told = scanner.as_ref().copied().unwrap_or(Scanner::Gone);
        let service = end.as_ref().map(|end| end.service.clone());
        let ended = match (end, kept) {
            (_, Some(link)) => Ok(SupervisionEnd::Kept { link }),
            (Some(end), None) => end.carry_out(told, deadline, kill_after),
            (None, None) => Ok(SupervisionEnd::NoService),
        };
        Ok(Disabled { service, scanner, ended, took: unlinked.elapsed() })
    }
}

/// The end of a service and its logger, watched from before it is asked for.
struct End {
    watch: WatchSet,
    service: Service,
    /// Who must be gone, in this order.
    parts: Vec<(WatchKey, Service)>,
    seen: BTreeMap<WatchKey, Result<Status, Error>>,
}

impl End {
    fn begin(service: Service) -> Result<Self, Error> {
        let mut watch = WatchSet::new()?;
        let (mut parts, mut seen) = (Vec::new(), BTreeMap::new());
        for part in std::iter::once(service.clone()).chain(service.log()) {
            let (key, first) = watch.add_and_look(part.clone())?;
            parts.push((key, part));
            seen.insert(key, first);
        }
        Ok(Self { watch, service, parts, seen })
    }

    /// Finds out whether this user may ask, before it is too late to leave all as it is.
    fn may_be_asked(&self, scanner: Scanner) -> Result<(), Error> {
        for (key, part) in self.to_be_asked(scanner) {
            if is_held(&self.seen, key) {
                node::open_fifo(part.handle().at(files::CONTROL))?;
            }
        }
        Ok(())
    }

    /// Asks one after the other, and waits for each to be gone.
    fn carry_out(
        mut self,
        scanner: Scanner,
        deadline: Instant,
        kill_after: Option<Duration>,
    ) -> Result<SupervisionEnd, Error> {
        // A supervisor may have come or gone since the first look.
        while let Some(event) = self.watch.next_now()? {
            self.seen.insert(event.key, event.status);
            if Instant::now() >= deadline {
                break;
            }
        }
        let asked: Vec<_> = self.to_be_asked(scanner).map(|(key, _)| key).collect();
        for (key, part) in self.parts {
            if asked.contains(&key) && is_held(&self.seen, key) {
                match part.send_here(Op::StopExit, deadline) {
                    // It ended by itself: the watch will tell, or has.
                    Ok(()) | Err(Error::NotSupervised { .. }) => (),
                    Err(error) => return Err(error),
                }
            }
            let mut kill_at = kill_after.and_then(|span| Instant::now().checked_add(span));
            while is_held(&self.seen, key) {
                let until = kill_at.map_or(deadline, |kill_at| kill_at.min(deadline));
                match self.watch.next_here(Some(until))? {
                    Some(event) => {
                        if let Err(error @ Error::NotFound { .. }) = event.status {
                            return Err(error);
                        }
                        self.seen.insert(event.key, event.status);
                        if is_held(&self.seen, key) && Instant::now() >= at_the_latest(deadline) {
                            return Ok(SupervisionEnd::NotYet { service: part });
                        }
                    }
                    None if until < deadline => match part.send_here(Op::Kill, deadline) {
                        // Once is enough, and more would hit what comes after it.
                        Ok(()) | Err(Error::NotSupervised { .. }) => kill_at = None,
                        Err(error) => return Err(error),
                    },
                    None => return Ok(SupervisionEnd::NotYet { service: part }),
                }
            }
        }
        Ok(SupervisionEnd::Gone)
    }

    /// Who gets a request of their own.
    fn to_be_asked(&self, scanner: Scanner) -> impl Iterator<Item = (WatchKey, &Service)> {
        let count = match (self.service.dialect(), scanner) {
            (Some(Dialect::S6), Scanner::Listens) => 0,
            // One `runsv` for both.
            (Some(Dialect::Runit), _) => 1,
            // So has encore, where its logger is no directory.
            (Some(Dialect::Encore), _) => {
                self.parts.iter().filter(|(_, part)| !part.shares_supervisor()).count()
            }
            _ => self.parts.len(),
        };
        self.parts.iter().take(count).map(|(key, part)| (*key, part))
    }
}

/// Whether a supervisor holds it, or may do so for all that is known.
fn is_held(seen: &BTreeMap<WatchKey, Result<Status, Error>>, key: WatchKey) -> bool {
    !matches!(seen.get(&key), Some(Ok(Status { liveness: Liveness::Dead, .. })))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn a_service_that_cannot_be_asked_keeps_its_link() {
        let tree = tempfile::tempdir().unwrap();
        let (scan, web) = (tree.path().join("scan"), tree.path().join("web"));
        fs::create_dir(&scan).unwrap();
        fs::create_dir_all(web.join(files::SUPERVISE)).unwrap();
        symlink(&web, scan.join("web")).unwrap();
        // Somebody answers as a supervisor does, and what should take requests is a file.
        nix::unistd::mkfifo(&web.join(files::OK), Mode::S_IRWXU).unwrap();
        let mut answering = fs::File::options();
        let _answering = answering.read(true).write(true).open(web.join(files::OK)).unwrap();
        fs::write(web.join(files::CONTROL), "").unwrap();

        let error = ScanDir::new(&scan).disable("web", Instant::now()).unwrap_err();
        assert!(matches!(error, Error::WrongType { expected: "a FIFO", .. }), "{error:?}");
        assert_eq!(fs::read_link(scan.join("web")).unwrap(), web);
        assert_eq!(fs::read(web.join(files::CONTROL)).unwrap(), b"");
    }
}
