//! Which scan directories are meant.

use std::{
    collections::BTreeSet,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use svcmgr::{ScanDir, Service};

use super::{NoTargets, mute};
use crate::{args::Global, exit::Exit, output::Output, silent::Silent};

/// Says that a scan directory has nothing in it.
pub(crate) fn nothing_in(dir: &Path, output: &mut Output) {
    output.message(&format!("no service in {}", dir.display()));
}

/// Says that an entry of a scan directory leads back to it.
pub(crate) fn is_loop(entry: &Path, output: &mut Output) {
    output.message(&format!(
        "{} leads back to its scan directory, or to one above it, and is no service\n  hint: remove that link",
        entry.display()
    ));
}

/// The scan directories: named, or found. None is an error, which is told.
pub(crate) fn scan_dirs(global: &Global, output: &mut Output) -> Result<Vec<ScanDir>, NoTargets> {
    let found = known_scan_dirs(global);
    if found.is_empty() {
        output.message(&nowhere());
        return Err(NoTargets(Exit::Usage));
    }
    if global.verbose {
        let shown: Vec<_> = found.iter().map(|scan| scan.dir().display().to_string()).collect();
        output.message(&match &*shown {
            [one] => format!("the scan directory is {one}"),
            _ => format!("the scan directories are {}", shown.join(", ")),
        });
    }
    Ok(found)
}

/// Where systemd runs, units may be meant.
fn nowhere() -> String {
    let units = if Path::new("/run/systemd/system").is_dir() {
        "; for units of systemd, give --system or a whole name such as site.service"
    } else {
        ""
    };
    format!(
        "cannot find a scan directory\n  hint: name it with --dir or $SVDIR, or give a path such as \
         ./web{units}"
    )
}

/// The same, where there may be none.
pub(crate) fn known_scan_dirs(global: &Global) -> Vec<ScanDir> {
    if global.only_units() {
        return Vec::new();
    }
    if global.dir.is_empty() {
        return find_all(&global.silent);
    }
    let mut dirs: Vec<&PathBuf> = Vec::new();
    for dir in &global.dir {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs.into_iter().map(ScanDir::new).collect()
}

/// Those that nobody named.
pub(crate) fn find_all(silent: &Silent) -> Vec<ScanDir> {
    if silent.is_empty() {
        ScanDir::find_all()
    } else {
        mute::find_beside(silent, is_in_environment())
    }
}

/// What of one answers.
pub(crate) fn services_in(scan: &ScanDir, silent: &Silent) -> Vec<Service> {
    if silent.is_empty() {
        scan.services().unwrap_or_default()
    } else if silent.has(scan.dir()) {
        Vec::new()
    } else {
        mute::services_beside(scan.dir(), silent)
    }
}

pub(super) fn is_in_environment() -> bool {
    std::env::var_os("SVDIR").is_some_and(|dir| !dir.is_empty())
}

/// Usual places that are there, where none has a service or a scanner: the first service may be put there.
/// Of the user's own places only those count that belong to the user.
fn empty_places(global: &Global) -> Vec<ScanDir> {
    let is_named = !global.dir.is_empty() || is_in_environment();
    if is_named || !global.silent.is_empty() || !known_scan_dirs(global).is_empty() {
        return Vec::new();
    }
    let user = nix::unistd::geteuid().as_raw();
    let is_there = |path: &PathBuf| {
        path.metadata().is_ok_and(|it| it.is_dir() && (it.uid() == user || it.uid() == 0))
    };
    let mut seen = BTreeSet::new();
    let places = ScanDir::usual_places().into_iter().filter(is_there);
    let once = places.filter(|path| path.canonicalize().is_ok_and(|it| seen.insert(it)));
    once.map(ScanDir::new).collect()
}

/// The one scan directory in which something is to be done.
pub(crate) fn the_scan_dir(global: &Global, output: &mut Output) -> Result<ScanDir, NoTargets> {
    let empty = empty_places(global);
    let mut all = if empty.is_empty() { scan_dirs(global, output)? } else { empty };
    match (all.pop(), &*all) {
        (Some(one), []) => Ok(one),
        (last, others) => {
            let dirs = others.iter().chain(&last).map(|scan| scan.dir().display().to_string());
            let dirs: Vec<_> = dirs.collect();
            let dirs = dirs.join(", ");
            output.message(&format!(
                "cannot tell which scan directory is meant: {dirs}\n  hint: name it with --dir"
            ));
            Err(NoTargets(Exit::Usage))
        }
    }
}
