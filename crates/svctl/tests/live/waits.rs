//! What is waited for, and what the answer is about.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    sentences::{act, until, until_state},
    supervised::{PATIENCE, Suite, Supervised, encore, skips},
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

/// `--stream`: a line for what is done, while the rest is waited for.
pub fn what_is_done_is_told_while_others_are_waited_for(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let bare = tempfile::tempdir().unwrap();
    fs::write(bare.path().join("run"), "").unwrap();
    let paths = [supervised.dir(), bare.path().to_owned(), "/no/such/service".into()];
    let line = ["wait", "--for", "down", "--stream", "--json"].map(OsStr::new);
    let words = line.into_iter().chain(paths.iter().map(|it| it.as_os_str()));
    let child = command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut waiting = Waiting(Some(child));
    let out = waiting.0.as_mut().and_then(|it| it.stdout.take()).unwrap();
    let mut lines = BufReader::new(out).lines().map(|line| {
        let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
        crate::schema::check(&value);
        value
    });
    // Who has no supervisor is down; the other one still runs when that is read.
    let first = lines.next().unwrap();
    assert_eq!(first["path"], bare.path().to_str().unwrap(), "{first}");
    assert_eq!(act(&supervised, &["down"]).code, 0);
    let second = lines.next().unwrap();
    assert_eq!((&second["service"], &second["outcome"]), (&"web".into(), &"reached".into()));
    // What could not be opened comes last.
    let third = lines.next().unwrap();
    assert_eq!((&third["outcome"], lines.next()), (&"error".into(), None), "{third}");
    assert_eq!(waiting.end().code, 111);
    let text = act(&supervised, &["up", "--stream"]);
    assert!(text.code == 0 && text.out.contains("/web: up"), "{text:?}");
    // Where one is enough, nobody is complained about once it is there.
    let line = ["wait", "--for", "up", "--any", "--stream"].map(OsStr::new);
    let any = crate::svctl::run(line.into_iter().chain(paths.iter().map(|it| it.as_os_str())));
    let is_one = any.out.lines().count() == 1 && any.out.contains("/web: ");
    assert!(any.code == 0 && is_one && any.err.is_empty(), "{any:?}");
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
        Waiting::start(&["wait", "--for", goal, "--timeout", "60s"], links)
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
    let words = ["down", "--kill-after", "500ms", "--timeout", "60s"];
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

/// A process that looks like a scanner of a directory, and does nothing; ended when dropped.
struct Idle(Child);

impl Idle {
    fn start(scan: &Path) -> Self {
        let mut command = Command::new("/bin/sh");
        command.arg0("runsvdir").args(["-c", "read never", "sh"]).arg(scan);
        Self(command.stdin(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// What is linked in and not yet supervised; `family.md` 10.
pub fn a_scanner_that_runs_is_waited_for(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    let scan = supervised.scan_dir().join("scan");
    fs::create_dir(&scan).unwrap();
    let links = [scan.join("linked")];
    symlink(supervised.dir(), &links[0]).unwrap();
    let say = |words: &[&str]| {
        let words = words.iter().map(OsStr::new).chain([links[0].as_os_str()]);
        Run::of(command(words).output().unwrap())
    };
    let alone = say(&["up"]);
    assert!(alone.code == 102 && alone.err.contains("whose scanner runs"), "{alone:?}");
    let scanner = Idle::start(&scan);
    let unasked = say(&["up", "--no-wait"]);
    assert!(unasked.code == 102 && unasked.err.contains("has not taken it up yet"), "{unasked:?}");
    for words in [["wait", "--for", "supervised"], ["up", "--for", "up"]] {
        let late = say(&[&words[..], &["--timeout", "200ms", "--json"]].concat());
        let row = late.json()[0].take();
        assert_eq!((late.code, row["outcome"].as_str()), (99, Some("deadline")), "{row}");
    }
    let goals = [&["up"][..], &["wait", "--for", "supervised"], &["wait"]];
    let waiting = goals
        .iter()
        .map(|words| Waiting::start(&[words, &["--timeout", "20s"][..]].concat(), &links));
    let waiting: Vec<_> = waiting.collect();
    supervised.supervise();
    for told in waiting.into_iter().map(Waiting::end) {
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
    }
    let gone = say(&["exit"]);
    assert!(gone.code == 0 && gone.out.contains("its scanner will start it again"), "{gone:?}");
    assert!(gone.out.contains("`svctl disable` keeps it away"), "{gone:?}");
    drop(scanner);
}

/// The link goes first, and the name is asked for then: everybody disables like this.
pub fn a_supervisor_that_outlived_its_link_is_found(suite: Suite) {
    let program = match suite {
        Suite::Runit => "runsvdir",
        Suite::Daemontools => "svscan",
        Suite::Encore => encore("svscan"),
        Suite::S6 => "s6-svscan",
        Suite::Embedded => return skips::no_test("it ends a service in the moment its link goes"),
    };
    let supervised = Supervised::prepare(suite, SLEEP);
    let scan = supervised.scan_dir().join("scan");
    fs::create_dir(&scan).unwrap();
    symlink(supervised.dir(), scan.join("linked")).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = Path::new(program).parent().map(Path::to_owned).into_iter();
    let path = std::env::join_paths(first.chain(std::env::split_paths(&path))).unwrap();
    let mut scanner = Command::new(program);
    scanner.arg(&scan).current_dir(&scan).env("PATH", path).stdin(Stdio::null());
    let scanner = Idle(scanner.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until_state(&supervised, "up");
    fs::remove_file(scan.join("linked")).unwrap();
    let say = |words: &[&str]| {
        let words = words.iter().map(OsStr::new).chain(["--dir".as_ref(), scan.as_os_str()]);
        Run::of(command(words).output().unwrap())
    };
    let status = say(&["status", "linked", "--json"]);
    assert_eq!((status.code, status.json()[0]["supervised"].as_bool()), (0, Some(true)));
    let down = say(&["down", "linked"]);
    assert_eq!(down.code, 0, "{down:?}");
    let ended = say(&["disable", "linked"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    for words in [["wait", "--for", "gone", "linked"], ["wait", "--for", "down", "linked"]] {
        let gone = say(&words);
        assert!(gone.code == 0 && gone.out.contains("already gone"), "{gone:?}");
    }
    assert_eq!(say(&["up", "linked"]).code, 111);
    drop(scanner);
}

/// `family.md` 31.
pub fn the_run_that_is_asked_for_is_waited_for(suite: Suite) {
    let mut supervised =
        Supervised::prepare(suite, "while ! [ -e go ]; do sleep 0.01; done\nexit 3");
    supervised.file("down", "");
    supervised.supervise();
    until_state(&supervised, "down");
    for verb in ["once", "up"] {
        let dirs = [supervised.dir()];
        let waiting =
            Waiting::start(&[verb, "--for", "finished", "--timeout", "20s", "--json"], &dirs);
        until(&supervised, |row| row["pid"].is_u64());
        supervised.file("go", "");
        let told = waiting.end();
        let row = told.json()[0].take();
        assert_eq!((told.code, row["outcome"].as_str()), (0, Some("reached")), "{row}");
        if matches!(suite, Suite::S6 | Suite::Embedded) {
            assert_eq!(row["exit"]["code"], 3, "{row}");
        }
        assert_eq!(act(&supervised, &["down"]).code, 0);
        fs::remove_file(supervised.dir().join("go")).unwrap();
    }
}

/// `family.md` 35, which encore alone has.
#[test]
fn what_a_start_script_has_started_is_up() {
    if !Suite::Encore.is_installed() {
        return;
    }
    let mut supervised = Supervised::prepare(Suite::Encore, "");
    fs::remove_file(supervised.dir().join("run")).unwrap();
    supervised.script("start", "echo >>started");
    supervised.supervise();
    until_state(&supervised, "up");
    for words in [["wait", "--for", "up"], ["up", "--for", "up"], ["wait", "--for", "up-for=10ms"]]
    {
        let told = act(&supervised, &[&words[..], &["--timeout", "5s"]].concat());
        assert!(told.code == 0 && told.out.contains("up"), "{told:?}");
        assert!(!told.out.contains("ended"), "{told:?}");
    }
    let count = || fs::read(supervised.dir().join("started")).unwrap().len();
    assert_eq!(count(), 1);
    let restarted = act(&supervised, &["restart"]);
    assert_eq!((restarted.code, count()), (0, 2), "{restarted:?}");
    assert_eq!(act(&supervised, &["down"]).code, 0);
    until_state(&supervised, "down");
    assert_eq!((act(&supervised, &["up"]).code, count()), (0, 3));
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

/// runsv and supervise write that a service is up as soon as they have forked.
pub fn what_cannot_be_executed_is_not_up(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    let run = supervised.dir().join("run");
    let chmod = |mode| fs::set_permissions(&run, fs::Permissions::from_mode(mode)).unwrap();
    chmod(0o644);
    let is_told_by_its_end = matches!(suite, Suite::Runit | Suite::Daemontools);
    supervised.supervise();
    for words in [["up"].as_slice(), &["wait", "--for", "up"]] {
        // The others do not call it up, and start it again and again.
        let (timeout, exit) = if is_told_by_its_end { ("60s", 1) } else { ("2s", 99) };
        let late = act(&supervised, &[words, &["--timeout", timeout]].concat());
        assert!(late.code == exit || (late.code == 1 && exit == 99), "{words:?}: {late:?}");
        assert!(late.err.contains("run is not executable"), "{words:?}: {late:?}");
    }
    // One that began before it was changed is up.
    chmod(0o755);
    assert_eq!(act(&supervised, &["up", "--timeout", "60s"]).code, 0);
    chmod(0o644);
    let up = act(&supervised, &["up", "--timeout", "60s"]);
    assert!(up.code == 0 && up.out.contains("already"), "{up:?}");
}
