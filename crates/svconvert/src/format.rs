//! The formats that are read, and how a file is recognised.

use std::path::Path;

use crate::{
    files::{FileKind, Files},
    systemd,
};

/// A format that describes services.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Units of systemd, with their drop-ins: `NAME.service`.
    Systemd,
    /// Procfile, with the `.env` beside it.
    Procfile,
}

svproto::words!(Format, "format of services":
    Systemd "systemd",
    Procfile "procfile",
);

impl Format {
    /// The format of a file or a directory, by its name and by what is in it; `None` if it is none of them.
    pub fn of(files: &dyn Files, path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        match files.kind(path) {
            Some(FileKind::Directory) => None,
            _ if name.ends_with(".service") || systemd::other_kind(path).is_some() => {
                Some(Self::Systemd)
            }
            _ if name == "Procfile"
                || name.starts_with("Procfile.")
                || name.ends_with(".Procfile") =>
            {
                Some(Self::Procfile)
            }
            _ => None,
        }
    }
}
