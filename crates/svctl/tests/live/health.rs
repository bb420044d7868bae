//! Health: never green for the dead, never red for the well; what was left behind is said.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    sentences::{act, until, until_state},
    supervised::{Suite, Supervised, skips},
    svctl::run,
};

const SLEEP: &str = "exec sleep 1000";

fn kinds(row: &Value) -> Vec<&str> {
    let odd = row["odd"].as_array().map(Vec::as_slice).unwrap_or_default();
    odd.iter().map(|odd| odd["kind"].as_str().unwrap()).collect()
}

fn has(kind: &str) -> impl Fn(&Value) -> bool {
    move |row| kinds(row).contains(&kind)
}

fn pid(row: &Value) -> Pid {
    Pid::from_raw(row["pid"].as_i64().unwrap().try_into().unwrap())
}

/// A crash loop in its moment of being up, and the same answer at each look; `family.md` 4.
pub fn what_does_not_stay_up_is_not_well(suite: Suite) {
    let supervised = Supervised::start(suite, "sleep 0.3\nexit 3");
    until_state(&supervised, "up");
    for _ in 0..2 {
        let check = act(&supervised, &["check"]);
        assert_eq!(check.code, 1, "{check:?}");
        let all = run(["check".as_ref(), "--dir".as_ref(), supervised.scan_dir().as_os_str()]);
        assert_eq!(all.code, 1, "{all:?}");
    }
    if matches!(suite, Suite::S6 | Suite::Embedded) {
        // By the count, also of a life that is longer than a look.
        until(&supervised, has("crash-loop"));
        supervised.script("run", SLEEP);
        until(&supervised, |row| {
            row["state"] == "up" && row["uptime"].as_f64().unwrap_or_default() > 0.4
        });
        let check = act(&supervised, &["check"]);
        assert!(check.code == 1 && check.err.contains("crash loop: ended "), "{check:?}");
    }
}

/// Restarts that an operator asked for are no crash loop, and a service that was put down is well.
pub fn what_was_asked_for_is_well(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    for _ in 0..3 {
        let before = until_state(&supervised, "up");
        kill(pid(&before), Signal::SIGTERM).unwrap();
        until(&supervised, |row| row["state"] == "up" && row["pid"] != before["pid"]);
        if suite == Suite::Embedded || !matches!(suite, Suite::S6) {
            // Nobody asked it; and the others do not count.
            break;
        }
    }
    let row = until_state(&supervised, "up");
    assert!(!kinds(&row).contains(&"crash-loop"), "{row}");
    assert_eq!(act(&supervised, &["check"]).code, 0);
    assert_eq!(act(&supervised, &["down"]).code, 0);
    let all = run(["check".as_ref(), "--dir".as_ref(), supervised.scan_dir().as_os_str()]);
    assert_eq!(all.code, 0, "{all:?}");
    let few = ["check".as_ref(), "--expect=2".as_ref(), "--dir".as_ref()];
    let few = run(few.into_iter().chain([supervised.scan_dir().as_os_str()]));
    assert!(few.code == 1 && few.err.contains("1 service instead of 2"), "{few:?}");
}

/// After an early death the supervisor rests for a second, and its record names the dead until then: nothing of
/// which it has taken no notice.
pub fn a_supervisor_that_rests_is_not_blamed(suite: Suite) {
    let supervised = Supervised::start(suite, "exec /nonexistent/program");
    let pids = std::cell::RefCell::new(std::collections::BTreeSet::new());
    until(&supervised, |row| {
        assert!(!has("process-dead")(row), "{row}");
        pids.borrow_mut().extend(row["pid"].as_i64());
        pids.borrow().len() >= 3
    });
}

