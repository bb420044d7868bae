//! One service directory: the service, its logger, and the pipe between them that outlives both.
//!
//! The machines decide; this carries out. When the service is to end for good, its end comes first;
//! then the pipe is closed, the logger reads the rest and its end of file, and its supervision is over once
//! it has ended too.

mod one_run;

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
    time::Duration,
};

use nix::sys::signal::Signal;
use rustix::event::PollFlags;
use svproto::{
    Dialect, Op, Phase,
    embedded::{CannotStart, Script},
};

use super::{
    context::Context,
    event::{EventKind, Exit, ServiceId, ServicePart},
    fd,
    machine::{Action, Event as Input, Machine, Now, Policy, Timer, Want},
    notify::NotifySocket,
    options::{Critical, ProcessGroup, ServiceOptions, Settings},
    probes::Probes,
    publish::LockedDir,
    reap::Process,
    replace::Replaced,
    runner::Runner,
    sockets::Sockets,
    spawn::{Failure, Launch},
};
use crate::Error;

/// A service directory under supervision.
#[derive(Debug)]
pub(crate) struct ServiceDir {
    pub(crate) id: ServiceId,
    dir: Arc<Path>,
    options: ServiceOptions,
    settings: Settings,
    main: Runner,
    log: Option<Runner>,
    /// From the service to its logger.
    pipe: Option<(OwnedFd, OwnedFd)>,
    script: Option<Process>,
    notify: Option<OwnedFd>,
    /// What it says by messages.
    hears: Option<NotifySocket>,
    told_stranger: bool,
    probes: Probes,
    /// What it listens on, over all its runs.
    sockets: Sockets,
    /// What was asked of the service while a control script runs.
    waiting: VecDeque<Op>,
    over: bool,
}

/// Something to step a machine with, and what is to be told of it.
type Told = (ServicePart, Input, Option<EventKind>);
type Events = VecDeque<Told>;

/// What a descriptor of a service directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// Deaths first: a request that follows one must not meet a process that is no more.
    Process(ServicePart),
    Script,
    Notify,
    /// A message of the service.
    Message,
    /// An answer to a probe.
    Answer,
    Control(ServicePart),
}

impl ServiceDir {
    /// Takes on a service directory, in the order of `runsv`; nothing is started yet.
    pub(crate) fn open(
        id: ServiceId,
        dir: Arc<Path>,
        options: ServiceOptions,
        context: &Context,
    ) -> Result<Self, Error> {
        // The path as it leads now: a link may lead elsewhere later.
        let real = dir.canonicalize().map_err(|error| Error::io("find", &dir, error))?;
        let now = context.clock.now();
        let mut main = LockedDir::claim(&real)?;
        main.taken_on_as(dir.file_name().unwrap_or_default());
        let log = main.claim_log()?;
        let settings = options.settle(&main, context.options.group);
        let want = |dir: &LockedDir| if dir.has("down") { Want::Down } else { Want::Up };
        let waits = options.begins_down || main.has(svproto::files::WAITING);
        let first = if waits { Want::Down } else { want(&main) };
        let machine = Machine::new(ServicePart::Main, settings.policy, first, now);
        let (hears, probes, sockets) = (None, Probes::new(), Sockets::default());
        main.open_control()?;
        main.publish(&machine, &mut Replaced::default())?;
        let mut main = Runner::new(&machine, main);
        let mut log = log.map(|dir| Self::log_runner(dir, now)).transpose()?;
        main.dir.open_ok()?;
        if let Some(log) = &mut log {
            log.dir.open_ok()?;
        }
        let pipe = log.is_some().then(fd::pipe).transpose();
        let pipe = pipe.map_err(|error| Error::system("make a pipe for a logger", error))?;
        let (script, notify, waiting, over) = (None, None, VecDeque::new(), false);
        Ok(Self {
            id,
            dir,
            options,
            settings,
            main,
            log,
            pipe,
            script,
            notify,
            hears,
            told_stranger: false,
            probes,
            sockets,
            waiting,
            over,
        })
    }

