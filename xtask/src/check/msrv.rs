//! The oldest compilers: each crate builds with the version that it promises.

use std::{collections::BTreeMap, process::Command};

use crate::{
    check::succeeds,
    command,
    report::{Report, Verdict},
    toolchain,
    workspace::Workspace,
};

/// Features that ask for a newer compiler than their crate does: crate, feature, version.
const NEWER: [(&str, &str, &str); 1] = [("svcmgr", "systemd", "1.89.0")];

/// One step for each promised version, which those features join that ask for it.
pub(super) fn run(workspace: &Workspace, report: &Report) {
    let mut tiers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for member in workspace.publishable() {
        // That there is a promise at all is tidy's concern.
        if let Some(version) = &member.rust_version {
            tiers.entry(version).or_default().push(&member.name);
        }
    }
    for (name, _, version) in NEWER {
        tiers.entry(version).or_default().push(name);
    }
    for (version, crates) in tiers {
        let features = features(workspace, version, &crates);
        report.step("msrv", &format!("msrv {version} {}", crates.join(" ")), || {
            check(workspace, version, &crates, &features)
        });
    }
}

/// All features of these crates, but those of [`NEWER`] that ask for another version.
fn features(workspace: &Workspace, version: &str, crates: &[&str]) -> Vec<String> {
    let members = workspace.publishable().filter(|it| crates.contains(&it.name.as_str()));
    let all = members.flat_map(|it| it.features.iter().map(move |feature| (&it.name, feature)));
    let is_of_another = |name: &str, feature: &str| {
        NEWER.iter().any(|row| row.0 == name && row.1 == feature && row.2 != version)
    };
    all.filter(|(name, feature)| !is_of_another(name, feature))
        .map(|(name, feature)| format!("{name}/{feature}"))
        .collect()
}

fn check(workspace: &Workspace, version: &str, crates: &[&str], features: &[String]) -> Verdict {
    if let Err(why) = toolchain::version(version) {
        return Verdict::Skipped(why);
    }
    // Not `cargo +VERSION`: under `cargo run` the variables of the outer toolchain are set, `CARGO`
    // is no rustup proxy, and `RUSTUP_TOOLCHAIN` has a say. `rustup run` overrules all of that.
    let mut check = Command::new("rustup");
    check.current_dir(command::root()).args(["run", version, "cargo", "check"]);
    check.arg("--features").arg(features.join(" "));
    // A directory of its own, so that the two compilers do not evict each other's results.
    check.arg("--target-dir").arg(workspace.target.join("msrv"));
    for name in crates {
        check.args(["-p", name]);
    }
    succeeds(&mut check)
}
