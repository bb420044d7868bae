//! A rule: a row of the table, with its code, how bad it is, why, and what to do. The rows stand below
//! `rule/`, by what they are about; [`ALL`] has every one.

use std::fmt;

use svproto::cause::{Cause, Severity};

pub(crate) mod files;
pub(crate) mod loggers;
pub(crate) mod others;
pub(crate) mod rc;
pub(crate) mod scripts;
pub(crate) mod suites;
pub(crate) mod units;

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Area {
    /// Whether the files of a service directory can be executed.
    Files,
    /// What scripts say.
    Scripts,
    /// What a suite reads in its directories, and in scan directories.
    Directories,
    /// Sources of s6-rc, and s6-overlay's layout.
    Rc,
    /// Loggers, their scripts and configurations.
    Loggers,
    /// Unit files of systemd.
    Units,
    /// Definitions and Procfiles.
    Definitions,
}

impl Area {
    /// Its title, as in the pages of the rules.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Files => "Files that are executed",
            Self::Scripts => "Scripts",
            Self::Directories => "Service and scan directories",
            Self::Rc => "s6-rc and s6-overlay",
            Self::Loggers => "Loggers",
            Self::Units => "Units of systemd",
            Self::Definitions => "Definitions and Procfiles",
        }
    }
}

/// A row of the table of rules.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// The stable word for it: in output, in comments that allow it, and the name of its page.
    pub code: &'static str,
    /// What it is about.
    pub area: Area,
    /// How bad it is, as a rule; a finding may be less.
    pub severity: Severity,
    /// It reads inside scripts by rules of thumb, so it can err.
    pub is_heuristic: bool,
    /// The row of the table of causes that `explain` names when it has come true.
    pub cause: Option<Cause>,
    /// What is wrong, in one clause.
    pub says: &'static str,
    /// What happens because of it.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Rule {}

/// The rows of one area.
macro_rules! table {
    ($area:ident: $($name:ident $code:literal $severity:ident $(($cause:ident))? $(~$heuristic:ident)?
        $says:literal, $why:literal, $fix:literal;)*) => {
        $(
            pub(crate) static $name: $crate::Rule = $crate::Rule {
                code: $code,
                area: $crate::Area::$area,
                severity: svproto::cause::Severity::$severity,
                is_heuristic: table!(@is $($heuristic)?),
                cause: table!(@cause $($cause)?),
                says: $says,
                why: $why,
                fix: $fix,
            };
        )*
        pub(super) static ROWS: &[&$crate::Rule] = &[$(&$name),*];
    };
    (@is) => { false };
    (@is heuristic) => { true };
    (@cause) => { None };
    (@cause $cause:ident) => { Some(svproto::cause::Cause::$cause) };
}
pub(crate) use table;

/// Every rule, by area and in the order of its table.
///
/// ```
/// let rule = svlint::rules().find(|rule| rule.code == "line-ends").unwrap();
/// assert_eq!(rule.cause.map(|cause| cause.kind()), Some("line-ends"));
/// ```
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let areas = [
        files::ROWS,
        scripts::ROWS,
        suites::ROWS,
        rc::ROWS,
        loggers::ROWS,
        units::ROWS,
        others::ROWS,
    ];
    areas.into_iter().flatten().copied()
}
