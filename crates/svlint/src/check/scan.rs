//! A scan directory: what its scanner starts, passes over, or trips over.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use svproto::cause::Severity;

use super::{
    file::{self, Executed},
    service,
};
use crate::{rule::suites, visit::Visit, world::Entry};

/// Endings of what editors and packages leave behind.
const LEFT: [&str; 9] =
    ["~", ".bak", ".orig", ".old", ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".rpmsave", ".rpmnew"];

pub(crate) fn check(visit: &mut Visit<'_>, dir: &Path, names: &[String]) {
    visit.look();
    let mut identities: BTreeMap<(u64, u64), &str> = BTreeMap::new();
    let mut supervised: BTreeMap<(u64, u64), &str> = BTreeMap::new();
    for name in names {
        let path = dir.join(name);
        if name == ".s6-svscan" {
            scanner(visit, &path);
            continue;
        }
        let Ok(entry) = visit.world.entry(&path) else {
            broken(visit, &path);
            continue;
        };
        if !entry.is_dir() {
            continue;
        }
        if name.starts_with('.') {
            if visit.world.is_there(&path.join("run")) {
                let message =
                    format!("{name} is a service, and no scanner takes a name with a dot");
                visit.tell(Visit::at(&suites::HIDDEN, &path, message));
            }
            continue;
        }
        if leads_up(visit, dir, &path) {
            continue;
        }
        if let Some(other) = identities.insert(entry.identity, name) {
            twice(visit, &path, name, other);
            continue;
        }
        leftover(visit, &path, name, names);
        let supervise = path.join("supervise");
        let its = visit.world.entry(&supervise).ok().filter(Entry::is_dir);
        if let Some(other) = its.and_then(|it| supervised.insert(it.identity, name)) {
            let message = format!("{name} and {other} have one supervise directory");
            visit.tell(Visit::at(&suites::SHARED_SUPERVISE, &supervise, message));
        }
        let is_meant = is_meant(visit, &path);
        if is_meant && visit.is_first(&path) {
            service::check(visit, &path, true);
        }
    }
}

/// Whether a directory has what a supervisor executes; a directory of that name is none.
pub(crate) fn has_script(visit: &Visit<'_>, dir: &Path) -> bool {
    ["run", "log/run"].iter().any(|it| {
        let path = dir.join(it);
        visit.world.is_there(&path) && !visit.world.entry(&path).is_ok_and(|it| it.is_dir())
    })
}

/// Whether a directory is meant to be a service, `run` or not.
fn is_meant(visit: &Visit<'_>, dir: &Path) -> bool {
    let is_file = |name: &&str| visit.world.entry(&dir.join(name)).is_ok_and(|it| it.is_file());
    has_script(visit, dir)
        || ["finish", "check", "notification-fd", "timeout-kill", "timeout-finish", "down-signal"]
            .iter()
            .any(is_file)
        || visit.world.is_there(&dir.join("supervise/status"))
}

fn broken(visit: &mut Visit<'_>, path: &Path) {
    let Some(to) = visit.world.link(path) else { return };
    if !visit.world.is_missing(path) {
        visit.cannot_see(path, "where its link leads may not be seen");
        return;
    }
    let message = format!("the link leads to {}, where nothing is", to.display());
    visit.tell(Visit::at(&suites::LINK_BROKEN, path, message));
}

fn leads_up(visit: &mut Visit<'_>, dir: &Path, path: &Path) -> bool {
    if visit.world.link(path).is_none() {
        return false;
    }
    let Ok(to) = visit.world.entry(path) else { return false };
    let mut above: PathBuf = dir.to_owned();
    // As far as anybody nests them.
    for _ in 0..40 {
        let Ok(here) = visit.world.entry(&above) else { return false };
        if here.identity == to.identity {
            let message = "the link leads to the scan directory itself, or to one above it";
            visit.tell(Visit::at(&suites::LINKS_UP, path, message));
            return true;
        }
        let next = above.join("..");
        if visit.world.entry(&next).is_ok_and(|it| it.identity == here.identity) {
            return false;
        }
        above = next;
    }
    false
}

fn twice(visit: &mut Visit<'_>, path: &Path, name: &str, other: &str) {
    let message = format!("{name} and {other} lead to the same service directory");
    visit.tell(Visit::at(&suites::LINKED_TWICE, path, message));
}

fn leftover(visit: &mut Visit<'_>, path: &Path, name: &str, names: &[String]) {
    let Some(ending) = LEFT.iter().find(|it| name.len() > it.len() && name.ends_with(**it)) else {
        return;
    };
    let original = name.get(..name.len() - ending.len()).unwrap_or_default();
    if names.iter().any(|it| it == original) && visit.world.is_there(&path.join("run")) {
        let message = format!("{name} looks like a copy of {original}, and is started beside it");
        visit.tell(Visit::at(&suites::LEFTOVER, path, message));
    }
}

/// What s6-svscan runs itself.
fn scanner(visit: &mut Visit<'_>, dir: &Path) {
    for name in [
        "finish", "crash", "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2",
        "SIGWINCH",
    ] {
        let path = dir.join(name);
        if visit.world.is_there(&path) {
            let shown = format!(".s6-svscan/{name}");
            let file = Executed {
                path: &path,
                name: &shown,
                severity: Severity::Warning,
                working_dir: dir,
            };
            let _script = file::check(visit, &file);
        }
    }
}