    fn log_runner(mut dir: LockedDir, now: Now) -> Result<Runner, Error> {
        let want = if dir.has("down") { Want::Down } else { Want::Up };
        let machine = Machine::new(ServicePart::Log, Policy::RUNIT, want, now);
        dir.open_control()?;
        dir.without_pid_file();
        dir.publish(&machine, &mut Replaced::default())?;
        Ok(Runner::new(&machine, dir))
    }

    /// Starts what is wanted up: the logger first.
    pub(crate) fn begin(&mut self, context: &mut Context) {
        self.tell(ServicePart::Main, EventKind::Supervised, context);
        if self.log.is_some() {
            self.feed(ServicePart::Log, Input::Begin, context);
        }
        self.feed(ServicePart::Main, Input::Begin, context);
        if self.main.machine.want() != Want::Up {
            self.tell(ServicePart::Main, EventKind::Down, context);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        // What was asked and killed is waited for.
        self.over && self.probes.process().is_none()
    }

    /// How a critical service ended for good, which nobody asked for.
    pub(crate) fn critical_end(&self) -> Option<Exit> {
        let is_critical = |exit: &Exit| match self.settings.critical {
            Some(Critical::AnyEnd) => true,
            Some(Critical::Failure) => {
                let is_success = self.settings.policy.restart.is_success(*exit);
                !is_success || self.main.machine.unwell().is_some()
            }
            None => self.options.critical,
        };
        self.main.machine.ended_for_good().filter(is_critical)
    }

    /// When its turn is once all are to end: the highest first.
    pub(crate) const fn stop_rank(&self) -> u32 {
        self.options.stop_rank
    }

    /// Whether it is to end, and nobody has taken that back.
    pub(crate) fn wants_exit(&self) -> bool {
        self.main.machine.wants_exit()
    }

    pub(crate) fn dir(&self) -> &Arc<Path> {
        &self.dir
    }

    /// A control byte, or what counts as one; carried out when a control script that runs has ended.
    pub(crate) fn ask(&mut self, part: ServicePart, op: Op, context: &mut Context) {
        if part == ServicePart::Main && self.main.machine.is_busy() {
            self.waiting.push_back(op);
        } else {
            self.feed(part, Input::Asked(op), context);
        }
    }

    /// SIGKILL for all of it, or for all but its logger.
    pub(crate) fn kill(&mut self, logger_too: bool, context: &mut Context) {
        self.probes.end();
        let log = self.log.as_ref().filter(|_| logger_too);
        let log = log.and_then(|runner| runner.process.as_ref());
        let all = [self.main.process.as_ref(), log, self.script.as_ref()];
        let all: Vec<_> = all.into_iter().flatten().collect();
        context.killed |= !all.is_empty();
        let errors: Vec<_> = all.into_iter().filter_map(|it| it.kill().err()).collect();
        for error in errors {
            self.trouble(ServicePart::Main, Error::system("kill a process", error), context);
        }
    }

    /// The processes that it has.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        let log = self.log.as_ref().and_then(|runner| runner.process.as_ref());
        let of_run = [self.main.process.as_ref(), log, self.script.as_ref()];
        of_run.into_iter().chain([self.probes.process()]).flatten()
    }