/// A dead process whose supervisor does not notice, and a living one whose supervisor is gone.
pub fn processes_and_supervisors_that_lost_each_other_are_said(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let row = until_state(&supervised, "up");
    assert_eq!(kinds(&row), [""; 0]);
    supervised.signal(Signal::SIGSTOP);
    kill(pid(&row), Signal::SIGKILL).unwrap();
    let row = until(&supervised, has("process-dead"));
    assert_eq!(row["state"], "up");
    let check = act(&supervised, &["check"]);
    assert!(check.code == 1 && check.err.contains(" is dead"), "{check:?}");
    supervised.signal(Signal::SIGCONT);
    let row = until(&supervised, |row| row["state"] == "up" && kinds(row).is_empty());
    supervised.signal(Signal::SIGKILL);
    let row = until(&supervised, |now| {
        has("orphan")(now) && now["state"] == "unsupervised" && row["pid"].is_u64()
    });
    let says = row["odd"].to_string();
    assert!(says.contains("still runs"), "{says}");
}

/// `family.md` 21.
pub fn what_a_run_script_leaves_behind_is_counted(suite: Suite) {
    let supervised = Supervised::start(suite, "sleep 3333\n:");
    until_state(&supervised, "up");
    // The shell has started it.
    let children = |row: &Value| {
        let path = format!("/proc/{0}/task/{0}/children", row["pid"]);
        !fs::read_to_string(path).unwrap_or_default().is_empty()
    };
    until(&supervised, children);
    assert_eq!(act(&supervised, &["down"]).code, 0);
    let row = until_state(&supervised, "down");
    assert_eq!(kinds(&row), ["left-behind"], "{row}");
    assert!(row["odd"][0]["says"].as_str().unwrap().starts_with("left behind: process "));
    let told = act(&supervised, &["explain"]);
    assert!(told.out.contains("sleep 3333: without `exec`, it outlives"), "{told:?}");
}

/// `family.md` 7.
pub fn a_logger_that_does_not_run_is_not_well(suite: Suite) {
    if !matches!(suite, Suite::Runit | Suite::Embedded) {
        return skips::no_test("its scanner supervises loggers");
    }
    let mut supervised = Supervised::prepare(suite, SLEEP);
    fs::create_dir(supervised.dir().join("log")).unwrap();
    supervised.script("log/run", "exec false");
    supervised.supervise();
    until(&supervised, has("logger"));
    let check = act(&supervised, &["check"]);
    assert!(check.code == 1 && check.err.contains("its logger "), "{check:?}");
}

/// `family.md` 1 to 3 and 38: runit's `check` script says whether it is ready, to all who ask.
pub fn a_check_script_is_asked_by_all_who_ask_for_readiness(suite: Suite) {
    if suite != Suite::Runit {
        return skips::no_test("runit alone has a check script");
    }
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let soon = ["wait", "--for", "ready", "--timeout", "300ms"];
    supervised.script("check", "exit 0");
    assert_eq!(act(&supervised, &soon).code, 0);
    assert_eq!(act(&supervised, &["check", "--ready"]).code, 0);
    supervised.script("check", "exit 1");
    let late = act(&supervised, &soon);
    assert!(late.code == 99 && late.err.contains("its check script exits with 1"), "{late:?}");
    let late = act(&supervised, &[&soon[..], &["--json"]].concat()).json()[0].take();
    assert_eq!(late["why"], "check-failed");
    let check = act(&supervised, &["check", "--ready"]);
    assert!(check.code == 1 && check.err.contains("its check script exits with 1"), "{check:?}");
    supervised.script("check", "exec sleep 500");
    let late = act(&supervised, &soon);
    assert!(late.err.contains("its check script has not ended for 0."), "{late:?}");
    let path = supervised.dir().join("check");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let never = act(&supervised, &soon);
    assert!(never.code == 1 && never.err.contains("check script is not executable"), "{never:?}");
    let check = act(&supervised, &["check", "--ready"]);
    assert!(check.code == 1 && check.err.contains("is not executable"), "{check:?}");
    // One that never ends is ended, with what it has started.
    supervised.script("check", "sleep 500 &\necho $! >check.pid\nwait");
    let check = act(&supervised, &["check", "--ready"]);
    assert!(check.code == 1 && check.err.contains("its check script has not ended for 3 s"));
    let pid = fs::read_to_string(supervised.dir().join("check.pid")).unwrap();
    let alive = || fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
    until(&supervised, |_| alive().is_empty());
}

