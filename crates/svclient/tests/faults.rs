//! Faults and bad inputs, by their numbers in the list of faults: those that need no supervisor.
//!
//! Directories are made by hand; a supervisor of runit, daemontools or encore is imitated by
//! holding the reading ends of its FIFOs. What takes a real one, or s6's lock, is in
//! `live/faults.rs`, whose header also says which numbers are nobody's here.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "live/skips.rs"]
mod skips;

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
        let observation = self.open().status().unwrap();
        assert_eq!(observation.suite(), Some(svclient::Suite::from(self.dialect)));
        status(&observation)
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
fn status(observation: &Status) -> Facts {
    *observation.facts().unwrap()
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

#[test]
fn f01_a_path_that_leads_nowhere_is_named() {
    let tree = tempfile::tempdir().unwrap();
    let nowhere = tree.path().join("nowhere");
    not_found(Service::open(&nowhere), &nowhere);
    not_found(ScanDir::new(&nowhere).services(), &nowhere);
    not_found(ScanDir::new(tree.path()).service("nowhere"), &nowhere);
    let mut watch = WatchSet::new().unwrap();
    not_found(watch.follow(ScanDir::new(&nowhere)), &nowhere);
    for dialect in Dialect::ALL {
        not_found(Service::with_dialect(&nowhere, dialect), &nowhere);
        // One that has gone since it was opened.
        fs::create_dir(&nowhere).unwrap();
        let service = Service::with_dialect(&nowhere, dialect).unwrap();
        fs::remove_dir(&nowhere).unwrap();
        not_found(service.status(), &nowhere);
        not_found(service.send(Op::Up), &nowhere);
        not_found(watch.add(service.clone()), &nowhere);
        let asked = Instant::now();
        not_found(pursue_one(&service, &Request::up(), deadline()), &nowhere);
        assert!(asked.elapsed() < PATIENCE / 3, "waited for what cannot come");
    }
}

#[test]
fn f02_a_directory_that_nobody_has_supervised_is_no_missing_one() {
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path();
    assert_eq!(Service::open(dir).unwrap_err().kind(), ErrorKind::NotAService);
    fs::write(dir.join("run"), "").unwrap();
    let detected = Service::open(dir).unwrap();
    assert_eq!(detected.dialect(), None);
    let believed = Dialect::ALL.map(|dialect| Service::with_dialect(dir, dialect).unwrap());
    for service in believed.iter().chain([&detected]) {
        let observation = service.status().unwrap();
        assert_eq!(observation.reading(), Reading::Unsupervised);
        assert_eq!(observation.liveness(), Liveness::Dead);
        assert_eq!(service.send(Op::Up).unwrap_err().kind(), ErrorKind::NotSupervised);
        let outcome = pursue_one(service, &Request::up(), deadline());
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::NotSupervised);
    }
    let entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries, [dir.join("run")], "something was made");
}

#[test]
fn f03_a_path_to_a_file_is_of_the_wrong_type() {
    let tree = tempfile::tempdir().unwrap();
    let file = tree.path().join("web");
    fs::write(&file, "").unwrap();
    wrong_type(Service::open(&file), &file, "a regular file");
    for dialect in Dialect::ALL {
        wrong_type(Service::with_dialect(&file, dialect), &file, "a regular file");
    }
    assert_eq!(ScanDir::new(tree.path()).services().unwrap(), []);
}

#[test]
fn f03_a_file_in_place_of_the_supervise_directory_is_of_the_wrong_type() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("run"), "").unwrap();
    fs::write(tree.path().join("supervise"), "").unwrap();
    let supervise = tree.path().join("supervise");
    for dialect in Dialect::ALL {
        let service = Service::with_dialect(tree.path(), dialect).unwrap();
        wrong_type(service.status(), &supervise, "a regular file");
        wrong_type(service.send(Op::Up), &supervise, "a regular file");
    }
}

/// Whether this is root. If not, that is noted once, for all tests that leave a device out.
fn makes_devices() -> bool {
    static MAKES: LazyLock<bool> = LazyLock::new(|| skips::is_root("faults, devices"));
    *MAKES
}

