//! Descriptors that are closed, a disk that is full, environments without sense: an exit code of
//! the documented ones, and no word that is not meant for people.

use std::{fs, process::Command};

use crate::{
    scan::{SLEEP, Scan, on_terminal},
    svctl::{PROGRAM, Run},
};

const CODES: [i32; 6] = [0, 1, 99, 100, 102, 111];

fn commands(scan: &Scan) -> Vec<String> {
    let dir = scan.path();
    fs::write(scan.beside("record"), "400000006b037e0d1b96475ca758000000750001").unwrap();
    fs::create_dir_all(scan.beside("log")).unwrap();
    fs::write(scan.beside("log/current"), "a line\n").unwrap();
    let (record, log) = (scan.beside("record"), scan.beside("log"));
    let file = scan.beside("svcmgr.toml");
    fs::write(&file, "[service.web]\nexec = [\"/bin/true\"]\n").unwrap();
    let mut all: Vec<String> = [
        "status",
        "status --json",
        "list web",
        "up web",
        "up --json web",
        "down web",
        "restart web",
        "once web",
        "hup web",
        "check",
        "check --ready web",
        "wait --for up web --timeout 300ms",
        "status missing",
        "up missing",
        "enable /nonexistent",
        "disable missing",
        "logs web",
        "watch missing",
        "up --timeout 3s web",
        "completions bash",
        "__complete st",
    ]
    .map(|line| format!("--dir {} {line}", dir.display()))
    .into();
    all.extend([
        String::new(),
        "--help".to_owned(),
        "--version".to_owned(),
        "help up".to_owned(),
        "nonsense --x".to_owned(),
        format!("decode {}", record.display()),
        format!("decode --json {}", record.display()),
        "decode".to_owned(),
        "decode /nonexistent".to_owned(),
        format!("logs {}", log.display()),
        format!("logs --json {}", log.display()),
        format!("build {} --for runit --dry-run", file.display()),
        "build /nonexistent --for s6 --dry-run".to_owned(),
        "status file:///nonexistent%00%zz".to_owned(),
    ]);
    all
}

#[track_caller]
fn check(told: &Run, what: &str) {
    assert!(CODES.contains(&told.code), "{what}: {told:?}");
    for word in ["panicked", "RUST_BACKTRACE", "Os {", "Error(", "Some(", "None"] {
        assert!(!told.err.contains(word) && !told.out.contains(word), "{what}: {told:?}");
    }
}

fn shell(line: &str) -> Run {
    let mut bash = Command::new("bash");
    bash.args(["-c", line]).env("SVCTL", PROGRAM).env_remove("SVDIR").env_remove("SVWAIT");
    Run::of(bash.output().unwrap())
}

#[test]
fn closed_and_full_descriptors_are_borne() {
    let mut scan = Scan::prepare();
    scan.service("web", SLEEP);
    scan.start();
    let plain = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"];
    for line in commands(&scan) {
        for end in plain {
            let what = format!("\"$SVCTL\" {line} {end}");
            check(&shell(&what), &what);
        }
        let what = format!("\"$SVCTL\" {line} >/dev/full </dev/null");
        let full = shell(&what);
        check(&full, &what);
        let kept = shell(&format!("\"$SVCTL\" {line} 2>/dev/null </dev/null"));
        if !kept.out.is_empty() && !line.contains("help") && !line.contains("--version") {
            assert_eq!(full.code, 111, "{what}: {full:?}");
            assert!(
                full.err.contains("cannot write to standard output: No space left"),
                "{full:?}"
            );
        }
    }
}

#[test]
fn environments_without_sense_change_no_answer() {
    let mut scan = Scan::prepare();
    scan.service("web", &format!("trap '' HUP\n{SLEEP}"));
    scan.start();
    let environments = [
        "LC_ALL=tr_TR.UTF-8 LANG=xx",
        "LC_ALL=$'\\xff' LANG=$'\\xfe'",
        "TERM= COLUMNS=0",
        "TERM=dumb COLUMNS=abc LINES=-1",
        "TERM=$'\\xff' COLUMNS=99999999999999999999",
        "TZ=Nowhere/Land NO_COLOR=1",
        "HOME= PATH= TMPDIR=/nonexistent XDG_RUNTIME_DIR=",
    ];
    // What ends the process would have the next line meet another state.
    let ends =
        |line: &String| [" down ", " restart ", " once "].iter().any(|verb| line.contains(verb));
    for line in commands(&scan).into_iter().filter(|line| !ends(line)) {
        let usual = shell(&format!("\"$SVCTL\" {line} </dev/null"));
        check(&usual, &line);
        for environment in environments {
            let what = format!("{environment} \"$SVCTL\" {line} </dev/null");
            let told = shell(&what);
            check(&told, &what);
            assert_eq!(told.code, usual.code, "{what}: {told:?}, {usual:?}");
        }
    }
}

#[test]
fn a_terminal_of_any_width_holds_the_table() {
    let mut scan = Scan::prepare();
    for name in ["web", "a-name-that-is-longer-than-some-terminals-are-wide"] {
        scan.service(name, SLEEP);
    }
    scan.start();
    for columns in [1, 2, 7, 20, 40, 79, 80, 200] {
        let shown = on_terminal(scan.command(["--color", "never", "status"]), columns);
        assert_eq!(shown.lines().count(), 3, "{columns}: {shown}");
        for line in shown.lines() {
            assert!(line.chars().count() <= columns.into(), "{columns}: {line}");
        }
    }
    // A terminal that does not know its size.
    let shown = on_terminal(scan.command(["--color", "never", "status"]), 0);
    assert!(shown.contains("a-name-that-is-longer-than-some-terminals-are-wide"), "{shown}");
    let dumb = {
        let mut command = scan.command(["status"]);
        command.env("COLUMNS", "20");
        on_terminal(command, 0)
    };
    assert!(dumb.contains('\u{2026}'), "{dumb}");
}

/// Whatever is typed comes back in a message, and must not move a cursor there.
#[test]
fn messages_repeat_what_was_typed_as_harmless_text() {
    let lines = [
        "$'fro\\e[2Jb'",
        "$'--\\e[31mx'",
        "status --state $'\\e[2J'",
        "status --suite $'\\xff\\e'",
        "status --dir $'/nonexistent\\e[2J\\xff'",
        "status -v --dir $'/nonexistent\\e[2J' web",
        "status $'systemd:\\e'",
        "decode $'/nonexistent\\e'",
        "build $'/nonexistent\\e' --for runit --dry-run",
        "logs --since $'\\e' x",
        "--dir /tmp status $'[\\e'",
        "supervise $'/nonexistent\\e'",
        "dev $'/nonexistent\\e'",
        "enable --dir /nonexistent $'\\e'",
    ];
    for line in lines {
        let told = shell(&format!("\"$SVCTL\" {line} </dev/null"));
        check(&told, line);
        assert_ne!(told.code, 0, "{line}: {told:?}");
        let all = told.out + &told.err;
        assert!(!all.is_empty() && !all.contains('\u{1b}'), "{line}: {all:?}");
    }
    let wait = shell("SVWAIT=$'\\xff' \"$SVCTL\" up /tmp");
    assert_eq!(wait.code, 100, "{wait:?}");
}
