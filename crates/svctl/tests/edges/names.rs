//! Hostile names: shown in one line, and given back they are the same service.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{BufRead, BufReader},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    scan::{SLEEP, Scan, make},
    svctl::{PROGRAM, Run},
};

const NAMES: [&[u8]; 11] = [
    b"web",
    b"a b  c",
    b"new\nline",
    b"\x1b[2J\x1b[31mred",
    b"it's \"quoted\" \\n $HOME `id`",
    b"-rf",
    b"\xff\xfe\xc3",
    "\u{202e}bew".as_bytes(),
    b"%41*[x]?",
    b"web.service",
    b"tab\tbell\x07",
];

fn hostile() -> Scan {
    let mut scan = Scan::prepare();
    for name in NAMES {
        let dir = scan.service(name, SLEEP);
        make(&dir.join("log"), "exec cat >/dev/null");
        fs::create_dir(dir.join("log/main")).unwrap();
        fs::write(dir.join("log/main/current"), b"a line\n").unwrap();
    }
    scan.start();
    scan
}

/// The path in a URL, decoded without svctl.
fn path_in(url: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = url.strip_prefix("file://").unwrap().bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap();
        let decoded = if byte == b'%' { digit() * 16 + digit() } else { byte.into() };
        bytes.push(u8::try_from(decoded).unwrap());
    }
    OsString::from_vec(bytes).into()
}

#[test]
fn what_json_calls_a_service_is_the_same_service_for_every_command() {
    let scan = hostile();
    let rows = scan.svctl(["status", "--json"]).json();
    let urls: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["url"].as_str().unwrap()).collect();
    let mut found: Vec<PathBuf> = urls.iter().map(|url| path_in(url)).collect();
    let mut expected: Vec<PathBuf> =
        NAMES.iter().map(|name| scan.path().join(OsStr::from_bytes(name))).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for url in urls {
        for verb in ["status", "check", "up", "hup", "wait"] {
            let told = scan.svctl([verb, "--json", url]);
            assert_eq!((told.code, &told.json()[0]["url"]), (0, &url.into()), "{verb} {told:?}");
        }
        let line = first_line(&scan, &["watch", "--json", url]);
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["url"], url);
        let logged = scan.svctl(["logs", "--json", url]).json();
        assert_eq!((&logged["url"], &logged["line"]), (&url.into(), &"a line".into()));
        let down = scan.svctl(["down", url]);
        assert_eq!(down.code, 0, "{down:?}");
        let run = path_in(url).join("supervise/pid");
        assert_eq!(fs::read(run).unwrap(), b"");
    }
}

fn first_line(scan: &Scan, args: &[&str]) -> String {
    let mut child = scan.command(args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    line
}

#[test]
fn what_is_printed_is_one_safe_line_and_a_shell_gives_it_back() {
    let scan = hostile();
    let table = scan.svctl(["status"]);
    assert_eq!(table.out.lines().count(), 1 + NAMES.len(), "{table:?}");
    for name in NAMES {
        let path = scan.path().join(OsStr::from_bytes(name));
        // By path, for what looks like a unit is one.
        let typed = format!("{}/", path.display());
        let raw = path.join("");
        let word = |verb: &str, args: &[&str]| {
            let told = Run::of(scan.command(["-q", verb]).args(args).arg(&raw).output().unwrap());
            assert_eq!((told.code, &*told.out, &*told.err), (0, "", ""), "{typed}");
        };
        word("up", &[]);
        let told = Run::of(scan.command(["check"]).arg(&raw).output().unwrap());
        let (shown, _) = told.out.split_once(": ok, up (pid ").unwrap();
        assert_eq!(told.out.lines().count(), 1, "{told:?}");
        assert!(!told.out.trim_end().contains(char::is_control), "{told:?}");
        let script = format!("exec \"$SVCTL\" status --json {shown}");
        let row = Command::new("bash").args(["-c", &script]).env("SVCTL", PROGRAM).output();
        let row = Run::of(row.unwrap()).json();
        assert_eq!(path_in(row[0]["url"].as_str().unwrap()), path, "{shown}");
    }
}

/// The names by themselves, as they stand in the table; a dash in front needs `--`.
#[test]
fn names_of_the_table_are_words_of_a_shell() {
    let scan = hostile();
    for name in NAMES.iter().filter(|name| **name != b"web.service") {
        let name = OsStr::from_bytes(name);
        let told = Run::of(scan.command(["up", "--"]).arg(name).output().unwrap());
        let (shown, _) = told
            .out
            .rsplit_once(": already up (pid ")
            .or_else(|| told.out.rsplit_once(": up (pid "))
            .unwrap();
        let script = format!("exec \"$SVCTL\" --dir \"$TREE\" status --json -- {shown}");
        let bash = Command::new("bash")
            .args(["-c", &script])
            .env("SVCTL", PROGRAM)
            .env("TREE", scan.path())
            .output();
        let row = Run::of(bash.unwrap()).json();
        assert_eq!(path_in(row[0]["url"].as_str().unwrap()), scan.path().join(name), "{shown}");
    }
}

#[test]
fn watch_lines_log_prefixes_and_completions_are_safe() {
    let scan = hostile();
    let mut child = scan.command(["watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(NAMES.len());
    for line in lines.map(Result::unwrap) {
        assert!(!line.contains(char::is_control) && !line.contains('\u{202e}'), "{line:?}");
        assert!(line.contains(": up (pid "), "{line:?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let logs = scan.svctl(["logs"]);
    assert_eq!(logs.out.lines().count(), NAMES.len(), "{logs:?}");
    for line in logs.out.lines() {
        assert!(!line.contains(char::is_control) && line.ends_with(" a line"), "{line:?}");
    }
    let offered =
        scan.svctl(["__complete", "--", "--dir", scan.path().to_str().unwrap(), "up", ""]);
    for line in offered.out.lines() {
        let (word, _) = line.split_once('\t').unwrap();
        assert!(Path::new(&scan.path()).join(word).is_dir(), "{line:?}");
    }
}
