//! One service directory: the service, its logger, and the pipe between them that outlives both.
//!
//! The machines decide; this carries out. When the service is to end for good, its end comes first;
//! then the pipe is closed, the logger reads the rest and its end of file, and the duty is over once
//! it has ended too.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use nix::{sys::signal::Signal, unistd};
use svproto::{
    Dialect, Op, Phase,
    embedded::{CannotStart, Script},
};

use super::{
    clock::Clock,
    event::{EventKind, Exit, ServiceEvent, ServiceId, ServicePart},
    fd,
    limit::Limit,
    machine::{Action, Event as Input, Machine, Now, Policy, Timer, Want},
    options::{Options, ProcessGroup, ServiceOptions, Settings},
    publish::Place,
    reap::Process,
    replace::Replaced,
    seat::Seat,
    spawn::{Failure, Launch},
};
use crate::Error;

/// What a duty needs of its supervisor.
#[derive(Debug, Default)]
pub(crate) struct Office {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) limit: Limit,
    /// Not told yet: first the files say so.
    untold: Vec<ServiceEvent>,
    /// Not between a death and the start that follows in the same turn: to free them takes longer.
    replaced: Replaced,
}

impl Office {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// Hands over what there is to tell, and does what can wait until then.
    pub(crate) fn deliver(&mut self) {
        if let Some(observer) = &mut self.options.observer {
            self.untold.drain(..).for_each(|event| observer(&event));
        }
        self.replaced.let_go();
    }

    pub(crate) fn tell(
        &mut self,
        service: Option<ServiceId>,
        dir: &Arc<Path>,
        part: ServicePart,
        kind: EventKind,
    ) {
        if self.options.observer.is_some() {
            let at = SystemTime::now();
            self.untold.push(ServiceEvent { service, dir: Arc::clone(dir), part, at, kind });
        }
    }
}

/// A service directory under supervision.
#[derive(Debug)]
pub(crate) struct Duty {
    pub(crate) id: ServiceId,
    dir: Arc<Path>,
    options: ServiceOptions,
    settings: Settings,
    main: Seat,
    log: Option<Seat>,
    /// From the service to its logger.
    pipe: Option<(OwnedFd, OwnedFd)>,
    script: Option<Process>,
    notify: Option<OwnedFd>,
    /// What was asked of the service while a control script runs.
    waiting: VecDeque<Op>,
    over: bool,
}

/// Something to step a machine with, and what is to be told of it.
type Told = (ServicePart, Input, Option<EventKind>);
type Events = VecDeque<Told>;

/// What a descriptor of a duty stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// Deaths first: a request that follows one must not meet a process that is no more.
    Process(ServicePart),
    Script,
    Notify,
    Control(ServicePart),
}

impl Duty {
    /// Takes on a service directory, in the order of `runsv`; nothing is started yet.
    pub(crate) fn open(
        id: ServiceId,
        dir: Arc<Path>,
        options: ServiceOptions,
        office: &Office,
    ) -> Result<Self, Error> {
        // The path as it leads now: a link may lead elsewhere later.
        let real = dir.canonicalize().map_err(|error| Error::io("find", &dir, error))?;
        let now = office.clock.now();
        let mut main = Place::claim(&real)?;
        let log = main.claim_log()?;
        let settings = options.settle(&main);
        let want = |place: &Place| if place.has("down") { Want::Down } else { Want::Up };
        let machine = Machine::new(ServicePart::Main, settings.policy, want(&main), now);
        main.open_control()?;
        main.publish(&machine, &mut Replaced::default())?;
        let mut main = Seat::new(machine, main);
        let mut log = log.map(|place| Self::log_seat(place, now)).transpose()?;
        main.place.open_ok()?;
        if let Some(log) = &mut log {
            log.place.open_ok()?;
        }
        let pipe = log.is_some().then(fd::pipe).transpose();
        let pipe = pipe.map_err(|error| Error::system("make a pipe for a logger", error))?;
        let (script, notify, waiting, over) = (None, None, VecDeque::new(), false);
        Ok(Self { id, dir, options, settings, main, log, pipe, script, notify, waiting, over })
    }

