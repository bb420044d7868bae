//! Where the embedded supervisor does otherwise than `runsv`, and that it does: each sentence is
//! said to both, so that a `runsv` which changes is noticed too.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::{
    acting::{Acting, Who, until},
    supervised::Suite,
    tree::{Dir, Tree},
};

/// A service under both; what is noted goes to `trace`.
fn both(prepare: impl Fn(&Tree) -> Dir, look: impl Fn(Who, &Tree, &Dir, &mut Acting)) {
    if !Suite::Runit.is_installed() {
        return;
    }
    for who in [Who::Runsv, Who::Embedded] {
        let tree = Tree::new();
        let dir = prepare(&tree);
        let mut supervisor = who.start(&dir.0);
        look(who, &tree, &dir, &mut supervisor);
    }
}

fn lines(dir: &Dir) -> usize {
    dir.read("trace").lines().count()
}

#[test]
fn kill_during_finish_runs_it_twice_under_runsv_only() {
    let prepare = |tree: &Tree| {
        let dir = tree.service("web", "exec sleep 1000");
        let gate = dir.0.join("gate");
        nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
        dir.script("finish", "echo finish >> trace; read line <> gate");
        dir
    };
    both(prepare, |who, _, dir, _| {
        dir.until_run(None);
        dir.send("d");
        dir.until_stat("finish, want down");
        until("finish", || (lines(dir) == 1).then_some(()));
        dir.send("k");
        // Only what comes after it shows that it was read.
        dir.send("p");
        until("a pause", || dir.stat().contains("paused").then_some(()));
        until("the gate", || {
            dir.send_to("gate", "open\n");
            let over = dir.stat().starts_with("down") && dir.pid().is_none();
            (if who == Who::Runsv { lines(dir) == 2 } else { over }).then_some(())
        });
        assert_eq!(lines(dir), if who == Who::Runsv { 2 } else { 1 });
    });
}

#[test]
fn a_second_signal_to_end_hurries_the_embedded_one_only() {
    let prepare =
        |tree: &Tree| tree.service("web", "trap '' TERM; echo run >> trace; exec sleep 1000");
    both(prepare, |who, _, dir, supervisor| {
        dir.until_run(None);
        until("run", || (lines(dir) == 1).then_some(()));
        supervisor.signal(Signal::SIGTERM);
        until("the first", || dir.stat().contains("want exit").then_some(()));
        supervisor.signal(Signal::SIGTERM);
        if who == Who::Runsv {
            // What comes after it shows that it was heard, and that it changed nothing.
            dir.send("p");
            until("a pause", || dir.stat().contains("paused").then_some(()));
            dir.send("k");
        }
        let code = if who == Who::Runsv { 0 } else { 137 };
        assert_eq!(supervisor.wait().code(), Some(code), "{who:?}");
    });
}

#[test]
fn a_control_script_is_told_the_process_by_runsv_since_2_3_and_by_the_embedded_one() {
    let prepare = |tree: &Tree| {
        let dir = tree.service("web", "exec sleep 1000");
        dir.script("control/u", "echo \"$# $1\" >> trace; exit 1");
        dir.script("control/c", "echo \"$# $1\" >> trace; exit 1");
        dir
    };
    both(prepare, |who, _, dir, _| {
        dir.until_run(None);
        dir.send("c");
        until("control/c", || (lines(dir) == 2).then_some(()));
        let told = format!("1 \n1 {}\n", dir.pid().unwrap());
        let trace = dir.read("trace");
        let older = who == Who::Runsv && trace == "0 \n0 \n";
        assert!(trace == told || older, "{who:?}: {trace}");
    });
}

#[test]
fn a_control_k_that_stands_for_the_signal_makes_runsv_start_a_second_process() {
    let prepare = |tree: &Tree| {
        // runsv sends the first one SIGTERM.
        let dir = tree.service("web", "trap '' TERM; echo run >> trace; exec sleep 1000");
        dir.script("control/k", "echo k >> ks; exit 0");
        dir
    };
    both(prepare, |who, tree, dir, _| {
        dir.until_run(None);
        until("run", || (lines(dir) == 1).then_some(()));
        dir.send("k");
        until("control/k", || (dir.read("ks") == "k\n").then_some(()));
        dir.send("u");
        let sleeping = || {
            let pids = tree.processes();
            let comm = |pid| std::fs::read_to_string(format!("/proc/{pid}/comm"));
            pids.into_iter().filter(|&pid| comm(pid).is_ok_and(|it| it == "sleep\n")).count()
        };
        if who == Who::Runsv {
            until("two processes", || (sleeping() == 2).then_some(()));
        } else {
            dir.send("p");
            dir.until_stat("run, paused");
            assert_eq!((sleeping(), lines(dir)), (1, 1));
        }
    });
}

