//! Every reason is made for real, and named first; what is well is not blamed.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use serde_json::Value;

use crate::{
    reasons::MORE,
    sentences::{act, until_state},
    supervised::{PATIENCE, Suite, Supervised},
    svctl::{Run, run},
};

pub(crate) const SLEEP: &str = "exec sleep 1000";

/// What is done to a directory before its supervisor starts.
pub(crate) type Prepare = fn(&Supervised);
/// What is asked of it after that.
pub(crate) type Asked = &'static [&'static str];

/// A reason: its kind, how it is made, what is asked then, and where it can be.
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    /// Something that the first finding has to say: sentence, evidence or remedy.
    pub(crate) says: &'static str,
    pub(crate) prepare: Prepare,
    pub(crate) ask: Asked,
    /// What happens once it is up.
    pub(crate) then: Option<fn(&Supervised)>,
    /// What its supervisor is started by.
    pub(crate) under: &'static [&'static str],
    /// What is named after it, in this order.
    pub(crate) also: &'static [&'static str],
    pub(crate) of: fn(Suite) -> bool,
}

pub(crate) fn all(_: Suite) -> bool {
    true
}

pub(crate) const fn case(kind: &'static str, says: &'static str, prepare: Prepare) -> Case {
    Case { kind, says, prepare, ask: &[], then: None, under: &[], also: &[], of: all }
}

