//! The test kit as its users have it.

use std::{
    collections::BTreeSet,
    fs,
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use svbuild::Definitions;
use svclient::{Cause, Request, pursue};
use svdevtree::{
    Engine, TreeError,
    testkit::{Kit, KitError, KitErrorKind, ReadyWhen, Spec, double},
};

use crate::{
    acting::until,
    supervised::{PATIENCE, skips},
    victims::running,
};

pub fn soon() -> Instant {
    Instant::now() + PATIENCE
}

const SERVE: &str = "SVDEVTREE_TEST_SERVE";

/// Not a test of its own: a server for the others. `PORT` says where, the role how it answers.
#[test]
fn serve() {
    use std::io::{Read as _, Write as _};
    let Ok(answer) = std::env::var(SERVE) else { return skips::no_test("svdevtree: kit::serve") };
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for (count, stream) in listener.incoming().enumerate() {
        let Ok(mut stream) = stream else { continue };
        let mut asked = [0; 512];
        let _closed_at_once = stream.read(&mut asked);
        let status = if answer == "warming" && count < 5 { "503 Later" } else { "200 OK" };
        let _gone = write!(stream, "HTTP/1.0 {status}\r\n\r\n");
    }
}

fn server(name: &str, port: u16, answer: &str) -> Spec {
    let exe = std::env::current_exe().unwrap();
    Spec::new(name, [exe])
        .arg("--exact")
        .arg("kit::serve")
        .env(SERVE, answer)
        .env("PORT", port.to_string())
}

fn shell(name: &str, script: &str) -> Spec {
    Spec::new(name, ["/bin/sh", "-c", script])
}

#[test]
fn a_service_is_started_asked_and_gone() {
    let mut kit = Kit::new().unwrap();
    let base = kit.tree().base().to_owned();
    let service = kit.start(Spec::new("web", ["sleep", "1000"]), soon()).unwrap();
    let first = running(&service).unwrap();
    kit.restart("web", soon()).unwrap();
    assert_ne!(running(&service), Some(first));
    kit.stop("web", soon()).unwrap();
    assert_eq!(running(&service), None);
    kit.end().unwrap();
    assert!(!base.exists());
}

#[test]
fn a_service_that_dies_is_told_with_its_exit_and_log() {
    let mut kit = Kit::new().unwrap();
    let spec = shell("web", "echo no config; exit 3").ready(ReadyWhen::Fd(3));
    let error = kit.start(spec, soon()).unwrap_err();
    assert_eq!(error.kind(), KitErrorKind::Died);
    let expected = "`web` exited with 3 before it was ready; its log ends with\n  | no config";
    assert_eq!(error.to_string(), expected);
    let error =
        kit.start(shell("killed", "kill -9 $$").ready(ReadyWhen::Fd(3)), soon()).unwrap_err();
    let expected = "`killed` was killed by SIGKILL before it was ready; its log is empty";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_service_that_is_not_ready_in_time_is_told_with_its_log() {
    let mut kit = Kit::new().unwrap();
    let port = kit.port().unwrap();
    let spec = shell("web", "echo thinking; exec sleep 1000").ready(ReadyWhen::tcp(port));
    let error = kit.start(spec, Instant::now() + Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), KitErrorKind::NotReady);
    let expected = format!(
        "`web` was not ready in time: there was not a connection to 127.0.0.1:{port}; \
         its log ends with\n  | thinking"
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn readiness_is_heard_by_descriptor() {
    let mut kit = Kit::new().unwrap();
    let flag = kit.dir().join("flag");
    let script = "sleep 0.2; touch \"$FLAG\"; echo >&7; exec sleep 1000";
    kit.start(shell("web", script).env("FLAG", &flag).ready(ReadyWhen::fd(7)), soon()).unwrap();
    assert!(flag.exists());
}

#[test]
fn readiness_is_a_connection_or_a_good_answer() {
    let mut kit = Kit::new().unwrap();
    let (tcp, http) = (kit.port().unwrap(), kit.port().unwrap());
    let specs = [
        server("tcp", tcp, "at once").ready(ReadyWhen::tcp(tcp)),
        server("http", http, "warming").ready(ReadyWhen::http(http, "/health")),
    ];
    let services = kit.start_all(specs, soon()).unwrap();
    assert_eq!(services.iter().map(svclient::Service::name).collect::<Vec<_>>(), ["tcp", "http"]);
    for port in [tcp, http] {
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }
}

#[test]
fn readiness_is_what_a_program_says() {
    let mut kit = Kit::new().unwrap();
    let flag = kit.dir().join("a flag");
    let check = ["sh", "-c", "echo looking; test -e \"$0\""];
    let check = check.iter().map(Into::into).chain([flag.clone().into_os_string()]);
    let spec = shell("web", "sleep 0.2; touch \"$FLAG\"; exec sleep 1000")
        .env("FLAG", &flag)
        .ready(ReadyWhen::command::<std::ffi::OsString>(check));
    kit.start(spec, soon()).unwrap();
    assert!(flag.exists());
    assert!(kit.log("web").contains("looking"));

    // One that takes too long does not last longer than the wait.
    let spec = shell("slow", "exec sleep 1000").ready(ReadyWhen::command(["sleep", "1000"]));
    let error = kit.start(spec, Instant::now() + Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), KitErrorKind::NotReady);
    let spec = shell("none", "exec sleep 1000").ready(ReadyWhen::command(["no-such-program"]));
    let error = kit.start(spec, soon()).unwrap_err();
    assert_eq!(error.to_string(), "cannot execute no-such-program");
}

#[test]
fn a_service_gets_its_words_environment_and_directory_as_they_are() {
    let mut kit = Kit::new().unwrap();
    let dir = kit.dir();
    let spec = Spec::new(
        "web",
        ["/bin/sh", "-c", "printf '%s|' \"$0\" \"$@\" \"$ODD\" \"$PWD\"; env; exec sleep 1000"],
    )
    .arg("it's")
    .arg("$HOME \"\\\n")
    .arg("")
    .env("ODD", "a b\n'c")
    .env_remove("PATH_THAT_IS_NOT")
    .env_remove("HOME")
    .cwd(&dir);
    kit.start(spec, soon()).unwrap();
    let expected = format!("it's|$HOME \"\\\n||a b\n'c|{}|", dir.display());
    until(&expected, || kit.log("web").contains("SVDEVTREE=").then_some(()));
    let log = kit.log("web");
    assert!(log.starts_with(&expected), "{log}");
    // What makes a keeper is in no service's environment, nor is what was taken out.
    for name in ["SVDEVTREE_ROLE", "SVDEVTREE_PARENT", "SVDEVTREE_ENGINE", "\nHOME="] {
        assert!(!log.contains(name), "{name} in {log}");
    }
}

#[test]
fn a_service_of_the_same_name_is_changed_and_started_again() {
    let mut kit = Kit::new().unwrap();
    kit.start(shell("web", "echo one; exec sleep 1000"), soon()).unwrap();
    until("one", || kit.log("web").contains("one").then_some(()));
    kit.start(shell("web", "echo two; exec sleep 1000"), soon()).unwrap();
    until("two", || kit.log("web").contains("two").then_some(()));
}

#[test]
fn twenty_kits_at_once_do_not_meet() {
    let threads: Vec<_> = (0..20)
        .map(|_| {
            std::thread::spawn(|| {
                let mut kit = Kit::new().unwrap();
                let port = kit.port().unwrap();
                let web = server("web", port, "at once").ready(ReadyWhen::tcp(port));
                let others = (0..3).map(|at| shell(&format!("other-{at}"), "exec sleep 1000"));
                kit.start_all(others.chain([web]), Instant::now() + 4 * PATIENCE).unwrap();
                let base = kit.tree().base().to_owned();
                (kit, port, base)
            })
        })
        .collect();
    let kits: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
    assert_eq!(kits.iter().map(|(_, port, _)| port).collect::<BTreeSet<_>>().len(), 20);
    let bases: BTreeSet<_> = kits.iter().map(|(.., base)| base.clone()).collect();
    assert_eq!(bases.len(), 20);
    drop(kits);
    assert!(bases.iter().all(|base| !base.exists()));
}

#[test]
fn doubles_do_what_their_names_say() {
    let mut kit = Kit::new().unwrap();
    let specs = [
        double::ready_late("late", Duration::from_millis(300)),
        double::never_ready("never"),
        double::ignores_term("deaf"),
        double::crashes_at_once("crashing", 7),
        double::floods_its_log("flooding", 5000),
    ];
    let services = kit.start_all(specs, soon()).unwrap();
    let is_ready = |name: &str| {
        let dir = &services.iter().find(|it| it.name() == name).unwrap();
        let text = fs::read_to_string(dir.dir().join(svdevtree::EMBEDDED)).unwrap_or_default();
        text.contains("\nready @")
    };
    until("ready", || (is_ready("late") && is_ready("flooding")).then_some(()));
    assert!(!is_ready("never"));
    assert!(kit.log("flooding").ends_with("flood 5000\n"));
    until("a second crash", || (kit.log("crashing").lines().count() >= 2).then_some(()));
    assert_eq!(kit.exit("crashing").as_deref(), Some("exited with 7"));

    let deaf = kit.service("deaf").unwrap();
    let briefly = Instant::now() + Duration::from_millis(300);
    let outcomes = pursue(std::slice::from_ref(&deaf), &Request::down(), briefly).unwrap();
    assert!(
        outcomes[0].as_ref().is_ok_and(|it| !it.is_reached()
            && it.why() == Some(Cause::NotObeyed)
            && it.was_read()),
        "{outcomes:?}"
    );
    let killing = Request::down().kill_after(Duration::from_millis(50));
    let outcomes = pursue(&[deaf], &killing, soon()).unwrap();
    assert!(outcomes[0].as_ref().unwrap().is_reached(), "{outcomes:?}");
}

#[test]
fn a_service_that_is_killed_comes_back() {
    let mut kit = Kit::new().unwrap();
    let service = kit.start(Spec::new("web", ["sleep", "1000"]), soon()).unwrap();
    let pid = running(&service).unwrap();
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    until("another process", || running(&service).filter(|&now| now != pid));
    assert_eq!(kit.exit("web").as_deref(), Some("killed by SIGKILL"));
}

#[test]
fn a_kit_whose_keeper_is_killed_says_so_and_leaves_nothing() {
    let mut kit = Kit::new().unwrap();
    let service = kit.start(Spec::new("web", ["sleep", "1000"]), soon()).unwrap();
    let pid = running(&service).unwrap();
    let base = kit.tree().base().to_owned();
    let me = std::process::id().to_string();
    let mine =
        fs::read_dir("/proc").unwrap().filter_map(|it| it.ok()?.file_name().into_string().ok());
    let keeper = mine.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        parent == Some(&*me) && words.starts_with(b"svdevtree-keeper")
    });
    // Other tests of this process may have keepers, too: this one's has the engine of this tree.
    let keeper = keeper.filter_map(|pid| pid.parse::<i32>().ok()).find(|&keeper| {
        fs::read_dir("/proc").unwrap().filter_map(|it| it.ok()?.file_name().into_string().ok()).any(
            |pid| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                let parent = stat
                    .rsplit_once(") ")
                    .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
                let environment =
                    fs::read_to_string(format!("/proc/{pid}/environ")).unwrap_or_default();
                parent == Some(keeper)
                    && environment.contains(&format!("SVDEVTREE={}\0", base.display()))
            },
        )
    });
    kill(Pid::from_raw(keeper.unwrap()), Signal::SIGKILL).unwrap();
    until("the news", || {
        let error = kit.wait_ready("web", Instant::now()).err()?;
        matches!(error, KitError::Tree(TreeError::KeeperKilled { .. })).then_some(())
    });
    // It stays the news: a call whose time was over before has found it for nobody.
    let error = kit.wait_ready("web", soon()).unwrap_err();
    assert!(matches!(error, KitError::Tree(TreeError::KeeperKilled { .. })), "{error}");
    until("its end", || (!fs::exists(format!("/proc/{pid}")).unwrap()).then_some(()));
    drop(kit);
    assert!(!base.exists());
}

