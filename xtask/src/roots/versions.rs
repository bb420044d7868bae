//! What is in a root, as its package database says, and how large it is.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use super::{Root, cache};
use crate::failure::Failure;

const DATABASE: &str = "var/lib/dpkg/status";
const SHOWN: [&str; 4] = ["runit", "s6", "daemontools", "systemd"];

/// Whether a root has the supervisors that this machine has, as both package databases say.
pub(crate) fn are_ours(root: Root) -> Result<bool, Failure> {
    let Some(dir) = cache::find(root)? else { return Ok(false) };
    let [Ok(ours), Ok(theirs)] =
        [Path::new("/"), &dir].map(|it| fs::read_to_string(it.join(DATABASE)))
    else {
        return Ok(false);
    };
    let of = |database, package| version(database, package).map(|it| release(package, it));
    let is_same = |package| of(&ours, package).is_some_and(|it| of(&theirs, package) == Some(it));
    Ok(SHOWN.into_iter().all(is_same))
}

/// What two packages of the same program share: the version without Debian's revision, and of
/// systemd, whose stable releases bring mends alone, the number.
fn release<'a>(package: &str, version: &'a str) -> &'a str {
    let end = if package == "systemd" { version.find('.') } else { version.rfind('-') };
    end.and_then(|end| version.get(..end)).unwrap_or(version)
}

/// The version of a package in a root; nothing where it is not there.
pub(crate) fn of(root: Root, package: &str) -> Result<Option<String>, Failure> {
    let Some(dir) = cache::find(root)? else { return Ok(None) };
    let database = dir.join(DATABASE);
    let text = fs::read_to_string(&database)
        .map_err(|why| Failure::cannot(format!("read {}", database.display()), why))?;
    Ok(version(&text, package).map(str::to_owned))
}

/// One line about a root.
pub(super) fn line(root: Root) -> Result<String, Failure> {
    let name = root.name();
    let Some(dir) = cache::find(root)? else { return Ok(format!("{name:<9} not made")) };
    let database = dir.join(DATABASE);
    let text = fs::read_to_string(&database)
        .map_err(|why| Failure::cannot(format!("read {}", database.display()), why))?;
    let versions = SHOWN.map(|package| match version(&text, package) {
        Some(version) => format!("{package} {version}"),
        None => format!("no {package}"),
    });
    let size = size(&dir) / 1_000_000;
    Ok(format!("{name:<9} {size:>4} MB  {}  {}", versions.join(", "), dir.display()))
}

fn version<'a>(database: &'a str, package: &str) -> Option<&'a str> {
    let entries = database.split("\n\n");
    let mut ours = entries.filter(|it| it.lines().next() == Some(&format!("Package: {package}")));
    ours.next()?.lines().find_map(|line| line.strip_prefix("Version: "))
}

/// In bytes, as the file system has them.
fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_found_by_its_whole_name() {
        let database =
            "Package: s6-doc\nVersion: 1\n\nPackage: s6\nStatus: x\nVersion: 2.13.1.0-1\n";
        assert_eq!(version(database, "s6"), Some("2.13.1.0-1"));
        assert_eq!(version(database, "runit"), None);
    }

    #[test]
    fn a_release_is_what_its_mends_share() {
        assert_eq!(release("systemd", "252.38-1~deb12u1"), release("systemd", "252.39-1~deb12u2"));
        assert_ne!(release("systemd", "252.38-1"), release("systemd", "257.9-1~deb13u1"));
        assert_eq!(release("s6", "2.11.3.2-1"), "2.11.3.2");
        assert_eq!(release("runit", "2.2.0"), "2.2.0");
    }
}
