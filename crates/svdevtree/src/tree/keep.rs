//! The keeper: a process whose only work is that nothing of a tree outlives its owner.
//!
//! | it has                         | and so                                                        |
//! |--------------------------------|---------------------------------------------------------------|
//! | one end of a socket, the owner the other | the owner's end, of whatever cause, is an end of file |
//! | `PR_SET_CHILD_SUBREAPER`       | whatever loses its parent below it becomes its child          |
//! | a session of its own           | signals to the owner's process group and terminal miss it     |
//! | the lock of the tree           | there is one keeper for a tree; the lock ends with it         |
//!
//! No child left is therefore no process left, and that is what ending waits for.
//!
//! The engine is a child of it, executed the same way. It asks for SIGTERM when the keeper ends
//! (`PR_SET_PDEATHSIG`), which is for a keeper that is killed.

mod system;

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::{
        fd::AsFd as _,
        unix::{fs::OpenOptionsExt as _, net::UnixStream, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::Flock,
    libc::c_int,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};

use super::{
    base,
    engine::Engine,
    error::TreeError,
    processes::{self, MARK},
    wire::{Heard, Message, Wire},
};
use crate::hook::{self, Task};

/// How long what cannot be killed is waited for once nobody waits for the answer.
const LAST_WAIT: Duration = Duration::from_secs(10);
/// How long what a killed keeper has left may take to end.
const RECOVERY: Duration = Duration::from_secs(10);

/// The process from its first moment to its last; the exit code.
pub(crate) fn main(task: &Task) -> i32 {
    match task.role.to_str() {
        Some("keeper") => keeper(task),
        Some("engine") => super::engine::main(task),
        _ => 100,
    }
}

fn keeper(task: &Task) -> i32 {
    // First of all: whoever kills the owner's process group must not kill its keeper.
    let _already_alone = nix::unistd::setsid();
    let _never_refused = SigSet::empty().thread_set_mask();
    let Ok(wire) = take_wire() else { return 100 };
    let mut wire = wire;
    let mut keeper = match Keeper::open(task) {
        Ok(keeper) => keeper,
        Err(refusal) => {
            let _owner_is_gone = wire.say(&refusal);
            return 111;
        }
    };
    let _owner_is_gone = wire.say(&Message::new("kept").with(&keeper.base));
    let served = keeper.serve(&mut wire);
    let patience = if keeper.surviving { Duration::ZERO } else { LAST_WAIT };
    let left = keeper.end_all(Instant::now() + patience);
    let removed = keeper.remove();
    i32::from(served.is_err() || removed.is_err() || !left.is_empty()) * 111
}

/// The socket, moved away from standard input so that nothing inherits it.
fn take_wire() -> io::Result<Wire> {
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // What is no socket was not set up by an owner.
    stream.peer_addr()?;
    silence(&File::options().read(true).write(true).open("/dev/null")?)?;
    Ok(Wire::new(stream))
}

/// Gives the standard descriptors another file.
fn silence(file: &File) -> io::Result<()> {
    rustix::stdio::dup2_stdin(file)?;
    rustix::stdio::dup2_stdout(file)?;
    rustix::stdio::dup2_stderr(file)?;
    Ok(())
}

/// What becomes of the directory in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    IsRemoved,
}

struct Keeper {
    base: PathBuf,
    fate: Fate,
    signals: SignalDelivery<UnixStream, SignalOnly>,
    engine: Option<(Pid, Engine)>,
    check: Option<Pid>,
    /// Somebody waits for the engine to end in an orderly way.
    winding: bool,
    /// How the engine ended that nobody told to.
    lost: Option<String>,
    /// A signal told the keeper itself to end.
    ending: bool,
    /// The owner knows that not everything can be ended.
    surviving: bool,
    told: Vec<Message>,
    _lock: Flock<File>,
}

