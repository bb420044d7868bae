//! What a service has left behind: processes that work in its directory, and that no supervisor knows.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs,
    path::Path,
};

use nix::sys::stat::FileStat;
use svproto::Pid;

use super::table;
use crate::{handle::Handle, node};

/// No process of a service has more above it.
const DEEPEST: usize = 64;

/// What is known of a service beside which others may be left.
pub(crate) struct Around<'a> {
    pub(crate) supervisor: Option<Pid>,
    /// Processes that its record names.
    pub(crate) known: &'a [Pid],
    /// The process of `run`, while it is up.
    pub(crate) run: Option<Pid>,
}

/// How those who work in a directory are found.
pub(crate) struct Search<'a> {
    /// Few processes are asked, those near the supervisor of a service that is up.
    pub(crate) is_near: bool,
    /// Of all processes those that work in a directory of this name, as [`workers`] has them.
    pub(crate) among_all: &'a dyn Fn(&OsStr) -> Vec<u32>,
}

/// Who runs in a service directory, was not started by its supervisor that is there now, and has lost
/// whoever started it: what a run script that does not `exec` leaves behind when it ends.
pub(crate) fn left_in(handle: &Handle, around: &Around<'_>, search: &Search<'_>) -> Vec<Pid> {
    let Some(service_dir) = ServiceDir::of(handle) else { return Vec::new() };
    let near = around.supervisor.filter(|_| around.run.is_some() && search.is_near);
    let there = near.and_then(|it| near::working_in(&service_dir, it));
    let there = there.unwrap_or_else(|| {
        (search.among_all)(&service_dir.name)
            .into_iter()
            .filter(|pid| service_dir.has(*pid))
            .collect()
    });
    if there.is_empty() {
        return Vec::new();
    }
    let sessions = around.supervisor.and_then(|it| table::process(it.get())).map(|it| it.session);
    let is_known = |pid: u32| {
        around.supervisor.is_some_and(|it| it.get() == pid)
            || around.known.iter().any(|it| it.get() == pid)
    };
    let run = around.run.and_then(|it| table::process(it.get()));
    let mut left = Vec::new();
    for &pid in &there {
        let Some(process) = table::process(pid) else { continue };
        if is_known(pid) || process.is_over || process.has_terminal {
            continue;
        }
        // What came after the run that goes on may be that run's own, whoever it has above it.
        if run.as_ref().is_some_and(|run| !process.began_before(run)) {
            continue;
        }
        // Those who started it are known, or are of its session and live elsewhere; or it has a
        // session of its own whose first process lives.
        let mut above = process.parent;
        let mut is_theirs = false;
        for _ in 0..DEEPEST {
            if is_known(above) {
                is_theirs = true;
            }
            let Some(next) = table::process(above).filter(|it| it.parent > 0 && !is_theirs) else {
                break;
            };
            is_theirs = above != 1 && next.session == process.session && !there.contains(&above);
            above = next.parent;
        }
        let is_orphan = process.session != pid
            && (table::process(process.session).is_none_or(|it| it.is_over)
                || Some(process.session) == sessions);
        if !is_theirs && is_orphan {
            left.extend(Pid::new(pid.into()));
        }
    }
    left
}

/// A directory in which processes may work.
struct ServiceDir {
    found: FileStat,
    /// The last part of its real path: a process that works elsewhere is not asked further, and a file
    /// system that does not answer is not asked at all.
    name: OsString,
}

impl ServiceDir {
    fn of(handle: &Handle) -> Option<Self> {
        let found = handle.stat().ok().flatten()?;
        let path = fs::canonicalize(handle.for_paths()).ok()?;
        Some(Self { found, name: path.file_name()?.to_owned() })
    }

    /// Whether a process works there, as far as this user may see it.
    fn has(&self, pid: u32) -> bool {
        let dir = table::working_directory(pid);
        dir.is_some_and(|dir| dir.file_name() == Some(&self.name))
            && table::stat_from(pid, b".")
                .is_some_and(|it| node::identity(&it) == node::identity(&self.found))
    }
}

/// Processes that do not lead a session, by the last part of the path of the directory in which they work.
pub(crate) fn workers() -> HashMap<OsString, Vec<u32>> {
    let mut all: HashMap<OsString, Vec<u32>> = HashMap::new();
    for pid in table::all() {
        if table::session(pid).is_none_or(|it| it == pid) {
            continue;
        }
        let dir = table::working_directory(pid);
        if let Some(name) = dir.as_deref().and_then(Path::file_name) {
            all.entry(name.to_owned()).or_default().push(pid);
        }
    }
    all
}

/// What is left behind has lost whoever started it, and got one above its supervisor instead: the first
/// process of the system, or another that takes such in.
mod near {
    use svproto::Pid;

    use super::{DEEPEST, ServiceDir, table};

    /// Who works there of all that may be left behind by this supervisor; `None` where the kernel does not
    /// tell who was started by whom, or this user may not see it.
    pub(super) fn working_in(service_dir: &ServiceDir, supervisor: Pid) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        let mut above = table::process(supervisor.get())?.parent;
        for _ in 0..DEEPEST {
            if above == 0 {
                // What they have started works there as well.
                let mut at = 0;
                while let Some(&pid) = found.get(at) {
                    let more = table::children(pid).unwrap_or_default();
                    found.extend(more.into_iter().filter(|it| service_dir.has(*it)));
                    at += 1;
                }
                return Some(found);
            }
            let its_session = table::session(above);
            // Who is of its session was started by it, unless it is the first process of all.
            let has_own = above != 1 && !service_dir.has(above);
            let is_taken_in = |pid: &u32| {
                let session = table::session(*pid);
                session.is_some_and(|it| it != *pid) && !(has_own && session == its_session)
            };
            let children = table::children(above)?.into_iter();
            found.extend(children.filter(is_taken_in).filter(|pid| service_dir.has(*pid)));
            above = table::process(above)?.parent;
        }
        None
    }
}
