//! Directories by descriptor, step by step, where nobody less privileged can lead a step elsewhere.
//!
//! | of each step            | is asked                                                                    |
//! |-------------------------|-----------------------------------------------------------------------------|
//! | a symbolic link         | it belongs to root or this user and has one name, so nobody else planted it |
//! | a directory on the way  | for trees: root's or this user's, and others may not write there, or it is sticky |
//!
//! A descriptor that was looked at is what the next step starts from; no path is resolved twice.

use std::{
    collections::VecDeque,
    ffi::OsString,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, open, openat, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat},
    unistd::{getegid, geteuid},
};

/// Why a directory was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Distrust {
    /// Somebody else may lead elsewhere from there.
    #[error("{why}")]
    Refused { at: PathBuf, why: &'static str },
    #[error("{source}")]
    Io { at: PathBuf, doing: &'static str, source: io::Error },
}

/// What a walk asks of the directories that it goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ways {
    /// Nobody else can exchange what is in them.
    Safe,
    /// Anything.
    Any,
}

/// A directory that was reached.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) dir: OwnedFd,
    /// By way of a link.
    pub(crate) linked: bool,
}

/// More links than this go round.
const LINKS: usize = 40;

/// Opens the directory of an absolute path that only root and this user can make another.
pub(crate) fn open_safe(path: &Path) -> Result<OwnedFd, Distrust> {
    walk(None, path, Ways::Safe, Make::Nothing).map(|reached| reached.dir)
}

/// As [`open_safe`]; what is missing is made, of mode 0700.
pub(crate) fn make_safe(path: &Path) -> Result<Reached, Distrust> {
    walk(None, path, Ways::Safe, Make::All)
}

/// Opens a directory in another one. A link is followed if root or this user made it, and every link
/// behind it; a directory behind it that is missing is made, but not those above it.
pub(crate) fn enter(dir: BorrowedFd<'_>, name: &str, make: Make) -> Result<Reached, Distrust> {
    let reached = walk(Some(dir), Path::new(name), Ways::Any, make)?;
    if reached.linked && !is_trusted(&look_at(&reached.dir, Path::new(name))?) {
        let why = "the link leads to a directory of another user";
        return Err(Distrust::Refused { at: name.into(), why });
    }
    Ok(reached)
}

/// What a walk makes that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Nothing,
    Last,
    All,
}

fn walk(
    start: Option<BorrowedFd<'_>>,
    path: &Path,
    ways: Ways,
    make: Make,
) -> Result<Reached, Distrust> {
    let io_at = |doing, at: &Path, errno: Errno| Distrust::Io {
        doing,
        at: at.to_owned(),
        source: errno.into(),
    };
    let root = || {
        let root = open("/", OPEN_DIR, Mode::empty());
        root.map_err(|errno| io_at("open", Path::new("/"), errno))
    };
    let mut steps: VecDeque<OsString> = path.iter().map(Into::into).collect();
    let (mut here, mut at) = match start {
        Some(dir) => {
            let dir = dir.try_clone_to_owned();
            let fail = |source| Distrust::Io { doing: "open", at: path.to_owned(), source };
            (dir.map_err(fail)?, PathBuf::new())
        }
        None => (root()?, PathBuf::from("/")),
    };
    let mut links = 0;
    while let Some(step) = steps.pop_front() {
        if step == "/" {
            (here, at) = (root()?, PathBuf::from("/"));
            continue;
        }
        if ways == Ways::Safe {
            check(&look_at(&here, &at)?, &at)?;
        }
        let to = at.join(&step);
        let stat = match fstatat(&here, &*step, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::ENOENT) if make == Make::All || (make == Make::Last && steps.is_empty()) => {
                match mkdirat(&here, &*step, Mode::S_IRWXU) {
                    // Somebody else's is looked at as what it is.
                    Ok(()) | Err(Errno::EEXIST) => (),
                    Err(errno) => return Err(io_at("make", &to, errno)),
                }
                steps.push_front(step);
                continue;
            }
            Err(errno) => return Err(io_at("open", &to, errno)),
        };
        if is(&stat, SFlag::S_IFLNK) {
            links += 1;
            if links > LINKS {
                return Err(io_at("open", &to, Errno::ELOOP));
            }
            if !is_trusted(&stat) || stat.st_nlink != 1 {
                let why = "it is a symbolic link that another user may have made";
                return Err(Distrust::Refused { at: to, why });
            }
            let target =
                readlinkat(&here, &*step).map_err(|errno| io_at("read the link", &to, errno))?;
            let after = fstatat(&here, &*step, AtFlags::AT_SYMLINK_NOFOLLOW)
                .map_err(|errno| io_at("open", &to, errno))?;
            // What a link says never changes, so it is what the one that was looked at says.
            if (after.st_dev, after.st_ino) != (stat.st_dev, stat.st_ino) {
                return Err(Distrust::Refused { at: to, why: "somebody changes it" });
            }
            for part in Path::new(&target).iter().rev() {
                steps.push_front(part.to_owned());
            }
            continue;
        }
        here = openat(&here, &*step, OPEN_DIR | OFlag::O_NOFOLLOW, Mode::empty())
            .map_err(|errno| io_at("open", &to, errno))?;
        at = to;
    }
    Ok(Reached { dir: here, linked: links > 0 })
}

