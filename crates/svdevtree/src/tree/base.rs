//! The directories of a tree: where it is, what is in it, whether it may be used.
//!
//! | name        | is                                                          |
//! |-------------|-------------------------------------------------------------|
//! | `services/` | service directories                                         |
//! | `enabled/`  | the scan directory: links to them                           |
//! | `logs/`     | a file for each service that writes no log of its own; `engine` has what the engine says |
//! | `lock`      | locked by the keeper                                        |
//! | `cgroup`    | where the control group of the tree is, if there is one    |
//!
//! A tree is only where nobody but root and its user can exchange a directory on the way to it, so what was
//! looked at once is the same when its path is used. In a temporary directory that is sticky.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Component, Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use svclient::Service;

use super::{cgroup, error::TreeError, log::LOGS, processes};
use crate::trusted;

pub(super) const SERVICES: &str = "services";
pub(super) const ENABLED: &str = "enabled";
pub(super) const LOCK: &str = "lock";

/// Where trees are kept by default: `$XDG_RUNTIME_DIR`, which is the user's alone and gone after the
/// last logout; else the temporary directory. One from which no program may be executed will not do.
pub(super) fn parent() -> PathBuf {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usable = runtime.filter(|dir| dir.is_absolute() && is_own(dir) && !is_noexec(dir));
    usable.unwrap_or_else(env::temp_dir)
}

/// The directory of all trees of this user that have a name. In the temporary directory other users have
/// theirs.
pub(super) fn trees_dir() -> PathBuf {
    parent().join(format!("svdevtree-{}", nix::unistd::geteuid()))
}

fn is_own(dir: &Path) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    // The directory itself: a link is whoever's made it.
    fs::symlink_metadata(dir).is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == own)
}

#[cfg(target_os = "linux")]
fn is_noexec(dir: &Path) -> bool {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    statvfs(dir).is_ok_and(|stat| stat.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

#[cfg(not(target_os = "linux"))]
const fn is_noexec(_: &Path) -> bool {
    false
}

/// What becomes of a tree when its owner has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// What is in it goes, and the directory too if it is among those that have a name.
    Goes,
    /// All of it goes; nobody knows its name before.
    Temporary,
}

impl Fate {
    const ALL: [Self; 3] = [Self::Stays, Self::Goes, Self::Temporary];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Stays => "stays",
            Self::Goes => "goes",
            Self::Temporary => "temporary",
        }
    }

    pub(super) fn from_name(name: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.name() == name)
    }
}

/// How a temporary tree is called, before six characters that nobody can guess.
const TEMPORARY: &str = "svdevtree-";
/// One that is younger may have no lock yet.
const STALE: Duration = Duration::from_secs(60);
/// How long what is left in a stale one may take to end.
const SWEEPING: Duration = Duration::from_secs(2);

/// A fresh directory of mode 0700. What programs have left there that were killed together with keeper and
/// guard goes before.
pub(super) fn make_temporary(parent: &Path) -> Result<PathBuf, TreeError> {
    trusted::open_safe(parent).map_err(|error| distrust(parent, error))?;
    sweep(parent);
    let template = parent.join(format!("{TEMPORARY}XXXXXX"));
    nix::unistd::mkdtemp(&template)
        .map_err(|errno| TreeError::io("make a directory in", parent, errno))
}

/// Removes temporary trees of this user that nobody has.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let is_temporary = |name: &OsStr| {
        name.to_str().and_then(|name| name.strip_prefix(TEMPORARY)).is_some_and(|it| it.len() == 6)
    };
    let named = entries.filter_map(Result::ok).filter(|entry| is_temporary(&entry.file_name()));
    for base in named.map(|entry| entry.path()).filter(|base| is_own(base)) {
        let lock = fs::symlink_metadata(base.join(LOCK)).and_then(|lock| lock.modified());
        let age = lock.ok().and_then(|lock| SystemTime::now().duration_since(lock).ok());
        if age.is_some_and(|age| age > STALE) {
            if let Ok(_lock) = lock_now(&base) {
                let left = processes::end_left(&base, Instant::now() + SWEEPING);
                if left.is_empty() {
                    let _stays = fs::remove_dir_all(&base);
                }
            }
        }
    }
}

fn distrust(base: &Path, error: svtrust::Error) -> TreeError {
    let base = base.to_owned();
    match error {
        svtrust::Error::Untrusted { path, why } if path == base => {
            TreeError::NotATree { base, why: format!("{why}, who could put something else there") }
        }
        svtrust::Error::Untrusted { path, why } => {
            let why = format!("{}: {why}, who could put something else there", path.display());
            TreeError::NotATree { base, why }
        }
        svtrust::Error::Io { doing, path, source } => TreeError::io(doing, &path, source),
        other => TreeError::io("find", &base, io::Error::other(other)),
    }
}

