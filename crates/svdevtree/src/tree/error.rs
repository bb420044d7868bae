//! What a tree could not do: the operation, the place, why, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    log,
    wire::{Message, refusal},
};
use crate::NoKeeper;

/// Why a tree could not be used.
///
/// `Display` is one line, "cannot WHAT WHERE"; `source` holds why; [`TreeError::hint`] what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// Another program has the tree.
    #[error("cannot use {}: it is in use by {by}", base.display())]
    Held {
        /// The tree.
        base: PathBuf,
        /// Who says to have it.
        by: String,
    },
    /// No keeper has the tree, and a supervisor holds a service of it that is not its own.
    #[error("cannot use {}: {} is supervised by somebody else", base.display(), dir.display())]
    Supervised {
        /// The tree.
        base: PathBuf,
        /// The service directory.
        dir: PathBuf,
    },
    /// The directory is none that a tree may be in.
    #[error("cannot use {} as a tree: {why}", base.display())]
    NotATree {
        /// The directory.
        base: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A name that no tree can have.
    #[error("cannot call a tree `{}`: {why}", name.escape_debug())]
    BadName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Processes of the tree do not end, not even by SIGKILL.
    #[error("cannot end every process of {}: left are {}", base.display(), list(pids))]
    Survivors {
        /// The tree.
        base: PathBuf,
        /// The processes.
        pids: Vec<u32>,
    },
    /// This program cannot be executed once more as the keeper of a tree.
    #[error("cannot start the keeper of a tree: {why}")]
    NoKeeper {
        /// Why not.
        why: NoKeeper,
    },
    /// The engine is not installed.
    #[error("cannot start {program}: there is none on PATH")]
    NoProgram {
        /// The engine's program.
        program: &'static str,
    },
    /// The engine ended although nobody told it to. All that it supervised was ended.
    #[error("cannot go on in {}: its engine {how}", base.display())]
    EngineEnded {
        /// The tree.
        base: PathBuf,
        /// How, as in "exited with 1".
        how: String,
        /// The last lines of its log.
        log: String,
    },
    /// The keeper was killed. All that carries the tree's mark was ended.
    #[error("cannot go on in {}: its keeper was killed", base.display())]
    KeeperKilled {
        /// The tree.
        base: PathBuf,
    },
    /// The tree is not started.
    #[error("cannot {doing}: {} is not started", base.display())]
    NotStarted {
        /// The operation.
        doing: &'static str,
        /// The tree.
        base: PathBuf,
    },
    /// The deadline passed.
    #[error("cannot {doing} {} in time", base.display())]
    Deadline {
        /// The operation.
        doing: &'static str,
        /// The tree.
        base: PathBuf,
    },
    /// A definition that cannot be carried out.
    #[error("cannot define `{name}`: {why}")]
    BadDefinition {
        /// The service.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A definition that the engine's suite cannot carry out, or that says what none may.
    #[error("cannot define `{name}`")]
    Unbuildable {
        /// The service.
        name: String,
        /// What is wrong, or what the suite cannot express.
        source: svbuild::Error,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The verb, as in "cannot open".
        doing: String,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A service directory or the scan directory.
    #[error(transparent)]
    Client(#[from] svclient::Error),
}

svproto::readable!(TreeError, TreeError::hint);

/// [`TreeError`] without its details, to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TreeErrorKind {
    /// Another program, or another supervisor, has the tree or a part of it.
    Held,
    /// The directory is none that a tree may be in.
    NotATree,
    /// A name that no tree can have.
    BadName,
    /// Processes are left.
    Survivors,
    /// What it takes is not there: the keeper's place, or the engine's program.
    Missing,
    /// Engine or keeper is gone.
    Gone,
    /// The tree is not started.
    NotStarted,
    /// The deadline passed.
    Deadline,
    /// A definition that cannot be carried out.
    BadDefinition,
    /// The operating system refused.
    Io,
    /// A service directory or the scan directory; see the [`svclient::Error`].
    Client,
}

svproto::words!(TreeErrorKind, "kind of error":
    Held "held",
    NotATree "not-a-tree",
    BadName "bad-name",
    Survivors "survivors",
    Missing "missing",
    Gone "gone",
    NotStarted "not-started",
    Deadline "deadline",
    BadDefinition "bad-definition",
    Io "io",
    Client "client",
);

/// What ended a tree that was started.
#[derive(Debug)]
pub(super) enum Lost {
    Keeper,
    Engine { how: String, log: String },
}

impl Lost {
    /// What this tells of, if it is that.
    pub(super) fn by(error: &TreeError) -> Option<Self> {
        match error {
            TreeError::KeeperKilled { .. } => Some(Self::Keeper),
            TreeError::EngineEnded { how, log, .. } => {
                Some(Self::Engine { how: how.clone(), log: log.clone() })
            }
            _ => None,
        }
    }

    pub(super) fn error(&self, base: &Path) -> TreeError {
        let base = base.to_owned();
        match self {
            Self::Keeper => TreeError::KeeperKilled { base },
            Self::Engine { how, log } => {
                TreeError::EngineEnded { base, how: how.clone(), log: log.clone() }
            }
        }
    }
}

impl TreeError {
    /// What kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> TreeErrorKind {
        match self {
            Self::Held { .. } | Self::Supervised { .. } => TreeErrorKind::Held,
            Self::NotATree { .. } => TreeErrorKind::NotATree,
            Self::BadName { .. } => TreeErrorKind::BadName,
            Self::Survivors { .. } => TreeErrorKind::Survivors,
            Self::NoKeeper { .. } | Self::NoProgram { .. } => TreeErrorKind::Missing,
            Self::EngineEnded { .. } | Self::KeeperKilled { .. } => TreeErrorKind::Gone,
            Self::NotStarted { .. } => TreeErrorKind::NotStarted,
            Self::Deadline { .. } => TreeErrorKind::Deadline,
            Self::BadDefinition { .. } | Self::Unbuildable { .. } => TreeErrorKind::BadDefinition,
            Self::Io { .. } => TreeErrorKind::Io,
            Self::Client(_) => TreeErrorKind::Client,
        }
    }

    /// One sentence of advice, where there is some that is certainly right.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Held { .. } => {
                "one program at a time: end the other one, or use another directory"
            }
            Self::Supervised { .. } => "end the supervisor that holds it",
            Self::Survivors { .. } => "they belong to another user, or hang in the kernel",
            Self::NoKeeper { why } => why.hint(),
            Self::NoProgram { .. } => "install it, or take the embedded engine",
            Self::EngineEnded { .. } | Self::KeeperKilled { .. } => "start the tree again",
            Self::Client(error) => return error.hint(),
            _ => return None,
        };
        Some(hint.to_owned())
    }

    pub(super) fn io(doing: &str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { doing: doing.to_owned(), path: path.to_owned(), source: source.into() }
    }

    /// What a keeper tells its owner.
    pub(super) fn to_message(&self) -> Message {
        match self {
            Self::NotATree { why, .. } => Message::new("not-a-tree").with(why),
            Self::Held { by, .. } => Message::new("held").with(by),
            Self::Io { doing, path, source } => refusal(doing, path, source),
            other => {
                let error = io::Error::from_raw_os_error(nix::libc::EINVAL);
                refusal(&other.to_string(), Path::new(""), &error)
            }
        }
    }

    /// What an owner makes of it; `None` if it is no error.
    pub(super) fn from_message(message: &Message, base: &Path) -> Option<Self> {
        let base = base.to_owned();
        Some(match message.verb() {
            b"held" => Self::Held { base, by: message.text(1) },
            b"supervised" => Self::Supervised { base, dir: message.field(1).into() },
            b"not-a-tree" => Self::NotATree { base, why: message.text(1) },
            b"survivors" => {
                let pids = message.fields().filter_map(|pid| pid.to_str()?.parse().ok()).collect();
                Self::Survivors { base, pids }
            }
            b"engine-ended" => {
                let log = log::tail(&log::engine_log(&base), log::LINES);
                Self::EngineEnded { base, how: message.text(1), log }
            }
            b"refused" => Self::Io {
                doing: message.text(2),
                path: message.field(3).into(),
                source: io::Error::from_raw_os_error(message.number(1).unwrap_or_default()),
            },
            _ => return None,
        })
    }
}

