//! One `ssh` that runs: what it prints, until when it may, and how it ends.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::ExitStatusExt,
    },
    path::Path,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    Call, EventKind, Host, HostFailure,
    lines::{Heard, LIMIT, Lines},
};

/// After it has closed its output or was told to end, before it is killed.
const LAST: Duration = Duration::from_secs(1);
/// How often it is looked whether it has ended, in that time: the system tells nobody else's poll.
const LOOK: Duration = Duration::from_millis(5);
/// For the program to be brought there: some megabytes.
const PUSH: Duration = Duration::from_secs(120);
/// `ssh` itself failed, or the program there was killed.
const OF_SSH: i32 = 255;

/// One host that is being asked.
#[expect(clippy::struct_excessive_bools, reason = "each on its own")]
pub(crate) struct Running {
    pub(crate) at: usize,
    /// It brings the program there, and runs nothing.
    pub(crate) is_push: bool,
    child: Child,
    /// Open for as long as the program there is to run.
    stdin: Option<ChildStdin>,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    lines: Lines,
    said: Said,
    patience: Duration,
    within: Option<Duration>,
    /// How long a stream may be silent.
    idle: Option<Duration>,
    deadline: Option<Instant>,
    has_program: bool,
    trouble: Option<HostFailure>,
    /// It was told to end, or has closed its output.
    ending: bool,
    /// It is killed then.
    last: Option<Instant>,
    /// Whoever reads has enough of it for now.
    pub(crate) is_held: bool,
}

