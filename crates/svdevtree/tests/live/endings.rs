//! However a program with a kit or a tree ends, nothing of it is left.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    process::Command,
    time::Duration,
};

use nix::sys::signal::{Signal, kill};
use svdevtree::{DevTree, TreeError, TreeStarted};

use crate::{
    acting::until,
    kit::soon,
    supervised::skips,
    victims::{Victim, processes},
};

/// At all moments: before there is a keeper, while services start, and with all of them running.
#[test]
fn two_hundred_tests_that_are_killed_leave_nothing() {
    let threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            std::thread::spawn(move || {
                for round in 0..50_u64 {
                    let mut victim = Victim::start("stay");
                    if round % 5 == 0 {
                        victim.until_ready();
                    } else {
                        // No event to wait for: the moment is to be any.
                        std::thread::sleep(Duration::from_micros((thread * 50 + round) * 900));
                    }
                    if round % 2 == 0 {
                        victim.kill();
                    } else {
                        victim.kill_group();
                    }
                    victim.wait();
                    victim.until_nothing_is_left();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_test_that_ends_by_itself_leaves_nothing() {
    for (role, code) in
        [("drop", Some(0)), ("panic", Some(101)), ("exit", Some(3)), ("abort", None)]
    {
        let mut victim = Victim::start(role);
        let base = victim.until_ready().unwrap();
        let status = victim.wait();
        assert_eq!(status.code(), code, "{role}");
        if matches!(role, "drop" | "panic") {
            // Not a moment later: it was waited for.
            assert!(!base.exists(), "{role}");
            assert_eq!(processes(&victim.token), [], "{role}");
        }
        victim.until_nothing_is_left();
    }
}

#[test]
fn a_panic_prints_the_logs() {
    let mut victim = Victim::start("panic");
    victim.until_ready();
    assert_eq!(victim.wait().code(), Some(101));
    let errors = victim.errors();
    let shown = "--- log of talker\nlast words\n--- end of the log of talker";
    assert!(errors.contains(shown), "{errors}");
    assert!(errors.contains("--- log of the engine"), "{errors}");
}

#[test]
fn a_drop_prints_nothing() {
    let mut victim = Victim::start("drop");
    victim.until_ready();
    victim.wait();
    let errors = victim.errors();
    assert!(!errors.contains("last words"), "{errors}");
}

#[test]
fn a_keeper_that_is_killed_takes_the_services_with_it() {
    let mut victim = Victim::start("stay");
    victim.until_ready();
    kill(victim.named("svdevtree-keeper"), Signal::SIGKILL).unwrap();
    // The engine ends what it supervises; what has left it was nobody's any more.
    until("the engine's end", || {
        let engine = |pid: &i32| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|it| it.starts_with(b"svdevtree-engine"))
        };
        (!processes(&victim.token).iter().any(engine)).then_some(())
    });
}

#[test]
fn an_engine_that_is_killed_takes_everything_with_it() {
    let mut victim = Victim::start("stay");
    victim.until_ready();
    kill(victim.named("svdevtree-engine"), Signal::SIGKILL).unwrap();
    until("only the victim, keeper and guard", || {
        (processes(&victim.token).len() == 3).then_some(())
    });
    victim.kill();
    assert_eq!(victim.wait().signal(), Some(9));
    victim.until_nothing_is_left();
}

#[test]
fn a_tree_with_a_name_keeps_its_files_and_no_process() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("tree");
    let mut victim = Victim::with_tree("stay", &base);
    victim.until_ready();
    victim.kill();
    victim.wait();
    victim.until_nothing_is_left();
    let tree = DevTree::at(&base).unwrap();
    assert!(tree.services().unwrap().iter().all(|service| service.enabled));
    assert_eq!(tree.services().unwrap().len(), 3);
}

#[test]
fn a_second_program_is_refused_and_told_who_has_the_tree() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("tree");
    let mut victim = Victim::with_tree("stay", &base);
    victim.until_ready();
    let mut tree = DevTree::at(&base).unwrap();
    let error = tree.start(soon()).unwrap_err();
    let expected =
        format!("cannot use {}: it is in use by process {}", base.display(), victim.pid());
    assert_eq!(error.to_string(), expected);
    assert!(matches!(error, TreeError::Held { .. }));
    // It was only refused: all goes on.
    let services = tree.services().unwrap();
    assert!(services.iter().all(|it| crate::victims::running(&it.service).is_some()));

    victim.kill();
    victim.wait();
    victim.until_nothing_is_left();
    assert_eq!(tree.start(soon()).unwrap(), TreeStarted::Now);
    tree.stop(soon()).unwrap();
}

