//! What package managers wrote down: of which package a file is, and of which version.
//!
//! | manager | its files |
//! |---------|-----------|
//! | dpkg    | `var/lib/dpkg/info/PACKAGE.list`, one path a line; `var/lib/dpkg/status`, paragraphs of `Key: value` |
//! | apk     | `lib/apk/db/installed` (`usr/lib/apk/db` since 3.0): paragraphs of `P:` name, `V:` version, `F:` directory, `R:` file |
//! | pacman  | `var/lib/pacman/local/NAME-VERSION/`: `desc` and `files`, a `%KEY%` and its lines |
//! | xbps    | `var/db/xbps/pkgdb-0.38.plist`: a `pkgver` for each name; `.NAME-files.plist` |
//!
//! Source: dpkg(1) and its files on Debian 12, 13 and sid; apk-tools, pacman and xbps, their
//! documented formats.

use std::path::{Path, PathBuf};

use svproto::{Dialect, Version};

use crate::node;

/// Packages that have a suite's supervisor.
pub(super) const fn names(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Daemontools => &["daemontools"],
        Dialect::Encore => &["daemontools-encore"],
        Dialect::Runit => &["runit"],
        Dialect::S6 => &["s6"],
    }
}

/// The version of a program, if a package manager put it there, and which it was. `program` is a
/// path below `root`.
pub(super) fn find(dialect: Dialect, root: &Path, program: &Path) -> Option<(Version, String)> {
    let managers: [(&str, Ask); 4] =
        [("dpkg", dpkg), ("apk", apk), ("pacman", pacman), ("xbps", xbps)];
    managers.into_iter().find_map(|(manager, ask)| {
        names(dialect).iter().find_map(|name| {
            let written = ask(root, name, program)?;
            // What came after 0.76 are the revisions of Debian; others count their own.
            let ours = if dialect == Dialect::Daemontools && manager != "dpkg" {
                written.split_once('-').map_or(&*written, |(upstream, _)| upstream)
            } else {
                &written
            };
            let version = ours.parse().ok()?;
            Some((version, format!("{manager}, package {name} {written}")))
        })
    })
}

type Ask = fn(&Path, &str, &Path) -> Option<String>;

fn dpkg(root: &Path, name: &str, program: &Path) -> Option<String> {
    let list = read(root, &format!("var/lib/dpkg/info/{name}.list"))?;
    if !list.lines().any(|line| is_same(Path::new(line), program)) {
        return None;
    }
    let status = read(root, "var/lib/dpkg/status")?;
    let head = format!("Package: {name}");
    let paragraph = status.split("\n\n").find(|it| it.lines().any(|line| line == head))?;
    paragraph.lines().find_map(|line| line.strip_prefix("Version: ")).map(str::to_owned)
}

fn apk(root: &Path, name: &str, program: &Path) -> Option<String> {
    let places = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];
    let database = places.iter().find_map(|place| read(root, place))?;
    let head = format!("P:{name}");
    let paragraph = database.split("\n\n").find(|it| it.lines().any(|line| line == head))?;
    let mut dir = Path::new("/").to_owned();
    let has_it = paragraph.lines().any(|line| {
        if let Some(next) = line.strip_prefix("F:") {
            dir = Path::new("/").join(next);
        }
        line.strip_prefix("R:").is_some_and(|file| is_same(&dir.join(file), program))
    });
    let version = paragraph.lines().find_map(|line| line.strip_prefix("V:"))?;
    has_it.then(|| version.to_owned())
}

fn pacman(root: &Path, name: &str, program: &Path) -> Option<String> {
    let local = root.join("var/lib/pacman/local");
    let entries = std::fs::read_dir(local).ok()?.filter_map(Result::ok);
    let mut named = entries.filter_map(|entry| entry.file_name().into_string().ok());
    named.find_map(|entry| {
        let version = entry.strip_prefix(name)?.strip_prefix('-')?;
        if !version.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let files = read(root, &format!("var/lib/pacman/local/{entry}/files"))?;
        let has_it = files.lines().any(|line| is_same(&Path::new("/").join(line), program));
        has_it.then(|| version.to_owned())
    })
}

