//! Trees of services: a directory of one's own, an engine that supervises what is enabled in it, and a
//! keeper that sees to it that nothing outlives the program.
//!
//! | file            | for                                                     |
//! |-----------------|---------------------------------------------------------|
//! | `aside.rs`      | leaving a tree that hangs                               |
//! | `base.rs`       | the directories                                         |
//! | `cgroup.rs`     | the control group of a tree                             |
//! | `definition.rs` | a service directory from a definition |
//! | `engine.rs`     | engines, and the process that becomes one               |
//! | `keep.rs`, `keep/` | the keeper's process                                   |
//! | `owner.rs` `wire.rs` | asking it                                          |
//! | `processes.rs`  | finding and ending processes                            |
//! | `log.rs`        | last lines                                              |

mod aside;
mod ask;
pub(crate) mod base;
mod cgroup;
mod definition;
mod engine;
mod error;
pub(crate) mod keep;
pub(crate) mod log;
mod owner;
mod processes;
mod wire;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use svclient::{Disabled, Enabled, ScanDir, Service};

use self::{
    aside::Away,
    base::Fate,
    error::Lost,
    owner::{Keep, Owner},
    wire::Message,
};
pub use self::{
    definition::Definition,
    engine::Engine,
    error::{TreeError, TreeErrorKind},
};

/// A tree of services for development and tests.
///
/// ```no_run
/// use std::time::{Duration, Instant};
/// use svdevtree::{Definition, DevTree};
///
/// let soon = || Instant::now() + Duration::from_secs(10);
/// let mut tree = DevTree::named("blog")?;
/// tree.add(Definition::new("web", ["python3", "-m", "http.server", "8080"]))?;
/// tree.start(soon())?;
/// tree.enable("web", soon())?;
/// println!("sv status {}", tree.services_dir().join("web").display());
/// // ...
/// tree.stop(soon())?;
/// # Ok::<(), svdevtree::TreeError>(())
/// ```
///
/// | in the base | is                                                            |
/// |-------------|---------------------------------------------------------------|
/// | `services/` | service directories, written by [`add`](Self::add) or by others |
/// | `enabled/`  | links to those that the engine supervises                     |
/// | `logs/`     | what services write, where they have no logger                |
///
/// The base has mode 0700. [`ensure`](Self::ensure), [`start`](Self::start), [`stop`](Self::stop),
/// [`enable`](Self::enable) and [`disable`](Self::disable) may be called at any time and again; what is
/// done already is not done twice. What is enabled stays so in a tree that is stopped.
///
/// Calls with a deadline end within 0.2 s of it, with [`TreeError::Deadline`], also where the base is in a directory that hangs in
/// the system (a server that is gone). What was begun goes on beside then, and the tree does nothing else until that has
/// ended; what came of it shows in the next call.
///
/// # The keeper
///
/// [`start`](Self::start) starts this program once more; the first line of its `main`,
/// [`become_keeper_if_asked`](crate::become_keeper_if_asked), turns that process into a keeper, and the keeper starts a
/// guard and that the engine. The keeper ends every process of the tree when the `DevTree` is dropped, or the
/// program ends in whatever way; the guard does when the keeper is killed.
///
/// | what                                            | by                                         | where |
/// |-------------------------------------------------|--------------------------------------------|-------|
/// | the end of the program is noticed, also SIGKILL | end of file on a socket that it alone holds | every Unix |
/// | daemons and what calls `setsid` are found       | `PR_SET_CHILD_SUBREAPER`                   | Linux |
/// | no number of another process is signalled       | `pidfd_open`, `pidfd_send_signal`          | Linux |
/// | killing the program's process group misses it   | `setsid`                                   | every Unix |
/// | one program for a tree                          | `flock`, held by the keeper                | every Unix |
/// | a keeper and guard that are killed: the engine ends | `PR_SET_PDEATHSIG`                     | Linux |
/// | an engine that is killed with them: what it has started ends (the embedded one) | `PR_SET_PDEATHSIG` | Linux |
/// | the next program finds what that left behind    | a control group (v2) where one can be made, and a variable in the environment, `SVDEVTREE` | Linux |
///
/// Not guaranteed: the end of what a service has had started by another daemon (`systemd-run`, `at`, a
/// container runtime), and of what runs as another user after `sudo`; that shows as
/// [`TreeError::Survivors`]. If program, keeper, guard and engine all get SIGKILL at once, the files of a temporary
/// tree stay, and so does what was not started by the embedded engine itself; the next program that starts
/// the tree ends that. A program that calls `fork` without `exec` gives the
/// child the socket too, and its end is noticed when both have ended.
///
/// FreeBSD has `PROC_REAP_ACQUIRE` for the second row. On macOS and the other BSDs, what leaves the
/// engine's process group is not found. There, everything is type-checked only.
#[derive(Debug)]
pub struct DevTree {
    base: PathBuf,
    engine: Engine,
    grace: Duration,
    program: Option<PathBuf>,
    owner: Option<Owner>,
    started: bool,
    /// What ended it, until it is started again or stopped: whoever was not there when that was found hears of it, too.
    lost: Option<Lost>,
    /// A temporary one has a keeper from the beginning.
    fate: Fate,
    /// All of it hangs, and this only stands in for it.
    away: Option<Box<Away>>,
}

