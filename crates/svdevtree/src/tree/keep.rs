//! The keeper: a process whose only work is that nothing of a tree outlives its owner.
//!
//! | it has                         | and so                                                        |
//! |--------------------------------|---------------------------------------------------------------|
//! | one end of a socket, the owner the other | the owner's end, of whatever cause, is an end of file |
//! | `PR_SET_CHILD_SUBREAPER`       | whatever loses its parent below it becomes its child          |
//! | a session of its own           | signals to the owner's process group and terminal miss it     |
//! | the lock of the tree           | there is one keeper for a tree; the lock ends with it         |
//! | a guard                        | the same once more, should the keeper be killed (`guard.rs`)  |
//!
//! No child left is therefore no process left, and that is what ending waits for.
//!
//! Who notices the end of another, and what follows:
//!
//! | who ends | who notices, by what | what happens |
//! |----------|----------------------|--------------|
//! | the owner, in whatever way | the keeper: end of file on the socket, of which only the owner has the other end | the guard kills all its descendants until it has no child; a tree that is not to stay is removed; the guard ends last |
//! | the engine | the guard: SIGCHLD | it tells; all descendants are killed; the owner is told, `TreeError::EngineEnded` |
//! | the guard | the keeper: end of file | all descendants are killed, which are the keeper's children now; the owner is told |
//! | the keeper, alone or with the owner | the guard: end of file | it kills all its descendants, takes the lock, and removes a tree that is not to stay |
//! | keeper and guard | the engine: `PR_SET_PDEATHSIG`; the owner: end of file | the engine ends its services; the owner takes the lock, ends what carries the tree's mark, and removes a tree that is not to stay |
//! | all four | the services of the embedded engine: `PR_SET_PDEATHSIG`; of the rest nobody | the next program that starts the tree ends what is in its control group, or carries its mark (`SVDEVTREE` in the environment), or is refused: `Survivors`, `Supervised`; the next temporary tree at the same place removes this one |
//!
//! Processes are signalled by pidfd, after `/proc` has confirmed that the pidfd is the process that was listed.
//!
//! It writes below its tree and nowhere else, and hears nobody but the process that started it.

mod children;
mod guard;
mod system;

use std::{
    ffi::OsStr,
    io::{self, Write as _},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{fcntl::Flock, sys::signal::SigSet, unistd::Pid};

use self::children::Children;
use super::{
    base::{self, Fate},
    cgroup::ControlGroup,
    processes::{self, MARK},
    wire::{Heard, Message, Wire, refusal, timed},
};
use crate::origin;

/// How long what cannot be killed is waited for once nobody waits for the answer.
const LAST_WAIT: Duration = Duration::from_secs(10);
/// How long a guard may take to say that something has not ended.
const ANSWERING: Duration = Duration::from_secs(1);
/// How long what a killed keeper has left may take to end.
const RECOVERY: Duration = Duration::from_secs(10);

/// What this program becomes when it is executed once more: its name is the first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Keeper,
    Guard,
    Engine,
}

impl Part {
    const ALL: [Self; 3] = [Self::Keeper, Self::Guard, Self::Engine];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Keeper => "svdevtree-keeper",
            Self::Guard => "svdevtree-guard",
            Self::Engine => "svdevtree-engine",
        }
    }

    pub(crate) fn from_name(name: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// The process from its first moment to its last; the exit code.
pub(crate) fn main(part: Part) -> i32 {
    match part {
        // First of all: whoever kills the owner's process group must not kill its keeper.
        Part::Keeper | Part::Guard => drop(nix::unistd::setsid()),
        // Before its parent is looked at, which may end meanwhile.
        Part::Engine => super::engine::end_with_parent(nix::sys::signal::Signal::SIGTERM),
    }
    let _never_refused = SigSet::empty().thread_set_mask();
    let (wire, order) = match Wire::from_parent() {
        Ok(heard) => heard,
        Err(error) => {
            let text = format!("{}: not started by the owner of a tree: {error}\n", part.name());
            let _nobody_reads = io::stderr().write_all(text.as_bytes());
            return 100;
        }
    };
    match part {
        Part::Keeper => keeper(wire, &order),
        Part::Guard => guard::main(wire, &order),
        Part::Engine => super::engine::main(&order),
    }
}

/// Executes a program as a part of a tree; with the socket to tell it what to do. What else it gets is up
/// to `prepare`.
pub(super) fn execute_as(
    program: &Path,
    part: Part,
    prepare: impl FnOnce(&mut Command) -> io::Result<()>,
) -> io::Result<(Child, Wire)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(program);
    command.arg0(part.name()).stdin(OwnedFd::from(theirs));
    prepare(&mut command)?;
    Ok((command.spawn()?, Wire::new(ours)))
}

fn execute(
    part: Part,
    prepare: impl FnOnce(&mut Command) -> io::Result<()>,
) -> io::Result<(Child, Wire)> {
    execute_as(&origin::own_image(), part, prepare)
}

