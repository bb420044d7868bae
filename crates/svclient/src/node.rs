//! Opening what a service directory holds without trusting it: never following a link at the end of
//! a path, never blocking, and knowing what was opened before a byte goes there or is believed.

use std::{
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::FileExt,
    },
    path::PathBuf,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::{FileStat, Mode, SFlag, fstat, fstatat},
};
use svproto::Record;

use svproto::UnixTime;

use crate::{Error, aside, at::At};

/// What became of opening a FIFO for writing.
pub(crate) enum Fifo<T> {
    /// Somebody reads it.
    Open(T),
    /// Nobody reads it (`ENXIO`).
    NoReader,
    /// There is none.
    Missing,
}

/// Opens a FIFO for writing. What is not a FIFO is refused before a byte can reach it.
pub(crate) fn open_fifo<'a>(file: impl Into<At<'a>>) -> Result<Fifo<OwnedFd>, Error> {
    let at = &file.into();
    open_to_write(at, |fd| {
        if !is_pipe(&fd) {
            require(at, &look(at, &fd)?, SFlag::S_IFIFO, "a FIFO")?;
        }
        Ok(fd)
    })
}

/// Only a pipe has a size. Asking for that takes half of what `fstat` takes (0.14 of 0.28 us), which
/// is a tenth of sending a byte.
#[cfg(target_os = "linux")]
fn is_pipe(fd: &OwnedFd) -> bool {
    nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_GETPIPE_SZ).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_pipe(_fd: &OwnedFd) -> bool {
    false
}

/// What is open there.
fn look(at: &At<'_>, fd: impl AsFd) -> Result<FileStat, Error> {
    fstat(fd).map_err(|errno| Error::os("stat", &at.path(), "read", errno))
}

/// `use_it` gets what was opened, and has to ask what it is.
fn open_to_write<T>(
    at: &At<'_>,
    use_it: impl FnOnce(OwnedFd) -> Result<T, Error>,
) -> Result<Fifo<T>, Error> {
    match openat(at.base(), at, SAFE | OFlag::O_WRONLY, Mode::empty()) {
        Ok(fd) => use_it(fd).map(Fifo::Open),
        // A socket answers as a FIFO without a reader does.
        Err(Errno::ENXIO) => require_at(at, SFlag::S_IFIFO, "a FIFO").map(|()| Fifo::NoReader),
        Err(Errno::ENOENT) => Ok(Fifo::Missing),
        Err(errno) => {
            require_at(at, SFlag::S_IFIFO, "a FIFO")?;
            Err(Error::os("open", &at.path(), "write", errno))
        }
    }
}

/// What became of bytes for a FIFO.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// They are in it, all of them and together.
    All,
    /// It stayed full until the deadline.
    Full,
    /// The last reader left.
    NoReader,
}

/// Writes at most `PIPE_BUF` bytes: together, or not at all. Closes the FIFO, as one must: while
/// somebody holds it, what a dying reader has not read waits for the next one. Without a deadline a
/// full one is not waited for.
#[expect(clippy::needless_pass_by_value, reason = "it is closed here")]
pub(crate) fn write_fifo(
    fifo: OwnedFd,
    path: impl Fn() -> PathBuf,
    bytes: &[u8],
    deadline: Option<Instant>,
) -> Result<Written, Error> {
    if aside::is_left_behind() {
        // Opening it took longer than anybody waits: it would be a request that nobody knows of.
        return Ok(Written::Full);
    }
    loop {
        match nix::unistd::write(&fifo, bytes) {
            Ok(_) => return Ok(Written::All),
            Err(Errno::EINTR) => (),
            Err(Errno::EPIPE) => return Ok(Written::NoReader),
            Err(Errno::EAGAIN) => {
                let left = |until: Instant| until.saturating_duration_since(Instant::now());
                let left = deadline.map_or(Duration::ZERO, left);
                if left.is_zero() {
                    return Ok(Written::Full);
                }
                // The end of the reader wakes this, too.
                let mut fds = [PollFd::new(fifo.as_fd(), PollFlags::POLLOUT)];
                match poll(&mut fds, round_up(left)) {
                    Ok(_) | Err(Errno::EINTR) => (),
                    Err(errno) => return Err(Error::os("wait for", &path(), "write", errno)),
                }
            }
            Err(errno) => return Err(Error::os("write", &path(), "write", errno)),
        }
    }
}

