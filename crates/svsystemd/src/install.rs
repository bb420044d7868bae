//! Installing and removing unit files: planned first, shown, then carried out.
//!
//! The text comes from whoever knows how to write it, as bytes. What is checked here is what the
//! manager makes of it: whether it is loaded, from the file that was written, with programs that
//! exist and requirements that can be met.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{
    Action, BadName, Bus, BusCall, Error, FileChange, LoadState, PropertyValue, UnitName,
    UnitStatus,
    error::Subject,
    file::{self, Dirs},
};

/// A unit file to be installed, with its drop-ins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    unit: UnitName,
    text: Option<Vec<u8>>,
    drop_ins: Vec<(String, Vec<u8>)>,
    lifetime: Lifetime,
    enable: bool,
}

/// How long an installed file is to last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lifetime {
    /// For good: in `/etc/systemd/system`, or the user's own directory.
    #[default]
    Lasting,
    /// Until the next boot: in `/run/systemd/system`, or the user's runtime directory.
    Runtime,
}

svproto::words!(Lifetime, "lifetime of a unit file":
    Lasting "lasting",
    Runtime "runtime",
);

/// What an installation or a removal will do.
#[derive(Clone, Debug)]
#[must_use = "a plan does nothing before it is carried out"]
pub struct UnitPlan {
    bus: Bus,
    unit: UnitName,
    steps: Vec<UnitPlanStep>,
}

/// One step of a [`UnitPlan`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnitPlanStep {
    /// Write this file, if it is not like this already.
    Write {
        /// Where.
        path: PathBuf,
        /// What it shall hold.
        content: Vec<u8>,
        /// What it holds now; `None` if there is none.
        before: Option<Vec<u8>>,
    },
    /// Stop the unit, and wait until it has ended.
    Stop,
    /// Remove its links.
    Disable,
    /// Remove this file.
    Remove {
        /// Which.
        path: PathBuf,
    },
    /// Let the manager read all unit files again.
    Reload,
    /// Look at what the manager makes of it.
    Verify,
    /// Make the links that it asks for.
    Enable,
    /// Forget that it failed.
    ResetFailed,
}

/// Something about an installed unit that its author should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstallFinding {
    /// The manager cannot use the file; what it says.
    Broken(String),
    /// Another file of the same name weighs more, or the unit is masked.
    Shadowed {
        /// The file that is used instead, if any.
        by: Option<PathBuf>,
    },
    /// A program does not exist here, or cannot be executed.
    Program(PathBuf),
    /// It requires a unit that does not exist.
    Missing(String),
}

impl fmt::Display for InstallFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => write!(f, "the unit file cannot be used: {why}"),
            Self::Shadowed { by: Some(by) } => write!(f, "{} is used instead", by.display()),
            Self::Shadowed { by: None } => f.write_str("the unit is masked"),
            Self::Program(path) => write!(f, "{} cannot be executed", path.display()),
            Self::Missing(unit) => write!(f, "it requires {unit}, which does not exist"),
        }
    }
}

/// What became of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstallReport {
    /// Links that were made or removed.
    pub changes: Vec<FileChange>,
    /// What is wrong with the unit; empty if nothing is.
    pub findings: Vec<InstallFinding>,
}

/// The files of a unit to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    unit: UnitName,
}

impl Install {
    /// This text as the file of this unit.
    pub fn new(unit: UnitName, text: impl Into<Vec<u8>>) -> Self {
        let text = Some(text.into());
        let lifetime = Lifetime::default();
        Self { unit, text, drop_ins: Vec::new(), lifetime, enable: false }
    }

    /// Drop-ins for a unit whose file is somebody else's.
    #[must_use]
    pub fn drop_ins_only(unit: UnitName) -> Self {
        Self { text: None, ..Self::new(unit, []) }
    }

    /// Adds a drop-in: a file `NAME.conf` beside the unit, read after it in the order of names.
    #[must_use]
    pub fn drop_in(mut self, name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        self.drop_ins.push((name.into(), text.into()));
        self
    }

    /// How long it is to last.
    #[must_use]
    pub fn lifetime(self, lifetime: Lifetime) -> Self {
        Self { lifetime, ..self }
    }

    /// Also lets it be started with the system, as its `[Install]` section says.
    #[must_use]
    pub fn enabled(self) -> Self {
        Self { enable: true, ..self }
    }

    fn files(&self, dirs: &Dirs) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
        let dir = match self.lifetime {
            Lifetime::Lasting => &dirs.lasting,
            Lifetime::Runtime => &dirs.runtime,
        };
        let mut files = Vec::new();
        if let Some(text) = &self.text {
            files.push((dir.join(self.unit.as_str()), text.clone()));
        }
        for (name, text) in &self.drop_ins {
            // It becomes a part of a path.
            let bad = |why| Error::from(BadName::new(name, why));
            let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            if name.is_empty() || name.starts_with('.') || !name.bytes().all(valid) {
                return Err(bad(
                    "a drop-in has letters, digits and `._-` only, and no dot in front",
                ));
            }
            let dir = dir.join(format!("{}.d", self.unit));
            files.push((dir.join(format!("{name}.conf")), text.clone()));
        }
        Ok(files)
    }
}