impl Keeper {
    /// Takes the tree. An error is what the owner is told.
    fn open(task: &Task) -> Result<Self, Message> {
        let signals = system::listen()
            .map_err(|error| refusal("listen to signals", Path::new("/"), &error))?;
        system::adopt_orphans()
            .map_err(|error| refusal("adopt orphans", Path::new("/"), &error))?;
        let (base, fate) = match (task.detail("BASE"), task.detail("PARENT")) {
            (Some(base), _) => (PathBuf::from(base), Fate::Stays),
            (None, Some(parent)) => {
                let parent = Path::new(parent);
                let made = base::make_temporary(parent);
                (
                    made.map_err(|error| refusal("make a directory in", parent, &error))?,
                    Fate::IsRemoved,
                )
            }
            (None, None) => return Err(refusal("find", Path::new(""), &Errno::EINVAL.into())),
        };
        let taken = Self::take(&base, fate);
        if taken.is_err() && fate == Fate::IsRemoved {
            let _left_behind = fs::remove_dir_all(&base);
        }
        let lock = taken?;
        // Relative paths were made absolute by the owner; no directory is kept in use.
        let _stays = std::env::set_current_dir("/");
        let (engine, check, lost, told) = (None, None, None, Vec::new());
        let (winding, ending, surviving) = (false, false, false);
        Ok(Self {
            base,
            fate,
            signals,
            engine,
            check,
            lost,
            winding,
            ending,
            surviving,
            told,
            _lock: lock,
        })
    }

    fn take(base: &Path, fate: Fate) -> Result<Flock<File>, Message> {
        let tell = |error: TreeError| error.to_message();
        base::ensure(base).map_err(tell)?;
        let lock = base::lock(base).map_err(tell)?;
        if fate == Fate::Stays {
            let left = processes::end_marked(base, Instant::now() + RECOVERY);
            if !left.is_empty() {
                return Err(survivors(&left));
            }
            if let Some(dir) = base::still_supervised(base) {
                return Err(Message::new("supervised").with(&dir));
            }
        }
        Ok(lock)
    }

    /// Serves the owner until there is none.
    fn serve(&mut self, wire: &mut Wire) -> io::Result<()> {
        loop {
            self.wait(Some(wire.stream()), None)?;
            if self.ending {
                return Ok(());
            }
            self.reap();
            if let Some(how) = self.lost.take() {
                // What it supervised is not left without it.
                self.end_all(Instant::now() + LAST_WAIT);
                self.told.push(Message::new("engine-ended").with(how));
            }
            for message in std::mem::take(&mut self.told) {
                // That the owner is gone shows below.
                let _owner_is_gone = wire.say(&message);
            }
            loop {
                match wire.hear_now()? {
                    Heard::Nothing => break,
                    Heard::End => return Ok(()),
                    Heard::Message(message) => {
                        if let Some(answer) = self.obey(&message) {
                            let _owner_is_gone = wire.say(&answer);
                        }
                    }
                }
            }
        }
    }

    fn obey(&mut self, message: &Message) -> Option<Message> {
        match message.verb() {
            b"start" => Some(self.start(message)),
            b"wind" => {
                self.winding = true;
                match &self.engine {
                    Some((pid, engine)) => {
                        let _ended_already = kill(*pid, engine.end_signal());
                        None
                    }
                    None => Some(self.wound()),
                }
            }
            b"end" => {
                let killed = processes::descendants().len();
                let left = self.end_all(Instant::now() + Duration::from_millis(message.number(1)?));
                self.engine = None;
                self.surviving = !left.is_empty();
                Some(if left.is_empty() {
                    Message::new("ended").with(killed.to_string())
                } else {
                    survivors(&left)
                })
            }
            b"check" => self.check(message),
            b"install" => {
                let (from, to) = (Path::new(message.field(1)), Path::new(message.field(2)));
                Some(match super::definition::install(from, to) {
                    Ok(()) => Message::new("installed"),
                    Err(error) => refusal("write", to, &error),
                })
            }
            b"cancel" => {
                if let Some(pid) = self.check {
                    // A group of its own, so that what it has started ends too.
                    let _ended_already = nix::sys::signal::killpg(pid, Signal::SIGKILL);
                }
                None
            }
            _ => None,
        }
    }

    fn start(&mut self, message: &Message) -> Message {
        let started = || Message::new("started");
        if self.engine.is_some() {
            return started();
        }
        let Some(engine) = Engine::from_name(message.field(1)) else {
            return refusal("start an engine in", &self.base, &Errno::EINVAL.into());
        };
        let log = base::engine_log(&self.base);
        let spawned =
            self.command(engine, message.field(2)).and_then(|mut command| command.spawn());
        match spawned {
            Ok(child) => {
                self.engine = Some((number(&child), engine));
                started()
            }
            Err(error) => refusal("start an engine that writes to", &log, &error),
        }
    }