/// Searching it is enough.
#[cfg(target_os = "linux")]
const OPEN_DIR: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);
#[cfg(not(target_os = "linux"))]
const OPEN_DIR: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

fn look_at(dir: impl AsFd, at: &Path) -> Result<FileStat, Distrust> {
    fstat(dir).map_err(|errno| Distrust::Io {
        doing: "look at",
        at: at.to_owned(),
        source: errno.into(),
    })
}

/// Whether nobody else can exchange what is in this directory.
fn check(dir: &FileStat, at: &Path) -> Result<(), Distrust> {
    let refuse = |why| Err(Distrust::Refused { at: at.to_owned(), why });
    if !is_trusted(dir) {
        return refuse("it belongs to another user, who may put something else there");
    }
    let by_others = dir.st_mode & Mode::S_IWOTH.bits() != 0;
    let by_group = dir.st_mode & Mode::S_IWGRP.bits() != 0;
    // The group that this user is in by itself is often the user's alone.
    let is_own_group = dir.st_gid == getegid().as_raw() || dir.st_gid == 0;
    let is_sticky = dir.st_mode & Mode::S_ISVTX.bits() != 0;
    if (by_others || (by_group && !is_own_group)) && !is_sticky {
        return refuse(
            "other users may write there, and exchange what is in it (it is not sticky)",
        );
    }
    Ok(())
}

/// Root's, or this user's.
pub(crate) fn is_trusted(stat: &FileStat) -> bool {
    let uid = stat.st_uid;
    uid == 0 || uid == geteuid().as_raw() || is_unmapped(uid)
}

/// Whether this is how users outside of this user namespace are shown, root among them.
#[cfg(target_os = "linux")]
fn is_unmapped(uid: u32) -> bool {
    const NOBODY: u32 = 65534;
    if uid != NOBODY {
        return false;
    }
    // A map of all users to themselves is that of a system, where it is a user like any other.
    std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
        let mut ranges = map.lines().filter_map(|line| {
            let mut numbers = line.split_ascii_whitespace().map(str::parse::<u64>);
            Some((numbers.next()?.ok()?, numbers.nth(1)?.ok()?))
        });
        !ranges.any(|(from, count)| (from..from.saturating_add(count)).contains(&NOBODY.into()))
    })
}

#[cfg(not(target_os = "linux"))]
const fn is_unmapped(_: u32) -> bool {
    false
}

/// Whether a file is of this type.
pub(crate) fn is(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn why(path: &Path) -> String {
        open_safe(path).unwrap_err().to_string()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_way_that_others_may_change_is_refused_and_a_sticky_one_is_not() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("shared/own");
        fs::create_dir_all(&dir).unwrap();
        open_safe(&dir).unwrap();
        set_mode(dir.parent().unwrap(), 0o777);
        assert!(why(&dir).contains("not sticky"), "{}", why(&dir));
        set_mode(dir.parent().unwrap(), 0o1777);
        open_safe(&dir).unwrap();
    }

    #[test]
    fn a_link_of_ones_own_is_followed_and_one_that_goes_round_is_not() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("a/b");
        fs::create_dir_all(&dir).unwrap();
        symlink("../c", place.path().join("a/link")).unwrap();
        symlink("a/b", place.path().join("c")).unwrap();
        let through = open_safe(&place.path().join("a/link")).unwrap();
        let direct = open_safe(&dir).unwrap();
        assert_eq!(fstat(&through).unwrap().st_ino, fstat(&direct).unwrap().st_ino);
        symlink("round", place.path().join("round")).unwrap();
        assert!(matches!(open_safe(&place.path().join("round")), Err(Distrust::Io { .. })));
    }

    #[test]
    fn what_is_missing_is_made_for_its_user_alone() {
        let place = tempfile::tempdir().unwrap();
        assert!(!make_safe(&place.path().join("a/b/c")).unwrap().linked);
        let mode = fs::metadata(place.path().join("a")).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o7777, 0o700);
        make_safe(&place.path().join("a/b/c")).unwrap();
        let dir = open_safe(place.path()).unwrap();
        symlink("to/come", place.path().join("supervise")).unwrap();
        assert!(enter(dir.as_fd(), "supervise", Make::Last).is_err());
        fs::create_dir(place.path().join("to")).unwrap();
        assert!(enter(dir.as_fd(), "supervise", Make::Nothing).is_err());
        assert!(enter(dir.as_fd(), "supervise", Make::Last).unwrap().linked);
        assert!(place.path().join("to/come").is_dir());
    }
}
