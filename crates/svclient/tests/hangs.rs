//! A directory that does not answer at all holds no call longer than its deadline: a file system (FUSE) whose
//! server reads nothing, mounted over directories that were opened before.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    fs::{self, File},
    io::Write,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::sys::stat::Mode;
use svclient::{
    Bulk, ErrorKind, LogDir, LogFrom, LogItem, Logs, News, OutcomeKind, Request, ScanDir, Service,
    WatchKey, WatchSet,
};
use svproto::{Op, scan::ScanOp};
use tempfile::TempDir;

use self::hang::Hang;

#[path = "live/skips.rs"]
mod skips;

#[path = "live/hang.rs"]
mod hang;

/// Long enough for a machine that has much else to do, and short beside for ever.
const PATIENCE: Duration = Duration::from_secs(20);

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

    late("ask_check", &mut |deadline| {
        let within = deadline.saturating_duration_since(Instant::now());
        is(web.ask_check(within).unwrap_err().kind());
    });

    late("explain_before", &mut |deadline| is(web.explain_before(deadline).unwrap_err().kind()));

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

/// In a process of its own: what other tests leave behind would count.
#[test]
fn a_call_beyond_sixty_four_that_hang_is_refused_at_once() {
    const ALONE: &str = "SVCLIENT_HANGS_ALONE";
    const MOST: usize = 64;
    if std::env::var_os(ALONE).is_none() {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let test = "a_call_beyond_sixty_four_that_hang_is_refused_at_once";
        let output = again.args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(" 1 passed"), "{output:#?}");
        return;
    }
    let tree = TempDir::new().unwrap();
    let (hangs, well) = (tree.path().join("hangs"), tree.path().join("well"));
    let (_theirs, _ours) = (supervised(&hangs.join("web")), supervised(&well));
    let (web, well) = (Service::open(hangs.join("web")).unwrap(), Service::open(well).unwrap());
    let Some(hang) = Hang::over(&hangs) else { return };
    let before = threads();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..MOST)
            .map(|_| scope.spawn(|| web.send_before(Op::Up, Instant::now()).unwrap_err().kind()))
            .collect();
        for call in calls {
            assert_eq!(call.join().unwrap(), ErrorKind::Unanswered);
        }
    });
    assert_eq!(threads(), before + MOST);
    // Also where nothing hangs; and long before its deadline, since no thread is begun for it.
    for service in [&web, &well] {
        let deadline = Instant::now() + 3 * PATIENCE;
        let refused = service.explain_before(deadline).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unanswered);
        assert!(Instant::now() < deadline);
    }
    assert_eq!(threads(), before + MOST);
    drop(hang.server);
    let until = Instant::now() + PATIENCE;
    while threads() > before {
        assert!(Instant::now() < until, "{} threads are left", threads() - before);
        thread::yield_now();
    }
    well.explain_before(until).unwrap();
}

/// A watch and logs over a directory that hangs later, and what is written there all the same.
struct Followed {
    watch: WatchSet,
    keys: [WatchKey; 2],
    logs: Logs,
    /// `supervise` of the one that hangs, as it was.
    supervise: File,
    log: File,
}

impl Followed {
    fn new(hangs: &Path, well: &Path) -> Self {
        let mut watch = WatchSet::new().unwrap();
        let keys = [hangs, well].map(|dir| watch.add(Service::open(dir).unwrap()).unwrap());
        let mut logs = Logs::new().unwrap();
        for dir in [hangs, well] {
            fs::create_dir(dir.join("main")).unwrap();
            fs::write(dir.join("main/current"), "first\n").unwrap();
            logs.add(&LogDir::open(dir.join("main")).unwrap(), LogFrom::End).unwrap();
        }
        let supervise = File::open(hangs.join("supervise")).unwrap();
        let log = File::options().append(true).open(hangs.join("main/current")).unwrap();
        Self { watch, keys, logs, supervise, log }
    }

    /// The supervisor publishes, and the logger writes.
    fn stir(&mut self) {
        let dir = Path::new("/proc/self/fd").join(self.supervise.as_raw_fd().to_string());
        fs::copy(dir.join("status"), dir.join("status.new")).unwrap();
        fs::rename(dir.join("status.new"), dir.join("status")).unwrap();
        self.log.write_all(b"second\n").unwrap();
    }
}

