//! Which version of a suite supervises a service: by the program that runs, else by what is
//! installed. Nothing is started for that; it is what the program's path and the package managers'
//! files say.

mod packages;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
};

use svproto::{Dialect, Pid, Version};

use crate::{Service, liveness, node};

/// Finds versions, and remembers what package managers said: to read their files takes longer than
/// anything else here.
///
/// ```no_run
/// use svclient::{Op, Service, Versions};
///
/// let web = Service::open("/run/service/web")?;
/// let web = match Versions::new().of(&web) {
///     Some(found) => web.of_version(found.version),
///     None => web,
/// };
/// web.send(Op::Reload)?;
/// # Ok::<(), svclient::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Versions {
    known: HashMap<(PathBuf, PathBuf), Option<(Version, String)>>,
}

/// A version, and what it is known from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundVersion {
    /// The version.
    pub version: Version,
    /// The suite it is of.
    pub dialect: Dialect,
    /// The supervisor's program, as its own processes see it.
    pub program: PathBuf,
    /// The supervisor's process, where that told its program; `None` where the program is the
    /// installed one, and another might run.
    pub running: Option<Pid>,
    /// Who told: `dpkg, package s6 2.15.1.0-1`.
    pub source: String,
}

impl fmt::Display for FoundVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, dialect, program, running, source } = self;
        let (version, program) = (version.of(*dialect), program.display());
        write!(f, "{dialect} {version}, by {source}: ")?;
        match running {
            Some(pid) => write!(f, "its supervisor is {program} (pid {pid})"),
            None => write!(f, "the installed supervisor is {program}"),
        }
    }
}

impl Versions {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The version of what supervises this service; `None` where that is not known for sure: nobody
    /// packaged it, or its program was replaced since it was started.
    pub fn of(&mut self, service: &Service) -> Option<FoundVersion> {
        let dialect = service.dialect()?;
        let supervisor = liveness::supervisor(service.handle(), dialect);
        match supervisor.and_then(|pid| Some((pid, program_of(pid)?))) {
            Some((pid, Program::At { root, path })) => self.find(dialect, root, path, Some(pid)),
            Some((_, Program::Replaced)) => None,
            None => {
                let program = installed(dialect)?;
                self.find(dialect, PathBuf::from("/"), program, None)
            }
        }
    }

    fn find(
        &mut self,
        dialect: Dialect,
        root: PathBuf,
        program: PathBuf,
        running: Option<Pid>,
    ) -> Option<FoundVersion> {
        let key = (root, program);
        if !self.known.contains_key(&key) {
            let (root, program) = &key;
            let found = packages::find(dialect, root, program);
            self.known.insert(key.clone(), found.or_else(|| by_path(dialect, program)));
        }
        let known = self.known.get(&key)?.clone();
        let (version, source) = known?;
        Some(FoundVersion { version, dialect, program: key.1, running, source })
    }
}

/// What a process runs.
enum Program {
    At {
        /// The root directory of the process, from here.
        root: PathBuf,
        /// From that root.
        path: PathBuf,
    },
    /// Another file is there by now, so what is known of that says nothing of the process.
    Replaced,
}

/// `None` where it is not told: another user's, or another pid namespace.
fn program_of(pid: Pid) -> Option<Program> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let path = std::fs::read_link(process.join("exe")).ok()?;
    if path.to_str().is_some_and(|path| path.ends_with(" (deleted)")) {
        return Some(Program::Replaced);
    }
    let identity = |root: &Path| Some(node::identity(&node::stat(root).ok()??));
    let root = process.join("root");
    // As a rule its root is ours, and has a name that stays.
    let root = if identity(&root) == identity(Path::new("/")) { "/".into() } else { root };
    Some(Program::At { root, path })
}

/// The supervisor that a scanner would find.
fn installed(dialect: Dialect) -> Option<PathBuf> {
    let usual = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/command"].map(PathBuf::from);
    let mut places = usual.into_iter().map(|dir| dir.join(dialect.supervisor()));
    places.find(|path| node::exists(&path.into()))
}

/// `/package/admin/s6-2.13.1.0/command/s6-supervise`,
/// `/nix/store/HASH-s6-2.13.1.0/bin/s6-supervise`.
fn by_path(dialect: Dialect, program: &Path) -> Option<(Version, String)> {
    let dirs = program.parent()?.iter().filter_map(|it| it.to_str());
    let version = dirs.rev().find_map(|dir| {
        packages::names(dialect).iter().find_map(|name| {
            let at = dir.rfind(&format!("{name}-"))?;
            let begins = at == 0 || dir.as_bytes().get(at - 1) == Some(&b'-');
            let rest = dir.get(at + name.len() + 1..)?;
            rest.parse().ok().filter(|_| begins)
        })
    })?;
    Some((version, "its path".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_version_tells_it() {
        let tells = |dialect, path: &str| by_path(dialect, Path::new(path)).map(|(it, _)| it);
        let s6 = Version([2, 13, 1, 0]);
        let slash = "/package/admin/s6-2.13.1.0/command/s6-supervise";
        assert_eq!(tells(Dialect::S6, slash), Some(s6));
        assert_eq!(tells(Dialect::S6, "/nix/store/abc-s6-2.13.1.0/bin/s6-supervise"), Some(s6));
        assert_eq!(tells(Dialect::S6, "/opt/xs6-2.13.1.0/bin/s6-supervise"), None);
        assert_eq!(tells(Dialect::S6, "/opt/s6-rc/bin/s6-supervise"), None);
        assert_eq!(tells(Dialect::S6, "/usr/bin/s6-supervise"), None);
        let upstream = "/package/admin/daemontools-0.76/command/supervise";
        assert_eq!(tells(Dialect::Daemontools, upstream), Some(Version([0, 76, 0, 0])));
    }
}
