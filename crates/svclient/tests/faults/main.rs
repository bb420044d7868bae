//! Faults and bad inputs, by their numbers in the list of faults: those that need no supervisor.
//!
//! Directories are made by hand; a supervisor of runit, daemontools or encore is imitated by
//! holding the reading ends of its FIFOs. What takes a real one, or s6's lock, is in
//! `../live/faults.rs`, whose header also says which numbers are nobody's here.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod kept;
mod paths;
mod records;
mod requests;
#[path = "../live/skips.rs"]
mod skips;
mod watching;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::{
            ffi::OsStrExt,
            fs::{FileExt, OpenOptionsExt, symlink},
            net::UnixListener,
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::{Mode, SFlag, makedev, mknod},
    unistd::mkfifo,
};
use svclient::{
    Dialect, Error, ErrorKind, Facts, Goal, Liveness, Name, News, Op, Outcome, OutcomeKind, Phase,
    Pid, Reading, Request, ScanDir, Service, State, Status, UnixTime, Version, Want, WatchSet,
    pursue,
};
use svproto::{
    Scale, Tai64n,
    daemontools::DaemontoolsRecord,
    encore::{EncorePairRecord, EncoreRecord, EncoreStage},
    files,
    runit::{RunitFields, RunitRecord},
    s6::tally::Death,
};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// Those whose sign of life is a reader on `supervise/ok`.
const WITH_OK: [Dialect; 3] = [Dialect::Daemontools, Dialect::Encore, Dialect::Runit];

/// A service directory named `web` as a supervisor of this dialect leaves it, and what it holds
/// open while it lives.
struct Fake {
    dialect: Dialect,
    tree: TempDir,
    ok: Option<File>,
    control: Option<File>,
}