pub(crate) fn raw(supervised: &Supervised, name: &str, bytes: &[u8], mode: u32) {
    let path = supervised.dir().join(name);
    let _gone = fs::remove_file(&path);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn run_of(supervised: &Supervised, text: &str) {
    // What others' threads hold open for writing cannot be executed.
    crate::supervised::scripts::write(&supervised.dir().join("run"), text);
}

/// A program for another machine: the head of this one with another number in it.
fn foreign(supervised: &Supervised) {
    let mut bytes = fs::read("/proc/self/exe").unwrap()[..64].to_vec();
    bytes[18] = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    raw(supervised, "run", &bytes, 0o755);
}

const CASES: &[Case] = &[
    case("file-missing", "run is missing", |it| fs::remove_file(it.dir().join("run")).unwrap()),
    case("file-missing", "is a link to /nonexistent/run", |it| {
        fs::remove_file(it.dir().join("run")).unwrap();
        symlink("/nonexistent/run", it.dir().join("run")).unwrap();
    }),
    case("wrong-type", "run is a directory", |it| {
        fs::remove_file(it.dir().join("run")).unwrap();
        fs::create_dir(it.dir().join("run")).unwrap();
    }),
    case("file-not-executable", "chmod +x ", |it| {
        raw(it, "run", b"#!/bin/sh\nexec sleep 9\n", 0o644);
    }),
    case("line-ends", "carriage return", |it| run_of(it, "#!/bin/sh\r\nexec sleep 9\r\n")),
    case("line-ends", "-e", |it| run_of(it, "#!/bin/sh -e\r\nexec sleep 9\r\n")),
    // A link stays one: it is the file that is to be mended.
    case("line-ends", "/real", |it| {
        fs::write(it.dir().join("real"), "#!/bin/sh\r\nexec sleep 9\r\n").unwrap();
        fs::set_permissions(it.dir().join("real"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_file(it.dir().join("run")).unwrap();
        symlink("real", it.dir().join("run")).unwrap();
    }),
    case("byte-order-mark", "ef bb bf", |it| run_of(it, "\u{feff}#!/bin/sh\nexec sleep 9\n")),
    case("no-interpreter-line", "begins with # comment", |it| {
        run_of(it, "# comment\n#!/bin/sh\nexec sleep 9\n");
    }),
    case("file-empty", "", |it| run_of(it, "")),
    case("no-interpreter", "/nonexistent/sh is missing", |it| run_of(it, "#!/nonexistent/sh\n")),
    case("no-interpreter", "nonexistent-program", |it| {
        run_of(it, "#!/usr/bin/env nonexistent-program\n");
    }),
    case("no-interpreter", "one word to env", |it| {
        run_of(it, "#!/usr/bin/env sh -e\nexec sleep 9\n");
    }),
    case("not-executed", "does not end in them", |it| {
        let long = "0".repeat(120);
        let dir = it.dir().join(&long).join(&long);
        fs::create_dir_all(&dir).unwrap();
        symlink("/bin/sh", dir.join("shell-of-a-long-name")).unwrap();
        run_of(it, &format!("#!{long}/{long}/shell-of-a-long-name\nexec sleep 9\n"));
    }),
    case("file-not-executable", "inner is not executable", |it| {
        raw(it, "inner", b"#!/bin/sh\n", 0o644);
        run_of(it, &format!("#!{}/inner\n", it.dir().display()));
    }),
    case("no-interpreter", "/nonexistent/sh is missing", |it| {
        raw(it, "inner", b"#!/nonexistent/sh\n", 0o755);
        run_of(it, &format!("#!{}/inner\n", it.dir().display()));
    }),
    case("wrong-machine", "its machine is", foreign),
    case("program-missing", "exec nonexistent-program -f", |it| {
        run_of(it, "#!/bin/sh\nexec 2>&1\nexec nonexistent-program -f\n");
    }),
    case("program-missing", "/nonexistent/server", |it| {
        run_of(it, "#!/bin/sh\nexec nice -n 5 /nonexistent/server\n");
    }),
    // As Debian's packages for runit begin their scripts.
    case("program-missing", "/nonexistent/server", |it| {
        raw(it, "invoke-run", b"#!/bin/sh\n. \"$1\"\n", 0o755);
        let line = format!("#!/usr/bin/env {}/invoke-run\n", it.dir().display());
        run_of(it, &(line + "exec 2>&1\nexec /nonexistent/server -F $DAEMON_ARGS\n"));
    }),
    case("file-not-executable", "./server is not executable", |it| {
        raw(it, "server", b"#!/bin/sh\nexec sleep 9\n", 0o644);
        run_of(it, "#!/bin/sh\nexec ./server\n");
    }),
    case("no-directory", "/nonexistent/dir does not exist", |it| {
        run_of(it, "#!/bin/sh\ncd /nonexistent/dir || exit 1\nexec sleep 9\n");
    }),
    Case {
        of: |suite| suite != Suite::S6,
        ..case("no-user", "nonexistent-user does not exist", |it| {
            let by = if it.suite.is_daemontools() { "setuidgid" } else { "chpst -u" };
            run_of(it, &format!("#!/bin/sh\nexec {by} nonexistent-user sleep 9\n"));
        })
    },
    Case {
        of: |suite| suite == Suite::S6,
        ..case("no-user", "nonexistent-user does not exist", |it| {
            run_of(it, "#!/bin/sh\nexec s6-setuidgid nonexistent-user sleep 9\n");
        })
    },
    case("backgrounds", "sleep 1000", |it| run_of(it, "#!/bin/sh\nsleep 1000 &\nexit 0\n")),
    case("down-file", "svctl up", |it| it.file("down", "")),
    Case { ask: &["down"], ..case("wanted-down", "svctl up", |it| it.script("run", SLEEP)) },
    Case { ask: &["pause"], ..case("paused", "svctl cont", |it| it.script("run", SLEEP)) },
    // What the suites tell of an end.
    Case {
        of: |suite| matches!(suite, Suite::Runit | Suite::Daemontools | Suite::Encore),
        ..case("back-off", "does not record", |it| run_of(it, "#!/bin/sh\nexit 3\n"))
    },
    Case {
        of: |suite| matches!(suite, Suite::S6 | Suite::Embedded),
        ..case("crash-loop", "exited with 3", |it| run_of(it, "#!/bin/sh\nexit 3\n"))
    },
    Case {
        of: |suite| matches!(suite, Suite::S6 | Suite::Embedded),
        ..case("crash-loop", "signal 11", |it| run_of(it, "#!/bin/sh\nkill -11 $$\n"))
    },
    Case {
        of: |suite| suite == Suite::S6,
        ..case("given-up", "exited with 7 and is no longer", |it| {
            run_of(it, "#!/bin/sh\nexit 7\n");
            it.script("finish", "exit 125");
        })
    },
    // Two at once: both, and the deeper one first.
    case("down-file", "", |it| {
        it.file("down", "");
        raw(it, "run", b"#!/bin/sh\n", 0o644);
    }),
    Case {
        of: |suite| suite == Suite::Runit,
        ..case("check-not-executable", "chmod +x ", |it| {
            it.script("run", SLEEP);
            it.file("check", "#!/bin/sh\n");
        })
    },
    Case {
        of: |suite| matches!(suite, Suite::Runit | Suite::Embedded),
        ..case("file-missing", "log/run is missing", |it| {
            it.script("run", SLEEP);
            fs::create_dir(it.dir().join("log")).unwrap();
        })
    },
    Case {
        of: |suite| matches!(suite, Suite::Runit | Suite::Embedded),
        ..case("file-not-executable", "log/run is not executable", |it| {
            it.script("run", SLEEP);
            fs::create_dir(it.dir().join("log")).unwrap();
            raw(it, "log/run", b"#!/bin/sh\n", 0o644);
        })
    },
    Case {
        of: |suite| matches!(suite, Suite::Runit),
        ..case("program-missing", "exec nonexistent-logger -tt", |it| {
            it.script("run", SLEEP);
            fs::create_dir(it.dir().join("log")).unwrap();
            it.script("log/run", "exec nonexistent-logger -tt main");
        })
    },
    // In words that are no sign of anything.
    Case {
        of: |suite| matches!(suite, Suite::Runit),
        ..case("back-off", "the frobnicator is out of tune", |it| {
            run_of(it, "#!/bin/sh\necho the frobnicator is out of tune\nexit 3\n");
            fs::create_dir_all(it.dir().join("log/main")).unwrap();
            it.script("log/run", "exec svlogd main");
        })
    },
    Case {
        of: |suite| matches!(suite, Suite::Runit | Suite::Embedded),
        also: &["logger"],
        ..case("program-missing", "the program /nonexistent/logger is missing", |it| {
            it.script("run", SLEEP);
            fs::create_dir(it.dir().join("log")).unwrap();
            it.script("log/run", "exec /nonexistent/logger -tt .");
        })
    },
    Case {
        of: |suite| matches!(suite, Suite::Runit | Suite::Embedded),
        ..case("logger", "log/down", |it| {
            it.script("run", SLEEP);
            fs::create_dir(it.dir().join("log")).unwrap();
            it.script("log/run", "exec cat >/dev/null");
            it.file("log/down", "");
        })
    },
];

pub(crate) fn explain(dirs: &[PathBuf]) -> Run {
    let words = ["explain".into(), "--json".into()];
    run(words.into_iter().chain(dirs.iter().map(|it| it.as_os_str().to_owned())))
}

/// The cases that can be made here.
fn cases_of(suite: Suite) -> Vec<&'static Case> {
    let is_made = |it: &&Case| it.kind != "core-dump" || crate::reasons::dumps_cores();
    CASES.iter().chain(MORE).filter(|it| (it.of)(suite)).filter(is_made).collect()
}

/// Asks for all of them together, again and again until each is right.
pub fn each_reason_is_named_first(suite: Suite) {
    let cases = cases_of(suite);
    let start = |case: &&Case| {
        let mut supervised = Supervised::prepare(suite, SLEEP);
        (case.prepare)(&supervised);
        supervised.supervise_under(case.under);
        supervised
    };
    let all: Vec<Supervised> = cases.iter().map(start).collect();
    let dirs: Vec<PathBuf> = all.iter().map(Supervised::dir).collect();
    for (case, it) in cases.iter().zip(&all).filter(|(case, _)| !case.ask.is_empty()) {
        until_state(it, "up");
        let asked = act(it, case.ask);
        assert_eq!(asked.code, 0, "{asked:?}");
    }
    for (case, it) in cases.iter().zip(&all) {
        if let Some(then) = case.then {
            until_state(it, "up");
            then(it);
        }
    }
    let deadline = Instant::now() + PATIENCE;
    // Between two runs there is a moment in which one is there, and nothing is wrong.
    let mut left: Vec<(&Case, PathBuf)> = cases.into_iter().zip(dirs.clone()).collect();
    while !left.is_empty() {
        let dirs: Vec<PathBuf> = left.iter().map(|(_, dir)| dir.clone()).collect();
        let rows = explain(&dirs).json();
        let mut rows = rows.as_array().unwrap().iter();
        let mut wrong = Vec::new();
        left.retain(|(case, _)| {
            let row = rows.next().unwrap();
            let is_wrong = !is_right(case, row);
            if is_wrong {
                let (state, found) = (&row["state"], &row["findings"]);
                wrong.push(format!("{} ({}): {state} {found}", case.kind, case.says));
            }
            is_wrong
        });
        assert!(left.is_empty() || Instant::now() < deadline, "{}", wrong.join("\n"));
    }
    people_are_told(&dirs);
    nobody_sees_the_same_or_says_what_that_needs(suite, &dirs);
}

fn is_right(case: &Case, row: &Value) -> bool {
    let first = &row["findings"][0];
    let mut kinds = row["findings"].as_array().unwrap().iter().map(|it| &it["kind"]);
    let is_first = kinds.next().is_some_and(|it| it == case.kind);
    is_first
        && first.to_string().contains(case.says)
        && case.also.iter().all(|also| kinds.any(|kind| kind == also))
}

/// An ordinary user sees what files show, and is told what he may not see; he blames nothing that whoever
/// may see all does not.
fn nobody_sees_the_same_or_says_what_that_needs(suite: Suite, dirs: &[PathBuf]) {
    const IN_FILES: [&str; 8] = [
        "file-missing",
        "wrong-type",
        "file-not-executable",
        "line-ends",
        "byte-order-mark",
        "no-interpreter-line",
        "file-empty",
        "wrong-machine",
    ];
    if !crate::supervised::skips::is_root(suite.name()) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("svctl");
    crate::supervised::scripts::copy(crate::svctl::PROGRAM.as_ref(), &program);
    let mut command = Command::new(&program);
    command.args(["explain", "--json"]).args(dirs).uid(65_534).gid(65_534).env_remove("SVDIR");
    let rows = Run::of(command.output().unwrap()).json();
    let cases = cases_of(suite).into_iter();
    let mut seen = std::collections::BTreeSet::new();
    for (case, row) in cases.zip(rows.as_array().unwrap()) {
        let kinds = row["findings"].as_array().unwrap();
        let is_seen = kinds.first().is_some_and(|it| it["kind"] == case.kind);
        let is_told = row["unseen"].as_array().unwrap().iter().any(|it| it["needs"] != "");
        assert!(is_seen || is_told, "{}: {row}", case.kind);
        seen.extend(is_seen.then_some(case.kind));
    }
    for kind in IN_FILES {
        assert!(seen.contains(kind), "{kind}: {rows}");
    }
}

/// The text for people: at most a screen each.
fn people_are_told(dirs: &[PathBuf]) {
    let text = run(["explain".as_ref(), dirs[0].as_os_str()]);
    assert_eq!(text.code, 1);
    assert!(
        text.out.contains("  1. run is missing\n") && text.out.lines().count() < 20,
        "{text:?}"
    );
}

/// Nobody is there: whose fault that is.
pub fn a_service_that_nobody_supervises_is_told_why(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    let dir = supervised.dir();
    let scan_dir = supervised.scan_dir().to_owned();
    // Others may have a scanner on a usual place meanwhile.
    let first = || {
        let asked = ["explain".as_ref(), "--json".as_ref(), dir.as_os_str()];
        let told = crate::svctl::command(asked).env("SVDIR", &scan_dir).output();
        Run::of(told.unwrap()).json()[0]["findings"][0].take()
    };
    let told = first();
    assert_eq!(told["kind"], "no-scanner", "{told}");
    // By a name in the scan directory that leads nowhere.
    symlink("/nonexistent/gone", scan_dir.join("gone")).unwrap();
    let gone = explain(&[scan_dir.join("gone")]);
    assert_eq!((gone.code, &gone.json()[0]["findings"][0]["kind"]), (1, &"link-broken".into()));
    let locked = supervised.dir().join("supervise");
    if suite == Suite::Runit {
        // Somebody else has the lock: no supervisor can start.
        fs::create_dir(&locked).unwrap();
        let lock = fs::File::create(locked.join("lock")).unwrap();
        let _held =
            nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusiveNonblock).unwrap();
        assert_eq!(first()["kind"], "lock-held");
    }
    supervised.supervise();
    until_state(&supervised, "up");
    assert_eq!(explain(&[dir]).code, 0);
}

/// A scanner of a suite, ended with all that it has started.
pub(crate) struct Scanning {
    child: Child,
    dir: PathBuf,
}

impl Scanning {
    fn of(suite: Suite, dir: &Path) -> Self {
        Self::of_with(suite, dir, Path::new("/dev/null"))
    }

    /// What it and all that it starts say goes to a file.
    pub(crate) fn of_with(suite: Suite, dir: &Path, messages: &Path) -> Self {
        let messages = fs::File::options().append(true).create(true).open(messages).unwrap();
        let (program, words): (&str, &[&str]) = match suite {
            Suite::Runit => ("runsvdir", &[]),
            Suite::Daemontools => ("svscan", &[]),
            Suite::Encore => (crate::supervised::encore("svscan"), &[]),
            Suite::S6 => ("s6-svscan", &[]),
            Suite::Embedded => (crate::svctl::PROGRAM, &["scan"]),
        };
        // What it starts is found on the path.
        let path = std::env::var("PATH").unwrap();
        let above = Path::new(program).parent().unwrap_or(Path::new(""));
        let child = Command::new(program)
            .args(words)
            .arg(dir)
            .env("PATH", format!("{}:{path}", above.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(messages)
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, dir: dir.to_owned() }
    }

    fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap())
    }
}

