//! A directory that does not answer at all holds no call longer than its deadline: a file system (FUSE) whose
//! server reads nothing, mounted over directories that were opened before.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    fs::{self, File},
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::stat::Mode,
};
use svclient::{Bulk, ErrorKind, OutcomeKind, Request, ScanDir, Service};
use svproto::{Op, scan::ScanOp};
use tempfile::TempDir;

#[path = "live/skips.rs"]
mod skips;

/// Long enough for a machine that has much else to do, and short beside for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that reads nothing; at its end whoever waits is let go.
struct Hang {
    server: File,
}

impl Hang {
    /// Mounts it where only this thread, and those that it starts, see it. `None` where that cannot be.
    fn over(dir: &Path) -> Option<Self> {
        let skip = |why: &str| skips::leave_out("hangs", why);
        let Ok(server) = File::options().read(true).write(true).open("/dev/fuse") else {
            skip("there is no /dev/fuse");
            return None;
        };
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", server.as_raw_fd());
        let (none, flags) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        let mounted = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(none, "/", none, flags, none))
            .and_then(|()| {
                mount(Some("hang"), dir, Some("fuse"), MsFlags::empty(), Some(&*options))
            });
        if let Err(errno) = mounted {
            skip(&format!("no file system that hangs can be made: {errno}"));
            return None;
        }
        Some(Self { server })
    }
}

/// A service directory whose supervisor answers, as `runsv` does. It reads what it is asked.
fn supervised(dir: &Path) -> [File; 2] {
    fs::create_dir_all(dir.join("supervise")).unwrap();
    fs::write(dir.join("run"), "").unwrap();
    let record = [&[0x40, 0, 0, 0, 0x60][..], &[0; 7], &[0, 0, 0, 0, 0, b'd', 0, 0]].concat();
    fs::write(dir.join("supervise/status"), record).unwrap();
    fs::write(dir.join("supervise/stat"), "down\n").unwrap();
    ["ok", "control"].map(|name| {
        let fifo = dir.join("supervise").join(name);
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let flags = nix::libc::O_NONBLOCK;
        File::options().read(true).write(true).custom_flags(flags).open(fifo).unwrap()
    })
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn a_directory_that_hangs_holds_no_call_beyond_its_deadline() {
    let tree = TempDir::new().unwrap();
    let (hangs, well) = (tree.path().join("hangs"), tree.path().join("well"));
    let (_theirs, [_ok, mut control]) = (supervised(&hangs.join("web")), supervised(&well));
    fs::create_dir(tree.path().join("scan")).unwrap();
    let scan = ScanDir::new(tree.path().join("scan"));
    let (web, well) = (Service::open(hangs.join("web")).unwrap(), Service::open(well).unwrap());
    let Some(hang) = Hang::over(&hangs) else { return };
    let before = threads();

    let late = |what: &str, call: &mut dyn FnMut(Instant)| {
        for wait in [0, 20] {
            let deadline = Instant::now() + Duration::from_millis(wait);
            call(deadline);
            let late = deadline.elapsed();
            println!("{what}: {late:?} after a deadline in {wait} ms");
            assert!(late < PATIENCE, "{what}: {late:?}");
        }
    };
    let is = |kind: ErrorKind| assert_eq!(kind, ErrorKind::Unanswered);
    late("pursue", &mut |deadline| {
        let services = [well.clone(), web.clone(), well.clone()];
        let results = svclient::pursue(&services, &Request::up(), deadline).unwrap();
        is(results[1].as_ref().unwrap_err().kind());
        for at in [0, 2] {
            let kind = results[at].as_ref().unwrap().kind();
            assert_eq!(kind, OutcomeKind::NotAsked);
        }
    });
    late("pursue one at a time", &mut |deadline| {
        let one = std::num::NonZeroUsize::MIN;
        let services = [well.clone(), web.clone()];
        let mut told = Vec::new();
        let results = Bulk::new(&services)
            .limit(one)
            .pursue_telling(&Request::wait(svproto::goal::Goal::Down), deadline, |at, _| {
                told.push(at);
            })
            .unwrap();
        assert!(results[0].as_ref().unwrap().is_reached());
        match &results[1] {
            Err(error) => {
                is(error.kind());
                assert_eq!(told, [0, 1]);
            }
            // Without any time the other had no turn.
            Ok(outcome) => assert_eq!(outcome.kind(), OutcomeKind::NotAsked),
        }
    });
    late("send_before", &mut |deadline| is(web.send_before(Op::Up, deadline).unwrap_err().kind()));
    late("enable", &mut |deadline| {
        is(scan.enable(hangs.join("web"), deadline).unwrap_err().kind());
    });
    let hung = ScanDir::new(&hangs);
    late("enable there", &mut |deadline| is(hung.enable(well.dir(), deadline).unwrap_err().kind()));
    late("disable", &mut |deadline| is(hung.disable("web", deadline).unwrap_err().kind()));
    late("poke", &mut |deadline| is(hung.poke(ScanOp::Rescan, deadline).unwrap_err().kind()));

    assert_eq!(fs::read_dir(scan.dir()).unwrap().count(), 0);
    assert!(threads() > before, "they hang");
    // The server is gone: whoever was left behind goes on, and finds that nobody waits.
    drop(hang.server);
    let until = Instant::now() + PATIENCE;
    while threads() > before {
        assert!(Instant::now() < until, "{} threads are left", threads() - before);
        thread::yield_now();
    }
    let mut asked = Vec::new();
    let _nothing = std::io::Read::read_to_end(&mut control, &mut asked);
    assert_eq!(asked, b"");
    assert_eq!(fs::read_dir(scan.dir()).unwrap().count(), 0);
}