/// Puts one thing of each kind that is neither a FIFO nor a regular file where `path` was.
fn each_wrong_kind(path: &Path, mut check: impl FnMut(&'static str)) {
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
    check("a directory");
    fs::remove_dir(path).unwrap();
    symlink(path, path).unwrap();
    check("a symbolic link");
    fs::remove_file(path).unwrap();
    // A socket says `ENXIO`, as a FIFO without a reader does.
    let socket = UnixListener::bind(path).unwrap();
    check("a socket");
    drop(socket);
    fs::remove_file(path).unwrap();
    if makes_devices() {
        // What /dev/null is.
        mknod(path, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, makedev(1, 3)).unwrap();
        check("a device");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn f05_a_directory_a_loop_or_a_socket_is_told_as_what_it_is() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let control = fake.path(files::CONTROL);
        each_wrong_kind(&control, |kind| {
            wrong_type(fake.believed().send(Op::Up), &control, kind);
        });
        let ok = fake.path(files::OK);
        each_wrong_kind(&ok, |kind| wrong_type(fake.believed().status(), &ok, kind));
    }
}

#[test]
fn f06_a_control_file_that_is_no_fifo_gets_no_byte() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let control = fake.path(files::CONTROL);
        let elsewhere = fake.path("elsewhere");
        fs::rename(&control, &elsewhere).unwrap();
        fs::write(&control, "kept").unwrap();
        let send_each_way = |kind| {
            wrong_type(fake.open().send(Op::Down), &control, kind);
            let outcome = pursue_one(&fake.open(), &Request::down(), deadline());
            wrong_type(outcome, &control, kind);
        };
        send_each_way("a regular file");
        assert_eq!(fs::read(&control).unwrap(), b"kept");
        for target in [Path::new("/dev/null"), &elsewhere] {
            fs::remove_file(&control).unwrap();
            symlink(target, &control).unwrap();
            send_each_way("a symbolic link");
        }
        // The link led to the FIFO that is read.
        assert_eq!(fake.taken(), b"");
        fs::remove_file(&control).unwrap();
        assert_eq!(fake.open().send(Op::Down).unwrap_err().kind(), ErrorKind::NotSupervised);
        assert!(control.symlink_metadata().is_err(), "a control file was made");
    }
}

#[test]
fn f07_a_fifo_in_place_of_a_file_does_not_block() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let record = fake.path(files::STATUS);
        fs::remove_file(&record).unwrap();
        mkfifo(&record, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let service = fake.believed();
        wrong_type(promptly(move || service.status()), &record, "a FIFO");
    }
    // The two files that only s6 has read.
    for name in [files::LOCK, files::DEATH_TALLY] {
        let fake = Fake::left(Dialect::Daemontools);
        let (path, service) = (fake.path(name), Service::with_dialect(fake.dir(), Dialect::S6));
        let _absent = fs::remove_file(&path);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let service = service.unwrap();
        let ask = move || service.deaths().and_then(|_| service.status());
        wrong_type(promptly(ask), &path, "a FIFO");
    }
}

#[test]
fn f08_a_record_that_is_no_file_is_refused_and_a_huge_one_is_not_read() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let record = fake.path(files::STATUS);
        let huge = File::options().write(true).open(&record).unwrap();
        huge.set_len(1 << 31).unwrap();
        drop(huge);
        let asked = Instant::now();
        assert!(fake.malformed().contains(" 2147483648 bytes"), "{}", fake.malformed());
        assert!(asked.elapsed() < PATIENCE / 3, "it was read");
        each_wrong_kind(&record, |kind| wrong_type(fake.believed().status(), &record, kind));
        symlink("/dev/zero", &record).unwrap();
        wrong_type(fake.believed().status(), &record, "a symbolic link");
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

#[test]
fn f09_the_control_fifo_is_held_only_for_one_request_and_never_inherited() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let control = fake.path(files::CONTROL);
        let service = fake.open();
        let mut watch = WatchSet::new().unwrap();
        watch.add(service.clone()).unwrap();
        service.send(Op::Cont).unwrap();
        assert_eq!(fake.taken(), b"c");
        assert_eq!(open_at(&control).len(), 1, "open beside the supervisor's own end");
        // A full FIFO makes a request stay long enough to be looked at.
        fake.fill(0);
        thread::scope(|scope| {
            let request = scope.spawn(|| service.send_before(Op::Down, deadline()));
            let until = deadline();
            let look = || open_at(&control).iter().find_map(|fd| writes_and_is_not_inherited(fd));
            let not_inherited = loop {
                match look() {
                    Some(not_inherited) => break not_inherited,
                    None => assert!(Instant::now() < until && !request.is_finished()),
                }
                thread::sleep(Duration::from_millis(1));
            };
            assert!(not_inherited);
            let before = fake.taken();
            request.join().unwrap().unwrap();
            assert!([before, fake.taken()].concat().ends_with(b".d"));
        });
        assert_eq!(open_at(&control).len(), 1);
    }
}

