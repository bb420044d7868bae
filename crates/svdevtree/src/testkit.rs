//! Real services for a `#[test]`: described, started, waited for, controlled; and gone when it ends,
//! however it ends.
//!
//! ```
//! use std::{io::Read as _, net::TcpStream, time::{Duration, Instant}};
//! use svdevtree::testkit::{Kit, ReadyWhen, Spec};
//!
//! svdevtree::testkit!(); // once in a test program
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let soon = || Instant::now() + Duration::from_secs(20);
//! let mut kit = Kit::new()?;
//!
//! // A file that the service announces itself with, in a directory that goes with the kit.
//! let up = kit.dir().join("up");
//! let script = "touch \"$UP\"; exec sleep 1000";
//! let spec = Spec::new("worker", ["/bin/sh", "-c", script])
//!     .env("UP", &up)
//!     .ready(ReadyWhen::command(["test".as_ref(), "-e".as_ref(), up.as_os_str()]));
//! let worker = kit.start(spec, soon())?;
//!
//! // `worker` is a `svclient::Service`: ask it, watch it, wait for it.
//! assert!(worker.status()?.reading().is_supervised());
//! kit.restart("worker", soon())?;
//! kit.stop("worker", soon())?;
//! assert_eq!(kit.log("worker"), "");
//! # Ok(())
//! # }
//! ```
//!
//! A server gets a port of its own:
//!
//! ```no_run
//! # use std::time::{Duration, Instant};
//! # use svdevtree::testkit::{Kit, ReadyWhen, Spec};
//! # let soon = || Instant::now() + Duration::from_secs(20);
//! # let mut kit = Kit::new()?;
//! let port = kit.port()?;
//! let server = Spec::new("web", ["target/debug/server"])
//!     .env("PORT", port.to_string())
//!     .ready(ReadyWhen::http(port, "/health"));
//! kit.start(server, soon())?;
//! # Ok::<(), svdevtree::testkit::KitError>(())
//! ```
//!
//! With Cargo, `env!("CARGO_BIN_EXE_server")` is the path of a program of the same package.
//!
//! # When a test fails
//!
//! A panic while there is a kit prints the last lines of every service's log to standard error, where the
//! test harness shows them. [`KitError`] has those of the service that it is about in its message.
//!
//! # What is left afterwards
//!
//! No process and no file, after a drop, a panic, `exit`, `abort`, and SIGKILL of the test's process or of
//! its process group, as a runner sends it: a kit is a temporary [`DevTree`], whose page says by which
//! means, and what is not guaranteed. The same page says it for other systems than Linux, in short: there
//! daemons that leave their process group stay. After SIGKILL it takes some milliseconds.
//!
//! # Directories that hang
//!
//! Where the temporary directory is on a file system whose server is gone, calls with a deadline end 0.15 s after it all
//! the same, with [`TreeError::Deadline`](crate::TreeError::Deadline), and so do [`Kit::new`] and [`Kit::end`] after 30 seconds. A
//! later call goes on with the kit once the system lets it.
//!
//! # In parallel
//!
//! Kits share nothing: each has a directory, an engine and ports of its own, under `cargo test` and under
//! `cargo nextest`. A kit is three processes besides its services, keeper, guard and engine; other engines than the
//! embedded add a supervisor for each service.
//!
//! # Doubles
//!
//! [`double`] has services for testing clients of supervisors: ready late, never ready, deaf to SIGTERM,
//! crashing, flooding.

mod aside;
pub mod double;
mod error;
mod port;
mod ready;
mod spec;

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use svclient::{Phase, Pid, Reading, Request, Service, Status, WatchSet};

pub use self::{
    error::{KitError, KitErrorKind},
    port::Port,
    ready::ReadyWhen,
    spec::Spec,
};
use crate::{
    DevTree, Engine,
    tree::log::{LINES, tail},
};

/// Between two looks for what nothing tells of, such as a port that is listened on.
const PAUSE: Duration = Duration::from_millis(10);
/// What the kit's `finish` writes.
const EXIT: &str = "exit";
/// So many lines of each log are printed when a test panics.
const PRINTED: usize = 50;

/// Services of one test. Dropping it ends them.
#[derive(Debug)]
pub struct Kit {
    // Before the ports: they are free when nobody uses them any more.
    tree: DevTree,
    ports: Vec<Port>,
    specs: BTreeMap<String, Spec>,
    dir: PathBuf,
    /// All of it hangs, and this only stands in for it.
    away: Option<Box<aside::Away>>,
}

