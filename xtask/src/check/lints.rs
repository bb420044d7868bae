//! Formatting, lints and documentation, as cargo's own tools see them.

use crate::{check::succeeds, command::cargo, report::Report, toolchain, workspace::Workspace};

use super::{Verdict, nopanic};

/// `cargo fmt`, also for the crate that is a workspace of its own.
pub(super) fn fmt(report: &mut Report) {
    let run = |args: &[&str]| match toolchain::component("fmt", "rustfmt") {
        Ok(()) => succeeds(&mut cargo(args)),
        Err(why) => Verdict::Skipped(why),
    };
    report.step("fmt", || run(&["fmt", "--all", "--check"]));
    let apart = ["fmt", "--manifest-path", nopanic::MANIFEST, "--check"];
    report.step("fmt, nopanic", || run(&apart));
}

/// `cargo clippy` with all features, with none, and with each on its own.
pub(super) fn clippy(workspace: &Workspace, report: &mut Report) {
    let run = |args: &[&str]| match toolchain::component("clippy", "clippy") {
        Ok(()) => {
            let all = [&["clippy", "--all-targets"], args, &["--", "-D", "warnings"]].concat();
            succeeds(&mut cargo(all))
        }
        Err(why) => Verdict::Skipped(why),
    };
    report.step("clippy, all features", || run(&["--workspace", "--all-features"]));
    report.step("clippy, no features", || run(&["--workspace", "--no-default-features"]));
    for member in workspace.publishable() {
        for feature in &member.features {
            let alone = ["-p", &member.name, "--no-default-features", "--features", feature];
            report.step(&format!("clippy, {} with {feature}", member.name), || run(&alone));
        }
    }
}

/// `cargo doc`, where a warning is an error.
pub(super) fn doc(report: &mut Report) {
    report.step("doc", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
        succeeds(doc.env("RUSTDOCFLAGS", "-Dwarnings"))
    });
}
