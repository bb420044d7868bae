//! A service of the daemontools family, reached through its service directory.

mod beside;
mod look;
mod oddities;
mod record;
mod send;

use std::{
    ffi::{OsStr, OsString},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{errno::Errno, sys::stat::FileStat};
use svproto::{Dialect, Facts, Op, Phase, Record, UnixTime, Version, files, op::Refusal};

pub(crate) use self::look::Known;
pub use self::send::restart_ops;
use crate::{
    CheckAnswer, Error, Machine, Name, Normally, Status, aside, check, detect, handle::Handle,
    liveness, machine::Sharing, node, processes,
};

/// Handle on one service directory. Holds a path and no descriptor, unless it was made of one
/// ([`Service::from_fd`]); cheap to keep and to drop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    handle: Handle,
    /// The script `log` of daemontools-encore, of which this is the process and not the service itself:
    /// one supervisor runs both, and one record tells of both.
    script: Option<PathBuf>,
    name: OsString,
    dialect: Option<Dialect>,
    /// The caller named the dialect, so the directory is not asked again.
    believed: bool,
    version: Option<Version>,
    /// A scanner is about to take it up.
    expected: bool,
    sharing: Sharing,
}

impl Service {
    /// Opens a service directory and finds out whose it is. A directory that nobody has supervised
    /// yet is one too; its dialect shows once somebody does.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::{Service, State};
    ///
    /// let web = Service::open(&dir)?;
    /// println!("{} is {}", web.name(), web.status()?.state());
    /// # assert_eq!(web.status()?.state(), State::Unsupervised);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::WrongType`] for what is no directory, [`Error::NotAService`],
    /// [`Error::Denied`] where the directory may not be searched.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let handle = Handle::new(dir.into());
        // A record says as much as all the looks below, and its length is needed anyway.
        let status = node::stat(handle.at(files::STATUS)).ok().flatten();
        if status.is_some() {
            return Ok(Self::at(handle, status));
        }
        match require_service(&handle) {
            Ok(()) => Ok(Self::at(handle, status)),
            Err(error) => Self::beside(handle.path(), |above| Self::open(above)).ok_or(error),
        }
    }

    /// The logger that a path leads to which is no directory, where the service above it has one.
    fn beside(path: &Path, open: impl FnOnce(&Path) -> Result<Self, Error>) -> Option<Self> {
        let above = path.parent().filter(|_| path.ends_with(files::LOG))?;
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        let service = open(above).ok()?;
        service.log_script().then(|| service.of_script(path.to_owned(), name_of(path)))
    }

    /// Opens a service directory and takes the caller's word for whose it is.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::{Dialect, Service};
    ///
    /// let web = Service::with_dialect(&dir, Dialect::S6)?;
    /// assert_eq!(web.dialect(), Some(Dialect::S6));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] or [`Error::WrongType`] for what is no directory.
    pub fn with_dialect(dir: impl Into<PathBuf>, dialect: Dialect) -> Result<Self, Error> {
        let handle = Handle::new(dir.into());
        if let Err(error) = require_directory(&handle) {
            let open = |above: &Path| Self::with_dialect(above, dialect);
            return Self::beside(handle.path(), open).ok_or(error);
        }
        let name = name_of(handle.path());
        Ok(Self { dialect: Some(dialect), believed: true, name, ..Self::unknown(handle) })
    }

    /// The service directory behind a descriptor, whatever happens to its path. Files are opened
    /// relative to it, so a program that reads the same services again and again saves the way to
    /// them; it costs a descriptor each. Watching it needs Linux with `/proc`; elsewhere its path is
    /// watched.
    ///
    /// # Errors
    ///
    /// As [`Service::open`].
    pub fn from_fd(dir: impl Into<OwnedFd>) -> Result<Self, Error> {
        let handle = Handle::held(dir.into());
        require_directory(&handle)?;
        require_service(&handle)?;
        let status = node::stat(handle.at(files::STATUS)).ok().flatten();
        Ok(Self::at(handle, status))
    }

    /// There, where its status file was looked at before.
    fn at(handle: Handle, status: Option<FileStat>) -> Self {
        let dialect = detect::detect_by(&handle, status);
        let name = name_of(handle.path());
        Self { name, dialect, ..Self::unknown(handle) }
    }

    /// There, without a name, and of which nothing is known.
    fn unknown(handle: Handle) -> Self {
        let (script, dialect, version) = (None, None, None);
        let (believed, expected, name) = (false, false, OsString::new());
        let sharing = Sharing::default();
        Self { handle, script, name, dialect, believed, version, expected, sharing }
    }

    /// The same service under the name that a user typed.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::Service;
    ///
    /// let web = Service::open(&dir)?.named("site/web");
    /// assert_eq!(web.name(), "site/web");
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn named(self, name: impl Into<OsString>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same service, whose supervisor is of a known version. Some requests need to know it.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::{Dialect, Intent, Op, Service, Supervised, Support};
    ///
    /// let web = Service::with_dialect(&dir, Dialect::S6)?;
    /// assert_eq!(web.support(&Op::Reload.into()), Support::NotKnown);
    /// let web = web.of_version("2.15.1".parse().unwrap());
    /// assert_eq!(web.support(&Op::Reload.into()), Support::Yes);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn of_version(self, version: Version) -> Self {
        Self { version: Some(version), ..self }
    }

    /// The same service, of which the caller knows that a scanner will take it up
    /// ([`crate::ScanDir::has_scanner`]): where nobody supervises it yet, [`crate::pursue`] waits for
    /// that before it asks.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use std::time::{Duration, Instant};
    /// use svclient::{OutcomeKind, Request, Service};
    ///
    /// let web = Service::open(&dir)?;
    /// let soon = || Instant::now() + Duration::from_millis(5);
    /// assert!(Request::up().pursue(&web, soon()).is_err(), "nobody supervises it");
    /// let outcome = Request::up().pursue(&web.expected(), soon())?;
    /// assert_eq!(outcome.kind(), OutcomeKind::Deadline);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn expected(self) -> Self {
        Self { expected: true, ..self }
    }

    /// The same service, one of many that are asked in one go: what they have in common is read once for
    /// all of them.
    #[must_use]
    pub fn sharing(self, machine: &Machine) -> Self {
        Self { sharing: Sharing(Some(machine.clone())), ..self }
    }

    /// What it shares with others, or its own.
    pub(crate) fn machine(&self) -> Machine {
        self.sharing.0.clone().unwrap_or_default()
    }

    /// Whether [`Service::expected`] said so.
    pub(crate) const fn is_expected(&self) -> bool {
        self.expected
    }

    /// Whether [`Service::of_version`] named a version.
    #[must_use]
    pub const fn has_version(&self) -> bool {
        self.version.is_some()
    }

    /// What to call it in messages: the last component of its path, unless [`Service::named`].
    #[must_use]
    pub fn name(&self) -> Name<'_> {
        Name::new(&self.name)
    }

    /// The service directory, as given; for one behind a descriptor, the path that led to it. Of a logger
    /// of daemontools-encore that has none, its script `log`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.script.as_deref().unwrap_or(self.handle.path())
    }

    /// Whether it is a logger without a supervisor of its own: of daemontools-encore, which runs an
    /// executable file `log` beside the service.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::Service;
    ///
    /// assert!(!Service::open(&dir)?.shares_supervisor());
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub const fn shares_supervisor(&self) -> bool {
        self.script.is_some()
    }

    /// What is run: `run`, or the script that it is the logger of.
    pub(crate) fn program(&self) -> &'static str {
        if self.shares_supervisor() { files::LOG } else { "run" }
    }

    /// What a record says of it: of the service, or of the logger beside it. `None` if its supervisor
    /// does not know it: it started before the script was there.
    pub(crate) fn facts_in(&self, record: &Record) -> Option<Facts> {
        if self.shares_supervisor() { record.log_facts() } else { Some(record.facts()) }
    }

    /// The same service, whatever becomes of the path that leads to it, where that can be kept.
    pub(crate) fn held(self) -> Self {
        match self.handle.hold() {
            Some(handle) => Self { handle, ..self },
            None => self,
        }
    }

    /// The same, whoever supervises it by now.
    pub(crate) fn detected_again(self) -> Self {
        Self { dialect: self.dialect_now(), ..self }
    }

    /// Whether the last supervisor, which is gone, has left a record of a service that is down.
    pub(crate) fn was_left_down(&self) -> bool {
        let facts = self.record().ok().flatten().and_then(|record| self.facts_in(&record));
        facts.is_some_and(|it| it.phase == Phase::Down && it.pid.is_none())
    }

    /// Where its files are.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whose bytes it speaks; asks the directory again while that is not known.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::Service;
    ///
    /// let web = Service::open(&dir)?;
    /// assert_eq!(web.dialect(), None, "nobody has supervised it yet");
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect.or_else(|| detect::detect(&self.handle))
    }

    /// Whose bytes it speaks at this moment: another suite may have taken over.
    pub(crate) fn dialect_now(&self) -> Option<Dialect> {
        if self.believed { self.dialect } else { detect::detect(&self.handle).or(self.dialect) }
    }

    /// The version of its supervisor, where [`Service::of_version`] named one.
    pub(crate) fn version(&self) -> Option<Version> {
        self.version
    }

    /// Whether there is something to run when the service has ended.
    pub(crate) fn has_finish(&self) -> bool {
        node::exists(&self.handle.at("finish"))
    }

    /// Whether it is known of a supervised service that it will not say when it is ready, whatever
    /// becomes of it.
    pub(crate) fn never_says_ready(&self, seen: &Status) -> bool {
        if seen.reading.facts().is_none() {
            return false;
        }
        match self.dialect() {
            Some(Dialect::Daemontools | Dialect::Encore) => true,
            // The embedded supervisor tells, also of one that is down now. One that does not say it now
            // may say it in its next run if there is a file for that by then.
            Some(Dialect::Runit) => {
                let says = seen.notifies != Some(false)
                    || node::exists(&self.handle.at(files::NOTIFICATION_FD));
                !(says && node::exists(&self.handle.at(files::EMBEDDED)))
            }
            Some(Dialect::S6) => seen.notifies == Some(false),
            None => false,
        }
    }

    /// Asks the `check` script of the directory once, as `sv check` does, and waits for its answer for so
    /// long. Only runit has such a script.
    ///
    /// # Errors
    ///
    /// If it cannot be started. [`Error::Unanswered`] if the directory hangs in the system.
    pub fn ask_check(&self, within: Duration) -> Result<CheckAnswer, Error> {
        let this = self.clone();
        let ask = move || match this.dialect() {
            Some(Dialect::Runit) => {
                let answer = check::ask(&this.handle, within)?;
                let usurper = if answer == CheckAnswer::Passed {
                    this.status().ok().and_then(|seen| this.usurper(&seen))
                } else {
                    None
                };
                Ok(usurper.map_or(answer, |(pid, port)| CheckAnswer::LeftBehind { pid, port }))
            }
            _ => Ok(CheckAnswer::NoScript),
        };
        // Without an end in sight there is nobody who would leave.
        let Some(deadline) = Instant::now().checked_add(within) else { return ask() };
        let said = aside::before(deadline, ask);
        said.unwrap_or_else(|| Err(Error::Unanswered { path: self.dir().to_owned() }))
    }

    /// Whether its supervisor is there and does nothing: somebody has stopped it.
    pub(crate) fn has_stopped_supervisor(&self) -> bool {
        let supervisor = self.dialect().and_then(|it| liveness::supervisor(&self.handle, it));
        supervisor.is_some_and(processes::is_stopped)
    }

    /// Whether its record was published in the last seconds.
    pub(crate) fn has_fresh_record(&self) -> bool {
        let found = node::stat(self.handle.at(files::STATUS)).ok().flatten();
        let now = UnixTime::now().secs();
        let changed = found.as_ref().and_then(node::changed);
        changed.is_some_and(|changed| now.abs_diff(changed.secs()) <= 2)
    }

    /// Whose bytes it spoke when that was last asked.
    pub(crate) fn known_dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// Another suite has taken over. What the caller said stays.
    pub(crate) fn set_dialect(&mut self, dialect: Option<Dialect>) {
        if !self.believed {
            self.dialect = dialect;
        }
    }

    /// The log service, if the directory `log` is there. In daemontools-encore `log` may be an
    /// executable file: then its logger is what the service's own supervisor runs beside it
    /// ([`Service::shares_supervisor`]).
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::Service;
    ///
    /// std::fs::create_dir(dir.join("log")).unwrap();
    /// let logger = Service::open(&dir)?.log().unwrap();
    /// assert_eq!(logger.name(), "web/log");
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn log(&self) -> Option<Self> {
        if self.shares_supervisor() {
            return None;
        }
        let stat = node::stat(self.handle.at(files::LOG)).ok().flatten()?;
        let mut name = self.name.clone();
        name.push("/");
        name.push(files::LOG);
        if !node::is_dir(&stat) {
            let script = self.dir().join(files::LOG);
            return self.log_script().then(|| self.clone().of_script(script, name));
        }
        let handle = self.handle.directory(files::LOG).ok()?;
        let dialect = self.dialect.filter(|_| self.believed);
        let (believed, version) = (self.believed, self.version);
        Some(Self { name, dialect, believed, version, ..Self::unknown(handle) })
    }

    /// Whether its suite runs the file `log` as its logger.
    fn log_script(&self) -> bool {
        let stat = node::stat(self.handle.at(files::LOG)).ok().flatten();
        stat.is_some_and(|stat| node::is_executable_file(&stat))
            && self.dialect() == Some(Dialect::Encore)
    }

    /// The logger that it runs by this script.
    fn of_script(self, script: PathBuf, name: OsString) -> Self {
        Self { script: Some(script), name, expected: false, ..self }
    }

    /// Lets its supervisor start the service, or leave it down, when it starts the next time: removes or
    /// makes the file `down`. What runs now is left alone. `false` if it was so already.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # std::fs::write(tree.path().join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::{Normally, Service};
    ///
    /// let web = Service::open(tree.path())?;
    /// assert!(web.set_normally(Normally::Down)?);
    /// assert_eq!(web.status()?.normally(), Some(Normally::Down));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] or [`Error::Io`] if the service directory may not be written.
    /// [`Error::Unsupported`] of a logger whose service has the same file
    /// ([`Service::shares_supervisor`]).
    pub fn set_normally(&self, normally: Normally) -> Result<bool, Error> {
        if self.shares_supervisor() {
            let op = if normally == Normally::Down { Op::StayDown } else { Op::StayUp };
            return Err(self.refuse(op, Refusal::SharedSupervisor));
        }
        let at = self.handle.at(files::DOWN);
        let done = match normally {
            // Whatever has that name is meant by it.
            Normally::Down => node::make_flag(&at),
            Normally::Up => node::remove(&at),
        };
        done.map_err(|errno| {
            let doing = if normally == Normally::Down { "make" } else { "remove" };
            Error::os(doing, &at.path(), "write", errno)
        })
    }
}

/// What somebody supervises or can: there is a `supervise`, or something to run.
fn require_service(handle: &Handle) -> Result<(), Error> {
    // A dangling `supervise` is normal before the first start, so the link itself counts.
    let Err(errno) = node::lstat(&handle.at(files::SUPERVISE)) else { return Ok(()) };
    require_directory(handle)?;
    let dir = handle.path();
    if errno == Errno::EACCES {
        return Err(Error::os("search", dir, "search", errno));
    }
    if node::exists(&handle.at("run")) {
        Ok(())
    } else {
        Err(Error::NotAService { dir: dir.to_owned() })
    }
}

fn require_directory(handle: &Handle) -> Result<(), Error> {
    match handle.stat()? {
        None => Err(Error::NotFound { path: handle.path().to_owned() }),
        Some(stat) if node::is_dir(&stat) => Ok(()),
        Some(stat) => Err(Error::WrongType {
            path: handle.path().to_owned(),
            expected: "a service directory",
            found: node::what(&stat),
        }),
    }
}

fn name_of(dir: &Path) -> OsString {
    dir.file_name().unwrap_or_else(|| OsStr::new(dir)).to_owned()
}

#[cfg(test)]
mod tests;
