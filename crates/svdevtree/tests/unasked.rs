//! A program that links the crate and did not ask for anything: there is no `testkit!` here.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::{os::unix::process::CommandExt as _, process::Command};

use svdevtree::{DevTree, NoKeeper, TreeError, TreeErrorKind};

#[test]
fn a_tree_says_which_line_is_missing() {
    let error = DevTree::temporary().unwrap_err();
    assert!(matches!(error, TreeError::NoKeeper { why: NoKeeper::NotCalled }), "{error:?}");
    assert_eq!(error.kind(), TreeErrorKind::Missing);
    let hint = error.hint().unwrap();
    for line in ["svdevtree::become_keeper_if_asked();", "svdevtree::testkit!();"] {
        assert!(hint.contains(line), "{hint}");
    }
}

/// Neither by its name nor by its environment.
#[test]
fn nothing_of_ours_runs_before_main() {
    for name in ["svdevtree-keeper", "svdevtree-guard", "svdevtree-engine", "unasked"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg0(name).arg("--list");
        for (variable, value) in [("ROLE", "keeper"), ("BASE", "/nonexistent"), ("PARENT", "/")] {
            command.env(format!("SVDEVTREE_{variable}"), value);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("nothing_of_ours_runs_before_main: test"), "{name}: {said}");
    }
}
