//! Every reason why a unit is not as it should be is made for real, and named first; what is well is not
//! blamed.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use serde_json::Value;

use super::cases::{SLEEP, Units, Whose};
use crate::{
    supervised::{PATIENCE, scripts},
    svctl::Run,
};

/// A reason: its kind, something that the first finding says, and how it is made.
struct Case {
    kind: &'static str,
    says: &'static str,
    /// The lines of the unit's file; `@` is a directory of scripts.
    lines: &'static str,
    /// What is asked before, in turn.
    asks: &'static [&'static [&'static str]],
    /// Only the manager of the system has it.
    of_system: bool,
}

const UP: &[&[&str]] = &[&["up"]];

/// Not a request: what systemd-oomd does.
const WANT_OF_MEMORY: &str = "want of memory";

/// As `SLEEP`; what is paused is looked for by that.
const SLEEP_ON: &str = "[Service]\nType=exec\nExecStart=/bin/sleep 2000";

const fn case(kind: &'static str, says: &'static str, lines: &'static str) -> Case {
    Case { kind, says, lines, asks: UP, of_system: false }
}

const fn of_system(kind: &'static str, says: &'static str, lines: &'static str) -> Case {
    Case { of_system: true, ..case(kind, says, lines) }
}

const CASES: &[Case] = &[
    Case { asks: &[], ..case("masked", " unmask sve-", "") },
    Case {
        asks: &[],
        ..case("bad-definition", "has no ExecStart=", "[Service]\nExecStop=/bin/true")
    },
    Case {
        asks: &[],
        ..case("bad-definition", "its path is not absolute", "[Service]\nExecStart=./run.sh")
    },
    Case {
        asks: &[],
        ..case(
            "bad-definition",
            "Type=oneshot does not take it",
            "[Service]\nType=oneshot\nRestart=always\nExecStart=/bin/true",
        )
    },
    case("program-missing", "exit 203: ", "[Service]\nType=exec\nExecStart=/nonexistent/program"),
    case("file-not-executable", "chmod +x @/plain", "[Service]\nType=exec\nExecStart=@/plain"),
    case("no-interpreter", "/nonexistent/sh", "[Service]\nType=exec\nExecStart=@/no-interpreter"),
    case("line-ends", "carriage return", "[Service]\nType=exec\nExecStart=@/line-ends"),
    case(
        "program-missing",
        "ExecStartPre=/nonexistent/program",
        "[Service]\nType=exec\nExecStartPre=/nonexistent/program\nExecStart=/bin/sleep 1000",
    ),
    case(
        "no-directory",
        "exit 200: ",
        "[Service]\nType=exec\nWorkingDirectory=/nonexistent/dir\nExecStart=/bin/sleep 1000",
    ),
    of_system(
        "no-user",
        "exit 217: ",
        "[Service]\nType=exec\nUser=nonexistent-user\nExecStart=/bin/sleep 1000",
    ),
    of_system(
        "no-group",
        "exit 216: ",
        "[Service]\nType=exec\nGroup=nonexistent-group\nExecStart=/bin/sleep 1000",
    ),
    of_system(
        "namespace",
        "exit 226: ",
        "[Service]\nType=exec\nReadWritePaths=/nonexistent/dir\nExecStart=/bin/sleep 1000",
    ),
    case(
        "environment-file",
        "/nonexistent/environment is missing",
        "[Service]\nType=exec\nEnvironmentFile=/nonexistent/environment\nExecStart=/bin/sleep 1000",
    ),
    // It is to be started by its socket, and has none.
    case(
        "resources",
        "Result=resources",
        "[Service]\nType=exec\nStandardInput=socket\nExecStart=/bin/cat",
    ),
    case(
        "not-executed",
        "exit 209: ",
        "[Service]\nType=exec\nStandardOutput=append:/nonexistent/dir/log\nExecStart=/bin/sleep 1000",
    ),
    case(
        "before-start",
        "ExecStartPre=/bin/false exited with 1",
        "[Service]\nType=exec\nExecStartPre=/bin/false\nExecStart=/bin/sleep 1000",
    ),
    case(
        "after-start",
        "ExecStartPost=/bin/false exited with 1",
        "[Service]\nType=exec\nExecStart=/bin/sleep 1000\nExecStartPost=/bin/false",
    ),
    case(
        "after-end",
        "ExecStopPost=/bin/false exited with 1",
        "[Service]\nType=oneshot\nExecStart=/bin/true\nExecStopPost=/bin/false",
    ),
    Case {
        asks: &[&["up"], &["down"]],
        ..case(
            "after-end",
            "ExecStop=/bin/false exited with 1",
            "[Service]\nType=exec\nExecStart=/bin/sleep 1000\nExecStop=/bin/false",
        )
    },
    case(
        "start-timeout",
        "TimeoutStartSec=50ms",
        "[Service]\nType=notify\nTimeoutStartSec=50ms\nExecStart=/bin/sleep 1000",
    ),
    Case {
        asks: &[&["up"], &["down"]],
        ..case(
            "stop-timeout",
            "TimeoutStopSec=50ms",
            "[Service]\nType=notify\nNotifyAccess=all\nTimeoutStopSec=50ms\nExecStart=@/deaf",
        )
    },
    case(
        "run-timeout",
        "RuntimeMaxSec=50ms",
        "[Service]\nType=exec\nRuntimeMaxSec=50ms\nExecStart=/bin/sleep 1000",
    ),
    case("watchdog", "WatchdogSec=50ms", "[Service]\nWatchdogSec=50ms\nExecStart=/bin/sleep 1000"),
    case("killed", "SIGUSR1", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'kill -USR1 $$$$'"),
    case("exited", "exited with 4", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 4'"),
    case("ended-before-ready", "Type=notify", "[Service]\nType=notify\nExecStart=/bin/true"),
    case(
        "start-limit",
        " reset-failed sve-",
        "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=1000\n[Service]\nType=exec\nRestart=always\n\
         RestartSec=1ms\nExecStart=/bin/sh -c 'exit 3'",
    ),
    case(
        "crash-loop",
        "exited with 3",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=exec\nRestart=always\nRestartSec=50ms\n\
         ExecStart=/bin/sh -c 'exit 3'",
    ),
    case(
        "back-off",
        "",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=exec\nRestart=always\nRestartSec=1000\n\
         ExecStart=/bin/true",
    ),
    case(
        "condition",
        "ConditionPathExists=/nonexistent/file",
        "[Unit]\nConditionPathExists=/nonexistent/file\n[Service]\nType=exec\nExecStart=/bin/sleep 1000",
    ),
    case(
        "condition",
        "ConditionVirtualization=!container",
        "[Unit]\nConditionVirtualization=!container\n[Service]\nType=exec\nExecStart=/bin/sleep 1000",
    ),
    case(
        "assertion",
        "AssertPathIsDirectory=/etc/passwd",
        "[Unit]\nAssertPathIsDirectory=/etc/passwd\n[Service]\nType=exec\nExecStart=/bin/sleep 1000",
    ),
    case(
        "dependency",
        "sve-needed.service: exited with 4",
        "[Unit]\nRequires=sve-needed.service\nAfter=sve-needed.service\n[Service]\nType=exec\n\
         ExecStart=/bin/sleep 1000",
    ),
    case(
        "dependency",
        "sve-deeper.service: the program /nonexistent/deeper is missing",
        "[Unit]\nRequires=sve-between.service\nAfter=sve-between.service\n[Service]\nType=exec\n\
         ExecStart=/bin/sleep 1000",
    ),
    case(
        "dependency",
        "there is no such unit",
        "[Unit]\nRequires=sve-nowhere.service\n[Service]\nType=exec\nExecStart=/bin/sleep 1000",
    ),
    Case {
        asks: &[&["up", "--no-wait"]],
        ..case(
            "waiting",
            "sve-slow.service",
            "[Unit]\nRequires=sve-slow.service\nAfter=sve-slow.service\n[Service]\nType=exec\n\
             ExecStart=/bin/sleep 1000",
        )
    },
    // The manager forgets it with the unit, but for one that another keeps loaded: `sve-slow`.
    Case {
        asks: &[&["up", "--no-wait"], &["up"]],
        ..case(
            "condition-command",
            "ExecCondition=/bin/false said no",
            "[Service]\nType=exec\nExecCondition=/bin/false\nExecStart=/bin/sleep 1000",
        )
    },
    case(
        "wrong-type",
        "@ is a directory",
        "[Service]\nType=exec\nEnvironmentFile=@\nExecStart=/bin/sleep 1000",
    ),
    of_system(
        "not-reachable",
        "nobody may not pass @/private",
        "[Service]\nType=exec\nUser=nobody\nWorkingDirectory=@/private\nExecStart=/bin/sleep 1000",
    ),
    of_system(
        "not-reachable",
        "nobody may not pass @/private",
        "[Service]\nType=exec\nUser=nobody\nExecStart=@/private/server",
    ),
    of_system(
        "core-dump",
        "Result=core-dump",
        "[Service]\nType=oneshot\nLimitCORE=infinity\nWorkingDirectory=@\n\
         ExecStart=/bin/sh -c 'kill -SEGV $$$$'",
    ),
    Case { asks: &[&["up"], &[WANT_OF_MEMORY]], ..case("out-of-memory", "MemoryMax=", SLEEP_ON) },
    Case { asks: &[&["up"], &["systemctl", "freeze"]], ..case("frozen", " thaw sve-", SLEEP_ON) },
    Case { asks: &[&["up"], &["pause"]], ..case("paused", " cont sve-", SLEEP) },
    Case { asks: &[], ..case("wanted-down", " up sve-", SLEEP) },
    Case {
        asks: &[&["up"], &["reload"]],
        ..case(
            "reload",
            "exited with 9",
            "[Service]\nType=exec\nExecStart=/bin/sleep 1000\nExecReload=/bin/sh -c 'exit 9'",
        )
    },
];

/// What others need, and is asked for by them.
const BESIDE: &[(&str, &str)] = &[
    ("sve-needed.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 4'"),
    (
        "sve-between.service",
        "[Unit]\nRequires=sve-deeper.service\nAfter=sve-deeper.service\n[Service]\nType=exec\n\
         ExecStart=/bin/sleep 1000",
    ),
    ("sve-deeper.service", "[Service]\nType=exec\nExecStart=/nonexistent/deeper"),
    (
        "sve-slow.service",
        "[Unit]\nAfter=sve-asked.service\n[Service]\nType=notify\nTimeoutStartSec=infinity\n\
         ExecStart=/bin/sleep 1000",
    ),
];

fn scripts_in(dir: &Path) {
    fs::write(dir.join("plain"), "#!/bin/sh\n").unwrap();
    scripts::write(&dir.join("no-interpreter"), "#!/nonexistent/sh\n");
    scripts::write(&dir.join("line-ends"), "#!/bin/sh\r\nexec sleep 1000\r\n");
    let deaf = "#!/bin/sh\ntrap '' TERM\nsystemd-notify --ready\nwhile :; do sleep 1; done\n";
    scripts::write(&dir.join("deaf"), deaf);
    let private = dir.join("private");
    fs::create_dir(&private).unwrap();
    scripts::write(&private.join("server"), "#!/bin/sh\nexec sleep 1000\n");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    // Also for the user who is another than the one who wrote it.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
}

fn is_right(case: &Case, row: &Value, dir: &str) -> bool {
    let first = &row["findings"][0];
    first["kind"] == case.kind && first.to_string().contains(&case.says.replace('@', dir))
}

pub fn every_reason_is_named_first(whose: Whose) {
    let tmp = tempfile::tempdir().unwrap();
    scripts_in(tmp.path());
    let dir = tmp.path().to_str().unwrap();
    let cases: Vec<(String, &Case)> = CASES
        .iter()
        .enumerate()
        .filter(|(_, case)| whose == Whose::System || !case.of_system)
        .filter(|(_, case)| case.kind != "core-dump" || dumps_cores(tmp.path()))
        .filter(|(_, case)| case.kind != "resources" || lets_services_miss_their_socket())
        .map(|(at, case)| match case.kind {
            "condition-command" => ("sve-asked.service".to_owned(), case),
            _ => (format!("sve-{at}.service"), case),
        })
        .collect();
    let lines: Vec<(&str, String)> = cases
        .iter()
        .map(|(name, case)| (name.as_str(), case.lines.replace('@', dir)))
        .chain(BESIDE.iter().map(|(name, lines)| (*name, (*lines).to_owned())))
        .collect();
    let files: Vec<(&str, &str)> = lines.iter().map(|(name, it)| (*name, it.as_str())).collect();
    let _units = Units::new(whose, &files);
    let mut left: Vec<&(String, &Case)> = cases.iter().collect();
    let deadline = Instant::now() + PATIENCE;
    // What a manager knows of the end of a command, and of a limit, it forgets when it reads its files
    // again, which other tests ask for.
    let mut is_first = true;
    while !left.is_empty() {
        // A loop that is started by hand begins to count anew.
        let asked: Vec<_> =
            left.iter().copied().filter(|(_, it)| is_first || it.kind != "crash-loop").collect();
        ask(whose, &asked);
        is_first = false;
        let names: Vec<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
        let told = whose.svctl(&[&["explain", "--json"], &*names].concat());
        assert_eq!(told.code, 1, "{told:?}");
        let rows = told.json();
        rows.as_array().unwrap().iter().for_each(crate::schema::check);
        let mut rows = rows.as_array().unwrap().iter();
        let mut wrong = Vec::new();
        left.retain(|(name, case)| {
            let row = rows.next().unwrap();
            let is_wrong = !is_right(case, row, dir);
            if is_wrong {
                let (state, found) = (&row["state"], &row["findings"]);
                wrong.push(format!("{name} {} ({}): {state} {found}", case.kind, case.says));
            }
            is_wrong
        });
        assert!(left.is_empty() || Instant::now() < deadline, "{}", wrong.join("\n"));
    }
    newer(whose, &files, deadline);
    people_are_told(whose, &cases, deadline);
    is_late(whose, deadline);
}

/// Whether this manager starts a service whose input is a socket that it has not; later ones than 252 leave it down.
fn lets_services_miss_their_socket() -> bool {
    let said = Command::new("systemctl").arg("--version").output().unwrap();
    String::from_utf8(said.stdout).unwrap().starts_with("systemd 252 ")
}

/// Whether a core dump is left here: limits and the kernel's pattern are those of the host.
fn dumps_cores(dir: &Path) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c unlimited && kill -SEGV $$"]).current_dir(dir);
    shell.status().unwrap().core_dumped()
}

/// Kills the main process as systemd-oomd does, which leaves its count at the control group. The machine
/// has no memory controller of its own, so the kernel cannot be asked to.
fn kill_for_want_of_memory(whose: Whose, name: &str) {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let seen = whose.svctl(&["show", "--json", name]).json();
    let (Some(group), Some(pid)) = (seen["cgroup"].as_str(), seen["pid"].as_i64()) else { return };
    let count = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    let group = format!("/sys/fs/cgroup{group}");
    rustix::fs::setxattr(
        &*group,
        "user.oomd_ooms",
        count.as_bytes(),
        rustix::fs::XattrFlags::empty(),
    )
    .unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
    let _gone = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
}

/// One that does not say that it is ready.
fn is_late(whose: Whose, deadline: Instant) {
    loop {
        let told = whose.svctl(&["explain", "--json", "sve-slow.service"]).json();
        let first = &told[0]["findings"][0];
        if first["kind"] == "not-ready" {
            assert!(first.to_string().contains("Type=notify, and it has no limit"), "{first}");
            return;
        }
        assert!(told[0]["state"] == "starting" && Instant::now() < deadline, "{told}");
        // Its own clock, in seconds: to ask it less often is enough.
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Those with the same to be asked together: the first of it, then the second.
fn ask(whose: Whose, cases: &[&(String, &Case)]) {
    for at in 0..2 {
        let mut all: Vec<&[&str]> =
            cases.iter().filter_map(|(_, it)| it.asks.get(at).copied()).collect();
        all.sort_unstable();
        all.dedup();
        for words in all {
            let of = cases.iter().filter(|(_, it)| it.asks.get(at) == Some(&words));
            let names: Vec<&str> = of.map(|(name, _)| name.as_str()).collect();
            match words {
                [WANT_OF_MEMORY] => {
                    for name in names {
                        kill_for_want_of_memory(whose, name);
                    }
                }
                ["systemctl", verb] => {
                    whose.tool("systemctl", &[&[*verb], &*names].concat());
                }
                _ => {
                    whose.svctl(&[words, &*names].concat());
                }
            }
        }
    }
}

/// `systemd.md` 9: a file that has changed since it was loaded, until somebody has it loaded.
fn newer(whose: Whose, files: &[(&str, &str)], deadline: Instant) {
    // The first of these is paused.
    let (name, lines) = files.iter().rfind(|(_, lines)| *lines == SLEEP).unwrap();
    whose.svctl(&["up", name]);
    loop {
        whose.write(name, lines);
        let told = whose.svctl(&["explain", "--json", name]).json();
        let first = &told[0]["findings"][0];
        if first["kind"] == "definition-newer" {
            assert!(first["remedy"].as_str().unwrap().ends_with(" daemon-reload"), "{first}");
            return;
        }
        assert!(Instant::now() < deadline, "{first}");
    }
}

/// The text for people: at most a screen each, with what the journal has.
fn people_are_told(whose: Whose, cases: &[(String, &Case)], deadline: Instant) {
    // Other tests have the manager forget all failures, at any time.
    let until = |kind: &str, words: &[&str], is_told: &dyn Fn(&Run) -> bool| {
        let case = cases.iter().find(|(_, case)| case.kind == kind).unwrap();
        loop {
            let told = whose.svctl(&[words, &[&case.0]].concat());
            if is_told(&told) {
                return;
            }
            assert!(Instant::now() < deadline, "{words:?} {told:?}");
            ask(whose, &[case]);
        }
    };
    let missing = "the program /nonexistent/program is missing";
    until("program-missing", &["explain"], &|text| {
        let is_first = text.out.contains(&format!("  1. {missing}\n"));
        text.code == 1 && is_first && text.out.lines().count() < 24
    });
    // What was asked something else says the first reason, once.
    until("program-missing", &["status"], &|status| status.out.contains(missing));
    until("program-missing", &["check"], &|check| check.code == 1 && check.err.contains(missing));
    until("start-timeout", &["status"], &|status| {
        status.out.matches("the start timed out").count() == 1
    });
    // `daemons.md` 15.
    until("waiting", &["status"], &|status| {
        status.out.contains("waits for sve-slow.service") && status.out.contains("  starting  ")
    });
}

/// Units as people have them, all of which are well.
pub fn what_is_well_is_not_blamed(whose: Whose) {
    let tmp = tempfile::tempdir().unwrap();
    fs::set_permissions(tmp.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let listens = tmp.path().join("listens");
    let program = "use Socket; $| = 1; socket(S,PF_INET,SOCK_STREAM,0); \
        bind(S,sockaddr_in(0,INADDR_LOOPBACK)); listen(S,1); print qq(it listens\\n); \
        if (!fork) { exec qw(sleep 4711) } sleep 1000";
    scripts::write(&listens, &format!("#!/usr/bin/perl\n{program}\n"));
    let shown = format!("[Service]\nType=exec\nExecStart={}", listens.display());
    let drop_in = whose.write_drop_in("svw-shown.service", "[Service]\nEnvironment=OF_DROP_IN=1");
    let units: &[(&str, &str)] = &[
        ("svw-up.service", SLEEP),
        ("svw-ran.service", "[Service]\nType=oneshot\nExecStart=/bin/true"),
        ("svw-held.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true"),
        (
            "svw-ready.service",
            "[Service]\nType=notify\nNotifyAccess=all\n\
             ExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 1000'",
        ),
        (
            "svw-fails-well.service",
            "[Service]\nType=oneshot\nSuccessExitStatus=3\nExecStart=/bin/sh -c 'exit 3'",
        ),
        (
            "svw-needs.service",
            "[Unit]\nRequires=svw-up.service\nAfter=svw-up.service\n[Service]\nType=exec\nExecStart=/bin/sleep 1000",
        ),
        ("svw-shown.service", &shown),
        ("svw-timed.timer", "[Timer]\nOnActiveSec=1h"),
        ("svw-timed.service", SLEEP),
    ];
    let _units = Units::new(whose, units);
    let started: Vec<&str> =
        units.iter().map(|(name, _)| *name).filter(|name| *name != "svw-timed.service").collect();
    let up = whose.svctl(&[&["up"], &*started].concat());
    assert_eq!(up.code, 0, "{up:?}");
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let told = whose.svctl(&[&["explain", "--json"], &*names].concat());
    for row in told.json().as_array().unwrap() {
        assert_eq!(row["findings"], serde_json::json!([]), "{row}");
        assert_eq!(row["unseen"], serde_json::json!([]), "{row}");
        assert_eq!(row["log_lines"], serde_json::json!([]), "{row}");
    }
    assert_eq!(told.code, 0);
    is_shown_whole(whose, "svw-shown.service", &drop_in);
    let _gone = fs::remove_dir_all(drop_in.parent().unwrap());
}

/// A unit that listens, has started another process, and has a drop-in.
fn is_shown_whole(whose: Whose, name: &str, drop_in: &Path) {
    let deadline = Instant::now() + PATIENCE;
    // The ordinary user of the machine may not.
    let reads_journal = whose == Whose::System;
    let is_whole = |it: &Value| {
        !it["listening"].as_array().unwrap().is_empty()
            && it["processes"].to_string().contains("4711")
            && (!reads_journal || it["lines"].to_string().contains("it listens"))
    };
    let shown = loop {
        let shown = whose.svctl(&["show", "--json", name]).json();
        crate::schema::check(&shown);
        if is_whole(&shown) {
            break shown;
        }
        assert!(Instant::now() < deadline, "{shown}");
    };
    let main = shown["pid"].clone();
    let processes = shown["processes"].as_array().unwrap();
    let run = processes.iter().find(|it| it["role"] == "run").unwrap();
    assert!(run["pid"] == main && run["memory"].as_u64().unwrap() > 0, "{shown}");
    let below = processes.iter().find(|it| it["parent"] == main).unwrap();
    assert_eq!(below["command"], serde_json::json!(["sleep", "4711"]));
    let socket = &shown["listening"][0];
    assert!(socket["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{socket}");
    assert_eq!((&socket["protocol"], &socket["pid"]), (&"tcp".into(), &main));
    assert!(shown["cgroup"].as_str().unwrap().ends_with(&format!("/{name}")), "{shown}");
    let definition = shown["definition"].as_array().unwrap();
    assert!(definition[0]["path"].as_str().unwrap().ends_with(name), "{shown}");
    assert_eq!(definition[1]["path"], drop_in.to_str().unwrap());
    assert!(definition[1]["text"].as_str().unwrap().contains("OF_DROP_IN"), "{shown}");
    let text = whose.svctl(&["show", name]);
    let head = format!("{name}: up (pid {main})");
    // Who may not read the journal is told so.
    let last = if reads_journal { "it listens" } else { "the right to read the journal" };
    for part in [&*head, "  control group: ", "  processes:", "  listens:", "OF_DROP_IN=1", last] {
        assert!(text.out.contains(part), "{part}: {text:?}");
    }
    assert_eq!((text.code, text.err.as_str()), (0, ""));
}

#[test]
fn the_table_of_units_is_that_of_the_tests() {
    let page = include_str!("../../../../../docs/explain.md");
    let (_, page) = page.split_once("\n## Units\n").unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let listed: std::collections::BTreeSet<&str> =
        rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
    // These are made beside the others.
    let beside = ["definition-newer", "not-ready"];
    let made = CASES.iter().map(|case| case.kind).chain(beside).collect();
    assert_eq!(listed, made);
}
