//! `svctl build` killed at system calls that change the disk, and run again: at one of four of each
//! kind, at another quarter in each sweep; at every one with `SV_THOROUGH`, as
//! `cargo xtask test --thorough` has it.
//!
//! `strace` counts the calls and kills; the program itself has no part in it.

use std::{fs, path::Path, process::Command, time::Duration};

use crate::arena::{
    self, BARE, Ended, NEW, OLD, THIEF, copy, dir, file, inventory, limited, program,
};

const LIMIT: Duration = Duration::from_secs(60);

/// Every call that changes what is on a disk, and those between which something may be half done.
/// Where a system has no such call, `strace` is to say nothing.
const CALLS: [&str; 20] = [
    "?mkdir",
    "mkdirat",
    "write",
    "fchmod",
    "?chmod",
    "fchmodat",
    "fsync",
    "?link",
    "linkat",
    "?symlink",
    "symlinkat",
    "?rename",
    "?renameat",
    "renameat2",
    "?unlink",
    "unlinkat",
    "?rmdir",
    "fchown",
    "fchownat",
    "flock",
];

fn build(top: &Path, definition: &str, target: &str, more: &[&str]) -> Command {
    let mut command = Command::new(program());
    words(&mut command, top, definition, target, more);
    command
}

fn words(command: &mut Command, top: &Path, definition: &str, target: &str, more: &[&str]) {
    command
        .arg("build")
        .arg(top.join(definition))
        .args(["--for", target, "--lossy", "--out"])
        .arg(top.join("out"))
        .args(more);
}

/// A build that is killed at a call, by its number among those of its name.
fn killing(call: &str, at: u32, top: &Path, target: &str, more: &[&str]) -> Command {
    let mut killed = Command::new("strace");
    killed.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    killed.arg(format!("inject={call}:signal=KILL:when={at}"));
    killed.arg(program());
    words(&mut killed, top, "to.toml", target, more);
    killed
}

fn done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The numbers of a sweep's calls: every one, or a quarter of them.
fn numbers(quarter: u32) -> impl Iterator<Item = u32> {
    let step = if is_thorough() { 1 } else { QUARTERS };
    let first = if step == 1 { 0 } else { quarter % QUARTERS };
    (1 + first..).step_by(step as usize)
}

const QUARTERS: u32 = 4;

fn is_thorough() -> bool {
    std::env::var_os("SV_THOROUGH").is_some()
}

/// From one definition to another, which is killed at calls in turn.
fn sweep(quarter: u32, name: &str, target: &str, from: Option<&str>, to: &str, owner: Option<u32>) {
    sweep_after(quarter, name, target, from, to, owner, None);
}