#[test]
fn f10_names_of_any_bytes_work() {
    let longest = [b'x'; 255];
    let names: [&[u8]; 6] =
        [b"two words", b" \t\n", b"\xff\xfe not UTF-8", b"-rf", b"$(reboot)'\"`", &longest];
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        for name in names {
            let dir = fake.tree.path().join(OsStr::from_bytes(name));
            fs::rename(fake.dir(), &dir).unwrap();
            for path in [dir.clone(), dir.join(""), dir.join("."), dir.join("supervise/..")] {
                let service = Service::open(&path).unwrap();
                assert_eq!(status(&service.status().unwrap()).state(), State::Up);
                service.send(Op::Usr1).or_else(|_| service.send(Op::Hup)).unwrap();
                assert!(matches!(fake.taken()[..], [b'1' | b'h']));
                let mut watch = WatchSet::new().unwrap();
                watch.add(service).unwrap();
                let first = watch.next_now().unwrap().unwrap();
                assert_eq!(first.directory().unwrap().dir().as_os_str(), path.as_os_str());
                assert_eq!(status(&first.status.unwrap()).state(), State::Up);
            }
            let listed = ScanDir::new(fake.tree.path()).services().unwrap();
            assert_eq!(listed.iter().map(Service::dir).collect::<Vec<_>>(), [&dir]);
            fs::rename(&dir, fake.dir()).unwrap();
        }
    }
}

#[test]
fn f10_names_that_no_file_can_have_are_errors() {
    let name_too_long = "x".repeat(256);
    let path_too_long = "x/".repeat(2500);
    for (name, why) in [
        ("a\0b", io::ErrorKind::InvalidInput),
        (&*name_too_long, io::ErrorKind::InvalidFilename),
        (&*path_too_long, io::ErrorKind::InvalidFilename),
    ] {
        let check = |result: Result<Service, Error>| match result {
            Err(Error::Io { path, source, .. }) => {
                assert_eq!((&*path, source.kind()), (Path::new(name), why));
            }
            other => panic!("{other:?}"),
        };
        check(Service::open(name));
        for dialect in Dialect::ALL {
            check(Service::with_dialect(name, dialect));
        }
    }
}

#[test]
fn f11_a_service_keeps_the_name_it_was_given() {
    for dialect in WITH_OK {
        let mut fake = Fake::alive(dialect);
        let link = fake.tree.path().join("link");
        symlink(fake.dir(), &link).unwrap();
        let (direct, linked) = (fake.open(), Service::open(&link).unwrap());
        assert_eq!((direct.name(), linked.name()), (Name::new("web"), Name::new("link")));
        assert_eq!(direct.status().unwrap(), linked.status().unwrap());
        linked.send(Op::Hup).unwrap();
        assert_eq!(fake.taken(), b"h");
        let mut watch = WatchSet::new().unwrap();
        let keys = [direct, linked.clone()].map(|service| watch.add(service).unwrap());
        let both = |watch: &mut WatchSet, news: News| {
            let next = [(); 2].map(|()| watch.next_before(deadline()).unwrap().unwrap());
            assert!(next.iter().all(|event| event.news == news), "{next:?}");
            assert_eq!(next.map(|event| event.key).iter().collect::<BTreeSet<_>>().len(), 2);
        };
        both(&mut watch, News::Snapshot);
        fake.publish(&record(dialect, label(wall_clock()), 4712));
        both(&mut watch, News::Changed);
        // The one name goes, the other is not touched by it.
        watch.remove(keys[0]);
        fake.publish(&record(dialect, label(wall_clock()), 4713));
        let event = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!((event.key, event.directory().unwrap().dir()), (keys[1], &*link));
        // Messages are about the name as given.
        fake.publish(b"");
        if dialect != Dialect::Encore {
            let error = linked.status().unwrap_err().to_string();
            assert!(error.contains(link.to_str().unwrap()), "{error}");
        }
        (fake.ok, fake.control) = (None, None);
        let error = linked.send(Op::Up).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupervised);
        assert!(error.to_string().contains(link.to_str().unwrap()), "{error}");
    }
}

#[test]
fn f15_a_full_control_fifo_is_waited_for_until_the_deadline() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let service = fake.open();
        let full = fake.fill(0);
        let error = service.send(Op::Down).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        let patience = Duration::from_millis(30);
        let asked = Instant::now();
        let error = service.send_before(Op::Down, asked + patience).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        let error = pursue_one(&service, &Request::down(), asked + 2 * patience).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(asked.elapsed() >= 2 * patience);
        assert!(asked.elapsed() < PATIENCE / 3, "blocked");
        assert_eq!(fake.taken().len(), full, "something was sent");
        service.send(Op::Down).unwrap();
        assert_eq!(fake.taken(), b"d");
    }
}

