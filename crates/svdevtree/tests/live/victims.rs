//! Programs with trees that end in all ways: this test binary again, told by its environment what
//! to do. Whatever they have started is known by a token in its environment or among its words.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use svdevtree::{
    Definition, DevTree,
    testkit::{Kit, Spec, double},
};
use tempfile::TempDir;

use crate::{
    acting::until,
    kit::soon,
    supervised::{PATIENCE, skips},
};

const ROLE: &str = "SVDEVTREE_TEST_VICTIM";
const TOKEN: &str = "SVDEVTREE_TEST_TOKEN";
const BASE: &str = "SVDEVTREE_TEST_BASE";

fn token() -> String {
    std::env::var(TOKEN).unwrap()
}

/// Services that are hard to get rid of.
fn stubborn() -> Vec<Spec> {
    let leaving = leaving().map(|(name, script)| Spec::new(name, ["/bin/sh", "-c", &script]));
    std::iter::once(double::ignores_term("deaf")).chain(leaving).collect()
}

/// Those that leave: each two processes without a parent, besides its own.
fn leaving() -> [(&'static str, String); 2] {
    let sleep = format!("sleep 1000000.{}", token());
    [
        // A session of its own, its parent gone, and then a daemon of that.
        (
            "daemon",
            format!(
                "setsid sh -c '{sleep} & {sleep} & exit' </dev/null >/dev/null 2>&1; exec {sleep}"
            ),
        ),
        // Nothing in its environment says whose it is, and it is somewhere else.
        (
            "stranger",
            format!("env -i setsid sh -c 'cd /; {sleep} & {sleep} & exit'; exec env -i {sleep}"),
        ),
    ]
}

/// Not a test of its own: what the others start. Without a role it does nothing.
#[test]
fn be() {
    let Ok(role) = std::env::var(ROLE) else { return skips::no_test("svdevtree: victims::be") };
    if let Some(base) = std::env::var_os(BASE) {
        return with_tree(&role, base.as_ref());
    }
    let mut kit = Kit::new().unwrap();
    say(&format!("kit {}", kit.tree().base().display()));
    kit.start_all(stubborn(), soon()).unwrap();
    kit.start(Spec::new("talker", ["sh", "-c", "echo last words; exec sleep 1000000"]), soon())
        .unwrap();
    until("its words", || kit.log("talker").contains("last words").then_some(()));
    say("ready");
    match &*role {
        "stay" => rest(),
        "drop" => drop(kit),
        "panic" => panic!("on purpose"),
        "exit" => std::process::exit(3),
        "abort" => std::process::abort(),
        role => panic!("{role}"),
    }
}

fn with_tree(role: &str, base: &Path) {
    let mut tree = DevTree::at(base).unwrap().grace(Duration::from_millis(500));
    if role == "suid" {
        let words = [base.parent().unwrap().join("suid"), "--reuid".into(), "0".into()];
        let sleep = ["sleep".to_owned(), format!("1000000.{}", token())];
        let words = words.into_iter().map(PathBuf::into_os_string).chain(sleep.map(Into::into));
        tree.add(Definition::new("root", words)).unwrap();
    } else if role == "leaving" {
        for (name, script) in leaving() {
            tree.add(Definition::new(name, ["/bin/sh", "-c", &script])).unwrap();
        }
    } else {
        for spec in stubborn() {
            let name = spec.name().to_owned();
            let sleep = format!("1000000.{}", token());
            tree.add(Definition::new(name, ["sleep", &sleep])).unwrap();
        }
    }
    for service in tree.services().unwrap() {
        tree.enable(&service.service.name().to_string(), soon()).unwrap();
    }
    tree.start(soon()).unwrap();
    for service in tree.services().unwrap() {
        tree.enable(&service.service.name().to_string(), soon()).unwrap();
        until("a process", || running(&service.service));
    }
    say("ready");
    match role {
        "stay" | "leaving" => rest(),
        "suid" => {
            // It has root's identity once `setpriv` has become `sleep`.
            let sleeps = || {
                processes(&token()).into_iter().find(|&pid| {
                    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                    name.trim() == "sleep"
                })
            };
            until("root's sleep", sleeps);
            let error = tree.stop(soon()).unwrap_err();
            say(&format!("{error}"));
        }
        "stop" => {
            let stopped = tree.stop(soon()).unwrap();
            say(&format!("killed {}", stopped.killed));
        }
        role => panic!("{role}"),
    }
}

pub fn running(service: &svclient::Service) -> Option<u32> {
    let status = service.status().ok()?;
    let status = status.facts()?;
    (status.phase == svclient::Phase::Up).then_some(status.pid?.get())
}

fn say(line: &str) {
    println!("victim: {line}");
}

fn rest() {
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

/// Every living process that has the token.
pub fn processes(token: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has = |file: String| {
        let text = fs::read(file).unwrap_or_default();
        text.windows(token.len()).any(|window| window == token.as_bytes())
    };
    pids.filter(|pid| has(format!("/proc/{pid}/environ")) || has(format!("/proc/{pid}/cmdline")))
        .collect()
}

/// A program with a tree, and a place for everything that it makes.
pub struct Victim {
    child: Child,
    out: BufReader<ChildStdout>,
    pub token: String,
    place: TempDir,
}

impl Victim {
    pub fn start(role: &str) -> Self {
        Self::start_with(&[], role, None)
    }

    /// One with a tree that has a name.
    pub fn with_tree(role: &str, base: &Path) -> Self {
        Self::start_with(&[], role, Some(base))
    }

    /// Started by way of other words, such as those of `setpriv`.
    pub fn start_with(wrapper: &[&str], role: &str, base: Option<&Path>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let token = format!("{:07}{count:05}7353", std::process::id());
        let place = tempfile::Builder::new().prefix("svvictim-").tempdir().unwrap();
        if !wrapper.is_empty() {
            let anybody = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o1777);
            fs::set_permissions(place.path(), anybody).unwrap();
        }
        let exe = std::env::current_exe().unwrap();
        let test = ["--exact", "victims::be", "--nocapture", "--test-threads=1"];
        let words: Vec<_> = wrapper
            .iter()
            .map(Into::into)
            .chain([exe.into_os_string()])
            .chain(test.map(Into::into))
            .collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env(ROLE, role).env(TOKEN, &token);
        command.env_remove("XDG_RUNTIME_DIR").env("TMPDIR", place.path());
        if let Some(base) = base {
            command.env(BASE, base);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, token, place }
    }

    pub fn place(&self) -> &Path {
        self.place.path()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// What it says next; what the test harness says is left out.
    #[track_caller]
    pub fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.out.read_line(&mut line).unwrap() == 0 {
                let mut error = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
                panic!("it ended:\n{error}");
            }
            if let Some((_, said)) = line.trim_end().split_once("victim: ") {
                return said.to_owned();
            }
        }
    }

    #[track_caller]
    pub fn until_ready(&mut self) -> Option<PathBuf> {
        let mut base = None;
        loop {
            let said = self.hear();
            if said == "ready" {
                return base;
            }
            base = said.strip_prefix("kit ").map(Into::into);
        }
    }

    pub fn kill(&mut self) {
        kill(self.pid(), Signal::SIGKILL).unwrap();
    }

    pub fn kill_group(&mut self) {
        killpg(self.pid(), Signal::SIGKILL).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// What it wrote to standard error; after its end.
    pub fn errors(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// The process of this name among those of the victim.
    pub fn named(&self, argument: &str) -> Pid {
        let is_it = |pid: &i32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.starts_with(argument.as_bytes())
        };
        let found = until(argument, || processes(&self.token).into_iter().find(is_it));
        Pid::from_raw(found)
    }

    /// Nothing of it runs, and nothing of it is there.
    #[track_caller]
    pub fn until_nothing_is_left(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = processes(&self.token);
            let files: Vec<_> =
                fs::read_dir(self.place()).unwrap().map(|it| it.unwrap().path()).collect();
            if left.is_empty() && files.is_empty() {
                return;
            }
            let words =
                |pid: &i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let named: Vec<_> = left.iter().map(|pid| (pid, words(pid))).collect();
            assert!(Instant::now() < deadline, "left: {named:?} {files:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        // What a failing test has left. The token is of this test alone.
        for _ in 0..100 {
            let left = processes(&self.token);
            if left.is_empty() {
                return;
            }
            for pid in left {
                let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