impl Kit {
    /// A kit with the embedded engine, which needs nothing installed.
    ///
    /// # Errors
    ///
    /// Those of [`DevTree::temporary`] and [`DevTree::start`].
    pub fn new() -> Result<Self, KitError> {
        Self::with_engine(Engine::default())
    }

    /// A kit with another engine. `runsvdir` and `svscan` take up to five seconds to notice a service,
    /// and only the embedded one and `s6-svscan` hear of readiness by descriptor.
    ///
    /// # Errors
    ///
    /// As [`Kit::new`].
    pub fn with_engine(engine: Engine) -> Result<Self, KitError> {
        let deadline = Instant::now() + STARTING;
        aside::before(deadline, "make a kit in", move || {
            let mut tree = DevTree::temporary()?.engine(engine).grace(GRACE);
            tree.start(deadline)?;
            let dir = tree.base().join("files");
            fs::create_dir(&dir).map_err(|error| KitError::io("make", &dir, error))?;
            Ok(Self { tree, ports: Vec::new(), specs: BTreeMap::new(), dir, away: None })
        })
    }

    /// The tree, for what the kit has no word for.
    pub const fn tree(&mut self) -> &mut DevTree {
        &mut self.tree
    }

    /// A directory for the test's own files, removed with the kit.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    /// The scan directory, for programs that are to find the services: `SVDIR`, `svctl --dir`.
    #[must_use]
    pub fn scan_dir(&self) -> PathBuf {
        self.tree.scan_dir().dir().to_owned()
    }

    /// A free TCP port of 127.0.0.1 that is nobody else's until the kit is dropped; see [`Port`].
    ///
    /// # Errors
    ///
    /// [`KitError::Io`] if there is none.
    pub fn port(&mut self) -> Result<u16, KitError> {
        let port = Port::reserve()
            .map_err(|error| KitError::io("reserve a port on", "127.0.0.1", error))?;
        let number = port.number();
        self.ports.push(port);
        Ok(number)
    }

    /// Starts a service and waits until it is ready: a [`Spec`], or a name and a [`svbuild::Service`]. One of the same name is changed and started again.
    ///
    /// # Errors
    ///
    /// [`KitError::Died`] if it ends before it is ready, [`KitError::NotReady`] at the deadline; both have
    /// the last lines of its log. [`KitError::Tree`] for what stands in the way of starting it.
    pub fn start(&mut self, spec: impl Into<Spec>, deadline: Instant) -> Result<Service, KitError> {
        let spec = spec.into();
        self.aside(deadline, "start a service in", move |kit| {
            let name = spec.name().to_owned();
            kit.enable(spec, deadline)?;
            kit.wait_here(&name, deadline)
        })
    }

    /// Starts services and waits until all are ready. They come back in the order of `specs`. One that is
    /// to start after others of them (`after`) is started when those are ready; the others start at once.
    /// [`svbuild::Definitions`] are services, too: a test starts what production runs.
    ///
    /// # Errors
    ///
    /// As [`Kit::start`], for the first one in the order of `specs` of which it is true.
    pub fn start_all<S: Into<Spec>>(
        &mut self,
        specs: impl IntoIterator<Item = S>,
        deadline: Instant,
    ) -> Result<Vec<Service>, KitError> {
        let specs: Vec<Spec> = specs.into_iter().map(Into::into).collect();
        self.aside(deadline, "start services in", move |kit| kit.start_all_here(specs, deadline))
    }

    fn start_all_here(
        &mut self,
        mut waiting: Vec<Spec>,
        deadline: Instant,
    ) -> Result<Vec<Service>, KitError> {
        let names: Vec<String> = waiting.iter().map(|spec| spec.name().to_owned()).collect();
        while !waiting.is_empty() {
            let is_left = |name: &str| waiting.iter().any(|spec| spec.name() == name);
            let waits = |spec: &Spec| spec.after().any(|it| it != spec.name() && is_left(it));
            let (later, mut now): (Vec<Spec>, Vec<Spec>) = waiting.iter().cloned().partition(waits);
            if now.is_empty() {
                // A circle: definitions that were checked have none. One begins.
                now = later;
                waiting = Vec::new();
            } else {
                waiting = later;
            }
            for spec in &now {
                for name in spec.after() {
                    if self.specs.contains_key(name) {
                        self.wait_here(name, deadline)?;
                    }
                }
            }
            for spec in now {
                self.enable(spec, deadline)?;
            }
        }
        names.iter().map(|name| self.wait_here(name, deadline)).collect()
    }

