//! One run of a service or its logger: its start with all that it gets, what it says of itself, and what it answers.

use std::os::fd::OwnedFd;

use nix::{errno::Errno, unistd};
use svproto::embedded::Script;

use super::{Input, ServiceDir, Told};
use crate::{
    Error,
    embed::{
        asking::Asking,
        context::Context,
        event::{EventKind, ServicePart, Unwell},
        fd,
        notify::{self, NotifySocket, Said},
        options::ProcessGroup,
        probe_rules::Question,
        probes::Due,
        sockets::SOCKETS,
        spawn::Failure,
    },
};

/// Messages that are heard at a time; others have their turn then.
const MESSAGES: usize = 64;

/// What a run gets beside its streams.
#[derive(Default)]
struct Given {
    descriptors: Vec<(OwnedFd, i32)>,
    variables: Vec<(&'static str, String)>,
    /// The other end of what it says that it is ready by.
    reader: Option<OwnedFd>,
    hears: Option<NotifySocket>,
}

impl ServiceDir {
    pub(super) fn run(&mut self, part: ServicePart, context: &mut Context) -> Told {
        let started = |pid| EventKind::Started { pid };
        if part == ServicePart::Log {
            let launch = self.launch(part, "./run", &[], self.log_group(), context);
            let launched = launch.start(&context.limit);
            return self.answer(part, Script::Run, launched, started, context);
        }
        self.settings = self.options.settle(&self.main.dir, context.options.group);
        self.main.machine.set_policy(self.settings.policy);
        let text = self.main.dir.read(SOCKETS).unwrap_or_default();
        if let Err(error) = self.sockets.open(&text) {
            let failed = Err(Failure::Script(error));
            return self.answer(part, Script::Run, failed, started, context);
        }
        let given = match self.give() {
            Ok(given) => given,
            Err(error) => {
                self.trouble(part, error, context);
                return (part, Input::NoRoom, None);
            }
        };
        let mut launch = self.launch(part, "./run", &[], self.settings.group, context);
        (launch.descriptors, launch.variables) = (given.descriptors, given.variables);
        launch.program = self.options.program.as_deref();
        let launched = launch.start(&context.limit);
        (self.notify, self.hears) = (given.reader, given.hears);
        self.told_stranger = false;
        if launched.is_ok() {
            let now = context.clock.now().steady;
            self.probes.begin(&self.settings.probes, self.settings.notify.is_some(), now);
        }
        self.answer(part, Script::Run, launched, started, context)
    }

    fn give(&self) -> Result<Given, Error> {
        let mut given = Given::default();
        if let Some(number) = self.settings.notify {
            let pipe = fd::pipe();
            let (reader, writer) =
                pipe.map_err(|error| Error::system("make a pipe for readiness", error))?;
            fd::set_nonblocking(&reader);
            given.reader = Some(reader);
            given.descriptors.push((writer, number));
        }
        if self.settings.probes.hears() {
            let socket = NotifySocket::new();
            let socket = socket.map_err(|error| Error::system("make NOTIFY_SOCKET", error))?;
            let name = socket.name();
            let name = name.map_err(|error| Error::system("read the name of a socket", error))?;
            given.variables.push(("NOTIFY_SOCKET", name));
            given.hears = Some(socket);
        }
        if let Some(watchdog) = self.settings.probes.watchdog {
            given.variables.push(("WATCHDOG_USEC", watchdog.as_micros().to_string()));
        }
        if !self.sockets.is_empty() {
            let copies = self.sockets.copies();
            let copies = copies.map_err(|error| Error::system("copy a socket", error))?;
            given.descriptors.extend(copies);
            given.variables.extend(self.sockets.variables());
        }
        Ok(given)
    }

    /// The logger is not stopped together with the service's group, but not left behind either.
    fn log_group(&self) -> ProcessGroup {
        if self.settings.group == ProcessGroup::Shared {
            ProcessGroup::Shared
        } else {
            ProcessGroup::Own
        }
    }

    /// Reads what the service says about being ready.
    pub(super) fn hear(&mut self, context: &mut Context) {
        let Some(notify) = &self.notify else { return };
        let mut said = [0; 512];
        match unistd::read(notify, &mut said) {
            Ok(0) => self.notify = None,
            Ok(length) if said.iter().take(length).any(|&byte| byte == b'\n') => {
                self.notify = None;
                self.feed(ServicePart::Main, Input::Notified, context);
            }
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => (),
            Err(_) => self.notify = None,
        }
    }