#[test]
fn f16_a_request_of_several_bytes_is_written_whole_or_not_at_all() {
    let ops = [Op::Term, Op::Cont, Op::Up];
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let service = fake.open();
        for left in 1..ops.len() {
            let filled = fake.fill(left);
            let error = service.send_all_before(&ops, Instant::now()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Busy, "{left} bytes left");
            let error = service.send(Op::StopExit).map(|()| left).or_else(|error| match error {
                Error::NotTakingRequests { .. } => Ok(0),
                other => Err(other),
            });
            // What fits is written, and all of it.
            let fits = dialect == Dialect::Runit || left >= 2;
            assert_eq!(error.unwrap() > 0, fits);
            let written = if dialect == Dialect::Runit { &b"x"[..] } else { b"dx" };
            let taken = fake.taken();
            assert_eq!(&taken[filled..], if fits { written } else { b"" });
        }
        service.send_all_before(&ops, Instant::now()).unwrap();
        assert_eq!(fake.taken(), b"tcu");
        // What no write promises to keep together is refused.
        let error = service.send_all_before(&[Op::Hup; 513], deadline()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(fake.taken(), b"");
    }
}

#[test]
fn f19_a_starting_supervisor_is_no_damaged_record() {
    for dialect in WITH_OK {
        let mut fake = Fake::left(dialect);
        fs::remove_file(fake.path(files::STATUS)).unwrap();
        // Takes requests before it answers.
        fake.take_requests();
        assert_eq!(fake.believed().status().unwrap().reading(), Reading::Unsupervised);
        fake.believed().send(Op::Up).unwrap();
        assert_eq!(fake.taken(), b"u");
        fake.answer();
        let observation = fake.believed().status().unwrap();
        assert_eq!(observation.reading(), Reading::NotYet);
        assert_eq!(observation.liveness().is_alive(), Some(true));
        assert_eq!(fake.open().status().unwrap().reading(), Reading::NotYet);
    }
    // It makes its record empty, and writes it later.
    let fake = Fake::alive(Dialect::Encore);
    fs::write(fake.path(files::STATUS), "").unwrap();
    assert_eq!(fake.believed().status().unwrap().reading(), Reading::NotYet);
}

/// The request was taken, so a supervisor is there: its answer is on the way.
#[test]
fn f19_a_request_to_a_starting_supervisor_is_waited_for() {
    for dialect in [Dialect::Daemontools, Dialect::Runit] {
        let mut fake = Fake::left(dialect);
        fake.take_requests();
        let service = fake.open();
        thread::scope(|scope| {
            let outcome = scope.spawn(|| pursue_one(&service, &Request::up(), deadline()));
            fake.await_request();
            fake.publish(&up(dialect));
            fake.answer();
            let outcome = outcome.join().unwrap();
            assert!(outcome.as_ref().is_ok_and(Outcome::is_reached), "{dialect}: {outcome:?}");
        });
    }
}

#[test]
fn f23_a_record_cut_short_is_told_with_its_length() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let whole = up(dialect);
        // An empty one is what a starting encore has.
        let shortest = usize::from(dialect == Dialect::Encore);
        for len in shortest..whole.len() {
            fake.publish(&whole[..len]);
            let said = fake.malformed();
            let plural = if len == 1 { "" } else { "s" };
            assert!(said.contains(&format!(" {len} byte{plural}, ")), "{len}: {said}");
        }
        fake.publish(&whole);
        assert_eq!(fake.status().state(), State::Up);
    }
}

#[test]
fn f24_a_record_that_is_too_long_is_no_record() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let whole = up(dialect);
        for len in whole.len() + 1..=100 {
            let mut longer = whole.clone();
            longer.resize(len, 0);
            fake.publish(&longer);
            if (dialect, len) != (Dialect::Encore, 40) {
                assert!(fake.malformed().contains(&format!(" {len} bytes")), "{len}");
            }
        }
        fake.publish(&[&whole[..], &[0]].concat());
        assert_eq!(fake.open().status().unwrap_err().kind(), ErrorKind::Malformed);
    }
}

#[test]
fn f24_forty_bytes_are_a_service_and_its_logger() {
    let fake = Fake::alive(Dialect::Encore);
    let encore = |pid| {
        EncoreRecord::from_bytes(record(fake.dialect, label(wall_clock()), pid).try_into().unwrap())
    };
    fake.publish(EncorePairRecord::new(encore(4711), encore(4712)).as_bytes());
    assert_eq!(fake.status().pid, Pid::new(4711));
    let log = fake.open().log_facts().unwrap().unwrap();
    assert_eq!(log.pid, Pid::new(4712));
}