impl Fake {
    /// Nobody supervises it any more; the record says up.
    fn left(dialect: Dialect) -> Self {
        let tree = tempfile::Builder::new().prefix("svfault-").tempdir().unwrap();
        let fake = Self { dialect, tree, ok: None, control: None };
        fs::create_dir_all(fake.path(files::SUPERVISE)).unwrap();
        fs::write(fake.path("run"), "").unwrap();
        fs::write(fake.path(files::LOCK), "").unwrap();
        for fifo in [files::OK, files::CONTROL] {
            mkfifo(&fake.path(fifo), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        }
        if dialect == Dialect::Runit {
            fs::write(fake.path(files::STAT), "run\n").unwrap();
        }
        fake.publish(&up(dialect));
        fake
    }

    /// A supervisor is there.
    fn alive(dialect: Dialect) -> Self {
        let mut fake = Self::left(dialect);
        fake.take_requests();
        fake.answer();
        fake
    }

    fn take_requests(&mut self) {
        self.control = Some(reader(&self.path(files::CONTROL)));
    }

    fn answer(&mut self) {
        self.ok = Some(reader(&self.path(files::OK)));
    }

    fn dir(&self) -> PathBuf {
        self.tree.path().join("web")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Replaces the record as its writer would.
    fn publish(&self, record: &[u8]) {
        if self.dialect == Dialect::Encore {
            fs::write(self.path(files::STATUS), record).unwrap();
        } else {
            fs::write(self.path("supervise/status.new"), record).unwrap();
            fs::rename(self.path("supervise/status.new"), self.path(files::STATUS)).unwrap();
        }
    }

    fn open(&self) -> Service {
        Service::open(self.dir()).unwrap()
    }

    fn believed(&self) -> Service {
        Service::with_dialect(self.dir(), self.dialect).unwrap()
    }

    #[track_caller]
    fn status(&self) -> Facts {
        let seen = self.open().status().unwrap();
        assert_eq!(seen.suite(), Some(svclient::Suite::from(self.dialect)));
        status(&seen)
    }

    /// The error of a status, which must be that of a record that nobody writes.
    #[track_caller]
    fn malformed(&self) -> String {
        match self.believed().status() {
            Err(Error::Malformed { path, source }) => {
                assert_eq!(path, self.path(files::STATUS));
                source.to_string()
            }
            other => panic!("{:?}: {other:?}", self.dialect),
        }
    }

    /// What has arrived in the control FIFO.
    fn taken(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.control.as_ref().unwrap().read_to_end(&mut bytes) {
            Ok(_) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => bytes,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until something arrives in the control FIFO.
    #[track_caller]
    fn await_request(&self) {
        let control = self.control.as_ref().unwrap();
        let mut fds = [PollFd::new(control.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(PATIENCE).unwrap();
        assert_eq!(poll(&mut fds, patience), Ok(1), "no request");
    }

    /// Fills the control FIFO but for `left` bytes, and says with how many.
    fn fill(&self, left: usize) -> usize {
        let control = self.control.as_ref().unwrap();
        fcntl(control, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        let size = fcntl(control, FcntlArg::F_GETPIPE_SZ).unwrap();
        let count = usize::try_from(size).unwrap() - left;
        let writer = File::options()
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(self.path(files::CONTROL))
            .unwrap();
        assert_eq!(nix::unistd::write(&writer, &vec![b'.'; count]), Ok(count));
        count
    }
}

/// The reading end of a FIFO, which opens whether or not anybody writes.
fn reader(path: &Path) -> File {
    File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).unwrap()
}

fn wall_clock() -> UnixTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UnixTime::new(now.as_secs().try_into().unwrap(), now.subsec_nanos()).unwrap()
}

fn label(time: UnixTime) -> Tai64n {
    Tai64n::from_unix(time, Scale::Fixed).unwrap()
}

fn runit(since: Tai64n, pid: u64, want_up: bool, phase: Phase) -> RunitRecord {
    let (paused, got_term) = (false, false);
    RunitRecord::new(RunitFields { since, pid: Pid::new(pid), paused, want_up, got_term, phase })
}

/// The record of a service with this process, up since then; 0 for a service that is down.
fn record(dialect: Dialect, since: Tai64n, pid: u64) -> Vec<u8> {
    let process = Pid::new(pid);
    let encore_stage = if pid == 0 { EncoreStage::Stopped } else { EncoreStage::Running };
    let phase = if pid == 0 { Phase::Down } else { Phase::Up };
    let want = if pid == 0 { Want::Down } else { Want::Up };
    match dialect {
        Dialect::Daemontools => {
            DaemontoolsRecord::new(since, process, false, want).as_bytes().to_vec()
        }
        Dialect::Encore => {
            EncoreRecord::new(since, process, false, want, encore_stage).as_bytes().to_vec()
        }
        Dialect::Runit => runit(since, pid, pid != 0, phase).as_bytes().to_vec(),
        Dialect::S6 => panic!("s6 has a lock that a test cannot hold"),
    }
}

fn up(dialect: Dialect) -> Vec<u8> {
    record(dialect, label(wall_clock()), 4711)
}

#[track_caller]
fn status(seen: &Status) -> Facts {
    *seen.facts().unwrap()
}

fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

fn pursue_one(service: &Service, request: &Request, deadline: Instant) -> Result<Outcome, Error> {
    pursue(std::slice::from_ref(service), request, deadline).unwrap().remove(0)
}

/// The same, unless it hangs.
#[track_caller]
fn promptly<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(ask()));
    receiver.recv_timeout(PATIENCE).unwrap()
}

#[track_caller]
fn wrong_type(result: Result<impl std::fmt::Debug, Error>, at: &Path, is: &str) {
    match result {
        Err(Error::WrongType { path, found, .. }) => assert_eq!((&*path, found), (at, is)),
        other => panic!("{is}: {other:?}"),
    }
}

#[track_caller]
fn not_found(result: Result<impl std::fmt::Debug, Error>, at: &Path) {
    match result {
        Err(Error::NotFound { path }) => assert_eq!(path, at),
        other => panic!("{other:?}"),
    }
}

/// Descriptors of this process that lead to `path`.
fn open_at(path: &Path) -> Vec<String> {
    let path = path.canonicalize().unwrap();
    let entries = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    let here = entries.filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == path));
    here.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Whether a descriptor of this process is open for writing, and closed in a child.
fn writes_and_is_not_inherited(descriptor: &str) -> Option<bool> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).ok()?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    let flags = i32::from_str_radix(flags, 8).unwrap();
    let writes = flags & OFlag::O_ACCMODE.bits() == OFlag::O_WRONLY.bits();
    writes.then_some(flags & OFlag::O_CLOEXEC.bits() != 0)
}