impl Drop for Scanning {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        crate::supervised::strays::end(&self.dir, || ());
    }
}

/// A scanner works, and a service has none all the same.
pub fn a_scanner_is_told_that_leaves_it_out(suite: Suite) {
    let tree = tempfile::tempdir().unwrap();
    let [scan, store] = ["scan", "store"].map(|name| tree.path().join(name));
    let make = |dir: PathBuf| {
        fs::create_dir_all(&dir).unwrap();
        crate::supervised::scripts::write(&dir.join("run"), "#!/bin/sh\nexec sleep 1000\n");
        dir
    };
    let web = make(scan.join("web"));
    let hidden = make(scan.join(".hidden"));
    let stored = make(store.join("other"));
    let scanning = Scanning::of(suite, &scan);
    let ask = |dir: &Path| {
        let told = crate::svctl::command(["explain".as_ref(), "--json".as_ref(), dir.as_os_str()])
            .env("SVDIR", &scan)
            .output();
        Run::of(told.unwrap()).json()[0].take()
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let row = ask(&web);
        if row["findings"] == serde_json::json!([]) && row["supervised"] == true {
            break;
        }
        assert!(Instant::now() < deadline, "{row}");
    }
    let first = |dir: &Path| ask(dir)["findings"][0].take();
    if suite != Suite::Embedded {
        let told = first(&hidden);
        assert_eq!(told["kind"], "hidden-name", "{told}");
    }
    let told = first(&stored);
    assert_eq!(told["kind"], "not-enabled", "{told}");
    assert!(told["remedy"].as_str().unwrap().starts_with("svctl enable "), "{told}");
    // One that does nothing takes nothing up.
    nix::sys::signal::kill(scanning.pid(), nix::sys::signal::Signal::SIGSTOP).unwrap();
    let late = make(scan.join("late"));
    let told = first(&late);
    assert_eq!(told["kind"], "not-taken-up", "{told}");
    assert!(told.to_string().contains("is stopped by a signal"), "{told}");
}

