//! What svctl says, held against files that people can read: `tests/snapshots`.
//! `SNAPSHOTS=overwrite cargo test -p svctl` writes them anew. Pids, times and paths are redacted. It
//! runs on the embedded supervisor, so nothing has to be installed.
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

#[path = "edges/scan.rs"]
mod scan;
#[path = "live/schema.rs"]
mod schema;
#[path = "../../svclient/tests/live/skips.rs"]
mod skips;
#[path = "live/svctl.rs"]
mod svctl;

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use scan::{SLEEP, Scan, make, on_terminal, scripts};
use snapbox::{Assert, Data, Redactions, file};
use svctl::{PROGRAM, Run, command};

/// A session: what was typed, what came, in the order of typing.
struct Session {
    scan: Scan,
    text: String,
}

impl Session {
    fn new(scan: Scan) -> Self {
        Self { scan, text: String::new() }
    }

    /// With `--dir`.
    fn types(&mut self, line: &str) {
        let words = line.split(' ');
        self.runs(line, command(["--dir", "service"].into_iter().chain(words)));
    }

    /// Without.
    fn types_alone(&mut self, line: &str) {
        self.runs(line, command(line.split(' ')));
    }

    fn runs(&mut self, line: &str, mut command: Command) {
        let told = Run::of(command.current_dir(self.scan.beside("")).output().unwrap());
        let _written = writeln!(self.text, "$ svctl {line}");
        for (mark, stream) in [("", &told.out), ("! ", &told.err)] {
            for line in stream.lines() {
                let _written = writeln!(self.text, "{mark}{line}");
            }
        }
        if told.code != 0 {
            let _written = writeln!(self.text, "[{}]", told.code);
        }
    }

    #[track_caller]
    fn is(self, expected: Data) {
        let mut redactions = Redactions::new();
        let tree = self.scan.beside("");
        redactions
            .insert("[TREE]", tree.to_str().unwrap().trim_end_matches('/').to_owned())
            .unwrap();
        let patterns = [
            ("[PID]", r"pid (?<redacted>[0-9]+)"),
            ("[MOMENT]", r"(?<redacted>20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z)"),
            (
                "[TIME]",
                r"(?: after|\bfor|\bup|\)|record,) (?<redacted>[0-9]+m [0-9]+s|[0-9]+(?:\.[0-9])? ?m?s)",
            ),
        ];
        for (name, pattern) in patterns {
            redactions.insert(name, regex::Regex::new(pattern).unwrap()).unwrap();
        }
        let assert =
            Assert::new().action_env("SNAPSHOTS").redact_with(redactions).normalize_paths(false);
        assert.eq(self.text, expected);
    }
}

/// `web` alone.
fn running() -> Session {
    let mut scan = Scan::prepare();
    scan.service("web", SLEEP);
    scan.start();
    Session::new(scan)
}