    fn log_seat(mut place: Place, now: Now) -> Result<Seat, Error> {
        let want = if place.has("down") { Want::Down } else { Want::Up };
        let machine = Machine::new(ServicePart::Log, Policy::RUNIT, want, now);
        place.open_control()?;
        place.without_pid_file();
        place.publish(&machine, &mut Replaced::default())?;
        Ok(Seat::new(machine, place))
    }

    /// Starts what is wanted up: the logger first.
    pub(crate) fn begin(&mut self, office: &mut Office) {
        self.tell(ServicePart::Main, EventKind::Supervised, office);
        if self.log.is_some() {
            self.feed(ServicePart::Log, Input::Begin, office);
        }
        self.feed(ServicePart::Main, Input::Begin, office);
        if self.main.machine.want() != Want::Up {
            self.tell(ServicePart::Main, EventKind::Down, office);
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn dir(&self) -> &Arc<Path> {
        &self.dir
    }

    /// A control byte, or what counts as one; carried out when a control script that runs has ended.
    pub(crate) fn ask(&mut self, part: ServicePart, op: Op, office: &mut Office) {
        if part == ServicePart::Main && self.main.machine.is_busy() {
            self.waiting.push_back(op);
        } else {
            self.feed(part, Input::Asked(op), office);
        }
    }

    /// SIGKILL for all of it.
    pub(crate) fn kill(&mut self, office: &mut Office) {
        let log = self.log.as_ref().and_then(|seat| seat.process.as_ref());
        let all = [self.main.process.as_ref(), log, self.script.as_ref()];
        let errors: Vec<_> = all.into_iter().flatten().filter_map(|it| it.kill().err()).collect();
        for error in errors {
            self.trouble(ServicePart::Main, Error::system("kill a process", error), office);
        }
    }

    /// The processes that it has.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        let log = self.log.as_ref().and_then(|seat| seat.process.as_ref());
        [self.main.process.as_ref(), log, self.script.as_ref()].into_iter().flatten()
    }

    /// The descriptors to wait for. While a control script runs, the service waits, as with `runsv`.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>)> {
        let log = self.log.as_ref().map(|seat| (ServicePart::Log, seat));
        let seats = [(ServicePart::Main, &self.main)].into_iter().chain(log);
        let seats = seats.filter(|(_, seat)| !seat.machine.is_busy()).flat_map(|(part, seat)| {
            let process = seat.process.as_ref().map(|it| (Source::Process(part), it.as_fd()));
            let control = seat.place.control().map(|it| (Source::Control(part), it));
            [process, control].into_iter().flatten()
        });
        let script = self.script.as_ref().map(|it| (Source::Script, it.as_fd()));
        let notify = self.notify.as_ref().map(|it| (Source::Notify, it.as_fd()));
        seats.chain(script).chain(notify)
    }

    /// When to be called although no descriptor has anything, on the steady clock.
    pub(crate) fn due(&self) -> Option<Duration> {
        let main = [self.main.rest, self.main.kill, self.main.rewrite];
        let log = self.log.as_ref().map(|seat| [seat.rest, seat.rewrite]);
        main.into_iter().chain(log.into_iter().flatten()).flatten().min()
    }

    /// A descriptor has something.
    pub(crate) fn ready(&mut self, source: Source, office: &mut Office) {
        match source {
            Source::Process(part) => self.reap(part, office),
            Source::Script => self.reap_script(office),
            Source::Notify => self.hear(office),
            Source::Control(part) => {
                let Some(byte) = self.seat(part).and_then(|seat| seat.place.take_request()) else {
                    return;
                };
                if let Some(op) = Op::from_control_byte(Dialect::Runit, byte) {
                    self.ask(part, op, office);
                }
            }
        }
    }

    /// Rings what is due.
    pub(crate) fn ring(&mut self, office: &mut Office) {
        let now = office.clock.now().steady;
        for part in [ServicePart::Main, ServicePart::Log] {
            let Some(seat) = self.seat_mut(part) else { continue };
            if seat.rest.take_if(|at| *at <= now).is_some() {
                self.feed(part, Input::Due(Timer::Rest), office);
            }
            let Some(seat) = self.seat_mut(part) else { continue };
            if seat.kill.take_if(|at| *at <= now).is_some() {
                self.feed(part, Input::Due(Timer::Kill), office);
            }
            let Some(seat) = self.seat_mut(part) else { continue };
            seat.rewrite_if_due(now, &mut office.replaced);
        }
    }

