//! The owner's side of a keeper: bringing it about, asking it, and its end.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use super::{
    base::{self, Fate},
    error::TreeError,
    keep::{self, Part},
    processes,
    wire::{Heard, Message, Wire},
};
use crate::origin;

/// How long processes without a keeper may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long what never was a keeper may take to end.
const NO_KEEPER: Duration = Duration::from_secs(2);
/// The same once the caller has no time left.
const LATE: Duration = Duration::from_millis(100);

/// What a keeper is to keep.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keep<'a> {
    /// This directory.
    Base(&'a Path, Fate),
    /// A fresh directory in this one, which goes when the owner does.
    In(&'a Path),
}

/// A keeper that works for this process. Dropping it ends all that it keeps and waits for that.
#[derive(Debug)]
pub(super) struct Owner {
    base: PathBuf,
    fate: Fate,
    /// The keeper has said that it has the tree. Until then nothing in it is ours to end.
    kept: bool,
    child: Child,
    /// Held by this process alone; when it ends, of whatever cause, the keeper hears it.
    wire: Option<Wire>,
    /// The engine's end, of which the keeper tells without being asked.
    ended: Option<TreeError>,
    /// How long what never was a keeper may take to end.
    patience: Duration,
}

impl Owner {
    /// Starts a keeper and waits until it has the tree.
    pub(super) fn start(
        keep: Keep<'_>,
        program: Option<&Path>,
        deadline: Instant,
    ) -> Result<Self, TreeError> {
        let (path, fate) = match keep {
            Keep::Base(path, fate) => (path, fate),
            Keep::In(path) => (path, Fate::Temporary),
        };
        let program = match program {
            Some(program) => {
                origin::has_processes().map_err(|why| TreeError::NoKeeper { why })?;
                program.to_owned()
            }
            None => origin::program().map_err(|why| TreeError::NoKeeper { why })?,
        };
        let fail = |error| TreeError::io("start the keeper of", path, error);
        let (child, wire) = keep::execute_as(&program, Part::Keeper, |command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
            Ok(())
        })
        .map_err(fail)?;
        let (base, wire) = (path.to_owned(), Some(wire));
        let (fresh, kept, patience) = (Fate::Stays, false, NO_KEEPER);
        let mut owner = Self { base, fate: fresh, kept, child, wire, ended: None, patience };
        let order = Message::new("keep").with(path).with(fate.name());
        let answer = owner.ask(&order, &["kept"], deadline, "get hold of");
        if matches!(answer, Err(TreeError::Deadline { .. })) {
            owner.patience = LATE;
        }
        let answer = answer?;
        owner.base = answer.field(1).into();
        (owner.fate, owner.kept) = (fate, true);
        Ok(owner)
    }

    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// Says something and waits for one of these answers; what the keeper says of failures is an error.
    pub(super) fn ask(
        &mut self,
        message: &Message,
        answers: &[&str],
        deadline: Instant,
        doing: &'static str,
    ) -> Result<Message, TreeError> {
        let said = self.wire.as_ref().map(|wire| wire.say(message));
        match said {
            Some(Ok(())) => self.hear(answers, deadline, doing),
            Some(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(TreeError::io("talk to the keeper of", &self.base, error))
            }
            _ => Err(self.killed()),
        }
    }

    fn hear(
        &mut self,
        answers: &[&str],
        deadline: Instant,
        doing: &'static str,
    ) -> Result<Message, TreeError> {
        loop {
            let heard = match &mut self.wire {
                Some(wire) => wire.hear_before(deadline),
                None => Ok(Heard::End),
            };
            let message = match heard {
                Ok(Heard::Message(message)) => message,
                Ok(Heard::Nothing) => {
                    return Err(TreeError::Deadline { doing, base: self.base.clone() });
                }
                Ok(Heard::End) => return Err(self.killed()),
                Err(error) => {
                    return Err(TreeError::io("listen to the keeper of", &self.base, error));
                }
            };
            if answers.iter().any(|answer| answer.as_bytes() == message.verb()) {
                return Ok(message);
            }
            match TreeError::from_message(&message, &self.base) {
                Some(error @ TreeError::EngineEnded { .. }) => self.ended = Some(error),
                Some(error) => return Err(error),
                // The answer to something for which nobody waits any more.
                None => (),
            }
        }
    }

    /// Waits so long, or until the keeper tells of something.
    pub(super) fn listen(&mut self, longest: Duration) -> Result<(), TreeError> {
        match self.hear(&[], Instant::now() + longest, "listen in") {
            Ok(_) | Err(TreeError::Deadline { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the keeper has told of without being asked.
    pub(super) fn trouble(&mut self) -> Option<TreeError> {
        loop {
            match self.wire.as_mut().map(Wire::hear_now) {
                Some(Ok(Heard::Message(message))) => {
                    if let Some(error) = TreeError::from_message(&message, &self.base) {
                        self.ended = Some(error);
                    }
                }
                Some(Ok(Heard::Nothing)) => return self.ended.take(),
                Some(Ok(Heard::End)) | None => return Some(self.killed()),
                Some(Err(error)) => {
                    return Some(TreeError::io("listen to the keeper of", &self.base, error));
                }
            }
        }
    }

    fn killed(&self) -> TreeError {
        TreeError::KeeperKilled { base: self.base.clone() }
    }

    /// Ends all that is kept, and the keeper. What a keeper has left that was killed comes back, if even
    /// SIGKILL does not end it.
    pub(super) fn end(mut self) -> Vec<u32> {
        self.end_now()
    }

    fn end_now(&mut self) -> Vec<u32> {
        let Some(wire) = self.wire.take() else { return Vec::new() };
        // Its end shows here, too: the program may have waited for it already, in some other way.
        let longest = if self.kept { None } else { Some(self.patience) };
        if !wire.close(longest) {
            // It never said that it has anything to keep: some other program.
            let _ended_already = self.child.kill();
        }
        let was_killed = self.child.wait().is_ok_and(|status| status.signal().is_some());
        if !was_killed || !self.kept {
            return Vec::new();
        }
        // Only with its lock: another program may have started the tree anew. A temporary one is nobody else's;
        // its guard may have the lock, and be ended in the midst of removing it.
        let lock = base::lock(&self.base);
        if lock.is_err() && self.fate != Fate::Temporary {
            return Vec::new();
        }
        let left = processes::end_left(&self.base, Instant::now() + PATIENCE);
        let _removed_already = base::remove(&self.base, self.fate);
        left
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.end_now();
    }
}
