//! As pid 1 of a pid namespace, and as a user without privileges.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    process::{Command, Stdio},
};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{
    acting::{Acting, Who, given_out, until},
    snapshot::{ids, names, state},
    supervised::skips,
    tree::Tree,
};

const NAMESPACE: [&str; 5] = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc"];

/// Pid 1 as seen from outside: the child of `unshare`.
fn first(outside: &Acting) -> Pid {
    let outside = outside.pid().to_string();
    until("pid 1", || {
        let pids = names(std::path::Path::new("/proc"));
        let child =
            pids.iter().find(|pid| ids(pid).is_some_and(|(parent, ..)| parent == outside))?;
        let status = fs::read_to_string(format!("/proc/{child}/cmdline")).ok()?;
        // No longer unshare itself on its way to exec, nor env.
        let is_it = !status.starts_with("unshare\0") && !status.starts_with("env\0");
        (is_it && !status.is_empty()).then(|| Pid::from_raw(child.parse().unwrap()))
    })
}

/// `wait` misses no signal, as `read` may.
const NOTES: &str = "trap 'exit 0' TERM\n\
    for name in HUP USR1 USR2 QUIT ALRM; do trap \"echo $name >> notes\" $name; done\n\
    sleep 1000 & echo $$ > inside; while :; do wait; done";

#[test]
fn as_pid_1_orphans_are_reaped_signals_sent_on_and_the_end_is_0() {
    let tree = Tree::new();
    let web = tree.service("web", "");
    // Orphans that end at once, all the time, and one that stays.
    web.script(
        "run",
        &format!("for i in 1 2 3 4 5 6 7 8; do sh -c 'sleep 0.1 & sleep 0.2 & :'; done\n{NOTES}"),
    );
    let mut outside = Who::Embedded.start_under(&NAMESPACE, &web.0);
    until("run", || (web.read("inside").trim() != "").then_some(()));
    let first = first(&outside);
    for signal in
        [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGQUIT, Signal::SIGALRM]
    {
        kill(first, signal).unwrap();
        let name = &signal.as_str()[3..];
        until(name, || web.read("notes").contains(&format!("{name}\n")).then_some(()));
    }
    until("no zombie and no orphan", || {
        let children = names(std::path::Path::new("/proc"));
        let of_first =
            |pid: &&String| ids(pid).is_some_and(|(parent, ..)| parent == first.to_string());
        let children: Vec<_> = children.iter().filter(of_first).map(|pid| state(pid)).collect();
        (children.len() == 1 && !children.contains(&Some('Z'))).then_some(())
    });
    kill(first, Signal::SIGTERM).unwrap();
    assert_eq!(outside.wait().code(), Some(0));
    assert_eq!(web.stat(), "down");
}

#[test]
fn as_pid_1_a_scanner_ends_with_111_at_hup() {
    let tree = Tree::new();
    fs::create_dir(tree.path().join("scan")).unwrap();
    let web = tree.service("scan/web", "exec sleep 1000");
    web.script("log/run", "exec cat");
    let mut outside = Who::EmbeddedScanner.start_under(&NAMESPACE, &tree.path().join("scan"));
    until("run", || web.stat().starts_with("run").then_some(()));
    kill(first(&outside), Signal::SIGHUP).unwrap();
    assert_eq!(outside.wait().code(), Some(111));
    assert_eq!(web.stat(), "down");
}

const NOBODY: u32 = 65534;

#[test]
fn a_user_without_privileges_can_do_all_of_it() {
    if !skips::is_root("svdevtree") {
        return;
    }
    let tree = Tree::new();
    let web = tree.service("web", "id -u > who; exec sleep 1000");
    web.script("log/run", "exec cat");
    web.script("finish", "echo $* > finished");
    for dir in [&web.0, &web.0.join("log")] {
        chown(dir, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    // The test binary may lie where nobody may go.
    let program = tree.path().join("live");
    let exe = given_out().unwrap_or_else(|| std::env::current_exe().unwrap());
    crate::supervised::scripts::copy(&exe, &program);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut words = Who::Embedded.words(&web.0);
    for word in &mut words {
        if *word == exe.as_os_str() {
            *word = program.clone().into();
        }
    }
    let id = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut child = Command::new("setpriv")
        .args(id)
        .args(&words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    web.until_run(None);
    until("its user", || (web.read("who") == "65534\n").then_some(()));
    assert!(web.send("d"));
    web.until_stat("down");
    assert_eq!(web.read("finished"), "-1 15\n");
    assert!(web.send("x"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