    /// The descriptors to wait for. While a control script runs, the service waits, as with `runsv`.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>, PollFlags)> {
        let log = self.log.as_ref().map(|runner| (ServicePart::Log, runner));
        let runners = [(ServicePart::Main, &self.main)].into_iter().chain(log);
        let runners =
            runners.filter(|(_, runner)| !runner.machine.is_busy()).flat_map(|(part, runner)| {
                let process = runner.process.as_ref().map(|it| (Source::Process(part), it.as_fd()));
                let control = runner.dir.control().map(|it| (Source::Control(part), it));
                [process, control].into_iter().flatten()
            });
        let script = self.script.as_ref().map(|it| (Source::Script, it.as_fd()));
        let notify = self.notify.as_ref().map(|it| (Source::Notify, it.as_fd()));
        let message = self.hears.as_ref().map(|it| (Source::Message, it.as_fd()));
        let answer = self.probes.asking().map(|asking| {
            let (fd, flags) = asking.source();
            (Source::Answer, fd, flags)
        });
        let others = runners.chain(script).chain(notify).chain(message);
        others.map(|(source, fd)| (source, fd, PollFlags::IN)).chain(answer)
    }

    /// When to be called although no descriptor has anything, on the steady clock.
    pub(crate) fn due(&self) -> Option<Duration> {
        let main = [self.main.rest, self.main.kill, self.main.rewrite];
        let log = self.log.as_ref().map(|runner| [runner.rest, runner.rewrite]);
        let probes = self.probes.due();
        main.into_iter().chain(log.into_iter().flatten()).flatten().chain(probes).min()
    }

    /// A descriptor has something.
    pub(crate) fn ready(&mut self, source: Source, context: &mut Context) {
        match source {
            Source::Process(part) => self.reap(part, context),
            Source::Script => self.reap_script(context),
            Source::Notify => self.hear(context),
            Source::Message => self.listen(context),
            Source::Answer => self.hear_answer(context),
            Source::Control(part) => {
                let Some(byte) = self.runner(part).and_then(|runner| runner.dir.take_request())
                else {
                    return;
                };
                if let Some(op) = Op::from_control_byte(Dialect::Runit, byte) {
                    self.ask(part, op, context);
                }
            }
        }
    }

    /// Rings what is due.
    pub(crate) fn ring(&mut self, context: &mut Context) {
        let now = context.clock.now().steady;
        for part in [ServicePart::Main, ServicePart::Log] {
            let Some(runner) = self.runner_mut(part) else { continue };
            if runner.rest.take_if(|at| *at <= now).is_some() {
                self.feed(part, Input::Due(Timer::Rest), context);
            }
            let Some(runner) = self.runner_mut(part) else { continue };
            if runner.kill.take_if(|at| *at <= now).is_some() {
                self.feed(part, Input::Due(Timer::Kill), context);
            }
            let Some(runner) = self.runner_mut(part) else { continue };
            runner.rewrite_if_due(now, &mut context.replaced);
        }
        self.ring_probes(context);
    }

    /// Notices all ends, whether or not a descriptor told.
    pub(crate) fn reap_all(&mut self, context: &mut Context) {
        self.reap_script(context);
        if self.probes.process().is_some() {
            self.hear_answer(context);
        }
        for part in [ServicePart::Main, ServicePart::Log] {
            if self.runner(part).is_some_and(|runner| !runner.machine.is_busy()) {
                self.reap(part, context);
            }
        }
    }

    fn reap(&mut self, part: ServicePart, context: &mut Context) {
        let Some(process) = self.runner(part).and_then(|runner| runner.process.as_ref()) else {
            return;
        };
        let exit = match process.try_wait() {
            Ok(Some(exit)) => exit,
            Ok(None) => return,
            Err(error) => {
                // Somebody else has waited for it: how it ended is lost, that it ended is not.
                self.trouble(part, Error::system("learn how a process ended", error), context);
                Exit::Code(u8::MAX)
            }
        };
        let Some(runner) = self.runner_mut(part) else { return };
        runner.process = None;
        let in_finish = runner.machine.phase() == Phase::Finish;
        let finish = part == ServicePart::Main && !in_finish && runner.dir.can_read("finish");
        if part == ServicePart::Main {
            (self.notify, self.hears) = (None, None);
            self.probes.end();
        }
        let what =
            if in_finish { EventKind::Finished { exit } } else { EventKind::Exited { exit } };
        self.feed_and_tell(part, Input::Exited { exit, finish }, Some(what), context);
    }

    fn reap_script(&mut self, context: &mut Context) {
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
            context,
        );
        while !self.main.machine.is_busy() {
            let Some(op) = self.waiting.pop_front() else { break };
            self.feed(ServicePart::Main, Input::Asked(op), context);
        }
    }

    /// Steps a machine and does what it says, until nothing is left to do.
    fn feed(&mut self, part: ServicePart, event: Input, context: &mut Context) {
        self.feed_and_tell(part, event, None, context);
    }

    /// As [`Self::feed`]. What is told comes after the record that says so.
    fn feed_and_tell(
        &mut self,
        part: ServicePart,
        event: Input,
        what: Option<EventKind>,
        context: &mut Context,
    ) {
        let mut events = VecDeque::from([(part, event, what)]);
        while let Some((part, event, mut what)) = events.pop_front() {
            let now = context.clock.now();
            let Some(runner) = self.runner_mut(part) else { continue };
            let was_idle = runner.machine.is_idle();
            let actions = runner.machine.step(event, now);
            for action in actions {
                self.perform(part, action, now, &mut events, context);
                if let Some(what) = what.take_if(|_| action == Action::Publish) {
                    self.tell(part, what, context);
                }
            }
            if let Some(what) = what {
                self.tell(part, what, context);
            }
            let is_idle = self.runner(part).is_some_and(|runner| runner.machine.is_idle());
            if is_idle && !was_idle {
                self.tell(part, EventKind::Down, context);
            }
        }
    }

    fn perform(
        &mut self,
        part: ServicePart,
        action: Action,
        now: Now,
        events: &mut Events,
        context: &mut Context,
    ) {
        match action {
            Action::Publish => self.publish(part, context),
            Action::Ready => {
                if let Some(pid) = self.main.machine.pid() {
                    self.tell(part, EventKind::Ready { pid: pid.get() }, context);
                }
                self.probes.is_ready(now.steady);
            }
            Action::Run => events.push_back(self.run(part, context)),
            Action::Finish(exit) => events.push_back(self.finish(exit, context)),
            Action::Script(letter) => {
                if let Some(instead) = self.start_script(letter, context) {
                    events.push_back((part, Input::Scripted { instead }, None));
                }
            }
            Action::Signal(signal) => self.signal(part, signal, context),
            Action::Overdue => self.overdue(part, context),
            Action::Set(timer, after) => self.set(part, timer, now, after, context),
            Action::Unset(timer) => {
                if let Some(runner) = self.runner_mut(part) {
                    *runner.timer(timer) = None;
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

    fn publish(&mut self, part: ServicePart, context: &mut Context) {
        let now = context.clock.now().steady;
        let Some(runner) = self.runner_mut(part) else { return };
        if let Some(error) = runner.publish(now, &mut context.replaced) {
            self.trouble(part, error, context);
        }
    }

    /// From the moment of what happened on, not from when it was written down.
    fn set(
        &mut self,
        part: ServicePart,
        timer: Timer,
        now: Now,
        after: Duration,
        context: &mut Context,
    ) {
        let Some(runner) = self.runner_mut(part) else { return };
        *runner.timer(timer) = Some(now.steady.saturating_add(after));
        if timer == Timer::Rest && !after.is_zero() {
            let (crashes, _) = runner.machine.delay();
            self.tell(part, EventKind::Backoff { delay: after, crashes }, context);
        }
    }

    fn signal(&mut self, part: ServicePart, signal: Signal, context: &mut Context) {
        let Some(process) = self.runner(part).and_then(|runner| runner.process.as_ref()) else {
            return;
        };
        let (pid, sent) = (process.pid().get(), process.signal(signal));
        if let Err(error) = sent {
            self.trouble(part, Error::system("send a signal to a process", error), context);
        }
        if part == ServicePart::Main && self.main.machine.was_told() {
            self.probes.end();
        }
        if self.runner(part).is_some_and(|runner| runner.machine.got_term())
            && signal != Signal::SIGCONT
        {
            self.tell(part, EventKind::Stopping { pid, signal: crate::Signal(signal) }, context);
        }
    }

    fn overdue(&mut self, part: ServicePart, context: &mut Context) {
        let Some(process) = self.runner(part).and_then(|runner| runner.process.as_ref()) else {
            return;
        };
        let (pid, killed) = (process.pid().get(), process.kill());
        if let Err(error) = killed {
            self.trouble(part, Error::system("kill a process", error), context);
        }
        context.killed = true;
        self.tell(part, EventKind::Overdue { pid }, context);
    }

    fn finish(&mut self, exit: Exit, context: &mut Context) -> Told {
        let arguments = exit.finish_arguments();
        let group = self.settings.group;
        let started = self.launch(ServicePart::Main, "./finish", &arguments, group, context);
        let started = started.start(&context.limit);
        let what = |pid| EventKind::Finishing { pid };
        self.answer(ServicePart::Main, Script::Finish, started, what, context)
    }

    /// A script of a part, as it is started unless more is asked.
    fn launch<'a>(
        &'a self,
        part: ServicePart,
        script: &'a str,
        arguments: &'a [String],
        group: ProcessGroup,
        context: &Context,
    ) -> Launch<'a> {
        let runner =
            if part == ServicePart::Log { self.log.as_ref() } else { None }.unwrap_or(&self.main);
        let pipe = self.pipe.as_ref();
        let reader = pipe.filter(|_| part == ServicePart::Log).map(|(reader, _)| reader.as_fd());
        let writer = pipe.filter(|_| part == ServicePart::Main).map(|(_, writer)| writer.as_fd());
        Launch {
            dir: &runner.dir,
            script,
            program: None,
            interpreter: self.options.interpreter.as_deref().filter(|_| part == ServicePart::Main),
            arguments,
            stdin: reader,
            kind: context.options.stdin,
            stdout: writer,
            output: self.options.output.as_ref(),
            is_quiet: false,
            group,
            descriptors: Vec::new(),
            variables: Vec::new(),
            tied: context.options.tied,
        }
    }

    fn answer(
        &mut self,
        part: ServicePart,
        script: Script,
        started: Result<Process, Failure>,
        what: impl FnOnce(u32) -> EventKind,
        context: &mut Context,
    ) -> Told {
        match started {
            Ok(process) => {
                let pid = process.pid();
                if let Some(runner) = self.runner_mut(part) {
                    runner.process = Some(process);
                    runner.dir.cannot_start.take_if(|cannot| cannot.script == script);
                }
                (part, Input::Started(pid), Some(what(pid.get())))
            }
            Err(Failure::NoRoom(error)) => {
                self.trouble(part, error, context);
                (part, Input::NoRoom, None)
            }
            Err(Failure::Script(error)) => {
                if let Some(runner) = self.runner_mut(part) {
                    runner.dir.cannot_start = Some(CannotStart::new(script, error.errno()));
                }
                let error = Arc::new(error);
                self.tell(part, EventKind::CannotStart { error }, context);
                let finish = part == ServicePart::Main && self.main.dir.can_read("finish");
                (part, Input::NotStarted { finish }, None)
            }
        }
    }

    /// `None` if it runs; else that it does not stand for the signal. As `runsv`, only what its owner
    /// may execute is one. Its argument is the process, or an empty word without one (runit 2.3; before,
    /// there was none).
    fn start_script(&mut self, letter: char, context: &mut Context) -> Option<bool> {
        let name = format!("control/{letter}");
        let owner = nix::sys::stat::Mode::S_IXUSR.bits();
        let is_one = self.main.dir.stat(&name).is_some_and(|stat| stat.st_mode & owner != 0);
        if !is_one {
            return Some(false);
        }
        let group = self.settings.group;
        let pid = || self.main.machine.pid().map_or_else(String::new, |pid| pid.get().to_string());
        // One that hears of a failure hears how it ended, as `finish` does.
        let end = self.main.machine.last_exit().filter(|_| letter == 'f');
        let arguments = end.map_or_else(|| vec![pid()], |(exit, _)| exit.finish_arguments().into());
        let launch = self.launch(ServicePart::Main, &name, &arguments, group, context);
        match launch.start(&context.limit) {
            Ok(process) => {
                self.script = Some(process);
                None
            }
            Err(Failure::NoRoom(error) | Failure::Script(error)) => {
                self.trouble(ServicePart::Main, error, context);
                Some(false)
            }
        }
    }

    fn tell(&self, part: ServicePart, what: EventKind, context: &mut Context) {
        context.tell(Some(self.id), &self.dir, part, what);
    }

    fn trouble(&self, part: ServicePart, error: Error, context: &mut Context) {
        self.tell(part, EventKind::Trouble { error: Arc::new(error) }, context);
    }

    const fn runner(&self, part: ServicePart) -> Option<&Runner> {
        match part {
            ServicePart::Main => Some(&self.main),
            ServicePart::Log => self.log.as_ref(),
        }
    }

    const fn runner_mut(&mut self, part: ServicePart) -> Option<&mut Runner> {
        match part {
            ServicePart::Main => Some(&mut self.main),
            ServicePart::Log => self.log.as_mut(),
        }
    }
}
