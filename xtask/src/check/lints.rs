//! Formatting, lints and documentation, as cargo's own tools see them.

use crate::{check::succeeds, command::cargo, report::Report, toolchain, workspace::Workspace};

use super::{Verdict, nopanic};

/// `cargo fmt`, also for the crate that is a workspace of its own.
pub(super) fn fmt(report: &Report) {
    let run = |args: &[&str]| match toolchain::component("fmt", "rustfmt") {
        Ok(()) => succeeds(&mut cargo(args)),
        Err(why) => Verdict::Skipped(why),
    };
    report.step("fmt", "fmt", || run(&["fmt", "--all", "--check"]));
    let apart = ["fmt", "--manifest-path", nopanic::MANIFEST, "--check"];
    report.step("fmt", "fmt, nopanic", || run(&apart));
}

/// `cargo clippy` with all features, with none, and with each on its own. The last is for what
/// users can choose, the library; tests would take dependencies of their own along, built anew for
/// each.
pub(super) fn clippy(workspace: &Workspace, report: &Report) {
    let run = |args: &[&str]| match toolchain::component("clippy", "clippy") {
        Ok(()) => succeeds(&mut cargo([&["clippy"], args, &["--", "-D", "warnings"]].concat())),
        Err(why) => Verdict::Skipped(why),
    };
    let all = |features| ["--all-targets", "--workspace", features];
    report.step("clippy", "clippy, all features", || run(&all("--all-features")));
    report.step("clippy", "clippy, no features", || run(&all("--no-default-features")));
    for member in workspace.publishable() {
        for feature in &member.features {
            let library = ["-p", &member.name, "--lib"];
            let alone = ["--no-default-features", "--features", feature];
            let name = format!("clippy, {} with {feature}", member.name);
            report.step("clippy", &name, || run(&[&library[..], &alone].concat()));
        }
    }
}

/// `cargo doc`, where a warning is an error.
pub(super) fn doc(report: &Report) {
    report.step("doc", "doc", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
        succeeds(doc.env("RUSTDOCFLAGS", "-Dwarnings"))
    });
}
