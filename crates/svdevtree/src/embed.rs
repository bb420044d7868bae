//! The embedded supervisor: any number of service directories, one thread, one `poll`.
//!
//! | file         | for                                                        |
//! |--------------|------------------------------------------------------------|
//! | `machine.rs` | what becomes of one process: a table, without files and clock |
//! | `service_dir.rs` | one service directory: service, logger, the pipe between them |
//! | `service_dir/one_run.rs` | one run of them: what it gets, says and answers      |
//! | `probes.rs` `asking.rs` | whether a run is ready and well; asking without waiting |
//! | `probe_rules.rs` | what is asked, and how often                            |
//! | `notify.rs` `sockets.rs` | sd_notify(3); sockets that outlive a run           |
//! | `restarts.rs` | after which ends another run follows                      |
//! | `runner.rs`  | service or logger: machine, files, process, timers         |
//! | `publish.rs` | runit's files in `supervise`                               |
//! | `mirror.rs`  | a service directory that is supervised in another place    |
//! | `replace.rs` | replacing a small file whole, and soon                     |
//! | `spawn.rs` `limit.rs` | starting scripts; the limit on open files         |
//! | `reap.rs`    | child processes as descriptors                             |
//! | `scan.rs`    | following a scan directory                                 |
//! | `handle.rs`  | asking a supervisor from another thread                    |
//! | `process.rs` | being a process of one's own: signals, pid 1               |
//! | `stop.rs`    | the end of all services, in order and in time              |
//! | `event.rs` `options.rs` | what is told, what can be asked for             |
//! | `context.rs` | what all service directories share                          |
//! | `clock.rs` `fd.rs` | two clocks; pipes                                    |

mod asking;
mod clock;
mod context;
mod event;
mod fd;
mod handle;
mod limit;
mod machine;
mod mirror;
mod notify;
mod options;
mod probe_rules;
mod probes;
mod process;
mod publish;
mod reap;
mod replace;
mod restarts;
mod runner;
mod scan;
mod service_dir;
mod sockets;
mod spawn;
mod stop;

pub(crate) use self::options::OWN_FILES;
pub use self::{
    event::{EventKind, Exit, ServiceEvent, ServiceId, ServicePart, Unwell},
    handle::Handle,
    notify::{NotifyMessage, NotifySocket},
    options::{LONGEST_DELAY, Options, ProcessGroup, ServiceOptions, Stdin},
    process::{ProcessEnd, scan, supervise, supervise_with},
    publish::EMBEDDED,
};

use std::{
    collections::BTreeMap,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use svproto::Op;

use self::{
    context::Context,
    handle::{Command, Inbox},
    process::Signals,
    scan::{Scan, Step},
    service_dir::{ServiceDir, Source},
    stop::Stopping,
};
use crate::Error;

/// Supervises service directories from within a program.
///
/// Nothing happens but in [`run`](Self::run), [`run_until_empty`](Self::run_until_empty) and
/// [`turn`](Self::turn), which wait and work on the thread that calls them.
///
/// Dropping it kills what still runs (SIGKILL) and waits for that; to end services in an orderly way,
/// stop it and let it run until it returns.
#[derive(Debug)]
pub struct Supervisor {
    context: Context,
    services: BTreeMap<ServiceId, ServiceDir>,
    scans: Vec<Scan>,
    last_id: u64,
    inbox: Inbox,
    signals: Option<Signals>,
    stopping: Option<Stopping>,
    /// How a critical service ended, with which all ends.
    critical: Option<Exit>,
    /// It was told that no more service fits.
    told_full: bool,
}

/// Some systems count a timeout in milliseconds of 31 bits. To wake once a day more harms nobody.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

const ONE_SECOND: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Whose descriptor has something; in the order in which that is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    ServiceDir(ServiceId, Source),
    Signals,
    Scan(usize),
    Inbox,
}