    /// Notices all ends, whether or not a descriptor told.
    pub(crate) fn reap_all(&mut self, office: &mut Office) {
        self.reap_script(office);
        for part in [ServicePart::Main, ServicePart::Log] {
            if self.seat(part).is_some_and(|seat| !seat.machine.is_busy()) {
                self.reap(part, office);
            }
        }
    }

    fn reap(&mut self, part: ServicePart, office: &mut Office) {
        let Some(process) = self.seat(part).and_then(|seat| seat.process.as_ref()) else { return };
        let exit = match process.try_wait() {
            Ok(Some(exit)) => exit,
            Ok(None) => return,
            Err(error) => {
                // Somebody else has waited for it: how it ended is lost, that it ended is not.
                self.trouble(part, Error::system("learn how a process ended", error), office);
                Exit::Code(u8::MAX)
            }
        };
        let Some(seat) = self.seat_mut(part) else { return };
        seat.process = None;
        let in_finish = seat.machine.phase() == Phase::Finish;
        let finish = part == ServicePart::Main && !in_finish && seat.place.can_read("finish");
        if part == ServicePart::Main {
            self.notify = None;
        }
        let what =
            if in_finish { EventKind::Finished { exit } } else { EventKind::Exited { exit } };
        self.feed_and_tell(part, Input::Exited { exit, finish }, Some(what), office);
    }

    fn reap_script(&mut self, office: &mut Office) {
        let Some(script) = &self.script else { return };
        let exit = match script.try_wait() {
            Ok(Some(exit)) => Some(exit),
            Ok(None) => return,
            Err(_) => None,
        };
        self.script = None;
        self.feed(
            ServicePart::Main,
            Input::Scripted { instead: exit == Some(Exit::Code(0)) },
            office,
        );
        while !self.main.machine.is_busy() {
            let Some(op) = self.waiting.pop_front() else { break };
            self.feed(ServicePart::Main, Input::Asked(op), office);
        }
    }

    /// Reads what the service says about being ready.
    fn hear(&mut self, office: &mut Office) {
        let Some(notify) = &self.notify else { return };
        let mut said = [0; 512];
        match unistd::read(notify, &mut said) {
            Ok(0) => self.notify = None,
            Ok(length) if said.iter().take(length).any(|&byte| byte == b'\n') => {
                self.notify = None;
                self.feed(ServicePart::Main, Input::Notified, office);
            }
            Ok(_) | Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => (),
            Err(_) => self.notify = None,
        }
    }

    /// Steps a machine and does what it says, until nothing is left to do.
    fn feed(&mut self, part: ServicePart, event: Input, office: &mut Office) {
        self.feed_and_tell(part, event, None, office);
    }

    /// As [`Self::feed`]. What is told comes after the record that says so.
    fn feed_and_tell(
        &mut self,
        part: ServicePart,
        event: Input,
        what: Option<EventKind>,
        office: &mut Office,
    ) {
        let mut events = VecDeque::from([(part, event, what)]);
        while let Some((part, event, mut what)) = events.pop_front() {
            let now = office.clock.now();
            let Some(seat) = self.seat_mut(part) else { continue };
            let was_idle = seat.machine.is_idle();
            let actions = seat.machine.step(event, now);
            for action in actions {
                self.perform(part, action, now, &mut events, office);
                if let Some(what) = what.take_if(|_| action == Action::Publish) {
                    self.tell(part, what, office);
                }
            }
            if let Some(what) = what {
                self.tell(part, what, office);
            }
            let is_idle = self.seat(part).is_some_and(|seat| seat.machine.is_idle());
            if is_idle && !was_idle {
                self.tell(part, EventKind::Down, office);
            }
        }
    }