impl Removal {
    /// All files of this unit that its administrator has: the unit file and drop-ins, lasting or
    /// not. Those of the distribution stay.
    #[must_use]
    pub fn new(unit: UnitName) -> Self {
        Self { unit }
    }
}

impl Bus {
    /// What installing this would do. Nothing is done.
    pub fn plan_install<'a>(&'a self, install: &'a Install) -> BusCall<'a, UnitPlan> {
        let subject = (&install.unit).into();
        self.ask(Action::Install, &subject, async move {
            let dirs = Dirs::of(self, Action::Install).await?;
            let mut steps = Vec::new();
            for (path, content) in install.files(&dirs)? {
                // A mask, or an alias of another unit: neither is ours to replace.
                if path.symlink_metadata().is_ok_and(|data| data.is_symlink()) {
                    let subject = path.display().to_string();
                    return Err(Error::Exists { action: Action::Install, subject });
                }
                let before = read(&path)?;
                if before.as_ref() != Some(&content) {
                    steps.push(UnitPlanStep::Write { path, content, before });
                }
            }
            if !steps.is_empty() {
                steps.push(UnitPlanStep::Reload);
            }
            steps.push(UnitPlanStep::Verify);
            if install.enable {
                steps.extend([UnitPlanStep::Enable, UnitPlanStep::Reload]);
            }
            Ok(UnitPlan { bus: self.clone(), unit: install.unit.clone(), steps })
        })
    }

    /// What removing this would do. Nothing is done.
    pub fn plan_removal<'a>(&'a self, removal: &'a Removal) -> BusCall<'a, UnitPlan> {
        let subject = (&removal.unit).into();
        self.ask(Action::Remove, &subject, async move {
            let dirs = Dirs::of(self, Action::Remove).await?;
            let unit = &removal.unit;
            let mut files = Vec::new();
            for dir in [&dirs.lasting, &dirs.runtime] {
                let file = dir.join(unit.as_str());
                // A link to /dev/null is a mask, and other links are aliases: not files of ours.
                if file.symlink_metadata().is_ok_and(|data| data.is_file()) {
                    files.push(file);
                }
                files.extend(drop_ins(&dir.join(format!("{unit}.d")))?);
            }
            let owns_file = files.iter().any(|path| path.ends_with(unit.as_str()));
            let mut steps = Vec::new();
            // Instances of a template are units of their own.
            let runs = owns_file && !unit.is_template();
            if runs {
                steps.push(UnitPlanStep::Stop);
            }
            if owns_file {
                steps.push(UnitPlanStep::Disable);
            }
            let any = !files.is_empty();
            steps.extend(files.into_iter().map(|path| UnitPlanStep::Remove { path }));
            if any {
                steps.push(UnitPlanStep::Reload);
            }
            if runs {
                steps.push(UnitPlanStep::ResetFailed);
            }
            Ok(UnitPlan { bus: self.clone(), unit: unit.clone(), steps })
        })
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { doing: "read", path: path.to_owned(), source }),
    }
}

fn drop_ins(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::Io { doing: "list", path: dir.to_owned(), source }),
    };
    let mut files: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "conf"))
        .collect();
    files.sort_unstable();
    Ok(files)
}

impl UnitPlan {
    /// The unit.
    #[must_use]
    pub fn unit(&self) -> &UnitName {
        &self.unit
    }

    /// What will be done, in this order.
    #[must_use]
    pub fn steps(&self) -> &[UnitPlanStep] {
        &self.steps
    }

    /// Does it. The first step that fails ends it; those before it stay done.
    pub fn carry_out(self) -> BusCall<'static, InstallReport> {
        let (bus, subject) = (self.bus.clone(), Subject::from(&self.unit));
        bus.ask(Action::Install, &subject, async move {
            let mut installed = InstallReport::default();
            for step in &self.steps {
                self.take(step, &mut installed).await?;
            }
            Ok(installed)
        })
    }

    async fn take(&self, step: &UnitPlanStep, installed: &mut InstallReport) -> Result<(), Error> {
        let (bus, units) = (&self.bus, std::slice::from_ref(&self.unit));
        let subject = Subject::from(&self.unit);
        match step {
            UnitPlanStep::Write { path, content, .. } => file::write(path, content)?,
            UnitPlanStep::Remove { path } => drop(file::remove(path)?),
            UnitPlanStep::Reload => bus.reload_now().await?,
            UnitPlanStep::Stop => match bus.named(self.unit.clone()).stop().await {
                Ok(job) => drop(job.outcome().await?),
                Err(Error::NoSuchUnit { .. }) => (),
                Err(error) => return Err(error),
            },
            UnitPlanStep::Disable => {
                match bus.change_unit_files(Action::Disable, &subject, units).await {
                    Err(Error::NoSuchUnit { .. }) => (),
                    changes => installed.changes.extend(changes?),
                }
            }
            UnitPlanStep::Enable => {
                let changes = bus.change_unit_files(Action::Enable, &subject, units).await?;
                installed.changes.extend(changes);
            }
            UnitPlanStep::ResetFailed => {
                match bus.unit_method(Action::ResetFailed, &self.unit, "ResetFailedUnit").await {
                    Err(Error::NoSuchUnit { .. }) => (),
                    done => done?,
                }
            }
            UnitPlanStep::Verify => {
                installed.findings = verify(bus, &self.unit, &self.steps).await?;
            }
        }
        Ok(())
    }
}

