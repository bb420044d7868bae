//! `svctl dev` and `svctl scan FILE`: definitions under the embedded supervisor, without and with a terminal.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "dev/blog.rs"]
mod blog;
#[path = "dev/ends.rs"]
mod ends;
#[path = "dev/hello.rs"]
mod hello;
#[path = "dev/here.rs"]
mod here;
#[path = "dev/jobs.rs"]
mod jobs;
#[path = "dev/programs.rs"]
mod programs;
#[path = "dev/reloads.rs"]
mod reloads;
#[path = "dev/scans.rs"]
mod scans;
#[path = "live/schema.rs"]
mod schema;
#[path = "../../svclient/tests/live/skips.rs"]
mod skips;
#[path = "live/svctl.rs"]
mod svctl;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use svctl::{Run, command, program, run};
use tempfile::TempDir;

const TWO: &str = r#"
[service.base]
exec = ["sh", "-c", "read go < gate; echo >&3; echo base is here; exec sleep 1000"]
cwd = "CWD"
ready = { fd = 3 }

[service.top]
exec = ["sh", "-c", "echo top is here; exec sleep 1000"]
after = ["base"]
"#;

struct Stage {
    dir: TempDir,
}

impl Stage {
    fn new(definitions: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = definitions.replace("CWD", dir.path().to_str().unwrap());
        fs::write(dir.path().join("svcmgr.toml"), text).unwrap();
        nix::unistd::mkfifo(&dir.path().join("gate"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn args(&self) -> Vec<String> {
        let [tree, file] =
            ["tree", "svcmgr.toml"].map(|name| self.path(name).display().to_string());
        vec!["dev".into(), "--tree".into(), tree, file]
    }

    /// For a shell. In its place, not below it: a dash that gets Ctrl-C as well ends with 130,
    /// whatever the program ended with.
    fn typed(&self) -> String {
        format!("exec {} {}", program().display(), self.args().join(" "))
    }

    /// Lets `base` become ready. Opening waits until it reads.
    fn open_gate(&self) {
        fs::write(self.path("gate"), "go\n").unwrap();
    }

    fn state(&self, name: &str) -> Value {
        let dir = self.path("tree/enabled").display().to_string();
        run(["--dir", &dir, "status", "--json", name]).json()[0]["state"].take()
    }
}

/// Both streams of a running program, merged in the order in which they are read. What still runs
/// at the end is killed; then its keeper ends its services.
struct Running {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Running {
    fn start(stage: &Stage, more: &[&str]) -> Self {
        let mut command = command(stage.args());
        command.args(more);
        Self::start_as(command)
    }

    fn start_as(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (say, lines) = std::sync::mpsc::channel();
        let readers: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for reader in readers {
            let say = say.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(reader).lines() {
                    let _left = say.send(line.unwrap());
                }
            });
        }
        Self { child, lines }
    }

    #[track_caller]
    fn until(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => {
                    let found = line.contains(text);
                    seen.push(line);
                    if found {
                        return seen;
                    }
                }
                Err(error) => panic!("{error}: no {text:?} in {seen:#?}"),
            }
        }
    }

