//! What could not be done: the operation, the exact file, why, and what to do about it.

mod kind;

use std::{
    ffi::OsString,
    fmt, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use svproto::{DecodeError, Unsupported, files, op::Refusal};
use svtrust::Distrust;

pub use self::kind::ErrorKind;
use crate::Intent;

/// Why an operation on a service failed.
///
/// `Display` is one line, "cannot WHAT WHERE"; `source` holds why; [`Error::hint`] what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing at the path.
    #[error("cannot find {}", path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// No scan directory has an entry of that name.
    #[error("cannot find {} in {}", Path::new(name).display(), shown(dirs))]
    NoSuchName {
        /// The name as given.
        name: OsString,
        /// The scan directories.
        dirs: Vec<PathBuf>,
        /// What one of them has that is spelled much like it.
        near: Option<OsString>,
    },
    /// A link, and nothing is where it leads.
    #[error("cannot use {}: it leads to {}, and nothing is there", link.display(), leads_to.display())]
    Dangling {
        /// The link.
        link: PathBuf,
        /// Where it leads, as it is written.
        leads_to: PathBuf,
    },
    /// The name of a unit, and this build knows none.
    #[error("cannot open {}: it is the name of a unit of systemd", Path::new(name).display())]
    NoUnits {
        /// The name.
        name: OsString,
    },
    /// The directory holds neither `run` nor `supervise`.
    #[error("cannot use {}: it is not a service directory", dir.display())]
    NotAService {
        /// The directory.
        dir: PathBuf,
    },
    /// A file is of another type than the protocol knows.
    #[error("cannot use {}: it is {found}, not {expected}", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// What it must be, with its article.
        expected: &'static str,
        /// What it is, with its article.
        found: &'static str,
    },
    /// The directory holds the files of no dialect, or of two.
    #[error("cannot tell which supervisor owns {}", dir.display())]
    UnknownDialect {
        /// The service directory.
        dir: PathBuf,
    },
    /// A supervisor is there, and its record is none.
    #[error("cannot read {}", path.display())]
    Malformed {
        /// The status file.
        path: PathBuf,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Nobody reads the control FIFO.
    #[error("cannot send `{intent}` to {}: no supervisor is running there", dir.display())]
    NotSupervised {
        /// What was asked for, and was not delivered.
        intent: Intent,
        /// The service directory.
        dir: PathBuf,
        /// Whether it is the `log` of a service that has a supervisor: scanners and `runsv` look for it once.
        is_late_logger: bool,
    },
    /// The dialect has no such request.
    #[error("cannot send `{}` to {}", source.op, dir.display())]
    Unsupported {
        /// The service directory.
        dir: PathBuf,
        /// What is missing.
        source: Unsupported,
    },
    /// The control FIFO stayed full: a supervisor exists and does not read.
    #[error("cannot send `{intent}` to {}: its supervisor is not taking requests", dir.display())]
    NotTakingRequests {
        /// What was asked for, and was not delivered.
        intent: Intent,
        /// The service directory.
        dir: PathBuf,
    },
    /// The FIFO of `s6-svscan` stayed full: it exists and does not read.
    #[error("cannot tell the scanner of {}: it is not taking requests", dir.display())]
    ScannerNotTakingRequests {
        /// The scan directory.
        dir: PathBuf,
    },
    /// No scanner would look at an entry of this name.
    #[error("cannot use `{}` as a name in a scan directory", Path::new(name).display())]
    BadName {
        /// The name.
        name: OsString,
    },
    /// Two scan directories have a service of this name.
    #[error("cannot tell which `{}` is meant: {} or {}", Path::new(name).display(), first.display(), second.display())]
    Ambiguous {
        /// The name.
        name: OsString,
        /// One of them.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// A name needs a scan directory, and none is in use.
    #[error("cannot find `{}`: no scan directory is in use", Path::new(name).display())]
    NoScanDir {
        /// The name.
        name: OsString,
    },
    /// Something else has that name in the scan directory.
    #[error("cannot enable {} as {}: that name is taken", dir.display(), link.display())]
    NameTaken {
        /// The entry of the scan directory.
        link: PathBuf,
        /// The service directory that was to be enabled.
        dir: PathBuf,
        /// Where the name leads; `None` for a link to nothing.
        leads_to: Option<PathBuf>,
    },
    /// The scan directory has it under another name.
    #[error("cannot enable {} again: it is enabled as {}", dir.display(), link.display())]
    EnabledAs {
        /// The service directory.
        dir: PathBuf,
        /// The entry of the scan directory that leads to it.
        link: PathBuf,
    },
    /// Somebody who is neither the caller nor root may change a scan directory, or one above it, and so
    /// decide what is started, and by whom.
    #[error("cannot use {}: {why}", path.display())]
    Untrusted {
        /// The directory, or the link on the way to it.
        path: PathBuf,
        /// Who may.
        why: Distrust,
    },
    /// A directory held whoever looked into it until the deadline: a server that is gone. The thread that looked
    /// is left behind; it changes nothing any more.
    #[error("cannot use {}: it does not answer", path.display())]
    Unanswered {
        /// The directory, or the name of the service.
        path: PathBuf,
    },
    /// What tells of a service that is no directory has not done so by the deadline: the manager of a unit.
    #[error("cannot wait for {name}: its manager has not answered by the deadline")]
    Late {
        /// The name of the service.
        name: String,
    },
    /// An entry of a scan directory is no link, so it is not for the library to remove.
    #[error("cannot disable {}: it is {found}, not a symbolic link", path.display())]
    NotALink {
        /// The entry of the scan directory.
        path: PathBuf,
        /// What it is, with its article.
        found: &'static str,
    },
    /// The file may not be used by this user.
    #[error("cannot {doing} {}", path.display())]
    Denied {
        /// The verb, as in "cannot open".
        doing: &'static str,
        /// The right that is missing.
        needed: &'static str,
        /// The file or directory on which it is missing.
        on: PathBuf,
        /// The file or directory that was to be used.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// What another kind of supervisor answered.
    #[error("cannot {doing} {name}")]
    Other {
        /// The verb, as in "cannot start".
        doing: String,
        /// The service.
        name: String,
        /// What kind of error it is.
        kind: ErrorKind,
        /// One sentence of advice, where there is some that is certainly right.
        hint: Option<String>,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system has no watch left to give for this file or directory, or cannot watch it.
    #[error("cannot watch {}", path.display())]
    Watch {
        /// What was to be watched.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused what has no file of its own.
    #[error("cannot {doing}")]
    System {
        /// What was tried, as in "cannot wait for changes".
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused for another reason.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The verb, as in "cannot open".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

svproto::readable!(Error, Error::hint);

impl Error {
    /// The same for a caller that asked for this, which is several requests.
    pub(crate) fn of(self, intent: Intent) -> Self {
        match self {
            Self::NotSupervised { dir, is_late_logger, .. } => {
                Self::NotSupervised { intent, dir, is_late_logger }
            }
            Self::NotTakingRequests { dir, .. } => Self::NotTakingRequests { intent, dir },
            other => other,
        }
    }

    /// What a supervisor of another kind answers to a request that it does not know, for authors of a
    /// [`crate::Supervised`].
    ///
    /// ```
    /// use svclient::{Error, ErrorKind, Intent};
    ///
    /// let error = Error::unsupported("web", Intent::Reload);
    /// assert_eq!(error.to_string(), "cannot send `reload` to web");
    /// assert_eq!(error.kind(), ErrorKind::Unsupported);
    /// ```
    pub fn unsupported(name: impl fmt::Display, intent: Intent) -> Self {
        let why = "its supervisor knows no such request";
        Self::other(name, format!("send `{intent}` to"), ErrorKind::Unsupported, why)
    }

    /// What a supervisor of another kind answered, for authors of a [`crate::Supervised`]: the service, the
    /// verb that follows "cannot", what kind of error it is, and why.
    ///
    /// ```
    /// use svclient::{Error, ErrorKind};
    ///
    /// let error = Error::other("web", "start", ErrorKind::Busy, "it is being updated");
    /// assert_eq!(error.to_string(), "cannot start web");
    /// ```
    pub fn other(
        name: impl fmt::Display,
        doing: impl Into<String>,
        kind: ErrorKind,
        why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let (name, doing, source) = (name.to_string(), doing.into(), why.into());
        Self::Other { doing, name, kind, hint: None, source }
    }

    /// What kind of error it is.
    ///
    /// ```
    /// use svclient::{ErrorKind, Service};
    ///
    /// match Service::open("/no/such/directory") {
    ///     Err(error) if error.kind() == ErrorKind::NotFound => println!("{error}"),
    ///     other => panic!("{other:?}"),
    /// }
    /// ```
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. }
            | Self::NoSuchName { .. }
            | Self::NoScanDir { .. }
            | Self::Dangling { .. } => ErrorKind::NotFound,
            Self::NoUnits { .. } => ErrorKind::Unsupported,
            Self::NotAService { .. } => ErrorKind::NotAService,
            Self::WrongType { .. } => ErrorKind::WrongType,
            Self::UnknownDialect { .. } => ErrorKind::UnknownDialect,
            Self::Malformed { .. } => ErrorKind::Malformed,
            Self::NotSupervised { .. } => ErrorKind::NotSupervised,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::NotTakingRequests { .. } | Self::ScannerNotTakingRequests { .. } => {
                ErrorKind::Busy
            }
            Self::BadName { .. } => ErrorKind::BadName,
            Self::Ambiguous { .. } => ErrorKind::Ambiguous,
            Self::NameTaken { .. } => ErrorKind::NameTaken,
            Self::EnabledAs { .. } => ErrorKind::EnabledAs,
            Self::Unanswered { .. } | Self::Late { .. } => ErrorKind::Unanswered,
            Self::NotALink { .. } => ErrorKind::NotALink,
            Self::Untrusted { .. } => ErrorKind::Untrusted,
            Self::Denied { .. } => ErrorKind::Denied,
            Self::Other { kind, .. } => *kind,
            Self::Watch { .. } | Self::System { .. } | Self::Io { .. } => ErrorKind::Io,
        }
    }

    /// One sentence of advice, where there is some that is certainly right.
    ///
    /// ```
    /// use svclient::Service;
    ///
    /// let error = Service::open("/no/such/directory").unwrap_err();
    /// assert_eq!(error.hint().as_deref(), Some("check the name and the scan directory"));
    /// ```
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some("check the name and the scan directory".into()),
            Self::NoSuchName { near: Some(near), .. } => {
                Some(format!("did you mean {}?", Path::new(near).display()))
            }
            Self::NoSuchName { near: None, .. } => Some("check the name and the directory".into()),
            Self::NotAService { .. } => {
                Some("a service directory holds an executable file named run".into())
            }
            Self::WrongType { path, .. } => {
                if path.parent().is_some_and(|parent| parent.ends_with(files::SUPERVISE)) {
                    let hint = "remove it while no supervisor runs; the supervisor makes its own";
                    return Some(hint.into());
                }
                let is_unit =
                    ["service", "socket", "timer", "target"].map(Some).contains(&path.extension()?.to_str());
                let unit = Path::new(path.file_name()?).display();
                is_unit.then(|| format!("a unit is named without a path: {unit}"))
            }
            Self::UnknownDialect { .. } => Some("name the dialect instead of detecting it".into()),
            Self::Malformed { source, .. } => Some(source.hint().into()),
            Self::NotSupervised { is_late_logger: true, .. } => Some(
                "the supervisor of the service started before `log` was there: disable and enable the \
                 service; under runsvdir, `svctl exit` of it is enough"
                    .into(),
            ),
            Self::NotSupervised { .. } => Some(
                "start a supervisor there, or link the directory into a scan directory whose scanner runs"
                    .into(),
            ),
            Self::Unsupported {
                source: Unsupported { reason: Refusal::VersionUnknown { .. }, .. },
                ..
            } => Some("name the version of the suite that runs there".into()),
            Self::Unsupported { .. } => None,
            Self::NotTakingRequests { .. } => {
                Some("the supervisor may be stopped (SIGSTOP) or wedged; nothing was sent".into())
            }
            Self::ScannerNotTakingRequests { .. } => {
                Some("the scanner may be stopped (SIGSTOP) or wedged; nothing was sent".into())
            }
            Self::NoUnits { .. } => Some(
                "feature `systemd` of svcmgr knows units; a directory of that name is a path as in ./web.service"
                    .into(),
            ),
            Self::Dangling { .. } => {
                Some("put the service directory there, or `svctl disable` the name".into())
            }
            Self::NoScanDir { .. } => {
                Some("name it with $SVDIR, or give a path such as ./web".into())
            }
            Self::Ambiguous { .. } => Some("give its path, or name the scan directory".into()),
            Self::BadName { .. } => {
                Some("a name has no slash and no dot in front: scanners skip what is hidden".into())
            }
            Self::NameTaken { leads_to: Some(path), .. } => {
                Some(format!("it leads to {}; choose another name", path.display()))
            }
            Self::NameTaken { leads_to: None, .. } => {
                Some("it is a link to nothing; disable it first".into())
            }
            Self::EnabledAs { .. } => {
                Some("to a scanner two links to one directory are one service".into())
            }
            Self::Untrusted { .. } => Some(
                "who may write there could exchange what is below it: do it as the user that it belongs to, or take that \
                 right from others first"
                    .into(),
            ),
            Self::Unanswered { .. } => {
                Some(
                    "its file system waits for a server or a program that does not answer; start that again, or unmount it"
                        .into(),
                )
            }
            Self::Late { .. } => {
                Some("give it more time: a manager that is busy answers late".into())
            }
            Self::NotALink { .. } => Some(
                "only links are removed; a service directory that stands in the scan directory \
                 itself is kept down by a file named down"
                    .into(),
            ),
            Self::Denied { needed, on, .. } => {
                Some(format!("needs {needed} permission on {}", on.display()))
            }
            Self::Other { hint, .. } => hint.clone(),
            Self::Watch { source, .. } => {
                watch_limit(source).or_else(|| file_limit(source)).map(Into::into)
            }
            Self::System { source, .. } | Self::Io { source, .. } => {
                file_limit(source).map(Into::into)
            }
        }
    }

    /// The whole chain in one line, to compare.
    pub(crate) fn in_full(&self) -> String {
        let why = std::error::Error::source(self).map(ToString::to_string).unwrap_or_default();
        format!("{self}: {why}")
    }

    /// The same of a watch that cannot be had: it takes the right to read.
    pub(crate) fn unwatched(path: &Path, source: impl Into<io::Error>) -> Self {
        match Self::os("watch", path, "read", source) {
            Self::Io { path, source, .. } => Self::Watch { path, source },
            other => other,
        }
    }

    /// What concerns no file was refused.
    pub(crate) fn system(doing: &'static str, source: impl Into<io::Error>) -> Self {
        Self::System { doing, source: source.into() }
    }

    /// Sorts an error of the operating system: which file, what was tried, which right it takes.
    pub(crate) fn os(
        doing: &'static str,
        path: &Path,
        needed: &'static str,
        source: impl Into<io::Error>,
    ) -> Self {
        let (path, source) = (path.to_owned(), source.into());
        if source.kind() == io::ErrorKind::NotADirectory {
            // Some component in front of the last is in the way.
            let stands = |path: &Path| path.metadata().ok().filter(|found| !found.is_dir());
            let in_the_way = path.ancestors().skip(1).find_map(|path| Some((path, stands(path)?)));
            if let Some((path, found)) = in_the_way {
                let (path, found) = (path.to_owned(), svtrust::file_type(found.mode()));
                return Self::WrongType { path, expected: "a directory", found };
            }
        }
        if source.kind() != io::ErrorKind::PermissionDenied {
            return Self::Io { doing, path, source };
        }
        // A path that may not even be looked at is denied by a directory above it.
        let closed = |path: &&Path| {
            let seen = path.symlink_metadata();
            seen.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        };
        match path.ancestors().take_while(closed).last().and_then(Path::parent) {
            Some(above) => {
                let on = above.to_owned();
                Self::Denied { doing, needed: "search", on, path, source }
            }
            None => Self::Denied { doing, needed, on: path.clone(), path, source },
        }
    }
}

/// Paths, one after the other.
fn shown(paths: &[PathBuf]) -> String {
    let all: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    all.join(", ")
}

/// The limit on watching, if it was met. Where no file is written, ENOSPC means nothing else.
fn watch_limit(error: &io::Error) -> Option<&'static str> {
    (error.raw_os_error()? == nix::libc::ENOSPC)
        .then_some("this user has as many watches as fs.inotify.max_user_watches")
}

/// Which of the limits on open files was met.
fn file_limit(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error()? {
        // The other limit with this number, `fs.inotify.max_user_instances`, is no error: see `Changes`.
        nix::libc::EMFILE => Some("this process has as many open files as it may (ulimit -n)"),
        nix::libc::ENFILE => Some("the system has as many open files as it may (fs.file-max)"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_message_says_what_and_where_and_leaves_why_to_the_source() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = Error::os("open", Path::new("/s/web/supervise/control"), "write", denied);
        assert_eq!(error.to_string(), "cannot open /s/web/supervise/control");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("permission denied"));
        assert_eq!(error.kind(), ErrorKind::Denied);
        let hint = error.hint().unwrap();
        assert_eq!(hint, "needs write permission on /s/web/supervise/control");
    }
}
