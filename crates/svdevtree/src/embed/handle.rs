//! Asking a supervisor from another thread: a channel, and a socket that wakes its `poll`.

use std::{
    io::{Read as _, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
};

use svproto::Op;

use super::{
    event::{ServiceId, ServicePart},
    options::ServiceOptions,
};
use crate::Error;

/// A request and where its answer goes.
#[derive(Debug)]
pub(super) enum Command {
    Add(PathBuf, Box<ServiceOptions>, Sender<Result<ServiceId, Error>>),
    Follow(PathBuf, Sender<Result<(), Error>>),
    Ask(ServiceId, ServicePart, Op, Sender<Result<(), Error>>),
    Stop,
    Kill,
}

/// Asks a supervisor that runs on another thread.
///
/// What has an answer waits for it, so none of it is for an observer, which is called on that thread:
/// there, only [`stop`](Self::stop) and [`kill`](Self::kill) return.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: Sender<Command>,
    waker: Arc<UnixStream>,
}

impl Handle {
    /// As [`Supervisor::add`](super::Supervisor::add).
    ///
    /// # Errors
    ///
    /// As there, and [`Error::Stopping`] if the supervisor is no more.
    pub fn add(&self, dir: impl AsRef<Path>, options: ServiceOptions) -> Result<ServiceId, Error> {
        let dir = dir.as_ref().to_owned();
        self.ask_for("supervise another service", |to| Command::Add(dir, Box::new(options), to))
    }

    /// As [`Supervisor::follow`](super::Supervisor::follow).
    ///
    /// # Errors
    ///
    /// As there, and [`Error::Stopping`] if the supervisor is no more.
    pub fn follow(&self, scan_dir: impl AsRef<Path>) -> Result<(), Error> {
        let dir = scan_dir.as_ref().to_owned();
        self.ask_for("follow a scan directory", |to| Command::Follow(dir, to))
    }

    /// As [`Supervisor::ask`](super::Supervisor::ask).
    ///
    /// # Errors
    ///
    /// As there, and [`Error::Stopping`] if the supervisor is no more.
    pub fn ask(&self, service: ServiceId, part: ServicePart, op: Op) -> Result<(), Error> {
        self.ask_for("ask a service", |to| Command::Ask(service, part, op, to))
    }

    /// As [`Supervisor::remove`](super::Supervisor::remove).
    ///
    /// # Errors
    ///
    /// As there, and [`Error::Stopping`] if the supervisor is no more.
    pub fn remove(&self, service: ServiceId) -> Result<(), Error> {
        self.ask(service, ServicePart::Main, Op::StopExit)
    }

    /// As [`Supervisor::stop`](super::Supervisor::stop). Does not wait.
    pub fn stop(&self) {
        self.send(Command::Stop);
    }

    /// As [`Supervisor::kill`](super::Supervisor::kill). Does not wait.
    pub fn kill(&self) {
        self.send(Command::Kill);
    }

    fn ask_for<T>(
        &self,
        doing: &'static str,
        command: impl FnOnce(Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let (sender, answer) = mpsc::channel();
        self.send(command(sender));
        answer.recv().unwrap_or(Err(Error::Stopping { doing }))
    }

    fn send(&self, command: Command) {
        // A supervisor that is no more has stopped. A full socket wakes as well.
        if self.commands.send(command).is_ok() {
            self.wake();
        }
    }

    /// Has [`Supervisor::turn`](super::Supervisor::turn) return, for a loop that has something else to do.
    pub fn wake(&self) {
        let _full = (&*self.waker).write(&[0]);
    }
}

/// Commands of one turn.
const AT_ONCE: usize = 64;

/// The supervisor's side.
#[derive(Debug)]
pub(super) struct Inbox {
    commands: Receiver<Command>,
    woken: UnixStream,
    handle: Handle,
}

impl Inbox {
    pub(super) fn new() -> Result<Self, Error> {
        let fail = |error| Error::system("make a socket", error);
        let (woken, waker) = UnixStream::pair().map_err(fail)?;
        woken.set_nonblocking(true).and_then(|()| waker.set_nonblocking(true)).map_err(fail)?;
        let (sender, commands) = mpsc::channel();
        let handle = Handle { commands: sender, waker: Arc::new(waker) };
        Ok(Self { commands, woken, handle })
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Some of what was asked: others who ask all the time do not keep the supervisor from its services.
    pub(super) fn drain(&self) -> Vec<Command> {
        let mut bytes = [0; AT_ONCE];
        // A byte for each, but where the socket was full: then more bytes are there.
        let _read = (&self.woken).read(&mut bytes);
        let commands: Vec<_> = self.commands.try_iter().take(AT_ONCE).collect();
        if commands.len() == AT_ONCE {
            self.handle.wake();
        }
        commands
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}
