//! `vsv`, a lister for runit from crates.io: one more program to be compared with, where it can be
//! had.

use std::path::PathBuf;

use crate::{
    command::{self, cargo},
    workspace::Workspace,
};

const VERSION: &str = "2.0.0";

fn place() -> Option<PathBuf> {
    Some(Workspace::load().ok()?.target.join("vsv"))
}

/// Where it is; it is installed by [`install`] alone.
pub(super) fn installed() -> Option<PathBuf> {
    Some(place()?.join("bin/vsv")).filter(|it| it.is_file())
}

/// Puts it below `target`. Without a registry it stays absent, and the page says so.
pub(super) fn install() {
    let Some(place) = place().filter(|_| installed().is_none()) else { return };
    let mut install = cargo(["install", "-q", "--locked", "--version", VERSION, "--root"]);
    // What it is built in must not be what this workspace is built in.
    let build = place.join("build");
    let done = command::capture(install.arg(&place).arg("--target-dir").arg(build).arg("vsv"));
    if !done.is_ok_and(|it| it.ok) {
        eprintln!("vsv cannot be installed: its lines will be missing");
    }
}
