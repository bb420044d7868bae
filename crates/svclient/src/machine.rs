//! What is looked at beside services, once for many of them: which processes work where, which of them are
//! scanners, what scan directories hold.
//!
//! A look at all processes takes 10 to 40 ms where there are 2,000. Of what is found here only numbers are
//! kept: whoever finds something asks the process itself before it is told. What was read is read again
//! after a second.

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    fmt,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use svproto::Pid;

use crate::{
    handle::Handle,
    node::{self, Identity},
    processes::{self, Around, Search},
};

/// What many services have in common: the processes of the machine, and its scan directories. Services that
/// share one ([`crate::Service::sharing`]) have them read once, not once each.
///
/// ```
/// # let tree = tempfile::tempdir().unwrap();
/// # for name in ["web", "mail"] {
/// #     std::fs::create_dir_all(tree.path().join(name)).unwrap();
/// #     std::fs::write(tree.path().join(name).join("run"), "#!/bin/sh\n").unwrap();
/// # }
/// # let scan_dir = svclient::ScanDir::new(tree.path());
/// let machine = svclient::Machine::new();
/// for service in scan_dir.services()? {
///     let why = service.sharing(&machine).explain();
/// #   assert!(!why.findings.is_empty());
/// }
/// # Ok::<(), svclient::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Machine(Arc<Shared>);

#[derive(Default)]
struct Shared {
    asked: AtomicUsize,
    seen: Mutex<Seen>,
}

/// Each part, and when it was read.
#[derive(Default)]
struct Seen {
    workers: Part<HashMap<OsString, Vec<u32>>>,
    scanners: Part<Vec<Pid>>,
    entries: HashMap<PathBuf, Part<HashSet<Identity>>>,
}

type Part<T> = Option<(Instant, Arc<T>)>;

/// What was read is news for so long.
const FRESH: Duration = Duration::from_secs(1);
/// Of so many services each is asked for its own processes; of more, all processes are read.
const FEW: usize = 8;
/// A directory of more entries is no scan directory that somebody means.
const ENTRIES: usize = 4096;

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}

impl Machine {
    /// Nothing is read before it is needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is left behind in a service directory.
    pub(crate) fn left_in(&self, handle: &Handle, around: &Around<'_>) -> Vec<Pid> {
        let among_all = |name: &OsStr| {
            let workers = self.read(|seen| &mut seen.workers, processes::workers);
            workers.get(name).cloned().unwrap_or_default()
        };
        let is_near = around.run.is_some() && self.is_asked_little();
        processes::left_in(handle, around, &Search { is_near, among_all: &among_all })
    }

    /// Whether a question about one service is to be answered from what is near it.
    fn is_asked_little(&self) -> bool {
        self.0.asked.fetch_add(1, Ordering::Relaxed) < FEW
    }

    /// Processes with the name of a scanner.
    pub(crate) fn scanners(&self) -> Arc<Vec<Pid>> {
        self.read(|seen| &mut seen.scanners, processes::scanners)
    }

    /// Whether an entry of a scan directory leads to this place; `names` has the entries.
    pub(crate) fn leads_to(
        &self,
        dir: &Path,
        names: impl FnOnce() -> Vec<OsString>,
        place: Identity,
    ) -> bool {
        let read = || {
            let names = names().into_iter().take(ENTRIES);
            names.filter_map(|name| identity(&dir.join(name))).collect()
        };
        self.read(|seen| seen.entries.entry(dir.to_owned()).or_default(), read).contains(&place)
    }

    fn read<T>(
        &self,
        part: impl Fn(&mut Seen) -> &mut Part<T>,
        read: impl FnOnce() -> T,
    ) -> Arc<T> {
        // Others wait for what is being read: it is what they need. Nothing is half done where one panics.
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let part = part(&mut seen);
        if let Some((at, found)) = part {
            if at.elapsed() < FRESH {
                return Arc::clone(found);
            }
        }
        let found = Arc::new(read());
        *part = Some((Instant::now(), Arc::clone(&found)));
        found
    }
}

/// The machine that a service shares with others, if it does. It is no part of what the service is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sharing(pub(crate) Option<Machine>);

impl PartialEq for Sharing {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Sharing {}

impl Hash for Sharing {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

fn identity(path: &Path) -> Option<Identity> {
    node::stat(path).ok().flatten().as_ref().map(node::identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_read_once_for_all_that_share_it() {
        let machine = Machine::new();
        let first = machine.scanners();
        assert!(Arc::ptr_eq(&first, &machine.clone().scanners()));
        assert!(!Arc::ptr_eq(&first, &Machine::new().scanners()));
    }

    #[test]
    fn what_was_read_long_ago_is_read_again() {
        let machine = Machine::new();
        let first = machine.scanners();
        let mut seen = machine.0.seen.lock().unwrap();
        let long_ago = Instant::now().checked_sub(FRESH).unwrap();
        seen.scanners = Some((long_ago, Arc::clone(&first)));
        drop(seen);
        assert!(!Arc::ptr_eq(&first, &machine.scanners()));
    }

    #[test]
    fn of_a_few_each_is_asked_and_of_many_all_processes_are_read() {
        let machine = Machine::new();
        let few = (0..2 * FEW).filter(|_| machine.is_asked_little()).count();
        assert_eq!(few, FEW);
    }
}