    /// Until each of them was seen. Messages and lines of services come through two pipes, in
    /// whatever order.
    #[track_caller]
    fn until_all(&self, texts: &[&str]) -> Vec<String> {
        let mut seen = Vec::new();
        while !texts.iter().all(|text| seen.iter().any(|line: &String| line.contains(text))) {
            seen.extend(self.until(""));
        }
        seen
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let code = self.child.wait().unwrap().code();
        (code, self.lines.iter().collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that was waited for is gone already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn position(lines: &[String], text: &str) -> usize {
    let found = lines.iter().position(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("no {text:?} in {lines:#?}"))
}

/// No process has its files in the tree, whatever became of the program.
#[track_caller]
fn nobody_is_left(tree: &Path) {
    let limit = Instant::now() + Duration::from_secs(60);
    let left = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let cwds = processes.filter_map(|entry| fs::read_link(entry.path().join("cwd")).ok());
        cwds.filter(|cwd| cwd.starts_with(tree)).count()
    };
    while left() > 0 {
        assert!(Instant::now() < limit, "{} processes are left", left());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn services_start_by_need_and_stop_in_reverse() {
    let stage = Stage::new(TWO);
    let running = Running::start(&stage, &[]);
    running.until("base * starting");
    assert_eq!(stage.state("base"), "starting");
    stage.open_gate();
    let whole = [
        "all services are up",
        "base * ready",
        "top  * up",
        "base | base is here",
        "top  | top is here",
    ];
    let lines = running.until_all(&whole);
    assert!(position(&lines, "base * ready") < position(&lines, "top  * up"), "{lines:#?}");
    assert_eq!((stage.state("base"), stage.state("top")), ("ready".into(), "up".into()));
    // What a service writes there is its log.
    let enabled = stage.path("tree/enabled").display().to_string();
    let logged = run(["logs", "--dir", &enabled, "top"].map(str::to_owned));
    assert!(logged.code == 0 && logged.out.ends_with("top is here\n"), "{logged:?}");
    running.signal(Signal::SIGINT);
    let (code, lines) = running.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    // A stop that is over before anybody looks was never seen stopping.
    let leaves = lines
        .iter()
        .position(|line| line.contains("base * stopping") || line.contains("base * down"));
    assert!(Some(position(&lines, "top  * down")) < leaves, "{lines:#?}");
    nobody_is_left(&stage.path("tree"));
    // And again: a tree is there for the next time.
    let again = Running::start(&stage, &[]);
    again.until("base * starting");
    again.signal(Signal::SIGTERM);
    assert_eq!(again.end().0, Some(0));
    nobody_is_left(&stage.path("tree"));
}

#[test]
fn what_ignores_its_end_is_killed_when_its_time_is_over_or_at_once() {
    let stage = Stage::new(
        r#"[service.deaf]
        exec = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]
        stop = { kill_after = "200ms" }"#,
    );
    let running = Running::start(&stage, &[]);
    running.until("deaf | deaf");
    running.signal(Signal::SIGINT);
    let (code, lines) = running.end();
    assert_eq!(code, Some(99), "{lines:#?}");
    position(&lines, "had to be killed");
    nobody_is_left(&stage.path("tree"));

    let text = fs::read_to_string(stage.path("svcmgr.toml")).unwrap().replace("200ms", "1h");
    fs::write(stage.path("svcmgr.toml"), text).unwrap();
    let running = Running::start(&stage, &[]);
    running.until("deaf | deaf");
    running.signal(Signal::SIGINT);
    running.until("once more kills");
    running.signal(Signal::SIGINT);
    running.until("killing");
    running.end();
    nobody_is_left(&stage.path("tree"));
}

/// `ign` takes all of its time, and `plain` none of it.
#[test]
fn only_who_had_to_be_killed_is_accused() {
    let stage = Stage::new(
        r#"[service.ign]
        exec = ["sh", "-c", "trap '' TERM; echo ignores; while :; do sleep 0.1; done"]
        stop = { kill_after = "300ms" }
        [service.plain]
        exec = ["sleep", "1000"]
        stop = { kill_after = "300ms" }
        [service.slow]
        exec = ["sh", "-c", "trap 'sleep 1; exit' TERM; echo slow; while :; do sleep 0.1; done"]"#,
    );
    let running = Running::start(&stage, &[]);
    running.until_all(&["ign   | ignores", "slow  | slow", "all services are up"]);
    running.signal(Signal::SIGTERM);
    let (code, lines) = running.end();
    assert_eq!(code, Some(99), "{lines:#?}");
    let accused: Vec<_> = lines.iter().filter(|line| line.contains("had to be killed")).collect();
    assert_eq!(accused, ["svctl: ign: had to be killed after 300ms"]);
    nobody_is_left(&stage.path("tree"));
}

/// Every file below, with a slash behind directories.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The place that nobody chose may be made unusable by another user: then another one can be chosen.
#[test]
fn where_its_place_is_taken_another_one_is_offered() {
    let stage = Stage::new("[service.web]\nexec = [\"sleep\", \"1000\"]\n");
    let temporary = tempfile::tempdir().unwrap();
    let home = temporary.path().join(format!("svdevtree-{}", nix::unistd::geteuid()));
    let own = |line: &[&str]| {
        let mut command = command(["dev"].iter().chain(line));
        command.arg(stage.path("svcmgr.toml")).env("TMPDIR", temporary.path());
        Run::of(command.env_remove("XDG_RUNTIME_DIR").output().unwrap())
    };
    fs::write(&home, "").unwrap();
    let told = own(&[]);
    assert_eq!(told.code, 111, "{told:?}");
    assert!(told.err.contains("\n  hint: --tree DIR keeps the tree in a directory"), "{told:?}");
    let told = own(&["--tree", home.to_str().unwrap()]);
    assert!(told.code == 111 && !told.err.contains("--tree DIR"), "{told:?}");
}

#[test]
fn nothing_of_it_stays_on_the_disk() {
    let stage = Stage::new("[service.web]\nexec = [\"sleep\", \"1000\"]\n");
    let temporary = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = command(["dev".into(), stage.path("svcmgr.toml").into_os_string()]);
        command.env("TMPDIR", temporary.path()).env_remove("XDG_RUNTIME_DIR");
        let running = Running::start_as(command);
        running.until("all services are up");
        assert!(files(temporary.path()).len() > 10);
        running
    };
    let is_empty = || fs::read_dir(temporary.path()).unwrap().count() == 0;
    let until_empty = || {
        let limit = Instant::now() + Duration::from_secs(60);
        while !is_empty() {
            assert!(Instant::now() < limit, "{:#?}", files(temporary.path()));
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    // Ctrl-C: not a moment later.
    let running = start();
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().0, Some(0));
    assert!(is_empty(), "{:#?}", files(temporary.path()));
    // The program is killed, and then program and keeper.
    let running = start();
    running.signal(Signal::SIGKILL);
    running.end();
    until_empty();
    let running = start();
    let keepers = parts(&running, &["svdevtree-keeper"]);
    running.signal(Signal::SIGSTOP);
    kill(keepers[0], Signal::SIGKILL).unwrap();
    running.signal(Signal::SIGKILL);
    running.end();
    until_empty();
    // All that could remove it: the next start does.
    let running = start();
    let all = parts(&running, &["svdevtree-keeper", "svdevtree-guard", "svdevtree-engine"]);
    assert_eq!(all.len(), 3);
    for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
        running.signal(signal);
        for &pid in &all {
            kill(pid, signal).unwrap();
        }
    }
    running.end();
    assert!(!is_empty());
    let running = start();
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end().0, Some(0));
    assert!(is_empty(), "{:#?}", files(temporary.path()));

    // A directory that was named stays, and what is not ours in it.
    fs::create_dir(stage.path("tree")).unwrap();
    let running = Running::start(&stage, &[]);
    running.until("all services are up");
    fs::write(stage.path("tree/letter"), "").unwrap();
    running.signal(Signal::SIGINT);
    running.end();
    assert_eq!(files(&stage.path("tree")), [stage.path("tree/letter")]);
}

/// The processes of its tree that are executed under these names.
fn parts(running: &Running, names: &[&str]) -> Vec<Pid> {
    let mut line = vec![running.child.id().to_string()];
    let mut found = Vec::new();
    // Each is the only child of the one before.
    while let Some(pid) = line.pop() {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        for child in children.unwrap_or_default().split_ascii_whitespace() {
            let words = fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            let name = words.split(|&byte| byte == 0).next().unwrap_or_default();
            if names.iter().any(|it| it.as_bytes() == name) {
                found.push(Pid::from_raw(child.parse().unwrap()));
            }
            line.push(child.to_owned());
        }
    }
    found
}

#[test]
fn without_proc_it_says_what_is_missing() {
    // Only root mounts.
    if !skips::is_root("svctl") {
        return;
    }
    let stage = Stage::new("[service.web]\nexec = [\"sleep\", \"1000\"]\n");
    fs::create_dir(stage.path("root")).unwrap();
    // In a mount namespace of its own, which goes with it.
    let script = format!(
        "mount --make-rprivate / && mount --rbind / {root} && mount -t tmpfs none {root}/proc && \
         exec chroot {root} {program} {}",
        stage.args().join(" "),
        root = stage.path("root").display(),
        program = program().display(),
    );
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
    let run = Run::of(output);
    assert_eq!(run.code, 111, "{run:?}");
    assert!(run.err.contains("nothing is mounted on /proc"), "{run:?}");
    assert!(run.err.contains("hint: mount it: mount -t proc proc /proc"), "{run:?}");
    assert!(!stage.path("tree").exists());
}

#[test]
fn a_service_that_ends_by_itself_is_told_at_the_end() {
    let stage = Stage::new("[service.crasher]\nexec = [\"sh\", \"-c\", \"echo go; sleep 0.2\"]\n");
    let running = Running::start(&stage, &[]);
    for _ in 0..3 {
        running.until("crasher | go");
    }
    running.signal(Signal::SIGINT);
    let (code, lines) = running.end();
    assert_eq!(code, Some(1), "{lines:#?}");
    position(&lines, "crasher ended by itself");
    nobody_is_left(&stage.path("tree"));
}

#[test]
fn a_killed_program_leaves_nothing_behind_and_the_tree_usable() {
    let stage = Stage::new(TWO);
    let running = Running::start(&stage, &[]);
    stage.open_gate();
    running.until("all services are up");
    running.signal(Signal::SIGKILL);
    running.end();
    nobody_is_left(&stage.path("tree"));
    let running = Running::start(&stage, &[]);
    stage.open_gate();
    running.until_all(&["all services are up", "base | base is here"]);
    // A second program is refused, and touches nothing.
    let second = run(stage.args());
    let look = format!("svctl --dir {} status", stage.path("tree/enabled").display());
    assert!(second.code == 111 && second.err.contains(&look), "{second:?}");
    assert_eq!((stage.state("base"), stage.state("top")), ("ready".into(), "up".into()));
    assert!(fs::read_to_string(stage.path("tree/logs/base/current")).unwrap().contains("is here"));
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn json_is_what_the_schema_says() {
    let stage = Stage::new(TWO);
    let mut child = Command::new(program())
        .args(stage.args())
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    stage.open_gate();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut up, mut logged) = (false, false);
    while !(up && logged) {
        let value: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        schema::check(&value);
        up |= value["service"] == "top" && value["state"] == "up";
        logged |= value["line"] == "top is here";
    }
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    for line in lines {
        schema::check(&serde_json::from_str(&line.unwrap()).unwrap());
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn wrong_definitions_are_told_with_their_line() {
    let stage = Stage::new("[service.web]\nexec = [\"true\"]\nrestrat = \"never\"\n");
    let wrong = run(stage.args());
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("svcmgr.toml:3:1") && wrong.err.contains("restart"), "{wrong:?}");
    let nothing = Run::of(command(["dev", "/no/such/file"]).output().unwrap());
    assert_eq!(nothing.code, 111, "{nothing:?}");
}

#[test]
fn a_log_that_is_not_kept_as_it_says_is_told_once() {
    let job = |name| {
        let log = "log = { dir = \"/no/such\" }";
        format!("[service.{name}]\nkind = \"job\"\nexec = [\"true\"]\n{log}\n")
    };
    let stage = Stage::new(&(job("one") + &job("two")));
    let ran = run(stage.args());
    let logs = stage.path("tree/logs").display().to_string();
    let told =
        format!("not here: `log` of `one`, `two`: {logs} has what they write, until the end");
    assert_eq!(ran.err.matches("`log`").count(), 1, "{ran:?}");
    assert!(ran.code == 0 && ran.err.contains(&told), "{ran:?}");
}

/// `script` of util-linux gives it a terminal.
#[test]
fn on_a_terminal_there_is_a_table_below_what_happens() {
    let stage = Stage::new(TWO);
    let mut child = Command::new("script")
        .args(["-qefc", &stage.typed(), "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    stage.open_gate();
    let mut terminal = child.stdout.take().unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !(seen.contains("all services are up") && seen.contains("top      up")) {
        let count = terminal.read(&mut buffer).unwrap();
        assert!(count > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert!(
        seen.contains("SERVICE  STATE") && seen.contains("RESTARTS") && seen.contains("\x1b["),
        "{seen}"
    );
    // Ctrl-C, as it is typed.
    child.stdin.take().unwrap().write_all(&[3]).unwrap();
    let mut rest = Vec::new();
    terminal.read_to_end(&mut rest).unwrap();
    assert!(String::from_utf8_lossy(&rest).contains("stopping"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    nobody_is_left(&stage.path("tree"));
}

/// Half of the terminal is for the table.
#[test]
fn what_has_no_room_in_the_table_is_counted() {
    let service = |n| format!("[service.s{n:02}]\nexec = [\"sleep\", \"1000\"]\n");
    let stage = Stage::new(&(0..30).map(service).collect::<String>());
    let mut child = Command::new("script")
        .args(["-qefc", &format!("stty rows 24 cols 80; {}", stage.typed()), "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut terminal = child.stdout.take().unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    let limit = Instant::now() + Duration::from_secs(60);
    while !seen.contains("and 20 more, 0 of them not up") {
        let count = terminal.read(&mut buffer).unwrap();
        assert!(count > 0 && Instant::now() < limit, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    child.stdin.take().unwrap().write_all(&[3]).unwrap();
    let mut rest = Vec::new();
    terminal.read_to_end(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    nobody_is_left(&stage.path("tree"));
}