#[test]
fn f25_a_record_of_zeros_or_ones_is_no_record() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        for byte in [0, 0xff] {
            fake.publish(&vec![byte; up(dialect).len()]);
            fake.malformed();
        }
        // Each field for itself.
        for damaged in [
            Tai64n { secs: 0, ..label(wall_clock()) },
            Tai64n { secs: 1 << 63, ..label(wall_clock()) },
            Tai64n { secs: u64::MAX, ..label(wall_clock()) },
            Tai64n { nanos: 1_000_000_000, ..label(wall_clock()) },
        ] {
            fake.publish(&record(dialect, damaged, 4711));
            assert!(fake.malformed().contains("stamp"), "{damaged}: {}", fake.malformed());
        }
    }
}

#[test]
fn a_record_alone_is_what_was_published_last_whoever_lives() {
    for dialect in WITH_OK {
        let fake = Fake::left(dialect);
        let service = fake.open();
        let bytes = up(dialect);
        fake.publish(&bytes);
        let record = service.record().unwrap().unwrap();
        assert_eq!((record.dialect(), record.as_bytes()), (dialect, bytes.as_slice()));
        assert_eq!(fake.open().status().unwrap().reading(), Reading::Unsupervised);
        fs::remove_file(fake.path(files::STATUS)).unwrap();
        assert_eq!(service.record().unwrap(), None);
        fs::remove_dir_all(fake.dir()).unwrap();
        not_found(service.record(), &fake.dir());
    }
    // Another suite has taken over since the service was opened.
    let fake = Fake::left(Dialect::Runit);
    let service = fake.open();
    fs::remove_file(fake.path(files::STAT)).unwrap();
    fs::write(fake.path(files::STATUS), up(Dialect::Daemontools)).unwrap();
    assert_eq!(service.record().unwrap().unwrap().dialect(), Dialect::Daemontools);
    fake.publish(&[0; 7]);
    assert_eq!(service.record().unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn f26_a_stamp_in_the_future_is_kept_and_has_no_age() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let now = wall_clock();
        let later = now.saturating_add(Duration::from_secs(3600));
        fake.publish(&record(dialect, label(later), 4711));
        assert_eq!(fake.status().since, Some(later));
        assert_eq!(later.elapsed(now), Duration::ZERO);
        // The stamp counts for nothing: it has been up for as long as the wait has seen it.
        let until = |span, within| {
            let up_for = Request::up().until(Goal::UpFor(span));
            pursue_one(&fake.open(), &up_for, Instant::now() + within).unwrap()
        };
        let outcome = until(Duration::from_secs(60), Duration::from_millis(20));
        assert!(outcome.kind() == OutcomeKind::Deadline, "{outcome:?}");
        let outcome = until(Duration::from_millis(1), Duration::from_secs(20));
        assert!(outcome.is_reached(), "{outcome:?}");
    }
}

#[test]
fn f27_a_stamp_of_1970_or_before_is_a_moment() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        for (secs, unix) in
            [((1 << 62) + 10, 0), (1 << 62, -10), ((1 << 62) - 631_151_990, -631_152_000)]
        {
            fake.publish(&record(dialect, Tai64n { secs, nanos: 1 }, 4711));
            assert_eq!(fake.status().since, UnixTime::new(unix, 1));
        }
    }
}

#[test]
fn f28_a_number_that_no_process_has_never_becomes_a_pid() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let mut bytes = up(dialect);
        let mut with = |pid: u32| {
            bytes[12..16].copy_from_slice(&pid.to_le_bytes());
            fake.publish(&bytes);
        };
        for pid in [1 << 31, u32::MAX - 1, u32::MAX] {
            with(pid);
            let said = fake.malformed();
            assert!(said.contains(&pid.to_string()), "{said}");
        }
        with(i32::MAX.unsigned_abs());
        assert_eq!(fake.status().pid, Pid::new(1 << 31 | 1).or(Pid::new((1 << 31) - 1)));
    }
}

#[test]
fn f29_a_phase_that_is_not_known_is_unknown_and_kept() {
    let fake = Fake::alive(Dialect::Runit);
    for byte in 3..=u8::MAX {
        let unknown = Phase::Unknown(byte);
        fake.publish(runit(label(wall_clock()), 4711, true, unknown).as_bytes());
        let status = fake.status();
        assert_eq!((status.phase, status.state()), (unknown, State::Unknown));
    }
    // Neither up nor down, so neither is reached.
    for request in [Request::up(), Request::down()] {
        let soon = Instant::now() + Duration::from_millis(20);
        let outcome = pursue_one(&fake.open(), &request, soon).unwrap();
        assert!(outcome.kind() == OutcomeKind::Deadline, "{outcome:?}");
    }
}

