//! What asks before it ends every service, and what was asked for once is asked for again.

use std::{
    fs::File,
    io::{Read, Write},
    process::Stdio,
};

use nix::pty::openpty;

use crate::scan::{SLEEP, Scan, make};

/// What a command says to somebody at a terminal who types this, and its exit code.
fn answered(scan: &Scan, line: &[&str], answer: &str) -> (Option<i32>, String) {
    let pty = openpty(None, None).unwrap();
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut command = scan.command(line);
    command.stdin(end()).stdout(end()).stderr(end());
    let mut child = command.spawn().unwrap();
    drop((command, pty.slave));
    let mut terminal = File::from(pty.master);
    terminal.write_all(answer.as_bytes()).unwrap();
    let mut shown = Vec::new();
    // EIO is the end of a terminal.
    let _end = terminal.read_to_end(&mut shown);
    (child.wait().unwrap().code(), String::from_utf8(shown).unwrap())
}

#[test]
fn whoever_ends_all_at_a_terminal_is_asked() {
    let mut scan = Scan::prepare();
    scan.service("a", SLEEP);
    scan.service("b", SLEEP);
    scan.start();
    let dir = scan.path();
    let asked = |word: &str| format!("svctl: {word} every service of {}? [y/N] ", dir.display());
    for (line, word) in [
        (&["down", "--all"][..], "down"),
        (&["down", "--all", "--timeout", "1ms"], "down"),
        (&["exit", "--all"], "exit"),
        (&["kill", "--all"], "kill"),
        (&["send", "cont,kill", "--all"], "kill"),
        (&["send", "stop-exit", "--all"], "stop-exit"),
    ] {
        for answer in ["\n", "n\n", "yesterday\n"] {
            let (code, shown) = answered(&scan, line, answer);
            assert_eq!(code, Some(1), "{line:?}: {shown}");
            assert!(shown.contains(&asked(word)), "{line:?}: {shown}");
            assert!(shown.contains("svctl: nothing was sent"), "{line:?}: {shown}");
        }
    }
    assert_eq!(scan.svctl(["check", "a", "b", "--max-restarts", "0"]).code, 0);
    // What is named, and what goes on, is not.
    for line in [&["down", "a"][..], &["up", "--all"], &["hup", "--all"], &["restart", "--all"]] {
        let (code, shown) = answered(&scan, line, "");
        assert!(code == Some(0) && !shown.contains("[y/N]"), "{line:?}: {shown}");
    }
    let (code, shown) = answered(&scan, &["down", "--all"], "y\n");
    assert_eq!(code, Some(0), "{shown}");
    // It may be between two runs, and is then only wanted down: "b: now wanted down, down".
    let is_down = shown.lines().any(|line| line.starts_with("b: ") && line.contains("down"));
    assert!(shown.contains(&asked("down")) && is_down, "{shown}");
    // Nobody sits there.
    scan.svctl(["up", "--all"]);
    let told = scan.svctl(["down", "--all"]);
    assert!(told.code == 0 && !told.err.contains("[y/N]"), "{told:?}");
}

#[test]
fn what_is_disabled_twice_was_not_enabled_the_second_time() {
    let mut scan = Scan::prepare();
    scan.service("other", SLEEP);
    scan.start();
    let web = scan.beside("web");
    make(&web, SLEEP);
    let web = web.to_str().unwrap();
    for name in ["web", web] {
        let enabled = scan.svctl(["enable", web]);
        assert!(enabled.code == 0 && enabled.out.contains("supervised"), "{enabled:?}");
        let first = scan.svctl(["disable", name, "--json"]).json();
        assert_eq!((&first[0]["outcome"], &first[0]["changed"]), (&"reached".into(), &true.into()));
        let again = scan.svctl(["disable", name, "--json"]);
        assert_eq!(again.code, 0, "{again:?}");
        let again = again.json();
        assert_eq!(
            (&again[0]["outcome"], &again[0]["changed"]),
            (&"already".into(), &false.into())
        );
        let said = scan.svctl(["disable", name]);
        assert!(said.code == 0 && said.out.contains(": was not enabled"), "{said:?}");
    }
}
