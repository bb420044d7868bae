//! daemontools-encore's logger that is no directory, but an executable file `log`.

use std::process::Command;

use serde_json::Value;

use crate::{
    sentences::{act, until, until_state},
    supervised::{Suite, Supervised, encore},
    svctl::{Run, run},
};

/// What encore's own tool says of the logger.
fn native(supervised: &Supervised) -> String {
    let said = Command::new(encore("svstat")).arg("-L").arg(supervised.dir()).output().unwrap();
    String::from_utf8(said.stdout).unwrap()
}

/// `family.md` 34.
#[test]
fn a_script_that_logs_is_a_logger_as_any_other() {
    if !Suite::Encore.is_installed() {
        return;
    }
    let mut supervised = Supervised::prepare(Suite::Encore, "echo it works\nexec sleep 1000");
    let multilog = encore("multilog");
    supervised.script("log", &format!("exec {multilog} t ./main"));
    supervised.supervise();
    let main = until_state(&supervised, "up")["pid"].clone();
    let scan = supervised.scan_dir().to_str().unwrap();
    let asked = |words: &[&str]| run(words.iter().chain(&["--dir", scan]));
    let row = || asked(&["status", "--json", "web/log"]).json()[0].take();
    let with_logger = |row: &Value| row["log"]["state"] == "up";
    until(&supervised, with_logger);
    let logger = row();
    assert_eq!(
        (logger["service"].as_str(), logger["state"].as_str()),
        (Some("web/log"), Some("up"))
    );
    assert_eq!(logger["path"], supervised.dir().join("log").to_str().unwrap());
    assert_eq!((&logger["suite"], &logger["odd"]), (&"encore".into(), &Value::Array(vec![])));
    assert!(native(&supervised).contains(&format!("up (pid {})", logger["pid"])));
    // By its path as well.
    let by_path =
        run(["status".as_ref(), "--json".as_ref(), supervised.dir().join("log").as_os_str()]);
    assert_eq!(by_path.json()[0]["pid"], logger["pid"]);

    let reached = |said: Run| {
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        row()
    };
    // multilog ends of it, and another is started.
    reached(asked(&["hup", "web/log"]));
    until(&supervised, |_| row()["pid"] != logger["pid"] && row()["state"] == "up");
    let logger = row();
    let other = reached(asked(&["restart", "web/log"]));
    assert_ne!(other["pid"], logger["pid"]);
    assert_eq!(reached(asked(&["down", "web/log"]))["state"], "down");
    assert!(native(&supervised).contains(": down "), "{}", native(&supervised));
    // The service itself was asked for nothing.
    let service = act(&supervised, &["status", "--json"]).json()[0].take();
    assert_eq!((&service["pid"], service["state"].as_str()), (&main, Some("up")));
    let check = asked(&["check", "web"]);
    assert!(check.code == 1 && check.err.contains("its logger is down"), "{check:?}");
    let why = asked(&["explain", "web"]);
    assert!(why.out.contains("its logger is down"), "{why:?}");
    assert_eq!(reached(asked(&["wait", "--for", "down", "web/log"]))["want"], "down");
    assert_eq!(reached(asked(&["up", "web/log"]))["state"], "up");
    // What comes next in the FIFO is the service's again.
    assert_eq!(act(&supervised, &["down"]).code, 0);
    assert_eq!(
        (until_state(&supervised, "down")["pid"].as_u64(), row()["state"].as_str()),
        (None, Some("up"))
    );
    // One supervisor for both, and one file `down`.
    for words in
        [&["exit", "web/log"][..], &["down", "web/log", "--persist"], &["send", "exit", "web/log"]]
    {
        let refused = asked(words);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains("one supervisor for a service and its `log`"), "{refused:?}");
    }
    for name in ["web", "web/log"] {
        let lines = asked(&["logs", "--json", name]);
        let first: Value = serde_json::from_str(lines.out.lines().next().unwrap()).unwrap();
        assert_eq!((&first["service"], &first["line"]), (&name.into(), &"it works".into()));
    }
    assert_eq!(act(&supervised, &["exit"]).code, 0);
    let gone = asked(&["status", "web/log"]);
    assert_eq!(gone.code, 102, "{gone:?}");
}

/// To every other suite the file means nothing; and to encore one that came too late.
#[test]
fn a_script_that_nobody_runs_is_no_logger() {
    for suite in [Suite::Runit, Suite::Encore] {
        if !suite.is_installed() {
            continue;
        }
        let supervised = Supervised::start(suite, "exec sleep 1000");
        until_state(&supervised, "up");
        supervised.script("log", "exec cat");
        let log = supervised.dir().join("log");
        let said = run(["up".as_ref(), log.as_os_str()]);
        if suite == Suite::Encore {
            assert_eq!(said.code, 102, "{said:?}");
            assert!(said.err.contains("started before `log` was there"), "{said:?}");
        } else {
            assert_eq!(said.code, 1, "{said:?}");
            assert!(said.err.contains("it is a regular file"), "{said:?}");
        }
    }
}
