//! Builds for other platforms, up to but not including the linker.

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
    features: &'static [&'static str],
}

const ALL: &[&str] = &["--all-features"];
const SERDE: &[&str] = &["--features", "serde"];
/// Those that any Unix can build.
const PORTABLE: &[&str] = &["svproto", "svclient", "svbuild", "svdevtree", "svcmgr", "svctl"];

const TABLE: [Row; 7] = [
    Row { target: "thumbv7m-none-eabi", crates: &["svproto"], features: &[] },
    Row { target: "thumbv7m-none-eabi", crates: &["svproto"], features: SERDE },
    Row { target: "x86_64-unknown-linux-musl", crates: PORTABLE, features: ALL },
    Row { target: "aarch64-unknown-linux-gnu", crates: PORTABLE, features: ALL },
    Row { target: "x86_64-unknown-freebsd", crates: PORTABLE, features: ALL },
    Row { target: "x86_64-apple-darwin", crates: PORTABLE, features: ALL },
    Row { target: "aarch64-apple-darwin", crates: PORTABLE, features: ALL },
];

/// One step for each row.
pub(super) fn run(report: &mut Report) {
    for row in TABLE {
        let crates = row.crates.join(" ");
        let name = ["target", row.target, &crates, &row.features.join(" ")].join(" ");
        report.step(name.trim_end(), || check(&row));
    }
}

fn check(row: &Row) -> Verdict {
    if let Err(why) = toolchain::target(row.target) {
        return Verdict::Skipped(why);
    }
    let mut check = cargo(["check", "--target", row.target]);
    for name in row.crates {
        check.args(["-p", name]);
    }
    succeeds(check.args(row.features))
}
