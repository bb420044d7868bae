//! How many crates of others a user of ours compiles.

use std::collections::BTreeSet;

use super::rules::{self, Rule};
use crate::{
    command::{self, cargo},
    failure::Failure,
    workspace::Member,
};

/// Members with more than their rule allows.
pub(super) fn check(members: &[Member]) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for rule in members.iter().filter_map(|it| rules::of(&it.name)) {
        if rule.ceiling.is_some() {
            findings.extend(above(rule, members, &tree(rule.name)?));
        }
    }
    Ok(findings)
}

/// What users compile, one package a line; platform and features are fixed, so that the number is
/// the same on every machine.
fn tree(name: &str) -> Result<String, Failure> {
    let platform = ["--target", "x86_64-unknown-linux-gnu", "--edges", "normal,build"];
    let shape = ["--prefix", "none", "--format", "{p}"];
    let mut tree = cargo(["tree", "--quiet", "-p", name]);
    let done = command::capture(tree.args(platform).args(shape))?;
    if done.ok {
        return Ok(done.text);
    }
    Err(Failure::cannot(format!("run `{}`", command::shown(&tree)), done.text.trim_end()))
}

fn above(rule: &Rule, members: &[Member], tree: &str) -> Option<String> {
    let others: BTreeSet<_> = tree.lines().filter_map(|line| package(line, members)).collect();
    let ceiling = rule.ceiling.filter(|it| others.len() > *it)?;
    let list: Vec<_> = others.iter().map(|(name, version)| format!("{name} {version}")).collect();
    Some(format!(
        "{}: {} crates of others, at most {ceiling} are allowed ({}); \
         drop one, or raise the ceiling in xtask/src/tidy/rules.rs and say why",
        rule.name,
        others.len(),
        list.join(", "),
    ))
}

/// Name and version from "nix v0.31.3", unless it is ours.
fn package<'a>(line: &'a str, members: &[Member]) -> Option<(&'a str, &'a str)> {
    let mut words = line.split_whitespace();
    let (name, version) = (words.next()?, words.next()?);
    (!members.iter().any(|it| it.name == name)).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "svclient v0.1.0 (/somewhere/svclient)\nnix v0.31.3\nlibc v0.2.191\n\
                        libc v0.2.191\nsyn v2.0.1 (proc-macro) (*)\nsyn v3.0.10\n";

    #[test]
    fn versions_count_apart_and_our_own_crates_do_not_count() {
        let members = [Member { name: "svclient".to_owned(), ..Member::default() }];
        let rule = |ceiling| Rule {
            name: "svclient",
            arrows: &[],
            only_optional: None,
            ceiling: Some(ceiling),
            words: &[],
        };
        assert_eq!(above(&rule(4), &members, TREE), None);
        let found = above(&rule(3), &members, TREE).unwrap();
        assert!(found.contains("4 crates of others, at most 3"), "{found}");
    }
}
