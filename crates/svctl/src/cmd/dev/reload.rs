//! Definitions that changed while their services run: what that makes of each of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use svcmgr::Order;

use super::{
    log_writer::LogWriter,
    stage::{self, Cast, Job, Stage, Staged},
    take_up::TakeUp,
};
use crate::{
    args::Dev,
    cmd::definitions::{self, plan::Plan},
    exit::Exit,
    output::{Output, printable},
};

/// Definitions that are to take the place of others.
pub(super) struct Next {
    pub(super) staged: Staged,
    pub(super) order: Order,
    pub(super) changes: BTreeMap<String, Change>,
    /// What has changed, as it is shown.
    files: String,
}

/// What becomes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is new.
    Added,
    /// It is new, and nobody starts it by himself.
    AddedDown,
    /// It is another one, and was started.
    Restarted,
    /// It is another one, and was not started yet.
    Altered,
    /// It is no more.
    Removed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "started",
            Self::AddedDown => "added",
            Self::Restarted => "restarted",
            Self::Altered => "changed",
            Self::Removed => "stopped",
        })
    }
}

impl Next {
    fn new(stage: &Stage, staged: Staged, order: Order, files: &[PathBuf]) -> Self {
        let now = &stage.staged;
        let mut changes = BTreeMap::new();
        for (name, service) in &staged.definitions.service {
            let is_same = staged.made.units.get(name) == now.made.units.get(name)
                && staged.variables.get(name) == now.variables.get(name);
            let change = match now.definitions.service.contains_key(name) {
                true if is_same => continue,
                true if stage.plan.is_begun(name) => Change::Restarted,
                true => Change::Altered,
                false if service.down => Change::AddedDown,
                false => Change::Added,
            };
            changes.insert(name.clone(), change);
        }
        let is_gone = |name: &&String| !staged.definitions.service.contains_key(*name);
        let gone = now.definitions.service.keys().filter(is_gone);
        changes.extend(gone.map(|name| (name.clone(), Change::Removed)));
        Self { staged, order, changes, files: shown(files) }
    }

    /// Reads the definitions once more, of which these files have changed. What is wrong with them is told.
    pub(super) fn read(
        stage: &mut Stage,
        args: &Dev,
        files: &[PathBuf],
        output: &mut Output,
    ) -> Result<Self, Exit> {
        let (definitions, read) = stage::chosen(args, output)?;
        let logs = stage.tree.base().join("logs");
        let staged = Staged::of(definitions, &logs, &stage.cast, output)?;
        let order = definitions::order(&staged.definitions, output)?;
        if let Some(sources) = &mut stage.sources {
            sources.follow(read);
        }
        Ok(Self::new(stage, staged, order, files))
    }

    /// The tree has these definitions now. Who is new, and what keeps some of them from being started.
    pub(super) fn install(
        self,
        stage: &mut Stage,
        exit_with: &[String],
        log_writer: &LogWriter,
    ) -> (Vec<String>, BTreeMap<String, String>) {
        let (mut added, mut obstacles) = (Vec::new(), BTreeMap::new());
        let plan = Plan::new(&self.staged.definitions, exit_with);
        stage.plan.take_up(plan, |name| self.is_fresh(name));
        for (name, service) in &self.staged.definitions.service {
            if let Some(cast) = stage.cast.iter_mut().find(|cast| cast.name == *name) {
                cast.kill_after = stage::kill_after(service);
                continue;
            }
            let one = Cast::new(name, &stage.tree, &self.staged.definitions);
            let one = one.map_err(|error| crate::output::message(&error)).and_then(|one| {
                let heard = log_writer.add(one.log.path());
                heard.map_err(|error| format!("cannot read what it writes: {error}"))?;
                Ok(one)
            });
            match one {
                Ok(one) => {
                    added.push(name.clone());
                    stage.cast.push(one);
                }
                Err(why) => drop(obstacles.insert(name.clone(), why)),
            }
        }
        (stage.order, stage.staged) = (self.order, self.staged);
        (added, obstacles)
    }

    /// Whether the service begins anew.
    pub(super) fn is_fresh(&self, name: &str) -> bool {
        self.changes.get(name).is_some_and(|change| *change != Change::Removed)
    }

    /// What a thread has to do for it.
    pub(super) fn take_up(&self, stage: &Stage) -> TakeUp {
        let is_old = |job: &Job| {
            let change = self.changes.get(&job.name);
            change.is_some_and(|it| !matches!(it, Change::Added | Change::AddedDown))
        };
        let mut ends = stage.levels();
        for level in &mut ends {
            level.retain(is_old);
        }
        let mut fresh = self.staged.definitions.clone();
        fresh.service.retain(|name, _| self.is_fresh(name));
        let removed = self.changes.iter().filter(|(_, change)| **change == Change::Removed);
        let removed: BTreeSet<String> = removed.map(|(name, _)| name.clone()).collect();
        let made = self.staged.made.clone();
        let made = removed.iter().fold(made, |made, name| made.without(name.as_str()));
        TakeUp { ends, made, services: stage.tree.services_dir(), removed, fresh }
    }
}

/// `svcmgr.toml changed: web restarted, cache started, old stopped`
impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} changed: ", self.files)?;
        if self.changes.is_empty() {
            return f.write_str("nothing to restart");
        }
        for (at, (name, change)) in self.changes.iter().enumerate() {
            write!(f, "{}{name} {change}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// The names of files alone: whoever has changed them knows where they are.
pub(super) fn shown(files: &[PathBuf]) -> String {
    let name = |path: &PathBuf| {
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    };
    let names: BTreeSet<String> = files.iter().map(name).collect();
    printable(&names.into_iter().collect::<Vec<_>>().join(", "))
}
