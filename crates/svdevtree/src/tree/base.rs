//! The directories of a tree: where it is, what is in it, whether it may be used.
//!
//! | name        | is                                                          |
//! |-------------|-------------------------------------------------------------|
//! | `services/` | service directories                                         |
//! | `enabled/`  | the scan directory: links to them                           |
//! | `logs/`     | a file for each service that writes no log of its own; `engine` has what the engine says |
//! | `lock`      | locked by the keeper                                        |

use std::{
    env,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use svclient::Service;

use super::error::TreeError;

pub(super) const SERVICES: &str = "services";
pub(super) const ENABLED: &str = "enabled";
pub(super) const LOGS: &str = "logs";
pub(super) const LOCK: &str = "lock";

/// What the engine writes to its standard output and error, and services that send theirs nowhere.
pub(super) fn engine_log(base: &Path) -> PathBuf {
    base.join(LOGS).join(".engine")
}

/// Where trees are kept by default: `$XDG_RUNTIME_DIR`, which is the user's alone and gone after the
/// last logout; else the temporary directory. One from which no program may be executed will not do.
pub(super) fn parent() -> PathBuf {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usable = runtime.filter(|dir| dir.is_absolute() && is_own(dir) && !is_noexec(dir));
    usable.unwrap_or_else(env::temp_dir)
}

/// The directory of all trees of this user that have a name. In the temporary directory other users have
/// theirs.
pub(super) fn home() -> PathBuf {
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

/// A fresh directory with a name that nobody can guess, of mode 0700.
pub(super) fn make_temporary(parent: &Path) -> io::Result<PathBuf> {
    Ok(nix::unistd::mkdtemp(&parent.join("svdevtree-XXXXXX"))?)
}

/// Makes what is missing and sees to the modes; changes nothing where all is well.
pub(super) fn ensure(base: &Path) -> Result<(), TreeError> {
    let unusable = |why: &str| TreeError::NotATree { base: base.to_owned(), why: why.to_owned() };
    if let Some(parent) = base.parent().filter(|parent| !parent.exists()) {
        directory(parent)?;
    }
    // Anybody may have made that one, to have what is in it.
    if base.parent().is_some_and(|parent| parent == home() && !is_own(parent)) {
        return Err(unusable("the directory that it is in belongs to another user"));
    }
    match base.symlink_metadata() {
        Ok(metadata) if !metadata.is_dir() => return Err(unusable("it is no directory")),
        Ok(metadata) if metadata.uid() != nix::unistd::geteuid().as_raw() => {
            return Err(unusable("it belongs to another user"));
        }
        Ok(_) if !is_tree(base)? => return Err(unusable("it has something else in it")),
        Ok(_) => (),
        Err(_) => directory(base)?,
    }
    if is_noexec(base) {
        return Err(unusable("no program may be executed there (mounted noexec)"));
    }
    restrict(base)?;
    for name in [SERVICES, ENABLED, LOGS] {
        let dir = base.join(name);
        if !dir.is_dir() {
            directory(&dir)?;
        }
    }
    Ok(())
}

/// Takes the lock of a tree. It belongs to the open file, so it ends with whoever has that, and no child
/// inherits it.
pub(super) fn lock(base: &Path) -> Result<Flock<File>, TreeError> {
    let path = base.join(LOCK);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
    let file = options.open(&path).map_err(|error| TreeError::io("open", &path, error))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            // For the message only: what counts is the lock.
            let text = format!("process {}\n", nix::unistd::getppid());
            let _who_is_not_known = lock.set_len(0).and_then(|()| lock.write_all(text.as_bytes()));
            Ok(lock)
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

/// Empty, or made by us: nothing of somebody's home becomes a tree by a mistake in a path.
fn is_tree(base: &Path) -> Result<bool, TreeError> {
    let known = [SERVICES, ENABLED, LOGS, LOCK];
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
        |service: &Service| service.status().is_ok_and(|it| it.liveness.is_alive() == Some(true));
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
