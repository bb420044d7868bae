//! What lies where a small file should be is refused before a byte of it is taken: a FIFO with a
//! writer, a socket, a device, a link. Supervisors are imitated, as in `faults.rs`.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "../src/service/tests/lock.rs"]
mod lock;

use std::{
    fs::{self, File},
    io::{Read, Write},
    num::NonZeroUsize,
    os::unix::{
        fs::{MetadataExt, OpenOptionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::stat::{Mode, SFlag, makedev, mknod},
    unistd::mkfifo,
};
use svclient::{Dialect, Error, LogDir, LogFrom, Logs, ScanDir, Service};
use svproto::files;
use tempfile::TempDir;

use self::lock::write_lock;

const PATIENCE: Duration = Duration::from_secs(60);

/// A service directory whose supervisor lives as each suite shows it, with a record of that length.
struct Planted {
    tree: TempDir,
    dialect: Dialect,
    _alive: File,
}

impl Planted {
    fn new(dialect: Dialect) -> Self {
        let tree = tempfile::Builder::new().prefix("svplant-").tempdir().unwrap();
        let path = |name: &str| tree.path().join(name);
        fs::create_dir(path(files::SUPERVISE)).unwrap();
        fs::write(path("run"), "").unwrap();
        fs::write(path(files::LOCK), "").unwrap();
        mkfifo(&path(files::CONTROL), Mode::S_IRWXU).unwrap();
        let alive = if dialect == Dialect::S6 {
            fs::create_dir(path(files::EVENT)).unwrap();
            let lock = File::options().read(true).write(true).open(path(files::LOCK)).unwrap();
            // Another owner than this process, so that the question sees it.
            fcntl(&lock, FcntlArg::F_OFD_SETLK(&write_lock())).unwrap();
            lock
        } else {
            mkfifo(&path(files::OK), Mode::S_IRWXU).unwrap();
            let nonblocking = OFlag::O_NONBLOCK.bits();
            File::options().read(true).custom_flags(nonblocking).open(path(files::OK)).unwrap()
        };
        if dialect == Dialect::Runit {
            fs::write(path(files::STAT), "run\n").unwrap();
        }
        fs::write(path(files::STATUS), up(dialect)).unwrap();
        Self { tree, dialect, _alive: alive }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    fn service(&self) -> Service {
        Service::with_dialect(self.tree.path(), self.dialect).unwrap()
    }
}

/// A record of a service that is up.
fn up(dialect: Dialect) -> Vec<u8> {
    let label = b"\x40\0\0\0\x6b\x03\x7e\x0d\x1b\x96\x47\x5c";
    let pid = 4711_u32;
    match dialect {
        Dialect::Daemontools => [&label[..], &pid.to_le_bytes(), b"\0u"].concat(),
        Dialect::Encore => [&label[..], &pid.to_le_bytes(), b"\0u\x01\0"].concat(),
        Dialect::Runit => [&label[..], &pid.to_le_bytes(), b"\0u\0\x01"].concat(),
        // 2.11: two stamps, pid, wait status, flags.
        Dialect::S6 => {
            let pid = u64::from(pid).to_be_bytes();
            [&label[..], label, &pid, &[0, 0, 0x05]].concat()
        }
    }
}

/// What a thread answers in time: nothing blocks.
#[track_caller]
fn promptly<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(ask()));
    told.recv_timeout(PATIENCE).expect("it blocks")
}

/// Plants a FIFO in which a writer has left these bytes, and takes what is left after `ask`.
#[track_caller]
fn left_in_a_fifo(path: &Path, bytes: &[u8], ask: impl FnOnce() + Send + 'static) -> Vec<u8> {
    let _absent = fs::remove_file(path);
    mkfifo(path, Mode::S_IRWXU).unwrap();
    let nonblocking = OFlag::O_NONBLOCK.bits();
    let mut both =
        File::options().read(true).write(true).custom_flags(nonblocking).open(path).unwrap();
    both.write_all(bytes).unwrap();
    promptly(ask);
    let (mut left, mut buffer) = (Vec::new(), [0; 512]);
    while let Ok(count @ 1..) = both.read(&mut buffer) {
        left.extend(buffer.iter().take(count));
    }
    left
}

/// Everything that reads small files of a service.
fn look_at_all(service: &Service) {
    let seen = service.status();
    let _refused = (service.record(), service.log_facts(), service.deaths());
    if let Ok(seen) = seen {
        let _oddities = service.oddities(&seen);
    }
}

#[test]
fn bytes_in_a_fifo_are_still_there_whatever_it_is_planted_as() {
    let names = [
        files::STATUS,
        files::STAT,
        files::PID,
        files::LOCK,
        files::DEATH_TALLY,
        files::NOTIFICATION_FD,
        files::EMBEDDED,
        files::DOWN,
    ];
    for dialect in Dialect::ALL {
        for name in names {
            let planted = Planted::new(dialect);
            // Exactly as many as its record has: nothing else about it looks odd.
            let bytes = up(dialect);
            let (believed, found) = (planted.service(), planted.tree.path().to_owned());
            let ask = move || {
                look_at_all(&believed);
                look_at_all(&Service::open(&found).unwrap());
                let names = vec![found.file_name().unwrap().to_owned()];
                let survey = ScanDir::new(found.parent().unwrap()).survey_of(names).unwrap();
                survey.look(NonZeroUsize::MIN, |service, _| look_at_all(service));
            };
            let left = left_in_a_fifo(&planted.path(name), &bytes, ask);
            assert_eq!(left, bytes, "{dialect}: {name}");
        }
    }
}

#[test]
fn a_fifo_as_a_log_is_not_read() {
    for name in ["current", "previous", "@400000006b037e0d1b96475c.s", "config"] {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("current"), "a line\n").unwrap();
        let dir = tree.path().to_owned();
        let left = left_in_a_fifo(&tree.path().join(name), b"a line\n", move || {
            let Ok(log) = LogDir::open(&dir) else { return };
            for from in [LogFrom::Start, LogFrom::Last(3), LogFrom::End] {
                let mut logs = Logs::new().unwrap();
                if logs.add(&log, from).is_ok() {
                    while let Ok(Some(_)) = logs.next_now() {}
                }
            }
        });
        assert_eq!(left, b"a line\n", "{name}");
    }
}

#[track_caller]
fn refused(planted: &Planted, is: &str) {
    let service = planted.service();
    match promptly(move || service.status()) {
        Err(Error::WrongType { path, found, .. }) => {
            assert_eq!((&*path, found), (&*planted.path(files::STATUS), is));
        }
        other => panic!("{}: {is}: {other:?}", planted.dialect),
    }
}

#[test]
fn devices_sockets_and_links_in_place_of_a_record_are_named() {
    for dialect in Dialect::ALL {
        let planted = Planted::new(dialect);
        let status = planted.path(files::STATUS);
        let put_aside = planted.path("record");
        fs::rename(&status, &put_aside).unwrap();
        symlink(&put_aside, &status).unwrap();
        refused(&planted, "a symbolic link");
        fs::remove_file(&status).unwrap();
        let socket = UnixListener::bind(&status).unwrap();
        refused(&planted, "a socket");
        drop(socket);
        fs::remove_file(&status).unwrap();
        // What a user makes is owned by that user.
        if fs::metadata(planted.tree.path()).unwrap().uid() == 0 {
            // null, zero, full, random and urandom.
            for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9)] {
                let device = makedev(major, minor);
                mknod(&status, SFlag::S_IFCHR, Mode::S_IRWXU, device).unwrap();
                refused(&planted, "a device");
                fs::remove_file(&status).unwrap();
            }
        }
    }
}
