//! Who depends on whom: only along the arrows of the table.

use super::rules::{self, TABLE};
use crate::workspace::Member;

/// Dependencies that go another way, and members without a rule.
pub(super) fn check(members: &[Member]) -> Vec<String> {
    members.iter().flat_map(one).collect()
}

fn one(member: &Member) -> Vec<String> {
    let name = &member.name;
    let place = member.dir.join("Cargo.toml");
    let place = place.strip_prefix(crate::command::root()).unwrap_or(&place).display();
    let Some(rule) = rules::of(name) else {
        return vec![format!(
            "{place}: `{name}` has no rule; give it one in xtask/src/tidy/rules.rs"
        )];
    };
    let mut findings = Vec::new();
    for dependency in &member.dependencies {
        let other = &dependency.name;
        if TABLE.iter().any(|it| it.name == other) {
            if !rule.arrows.contains(&other.as_str()) {
                findings.push(format!(
                    "{place}: `{name}` may not depend on `{other}`; \
                     a new arrow is a change of the design, see xtask/src/tidy/rules.rs"
                ));
            }
        } else if let Some(optional) = rule.only_optional {
            if !optional.contains(&other.as_str()) {
                findings.push(format!("{place}: `{name}` may not depend on `{other}`; do without"));
            } else if !dependency.optional {
                findings.push(format!("{place}: `{other}` must be optional in `{name}`"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn member(name: &str, dependencies: &[(&str, bool)]) -> Member {
        let dependencies = dependencies.iter();
        Member {
            name: name.to_owned(),
            dependencies: dependencies
                .map(|&(name, optional)| Dependency { name: name.to_owned(), optional })
                .collect(),
            ..Member::default()
        }
    }

    fn check(name: &str, dependencies: &[(&str, bool)], expected: &str) {
        let found = super::check(&[member(name, dependencies)]).join("\n");
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found}");
    }

    #[test]
    fn only_the_arrows_of_the_table_are_allowed() {
        check("svclient", &[("svproto", false), ("nix", false)], "");
        check("svctl", &[("svcmgr", false), ("clap", false)], "");
        check("svproto", &[("svclient", false)], "`svproto` may not depend on `svclient`");
        check("svctl", &[("svproto", true)], "`svctl` may not depend on `svproto`");
        check("xtask", &[("svclient", false)], "`xtask` may not depend on `svclient`");
    }

    #[test]
    fn a_member_without_a_rule_is_found() {
        check("svnew", &[], "`svnew` has no rule");
    }

    #[test]
    fn svproto_takes_nothing_but_optional_serde() {
        check("svproto", &[("serde", true)], "");
        check("svproto", &[("serde", false)], "`serde` must be optional");
        check("svproto", &[("thiserror", true)], "may not depend on `thiserror`");
    }
}
