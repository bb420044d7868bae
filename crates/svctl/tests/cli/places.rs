//! Several scan directories, and names that are in two of them.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::svctl::{Run, command, run};

/// Two scan directories: `one` with `web` and `api`, `two` with `web` and `db`.
struct Places {
    tree: TempDir,
}

impl Places {
    fn new() -> Self {
        let tree = tempfile::tempdir().unwrap();
        for name in ["one/web", "one/api", "two/web", "two/db", "store/web"] {
            let dir = tree.path().join(name);
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("run"), "#!/bin/sh\nexec sleep 1000\n").unwrap();
        }
        Self { tree }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Run {
        let dirs = ["one", "two"].map(|name| self.path(name).into_os_string());
        let dirs = dirs.into_iter().flat_map(|dir| [OsString::from("--dir"), dir]);
        run(args.iter().map(OsString::from).chain(dirs))
    }

    /// What the rows of `status` and their directories are called.
    fn rows(&self, said: &Run) -> Vec<(String, String)> {
        let Value::Array(rows) = said.json() else { panic!("{said:?}") };
        let below = |path: &str| {
            let path = Path::new(path).strip_prefix(self.tree.path()).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        rows.iter().map(|row| (text(row, "service"), below(&text(row, "path")))).collect()
    }
}

/// `family.md` 30 and 37: `--all`, `--dir` again and again, `SVDIR` with colons.
#[test]
fn several_scan_directories_are_looked_at_together() {
    let places = Places::new();
    let all = [("api", "one/api"), ("db", "two/db"), ("web", "one/web"), ("web", "two/web")];
    let all = all.map(|(name, path)| (name.to_owned(), path.to_owned()));
    let sorted = |said: &Run| {
        let mut rows = places.rows(said);
        rows.sort();
        rows
    };
    let said = places.run(&["status", "--json"]);
    assert_eq!((said.code, sorted(&said)), (102, all.to_vec()));
    // People see them told apart, by words that can be given back.
    let said = places.run(&["status"]);
    for path in [places.path("one/web"), places.path("two/web")] {
        assert!(said.out.contains(&format!("{} ", path.display())), "{said:?}");
    }
    let said = places.run(&["status", "--all", "--json"]);
    assert_eq!(sorted(&said), all);
    let (one, two) = (places.path("one"), places.path("two"));
    let svdir = format!("{}:{}:", one.display(), two.display());
    let said = command(["status", "--json"]).env("SVDIR", &svdir).output().unwrap();
    assert_eq!(sorted(&Run::of(said)), all);
    let said = places.run(&["status", "--json", "[ad]*"]);
    assert_eq!(sorted(&said), all[..2]);
    let checked = places.run(&["check", "--all"]);
    assert_eq!(checked.code, 102, "{checked:?}");
    // What is known is said with `-v`.
    let said = places.run(&["status", "-v", "api"]);
    assert!(said.err.contains("the scan directories are "), "{said:?}");
    let said = places.run(&["status", "absent"]);
    assert_eq!(said.code, 111, "{said:?}");
    let both = format!("in {}, {}", one.display(), two.display());
    assert!(said.out.contains(&both) || said.err.contains(&both), "{said:?}");
}

/// A name that is in two of them is refused with both paths; `status` shows both.
#[test]
fn a_name_in_two_scan_directories_is_refused_with_both_paths() {
    let places = Places::new();
    let said = places.run(&["status", "--json", "web"]);
    assert_eq!(places.rows(&said).len(), 2);
    let paths = ["one/web", "two/web"].map(|name| places.path(name).display().to_string());
    for args in [
        &["up", "web"][..],
        &["down", "web", "--no-wait"],
        &["send", "hup", "web"],
        &["restart", "api", "web"],
        &["wait", "web"],
        &["disable", "web"],
    ] {
        let said = places.run(args);
        assert_eq!(said.code, if args[0] == "restart" { 102 } else { 100 }, "{said:?}");
        assert!(paths.iter().all(|path| said.err.contains(path)), "{said:?}");
        assert!(said.err.contains("give its path"), "{said:?}");
    }
    // Where both are one service, nothing is to be told apart.
    symlink(places.path("one/api"), places.path("two/api")).unwrap();
    let said = places.run(&["up", "api"]);
    assert_eq!(said.code, 102, "{said:?}");
    let shown = places.run(&["status", "--json", "api"]);
    assert_eq!(places.rows(&shown).len(), 1);
    // To put something in, one must be meant.
    let said = places.run(&["enable", "store/web"]);
    assert_eq!(said.code, 100, "{said:?}");
    assert!(said.err.contains("cannot tell which scan directory is meant"), "{said:?}");
    // To take it out, the one that has it.
    symlink(places.path("store/web"), places.path("two/only")).unwrap();
    let said = places.run(&["disable", "only"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(places.path("two/only").symlink_metadata().is_err());
}

#[test]
fn a_scan_directory_that_leads_into_itself_is_said() {
    let places = Places::new();
    for (name, to) in [("loop", "one"), ("above", "."), ("fine", "store/web")] {
        symlink(places.path(to), places.path("one").join(name)).unwrap();
    }
    let one = places.path("one");
    for args in [&["status"][..], &["status", "-v"], &["check"], &["status", "--json"]] {
        let args = args.iter().map(OsString::from).chain(["--dir".into(), one.clone().into()]);
        let said = run(args);
        for name in ["loop", "above"] {
            let why = format!("{} leads back to its scan directory", one.join(name).display());
            assert!(said.err.contains(&why), "{said:?}");
        }
        assert!(!said.err.contains("fine leads"), "{said:?}");
    }
}

/// A usual place that is there and empty is where the first service goes; where there is none, systemd's words
/// are named beside `--dir`.
#[test]
fn a_usual_place_that_is_empty_is_one_to_enable_in() {
    let tree = tempfile::tempdir().unwrap();
    let enable = || {
        let mut svctl = command(["enable", "nosuch"]);
        svctl.env_remove("SVDIR").env_remove("HOME").env_remove("XDG_CONFIG_HOME");
        Run::of(svctl.env("XDG_RUNTIME_DIR", tree.path()).output().unwrap())
    };
    let without = enable();
    let has_units = Path::new("/run/systemd/system").is_dir();
    if without.err.contains("cannot find a scan directory") {
        assert_eq!(without.err.contains("--system"), has_units, "{without:?}");
    }
    fs::create_dir(tree.path().join("service")).unwrap();
    let said = enable();
    assert!(!said.err.contains("cannot find a scan directory"), "{said:?}");
    assert!(said.code != 0 && !tree.path().join("service/nosuch").exists(), "{said:?}");
}

/// A store from which something is enabled already is named once.
#[test]
fn stores_are_named_once() {
    let tree = tempfile::tempdir().unwrap();
    symlink("/etc/sv/other", tree.path().join("other")).unwrap();
    let said =
        run(["enable".as_ref(), "nosuch".as_ref(), "--dir".as_ref(), tree.path().as_os_str()]);
    assert_eq!(said.err.matches("/etc/sv").count(), 1, "{said:?}");
}

#[test]
fn a_procfile_is_named_where_nothing_else_is() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("Procfile"), "web: sleep 1\n").unwrap();
    let dev = || Run::of(command(["dev"]).current_dir(tree.path()).output().unwrap());
    let said = dev();
    assert!(said.code != 0 && said.err.contains("svctl dev Procfile"), "{said:?}");
}
