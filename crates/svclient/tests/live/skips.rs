//! What was not tested is said to whoever counts: `cargo xtask test` takes it from what passed.
//!
//! `SV_SKIPS_FILE` names the file of a run. Each line is one `write`, since tests run at the same
//! time.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "one of several users")]

use std::{fs::File, io::Write, os::unix::fs::MetadataExt};

/// A test is left out, in one line of `what: why`. Unless that is allowed, it fails.
#[track_caller]
pub fn skip(what: &str, why: &str, hint: &str) {
    let line = format!("{what}: {why}");
    assert!(std::env::var_os("SV_ALLOW_SKIPS").is_some(), "{line}\n  hint: {hint}");
    leave_out(what, why);
}

/// The same where it is allowed: what nobody can install as a package.
pub fn leave_out(what: &str, why: &str) {
    let line = format!("{what}: {why}");
    eprintln!("skipped: {line}");
    note(&line);
}

/// Whether this is root. If not, the test is left out.
#[track_caller]
pub fn is_root(what: &str) -> bool {
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        skip(
            what,
            "only root can become somebody else",
            "run it as root, or with SV_ALLOW_SKIPS=1",
        );
    }
    is_root
}

/// What runs as a test is the other half of one, which starts it with a role: alone it is none.
pub fn no_test(name: &str) {
    note(&format!("no test: {name}"));
}

/// How many events make a queue of inotify overflow. `None` where it takes too many to try: then
/// the test is left out.
#[track_caller]
pub fn overflow(what: &str) -> Option<usize> {
    const SETTING: &str = "/proc/sys/fs/inotify/max_queued_events";
    let limit = std::fs::read_to_string(SETTING).unwrap().trim().parse().unwrap();
    if limit > 2_000_000 {
        let why = "too many events fit into a queue of inotify";
        skip(what, why, "lower fs.inotify.max_queued_events, or set SV_ALLOW_SKIPS=1");
        return None;
    }
    Some(limit)
}

fn note(line: &str) {
    if let Some(file) = std::env::var_os("SV_SKIPS_FILE") {
        let mut file = File::options().append(true).open(file).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