fn keeper(mut wire: Wire, order: &Message) -> i32 {
    let mut keeper = match Keeper::open(order) {
        Ok(keeper) => keeper,
        Err(refusal) => {
            let _owner_is_gone = wire.say(&refusal);
            return 111;
        }
    };
    let _owner_is_gone = wire.say(&Message::new("kept").with(&keeper.base));
    let served = keeper.serve(&mut wire);
    let patience = if keeper.surviving { Duration::ZERO } else { LAST_WAIT };
    let (_, left) = keeper.end_all(Instant::now() + patience);
    let removed = base::remove(&keeper.base, keeper.fate);
    // The last: until here it would have done the rest.
    keeper.end_guard(Instant::now() + patience);
    if let Some(group) = &keeper.group {
        group.remove();
    }
    i32::from(served.is_err() || removed.is_err() || !left.is_empty()) * 111
}

/// The guard, as its keeper sees it.
struct Guard {
    pid: Pid,
    wire: Wire,
    /// It has said that the engine is started, and not that it has ended.
    has_engine: bool,
}

struct Keeper {
    base: PathBuf,
    fate: Fate,
    children: Children,
    guard: Option<Guard>,
    /// What is started below is in it, where one could be made.
    group: Option<ControlGroup>,
    /// Somebody waits for the engine to end in an orderly way.
    winding: bool,
    /// The owner knows that not everything can be ended.
    surviving: bool,
    _lock: Flock<std::fs::File>,
}

impl Keeper {
    /// Takes the tree. An error is what the owner is told.
    fn open(order: &Message) -> Result<Self, Message> {
        let children = adopted()?;
        let path = Path::new(order.field(1));
        let fate = Fate::from_name(order.field(2)).filter(|_| order.verb() == b"keep");
        let fate =
            fate.ok_or_else(|| refusal("keep", path, &io::ErrorKind::InvalidInput.into()))?;
        let base = match fate {
            Fate::Stays | Fate::Goes => path.to_owned(),
            Fate::Temporary => base::make_temporary(path).map_err(|error| error.to_message())?,
        };
        let taken = Self::take(&base, fate);
        if taken.is_err() && fate == Fate::Temporary {
            let _left_behind = base::remove(&base, fate);
        }
        let lock = taken?;
        // Relative paths were made absolute by the owner; no directory is kept in use.
        let _stays = std::env::set_current_dir("/");
        let (guard, winding, surviving) = (None, false, false);
        let group = processes::unique_name().and_then(|name| ControlGroup::make(&base, &name));
        let mut this = Self { base, fate, children, guard, group, winding, surviving, _lock: lock };
        // A directory that goes is guarded from the beginning.
        if let Err(error) = this.call_guard() {
            let refusal = refusal("start a guard for", &this.base, &error);
            if let Some(group) = &this.group {
                group.remove();
            }
            let _left_behind = base::remove(&this.base, fate);
            return Err(refusal);
        }
        Ok(this)
    }

    fn take(base: &Path, fate: Fate) -> Result<Flock<std::fs::File>, Message> {
        let lock = base::take(base).map_err(|error| error.to_message())?;
        if fate != Fate::Temporary {
            let left = processes::end_left(base, Instant::now() + RECOVERY);
            if !left.is_empty() {
                return Err(survivors(&left));
            }
            if let Some(dir) = base::still_supervised(base) {
                return Err(Message::new("supervised").with(&dir));
            }
        }
        if fate == Fate::Goes {
            // What a program has left that was killed together with keeper and guard.
            let cleared = base::clear(base).and_then(|()| base::ensure(base).map(drop));
            cleared.map_err(|error| error.to_message())?;
        }
        Ok(lock)
    }

