//! The oldest compilers: each crate builds with the version that it promises.

use std::{collections::BTreeMap, process::Command};

use crate::{
    check::succeeds,
    command,
    report::{Report, Verdict},
    toolchain,
    workspace::Workspace,
};

/// One step for each promised version.
pub(super) fn run(workspace: &Workspace, report: &mut Report) {
    let mut tiers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for member in workspace.publishable() {
        // That there is a promise at all is tidy's concern.
        if let Some(version) = &member.rust_version {
            tiers.entry(version).or_default().push(&member.name);
        }
    }
    for (version, crates) in tiers {
        report.step(&format!("msrv {version} {}", crates.join(" ")), || {
            check(workspace, version, &crates)
        });
    }
}

fn check(workspace: &Workspace, version: &str, crates: &[&str]) -> Verdict {
    if let Err(why) = toolchain::version(version) {
        return Verdict::Skipped(why);
    }
    // Not `cargo +VERSION`: under `cargo run` the variables of the outer toolchain are set, `CARGO`
    // is no rustup proxy, and `RUSTUP_TOOLCHAIN` has a say. `rustup run` overrules all of that.
    let mut check = Command::new("rustup");
    check.current_dir(command::root()).args(["run", version, "cargo", "check", "--all-features"]);
    // A directory of its own, so that the two compilers do not evict each other's results.
    check.arg("--target-dir").arg(workspace.target.join("msrv"));
    for name in crates {
        check.args(["-p", name]);
    }
    succeeds(&mut check)
}
