//! `svctl metrics` and `svctl watch --exec` under the embedded supervisor: what a scraper and a hook are given.
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

#[path = "live/schema.rs"]
mod schema;
#[path = "../../svclient/tests/live/scripts.rs"]
mod scripts;
#[path = "../../svclient/tests/live/skips.rs"]
mod skips;
#[path = "live/svctl.rs"]
mod svctl;

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use svctl::{Run, command, program};

const PATIENCE: Duration = Duration::from_secs(60);

/// A scan directory under `svctl scan`, and what else was started; gone with the value.
struct Scene {
    tree: TempDir,
    children: Vec<Child>,
}

impl Scene {
    fn new(names: &[&str]) -> Self {
        let tree = tempfile::Builder::new().prefix("svwatched-").tempdir().unwrap();
        let mut scene = Self { tree, children: Vec::new() };
        fs::create_dir(scene.path("scan")).unwrap();
        for name in names {
            scene.add(name);
        }
        let mut scan = Command::new(program());
        scan.arg("scan").arg(scene.path("scan")).stdin(Stdio::null()).stderr(Stdio::null());
        scene.children.push(scan.spawn().unwrap());
        let ran = scene.run(&["wait", "--all", "--timeout", "60s"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        scene
    }

    fn add(&self, name: &str) {
        let fresh = self.path(&format!("fresh-{name}"));
        fs::create_dir(&fresh).unwrap();
        scripts::write(&fresh.join("run"), "#!/bin/sh\nexec sleep 1000000\n");
        fs::rename(fresh, self.path("scan").join(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = command(words);
        command.env("SVDIR", self.path("scan"));
        command
    }

    fn run(&self, words: &[&str]) -> Run {
        Run::of(self.command(words).output().unwrap())
    }

    fn start(&mut self, command: &mut Command) {
        self.children.push(command.stdin(Stdio::null()).spawn().unwrap());
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _gone = kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM);
            let _reaped = child.wait();
        }
    }
}

#[track_caller]
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::yield_now();
    }
}

/// Python's reader of OpenMetrics, which is strict.
const READER: &str = "import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
for family in read(sys.stdin.read()):
    for sample in family.samples:
        print(repr((sample.name, sorted(sample.labels.items()), float(sample.value))))
";
/// And that of the text format.
const OLD_READER: &str = "import sys
from prometheus_client.parser import text_string_to_metric_families as read
for family in read(sys.stdin.read()):
    for sample in family.samples:
        print(family.type, repr((sample.name, sorted(sample.labels.items()), float(sample.value))))
";

/// What Python reads in it; `None` where it is left out.
fn read_by_python(reader: &str, text: &str) -> Option<String> {
    let client = "/usr/lib/python3/dist-packages/prometheus_client";
    if !Path::new(client).exists() {
        skips::skip(
            "metrics",
            "Python's prometheus_client is not there",
            "run `cargo xtask setup`",
        );
        return None;
    }
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", reader]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let read = Run::of(child.wait_with_output().unwrap());
    assert_eq!(read.code, 0, "{}\n{text}", read.err);
    Some(read.out)
}

const HOSTILE: &str = "a\"b\\c\nd{e}\u{1b}[2J";