    /// The guard, started if there is none.
    fn call_guard(&mut self) -> io::Result<&mut Guard> {
        if self.guard.is_none() {
            let (child, wire) = execute(Part::Guard, |command| {
                command.env(MARK, &self.base).stdout(Stdio::null()).stderr(Stdio::null());
                Ok(())
            })?;
            let pid = number(&child);
            // Before it hears anything, hence before it starts anything.
            let refused =
                self.group.as_ref().and_then(|group| group.admit(pid).err().map(|_| group));
            if let Some(group) = refused {
                group.remove();
                self.group = None;
            }
            wire.say(&Message::new("guard").with(&self.base).with(self.fate.name()))?;
            self.guard = Some(Guard { pid, wire, has_engine: false });
        }
        self.guard.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Serves the owner until there is none.
    fn serve(&mut self, owner: &mut Wire) -> io::Result<()> {
        loop {
            // First: some of it may have come together with the order.
            loop {
                match owner.hear_now()? {
                    Heard::Nothing => break,
                    Heard::End => return Ok(()),
                    Heard::Message(message) => {
                        if let Some(answer) = self.obey(&message) {
                            let _owner_is_gone = owner.say(&answer);
                        }
                    }
                }
            }
            let guard = self.guard.as_ref().map(|guard| guard.wire.stream());
            let streams: Vec<_> = [Some(owner.stream()), guard].into_iter().flatten().collect();
            if self.children.wait(&streams, None)? {
                return Ok(());
            }
            for told in self.hear_guard() {
                // That the owner is gone shows below.
                let _owner_is_gone = owner.say(&told);
            }
            // Orphans, and a guard that was killed: its socket has told.
            Children::take();
        }
    }

    /// What the guard has said, for the owner.
    fn hear_guard(&mut self) -> Vec<Message> {
        let mut told = Vec::new();
        while let Some(guard) = &mut self.guard {
            let how = match guard.wire.hear_now() {
                Ok(Heard::Nothing) => break,
                Ok(Heard::Message(message)) if message.verb() == b"ended" => {
                    guard.has_engine = false;
                    message.text(1)
                }
                Ok(Heard::Message(message)) => {
                    guard.has_engine |= message.verb() == b"started";
                    told.push(message);
                    continue;
                }
                Ok(Heard::End) | Err(_) => {
                    self.guard = None;
                    "and its guard were killed".to_owned()
                }
            };
            if std::mem::take(&mut self.winding) {
                told.push(Message::new("wound"));
                continue;
            }
            // What the engine supervised is not left without it.
            self.end_all(Instant::now() + LAST_WAIT);
            told.push(Message::new("engine-ended").with(how));
        }
        told
    }

    fn obey(&mut self, message: &Message) -> Option<Message> {
        let has_engine = self.guard.as_ref().is_some_and(|guard| guard.has_engine);
        match message.verb() {
            b"start" if has_engine => Some(Message::new("started")),
            b"wind" if !has_engine => Some(Message::new("wound")),
            b"start" | b"wind" | b"check" | b"cancel" => {
                self.winding |= message.verb() == b"wind";
                let passed_on = self.call_guard().and_then(|guard| guard.wire.say(message));
                // One that was killed just now shows by its socket.
                passed_on.err().map(|error| refusal("ask the guard of", &self.base, &error))
            }
            b"end" => {
                let deadline = Instant::now() + Duration::from_millis(message.number(1)?);
                let (killed, left) = self.end_all(deadline);
                self.surviving = !left.is_empty();
                Some(if left.is_empty() {
                    Message::new("ended").with(killed.to_string())
                } else {
                    survivors(&left)
                })
            }
            b"install" => {
                let (from, to) = (Path::new(message.field(1)), Path::new(message.field(2)));
                let installed = base::beneath(&self.base, from).and_then(|from| {
                    super::definition::install(&from, &base::beneath(&self.base, to)?)
                });
                Some(match installed {
                    Ok(()) => Message::new("installed"),
                    Err(error) => refusal("write", to, &error),
                })
            }
            _ => None,
        }
    }

    /// Ends everything below but the guard: should this process be killed meanwhile, that goes on with it.
    /// How many that were, and what is left.
    fn end_all(&mut self, deadline: Instant) -> (usize, Vec<u32>) {
        self.winding = false;
        if let Some((killed, left)) = self.guard.as_mut().and_then(|it| it.end_all(deadline)) {
            return (killed, left);
        }
        let killed = processes::descendants().len();
        (killed, self.end_guard(deadline))
    }

    /// Ends everything below, the guard too.
    fn end_guard(&mut self, deadline: Instant) -> Vec<u32> {
        // Its socket stays open until it has ended: else it would take this process for dead.
        let guard = self.guard.take();
        if let Some(group) = &self.group {
            group.kill();
        }
        self.children.end_all(guard.as_ref().map(|guard| guard.pid), deadline)
    }
}

impl Guard {
    /// `None` from one that does not answer any more.
    fn end_all(&mut self, deadline: Instant) -> Option<(usize, Vec<u32>)> {
        self.has_engine = false;
        self.wire.say(&timed("end", deadline)).ok()?;
        loop {
            match self.wire.hear_before(deadline + ANSWERING) {
                Ok(Heard::Message(message)) if message.verb() == b"over" => {
                    let left = message.fields().skip(1);
                    let left = left.filter_map(|pid| pid.to_str()?.parse().ok());
                    return Some((message.number(1)?, left.collect()));
                }
                // What ended is no news.
                Ok(Heard::Message(_)) => (),
                Ok(Heard::Nothing | Heard::End) | Err(_) => return None,
            }
        }
    }
}

/// What loses its parent below this process is its child from now on.
fn adopted() -> Result<Children, Message> {
    Children::adopt().map_err(|(doing, error)| refusal(doing, Path::new("/"), &error))
}

/// A child as the system's calls name it.
fn number(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

fn survivors(pids: &[u32]) -> Message {
    pids.iter().fold(Message::new("survivors"), |message, pid| message.with(pid.to_string()))
}
