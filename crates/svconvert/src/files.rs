//! How files are read: from the disk, or from memory. Only regular files are opened, no more of them is
//! read than a description of services has a use for, and no link of a stranger is followed.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Longer files describe no services.
const MOST: u64 = 1 << 20;
/// No more names of a directory are looked at.
const MOST_NAMES: usize = 10_000;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file; `executable` if anybody may execute it.
    File {
        /// Whether a bit of its mode says that it is a program.
        executable: bool,
    },
    /// A directory.
    Directory,
    /// A device, a FIFO, a socket: nothing that is read. `/dev/null` stands for nothing.
    Other,
}

/// Where files are read from.
pub trait Files {
    /// The bytes of a regular file.
    ///
    /// # Errors
    ///
    /// There is none, it may not be read, it is longer than 1 MiB, or a link leads to it that belongs to
    /// somebody who is neither root, nor the caller, nor the owner of the file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// What a path leads to, links followed; `None` if nothing is there.
    fn kind(&self, path: &Path) -> Option<FileKind>;

    /// Names in a directory, sorted.
    ///
    /// # Errors
    ///
    /// There is no such directory, or it may not be read.
    fn names(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// The same path from the root on. Without a word about it, the path itself.
    fn absolute(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

/// A file as text; or why there is none.
pub(crate) fn text(files: &dyn Files, path: &Path) -> Result<String, String> {
    let bytes = files.read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// The directory of a file.
pub(crate) fn dir_of(path: &Path) -> PathBuf {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    dir.unwrap_or(Path::new(".")).to_owned()
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Disk;

impl Disk {
    /// The disk.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let data = file.metadata()?;
        if !data.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let link = fs::symlink_metadata(path)?;
        let me = rustix::process::geteuid().as_raw();
        if link.is_symlink() && ![0, me, data.uid()].contains(&link.uid()) {
            let why = format!("it is a link that user {} has made", link.uid());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let mut bytes = Vec::new();
        file.take(MOST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 1 MiB"));
        }
        Ok(bytes)
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        let data = fs::metadata(path).ok()?;
        Some(if data.is_file() {
            FileKind::File { executable: data.permissions().mode() & 0o111 != 0 }
        } else if data.is_dir() {
            FileKind::Directory
        } else {
            FileKind::Other
        })
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)?.take(MOST_NAMES) {
            // A name that is not UTF-8 is no name of a service.
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<PathBuf, (Vec<u8>, bool)>);

impl Memory {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; the directories above it are there as well.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.into(), (bytes.into(), false));
        self
    }

    /// Adds a file that may be executed.
    #[must_use]
    pub fn program(mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.into(), (bytes.into(), true));
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.0.get(path).map(|(bytes, _)| bytes.clone());
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        if let Some((_, executable)) = self.0.get(path) {
            return Some(FileKind::File { executable: *executable });
        }
        self.0.keys().any(|it| it.starts_with(path)).then_some(FileKind::Directory)
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let below =
            self.0.keys().filter_map(|it| it.strip_prefix(dir).ok()?.iter().next()?.to_str());
        let mut names: Vec<_> = below.map(str::to_owned).collect();
        names.dedup();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(names) }
    }
}
