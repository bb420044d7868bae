//! Ways on a real disk. What takes another user's files is left out without root, and `svctl`'s
//! tests have it as attacks.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink},
};

use super::*;

/// Somebody who is not the one who runs the tests.
const OTHER: u32 = 4711;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn why(path: &Path) -> Option<Distrust> {
    match walk(path) {
        Ok(walked) => {
            assert_eq!(walked.missing, [""; 0], "{path:?}");
            None
        }
        Err(Error::Untrusted { why, .. }) => Some(why),
        Err(error) => panic!("{path:?}: {error:?}"),
    }
}

fn inode(dir: &OwnedFd) -> u64 {
    rustix::fs::fstat(dir).unwrap().st_ino
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_way_that_others_may_change_is_refused_and_a_sticky_one_is_not() {
    let place = tempfile::tempdir().unwrap();
    let (above, dir) = (place.path().join("above"), place.path().join("above/dir"));
    fs::create_dir_all(&dir).unwrap();
    symlink("above/../above/dir", place.path().join("link")).unwrap();
    let all = Some(Distrust::Everybody);
    for path in [&above, &dir] {
        for (mode, expected) in
            [(0o777, all), (0o757, all), (0o755, None), (0o1777, None), (0o700, None)]
        {
            set_mode(path, mode);
            for way in [dir.clone(), place.path().join("link")] {
                assert_eq!(why(&way), expected, "{mode:o} {path:?} {way:?}");
            }
        }
        set_mode(path, 0o755);
    }
    if !is_root() {
        return;
    }
    chown(&above, Some(OTHER), None).unwrap();
    assert_eq!(why(&dir), Some(Distrust::Owner(OTHER)));
    // Its owner may do so in a sticky directory, too.
    set_mode(&above, 0o1777);
    assert_eq!(why(&dir), Some(Distrust::Owner(OTHER)));
    chown(&above, Some(0), Some(OTHER)).unwrap();
    for (mode, expected) in [(0o755, None), (0o2755, None), (0o2775, Some(Distrust::Group(OTHER)))]
    {
        set_mode(&above, mode);
        assert_eq!(why(&dir), expected, "{mode:o}");
    }
}

#[test]
fn a_link_is_followed_if_nobody_else_can_have_put_it_there() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("a/b")).unwrap();
    symlink("../c", at("a/link")).unwrap();
    symlink("a/b", at("c")).unwrap();
    let through = walk(&at("a/link")).unwrap();
    assert!(through.linked);
    let direct = walk(&at("a/b/../../a/./b")).unwrap();
    assert!(!direct.linked);
    assert_eq!(inode(&through.dir), inode(&direct.dir));
    assert_eq!(through.path, direct.path);
    symlink("round", at("round")).unwrap();
    assert!(matches!(walk(&at("round")), Err(Error::Io { .. })));
    // A second name is as good as the first where nobody else can have made it.
    fs::hard_link(at("c"), at("second")).unwrap();
    assert_eq!(why(&at("second")), None);
    set_mode(place.path(), 0o1777);
    assert_eq!(why(&at("second")), Some(Distrust::SecondName));
    if is_root() {
        fs::remove_file(at("second")).unwrap();
        assert_eq!(why(&at("c")), None);
        lchown(at("c"), Some(OTHER), None).unwrap();
        for path in ["c", "a/link"] {
            assert_eq!(why(&at(path)), Some(Distrust::Owner(OTHER)), "{path}");
        }
    }
}

#[test]
fn what_is_missing_is_said_and_nothing_is_made() {
    let place = tempfile::tempdir().unwrap();
    let walked = walk(&place.path().join("a/b")).unwrap();
    assert_eq!(walked.missing, ["a", "b"]);
    assert_eq!(inode(&walked.dir), inode(&walk(place.path()).unwrap().dir));
    symlink("to/come", place.path().join("link")).unwrap();
    let walked = walk(&place.path().join("link/more")).unwrap();
    assert_eq!(
        (walked.missing, walked.linked),
        (vec!["to".into(), "come".into(), "more".into()], true)
    );
    assert!(walk(&place.path().join("a/../b")).is_err());
    fs::write(place.path().join("file"), "").unwrap();
    let Err(Error::Io { source, .. }) = walk(&place.path().join("file/x")) else { panic!() };
    assert_eq!(source.raw_os_error(), Some(Errno::NOTDIR.raw_os_error()));
}

#[test]
fn from_a_directory_only_links_are_asked() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("service")).unwrap();
    fs::create_dir_all(at("elsewhere/web")).unwrap();
    set_mode(&at("elsewhere"), 0o777);
    symlink("../elsewhere/web", at("service/supervise")).unwrap();
    symlink(at("elsewhere/log"), at("service/log")).unwrap();
    let dir = walk(&at("service")).unwrap().dir;
    let from = |name: &str| walk_from(dir.as_fd(), Path::new(name));
    let reached = from("supervise").unwrap();
    assert!(reached.linked && reached.missing.is_empty());
    assert_eq!(inode(&reached.dir), fs::metadata(at("elsewhere/web")).unwrap().ino());
    assert_eq!(from("log").unwrap().missing, ["log"]);
    fs::hard_link(at("service/log"), at("elsewhere/second")).unwrap();
    let why = from("log").map(drop).unwrap_err().to_string();
    assert!(why.contains("second name"), "{why}");
    if is_root() {
        lchown(at("service/supervise"), Some(OTHER), None).unwrap();
        assert!(matches!(from("supervise"), Err(Error::Untrusted { .. })));
    }
}

/// What `setfacl -m user:4711:rwx` does.
#[cfg(target_os = "linux")]
#[test]
fn an_access_list_is_read_where_a_mode_looks_like_the_groups() {
    let place = tempfile::tempdir().unwrap();
    let (none, dir) = (u32::MAX, place.path().join("dir"));
    fs::create_dir(&dir).unwrap();
    let set = |who: u32, mask: u16| {
        let mut list = 2u32.to_le_bytes().to_vec();
        for (tag, rights, id) in
            [(1u16, 7u16, none), (2, 7, who), (4, 5, none), (16, mask, none), (32, 5, none)]
        {
            list.extend(tag.to_le_bytes());
            list.extend(rights.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&dir, "system.posix_acl_access", &list, flags)
    };
    if set(OTHER, 7) == Err(Errno::OPNOTSUPP) {
        // The literals of `others.rs` are all that can be tried there.
        return;
    }
    assert_eq!(why(&dir), Some(Distrust::User(OTHER)));
    set(OTHER, 5).unwrap();
    assert_eq!(why(&dir), None);
    set(rustix::process::geteuid().as_raw(), 7).unwrap();
    assert_eq!(why(&dir), None);
}
