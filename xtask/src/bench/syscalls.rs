//! `cargo xtask bench --syscalls`: which system calls an operation makes, and why each of them.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use super::{
    Programs,
    page::Section,
    tree::{Tree, directory},
};
use crate::{command, failure::Failure};

/// The reason for a call on a file of a service: the call, the end of its path, why.
const REASONS: [(&str, &str, &str); 12] = [
    (
        "newfstatat",
        "/supervise/status",
        "is it a service, and of what length is its record: whose is it?",
    ),
    ("newfstatat", "/supervise/stat", "runit's, or encore's of the same length?"),
    ("newfstatat", "/event", "s6's?"),
    ("openat", "/supervise/ok", "does a supervisor live: the FIFO has a reader"),
    ("openat", "/supervise/lock", "does a supervisor live: s6 locks it"),
    ("openat", "/supervise/status", "the record"),
    (
        "openat",
        "/supervise/ready",
        "readiness, which the embedded supervisor keeps beside runit's record",
    ),
    ("openat", "/supervise/control", "the request; opened for it alone"),
    ("openat", "/notification-fd", "does the service tell when it is ready?"),
    ("newfstatat", "/down", "is it normally down?"),
    ("newfstatat", "/log", "has it a logger?"),
    ("newfstatat", "/supervise/death_tally", "was it ever started? The record does not tell"),
];

/// The reason for a call on what was opened.
const ON_DESCRIPTOR: [(&str, &str); 5] = [
    ("newfstatat", "is it of the type that it must be? A byte must not reach anything else"),
    ("fcntl", "who holds the lock?"),
    ("read", "the bytes"),
    ("write", "the byte"),
    ("close", "kept open, it would feed the next supervisor stale bytes, or use up descriptors"),
];

/// Everything, as a table.
pub(super) fn all(programs: &Programs) -> Result<Section, Failure> {
    let mut text = String::from("| operation | call | on | why |\n|---|---|---|---|\n");
    for suite in ["runit", "s6", "daemontools"] {
        let tree = Tree::new(programs, suite, 3)?;
        let mut status = Command::new(&programs.svctl);
        status.arg("status").arg("--dir").arg(tree.path());
        let calls = traced(&status)?;
        rows(&mut text, &format!("`svctl status`, a service under {suite}"), &calls, tree.path());
    }
    let tree = Tree::new(programs, "runit", 3)?;
    let mut send = Command::new(&programs.svctl);
    send.args(["hup", "web-00001", "--quiet", "--dir"]).arg(tree.path());
    let calls = traced(&send)?;
    rows(&mut text, "`svctl hup`, a service under runit", &calls, tree.path());
    let start = traced(Command::new(&programs.svctl).arg("--version"))?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &start {
        *counts.entry(call.name.as_str()).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{count} `{name}`")).collect();
    text.push_str(&format!(
        "\nA start (`svctl --version`) is {} calls, those of the C library and of Rust's runtime \
         before `main` among them: {}.\n",
        start.len(),
        counts.join(", "),
    ));
    Ok(Section { name: "calls", text })
}

/// One call.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    name: String,
    arguments: String,
}

/// Runs a command under `strace`.
fn traced(command: &Command) -> Result<Vec<Call>, Failure> {
    let dir = directory()?;
    let log = dir.path().join("calls");
    let mut strace = Command::new("strace");
    strace.arg("-o").arg(&log).arg(command.get_program()).args(command.get_args());
    let done = command::capture(&mut strace)?;
    if !done.ok {
        return Err(Failure::cannot(format!("run `{}`", command::shown(&strace)), done.text));
    }
    let text =
        fs::read_to_string(&log).map_err(|why| Failure::cannot("read what strace saw", why))?;
    Ok(text.lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<Call> {
    let (name, arguments) = line.split_once('(')?;
    let is_name = name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    is_name.then(|| Call { name: name.to_owned(), arguments: arguments.to_owned() })
}

/// The calls for the second service, and on what they opened.
fn rows(text: &mut String, operation: &str, calls: &[Call], tree: &Path) {
    let service = format!("{}/web-00001", tree.display());
    let mut opened = false;
    for call in calls {
        let path = call.arguments.split('"').nth(1).unwrap_or_default();
        let (on, why) = match path.strip_prefix(&service) {
            Some(file) => {
                opened = call.name == "openat" && !call.arguments.contains("= -1");
                let reason = REASONS.iter().find(|it| it.0 == call.name && it.1 == file);
                (format!("`{}`", file.trim_start_matches('/')), reason.map(|it| it.2))
            }
            None if opened && !call.arguments.starts_with("AT_FDCWD") => {
                let reason = ON_DESCRIPTOR.iter().find(|it| it.0 == call.name);
                opened = call.name != "close";
                ("it".to_owned(), reason.map(|it| it.1))
            }
            None => continue,
        };
        let why = why.unwrap_or("**no reason is known**");
        text.push_str(&format!("| {operation} | `{}` | {on} | {why} |\n", call.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_and_reasoned() {
        let trace = "openat(AT_FDCWD, \"/t/web-00001/supervise/ok\", O_WRONLY) = 3\n\
                     newfstatat(3, \"\", {}, AT_EMPTY_PATH) = 0\nclose(3) = 0\nclose(4) = 0\n\
                     +++ exited with 0 +++\nunlink(\"/t/web-00001/down\") = 0\n";
        let calls: Vec<Call> = trace.lines().filter_map(parse).collect();
        let mut text = String::new();
        rows(&mut text, "op", &calls, Path::new("/t"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].contains("has a reader") && lines[3].contains("no reason is known"));
    }
}
