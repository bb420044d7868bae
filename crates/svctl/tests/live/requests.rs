//! Requests of every kind: what depends on the version of a suite, what needs a process, all of
//! them.

use std::{fs, process::Command};

use svcmgr::{Dialect, Op, Version};

use crate::{
    sentences::{act, until, until_state},
    supervised::{Suite, Supervised, skips},
};

/// Writes down each signal that it gets.
const WRITES_DOWN: &str = "for name in HUP USR1 USR2 QUIT; do trap \"echo $name >>got\" $name; done\n\
                           : >ready\nwhile :; do sleep 0.02; done";

/// What the package manager says, which is not what svctl asks.
fn packaged(package: &str) -> Option<Version> {
    let asked = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
    let told = String::from_utf8(asked.ok()?.stdout).ok()?;
    told.parse().ok()
}

fn version(suite: Suite) -> Option<Version> {
    matches!(suite, Suite::S6 | Suite::Daemontools).then(|| packaged(suite.name())).flatten()
}

fn dialect(suite: Suite) -> Dialect {
    suite.name().parse().unwrap()
}

fn writing_down(suite: Suite, also: &[(&str, &str)]) -> Supervised {
    let mut supervised = Supervised::prepare(suite, WRITES_DOWN);
    for (name, content) in also {
        supervised.file(name, content);
    }
    supervised.supervise();
    until(&supervised, |row| row["state"] == "up" && supervised.dir().join("ready").exists());
    supervised
}

fn got(supervised: &Supervised) -> String {
    fs::read_to_string(supervised.dir().join("got")).unwrap_or_default()
}

/// `family.md` 33: nobody has to say which daemontools it is.
pub fn what_depends_on_the_version_asks_which_it_is(suite: Suite) {
    let supervised = writing_down(suite, &[]);
    let answer = Op::Usr1.control_bytes(dialect(suite), version(suite));
    let said = act(&supervised, &["usr1", "-v"]);
    assert_eq!(said.code, i32::from(answer.is_err()), "{said:?}");
    match answer {
        Ok(_) => drop(until(&supervised, |_| got(&supervised) == "USR1\n")),
        Err(why) => assert!(said.err.contains(&why.to_string()), "{why}: {said:?}"),
    }
    if suite == Suite::Daemontools {
        assert!(said.err.contains("by dpkg, package daemontools"), "{said:?}");
        assert!(said.err.contains("(pid "), "{said:?}");
    }
    // The user's word is taken before that of anything else.
    let word = format!("--suite={}=0.76-8", suite.name());
    let told = act(&supervised, &["quit", &word]);
    assert_eq!(told.code, i32::from(suite == Suite::Daemontools), "{told:?}");
    assert_eq!(told.err.contains("only from 0.76-9 on"), suite == Suite::Daemontools, "{told:?}");
    let none = act(&supervised, &["quit", &format!("--suite={}=new", suite.name())]);
    assert!(none.code == 100 && none.err.contains("not a version"), "{none:?}");
}

/// `family.md` 32: what `s6-svc -l` does, where there is one.
pub fn reload_is_the_signal_that_the_service_names_or_none(suite: Suite) {
    let supervised = writing_down(suite, &[("reload-signal", "USR1\n")]);
    let reloads = version(suite) >= Some(Version([2, 15, 1, 0])) && suite == Suite::S6;
    let said = act(&supervised, &["reload"]);
    if suite != Suite::S6 {
        // It means nothing to them.
        assert_eq!(said.code, 0, "{said:?}");
        until(&supervised, |_| got(&supervised) == "HUP\n");
    } else if reloads {
        assert_eq!(said.code, 0, "{said:?}");
        until(&supervised, |_| got(&supervised) == "USR1\n");
    } else {
        // SIGHUP may end what reloads by another signal.
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("s6 has `reload` only from 2.15.1 on"), "{said:?}");
        assert_eq!(got(&supervised), "");
        fs::remove_file(supervised.dir().join("reload-signal")).unwrap();
        assert_eq!(act(&supervised, &["reload"]).code, 0);
        until(&supervised, |_| got(&supervised) == "HUP\n");
    }
}

/// `daemons.md` 1: the end that a restart asks for is none of its own, whatever `finish` makes of it.
pub fn a_restart_starts_what_its_finish_lets_end(suite: Suite) {
    let finish = match suite {
        Suite::S6 => "exit 125",
        // Until it is read, so that it does not end the next run.
        Suite::Runit | Suite::Embedded => {
            "echo d >supervise/control\nuntil grep -q 'want down' supervise/stat; do sleep 0.02; done"
        }
        _ => return skips::no_test("daemontools has no finish script"),
    };
    let run = "trap 'exit 0' TERM\n[ -e fails ] && exit 7\n: >ready\nwhile :; do sleep 0.02; done";
    let mut supervised = Supervised::prepare(suite, run);
    supervised.script("finish", finish);
    supervised.supervise();
    let is_ready =
        |row: &serde_json::Value| row["state"] == "up" && supervised.dir().join("ready").exists();
    let before = until(&supervised, is_ready);
    let said = act(&supervised, &["restart", "--json"]);
    let row = said.json()[0].take();
    assert_eq!((said.code, row["outcome"].as_str()), (0, Some("reached")), "{row}");
    assert_ne!(row["pid"], before["pid"]);
    // One that ends by itself again has been started once, and is not started for ever.
    until_state(&supervised, "up");
    supervised.file("fails", "");
    let said = act(&supervised, &["restart", "--for", "up-for=10s", "--timeout", "60s"]);
    assert_eq!(said.code, 1, "{said:?}");
}

