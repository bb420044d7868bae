//! The rows as a program: what they print can be read, and what they compare is as often measured.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

fn bench(args: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_svcmgr-bench")).args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(str::to_owned).collect()
}

/// A line of names, and so many lines with a number for each.
fn is_a_row(lines: &[String], columns: &[&str], rounds: usize) {
    assert_eq!(lines[0], format!("columns {}", columns.join(" ")));
    assert_eq!(lines.len(), rounds + 1, "{lines:?}");
    for line in &lines[1..] {
        let numbers: Vec<u128> = line.split(' ').map(|it| it.parse().unwrap()).collect();
        assert_eq!(numbers.len(), columns.len(), "{line}");
    }
}

#[test]
fn a_row_is_a_line_of_names_and_lines_of_numbers() {
    is_a_row(&bench(&["decode", "2"]), &["floor", "ours", "any"], 2);
    let words = ["spawn", "2", "one", "true", ";", "two", "sh", "-c", ":"];
    is_a_row(&bench(&words), &["one", "two"], 2);
}

#[test]
fn a_process_that_fails_is_no_measurement() {
    let mut spawn = Command::new(env!("CARGO_BIN_EXE_svcmgr-bench"));
    let output = spawn.args(["spawn", "1", "one", "false"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("false ended with"));
}

#[test]
fn services_of_a_tree_are_looked_at_asked_and_heard_of() {
    let dir = std::env::temp_dir().join(format!("svcmgr-bench-{}", std::process::id()));
    let path = dir.to_str().unwrap();
    let mut hold = Command::new(env!("CARGO_BIN_EXE_svcmgr-bench"));
    hold.args(["hold", "runit", path, "3"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = hold.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let rows = std::panic::catch_unwind(|| {
        let statuses = bench(&["statuses", path, "3", "2"]);
        is_a_row(&statuses, &["fewest", "same", "ours", "ours-2-threads"], 2);
        is_a_row(
            &bench(&["status", path, "1"]),
            &["record", "ours-record", "fewest", "same", "ours"],
            1,
        );
        is_a_row(&bench(&["send", path, "1"]), &["floor", "ours", "ours-named"], 1);
        is_a_row(&bench(&["event", path, "3"]), &["floor", "ours"], 3);
        let spaced = bench(&["spaced", path, "5", "1"]);
        is_a_row(&spaced, &["published", "told", "last-told"], 1);
        assert!(spaced[1].starts_with("5 ") && spaced[1].ends_with(" 1"), "{spaced:?}");
        let watch = ["setup", "kib", "descriptors", "threads", "switches"];
        is_a_row(&bench(&["watch", path, "3", "0"]), &watch, 1);
        is_a_row(&bench(&["watch-floor", path, "3"]), &["setup"], 1);
    });
    drop(holder.stdin.take());
    holder.wait().unwrap();
    fs::remove_dir_all(&dir).unwrap();
    assert_eq!(line, "ready\n");
    if let Err(panic) = rows {
        std::panic::resume_unwind(panic);
    }
}