#[test]
fn what_is_printed_is_openmetrics_whatever_a_service_is_called() {
    let scene = Scene::new(&["web", HOSTILE]);
    fs::create_dir_all(scene.path("scan/new/supervise")).unwrap();
    let ran = scene.run(&["metrics"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    if let Some(read) = read_by_python(READER, &ran.out) {
        for name in ["web", "a\"b\\\\c\\nd{e}\\x1b[2J"] {
            let up = format!(
                "('svctl_service_up', [('path', '{}/scan/{name}'), ('service', '{name}')], 1.0)",
                scene.tree.path().display()
            );
            assert!(read.lines().any(|line| line == up), "{up}\n{read}");
        }
        let states = read
            .lines()
            .filter(|line| line.starts_with("('svctl_service_state'") && line.contains("'web'"));
        assert_eq!(states.filter(|line| line.ends_with(" 1.0)")).count(), 1, "{read}");
    }
    let names = scene.run(&["metrics", "web", "no-such-service"]);
    let unreadable = names.out.lines().filter(|line| line.starts_with("svctl_service_unreadable"));
    assert!(
        unreadable.clone().any(|line| line.contains("no-such") && line.ends_with(" 1")),
        "{names:?}"
    );
    assert!(names.code == 0 && unreadable.count() == 2, "{names:?}");
}

#[test]
fn a_textfile_is_replaced_in_one_step() {
    let scene = Scene::new(&["web"]);
    let file = scene.path("svctl.prom");
    fs::write(&file, "old").unwrap();
    let mut old = fs::File::open(&file).unwrap();
    let ran = scene.run(&["metrics", "--compat", "--textfile", file.to_str().unwrap()]);
    assert_eq!((ran.code, &*ran.out), (0, ""), "{ran:?}");
    let text = fs::read_to_string(&file).unwrap();
    if let Some(read) = read_by_python(OLD_READER, &text) {
        for part in [
            "gauge ('svctl_service_state'",
            "counter ('svctl_service_restarts_total'",
            "gauge ('node_service_state', [('service', 'web')], 1.0)",
        ] {
            assert!(read.contains(part), "{part}: {read}");
        }
    }
    // Who had the old one open still reads that.
    let mut before = String::new();
    old.read_to_string(&mut before).unwrap();
    assert_eq!(before, "old");
    let others: Vec<_> =
        fs::read_dir(scene.tree.path()).unwrap().flatten().map(|it| it.file_name()).collect();
    assert_eq!(others.len(), 2, "{others:?}");
    let ran = scene.run(&["metrics", "--textfile", "/no/such/directory/file.prom"]);
    assert!(ran.code == 111 && ran.err.contains("cannot write"), "{ran:?}");
}

/// An answer: its head, and the page.
fn get(port: u16, request: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

#[test]
fn a_scrape_sees_what_a_watch_knows() {
    let mut scene = Scene::new(&["web"]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut listen = scene.command(&["metrics", "--listen", &port.to_string()]);
    scene.start(&mut listen);
    let open =
        "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n";
    let up = |name: &str, value: u8| {
        let (start, end) = (format!("svctl_service_up{{service=\"{name}\""), format!(" {value}"));
        until("it is so", || {
            let (head, page) = get(port, open)?;
            assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
            page.lines()
                .any(|line| line.starts_with(&start) && line.ends_with(&end))
                .then_some(page)
        })
    };
    read_by_python(READER, &up("web", 1));
    assert_eq!(scene.run(&["down", "web"]).code, 0);
    up("web", 0);
    // What comes later is there, too.
    scene.add("late");
    up("late", 1);

    let (head, page) = get(port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(head.contains("text/plain; version=0.0.4") && !page.contains("# EOF"), "{head}");
    assert!(get(port, "GET / HTTP/1.1\r\n\r\n").unwrap().0.contains("404"));
    assert!(get(port, "POST /metrics HTTP/1.1\r\n\r\n").unwrap().0.contains("405"));
    // Who says nothing, and who says too much, hold up nobody.
    let _silent: Vec<_> =
        (0..8).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let mut flood = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let _refused = flood.write_all(&vec![b'x'; 100_000]);
    up("late", 1);
    let taken = scene.run(&["metrics", "--listen", &port.to_string()]);
    assert!(taken.code == 111 && taken.err.contains("cannot listen"), "{taken:?}");
}

#[test]
fn every_change_reaches_the_program_in_its_order() {
    let mut scene = Scene::new(&["web"]);
    let (hook, lines) = (scene.path("hook"), scene.path("lines"));
    scripts::write(&hook, &format!("#!/bin/sh\ncat >>{}\n", lines.display()));
    let mut watch = scene.command(&["watch", "-q", "--exec", hook.to_str().unwrap(), "web"]);
    scene.start(watch.stdout(Stdio::null()));
    let states = || -> Vec<(u64, String)> {
        let text = fs::read_to_string(&lines).unwrap_or_default();
        let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let whole = whole.inspect(schema::check);
        whole
            .map(|it| (it["seq"].as_u64().unwrap(), it["state"].as_str().unwrap().to_owned()))
            .collect()
    };
    until("the first look", || states().last().filter(|(_, state)| state == "up").map(drop));
    for _ in 0..5 {
        assert_eq!(scene.run(&["down", "web"]).code, 0);
        assert_eq!(scene.run(&["up", "web"]).code, 0);
    }
    assert_eq!(scene.run(&["down", "web"]).code, 0);
    let all = until("the last change", || {
        let all = states();
        let downs = all.iter().filter(|(_, state)| state == "down").count();
        (downs >= 6).then_some(all)
    });
    assert!(all.windows(2).all(|two| two[0].0 < two[1].0), "{all:?}");
}

#[test]
fn a_program_that_fails_is_told_and_ends_nothing() {
    let mut scene = Scene::new(&["web"]);
    let errors = scene.path("errors");
    let mut watch = scene.command(&["watch", "-q", "--exec", "/no/such/program"]);
    let file = fs::File::create(&errors).unwrap();
    scene.start(watch.stdout(Stdio::null()).stderr(file));
    let said = || fs::read_to_string(&errors).unwrap();
    until("it is told", || said().contains("cannot be started").then_some(()));
    assert_eq!(scene.run(&["restart", "web"]).code, 0);
    until("it goes on", || (said().matches("cannot be started").count() > 1).then_some(()));
    let ran = scene.run(&["watch", "--exec-limit", "2"]);
    assert_eq!(ran.code, 100, "{ran:?}");
}