fn list(pids: &[u32]) -> String {
    pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_a_name_and_a_place_that_a_directory_can_have() {
        use crate::DevTree;
        for name in ["", ".", "..", "a/b", "/etc", "a\0b"] {
            let error = DevTree::named(name).unwrap_err();
            assert_eq!(error.kind(), TreeErrorKind::BadName, "{name:?}");
        }
        assert_eq!(DevTree::at("").unwrap_err().kind(), TreeErrorKind::Io);
        assert!(DevTree::at("tree").unwrap().base().is_absolute());
        assert!(DevTree::named("blog").unwrap().base().ends_with("blog"));
    }

    #[test]
    fn what_a_keeper_refuses_its_owner_can_say() {
        let base = Path::new("/tree");
        let error =
            TreeError::io("open", Path::new("/tree/lock"), io::Error::from_raw_os_error(13));
        let told = TreeError::from_message(&error.to_message(), base).unwrap();
        assert_eq!(told.to_string(), "cannot open /tree/lock");
        assert!(matches!(told, TreeError::Io { source, .. } if source.raw_os_error() == Some(13)));

        let survivors = Message::new("survivors").with("7").with("8");
        let error = TreeError::from_message(&survivors, base).unwrap();
        assert_eq!(error.to_string(), "cannot end every process of /tree: left are 7, 8");
        assert!(TreeError::from_message(&Message::new("started"), base).is_none());
    }
}
