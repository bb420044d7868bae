//! Lints for other platforms: everything of a build but code and linking.

use std::process::Command;

use crate::{
    check::succeeds,
    command::cargo,
    report::{Report, Verdict},
    toolchain,
};

/// What is checked for several targets at once: cargo goes on with one where another has to wait.
struct Row {
    targets: &'static [&'static str],
    crates: &'static [&'static str],
    options: &'static [&'static str],
}

const ALL: &[&str] = &["--all-features"];
/// The tests, too. Those of Apple's need a C compiler for it.
const TESTS: &[&str] = &["--all-features", "--all-targets"];
const SERDE: &[&str] = &["--features", "serde"];
/// Those that any Unix can build.
const PORTABLE: &[&str] = &[
    "svproto",
    "svclient",
    "svbuild",
    "svconvert",
    "svlint",
    "svdevtree",
    "svremote",
    "svcmgr",
    "svctl",
];
/// Those of [`PORTABLE`] with all features: 32 bits and musl, kqueue.
const UNIX: &[&str] = &["i686-unknown-linux-musl", "aarch64-apple-darwin"];
/// Each has little that is not of one of those: characters without a sign, which no code here meets.
const MORE: &[&str] =
    &["aarch64-unknown-linux-gnu", "armv7-unknown-linux-musleabihf", "x86_64-apple-darwin"];

const TABLE: [Row; 4] = [
    Row { targets: &["thumbv7m-none-eabi"], crates: &["svproto"], options: &[] },
    Row { targets: &["thumbv7m-none-eabi"], crates: &["svproto"], options: SERDE },
    Row { targets: UNIX, crates: PORTABLE, options: ALL },
    Row { targets: &["x86_64-unknown-freebsd"], crates: PORTABLE, options: TESTS },
];
const THOROUGH: [Row; 1] = [Row { targets: MORE, crates: PORTABLE, options: ALL }];

/// One step for each row, and one for each target that is not there for it.
pub(super) fn run(report: &Report, thorough: bool) {
    let more = if thorough { &THOROUGH[..] } else { &[] };
    for row in TABLE.iter().chain(more) {
        let words = [row.crates.join(" "), row.options.join(" ")].join(" ");
        let mut there = Vec::new();
        for target in row.targets {
            let has = toolchain::target(target);
            match has.and_then(|()| toolchain::component("clippy", "clippy")) {
                Ok(()) => there.push(*target),
                Err(why) => report.step("targets", &format!("target {target} {words}"), || {
                    with_its_std(target, row).unwrap_or(Verdict::Skipped(why))
                }),
            }
        }
        if !there.is_empty() {
            let name = format!("target {} {words}", there.join(" "));
            report.step("targets", name.trim_end(), || succeeds(&mut clippy(&there, row)));
        }
    }
}

fn clippy(targets: &[&str], row: &Row) -> Command {
    let mut clippy = cargo(["clippy"]);
    for target in targets {
        clippy.args(["--target", target]);
    }
    for name in row.crates {
        clippy.args(["-p", name]);
    }
    clippy.args(row.options).args(["--", "-D", "warnings"]);
    clippy
}

/// Where no built standard library is to be had, its source is as good: it is checked as well.
/// `None` where that is not there either. Only a compiler that takes unstable options does this,
/// which any is that is told so.
fn with_its_std(target: &str, row: &Row) -> Option<Verdict> {
    if !toolchain::has_source() {
        return None;
    }
    let mut clippy = clippy(&[target], row);
    clippy.env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
    Some(succeeds(&mut clippy))
}
