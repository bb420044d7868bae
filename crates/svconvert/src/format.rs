//! The formats that are read, and how a file is recognised.

use std::path::Path;

use crate::{
    dirs,
    files::{self, FileKind, Files},
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
    /// The configuration of supervisord, with what it includes.
    Supervisord,
    /// The configuration of process-compose.
    ProcessCompose,
    /// Service directories of runit, s6, daemontools or daemontools-encore, or a scan directory of them.
    ServiceDir,
}

svproto::words!(Format, "format of services":
    Systemd "systemd",
    Procfile "procfile",
    Supervisord "supervisord",
    ProcessCompose "process-compose",
    ServiceDir "service-dir",
);

impl Format {
    /// The format of a file or a directory, by its name and by what is in it; `None` if it is none of them.
    pub fn of(files: &dyn Files, path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        match (files.kind(path), ending) {
            (Some(FileKind::Directory), _) => {
                let is_one = dirs::is_service(files, path) || dirs::is_scan(files, path);
                is_one.then_some(Self::ServiceDir)
            }
            (_, "service") => Some(Self::Systemd),
            _ if systemd::other_kind(path).is_some() => Some(Self::Systemd),
            (_, "Procfile") => Some(Self::Procfile),
            _ if name == "Procfile" || name.starts_with("Procfile.") => Some(Self::Procfile),
            (_, "yaml" | "yml") => Some(Self::ProcessCompose),
            (_, "conf" | "ini") => says_program(files, path).then_some(Self::Supervisord),
            _ => None,
        }
    }
}

/// Whether a file has a section of supervisord's.
fn says_program(files: &dyn Files, path: &Path) -> bool {
    let text = files::text(files, path).unwrap_or_default();
    let sections = text.lines().filter_map(|line| line.trim().strip_prefix('['));
    let own = ["supervisord]", "program:", "group:", "eventlistener:", "fcgi-program:", "include]"];
    sections.into_iter().any(|section| own.iter().any(|own| section.starts_with(own)))
}