/// Whether something had to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TreeStarted {
    /// The engine was started.
    Now,
    /// It ran already.
    Before,
}

svproto::words!(TreeStarted, "start of a tree":
    Now "now",
    Before "before",
);

/// How a tree came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeStopped {
    /// Processes that were left after the services had ended, or that did not end in time. They got
    /// SIGKILL and are gone.
    pub killed: usize,
    /// How long it took.
    pub took: Duration,
}

/// A service directory of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeService {
    /// For asking and watching it.
    pub service: Service,
    /// Whether the engine supervises it.
    pub enabled: bool,
}

const START: &str = "start an engine in";
/// How long an orderly end may take by default.
const GRACE: Duration = Duration::from_secs(10);
/// After SIGKILL. A process that is still there hangs in the kernel, or is not ours to end.
const KILLING: Duration = Duration::from_secs(5);
/// Making a directory and taking a lock.
const OPENING: Duration = Duration::from_secs(30);

impl DevTree {
    /// A tree in this directory, which is made when it is needed and stays. Touches nothing yet.
    ///
    /// # Errors
    ///
    /// [`TreeError::Io`] for an empty path, and for a relative one without a working directory.
    pub fn at(base: impl AsRef<Path>) -> Result<Self, TreeError> {
        let base = base.as_ref();
        let base =
            std::path::absolute(base).map_err(|source| TreeError::io("find", base, source))?;
        Ok(Self::new(base, None, Fate::Stays))
    }

    /// A tree of this name of this user: in `XDG_RUNTIME_DIR` if there is one, else in the temporary
    /// directory. Touches nothing yet.
    ///
    /// # Errors
    ///
    /// [`TreeError::BadName`] for what cannot be the name of a directory.
    pub fn named(name: &str) -> Result<Self, TreeError> {
        let why = match name {
            "" => "it is empty",
            "." | ".." => "it stands for another directory",
            _ if name.contains('/') => "it holds a slash",
            _ if name.contains('\0') => "it holds NUL",
            _ => return Self::at(base::trees_dir().join(name)),
        };
        Err(TreeError::BadName { name: name.to_owned(), why })
    }

    /// A tree in a fresh directory, at the same place. It is removed when the `DevTree` is dropped or
    /// the program ends in whatever way.
    ///
    /// # Errors
    ///
    /// [`TreeError::NoKeeper`], [`TreeError::Io`], [`TreeError::NotATree`].
    pub fn temporary() -> Result<Self, TreeError> {
        Self::temporary_in(base::parent())
    }

