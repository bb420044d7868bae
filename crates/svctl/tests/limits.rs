//! `svctl scan` at the limits of a system: open files, inotify. `cargo xtask test` says all of it
//! also to the program that is given out.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "live/schema.rs"]
mod schema;
#[path = "../../svclient/tests/live/scripts.rs"]
mod scripts;
#[path = "../../svclient/tests/live/strays.rs"]
mod strays;
#[path = "live/svctl.rs"]
mod svctl;

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        resource::{Resource, getrlimit},
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};
use tempfile::TempDir;

/// No step of many takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A scan directory and `svctl scan`, gone with the value.
struct Scan {
    tree: TempDir,
    child: Option<Child>,
}

impl Scan {
    fn new() -> Self {
        let tree = tempfile::Builder::new().prefix("svlimit-").tempdir().unwrap();
        fs::create_dir(tree.path().join("scan")).unwrap();
        scripts::write(&tree.path().join("sleep"), "#!/bin/sh\nexec sleep 1000000\n");
        Self { tree, child: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    /// A service that sleeps. It appears with its `run`.
    fn sleeper(&self, name: &str) -> PathBuf {
        self.service(name, "sleep")
    }

    /// A service with this script, which is a name beside the scan directory.
    fn service(&self, name: &str, script: &str) -> PathBuf {
        let fresh = self.path("fresh");
        fs::create_dir(&fresh).unwrap();
        fs::hard_link(self.path(script), fresh.join("run")).unwrap();
        let dir = self.path("scan").join(name);
        fs::rename(fresh, &dir).unwrap();
        dir
    }

    /// Starts it after these words of a shell.
    fn start(&mut self, first: &str) {
        let words = format!("{first}\nexec \"$@\"");
        let mut sh = Command::new("sh");
        sh.args(["-c", &words, "sh"]).arg(svctl::program()).arg("scan").arg(self.path("scan"));
        let said = File::create(self.path("said")).unwrap();
        let spawned = sh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn();
        self.child = Some(spawned.unwrap());
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// What it has said so far.
    fn said(&self) -> String {
        fs::read_to_string(self.path("said")).unwrap()
    }

    /// How many run.
    fn running(&self) -> usize {
        self.taken().len()
    }

    /// Those that run.
    fn taken(&self) -> Vec<PathBuf> {
        let services = fs::read_dir(self.path("scan")).unwrap().map(|it| it.unwrap().path());
        let runs = |dir: &PathBuf| {
            fs::read(dir.join("supervise/stat")).is_ok_and(|stat| stat.starts_with(b"run"))
        };
        services.filter(runs).collect()
    }

    /// Waits until it is so; as long as more and more are running.
    #[track_caller]
    fn until(&self, what: &str, so: impl Fn() -> bool) {
        let (mut seen, mut since) = (0, Instant::now());
        while !so() {
            let running = self.running();
            if running > seen {
                (seen, since) = (running, Instant::now());
            }
            assert!(since.elapsed() < PATIENCE, "{what}: {running} run; {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it, and nothing is left.
    fn stop(mut self) {
        let mut child = self.child.take().unwrap();
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let deadline = Instant::now() + 5 * PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.child = Some(child);
                panic!("it does not end: {}", self.said());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(status.code(), Some(0), "{}", self.said());
        assert_eq!(strays::processes(self.tree.path()), []);
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        strays::end(self.tree.path(), || ());
    }
}

/// What starts a process may open files itself just then: a pipe of musl's, one of std's.
#[test]
fn services_get_the_low_soft_limit_that_was_there_and_all_start() {
    let mut scan = Scan::new();
    let run = "#!/bin/sh\nread fd <notification-fd\n(ulimit -Sn; ulimit -Hn) >limit\n\
               exec bash -c \"echo >&$fd; exec sleep 1000000\"\n";
    scripts::write(&scan.path("ready"), run);
    let services: Vec<_> = (0..120)
        .map(|number| {
            let fd = 1 + number % 30;
            let dir = scan.service(&format!(".s{number}"), "ready");
            fs::write(dir.join("notification-fd"), format!("{fd}\n")).unwrap();
            let shown = scan.path("scan").join(format!("s{number}"));
            fs::rename(dir, &shown).unwrap();
            shown
        })
        .collect();
    let hard = getrlimit(Resource::RLIMIT_NOFILE).unwrap().1;
    assert!(hard >= 1000, "the hard limit on open files is {hard}");
    scan.start("ulimit -Sn 40");
    let ready = |dir: &PathBuf| {
        let text = fs::read_to_string(dir.join("supervise/embedded")).unwrap_or_default();
        text.lines().any(|line| line.starts_with("ready @"))
    };
    scan.until("ready", || services.iter().all(ready));
    for service in &services {
        let limit = fs::read_to_string(service.join("limit")).unwrap();
        assert_eq!(limit, format!("40\n{hard}\n"), "{}", service.display());
    }
    assert_eq!(scan.said(), "");
    scan.stop();
}

/// Six descriptors for a service: so many ways there are for what is left to be just enough.
#[test]
fn the_first_message_says_how_many_services_fit_and_room_is_taken_when_there_is_some() {
    const LIMIT: usize = 130;
    const SERVICES: usize = 14;
    let scans: Vec<_> = (0..=6)
        .map(|more| {
            let mut scan = Scan::new();
            for number in 0..SERVICES {
                scan.sleeper(&format!("s{number:02}"));
            }
            let open: Vec<_> = (3..3 + more).map(|fd| format!("{fd}</dev/null")).collect();
            scan.start(&format!("exec {}\nulimit -Sn 100; ulimit -Hn {LIMIT}", open.join(" ")));
            scan
        })
        .collect();
    let fits: Vec<_> = scans.iter().map(|scan| first_message(scan, LIMIT, SERVICES)).collect();
    assert!((5..12).contains(&fits[0]) && fits[6] + 1 == fits[0], "{fits:?}");
    let taken: Vec<_> = scans
        .iter()
        .zip(&fits)
        .map(|(scan, fit)| {
            scan.until("those that fit", || scan.running() == *fit);
            let taken = scan.taken();
            assert_eq!(taken.len(), *fit, "{taken:?}");
            // One leaves, and one of those that wait takes its place; those before it are not
            // disturbed.
            fs::remove_dir_all(&taken[0]).unwrap();
            taken
        })
        .collect();
    let pid = |dir: &PathBuf| fs::read_to_string(dir.join("supervise/pid")).unwrap();
    for ((scan, fit), taken) in scans.into_iter().zip(fits).zip(taken) {
        let is_new = |dir: &PathBuf| !taken.contains(dir);
        scan.until("another", || scan.running() == fit && scan.taken().iter().any(is_new));
        // Killed, they start again: that room is kept.
        let former = pid(&taken[1]);
        kill(Pid::from_raw(former.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
        scan.until("a new process", || {
            let now = pid(&taken[1]);
            now != former && !now.is_empty()
        });
        scan.stop();
    }
}

/// How many services fit, as the only message says.
#[track_caller]
fn first_message(scan: &Scan, limit: usize, services: usize) -> usize {
    scan.until("the message", || scan.said().contains("hint"));
    let said = scan.said();
    let words: Vec<_> = said.lines().next().unwrap().split(' ').collect();
    let fit: usize = words[words.len() - 7].parse().unwrap();
    // Which one comes first is the scanner's affair.
    let named = said.strip_prefix("svctl: cannot supervise ").and_then(|it| it.split_once(" and "));
    let next = PathBuf::from(named.expect("a service is named").0);
    assert!(next.starts_with(scan.path("scan")), "{said}");
    let more = services - fit - 1;
    let expected = format!(
        "svctl: cannot supervise {} and {more} others: {fit} services fit into {limit} open files\n  \
         hint: raise the hard limit of what starts the supervisor: ulimit -Hn, LimitNOFILE=\n",
        next.display()
    );
    assert_eq!(said, expected);
    fit
}

/// As many as there is room for, ten thousand at most; with `runsvdir`, each has a process of its
/// own to open files in.
#[test]
fn thousands_start_where_the_hard_limit_has_room() {
    let hard = getrlimit(Resource::RLIMIT_NOFILE).unwrap().1;
    let most: usize = std::env::var("SV_SERVICES").map_or(2_000, |count| count.parse().unwrap());
    // Five for each, and some for the rest.
    let count = most.min(usize::try_from(hard).unwrap_or(usize::MAX).saturating_sub(200) / 5);
    assert!(count >= 1_000, "the hard limit on open files is {hard}");
    let mut scan = Scan::new();
    for number in 0..count {
        scan.sleeper(&format!("s{number}"));
    }
    let started = Instant::now();
    scan.start("ulimit -Sn 1024");
    scan.until("all", || scan.running() == count);
    println!("{count} services up after {:?}", started.elapsed());
    assert_eq!(scan.said(), "");
    let stopped = Instant::now();
    scan.stop();
    println!("all down after {:?}", stopped.elapsed());
}

/// A namespace of its own has limits of its own on inotify; `gate` opens them again.
fn inotify(limit: &str) -> String {
    let set = format!("/proc/sys/user/max_inotify_{limit}");
    format!("echo 0 >{set} || exit 9\n(read go <gate; echo 100 >{set}; echo done >opened) &")
}

fn listens(scan: &Scan) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", scan.pid())).unwrap().filter_map(Result::ok);
    open.filter_map(|it| fs::read_link(it.path()).ok()).any(|to| to.ends_with("anon_inode:inotify"))
}

/// Each libc has words of its own for the number.
fn follows_without(limit: &str, number: u32) {
    let mut scan = Scan::new();
    mkfifo(&scan.path("gate"), Mode::S_IRWXU).unwrap();
    scan.sleeper("first");
    let here = scan.path("").display().to_string();
    let inner = format!("cd {here}\n{}\nexec \"$@\"", inotify(limit));
    fs::write(scan.path("inner"), inner).unwrap();
    scan.start(&format!("exec unshare --map-root-user sh {here}/inner \"$@\""));
    scan.until("first", || scan.running() == 1);
    // The service runs before the words come.
    scan.until("two lines", || scan.said().lines().count() == 2);
    let expected = scan.said();
    let what = format!(
        "svctl: cannot watch {}, which is listed every 5 seconds instead: ",
        scan.path("scan").display(),
    );
    let hint = format!(
        " (os error {number})\n  \
         hint: this user has as many inotify {limit} as fs.inotify.max_user_{limit}\n",
    );
    assert!(expected.starts_with(&what) && expected.ends_with(&hint), "{expected}");
    assert_eq!(expected.lines().count(), 2, "{expected}");
    assert!(!listens(&scan));
    for (at, name) in ["second", "third"].into_iter().enumerate() {
        scan.sleeper(name);
        scan.until(name, || scan.running() == at + 2);
    }
    // Said once.
    assert_eq!(scan.said(), expected);
    fs::write(scan.path("gate"), "go\n").unwrap();
    scan.until("one that is free", || listens(&scan));
    scan.sleeper("fourth");
    scan.until("fourth", || scan.running() == 4);
    assert_eq!(scan.said(), expected);
    scan.stop();
}

#[test]
fn without_an_instance_of_inotify_the_directory_is_listed_and_it_is_said_once() {
    follows_without("instances", 24);
}

#[test]
fn without_a_watch_of_inotify_the_directory_is_listed_and_it_is_said_once() {
    follows_without("watches", 28);
}
