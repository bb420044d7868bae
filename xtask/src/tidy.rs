//! `cargo xtask tidy`: what no compiler checks. Also a test, so every test run checks it.

mod arrows;
mod ceilings;
mod circles;
mod claims;
mod closed;
mod doctests;
mod files;
mod headers;
mod lengths;
mod links;
mod manifests;
mod map;
mod readmes;
mod rules;
mod source;
mod words;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    command,
    failure::Failure,
    workspace::{Member, Workspace},
};

/// The task: prints what it finds.
pub(crate) fn run() -> Result<(), Failure> {
    let findings = findings()?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} findings", findings.len());
    if findings.is_empty() { Ok(()) } else { Err(Failure::Told) }
}

/// What is untidy in this checkout; each a line "where: what; what to do".
pub(crate) fn findings() -> Result<Vec<String>, Failure> {
    let workspace = Workspace::load()?;
    let mut findings = arrows::check(&workspace.members);
    findings.extend(ceilings::check(&workspace.members)?);
    for member in &workspace.members {
        let manifest = files::read(&member.dir.join("Cargo.toml"))?;
        findings.extend(manifests::check(member, &manifest));
    }
    let mut headers = BTreeMap::new();
    let mut code: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let mut doctests = 0;
    let mut all = claims::Code::new();
    for path in files::rust_files()? {
        let text = files::read(&path)?;
        // What users compile; a member's tests and examples are free, and so is `nopanic`.
        let owner = workspace.members.iter().find(|it| path.starts_with(it.dir.join("src")));
        let place = path.strip_prefix(command::root()).unwrap_or(&path).display().to_string();
        findings.extend(headers::check(&place, &text));
        findings.extend(lengths::check(&place, &text));
        headers.insert(PathBuf::from(&place), map::said(&text));
        all.insert(place.clone(), claims::code(&text));
        doctests += owner.map_or(0, |_| doctests::count(&text));
        findings.extend(words::check(owner.map(|it| it.name.as_str()), &place, &text));
        if let Some((member, below)) = owner.and_then(|it| Some((it, below_src(it, &path)?))) {
            code.entry(&member.name).or_default().insert(below, text);
        }
    }
    for (member, files) in &code {
        findings.extend(circles::check(member, files));
    }
    findings.extend(doctests::check(doctests));
    findings.extend(map::check(&headers)?);
    findings.extend(readmes::check(&workspace)?);
    findings.extend(links::check()?);
    findings.extend(closed::check()?);
    findings.extend(claims::check(&workspace.members, &all)?);
    Ok(findings)
}

/// The path of a member's file below its `src`; `None` for a file of tests.
fn below_src(member: &Member, path: &Path) -> Option<String> {
    let below = path.strip_prefix(member.dir.join("src")).ok()?.display().to_string();
    (!words::is_test(&below)).then_some(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_checkout_is_tidy() {
        let findings = findings().unwrap();
        assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
    }
}
