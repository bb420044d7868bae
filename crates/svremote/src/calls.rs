//! Calls that are under way: one `poll` over the `ssh` of all hosts.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    os::fd::{AsFd, BorrowedFd},
    path::PathBuf,
    time::Instant,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{
    Call, Error, EventKind, Host, HostEvent, HostFailure, Progress, call, running::Running,
};

/// Hosts that are being asked: what they tell, as it comes. Dropped, it ends every `ssh` that still runs.
pub struct Calls {
    call: Call,
    ssh: PathBuf,
    hosts: Vec<Host>,
    next: usize,
    running: Vec<Running>,
    /// To which the program was brought, or to which it is on its way.
    pushed: BTreeSet<usize>,
    events: VecDeque<HostEvent>,
}

impl Call {
    /// Asks the hosts, the first of them at once.
    ///
    /// # Errors
    ///
    /// [`Error::NoSsh`]. What goes wrong with one host is told in its place.
    pub fn start(&self, hosts: &[Host]) -> Result<Calls, Error> {
        let ssh = self.ssh.clone().or_else(call::found).ok_or(Error::NoSsh)?;
        Ok(Calls::new(self, ssh, hosts))
    }
}

impl Calls {
    fn new(call: &Call, ssh: PathBuf, hosts: &[Host]) -> Self {
        let mut calls = Self {
            call: call.clone(),
            ssh,
            hosts: hosts.to_vec(),
            next: 0,
            running: Vec::new(),
            pushed: BTreeSet::new(),
            events: VecDeque::new(),
        };
        calls.fill();
        calls
    }

    /// Lets a host wait with what it prints, or go on: what is not read, it does not print.
    pub fn hold(&mut self, host: usize, is_held: bool) {
        if let Some(running) = self.running.iter_mut().find(|it| it.at == host) {
            running.hold(is_held);
        }
    }

    /// The next thing that is told; waits for it. Also ends where `reader`, a pipe that somebody else reads, is closed.
    pub fn next_beside(&mut self, reader: Option<BorrowedFd<'_>>) -> Progress {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Progress::Event(event);
            }
            if self.running.is_empty() {
                return Progress::Done;
            }
            if self.running.iter().all(|it| it.is_held) {
                return Progress::Held;
            }
            if self.wait(reader) {
                return Progress::ReaderGone;
            }
            self.advance();
            self.fill();
        }
    }

    /// Waits until somebody prints, or until the next deadline; whether the reader is gone.
    fn wait(&self, reader: Option<BorrowedFd<'_>>) -> bool {
        let mut fds: Vec<_> = self
            .running
            .iter()
            .flat_map(Running::streams)
            .map(|stream| PollFd::new(stream, PollFlags::POLLIN))
            .collect();
        fds.extend(reader.iter().map(|reader| PollFd::new(reader.as_fd(), PollFlags::empty())));
        let timeout =
            self.running.iter().filter_map(Running::due).min().map_or(PollTimeout::NONE, |due| {
                let millis =
                    due.saturating_duration_since(Instant::now()).as_millis().saturating_add(1);
                PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
            });
        // Interrupted or not, everybody is looked at.
        let _ready = poll(&mut fds, timeout);
        let gone = PollFlags::POLLERR | PollFlags::POLLNVAL;
        let last = fds.last().filter(|_| reader.is_some());
        last.and_then(PollFd::revents).is_some_and(|events| events.intersects(gone))
    }

    fn advance(&mut self) {
        let mut told = Vec::new();
        let mut ended = Vec::new();
        let events = &mut self.events;
        self.running.retain_mut(|running| {
            let over = running.advance(&mut told);
            let host = running.at;
            let told = told.drain(..).filter(|_| !running.is_push);
            events.extend(told.map(|told| HostEvent { host, kind: told }));
            let is_over = over.is_some();
            ended.extend(
                over.map(|over| (host, running.is_push.then(|| running.last_said()), over)),
            );
            !is_over
        });
        for (host, pushed, over) in ended {
            match (over, pushed) {
                (Err(HostFailure::NoProgram), None)
                    if self.call.program.is_some() && self.pushed.insert(host) =>
                {
                    self.push(host);
                }
                (Ok(0), Some(_)) => self.begin(host),
                (over, Some(last)) => {
                    let said = match over {
                        Ok(code) if last.is_empty() => format!("exit code {code}"),
                        Ok(_) => last,
                        Err(why) => why.to_string(),
                    };
                    let told = EventKind::Ended(Err(HostFailure::NotPushed { said }));
                    self.events.push_back(HostEvent { host, kind: told });
                }
                (over, None) => {
                    self.events.push_back(HostEvent { host, kind: EventKind::Ended(over) });
                }
            }
        }
    }

    /// Starts as many more as may run.
    fn fill(&mut self) {
        while self.running.len() < self.call.parallel.get() && self.next < self.hosts.len() {
            self.begin(self.next);
            self.next += 1;
        }
    }

    fn begin(&mut self, at: usize) {
        let Some(host) = self.hosts.get(at) else { return };
        match Running::start(at, &self.ssh, host, &self.call, &self.call.script(), None) {
            Ok(running) => self.running.push(running),
            Err(source) => self.failed(at, source),
        }
    }

    /// Brings the program there.
    fn push(&mut self, at: usize) {
        let (Some(host), Some(program)) = (self.hosts.get(at), &self.call.program) else { return };
        let started = program.file().and_then(|file| {
            Running::start(at, &self.ssh, host, &self.call, &program.script(), Some(file))
        });
        match started {
            Ok(running) => self.running.push(running),
            Err(source) => self.failed(at, source),
        }
    }

    fn failed(&mut self, host: usize, source: std::io::Error) {
        self.events.push_back(HostEvent {
            host,
            kind: EventKind::Ended(Err(HostFailure::NoSsh { source })),
        });
    }
}

/// All that is told, until every host has ended.
impl Iterator for Calls {
    type Item = HostEvent;

    fn next(&mut self) -> Option<HostEvent> {
        match self.next_beside(None) {
            Progress::Event(event) => Some(event),
            Progress::Held | Progress::ReaderGone | Progress::Done => None,
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running: Vec<_> = self.running.iter().map(|it| it.at).collect();
        f.debug_struct("Calls")
            .field("hosts", &self.hosts)
            .field("running", &running)
            .finish_non_exhaustive()
    }
}