#[test]
fn s6_hears_of_readiness_and_of_the_end() {
    if !crate::supervised::Suite::S6.is_installed() {
        return;
    }
    let mut kit = Kit::with_engine(Engine::S6Svscan).unwrap();
    let flag = kit.dir().join("flag");
    let script = "sleep 0.2; touch \"$FLAG\"; echo >&7; exec sleep 1000";
    let spec = shell("web", script).env("FLAG", &flag).ready(ReadyWhen::fd(7));
    kit.start(spec, soon()).unwrap();
    assert!(flag.exists());
    let error = kit.start(shell("bad", "exit 5").ready(ReadyWhen::fd(7)), soon()).unwrap_err();
    assert_eq!(error.to_string(), "`bad` exited with 5 before it was ready; its log is empty");
}

#[test]
fn an_engine_that_cannot_hear_is_not_asked() {
    if !crate::supervised::Suite::Runit.is_installed() {
        return;
    }
    let mut kit = Kit::with_engine(Engine::Runsvdir).unwrap();
    let error =
        kit.start(shell("web", "exec sleep 1000").ready(ReadyWhen::fd(3)), soon()).unwrap_err();
    assert_eq!(error.kind(), KitErrorKind::NoReadiness);
    assert!(error.hint().is_some());
}

/// What production builds from a file, word for word.
const DEFINITIONS: &str = r#"
[service.web]
exec = ["/bin/sh", "-c", "umask > \"$NOTES/web\"; cat \"$NOTES/db\" >> \"$NOTES/web\"; echo >&3; exec sleep 1000"]
umask = "027"
after = ["db"]
ready = { fd = 3 }
log = { max_files = 3 }
[service.db]
exec = ["/bin/sh", "-c", "sleep 0.2; echo db > \"$NOTES/db\"; exec sleep 1000"]
ready = { command = ["/bin/sh", "-c", "test -s \"$NOTES/db\""] }
"#;

