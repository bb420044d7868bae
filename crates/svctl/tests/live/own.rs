//! `svctl supervise` and `svctl scan`: what they tell, and how they end.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    supervised::{Suite, Supervised},
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
        let mut command = command([verb.as_ref(), "--json".as_ref(), dir.as_os_str()]);
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
    assert!(refused.err.contains("supervise/control: it is not a FIFO"), "{}", refused.err);
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