/// Makes what is missing and sees to the modes; changes nothing where all is well.
pub(super) fn ensure(base: &Path) -> Result<(), TreeError> {
    let unusable = |why: &str| TreeError::NotATree { base: base.to_owned(), why: why.to_owned() };
    if base.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(unusable("it is no directory"));
    }
    let dir = trusted::make_safe(base).map_err(|error| distrust(base, error))?;
    // From here on nobody else leads the path elsewhere.
    let stat =
        nix::sys::stat::fstat(&dir).map_err(|errno| TreeError::io("look at", base, errno))?;
    if stat.st_uid != nix::unistd::geteuid().as_raw() {
        return Err(unusable("it belongs to another user"));
    }
    if !is_tree(base)? {
        return Err(unusable("it has something else in it"));
    }
    if is_noexec(base) {
        return Err(unusable("no program may be executed there (mounted noexec)"));
    }
    restrict(base)?;
    for name in [SERVICES, ENABLED, LOGS] {
        let dir = base.join(name);
        match fs::symlink_metadata(&dir) {
            Ok(metadata) if metadata.is_dir() => (),
            Ok(_) => return Err(unusable(&format!("{name} in it is no directory"))),
            Err(_) => directory(&dir)?,
        }
    }
    Ok(())
}

/// Makes the tree and takes its lock.
pub(super) fn take(base: &Path) -> Result<Flock<File>, TreeError> {
    let mut attempts = 0..3;
    loop {
        let taken = ensure(base).and_then(|()| lock(base));
        match taken {
            // Who had it has just removed it.
            Err(TreeError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempts.next().is_some() => {}
            taken => return taken,
        }
    }
}

/// Takes the lock of a tree. It belongs to the open file, so it ends with whoever has that, and no child
/// inherits it.
pub(super) fn lock(base: &Path) -> Result<Flock<File>, TreeError> {
    let mut lock = lock_now(base)?;
    // For the message only: what counts is the lock.
    let text = format!("process {}\n", nix::unistd::getppid());
    let _who_is_not_known = lock.set_len(0).and_then(|()| lock.write_all(text.as_bytes()));
    Ok(lock)
}

fn lock_now(base: &Path) -> Result<Flock<File>, TreeError> {
    let path = base.join(LOCK);
    let fail = |error: io::Error| TreeError::io("open", &path, error);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
    let file = options.open(&path).map_err(fail)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => {
            let (ours, there) = (lock.metadata(), fs::symlink_metadata(&path));
            match (ours, there) {
                (Ok(ours), Ok(there)) if ours.ino() == there.ino() => Ok(lock),
                // Whoever had it has removed the tree meanwhile.
                _ => Err(fail(io::ErrorKind::NotFound.into())),
            }
        }
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut by = String::new();
            let _nobody_known = file.read_to_string(&mut by);
            let by = if by.is_empty() { "another program" } else { by.trim_end() };
            Err(TreeError::Held { base: base.to_owned(), by: by.to_owned() })
        }
        Err((_, errno)) => Err(TreeError::io("lock", &path, errno)),
    }
}

/// The process that has a tree, by its lock. What somebody else has made says nothing.
pub(super) fn holder(base: &Path) -> Option<u32> {
    if !is_own(base) {
        return None;
    }
    let mut options = File::options();
    options.read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
    let file = options.open(base.join(LOCK)).ok()?;
    if file.metadata().ok()?.uid() != nix::unistd::geteuid().as_raw() {
        return None;
    }
    let Err((file, Errno::EWOULDBLOCK)) = Flock::lock(file, FlockArg::LockSharedNonblock) else {
        return None;
    };
    let mut by = String::new();
    file.take(64).read_to_string(&mut by).ok()?;
    by.trim_end().strip_prefix("process ")?.parse().ok()
}

/// Removes what is in a tree, but for its lock.
pub(super) fn clear(base: &Path) -> Result<(), TreeError> {
    for name in [SERVICES, ENABLED, LOGS] {
        let dir = base.join(name);
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(TreeError::io("remove", &dir, error));
            }
            _ => (),
        }
    }
    Ok(())
}