#[test]
fn a_test_runs_what_production_runs() {
    let mut kit = Kit::new().unwrap();
    let notes = kit.dir();
    // The only thing that a test has to say besides: where its own files are.
    let definitions = Definitions::from_toml(DEFINITIONS).unwrap().into_iter();
    let notes_of = |(name, mut service): (String, svbuild::Service)| {
        service = service.env("NOTES", notes.clone());
        if name == "db" {
            let seen = format!("test -s {}/db", notes.display());
            let asking = ["/bin/sh", "-c", &seen].map(Into::into).into();
            service = service.ready(svbuild::spec::ReadyCheck::Command(asking));
        }
        (name, service)
    };
    let services = kit.start_all(definitions.map(notes_of), soon()).unwrap();
    let names: Vec<_> = services.iter().map(svclient::Service::name).collect();
    assert_eq!(names, ["db", "web"]);
    // It waited for db, and has the mask and the readiness of its definition.
    assert_eq!(fs::read_to_string(notes.join("web")).unwrap(), "0027\ndb\n");
    let web = kit.service("web").unwrap().status().unwrap();
    assert_eq!(web.ready(), Some(true));
    // One alone, by its name.
    let once = svbuild::Service::new(["/bin/sh", "-c", "echo said; exec sleep 1000"]);
    kit.start(("alone", once), soon()).unwrap();
    until("its word", || (kit.log("alone") == "said\n").then_some(()));
    // What the suite cannot do is refused as for production.
    let root = svbuild::Service::new(["/bin/true"]).root("/srv").cwd("/there");
    let refused = kit.start(("jailed", root), soon()).unwrap_err();
    let why = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
    assert!(refused.to_string().contains("jailed") && why.contains("root"), "{refused}: {why}");
}
