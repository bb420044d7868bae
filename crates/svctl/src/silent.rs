//! Directories that do not answer, as the rest of svctl knows of them, and how they are asked for.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use svcmgr::Error;

/// Those among what a command is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silent(pub(crate) BTreeSet<PathBuf>);

impl Silent {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is, by the path that the command has for it.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.0.contains(path)
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }

    /// Whether something at or below a path does not answer; what.
    pub(crate) fn below(&self, path: &Path) -> Option<&Path> {
        self.paths().find(|it| it.starts_with(path))
    }

    /// What to say of it.
    pub(crate) fn error(path: &Path) -> Error {
        Error::Unanswered { path: path.to_owned() }
    }

    /// Refuses what does not answer.
    pub(crate) fn refuse(&self, path: &Path) -> Result<(), Error> {
        if self.has(path) { Err(Self::error(path)) } else { Ok(()) }
    }
}

/// What is looked at of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Depth {
    /// As `status` does.
    Status,
    /// Its logs as well.
    Logs,
    /// As `explain` does.
    Why,
    /// As `show` does: all of that, and the files of its definition.
    Show,
}

/// How something is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    /// A scan directory, and everything in it.
    All,
    /// A directory, which is listed.
    List,
    /// A service, to the depth that was asked for; or a log directory.
    Service,
    /// A file, which is read.
    File,
    /// What `build` writes.
    Built,
    /// A file, or everything below a directory.
    Tree,
}

impl Look {
    const ALL: [(Self, u8); 6] = [
        (Self::All, b'a'),
        (Self::List, b'l'),
        (Self::Service, b's'),
        (Self::File, b'f'),
        (Self::Built, b'b'),
        (Self::Tree, b't'),
    ];

    pub(crate) fn letter(self) -> u8 {
        Self::ALL.iter().find(|(look, _)| *look == self).map_or(b's', |(_, letter)| *letter)
    }

    /// A request, as the second svctl reads it.
    pub(crate) fn read(record: &[u8]) -> Option<(Self, PathBuf)> {
        let (letter, path) = record.split_first()?;
        let (look, _) = Self::ALL.iter().find(|(_, its)| its == letter)?;
        Some((*look, OsString::from_vec(path.to_vec()).into()))
    }
}
