//! What could not be done: the operation, the unit, why, and what to do about it.

use std::{io, path::PathBuf, time::Duration};

use crate::{Action, BadName, UnitName};

/// Why an operation failed.
///
/// `Display` is one line, "cannot WHAT WHERE"; `source` holds why; [`Error::hint`] what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No unit can have this name.
    #[error(transparent)]
    BadName(#[from] BadName),
    /// No manager answers at this place.
    #[error("cannot reach {manager}")]
    NoManager {
        /// Which one.
        manager: String,
        /// What the connection said.
        source: BusError,
    },
    /// The connection ended while something was asked; whether it was done is not known.
    #[error("cannot {action} {subject}: the connection to the manager was lost")]
    Lost {
        /// What was asked.
        action: Action,
        /// The unit, or the manager.
        subject: String,
    },
    /// No reply within the time that the caller gave; whether it was done is not known.
    #[error("cannot {action} {subject}: no reply within {} s", within.as_secs_f32())]
    NoReply {
        /// What was asked.
        action: Action,
        /// The unit, or the manager.
        subject: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// There is no unit of this name: neither loaded nor as a file.
    #[error("cannot {action} {unit}: there is no such unit")]
    NoSuchUnit {
        /// What was asked.
        action: Action,
        /// Its name.
        unit: UnitName,
    },
    /// It is masked: it can be neither started nor enabled.
    #[error("cannot {action} {unit}: it is masked")]
    Masked {
        /// What was asked.
        action: Action,
        /// The unit: the one that was named, or one that it requires.
        unit: UnitName,
    },
    /// Its file is broken.
    #[error("cannot {action} {unit}: its unit file cannot be used")]
    BadUnit {
        /// What was asked.
        action: Action,
        /// The unit: the one that was named, or one that it requires.
        unit: UnitName,
        /// What the manager says about the file.
        source: BusError,
    },
    /// A right is missing.
    #[error("cannot {action} {subject}: {}", if *interactive { "this user must be authorized first" } else { "access denied" })]
    Denied {
        /// What was asked.
        action: Action,
        /// The unit, or the manager.
        subject: String,
        /// The action by whose name polkit decides; `None` where it is not asked.
        polkit: Option<&'static str>,
        /// Whether it would be granted to a user who proves to be one who may
        /// ([`crate::Bus::interactive`]).
        interactive: bool,
        /// What the manager, polkit or the bus said.
        source: BusError,
    },
    /// There is no such operation for this unit, or in this version of systemd.
    #[error("cannot {action} {subject}: {why}")]
    Unsupported {
        /// What was asked.
        action: Action,
        /// The unit, or the manager.
        subject: String,
        /// What is missing.
        why: &'static str,
    },
    /// There is no process to signal.
    #[error("cannot {action} {unit}: it has no process")]
    NotRunning {
        /// What was asked.
        action: Action,
        /// The unit.
        unit: UnitName,
    },
    /// The unit may be started and stopped by other units only.
    #[error("cannot {action} {unit}: it refuses to be operated by hand")]
    Refused {
        /// What was asked.
        action: Action,
        /// The unit.
        unit: UnitName,
    },
    /// Another job of the unit is in the way.
    #[error("cannot {action} {unit}: it has another job")]
    Busy {
        /// What was asked.
        action: Action,
        /// The unit.
        unit: UnitName,
    },
    /// The unit requires one that does not exist.
    #[error("cannot {action} {unit}: it requires {on}, which does not exist")]
    Dependency {
        /// What was asked.
        action: Action,
        /// The unit.
        unit: UnitName,
        /// The name that the manager gave.
        on: String,
    },
    /// The name of a transient unit, or the place of a file, is taken.
    #[error("cannot {action} {subject}: it exists already")]
    Exists {
        /// What was asked.
        action: Action,
        /// The unit.
        subject: String,
    },
    /// A file could not be written, read or removed.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The manager refused for another reason.
    #[error("cannot {action} {subject}")]
    Manager {
        /// What was asked.
        action: Action,
        /// The unit, or the manager.
        subject: String,
        /// What it said.
        source: BusError,
    },
}

svproto::readable!(Error, Error::hint);

/// What the other side said: the name of a D-Bus error, and its text. It shows as the text.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
#[non_exhaustive]
pub struct BusError {
    /// As in `org.freedesktop.systemd1.NoSuchUnit`; empty where it is no D-Bus error.
    pub name: String,
    /// The sentence for people.
    pub text: String,
}

svproto::readable!(BusError);

impl BusError {
    pub(crate) fn of(text: &(impl ToString + ?Sized)) -> Self {
        Self { name: String::new(), text: text.to_string() }
    }
}

/// [`Error`] without its details, to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No unit can have this name.
    BadName,
    /// No manager answers.
    NoManager,
    /// The connection ended meanwhile.
    Lost,
    /// No reply in time.
    NoReply,
    /// There is no such unit.
    NoSuchUnit,
    /// It is masked.
    Masked,
    /// Its file is broken.
    BadUnit,
    /// A right is missing.
    Denied,
    /// There is no such operation.
    Unsupported,
    /// There is no process to signal.
    NotRunning,
    /// It may not be operated by hand.
    Refused,
    /// Another job is in the way.
    Busy,
    /// It requires a unit that does not exist.
    Dependency,
    /// The name is taken.
    Exists,
    /// A file could not be used.
    Io,
    /// The manager refused for another reason.
    Manager,
}

