//! Parts of the toolchain that a check needs: there already, or fetched with rustup.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::{self, Done, cargo},
    failure::Failure,
    workspace::Workspace,
};

/// Makes sure that the standard library for `target` is there; else says why it is not.
pub(crate) fn target(target: &str) -> Result<(), String> {
    // Also true for compilers that did not come from rustup.
    let mut libdir = Command::new("rustc");
    let libdir = command::capture(libdir.args(["--print", "target-libdir", "--target", target]));
    if libdir.is_ok_and(|it| it.ok && Path::new(it.text.trim()).is_dir()) {
        return Ok(());
    }
    rustup(&["target", "add", target])
}

/// Whether the source of the standard library is there, for targets of which there is nothing else.
pub(crate) fn has_source() -> bool {
    let asked = command::capture(Command::new("rustc").args(["--print", "sysroot"]));
    asked.is_ok_and(|it| {
        it.ok && Path::new(it.text.trim()).join("lib/rustlib/src/rust/library/Cargo.lock").exists()
    })
}

/// Makes sure that `cargo SUBCOMMAND`, which comes with `component`, is there.
pub(crate) fn component(subcommand: &str, component: &str) -> Result<(), String> {
    if command::capture(&mut cargo([subcommand, "--version"])).is_ok_and(|it| it.ok) {
        return Ok(());
    }
    rustup(&["component", "add", component])
}

/// Whether the compiler of this version can be run with `rustup run VERSION`.
pub(crate) fn is_installed(version: &str) -> bool {
    let listed = command::capture(Command::new("rustup").args(["toolchain", "list"]));
    listed.is_ok_and(|it| it.ok && it.text.lines().any(|line| names(line, version)))
}

/// Makes sure that it can.
pub(crate) fn version(version: &str) -> Result<(), String> {
    if is_installed(version) {
        return Ok(());
    }
    rustup(&["toolchain", "install", version, "--profile", "minimal", "--no-self-update"])
}

/// Whether this line of `rustup toolchain list` is about `version` ("1.85.0-x86_64-...").
fn names(line: &str, version: &str) -> bool {
    line.strip_prefix(version).is_some_and(|rest| rest.starts_with('-'))
}

fn rustup(args: &[&str]) -> Result<(), String> {
    if !command::on_path("rustup") {
        return Err(format!("`rustup {}` is needed, and there is no rustup", args.join(" ")));
    }
    match command::capture(Command::new("rustup").args(args)) {
        Ok(Done { ok: true, .. }) => Ok(()),
        Ok(done) => Err(format!("`rustup {}` failed: {}", args.join(" "), reason(&done.text))),
        Err(_) => Err(format!("`rustup {}` cannot be run", args.join(" "))),
    }
}

/// The line that says why: the first error, else the last line.
fn reason(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    let last = lines.clone().next_back().unwrap_or("it says nothing");
    lines.find(|it| it.starts_with("error")).unwrap_or(last)
}

/// A program that a task needs, built for it alone: it is no part of this workspace, and no other task needs it.
pub(crate) fn tool(name: &str) -> Result<PathBuf, Failure> {
    let place = Workspace::load()?.target.join("tools");
    let program = place.join("bin").join(name);
    if !program.exists() {
        println!("{name} is built for this, once; that takes some minutes");
        let mut install = cargo(["install", name, "--locked", "--root"]);
        install.arg(&place);
        if !command::stream(&mut install, |_| ())?.success() {
            return Err(Failure::Because(format!("{name} could not be built")));
        }
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_found_by_its_whole_version() {
        assert!(names("1.85.0-x86_64-unknown-linux-gnu (active)", "1.85.0"));
        assert!(!names("1.85.0-x86_64-unknown-linux-gnu", "1.85"));
        assert!(!names("stable-x86_64-unknown-linux-gnu", "1.85.0"));
    }

    #[test]
    fn the_reason_is_the_first_error() {
        assert_eq!(
            reason("info: syncing\nerror: no network\nCaused by: dns\n"),
            "error: no network"
        );
        assert_eq!(reason("info: syncing\n\n"), "info: syncing");
        assert_eq!(reason(""), "it says nothing");
    }
}
