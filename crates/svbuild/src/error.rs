//! What could not be built or written: what, where, why, and what to do about it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use svtrust::Distrust;

use crate::{quote::Unquotable, spec::Invalid, target::Target};

/// Something that a target cannot express, or that its reader cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The service.
    pub service: String,
    /// The key, as in [`crate::spec::Key::path`].
    pub key: String,
    /// The target.
    pub target: Target,
    /// What exactly, where it is not the key as such.
    pub why: Option<String>,
    /// The closest alternative.
    pub instead: String,
    /// Whether it is about rights (user, groups, root, mode): such a gap is an error in any case.
    pub rights: bool,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, key, target, why, instead, rights } = self;
        write!(f, "`{key}` of service `{service}` cannot be expressed for {target}")?;
        if let Some(why) = why {
            write!(f, " ({why})")?;
        }
        write!(f, "; closest: {instead}")?;
        // A service without it would have rights that nobody gave it.
        if *rights { f.write_str("; never left out, because it is about rights") } else { Ok(()) }
    }
}

/// Why a definition was not rendered, or a plan not written.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The definition says what none may.
    #[error("{}", lines(.0))]
    Invalid(Vec<Invalid>),
    /// The target cannot express it, and nothing lossy was asked for or it is about rights.
    #[error("{}", lines(.0))]
    Gaps(Vec<Gap>),
    /// Without this the service would be another one; no `lossy` helps.
    #[error("cannot write `{key}` of service `{service}` for {target}")]
    Unquotable {
        /// The service.
        service: String,
        /// The key.
        key: String,
        /// The target.
        target: Target,
        /// What its reader cannot be told.
        source: Unquotable,
    },
    /// No service of that name is in the definitions.
    #[error("cannot find a service `{}`; there are {}", name.escape_debug(), known.join(", "))]
    NoService {
        /// The name.
        name: String,
        /// The names that are.
        known: Vec<String>,
    },
    /// Something that is no directory has the place of one, or the reverse.
    #[error("cannot use {}: it is {found}, not {expected}", path.display())]
    WrongType {
        /// The path.
        path: PathBuf,
        /// What it must be, with its article.
        expected: &'static str,
        /// What it is, with its article.
        found: &'static str,
    },
    /// Somebody less privileged than the caller may change this directory, and so exchange what is
    /// in it, or below it, while that is compared or written.
    #[error("cannot use {}: {why}", path.display())]
    Untrusted {
        /// The directory, or the link to it.
        path: PathBuf,
        /// Who may.
        why: Distrust,
    },
    /// A file that no plan can have made, and that is not read as a whole.
    #[error("cannot use {}: it is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// So much is read.
        limit: u64,
    },
    /// A name in a plan that leads out of the directory.
    #[error("cannot use the name {path:?}: it leads elsewhere")]
    OutsideName {
        /// The name.
        path: PathBuf,
    },
    /// A file is not what it was when it was looked at.
    #[error("cannot write {}: it was changed meanwhile", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Another file in its place would not have all that this one has.
    #[error("cannot exchange {}: {why}", path.display())]
    Shared {
        /// The file.
        path: PathBuf,
        /// What would be lost.
        why: &'static str,
    },
    /// Another process is writing there.
    #[error("cannot write {}: {} is writing there", path.display(), holder(*by))]
    Busy {
        /// The path.
        path: PathBuf,
        /// Its number, where it has said so.
        by: Option<u32>,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The verb, as in "cannot write".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

svproto::readable!(Error, Error::hint);

/// [`Error`] without its details, to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The definition says what none may.
    Invalid,
    /// The target cannot express it.
    Gaps,
    /// A word cannot be written for the target.
    Unquotable,
    /// No service of that name.
    NoService,
    /// A path is of another type.
    WrongType,
    /// Somebody less privileged may change the directory.
    Untrusted,
    /// A file is too large.
    TooLarge,
    /// A name leads elsewhere.
    OutsideName,
    /// A file was changed meanwhile.
    Changed,
    /// A file cannot be exchanged without a loss.
    Shared,
    /// Another process is writing there.
    Busy,
    /// The operating system refused.
    Io,
}

svproto::words!(ErrorKind, "kind of error":
    Invalid "invalid",
    Gaps "gaps",
    Unquotable "unquotable",
    NoService "no-service",
    WrongType "wrong-type",
    Untrusted "untrusted",
    TooLarge "too-large",
    OutsideName "outside-name",
    Busy "busy",
    Io "io",
    Changed "changed",
    Shared "shared",
);

impl Error {
    /// What kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Gaps(_) => ErrorKind::Gaps,
            Self::Unquotable { .. } => ErrorKind::Unquotable,
            Self::NoService { .. } => ErrorKind::NoService,
            Self::WrongType { .. } => ErrorKind::WrongType,
            Self::Untrusted { .. } => ErrorKind::Untrusted,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::OutsideName { .. } => ErrorKind::OutsideName,
            Self::Changed { .. } => ErrorKind::Changed,
            Self::Shared { .. } => ErrorKind::Shared,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Io { .. } => ErrorKind::Io,
        }
    }

    /// What to do, where that is certain.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Gaps(gaps) if gaps.iter().any(|gap| gap.rights) => None,
            Self::Gaps(_) => Some("build lossily to have these left out, each with a comment"),
            Self::Untrusted { .. } => Some(
                "who may write there could exchange what is below it: write as the user that it belongs to, or take \
                 that right from others first",
            ),
            Self::WrongType { .. } | Self::TooLarge { .. } => {
                Some("move it away, or build into another directory")
            }
            Self::Shared { .. } => Some("change it by hand, in its place"),
            // Nothing is exchanged across mounts, nor the place itself of one.
            Self::Io { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy
                ) =>
            {
                Some(
                    "something is mounted there (a bind mount): unmount it first, or build elsewhere",
                )
            }
            _ => None,
        }
    }

    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

fn holder(by: Option<u32>) -> String {
    by.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn lines<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join("\n")
}
