//! `svctl supervise` and `svctl scan`: what they tell, and how they end.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    supervised::{Suite, Supervised, scripts},
    svctl::{Run, command, run},
};

const SLEEP: &str = "exec sleep 1000";

/// One of the two with `--json`, read line by line.
struct Telling {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Telling {
    fn start(verb: &str, dir: &Path) -> Self {
        Self::of(&[verb], dir)
    }

    fn of(words: &[&str], dir: &Path) -> Self {
        let words = words.iter().map(AsRef::as_ref).chain(["--json".as_ref(), dir.as_os_str()]);
        let mut command = command(words);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next happening of this kind.
    #[track_caller]
    fn until(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "no {event} before the end");
            let value = serde_json::from_str(&line).unwrap();
            crate::schema::check(&value);
            if value["event"] == event {
                return value;
            }
        }
    }

    #[track_caller]
    fn end(&mut self, signal: Signal) -> Option<i32> {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
        self.until("gone");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn supervise_tells_what_happens_and_ends_with_0() {
    let supervised = Supervised::prepare(Suite::Embedded, SLEEP);
    supervised.script("finish", "exit 0");
    supervised.file("notification-fd", "4\n");
    supervised.script("run", "echo >&4; exec sleep 1000");
    let mut told = Telling::start("supervise", &supervised.dir());
    let started = told.until("started");
    assert_eq!((&started["service"], &started["part"]), (&"web".into(), &"main".into()));
    assert_eq!(told.until("ready")["pid"], started["pid"]);
    let dir = supervised.dir();
    assert_eq!(run(["down".as_ref(), dir.as_os_str()]).code, 0);
    assert_eq!(told.until("exited")["exit"], serde_json::json!({"signal": "SIGTERM"}));
    assert_eq!(told.until("finished")["exit"], serde_json::json!({"code": 0}));
    told.until("down");
    assert_eq!(told.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_scan_directory_is_one_for_the_other_commands() {
    let supervised = Supervised::prepare(Suite::Embedded, SLEEP);
    let mut told = Telling::start("scan", supervised.scan_dir());
    told.until("started");
    let of_dir = |words: &[&str]| {
        run(words
            .iter()
            .map(AsRef::as_ref)
            .chain(["--dir".as_ref(), supervised.scan_dir().as_os_str()]))
    };
    assert_eq!(of_dir(&["up", "web"]).code, 0);
    assert_eq!(of_dir(&["status", "--json"]).json()[0]["state"], "up");
    assert_eq!(told.end(Signal::SIGHUP), Some(111));
    assert_eq!(of_dir(&["status"]).code, 102);
}

#[test]
fn what_cannot_be_supervised_is_111_and_says_why() {
    let supervised = Supervised::start(Suite::Embedded, SLEEP);
    let mut watching = crate::svctl::Watching::start([supervised.dir()]);
    watching.until(|line| line["supervised"] == true);
    let dir = supervised.dir();
    let second = Run::of(command(["supervise".as_ref(), dir.as_os_str()]).output().unwrap());
    assert_eq!(second.code, 111);
    assert!(second.err.contains("it is supervised already"), "{}", second.err);
    for verb in ["supervise", "scan"] {
        let none = run([verb, "/nowhere/at/all"]);
        assert_eq!(none.code, 111);
        assert!(none.err.contains("/nowhere/at/all: No such file"), "{}", none.err);
    }
    // What stands in the place of a FIFO is left alone.
    let other = Supervised::prepare(Suite::Embedded, SLEEP);
    fs::create_dir(other.dir().join("supervise")).unwrap();
    other.file("supervise/control", "mine");
    let dir = other.dir();
    let refused = run(["supervise".as_ref(), dir.as_os_str()]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("supervise/control: it is a regular file, not a FIFO"),
        "{}",
        refused.err
    );
    assert_eq!(fs::read(other.dir().join("supervise/control")).unwrap(), b"mine");
}

#[test]
fn what_goes_wrong_is_said_without_being_asked() {
    let supervised = Supervised::prepare(Suite::Embedded, "exit 0");
    fs::remove_file(supervised.dir().join("run")).unwrap();
    let dir = supervised.dir();
    let mut command = command(["supervise".as_ref(), dir.as_os_str()]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = [lines.next(), lines.next()].map(|line| line.unwrap().unwrap());
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(
        said[0].starts_with("svctl: cannot execute ") && said[0].contains("web/run"),
        "{said:?}"
    );
    assert!(said[1].starts_with("  hint: the file is missing"), "{said:?}");
}

/// `family.md` 23: what `finish` knows and nobody else is told.
#[test]
fn a_critical_service_ends_all_with_its_exit_code() {
    let ends = |run: &str, finish: &str, critical: &[&str]| {
        let supervised = Supervised::prepare(Suite::Embedded, run);
        supervised.script("finish", finish);
        let dir = supervised.dir();
        let words = [&["supervise"], critical, &[dir.to_str().unwrap()]].concat();
        Run::of(command(words).output().unwrap()).code
    };
    let exits = "echo x >supervise/control";
    assert_eq!(ends("exit 7", exits, &[]), 0);
    assert_eq!(ends("exit 7", exits, &["--critical"]), 7);
    assert_eq!(ends("exit 0", exits, &["--critical"]), 0);
    assert_eq!(ends("kill -SEGV $$", exits, &["--critical"]), 128 + 11);
    // Down for good is enough.
    assert_eq!(ends("exit 7", "echo d >supervise/control", &["--critical"]), 7);
    // In a scan directory it takes the others with it.
    let supervised = Supervised::prepare(Suite::Embedded, SLEEP);
    let job = supervised.scan_dir().join("job");
    fs::create_dir(&job).unwrap();
    for (name, text) in [("run", "exit 9"), ("finish", exits)] {
        scripts::write(&job.join(name), &format!("#!/bin/sh\n{text}\n"));
    }
    let scan = supervised.scan_dir().to_str().unwrap();
    assert_eq!(run(["scan", "--exit-with", "job", scan]).code, 9);
    // What somebody has asked to end has not ended by itself.
    let supervised = Supervised::prepare(Suite::Embedded, SLEEP);
    let mut told = Telling::of(&["supervise", "--critical"], &supervised.dir());
    told.until("started");
    let dir = supervised.dir();
    assert_eq!(run(["down".as_ref(), dir.as_os_str()]).code, 0);
    assert_eq!(run(["up".as_ref(), dir.as_os_str()]).code, 0);
    assert_eq!(told.end(Signal::SIGTERM), Some(0));
}

/// `dev.md` 18: it ends within a bound, and says that it was by force; what was written before is in the log.
#[test]
fn what_does_not_end_is_killed_in_time_and_its_logger_reads_the_rest() {
    let deaf =
        "trap '' TERM; n=0; while :; do n=$((n + 1)); echo $n; echo $n >wrote; sleep 0.01; done";
    let supervised = Supervised::prepare(Suite::Embedded, deaf);
    fs::create_dir(supervised.dir().join("log")).unwrap();
    supervised.script("log/run", "exec cat >>../out");
    let dir = supervised.dir();
    let number = |name: &str| {
        let text = fs::read_to_string(dir.join(name)).unwrap_or_default();
        text.lines().last().and_then(|line| line.parse::<u64>().ok()).unwrap_or(0)
    };
    let ends = |words: &[&str], dir: &Path, signals: &[Signal]| {
        let [out, wrote] = ["out", "wrote"].map(|name| supervised.dir().join(name));
        fs::write(&out, "").unwrap();
        fs::write(&wrote, "").unwrap();
        let mut told = Telling::of(words, dir);
        let limit = Instant::now() + Duration::from_secs(60);
        while number("out") < 3 {
            assert!(Instant::now() < limit, "it writes nothing");
            std::thread::sleep(Duration::from_millis(5));
        }
        let (last, first) = signals.split_last().unwrap();
        for signal in first {
            kill(Pid::from_raw(told.child.id().try_into().unwrap()), *signal).unwrap();
            told.until("stopping");
        }
        let code = told.end(*last);
        assert!(number("out") >= number("wrote"), "{} of {}", number("out"), number("wrote"));
        code
    };
    let soon: &[&str] = &["supervise", "--kill-after", "100ms"];
    assert_eq!(ends(soon, &dir, &[Signal::SIGTERM]), Some(137));
    let scan = &["scan", "--kill-after", "1h"];
    let twice = [Signal::SIGTERM, Signal::SIGTERM];
    assert_eq!(ends(scan, supervised.scan_dir(), &twice), Some(137));
    // What ends by itself was not killed, whatever the time.
    supervised.script("run", "exec sleep 1000");
    let mut told = Telling::of(soon, &dir);
    told.until("started");
    told.until("started");
    assert_eq!(told.end(Signal::SIGTERM), Some(0));
}

/// What a run script that does not `exec` leaves behind.
#[test]
fn what_is_left_behind_is_named_as_it_happens() {
    let mut supervised =
        Supervised::prepare(Suite::Embedded, "sleep 3333 &\necho $! >left\nexit 1");
    supervised.script("finish", "echo d >supervise/control");
    let dir = supervised.dir();
    let mut command = command(["supervise".as_ref(), "-v".as_ref(), dir.as_os_str()]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = lines.find(|line| line.as_ref().unwrap().contains("left processes behind"));
    let said = said.unwrap().unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    child.wait().unwrap();
    let pid = fs::read_to_string(supervised.dir().join("left")).unwrap();
    assert_eq!(said, format!("svctl: web: its run has left processes behind: {}", pid.trim()));
    let hint = format!("`kill {}` ends these", pid.trim());
    assert!(lines.next().unwrap().unwrap().contains(&hint));
    // And why is asked.
    supervised.file("down", "");
    supervised.supervise();
    crate::sentences::until_state(&supervised, "down");
    let why = run(["explain".as_ref(), dir.as_os_str()]);
    assert!(why.out.contains(&format!("kill {}", pid.trim())), "{why:?}");
}

/// `family.md` 20: service directories where nothing can be written.
#[test]
fn a_read_only_tree_is_supervised_with_its_state_elsewhere() {
    if !crate::supervised::skips::is_root("embedded") {
        return;
    }
    let supervised = Supervised::prepare(Suite::Embedded, "echo $PWD >&2; exec sleep 1000");
    let state = tempfile::Builder::new().prefix("svlive-").tempdir().unwrap();
    fs::create_dir(supervised.dir().join("log")).unwrap();
    supervised.script("log/run", "exec cat");
    let scan = supervised.scan_dir().to_str().unwrap();
    let in_read_only = |more: &[&str]| {
        let script = "mount --make-rprivate / && mount --bind \"$0\" \"$0\" && \
                      mount -o remount,ro,bind \"$0\" && exec \"$@\"";
        let program = crate::svctl::program();
        let mut command = std::process::Command::new("unshare");
        command.args(["-m", "sh", "-c", script, scan]).arg(program).args(more);
        command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().unwrap()
    };
    let dir = supervised.dir();
    let refused = in_read_only(&["supervise", dir.to_str().unwrap()]).wait_with_output().unwrap();
    let refused = Run::of(refused);
    assert!(refused.code == 111 && refused.err.contains("Read-only file system"), "{refused:?}");
    assert!(refused.err.contains("hint: --state-dir DIR"), "{refused:?}");

    let place = state.path().join("run");
    let words = ["scan", "--json", "--state-dir", place.to_str().unwrap(), scan];
    let mut child = in_read_only(&words);
    let lines = BufReader::new(child.stdout.take().unwrap());
    let mut told = Telling { child, lines };
    assert_eq!(told.until("started")["path"], place.join("web").to_str().unwrap());
    let asked = |words: &[&str]| run(words.iter().chain(&["--dir", place.to_str().unwrap()]));
    assert_eq!(asked(&["restart", "web"]).code, 0);
    assert_eq!(asked(&["wait", "--for", "up", "web/log"]).code, 0);
    let row = asked(&["status", "--json"]).json()[0].take();
    assert_eq!((row["state"].as_str(), row["log"]["state"].as_str()), (Some("up"), Some("up")));
    assert!(!supervised.dir().join("supervise").exists());
    assert_eq!(told.end(Signal::SIGTERM), Some(0));
    assert_eq!(asked(&["status"]).code, 102);
}

/// Every action takes `--all`, which is every service of the scan directory and nothing else.
#[test]
fn all_is_every_service_whatever_is_asked() {
    let supervised =
        Supervised::prepare(Suite::Embedded, "trap '' HUP ALRM\n: >ready\nexec sleep 1000");
    let scan = supervised.scan_dir();
    let other = scan.join("other");
    fs::create_dir(&other).unwrap();
    fs::copy(supervised.dir().join("run"), other.join("run")).unwrap();
    let mut told = Telling::start("scan", scan);
    told.until("started");
    told.until("started");
    let is_ready = |dir: &Path| dir.join("ready").exists();
    crate::sentences::until(&supervised, |_| is_ready(&other) && is_ready(&supervised.dir()));
    let all = |words: &[&str]| {
        let more = ["--all", "--json", "--dir", scan.to_str().unwrap()];
        let said = run(words.iter().chain(&more));
        let rows = said.json();
        let names: Vec<_> =
            rows.as_array().unwrap().iter().map(|row| row["service"].clone()).collect();
        assert_eq!(names, ["other", "web"], "{said:?}");
        (said.code, rows)
    };
    let outcomes = |(code, rows): (i32, Value)| {
        assert_eq!(code, 0, "{rows}");
        [0, 1].map(|at| rows[at]["outcome"].as_str().unwrap().to_owned())
    };
    assert_eq!(outcomes(all(&["wait", "--for", "up"])), ["reached"; 2]);
    for (words, outcome) in [
        (&["reload"][..], "sent"),
        (&["send", "hup,alarm"], "sent"),
        (&["alarm"], "sent"),
        (&["pause"], "sent"),
        (&["cont"], "sent"),
        (&["term"], "sent"),
        (&["restart"], "reached"),
        (&["down"], "reached"),
        (&["down"], "already"),
        (&["up"], "reached"),
        (&["kill"], "sent"),
        (&["up", "--no-wait"], "sent"),
        (&["wait", "--for", "up"], ""),
        (&["down", "--persist"], "reached"),
        (&["up", "--persist"], "reached"),
        (&["once"], ""),
    ] {
        let outcomes = outcomes(all(words));
        assert!(outcome.is_empty() || outcomes == [outcome; 2], "{words:?}: {outcomes:?}");
    }
    assert_eq!(all(&["up"]).0, 0);
    assert_eq!(all(&["status"]).0, 0);
    assert_eq!(all(&["check"]).0, 0);
    for words in [&["down"][..], &["down", "--all", "web"], &["hup"]] {
        assert_eq!(run(words).code, 100, "{words:?}");
    }
    assert_eq!(outcomes(all(&["exit"])), ["reached"; 2]);
    assert_eq!(told.end(Signal::SIGTERM), Some(0));
}
