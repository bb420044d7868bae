//! What of the scan directories does not answer, as it is told, and what stands beside it.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use svcmgr::{ScanDir, Service};

use super::Target;
use crate::silent::Silent;

/// What does not answer.
pub(super) fn target(name: &str, path: &Path) -> Target {
    Target { name: name.to_owned(), path: Some(path.to_owned()), found: Err(Silent::error(path)) }
}

/// The entries of a scan directory that do not answer.
pub(super) fn entries_of(scan: &ScanDir, all: &Silent) -> impl Iterator<Item = Target> {
    let here = all.paths().filter(|path| path.parent() == Some(scan.dir()));
    let named = here.filter_map(|path| Some((path.file_name()?, path)));
    named.map(|(name, path)| target(&name.to_string_lossy(), path)).collect::<Vec<_>>().into_iter()
}

/// The others.
pub(super) fn services_beside(scan_dir: &Path, silent: &Silent) -> Vec<Service> {
    let answers = entries(scan_dir).into_iter().filter(|entry| !silent.has(entry));
    answers.filter_map(|entry| Service::open(entry).ok()).collect()
}

/// As [`ScanDir::find_all`], where some of what it looks at does not answer; `named` in the environment, or usual.
pub(super) fn find_beside(silent: &Silent, named: bool) -> Vec<ScanDir> {
    let places = ScanDir::usual_places();
    if named {
        return places.into_iter().map(ScanDir::new).collect();
    }
    let (mut used, mut first) = (Vec::new(), None);
    for place in places {
        if silent.has(&place) {
            // Whether it is one, nobody can tell.
            used.push(ScanDir::new(place));
            continue;
        }
        let entries = entries(&place);
        let services = services_beside(&place, silent);
        let is_held = |it: &Service| it.status().is_ok_and(|seen| seen.supervised() != Some(false));
        let hangs = entries.iter().any(|entry| silent.has(entry));
        if hangs || services.iter().any(is_held) {
            used.push(ScanDir::new(place));
        } else if first.is_none() && !services.is_empty() {
            first = Some(ScanDir::new(place));
        }
    }
    if used.is_empty() { first.into_iter().collect() } else { used }
}

/// What a scanner would see, in order.
fn entries(scan_dir: &Path) -> Vec<PathBuf> {
    let names = scan_dir.read_dir().into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names.filter(|name| !name.as_bytes().starts_with(b".")).collect();
    names.sort_unstable();
    names.into_iter().map(|name| scan_dir.join(name)).collect()
}
