//! `svctl logs` of directories that the test has written.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    schema,
    svctl::{Run, command, run},
};

/// A log as svlogd leaves it.
fn log(tree: &TempDir, name: &str, lines: &[u8]) -> PathBuf {
    let dir = tree.path().join(name);
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("current"), lines).unwrap();
    dir
}

#[test]
fn logs_are_merged_by_time_and_cut_to_what_was_asked_for() {
    let tree = tempfile::tempdir().unwrap();
    let one =
        log(&tree, "one", b"2026-11-22_10:00:00.00000 first\n2026-11-22_10:00:20.50000 third\n");
    let two = log(&tree, "two", b"2026-11-22_10:00:10.00000 second\n  and more\n\x1b[31m\xff\n");
    let logs = |args: &[&str]| {
        let dirs = [one.as_os_str(), two.as_os_str()];
        run(["logs", "--utc"].iter().chain(args).map(AsRef::as_ref).chain(dirs))
    };
    let all = command(["logs", "--utc"]).args([&one, &two]).output().unwrap();
    let (one_name, two_name) = (one.display(), two.display());
    let mut expected = format!(
        "2026-11-22 10:00:00.000 {one_name} first\n2026-11-22 10:00:10.000 {two_name} second\n\
         2026-11-22 10:00:10.000 {two_name}   and more\n2026-11-22 10:00:10.000 {two_name} "
    )
    .into_bytes();
    expected.extend(b"\x1b[31m\xff\n");
    expected.extend(format!("2026-11-22 10:00:20.500 {one_name} third\n").bytes());
    assert_eq!(all.stdout, expected);
    assert!(logs(&["-n", "1"]).out.ends_with("third\n"));
    let some =
        logs(&["--since", "2026-11-22T10:00:05Z", "--until", "2026-11-22T10:00:10Z", "--json"]);
    let lines: Vec<Value> =
        some.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        schema::check(line);
    }
    let texts: Vec<&str> = lines.iter().map(|line| line["line"].as_str().unwrap()).collect();
    assert_eq!(texts, ["second", "  and more", "\u{1b}[31m\u{fffd}"]);
    assert_eq!(lines[0]["at"], "2026-11-22T10:00:10.000000000Z");
    assert_eq!(logs(&["--since", "yesterday"]).code, 100);
    // Nothing is not said by silence.
    let early = logs(&["--until", "2026-11-22T09:00:00Z"]);
    assert_eq!((early.code, early.out.as_str()), (0, ""), "{early:?}");
    for name in [&one, &two] {
        let said = format!("svctl: {}: its log has no line that was asked for\n", name.display());
        assert!(early.err.contains(&said), "{early:?}");
    }
    let turned = logs(&["--since", "2026-11-22T10:00:05Z", "--until", "2026-11-22T10:00:00Z"]);
    assert_eq!((turned.code, turned.out.as_str()), (100, ""), "{turned:?}");
    assert!(turned.err.contains("--until is before --since"), "{turned:?}");
}

