//! Directories by descriptor: come to without trusting anybody less privileged, and looked into
//! without following a link, blocking, or reading without a bound. Nothing here changes the disk.

use std::{
    ffi::{CString, OsStr, OsString},
    fs,
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, Stat},
    io::Errno,
};

pub(crate) use svtrust::Caller;

use crate::error::Error;

/// No file that a plan makes is larger, nor a list of what was made; nothing larger is read.
pub(crate) const LARGEST: u64 = 16 << 20;

/// An open directory that nobody less privileged may exchange, nor anything above it.
#[derive(Debug)]
pub(crate) struct TrustedDir {
    fd: OwnedFd,
    path: PathBuf,
    caller: Caller,
}

/// What an entry is, the entry itself and not what a link leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looked {
    pub(crate) kind: Kind,
    /// Permission bits.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Bytes.
    pub(crate) len: u64,
}

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    Fifo,
    Socket,
    Device,
    Other,
}

impl Kind {
    /// Its name, with an article.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Link => "a symbolic link",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::Other => "something else",
        }
    }
}

impl Looked {
    #[allow(
        clippy::useless_conversion,
        clippy::cast_sign_loss,
        reason = "these numbers have other types elsewhere; no size is below 0"
    )]
    fn of(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::CharacterDevice | FileType::BlockDevice => Kind::Device,
            FileType::Unknown => Kind::Other,
        };
        Self {
            kind,
            mode: u32::from(stat.st_mode) & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            len: stat.st_size as u64,
        }
    }

    /// What is open there.
    pub(crate) fn at(fd: impl AsFd) -> io::Result<Self> {
        Ok(Self::of(&rustix::fs::fstat(fd)?))
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.kind == Kind::Directory
    }
}

/// A descriptor for what is below a directory. Where the system has such, it takes no right to
/// read.
const TO_PASS: OFlags = {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let flags = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let flags = OFlags::RDONLY;
    flags.union(OFlags::DIRECTORY).union(SAFE)
};

/// Flags of every open: nothing blocks, becomes the terminal, is inherited, or leads elsewhere.
const SAFE: OFlags =
    OFlags::NONBLOCK.union(OFlags::CLOEXEC).union(OFlags::NOCTTY).union(OFlags::NOFOLLOW);

impl AsFd for TrustedDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Where a walk ended.
#[derive(Debug)]
pub(crate) struct Walked {
    /// The last directory that is there.
    pub(crate) place: TrustedDir,
    /// The names below it that are missing; empty if all are there.
    pub(crate) missing: Vec<OsString>,
}

impl TrustedDir {
    /// Comes to a directory by its path. Links on the way are followed where they belong to root or
    /// to the caller.
    pub(crate) fn walk(path: &Path) -> Result<Walked, Error> {
        let svtrust::Walked { dir: fd, path, missing, .. } =
            svtrust::walk(path).map_err(|error| match error {
                svtrust::Error::Io { doing, path, source } => Error::io(doing, &path)(source),
                svtrust::Error::Untrusted { path, why } => Error::Untrusted { path, why },
                other => Error::io("find", path)(io::Error::other(other)),
            })?;
        Ok(Walked { place: Self { fd, path, caller: Caller::now() }, missing })
    }

    /// A directory on the way; it may be one that many share.
    pub(crate) fn enter(&self, name: &OsStr) -> Result<Option<Self>, Error> {
        self.open(name, TO_PASS, true)
    }