/// A timeout for `poll`, in whole milliseconds and never early.
pub(crate) fn round_up(left: Duration) -> PollTimeout {
    let millis = left.as_nanos().div_ceil(1_000_000);
    i32::try_from(millis).map_or(PollTimeout::MAX, |millis| {
        PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
    })
}

/// Opens a regular file for reading; `None` if there is none.
pub(crate) fn open_file(at: &At<'_>) -> Result<Option<File>, Error> {
    let Some(fd) = open_to_read(at)? else { return Ok(None) };
    file_len(at, &fd)?;
    Ok(Some(File::from(fd)))
}

/// How long a file is that is a regular one.
fn file_len(at: &At<'_>, fd: impl AsFd) -> Result<usize, Error> {
    let stat = look(at, fd)?;
    require(at, &stat, SFlag::S_IFREG, "a regular file")?;
    Ok(usize::try_from(stat.st_size).unwrap_or(usize::MAX))
}

/// Opens for reading what is taken for a regular file; `None` if there is none.
fn open_to_read(at: &At<'_>) -> Result<Option<OwnedFd>, Error> {
    match openat(at.base(), at, SAFE | OFlag::O_RDONLY, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => {
            require_at(at, SFlag::S_IFREG, "a regular file")?;
            Err(Error::os("open", &at.path(), "read", errno))
        }
    }
}

/// The bytes of a status file, as many as a record can have and one more.
pub(crate) struct RecordBytes {
    bytes: [u8; Record::MAX_LEN + 1],
    len: usize,
    file_len: usize,
}

impl RecordBytes {
    /// Bytes in the file, of which no more were read than a record can have.
    pub(crate) fn file_len(&self) -> usize {
        self.file_len
    }

    /// What was read; longer than any record if the file is.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Reads a status file; `None` if there is none.
pub(crate) fn read_record(at: &At<'_>) -> Result<Option<RecordBytes>, Error> {
    let Some(fd) = open_to_read(at)? else { return Ok(None) };
    let file = File::from(fd);
    let mut record = RecordBytes { bytes: [0; Record::MAX_LEN + 1], len: 0, file_len: 0 };
    // As a rule one read is all: what gives as many bytes as a record has is the file of one.
    // Asking what it is before would take a tenth longer. With a place to read at, a read takes
    // nothing out of what has no places: a FIFO and a terminal refuse it.
    if let Ok(len) = file.read_at(&mut record.bytes, 0) {
        record.len = len;
        if Record::is_len(len) {
            record.file_len = len;
            return Ok(Some(record));
        }
    }
    record.file_len = file_len(at, &file)?;
    while record.len < record.file_len {
        let Some(rest) = record.bytes.get_mut(record.len..).filter(|rest| !rest.is_empty()) else {
            break;
        };
        match file.read_at(rest, record.len as u64) {
            Ok(0) => break,
            Ok(count) => record.len += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(Error::os("read", &at.path(), "read", error)),
        }
    }
    Ok(Some(record))
}

/// All bytes of a small file, at most `limit`; `None` if there is none.
pub(crate) fn read_at_most(at: &At<'_>, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let Some(file) = open_file(at)? else { return Ok(None) };
    let mut bytes = Vec::new();
    match file.take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) => Err(Error::os("read", &at.path(), "read", error)),
    }
}

