//! Lints for other platforms: everything of a build but code and linking.

use crate::{
    check::succeeds,
    command::cargo,
    report::{Report, Verdict},
    toolchain,
};

/// What is checked for a target.
struct Row {
    target: &'static str,
    crates: &'static [&'static str],
    options: &'static [&'static str],
}

const ALL: &[&str] = &["--all-features"];
/// The tests, too. Those of Apple's need a C compiler for it.
const TESTS: &[&str] = &["--all-features", "--all-targets"];
const SERDE: &[&str] = &["--features", "serde"];
/// Those that any Unix can build.
const PORTABLE: &[&str] = &["svproto", "svclient", "svbuild", "svdevtree", "svcmgr", "svctl"];

const TABLE: [Row; 9] = [
    Row { target: "thumbv7m-none-eabi", crates: &["svproto"], options: &[] },
    Row { target: "thumbv7m-none-eabi", crates: &["svproto"], options: SERDE },
    Row { target: "x86_64-unknown-linux-musl", crates: PORTABLE, options: ALL },
    Row { target: "aarch64-unknown-linux-gnu", crates: PORTABLE, options: ALL },
    Row { target: "i686-unknown-linux-musl", crates: PORTABLE, options: ALL },
    Row { target: "armv7-unknown-linux-musleabihf", crates: PORTABLE, options: ALL },
    Row { target: "x86_64-unknown-freebsd", crates: PORTABLE, options: TESTS },
    Row { target: "x86_64-apple-darwin", crates: PORTABLE, options: ALL },
    Row { target: "aarch64-apple-darwin", crates: PORTABLE, options: ALL },
];

/// One step for each row.
pub(super) fn run(report: &mut Report) {
    for row in TABLE {
        let crates = row.crates.join(" ");
        let name = ["target", row.target, &crates, &row.options.join(" ")].join(" ");
        report.step(name.trim_end(), || check(&row));
    }
}

fn check(row: &Row) -> Verdict {
    let has = toolchain::target(row.target);
    if let Err(why) = has.and_then(|()| toolchain::component("clippy", "clippy")) {
        return Verdict::Skipped(why);
    }
    let mut clippy = cargo(["clippy", "--target", row.target]);
    for name in row.crates {
        clippy.args(["-p", name]);
    }
    succeeds(clippy.args(row.options).args(["--", "-D", "warnings"]))
}
