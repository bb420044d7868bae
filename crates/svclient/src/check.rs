//! The `check` script of a runit service directory, run as `sv` runs it. The one place of this
//! crate that starts a process, and the only program that it starts.
//!
//! `sv` looks at it from outside: the script is the service's own, it runs in the service directory
//! with the caller's rights, and what it prints is not shown. A directory without one passes.
//!
//! Source: `sv.c` of runit 2.1.2 (`checkscript`), sv(8); observed on 2.1.2.

use std::{
    fmt,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid as NixPid,
};

use svproto::{Cause, LastExit, Pid};

use crate::{Error, aside, handle::Handle, node, signal_name};

/// What "checked" means, which differs between versions of runit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CheckRule {
    /// `sv check` up to 2.2.0: a service with a process passes if its script does, and one without
    /// a process always.
    Runit2_1,
    /// `sv check` since 2.3.0: the service stands as it is wanted, and where that is up the script
    /// passes.
    #[default]
    Runit2_3,
}

svproto::words!(CheckRule, "rule for checks": Runit2_1 "runit-2.1", Runit2_3 "runit-2.3");

/// What the `check` script of a service directory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CheckAnswer {
    /// There is none.
    NoScript,
    /// It passed.
    Passed,
    /// It said no, and how.
    Failed(LastExit),
    /// It did not end in time, and was killed.
    Overdue,
    /// Its owner may not execute it.
    NotExecutable,
    /// It passed, and what an earlier run has left behind listens where it asked: that may have answered, and
    /// the service has not got the port (Linux).
    LeftBehind {
        /// The process that was left behind.
        pid: Pid,
        /// The port.
        port: u16,
    },
}

/// A clause that follows the name of the service.
impl fmt::Display for CheckAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScript => f.write_str("has no check script"),
            Self::Passed => f.write_str("its check script passes"),
            Self::Failed(exit) => {
                write!(f, "{}", Cause::CheckFailed.about(&how_in_words(*exit)))
            }
            Self::Overdue => write!(f, "{}", Cause::CheckOverdue),
            Self::NotExecutable => write!(f, "{}", Cause::CheckNotExecutable),
            Self::LeftBehind { pid, port } => {
                write!(f, "{}", Cause::LeftBehind.about(&listens(*pid, *port)))
            }
        }
    }
}

/// Asks the script, and waits for its answer for so long.
pub(crate) fn ask(handle: &Handle, within: Duration) -> Result<CheckAnswer, Error> {
    if !has_script(handle) {
        return Ok(if is_there(handle) {
            CheckAnswer::NotExecutable
        } else {
            CheckAnswer::NoScript
        });
    }
    let until = Instant::now().checked_add(within);
    let mut script = Script::start(handle)?;
    loop {
        match script.ended()? {
            Some(status) if status.success() => return Ok(CheckAnswer::Passed),
            Some(status) => return Ok(CheckAnswer::Failed(how(status))),
            None if until.is_some_and(|until| Instant::now() >= until) => {
                return Ok(CheckAnswer::Overdue);
            }
            None => std::thread::park_timeout(LOOK_AGAIN),
        }
    }
}

/// How a script ended.
pub(crate) fn how(status: ExitStatus) -> LastExit {
    let small = |number: i32| u8::try_from(number).ok();
    match (status.code().and_then(small), status.signal().and_then(small)) {
        (Some(code), _) => LastExit::Exited { code },
        (None, Some(signal)) => LastExit::Signaled { signal, core: status.core_dumped() },
        (None, None) => LastExit::NotReported,
    }
}

/// The same in words: `exits with 1`.
pub(crate) fn how_in_words(exit: LastExit) -> String {
    match exit {
        LastExit::Exited { code } => format!("exits with {code}"),
        LastExit::Signaled { signal, .. } => match signal_name(signal) {
            Some(name) => format!("is killed by {name}"),
            None => format!("is killed by signal {signal}"),
        },
        _ => "fails".to_owned(),
    }
}

/// What somebody does who was left behind.
pub(crate) fn listens(pid: Pid, port: u16) -> String {
    format!("process {pid} listens at port {port}")
}

/// Whether there is a file of that name, whatever it is.
pub(crate) fn is_there(handle: &Handle) -> bool {
    node::stat(handle.at("check")).ok().flatten().is_some_and(|stat| !node::is_dir(&stat))
}

/// Between two looks at a script that runs. There is no descriptor that tells of a child's end
/// everywhere, and the caller's SIGCHLD is the caller's.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Between a script that failed and the next attempt; `sv` takes 420 ms.
pub(crate) const TRY_AGAIN: Duration = Duration::from_millis(100);

/// Whether a service directory has a script to run: one that its owner may execute.
pub(crate) fn has_script(handle: &Handle) -> bool {
    let stat = node::stat(handle.at("check")).ok().flatten();
    stat.is_some_and(|stat| stat.st_mode & 0o100 != 0 && !node::is_dir(&stat))
}

/// A running script; killed when dropped, with what it has started and not taken leave of.
pub(crate) struct Script {
    child: Child,
    path: PathBuf,
}

impl Script {
    pub(crate) fn start(handle: &Handle) -> Result<Self, Error> {
        let path = handle.at("check").path();
        if aside::is_left_behind() {
            return Err(Error::Unanswered { path });
        }
        let mut command = Command::new("./check");
        command.current_dir(handle.for_paths()).stdin(Stdio::null()).stdout(Stdio::null());
        // A group of its own, to be ended with all that it has started.
        match command.stderr(Stdio::null()).process_group(0).spawn() {
            Ok(child) => Ok(Self { child, path }),
            Err(source) => Err(Error::os("run", &path, "execute", source)),
        }
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        let ended = self.child.try_wait();
        ended.map_err(|source| Error::os("wait for", &self.path, "run", source))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It may end in between, which is as good. Until it is waited for, nobody else has its
            // number.
            if let Ok(group) = i32::try_from(self.child.id()) {
                let _ended = killpg(NixPid::from_raw(group), Signal::SIGKILL);
            }
            let _reaped = self.child.wait();
        }
    }
}