#[test]
fn f30_run_without_a_process_is_unknown_and_finish_without_one_is_finishing() {
    let fake = Fake::alive(Dialect::Runit);
    fake.publish(runit(label(wall_clock()), 0, true, Phase::Up).as_bytes());
    assert_eq!((fake.status().phase, fake.status().state()), (Phase::Unknown(1), State::Unknown));
    fake.publish(runit(label(wall_clock()), 0, true, Phase::Finish).as_bytes());
    let status = fake.status();
    assert_eq!((status.state(), status.pid, status.finish_pid), (State::Finishing, None, None));
}

#[test]
fn f31_a_want_that_is_not_known_is_unknown_and_kept() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let mut bytes = up(dialect);
        for byte in 0..=u8::MAX {
            bytes[17] = byte;
            fake.publish(&bytes);
            let want = match (byte, dialect) {
                (b'u', _) => Want::Up,
                (b'd', _) => Want::Down,
                (0, Dialect::Daemontools | Dialect::Encore) => Want::Once,
                _ => Want::Unknown(byte),
            };
            assert_eq!(fake.status().want, Some(want));
        }
    }
}

/// runit's `k`, overridden by a script that kills nothing.
#[test]
fn f34_a_process_that_the_supervisor_thinks_dead_is_not_down() {
    let fake = Fake::alive(Dialect::Runit);
    fake.publish(runit(label(wall_clock()), 4711, false, Phase::Down).as_bytes());
    let status = fake.status();
    assert_eq!((status.phase, status.pid), (Phase::Down, Pid::new(4711)));
    let soon = Instant::now() + Duration::from_millis(20);
    let outcome = pursue_one(&fake.open(), &Request::down(), soon).unwrap();
    assert!(outcome.kind() == OutcomeKind::Deadline, "{outcome:?}");
}

/// encore writes in place. A half-written record that outlasts two readings (its writer lost the
/// processor between its two writes) cannot be told from a whole one, and is forgiven here.
#[test]
fn f37_a_record_that_is_rewritten_in_place_is_read_whole() {
    const READINGS: usize = 4000;
    let fake = Fake::alive(Dialect::Encore);
    let stamps = [1_700_000_000, 1_800_000_000].map(|secs| UnixTime::new(secs, 0).unwrap());
    let records = [(stamps[0], 1), (stamps[1], 2)]
        .map(|(since, pid)| record(Dialect::Encore, label(since), pid));
    let expected = [(Some(stamps[0]), Pid::new(1)), (Some(stamps[1]), Pid::new(2))];
    fake.publish(&records[0]);
    let file = File::options().write(true).open(fake.path(files::STATUS)).unwrap();
    let service = fake.believed();
    let done = AtomicBool::new(false);
    let (readings, slow, writes) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut slow, mut writes) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                for record in &records {
                    let begun = Instant::now();
                    file.write_all_at(&record[..12], 0).unwrap();
                    file.write_all_at(&record[12..], 12).unwrap();
                    let written = Instant::now();
                    writes += 1;
                    slow += usize::from(written - begun > TWO_READINGS);
                    while written.elapsed() < Duration::from_micros(20) {
                        std::hint::spin_loop();
                    }
                }
            }
            (slow, writes)
        });
        let readings: Vec<_> = (0..READINGS).map(|_| service.status()).collect();
        done.store(true, Ordering::Relaxed);
        let (slow, writes): (usize, usize) = writer.join().unwrap();
        (readings, slow, writes)
    });
    let seen: Vec<_> = readings
        .into_iter()
        .filter_map(|reading| reading.unwrap().facts().map(|seen| (seen.since, seen.pid)))
        .collect();
    assert!(seen.len() > READINGS / 2, "it is hardly ever read");
    let is_torn = |seen| !expected.contains(seen);
    // Torn in a row: one and the same half-written record.
    let torn = seen.windows(2).filter(|two| !is_torn(&two[0]) && is_torn(&two[1])).count();
    assert!(torn <= slow, "{torn} torn readings, {slow} slow writes of {writes}");
}

/// Less than two readings of a record take.
const TWO_READINGS: Duration = Duration::from_micros(4);

/// A full disk leaves it behind.
#[test]
fn f41_a_record_that_was_not_published_is_not_read() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let down = record(dialect, label(wall_clock()), 0);
        fs::write(fake.path("supervise/status.new"), &down).unwrap();
        assert_eq!(fake.status().state(), State::Up);
        fs::remove_file(fake.path(files::STATUS)).unwrap();
        assert_eq!(fake.believed().status().unwrap().reading(), Reading::NotYet);
    }
}

