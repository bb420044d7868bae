//! Scripts that can be executed at once.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "one of several users")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Writes an executable file by way of another process. This one may start others meanwhile, in
/// other tests' threads; until they have executed something they hold open what it has open for
/// writing, and what is open for writing cannot be executed (`ETXTBSY`).
#[track_caller]
pub fn write(path: &Path, text: &str) {
    // Renamed, so that what is executed at this moment is not written to.
    let write = "cat >\"$0.fresh\" && chmod 755 \"$0.fresh\" && mv -f \"$0.fresh\" \"$0\"";
    let mut child = Command::new("/bin/sh")
        .args(["-c", write])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{}", path.display());
}

/// Copies a program that is executed at once, by way of another process for the same reason.
#[track_caller]
pub fn copy(program: &Path, to: &Path) {
    let done = Command::new("cp").args([program, to]).status().unwrap();
    assert!(done.success(), "{}", to.display());
}