/// The same, of the build after one that was killed at a call: it ends that one first.
fn sweep_after(
    quarter: u32,
    name: &str,
    target: &str,
    from: Option<&str>,
    to: &str,
    owner: Option<u32>,
    killed: Option<(&str, u32)>,
) {
    if !arena::has_strace() || (owner.is_some() && !arena::is_root()) {
        return;
    }
    let tree = arena::tree();
    let top = tree.path();
    let owned = owner.map(|owner| format!("{owner}:{owner}"));
    let more: Vec<&str> = owned.iter().flat_map(|it| ["--owner", it]).collect();
    file(&top.join("from.toml"), from.unwrap_or_default(), 0o644);
    file(&top.join("to.toml"), to, 0o644);
    let (before, out) = (top.join("before"), top.join("out"));
    dir(&out, owner.unwrap_or(nix::unistd::geteuid().as_raw()));
    if from.is_some() {
        done(&limited(&mut build(top, "from.toml", target, &more), LIMIT));
        if target != "systemd" {
            foreign(&out.join("web"), owner);
        }
    }
    if let Some((call, at)) = killed {
        let ended = limited(&mut killing(call, at, top, target, &more), LIMIT);
        assert_ne!(ended.code, Some(0));
        assert!(out.join("web/.svbuild.work").exists(), "there is something to be ended");
    }
    copy(&out, &before);
    done(&limited(&mut build(top, "to.toml", target, &more), LIMIT));
    let expected = inventory(&out);

    let (mut points, mut refused, mut unhealed) = (0, Vec::new(), Vec::new());
    for call in CALLS {
        // Each call is counted by itself.
        for at in numbers(quarter) {
            fs::remove_dir_all(&out).unwrap();
            copy(&before, &out);
            let mut killed = killing(call, at, top, target, &more);
            let ended = limited(&mut killed, LIMIT);
            assert!(!ended.is_late, "{ended:?}");
            if ended.code == Some(0) {
                break;
            }
            points += 1;
            let place = || format!("{call} {at}");
            // It can be compared as it is.
            let compared = [&more[..], &["--diff"]].concat();
            let diff = limited(&mut build(top, "to.toml", target, &compared), LIMIT);
            if !matches!(diff.code, Some(0 | 1)) || diff.err.contains("cannot") {
                refused.push((place(), diff.err));
            }
            let again = limited(&mut build(top, "to.toml", target, &more), LIMIT);
            if again.code != Some(0) || inventory(&out) != expected {
                unhealed.push((place(), again.err));
            }
        }
    }
    eprintln!(
        "{name}: {points} crash points swept, {} not comparable, {} unhealed",
        refused.len(),
        unhealed.len()
    );
    assert!(points > 5, "there are calls: {points}");
    assert!(refused.is_empty(), "{name}: {refused:?}");
    assert!(unhealed.is_empty(), "{name}: {unhealed:?}");
}

/// What others keep in a service directory, and in directories of it that come and go.
fn foreign(web: &Path, owner: Option<u32>) {
    let owner = owner.unwrap_or(nix::unistd::geteuid().as_raw());
    for name in ["supervise", "env", "log"] {
        dir(&web.join(name), owner);
    }
    for name in ["foreign", "supervise/status", "env/MINE"] {
        let path = file(&web.join(name), "mine\n", 0o644);
        std::os::unix::fs::chown(path, Some(owner), Some(owner)).unwrap();
    }
}

#[test]
fn a_first_build() {
    sweep(0, "first", "runit", None, NEW, None);
}

#[test]
fn env_changes_control_goes_and_a_logger_comes() {
    sweep(1, "old to new", "runit", Some(OLD), NEW, None);
}

#[test]
fn env_changes_control_comes_and_a_logger_goes() {
    sweep(2, "new to old", "runit", Some(NEW), OLD, None);
}

#[test]
fn env_and_logger_go() {
    sweep(3, "new to bare", "runit", Some(NEW), BARE, None);
}

#[test]
fn env_and_control_come() {
    sweep(0, "bare to old", "runit", Some(BARE), OLD, None);
}

#[test]
fn data_comes() {
    sweep(1, "s6, bare to old", "s6", Some(BARE), OLD, None);
}

#[test]
fn data_goes() {
    sweep(2, "s6, old to bare", "s6", Some(OLD), BARE, None);
}

#[test]
fn a_unit_changes() {
    sweep(0, "systemd", "systemd", Some(BARE), OLD, None);
}

#[test]
fn a_build_that_ends_an_earlier_one_is_killed_as_well() {
    let all = [("linkat", 4), ("symlinkat", 4), ("renameat2", 1), ("unlinkat", 6)];
    for (quarter, killed) in (0..).zip(all) {
        let name = format!("after one that was killed at {killed:?}");
        let ways = [(OLD, NEW), (NEW, OLD)];
        // One way each is enough for every change; two quarters of the kinds go each way.
        let ways = if is_thorough() { &ways[..] } else { &ways[quarter as usize % 2..][..1] };
        for (from, to) in ways {
            sweep_after(quarter, &name, "runit", Some(from), to, None, Some(killed));
        }
    }
}

#[test]
fn another_user_s_directory() {
    sweep(3, "of another user", "runit", Some(OLD), NEW, Some(THIEF));
}