#[test]
fn f44_a_record_is_followed_through_every_replacement() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let mut watch = WatchSet::new().unwrap();
        watch.add(fake.open()).unwrap();
        assert_eq!(watch.next_now().unwrap().unwrap().news, News::Snapshot);
        for pid in 1..=20 {
            fake.publish(&record(dialect, label(wall_clock()), pid));
            let seen = loop {
                let event = watch.next_before(deadline()).unwrap().unwrap();
                // encore's may be caught empty.
                if event.status.as_ref().unwrap().reading() != Reading::NotYet {
                    break event;
                }
            };
            assert_eq!(status(&seen.status.unwrap()).pid, Pid::new(pid));
        }
    }
}

#[test]
fn f45_lost_events_make_everything_be_looked_at_again() {
    let Some(limit) = skips::overflow("faults") else { return };
    let [busy, quiet] = [Dialect::Runit, Dialect::Daemontools].map(Fake::alive);
    let mut watch = WatchSet::new().unwrap();
    let keys = [&busy, &quiet].map(|fake| watch.add(fake.open()).unwrap());
    while watch.next_now().unwrap().is_some() {}
    let [a, b] = ["supervise/a", "supervise/b"].map(|name| busy.path(name));
    fs::write(&a, "").unwrap();
    for _ in 0..=limit / 2 {
        fs::rename(&a, &b).unwrap();
        fs::rename(&b, &a).unwrap();
    }
    // No event tells of this one.
    quiet.publish(&record(quiet.dialect, label(wall_clock()), 4712));
    let mut told = BTreeSet::new();
    while told.len() < keys.len() {
        let event = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!(event.news, News::Resync, "{event:?}");
        let pid = status(&event.status.unwrap()).pid;
        assert_eq!(pid, Pid::new(if event.key == keys[0] { 4711 } else { 4712 }));
        told.insert(event.key);
    }
    // And it goes on.
    busy.publish(&record(busy.dialect, label(wall_clock()), 0));
    let event = watch.next_before(deadline()).unwrap().unwrap();
    assert_eq!((event.key, event.news), (keys[0], News::Changed));
}

/// Runs the test of this name again as a process of another user, who reaches a limit without
/// taking anything from the other tests.
fn as_user(uid: u32, test: &str, check: impl FnOnce()) {
    const MARK: &str = "SVCLIENT_FAULTS_AS_USER";
    if std::env::var_os(MARK).is_some() {
        check();
    } else if skips::is_root("faults") {
        let mut child = Command::new("/proc/self/exe");
        child.args(["--exact", test, "--nocapture"]).env(MARK, "").uid(uid).gid(uid);
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(" 1 passed"), "{output:?}");
    }
}

#[test]
fn f45_without_an_instance_of_inotify_services_are_looked_at() {
    as_user(65_533, "f45_without_an_instance_of_inotify_services_are_looked_at", || {
        let mut sets = Vec::new();
        let mut watch = loop {
            let set = WatchSet::new().unwrap();
            if set.polls().is_some() {
                break set;
            }
            sets.push(set);
            assert!(sets.len() < 1_000_000);
        };
        let fake = Fake::alive(Dialect::Runit);
        let key = watch.add(fake.open()).unwrap();
        assert_eq!(watch.next_now().unwrap().unwrap().news, News::Snapshot);
        fake.publish(&record(fake.dialect, label(wall_clock()), 4712));
        let event = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!((event.key, event.news), (key, News::Changed));
        // Others are looked at as well, and what is not there is said.
        let nowhere = Service::with_dialect(fake.path("supervise"), Dialect::Runit).unwrap();
        watch.add(nowhere).unwrap();
        let soon = Instant::now() + Duration::from_millis(300);
        let outcomes = pursue(&[fake.open()], &Request::down(), soon).unwrap();
        assert!(outcomes[0].as_ref().unwrap().kind() == OutcomeKind::Deadline, "{outcomes:?}");
        assert_eq!(fake.taken(), b"d");
    });
}

#[test]
fn f45_a_process_without_descriptors_is_not_told_about_watches() {
    as_user(65_532, "f45_a_process_without_descriptors_is_not_told_about_watches", || {
        let fake = Fake::alive(Dialect::Runit);
        let service = fake.open();
        let mut files = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            files.push(file);
        }
        let error = service.status().unwrap_err();
        drop(files);
        assert_eq!(error.kind(), ErrorKind::Io);
        let hint = error.hint().unwrap_or_default();
        assert!(!hint.contains("inotify"), "{error}: {hint}");
    });
}