#[test]
fn a_followed_log_goes_on_through_rotation() {
    let tree = tempfile::tempdir().unwrap();
    let dir = log(&tree, "web", b"old\n");
    let mut child =
        command(["logs", "-f", "-n", "0"]).arg(&dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    let append = |file: &str, text: &str| {
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(dir.join(file)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let mut next = || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut lines, &mut line).unwrap();
        line
    };
    // Written until the follower is there to see it: what was before it came is not shown.
    let shown = std::thread::scope(|scope| {
        let reader = scope.spawn(&mut next);
        while !reader.is_finished() {
            append("current", "new\n");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        reader.join().unwrap()
    });
    assert_eq!(shown, "new\n");
    append("current", "last of it\n");
    fs::rename(dir.join("current"), dir.join("@400000000000000f00000000.s")).unwrap();
    append("current", "rotated\n");
    let rest: Vec<String> =
        std::iter::from_fn(|| Some(next())).skip_while(|line| line == "new\n").take(2).collect();
    assert_eq!(rest, ["last of it\n", "rotated\n"]);
    drop(lines);
    append("current", "nobody reads\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A service whose logger does not run.
fn service(tree: &TempDir, name: &str, logger: &str) -> PathBuf {
    let dir = tree.path().join("scan").join(name);
    fs::create_dir_all(dir.join("log")).unwrap();
    fs::write(dir.join("run"), "#!/bin/sh\nexec sleep 1000\n").unwrap();
    fs::write(dir.join("log/run"), format!("#!/bin/sh\n{logger}\n")).unwrap();
    dir
}

fn in_scan_dir(tree: &TempDir, args: &[&str]) -> Run {
    let scan = tree.path().join("scan");
    run(["logs", "--utc", "--dir", scan.to_str().unwrap()].iter().chain(args))
}

/// `family.md` 24 to 27, and what is near: nothing is silently nothing.
#[test]
fn nothing_is_silently_nothing() {
    let tree = tempfile::tempdir().unwrap();
    let bare = tree.path().join("scan/bare");
    fs::create_dir_all(&bare).unwrap();
    fs::write(bare.join("run"), "").unwrap();
    let none = in_scan_dir(&tree, &[]);
    assert_eq!((none.code, none.out.as_str()), (1, ""), "{none:?}");
    assert!(none.err.contains("no service has a log"), "{none:?}");
    let none = in_scan_dir(&tree, &["bare"]);
    assert!(none.code == 1 && none.err.contains("bare: cannot find its log: it has no logger"));

    let timeless = log(&tree, "timeless", b"one\ntwo\n");
    service(&tree, "web", &format!("exec svlogd {}", timeless.display()));
    let all = in_scan_dir(&tree, &["web"]);
    assert_eq!((all.code, all.out.as_str()), (0, "one\ntwo\n"), "{all:?}");
    assert!(all.err.contains("web: its logger does not run, for nobody supervises it"), "{all:?}");
    for (option, time) in
        [("--since", "1h"), ("--until", "1h"), ("--since", "1970-01-01T00:00:00Z")]
    {
        let said = in_scan_dir(&tree, &["web", option, time]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        let why = format!("web: 2 lines have no time, and {option} leaves out what has none");
        assert!(said.err.contains(&why), "{said:?}");
    }

    // The last before a moment are not the last of all.
    let timed = log(
        &tree,
        "timed",
        b"2026-11-22T10:00:00.1 a\n2026-11-22T10:00:10.1 b\n2026-11-22T10:00:20.1 c\n2026-11-22T10:00:30.1 d\n",
    );
    service(&tree, "api", &format!("exec multilog t {}", timed.display()));
    let texts = |args: &[&str]| {
        let said = in_scan_dir(&tree, &[&["api"], args].concat());
        let words = said.out.lines().map(|line| line.rsplit(' ').next().unwrap().to_owned());
        words.collect::<String>()
    };
    let (from, to) = ("2026-11-22T10:00:05Z", "2026-11-22T10:00:25Z");
    assert_eq!(texts(&["--until", to, "-n", "2"]), "bc");
    assert_eq!(texts(&["--since", from, "-n", "2"]), "cd");
    assert_eq!(texts(&["--since", from, "-n", "20"]), "bcd");
    assert_eq!(texts(&["--since", from, "--until", to, "-n", "1"]), "c");
    assert_eq!(texts(&["-n", "1"]), "d");
    // Of several, the last of all of them.
    let several = in_scan_dir(&tree, &["api", "web", "-n", "5"]);
    let several: Vec<&str> = several.out.lines().map(str::trim).collect();
    let last = ["10.100 api b", "20.100 api c", "30.100 api d"];
    let last = last.map(|last| format!("2026-11-22 10:00:{last}"));
    assert_eq!(several[0], "web two");
    assert_eq!(several[2..], last);
}

/// `family.md` 27: two directories of one logger.
#[test]
fn a_line_in_two_directories_of_a_logger_comes_once() {
    let tree = tempfile::tempdir().unwrap();
    let all = log(
        &tree,
        "all",
        b"2026-11-22T10:00:00.1 a\n2026-11-22T10:00:00.1 a\n2026-11-22T10:00:10.1 bad\n",
    );
    let bad = log(&tree, "bad", b"2026-11-21T10:00:00.1 bad before\n2026-11-22T10:00:10.1 bad\n");
    let (all, bad) = (all.display(), bad.display());
    service(&tree, "web", &format!("exec multilog t {all} '-*' '+*bad*' {bad}"));
    let said = in_scan_dir(&tree, &["web"]);
    let lines: Vec<&str> = said.out.lines().map(|line| &line[24..]).collect();
    assert_eq!(lines, ["web (bad) bad before", "web (all) a", "web (all) a", "web (all) bad"]);
    assert_eq!(in_scan_dir(&tree, &["web", "--json"]).out.lines().count(), 4);

    // Without times, the directory that has them all.
    let all = log(&tree, "plain", b"a\nbad\n");
    let bad = log(&tree, "picked", b"bad\n");
    let (all, bad) = (all.display(), bad.display());
    service(&tree, "api", &format!("exec multilog {all} '-*' '+*bad*' {bad}"));
    let said = in_scan_dir(&tree, &["api"]);
    assert_eq!((said.code, said.out.as_str()), (0, "a\nbad\n"), "{said:?}");
    assert!(said.err.contains(&format!("read is {all}, not {bad}")), "{said:?}");
}

/// `family.md` 28: packed by the logger's processor.
#[test]
fn packed_files_are_read() {
    let tree = tempfile::tempdir().unwrap();
    let dir = log(&tree, "log", b"three\n");
    let pack = |program: &str, name: &str, text: &str| {
        let plain = dir.join("plain");
        fs::write(&plain, text).unwrap();
        let packed = Command::new(program).args(["-q", "-c"]).arg(&plain).output().unwrap();
        fs::remove_file(&plain).unwrap();
        fs::write(dir.join(name), packed.stdout).unwrap();
    };
    pack("gzip", "@400000000000000f00000000.s", "one\n");
    pack("zstd", "@400000000000001f00000000.s", "two\n");
    let said = run(["logs".as_ref(), dir.as_os_str()]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "one\ntwo\nthree\n", ""));
    let said = run(["logs".as_ref(), "-n2".as_ref(), dir.as_os_str()]);
    assert_eq!(said.out, "two\nthree\n");
}

/// `daemons.md` 4: what `s6-log T` writes, in the time zone of its script or of the system.
#[test]
fn stamps_in_local_time_are_read() {
    let tree = tempfile::tempdir().unwrap();
    let dir = log(&tree, "log", b"2026-11-22 10:00:00.123456789 works\n");
    let logger = format!("exec s6-log T {}", dir.display());
    service(&tree, "east", &format!("TZ=XST-3 {logger}"));
    service(&tree, "here", &logger);
    let shown = |name: &str, zone: &str| {
        let scan = tree.path().join("scan");
        let mut command = command(["logs", "--utc", name, "--dir"]);
        let output = command.arg(scan).env("TZ", zone).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(shown("east", "UTC"), "2026-11-22 07:00:00.123 works\n");
    assert_eq!(shown("here", "UTC"), "2026-11-22 10:00:00.123 works\n");
}

/// What `s6-rc-compile` 0.5.4.1 makes of a service, its filter and its logger, as s6-overlay has it
/// too.
#[test]
fn the_logger_of_a_pipeline_of_s6_rc_is_another_service() {
    let tree = tempfile::tempdir().unwrap();
    let lines = log(&tree, "lines", b"2026-11-22_10:00:00.00000 it works\n");
    let scan = tree.path().join("scan");
    let longrun = |name: &str, reads: bool, writes: Option<&str>, user: &str| {
        let dir = tree.path().join("live/servicedirs").join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir_all(&scan).unwrap();
        let retrieve = |end: &str| {
            format!("/usr/bin/s6-fdholder-retrieve ../s6rc-fdholder/s \"pipe:s6rc-{end}\"\n")
        };
        let mut run = "#!/usr/bin/execlineb -S0\n".to_owned();
        if let Some(to) = writes {
            run += "/usr/lib/execline/bin/fdmove 1 0\n";
            run += &retrieve(&format!("w-{to}"));
            run += "/usr/lib/execline/bin/fdswap 0 1\n";
        }
        if reads {
            run += &retrieve(&format!("r-{name}"));
        }
        fs::write(dir.join("run"), run + "./run.user $@\n").unwrap();
        fs::write(dir.join("run.user"), user).unwrap();
        std::os::unix::fs::symlink(&dir, scan.join(name)).unwrap();
    };
    let logger = format!("#!/bin/execlineb -P\nlogutil-service {}\n", lines.display());
    longrun("web", false, Some("filter"), "#!/bin/sh\nexec web\n");
    longrun("filter", true, Some("keeper"), "#!/bin/sh\nexec grep -v x\n");
    longrun("keeper", true, None, &logger);
    for (names, shown) in [(&["web"][..], ""), (&["keeper"], ""), (&["web", "keeper"], "")] {
        let said = in_scan_dir(&tree, names);
        let expected = format!("2026-11-22 10:00:00.000 {shown}it works\n");
        assert_eq!((said.code, said.out), (0, expected), "{names:?}: {}", said.err);
    }
    // Of all it is the one that two share.
    let said = in_scan_dir(&tree, &["--json"]);
    let row: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(row["service"], "keeper");
}

#[test]
fn a_log_path_is_taken_as_it_is() {
    let tree = tempfile::tempdir().unwrap();
    let dir = log(&tree, "web", b"one\n");
    assert_eq!(run(["logs".as_ref(), dir.as_os_str()]).out, "one\n");
    assert_eq!(run(["logs".as_ref(), Path::new("/absent").as_os_str()]).code, 111);
}

/// Runs a logger until the end of its input. `false` where its program is not installed.
fn feed(program: &str, argv: &[&str], dir: &Path, zone: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|dir| dir.join(program).is_file()) {
        return false;
    }
    // By way of `env`, so that no other thread can have a script open when it is started.
    let mut logger = Command::new("env");
    logger.args(argv).current_dir(dir).env("TZ", zone).stdin(Stdio::piped());
    let mut logger = logger.stderr(Stdio::null()).spawn().unwrap();
    logger.stdin.take().unwrap().write_all(b"  hello\n").unwrap();
    assert!(logger.wait().unwrap().success(), "{argv:?}");
    true
}

/// `daemons.md` 4: whatever stamp a logger writes, its time is read, and nothing of the line is lost.
#[test]
fn the_stamps_of_every_logger_are_read() {
    const ZONE: &str = "UTC-5:30";
    let tree = tempfile::tempdir().unwrap();
    let hold = |dir: &Path, what: &str| {
        // Neither long ago nor in times to come.
        let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(1)).to_string();
        let args = ["logs", "--json", "--since", "30m", "--until", &soon];
        let said = command(args).arg(dir).env("TZ", ZONE).output();
        let said = Run::of(said.unwrap());
        assert_eq!(said.code, 0, "{what}: {said:?}");
        let line: Value = serde_json::from_str(said.out.trim()).unwrap();
        assert_eq!(line["line"], "  hello", "{what}");
        assert!(line["at"].is_string(), "{what}: {line}");
    };
    for (at, (program, words)) in [
        ("svlogd", &["-t"][..]),
        ("svlogd", &["-tt"]),
        ("svlogd", &["-ttt"]),
        ("multilog", &["t"]),
        ("s6-log", &["t"]),
        ("s6-log", &["T"]),
    ]
    .into_iter()
    .enumerate()
    {
        let dir = tree.path().join(at.to_string());
        fs::create_dir(&dir).unwrap();
        let mut argv = [&[program], words].concat();
        argv.push(dir.to_str().unwrap());
        if feed(program, &argv, tree.path(), ZONE) {
            hold(&dir, &format!("{argv:?}"));
        }
    }
    // As they are built, with another time zone than that of the reader.
    for (target, script, program, stamps) in [
        ("runit", "sh", "svlogd", &["tai64n", "iso8601"][..]),
        ("s6", "execline", "s6-log", &["tai64n", "iso8601"]),
        ("s6", "sh", "s6-log", &["iso8601"]),
        ("daemontools", "sh", "multilog", &["tai64n"]),
        ("encore", "sh", "multilog", &["tai64n"]),
    ] {
        for stamp in stamps {
            let (file, out) = (tree.path().join("f.toml"), tree.path().join("out"));
            let text = format!("[service.web]\nexec = [\"true\"]\nlog.timestamp = \"{stamp}\"\n");
            fs::write(&file, text).unwrap();
            let paths = [&file, &out].map(|path| path.to_str().unwrap());
            let built =
                run(["build", paths[0], "--to", target, "--script", script, "--out", paths[1]]);
            assert_eq!(built.code, 0, "{built:?}");
            if feed(program, &["./run"], &out.join("web/log"), "UTC+3") {
                hold(&out.join("web"), &format!("{target} {script} {stamp}"));
            }
            fs::remove_dir_all(&out).unwrap();
        }
    }
}
