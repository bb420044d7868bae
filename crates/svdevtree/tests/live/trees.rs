//! Trees under every engine.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command, time::Duration, time::Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use svclient::{EnabledLink, Noticed};
use svdevtree::{Definition, DevTree, Engine, TreeError, TreeErrorKind, TreeStarted};
use tempfile::TempDir;

use crate::{
    acting::until,
    kit::soon,
    supervised::{Suite, scripts},
    victims::{processes, running},
};

/// A directory for a tree, and a number that its processes have among their words.
struct Place {
    dir: TempDir,
    token: String,
}

impl Place {
    fn new() -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = tempfile::Builder::new().prefix("svtree-").tempdir().unwrap();
        Self { dir, token: format!("{:07}{count:05}9119", std::process::id()) }
    }

    fn tree(&self, engine: Engine) -> DevTree {
        DevTree::at(self.dir.path().join("tree")).unwrap().engine(engine)
    }

    /// Sleeps, with a daemon beside it that is nobody's child.
    fn definition(&self, name: &str) -> Definition {
        let sleep = format!("sleep 1000000.{}", self.token);
        let script = format!("setsid sh -c '{sleep} & exit'; exec {sleep}");
        Definition::new(name, ["/bin/sh", "-c", &script])
    }

    fn processes(&self) -> Vec<i32> {
        processes(&self.token)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A failing test's; there is nothing else.
        for pid in self.processes() {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn is_missing(engine: Engine) -> bool {
    let suite = match engine {
        Engine::Embedded => return false,
        Engine::Runsvdir => Suite::Runit,
        Engine::Svscan => Suite::Daemontools,
        Engine::S6Svscan => Suite::S6,
        other => panic!("{other:?} has no suite here"),
    };
    !suite.is_installed()
}

/// What the suite's own tool says; the embedded engine is asked with runit's.
fn native(engine: Engine, dir: &std::path::Path) -> String {
    let tool: &[&str] = match engine {
        Engine::Embedded | Engine::Runsvdir => &["sv", "status"],
        Engine::Svscan => &["svstat"],
        Engine::S6Svscan => &["s6-svstat"],
        other => panic!("{other:?} has no tool here"),
    };
    let output = Command::new(tool[0]).args(&tool[1..]).arg(dir).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn begins_serves_and_ends(engine: Engine) {
    if is_missing(engine) {
        return;
    }
    let place = Place::new();
    let mut tree = place.tree(engine);
    assert_eq!(tree.services().unwrap(), []);
    tree.add(place.definition("web")).unwrap();
    tree.add(place.definition("worker")).unwrap();

    // Enabled before there is an engine: it starts with it.
    let enabled = tree.enable("web", soon()).unwrap();
    assert!(matches!(enabled.noticed, Noticed::NotYet { .. }));
    assert_eq!(tree.start(soon()).unwrap(), TreeStarted::Now);
    assert_eq!(tree.start(soon()).unwrap(), TreeStarted::Before);
    let web = tree.service("web").unwrap();
    until("web", || running(&web));
    let enabled = tree.enable("web", soon()).unwrap();
    assert_eq!(enabled.link, EnabledLink::Found);
    assert!(matches!(enabled.noticed, Noticed::Supervised { .. }));
    let said = native(engine, web.dir());
    assert!(said.contains("run") || said.contains("up"), "{said}");

    // Enabled while it runs: noticed.
    tree.enable("worker", soon()).unwrap();
    let worker = tree.service("worker").unwrap();
    until("worker", || running(&worker));
    let names = |enabled: bool| {
        let all = tree.services().unwrap().into_iter().filter(|it| it.enabled == enabled);
        all.map(|it| it.service.name().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(true), ["web", "worker"]);
    until("four", || (place.processes().len() == 4).then_some(()));

    assert!(tree.disable("worker", soon()).unwrap().is_some());
    assert!(tree.disable("worker", soon()).unwrap().is_none());
    assert_eq!(running(&worker), None);

    // Both daemons are left for the end.
    let stopped = tree.stop(soon()).unwrap();
    assert!(stopped.killed >= 2, "{stopped:?}");
    assert_eq!(place.processes(), [] as [i32; 0]);
    assert_eq!(tree.stop(soon()).unwrap().killed, 0);

    // What is enabled stays so.
    assert_eq!(tree.start(soon()).unwrap(), TreeStarted::Now);
    until("web", || running(&web));
    drop(tree);
    assert_eq!(place.processes(), [] as [i32; 0]);
}

#[test]
fn embedded_begins_serves_and_ends() {
    begins_serves_and_ends(Engine::Embedded);
}

#[test]
fn runsvdir_begins_serves_and_ends() {
    begins_serves_and_ends(Engine::Runsvdir);
}

#[test]
fn svscan_begins_serves_and_ends() {
    begins_serves_and_ends(Engine::Svscan);
}

#[test]
fn s6_svscan_begins_serves_and_ends() {
    begins_serves_and_ends(Engine::S6Svscan);
}

/// The logger gets the last words, and then ends.
fn ends_loggers_last(engine: Engine) {
    if is_missing(engine) {
        return;
    }
    let place = Place::new();
    let mut tree = place.tree(engine);
    tree.ensure().unwrap();
    let dir = tree.services_dir().join("web");
    let script = |path: &str, text: &str| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        scripts::write(&path, &format!("#!/bin/sh\n{text}\n"));
    };
    script("run", "trap 'echo last words; exit' TERM; echo hello; while :; do sleep 0.05; done");
    script("log/run", "exec cat >>../heard");
    tree.enable("web", soon()).unwrap();
    tree.start(soon()).unwrap();
    let heard = || fs::read_to_string(dir.join("heard")).unwrap_or_default();
    until("hello", || heard().contains("hello").then_some(()));
    tree.stop(soon()).unwrap();
    assert_eq!(heard(), "hello\nlast words\n");
}

#[test]
fn embedded_ends_loggers_last() {
    ends_loggers_last(Engine::Embedded);
}

#[test]
fn runsvdir_ends_loggers_last() {
    ends_loggers_last(Engine::Runsvdir);
}

#[test]
fn svscan_ends_loggers_last() {
    ends_loggers_last(Engine::Svscan);
}

#[test]
fn s6_svscan_ends_loggers_last() {
    ends_loggers_last(Engine::S6Svscan);
}

/// One definition, written by svbuild for the engine's suite.
fn runs_what_svbuild_writes(engine: Engine, target: svbuild::Target) {
    if is_missing(engine) {
        return;
    }
    let place = Place::new();
    let mut tree = place.tree(engine);
    tree.ensure().unwrap();
    let words = ["sleep".to_owned(), format!("1000000.{}", place.token)];
    let definitions =
        svbuild::Definitions::default().with("web", svbuild::Service::new(words).env("A", "b c"));
    let plan = definitions.render(target, svbuild::Options::default()).unwrap();
    plan.write(&tree.services_dir()).unwrap();
    tree.enable("web", soon()).unwrap();
    tree.start(soon()).unwrap();
    let web = tree.service("web").unwrap();
    until("web", || running(&web));
    let is_it = |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|it| it.windows(6).any(|it| it == b"A=b c\0"))
    };
    until("its environment", || place.processes().iter().any(is_it).then_some(()));
    tree.stop(soon()).unwrap();
    assert_eq!(place.processes(), [] as [i32; 0]);
}

#[test]
fn embedded_runs_what_svbuild_writes() {
    runs_what_svbuild_writes(Engine::Embedded, svbuild::Target::Embedded);
}

#[test]
fn runsvdir_runs_what_svbuild_writes() {
    runs_what_svbuild_writes(Engine::Runsvdir, svbuild::Target::Runit);
}

#[test]
fn svscan_runs_what_svbuild_writes() {
    runs_what_svbuild_writes(Engine::Svscan, svbuild::Target::Daemontools);
}

#[test]
fn s6_svscan_runs_what_svbuild_writes() {
    runs_what_svbuild_writes(Engine::S6Svscan, svbuild::Target::S6);
}

#[test]
fn what_does_not_end_in_time_is_killed_and_counted() {
    let place = Place::new();
    let mut tree = place.tree(Engine::Embedded).grace(Duration::from_millis(100));
    let script = format!("trap '' TERM; exec sleep 1000000.{}", place.token);
    tree.add(Definition::new("deaf", ["/bin/sh", "-c", &script])).unwrap();
    tree.enable("deaf", soon()).unwrap();
    tree.start(soon()).unwrap();
    until("deaf", || {
        let name = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        place.processes().iter().any(|pid| name(pid).trim() == "sleep").then_some(())
    });
    tree.stop(soon()).unwrap();
    assert_eq!(place.processes(), [] as [i32; 0]);
}

#[test]
fn a_tree_that_another_supervisor_has_is_refused() {
    if is_missing(Engine::Runsvdir) {
        return;
    }
    let place = Place::new();
    let mut tree = place.tree(Engine::Embedded);
    let service = tree.add(place.definition("web")).unwrap();
    let mut runsv = Command::new("runsv").arg(service.dir()).spawn().unwrap();
    until("runsv", || running(&service));
    let error = tree.start(soon()).unwrap_err();
    let _ended = runsv.kill();
    runsv.wait().unwrap();
    // What runsv has left, and what that was about to start.
    until("nothing", || {
        let left = place.processes();
        for &pid in &left {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        left.is_empty().then_some(())
    });
    let expected = format!(
        "cannot use {}: {} is supervised by somebody else",
        tree.base().display(),
        service.dir().display(),
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.kind(), TreeErrorKind::Held);
}

#[test]
fn an_engine_that_ends_by_itself_is_told_and_started_again() {
    let place = Place::new();
    let mut tree = place.tree(Engine::Embedded);
    let web = tree.add(place.definition("web")).unwrap();
    tree.enable("web", soon()).unwrap();
    tree.start(soon()).unwrap();
    until("web", || running(&web));
    fs::rename(tree.scan_dir().dir(), tree.base().join("elsewhere")).unwrap();
    fs::write(tree.scan_dir().dir(), "").unwrap();
    // The engine goes on without its directory; SIGKILL is for the test to send.
    let engine =
        fs::read_dir("/proc").unwrap().filter_map(|it| it.ok()?.file_name().into_string().ok());
    let engine = engine.filter_map(|pid| pid.parse::<i32>().ok()).find(|pid| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap_or_default();
        words.starts_with(b"svdevtree-engine")
            && environment.contains(&format!("SVDEVTREE={}\0", tree.base().display()))
    });
    kill(Pid::from_raw(engine.unwrap()), Signal::SIGKILL).unwrap();
    let error = until("the news", || tree.check().err());
    assert!(
        matches!(&error, TreeError::EngineEnded { how, .. } if how.contains("SIGKILL")),
        "{error:?}"
    );
    until("nothing", || place.processes().is_empty().then_some(()));

    fs::remove_file(tree.scan_dir().dir()).unwrap();
    fs::rename(tree.base().join("elsewhere"), tree.scan_dir().dir()).unwrap();
    assert_eq!(tree.start(soon()).unwrap(), TreeStarted::Now);
    until("web", || running(&web));
    tree.stop(soon()).unwrap();
}

#[test]
fn a_program_that_is_missing_is_named() {
    let place = Place::new();
    let program = place.dir.path().join("nothing");
    let mut tree = place.tree(Engine::Embedded).keeper(program);
    let error = tree.start(soon()).unwrap_err();
    assert!(matches!(error, TreeError::Io { .. }), "{error:?}");
    // One that is no keeper does not keep anybody waiting for ever.
    let mut tree = place.tree(Engine::Embedded).keeper("/bin/sleep");
    let error = tree.start(Instant::now() + Duration::from_millis(200)).unwrap_err();
    assert!(matches!(error.kind(), TreeErrorKind::Gone | TreeErrorKind::Deadline), "{error:?}");
    let program = place.dir.path().join("program");
    scripts::write(&program, &format!("#!/bin/sh\nexec sleep 1000000.{}\n", place.token));
    let mut tree = place.tree(Engine::Embedded).keeper(program);
    let error = tree.start(Instant::now() + Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.kind(), TreeErrorKind::Deadline);
    drop(tree);
    assert_eq!(place.processes(), [] as [i32; 0]);
}

#[test]
fn of_many_that_start_a_tree_at_once_one_has_it() {
    let place = Place::new();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let mut tree = place.tree(Engine::Embedded);
            std::thread::spawn(move || {
                let started = tree.start(soon());
                (tree, started)
            })
        })
        .collect();
    // Each is kept until all have tried.
    let tried: Vec<_> = starts.into_iter().map(|it| it.join().unwrap()).collect();
    let (has, has_not): (Vec<_>, Vec<_>) = tried.iter().partition(|(_, started)| started.is_ok());
    assert_eq!(has.len(), 1, "{tried:?}");
    for (_, refused) in has_not {
        assert!(matches!(refused, Err(TreeError::Held { .. })), "{refused:?}");
    }
}