/// `status`, `check` and what asks and waits say the reason, and nothing of what is well.
pub fn the_first_reason_is_said_by_all_who_tell_how_it_stands(suite: Suite) {
    let well = Supervised::start(suite, SLEEP);
    until_state(&well, "up");
    for words in [&["status"][..], &["check"], &["up"], &["restart"]] {
        let told = act(&well, words);
        let json = act(&well, &[words, &["--json"]].concat()).json();
        assert!(told.code == 0 && json[0].get("reason").is_none(), "{told:?} {json}");
        assert!(!told.err.contains("svctl explain") && told.err.is_empty(), "{told:?}");
    }
    let mut ill = Supervised::prepare(suite, SLEEP);
    raw(&ill, "run", b"#!/bin/sh\r\nexec sleep 9\r\n", 0o755);
    ill.supervise();
    let why = "run has the line ends of DOS";
    let deadline = Instant::now() + PATIENCE;
    // Between two runs there is a moment in which one is there.
    let says = |words: &[&str]| loop {
        let told = act(&ill, words);
        let json = act(&ill, &[words, &["--json"]].concat()).json();
        let in_json = json[0]["reason"]["kind"] == "line-ends";
        if in_json && (told.out.contains(why) || told.err.contains(why)) {
            let remedy = json[0]["reason"]["remedy"].as_str().unwrap();
            assert!(remedy.starts_with("sed -i "), "{json}");
            return told;
        }
        assert!(Instant::now() < deadline, "{told:?} {json}");
    };
    let status = says(&["status"]);
    assert!(status.out.lines().nth(1).unwrap().contains(why), "{status:?}");
    assert_eq!(says(&["check"]).code, 1);
    let waited = says(&["wait", "--for", "up-for=5s", "--timeout", "10ms"]);
    assert!(waited.err.contains("hint: sed -i "), "{waited:?}");
}