    fn perform(
        &mut self,
        part: ServicePart,
        action: Action,
        now: Now,
        events: &mut Events,
        office: &mut Office,
    ) {
        match action {
            Action::Publish => self.publish(part, office),
            Action::Ready => {
                if let Some(pid) = self.main.machine.pid() {
                    self.tell(part, EventKind::Ready { pid: pid.get() }, office);
                }
            }
            Action::Run => events.push_back(self.run(part, office)),
            Action::Finish(exit) => events.push_back(self.finish(exit, office)),
            Action::Script(letter) => {
                if let Some(instead) = self.start_script(letter, office) {
                    events.push_back((part, Input::Scripted { instead }, None));
                }
            }
            Action::Signal(signal) => self.signal(part, signal, office),
            Action::Overdue => self.overdue(part, office),
            Action::Set(timer, after) => self.set(part, timer, now, after, office),
            Action::Unset(timer) => {
                if let Some(seat) = self.seat_mut(part) {
                    *seat.timer(timer) = None;
                }
            }
            Action::End => self.end(part, events),
        }
    }

    fn end(&mut self, part: ServicePart, events: &mut Events) {
        if part == ServicePart::Main && self.log.is_some() {
            // Both ends: the logger has its own copy of the reading one.
            self.pipe = None;
            events.push_back((ServicePart::Log, Input::Retire, None));
        } else {
            self.over = true;
        }
    }

    fn publish(&mut self, part: ServicePart, office: &mut Office) {
        let now = office.clock.now().steady;
        let Some(seat) = self.seat_mut(part) else { return };
        if let Some(error) = seat.publish(now, &mut office.replaced) {
            self.trouble(part, error, office);
        }
    }

    /// From the moment of what happened on, not from when it was written down.
    fn set(
        &mut self,
        part: ServicePart,
        timer: Timer,
        now: Now,
        after: Duration,
        office: &mut Office,
    ) {
        let Some(seat) = self.seat_mut(part) else { return };
        *seat.timer(timer) = Some(now.steady.saturating_add(after));
        if timer == Timer::Rest && !after.is_zero() {
            let (crashes, _) = seat.machine.delay();
            self.tell(part, EventKind::Backoff { delay: after, crashes }, office);
        }
    }

    fn signal(&mut self, part: ServicePart, signal: Signal, office: &mut Office) {
        let Some(process) = self.seat(part).and_then(|seat| seat.process.as_ref()) else { return };
        let (pid, sent) = (process.pid().get(), process.signal(signal));
        if let Err(error) = sent {
            self.trouble(part, Error::system("send a signal to a process", error), office);
        }
        if self.seat(part).is_some_and(|seat| seat.machine.got_term()) && signal != Signal::SIGCONT
        {
            self.tell(part, EventKind::Stopping { pid, signal: crate::Signal(signal) }, office);
        }
    }

    fn overdue(&mut self, part: ServicePart, office: &mut Office) {
        let Some(process) = self.seat(part).and_then(|seat| seat.process.as_ref()) else { return };
        let (pid, killed) = (process.pid().get(), process.kill());
        if let Err(error) = killed {
            self.trouble(part, Error::system("kill a process", error), office);
        }
        self.tell(part, EventKind::Overdue { pid }, office);
    }

    fn run(&mut self, part: ServicePart, office: &mut Office) -> Told {
        if part == ServicePart::Main {
            self.settings = self.options.settle(&self.main.place);
            self.main.machine.set_policy(self.settings.policy);
        }
        let notify = match (part, self.settings.notify) {
            (ServicePart::Main, Some(number)) => fd::pipe().map(|ends| Some((ends, number))),
            _ => Ok(None),
        };
        let notify = match notify {
            Ok(notify) => notify,
            Err(error) => {
                self.trouble(part, Error::system("make a pipe for readiness", error), office);
                return (part, Input::NoRoom, None);
            }
        };
        let (reader, writer) = match notify {
            Some(((reader, writer), number)) => (Some(reader), Some((writer, number))),
            None => (None, None),
        };
        let group = if part == ServicePart::Main { self.settings.group } else { self.log_group() };
        let started = self.launch(part, "./run", &[], writer, group, office);
        self.notify = if part == ServicePart::Main { reader } else { self.notify.take() };
        if let Some(reader) = self.notify.as_ref().filter(|_| part == ServicePart::Main) {
            fd::set_nonblocking(reader);
        }
        self.answer(part, Script::Run, started, |pid| EventKind::Started { pid }, office)
    }

    /// The logger is not stopped together with the service's group, but not left behind either.
    fn log_group(&self) -> ProcessGroup {
        if self.settings.group == ProcessGroup::Shared {
            ProcessGroup::Shared
        } else {
            ProcessGroup::Own
        }
    }

