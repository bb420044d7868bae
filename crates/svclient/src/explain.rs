//! Why a service is not as it should be: facts are gathered once, by reading alone, and rules make
//! ordered findings of them.
//!
//! Nothing is started, sent or changed. A finding names a row of the table of causes, how certain it
//! is, and what was seen; what this user may not see is told beside them and never taken for absent.

mod facts;
mod file;
mod life;
mod machine;
mod rules;
mod runs;
mod script;
mod words;

pub(crate) use file::read;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Instant,
};

use svproto::Cause;

use crate::{CheckAnswer, Error, Intent, Service, Status, WatchSet, aside};

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
    /// What the system says to who tries.
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

    /// The same, with the number of the error that the system answers to who tries.
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

    /// What the answer of a `check` script is a sign of; nothing for one that passed.
    #[must_use]
    pub fn of_check(answer: CheckAnswer, service: &Service) -> Option<Self> {
        let finding = match answer {
            CheckAnswer::NoScript | CheckAnswer::Passed => return None,
            CheckAnswer::Failed(exit) => {
                Self::new(Cause::CheckFailed, crate::check::how_in_words(exit))
            }
            CheckAnswer::Overdue => Self::new(Cause::CheckOverdue, ""),
            CheckAnswer::NotExecutable => Self::new(Cause::CheckNotExecutable, ""),
            CheckAnswer::LeftBehind { pid, port } => {
                Self::new(Cause::LeftBehind, crate::check::listens(pid, port))
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
            crate::node::mode(&stat),
            stat.st_uid,
            stat.st_gid
        );
        let evidence = Evidence::new(mode).at(step).errno(nix::errno::Errno::EACCES);
        Some(Self::new(Cause::NotReachable, about).seen(evidence))
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

impl Service {
    /// Why it is not as it should be: nothing for a service that is well. Reads alone; starts and
    /// changes nothing, and needs no privilege: what may not be seen is in [`Explanation::unseen`].
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::Service;
    ///
    /// let why = Service::open(&dir)?.explain();
    /// for finding in &why.findings {
    ///     println!("{}: {finding}", finding.cause.kind());
    /// }
    /// assert!(why.findings.iter().any(|it| it.cause.kind() == "file-not-executable"));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn explain(&self) -> Explanation {
        self.explain_after(&runs::Runs::default())
    }

    fn explain_after(&self, runs: &runs::Runs) -> Explanation {
        let facts = facts::Facts::gather(self, runs);
        let findings = rules::all(&facts);
        Explanation { status: facts.status, findings, unseen: facts.unseen.into_inner() }
    }
    /// As [`Service::explain`], and no later than that: a script may name a directory on a server that is
    /// gone, which holds whoever looks at it.
    ///
    /// # Errors
    ///
    /// [`Error::Unanswered`] where something held the look until the deadline.
    pub fn explain_before(&self, deadline: Instant) -> Result<Explanation, Error> {
        let its = self.clone();
        aside::before(deadline, move || its.explain())
            .ok_or_else(|| Error::Unanswered { path: self.dir().to_owned() })
    }

    /// As [`Service::explain`], again at each change until a reason shows that is more than that a run has
    /// ended, or until then. What is watched tells how long each run lived: three that ended are a loop,
    /// also where the suite counts none.
    ///
    /// # Errors
    ///
    /// Those of a watch ([`WatchSet`]).
    pub fn explain_over(&self, until: Instant) -> Result<Explanation, Error> {
        let mut watch = WatchSet::new()?;
        let mut runs = runs::Runs::default();
        watch.add(self.clone())?;
        loop {
            let why = self.explain_after(&runs);
            let is_clear = why.findings.first().is_some_and(|it| it.cause != Cause::BackOff);
            if is_clear || Instant::now() >= until {
                return Ok(why);
            }
            // What happened since is noted before the next look.
            let mut next = watch.next_before(until)?;
            while let Some(event) = next {
                if let Ok(status) = &event.status {
                    runs.note(status);
                }
                next = watch.next_now()?;
            }
        }
    }
}