/// What the manager makes of a unit.
async fn verify(
    bus: &Bus,
    unit: &UnitName,
    steps: &[UnitPlanStep],
) -> Result<Vec<InstallFinding>, Error> {
    // A template is loaded by way of an instance.
    let loaded = if unit.is_template() { unit.instantiate("verify")? } else { unit.clone() };
    let status = bus.named(loaded).look().await?;
    let mut findings = Vec::new();
    if status.load == LoadState::Broken {
        findings.push(InstallFinding::Broken(
            status.load_error().unwrap_or("no reason given").to_owned(),
        ));
    }
    let fragment = Some(status.properties().text("FragmentPath")).filter(|it| !it.is_empty());
    let written = steps.iter().find_map(|step| match step {
        UnitPlanStep::Write { path, .. } if path.ends_with(unit.as_str()) => Some(path),
        _ => None,
    });
    if status.load == LoadState::Masked {
        findings.push(InstallFinding::Shadowed { by: None });
    } else if let (Some(written), Some(fragment)) = (written, fragment)
        && written != Path::new(fragment)
    {
        findings.push(InstallFinding::Shadowed { by: Some(fragment.into()) });
    }
    findings
        .extend(programs(&status).filter(|path| !is_executable(path)).map(InstallFinding::Program));
    let required = ["Requires", "Requisite", "BindsTo"].into_iter().flat_map(|name| {
        status.properties().get(name).map(PropertyValue::fields).unwrap_or_default()
    });
    let required: Vec<UnitName> =
        required.filter_map(|it| UnitName::new(it.text()?).ok()).collect();
    for row in bus.list(&required).await? {
        if row.load == "not-found" && row.active == "inactive" {
            findings.push(InstallFinding::Missing(row.name));
        }
    }
    Ok(findings)
}

/// The programs of all commands, by their paths; "-" in front means "may fail", also to exist.
fn programs(status: &UnitStatus) -> impl Iterator<Item = PathBuf> + '_ {
    let lists = [
        "ExecCondition",
        "ExecStartPre",
        "ExecStart",
        "ExecStartPost",
        "ExecReload",
        "ExecStop",
        "ExecStopPost",
    ];
    let commands = lists.into_iter().flat_map(|name| {
        status.properties().get(name).map(PropertyValue::fields).unwrap_or_default()
    });
    // (path, argv, whether a failure is ignored, …)
    commands.filter_map(|command| match command.fields() {
        [path, _, PropertyValue::Bool(false), ..] => path.text().map(PathBuf::from),
        _ => None,
    })
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// What a dry run shows: a line for each step, and each line that a file gains or loses.
impl fmt::Display for UnitPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = &self.unit;
        for step in &self.steps {
            match step {
                UnitPlanStep::Write { path, content, before } => {
                    let verb = if before.is_some() { "replace" } else { "write" };
                    writeln!(f, "{verb} {}", path.display())?;
                    let before = before.as_deref().unwrap_or_default();
                    let [before, after] = [before, content].map(String::from_utf8_lossy);
                    for line in before.lines().filter(|line| !after.lines().any(|it| it == *line)) {
                        writeln!(f, "  - {}", line.escape_debug())?;
                    }
                    for line in after.lines().filter(|line| !before.lines().any(|it| it == *line)) {
                        writeln!(f, "  + {}", line.escape_debug())?;
                    }
                }
                UnitPlanStep::Remove { path } => writeln!(f, "remove {}", path.display())?,
                UnitPlanStep::Stop => writeln!(f, "stop {unit}")?,
                UnitPlanStep::Disable => writeln!(f, "disable {unit}")?,
                UnitPlanStep::Enable => writeln!(f, "enable {unit}")?,
                UnitPlanStep::Reload => writeln!(f, "reload the manager")?,
                UnitPlanStep::Verify => writeln!(f, "verify {unit}")?,
                UnitPlanStep::ResetFailed => writeln!(f, "reset {unit}")?,
            }
        }
        Ok(())
    }
}