/// Removes what is to go; for whoever has the lock.
pub(super) fn remove(base: &Path, fate: Fate) -> Result<(), TreeError> {
    match fate {
        Fate::Stays => Ok(()),
        Fate::Temporary => match fs::remove_dir_all(base) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(TreeError::io("remove", base, error))
            }
            _ => Ok(()),
        },
        Fate::Goes => {
            clear(base)?;
            let _removed_already = fs::remove_file(base.join(cgroup::NOTE));
            let _removed_already = fs::remove_file(base.join(LOCK));
            let all = trees_dir();
            if base.parent() == Some(&all) {
                // What is not ours keeps them.
                let _used = fs::remove_dir(base).and_then(|()| fs::remove_dir(all));
            }
            Ok(())
        }
    }
}

/// A path in a tree, by way of no link.
pub(super) fn beneath(base: &Path, path: &Path) -> io::Result<PathBuf> {
    let refused = || io::Error::from_raw_os_error(nix::libc::EPERM);
    let inside = path.strip_prefix(base).map_err(|_| refused())?;
    let mut at = base.to_owned();
    for part in inside.components() {
        let Component::Normal(part) = part else { return Err(refused()) };
        at.push(part);
        if fs::symlink_metadata(&at).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(refused());
        }
    }
    if at == base { Err(refused()) } else { Ok(at) }
}

/// Empty, or made by us: nothing of somebody's home becomes a tree by a mistake in a path.
fn is_tree(base: &Path) -> Result<bool, TreeError> {
    let known = [SERVICES, ENABLED, LOGS, LOCK, cgroup::NOTE];
    let entries = fs::read_dir(base).map_err(|error| TreeError::io("list", base, error))?;
    let mut is_empty = true;
    let mut has_known = false;
    for entry in entries.filter_map(Result::ok) {
        is_empty = false;
        has_known |= known.iter().any(|name| entry.file_name() == *name);
    }
    Ok(is_empty || has_known)
}

fn directory(dir: &Path) -> Result<(), TreeError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| TreeError::io("make", dir, error))
}

fn restrict(base: &Path) -> Result<(), TreeError> {
    let fail = |error| TreeError::io("restrict", base, error);
    let mode = fs::metadata(base).map_err(fail)?.permissions().mode();
    if mode & 0o7777 != 0o700 {
        fs::set_permissions(base, fs::Permissions::from_mode(0o700)).map_err(fail)?;
    }
    Ok(())
}

/// A service directory that is supervised although no keeper has the tree.
pub(super) fn still_supervised(base: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(base.join(SERVICES)).ok()?;
    let dirs = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut services = dirs.filter_map(|dir| Service::open(dir).ok());
    let is_alive =
        |service: &Service| service.status().is_ok_and(|it| it.liveness().is_alive() == Some(true));
    services
        .find(|service| is_alive(service) || service.log().is_some_and(|log| is_alive(&log)))
        .map(|service| service.dir().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_tree_is_made_once_for_its_user_alone() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().join("a/b/tree");
        for _ in 0..2 {
            ensure(&base).unwrap();
            assert_eq!(mode(&base), 0o700);
            assert_eq!(mode(&base.join(SERVICES)), 0o700);
        }
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
        ensure(&base).unwrap();
        assert_eq!(mode(&base), 0o700);
    }

    #[test]
    fn a_directory_with_something_else_in_it_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("letter"), "").unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let error = ensure(place.path()).unwrap_err();
        assert!(matches!(error, TreeError::NotATree { .. }), "{error:?}");
        assert_eq!(mode(place.path()), 0o755);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_keeper_writes_is_in_its_tree() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().join("tree");
        ensure(&base).unwrap();
        let inside = base.join("services/web/run");
        assert_eq!(beneath(&base, &inside).unwrap(), inside);
        std::os::unix::fs::symlink("/etc", base.join("services/link")).unwrap();
        let outside =
            ["/etc/passwd", "services/../../letter", "services/link", "services/link/x", ""];
        for path in outside.map(|path| base.join(path)) {
            assert!(beneath(&base, &path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_tree_that_goes_leaves_what_is_not_its_own() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().join("tree");
        drop(take(&base).unwrap());
        fs::write(base.join("logs/web"), "").unwrap();
        fs::write(base.join("letter"), "").unwrap();
        remove(&base, Fate::Goes).unwrap();
        let left: Vec<_> = fs::read_dir(&base).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, ["letter"]);
    }

    #[test]
    fn neither_a_link_nor_a_file_is_a_tree() {
        let place = tempfile::tempdir().unwrap();
        let (real, link, file) =
            (place.path().join("real"), place.path().join("link"), place.path().join("file"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        fs::write(&file, "").unwrap();
        for path in [link, file] {
            assert!(matches!(ensure(&path), Err(TreeError::NotATree { .. })), "{path:?}");
        }
    }
}
