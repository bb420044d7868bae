//! What a supervisor keeps in a service directory: runit's files, with its types, modes and text.
//!
//! Everything goes through one descriptor of the service directory and one of `supervise`, so a
//! link that leads elsewhere later does not move what is written. Both may belong to a user with
//! fewer rights, who plants and swaps what he likes: no link in `supervise` is followed, what is
//! opened is looked at before it is used, and what is written is new. `supervise` and `log`
//! themselves may be links that root or this user made.
//!
//! Source: system calls of `runsv` 2.1.2, in this order: `supervise`, `lock`, `control`, the
//! record, `ok`. Files are written under a `.new` name and renamed.

use std::{
    ffi::OsStr,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, Flock, FlockArg, OFlag, openat},
    sys::stat::{FileStat, Mode, SFlag, fstat, fstatat},
};
use svproto::{
    Phase, Pid, Scale, Tai64n, UnixTime,
    embedded::{Backoff, CannotStart, Embedded, EntryName, GaveUp, Notice},
    files,
    runit::{RunitFields, RunitRecord},
};

use super::{
    machine::{Machine, Want},
    replace::{Replaced, Replacing, beside},
};
use crate::{
    Error,
    trusted::{self, Make, is},
};

/// What this supervisor tells beside runit's record, for clients: [`svproto::embedded`].
pub const EMBEDDED: &str = files::EMBEDDED;

/// What the file `pid` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PidFile {
    Unwritten,
    Empty,
    Names(Pid),
}

/// A service directory whose lock is held.
#[derive(Debug)]
pub(crate) struct LockedDir {
    path: PathBuf,
    dir: OwnedFd,
    supervise: OwnedFd,
    control: Option<OwnedFd>,
    ok: Option<OwnedFd>,
    /// What the file `pid` says.
    pid: PidFile,
    /// What the file [`EMBEDDED`] says.
    told: Option<Embedded>,
    /// Why a script has no process.
    pub(crate) cannot_start: Option<CannotStart>,
    /// The line with the name under which it was taken on; empty without one.
    entry: String,
    replacing: Replacing,
    /// The last to be closed: that is what watchers hear, and then all else must be true already.
    _lock: Flock<OwnedFd>,
}

impl LockedDir {
    /// Makes `supervise` if need be, also behind a dangling link, and takes the lock.
    pub(crate) fn claim(path: &Path) -> Result<Self, Error> {
        Self::claim_at(open_dir(path)?, path)
    }

