//! What lies on the disk, read without trust: links are followed by hand, inside the image where there is
//! one; only regular files are opened, and no more of them is read than any of them has a use for.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat},
    io::Errno,
};

/// No more of a file is read: what is longer is no script, no unit and no list of services.
pub(crate) const MOST: u64 = 1 << 20;
/// No more names of a directory are looked at.
const MOST_NAMES: usize = 10_000;
/// As many links as Linux follows.
const MOST_LINKS: u32 = 40;

const SAFE: OFlags =
    OFlags::NONBLOCK.union(OFlags::CLOEXEC).union(OFlags::NOCTTY).union(OFlags::NOFOLLOW);

/// A descriptor for what is below a directory. Where the system has such, it takes no right to read.
const TO_PASS: OFlags = {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let flags = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let flags = OFlags::RDONLY;
    flags.union(OFlags::DIRECTORY).union(SAFE)
};

/// The disk, or what is below one directory of it.
pub(crate) struct World {
    image: Option<OwnedFd>,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: FileType,
    /// Permission bits.
    pub(crate) mode: u32,
    /// Which file it is, whatever its name.
    pub(crate) identity: (u64, u64),
    /// A link on the way was made by somebody who is neither root, nor the caller, nor the owner of what
    /// it leads to: what is read there is not printed.
    pub(crate) is_led_to: bool,
}

impl Entry {
    pub(crate) fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.kind == FileType::Directory
    }

    /// What it is, with its article.
    pub(crate) const fn what(&self) -> &'static str {
        match self.kind {
            FileType::RegularFile => "a regular file",
            FileType::Directory => "a directory",
            FileType::Symlink => "a symbolic link",
            FileType::Fifo => "a FIFO",
            FileType::Socket => "a socket",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            FileType::Unknown => "something else",
        }
    }
}

/// The last directory on the way, and the name in it.
struct Found {
    dir: OwnedFd,
    name: OsString,
    stat: Stat,
    /// Owners of the links on the way.
    links: Vec<u32>,
}

impl World {
    pub(crate) const fn here() -> Self {
        Self { image: None }
    }

    pub(crate) fn image(root: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::open(root, flags, Mode::empty())?;
        Ok(Self { image: Some(fd) })
    }

    pub(crate) const fn is_image(&self) -> bool {
        self.image.is_some()
    }

    /// What is there in the end, all links followed.
    pub(crate) fn entry(&self, path: &Path) -> Result<Entry, Errno> {
        self.find(path, true).map(|it| it.entry())
    }

    /// What is there, a link as a link.
    pub(crate) fn own_entry(&self, path: &Path) -> Result<Entry, Errno> {
        self.find(path, false).map(|it| it.entry())
    }

    pub(crate) fn is_there(&self, path: &Path) -> bool {
        self.own_entry(path).is_ok()
    }

