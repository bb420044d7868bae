//! Directories that do not answer, under every command that looks into directories: it ends by itself, names the one
//! that hangs, says the rest, and leaves no process behind.

use std::{
    any::Any,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use nix::{
    mount::{MntFlags, umount2},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    hang::{Hang, Keeps},
    scan::{SLEEP, Scan, make},
    svctl::{Run, command},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Mounts something over a directory that does not answer, for as long as it is kept.
type Mount = fn(&Path) -> Option<Mounted>;

struct Mounted {
    server: Option<Box<dyn Any>>,
    dir: PathBuf,
}

fn reads_nothing(dir: &Path) -> Option<Mounted> {
    let server = Hang::over(dir)?;
    Some(Mounted { server: Some(Box::new(server)), dir: dir.to_owned() })
}

fn keeps_everything(dir: &Path) -> Option<Mounted> {
    let server = Keeps::over(dir)?;
    Some(Mounted { server: Some(Box::new(server)), dir: dir.to_owned() })
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(self.server.take());
        // So that what is below can be removed.
        let _away = umount2(&self.dir, MntFlags::MNT_DETACH);
    }
}

fn answers_at_first(dir: &Path) -> Option<Mounted> {
    let server = Keeps::over_after_looks(dir, b"\0__look\0")?;
    Some(Mounted { server: Some(Box::new(server)), dir: dir.to_owned() })
}

/// What a second svctl is known by: its word, and a variable that it has from the first.
const TOKEN: &str = "SV_TEST_HANGS";

fn looking(token: &Path) -> Vec<PathBuf> {
    let has = |proc: &Path, file: &str, bytes: &[u8]| {
        let text = fs::read(proc.join(file)).unwrap_or_default();
        text.windows(bytes.len()).any(|it| it == bytes)
    };
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let token = token.as_os_str().as_bytes();
    let is_second = |proc: &PathBuf| {
        has(proc, "cmdline", b"\0__look\0") || has(proc, "cmdline", b"\0--__apart=\0")
    };
    all.filter(|proc| is_second(proc) && has(proc, "environ", token)).collect()
}

fn none_is_left(token: &Path) {
    let until = Instant::now() + PATIENCE;
    while let [one, ..] = &*looking(token) {
        assert!(Instant::now() < until, "{} is left", one.display());
        std::thread::yield_now();
    }
}

struct Stage {
    scan: Scan,
    hangs: PathBuf,
}

impl Stage {
    /// Services `a` and `c`, and `b`, which lies in what will hang.
    fn new() -> Self {
        let mut scan = Scan::prepare();
        scan.service("a", SLEEP);
        scan.service("c", SLEEP);
        scan.start();
        let hangs = scan.beside("hangs");
        make(&hangs.join("b"), SLEEP);
        symlink(hangs.join("b"), scan.path().join("b")).unwrap();
        fs::create_dir(scan.beside("log")).unwrap();
        fs::write(scan.beside("log/current"), "a line\n").unwrap();
        fs::write(scan.beside("web.toml"), "[service.web]\nexec = [\"/bin/true\"]\n").unwrap();
        Self { scan, hangs }
    }

    fn begin(&self, line: &[&str], wait: &str, token: &Path) -> Child {
        let mut program = command(line);
        program.env("SVWAIT", wait).env("SVDIR", self.scan.path()).env(TOKEN, token);
        program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// Where `a`, `b` and `c` stand in a text, in this order.
fn is_in_order(text: &str) -> bool {
    let at = ["a", "b", "c"].map(|name| {
        text.lines().position(|line| line.split([' ', ':']).next() == Some(name)).unwrap()
    });
    at.is_sorted()
}

fn every_command_ends(mount: Mount) {
    let stage = Stage::new();
    let Some(hang) = mount(&stage.hangs) else { return };
    let (hung, b) = (stage.hangs.to_str().unwrap(), stage.scan.path().join("b"));
    let (scan, b) = (stage.scan.path(), b.to_str().unwrap());
    let (inside, log) = (stage.hangs.join("inside"), stage.scan.beside("log"));
    let (inside, log) = (inside.to_str().unwrap(), log.to_str().unwrap());
    let a = stage.scan.path().join("a");
    let a = a.to_str().unwrap();
    let (scan, file) = (scan.to_str().unwrap(), stage.scan.beside("web.toml"));
    let file = file.to_str().unwrap();
    // A line, and the directory that must be named.
    let lines: &[(&[&str], &str)] = &[
        (&["status"], b),
        (&["status", "--json"], b),
        (&["status", "a", "b", "c"], b),
        (&["status", "[abc]"], b),
        (&["status", "--dir", hung, "--dir", scan], hung),
        (&["status", inside], inside),
        (&["check"], b),
        (&["check", "--json"], b),
        (&["check", "a", "b", "c"], b),
        (&["explain", "a", "b", "c"], b),
        (&["explain", "--json", inside], inside),
        (&["logs", "-n", "1", log, inside], inside),
        (&["logs", "-f", "b"], b),
        (&["build", file, "--for", "runit", "--out", inside], inside),
        (&["build", inside, "--for", "runit", "--dry-run"], inside),
        (&["enable", "--dir", hung, "web"], hung),
        (&["enable", inside], inside),
        (&["disable", "--dir", hung, "web"], hung),
        (&["wait", "--for", "up", "a", "b", "c"], b),
        (&["restart", "b"], b),
        (&["hup", inside], inside),
        (&["watch", "b"], b),
        (&["watch", inside], inside),
        (&["show", "b"], b),
        (&["lint", inside, a], inside),
        (&["lint", scan], b),
        (&["lint", "--image", hung], hung),
        (&["decode", inside], inside),
        (&["dev", inside], inside),
        (&["dev", "--tree", inside, file], inside),
        (&["scan", scan], b),
        (&["supervise", inside], inside),
    ];
    let begun = Instant::now();
    let all: Vec<Child> =
        lines.iter().map(|(line, _)| stage.begin(line, "2s", &stage.hangs)).collect();
    for ((line, place), child) in lines.iter().zip(all) {
        let told = Run::of(child.wait_with_output().unwrap());
        println!("{:?} after the start: {line:?}", begun.elapsed());
        assert!(begun.elapsed() < PATIENCE, "{line:?}");
        assert_eq!(told.code, 99, "{line:?}: {told:?}");
        let both = format!("{}{}", told.out, told.err);
        let named = format!("cannot use {place}: it does not answer");
        assert!(both.contains(&named), "{line:?}: {told:?}");
        if line.contains(&"--json") {
            let names: Vec<_> = told.json().as_array().unwrap().clone();
            let names: Vec<_> = names.iter().map(|it| it["service"].as_str().unwrap()).collect();
            let expected: &[&str] = if line.len() == 2 { &["a", "b", "c"] } else { &["inside"] };
            assert_eq!(names, expected, "{line:?}");
        } else {
            assert!(told.err.contains("start that again"), "{line:?}: {told:?}");
        }
        match line {
            ["status"] | ["status", "a" | "[abc]", ..] => {
                assert!(is_in_order(&told.out), "{told:?}");
            }
            ["status", "--dir", ..] => assert!(told.out.contains("\na "), "{told:?}"),
            ["check"] | ["check", "a", ..] => {
                assert!(told.out.contains("a: ok") && told.out.contains("c: ok"), "{told:?}");
            }
            ["explain", "a", ..] => assert!(told.out.contains("c: "), "{told:?}"),
            ["logs", "-n", ..] => assert_eq!(told.out, "a line\n"),
            ["wait", ..] => assert!(told.out.contains("c: already up"), "{told:?}"),
            ["lint", _, _] if *place == inside => {
                assert!(told.out.contains("looked at"), "{told:?}");
            }
            _ => (),
        }
    }
    drop(hang);
    none_is_left(&stage.hangs);
}

#[test]
fn what_hangs_is_named_and_the_rest_is_told() {
    every_command_ends(reads_nothing);
}

#[test]
fn a_server_that_takes_questions_and_answers_none_holds_no_command() {
    every_command_ends(keeps_everything);
}

/// Whoever looks first is answered, and the command is not: it is held in the system, and may not even end.
#[test]
fn what_falls_silent_while_a_command_reads_is_named() {
    let stage = Stage::new();
    let Some(hang) = answers_at_first(&stage.hangs) else { return };
    let (scan, b) = (stage.scan.path(), stage.scan.path().join("b"));
    let (scan, b) = (scan.to_str().unwrap(), b.to_str().unwrap());
    let (hung, inside) = (stage.hangs.to_str().unwrap(), stage.hangs.join("inside"));
    let inside = inside.to_str().unwrap();
    let bash = format!("svctl --dir {hung} up ");
    let lines: &[(&[&str], &str)] = &[
        (&["status"], b),
        (&["status", "--json", "a", "b"], b),
        (&["check"], b),
        (&["explain", "a", "b"], b),
        (&["logs", inside], inside),
        (&["watch", "b"], b),
        (&["watch", inside], inside),
        (&["show", "b"], b),
        (&["lint", scan], b),
        (&["lint", inside], inside),
        (&["decode", inside], inside),
        (&["__complete", "bash", &bash], ""),
    ];
    let begun = Instant::now();
    let all = lines.iter().map(|(line, _)| stage.begin(line, "1s", &stage.hangs));
    let all: Vec<Child> = all.collect();
    for ((line, place), child) in lines.iter().zip(all) {
        let told = Run::of(child.wait_with_output().unwrap());
        println!("{:?} after the start: {line:?}", begun.elapsed());
        assert!(begun.elapsed() < PATIENCE, "{line:?}");
        // Who looks first may have had no processor for so long.
        if place.is_empty() {
            assert!(matches!(told.code, 0 | 99) && told.out.is_empty(), "{told:?}");
        } else {
            assert_eq!(told.code, 99, "{line:?}: {told:?}");
            let named = format!("cannot use {place}: it does not answer");
            let both = format!("{}{}", told.out, told.err);
            assert!(both.contains(&named), "{line:?}: {told:?}");
        }
    }
    drop(hang);
    none_is_left(&stage.hangs);
}

#[test]
fn a_command_that_waits_for_an_answer_can_be_stopped() {
    for mount in [reads_nothing as Mount, keeps_everything] {
        let stage = Stage::new();
        let Some(hang) = mount(&stage.hangs) else { return };
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            for line in [&["status"][..], &["check", "b"], &["logs", "b"], &["explain", "b"]] {
                let token = stage.hangs.join(format!("{signal}-{}", line[0]));
                let mut child = stage.begin(line, "1h", &token);
                let until = Instant::now() + PATIENCE;
                while looking(&token).is_empty() {
                    assert!(Instant::now() < until, "{line:?} does not look");
                    std::thread::yield_now();
                }
                kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
                let ended = child.wait().unwrap();
                assert_eq!(ended.signal(), Some(signal as i32), "{line:?}: {ended:?}");
            }
        }
        drop(hang);
        none_is_left(&stage.hangs);
    }
}
