//! Who does what the scripts of a service directory do: `/bin/sh`, which they name, or svctl itself where there is none, or
//! where the directories are on a file system from which nothing may be executed.

use std::path::Path;

use nix::unistd::{AccessFlags, access};
use svcmgr::{build::Definitions, devtree::ServiceOptions};

#[cfg(target_os = "linux")]
use crate::cmd::stand_in;
use crate::output::{Output, printable};

const SHELL: &str = "/bin/sh";

/// By whom.
#[derive(Debug)]
pub(super) enum Scripts {
    /// Themselves.
    Executed,
    /// svctl, and why not themselves.
    StoodIn(String),
}

impl Scripts {
    /// For service directories in this one.
    pub(super) fn of(dir: &Path) -> Self {
        if !cfg!(target_os = "linux") {
            return Self::Executed;
        }
        if access(SHELL, AccessFlags::X_OK).is_err() {
            return Self::StoodIn(format!("there is no {SHELL}"));
        }
        if is_noexec(dir) {
            return Self::StoodIn(format!("nothing may be executed in {}", dir.display()));
        }
        Self::Executed
    }

    /// Takes out loggers, which are scripts and programs of a suite, and says so.
    pub(super) fn without_loggers(&self, definitions: &mut Definitions, output: &mut Output) {
        let Self::StoodIn(why) = self else { return };
        for (name, service) in &mut definitions.service {
            if service.log.take().is_some() {
                let text = format!(
                    "not here: `log` of service `{name}`: {why}; what it writes goes to standard output"
                );
                output.message(&printable(&text));
            }
        }
    }

    /// Options of a service, with who starts its scripts.
    #[cfg(target_os = "linux")]
    pub(super) fn started(&self, options: ServiceOptions) -> ServiceOptions {
        if let Self::StoodIn(_) = self {
            return options.interpreter([stand_in::PROGRAM, stand_in::WORD]);
        }
        options
    }

    /// There they start by themselves.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "on Linux it decides")]
    pub(super) const fn started(&self, options: ServiceOptions) -> ServiceOptions {
        options
    }

    /// Leaves in the directories of the services what is needed for that; why some cannot be started.
    #[cfg(target_os = "linux")]
    pub(super) fn write(&self, definitions: &Definitions, dir: &Path) -> Vec<(String, String)> {
        if let Self::StoodIn(why) = self {
            let of = |(name, service): (&String, &svcmgr::build::Service)| {
                let why = match stand_in::lacks(service) {
                    Some(key) => format!("{why}, which its `{key}` needs"),
                    None => stand_in::write(&dir.join(name), service).err()?.to_string(),
                };
                Some((name.clone(), why))
            };
            return definitions.service.iter().filter_map(of).collect();
        }
        Vec::new()
    }

    /// There they are executed.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "on Linux it decides")]
    pub(super) const fn write(&self, _: &Definitions, _: &Path) -> Vec<(String, String)> {
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
fn is_noexec(dir: &Path) -> bool {
    use nix::sys::statvfs::{FsFlags, statvfs};
    statvfs(dir).is_ok_and(|it| it.flags().contains(FsFlags::ST_NOEXEC))
}

#[cfg(not(target_os = "linux"))]
const fn is_noexec(_: &Path) -> bool {
    false
}
