//! For whom a definition is rendered.

mod capability;
mod table;

use std::{fmt, str::FromStr};

use svproto::Dialect;

pub use capability::{Capability, Support};
pub use table::CAPABILITIES;

/// For whom a definition is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// daemontools 0.76.
    Daemontools,
    /// daemontools-encore.
    Encore,
    /// runit.
    Runit,
    /// s6.
    S6,
    /// s6-rc: source directories, 0.5.3 and later.
    S6Rc,
    /// systemd, 252 and later.
    Systemd,
    /// The embedded supervisor: runit's directory, and of s6's files `notification-fd`,
    /// `down-signal` and `timeout-kill`; `run` needs none of the suites' tools.
    Embedded,
    /// A `Procfile`, with a `.env` beside it, as foreman and honcho read both.
    Procfile,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 8] = [
        Self::Daemontools,
        Self::Encore,
        Self::Runit,
        Self::S6,
        Self::S6Rc,
        Self::Systemd,
        Self::Embedded,
        Self::Procfile,
    ];

    /// The name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daemontools => "daemontools",
            Self::Encore => "encore",
            Self::Runit => "runit",
            Self::S6 => "s6",
            Self::S6Rc => "s6-rc",
            Self::Systemd => "systemd",
            Self::Embedded => "embedded",
            Self::Procfile => "procfile",
        }
    }

    /// The dialect of a service directory that is rendered for it; `None` for what is none, as a unit.
    #[must_use]
    pub const fn dialect(self) -> Option<Dialect> {
        match self {
            Self::Daemontools => Some(Dialect::Daemontools),
            Self::Encore => Some(Dialect::Encore),
            Self::Runit | Self::Embedded => Some(Dialect::Runit),
            Self::S6 => Some(Dialect::S6),
            Self::S6Rc | Self::Systemd | Self::Procfile => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<Dialect> for Target {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Daemontools => Self::Daemontools,
            Dialect::Encore => Self::Encore,
            Dialect::Runit => Self::Runit,
            Dialect::S6 => Self::S6,
        }
    }
}

/// A name that is no target's. `Display` names those that are known.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a target; known are {}", Target::ALL.map(Target::name).join(", "))]
pub struct UnknownTarget;

svproto::readable!(UnknownTarget);

/// ```
/// use svbuild::Target;
///
/// assert_eq!("s6".parse(), Ok(Target::S6));
/// assert!("upstart".parse::<Target>().is_err());
/// ```
impl FromStr for Target {
    type Err = UnknownTarget;

    /// Takes [`Target::name`], and what [`Dialect`] takes.
    fn from_str(name: &str) -> Result<Self, UnknownTarget> {
        let named = Self::ALL.into_iter().find(|target| target.name() == name);
        named.or_else(|| name.parse().ok().map(Dialect::into)).ok_or(UnknownTarget)
    }
}

/// The table of the documentation, in Markdown: what each target makes of each key.
#[must_use]
pub fn capabilities() -> String {
    let names = Target::ALL.map(Target::name).join(" | ");
    let rule = "---|".repeat(Target::ALL.len() + 1);
    let mut text = format!("| key | {names} |\n|{rule}\n");
    for row in &CAPABILITIES {
        let only = if row.only.is_empty() { String::new() } else { format!(" {}", row.only) };
        let cell = |support: Support| match support {
            Support::By(means) => means.to_owned(),
            Support::Not(_) => "–".to_owned(),
        };
        let cells = row.support.map(cell).join(" | ");
        text.push_str(&format!("| `{}`{only} | {cells} |\n", row.key));
    }
    text
}
