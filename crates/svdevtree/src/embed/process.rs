//! A supervisor as a process of its own: signals, a thousand open files, and pid 1.
//!
//! | signal           | `supervise`                          | `scan`                           |
//! |------------------|--------------------------------------|----------------------------------|
//! | TERM, INT        | stop, then exit; a second one: SIGKILL | stop all, then exit; the same  |
//! | HUP              | as TERM; as pid 1: sent on to `run`  | as TERM, with another exit code  |
//! | ALRM             | as pid 1: sent on to `run`           | look at the scan directory       |
//! | QUIT, USR1, USR2 | as pid 1: sent on to `run`           | as pid 1: sent on to every `run` |
//! | CHLD             | as pid 1 (Linux): orphans are waited for | the same                     |
//!
//! What is not named is left to the system. Handlers are the way, not a blocked mask and a signalfd:
//! children of std inherit the mask, and handlers end at exec.

use std::{
    fmt,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use nix::{libc::c_int, sys::signal::Signal, unistd::Pid};
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};
use svproto::Op;

use super::{
    Options, ServiceOptions, Supervisor,
    event::{Exit, ServicePart},
    options::Stdin,
    reap::{self, Peek, Process},
    service_dir::ServiceDir,
};
use crate::Error;

/// How a supervisor's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessEnd {
    /// By SIGTERM or SIGINT, or because a client asked for it.
    Asked,
    /// By SIGHUP.
    HungUp,
    /// The same, and something had to be killed.
    Killed,
    /// Because a critical service ended for good, and how that ended ([`ServiceOptions::critical`]).
    Critical {
        /// The end of its last run.
        exit: Exit,
    },
}

impl ProcessEnd {
    /// One lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::HungUp => "hung-up",
            Self::Killed => "killed",
            Self::Critical { .. } => "critical",
        }
    }

    /// The exit code: 0, or 111 after SIGHUP, which are those of `runsvdir`; 137 if something had to be killed,
    /// which is what a container engine gives; that of a critical service, as a shell has it: 128 and the number of
    /// the signal where one ended it.
    ///
    /// ```
    /// use svdevtree::{Exit, ProcessEnd};
    ///
    /// assert_eq!(ProcessEnd::Critical { exit: Exit::Code(7) }.code(), 7);
    /// assert_eq!(ProcessEnd::Critical { exit: Exit::Signal { number: 9, core: false } }.code(), 137);
    /// ```
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Asked => 0,
            Self::HungUp => 111,
            Self::Killed => 128 + 9,
            Self::Critical { exit: Exit::Code(code) } => code,
            Self::Critical { exit: Exit::Signal { number, .. } } => number.saturating_add(128),
        }
    }
}

/// The word, without how a critical service ended.
impl fmt::Display for ProcessEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Supervises one service directory until it is asked to end, as `runsv` does. For a process that does
/// nothing else: it takes the signals, and as pid 1 waits for orphans.
///
/// # Errors
///
/// As [`Supervisor::add`] and [`Supervisor::run`].
pub fn supervise(
    dir: &Path,
    options: Options,
    service: ServiceOptions,
) -> Result<ProcessEnd, Error> {
    let mut supervisor = process(options, Role::One)?;
    supervisor.add(dir, service)?;
    supervisor.run_until_empty()?;
    Ok(supervisor.ended())
}

/// Supervises a scan directory until it is asked to end, as `runsvdir` does, but for SIGTERM, which
/// ends the services too. For a process that does nothing else.
///
/// # Errors
///
/// As [`Supervisor::follow`] and [`Supervisor::run`].
pub fn scan(dir: &Path, options: Options) -> Result<ProcessEnd, Error> {
    let mut supervisor = process(options, Role::Scanner)?;
    supervisor.follow(dir)?;
    supervisor.run_until_empty()?;
    Ok(supervisor.ended())
}

/// Supervises what `before_waiting` takes on ([`Supervisor::add`]), until it is asked to end. For a process that does
/// nothing else, and whose services depend on each other.
///
/// `before_waiting` is called before each wait and says how long that may take at most; `None` for ever. What has
/// happened since its last call, the observer of the options was told; another thread ends a wait by
/// [`Handle::wake`](super::Handle::wake).
///
/// # Errors
///
/// As [`Supervisor::run`].
pub fn supervise_with(
    options: Options,
    mut before_waiting: impl FnMut(&mut Supervisor) -> Option<Duration>,
) -> Result<ProcessEnd, Error> {
    let mut supervisor = process(options, Role::Scanner)?;
    loop {
        let longest = before_waiting(&mut supervisor);
        if supervisor.is_stopping() && supervisor.services.is_empty() {
            return Ok(supervisor.ended());
        }
        supervisor.turn(longest)?;
    }
}

fn process(mut options: Options, role: Role) -> Result<Supervisor, Error> {
    options.stdin = Stdin::Inherited;
    if is_first() {
        options.kill_after.get_or_insert(FIRST_KILLS_AFTER);
    }
    let mut supervisor = Supervisor::new(options)?;
    supervisor.context.limit.raise();
    supervisor.signals = Some(Signals::listen(role)?);
    Ok(supervisor)
}