    /// Nothing is there, as far as that can be seen.
    pub(crate) fn is_missing(&self, path: &Path) -> bool {
        matches!(self.entry(path), Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP))
    }

    /// Where a link leads, by its own word.
    pub(crate) fn link(&self, path: &Path) -> Option<PathBuf> {
        let place = self.find(path, false).ok()?;
        let to = rustix::fs::readlinkat(&place.dir, &place.name, Vec::new()).ok()?;
        Some(OsString::from_vec(to.into_bytes()).into())
    }

    /// The bytes of a regular file; the system's word why not, and what it is if it is no such file.
    pub(crate) fn read(&self, path: &Path) -> io::Result<(Vec<u8>, Entry)> {
        let (bytes, entry) = self.read_start(path)?;
        let is_program = bytes.starts_with(b"\x7fELF");
        if bytes.len() as u64 > MOST && !is_program {
            return Err(io::Error::other(format!("it is larger than {MOST} bytes")));
        }
        Ok((bytes, entry))
    }

    /// As much as is ever read of one.
    pub(crate) fn read_start(&self, path: &Path) -> io::Result<(Vec<u8>, Entry)> {
        let place = self.find(path, true)?;
        let entry = place.entry();
        // Even to open a device can do something.
        if !entry.is_file() {
            return Err(io::Error::other(format!("it is {}, not a regular file", entry.what())));
        }
        let fd = rustix::fs::openat(&place.dir, &place.name, OFlags::RDONLY | SAFE, Mode::empty())?;
        if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it was exchanged for something else"));
        }
        let mut bytes = Vec::new();
        File::from(fd).take(MOST + 1).read_to_end(&mut bytes)?;
        Ok((bytes, entry))
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, path: &Path) -> Result<Vec<OsString>, Errno> {
        let place = self.find(path, true)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
        let fd = rustix::fs::openat(&place.dir, &place.name, flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&fd)? {
            let name = entry?.file_name().to_bytes().to_owned();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
            if names.len() >= MOST_NAMES {
                break;
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn root(&self) -> Result<OwnedFd, Errno> {
        match &self.image {
            Some(fd) => rustix::fs::openat(fd, ".", TO_PASS, Mode::empty()),
            None => rustix::fs::openat(CWD, "/", TO_PASS, Mode::empty()),
        }
    }

    /// Comes to a path name by name.
    fn find(&self, path: &Path, follow: bool) -> Result<Found, Errno> {
        let from_root = self.is_image() || path.is_absolute();
        let first = if from_root { self.root()? } else { open_dir(CWD, OsStr::new("."))? };
        let mut way = vec![first];
        let mut ends_at_root = from_root;
        let mut links = Vec::new();
        // The next name is the last.
        let mut names = parts(path);
        loop {
            let here = way.last().ok_or(Errno::NOENT)?;
            let Some(name) = names.pop() else {
                let stat = rustix::fs::statat(here, ".", AtFlags::empty())?;
                let dir = open_dir(here, OsStr::new("."))?;
                return Ok(Found { dir, name: ".".into(), stat, links });
            };
            if name == ".." {
                if way.len() > 1 {
                    way.pop();
                } else if !ends_at_root {
                    let above = open_dir(here, OsStr::new(".."))?;
                    way = vec![above];
                }
                continue;
            }
            let stat = rustix::fs::statat(here, &name, AtFlags::SYMLINK_NOFOLLOW)?;
            let is_last = names.is_empty();
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink if follow || !is_last => {
                    links.push(stat.st_uid);
                    if links.len() > MOST_LINKS as usize {
                        return Err(Errno::LOOP);
                    }
                    let to = rustix::fs::readlinkat(here, &name, Vec::new())?;
                    let to = PathBuf::from(OsString::from_vec(to.into_bytes()));
                    if to.is_absolute() {
                        way = vec![self.root()?];
                        ends_at_root = true;
                    }
                    names.extend(parts(&to));
                }
                _ if is_last => {
                    let dir = open_dir(here, OsStr::new("."))?;
                    return Ok(Found { dir, name, stat, links });
                }
                FileType::Directory => way.push(open_dir(here, &name)?),
                _ => return Err(Errno::NOTDIR),
            }
        }
    }
}

impl Found {
    #[allow(
        clippy::useless_conversion,
        clippy::cast_sign_loss,
        clippy::cast_lossless,
        clippy::unnecessary_cast,
        reason = "these numbers have other types elsewhere"
    )]
    fn entry(&self) -> Entry {
        let caller = rustix::process::geteuid().as_raw();
        let owner = self.stat.st_uid;
        let is_own = |link: &u32| *link == 0 || *link == caller || *link == owner;
        Entry {
            kind: FileType::from_raw_mode(self.stat.st_mode),
            mode: u32::from(self.stat.st_mode) & 0o7777,
            identity: (self.stat.st_dev as u64, self.stat.st_ino as u64),
            is_led_to: !self.links.iter().all(is_own),
        }
    }
}

fn open_dir(at: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let at: BorrowedFd<'_> = at.as_fd();
    rustix::fs::openat(at, name, TO_PASS, Mode::empty())
}

/// The names of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let name = |part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    let mut parts: Vec<_> = path.components().filter_map(name).collect();
    parts.reverse();
    parts
}
