//! Formatting, lints and documentation, as cargo's own tools see them.

use std::collections::BTreeSet;

use crate::{
    check::succeeds,
    command::cargo,
    report::Report,
    toolchain,
    workspace::{Member, Workspace},
};

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

/// `cargo clippy` with all features for everything, and for what users can choose, the libraries,
/// with none and with each on its own. Tests would take dependencies of their own along, built anew
/// for each, and the command would choose features for the libraries.
pub(super) fn clippy(workspace: &Workspace, report: &Report) {
    let run = |args: &[&str]| match toolchain::component("clippy", "clippy") {
        Ok(()) => succeeds(&mut cargo([&["clippy"], args, &["--", "-D", "warnings"]].concat())),
        Err(why) => Verdict::Skipped(why),
    };
    let all = ["--all-targets", "--workspace", "--all-features"];
    report.step("clippy", "clippy, all features", || run(&all));
    let members: Vec<_> = workspace.publishable().filter(|it| !it.features.is_empty()).collect();
    let features: BTreeSet<&str> =
        members.iter().flat_map(|it| it.features.iter().map(String::as_str)).collect();
    // A feature of one name is the same wherever it is there: its crates are seen together.
    for feature in [None].into_iter().chain(features.into_iter().map(Some)) {
        let has =
            |it: &&&Member| feature.is_none_or(|name| it.features.iter().any(|it| it == name));
        let mut args = vec!["--lib".to_owned(), "--no-default-features".to_owned()];
        for member in members.iter().filter(has) {
            args.extend(["-p".to_owned(), member.name.clone()]);
            args.extend(feature.map(|name| format!("--features={}/{name}", member.name)));
        }
        let name = format!("clippy, {}", feature.unwrap_or("no features"));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        report.step("clippy", &name, || run(&args));
    }
}

/// `cargo doc`, where a warning is an error.
pub(super) fn doc(report: &Report) {
    report.step("doc", "doc", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
        succeeds(doc.env("RUSTDOCFLAGS", "-Dwarnings"))
    });
}