/// Container engines kill after ten seconds; a second of the rest is for loggers.
const FIRST_KILLS_AFTER: Duration = Duration::from_secs(8);

fn is_first() -> bool {
    Pid::this() == Pid::from_raw(1)
}

/// Orphans of one turn.
const ORPHANS: usize = 1000;

/// Which of the two tables counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    One,
    Scanner,
}

/// The signals that this process takes.
#[derive(Debug)]
pub(super) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    role: Role,
    /// As pid 1, whatever has no parent any more is a child.
    first: bool,
    ended: ProcessEnd,
    /// To end; once more hurries.
    told: bool,
    /// When to look for orphans again, on the steady clock.
    again: Option<Duration>,
}

impl Signals {
    fn listen(role: Role) -> Result<Self, Error> {
        let first = is_first();
        let mut signals = vec![Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];
        if first || role == Role::Scanner {
            signals.push(Signal::SIGALRM);
        }
        if first {
            signals.extend([Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGCHLD]);
        }
        let numbers = signals.into_iter().map(|signal| signal as c_int);
        let fail = |error| Error::system("listen to signals", error);
        let (reader, writer) = UnixStream::pair().map_err(fail)?;
        let delivery = SignalDelivery::with_pipe(reader, writer, SignalOnly, numbers);
        let delivery = delivery.map_err(fail)?;
        Ok(Self { delivery, role, first, ended: ProcessEnd::Asked, told: false, again: None })
    }
}

impl Signals {
    /// When to be called although no signal came.
    pub(super) const fn due(&self) -> Option<Duration> {
        self.again
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}

impl Supervisor {
    fn ended(&self) -> ProcessEnd {
        let critical = self.critical.map(|exit| ProcessEnd::Critical { exit });
        let asked = || self.signals.as_ref().map_or(ProcessEnd::Asked, |signals| signals.ended);
        let killed = || self.context.killed.then_some(ProcessEnd::Killed);
        critical.or_else(killed).unwrap_or_else(asked)
    }

    pub(super) fn heed_signals(&mut self) {
        let Some(signals) = &mut self.signals else { return };
        let pending: Vec<_> = signals.delivery.pending().collect();
        for signal in pending.into_iter().filter_map(|it| Signal::try_from(it).ok()) {
            self.heed(signal);
        }
    }

    fn heed(&mut self, signal: Signal) {
        let Some(signals) = &mut self.signals else { return };
        let (one, first) = (signals.role == Role::One, signals.first);
        let is_ending = || self.services.values().any(ServiceDir::wants_exit);
        match signal {
            Signal::SIGTERM | Signal::SIGINT if signals.told && is_ending() => self.kill(),
            Signal::SIGTERM | Signal::SIGINT => {
                signals.told = true;
                self.stop();
            }
            Signal::SIGHUP if one && first => self.ask_all(Op::Hup),
            Signal::SIGHUP => {
                signals.ended = ProcessEnd::HungUp;
                self.stop();
            }
            Signal::SIGALRM if one => self.ask_all(Op::Alarm),
            Signal::SIGALRM => {
                for at in 0..self.scans.len() {
                    self.look(at);
                }
            }
            Signal::SIGQUIT => self.ask_all(Op::Quit),
            Signal::SIGUSR1 => self.ask_all(Op::Usr1),
            Signal::SIGUSR2 => self.ask_all(Op::Usr2),
            Signal::SIGCHLD => self.reap_orphans(),
            _ => (),
        }
    }

    fn ask_all(&mut self, op: Op) {
        for service in self.services.values_mut() {
            service.ask(ServicePart::Main, op, &mut self.context);
        }
    }

    /// Waits for children that are nobody's. What is a service's is left to its descriptor, which says
    /// how it ended.
    pub(super) fn reap_orphans(&mut self) {
        if let Some(signals) = &mut self.signals {
            signals.again = None;
        }
        // Whoever makes orphans faster than they are waited for does not keep this from all else.
        for _ in 0..ORPHANS {
            for service in self.services.values_mut() {
                service.reap_all(&mut self.context);
            }
            let pid = match reap::peek() {
                Peek::Nobody => return,
                // Ours have just been seen to.
                Peek::Hidden => None,
                Peek::Child(pid) => Some(pid),
            };
            let is_it = |process: &Process| Some(process.pid().get()) == pid;
            if self.services.values().flat_map(ServiceDir::processes).any(is_it) {
                // Ended between the two, or held back by a control script: tried again soon.
                self.orphans_again();
                return;
            }
            reap::take(pid);
        }
        self.orphans_again();
    }

    fn orphans_again(&mut self) {
        let now = self.context.clock.now().steady;
        if let Some(signals) = &mut self.signals {
            signals.again = Some(now.saturating_add(Duration::from_millis(100)));
        }
    }
}