/// `daemons.md` 13.
pub fn a_signal_to_what_is_down_is_no_success(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, WRITES_DOWN);
    supervised.file("down", "");
    supervised.supervise();
    until_state(&supervised, "down");
    for word in ["reload", "hup"] {
        let said = act(&supervised, &[word]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(&format!("it is not up, so `{word}` was not sent")), "{said:?}");
        let row = act(&supervised, &[word, "--json"]).json()[0].take();
        assert_eq!((&row["outcome"], &row["state"]), (&"never".into(), &"down".into()));
    }
    // These are about what is to be, and no signal alone.
    assert_eq!(act(&supervised, &["down"]).code, 0);
    assert_eq!(act(&supervised, &["up"]).code, 0);
}

/// `family.md` 22: the table of docs/capabilities.md, one request after the other.
pub fn every_request_of_the_table_can_be_sent(suite: Suite) {
    let supervised = Supervised::start(
        suite,
        "trap : HUP ALRM INT QUIT USR1 USR2 ABRT WINCH\nwhile :; do : >ready; sleep 0.02; done",
    );
    let ready = supervised.dir().join("ready");
    let listens = || {
        let _none_yet = fs::remove_file(&ready);
        until(&supervised, |row| row["state"] == "up" && ready.exists());
    };
    listens();
    let ends = |op: &Op| matches!(op, Op::Exit | Op::StopExit);
    for op in Op::all().filter(|op| !ends(op)).chain(Op::all().filter(ends)) {
        let answer = op.control_bytes(dialect(suite), version(suite));
        let word = match op {
            Op::ToMain | Op::ToLog | Op::ToProcess | Op::ToGroup => format!("{op},cont"),
            _ => op.to_string(),
        };
        let said = act(&supervised, &["send", &word]);
        assert_eq!(said.code, i32::from(answer.is_err()), "{word}: {said:?}");
        match answer {
            Ok(_) => assert!(said.out.contains(&format!(": sent `{word}`")), "{said:?}"),
            Err(why) => assert!(said.err.contains(&why.to_string()), "{why}: {said:?}"),
        }
        if ends(&op) && answer.is_ok() {
            break;
        }
        if op == Op::GroupPause && answer.is_ok() {
            // Only the next of the table ends it for what the process has started.
            continue;
        }
        // Whatever it did, the next needs a process.
        assert_eq!(act(&supervised, &["send", "cont,up"]).code, 0);
        listens();
    }
    let alone = act(&supervised, &["send", "to-log"]);
    assert!(alone.code == 100 && alone.err.contains("to-log,hup"), "{alone:?}");
    let unknown = act(&supervised, &["send", "stay"]);
    assert!(unknown.code == 100 && unknown.err.contains("stay-down"), "{unknown:?}");
}

/// `family.md` 11 and 12: whoever asks is told whether that has changed anything, be it the want alone.
pub fn who_asks_is_told_whether_something_changed(suite: Suite) {
    let told = |supervised: &Supervised, word: &str| {
        let run = act(supervised, &[word, "--json"]);
        let row = run.json()[0].take();
        (run.code, row["outcome"].as_str().unwrap().to_owned(), row["changed"].as_bool())
    };
    let of = |outcome: &str, changed| (0, outcome.to_owned(), Some(changed));
    let supervised = Supervised::start(suite, "exec sleep 1000");
    until_state(&supervised, "up");
    for (word, expected) in [
        ("up", of("already", false)),
        ("restart", of("reached", true)),
        ("down", of("reached", true)),
        ("down", of("already", false)),
        ("up", of("reached", true)),
    ] {
        assert_eq!(told(&supervised, word), expected, "{word}");
    }
    // Between two starts there is no process to end, and it was to come again.
    let again = Supervised::start(suite, "exit 3");
    until(&again, |row| row["state"] == "backoff" || suite.is_daemontools());
    assert_eq!(told(&again, "down"), of("reached", true));
    assert_eq!(told(&again, "down"), of("already", false));
    assert_eq!(until_state(&again, "down")["want"], "down");
}

/// A lasting down and up: the file `down`, made and removed once it is so.
pub fn a_down_may_last(suite: Suite) {
    let supervised = Supervised::start(suite, "exec sleep 1000");
    until_state(&supervised, "up");
    let file = supervised.dir().join("down");
    for (verb, normally) in [("down", "down"), ("up", "up")] {
        let said = act(&supervised, &[verb, "--persist"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.err.contains(&format!("normally {normally} from now on")), "{said:?}");
        until(&supervised, |row| row["normally"] == normally);
        assert_eq!(file.exists(), verb == "down");
        let again = act(&supervised, &[verb, "--persist"]);
        assert_eq!((again.code, again.err.as_str()), (0, ""), "{again:?}");
        until_state(&supervised, normally);
    }
    // What was kept is told with the outcome, also where it is all that has changed.
    act(&supervised, &["down"]);
    for changed in [true, false] {
        let said = act(&supervised, &["down", "--persist", "--json"]);
        let rows: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let row = &rows[0];
        assert_eq!((&row["changed"], &row["normally"]), (&changed.into(), &"down".into()), "{row}");
    }
    for args in [&["once", "--persist"][..], &["down", "--persist", "--no-wait"]] {
        assert_eq!(act(&supervised, args).code, 100);
    }
}
