//! Which scan directories are meant.

use std::path::{Path, PathBuf};

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
        output.message(
            "cannot find a scan directory\n  hint: name it with --dir or $SVDIR, or give a path such as ./web",
        );
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

/// The one scan directory in which something is to be done.
pub(crate) fn the_scan_dir(global: &Global, output: &mut Output) -> Result<ScanDir, NoTargets> {
    let mut all = scan_dirs(global, output)?;
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