    /// As [`DevTree::temporary`], in a directory that is there.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn temporary_in(parent: impl AsRef<Path>) -> Result<Self, TreeError> {
        let parent = parent.as_ref();
        let parent =
            std::path::absolute(parent).map_err(|error| TreeError::io("find", parent, error))?;
        let owner = Owner::start(Keep::In(&parent), None, Instant::now() + OPENING)?;
        Ok(Self::new(owner.base().to_owned(), Some(owner), Fate::Temporary))
    }

    const fn new(base: PathBuf, owner: Option<Owner>, fate: Fate) -> Self {
        let (engine, program) = (Engine::Embedded, None);
        Self {
            base,
            engine,
            grace: GRACE,
            program,
            owner,
            started: false,
            lost: None,
            fate,
            away: None,
        }
    }

    /// What is in the tree goes when the `DevTree` is dropped or the program ends in whatever way, as that of
    /// a temporary one; so does the directory of a [named](Self::named) tree. What an earlier program has
    /// left in it goes before. Of no effect on a tree that has a keeper.
    #[must_use]
    pub fn removed_at_end(mut self) -> Self {
        if self.fate == Fate::Stays {
            self.fate = Fate::Goes;
        }
        self
    }

    /// What is to supervise; from the next start on.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// How long services may take to end when the tree is stopped; then they get SIGKILL. Ten seconds
    /// without this, and never longer than the deadline.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// A program that calls [`become_keeper_if_asked`](crate::become_keeper_if_asked), `svctl` for one, to be the keeper;
    /// for what is no program of its own, such as a plug-in. Of no effect on a tree that has a keeper.
    #[must_use]
    pub fn keeper(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// What is to supervise.
    pub(crate) const fn chosen_engine(&self) -> Engine {
        self.engine
    }

    /// The base directory.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The process that has the tree now, if one does, and if it is this user's. Touches nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use svdevtree::DevTree;
    ///
    /// let tree = DevTree::named("nobody-has-it")?;
    /// assert_eq!(tree.holder(), None);
    /// # Ok::<(), svdevtree::TreeError>(())
    /// ```
    #[must_use]
    pub fn holder(&self) -> Option<u32> {
        base::holder(&self.base)
    }

    /// Where the service directories are. Whatever writes one here has added it.
    #[must_use]
    pub fn services_dir(&self) -> PathBuf {
        self.base.join(base::SERVICES)
    }

    /// The scan directory: `SVDIR` for `sv`, `--dir` for `svctl`.
    #[must_use]
    pub fn scan_dir(&self) -> ScanDir {
        ScanDir::new(self.base.join(base::ENABLED))
    }

    /// The file to which a service writes that was added by [`add`](Self::add).
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.base.join(log::LOGS).join(name)
    }

    /// The file to which the engine writes.
    #[must_use]
    pub fn engine_log(&self) -> PathBuf {
        log::engine_log(&self.base)
    }

    /// Makes the directories.
    ///
    /// # Errors
    ///
    /// [`TreeError::NotATree`] for what is no directory, another user's, on a file system from which
    /// nothing may be executed, or has something else in it; [`TreeError::Io`].
    pub fn ensure(&self) -> Result<(), TreeError> {
        base::ensure(&self.base)
    }

    /// Adds a service, or changes one: its service directory is written. It is not enabled by that, and
    /// one that runs goes on as it is until it is started again.
    ///
    /// # Errors
    ///
    /// [`TreeError::BadDefinition`] and [`TreeError::Unbuildable`], before anything is written; [`TreeError::Io`]; those of
    /// [`ensure`](Self::ensure).
    pub fn add(&mut self, definition: impl Into<Definition>) -> Result<Service, TreeError> {
        let definition = definition.into();
        self.be_here("write in")?;
        self.ensure()?;
        let (services, log) = (self.services_dir(), self.log(definition.name()));
        let owner = &mut self.owner;
        let dir = definition.write(self.engine, &services, &log, &mut |from, to| match owner {
            Some(owner) => {
                let install = Message::new("install").with(from).with(to);
                owner.ask(&install, &["installed"], Instant::now() + OPENING, "write in").map(drop)
            }
            None => {
                definition::install(from, to).map_err(|error| TreeError::io("write", to, error))
            }
        })?;
        Ok(Service::open(dir)?)
    }

    /// Takes the tree and starts no engine yet: for a caller that changes what is enabled before that. What a
    /// crashed program has left running in it is ended. [`stop`](Self::stop) gives it back.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), for all but the engine.
    pub fn take(&mut self, deadline: Instant) -> Result<(), TreeError> {
        self.aside(deadline, "get hold of", move |tree| tree.take_here(deadline))
    }

    fn take_here(&mut self, deadline: Instant) -> Result<(), TreeError> {
        // A keeper that was killed is let go of by that.
        let _trouble_is_over = self.check();
        if self.owner.is_none() {
            let keep = Keep::Base(&self.base, self.fate);
            self.owner = Some(Owner::start(keep, self.program.as_deref(), deadline)?);
        }
        Ok(())
    }

    /// Starts the engine, and with it what is enabled. What a crashed program has left running in this
    /// tree is ended first.
    ///
    /// # Errors
    ///
    /// [`TreeError::Held`] if another program has the tree, [`TreeError::Supervised`] if another
    /// supervisor has a service of it, [`TreeError::Survivors`] if something of a crashed program does
    /// not end; [`TreeError::NoProgram`], [`TreeError::NoKeeper`], [`TreeError::EngineEnded`],
    /// [`TreeError::Deadline`], [`TreeError::Io`]; those of [`ensure`](Self::ensure).
    pub fn start(&mut self, deadline: Instant) -> Result<TreeStarted, TreeError> {
        self.aside(deadline, START, move |tree| tree.start_here(deadline))
    }

    fn start_here(&mut self, deadline: Instant) -> Result<TreeStarted, TreeError> {
        if self.check().is_ok() && self.started {
            return Ok(TreeStarted::Before);
        }
        if let Some(program) = self.engine.program().filter(|_| !self.engine.is_installed()) {
            return Err(TreeError::NoProgram { program });
        }
        self.take_here(deadline)?;
        let grace = self.grace.as_millis().to_string();
        let start = Message::new("start").with(self.engine.name()).with(grace);
        self.ask(&start, &["started"], deadline, START)?;
        self.started = true;
        self.lost = None;
        if self.engine == Engine::S6Svscan {
            self.await_scanner(deadline)?;
        }
        Ok(TreeStarted::Now)
    }

    /// Whether it is started and all is well with engine and keeper.
    ///
    /// # Errors
    ///
    /// [`TreeError::NotStarted`], [`TreeError::EngineEnded`], [`TreeError::KeeperKilled`]; the last two at
    /// every call until [`start`](Self::start) begins anew, or [`stop`](Self::stop).
    pub fn check(&mut self) -> Result<(), TreeError> {
        self.be_here("look after")?;
        let trouble = self.owner.as_mut().and_then(Owner::trouble);
        if let Some(error) = trouble {
            self.started = false;
            self.lost = Lost::by(&error).or(self.lost.take());
            if matches!(error, TreeError::KeeperKilled { .. }) {
                self.release()?;
            }
            return Err(error);
        }
        if self.started {
            return Ok(());
        }
        Err(match &self.lost {
            Some(lost) => lost.error(&self.base),
            None => TreeError::NotStarted { doing: "go on", base: self.base.clone() },
        })
    }

    /// Stops every service, loggers last, and then ends whatever is left of the tree. The result counts
    /// what had to be killed.
    ///
    /// # Errors
    ///
    /// [`TreeError::Survivors`] with what does not end even so; [`TreeError::KeeperKilled`], with
    /// everything ended that carries the tree's mark; [`TreeError::Deadline`] if it is not over by then, and goes on;
    /// [`TreeError::Io`].
    pub fn stop(&mut self, deadline: Instant) -> Result<TreeStopped, TreeError> {
        self.aside(deadline, "stop", move |tree| tree.stop_here(deadline))
    }

    /// With the time that it takes to end what does not end by itself.
    pub(crate) fn stop_here(&mut self, deadline: Instant) -> Result<TreeStopped, TreeError> {
        let begun = Instant::now();
        let orderly = deadline.min(begun + self.grace);
        let mut killed = 0;
        self.lost = None;
        if self.owner.is_some() {
            let stopped = self.wind_down(orderly).and_then(|()| self.kill_rest());
            self.started = false;
            match stopped {
                Ok(count) => killed = count,
                Err(error) => {
                    self.release()?;
                    return Err(error);
                }
            }
        }
        if self.fate != Fate::Temporary {
            self.release()?;
        }
        Ok(TreeStopped { killed, took: begun.elapsed() })
    }

    /// Enables a service: links it into the scan directory, and, in a tree that is started, waits until
    /// it is supervised.
    ///
    /// # Errors
    ///
    /// Those of [`ScanDir::enable`], and of [`check`](Self::check) for a tree that was started.
    pub fn enable(&mut self, name: &str, deadline: Instant) -> Result<Enabled, TreeError> {
        let name = name.to_owned();
        self.aside(deadline, "enable a service in", move |tree| tree.enable_here(&name, deadline))
    }

    pub(crate) fn enable_here(
        &mut self,
        name: &str,
        deadline: Instant,
    ) -> Result<Enabled, TreeError> {
        self.ensure()?;
        let deadline = if self.is_started()? { deadline } else { Instant::now() };
        Ok(self.scan_dir().enable(self.services_dir().join(name), deadline)?)
    }

    /// Disables a service: takes its link away, and ends it and its supervisor. What is not enabled is
    /// left alone: `None`.
    ///
    /// # Errors
    ///
    /// Those of [`ScanDir::disable`], and of [`check`](Self::check) for a tree that was started.
    pub fn disable(
        &mut self,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Disabled>, TreeError> {
        let name = name.to_owned();
        self.aside(deadline, "disable a service in", move |tree| tree.disable_here(&name, deadline))
    }

    fn disable_here(
        &mut self,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Disabled>, TreeError> {
        self.is_started()?;
        match self.scan_dir().disable(name, deadline) {
            Ok(disabled) => Ok(Some(disabled)),
            Err(svclient::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Every service directory, sorted by name, enabled or not; none of a tree that was not made yet.
    ///
    /// # Errors
    ///
    /// Those of [`ScanDir::services`].
    pub fn services(&self) -> Result<Vec<TreeService>, TreeError> {
        let dir = ScanDir::new(self.services_dir());
        let services = match dir.services() {
            Err(svclient::Error::NotFound { .. }) => return Ok(Vec::new()),
            services => services?,
        };
        let scan_dir = self.scan_dir();
        let is_enabled = |service: &Service| {
            let link = scan_dir.dir().join(service.name().as_os_str());
            let (link, dir) = (fs::canonicalize(link), fs::canonicalize(service.dir()));
            matches!((link, dir), (Ok(link), Ok(dir)) if link == dir)
        };
        let with_link = |service| TreeService { enabled: is_enabled(&service), service };
        Ok(services.into_iter().map(with_link).collect())
    }

    /// One service by its name.
    ///
    /// # Errors
    ///
    /// Those of [`Service::open`].
    pub fn service(&self, name: &str) -> Result<Service, TreeError> {
        Ok(ScanDir::new(self.services_dir()).service(name)?)
    }

    /// Runs a program below the keeper and waits for its end. How it ended, in words; `None` if the
    /// deadline has passed, and it was killed.
    pub(crate) fn run_below(
        &mut self,
        argv: &[std::ffi::OsString],
        log: &Path,
        deadline: Instant,
    ) -> Result<Option<String>, TreeError> {
        let dir = std::env::current_dir().unwrap_or_else(|_| self.base.clone());
        let check = Message::new("check").with(dir).with(log);
        let check = argv.iter().fold(check, Message::with);
        match self.ask(&check, &["checked"], deadline, "run a check in") {
            Ok(answer) => Ok(Some(answer.text(1))),
            Err(TreeError::Deadline { .. }) => {
                let killed = Instant::now() + KILLING;
                self.ask(&Message::new("cancel"), &["checked"], killed, "end a check in")?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
