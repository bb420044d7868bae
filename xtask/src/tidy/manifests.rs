//! Every member follows the lints of the workspace and promises a compiler version.

use crate::{command, workspace::Member};

/// What the `Cargo.toml` of this member lacks.
pub(super) fn check(member: &Member, manifest: &str) -> Vec<String> {
    let place = member.dir.join("Cargo.toml");
    let place = place.strip_prefix(command::root()).unwrap_or(&place).display();
    let mut findings = Vec::new();
    if !follows_lints(manifest) {
        findings.push(format!("{place}: own lints or none; add `[lints]` with `workspace = true`"));
    }
    if member.rust_version.is_none() {
        findings.push(format!("{place}: no `rust-version`; add `rust-version.workspace = true`"));
    }
    findings
}

fn follows_lints(manifest: &str) -> bool {
    let mut section = "";
    manifest.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        let line = line.split_whitespace().collect::<String>();
        (section == "[lints]" && line == "workspace=true")
            || (section.is_empty() && line == "lints.workspace=true")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_leaves_the_lints_of_the_workspace_is_found() {
        assert!(follows_lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"));
        assert!(follows_lints("lints.workspace = true\n[package]\n"));
        assert!(!follows_lints("[package]\n"));
        assert!(!follows_lints("[lints.rust]\nunsafe_code = \"allow\"\n"));
        assert!(!follows_lints("[lints]\n[dependencies.a]\nworkspace = true\n"));
    }

    #[test]
    fn a_member_without_a_promised_version_is_found() {
        let member = Member::default();
        let found = check(&member, "[lints]\nworkspace = true\n").join("\n");
        assert!(found.contains("no `rust-version`"), "{found}");
        let member = Member { rust_version: Some("1.85.0".to_owned()), ..member };
        assert!(check(&member, "[lints]\nworkspace = true\n").is_empty());
    }
}