    /// The logger's directory; `None` without a directory `log`.
    pub(crate) fn claim_log(&self) -> Result<Option<Self>, Error> {
        match trusted::enter(self.dir(), files::LOG, Make::Nothing) {
            Ok(dir) => Self::claim_at(dir, &self.path.join(files::LOG)).map(Some),
            Err(svtrust::Error::Io { source, .. })
                if matches!(
                    source.raw_os_error(),
                    Some(nix::libc::ENOENT | nix::libc::ENOTDIR)
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(distrusted(&self.path, error)),
        }
    }

    fn claim_at(dir: OwnedFd, path: &Path) -> Result<Self, Error> {
        // One level, as runsv: a missing parent is an error.
        let supervise = trusted::enter(dir.as_fd(), files::SUPERVISE, Make::Last)
            .map_err(|error| distrusted(path, error))?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND | GUARDED;
        let at = path.join(files::LOCK);
        let lock = openat(&supervise, inside(files::LOCK), flags, mode(0o600))
            .map_err(|errno| Error::io("open", &at, errno))?;
        check(&lock, SFlag::S_IFREG, "a regular file of one name", &at)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
            if errno == Errno::EWOULDBLOCK {
                return Error::Held { dir: path.to_owned(), lock: at };
            }
            Error::io("lock", &at, errno)
        })?;
        let path = path.to_owned();
        let (replacing, pid) = (Replacing::where_is(&*lock), PidFile::Unwritten);
        let (control, ok, told, cannot_start) = (None, None, None, None);
        Ok(Self {
            path,
            dir,
            supervise,
            _lock: lock,
            control,
            ok,
            pid,
            told,
            cannot_start,
            entry: String::new(),
            replacing,
        })
    }

    /// It is an entry of this name.
    pub(crate) fn taken_on_as(&mut self, name: &OsStr) {
        let line = format!("entry {}\n", EntryName(name.as_bytes()));
        // With all else it is no longer than a reader takes.
        self.entry = if line.len() <= Embedded::MAX_LEN / 2 { line } else { String::new() };
    }

    /// Listens to requests.
    pub(crate) fn open_control(&mut self) -> Result<(), Error> {
        // Open for writing too: there is never an end of file, and one descriptor is enough.
        self.control = Some(self.fifo(files::CONTROL, OFlag::O_RDWR)?);
        Ok(())
    }

    /// Says that the supervisor lives; only after the first record.
    pub(crate) fn open_ok(&mut self) -> Result<(), Error> {
        self.ok = Some(self.fifo(files::OK, OFlag::O_RDONLY)?);
        Ok(())
    }

    fn fifo(&self, name: &str, access: OFlag) -> Result<OwnedFd, Error> {
        let path = self.path.join(name);
        match self.make_fifo(name) {
            Ok(()) | Err(Errno::EEXIST) => (),
            Err(errno) => return Err(Error::io("make", &path, errno)),
        }
        // Something else than a FIFO might do something only because it is opened.
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        let stat = fstatat(&self.supervise, inside(name), flags)
            .map_err(|errno| Error::io("look at", &path, errno))?;
        if !is(&stat, SFlag::S_IFIFO) {
            let found = svtrust::file_type(stat.st_mode);
            return Err(Error::WrongType { path, expected: "a FIFO", found });
        }
        let opened = openat(&self.supervise, inside(name), access | GUARDED, Mode::empty());
        let fifo = opened.map_err(|errno| Error::io("open", &path, errno))?;
        check(&fifo, SFlag::S_IFIFO, "a FIFO of one name", &path)?;
        Ok(fifo)
    }

    #[cfg(not(target_vendor = "apple"))]
    fn make_fifo(&self, name: &str) -> nix::Result<()> {
        nix::unistd::mkfifoat(&self.supervise, inside(name), mode(0o600))
    }

    /// There it goes by the path.
    #[cfg(target_vendor = "apple")]
    fn make_fifo(&self, name: &str) -> nix::Result<()> {
        nix::unistd::mkfifo(&self.path.join(name), mode(0o600))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The descriptor of the directory.
    pub(crate) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    pub(crate) fn control(&self) -> Option<BorrowedFd<'_>> {
        self.control.as_ref().map(AsFd::as_fd)
    }

    /// Takes one request, if there is one: one at a time, so that a death between two is noticed.
    pub(crate) fn take_request(&self) -> Option<u8> {
        let mut byte = [0];
        let control = self.control.as_ref()?;
        (nix::unistd::read(control, &mut byte) == Ok(1)).then_some(byte[0])
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.stat(name).is_some()
    }

    pub(crate) fn stat(&self, name: &str) -> Option<FileStat> {
        fstatat(&self.dir, name, AtFlags::empty()).ok()
    }

    /// Whether there is such a file that may be read, which is what `runsv` asks of `finish`.
    pub(crate) fn can_read(&self, name: &str) -> bool {
        self.open_file(name, OFlag::empty()).is_some()
    }

    /// A regular file, for reading. Another one is not opened: a FIFO would be emptied, and some
    /// devices do something.
    fn open_file(&self, name: &str, more: OFlag) -> Option<OwnedFd> {
        self.stat(name).filter(|stat| is(stat, SFlag::S_IFREG))?;
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = openat(&self.dir, name, flags | more, Mode::empty()).ok()?;
        // It may have been exchanged since.
        let stat = fstat(&file).ok()?;
        is(&stat, SFlag::S_IFREG).then_some(file)
    }

    /// A small file's text; `None` without one, and for what is no regular file.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        let file = self.open_file(name, OFlag::O_NOFOLLOW)?;
        let mut text = [0; 4096];
        let read = nix::unistd::read(&file, &mut text).ok()?;
        String::from_utf8(text.get(..read)?.to_vec()).ok()
    }

    /// Writes `pid` if it changed, `stat`, what is [told](EMBEDDED) besides if that changed, and
    /// `status`, in the order of `runsv` (2.1.2): whoever hears of a record finds the others saying
    /// so.
    pub(crate) fn publish(
        &mut self,
        machine: &Machine,
        replaced: &mut Replaced,
    ) -> Result<(), Error> {
        let pid = machine.pid().map_or(PidFile::Empty, PidFile::Names);
        if self.pid != pid {
            let digits = machine.pid().map(|pid| format!("{}\n", pid.get()));
            self.replace(files::PID, digits.unwrap_or_default().as_bytes(), replaced)?;
            self.pid = pid;
        }
        self.replace(files::STAT, stat_text(machine).as_bytes(), replaced)?;
        let told = embedded(machine, self.cannot_start);
        if self.told != Some(told) {
            let text = told.to_string() + &self.entry;
            self.replace(EMBEDDED, text.as_bytes(), replaced)?;
            self.told = Some(told);
        }
        self.replace(files::STATUS, record(machine).as_bytes(), replaced)
    }

    /// The logger's `pid` appears with its first process only.
    pub(crate) fn without_pid_file(&mut self) {
        self.pid = PidFile::Empty;
    }

    fn replace(&self, name: &str, text: &[u8], replaced: &mut Replaced) -> Result<(), Error> {
        self.replacing
            .replace(self.supervise.as_fd(), inside(name), text, replaced)
            .map_err(|(doing, errno)| Error::io(doing, &self.path.join(beside(name)), errno))
    }
}

