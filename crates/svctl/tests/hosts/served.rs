//! Twenty hosts with real servers.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::servers::Servers;

const HOSTS: usize = 20;

fn names() -> String {
    (1..=HOSTS).map(|at| format!("h{at}")).collect::<Vec<_>>().join(",")
}

#[test]
fn twenty_hosts_are_one() {
    let Some(servers) = Servers::start(HOSTS) else { return };
    let all = names();
    let ran = servers.run(&["-H", &all, "status", "--json", "--host-timeout", "60s"]);
    let rows = ran.json();
    let rows = rows.as_array().unwrap();
    assert_eq!((rows.len(), ran.code), (HOSTS, 0), "{ran:?}");
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(
            (&row["host"], &row["service"]),
            (&format!("h{}", at + 1).into(), &"web".into()),
            "{row}"
        );
    }

    // One after the other, each found healthy before the next is asked.
    let ran = servers.run(&[
        "-H",
        "h1,h2,h3",
        "--rolling",
        "restart",
        "web",
        "--json",
        "--host-timeout",
        "60s",
    ]);
    let restarted = ran.json();
    for (before, after) in rows.iter().zip(restarted.as_array().unwrap()) {
        assert_eq!(
            (&after["outcome"], &after["host"]),
            (&"reached".into(), &before["host"]),
            "{after}"
        );
        assert_ne!(before["pid"], after["pid"]);
    }
    let ran = servers.run(&["-H", &all, "check", "--host-timeout", "60s"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, HOSTS), "{ran:?}");
    let ran = servers.run(&["-H", "h1,r2", "status", "--json", "--host-timeout", "2s"]);
    assert_eq!((&ran.json()[1]["why"], ran.code), (&"silent".into(), 99), "{ran:?}");
}

#[test]
fn nothing_is_left_running_where_the_connection_ends() {
    let Some(servers) = Servers::start(1) else { return };
    let wait =
        ["-H", "h1", "wait", "--for", "down", "web", "--timeout", "1h", "--host-timeout", "60s"];
    let mut child = servers.command(&wait).stdout(Stdio::null()).spawn().unwrap();
    servers.wait_until("it runs there", |it| it.running_on("h1").len() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    servers.wait_until("it is gone there", |it| it.running_on("h1").is_empty());

    // The network is cut, and both sides notice.
    let wait = [
        "-H",
        "r1",
        "wait",
        "--for",
        "down",
        "web",
        "--timeout",
        "1h",
        "--host-timeout",
        "60s",
        "--json",
    ];
    let child =
        servers.command(&wait).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    servers.wait_until("it runs there", |it| it.running_on("h1").len() == 1);
    for relay in servers.relays() {
        kill(relay, Signal::SIGKILL).unwrap();
    }
    let ran = crate::svctl::Run::of(child.wait_with_output().unwrap());
    assert_eq!((&ran.json()[0]["why"], ran.code), (&"cut".into(), 111), "{ran:?}");
    servers.wait_until("it is gone there", |it| it.running_on("h1").is_empty());
}

#[test]
fn changes_of_all_hosts_are_one_stream() {
    let Some(servers) = Servers::start(2) else { return };
    let mut watch = servers.command(&["-H", "h1,h2", "watch", "--json", "--host-timeout", "60s"]);
    let mut child = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        crate::schema::check(&value);
        value
    };
    let mut hosts = [next()["host"].clone(), next()["host"].clone()];
    hosts.sort_by_key(Value::to_string);
    assert_eq!(hosts, ["h1", "h2"]);
    assert_eq!(servers.run(&["-H", "h2", "restart", "web", "--host-timeout", "60s"]).code, 0);
    let event = next();
    assert_eq!((&event["host"], &event["service"]), (&"h2".into(), &"web".into()), "{event}");
    // Nobody reads any more, and nothing changes: it ends all the same, here and there.
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    servers.wait_until("it is gone there", |it| it.running_on("h1").is_empty());
}

#[test]
fn lines_of_logs_are_merged_by_their_times() {
    let Some(servers) = Servers::start(2) else { return };
    for (host, lines) in [("h1", ["10", "30"]), ("h2", ["20", "40"])] {
        let log = servers.tree.path().join("logs");
        std::fs::create_dir_all(&log).unwrap();
        let line = |at: &&str| format!("@400000006b03e7{at}3468773c {host} {at}");
        let text = lines.iter().map(line).collect::<Vec<_>>().join("\n") + "\n";
        let dir = servers.tree.path().join(host).join("log");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("current"), text).unwrap();
    }
    // The same path on both: what differs is the host, and so each has one that leads to its own.
    let logs = |more: &[&str]| {
        let hosts: Vec<_> = ["h1", "h2"]
            .iter()
            .map(|host| servers.tree.path().join(host).join("log").display().to_string())
            .collect();
        let mut words = vec!["-H", "h1,h2", "logs", "--json", "--host-timeout", "60s"];
        words.extend(more);
        words.extend(hosts.iter().map(String::as_str));
        servers.run(&words)
    };
    let ran = logs(&[]);
    let lines: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(crate::schema::check);
    let ats: Vec<_> = lines.iter().map(|line| line["at"].as_str().unwrap().to_owned()).collect();
    assert!(ats.is_sorted() && ats.len() == 8, "{ran:?}");
    let ran = logs(&["-n", "2"]);
    assert_eq!(ran.out.lines().count(), 2);
    assert!(ran.out.lines().all(|line| line.contains(" 40\"")), "{ran:?}");
}
