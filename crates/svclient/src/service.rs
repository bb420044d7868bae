//! A service of the daemontools family, reached through its service directory.

mod glance;

use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant},
};

use nix::sys::stat::FileStat;
use svproto::{
    DecodeError, Dialect, Facts, LastExit, Op, Phase, Reading, Record, UnixTime, Version,
    embedded::Embedded,
    files,
    s6::tally::{Death, Tally},
};

use crate::{
    CheckAnswer, CrashLoop, Error, Intent, Liveness, Name, Oddities, Status, Suite, aside,
    at::At,
    check, detect,
    home::Home,
    liveness,
    node::{self, Fifo, RecordBytes, Written},
    processes,
};

/// Handle on one service directory. Holds a path and no descriptor, unless it was made of one
/// ([`Service::from_fd`]); cheap to keep and to drop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    home: Home,
    name: OsString,
    dialect: Option<Dialect>,
    /// The caller named the dialect, so the directory is not asked again.
    believed: bool,
    version: Option<Version>,
}

/// What a supervisor does with the service when it starts: whether there is a `down` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Normally {
    /// Starts it.
    Up,
    /// Leaves it down.
    Down,
}

impl Normally {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Normally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Normally {
    type Err = svproto::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named = |it: &Self| it.name() == word;
        [Self::Up, Self::Down].into_iter().find(named).ok_or(svproto::UnknownWord::new("start"))
    }
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
        let home = Home::new(dir.into());
        // A record says as much as all the looks below, and its length is needed anyway.
        let status = node::stat(home.at(files::STATUS)).ok().flatten();
        if status.is_some() {
            return Ok(Self::at(home, status));
        }
        let dir = home.path();
        // A dangling `supervise` is normal before the first start, so the link itself counts.
        if let Err(source) = dir.join(files::SUPERVISE).symlink_metadata() {
            require_directory(&home)?;
            if source.kind() == std::io::ErrorKind::PermissionDenied {
                return Err(Error::os("search", dir, "search", source));
            }
            if !node::exists(&dir.join("run").as_path().into()) {
                return Err(Error::NotAService { dir: dir.to_owned() });
            }
        }
        Ok(Self::at(home, status))
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
        let home = Home::new(dir.into());
        require_directory(&home)?;
        let name = name_of(home.path());
        Ok(Self { home, name, dialect: Some(dialect), believed: true, version: None })
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
        let home = Home::held(dir.into());
        require_directory(&home)?;
        let is_link = || node::is_there(&home.at(files::SUPERVISE));
        if !is_link() && !node::exists(&home.at("run")) {
            return Err(Error::NotAService { dir: home.path().to_owned() });
        }
        let status = node::stat(home.at(files::STATUS)).ok().flatten();
        Ok(Self::at(home, status))
    }

    /// There, where its status file was looked at before.
    fn at(home: Home, status: Option<FileStat>) -> Self {
        let dialect = detect::detect_by(&home, status);
        let name = name_of(home.path());
        Self { home, name, dialect, believed: false, version: None }
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

    /// The service directory, as given; for one behind a descriptor, the path that led to it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.home.path()
    }

    /// The same service, whatever becomes of the path that leads to it, where that can be kept.
    pub(crate) fn held(self) -> Self {
        match self.home.hold() {
            Some(home) => Self { home, ..self },
            None => self,
        }
    }

    /// Whether the last supervisor, which is gone, has left a record of a service that is down.
    pub(crate) fn was_left_down(&self) -> bool {
        let facts = self.record().ok().flatten().map(|record| record.facts());
        facts.is_some_and(|it| it.phase == Phase::Down && it.pid.is_none())
    }

    /// Where its files are.
    pub(crate) fn home(&self) -> &Home {
        &self.home
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
        self.dialect.or_else(|| detect::detect(&self.home))
    }

    /// Whose bytes it speaks at this moment: another suite may have taken over.
    pub(crate) fn dialect_now(&self) -> Option<Dialect> {
        if self.believed { self.dialect } else { detect::detect(&self.home).or(self.dialect) }
    }

    /// The version of its supervisor, where [`Service::of_version`] named one.
    pub(crate) fn version(&self) -> Option<Version> {
        self.version
    }

    /// Whether there is something to run when the service has ended.
    pub(crate) fn has_finish(&self) -> bool {
        node::exists(&self.home.at("finish"))
    }

    /// Whether it is known of a supervised service that it will not say when it is ready, whatever
    /// becomes of it.
    pub(crate) fn never_says_ready(&self, seen: &Status) -> bool {
        if seen.reading.facts().is_none() {
            return false;
        }
        match self.dialect() {
            Some(Dialect::Daemontools | Dialect::Encore) => true,
            // The embedded supervisor tells, also of one that is down now.
            Some(Dialect::Runit) => !node::exists(&self.home.at(files::EMBEDDED)),
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
            Some(Dialect::Runit) => check::ask(&this.home, within),
            _ => Ok(CheckAnswer::NoScript),
        };
        // Without an end in sight there is nobody who would leave.
        let Some(deadline) = Instant::now().checked_add(within) else { return ask() };
        let said = aside::before(deadline, ask);
        said.unwrap_or_else(|| Err(Error::Unanswered { path: self.dir().to_owned() }))
    }

    /// Whether its supervisor is there and does nothing: somebody has stopped it.
    pub(crate) fn has_stopped_supervisor(&self) -> bool {
        let supervisor = self.dialect().and_then(|it| liveness::supervisor(&self.home, it));
        supervisor.is_some_and(processes::is_stopped)
    }

    /// Whether its record was published in the last seconds.
    pub(crate) fn has_fresh_record(&self) -> bool {
        let found = node::stat(self.home.at(files::STATUS)).ok().flatten();
        let now = UnixTime::now().secs();
        let changed = found.as_ref().and_then(node::changed);
        changed.is_some_and(|changed| now.abs_diff(changed.secs()) <= 2)
    }

    /// Whose bytes it spoke when that was last asked.
    pub(crate) fn known_dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// Another suite has taken over.
    pub(crate) fn set_dialect(&mut self, dialect: Option<Dialect>) {
        self.dialect = dialect;
    }

    /// The log service, if the directory `log` is there. In daemontools-encore `log` may be a
    /// script: its logger has no directory, and its status is [`Service::log_facts`].
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
        let stat = node::stat(self.home.at(files::LOG)).ok().flatten()?;
        let mut name = self.name.clone();
        name.push("/");
        name.push(files::LOG);
        if !node::is_dir(&stat) {
            return None;
        }
        let home = self.home.directory(files::LOG).ok()?;
        let dialect = self.dialect.filter(|_| self.believed);
        Some(Self { home, name, dialect, believed: self.believed, version: self.version })
    }

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
        let dialect = self.dialect();
        let result = self.look(dialect);
        // What another suite that has taken over would look like to somebody who asks the first.
        let dead = |seen: &Status| seen.liveness == Liveness::Dead;
        if matches!(result, Err(Error::Malformed { .. })) || result.as_ref().is_ok_and(dead) {
            let now = self.dialect_now();
            if now != dialect {
                return self.look(now);
            }
        }
        result
    }

    fn look(&self, mut dialect: Option<Dialect>) -> Result<Status, Error> {
        let liveness = match dialect {
            Some(dialect) => liveness::probe(&self.home, dialect)?,
            None => liveness::probe_ok(&self.home)?,
        };
        if dialect.is_none() && liveness != Liveness::Dead {
            // It came up between the two looks; what tells its dialect is there by now.
            dialect = self.dialect();
        }
        let reading = match liveness {
            Liveness::Dead => {
                require_directory(&self.home)?;
                Reading::Unsupervised
            }
            Liveness::Alive { .. } | Liveness::Unknown => self
                .record_by(dialect)?
                .map_or(Reading::NotYet, |record| Reading::Record(record.facts())),
        };
        let seen = self.with_what_is_beside(reading, liveness, dialect);
        Ok(if reading == Reading::Unsupervised { self.left_behind(seen) } else { seen })
    }

    /// A service without a supervisor, and what the last one has left there.
    fn left_behind(&self, seen: Status) -> Status {
        let odd = Oddities { stale_since: self.stale_since(), ..seen.odd };
        let suite = if self.is_embeddeds() { Some(Suite::Embedded) } else { seen.suite };
        Status { suite, odd, ..seen }
    }

    /// Whether the embedded supervisor has written the record, which is runit's.
    pub(crate) fn is_embeddeds(&self) -> bool {
        if !node::exists(&self.home.at(files::EMBEDDED)) {
            return false;
        }
        let record = self.read_record(Dialect::Runit).ok().flatten();
        record.is_some_and(|record| self.embedded_beside(record.facts()).1.is_some())
    }

    /// A reading, and what the files beside the record add to it.
    fn with_what_is_beside(
        &self,
        reading: Reading,
        liveness: Liveness,
        dialect: Option<Dialect>,
    ) -> Status {
        let is_down = node::exists(&self.home.at(files::DOWN));
        let normally = if is_down { Normally::Down } else { Normally::Up };
        // s6-rc leaves a `down` in each of its directories, and starts what it wants itself.
        let is_of_s6_rc = is_down && dialect == Some(Dialect::S6) && self.s6_rc().is_some();
        let normally = (!is_of_s6_rc).then_some(normally);
        self.with_readiness(reading, liveness, dialect, normally)
    }

    /// The same where it is known whether there is a `down` file.
    fn with_readiness(
        &self,
        reading: Reading,
        liveness: Liveness,
        dialect: Option<Dialect>,
        normally: Option<Normally>,
    ) -> Status {
        let mut seen = Status {
            normally,
            suite: dialect.map(Suite::from),
            odd: Oddities::of_reading(&reading),
            ..Status::new(reading, liveness)
        };
        match (reading, dialect) {
            (Reading::Record(facts), Some(Dialect::S6)) => {
                let notifies = self.notifies();
                let (ends, crash_loop) = self.tallied(&facts);
                seen.reading = Reading::Record(self.beside_the_record(facts, notifies, ends));
                seen.notifies = Some(notifies);
                seen.restarts = ends;
                seen.odd.crash_loop = crash_loop;
            }
            (Reading::Record(facts), Some(Dialect::Runit)) => {
                let (facts, embedded) = self.embedded_beside(facts);
                seen.reading = Reading::Record(facts);
                if let Some(embedded) = embedded {
                    let is_up = facts.phase == Phase::Up;
                    seen.reading = Reading::Record(embedded.add_to(facts));
                    seen.notifies = is_up.then_some(embedded.readiness.is_some());
                    seen.suite = Some(Suite::Embedded);
                    seen.restarts = Some(embedded.restarts);
                    seen.odd.crash_loop = CrashLoop::of_embedded(&embedded, &facts);
                    seen.odd.cannot_start = embedded.cannot_start;
                }
            }
            _ => (),
        }
        seen
    }

    /// The record that a supervisor published last, alone: whether that supervisor still lives is not
    /// asked, and a dead one leaves a record that looks alive. [`Service::status`] asks. `None` if
    /// there is no record yet.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::Service;
    ///
    /// assert_eq!(Service::open(&dir)?.record()?, None, "no supervisor has written one");
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Service::status`].
    pub fn record(&self) -> Result<Option<Record>, Error> {
        let dialect = self.dialect();
        let result = self.record_by(dialect);
        if matches!(result, Err(Error::Malformed { .. })) {
            // Another suite may have taken over.
            let now = self.dialect_now();
            if now != dialect {
                return self.record_by(now);
            }
        }
        if matches!(result, Ok(None)) {
            require_directory(&self.home)?;
        }
        result
    }

    /// The status of a logger that shares its service's record (daemontools-encore with a `log`
    /// script); `None` everywhere else. Only meaningful while the service is supervised.
    ///
    /// # Errors
    ///
    /// As [`Service::status`].
    pub fn log_facts(&self) -> Result<Option<Facts>, Error> {
        if self.dialect() != Some(Dialect::Encore) {
            return Ok(None);
        }
        Ok(self.read_record(Dialect::Encore)?.and_then(|record| record.log_facts()))
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
    pub fn set_normally(&self, normally: Normally) -> Result<bool, Error> {
        let at = self.home.at(files::DOWN);
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

    /// The last deaths of the service, oldest first, since its supervisor started; s6 keeps at most
    /// as many as `max-death-tally` says. Empty in every other dialect.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`], [`Error::Denied`] or [`Error::Io`]. That there is no tally is no error.
    pub fn deaths(&self) -> Result<Vec<Death>, Error> {
        let limit = Death::LEN * Death::MAX_COUNT;
        let bytes = node::read_at_most(&self.home.at(files::DEATH_TALLY), limit as u64)?;
        Ok(Tally::new(&bytes.unwrap_or_default()).collect())
    }

    /// Asks for `op`, at once or not at all. Returns when the request is delivered, not when it is
    /// carried out; [`crate::pursue`] waits for that.
    ///
    /// Rust programs ignore SIGPIPE. A host that does not can be killed by it if the supervisor
    /// ends between the opening and the writing of its FIFO.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::{ErrorKind, Op, Service};
    ///
    /// let error = Service::open(&dir)?.send(Op::Hup).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotSupervised);
    /// assert!(error.hint().is_some());
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where the dialect has no such request, [`Error::NotSupervised`] where
    /// nobody takes it, [`Error::NotTakingRequests`] where the FIFO is full, [`Error::Denied`],
    /// [`Error::WrongType`] for a control file that is no FIFO, [`Error::UnknownDialect`]. Nothing
    /// was written then.
    pub fn send(&self, op: Op) -> Result<(), Error> {
        self.deliver(&[op], None)
    }

    /// As [`Service::send`], waiting until `deadline` for a full FIFO to drain.
    ///
    /// # Errors
    ///
    /// As [`Service::send`].
    pub fn send_before(&self, op: Op, deadline: Instant) -> Result<(), Error> {
        self.send_all_before(&[op], deadline)
    }

    /// As [`Service::send_before`], for several operations in one write: the supervisor reads them
    /// in this order, and nobody else's between them. All are sent or none.
    ///
    /// # Errors
    ///
    /// As [`Service::send`].
    pub fn send_all_before(&self, ops: &[Op], deadline: Instant) -> Result<(), Error> {
        let (this, ops) = (self.clone(), ops.to_vec());
        let sent = aside::before(deadline, move || this.deliver(&ops, Some(deadline)));
        sent.unwrap_or_else(|| Err(Error::Unanswered { path: self.dir().to_owned() }))
    }

    /// [`Service::send_before`] for who is beside the caller already.
    pub(crate) fn send_here(&self, op: Op, deadline: Instant) -> Result<(), Error> {
        self.deliver(&[op], Some(deadline))
    }

    /// Without a deadline, at once or not at all.
    fn deliver(&self, ops: &[Op], deadline: Option<Instant>) -> Result<(), Error> {
        let Some(&first) = ops.first() else { return Ok(()) };
        let dir = || self.dir().to_owned();
        let path = || self.home.at(files::CONTROL).path();
        // To ask whose the directory is now takes as long as to send: where all suites are asked with
        // the same bytes, it does not matter.
        let known = self.dialect.filter(|_| ops.iter().all(|op| op.is_common()));
        let Some(dialect) = known.or_else(|| self.dialect_now()) else {
            return Err(match node::open_fifo(self.home.at(files::CONTROL))? {
                Fifo::Open(..) => Error::UnknownDialect { dir: dir() },
                Fifo::NoReader | Fifo::Missing => self.not_supervised(first),
            });
        };
        let (mut message, mut len) = ([0; PIPE_BUF], 0);
        for op in ops {
            let unsupported = |source| Error::Unsupported { dir: dir(), source };
            let bytes = op.control_bytes(dialect, self.version).map_err(unsupported)?;
            let Some(place) = message.get_mut(len..len + bytes.len()) else {
                let source = std::io::Error::from(std::io::ErrorKind::InvalidInput);
                let path = path();
                return Err(Error::Io { doing: "write so many requests at once to", path, source });
            };
            place.copy_from_slice(bytes);
            len += bytes.len();
        }
        let bytes = message.get(..len).unwrap_or_default();
        // Opened for this one request and closed after it.
        let Fifo::Open(fifo) = node::open_fifo(self.home.at(files::CONTROL))? else {
            return Err(self.not_supervised(first));
        };
        match node::write_fifo(fifo, path, bytes, deadline)? {
            Written::All => Ok(()),
            Written::NoReader => Err(self.not_supervised(first)),
            Written::Full => Err(Error::NotTakingRequests { intent: first.into(), dir: dir() }),
        }
    }

    /// Ends the process, if there is one, and wants the service up, in one write. Its dialect says
    /// how: [`restart_ops`].
    ///
    /// # Errors
    ///
    /// As [`Service::send`].
    pub fn restart(&self) -> Result<(), Error> {
        let ops = self.dialect_now().map_or(&[Op::Up][..], restart_ops);
        self.deliver(ops, None).map_err(|error| error.of(Intent::Restart))
    }

    /// Lets the service read its configuration again: by the request of that name where its suite
    /// and version have one, else by SIGHUP.
    ///
    /// # Errors
    ///
    /// As [`Service::send`].
    pub fn reload(&self) -> Result<(), Error> {
        let has_own = |dialect| Op::Reload.control_bytes(dialect, self.version).is_ok();
        let op = if self.dialect_now().is_some_and(has_own) { Op::Reload } else { Op::Hup };
        self.deliver(&[op], None).map_err(|error| error.of(Intent::Reload))
    }

    fn not_supervised(&self, op: Op) -> Error {
        match require_directory(&self.home) {
            Ok(()) => Error::NotSupervised { intent: op.into(), dir: self.dir().to_owned() },
            Err(error) => error,
        }
    }

    /// The record, by whomever it is; `None` if a supervisor has not published one yet.
    fn record_by(&self, dialect: Option<Dialect>) -> Result<Option<Record>, Error> {
        if let Some(dialect) = dialect {
            return self.read_record(dialect);
        }
        // What is there does not tell whose it is: its supervisor is starting, or it is damaged.
        match node::read_record(&self.home.at(files::STATUS))? {
            Some(bytes) => Err(self.of_no_dialect(&bytes)),
            None => Ok(None),
        }
    }

    /// What an s6 record leaves open and the files beside it tell.
    fn beside_the_record(&self, mut status: Facts, notifies: bool, ends: Option<u64>) -> Facts {
        status.readiness = status.readiness.with_notification(notifies);
        // The record says "exited 0" of a service that was never started, too. The tally begins
        // with the supervisor, as the record's wait status does; but it may be kept empty.
        if status.phase == Phase::Down
            && status.last_exit == (LastExit::Exited { code: 0 })
            && ends == Some(0)
            && !node::exists(&self.home.at("max-death-tally"))
        {
            status.last_exit = LastExit::NotStarted;
        }
        status
    }

    /// What the embedded supervisor tells beside runit's record, and the record that it belongs to: a
    /// later one than these facts if it was replaced meanwhile. Under runsv that is one name that is
    /// not there.
    fn embedded_beside(&self, mut facts: Facts) -> (Facts, Option<Embedded>) {
        for _ in 0..READS_OF_A_MOVING_RECORD {
            let text = node::read_at_most(&self.home.at(files::EMBEDDED), Embedded::MAX_LEN as u64);
            let embedded = text.ok().flatten().and_then(|text| Embedded::from_bytes(&text));
            match embedded {
                Some(embedded) if embedded.belongs_to(&facts) => return (facts, Some(embedded)),
                // It is replaced first, and its record follows.
                Some(embedded) if embedded.is_ahead_of(&facts) => {
                    let Ok(Some(record)) = self.read_record(Dialect::Runit) else { break };
                    facts = record.facts();
                }
                // Of a supervisor that is gone.
                Some(_) | None => break,
            }
        }
        (facts, None)
    }

    /// Whether s6 listens for readiness: whether the file holds a number that it takes. It ignores
    /// anything else, a blank after the number included, and 0.
    fn notifies(&self) -> bool {
        let text = node::read_at_most(&self.home.at(files::NOTIFICATION_FD), 16);
        let Ok(Some(text)) = text else { return false };
        let digits = text.strip_suffix(b"\n").unwrap_or(&text);
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        number.is_some_and(|number: u32| number > 0) && digits.iter().all(u8::is_ascii_digit)
    }

    /// The record; `None` if a supervisor has not published one yet.
    fn read_record(&self, dialect: Dialect) -> Result<Option<Record>, Error> {
        let at = self.home.at(files::STATUS);
        let Some(bytes) = node::read_record(&at)? else { return Ok(None) };
        Self::record_of(dialect, &at, bytes)
    }

    /// What bytes say that were read from there.
    fn record_of(
        dialect: Dialect,
        at: &At<'_>,
        mut bytes: RecordBytes,
    ) -> Result<Option<Record>, Error> {
        if dialect == Dialect::Encore {
            // Rewritten in place: two equal readings in a row are not half of one.
            let mut still = false;
            for _ in 0..READS_OF_A_MOVING_RECORD {
                let Some(again) = node::read_record(at)? else { return Ok(None) };
                still = again.as_slice() == bytes.as_slice();
                bytes = again;
                if still {
                    break;
                }
            }
            if !still {
                return Ok(None);
            }
            if bytes.as_slice().is_empty() {
                return Ok(None); // Truncated by a starting supervisor.
            }
        }
        let record = Record::from_bytes(dialect, bytes.as_slice())
            .map_err(|_| DecodeError::Length { dialect, found: bytes.file_len() });
        match record.and_then(|record| record.check().map(|()| record)) {
            Ok(record) => Ok(Some(record)),
            Err(source) => Err(Error::Malformed { path: at.path(), source }),
        }
    }

    fn of_no_dialect(&self, bytes: &RecordBytes) -> Error {
        // Only `ok` was found, so it is daemontools' or encore's; the former is the common one.
        let source = DecodeError::Length { dialect: Dialect::Daemontools, found: bytes.file_len() };
        Error::Malformed { path: self.home.at(files::STATUS).path(), source }
    }
}