/// Makes an empty file; `false` if something has that name already, a link to nothing included.
pub(crate) fn make_flag(at: &At<'_>) -> nix::Result<bool> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
    let mode = Mode::from_bits_truncate(0o644);
    match openat(at.base(), at, flags | OFlag::O_CLOEXEC, mode) {
        Ok(_) => Ok(true),
        Err(Errno::EEXIST) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Removes a name; `false` if there is none.
pub(crate) fn remove(at: &At<'_>) -> nix::Result<bool> {
    match nix::unistd::unlinkat(at.base(), at, nix::unistd::UnlinkatFlags::NoRemoveDir) {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The type and the numbers of a file, links followed; `None` if there is none.
pub(crate) fn stat<'a>(file: impl Into<At<'a>>) -> Result<Option<FileStat>, Error> {
    let at = &file.into();
    match fstatat(at.base(), at, AtFlags::empty()) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(Error::os("stat", &at.path(), "search", errno)),
    }
}

/// What a file is, under whatever name: device and inode.
pub(crate) type Identity = (nix::libc::dev_t, nix::libc::ino_t);

/// The identity of a file that was looked at.
pub(crate) fn identity(stat: &FileStat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

/// When a file's content last changed. `None` for what is no time.
pub(crate) fn changed(stat: &FileStat) -> Option<UnixTime> {
    #[allow(clippy::useless_conversion, reason = "32 bits on some systems, 64 on others")]
    let secs = i64::from(stat.st_mtime);
    UnixTime::new(secs, u32::try_from(stat.st_mtime_nsec).ok()?)
}

/// When it was last changed in any way: its content, its mode, its names.
pub(crate) fn touched(stat: &FileStat) -> Option<UnixTime> {
    #[allow(clippy::useless_conversion, reason = "32 bits on some systems, 64 on others")]
    let secs = i64::from(stat.st_ctime);
    UnixTime::new(secs, u32::try_from(stat.st_ctime_nsec).ok()?)
}

/// Whether a file exists, for evidence: what may not be seen counts as absent here, and the
/// operation that needs it names the missing right.
pub(crate) fn exists(at: &At<'_>) -> bool {
    fstatat(at.base(), at, AtFlags::empty()).is_ok()
}

/// What has the name, whatever it leads to.
pub(crate) fn lstat(at: &At<'_>) -> nix::Result<FileStat> {
    fstatat(at.base(), at, AtFlags::AT_SYMLINK_NOFOLLOW)
}

/// The twelve bits of a file's mode.
#[allow(clippy::useless_conversion, reason = "shorter on some systems")]
pub(crate) fn mode(stat: &FileStat) -> u32 {
    u32::from(stat.st_mode) & 0o7777
}

/// What a file is, in words with an article.
pub(crate) fn what(stat: &FileStat) -> &'static str {
    svtrust::file_type(stat.st_mode)
}

/// Whether a descriptor or a path leads to a directory.
pub(crate) fn is_dir(stat: &FileStat) -> bool {
    kind(stat) == SFlag::S_IFDIR
}

/// Whether it is a regular file that its owner may execute, which is what daemontools-encore asks.
pub(crate) fn is_executable_file(stat: &FileStat) -> bool {
    kind(stat) == SFlag::S_IFREG && stat.st_mode & 0o100 != 0
}

/// Flags of every open: a device or a FIFO must not block, become the terminal, or be inherited by
/// a child; the suites never make the last component a link.
const SAFE: OFlag =
    OFlag::O_NONBLOCK.union(OFlag::O_CLOEXEC).union(OFlag::O_NOCTTY).union(OFlag::O_NOFOLLOW);

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

fn require(
    at: &At<'_>,
    stat: &FileStat,
    wanted: SFlag,
    expected: &'static str,
) -> Result<(), Error> {
    if kind(stat) == wanted {
        return Ok(());
    }
    Err(Error::WrongType { path: at.path(), expected, found: what(stat) })
}

/// As [`require`], for what could not be opened. A file that cannot be looked at passes: the error
/// of the open says more.
fn require_at(at: &At<'_>, wanted: SFlag, expected: &'static str) -> Result<(), Error> {
    match fstatat(at.base(), at, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => require(at, &stat, wanted, expected),
        Err(_) => Ok(()),
    }
}
