//! What lies behind a step before the program that failed: systemd exits with a number from 200 on, and
//! the settings of the unit and the files that they name tell the rest.

use std::path::{Path, PathBuf};

use nix::{errno::Errno, unistd};
use svclient::{Certainty, Evidence, Finding};
use svproto::Cause;

use super::facts::Facts;
use crate::{PropertyValue, asking, exits};

/// Settings that name paths which must be there, for mounts of its own.
const MOUNTS: [&str; 7] = [
    "ReadWritePaths",
    "ReadOnlyPaths",
    "InaccessiblePaths",
    "ExecPaths",
    "NoExecPaths",
    "BindPaths",
    "BindReadOnlyPaths",
];

/// A step that failed.
struct Step {
    code: u64,
    /// The setting of the command that was to be executed, and its path.
    setting: &'static str,
    path: String,
}

/// The reason behind a failure, where there is one to be seen.
pub(super) fn of(facts: &Facts, failure: Option<&(Cause, String)>) -> Option<Finding> {
    if failure.is_some_and(|(cause, _)| *cause == Cause::Resources) {
        return environment_file(facts);
    }
    let step = step(facts)?;
    let word = exits::step(step.code)?;
    let evidence = Evidence::new(format!("exit {}: {word}", step.code));
    let finding = match step.code {
        200 => directory(facts),
        203 => program(facts, &step),
        216 => account(facts, "Group", Cause::NoGroup),
        217 => account(facts, "User", Cause::NoUser),
        226 => mounts(facts),
        _ => None,
    };
    let plain = || {
        let line = facts.evidence(step.setting, &step.path);
        Finding::told(Cause::NotExecuted, word.as_str()).seen(line)
    };
    Some(finding.unwrap_or_else(plain).seen(evidence))
}

/// Which command did not come to be executed: the main one, or one before it.
fn step(facts: &Facts) -> Option<Step> {
    let unit = facts.properties();
    let is_step = |code: &u64| exits::step(*code).is_some();
    if unit.number("ExecMainCode") == 1 && is_step(&unit.number("ExecMainStatus")) {
        let rows = unit.get("ExecStart").map(PropertyValue::fields).unwrap_or_default();
        let path = rows.first().and_then(|row| row.fields().first()?.text()).unwrap_or_default();
        let code = unit.number("ExecMainStatus");
        return Some(Step { code, setting: "ExecStart", path: path.to_owned() });
    }
    let failed = asking::failed_command(unit)?;
    let code = failed.code.filter(is_step)?;
    Some(Step { code, setting: failed.name, path: failed.path })
}

/// A path as the unit sees it; `None` where its root is an image, or elsewhere.
fn inside(facts: &Facts, path: &str) -> Option<PathBuf> {
    if !facts.is_here || !facts.text("RootImage").is_empty() {
        return None;
    }
    let root = facts.text("RootDirectory");
    let path = path.strip_prefix('/')?;
    Some(Path::new(if root.is_empty() { "/" } else { root }).join(path))
}

/// Its user: 0 for none, `None` for one that is not known here.
fn user(facts: &Facts) -> Option<u32> {
    match facts.text("User") {
        "" | "root" => Some(0),
        name => {
            let number = name.parse().ok();
            number.or_else(|| Some(unistd::User::from_name(name).ok()??.uid.as_raw()))
        }
    }
}

fn program(facts: &Facts, step: &Step) -> Option<Finding> {
    let path = inside(facts, &step.path)?;
    let by_user = || kept_from(facts, &path);
    let mut finding = Finding::of_program(&path, &step.path, user(facts)).or_else(by_user)?;
    if finding.cause == Cause::FileMissing {
        finding.cause = Cause::ProgramMissing;
    }
    Some(finding.seen(facts.evidence(step.setting, &step.path)))
}

/// The step to a path that its user may not go. It may have more rights than the modes give.
fn kept_from(facts: &Facts, path: &Path) -> Option<Finding> {
    let finding = Finding::of_access(facts.text("User"), path)?;
    Some(finding.certainty(Certainty::Likely))
}

