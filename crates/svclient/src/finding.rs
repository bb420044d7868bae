//! What is found out about a service that is not as it is wanted: cause, evidence, what to do.

use std::{fmt, path::PathBuf};

use svproto::Cause;

use crate::{Intent, Status};

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Certainty {
    /// It was read out of a script or a log, by rules of thumb.
    Guess,
    /// What was seen points there, and something else could look the same.
    Likely,
    /// It was seen.
    Certain,
}

impl Certainty {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guess => "guess",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Something that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Evidence {
    /// The file in which or of which it was seen.
    pub path: Option<PathBuf>,
    /// The line of it, counted from 1.
    pub line: Option<u32>,
    /// What the system says when somebody tries.
    pub errno: Option<i32>,
    /// In words.
    pub says: String,
}

impl Evidence {
    /// In words.
    #[must_use]
    pub fn new(says: impl Into<String>) -> Self {
        Self { says: says.into(), ..Self::default() }
    }

    /// The same, seen in or of this file.
    #[must_use]
    pub fn at(self, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// The same, in this line of the file, counted from 1.
    #[must_use]
    pub fn line(self, line: u32) -> Self {
        Self { line: Some(line), ..self }
    }

    /// The same, with the number of the error that the system answers when somebody tries.
    #[must_use]
    pub fn with_errno(self, errno: i32) -> Self {
        Self { errno: Some(errno), ..self }
    }

    pub(crate) fn errno(self, errno: nix::errno::Errno) -> Self {
        Self { errno: Some(errno as i32), ..self }
    }
}

/// `/etc/service/web/run:1: #!/bin/sh`, and the system's word where there is one.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}", path.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.says)?;
        match self.errno {
            Some(errno) => write!(f, " ({})", nix::errno::Errno::from_raw(errno).desc()),
            None => Ok(()),
        }
    }
}

/// What helps, where that is certain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// A command of a shell.
    Command(String),
    /// This is to be asked of its supervisor.
    Ask(Intent),
    /// The directory is to be linked into a scan directory.
    Enable,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The row of the table of causes.
    pub cause: Cause,
    /// What that is about, for [`Cause::about`]; may be empty.
    pub about: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// What helps.
    pub remedy: Option<Remedy>,
}

impl Finding {
    pub(crate) fn new(cause: Cause, about: impl Into<String>) -> Self {
        let (evidence, remedy) = (Vec::new(), None);
        Self { cause, about: about.into(), certainty: Certainty::Certain, evidence, remedy }
    }

    /// What a supervisor says of its service, as [`crate::Oddities::causes`] has it.
    #[must_use]
    pub fn told(cause: Cause, about: impl Into<String>) -> Self {
        Self::new(cause, about)
    }

    /// The same, with more that was seen.
    #[must_use]
    pub fn seen(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// The same, with what helps.
    #[must_use]
    pub fn helps(self, remedy: Remedy) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// The same, so sure.
    #[must_use]
    pub fn certainty(self, certainty: Certainty) -> Self {
        Self { certainty, ..self }
    }
}

/// The sentence, and that it is a guess where it is one.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.about(&self.about).fmt(f)?;
        match self.certainty {
            Certainty::Guess => f.write_str(" (a guess)"),
            Certainty::Likely => f.write_str(" (likely)"),
            Certainty::Certain => Ok(()),
        }
    }
}

/// What could not be seen, and what that would take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Unseen {
    /// What was to be seen.
    pub what: String,
    /// What that needs.
    pub needs: String,
}

impl Unseen {
    /// This was to be seen, and needs that.
    #[must_use]
    pub fn new(what: impl Into<String>, needs: impl Into<String>) -> Self {
        Self { what: what.into(), needs: needs.into() }
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot see {} (needs {})", self.what, self.needs)
    }
}

/// Why a service is not as it should be. The first finding is the reason for the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// How it stood; `None` where it could not be looked at.
    pub status: Option<Status>,
    /// Reasons, the first of them first. None where nothing is wrong.
    pub findings: Vec<Finding>,
    /// What this user may not see.
    pub unseen: Vec<Unseen>,
}
