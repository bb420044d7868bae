//! Services that change faster than anybody looks: every call comes back at its deadline, other
//! services are heard of, and what waits is bounded. Directories alone, without supervisors.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use svclient::{Bulk, Dialect, News, Op, Request, ScanDir, Service, WatchSet};
use tempfile::{TempDir, tempdir};

/// Does something again and again until it is dropped.
struct Storm {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Storm {
    fn of(mut work: impl FnMut(u32) + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut round = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                work(round);
                round = round.wrapping_add(1);
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

/// A runit record: up or down, since some second.
fn record(round: u32) -> [u8; 20] {
    let mut record = [0; 20];
    let [label @ .., _, _, _, _, _, want, _, phase] = &mut record;
    let (secs, _) = label.split_at_mut(8);
    secs.copy_from_slice(&(0x4000_0000_6b03_7e0d_u64 + u64::from(round)).to_be_bytes());
    *want = b'u';
    *phase = u8::from(round % 2 == 0);
    if *phase == 1 {
        let [.., pid, _, _, _, _, _, _, _] = &mut record;
        *pid = 7;
    }
    record
}

fn publish(dir: &Path, round: u32) {
    let supervise = dir.join("supervise");
    fs::write(supervise.join("status.new"), record(round)).unwrap();
    fs::rename(supervise.join("status.new"), supervise.join("status")).unwrap();
}

/// A service directory whose record says something, and whose `ok` has a reader: this process.
fn supervised(dir: &Path) -> fs::File {
    let supervise = dir.join("supervise");
    fs::create_dir_all(&supervise).unwrap();
    publish(dir, 0);
    for fifo in ["ok", "control"] {
        nix::unistd::mkfifo(&supervise.join(fifo), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    // runit's mark, beside `status`.
    fs::write(supervise.join("stat"), "run\n").unwrap();
    OpenOptions::new().read(true).write(true).open(supervise.join("ok")).unwrap()
}

fn tree() -> (TempDir, PathBuf, PathBuf) {
    let tree = tempdir().unwrap();
    let (loud, quiet) = (tree.path().join("loud"), tree.path().join("quiet"));
    (tree, loud, quiet)
}

/// Calls with a deadline for a while; how late the latest came back, and whether the other was
/// heard of.
fn listen(watch: &mut WatchSet, quiet: &Path) -> (Duration, bool, usize) {
    let (mut latest, mut heard, mut events) = (Duration::ZERO, false, 0);
    let begun = Instant::now();
    fs::write(quiet.join("down"), "").unwrap();
    while begun.elapsed() < Duration::from_secs(2) || (!heard && begun.elapsed().as_secs() < 20) {
        let deadline = Instant::now() + Duration::from_millis(5);
        if let Some(event) = watch.next_before(deadline).unwrap() {
            events += 1;
            heard |= event.name() == "quiet" && event.news == News::Changed;
        }
        latest = latest.max(Instant::now().saturating_duration_since(deadline));
    }
    println!("{events} events; the latest call was {latest:?} late");
    (latest, heard, events)
}

#[test]
fn a_service_that_changes_all_the_time_hides_no_other() {
    let (_tree, loud, quiet) = tree();
    let _held = [supervised(&loud), supervised(&quiet)];
    let mut watch = WatchSet::new().unwrap();
    for dir in [&loud, &quiet] {
        watch.add(Service::with_dialect(dir, Dialect::Runit).unwrap()).unwrap();
    }
    let _storm = Storm::of(move |round| publish(&loud, round));
    let (latest, heard, events) = listen(&mut watch, &quiet);
    assert!(heard && events > 0);
    assert!(latest < Duration::from_secs(5), "{latest:?}");
}

#[test]
fn a_flood_of_letters_hides_no_other_and_is_not_hoarded() {
    let (_tree, loud, quiet) = tree();
    let _held = [supervised(&loud), supervised(&quiet)];
    fs::create_dir(loud.join("event")).unwrap();
    let mut watch = WatchSet::new().unwrap();
    let key = watch.add(Service::with_dialect(&loud, Dialect::S6).unwrap()).unwrap();
    watch.add(Service::with_dialect(&quiet, Dialect::Runit).unwrap()).unwrap();
    watch.listen(key).unwrap();
    let listener = fs::read_dir(loud.join("event")).unwrap().next().unwrap().unwrap().path();
    let _storm = Storm::of(move |_| {
        // As s6 does: opened and closed for each event. The reader's end ends the storm.
        if let Ok(mut fifo) = OpenOptions::new().write(true).open(&listener) {
            let _full = fifo.write_all(&b"udD".repeat(1000));
        } else {
            thread::yield_now();
        }
    });
    let (latest, heard, events) = listen(&mut watch, &quiet);
    assert!(heard && events > 1000, "{events}");
    assert!(latest < Duration::from_secs(5), "{latest:?}");
    // The writer waits in a pipe without room: this is the end of it.
    drop(watch);
}

#[test]
fn links_that_come_and_go_hide_no_other() {
    let (tree, loud, quiet) = tree();
    let scan = tree.path().join("scan");
    fs::create_dir(&scan).unwrap();
    let _held = [supervised(&loud), supervised(&quiet)];
    symlink(&quiet, scan.join("quiet")).unwrap();
    let mut watch = WatchSet::new().unwrap();
    watch.follow(ScanDir::new(&scan)).unwrap();
    let _storms = [0, 1].map(|half| {
        let (loud, scan) = (loud.clone(), scan.clone());
        Storm::of(move |round| {
            let link = scan.join(format!("link-{half}-{}", round % 100));
            if fs::remove_file(&link).is_err() {
                symlink(&loud, &link).unwrap();
            }
        })
    });
    let (latest, heard, events) = listen(&mut watch, &quiet);
    assert!(heard && events > 0);
    assert!(latest < Duration::from_secs(5), "{latest:?}");
}

/// Whoever may be asked and never becomes what is wanted, among those that change all the time.
#[test]
fn requests_and_waits_end_at_their_deadline_in_a_storm() {
    let (_tree, loud, quiet) = tree();
    let _held = [supervised(&loud), supervised(&quiet)];
    let services = [&loud, &quiet].map(|dir| Service::with_dialect(dir, Dialect::Runit).unwrap());
    let control = |dir: &Path| {
        let path = dir.join("supervise/control");
        let fifo = OpenOptions::new().read(true).write(true).open(path).unwrap();
        nix::fcntl::fcntl(&fifo, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))
            .unwrap();
        fifo
    };
    let [read, mut full] = [&loud, &quiet].map(|dir| control(dir));
    while full.write(&[b'o'; 4096]).is_ok() {}
    while full.write(b"o").is_ok() {}
    let _storm = Storm::of(move |round| publish(&loud, round));
    let late = |what: &str, work: &dyn Fn(Instant)| {
        let deadline = Instant::now() + Duration::from_millis(300);
        work(deadline);
        let late = Instant::now().saturating_duration_since(deadline);
        println!("{what}: {late:?} late");
        assert!(late < Duration::from_secs(5), "{what}: {late:?}");
    };
    let [_, stuck] = &services;
    late("send_before", &|deadline| {
        let _full = stuck.send_before(Op::Hup, deadline).unwrap_err();
    });
    late("send_all_before", &|deadline| {
        let _full = stuck.send_all_before(&[Op::Hup, Op::Up], deadline).unwrap_err();
    });
    for request in [Request::restart(), Request::down(), Request::down().kill_after(Duration::MAX)]
    {
        late("pursue", &|deadline| {
            let results = Bulk::new(&services).pursue(&request, deadline).unwrap();
            assert_eq!(results.len(), 2);
        });
        late("one at a time", &|deadline| {
            let one = std::num::NonZeroUsize::MIN;
            let results = Bulk::new(&services).limit(one).pursue(&request, deadline).unwrap();
            assert_eq!(results.len(), 2);
        });
    }
    drop(read);
}

/// Its entries come and go, and nobody ever supervises it.
#[test]
fn enabling_ends_at_its_deadline_in_a_storm() {
    let tree = tempdir().unwrap();
    let (scan, web) = (tree.path().join("scan"), tree.path().join("web"));
    fs::create_dir_all(web.join("supervise")).unwrap();
    fs::create_dir(&scan).unwrap();
    let down = web.join("down");
    let _storm = Storm::of(move |_| {
        fs::write(&down, "").unwrap();
        fs::remove_file(&down).unwrap();
    });
    let deadline = Instant::now() + Duration::from_millis(500);
    let enabled = ScanDir::new(&scan).enable(&web, deadline).unwrap();
    let late = Instant::now().saturating_duration_since(deadline);
    println!("{late:?} late");
    assert!(matches!(enabled.noticed, svclient::Noticed::NotYet { .. }), "{enabled:?}");
    assert!(late < Duration::from_secs(5), "{late:?}");
}

/// A log that grows faster than it is read, and one that says nothing.
#[test]
fn a_line_is_waited_for_until_the_deadline_and_no_longer() {
    let tree = tempdir().unwrap();
    let dir = tree.path().join("log");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("current"), "").unwrap();
    let log = svclient::LogDir::open(&dir).unwrap();
    let mut logs = svclient::Logs::new().unwrap();
    logs.add(&log, svclient::LogFrom::End).unwrap();
    // Much is written, and never a line.
    let mut file = OpenOptions::new().append(true).open(dir.join("current")).unwrap();
    let _storm = Storm::of(move |round| {
        if round < 20_000 {
            file.write_all(&[b'x'; 4096]).unwrap();
        } else {
            thread::yield_now();
        }
    });
    let begun = Instant::now();
    let mut latest = Duration::ZERO;
    while begun.elapsed() < Duration::from_secs(1) {
        let deadline = Instant::now() + Duration::from_millis(20);
        logs.next_before(deadline).unwrap();
        latest = latest.max(Instant::now().saturating_duration_since(deadline));
    }
    println!("the latest call was {latest:?} late");
    assert!(latest < Duration::from_secs(5), "{latest:?}");
}
