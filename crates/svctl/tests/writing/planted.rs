//! What else writes: state directories of `supervise` and `scan`, and the file of `metrics`. Somebody else has planted
//! there what leads to root's files, or holds up whoever opens it.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown, symlink},
    path::Path,
    process::Command,
    time::Duration,
};

use nix::sys::stat::Mode;

use crate::arena::{self, BARE, Ended, THIEF, dir, file, inventory, limited, program};

const LIMIT: Duration = Duration::from_secs(60);

fn svctl(words: &[&dyn AsRef<std::ffi::OsStr>]) -> Ended {
    limited(Command::new(program()).args(words), LIMIT)
}

fn is_refused(ended: &Ended) {
    assert!(!ended.is_late && ended.code == Some(111), "{ended:?}");
    assert!(ended.err.contains("may write there"), "{ended:?}");
}

#[test]
fn a_state_directory_of_somebody_else_is_refused_to_root() {
    if !arena::is_root() {
        return;
    }
    let tree = arena::tree();
    let roots = dir(&tree.path().join("roots"), 0);
    let victim = file(&roots.join("victim"), "a secret", 0o600);
    let built = dir(&roots.join("web"), 0);
    file(&built.join(".svbuild"), "", 0o644);
    let place = dir(&tree.path().join("place"), THIEF);
    let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o600);
    let before = inventory(&roots);
    let own = dir(&place.join("true"), THIEF);
    let restart = own.join("restart");
    let leads: [&dyn Fn(&Path); 2] = [
        &|at| symlink(&victim, at).unwrap(),
        // Whoever opens it waits for a reader.
        &|at| nix::unistd::mkfifo(at, Mode::S_IRWXU).unwrap(),
    ];
    for plant in leads {
        plant(&restart);
        is_refused(&svctl(&[&"supervise", &"--state-dir", &place, &"--", &"/bin/true"]));
        fs::remove_file(&restart).unwrap();
    }
    // A name that leads to where root keeps what was built, and one below it.
    let link = place.join("state");
    symlink(&roots, &link).unwrap();
    for state in [&link, &link.join("new"), &place.join("new")] {
        is_refused(&svctl(&[&"scan", &definition, &"--state-dir", state]));
        is_refused(&svctl(&[&"supervise", &"--state-dir", state, &"--", &"/bin/true"]));
    }
    assert!(!place.join("new").exists());
    assert_eq!(inventory(&roots), before);
    // In one of root's own it runs.
    let state = roots.join("state");
    let once: [&dyn AsRef<std::ffi::OsStr>; 3] = [&"supervise", &"--restart", &"never"];
    let ended = svctl(&[&once[..], &[&"--state-dir", &state, &"--", &"/bin/true"]].concat());
    assert!(!ended.is_late && ended.code == Some(0), "{ended:?}");
}

#[test]
fn a_file_of_metrics_in_a_directory_of_somebody_else_is_written_with_his_rights() {
    if !arena::is_root() {
        return;
    }
    let tree = arena::tree();
    let roots = dir(&tree.path().join("roots"), 0);
    file(&roots.join("web.prom"), "a secret", 0o644);
    let before = inventory(&roots);
    let scan = dir(&tree.path().join("scan"), 0);
    let place = dir(&tree.path().join("place"), THIEF);
    let write = |to: &Path| svctl(&[&"--dir", &scan, &"metrics", &"--textfile", &to]);
    // The name of a file is replaced, wherever it leads.
    symlink(roots.join("web.prom"), place.join("web.prom")).unwrap();
    let ended = write(&place.join("web.prom"));
    assert!(!ended.is_late && ended.code == Some(0), "{ended:?}");
    let made = place.join("web.prom").symlink_metadata().unwrap();
    assert!(made.is_file() && made.uid() == THIEF, "{made:?}");
    // That of a directory leads to where the user may not write.
    let link = place.join("elsewhere");
    symlink(&roots, &link).unwrap();
    let ended = write(&link.join("web.prom"));
    assert!(!ended.is_late && ended.code == Some(111), "{ended:?}");
    assert_eq!(inventory(&roots), before);
    // A link of root's to a directory of the user.
    let of_root = tree.path().join("of-root");
    symlink(&link, &of_root).unwrap();
    let ended = write(&of_root.join("web.prom"));
    assert!(!ended.is_late && ended.code == Some(111), "{ended:?}");
    assert_eq!(inventory(&roots), before);
    chown(&place, Some(0), Some(0)).unwrap();
    let ended = write(&place.join("mine.prom"));
    assert!(!ended.is_late && ended.code == Some(0), "{ended:?}");
    assert_eq!(place.join("mine.prom").symlink_metadata().unwrap().uid(), 0);
}