fn directory(facts: &Facts) -> Option<Finding> {
    let named = facts.text("WorkingDirectory").trim_start_matches('!');
    let line = facts.evidence("WorkingDirectory", named);
    let path = inside(facts, named)?;
    let meta = std::fs::metadata(&path);
    let finding = match meta {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            let evidence = Evidence::new("is not there").at(&path);
            Finding::told(Cause::NoDirectory, named).seen(evidence.with_errno(Errno::ENOENT as i32))
        }
        Ok(meta) if !meta.is_dir() => {
            let evidence = Evidence::new("is no directory").at(&path);
            Finding::told(Cause::NoDirectory, named)
                .seen(evidence.with_errno(Errno::ENOTDIR as i32))
        }
        Ok(_) if !facts.text("User").is_empty() => {
            let about = format!("{} may not enter {named}", facts.text("User"));
            let unseen = || Finding::told(Cause::NotReachable, about).certainty(Certainty::Likely);
            kept_from(facts, &path).unwrap_or_else(unseen)
        }
        _ => return None,
    };
    Some(finding.seen(line))
}

fn account(facts: &Facts, key: &'static str, cause: Cause) -> Option<Finding> {
    let name = facts.text(key);
    let is_there = match cause {
        Cause::NoUser => unistd::User::from_name(name).ok()?.is_some(),
        _ => unistd::Group::from_name(name).ok()?.is_some(),
    };
    let is_known = name.is_empty() || name.parse::<u32>().is_ok() || (facts.is_here && is_there);
    (!is_known).then(|| Finding::told(cause, name).seen(facts.evidence(key, name)))
}

/// The first path that a setting names and that is not there.
fn mounts(facts: &Facts) -> Option<Finding> {
    let unit = facts.properties();
    let missing = |path: &str| {
        inside(facts, path).filter(|it| {
            matches!(it.symlink_metadata(), Err(why) if why.kind() == std::io::ErrorKind::NotFound)
        })
    };
    let root = facts.text("RootDirectory");
    if facts.is_here && !root.is_empty() && !Path::new(root).is_dir() {
        let finding = Finding::told(Cause::Namespace, format!("RootDirectory={root}"));
        return Some(finding.seen(facts.evidence("RootDirectory", root)));
    }
    let found = MOUNTS.into_iter().find_map(|key| {
        let rows = unit.get(key)?.fields();
        rows.iter().find_map(|row| {
            // A path, or a row: from where, to where, whether it may be missing, flags.
            let (path, may_be_missing) = match row.fields() {
                [from, _, optional, ..] => (from.text()?, optional.bool() == Some(true)),
                _ => (row.text()?, false),
            };
            let optional = may_be_missing || path.starts_with('-');
            let path = path.trim_start_matches(['-', '+']);
            let gone = missing(path).filter(|_| !optional)?;
            Some((key, path.to_owned(), gone))
        })
    });
    let (key, path, gone) = found?;
    let evidence = Evidence::new("is not there").at(gone).with_errno(Errno::ENOENT as i32);
    let line = facts.evidence_of_text(key, &path);
    let finding = Finding::told(Cause::Namespace, format!("{key}={path}")).seen(evidence);
    Some(line.into_iter().fold(finding, Finding::seen))
}

/// A file with variables that is not there, or is none, and must be.
fn environment_file(facts: &Facts) -> Option<Finding> {
    let rows = facts.properties().get("EnvironmentFiles").map(PropertyValue::fields)?;
    let (path, says, errno) = rows.iter().find_map(|row| {
        let [path, optional] = row.fields() else { return None };
        let path = path.text()?;
        // A pattern may fit nothing.
        if !facts.is_here || path.contains(['*', '?', '[']) {
            return None;
        }
        match std::fs::metadata(path) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                let is_needed = optional.bool() != Some(true);
                is_needed.then_some((path, "is not there", Errno::ENOENT))
            }
            Ok(meta) if meta.is_dir() => Some((path, "is a directory", Errno::EISDIR)),
            _ => None,
        }
    })?;
    let evidence = Evidence::new(says).at(path).with_errno(errno as i32);
    let line = facts.evidence_of_text("EnvironmentFile", path);
    let cause = if errno == Errno::ENOENT { Cause::EnvironmentFile } else { Cause::WrongType };
    let about = if errno == Errno::ENOENT { path.to_owned() } else { format!("{path} {says}") };
    let finding = Finding::told(cause, about).seen(evidence);
    Some(line.into_iter().fold(finding, Finding::seen))
}
