//! What becomes of a service: readiness, stopping, finishing, restarting.

use std::{
    ffi::OsString,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use svbuild::{
    Definitions, Service,
    spec::{Control, EnvFile, Log, ReadyCheck, Reload, Restart, RestartPolicy, Stop},
};

use crate::programs::installed;
use crate::tree::{RUNIT, Suite, Tree};

/// A service that appends to a file; `$1` is the directory of the file.
fn sh(tree: &Tree, script: &str) -> Service {
    let script = script.replace("DIR", tree.path("open").to_str().unwrap());
    Service::new(["/bin/sh", "-c", &script]).cwd(tree.path("open"))
}

fn one(service: Service) -> Definitions {
    Definitions::default().with("web", service)
}

/// What the suite's own tool says: whether it is down and stays down.
fn is_down(tree: &Tree) -> bool {
    let said = said(tree);
    said.contains("down") && !said.contains("want up")
}

/// What the suite's own tool says of it: `run: ...` of runit, `up ...` of s6 where it is up.
fn said(tree: &Tree) -> String {
    let program = if tree.suite == RUNIT { "sv" } else { "s6-svstat" };
    let mut command = Command::new(program);
    if tree.suite == RUNIT {
        command.arg("status");
    }
    let said = command.arg(tree.service("web")).output().unwrap().stdout;
    String::from_utf8(said).unwrap()
}

pub fn a_stop_signal_other_than_term_ends_it(suite: Suite) {
    let mut tree = Tree::new(suite);
    let script = "trap 'echo int >>DIR/said; exit 0' INT; trap 'echo term >>DIR/said' TERM; \
                  echo up >>DIR/up; while :; do sleep 0.05; done";
    let stop = Stop::new().signal("INT".parse().unwrap());
    tree.start(&one(sh(&tree, script).stop(stop)));
    tree.lines("open/up", 1);
    suite.ask(&tree.service("web"), "down");
    assert_eq!(tree.lines("open/said", 1), ["int"], "{suite:?}");
    tree.until("down", || is_down(&tree).then_some(()));
}

/// `stop.group = false`: sessions of sshd outlive it.
pub fn what_it_has_started_outlives_its_stop(suite: Suite) {
    let mut tree = Tree::new(suite);
    let script = "sleep 1000 & echo $! >>DIR/child; echo up >>DIR/up; wait";
    tree.start(&one(sh(&tree, script).stop(Stop::new().group(false))));
    tree.lines("open/up", 1);
    suite.ask(&tree.service("web"), "down");
    tree.until("down", || is_down(&tree).then_some(()));
    let child = &tree.lines("open/child", 1)[0];
    let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap();
    assert!(state.contains("(sleep)"), "{suite:?} {state}");
}

pub fn what_does_not_end_is_killed_in_time(suite: Suite) {
    let mut tree = Tree::new(suite);
    let stop = Stop::new().kill_after("200ms".parse().unwrap());
    let script = "trap '' TERM; echo up >>DIR/up; while :; do sleep 0.05; done";
    tree.start(&one(sh(&tree, script).stop(stop)));
    tree.lines("open/up", 1);
    suite.ask(&tree.service("web"), "down");
    tree.until("down", || is_down(&tree).then_some(()));
}

pub fn an_exit_with_0_is_the_last_with_on_failure_and_no_other_end_is(suite: Suite) {
    let mut tree = Tree::new(suite);
    // Fails, is killed by SIGTERM, then succeeds, by a code of `success`.
    let script = "echo run >>DIR/runs; case $(wc -l <DIR/runs) in 1) exit 3;; \
                  2) kill -TERM $$;; 3) exit 7;; *) exit 0;; esac";
    let finish = ["/bin/sh", "-c", "echo \"$1 $2\" >>\"$0\""];
    let mut finish: Vec<String> = finish.map(str::to_owned).into();
    finish.push(tree.path("open/finish").to_str().unwrap().to_owned());
    let service =
        sh(&tree, script).restart(Restart::OnFailure).finish(finish).success(2).success(7);
    tree.start(&one(service));
    let ends = tree.lines("open/finish", 3);
    let killed = if suite == RUNIT { "-1 15" } else { "256 15" };
    assert_eq!(ends, ["3 0", killed, "7 0"], "{suite:?}");
    tree.until("down", || is_down(&tree).then_some(()));
    assert_eq!(tree.lines("open/runs", 1).len(), 3);
    // It is started again when it is asked for, and an exit with 0 is the last as well.
    suite.ask(&tree.service("web"), "up");
    assert_eq!(tree.lines("open/finish", 4)[3], "0 0", "{suite:?}");
    tree.until("down", || is_down(&tree).then_some(()));
    assert_eq!(tree.lines("open/runs", 4).len(), 4);
}

/// An end that was asked for is none of its own.
pub fn what_ends_with_0_at_its_signal_is_started_again(suite: Suite) {
    for restart in [Restart::OnFailure, Restart::Never] {
        let mut tree = Tree::new(suite);
        let script = "trap 'exit 0' TERM; echo run >>DIR/runs; \
                      until [ -e DIR/end ]; do sleep 0.05; done";
        tree.start(&one(sh(&tree, script).restart(restart)));
        tree.lines("open/runs", 1);
        let started = tree.service("web").join("supervise/started");
        // The clock of files goes by steps of some milliseconds, in one of which both may lie.
        tree.until("later file than the start", || {
            fs::write(tree.path("clock"), "").unwrap();
            let at = |path: &Path| path.metadata().and_then(|it| it.modified()).ok();
            (at(&started) < at(&tree.path("clock"))).then_some(())
        });
        suite.ask(&tree.service("web"), "restart");
        tree.lines("open/runs", 2);
        suite.ask(&tree.service("web"), "down");
        tree.until("down", || is_down(&tree).then_some(()));
        suite.ask(&tree.service("web"), "up");
        tree.lines("open/runs", 3);
        // The next end is its own, however short ago somebody asked for something.
        fs::write(tree.path("open/end"), "").unwrap();
        tree.until("down", || is_down(&tree).then_some(()));
        assert_eq!(tree.lines("open/runs", 3).len(), 3, "{suite:?} {restart:?}");
    }
}

pub fn every_run_is_the_last_with_never(suite: Suite) {
    let mut tree = Tree::new(suite);
    tree.start(&one(sh(&tree, "echo run >>DIR/runs; exit 1").restart(Restart::Never)));
    tree.lines("open/runs", 1);
    tree.until("down", || is_down(&tree).then_some(()));
    assert_eq!(tree.lines("open/runs", 1).len(), 1, "{suite:?}");
    suite.ask(&tree.service("web"), "up");
    tree.lines("open/runs", 2);
    tree.until("down", || is_down(&tree).then_some(()));
    assert_eq!(tree.lines("open/runs", 2).len(), 2, "{suite:?}");
}

pub fn a_delay_lies_between_two_runs(suite: Suite) {
    let mut tree = Tree::new(suite);
    let service = sh(&tree, "date +%s.%N >>DIR/runs; exit 1");
    tree.start(&one(
        service.restart(RestartPolicy::new(Restart::Always).delay("2s".parse().unwrap()))
    ));
    let runs: Vec<f64> =
        tree.lines("open/runs", 2).iter().map(|line| line.parse().unwrap()).collect();
    // A machine may take longer; it must not be shorter.
    assert!(runs[1] - runs[0] >= 1.99, "{suite:?} {runs:?}");
}

/// As the service's user, before the signal, which comes all the same.
pub fn a_command_runs_before_the_stop_signal(suite: Suite) {
    let mut tree = Tree::new(suite);
    let script =
        "trap 'echo term >>DIR/said; exit 0' TERM; echo up >>DIR/up; while :; do sleep 0.05; done";
    let says =
        ["/bin/sh".into(), "-c".into(), "echo \"drain $(id -un) $A $PWD\" >>\"$0\"; exit 3".into()];
    let says = says.into_iter().chain([tree.path("open/said").into_os_string()]);
    let service = sh(&tree, script).user("daemon").env("A", "b c").stop(Stop::new().command(says));
    tree.start(&one(service));
    tree.lines("open/up", 1);
    suite.ask(&tree.service("web"), "down");
    let drain = format!("drain daemon b c {}", tree.path("open").display());
    assert_eq!(tree.lines("open/said", 2), [&*drain, "term"], "{suite:?}");
    tree.until("down", || is_down(&tree).then_some(()));
}

/// First the check, then the signal or the command; neither where the check refuses.
pub fn a_reload_is_checked_before_it_is_done(suite: Suite) {
    let signal = Reload::new().signal("USR1".parse().unwrap());
    for (reload, done) in [(signal, "usr1"), (Reload::new(), "hup"), (Reload::new(), "command")] {
        let mut tree = Tree::new(suite);
        let script = "trap 'echo hup >>DIR/said' HUP; trap 'echo usr1 >>DIR/said' USR1; echo up >>DIR/up; \
                      while :; do sleep 0.05; done";
        let path = |name: &str| tree.path(name).into_os_string();
        let test = "echo \"check $(id -un)\" >>\"$0\"; [ -e \"$1\" ]";
        let words = ["/bin/sh", "-c", test].map(Into::into).into_iter();
        let mut reload = reload.check(words.chain([path("open/said"), path("open/go")]));
        if done == "command" {
            let words = ["/bin/sh", "-c", "echo command >>\"$0\""].map(Into::into).into_iter();
            reload = reload.command(words.chain([path("open/said")]));
        }
        tree.start(&one(sh(&tree, script).user("daemon").reload(reload)));
        tree.lines("open/up", 1);
        suite.ask(&tree.service("web"), "reload");
        tree.lines("open/said", 1);
        write_go(&tree);
        suite.ask(&tree.service("web"), "reload");
        let said = tree.lines("open/said", 3);
        assert_eq!(said, ["check daemon", "check daemon", done], "{suite:?}");
    }
}

/// A member of the group asks, another user does not.
pub fn a_group_may_ask_for_it(suite: Suite) {
    let mut tree = Tree::new(suite);
    let service = sh(&tree, UP).user("daemon").control(Control::new().group("games"));
    tree.start(&one(service));
    tree.lines("open/up", 1);
    tree.until("up", || said(&tree).starts_with(['r', 'u']).then_some(()));
    let down = |group: &str| {
        let words: &[&str] = if suite == RUNIT { &["sv", "-w0", "d"] } else { &["s6-svc", "-d"] };
        let mut command = Command::new("chroot");
        command.arg(format!("--userspec=1:{group}")).args(["--groups=", "/"]).args(words);
        command.arg(tree.service("web")).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().code()
    };
    let other = down("1");
    // `sv` that does not wait tells of nothing.
    assert!(suite == RUNIT || other != Some(0), "{suite:?}: another group was heard");
    let supervise = tree.service("web").join("supervise");
    let mode = |name: &str| supervise.join(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!([mode(""), mode("control")], [0o750, 0o620], "{suite:?}");
    assert_eq!(supervise.join("control").metadata().unwrap().gid(), 60, "{suite:?}");
    down("60");
    tree.until("down", || is_down(&tree).then_some(()));
}

/// Two starts within an hour, and no third.
pub fn it_is_given_up_after_so_many_starts(suite: Suite) {
    for restart in [Restart::Always, Restart::OnFailure] {
        let mut tree = Tree::new(suite);
        let policy = RestartPolicy::new(restart).at_most(2, "1h".parse().unwrap());
        let finish = ["/bin/sh".into(), "-c".into(), "echo >>\"$0\"".into()];
        let finish = finish.into_iter().chain([tree.path("open/finish").into_os_string()]);
        let service = sh(&tree, "echo run >>DIR/runs; exit 1").restart(policy).finish(finish);
        tree.start(&one(service));
        tree.lines("open/finish", 2);
        tree.until("down", || is_down(&tree).then_some(()));
        assert_eq!(tree.lines("open/runs", 2).len(), 2, "{suite:?} {restart:?}");
        assert_eq!(tree.lines("open/finish", 2).len(), 2, "{suite:?} {restart:?}");
        // It is started again when it is asked for.
        suite.ask(&tree.service("web"), "up");
        tree.lines("open/runs", 3);
    }
}

/// At each start, from files, from the definition and from the supervisor; what is set nowhere is an error.
pub fn references_are_replaced_at_each_start(suite: Suite) {
    let mut tree = Tree::new(suite);
    let file = tree.path("variables");
    fs::write(&file, "PORT=1\nOPTS=a 'b c'  \"d'e\" f\\ g\nSUB=open\n").unwrap();
    let script = "echo \"$PWD\" \"$URL\" \"$#\" \"$*\" >>DIR/said; exec sleep 1000";
    let script = script.replace("DIR", tree.path("open").to_str().unwrap());
    let sub = format!("{}/${{SUB}}", tree.path("").display());
    let base = || {
        Service::new(["/bin/sh", "-c", &script, "${ZERO:-it}", "x${PORT}", "${OPTS}", "$${PORT}"])
            .expand(true)
            .cwd(&sub)
            .env_file(EnvFile::new(&file))
            .env("PORT", "2")
            .env("URL", "http://h:${PORT}/${PATH_OF:-a b}")
    };
    let mut lacks = base().pre(["touch", tree.path("open/before").to_str().unwrap()]);
    lacks.exec.push("${NOWHERE}".into());
    lacks.exec[2] = format!("touch {}", tree.path("open/never").display()).into();
    let finished = tree.path("open/finished").into_os_string();
    lacks = lacks.finish(["touch".into(), finished]);
    tree.start(&one(base()).with("lacks", lacks));
    let place = tree.path("open");
    let line = format!("{} http://h:1/a b 7 x1 a b c d'e f g ${{PORT}}", place.display());
    assert_eq!(tree.lines("open/said", 1), [&*line], "{suite:?}");
    tree.until("before", || place.join("before").exists().then_some(()));
    if suite.target != svbuild::Target::Daemontools {
        tree.until("finished", || place.join("finished").exists().then_some(()));
    }
    assert!(!place.join("never").exists(), "{suite:?}");
    fs::write(&file, "PORT=7\nOPTS=\nSUB=.\n").unwrap();
    if suite.target != svbuild::Target::Daemontools {
        suite.ask(&tree.service("web"), "restart");
        let again = tree.lines("open/said", 2).remove(1);
        assert!(again.ends_with("http://h:7/a b 2 x7 ${PORT}"), "{suite:?}: {again}");
    }
}

/// As the service, one after the other; where one fails, the service is not started.
pub fn programs_run_before_each_start(suite: Suite) {
    let mut tree = Tree::new(suite);
    let go = tree.path("open/go");
    let first =
        format!("echo first $(id -u) \"$A\" \"$PWD\" \"$0\" >>DIR/said; [ -e {} ]", go.display());
    let first = first.replace("DIR", tree.path("open").to_str().unwrap());
    let second = format!("echo second >>{}/said", tree.path("open").display());
    let script = "echo up \"$A\" \"$#\" >>DIR/said; exec sleep 1000";
    let service = sh(&tree, script)
        .user("daemon")
        .env("A", "b c")
        .pre(["/bin/sh", "-c", &first, "a $PWD ${dollar} 'b'"])
        .pre(["/bin/sh", "-c", &second]);
    tree.start(&one(service));
    let open = tree.path("open");
    let line = format!("first 1 b c {} a $PWD ${{dollar}} 'b'", open.display());
    // It is tried again by the supervisor.
    assert_eq!(tree.lines("open/said", 2)[..2], [&*line, &*line], "{suite:?}");
    fs::write(&go, "").unwrap();
    let said = tree.until("up", || {
        let said = tree.lines("open/said", 4);
        said.iter().any(|line| line.starts_with("up")).then_some(said)
    });
    assert_eq!(said[said.len() - 3..], [&*line, "second", "up b c 0"], "{suite:?}");
    assert!(!said[..said.len() - 2].contains(&"second".to_owned()), "{suite:?}: {said:?}");
}

/// Each with its number, and a logger of its own.
pub fn there_are_several_of_a_service(suite: Suite) {
    let mut tree = Tree::new(suite);
    let script = "echo \"$INSTANCE\" >>DIR/numbers; echo line; exec sleep 1000";
    let log = Log::new().dir(tree.path("logs/web"));
    let service = sh(&tree, script).instances(3).log(log);
    tree.start(&one(service));
    let mut numbers = tree.lines("open/numbers", 3);
    numbers.sort_unstable();
    assert_eq!(numbers, ["1", "2", "3"], "{suite:?}");
    for number in 1..=3 {
        tree.lines(&format!("logs/web/{number}/current"), 1);
        assert!(tree.service(&format!("web@{number}")).join("run").exists());
    }
    assert!(!tree.service("web").exists());
}

/// With the code of its last end, whichever rule gives it up; and not after an end that was asked for, nor
/// after one with success.
pub fn what_is_given_up_is_told_to_a_program(suite: Suite) {
    let often = RestartPolicy::new(Restart::Always).at_most(2, "1h".parse().unwrap());
    let failing = RestartPolicy::new(Restart::OnFailure).at_most(2, "1h".parse().unwrap());
    for (restart, code, told) in [
        (often, 0, true),
        (failing, 3, true),
        (failing, 0, false),
        (RestartPolicy::new(Restart::Never), 7, true),
        (RestartPolicy::new(Restart::Never), 5, false),
    ] {
        let mut tree = Tree::new(suite);
        let page = tree.path("open/page").into_os_string();
        let words = ["/bin/sh", "-c", "echo \"$1\" \"$2\" \"$3\" >>\"$0\""].map(OsString::from);
        let page = words.into_iter().chain([page, "a $gone ${dollar} $1 \\$@".into()]);
        let script = format!("echo run >>DIR/runs; exit {code}");
        let service = sh(&tree, &script).restart(restart).success(5).on_failure(page);
        tree.start(&one(service));
        tree.until("down", || is_down(&tree).then_some(()));
        let at_least = if restart.max.is_some() && told { 2 } else { 1 };
        assert_eq!(
            tree.lines("open/runs", at_least).len(),
            at_least,
            "{suite:?} {restart:?} {code}"
        );
        if told {
            let line = format!("a $gone ${{dollar}} $1 \\$@ {code} 0");
            assert_eq!(tree.lines("open/page", 1), [line], "{suite:?} {restart:?}");
        } else {
            assert!(!tree.path("open/page").exists(), "{suite:?} {restart:?} {code}");
        }
    }
    let mut tree = Tree::new(suite);
    let script = "trap 'exit 9' TERM; echo up >>DIR/up; while :; do sleep 0.05; done";
    let page = tree.path("open/page").into_os_string();
    let page = [OsString::from("touch"), page];
    let done = ["touch".into(), tree.path("open/finished").into_os_string()];
    let service = sh(&tree, script).restart(Restart::Never).on_failure(page).finish(done);
    tree.start(&one(service));
    tree.lines("open/up", 1);
    suite.ask(&tree.service("web"), "down");
    tree.until("finished", || tree.path("open/finished").exists().then_some(()));
    tree.until("down", || is_down(&tree).then_some(()));
    assert!(!tree.path("open/page").exists(), "{suite:?}: its end was asked for");
}

pub fn a_service_with_down_waits_until_it_is_asked(suite: Suite) {
    let mut tree = Tree::new(suite);
    tree.start(&one(sh(&tree, "echo run >>DIR/runs; exec sleep 1000").down()));
    tree.until("down", || is_down(&tree).then_some(()));
    assert!(!tree.path("open/runs").exists(), "{suite:?}");
    suite.ask(&tree.service("web"), "up");
    tree.lines("open/runs", 1);
}

/// Whether the suite's own tool calls it ready before it is, and once it is.
fn becomes_ready<T>(
    suite: Suite,
    ready: impl Fn(&Tree) -> ReadyCheck,
    script: &str,
    go: impl FnOnce(&Tree) -> T,
) {
    let mut tree = Tree::new(suite);
    let service = sh(&tree, script).ready(ready(&tree)).user("daemon").env("A", "b c");
    tree.start(&one(service));
    tree.lines("open/up", 1);
    // A supervisor publishes its record beside the process: `sv check` is content with one that is
    // still down.
    tree.until("up", || said(&tree).starts_with(['r', 'u']).then_some(()));
    let answer = |timeout: &str| {
        let words: &[&str] = match suite.target {
            svbuild::Target::Runit => &["sv", "-w", timeout, "check"],
            _ if timeout == "1" => &["s6-svwait", "-U", "-t", "1000"],
            _ => &["s6-svwait", "-U", "-t", "15000"],
        };
        let status = Command::new(words[0])
            .args(&words[1..])
            .arg(tree.service("web"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        status.success()
    };
    assert!(!answer("1"), "{suite:?}: ready too early");
    let _going = go(&tree);
    assert!(answer("15"), "{suite:?}: never ready");
}

const UP: &str = "echo up >DIR/up; exec sleep 1000";
const UNTIL_GO: &str = "until [ -e DIR/go ]; do sleep 0.02; done";

fn write_go(tree: &Tree) {
    fs::write(tree.path("open/go"), "").unwrap();
}

/// A port of this machine that nobody listens to.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn readiness_by_a_connection_is_asked_for(suite: Suite) {
    if installed("nc") {
        let port = free_port();
        let listen = |_: &Tree| TcpListener::bind(("127.0.0.1", port)).unwrap();
        becomes_ready(suite, |_| ReadyCheck::Tcp(format!("127.0.0.1:{port}")), UP, listen);
    }
}

pub fn readiness_by_an_answer_is_asked_for(suite: Suite) {
    if !installed("curl") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let good = AtomicBool::new(false);
    let over = AtomicBool::new(false);
    let (good, over) = (&good, &over);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let status = if good.load(Ordering::SeqCst) { "204 Good" } else { "503 Wait" };
                let _gone = (&stream).read(&mut [0; 4096]);
                let _gone = (&stream).write_all(format!("HTTP/1.0 {status}\r\n\r\n").as_bytes());
            }
        });
        let url = format!("http://127.0.0.1:{port}/health?a=$b&c=%20'x'");
        let told = || {
            becomes_ready(
                suite,
                |_| ReadyCheck::Http(url.clone()),
                UP,
                |_| good.store(true, Ordering::SeqCst),
            );
        };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(told));
        over.store(true, Ordering::SeqCst);
        let _last = TcpStream::connect(("127.0.0.1", port));
        result.unwrap();
    });
}