/// All bytes that one operation may cause are those of its row; nothing similar is sent instead.
#[test]
fn f53_what_a_version_does_not_have_is_refused_and_not_sent() {
    let any = Version([9, 9, 9, 9]);
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        for version in [None, Some(Version([0, 0, 0, 1])), Some(any)] {
            for op in Op::all() {
                let service = match version {
                    None => fake.open(),
                    Some(version) => fake.open().of_version(version),
                };
                match (service.send(op), op.control_bytes(dialect, version)) {
                    (Ok(()), Ok(bytes)) => assert_eq!(fake.taken(), bytes, "{op}"),
                    (Err(Error::Unsupported { source, .. }), Err(expected)) => {
                        assert_eq!(source, expected);
                        assert_eq!(fake.taken(), b"", "{op}");
                    }
                    other => panic!("{dialect}, {version:?}, {op}: {other:?}"),
                }
            }
        }
    }
    let fake = Fake::alive(Dialect::Daemontools);
    for op in [Op::Quit, Op::Usr1, Op::Usr2] {
        let of = |version: &str| fake.open().of_version(version.parse().unwrap()).send(op);
        assert_eq!(fake.open().send(op).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(of("1:0.76-8.1").unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(fake.taken(), b"");
        of("1:0.76-9").unwrap();
        assert_eq!(fake.taken().len(), 1);
    }
}

#[test]
fn f54_a_byte_of_another_family_is_never_sent() {
    for (dialect, foreign) in [
        (
            Dialect::Daemontools,
            &[Op::TryRestart, Op::NoRestart, Op::Reload, Op::Abort, Op::ToLog][..],
        ),
        (Dialect::Encore, &[Op::TryRestart, Op::NoRestart, Op::Reload, Op::Abort]),
        (
            Dialect::Runit,
            &[Op::TryRestart, Op::NoRestart, Op::Reload, Op::Abort, Op::Exit, Op::ToLog],
        ),
    ] {
        let fake = Fake::alive(dialect);
        for &op in foreign {
            let service = fake.open().of_version(Version([9, 9, 9, 9]));
            let request = Request::new(op, Goal::Up);
            let asked = pursue_one(&service, &request, deadline()).unwrap_err();
            assert_eq!(asked.kind(), ErrorKind::Unsupported, "{dialect}: {op}");
            // Not even what comes before it.
            let several = service.send_all_before(&[Op::Hup, op], deadline()).unwrap_err();
            assert_eq!(several.kind(), ErrorKind::Unsupported, "{dialect}: {op}");
            assert_eq!(fake.taken(), b"");
        }
    }
}

#[test]
fn f55_twenty_bytes_are_runit_s_only_beside_its_stat_file() {
    let encore = Fake::alive(Dialect::Encore);
    for (stage, state) in [
        (EncoreStage::Starting, State::Starting),
        (EncoreStage::Running, State::Up),
        (EncoreStage::Stopping, State::Stopping),
    ] {
        let since = label(wall_clock());
        let record = EncoreRecord::new(since, Pid::new(4711), false, Want::Up, stage);
        encore.publish(record.as_bytes());
        assert_eq!(encore.status().state(), state);
        assert_eq!(encore.status().pid, Pid::new(4711));
    }
    let runit = Fake::alive(Dialect::Runit);
    assert_eq!(runit.status().phase, Phase::Up);
    // The same bytes elsewhere.
    let bytes = fs::read(runit.path(files::STATUS)).unwrap();
    encore.publish(&bytes);
    assert_eq!(encore.open().dialect(), Some(Dialect::Encore));
}

/// Rust ignores SIGPIPE; were it not so, this test would die of it.
#[test]
fn f60_a_supervisor_that_ends_while_a_request_waits_is_told() {
    for dialect in WITH_OK {
        let mut fake = Fake::alive(dialect);
        let service = fake.open();
        let control = fake.path(files::CONTROL);
        fake.fill(0);
        let request = thread::spawn(move || service.send_before(Op::Down, deadline()));
        let until = deadline();
        while !open_at(&control).iter().any(|fd| writes_and_is_not_inherited(fd).is_some()) {
            assert!(Instant::now() < until && !request.is_finished());
            thread::sleep(Duration::from_millis(1));
        }
        fake.control = None;
        let error = request.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupervised, "{error}");
    }
}

#[test]
fn f61_a_log_that_is_no_directory_is_no_service_of_its_own() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let log = fake.path(files::LOG);
        assert_eq!(fake.open().log(), None);
        fs::write(&log, "#!/bin/sh\n").unwrap();
        assert_eq!(fake.open().log(), None);
        assert_eq!(fake.status().state(), State::Up);
        assert_eq!(fake.open().log_facts().unwrap(), None);
        fs::remove_file(&log).unwrap();
        symlink("nowhere", &log).unwrap();
        assert_eq!(fake.open().log(), None);
        fs::remove_file(&log).unwrap();
        fs::create_dir(&log).unwrap();
        let log = fake.open().log().unwrap();
        assert_eq!(log.name(), "web/log");
        assert_eq!(log.status().unwrap().reading(), Reading::Unsupervised);
    }
}