fn xbps(root: &Path, name: &str, program: &Path) -> Option<String> {
    let files = read(root, &format!("var/db/xbps/.{name}-files.plist"))?;
    if !strings(&files).any(|file| is_same(Path::new(file), program)) {
        return None;
    }
    let database = read(root, "var/db/xbps/pkgdb-0.38.plist")?;
    let prefix = format!("{name}-");
    let mut after = database.split("<key>pkgver</key>").skip(1);
    after.find_map(|rest| {
        let version = strings(rest).next()?.strip_prefix(&prefix)?;
        version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
    })
}

/// The texts of a property list.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    text.split("<string>").skip(1).filter_map(|rest| Some(rest.split_once("</string>")?.0))
}

/// A file has two names where `/bin` is a link to `/usr/bin`.
fn is_same(one: &Path, other: &Path) -> bool {
    fn merged(path: &Path) -> PathBuf {
        let path = path.strip_prefix("/").unwrap_or(path);
        path.strip_prefix("usr").unwrap_or(path).to_owned()
    }
    merged(one) == merged(other)
}

/// A database is some megabytes; what is larger is none.
const LARGEST: u64 = 64 << 20;

/// The root may be that of a process of somebody else, who planted what is read there: so no links
/// and no devices, and not without end.
fn read(root: &Path, file: &str) -> Option<String> {
    let bytes = node::read_at_most(&root.join(file).as_path().into(), LARGEST).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        files: &[(&str, &str)],
        dialect: Dialect,
        program: &str,
        expected: Option<(&str, &str)>,
    ) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = find(dialect, root.path(), Path::new(program));
        let expected =
            expected.map(|(version, source)| (version.parse().unwrap(), source.to_owned()));
        assert_eq!(found, expected, "{files:?}");
    }

    #[test]
    fn dpkg_tells_of_its_own_file_under_either_name() {
        let files = [
            ("var/lib/dpkg/info/s6.list", "/.\n/usr\n/usr/bin/s6-supervise\n"),
            (
                "var/lib/dpkg/status",
                "Package: s6-doc\nVersion: 9\n\nPackage: s6\nStatus: install ok installed\n\
                 Version: 2.15.1.0-1\n",
            ),
        ];
        let told = Some(("2.15.1.0", "dpkg, package s6 2.15.1.0-1"));
        check(&files, Dialect::S6, "/usr/bin/s6-supervise", told);
        check(&files, Dialect::S6, "/bin/s6-supervise", told);
        check(&files, Dialect::S6, "/usr/local/bin/s6-supervise", None);
        check(&files, Dialect::Runit, "/usr/bin/s6-supervise", None);
    }

    #[test]
    fn a_revision_of_daemontools_counts_where_it_is_debians() {
        let dpkg = [
            ("var/lib/dpkg/info/daemontools.list", "/usr/bin/supervise\n"),
            ("var/lib/dpkg/status", "Package: daemontools\nVersion: 1:0.76-14\n"),
        ];
        let told = Some(("0.76-14", "dpkg, package daemontools 1:0.76-14"));
        check(&dpkg, Dialect::Daemontools, "/usr/bin/supervise", told);
        let pacman =
            [("var/lib/pacman/local/daemontools-0.76-11/files", "%FILES%\nusr/bin/supervise\n")];
        let told = Some(("0.76", "pacman, package daemontools 0.76-11"));
        check(&pacman, Dialect::Daemontools, "/usr/bin/supervise", told);
    }

    #[test]
    fn apk_and_xbps_tell_of_theirs() {
        let apk = [(
            "lib/apk/db/installed",
            "P:s6-doc\nV:1\n\nC:Q1\nP:s6\nV:2.13.1.0-r0\nF:bin\nR:s6-svc\nR:s6-supervise\n",
        )];
        let told = Some(("2.13.1.0", "apk, package s6 2.13.1.0-r0"));
        check(&apk, Dialect::S6, "/usr/bin/s6-supervise", told);
        check(&apk, Dialect::S6, "/opt/s6-supervise", None);
        let xbps = [
            ("var/db/xbps/.s6-files.plist", "<string>/usr/bin/s6-supervise</string>"),
            (
                "var/db/xbps/pkgdb-0.38.plist",
                "<key>s6-rc</key><dict><key>pkgver</key><string>s6-rc-0.5_1</string></dict>\
                 <key>s6</key><dict><key>pkgver</key>\n<string>s6-2.13.1.0_1</string></dict>",
            ),
        ];
        let told = Some(("2.13.1", "xbps, package s6 2.13.1.0_1"));
        check(&xbps, Dialect::S6, "/usr/bin/s6-supervise", told);
    }
}