pub fn readiness_by_a_descriptor_is_told(suite: Suite) {
    let script = format!("echo up >DIR/up; {UNTIL_GO}; echo ready >&7; exec sleep 1000");
    becomes_ready(suite, |_| ReadyCheck::Fd(7), &script, write_go);
}

pub fn readiness_by_a_command_is_asked_for(suite: Suite) {
    // As the service's user, in its directory, with its environment.
    let test = |tree: &Tree| {
        let open = tree.path("open");
        let said =
            "[ \"$(id -un) $HOME $A $(pwd)\" = \"daemon /usr/sbin b c $1\" ] && [ -e \"$1/go\" ]";
        let words = ["/bin/sh".into(), "-c".into(), said.into(), "ready".into(), open.into()];
        ReadyCheck::Command(words.into())
    };
    becomes_ready(suite, test, UP, write_go);
}

pub fn a_live_service_directory_is_changed_under_its_supervisor(suite: Suite) {
    let mut tree = Tree::new(suite);
    tree.start(&one(sh(&tree, "echo one >>DIR/runs; exec sleep 1000")));
    tree.lines("open/runs", 1);
    let plan = one(sh(&tree, "echo $WORD >>DIR/runs; exec sleep 1000").env("WORD", "two"))
        .render(suite.target, suite.options())
        .unwrap();
    let written = plan.write(&tree.path("scan")).unwrap();
    assert_eq!(written.diff.foreign().count(), 0, "{}", written.diff);
    suite.ask(&tree.service("web"), "down");
    tree.until("down", || is_down(&tree).then_some(()));
    suite.ask(&tree.service("web"), "up");
    assert_eq!(tree.lines("open/runs", 2), ["one", "two"], "{suite:?}");
}

/// A reader that opens several files at once, again and again, while they change a hundred times.
pub fn a_reader_beside_a_writer_sees_no_half(suite: Suite) {
    let tree = Tree::new(suite);
    let plans = ["one", "two"].map(|word| {
        let service =
            Service::new(["/bin/true", word]).env("A", word).finish([format!("/bin/{word}")]);
        one(service).render(suite.target, suite.options()).unwrap()
    });
    let out = tree.path("scan");
    plans[0].write(&out).unwrap();
    let deadline = Instant::now() + Duration::from_secs(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for plan in plans.iter().cycle() {
                plan.write(&out).unwrap();
                if Instant::now() > deadline {
                    break;
                }
            }
        });
        let web = tree.service("web");
        let mut looks = 0;
        while Instant::now() < deadline {
            // Each file is there, whole, at every moment. A look that was on its way through a link
            // while the link and what it led to went may find nothing; it is the writer's
            // documented limit, and the next look finds the file.
            for name in ["run", "finish", "env/A"] {
                let look = || fs::read_to_string(web.join(name));
                let text = look().or_else(|_| look());
                let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(text.contains("one") != text.contains("two"), "{name}: {text:?}");
            }
            looks += 1;
        }
        assert!(looks > 10);
    });
}
