//! What this machine lacks to boot a systemd in namespaces; nothing, as root on a Debian.

use std::{fs, path::Path};

use nix::unistd::geteuid;

use super::cgroup;
use crate::{
    command,
    suite::{self, Suite},
};

/// Each thing that is missing, in words; empty if there is none.
pub(super) fn lacks() -> Vec<String> {
    let missing = suite::missing(&[Suite::Systemd]).into_iter();
    let programs = missing.map(|it| format!("no {} (package {})", it.program, it.package));
    of_host().into_iter().chain(programs).collect()
}

/// As [`lacks`], where the machine's programs are in a root of their own.
pub(super) fn of_host() -> Vec<String> {
    let mut lacks = Vec::new();
    if !cfg!(target_os = "linux") {
        lacks.push("this is not Linux".to_owned());
        return lacks;
    }
    if !geteuid().is_root() {
        lacks.push("this user is not root".to_owned());
    }
    for program in ["unshare", "nsenter", "setpriv"] {
        if !command::on_path(program) {
            lacks.push(format!("no {program} (package util-linux)"));
        }
    }
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    // A module that is not loaded yet is not listed; then mounting loads it.
    let loadable = Path::new("/lib/modules").is_dir();
    if !loadable && !known.lines().any(|line| line.ends_with("\toverlay")) {
        lacks.push("no overlay file system in the kernel".to_owned());
    }
    match cgroup::own() {
        None => lacks.push("no cgroup2 file system is mounted".to_owned()),
        Some(dir) if geteuid().is_root() && !cgroup::may_divide(&dir) => {
            lacks.push(format!("no right to make a control group in {}", dir.display()));
        }
        Some(_) => (),
    }
    if geteuid().is_root() && !may_administer() {
        lacks.push("no right to make namespaces and mounts (CAP_SYS_ADMIN)".to_owned());
    }
    lacks
}

/// Whether this process has `CAP_SYS_ADMIN`; root in a container often has not.
fn may_administer() -> bool {
    const CAP_SYS_ADMIN: u32 = 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    effective.is_some_and(|set| set >> CAP_SYS_ADMIN & 1 == 1)
}