svproto::words!(ErrorKind, "kind of error":
    BadName "bad-name",
    NoManager "no-manager",
    Lost "lost",
    NoReply "no-reply",
    NoSuchUnit "no-such-unit",
    Masked "masked",
    BadUnit "bad-unit",
    Denied "denied",
    Unsupported "unsupported",
    NotRunning "not-running",
    Refused "refused",
    Busy "busy",
    Dependency "dependency",
    Exists "exists",
    Io "io",
    Manager "manager",
);

impl Error {
    /// What kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::BadName(_) => ErrorKind::BadName,
            Self::NoManager { .. } => ErrorKind::NoManager,
            Self::Lost { .. } => ErrorKind::Lost,
            Self::NoReply { .. } => ErrorKind::NoReply,
            Self::NoSuchUnit { .. } => ErrorKind::NoSuchUnit,
            Self::Masked { .. } => ErrorKind::Masked,
            Self::BadUnit { .. } => ErrorKind::BadUnit,
            Self::Denied { .. } => ErrorKind::Denied,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::NotRunning { .. } => ErrorKind::NotRunning,
            Self::Refused { .. } => ErrorKind::Refused,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Dependency { .. } => ErrorKind::Dependency,
            Self::Exists { .. } => ErrorKind::Exists,
            Self::Io { .. } => ErrorKind::Io,
            Self::Manager { .. } => ErrorKind::Manager,
        }
    }

    /// One sentence of advice, where there is some that is certainly right.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::BadName(bad) => return Some(bad.hint()),
            Self::NoManager { .. } => {
                "a manager answers where systemd is pid 1 and a bus is running"
            }
            Self::Lost { .. } => "look at the unit: what was asked may have been done",
            Self::NoReply { .. } => {
                "the manager may be stopped or busy; what was asked may be done yet"
            }
            Self::NoSuchUnit { .. } => {
                "check the name, and whether it is the system's unit or a user's"
            }
            Self::Masked { .. } => "unmask it first",
            Self::BadUnit { .. } => "correct the unit file, then reload the manager",
            Self::Denied { polkit: Some(polkit), .. } => {
                return Some(format!(
                    "ask as root, or let polkit grant this user the action {polkit} by a rule"
                ));
            }
            Self::Refused { .. } => "start or stop a unit that requires it",
            Self::Manager { subject, source, .. }
                if source.name.ends_with("TransactionOrderIsCyclic") =>
            {
                return Some(format!(
                    "units wait for each other in a circle: `systemd-analyze verify {subject}` names it"
                ));
            }
            Self::Manager { source, .. } if source.name.ends_with("UnitGenerated") => {
                "it has no file of its own that could be enabled: install one of this name"
            }
            Self::Dependency { .. } => "install the unit that is missing, or drop the requirement",
            Self::Denied { .. }
            | Self::Unsupported { .. }
            | Self::NotRunning { .. }
            | Self::Busy { .. }
            | Self::Exists { .. }
            | Self::Io { .. }
            | Self::Manager { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// What it is about: a unit, a file, the manager.
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::BadName(bad) => bad.name.clone(),
            // "cannot reach the manager of".
            Self::NoManager { .. } => "units".to_owned(),
            Self::NoSuchUnit { unit, .. }
            | Self::Masked { unit, .. }
            | Self::BadUnit { unit, .. }
            | Self::NotRunning { unit, .. }
            | Self::Refused { unit, .. }
            | Self::Busy { unit, .. }
            | Self::Dependency { unit, .. } => unit.to_string(),
            Self::Lost { subject, .. }
            | Self::NoReply { subject, .. }
            | Self::Denied { subject, .. }
            | Self::Unsupported { subject, .. }
            | Self::Exists { subject, .. }
            | Self::Manager { subject, .. } => subject.clone(),
            Self::Io { path, .. } => path.display().to_string(),
        }
    }

    /// A template is no unit.
    pub(crate) fn template(unit: &UnitName) -> Self {
        BadName::template(unit).into()
    }

    /// The same failure of a request to many, told of one of them.
    pub(crate) fn of(&self, action: Action, unit: &UnitName) -> Self {
        let subject = unit.to_string();
        match self {
            Self::NoManager { manager, source } => {
                Self::NoManager { manager: manager.clone(), source: source.clone() }
            }
            Self::Lost { .. } => Self::Lost { action, subject },
            Self::NoReply { within, .. } => Self::NoReply { action, subject, within: *within },
            Self::Denied { polkit, interactive, source, .. } => Self::Denied {
                action,
                subject,
                polkit: *polkit,
                interactive: *interactive,
                source: source.clone(),
            },
            Self::Manager { source, .. } => {
                Self::Manager { action, subject, source: source.clone() }
            }
            Self::Io { doing, path, source } => {
                Self::Io { doing, path: path.clone(), source: again(source) }
            }
            other => Self::Manager { action, subject, source: BusError::of(other) },
        }
    }

    /// Sorts what a D-Bus error says. Names as seen on systemd 252, 257 and 262.
    pub(crate) fn sorted(action: Action, subject: &Subject, reason: BusError) -> Self {
        let unit = || match subject {
            Subject::Unit(unit) => Some(unit.clone()),
            Subject::Manager => None,
        };
        let text = || subject.to_string();
        let denied = |interactive, source| Self::Denied {
            action,
            subject: text(),
            polkit: action.polkit(),
            interactive,
            source,
        };
        let short = reason.name.rsplit('.').next().unwrap_or_default();
        // "Unit gone.service not found.": it may be one that this unit requires.
        let named = reason.text.strip_prefix("Unit ").and_then(|it| it.split(' ').next());
        let named = named.filter(|it| it.contains('.')).map(str::to_owned);
        let to_blame =
            |unit: UnitName| named.as_deref().and_then(|it| UnitName::new(it).ok()).unwrap_or(unit);
        match (short, unit()) {
            ("NoSuchUnit" | "FileNotFound" | "NoSuchFile", Some(unit)) => match named {
                Some(on) if on != unit.as_str() => Self::Dependency { action, unit, on },
                _ => Self::NoSuchUnit { action, unit },
            },
            ("UnitMasked", Some(unit)) => Self::Masked { action, unit: to_blame(unit) },
            ("BadUnitSetting" | "LoadFailed", Some(unit)) => {
                Self::BadUnit { action, unit: to_blame(unit), source: reason }
            }
            ("NoSuchProcess", Some(unit)) => Self::NotRunning { action, unit },
            ("OnlyByDependency", Some(unit)) => Self::Refused { action, unit },
            ("TransactionIsDestructive" | "UnitBusy", Some(unit)) => Self::Busy { action, unit },
            ("NotSupported", _) if action == Action::Signal => {
                Self::Unsupported { action, subject: text(), why: "such a unit has no processes" }
            }
            ("JobTypeNotApplicable", Some(unit))
                if action == Action::Reload && unit.kind() == "service" =>
            {
                Self::Unsupported {
                    action,
                    subject: unit.to_string(),
                    why: "its definition has no ExecReload=",
                }
            }
            ("JobTypeNotApplicable", _) => {
                Self::Unsupported { action, subject: text(), why: "this unit has no such job" }
            }
            ("UnknownMethod", _) => Self::Unsupported {
                action,
                subject: text(),
                why: "this version of systemd does not have it",
            },
            ("UnitExists" | "UnitFileExists", _) => Self::Exists { action, subject: text() },
            ("InteractiveAuthorizationRequired", _) => denied(true, reason),
            ("AccessDenied" | "AuthFailed", _) => denied(false, reason),
            ("ServiceUnknown" | "NameHasNoOwner" | "Disconnected", _) => {
                Self::NoManager { manager: "the service manager".to_owned(), source: reason }
            }
            _ => Self::Manager { action, subject: text(), source: reason },
        }
    }
}

