//! Which scan directories are meant where none is named.
//!
//! | place | of whom |
//! |-------|---------|
//! | `/etc/service` | Debian; runit's own |
//! | `/var/service` | Void |
//! | `/service` | daemontools' own |
//! | `/run/service` | s6-overlay 3, Alpine, Artix with s6 |
//! | `/run/s6/services` | s6-overlay 1 and 2 |
//! | `/run/runit/service` | Artix with runit |
//! | `/run/openrc/s6-scan` | `OpenRC`, for services with `supervisor=s6` |
//! | `$XDG_RUNTIME_DIR/service`, `$XDG_CONFIG_HOME/service` (`~/.config/service`), `~/service` | this user: s6, turnstile, Void's handbook |
//!
//! A user's own place counts only if it belongs to the user that asks: with `sudo`, the home
//! directory may be somebody else's.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use svproto::files;

use super::{ScanDir, leads_to};
use crate::{Service, liveness, node};

const OF_SUITES: [&str; 7] = [
    "/etc/service",
    "/var/service",
    "/service",
    "/run/service",
    "/run/s6/services",
    "/run/runit/service",
    "/run/openrc/s6-scan",
];

pub(super) fn find_all() -> Vec<ScanDir> {
    if let Some(dirs) = env::var_os("SVDIR").filter(|dirs| !dirs.is_empty()) {
        return named(&dirs);
    }
    let own = of_this_user().into_iter().filter(|dir| is_own(dir));
    in_use(OF_SUITES.iter().map(PathBuf::from).chain(own), ScanDir::has_scanner)
}

pub(super) fn places() -> Vec<PathBuf> {
    if let Some(dirs) = env::var_os("SVDIR").filter(|dirs| !dirs.is_empty()) {
        return split(&dirs).map(|dir| OsStr::from_bytes(dir).into()).collect();
    }
    OF_SUITES.iter().map(PathBuf::from).chain(of_this_user()).collect()
}

fn of_this_user() -> Vec<PathBuf> {
    of_user(|name| env::var_os(name).filter(|value| !value.is_empty()).map(Into::into))
}

fn split(dirs: &OsStr) -> impl Iterator<Item = &[u8]> {
    dirs.as_bytes().split(|byte| *byte == b':').filter(|dir| !dir.is_empty())
}

/// Directories with colons between them, each once.
fn named(dirs: &OsStr) -> Vec<ScanDir> {
    let mut all: Vec<ScanDir> = Vec::new();
    for dir in split(dirs).map(|dir| ScanDir::new(OsStr::from_bytes(dir))) {
        let end = leads_to(&dir.dir);
        let is_known =
            |other: &ScanDir| *other == dir || (end.is_some() && leads_to(&other.dir) == end);
        if !all.iter().any(is_known) {
            all.push(dir);
        }
    }
    all
}

fn of_user(variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let home = variable("HOME");
    let config = variable("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let places = [variable("XDG_RUNTIME_DIR"), config, home];
    places.into_iter().flatten().map(|dir| dir.join("service")).collect()
}

fn is_own(dir: &Path) -> bool {
    let user = nix::unistd::geteuid().as_raw();
    std::fs::metadata(dir).is_ok_and(|data| data.uid() == user)
}

/// Those with a supervised service; else those that somebody scans, which may be empty yet; else the first
/// with any service.
fn in_use(
    places: impl Iterator<Item = PathBuf>,
    is_scanned: impl Fn(&ScanDir) -> bool,
) -> Vec<ScanDir> {
    let (mut seen, mut supervised, mut others) = (BTreeSet::new(), Vec::new(), Vec::new());
    for dir in places {
        // Void's `/var/service` leads to where the scanner is, and others link theirs as well.
        if !leads_to(&dir).is_some_and(|end| seen.insert(end)) {
            continue;
        }
        let scan = ScanDir::new(dir);
        let services = scan.services().unwrap_or_default();
        if services.iter().any(is_supervised) {
            supervised.push(scan);
        } else {
            others.push((scan, services.is_empty()));
        }
    }
    if !supervised.is_empty() {
        return supervised;
    }
    let scanned = others.iter().filter(|(scan, _)| is_scanned(scan));
    let scanned: Vec<ScanDir> = scanned.map(|(scan, _)| scan.clone()).collect();
    if !scanned.is_empty() {
        return scanned;
    }
    others.into_iter().find(|(_, is_empty)| !is_empty).map(|(scan, _)| scan).into_iter().collect()
}

/// A cheap look, for choosing a scan directory: any sign of a supervisor.
fn is_supervised(service: &Service) -> bool {
    let alive = match service.dialect() {
        Some(dialect) => liveness::probe(service.handle(), dialect),
        None => liveness::probe_ok(service.handle()),
    };
    match alive {
        Ok(liveness) => liveness.is_alive() == Some(true),
        // Denied, and so there.
        Err(_) => node::exists(&service.handle().at(files::SUPERVISE)),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn directories_have_colons_between_them_and_each_is_meant_once() {
        let tree = tempfile::tempdir().unwrap();
        let (one, two) = (tree.path().join("one"), tree.path().join("two"));
        fs::create_dir(&one).unwrap();
        symlink(&one, &two).unwrap();
        let text = format!("{}:{}::/absent:/absent", one.display(), two.display());
        let found: Vec<_> = named(OsStr::new(&text)).into_iter().map(|scan| scan.dir).collect();
        assert_eq!(found, [one, "/absent".into()]);
    }

    #[test]
    fn places_in_use_are_those_with_a_service_that_is_supervised() {
        let tree = tempfile::tempdir().unwrap();
        let place = |name: &str| tree.path().join(name);
        for name in ["empty", "idle/web", "other/web"] {
            fs::create_dir_all(place(name)).unwrap();
        }
        for name in ["idle", "other"] {
            fs::write(place(name).join("web/run"), "").unwrap();
        }
        let found = |names: &[&str]| {
            let is_scanned = |scan: &ScanDir| scan.dir().ends_with("scanned");
            let found = in_use(names.iter().map(|name| place(name)), is_scanned);
            found.into_iter().map(|scan| scan.dir).collect::<Vec<_>>()
        };
        assert_eq!(found(&["absent", "empty", "idle", "other"]), [place("idle")]);
        // As with a supervisor: somebody reads it.
        fs::create_dir(place("other/web/supervise")).unwrap();
        nix::unistd::mkfifo(&place("other/web/supervise/ok"), nix::sys::stat::Mode::S_IRWXU)
            .unwrap();
        let reader = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(place("other/web/supervise/ok"))
            .unwrap();
        symlink(place("other"), place("again")).unwrap();
        assert_eq!(found(&["absent", "empty", "idle", "other", "again"]), [place("other")]);
        drop(reader);
        assert!(found(&["empty", "absent"]).is_empty());
        // A scanner that runs says more than services that nobody supervises.
        fs::create_dir(place("scanned")).unwrap();
        assert_eq!(found(&["empty", "idle", "scanned"]), [place("scanned")]);
    }

    #[test]
    fn a_user_has_places_of_his_own() {
        let variable = |name: &str| match name {
            "HOME" => Some(PathBuf::from("/home/ada")),
            "XDG_RUNTIME_DIR" => Some("/run/user/7".into()),
            _ => None,
        };
        let expected = ["/run/user/7/service", "/home/ada/.config/service", "/home/ada/service"];
        assert_eq!(of_user(variable), expected.map(PathBuf::from));
    }
}