impl Supervisor {
    /// A supervisor of nothing.
    ///
    /// ```
    /// use std::time::Duration;
    /// use svdevtree::{Options, Supervisor};
    ///
    /// let mut supervisor = Supervisor::new(Options::new())?;
    /// supervisor.turn(Some(Duration::ZERO))?;
    /// assert_eq!(supervisor.services().count(), 0);
    /// # Ok::<(), svdevtree::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::System`] if there is no descriptor left.
    pub fn new(options: Options) -> Result<Self, Error> {
        let inbox = Inbox::new()?;
        let context = Context::new(options);
        let (services, scans) = (BTreeMap::new(), Vec::new());
        let (signals, stopping, critical) = (None, None, None);
        let (last_id, told_full) = (0, false);
        Ok(Self {
            context,
            services,
            scans,
            last_id,
            inbox,
            signals,
            stopping,
            critical,
            told_full,
        })
    }

    /// For asking from another thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.inbox.handle()
    }

    /// Takes on a service directory, and starts the service unless there is a file `down`.
    ///
    /// # Errors
    ///
    /// [`Error::Held`] if it is supervised already, by this supervisor or another one;
    /// [`Error::WrongType`] and [`Error::Io`] if its files cannot be made; [`Error::Stopping`].
    /// That `run` is missing is none: it shows as an exit with 111, as with `runsv`.
    pub fn add(
        &mut self,
        dir: impl AsRef<Path>,
        options: ServiceOptions,
    ) -> Result<ServiceId, Error> {
        let id = self.take_on(&dir.as_ref().into(), options)?;
        // One that could not be started has ended already.
        self.clear_away();
        Ok(id)
    }

    /// Supervises what is in a scan directory, and follows what comes and goes there, as `runsvdir`
    /// does: what leaves is stopped. Begins in the next turn. [`Options::configure`] is asked for each.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be listed or watched; [`Error::Stopping`].
    pub fn follow(&mut self, scan_dir: impl AsRef<Path>) -> Result<(), Error> {
        self.refuse_while_stopping("follow a scan directory")?;
        self.scans.push(Scan::open(scan_dir.as_ref())?);
        Ok(())
    }

    /// Sends a request, as a client does through the control FIFO; what runit has no letter for does
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn ask(&mut self, service: ServiceId, part: ServicePart, op: Op) -> Result<(), Error> {
        let service = self.services.get_mut(&service).ok_or(Error::Gone)?;
        service.ask(part, op, &mut self.context);
        self.clear_away();
        Ok(())
    }

    /// Stops a service and then supervises it no longer. [`EventKind::Gone`] tells when that is done.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn remove(&mut self, service: ServiceId) -> Result<(), Error> {
        self.ask(service, ServicePart::Main, Op::StopExit)
    }

    /// The services that are supervised, with their directories.
    pub fn services(&self) -> impl Iterator<Item = (ServiceId, &Path)> {
        self.services.values().map(|service| (service.id, &**service.dir()))
    }

    /// Works until it is told to stop and everything has ended.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if waiting fails. Services go on.
    pub fn run(&mut self) -> Result<(), Error> {
        while self.stopping.is_none() || !self.services.is_empty() {
            self.turn(None)?;
        }
        Ok(())
    }

    /// Works until nothing is left to supervise or to follow.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_until_empty(&mut self) -> Result<(), Error> {
        while !(self.services.is_empty() && self.scans.is_empty()) {
            self.turn(None)?;
        }
        Ok(())
    }

    /// Waits for something to happen, at most so long, and deals with it; for an event loop of one's
    /// own.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if waiting fails.
    pub fn turn(&mut self, longest: Option<Duration>) -> Result<(), Error> {
        let ready = self.wait(longest)?;
        for token in ready {
            match token {
                Token::ServiceDir(id, source) => {
                    if let Some(service) = self.services.get_mut(&id) {
                        service.ready(source, &mut self.context);
                    }
                }
                Token::Signals => self.heed_signals(),
                Token::Scan(at) => self.look(at),
                Token::Inbox => self.answer(),
            }
        }
        self.ring();
        self.clear_away();
        Ok(())
    }

    fn take_on(&mut self, dir: &Arc<Path>, options: ServiceOptions) -> Result<ServiceId, Error> {
        self.refuse_while_stopping("supervise another service")?;
        let services = self.services.len();
        let full = |limit| Error::Full { dir: dir.to_path_buf(), more: 0, services, limit };
        let room = self.context.limit.keep_room().map_err(full)?;
        let id = ServiceId(self.last_id + 1);
        let place = match &self.context.options.state_dir {
            Some(state) => mirror::mirror(dir, state)?.into(),
            None => Arc::clone(dir),
        };
        let opened = ServiceDir::open(id, place, options, &self.context);
        let mut service = opened.map_err(|error| match room {
            Some(_) if error.lacks_descriptors() => full(limit::most()),
            _ => error,
        })?;
        drop(room);
        self.last_id += 1;
        service.begin(&mut self.context);
        self.services.insert(id, service);
        self.context.deliver();
        Ok(id)
    }

    const fn refuse_while_stopping(&self, doing: &'static str) -> Result<(), Error> {
        match self.stopping {
            Some(_) => Err(Error::Stopping { doing }),
            None => Ok(()),
        }
    }

    /// Who has something, in the order of tokens.
    fn wait(&self, longest: Option<Duration>) -> Result<Vec<Token>, Error> {
        let services = self.services.values().flat_map(|service| {
            let of = |source| Token::ServiceDir(service.id, source);
            service.sources().map(move |(source, fd, flags)| (of(source), fd, flags))
        });
        let scans = self.scans.iter().enumerate();
        let scans = scans.filter_map(|(at, scan)| Some((Token::Scan(at), scan.descriptor()?)));
        let signals = self.signals.iter().map(|signals| (Token::Signals, signals.as_fd()));
        let inbox = [(Token::Inbox, self.inbox.as_fd())];
        let others = scans.chain(signals).chain(inbox);
        let others = others.map(|(token, fd)| (token, fd, PollFlags::IN));
        let sources: (Vec<Token>, Vec<PollFd<'_>>) = services
            .chain(others)
            .map(|(it, fd, flags)| (it, PollFd::from_borrowed_fd(fd, flags)))
            .unzip();
        let (tokens, mut fds) = sources;
        match poll(&mut fds, self.timeout(longest).as_ref()) {
            Ok(_) => (),
            Err(Errno::INTR | Errno::AGAIN) => return Ok(Vec::new()),
            Err(errno) => return Err(Error::system("wait for services", errno)),
        }
        let ready = tokens.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
        let mut ready: Vec<_> = ready.map(|(token, _)| token).collect();
        ready.sort_unstable();
        Ok(ready)
    }

    /// Until the first timer or a little before it, to the nanosecond: in whole milliseconds it would be
    /// late by half of one. Without a timer, for ever.
    fn timeout(&self, longest: Option<Duration>) -> Option<Timespec> {
        let services = self.services.values().filter_map(ServiceDir::due);
        let scans = self.scans.iter().filter_map(Scan::due);
        let stop = self.stopping.and_then(|stopping| stopping.due());
        let orphans = self.signals.iter().filter_map(Signals::due);
        let now = self.context.clock.now();
        let first = services
            .chain(scans)
            .chain(stop)
            .chain(orphans)
            .min()
            .map(|at| clock::in_time(at, &now));
        let wait = [first, longest].into_iter().flatten().min()?;
        Timespec::try_from(wait.min(LONGEST_WAIT)).ok()
    }

    fn ring(&mut self) {
        let now = self.context.clock.now().steady;
        for service in self.services.values_mut() {
            if service.due().is_some_and(|at| at <= now) {
                service.ring(&mut self.context);
            }
        }
        for at in 0..self.scans.len() {
            if self.scans.get(at).and_then(Scan::due).is_some_and(|due| due <= now) {
                self.look(at);
            }
        }
        if self.signals.as_ref().and_then(Signals::due).is_some_and(|due| due <= now) {
            self.reap_orphans();
        }
        self.go_on_stopping(now);
    }

    /// Forgets what is over, and does what has waited for the records.
    fn clear_away(&mut self) {
        if self.stopping.is_none() {
            self.critical = self.services.values().find_map(ServiceDir::critical_end);
            if self.critical.is_some() {
                // It comes here again.
                return self.stop();
            }
        }
        let over: Vec<_> = self
            .services
            .values()
            .filter(|service| service.is_over())
            .map(|service| service.id)
            .collect();
        for id in over {
            let Some(service) = self.services.remove(&id) else { continue };
            let dir = Arc::clone(service.dir());
            // The lock is free before anybody hears of it.
            drop(service);
            self.context.tell(Some(id), &dir, ServicePart::Main, EventKind::Gone);
            let now = self.context.clock.now().steady;
            for at in 0..self.scans.len() {
                let step = self.scans.get_mut(at).and_then(|scan| scan.ended(id, now));
                self.carry_out(at, step);
            }
        }
        self.tell_the_next();
        self.context.deliver();
    }

    fn look(&mut self, at: usize) {
        let now = self.context.clock.now().steady;
        let Some(scan) = self.scans.get_mut(at) else { return };
        let dir: Arc<Path> = scan.path().into();
        let (steps, trouble) = scan.look(now);
        if let Some(error) = trouble {
            self.context.tell(
                None,
                &dir,
                ServicePart::Main,
                EventKind::Trouble { error: Arc::new(error) },
            );
        }
        self.carry_out(at, steps);
    }

    fn carry_out(&mut self, at: usize, steps: impl IntoIterator<Item = Step>) {
        let mut full = None;
        for step in steps {
            match step {
                Step::Leave(id) => {
                    if let Some(service) = self.services.get_mut(&id) {
                        service.ask(ServicePart::Main, Op::StopExit, &mut self.context);
                    }
                }
                Step::Take(identity, _) if full.is_some() => {
                    let now = self.context.clock.now().steady;
                    let Some(scan) = self.scans.get_mut(at) else { return };
                    scan.refused(identity, now);
                    if let Some((_, Error::Full { more, .. })) = &mut full {
                        *more += 1;
                    }
                }
                Step::Take(identity, dir) => {
                    let configure = self.context.options.configure.as_mut();
                    let options = configure.map(|configure| configure(&dir)).unwrap_or_default();
                    let taken = self.take_on(&dir, options);
                    let now = self.context.clock.now().steady;
                    let Some(scan) = self.scans.get_mut(at) else { return };
                    match taken {
                        Ok(id) => {
                            scan.taken(identity, id);
                            self.told_full = false;
                        }
                        Err(error @ Error::Full { .. }) => {
                            scan.refused(identity, now);
                            full = Some((dir, error));
                        }
                        Err(error) => {
                            scan.refused(identity, now);
                            let error = Arc::new(error);
                            self.context.tell(
                                None,
                                &dir,
                                ServicePart::Main,
                                EventKind::Refused { error },
                            );
                        }
                    }
                }
            }
        }
        // Once for all of them; they are tried again, and again in vain.
        if let Some((dir, error)) = full.filter(|_| !std::mem::replace(&mut self.told_full, true)) {
            let error = Arc::new(error);
            self.context.tell(None, &dir, ServicePart::Main, EventKind::Refused { error });
        }
    }

    /// Does what was asked from other threads.
    fn answer(&mut self) {
        for command in self.inbox.drain() {
            // Who asked may have left without waiting for the answer.
            let _left = match command {
                Command::Add(dir, options, answer) => answer.send(self.add(dir, *options)).is_err(),
                Command::Follow(dir, answer) => answer.send(self.follow(dir)).is_err(),
                Command::Ask(id, part, op, answer) => answer.send(self.ask(id, part, op)).is_err(),
                Command::Stop => {
                    self.stop();
                    false
                }
                Command::Kill => {
                    self.kill();
                    false
                }
            };
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        for service in self.services.values_mut() {
            service.kill(true, &mut self.context);
        }
        self.context.deliver();
        for process in self.services.values().flat_map(ServiceDir::processes) {
            // SIGKILL takes effect at once, but for a process in the kernel's hands.
            let _slow = poll(&mut [pollin(process.as_fd())], Some(&ONE_SECOND));
            let _taken = process.try_wait();
        }
    }
}

fn pollin(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::IN)
}