#[test]
fn actions() {
    let mut session = running();
    session.types("up web");
    for line in ["down web", "down web", "up web", "restart web", "down web", "once web"] {
        session.types(line);
    }
    session.types("pause web");
    // What is not read yet is not known.
    let is_paused = || {
        let mut status =
            command(["--dir", "service", "status", "--state", "paused", "--json", "web"]);
        let output = status.current_dir(session.scan.beside("")).output().unwrap();
        output.stdout.starts_with(b"[{")
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !is_paused() {
        assert!(std::time::Instant::now() < deadline, "not paused in time");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    for line in ["cont web", "hup web"] {
        session.types(line);
    }
    // It dies of the signal when it has its turn; only then is it down already.
    let mut down = command(["--dir", "service", "wait", "--for", "down", "web"]);
    assert!(down.current_dir(session.scan.beside("")).output().unwrap().status.success());
    session.types("wait --for down web");
    for line in ["reload web", "send alarm web", "send term web", "abort web", "winch web"] {
        session.types(line);
    }
    for line in ["up --no-wait web", "-q up web", "up web --for up-for=100ms", "exit web"] {
        session.types(line);
    }
    session.types("up web");
    session.is(file!["snapshots/actions.txt"]);
}

#[test]
fn what_does_not_come_about() {
    let mut scan = Scan::prepare();
    let deaf = scan.service("deaf", "trap '' TERM\n: >ready\nexec sleep 1000");
    scan.start();
    while !deaf.join("ready").exists() {
        std::thread::yield_now();
    }
    let mut session = Session::new(scan);
    session.types("up deaf --for ready --timeout 100ms");
    session.types("down deaf --timeout 100ms");
    session.types("down deaf --timeout 5s --kill-after 50ms");
    session.types("wait --for up deaf --timeout 50ms");
    session.types("wait --for up --any deaf --timeout 50ms");
    session.is(file!["snapshots/not-reached.txt"]);
}

#[test]
fn waits_and_checks() {
    let mut session = running();
    session.types("wait web");
    session.types("wait --for as-wanted web");
    session.types("check");
    session.types("check web --up-for 1h");
    session.types("check web --ready");
    session.types("check web --max-restarts 3");
    session.types("-q check web");
    session.types("-q check web --up-for 1h");
    session.types("down web");
    session.types("check");
    session.types("check web");
    session.types("wait --for up web --timeout 50ms");
    session.types("wait --for ready web --timeout 50ms");
    session.is(file!["snapshots/waits-and-checks.txt"]);
}

#[test]
fn enabling_and_disabling() {
    let mut session = running();
    make(&session.scan.beside("new"), SLEEP);
    session.types_alone("--dir service enable ./new");
    session.types_alone("--dir service enable ./new");
    session.types_alone("--dir service enable ./absent");
    session.types("disable new");
    session.types("disable new");
    session.types("disable web");
    session.is(file!["snapshots/enable-disable.txt"]);
}

#[test]
fn errors() {
    let mut session = running();
    fs::create_dir(session.scan.beside("plain")).unwrap();
    fs::create_dir(session.scan.beside("none")).unwrap();
    make(&session.scan.beside("idle"), SLEEP);
    for line in ["status missing", "up missing", "up web missing", "logs web", "status x-*"] {
        session.types(line);
    }
    for line in ["--suite s6 status web", "--suite s6 up --timeout 50ms web", "status web/log"] {
        session.types(line);
    }
    for line in ["up", "up --timeout soon web", "wait --for happy web", "status --state odd"] {
        session.types(line);
    }
    for line in ["frobnicate", "up --no-wait --timeout 1s web", "check --up-for -1s web"] {
        session.types(line);
    }
    for line in [
        "--dir none status",
        "--dir absent status",
        "status ./plain",
        "status ./idle",
        "up ./idle",
        "watch ./absent",
        "check ./idle ./absent",
        "status ./new\u{1b}[2Jname",
        "supervise ./absent",
        "decode ./absent",
        "logs ./idle/",
    ] {
        session.types_alone(line);
    }
    session.is(file!["snapshots/errors.txt"]);
}

/// The usual places cannot be made empty here, but `$SVDIR` can name none.
#[test]
fn no_scan_directory_and_no_rights() {
    let mut session = running();
    let mut nowhere = command(["status"]);
    nowhere.env("SVDIR", "/nonexistent");
    session.runs("status  # SVDIR=/nonexistent", nowhere);
    if skips::is_root("svctl") {
        let program = session.scan.beside("svctl");
        scripts::copy(PROGRAM.as_ref(), &program);
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(session.scan.beside(""), everybody).unwrap();
        for line in ["status", "down web", "check", "watch web"] {
            let mut as_nobody = Command::new(&program);
            as_nobody.args(["--dir", "service"]).args(line.split(' '));
            as_nobody.uid(65_534).gid(65_534).env_remove("SVDIR").env_remove("SVWAIT");
            session.runs(&format!("{line}  # as nobody"), as_nobody);
        }
        session.is(file!["snapshots/no-rights.txt"]);
    }
}

#[test]
fn records_and_logs() {
    let mut session = running();
    let records = [
        ("runit", "400000006b037e0d1b96475ca758000000750001"),
        ("daemontools", "400000006b037e0d1b96475ca75800000075"),
        ("odd", "ffffffffffffffffffffffffffffffffffffffff"),
        ("short", "40"),
    ];
    for (name, hex) in records {
        fs::write(session.scan.beside(name), hex).unwrap();
        session.types_alone(&format!("decode ./{name}"));
    }
    session.types_alone("decode --json --dialect runit ./runit");
    for (name, lines) in [
        ("one", "2026-11-22_10:00:00.00000 first\n2026-11-22_10:00:20.50000 third\n"),
        ("two", "2026-11-22_10:00:10.00000 second\n  and more\n"),
    ] {
        fs::create_dir(session.scan.beside(name)).unwrap();
        fs::write(session.scan.beside(name).join("current"), lines).unwrap();
    }
    session.types_alone("logs --utc ./one");
    session.types_alone("logs --utc ./one ./two -n 2");
    session.types_alone("logs --json --until 2026-11-22T10:00:05Z ./one");
    session.is(file!["snapshots/records-and-logs.txt"]);
}

#[test]
fn a_watch() {
    let mut session = running();
    let mut child = session.scan.command(["watch", "web"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // What is seen on the way is a matter of luck; each of these is sure.
    let mut until = |session: &mut Session, end: &str| {
        let line = lines.find(|line| line.contains(end)).unwrap();
        let _written = writeln!(session.text, "{line}");
    };
    until(&mut session, ": up (pid");
    session.types("down web");
    until(&mut session, ": down");
    session.types("up web");
    until(&mut session, ": up (pid");
    session.scan.stop();
    until(&mut session, ": unsupervised");
    child.kill().unwrap();
    child.wait().unwrap();
    session.is(file!["snapshots/watch.txt"]);
}

#[test]
fn a_narrow_terminal_says_what_it_cut() {
    let scan = Scan::prepare();
    scan.service("web", SLEEP);
    let mut session = Session::new(scan);
    for color in ["never", "always"] {
        let mut command =
            command(["--dir", "service", "--color", color, "status", "web", "absent"]);
        command.current_dir(session.scan.beside(""));
        let shown = on_terminal(command, 60).replace('\u{1b}', "ESC");
        let _written = write!(session.text, "{shown}");
    }
    session.is(file!["snapshots/terminal.txt"]);
}

#[test]
fn names_that_need_quotes() {
    let scan = Scan::prepare();
    for name in [&b"a b"[..], b"new\nline", b"\xff", b"it's"] {
        scan.service(name, SLEEP);
    }
    let mut session = Session::new(scan);
    session.types("status");
    session.types("check");
    let mut missing = command(["--dir", "service", "up"]);
    missing.arg(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"absent\xff\n"));
    session.runs("up $'absent\\377\\n'", missing);
    session.is(file!["snapshots/names.txt"]);
}
