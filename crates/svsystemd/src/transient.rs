//! Commands as units that exist while they run: started, waited for, and gone.

use std::time::Instant;

use svproto::LastExit;
use zbus::Variant;

use crate::{
    Action, Bus, BusCall, Error, Job, JobOutcome, JobResult, ServiceResult, Unit, UnitName,
    UnitStatus, router::Heard, wire::slot::block_on,
};

/// A command to run as a unit of its own. There is no shell in between, and no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transient {
    name: UnitName,
    argv: Vec<String>,
    environment: Vec<String>,
    directory: Option<String>,
    user: Option<String>,
}

/// A command that was started.
#[must_use = "dropping it only stops looking; the command goes on"]
pub struct TransientRun {
    unit: Unit,
    listening: crate::router::Listening,
    kept: bool,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunEnd {
    /// Its exit code or signal.
    pub exit: LastExit,
    /// What systemd makes of that.
    pub result: ServiceResult,
}

impl Transient {
    /// A command, its program by its absolute path, under a name that no unit has.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`].
    pub fn new<S: Into<String>>(
        name: &str,
        argv: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        Ok(Self {
            name: UnitName::new(name)?,
            argv: argv.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            directory: None,
            user: None,
        })
    }

    /// Sets a variable of its environment, beside those that the manager gives to all.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    /// Runs it in this directory.
    #[must_use]
    pub fn directory(self, directory: impl Into<String>) -> Self {
        Self { directory: Some(directory.into()), ..self }
    }

    /// Runs it as this user.
    #[must_use]
    pub fn user(self, user: impl Into<String>) -> Self {
        Self { user: Some(user.into()), ..self }
    }

    fn properties(&self, keep: bool) -> Vec<(&'static str, Variant<'_>)> {
        let program = self.argv.first().map_or("", String::as_str);
        let argv: Vec<&str> = self.argv.iter().map(String::as_str).collect();
        let mut properties = vec![
            // Started means executed: a program that does not exist is a failure.
            ("Type", Variant::from("exec")),
            // As it stands: nothing after a `$` is a variable.
            ("ExecStartEx", Variant::from(vec![(program, argv, vec!["no-env-expand"])])),
            ("CollectMode", Variant::from("inactive-or-failed")),
        ];
        if keep {
            properties.push(("AddRef", Variant::from(true)));
        }
        if !self.environment.is_empty() {
            let environment: Vec<&str> = self.environment.iter().map(String::as_str).collect();
            properties.push(("Environment", Variant::from(environment)));
        }
        for (name, value) in [("WorkingDirectory", &self.directory), ("User", &self.user)] {
            if let Some(value) = value {
                properties.push((name, Variant::from(value.as_str())));
            }
        }
        properties
    }
}

impl Bus {
    /// Starts a command as a transient unit, and returns once its program is executed.
    ///
    /// [`Error::Exists`] if the name is taken. A program that cannot be executed is
    /// [`Error::Manager`] with what became of it.
    pub fn run<'a>(&'a self, command: &'a Transient) -> BusCall<'a, TransientRun> {
        let subject = (&command.name).into();
        let asked = crate::error::Subject::from(&command.name);
        self.ask(Action::Run, &asked, async move {
            // It is gone from the manager's memory as soon as it ends, unless somebody keeps it.
            let kept = self.manager_address().has_bus();
            let listening = self.router().listen(Some(vec![command.name.clone()])).await?;
            let wait = self.router().jobs(command.name.clone()).await?;
            let others: Vec<(&str, Vec<(&str, Variant<'_>)>)> = Vec::new();
            let body = (command.name.as_str(), "fail", command.properties(kept), others);
            let path: zbus::OwnedObjectPath =
                self.manager(Action::Run, &subject, "StartTransientUnit", &body).await?;
            let unit = self.named(command.name.clone());
            let job = Job::new(unit.clone(), Action::Run, path.as_str().to_owned(), wait);
            let running = TransientRun { unit, listening, kept };
            match job.outcome().await? {
                JobOutcome::Missed { job, status }
                    if job != JobResult::Done && !has_run(&status) =>
                {
                    Err(not_executed(&running.unit, &job, &status))
                }
                // It may be over already, well or not.
                _ => Ok(running),
            }
        })
    }
}

/// Whether the command itself ended. 200 to 243 are systemd's own, for what comes before it.
fn has_run(status: &UnitStatus) -> bool {
    match status.facts.last_exit {
        LastExit::Exited { code } => !(200..=243).contains(&code),
        LastExit::Signaled { .. } => true,
        _ => false,
    }
}

fn not_executed(unit: &Unit, job: &JobResult, status: &UnitStatus) -> Error {
    let result = status.result();
    let text = format!("the job is {job}, the unit {result}: {:?}", status.facts.last_exit);
    let source = crate::BusError { name: String::new(), text };
    Error::Manager { action: Action::Run, subject: unit.name().to_string(), source }
}

impl std::fmt::Debug for TransientRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransientRun").field("unit", self.unit.name()).finish_non_exhaustive()
    }
}

impl TransientRun {
    /// Its unit.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Waits until it has ended, for ever.
    pub fn ended(self) -> BusCall<'static, RunEnd> {
        let subject = self.unit.name().to_string();
        BusCall::new(Action::Run, &subject, None, async move {
            loop {
                let status = self.unit.look().await?;
                if !matches!(
                    status.states().0,
                    "active" | "activating" | "deactivating" | "reloading"
                ) {
                    return Ok(RunEnd { exit: status.facts.last_exit, result: status.result() });
                }
                // Any news is worth a look; what it says alone may be half of it.
                let _news: Heard = self.listening.next().await;
            }
        })
    }

    /// Waits on this thread until it has ended, until `deadline`; `None` if that passes first, and
    /// the command goes on.
    ///
    /// # Errors
    ///
    /// If the unit cannot be read.
    pub fn ended_before(self, deadline: Instant) -> Result<Option<RunEnd>, Error> {
        block_on(self.ended(), Some(deadline)).transpose()
    }
}

impl Drop for TransientRun {
    fn drop(&mut self) {
        if self.kept {
            self.unit.bus().forget(self.unit.name());
        }
    }
}