/// `daemons.md` 16: the first process is killed, its child has the port and answers.
pub fn what_is_left_behind_does_not_make_it_ready(suite: Suite) {
    if suite != Suite::Runit {
        return skips::no_test("runit alone has a check script");
    }
    let mut supervised = Supervised::prepare(suite, "exec perl server.pl");
    // The second one tries for ever to get the port, as many do for a while.
    supervised.file(
        "server.pl",
        "use IO::Socket::INET;\n\
         my $port = 0; if (open(my $f, '<', 'port')) { $port = <$f> }\n\
         my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, \
         ReuseAddr => 1, Listen => 5);\n\
         sleep 1000 unless $s;\n\
         if (my $child = fork) { open(my $f, '>', 'child'); print $f $child; close $f; sleep 1000 }\n\
         select(undef, undef, undef, 0.01) until -s 'child';\n\
         open(my $f, '>', 'port.new'); print $f $s->sockport; close $f; rename 'port.new', 'port';\n\
         while (1) { $s->accept }\n",
    );
    supervised.script(
        "check",
        "exec perl -MIO::Socket::INET -e 'open(my $f, \"<\", \"port\") or exit 1; \
         exit !IO::Socket::INET->new(PeerAddr => \"127.0.0.1\", PeerPort => <$f>)'",
    );
    supervised.supervise();
    // runsv has made its files.
    until_state(&supervised, "up");
    let ready = |limit: &str| act(&supervised, &["wait", "--for", "ready", "--timeout", limit]);
    assert_eq!(ready("60s").code, 0);
    assert_eq!(act(&supervised, &["check", "--ready"]).code, 0);
    let before = until_state(&supervised, "up");
    kill(pid(&before), Signal::SIGKILL).unwrap();
    until(&supervised, |row| row["state"] == "up" && row["pid"] != before["pid"]);
    let child = fs::read_to_string(supervised.dir().join("child")).unwrap();
    let says = format!("left behind: process {child} listens at port ");
    let late = ready("1s");
    assert!(late.code == 99 && late.err.contains(&says), "{says}: {late:?}");
    let check = act(&supervised, &["check", "--ready"]);
    assert!(check.code == 1 && check.err.contains(&says), "{check:?}");
    kill(Pid::from_raw(child.parse().unwrap()), Signal::SIGKILL).unwrap();
    assert_eq!(act(&supervised, &["restart", "--for", "ready"]).code, 0);
}

/// A link of the scan directory that leads nowhere.
pub fn a_link_that_leads_nowhere_is_a_row_and_not_well(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    let dir = ["--dir".as_ref(), supervised.scan_dir().as_os_str()];
    symlink("/nonexistent/gone", supervised.scan_dir().join("gone")).unwrap();
    let status = run(["status".as_ref()].into_iter().chain(dir));
    assert!(
        status.code == 111 && status.out.contains("it leads to /nonexistent/gone"),
        "{status:?}"
    );
    let check = run(["check".as_ref()].into_iter().chain(dir));
    assert!(check.code == 111 && check.err.contains("it leads to /nonexistent/gone"), "{check:?}");
    assert!(check.out.contains("web: ok"), "{check:?}");
}

/// A service that its `finish` has put down for good, where its supervisor tells how it ended.
pub fn what_was_given_up_is_not_well(suite: Suite) {
    let finish = match suite {
        Suite::S6 => "exit 125",
        Suite::Embedded => "echo d >supervise/control",
        _ => return skips::no_test("it does not tell how a run has ended"),
    };
    let mut supervised = Supervised::prepare(suite, "exit 3");
    supervised.script("finish", finish);
    supervised.supervise();
    let row = until(&supervised, |row| row["state"] == "down" && has("given-up")(row));
    assert_eq!((row["state"].as_str(), row["exit"]["code"].as_u64()), (Some("down"), Some(3)));
    let check = act(&supervised, &["check"]);
    assert!(check.code == 1 && check.err.contains("is no longer wanted up"), "{check:?}");
    let all = run(["check".as_ref(), "--dir".as_ref(), supervised.scan_dir().as_os_str()]);
    assert_eq!(all.code, 1, "{all:?}");
}
