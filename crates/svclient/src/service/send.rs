//! Sending requests to the supervisor of a service directory.

use std::{path::Path, time::Instant};

use svproto::{
    Dialect, Op, Reading, files,
    op::{Refusal, Unsupported},
};

use super::{Service, require_directory};
use crate::{
    Error, Intent, aside,
    node::{self, Fifo, Written},
};

impl Service {
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

    /// [`Service::send_before`] for a thread that is beside the caller already.
    pub(crate) fn send_here(&self, op: Op, deadline: Instant) -> Result<(), Error> {
        self.deliver(&[op], Some(deadline))
    }

    /// Without a deadline, at once or not at all.
    fn deliver(&self, ops: &[Op], deadline: Option<Instant>) -> Result<(), Error> {
        let Some(&first) = ops.first() else { return Ok(()) };
        let dir = || self.dir().to_owned();
        let path = || self.handle.at(files::CONTROL).path();
        // To ask whose the directory is now takes as long as to send: where all suites are asked with
        // the same bytes, it does not matter.
        let is_common = !self.shares_supervisor() && ops.iter().all(|op| op.is_common());
        let known = self.dialect.filter(|_| is_common);
        let Some(dialect) = known.or_else(|| self.dialect_now()) else {
            return Err(match node::open_fifo(self.handle.at(files::CONTROL))? {
                Fifo::Open(..) => Error::UnknownDialect { dir: dir() },
                Fifo::NoReader | Fifo::Missing => self.not_supervised(first),
            });
        };
        if self.shares_supervisor() && (dialect != Dialect::Encore || self.log_facts()?.is_none()) {
            // Another suite has taken over, to which its script means nothing; or its supervisor started
            // before the script was there, and would run it without a pipe to the service.
            return Err(self.not_supervised(first));
        }
        let (mut message, mut len) = ([0; PIPE_BUF], 0);
        for (is_ours, op) in self.addressed(ops) {
            if is_ours && self.is_shared(op) {
                return Err(self.refuse(op, Refusal::SharedSupervisor));
            }
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
        let Fifo::Open(fifo) = node::open_fifo(self.handle.at(files::CONTROL))? else {
            return Err(self.not_supervised(first));
        };
        match node::write_fifo(fifo, path, bytes, deadline)? {
            Written::All => Ok(()),
            Written::NoReader => Err(self.not_supervised(first)),
            Written::Full => Err(Error::NotTakingRequests { intent: first.into(), dir: dir() }),
        }
    }

    /// The same requests between those that say whose they are. What follows in the FIFO may be somebody
    /// else's, who means the service.
    fn addressed(&self, ops: &[Op]) -> impl Iterator<Item = (bool, Op)> {
        let around = |op| self.shares_supervisor().then_some((false, op));
        let ours = ops.iter().map(|op| (true, *op));
        around(Op::ToLog).into_iter().chain(ours).chain(around(Op::ToMain))
    }

    /// Whether it is for the supervisor, which this logger shares with its service.
    pub(crate) fn is_shared(&self, op: Op) -> bool {
        self.shares_supervisor() && matches!(op, Op::Exit | Op::StopExit | Op::ToMain | Op::ToLog)
    }

    pub(super) fn refuse(&self, op: Op, reason: Refusal) -> Error {
        let source = Unsupported::new(Dialect::Encore, op, reason);
        Error::Unsupported { dir: self.dir().to_owned(), source }
    }

    /// Ends the process, if there is one, and wants the service up, in one write. Its dialect says
    /// how: [`restart_ops`].
    ///
    /// # Errors
    ///
    /// As [`Service::send`].
    pub fn restart(&self) -> Result<(), Error> {
        let ops = match self.dialect_now() {
            // What its `start` script has started has no process to be ended.
            Some(Dialect::Encore) if self.is_up_without_a_process() => &[Op::Down, Op::Up],
            dialect => dialect.map_or(&[Op::Up][..], restart_ops),
        };
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

    fn is_up_without_a_process(&self) -> bool {
        let facts = self.record().ok().flatten().and_then(|record| self.facts_in(&record));
        facts.is_some_and(|it| it.phase == svproto::Phase::Up && it.pid.is_none())
    }

    /// Whether this is the `log` of a service that has a supervisor, where that of a logger is missing: scanners
    /// and `runsv` look for it once.
    pub(crate) fn is_late_logger(dir: &Path) -> bool {
        let service = dir.parent().filter(|_| dir.ends_with(files::LOG)).map(Self::open);
        let seen = service.and_then(|service| service.ok()?.status().ok());
        seen.is_some_and(|seen| seen.reading != Reading::Unsupervised)
    }

    fn not_supervised(&self, op: Op) -> Error {
        match require_directory(&self.handle) {
            Ok(()) => {
                let is_late_logger = Self::is_late_logger(self.dir());
                Error::NotSupervised {
                    intent: op.into(),
                    dir: self.dir().to_owned(),
                    is_late_logger,
                }
            }
            Err(error) => error,
        }
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