/// The same error once more.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// What an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Unit(UnitName),
    Manager,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unit(unit) => unit.fmt(f),
            Self::Manager => f.write_str("the manager"),
        }
    }
}

impl From<&UnitName> for Subject {
    fn from(unit: &UnitName) -> Self {
        Self::Unit(unit.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expected: ErrorKind, shown: &str) {
        let unit = Subject::from(&UnitName::new("web").unwrap());
        let reason = BusError { name: name.to_owned(), text: text.to_owned() };
        let error = Error::sorted(Action::Start, &unit, reason);
        assert_eq!((error.kind(), error.to_string().as_str()), (expected, shown), "{name}");
    }

    #[test]
    fn each_error_of_the_manager_has_its_kind() {
        let of = |name: &str| format!("org.freedesktop.systemd1.{name}");
        let fdo = |name: &str| format!("org.freedesktop.DBus.Error.{name}");
        check(
            &of("NoSuchUnit"),
            "Unit web.service not found.",
            ErrorKind::NoSuchUnit,
            "cannot start web.service: there is no such unit",
        );
        check(
            &of("NoSuchUnit"),
            "Unit gone.service not found.",
            ErrorKind::Dependency,
            "cannot start web.service: it requires gone.service, which does not exist",
        );
        let masked = "cannot start web.service: it is masked";
        check(&of("UnitMasked"), "", ErrorKind::Masked, masked);
        let broken = "cannot start web.service: its unit file cannot be used";
        check(&of("BadUnitSetting"), "", ErrorKind::BadUnit, broken);
        let none = "cannot start web.service: it has no process";
        check(&of("NoSuchProcess"), "", ErrorKind::NotRunning, none);
        let refused = "cannot start web.service: it refuses to be operated by hand";
        check(&of("OnlyByDependency"), "", ErrorKind::Refused, refused);
        let busy = "cannot start web.service: it has another job";
        check(&of("TransactionIsDestructive"), "", ErrorKind::Busy, busy);
        let job = "cannot start web.service: this unit has no such job";
        check(&of("JobTypeNotApplicable"), "", ErrorKind::Unsupported, job);
        let old = "cannot start web.service: this version of systemd does not have it";
        check(&fdo("UnknownMethod"), "", ErrorKind::Unsupported, old);
        let exists = "cannot start web.service: it exists already";
        check(&of("UnitExists"), "", ErrorKind::Exists, exists);
        let must = "cannot start web.service: this user must be authorized first";
        check(&fdo("InteractiveAuthorizationRequired"), "", ErrorKind::Denied, must);
        let denied = "cannot start web.service: access denied";
        check(&fdo("AccessDenied"), "Permission denied", ErrorKind::Denied, denied);
        check(&fdo("Failed"), "so it is", ErrorKind::Manager, "cannot start web.service");
    }

    #[test]
    fn what_is_denied_names_the_polkit_action() {
        let reason = BusError {
            name: "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired".to_owned(),
            text: "Interactive authentication required.".to_owned(),
        };
        let unit = Subject::from(&UnitName::new("web").unwrap());
        let error = Error::sorted(Action::Enable, &unit, reason);
        let hint = error.hint().unwrap();
        assert!(hint.contains("org.freedesktop.systemd1.manage-unit-files"), "{hint}");
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert!(why.starts_with("Interactive authentication required."), "{why}");
    }
}