/// What a supervisor of this dialect is sent for a restart.
///
/// ```
/// use svclient::{Dialect, Op, restart_ops};
///
/// assert_eq!(restart_ops(Dialect::Runit), [Op::Term, Op::Cont, Op::Up]);
/// ```
#[must_use]
pub const fn restart_ops(dialect: Dialect) -> &'static [Op] {
    match dialect {
        // SIGCONT, because a paused process does not end of SIGTERM; want up, because it may be down
        // or wanted down.
        Dialect::Daemontools | Dialect::Encore | Dialect::Runit => &[Op::Term, Op::Cont, Op::Up],
        // Its own `down-signal` instead of SIGTERM.
        Dialect::S6 => &[Op::TryRestart, Op::Cont, Op::Up],
    }
}

/// What POSIX promises to write together or not at all; Linux promises 4096.
const PIPE_BUF: usize = 512;

/// One write of twenty bytes is over in a microsecond; a handful of readings outlasts it.
const READS_OF_A_MOVING_RECORD: usize = 16;

fn require_directory(home: &Home) -> Result<(), Error> {
    match home.stat()? {
        None => Err(Error::NotFound { path: home.path().to_owned() }),
        Some(stat) if node::is_dir(&stat) => Ok(()),
        Some(stat) => Err(Error::WrongType {
            path: home.path().to_owned(),
            expected: "a service directory",
            found: node::what(&stat),
        }),
    }
}

fn name_of(dir: &Path) -> OsString {
    dir.file_name().unwrap_or_else(|| OsStr::new(dir)).to_owned()
}
