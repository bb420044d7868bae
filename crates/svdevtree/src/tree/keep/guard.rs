//! The guard: the keeper's only child, and the parent of the engine. It is there for the case that the
//! keeper is killed, alone or together with the program.
//!
//! It adopts what loses its parent below it, as the keeper does, so whatever engine, services and checks
//! have ever started descends from it. When the other end of its socket is gone, so is the keeper: it ends
//! all of that, and removes a tree that goes with its owner. While the keeper lives it starts and ends what
//! that says, and tells how it ended.

use std::{
    fs::File,
    io,
    os::unix::{fs::OpenOptionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use super::{
    super::{
        base::{self, Fate},
        cgroup::ControlGroup,
        engine::Engine,
        error::TreeError,
        log, processes,
        wire::{Heard, Message, Wire, refusal},
    },
    LAST_WAIT, Part, adopted,
    children::{Children, Death},
    execute, number,
};

/// How long the kernel may take to close what a killed keeper had open.
const CLOSING: Duration = Duration::from_secs(5);

/// A guard at work.
struct Guard {
    base: PathBuf,
    children: Children,
    engine: Option<(Pid, Engine)>,
    check: Option<Pid>,
}

/// The process; `order` is `guard BASE FATE`.
pub(super) fn main(mut wire: Wire, order: &Message) -> i32 {
    let (base, fate) = (PathBuf::from(order.field(1)), Fate::from_name(order.field(2)));
    let Some(fate) = fate.filter(|_| order.verb() == b"guard") else { return 100 };
    let children = match adopted() {
        Ok(children) => children,
        Err(refusal) => {
            let _keeper_is_gone = wire.say(&refusal);
            return 111;
        }
    };
    let mut guard = Guard { base, children, engine: None, check: None };
    // Whatever became of the socket, the keeper is not heard any more.
    let _broken = guard.serve(&mut wire);
    let engine = guard.engine.map(|(pid, _)| pid);
    let left = guard.children.end_all(engine, Instant::now() + LAST_WAIT);
    if let Some(group) = ControlGroup::of(&guard.base) {
        // Empty but for this process, if its keeper was killed; else the keeper removes it.
        group.leave();
        group.remove();
    }
    if fate != Fate::Stays {
        guard.remove(fate);
    }
    i32::from(!left.is_empty()) * 111
}

impl Guard {
    /// Serves the keeper until there is none.
    fn serve(&mut self, wire: &mut Wire) -> io::Result<()> {
        loop {
            // First: some of it may have come together with the order.
            loop {
                match wire.hear_now()? {
                    Heard::Nothing => break,
                    Heard::End => return Ok(()),
                    Heard::Message(message) => {
                        if let Some(answer) = self.obey(&message) {
                            wire.say(&answer)?;
                        }
                    }
                }
            }
            // What tells a guard to end tells its engine.
            if self.children.wait(&[wire.stream()], None)? {
                self.wind();
            }
            for death in Children::take().0 {
                if let Some(told) = self.heed(&death) {
                    wire.say(&told)?;
                }
            }
        }
    }

    fn obey(&mut self, message: &Message) -> Option<Message> {
        match message.verb() {
            b"start" => Some(self.start(message)),
            b"check" => self.check(message),
            b"wind" => {
                self.wind();
                None
            }
            b"end" => Some(self.end(Instant::now() + Duration::from_millis(message.number(1)?))),
            b"cancel" => {
                if let Some(pid) = self.check {
                    // A group of its own, so that what it has started ends too.
                    let _ended_already = killpg(pid, Signal::SIGKILL);
                }
                None
            }
            _ => None,
        }
    }

    fn wind(&self) {
        if let Some((pid, engine)) = self.engine {
            let _ended_already = kill(pid, engine.end_signal());
        }
    }

    /// Removes the tree; only with its lock, for another program may have started it anew.
    fn remove(&mut self, fate: Fate) {
        let until = Instant::now() + CLOSING;
        loop {
            match base::lock(&self.base) {
                Ok(_lock) => {
                    let _stays = base::remove(&self.base, fate);
                    return;
                }
                // A keeper that is killed closes its socket and its lock one after the other.
                Err(TreeError::Held { .. }) if Instant::now() < until => {
                    let _again = self.children.wait(&[], Some(Duration::from_millis(2)));
                }
                Err(_) => return,
            }
        }
    }

    /// Ends all that is below. How many that were, and what is left.
    fn end(&mut self, deadline: Instant) -> Message {
        let killed = processes::descendants().len();
        let left = self.children.end_all(self.engine.map(|(pid, _)| pid), deadline);
        (self.engine, self.check) = (None, None);
        let over = Message::new("over").with(killed.to_string());
        left.iter().fold(over, |over, pid| over.with(pid.to_string()))
    }

    /// This program once more, as the engine.
    fn start(&mut self, message: &Message) -> Message {
        let Some(engine) = Engine::from_name(message.field(1)) else {
            return refusal("start an engine in", &self.base, &io::ErrorKind::InvalidInput.into());
        };
        let log = log::engine_log(&self.base);
        let order = Message::new("engine").with(engine.name()).with(&self.base);
        let order = order.with(message.field(2));
        let started = append(&log).and_then(|file| {
            let (child, wire) = execute(Part::Engine, |command| {
                command.stdout(file.try_clone()?).stderr(file);
                Ok(())
            })?;
            wire.say(&order)?;
            Ok(child)
        });
        match started {
            Ok(child) => {
                self.engine = Some((number(&child), engine));
                Message::new("started")
            }
            Err(error) => refusal("start an engine that writes to", &log, &error),
        }
    }

    /// Runs a program of the owner's, whose end it is told.
    fn check(&mut self, message: &Message) -> Option<Message> {
        let mut words = message.fields();
        let (dir, log, program) = (words.next()?, words.next()?, words.next()?);
        let spawned = base::beneath(&self.base, Path::new(log)).and_then(|log| {
            let log = append(&log)?;
            let mut command = Command::new(program);
            command.args(words).current_dir(dir).process_group(0);
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

    fn heed(&mut self, death: &Death) -> Option<Message> {
        if self.check == Some(death.pid) {
            self.check = None;
            return Some(Message::new("checked").with(&death.how));
        }
        let is_engine = self.engine.is_some_and(|(pid, _)| pid == death.pid);
        is_engine.then(|| {
            self.engine = None;
            Message::new("ended").with(&death.how)
        })
    }
}

fn append(log: &Path) -> io::Result<File> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    File::options().create(true).append(true).mode(0o600).custom_flags(flags).open(log)
}
