//! What svctl must say, the same under each supervisor.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    native::{Native, stamp, word},
    supervised::{PATIENCE, Suite, Supervised, skips},
    svctl::{Run, Watching, command, run},
};

const SLEEP: &str = "exec sleep 1000";
const IGNORE_TERM: &str = "trap '' TERM\n: >deaf\nexec sleep 1000";

pub fn status(supervised: &Supervised) -> Value {
    run(["status".as_ref(), "--json".as_ref(), supervised.dir().as_os_str()]).json()[0].take()
}

/// Waits until a row of the service fits.
#[track_caller]
pub fn until(supervised: &Supervised, done: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let row = status(supervised);
        if done(&row) {
            return row;
        }
        assert!(Instant::now() < deadline, "not in time: {row}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[track_caller]
pub fn until_state(supervised: &Supervised, state: &str) -> Value {
    until(supervised, |row| row["state"] == state)
}

pub fn act(supervised: &Supervised, args: &[&str]) -> Run {
    run(args.iter().map(AsRef::as_ref).chain([supervised.dir().as_os_str()]))
}

/// The two must look at the same record: the service is at rest between the two readings.
#[track_caller]
fn check_agreement(supervised: &Supervised) -> Value {
    let before = fs::read(supervised.dir().join("supervise/status")).unwrap();
    let row = status(supervised);
    let native = Native::read(supervised);
    assert_eq!(fs::read(supervised.dir().join("supervise/status")).unwrap(), before, "moved");
    assert_eq!(Native::of_json(&row, supervised.suite), native, "{row}");
    assert_eq!(row["since"], stamp(supervised));
    assert_eq!(row["suite"], word(supervised.suite));
    assert_eq!(row["supervised"], true);
    assert_eq!(row["error"], Value::Null);
    row
}

pub fn status_agrees_with_the_native_tool_when_up_and_down(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let row = check_agreement(&supervised);
    assert!(row["uptime"].as_f64().unwrap() < 60.0);
    // The process started no later than the record says, and not long before.
    let started = fs::metadata(format!("/proc/{}", row["pid"])).unwrap().modified().unwrap();
    let since: jiff::Timestamp = row["since"].as_str().unwrap().parse().unwrap();
    let apart = jiff::Timestamp::try_from(started).unwrap().duration_since(since).abs();
    assert!(apart < jiff::SignedDuration::from_secs(2), "{apart}");

    supervised.file("down", "");
    assert_eq!(check_agreement(&supervised)["normally"], "down");
    act(&supervised, &["down"]);
    assert_eq!(check_agreement(&supervised)["state"], "down");
    fs::remove_file(supervised.dir().join("down")).unwrap();
    let row = check_agreement(&supervised);
    assert_eq!((row["normally"].as_str(), row["uptime"].as_f64()), (Some("up"), None));
}

pub fn status_agrees_with_the_native_tool_while_it_ignores_term(suite: Suite) {
    let supervised = Supervised::start(suite, IGNORE_TERM);
    until(&supervised, |_| supervised.dir().join("deaf").exists());
    act(&supervised, &["down", "--no-wait"]);
    until(&supervised, |row| row["want"] == "down");
    let word = if suite == Suite::S6 { "up" } else { "stopping" };
    // runit publishes the wish first and the signal a moment later.
    until_state(&supervised, word);
    check_agreement(&supervised);
}

pub fn status_agrees_with_the_native_tool_when_paused(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    // There is no command for it yet.
    let control = supervised.dir().join("supervise/control");
    fs::write(&control, "p").unwrap();
    until_state(&supervised, "paused");
    assert_eq!(check_agreement(&supervised)["paused"], true);
}

pub fn status_agrees_with_the_native_tool_while_finish_runs(suite: Suite) {
    if suite.is_daemontools() {
        return skips::no_test("daemontools has no finish script");
    }
    let mut supervised = Supervised::prepare(suite, "exit 5");
    supervised.script("finish", SLEEP);
    supervised.file("timeout-finish", "0\n");
    supervised.supervise();
    until(&supervised, |row| row["finish_pid"].is_u64());
    let row = check_agreement(&supervised);
    assert_eq!((row["state"].as_str(), row["pid"].as_u64()), (Some("finishing"), None));
    if suite == Suite::S6 {
        assert_eq!(row["exit"]["code"], 5);
    }
}

pub fn status_agrees_with_the_native_tool_in_a_crash_loop(suite: Suite) {
    let supervised = Supervised::start(suite, "exit 3");
    // runit and s6 are down for most of each second; daemontools calls the zombie up.
    let word = if suite.is_daemontools() { "up" } else { "backoff" };
    let deadline = Instant::now() + PATIENCE;
    loop {
        until_state(&supervised, word);
        // It moves once a second; look again if it did so in between.
        let agreed = std::panic::catch_unwind(|| check_agreement(&supervised));
        if let Ok(row) = agreed {
            assert_eq!(row["want"], "up");
            break;
        }
        assert!(Instant::now() < deadline);
    }
}

pub fn up_and_down_wait_and_tell_what_came_of_it(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let down = act(&supervised, &["down"]);
    assert_eq!((down.code, down.err.as_str()), (0, ""));
    assert!(down.out.contains(": down"), "{down:?}");
    assert!(supervised.native().starts_with("down"));
    let up = act(&supervised, &["up", "--json"]);
    let told = &up.json()[0];
    assert_eq!((told["outcome"].as_str(), told["state"].as_str()), (Some("reached"), Some("up")));
    assert!(supervised.native_names(&told["pid"]));
    assert!(told["took"].as_f64().unwrap() < PATIENCE.as_secs_f64());
    // Again: it is so already.
    assert_eq!(act(&supervised, &["up", "-q"]).out, "");
    // `daemons.md` 12: it cannot say that it is ready, and that is known before anything is sent.
    let ready = act(&supervised, &["restart", "--for", "ready"]);
    assert_eq!(
        (ready.code, &until_state(&supervised, "up")["pid"]),
        (1, &told["pid"]),
        "{ready:?}"
    );
    let either = act(&supervised, &["restart", "--for", "ready-or-up"]);
    assert_eq!(either.code, 0, "{either:?}");
    assert_ne!(until_state(&supervised, "up")["pid"], told["pid"]);
}

pub fn restart_once_and_exit_do_what_they_say(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let before = until_state(&supervised, "up")["pid"].clone();
    let restarted = act(&supervised, &["restart", "--json"]).json()[0].take();
    assert_eq!((&restarted["outcome"], &restarted["state"]), (&"reached".into(), &"up".into()));
    assert_ne!(restarted["pid"], before);

    assert_eq!(act(&supervised, &["down"]).code, 0);
    let once = act(&supervised, &["once", "--json"]).json()[0].take();
    assert_eq!(once["outcome"], "reached");
    assert_ne!(once["want"], "up");

    let exit = act(&supervised, &["exit", "--json"]).json()[0].take();
    assert_eq!(
        (&exit["outcome"], &exit["supervised"]),
        (&"reached".into(), &false.into()),
        "{exit}"
    );
    assert_eq!(act(&supervised, &["status"]).code, 102);
}

pub fn signals_reach_the_process_and_are_refused_where_there_are_none(suite: Suite) {
    let run_script = "trap 'echo hup >>got' HUP\ntrap 'echo alarm >>got' ALRM\n: >ready\n\
                      while :; do sleep 0.02; done";
    let supervised = Supervised::start(suite, run_script);
    let file = |name: &str| supervised.dir().join(name);
    until(&supervised, |_| file("ready").exists());
    let got = || fs::read_to_string(file("got")).unwrap_or_default();
    let said = act(&supervised, &["alarm"]);
    assert_eq!((said.code, &*said.err), (0, ""));
    assert!(said.out.contains(": sent `"), "{said:?}");
    until(&supervised, |_| got() == "alarm\n");
    // SIGHUP, as long as the service names no other.
    assert_eq!(act(&supervised, &["reload"]).code, 0);
    until(&supervised, |_| got() == "alarm\nhup\n");
    let abort = act(&supervised, &["abort", "--json"]);
    assert_eq!(abort.code, i32::from(suite != Suite::S6));
    assert_eq!(abort.json()[0]["outcome"], if suite == Suite::S6 { "sent" } else { "refused" });
}

pub fn a_wait_asks_for_nothing_and_any_of_them_may_be_enough(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let other = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    until_state(&other, "up");
    assert_eq!(act(&supervised, &["wait", "--for", "up"]).code, 0);
    let late = act(&supervised, &["wait", "--for=down", "--timeout=100ms", "--json"]);
    assert_eq!((late.code, &late.json()[0]["outcome"]), (99, &"deadline".into()));
    let both = [supervised.dir(), other.dir()];
    let mut any = command(["wait", "--for", "down", "--any"]);
    let any = any.args(&both).stdout(std::process::Stdio::piped()).spawn().unwrap();
    assert_eq!(act(&other, &["down"]).code, 0);
    let any = Run::of(any.wait_with_output().unwrap());
    assert_eq!((any.code, any.out.lines().count()), (0, 1), "{any:?}");
    let one = act(&other, &["wait", "--for", "never"]);
    assert!(one.code == 100 && one.err.contains("up-for=TIME"), "{one:?}");
}

pub fn a_check_says_what_is_wrong(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    assert_eq!(act(&supervised, &["check"]).code, 0);
    let ready = act(&supervised, &["check", "--ready", "--json"]);
    assert_eq!((ready.code, &ready.json()[0]["ok"]), (1, &false.into()));
    let young = act(&supervised, &["check", "--up-for", "1h"]);
    assert!(young.code == 1 && young.err.contains("only"), "{young:?}");
    let restarts = act(&supervised, &["check", "--max-restarts", "0"]);
    let counts = matches!(suite, Suite::S6 | Suite::Embedded);
    assert_eq!(restarts.code, i32::from(!counts), "{restarts:?}");
    act(&supervised, &["down"]);
    // Nobody wants it up: that is well, unless it is asked for by name.
    let scan = supervised.scan_dir().as_os_str();
    let all = run(["check".as_ref(), "--dir".as_ref(), scan]);
    assert_eq!(all.code, 0, "{all:?}");
    assert_eq!(act(&supervised, &["check"]).code, 1);
}

fn odd(supervised: &Supervised) -> Vec<String> {
    let row = status(supervised);
    let kinds = row["odd"].as_array().unwrap().iter();
    kinds.map(|odd| odd["kind"].as_str().unwrap().to_owned()).collect()
}

pub fn a_build_says_who_runs_an_older_definition(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    let target = if suite == Suite::Embedded { "embedded" } else { suite.name() };
    let scan = supervised.scan_dir().to_owned();
    let file = scan.join("svcmgr.toml").display().to_string();
    let build = |value: &str| {
        let text = format!(
            "[service.web]\nexec = [\"/bin/sleep\", \"1000\"]\nenv = {{ A = \"{value}\" }}\n"
        );
        fs::write(&file, text).unwrap();
        // What is there was written by hand, as every test here finds it.
        run(["build", &file, "--to", target, "--out", scan.to_str().unwrap(), "--adopt"])
    };
    let first = build("one");
    assert!(first.code == 0 && !first.err.contains("older"), "{first:?}");
    supervised.supervise();
    until_state(&supervised, "up");
    assert!(!build("one").err.contains("older"));
    let again = build("two");
    let dir = supervised.dir().display().to_string();
    let says = format!("{dir} runs an older definition\n  hint: `svctl restart {dir}`");
    assert!(again.code == 0 && again.err.contains(&says), "{again:?}");
    assert_eq!(odd(&supervised), ["definition-newer"]);
    assert_eq!(act(&supervised, &["restart"]).code, 0);
    assert_eq!(odd(&supervised), [""; 0]);
}

pub fn what_is_odd_is_said(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    assert_eq!(odd(&supervised), [""; 0]);
    supervised.script("run", SLEEP);
    assert_eq!(odd(&supervised), ["definition-newer"]);
    let table = act(&supervised, &["status"]);
    assert!(table.out.contains("definition newer than process"), "{table:?}");
    act(&supervised, &["restart"]);
    assert_eq!(odd(&supervised), [""; 0]);
    if suite == Suite::S6 {
        supervised.file("notification-fd", "3\n");
        assert_eq!(odd(&supervised), ["definition-newer"]);
    }
    if suite == Suite::Embedded {
        // As it keeps it while a service crashes.
        let told = fs::read_to_string(supervised.dir().join("supervise/embedded")).unwrap();
        supervised.file("supervise/embedded", &format!("{told}crashes 5\n"));
        assert_eq!(odd(&supervised), ["crash-loop"]);
    }
    supervised.signal(Signal::SIGKILL);
    let row = until_state(&supervised, "unsupervised");
    assert_eq!(row["odd"][0]["kind"], "stale", "{row}");
}

pub fn a_crash_loop_is_told_where_the_suite_counts(suite: Suite) {
    let supervised = Supervised::start(suite, "exit 3");
    if matches!(suite, Suite::S6 | Suite::Embedded) {
        let row = until(&supervised, |row| row["odd"][0]["kind"] == "crash-loop");
        let says = row["odd"][0]["says"].as_str().unwrap();
        assert!(says.starts_with("crash loop: ended ") && says.contains(" times"), "{says}");
        assert_eq!((&row["exit"]["code"], row["suite"].as_str()), (&3.into(), Some(word(suite))));
        assert!(row["restarts"].as_u64().unwrap() >= 2, "{row}");
        let often = act(&supervised, &["check", "--max-restarts", "2"]);
        assert!(often.code == 1 && !often.err.contains("does not tell"), "{often:?}");
    } else {
        until(&supervised, |row| row["want"] == "up");
        let untold = act(&supervised, &["check", "--max-restarts", "2"]);
        assert_eq!(untold.code, 1, "{untold:?}");
        assert!(untold.err.contains("does not tell how often") || untold.err.contains("backoff"));
        // daemontools calls a zombie up for a while.
        assert!(odd(&supervised).iter().all(|kind| kind == "process-dead"));
    }
}

pub fn what_did_not_stay_up_is_not_called_up(suite: Suite) {
    let supervised = Supervised::start(suite, "exit 3");
    until(&supervised, |row| row["want"] == "up");
    let told = act(&supervised, &["up", "--for", "up-for=20s", "--timeout", "2s"]);
    assert_eq!(told.code, 99, "{told:?}");
    assert!(told.err.contains("the deadline passed and it was not up for 20s; "), "{told:?}");
    if suite == Suite::S6 {
        assert!(told.err.contains("exited with 3, now in backoff"), "{told:?}");
    }
}

/// The scanner is missing here: what it would do is done by hand.
pub fn services_are_enabled_and_disabled(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let scan = supervised.scan_dir().join("scan");
    fs::create_dir(&scan).unwrap();
    let dir = ["--dir".as_ref(), scan.as_os_str()];
    let enable = ["enable".as_ref(), "--json".as_ref(), supervised.dir().leak().as_os_str()];
    let enabled = run(enable.iter().copied().chain(dir)).json()[0].take();
    assert_eq!((&enabled["outcome"], &enabled["changed"]), (&"reached".into(), &true.into()));
    let again = run(enable.iter().copied().chain(dir)).json()[0].take();
    assert_eq!((&again["outcome"], &again["changed"]), (&"already".into(), &false.into()));
    assert!(scan.join("web").is_symlink());
    let disable = ["disable", "web", "--timeout", "60s", "--json"].map(AsRef::as_ref);
    let disabled = run(disable.iter().copied().chain(dir)).json()[0].take();
    assert_eq!((&disabled["outcome"], &disabled["changed"]), (&"reached".into(), &true.into()));
    assert!(!scan.join("web").is_symlink());
    assert_eq!(act(&supervised, &["status"]).code, 102);
    // `family.md` 16: by its name alone, from where what is enabled comes from.
    symlink(supervised.scan_dir().join("other"), scan.join("other")).unwrap();
    // On a busy machine a deadline may pass before the link is there.
    let mut patience = 50;
    let found = loop {
        let words = ["enable", "web", "--timeout", &format!("{patience}ms"), "--json"];
        let found = run(words.map(AsRef::as_ref).into_iter().chain(dir)).json()[0].take();
        if found["changed"] == true || patience > 30_000 {
            break found;
        }
        patience *= 2;
        let _not_made = fs::remove_file(scan.join("web"));
    };
    assert_eq!((&found["outcome"], &found["changed"]), (&"deadline".into(), &true.into()));
    assert_eq!(fs::read_link(scan.join("web")).unwrap(), supervised.dir());
    fs::remove_file(scan.join("web")).unwrap();
    // `family.md` 13: as idempotent as enable.
    let again = run(disable.iter().copied().chain(dir));
    let row = again.json()[0].take();
    assert_eq!((again.code, &row["outcome"]), (0, &"already".into()));
    assert_eq!(row["changed"], false);
}

/// `family.md` 14, 15 and 17: by another name, out again by the path, and whether it obeys or not.
pub fn what_enable_took_disable_takes(suite: Suite) {
    let supervised = Supervised::start(suite, IGNORE_TERM);
    until(&supervised, |_| supervised.dir().join("deaf").exists());
    let scan = supervised.scan_dir().join("scan");
    fs::create_dir_all(scan.join("web")).unwrap();
    let (web, scan_dir) = (supervised.dir(), scan.as_os_str());
    let asked = |words: &[&str]| {
        let words = words.iter().map(|word| std::ffi::OsStr::new(*word));
        run(words.chain([web.as_os_str(), "--dir".as_ref(), scan_dir]))
    };
    let taken = asked(&["enable"]);
    assert!(taken.code == 1 && taken.err.contains("; --as NAME"), "{taken:?}");
    // One hint, and in one form.
    let hints: Vec<&str> = taken.err.lines().filter(|line| line.contains("hint: ")).collect();
    assert!(hints.len() == 1 && hints[0].starts_with("  hint: it leads to "), "{taken:?}");
    let enabled = asked(&["enable", "--as", "other"]);
    assert_eq!(enabled.code, 0, "{enabled:?}");
    assert!(scan.join("other").is_symlink());
    // It ignores SIGTERM: what it did not obey, and what to do; then what it left the first time.
    let late = asked(&["disable", "--timeout", "1s"]);
    assert!(late.code == 99 && late.err.contains("its process "), "{late:?}");
    assert!(late.err.contains("--kill-after 10s sends SIGKILL"), "{late:?}");
    let enabled = asked(&["enable", "--as", "other"]);
    assert_eq!(enabled.code, 0, "{enabled:?}");
    let disabled = asked(&["disable", "--kill-after", "300ms", "--timeout", "60s"]);
    assert_eq!(disabled.code, 0, "{disabled:?}");
    assert!(disabled.out.contains("gone after"), "{disabled:?}");
    assert!(!scan.join("other").is_symlink() && scan.join("web").is_dir());
    assert_eq!(act(&supervised, &["status"]).code, 102);
}

pub fn status_shows_what_was_asked_for(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let count = |args: &[&str]| {
        let args = [&["status", "--json"], args].concat();
        act(&supervised, &args).json().as_array().unwrap().len()
    };
    assert_eq!(count(&["--state", "up,ready"]), 1);
    assert_eq!(count(&["--state", "down"]), 0);
    assert_eq!(count(&["--changed-within", "1h"]), 1);
    assert_eq!(count(&["--changed-within", "0"]), 0);
    let brief = act(&supervised, &["status", "--brief"]);
    let rows: Vec<Vec<&str>> =
        brief.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let dir = supervised.dir();
    let rows_of = [vec!["SERVICE", "STATE", "NOTES"], vec![dir.to_str().unwrap(), "up"]];
    assert_eq!(rows, rows_of, "{brief:?}");
    let wrong = act(&supervised, &["status", "--state", "dead"]);
    assert!(wrong.code == 100 && wrong.err.contains("backoff"), "{wrong:?}");
}

pub fn a_deadline_is_99_and_says_whether_the_request_was_read(suite: Suite) {
    let supervised = Supervised::start(suite, IGNORE_TERM);
    until(&supervised, |_| supervised.dir().join("deaf").exists());
    let read = act(&supervised, &["down", "--timeout", "3s"]);
    assert_eq!((read.code, read.out.as_str()), (99, ""));
    // `family.md` 18: whose fault it is, and what to do.
    assert!(read.err.contains("the deadline passed: its process has not ended"), "{read:?}");
    assert!(read.err.contains("hint: --kill-after"), "{read:?}");
    let killed = act(&supervised, &["down", "--kill-after", "50ms"]);
    assert_eq!(killed.code, 0, "{killed:?}");
    supervised.signal(Signal::SIGSTOP);
    let deaf = act(&supervised, &["up", "--timeout", "100ms", "--json"]);
    assert_eq!((deaf.code, deaf.json()[0]["outcome"].as_str()), (99, Some("deadline")));
    let deaf = deaf.json()[0].take();
    assert!(deaf["says"].as_str().unwrap().contains("without a sign"), "{deaf}");
    supervised.signal(Signal::SIGCONT);
}

pub fn a_dead_supervisor_is_102_and_a_watch_says_so_at_once(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let mut watching = Watching::start([supervised.dir()]);
    assert_eq!(watching.next()["event"], "snapshot");
    let killed = Instant::now();
    supervised.signal(Signal::SIGKILL);
    let gone = watching.next();
    // Far below any interval at which somebody might poll.
    assert!(killed.elapsed() < Duration::from_millis(900), "{:?}", killed.elapsed());
    assert_eq!(gone["event"], "unsupervised");
    assert_eq!(gone["state"], "unsupervised");
    let row = status(&supervised);
    assert_eq!((row["supervised"].as_bool(), row["pid"].as_u64()), (Some(false), None));
    assert_eq!(act(&supervised, &["status"]).code, 102);
    for verb in ["up", "down"] {
        let refused = act(&supervised, &[verb]);
        assert_eq!(refused.code, 102);
        assert!(refused.err.contains("no supervisor is running there"), "{refused:?}");
    }
}

pub fn watch_prints_one_object_for_each_change(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let mut watching = Watching::start([supervised.dir()]);
    let first = watching.next();
    assert_eq!((first["event"].as_str(), first["seq"].as_u64()), (Some("snapshot"), Some(1)));
    act(&supervised, &["down", "--no-wait"]);
    let to_down = watching.until(|line| line["state"] == "down");
    act(&supervised, &["up", "--no-wait"]);
    let to_up = watching.until(|line| line["state"] == "up");
    let all: Vec<_> = [vec![first], to_down, to_up].concat();
    for (at, line) in all.iter().enumerate() {
        assert_eq!(line["seq"].as_u64(), u64::try_from(at + 1).ok());
        assert_eq!(line["service"], "web");
    }
    assert!(all[1..].iter().all(|line| line["event"] == "changed"), "{all:?}");
    // Whoever reads may leave. Nothing more happens, and it is noticed all the same.
    assert_eq!(watching.stop_reading(), Some(0));
}

pub fn names_patterns_and_the_scan_directory_are_understood(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let scan = supervised.scan_dir();
    fs::create_dir(scan.join("no-service")).unwrap();
    fs::create_dir(scan.join(".hidden")).unwrap();
    fs::write(scan.join("file"), "").unwrap();
    symlink("nowhere", scan.join("dangling")).unwrap();
    symlink("web", scan.join("web-2")).unwrap();
    let dir = scan.to_str().unwrap();
    let list = |args: &[&str]| {
        let run = run(["status", "--json", "--dir", dir].iter().chain(args));
        let names = run.json().as_array().unwrap().clone();
        names.iter().map(|row| row["service"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // A link that leads nowhere is a service that nobody supervises, and is no secret.
    assert_eq!(list(&[]), ["dangling", "web", "web-2"]);
    assert_eq!(list(&["web-*"]), ["web-2"]);
    assert_eq!(list(&["w?b", "web", "web-2"]), ["web", "web-2"]);
    let in_env = command(["status", "--json", "web"]).env("SVDIR", scan).output().unwrap();
    assert_eq!(Run::of(in_env).json()[0]["path"], supervised.dir().to_str().unwrap());
    let here = command(["status", "--json", "./web"]).current_dir(scan).output().unwrap();
    let here = Run::of(here).json();
    assert_eq!(here[0]["service"], "web");
    assert_eq!(here[0]["path"], supervised.dir().canonicalize().unwrap().to_str().unwrap());
    let none = run(["status", "--dir", dir, "x*"]);
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    let forced = run(["status", "--json", "--dir", dir, "--suite", suite.name(), "web"]);
    assert_eq!(forced.json()[0]["state"], "up");
}

/// Nobody may look into `supervise`; then everybody may look and nobody may ask.
pub fn another_user_is_told_what_he_may_not_do(suite: Suite) {
    if !skips::is_root(suite.name()) {
        return;
    }
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let dir = supervised.dir();
    let program = supervised.scan_dir().join("svctl");
    crate::supervised::scripts::copy(crate::svctl::PROGRAM.as_ref(), &program);
    let as_nobody = |args: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command.args(args).arg(&dir).uid(65_534).gid(65_534).env_remove("SVDIR");
        Run::of(command.output().unwrap())
    };
    let blind = as_nobody(&["status"]);
    assert_eq!(blind.code, 111, "{blind:?}");
    let row = as_nobody(&["status", "--json"]).json()[0].take();
    let error = row["error"].as_str().unwrap();
    assert!(error.contains("/supervise/") && error.contains("Permission denied"), "{error}");
    for verb in ["down", "watch"] {
        let refused = as_nobody(&[verb]);
        assert_eq!((refused.code, refused.out.as_str()), (111, ""));
        let right = if verb == "down" { "search" } else { "read" };
        let hint = format!("needs {right} permission on {}", dir.join("supervise").display());
        assert!(refused.err.contains(&hint), "{refused:?}");
    }

    fs::set_permissions(dir.join("supervise"), fs::Permissions::from_mode(0o755)).unwrap();
    let row = as_nobody(&["status", "--json"]).json()[0].take();
    // s6's lock may be read; the others' is found in the kernel's table.
    assert_eq!((row["state"].as_str(), row["supervised"].as_bool()), (Some("up"), Some(true)));
    let refused = as_nobody(&["down"]);
    assert_eq!(refused.code, 111);
    assert!(refused.err.contains("cannot open") && refused.err.contains("needs write permission"));
    assert_eq!(status(&supervised)["state"], "up");

    // The end of a supervisor that he may not ask is told him all the same.
    let mut watching = Watching::of(&program, |command| command.uid(65_534).gid(65_534), [&dir]);
    assert_eq!(watching.next()["supervised"], true);
    // Searched and not listed, as s6-svperms would have it: he may ask, and not watch.
    let control = dir.join("supervise/control");
    fs::set_permissions(&control, fs::Permissions::from_mode(0o622)).unwrap();
    fs::set_permissions(dir.join("supervise"), fs::Permissions::from_mode(0o711)).unwrap();
    assert_eq!(as_nobody(&["down"]).code, 0);
    assert_eq!(watching.until(|line| line["want"] == "down").last().unwrap()["supervised"], true);
    supervised.signal(Signal::SIGKILL);
    watching.until(|line| line["event"] == "unsupervised");
}

pub fn decode_reads_the_record_where_it_lies(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let row = until_state(&supervised, "up");
    let record = supervised.dir().join("supervise/status");
    let decoded = run(["decode".as_ref(), "--json".as_ref(), record.as_os_str()]).json();
    assert_eq!(decoded["dialect"], suite.name());
    for key in ["state", "want", "pid", "since"] {
        assert_eq!(decoded[key], row[key], "{key}");
    }
}