    fn finish(&mut self, exit: Exit, office: &mut Office) -> Told {
        let arguments = exit.finish_arguments();
        let group = self.settings.group;
        let started = self.launch(ServicePart::Main, "./finish", &arguments, None, group, office);
        let what = |pid| EventKind::Finishing { pid };
        self.answer(ServicePart::Main, Script::Finish, started, what, office)
    }

    fn launch(
        &self,
        part: ServicePart,
        script: &str,
        arguments: &[String],
        notify: Option<(OwnedFd, i32)>,
        group: ProcessGroup,
        office: &Office,
    ) -> Result<Process, Failure> {
        let seat =
            if part == ServicePart::Log { self.log.as_ref() } else { None }.unwrap_or(&self.main);
        let pipe = self.pipe.as_ref();
        let reader = pipe.filter(|_| part == ServicePart::Log).map(|(reader, _)| reader.as_fd());
        let writer = pipe.filter(|_| part == ServicePart::Main).map(|(_, writer)| writer.as_fd());
        let launch = Launch {
            place: &seat.place,
            script,
            arguments,
            stdin: reader,
            kind: office.options.stdin,
            stdout: writer,
            output: self.options.output.as_ref(),
            group,
            notify,
            tied: office.options.tied,
        };
        launch.start(&office.limit)
    }

    fn answer(
        &mut self,
        part: ServicePart,
        script: Script,
        started: Result<Process, Failure>,
        what: impl FnOnce(u32) -> EventKind,
        office: &mut Office,
    ) -> Told {
        match started {
            Ok(process) => {
                let pid = process.pid();
                if let Some(seat) = self.seat_mut(part) {
                    seat.process = Some(process);
                    seat.place.cannot_start.take_if(|cannot| cannot.script == script);
                }
                (part, Input::Started(pid), Some(what(pid.get())))
            }
            Err(Failure::NoRoom(error)) => {
                self.trouble(part, error, office);
                (part, Input::NoRoom, None)
            }
            Err(Failure::Script(error)) => {
                if let Some(seat) = self.seat_mut(part) {
                    seat.place.cannot_start = Some(CannotStart::new(script, error.errno()));
                }
                let error = Arc::new(error);
                self.tell(part, EventKind::CannotStart { error }, office);
                let finish = part == ServicePart::Main && self.main.place.can_read("finish");
                (part, Input::NotStarted { finish }, None)
            }
        }
    }

    /// `None` if it runs; else that it does not stand for the signal. As `runsv`, only what its owner
    /// may execute is one. Its argument is the process, or an empty word without one (runit 2.3; before,
    /// there was none).
    fn start_script(&mut self, letter: char, office: &mut Office) -> Option<bool> {
        let name = format!("control/{letter}");
        let owner = nix::sys::stat::Mode::S_IXUSR.bits();
        let is_one = self.main.place.stat(&name).is_some_and(|stat| stat.st_mode & owner != 0);
        if !is_one {
            return Some(false);
        }
        let group = self.settings.group;
        let pid = self.main.machine.pid().map_or_else(String::new, |pid| pid.get().to_string());
        match self.launch(ServicePart::Main, &name, &[pid], None, group, office) {
            Ok(process) => {
                self.script = Some(process);
                None
            }
            Err(Failure::NoRoom(error) | Failure::Script(error)) => {
                self.trouble(ServicePart::Main, error, office);
                Some(false)
            }
        }
    }

    fn tell(&self, part: ServicePart, what: EventKind, office: &mut Office) {
        office.tell(Some(self.id), &self.dir, part, what);
    }

    fn trouble(&self, part: ServicePart, error: Error, office: &mut Office) {
        self.tell(part, EventKind::Trouble { error: Arc::new(error) }, office);
    }

    const fn seat(&self, part: ServicePart) -> Option<&Seat> {
        match part {
            ServicePart::Main => Some(&self.main),
            ServicePart::Log => self.log.as_ref(),
        }
    }

    const fn seat_mut(&mut self, part: ServicePart) -> Option<&mut Seat> {
        match part {
            ServicePart::Main => Some(&mut self.main),
            ServicePart::Log => self.log.as_mut(),
        }
    }
}