/// In both orders, with the keeper's whole session, and at any moment of the start.
#[test]
fn a_program_and_its_keeper_that_are_killed_at_once_leave_nothing() {
    let threads: Vec<_> = (0..3_u64)
        .map(|thread| {
            std::thread::spawn(move || {
                for round in 0..34_u64 {
                    let mut victim = Victim::start("stay");
                    if round % 3 == 0 {
                        let said = victim.hear();
                        assert!(said.starts_with("kit "), "{said}");
                        // No event to wait for: the moment is to be any.
                        std::thread::sleep(Duration::from_micros((thread * 34 + round) * 700));
                    } else {
                        victim.until_ready();
                    }
                    let keeper = victim.named("svdevtree-keeper");
                    match round % 4 {
                        0 => {
                            victim.kill();
                            kill(keeper, Signal::SIGKILL).unwrap();
                        }
                        1 => {
                            kill(keeper, Signal::SIGKILL).unwrap();
                            victim.kill();
                        }
                        2 => {
                            // Neither hears of the other.
                            kill(keeper, Signal::SIGSTOP).unwrap();
                            victim.kill();
                            kill(keeper, Signal::SIGKILL).unwrap();
                        }
                        _ => {
                            victim.kill_group();
                            nix::sys::signal::killpg(keeper, Signal::SIGKILL).unwrap();
                        }
                    }
                    victim.wait();
                    victim.until_nothing_is_left();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// The other two: the keeper ends what the guard had.
#[test]
fn a_guard_that_is_killed_takes_everything_with_it() {
    let mut victim = Victim::start("stay");
    victim.until_ready();
    kill(victim.named("svdevtree-guard"), Signal::SIGKILL).unwrap();
    until("only the victim and its keeper", || (processes(&victim.token).len() == 2).then_some(()));
    victim.kill();
    victim.wait();
    victim.until_nothing_is_left();
}

#[test]
fn what_a_crash_has_left_is_ended_before_a_tree_starts_again() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("tree");
    let mut victim = Victim::with_tree("stay", &base);
    victim.until_ready();
    kill_all_four(&mut victim);
    // Direct children of the engine go with it.
    victim.until_nothing_is_left();

    let mut tree = DevTree::at(&base).unwrap();
    tree.start(soon()).unwrap();
    let before = processes(&victim.token);
    assert_eq!(before.iter().filter(|&&pid| !is_ours(pid, &base)).count(), 0, "{before:?}");
    for service in tree.services().unwrap() {
        until("a process", || crate::victims::running(&service.service));
    }
    let stopped = tree.stop(soon()).unwrap();
    assert_eq!(stopped.killed, 0);
    victim.until_nothing_is_left();
}

/// At once, as the kernel does when it is out of memory: none hears of another.
fn kill_all_four(victim: &mut Victim) {
    let all =
        ["svdevtree-keeper", "svdevtree-guard", "svdevtree-engine"].map(|it| victim.named(it));
    for pid in all {
        kill(pid, Signal::SIGSTOP).unwrap();
    }
    victim.kill();
    for pid in all {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    victim.wait();
}

/// Also of what has emptied its environment, lost its parent and gone elsewhere. `SV_ENDINGS` says
/// how often.
#[test]
fn whoever_is_killed_with_all_four_the_next_start_finds_everything() {
    let rounds = std::env::var("SV_ENDINGS").map_or(4, |rounds| rounds.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("tree");
    for round in 0..rounds {
        let mut victim = Victim::start_with(&[], "leaving", Some(&base));
        victim.until_ready();
        // Two of their own, two of each that have left, and the four.
        until("all of them", || (processes(&victim.token).len() == 10).then_some(()));
        let group = fs::read_to_string(base.join("cgroup")).ok();
        kill_all_four(&mut victim);
        until("what has left, alone", || (processes(&victim.token).len() == 4).then_some(()));
        let mut tree = DevTree::at(&base).unwrap();
        tree.take(soon()).unwrap();
        let left = processes(&victim.token).into_iter().filter(|&pid| !is_ours(pid, &base)).count();
        tree.stop(soon()).unwrap();
        let Some(group) = group else {
            skips::leave_out("svdevtree", "no control group can be made here");
            assert_eq!(left, 2, "of the strangers nobody knows whose they are");
            for pid in processes(&victim.token) {
                kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
            }
            return;
        };
        assert_eq!(left, 0, "round {round}");
        assert!(!fs::exists(group).unwrap(), "round {round}");
        victim.until_nothing_is_left();
    }
}

/// Whether it is of the tree as it runs now: below the keeper of this process.
fn is_ours(pid: i32, _base: &std::path::Path) -> bool {
    let me = i32::try_from(std::process::id()).unwrap();
    let mut at = pid;
    while at > 1 {
        let Ok(stat) = fs::read_to_string(format!("/proc/{at}/stat")) else { return true };
        at = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap();
        if at == me {
            return true;
        }
    }
    false
}

#[test]
fn as_an_ordinary_user_all_is_the_same() {
    if !skips::is_root("svdevtree") {
        return;
    }
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut victim = Victim::start_with(&nobody, "stay", None);
    let base = victim.until_ready().unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&base).unwrap());
    assert_eq!(owner, 65534);
    victim.kill();
    victim.wait();
    victim.until_nothing_is_left();

    let mut victim = Victim::start_with(&nobody, "drop", None);
    victim.until_ready();
    assert!(victim.wait().success());
    victim.until_nothing_is_left();
}

#[test]
fn every_engine_serves_an_ordinary_user() {
    if !skips::is_root("svdevtree") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["trees::", "--test-threads=4"])
        .env("TMPDIR", place.path())
        .env_remove("XDG_RUNTIME_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("s6_svscan_begins_serves_and_ends ... ok"), "{said}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_tree_is_in_the_runtime_directory_if_there_is_one() {
    let runtime = tempfile::tempdir().unwrap();
    let variable = format!("XDG_RUNTIME_DIR={}", runtime.path().display());
    let mut victim = Victim::start_with(&["env", &variable], "stay", None);
    let base = victim.until_ready().unwrap();
    assert_eq!(base.parent(), Some(runtime.path()));
    victim.kill();
    victim.wait();
    victim.until_nothing_is_left();
    assert!(!base.exists());
}

#[test]
fn a_process_that_is_not_ours_to_end_is_named() {
    if !skips::is_root("svdevtree") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let suid = place.path().join("suid");
    crate::supervised::scripts::copy("/usr/bin/setpriv".as_ref(), &suid);
    fs::set_permissions(&suid, fs::Permissions::from_mode(0o4755)).unwrap();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let base = place.path().join("tree");
    let mut victim = Victim::start_with(&nobody, "suid", Some(&base));
    victim.until_ready();
    let said = victim.hear();
    let pid = processes(&victim.token).into_iter().find(|pid| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|it| it.trim() == "sleep")
    });
    let expected =
        format!("cannot end every process of {}: left are {}", base.display(), pid.unwrap());
    assert_eq!(said, expected);
}
