//! What an answer, a file or an error is a sign of, also where there is no service directory: units
//! ask the same of their programs.

use std::path::Path;

use svproto::Cause;

use super::{file, machine};
use crate::{CheckAnswer, Error, Evidence, Finding, Remedy, Service, check, node};

impl Finding {
    /// What the answer of a `check` script is a sign of; nothing for one that passed.
    #[must_use]
    pub fn of_check(answer: CheckAnswer, service: &Service) -> Option<Self> {
        let finding = match answer {
            CheckAnswer::NoScript | CheckAnswer::Passed => return None,
            CheckAnswer::Failed(exit) => Self::new(Cause::CheckFailed, check::how_in_words(exit)),
            CheckAnswer::Overdue => Self::new(Cause::CheckOverdue, ""),
            CheckAnswer::NotExecutable => Self::new(Cause::CheckNotExecutable, ""),
            CheckAnswer::LeftBehind { pid, port } => {
                Self::new(Cause::LeftBehind, check::listens(pid, port))
                    .helps(Remedy::Command(format!("kill {pid}")))
            }
        };
        Some(finding.seen(Evidence::new("was run").at(service.dir().join("check"))))
    }

    /// Why executing this file fails for a process of this user (0 for root, `None` for anybody): it is
    /// missing, its interpreter is. Nothing where no reason is seen. `name` is what to call it.
    ///
    /// ```
    /// use std::path::Path;
    /// use svclient::Finding;
    ///
    /// let why = Finding::of_program(Path::new("/nonexistent/run"), "run", None).unwrap();
    /// assert_eq!(why.to_string(), "run is missing");
    /// assert!(Finding::of_program(Path::new("/bin/sh"), "sh", None).is_none());
    /// ```
    #[must_use]
    pub fn of_program(path: &Path, name: &str, user: Option<u32>) -> Option<Self> {
        file::Runnable::look(path.to_owned(), name).fault(user)
    }

    /// The first step on the way to this path that the user of this name may not go: a directory that it
    /// may not pass, or the file at its end that it may not execute. By modes alone: groups beside the
    /// first of a user, and lists of rights, may give more. Nothing for a user that `/etc/passwd` lacks.
    ///
    /// ```
    /// use std::path::Path;
    /// use svclient::Finding;
    ///
    /// assert!(Finding::of_access("nobody", Path::new("/bin/sh")).is_none());
    /// ```
    #[must_use]
    pub fn of_access(user: &str, path: &Path) -> Option<Self> {
        let account = machine::account(user)?;
        let (step, stat) = account.is_kept_from(path)?;
        let is_file = file::kind(&stat) == nix::sys::stat::SFlag::S_IFREG;
        let may_not = if is_file { "execute" } else { "pass" };
        let about = format!("{} may not {may_not} {}", account.name, step.display());
        let mode = format!(
            "its mode is {:04o}, it is of user {} and group {}",
            node::mode(&stat),
            stat.st_uid,
            stat.st_gid
        );
        let evidence = Evidence::new(mode).at(step).errno(nix::errno::Errno::EACCES);
        Some(Self::new(Cause::NotReachable, about).seen(evidence))
    }

    /// Why a directory cannot even be opened as a service, where an error says that: its link leads
    /// nowhere, it has no `run`.
    #[must_use]
    pub fn of_error(error: &Error) -> Option<Self> {
        match error {
            Error::Dangling { link, leads_to } => {
                let evidence = Evidence::new("is a link to nothing").at(link);
                let finding = Self::new(Cause::LinkBroken, leads_to.display().to_string());
                Some(finding.seen(evidence.errno(nix::errno::Errno::ENOENT)))
            }
            Error::NotAService { dir } => {
                let evidence = Evidence::new("is not there").at(dir.join("run"));
                let finding = Self::new(Cause::FileMissing, "run");
                Some(finding.seen(evidence.errno(nix::errno::Errno::ENOENT)))
            }
            Error::WrongType { path, expected, found } => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                let about = format!("{name} is {found}, not {expected}");
                Some(Self::new(Cause::WrongType, about).seen(Evidence::new(*found).at(path)))
            }
            Error::Malformed { path, source } => {
                let evidence = Evidence::new(source.to_string()).at(path);
                Some(Self::new(Cause::BadRecord, "supervise/status").seen(evidence))
            }
            _ => None,
        }
    }
}