#[test]
fn a_watch_and_logs_that_hang_are_left_at_the_deadline_and_come_back() {
    let tree = TempDir::new().unwrap();
    let (hangs, well) = (tree.path().join("hangs"), tree.path().join("well"));
    let (_theirs, _ours) = (supervised(&hangs.join("web")), supervised(&well));
    let mut followed = Followed::new(&hangs.join("web"), &well);
    let Followed { watch, keys, .. } = &mut followed;
    let snapshots = [(); 2].map(|()| watch.next().unwrap().unwrap().key);
    assert_eq!((snapshots, watch.service(keys[0]).is_some()), (*keys, true));
    let Some(hang) = Hang::over(&hangs) else { return };
    followed.stir();
    let Followed { mut watch, keys: [web, well_key], mut logs, mut log, .. } = followed;

    // Twice: what hangs already, and what begins to.
    for wait in [0, 20, 0] {
        let deadline = Instant::now() + Duration::from_millis(wait);
        let error = watch.next_before(deadline).unwrap_err();
        assert!(deadline.elapsed() < PATIENCE, "{:?}", deadline.elapsed());
        assert_eq!(
            error.to_string(),
            format!("cannot use {}: it does not answer", hangs.join("web").display())
        );
        let deadline = Instant::now() + Duration::from_millis(wait);
        // What was written before is read from the open file.
        let read = logs.next_before(deadline);
        println!("late: {:?}, {read:?}", deadline.elapsed());
        assert!(deadline.elapsed() < PATIENCE, "{:?}", deadline.elapsed());
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Unanswered);
    }
    let is_away = |result: Result<(), svclient::Error>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unanswered);
    };
    is_away(watch.next_now().map(drop));
    is_away(watch.add(Service::open(&well).unwrap()).map(drop));
    is_away(logs.next_now().map(drop));
    assert!(watch.service(web).is_none());
    watch.remove(web);
    // Meanwhile the other goes on, and nothing of that is lost.
    fs::write(well.join("down"), "").unwrap();
    fs::write(well.join("main/current"), "first\nmore\n").unwrap();
    log.write_all(b"third\n").unwrap();
    drop(hang.server);
    let patience = Instant::now() + PATIENCE;
    let event = watch.next_before(patience).unwrap().unwrap();
    assert_eq!((event.key, event.news, event.seq), (well_key, News::Changed, 3));
    assert!(watch.service(web).is_none() && watch.service(well_key).is_some());
    let (mut lines, mut broken) = (Vec::new(), 0);
    while lines.len() < 3 {
        match logs.next_before(patience) {
            Ok(line) => match line.unwrap().item {
                LogItem::Line(line) => lines.push(String::from_utf8(line).unwrap()),
                other => panic!("{other:?}"),
            },
            // The directory of the one log is broken now, and the other goes on.
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::Unanswered);
                broken += 1;
            }
        }
    }
    lines.sort();
    assert_eq!(lines, ["more", "second", "third"]);
    assert!((1..10).contains(&broken), "{broken}");
}

/// A task is never held: others of its thread go on, and it ends at its deadline.
#[cfg(all(feature = "tokio", feature = "async-io"))]
#[test]
fn a_future_over_a_directory_that_hangs_holds_no_task_and_no_thread() {
    let tree = TempDir::new().unwrap();
    let (hangs, well) = (tree.path().join("hangs"), tree.path().join("well"));
    let (_theirs, _ours) = (supervised(&hangs.join("web")), supervised(&well));
    let services = [well, hangs.join("web")].map(|dir| Service::open(dir).unwrap());
    let Some(hang) = Hang::over(&hangs) else { return };
    let request = Request::wait(svproto::goal::Goal::Down);
    let check = |deadline: Instant, results: Result<Vec<_>, svclient::Error>| {
        println!("{:?} after the deadline", deadline.elapsed());
        assert!(deadline.elapsed() < PATIENCE, "{:?}", deadline.elapsed());
        let mut results = results.unwrap().into_iter();
        let web: Result<svclient::Outcome, svclient::Error> = results.nth(1).unwrap();
        assert_eq!(web.unwrap_err().kind(), ErrorKind::Unanswered);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let deadline = Instant::now() + Duration::from_millis(100);
        let (its, turns) = (services.clone(), std::rc::Rc::new(std::cell::Cell::new(0)));
        let its_turns = std::rc::Rc::clone(&turns);
        let local = tokio::task::LocalSet::new();
        local.spawn_local(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                its_turns.set(its_turns.get() + 1);
            }
        });
        let results = local
            .run_until(async move { svclient::tokio::pursue_all(&its, &request, deadline).await })
            .await;
        check(deadline, results);
        assert!(turns.get() > 1, "another task of the same thread went on");
    });
    let deadline = Instant::now() + Duration::from_millis(20);
    check(
        deadline,
        async_io::block_on(svclient::async_io::pursue_all(&services, &request, deadline)),
    );
    drop(hang.server);
}