impl Running {
    /// Starts `ssh`. With a file, that is what the host reads: then it is not for the program's end.
    pub(crate) fn start(
        at: usize,
        ssh: &Path,
        host: &Host,
        call: &Call,
        script: &str,
        input: Option<File>,
    ) -> io::Result<Self> {
        let mut command = Command::new(ssh);
        command.args([
            "-T",
            "-o",
            "BatchMode=yes",
            "-o",
            "ClearAllForwardings=yes",
            "-o",
            "RemoteCommand=none",
        ]);
        if call.within.is_none() {
            // A stream may be silent for days; that its host is gone is to be noticed.
            command.args(["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]);
        }
        command.arg("--").arg(host.as_str()).arg(OsStr::new(script));
        let is_piped = input.is_none();
        command.stdin(input.map_or_else(Stdio::piped, Stdio::from));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let running = Self {
            at,
            is_push: !is_piped,
            stdin: child.stdin.take().filter(|_| is_piped),
            out: child.stdout.take(),
            err: child.stderr.take(),
            child,
            lines: Lines::new(call.within.is_some()),
            said: Said::default(),
            patience: call.patience,
            within: if is_piped { call.within } else { Some(PUSH) },
            idle: call.idle.filter(|_| is_piped),
            deadline: Some(Instant::now() + call.patience),
            has_program: true,
            trouble: None,
            ending: false,
            last: None,
            is_held: false,
        };
        let streams =
            [running.out.as_ref().map(AsFd::as_fd), running.err.as_ref().map(AsFd::as_fd)];
        for stream in streams.into_iter().flatten() {
            fcntl(stream, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(running)
    }

    /// What to wait for: its output, its messages.
    pub(crate) fn streams(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let out = self.out.as_ref().filter(|_| !self.is_held).map(AsFd::as_fd);
        out.into_iter().chain(self.err.as_ref().map(AsFd::as_fd))
    }

    /// When it has to be looked at, whatever it prints.
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.ending {
            return Some(Instant::now() + LOOK);
        }
        self.deadline.filter(|_| !self.is_held)
    }

    /// Reads what there is, and gives what is to be told; whether it is over, with what came of it.
    pub(crate) fn advance(&mut self, told: &mut Vec<EventKind>) -> Option<Result<u8, HostFailure>> {
        self.read_messages(told);
        if !self.is_held {
            self.read_output(told);
        }
        let now = Instant::now();
        let is_due = self.deadline.is_some_and(|deadline| deadline <= now);
        if !self.ending && !self.is_held && is_due {
            let late = match self.within.or(self.idle) {
                Some(after) if self.lines.has_answered() => HostFailure::Late { after },
                _ => HostFailure::Silent { after: self.patience },
            };
            self.end(late);
        }
        if !self.ending {
            return None;
        }
        let last = *self.last.get_or_insert(now + LAST);
        match self.child.try_wait() {
            Ok(Some(status)) => {
                self.read_messages(told);
                Some(self.outcome(status, told))
            }
            // Somebody else has reaped it.
            Err(source) => Some(Err(self.trouble.take().unwrap_or(HostFailure::NoSsh { source }))),
            Ok(None) if now >= last => {
                // It is gone already, or is now.
                let _gone = self.child.kill();
                None
            }
            Ok(None) => None,
        }
    }

    /// Tells it to end, because of this.
    fn end(&mut self, why: HostFailure) {
        self.trouble.get_or_insert(why);
        self.ending = true;
        self.out = None;
        self.stdin = None;
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // Not waited for yet, so the number is still its own.
            let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }

    fn read_output(&mut self, told: &mut Vec<EventKind>) {
        let Some(out) = &mut self.out else { return };
        let mut buffer = vec![0; 64 * 1024];
        let mut heard = Vec::new();
        let result = match out.read(&mut buffer) {
            Ok(0) => {
                self.out = None;
                self.ending = true;
                return;
            }
            Ok(length) => {
                if self.lines.has_answered() {
                    self.goes_on();
                }
                self.lines.hear(buffer.get(..length).unwrap_or_default(), &mut heard)
            }
            Err(error) if is_for_later(&error) => return,
            Err(source) => Err(HostFailure::NoSsh { source }),
        };
        for one in heard {
            self.tell(one, told);
        }
        if let Err(why) = result {
            self.end(why);
        }
    }

    /// A stream that is not silent has its time again.
    fn goes_on(&mut self) {
        if let Some(idle) = self.idle {
            self.deadline = Some(Instant::now() + idle);
        }
    }

    /// Lets it wait with what it prints, or go on.
    pub(crate) fn hold(&mut self, is_held: bool) {
        if std::mem::replace(&mut self.is_held, is_held) && !is_held {
            // It was not its silence.
            self.goes_on();
        }
    }

    fn tell(&mut self, heard: Heard, told: &mut Vec<EventKind>) {
        told.push(match heard {
            Heard::Line(line) => EventKind::Line(line),
            Heard::NoProgram => {
                self.has_program = false;
                return;
            }
            Heard::Version(version) => {
                self.deadline = self.within.map(|within| Instant::now() + within);
                self.goes_on();
                EventKind::Answered(version)
            }
        });
    }

    fn read_messages(&mut self, told: &mut Vec<EventKind>) {
        let mut buffer = [0; 4096];
        // No more than there is room for: a flood of messages is not to hold up the others.
        for _ in 0..16 {
            let Some(err) = &mut self.err else { return };
            match err.read(&mut buffer) {
                Ok(0) => self.err = None,
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    let lines = self.said.hear(bytes);
                    if self.lines.has_answered() {
                        told.extend(lines.into_iter().map(EventKind::Message));
                    }
                }
                Err(error) if is_for_later(&error) => return,
                Err(_) => self.err = None,
            }
        }
    }

    /// The last of its messages.
    pub(crate) fn last_said(&mut self) -> String {
        self.said.last().to_owned()
    }

    fn outcome(
        &mut self,
        status: ExitStatus,
        told: &mut Vec<EventKind>,
    ) -> Result<u8, HostFailure> {
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble);
        }
        let rest = self.lines.rest();
        let said = self.said.last().to_owned();
        let code = status.code().filter(|code| *code != OF_SSH);
        match (code, self.lines.has_answered()) {
            (_, false) if !self.has_program => Err(HostFailure::NoProgram),
            (None, false) => {
                let killed =
                    || status.signal().map(|signal| format!("ssh was killed by signal {signal}"));
                let said = if said.is_empty() { killed().unwrap_or(said) } else { said };
                Err(HostFailure::Unreachable { said })
            }
            (Some(code), false) => {
                let instead = self.lines.instead();
                let said = [instead, &*said].into_iter().find(|it| !it.is_empty());
                let said =
                    said.map_or_else(|| format!("exit code {code} and no word"), str::to_owned);
                Err(HostFailure::Nonsense { said })
            }
            (None, true) => Err(HostFailure::Cut { said }),
            (Some(code), true) => {
                if let Some(one) = rest {
                    self.tell(one, told);
                }
                u8::try_from(code).map_err(|_| HostFailure::Cut { said })
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both are nothing to one that has ended.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Messages: their lines, of which the last says most.
#[derive(Default)]
struct Said {
    buffer: Vec<u8>,
    last: String,
    taken: usize,
}

impl Said {
    /// Longer lines are cut, and what is more than all of [`LIMIT`] is not told.
    const LINE: usize = 1024;

    fn hear(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = String::from_utf8_lossy(&self.buffer).trim_end().to_owned();
                    self.buffer.clear();
                    self.taken = self.taken.saturating_add(line.len());
                    if !line.is_empty() {
                        self.last.clone_from(&line);
                        lines.extend((self.taken < LIMIT / 16).then_some(line));
                    }
                }
                byte if self.buffer.len() < Self::LINE => self.buffer.push(*byte),
                _ => (),
            }
        }
        lines
    }

    fn last(&mut self) -> &str {
        if !self.buffer.is_empty() {
            self.hear(b"\n");
        }
        &self.last
    }
}
