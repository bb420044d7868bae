//! Putting definitions in the place of others in a tree at work.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use svcmgr::{
    ScanDir, SupervisionEnd,
    build::{Definitions, Plan},
};

use super::{
    said::{Teller, why},
    stage::Job,
};
use crate::{
    cmd::{
        deadline::deadline,
        definitions::{notices::Notices, obstacles},
    },
    exit::Exit,
    text,
};

/// For the engine to take a service on.
pub(super) const TAKING: Duration = Duration::from_secs(60);

/// How long a service may take that got SIGKILL.
pub(super) const AFTER_KILL: Duration = Duration::from_secs(5);

/// So many are ended at a time.
const AT_ONCE: usize = 64;

/// What is to be done in the tree.
pub(super) struct TakeUp {
    /// What ends, each level before those that it needs.
    pub(super) ends: Vec<Vec<Job>>,
    pub(super) made: Plan,
    pub(super) services: PathBuf,
    pub(super) removed: BTreeSet<String>,
    /// What begins anew.
    pub(super) fresh: Definitions,
}

impl TakeUp {
    /// Ends what is another one now, or no more, and its supervision.
    pub(super) fn retire(&self, scan: &ScanDir, teller: &Teller) {
        for jobs in self.ends.iter().flat_map(|level| level.chunks(AT_ONCE)) {
            thread::scope(|scope| {
                for job in jobs {
                    scope.spawn(|| retire(scan, job, teller));
                }
            });
        }
    }

    /// Writes the definitions and has the engine take on what is new in them, down until its turn comes. Why some of it
    /// cannot be started.
    pub(super) fn put(&self, scan: &ScanDir) -> BTreeMap<String, String> {
        let all = |why: String| {
            self.fresh.service.keys().map(|name| (name.clone(), why.clone())).collect()
        };
        if let Err(error) = self.made.write(&self.services) {
            return all(error.to_string());
        }
        for name in &self.removed {
            // Its supervisor's files. What cannot be removed is in nobody's way.
            let _left = fs::remove_dir_all(self.services.join(name));
        }
        // Its own old run has ended, so that an answer on its port is a stranger's.
        let mut obstacles = obstacles::find(&self.fresh);
        for (name, service) in &self.fresh.service {
            if let Err(why) = Self::take_on(scan, &self.services.join(name), service.down) {
                obstacles.insert(name.clone(), why);
            }
        }
        obstacles
    }

    fn take_on(scan: &ScanDir, dir: &Path, down: bool) -> Result<(), String> {
        if !down {
            Notices::hold(dir)
                .map_err(|error| format!("cannot write in {}: {error}", dir.display()))?;
        }
        scan.enable(dir, Instant::now() + TAKING).map(drop).map_err(|error| why(&error))
    }
}

fn retire(scan: &ScanDir, job: &Job, teller: &Teller) {
    let until = deadline(job.kill_after.saturating_add(AFTER_KILL));
    let ended = scan.disable_killing(&job.name, until, Some(job.kill_after)).map(|it| {
        if it.took >= job.kill_after {
            let span = text::span(job.kill_after.as_secs_f64());
            teller.failed(&job.name, format!("had to be killed after {span}"), Exit::Deadline);
        }
        it.ended
    });
    match ended {
        Ok(Ok(SupervisionEnd::NotYet { .. })) => {
            teller.failed(&job.name, "does not end", Exit::Deadline);
        }
        // What was never taken on has no link.
        Ok(Ok(_)) | Err(svcmgr::Error::NotFound { .. }) => (),
        Ok(Err(error)) | Err(error) => {
            teller.failed(&job.name, why(&error), Exit::from(&error));
        }
    }
}
