//! Writing and removing unit files: complete or not at all, in directories that the manager reads.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    Action, Bus, Error, PropertyValue,
    error::{BusError, Subject},
    wire::call::MANAGER,
};

/// Where the manager looks for unit files of its administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dirs {
    /// They stay: `/etc/systemd/system`, or `~/.config/systemd/user`.
    pub(crate) lasting: PathBuf,
    /// They are gone with the next boot: `/run/systemd/system`, or `/run/user/UID/systemd/user`.
    pub(crate) runtime: PathBuf,
}

impl Dirs {
    /// Asks the manager itself, which knows its own and its environment.
    pub(crate) async fn of(bus: &Bus, action: Action) -> Result<Self, Error> {
        let (_, name) = Self::QUESTION;
        Self::answered(action, bus.manager_property(action, name).await?.as_ref())
    }

    /// The property that names them.
    pub(crate) const QUESTION: (&str, &str) = (MANAGER, "UnitPath");

    /// From the value of that property.
    pub(crate) fn answered(action: Action, paths: Option<&PropertyValue>) -> Result<Self, Error> {
        let paths = paths.map(PropertyValue::fields).unwrap_or_default();
        let paths: Vec<&str> = paths.iter().filter_map(PropertyValue::text).collect();
        Self::among(&paths).ok_or_else(|| Error::Manager {
            action,
            subject: Subject::Manager.to_string(),
            source: BusError::of("it names no directory for unit files"),
        })
    }

    /// The manager names them in the order of their weight; those of others than the administrator
    /// (`systemd/system.control`, `transient`, `generator`) have other names.
    pub(crate) fn among(paths: &[&str]) -> Option<Self> {
        let own =
            |path: &&&str| path.ends_with("/systemd/system") || path.ends_with("/systemd/user");
        let in_run = |path: &&&str| path.starts_with("/run/");
        let lasting = paths.iter().filter(own).find(|path| !in_run(path))?;
        let runtime = paths.iter().filter(own).find(in_run)?;
        Some(Self { lasting: lasting.into(), runtime: runtime.into() })
    }
}

/// Writes a file so that it appears complete or not at all, and is there after a crash.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    let failure = |doing| move |source| Error::Io { doing, path: path.to_owned(), source };
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir).map_err(failure("make the directory of"))?;
    let fresh = fresh(dir);
    let written = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(&fresh)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&fresh, path))
        .and_then(|()| fs::File::open(dir)?.sync_all());
    if written.is_err() {
        let _unmade = fs::remove_file(&fresh);
    }
    written.map_err(failure("write"))
}

/// A name that no manager takes for a unit or a drop-in, and nobody else has.
fn fresh(dir: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    dir.join(format!(".svsystemd.{}.{number}.new", process::id()))
}

/// Removes a file, and its directory if that is a directory of drop-ins and empty then. `false` if
/// it was not there.
pub(crate) fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => (),
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(Error::Io { doing: "remove", path: path.to_owned(), source }),
    }
    if let Some(dir) = path.parent().filter(|dir| dir.extension().is_some_and(|it| it == "d")) {
        // Other drop-ins keep it.
        let _stays = fs::remove_dir(dir);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_names_its_directories() {
        let system = [
            "/etc/systemd/system.control",
            "/run/systemd/system.control",
            "/run/systemd/transient",
            "/run/systemd/generator.early",
            "/etc/systemd/system",
            "/etc/systemd/system.attached",
            "/run/systemd/system",
            "/usr/lib/systemd/system",
        ];
        let dirs = Dirs::among(&system).unwrap();
        assert_eq!(dirs.lasting, Path::new("/etc/systemd/system"));
        assert_eq!(dirs.runtime, Path::new("/run/systemd/system"));
        let user = [
            "/home/u/.config/systemd/user.control",
            "/run/user/1/systemd/user.control",
            "/home/u/.config/systemd/user",
            "/etc/systemd/user",
            "/run/user/1/systemd/user",
            "/run/systemd/user",
        ];
        let dirs = Dirs::among(&user).unwrap();
        assert_eq!(dirs.lasting, Path::new("/home/u/.config/systemd/user"));
        assert_eq!(dirs.runtime, Path::new("/run/user/1/systemd/user"));
        assert_eq!(Dirs::among(&[]), None);
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.service.d/zz.conf");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(remove(&path).unwrap());
        assert!(!path.parent().unwrap().exists());
        assert!(!remove(&path).unwrap());
    }
}