    /// Ends the process of a service, if it has one, and waits until another one is ready.
    ///
    /// # Errors
    ///
    /// As [`Kit::start`].
    pub fn restart(&mut self, name: &str, deadline: Instant) -> Result<Service, KitError> {
        let name = name.to_owned();
        self.aside(deadline, "restart a service in", move |kit| {
            kit.ask(&name, &Request::restart(), "restart", deadline)?;
            kit.forget_exit(&name);
            kit.wait_here(&name, deadline)
        })
    }

    /// Stops a service and waits until it is down; [`Kit::restart`] starts it again.
    ///
    /// # Errors
    ///
    /// [`KitError::NotReached`] at the deadline.
    pub fn stop(&mut self, name: &str, deadline: Instant) -> Result<(), KitError> {
        let name = name.to_owned();
        self.aside(deadline, "stop a service in", move |kit| {
            kit.ask(&name, &Request::down(), "stop", deadline)
        })
    }

    /// A service by its name.
    ///
    /// # Errors
    ///
    /// [`KitError::Tree`] if there is none of this name.
    pub fn service(&self, name: &str) -> Result<Service, KitError> {
        Ok(self.tree.service(name)?)
    }

    /// What a service has written, all of it; what is no UTF-8 is replaced.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        let bytes = fs::read(self.tree.log(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How the last process of a service ended, as in "exited with 1"; `None` while its first one runs,
    /// under `svscan`, and for a service with a `finish` of its own.
    #[must_use]
    pub fn exit(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.tree.services_dir().join(name).join(EXIT)).ok()?;
        let mut numbers = text.split_ascii_whitespace().map(str::parse::<i32>);
        let (code, signal) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        // runit's -1 and s6's 256 stand for a signal.
        Some(if (0..=255).contains(&code) {
            format!("exited with {code}")
        } else {
            let number = signal & 0x7f;
            let name = crate::Signal::from_number(number);
            name.map_or_else(
                || format!("killed by signal {number}"),
                |name| format!("killed by {name}"),
            )
        })
    }

    /// Waits until a service is ready that was started or asked for by other means.
    ///
    /// # Errors
    ///
    /// As [`Kit::start`].
    pub fn wait_ready(&mut self, name: &str, deadline: Instant) -> Result<Service, KitError> {
        let name = name.to_owned();
        self.aside(deadline, "wait for a service in", move |kit| kit.wait_here(&name, deadline))
    }

    fn wait_here(&mut self, name: &str, deadline: Instant) -> Result<Service, KitError> {
        let service = match self.service(name) {
            // Where the keeper was killed the directories go, too; that they are gone is not the news.
            Err(KitError::Tree(error)) => {
                self.tree.check()?;
                return Err(error.into());
            }
            result => result?,
        };
        let ready = self.specs.get(name).map_or(Ok(ReadyWhen::Up), Spec::criterion)?;
        let mut watch = WatchSet::new().map_err(crate::TreeError::from)?;
        watch.add(service.clone()).map_err(crate::TreeError::from)?;
        let (mut first, mut seen) = (None, None);
        loop {
            self.tree.check()?;
            let pid = running(seen.as_ref());
            let has_died = ready != ReadyWhen::Supervised
                && (self.exit(name).is_some() || first.is_some_and(|first| pid != Some(first)));
            if has_died {
                return Err(self.died(name, &mut watch, deadline));
            }
            first = first.or(pid);
            if self.is_ready(name, &ready, seen.as_ref(), deadline)? {
                return Ok(service);
            }
            let now = Instant::now();
            if now >= deadline {
                let (name, log) = (name.to_owned(), self.tail(name));
                return Err(KitError::NotReady { name, awaited: ready.to_string(), log });
            }
            // Every change of the record wakes; what it does not tell of is looked for again.
            let pause = deadline.min(now + PAUSE);
            while let Some(event) = watch.next_before(pause).map_err(crate::TreeError::from)? {
                let changed = event.status.ok();
                let news = running(changed.as_ref()) != running(seen.as_ref());
                seen = changed.or(seen);
                // Changes that never end are no reason not to look at the time.
                if news || Instant::now() >= pause {
                    break;
                }
            }
        }
    }

    /// Ends everything at once, as dropping the kit does, and says so if something does not end.
    ///
    /// # Errors
    ///
    /// [`KitError::Tree`] with [`TreeError::Survivors`](crate::TreeError::Survivors).
    pub fn end(mut self) -> Result<(), KitError> {
        self.aside(Instant::now() + STARTING, "end a kit in", |kit| {
            kit.tree.stop_here(Instant::now())?;
            Ok(())
        })
    }

    fn is_ready(
        &mut self,
        name: &str,
        ready: &ReadyWhen,
        seen: Option<&Status>,
        deadline: Instant,
    ) -> Result<bool, KitError> {
        if *ready == ReadyWhen::Supervised {
            return Ok(seen.is_some_and(|it| it.reading().is_supervised()));
        }
        if running(seen).is_none() {
            return Ok(false);
        }
        if let ReadyWhen::Command(argv) = ready {
            let log = self.tree.log(name);
            let ended = self.tree.run_below(argv, &log, deadline)?;
            return Ok(ended.is_some_and(|how| how == "exited with 0"));
        }
        Ok(ready.holds(seen, deadline))
    }

    fn enable(&mut self, spec: Spec, deadline: Instant) -> Result<(), KitError> {
        let name = spec.name().to_owned();
        let hears = matches!(self.tree.chosen_engine(), Engine::Embedded | Engine::S6Svscan);
        if matches!(spec.criterion()?, ReadyWhen::Fd(_)) && !hears {
            return Err(KitError::NoReadiness { name, engine: self.tree.chosen_engine() });
        }
        let is_new = !self.specs.contains_key(&name);
        self.tree.add(spec.definition())?;
        self.specs.insert(name.clone(), spec);
        if is_new {
            self.tree.enable(&name, deadline)?;
            return Ok(());
        }
        self.ask(&name, &Request::restart(), "restart", deadline)?;
        self.forget_exit(&name);
        Ok(())
    }

    fn ask(
        &self,
        name: &str,
        request: &Request,
        doing: &'static str,
        deadline: Instant,
    ) -> Result<(), KitError> {
        let outcome = request.pursue(&self.service(name)?, deadline);
        let outcome = outcome.map_err(|error| KitError::Tree(error.into()))?;
        if outcome.is_reached() {
            return Ok(());
        }
        let why = outcome.reason().unwrap_or_else(|| "the deadline has passed".to_owned());
        let (name, log) = (name.to_owned(), self.tail(name));
        Err(KitError::NotReached { doing, name, why, log })
    }

    fn died(&self, name: &str, watch: &mut WatchSet, deadline: Instant) -> KitError {
        // That it died is known; its `finish`, which says how, may be at it still.
        let patience = deadline.min(Instant::now() + LAST_WORDS);
        let hears =
            self.specs.get(name).is_some_and(|spec| spec.tells_exit(self.tree.chosen_engine()));
        while hears && self.exit(name).is_none() && Instant::now() < patience {
            if watch.next_before(patience.min(Instant::now() + PAUSE)).is_err() {
                break;
            }
        }
        let how = match self.exit(name) {
            Some(how) if how.starts_with("killed") => format!("was {how}"),
            Some(how) => how,
            None => "ended".to_owned(),
        };
        KitError::Died { name: name.to_owned(), how, log: self.tail(name) }
    }

    fn forget_exit(&self, name: &str) {
        let _none_yet = fs::remove_file(self.tree.services_dir().join(name).join(EXIT));
    }

    fn tail(&self, name: &str) -> String {
        tail(&self.tree.log(name), LINES)
    }

    fn shown_logs(&self) -> String {
        let mut text = String::new();
        for name in self.specs.keys() {
            let how =
                self.exit(name).map(|how| format!(" (its last end: {how})")).unwrap_or_default();
            let log = tail(&self.tree.log(name), PRINTED);
            let log = if log.is_empty() { "(nothing)".to_owned() } else { log };
            text += &format!("--- log of {name}{how}\n{log}\n--- end of the log of {name}\n");
        }
        let engine = tail(&self.tree.engine_log(), PRINTED);
        text + &format!("--- log of the engine\n{engine}\n--- end of the log of the engine")
    }
}

/// How long a `finish` of two commands may take where the machine has much else to do.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Nobody waits for a test's services but the test, and that has gone when this counts.
const GRACE: Duration = Duration::from_secs(1);
/// Making directories and two processes, and ending all again.
const STARTING: Duration = Duration::from_secs(30);

/// The process of `run`, if it has one.
fn running(seen: Option<&Status>) -> Option<Pid> {
    match seen?.reading() {
        Reading::Record(status) if status.phase == Phase::Up => status.pid,
        _ => None,
    }
}

/// What is kept ends with the kit.
impl Drop for Kit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.last_lines());
        }
        self.end_with();
    }
}