#[test]
fn another_program_may_be_the_keeper() {
    let place = Place::new();
    let mut tree = place.tree(Engine::Embedded).keeper(std::env::current_exe().unwrap());
    let web = tree.add(place.definition("web")).unwrap();
    tree.enable("web", soon()).unwrap();
    tree.start(soon()).unwrap();
    until("web", || running(&web));
    drop(tree);
    assert_eq!(place.processes(), [] as [i32; 0]);
}

#[test]
fn what_forks_faster_than_it_is_listed_ends_too() {
    let place = Place::new();
    let mut tree = place.tree(Engine::Embedded);
    // Each of a line lives for a moment only, in a session of its own.
    let script = format!("setsid sh \"$0\" {} & exit 0", place.token);
    let file = place.dir.path().join("line");
    fs::write(&file, script).unwrap();
    let begin = format!("sh {} & exec sleep 1000000.{}", file.display(), place.token);
    tree.add(Definition::new("line", ["/bin/sh", "-c", &begin])).unwrap();
    tree.enable("line", soon()).unwrap();
    tree.start(soon()).unwrap();
    until("a line", || (place.processes().len() >= 2).then_some(()));
    tree.stop(soon()).unwrap();
    // Nothing is left that could begin anew: one look might have missed it.
    for _ in 0..20 {
        assert_eq!(place.processes(), [] as [i32; 0]);
    }
}

#[test]
fn a_temporary_tree_may_be_stopped_and_started() {
    let place = Place::new();
    let mut tree = DevTree::temporary_in(place.dir.path()).unwrap();
    let mode = fs::metadata(tree.base()).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o700);
    let web = tree.add(place.definition("web")).unwrap();
    for _ in 0..2 {
        tree.start(soon()).unwrap();
        tree.enable("web", soon()).unwrap();
        until("web", || running(&web));
        tree.stop(soon()).unwrap();
        assert_eq!(place.processes(), [] as [i32; 0]);
        assert!(tree.base().exists());
    }
    drop(tree);
    assert_eq!(fs::read_dir(place.dir.path()).unwrap().count(), 0);
}