/// Watched for some time, a loop shows and how long its runs lived, whatever the suite counts.
pub fn a_loop_is_seen_where_no_suite_counts(suite: Suite) {
    let it = Supervised::start(suite, "exit 3");
    crate::sentences::until(&it, |row| row["supervised"] == true);
    let told = act(&it, &["explain", "--over", "60s", "--json"]);
    let first = told.json()[0]["findings"][0].take();
    match suite {
        Suite::Runit | Suite::Daemontools | Suite::Encore => {
            assert_eq!(first["kind"], "crash-loop", "{told:?}");
            assert!(first.to_string().contains("ended while it was looked at: "), "{first}");
        }
        // These tell of one end how it was.
        _ => assert!(first["kind"] == "exited" || first["kind"] == "crash-loop", "{told:?}"),
    }
    assert_eq!(told.code, 1);
}

/// A reason, and where it is made for real.
type Made = (&'static str, fn(Suite) -> bool);

/// Where each reason is made for real, beside the cases here: by which test, and under which suites.
const ELSEWHERE: &[Made] = &[
    ("no-scanner", all),
    ("link-broken", all),
    ("lock-held", |suite| suite == Suite::Runit),
    ("not-enabled", all),
    ("not-taken-up", all),
    ("hidden-name", |suite| suite != Suite::Embedded),
    ("noexec-mount", all),
    ("read-only", all),
    ("out-of-memory", all),
    ("crash-loop", all),
    // `dev/jobs.rs`.
    ("waiting", |suite| suite == Suite::Embedded),
    ("held-back", |suite| suite == Suite::Embedded),
    ("check-failed", |suite| matches!(suite, Suite::Runit | Suite::Embedded)),
    ("check-overdue", |suite| matches!(suite, Suite::Runit | Suite::Embedded)),
];

#[test]
fn the_table_of_the_documentation_is_that_of_the_tests() {
    const SUITES: [Suite; 5] =
        [Suite::Runit, Suite::Daemontools, Suite::Encore, Suite::S6, Suite::Embedded];
    let cases = CASES.iter().chain(MORE).map(|it| (it.kind, it.of));
    let made: Vec<_> = cases.chain(ELSEWHERE.iter().copied()).collect();
    let page = include_str!("../../../../docs/explain.md");
    let mut listed = std::collections::BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, kind, _, suites @ .., _] = &cells[..] else { continue };
        let kind = kind.trim_matches('`');
        if suites.len() != SUITES.len() {
            continue;
        }
        listed.insert(kind);
        for (suite, cell) in SUITES.into_iter().zip(suites) {
            let is_made = made.iter().any(|(it, of)| *it == kind && of(suite));
            assert_eq!(cell.starts_with("yes"), is_made, "{kind} under {suite:?}");
        }
    }
    for (kind, _) in made {
        assert!(listed.contains(kind), "{kind} is not in docs/explain.md");
    }
}