    /// Takes the messages of the service that are there.
    pub(super) fn listen(&mut self, context: &mut Context) {
        let main = self.main.machine.pid().map(svproto::Pid::get);
        for _ in 0..MESSAGES {
            let Some(hears) = &self.hears else { return };
            match hears.receive(main) {
                Ok(None) => return,
                Ok(Some(message)) if message.may_tell() => {
                    for said in notify::said(&message) {
                        self.heed(said, context);
                    }
                }
                // Once: a process that is not heard may have much to say.
                Ok(Some(_)) if std::mem::replace(&mut self.told_stranger, true) => (),
                Ok(Some(message)) => {
                    let (pid, user) = (message.pid(), message.user());
                    let error = Error::Stranger { dir: self.dir.to_path_buf(), pid, user };
                    self.trouble(ServicePart::Main, error, context);
                }
                // It would be readable for ever.
                Err(error) => {
                    self.hears = None;
                    let error = Error::system("read NOTIFY_SOCKET", error);
                    self.trouble(ServicePart::Main, error, context);
                }
            }
        }
    }

    fn heed(&mut self, said: Said, context: &mut Context) {
        let now = context.clock.now().steady;
        match said {
            Said::Ready => self.feed(ServicePart::Main, Input::Notified, context),
            Said::Reloading => self.feed(ServicePart::Main, Input::NotReady, context),
            Said::Stopping => {
                self.probes.end();
                self.feed(ServicePart::Main, Input::NotReady, context);
            }
            Said::Status(text) => self.tell(ServicePart::Main, EventKind::Said { text }, context),
            Said::Alive => self.probes.is_alive(now),
            Said::Unwell => self.is_unwell(Unwell::Silent, context),
            Said::Watchdog(time) => self.probes.set_watchdog(time, now),
            Said::Extend(time) => {
                self.probes.extend(now.saturating_add(time));
                // Without a moment at which it would be killed, it has all the time.
                if let Some(kill) = &mut self.main.kill {
                    *kill = (*kill).max(now.saturating_add(time));
                }
            }
        }
    }

    /// An answer, or a step on the way to it.
    pub(super) fn hear_answer(&mut self, context: &mut Context) {
        let due = self.probes.hear(context.clock.now().steady);
        self.do_what_is(due, context);
    }

    /// Asks what is to be asked by now.
    pub(super) fn ring_probes(&mut self, context: &mut Context) {
        let now = context.clock.now().steady;
        if self.probes.due().is_some_and(|at| at <= now) {
            let due = self.probes.ring(self.main.machine.paused(), now);
            self.do_what_is(due, context);
        }
    }

    fn do_what_is(&mut self, due: Option<Due>, context: &mut Context) {
        match due {
            None => (),
            Some(Due::Ready) => self.feed(ServicePart::Main, Input::Notified, context),
            Some(Due::Unwell(why)) => self.is_unwell(why, context),
            Some(Due::Ask(question)) => {
                let asking = match question {
                    Question::Tcp(places) => Asking::connect(places, None),
                    Question::Http(places, request) => Asking::connect(places, Some(request)),
                    Question::Script(script) => self.ask_script(script, context),
                };
                let due = self.probes.asked(asking, context.clock.now().steady);
                self.do_what_is(due, context);
            }
        }
    }

    fn ask_script(&self, script: &str, context: &mut Context) -> Option<Asking> {
        let mut launch = self.launch(ServicePart::Main, script, &[], ProcessGroup::Own, context);
        launch.is_quiet = true;
        match launch.start(&context.limit) {
            Ok(process) => Some(Asking::Running(process, false)),
            Err(Failure::NoRoom(error) | Failure::Script(error)) => {
                self.trouble(ServicePart::Main, error, context);
                None
            }
        }
    }

    /// Is ended for that, unless something else is under way already.
    fn is_unwell(&mut self, why: Unwell, context: &mut Context) {
        let Some(pid) = self.main.machine.pid() else { return };
        if self.main.machine.can_be_unwell() {
            self.probes.end();
            self.tell(ServicePart::Main, EventKind::Unwell { pid: pid.get(), why }, context);
            self.feed(ServicePart::Main, Input::Unwell(why), context);
        } else if why == Unwell::NotReady && self.main.machine.is_busy() {
            self.probes.late_again(context.clock.now().steady);
        }
    }
}
