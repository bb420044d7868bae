//! What is waited for, and what the answer is about.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use crate::{
    sentences::{act, until, until_state},
    supervised::{PATIENCE, Suite, Supervised},
    svctl::{Run, command},
};

const SLEEP: &str = "exec sleep 1000";
const IGNORE_TERM: &str = "trap '' TERM\n: >deaf\nexec sleep 1000";

/// svctl while it waits; ended when dropped.
struct Waiting(Option<Child>);

impl Waiting {
    /// Starts it, until it has opened what it waits for, by each of these paths.
    #[track_caller]
    fn start(words: &[&str], paths: &[PathBuf]) -> Self {
        let dir = paths[0].canonicalize().unwrap();
        let words = words.iter().map(OsStr::new).chain(paths.iter().map(|it| it.as_os_str()));
        let mut command = command(words);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while opened(child.id(), &dir) < paths.len() {
            assert!(Instant::now() < deadline, "it opens nothing");
            std::thread::sleep(Duration::from_millis(2));
        }
        Self(Some(child))
    }

    fn end(mut self) -> Run {
        Run::of(self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// How often a process has a directory open.
fn opened(pid: u32, dir: &Path) -> usize {
    let all = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    all.filter(|fd| fs::read_link(fd.path()).is_ok_and(|it| it == dir)).count()
}

/// Links go, lead elsewhere and get other names while somebody waits for what they led to.
pub fn what_was_opened_is_what_is_waited_for(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let scan = supervised.scan_dir();
    let other = scan.join("other");
    fs::create_dir(&other).unwrap();
    fs::copy(supervised.dir().join("run"), other.join("run")).unwrap();
    let link = |name: &str| {
        let link = scan.join(name);
        symlink(supervised.dir(), &link).unwrap();
        link
    };
    let elsewhere = |link: &Path| {
        symlink(&other, scan.join("new")).unwrap();
        fs::rename(scan.join("new"), link).unwrap();
    };
    let until = |goal: &str, links: &[PathBuf]| {
        Waiting::start(&["wait", "--for", goal, "--timeout", "20s"], links)
    };
    let links = ["goes", "renamed", "elsewhere"].map(link);
    let waiting = [&links[..1], &links[1..2], &links[2..], &links].map(|it| until("down", it));
    fs::remove_file(&links[0]).unwrap();
    fs::rename(&links[1], scan.join("another")).unwrap();
    elsewhere(&links[2]);
    assert_eq!(act(&supervised, &["down"]).code, 0);
    for told in waiting.map(Waiting::end) {
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
    }
    // SIGKILL hits what was opened, and not what the link leads to by now.
    supervised.script("run", IGNORE_TERM);
    assert_eq!(act(&supervised, &["up"]).code, 0);
    until_there(&supervised.dir().join("deaf"));
    let links = [link("stopped")];
    let words = ["down", "--kill-after", "500ms", "--timeout", "20s"];
    let stopping = Waiting::start(&words, &links);
    elsewhere(&links[0]);
    let told = stopping.end();
    assert_eq!(told.code, 0, "{told:?}");
    assert!(!other.join("supervise").exists(), "nobody touched it");
    // Everybody disables like this; the supervisor may be gone before anybody sees it down.
    supervised.script("run", SLEEP);
    assert_eq!(act(&supervised, &["up"]).code, 0);
    let links = ["one", "two"].map(link);
    let waiting = [until("down", &links), until("gone", &links), until("gone", &links[..1])];
    for link in &links {
        fs::remove_file(link).unwrap();
    }
    assert_eq!(act(&supervised, &["exit"]).code, 0);
    for told in waiting.map(Waiting::end) {
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
    }
}

#[track_caller]
fn until_there(path: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < deadline, "not in time: {}", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `family.md` 8 and 9.
pub fn what_is_paused_is_not_up(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    assert_eq!(act(&supervised, &["pause"]).code, 0);
    until_state(&supervised, "paused");
    let late = act(&supervised, &["wait", "--for", "up", "--timeout", "400ms"]);
    assert!(late.code == 99 && late.err.contains("its process is paused; `cont`"), "{late:?}");
    assert!(late.err.contains("hint: svctl cont "), "{late:?}");
    let check = act(&supervised, &["check"]);
    assert!(check.code == 1 && check.err.contains("`cont` lets it go on"), "{check:?}");
    // It has read `up`, and does not end: SIGTERM waits as well.
    assert_eq!(act(&supervised, &["term"]).code, 0);
    let late = act(&supervised, &["up", "--timeout", "400ms", "--json"]);
    let row = late.json()[0].take();
    assert_eq!((late.code, row["why"].as_str()), (99, Some("paused")), "{row}");
    assert_eq!(act(&supervised, &["cont"]).code, 0);
    until(&supervised, |now| now["state"] == "up" && now["pid"] != row["pid"]);
}