    /// This program once more, as the engine.
    fn command(&self, engine: Engine, grace: &OsStr) -> io::Result<Command> {
        let log = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(base::engine_log(&self.base))?;
        let mut command = Command::new(hook::own_image());
        command
            .arg0("svdevtree-engine")
            .env(hook::ROLE, "engine")
            .env(hook::variable("BASE"), &self.base)
            .env(hook::variable("ENGINE"), engine.name())
            .env(hook::variable("GRACE"), grace)
            .env(hook::variable("KEEPER"), std::process::id().to_string())
            .env(MARK, &self.base)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }

    /// Runs a program of the owner's, whose end it is told.
    fn check(&mut self, message: &Message) -> Option<Message> {
        let mut words = message.fields();
        let (dir, log, program) = (words.next()?, words.next()?, words.next()?);
        let spawned =
            File::options().create(true).append(true).mode(0o600).open(log).and_then(|log| {
                let mut command = Command::new(program);
                command.args(words).current_dir(dir).env(MARK, &self.base).process_group(0);
                command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()
            });
        match spawned {
            Ok(child) => {
                self.check = Some(number(&child));
                None
            }
            Err(error) => Some(refusal("execute", Path::new(program), &error)),
        }
    }

    /// Sleeps until the owner says something, a child ends or the time is over.
    fn wait(&mut self, owner: Option<&UnixStream>, longest: Option<Duration>) -> io::Result<()> {
        let signals = self.signals.get_read().as_fd();
        let mut fds = vec![PollFd::new(signals, PollFlags::POLLIN)];
        fds.extend(owner.map(|owner| PollFd::new(owner.as_fd(), PollFlags::POLLIN)));
        let longest = longest.map_or(PollTimeout::NONE, |longest| {
            PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, longest) {
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => (),
            Err(errno) => return Err(errno.into()),
        }
        // Whose SIGCHLD it is does not matter: all children are looked at.
        let ends = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].map(|signal| signal as c_int);
        self.ending |= self.signals.pending().fold(false, |seen, it| seen | ends.contains(&it));
        Ok(())
    }

    /// Takes every child that has ended. Whether there is any child left.
    fn reap(&mut self) -> bool {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(status @ (WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..))) => {
                    self.heed(pid, status);
                }
                Err(Errno::ECHILD) => return false,
                Err(Errno::EINTR) => (),
                Ok(_) | Err(_) => return true,
            }
        }
    }

    fn heed(&mut self, pid: Pid, status: WaitStatus) {
        let how = match status {
            WaitStatus::Exited(_, code) => format!("exited with {code}"),
            WaitStatus::Signaled(_, signal, _) => format!("killed by {signal}"),
            _ => String::new(),
        };
        if self.check == Some(pid) {
            self.check = None;
            self.told.push(Message::new("checked").with(how));
        } else if self.engine.is_some_and(|(engine, _)| engine == pid) {
            self.engine = None;
            if self.winding {
                let wound = self.wound();
                self.told.push(wound);
            } else {
                self.lost = Some(how);
            }
        }
    }

    fn wound(&mut self) -> Message {
        self.winding = false;
        Message::new("wound")
    }

    /// SIGKILL for whatever descends from this process, until nothing does. What is left at the deadline
    /// comes back.
    fn end_all(&mut self, deadline: Instant) -> Vec<u32> {
        let mut pause = Duration::from_millis(1);
        loop {
            system::end_group(self.engine.map(|(pid, _)| pid));
            let _ends = processes::kill(&processes::descendants());
            if !self.reap() {
                // Whoever asked for the end does not wait for anything else.
                self.told.clear();
                self.lost = None;
                return Vec::new();
            }
            if Instant::now() >= deadline {
                return processes::numbers(&processes::descendants());
            }
            // A child's end wakes at once; the time is for one that was born while they were listed.
            let _listing_again = self.wait(None, Some(pause));
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Removes a temporary tree.
    fn remove(&self) -> io::Result<()> {
        if self.fate == Fate::Stays {
            return Ok(());
        }
        match fs::remove_dir_all(&self.base) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A child as the system's calls name it.
fn number(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

fn survivors(pids: &[u32]) -> Message {
    pids.iter().fold(Message::new("survivors"), |message, pid| message.with(pid.to_string()))
}

/// What the system refused, for the owner.
pub(super) fn refusal(doing: &str, path: &Path, error: &io::Error) -> Message {
    let code = error.raw_os_error().unwrap_or_default();
    Message::new("refused").with(code.to_string()).with(doing).with(path)
}