/// A directory's descriptor, for paths relative to it. Searching it is enough.
fn open_dir(path: &Path) -> Result<OwnedFd, Error> {
    #[cfg(target_os = "linux")]
    let access = OFlag::O_PATH;
    #[cfg(not(target_os = "linux"))]
    let access = OFlag::O_RDONLY;
    nix::fcntl::open(path, access | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::io("open", path, errno))
}

fn stat_text(machine: &Machine) -> String {
    let mut text = String::from(match machine.phase() {
        Phase::Up => "run",
        Phase::Finish => "finish",
        Phase::Down | Phase::Unknown(_) => "down",
    });
    if machine.paused() {
        text.push_str(", paused");
    }
    if machine.got_term() {
        text.push_str(", got TERM");
    }
    if machine.phase() != Phase::Down {
        text.push_str(match machine.want() {
            Want::Up => "",
            Want::Down => ", want down",
            Want::Exit => ", want exit",
        });
    }
    text.push('\n');
    text
}

/// What there is to tell beside the record.
fn embedded(machine: &Machine, cannot_start: Option<CannotStart>) -> Embedded {
    let mut told = Embedded::new(label(machine.since()));
    told.restarts = machine.restarts();
    let notice = || machine.ready().map_or(Notice::Awaited, |at| Notice::Ready(label(at)));
    told.readiness = machine.notifies().then(notice);
    told.exit = machine.last_exit().map(|(exit, at)| (exit.last_exit(), label(at)));
    told.cannot_start = cannot_start;
    told.is_end_asked =
        machine.was_told() && machine.last_exit().is_some() && machine.phase() != Phase::Up;
    told.gave_up = machine.gave_up().map(|limit| {
        let millis = u64::try_from(limit.within.as_millis()).unwrap_or(u64::MAX);
        GaveUp::new(limit.starts.into(), millis)
    });
    let (crashes, delay) = machine.delay();
    told.crashes = crashes.into();
    if let Some(delay) = delay {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let until = label(machine.since().saturating_add(delay));
        told.backoff = Some(Backoff::new(crashes.into(), millis, until));
    }
    told
}

fn record(machine: &Machine) -> RunitRecord {
    RunitRecord::new(RunitFields {
        since: label(machine.since()),
        pid: machine.pid(),
        paused: machine.paused(),
        want_up: machine.want() == Want::Up,
        got_term: machine.got_term(),
        phase: machine.phase(),
    })
}

/// A clock beyond what labels can hold is no clock; the epoch is as good as any.
fn label(time: UnixTime) -> Tai64n {
    let label = |time| Tai64n::from_unix(time, Scale::Fixed);
    label(time).or_else(|| label(UnixTime::EPOCH)).unwrap_or(Tai64n { secs: 0, nanos: 0 })
}

/// A file that somebody else may have put there: no link is followed, nobody is waited for, and no
/// terminal becomes this process's.
const GUARDED: OFlag =
    OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// The name in `supervise`.
fn inside(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

/// Whether an open file is what is to be there. One with a second name is somebody else's, linked
/// hither.
fn check(file: &OwnedFd, kind: SFlag, expected: &'static str, path: &Path) -> Result<(), Error> {
    let stat = fstat(file).map_err(|errno| Error::io("look at", path, errno))?;
    if is(&stat, kind) && stat.st_nlink <= 1 {
        return Ok(());
    }
    let found = match svtrust::file_type(stat.st_mode) {
        _ if is(&stat, kind) => "one of several names",
        other => other,
    };
    Err(Error::WrongType { path: path.to_owned(), expected, found })
}

fn distrusted(dir: &Path, error: svtrust::Error) -> Error {
    match error {
        svtrust::Error::Untrusted { path, why } => Error::Untrusted { path: dir.join(path), why },
        svtrust::Error::Io { doing, path, source } => Error::io(doing, &dir.join(path), source),
        other => Error::io("open", dir, std::io::Error::other(other)),
    }
}

const fn mode(bits: nix::libc::mode_t) -> Mode {
    Mode::from_bits_truncate(bits)
}