    /// What messages call it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn caller(&self) -> Caller {
        self.caller
    }

    /// What an entry is; `None` if there is none.
    pub(crate) fn look(&self, name: impl AsRef<OsStr>) -> Result<Option<Looked>, Error> {
        let name = name.as_ref();
        match rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Looked::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::io("look at", &self.path.join(name))(error.into())),
        }
    }

    /// A directory in this one; `None` if there is none.
    pub(crate) fn sub(&self, name: impl AsRef<OsStr>) -> Result<Option<Self>, Error> {
        self.open(name.as_ref(), OFlags::RDONLY | OFlags::DIRECTORY | SAFE, false)
    }

    fn open(&self, name: &OsStr, flags: OFlags, sticky: bool) -> Result<Option<Self>, Error> {
        let path = self.path.join(name);
        let fd = match rustix::fs::openat(self, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => {
                let looked = self.look(name)?;
                return match looked.filter(|looked| !looked.is_dir()) {
                    Some(looked) => Err(wrong(&path, "a directory", looked.kind)),
                    None => Err(Error::io("open", &path)(error.into())),
                };
            }
        };
        let place = Self { fd, path, caller: self.caller };
        place.require(sticky).map(|()| Some(place))
    }

    /// Refuses a directory that somebody else may change; asked of the descriptor.
    fn require(&self, sticky: bool) -> Result<(), Error> {
        let distrusts = self.caller.distrusts(self, &self.path, sticky);
        match distrusts.map_err(Error::io("look at", &self.path))? {
            None => Ok(()),
            Some(why) => Err(Error::Untrusted { path: self.path.clone(), why }),
        }
    }

    /// The same directory, open for reading: to be listed, locked, put on disk.
    pub(crate) fn readable(&self) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
        rustix::fs::openat(self, c".", flags, Mode::empty())
            .map_err(|error| Error::io("open", &self.path)(error.into()))
    }

    /// A second descriptor of it.
    pub(crate) fn again(&self) -> Result<Self, Error> {
        let fd = self.fd.try_clone().map_err(Error::io("open", &self.path))?;
        Ok(Self { fd, path: self.path.clone(), caller: self.caller })
    }

    /// The names in it, but for itself and its parent.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, Error> {
        let list = || -> io::Result<Vec<OsString>> {
            let mut names = Vec::new();
            for entry in rustix::fs::Dir::read_from(self)? {
                let name = entry?.file_name().to_bytes().to_owned();
                if name != b"." && name != b".." {
                    names.push(OsString::from_vec(name));
                }
            }
            Ok(names)
        };
        list().map_err(Error::io("list", &self.path))
    }

    /// Where a link leads, by its own word.
    pub(crate) fn link(&self, name: impl AsRef<OsStr>) -> Result<PathBuf, Error> {
        let name = name.as_ref();
        rustix::fs::readlinkat(self, name, Vec::new())
            .map(|to: CString| OsString::from_vec(to.into_bytes()).into())
            .map_err(|error| Error::io("read", &self.path.join(name))(error.into()))
    }

    /// All bytes of a regular file that is not larger than [`LARGEST`], and what it is by then;
    /// `None` if there is none.
    pub(crate) fn read(&self, name: impl AsRef<OsStr>) -> Result<Option<(Vec<u8>, Looked)>, Error> {
        let name = name.as_ref();
        let path = self.path.join(name);
        // Even to open a device can do something.
        let Some(before) = self.look(name)? else { return Ok(None) };
        must_be_read(&path, &before)?;
        let fd = match rustix::fs::openat(self, name, OFlags::RDONLY | SAFE, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(Error::io("open", &path)(error.into())),
        };
        let looked = Looked::at(&fd).map_err(Error::io("look at", &path))?;
        must_be_read(&path, &looked)?;
        let mut bytes = Vec::new();
        let mut file = fs::File::from(fd).take(LARGEST + 1);
        file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
        if bytes.len() as u64 > LARGEST {
            return Err(Error::TooLarge { path, limit: LARGEST });
        }
        Ok(Some((bytes, looked)))
    }
}

fn must_be_read(path: &Path, looked: &Looked) -> Result<(), Error> {
    if looked.kind != Kind::File {
        return Err(wrong(path, "a regular file", looked.kind));
    }
    if looked.len > LARGEST {
        return Err(Error::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    Ok(())
}

pub(crate) fn wrong(path: &Path, expected: &'static str, found: Kind) -> Error {
    Error::WrongType { path: path.to_owned(), expected, found: found.name() }
}

/// Whether a name is one entry of a directory and no way out of it.
pub(crate) fn is_name(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    !bytes.is_empty() && bytes != b"." && bytes != b".." && !bytes.contains(&b'/')
}
