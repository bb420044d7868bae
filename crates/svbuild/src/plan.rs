//! What is to be on disk: a value that can be printed, compared and written.
//!
//! A [`Plan`] is made of [`Unit`]s. A unit appears at once and changes at once: it is a service
//! directory, or a single file such as a systemd unit.

mod diff;
mod manifest;
mod seen;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt,
    path::{Component, Path, PathBuf},
};

pub use diff::{Change, ChangeKind, Diff, Difference};
/// What is on disk, for whoever writes there.
pub(crate) mod disk {
    pub(crate) use super::{
        diff::unit_is_usable,
        seen::{Seen, current, entry, file_list, leads_to, same},
    };
}

pub(crate) use manifest::{MANIFEST, Manifest, WORK};

use crate::{
    error::{Error, Gap},
    trusted_dir::is_name,
};

/// What is to be on disk, below one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// What appears and changes at once, by its name in the directory.
    pub units: BTreeMap<String, Unit>,
    /// Names of units that are to be gone, if they were written by a plan.
    pub removals: Vec<String>,
    /// What was left out because the target cannot express it.
    pub gaps: Vec<Gap>,
    /// What is worth knowing although nothing was left out.
    pub notes: Vec<String>,
}

/// A file, or a service directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A single file.
    File(File),
    /// A directory with these entries, by their paths in it.
    Directory(BTreeMap<PathBuf, PlanEntry>),
}

/// An entry of a service directory. Directories above it are made with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanEntry {
    /// A file.
    File(File),
    /// A symbolic link to this.
    Link(PathBuf),
    /// A directory whose mode matters, or that may be empty.
    Directory {
        /// Permission bits.
        mode: u32,
    },
}

/// The bytes of a file and what goes with them.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Owner and group, of what is on disk. What a plan makes belongs to whoever writes it.
    pub owner: Option<Owner>,
}

/// Owner and group of a file, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl File {
    /// With this mode and content; it belongs to whoever writes it.
    pub fn new(mode: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), mode, owner: None }
    }
}

/// Shows the bytes as text.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        write!(f, "File({:04o} {text:?} {:?})", self.mode, self.owner)
    }
}

impl Plan {
    /// Adds a unit, or puts it in the place of one of that name.
    ///
    /// ```
    /// use svbuild::plan::{File, Plan, Unit};
    ///
    /// let file = File::new(0o644, "[Unit]\n");
    /// let plan = Plan::default().with("web.service", Unit::File(file));
    /// assert_eq!(plan.units.len(), 1);
    /// ```
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, unit: Unit) -> Self {
        self.units.insert(name.into(), unit);
        self
    }

    /// Adds a unit that is to be gone. What was not written by a plan stays.
    ///
    /// ```
    /// use svbuild::Plan;
    ///
    /// assert_eq!(Plan::default().without("old").removals, ["old"]);
    /// ```
    #[must_use]
    pub fn without(mut self, name: impl Into<String>) -> Self {
        self.removals.push(name.into());
        self
    }

    /// Refuses names that lead out of the directory.
    pub(crate) fn check_names(&self) -> Result<(), Error> {
        let is_inside = |path: &Path| {
            let mut parts = path.components().peekable();
            parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
        };
        let names = self.units.keys().chain(&self.removals);
        let names = names.filter(|name| !is_name(OsStr::new(name))).map(PathBuf::from);
        let entries = self.units.values().filter_map(|unit| match unit {
            Unit::Directory(entries) => Some(entries.keys()),
            Unit::File(_) => None,
        });
        let entries = entries.flatten().filter(|path| !is_inside(path)).cloned();
        match names.chain(entries).next() {
            Some(path) => Err(Error::OutsideName { path }),
            None => Ok(()),
        }
    }
}

/// The dry run: every entry with its mode, and the content of files.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for gap in &self.gaps {
            writeln!(f, "left out: {gap}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for (name, unit) in &self.units {
            match unit {
                Unit::File(file) => show(f, Path::new(name), file)?,
                Unit::Directory(entries) => {
                    writeln!(f, "{name}/ 0755")?;
                    for (path, entry) in entries {
                        let path = Path::new(name).join(path);
                        match entry {
                            PlanEntry::File(file) => show(f, &path, file)?,
                            PlanEntry::Link(to) => {
                                writeln!(f, "{} -> {}", path.display(), to.display())?;
                            }
                            PlanEntry::Directory { mode } => {
                                writeln!(f, "{}/ {mode:04o}", path.display())?;
                            }
                        }
                    }
                }
            }
        }
        for name in &self.removals {
            writeln!(f, "{name} is removed")?;
        }
        Ok(())
    }
}

/// A file with its content; every line of it is marked, so that none can look like another file.
fn show(f: &mut fmt::Formatter<'_>, path: &Path, file: &File) -> fmt::Result {
    write!(f, "{} {:04o}", path.display(), file.mode)?;
    writeln!(f)?;
    for line in lines(&file.bytes) {
        writeln!(f, "  | {line}")?;
    }
    Ok(())
}

/// The lines of a file for a terminal: control characters and what is no UTF-8 are escaped.
pub(crate) fn lines(bytes: &[u8]) -> Vec<String> {
    let whole = bytes.strip_suffix(b"\n");
    let mut lines: Vec<String> = match whole.unwrap_or(bytes) {
        [] if whole.is_none() => Vec::new(),
        text => text.split(|byte| *byte == b'\n').map(printable).collect(),
    };
    if whole.is_none() && !bytes.is_empty() {
        lines.push("(no line end)".to_owned());
    }
    lines
}

/// Bytes as one line for a terminal.
pub(crate) fn printable(line: &[u8]) -> String {
    let mut text = String::new();
    for chunk in line.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}