#[test]
fn exit_and_then_kill_leave_a_record_that_says_run_under_runsv_only() {
    let prepare = |tree: &Tree| tree.service("web", "trap '' TERM; echo >> trace; exec sleep 1000");
    both(prepare, |who, _, dir, supervisor| {
        until("the trap", || (lines(dir) == 1).then_some(()));
        dir.until_run(None);
        dir.send("x");
        dir.until_stat("run, got TERM, want exit");
        dir.send("k");
        assert_eq!(supervisor.wait().code(), Some(0));
        let says_run = dir.stat().starts_with("run");
        assert_eq!(says_run, who == Who::Runsv);
    });
}

#[test]
fn in_the_second_after_a_short_life_only_the_embedded_one_hears() {
    let prepare = |tree: &Tree| {
        let dir = tree.service("web", "echo run >> trace; exit 1");
        // Runs only once the record says that run is over, so "down" behind it is a new one.
        dir.script("finish", "echo finish >> trace");
        dir.file("down", "");
        dir
    };
    both(prepare, |who, _, dir, _| {
        dir.until_stat("down");
        dir.send("o");
        until("a run", || (lines(dir) == 2 && dir.stat() == "down").then_some(()));
        let died = std::fs::metadata(dir.0.join("supervise/stat")).unwrap().modified().unwrap();
        dir.send("p");
        dir.until_stat("down, paused");
        let heard = std::fs::metadata(dir.0.join("supervise/stat")).unwrap().modified().unwrap();
        let after = heard.duration_since(died).unwrap();
        if who == Who::Runsv {
            assert!(after > Duration::from_millis(500), "{after:?}");
        }
        // Neither starts anything early.
        dir.send("o");
        until("a second run", || (lines(dir) >= 3).then_some(()));
        let again = std::fs::metadata(dir.0.join("trace")).unwrap().modified().unwrap();
        assert!(again.duration_since(died).unwrap() > Duration::from_millis(900));
    });
}

#[test]
fn a_run_that_cannot_be_executed_is_an_exit_with_111_for_both() {
    let prepare = |tree: &Tree| {
        let dir = tree.service("web", "");
        std::fs::remove_file(dir.0.join("run")).unwrap();
        dir.script("finish", "echo $* >> trace");
        dir
    };
    both(prepare, |_, _, dir, _| {
        until("two attempts", || (lines(dir) == 2).then_some(()));
        assert_eq!(dir.read("trace"), "111 0\n111 0\n");
    });
}

#[test]
fn a_script_without_a_first_line_is_not_run_by_either() {
    let prepare = |tree: &Tree| {
        let dir = tree.service("web", "");
        dir.script("finish", "echo $* >> trace");
        std::fs::write(dir.0.join("run"), "echo run >> trace\n").unwrap();
        dir
    };
    both(prepare, |_, _, dir, _| {
        until("an attempt", || (lines(dir) == 1).then_some(()));
        assert_eq!(dir.read("trace"), "111 0\n");
    });
}

#[test]
fn a_held_log_is_waited_for_by_runsv_and_refused_by_the_embedded_one() {
    let prepare = |tree: &Tree| {
        let dir = tree.service("web", "exec sleep 1000");
        dir.script("log/run", "exec cat");
        dir
    };
    both(prepare, |who, _, dir, supervisor| {
        // Ends the one that `both` started: here somebody else holds the log.
        dir.until_run(None);
        supervisor.signal(Signal::SIGTERM);
        supervisor.wait();
        let log = Dir(dir.0.join("log"));
        let mut holder = Who::Runsv.start(&log.0);
        log.until_run(None);
        let mut second = who.start(&dir.0);
        if who == Who::Embedded {
            assert_eq!(second.wait().code(), Some(111));
        } else {
            let deadline = Instant::now() + Duration::from_millis(300);
            while Instant::now() < deadline {
                assert!(second.try_wait().is_none());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        holder.signal(Signal::SIGTERM);
        holder.wait();
    });
}
