//! The registry of directories: which are watched, and for whom.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use super::WatchKey;
use crate::{
    Error,
    changes::{Changes, Dir, DirId, Hint},
};

/// Who is told of changes in a directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// The scan directory at this place of `follows`. It comes first: what it drops is not asked.
    Scan(usize),
    /// In the directories of a service: the names that mean something there.
    Service(WatchKey),
    /// Around them: what decides where they are.
    Around(WatchKey),
}

impl Who {
    /// Whose affair it is, wherever it was heard.
    pub(super) const fn whom(self) -> Self {
        match self {
            Self::Around(key) => Self::Service(key),
            other => other,
        }
    }
}

/// All of them, and what tells of changes in them.
pub(super) struct Dirs {
    changes: Changes,
    /// Two services may share one. Sorted; as a rule one, for which a set would take 0.3 KiB.
    interested: BTreeMap<DirId, Vec<Who>>,
}

/// A directory that is watched for somebody. Everybody who has some keeps a sorted list of them.
pub(super) type Watched = (DirId, Who);

impl Dirs {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { changes: Changes::new()?, interested: BTreeMap::new() })
    }

    /// What stands in for them while they are elsewhere.
    pub(super) fn stand_in(&self) -> io::Result<Self> {
        Ok(Self { changes: self.changes.stand_in()?, interested: BTreeMap::new() })
    }

    /// Watches a directory for somebody, and notes it in the list of what is.
    pub(super) fn watch(
        &mut self,
        who: Who,
        dir: &Dir,
        watched: &mut Vec<Watched>,
    ) -> Result<(), Error> {
        let path = dir.path();
        let id = self.changes.watch(dir).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::NotFound { path: path.clone() },
            _ => Error::unwatched(path, source),
        })?;
        self.note(who, id, watched);
        Ok(())
    }

    /// The same, unless the path is a link, or cannot be watched. Whether it is.
    pub(super) fn watch_unless_link(
        &mut self,
        who: Who,
        dir: &Dir,
        watched: &mut Vec<Watched>,
    ) -> bool {
        let id = self.changes.watch_unless_link(dir);
        id.map(|id| self.note(who, id, watched)).is_some()
    }

    fn note(&mut self, who: Who, id: DirId, watched: &mut Vec<Watched>) {
        insert(self.interested.entry(id).or_default(), who);
        insert(watched, (id, who));
    }

    /// Nobody of this list watches any more.
    pub(super) fn unwatch(&mut self, watched: Vec<Watched>) {
        for (id, who) in watched {
            if let Some(interested) = self.interested.get_mut(&id) {
                if let Ok(at) = interested.binary_search(&who) {
                    interested.remove(at);
                }
                if interested.is_empty() {
                    self.interested.remove(&id);
                    self.changes.unwatch(id);
                }
            }
        }
    }

    /// Who is interested in a directory.
    pub(super) fn interested(&self, id: DirId) -> &[Who] {
        self.interested.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    /// A directory is no longer watched. Who was interested in it.
    pub(super) fn ended(&mut self, id: DirId) -> Vec<Who> {
        self.interested.remove(&id).unwrap_or_default()
    }

    /// What was heard since the last call.
    pub(super) fn drain(&mut self, hear: &mut impl FnMut(Hint)) -> io::Result<()> {
        self.changes.drain(hear)
    }

    /// Makes the one descriptor tell of another one, too.
    pub(super) fn join(&mut self, other: BorrowedFd<'_>) -> io::Result<()> {
        self.changes.join(other)
    }

    /// How often to look because not all is heard of; `None` if it is.
    pub(super) fn look_every(&self) -> Option<Duration> {
        self.changes.look_every()
    }
}

impl AsFd for Dirs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }
}

/// Into a sorted list, once.
fn insert<T: Ord>(list: &mut Vec<T>, item: T) {
    if let Err(at) = list.binary_search(&item) {
        // As a rule it gets no longer than two.
        if list.len() < 2 {
            list.reserve_exact(1);
        }
        list.insert(at, item);
    }
}

/// The directories of a link, of the link that it leads to, and so on; none for what is no link.
pub(super) fn around_links(path: &Path) -> Vec<PathBuf> {
    let mut around = Vec::new();
    // Without a slash at the end, which would mean the target.
    let mut path: PathBuf = path.components().collect();
    while let Some(target) = std::fs::read_link(&path).ok().filter(|_| around.len() < LINKS) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new(".")).to_owned();
        path = parent.join(target).components().collect();
        around.push(parent);
    }
    around
}

/// No system follows more links than that.
pub(super) const LINKS: usize = 40;

/// Where a dangling link will point: the deepest directory on the way that exists.
pub(super) fn nearest_above_link(link: &Path) -> Option<PathBuf> {
    let target = std::fs::read_link(link).ok()?;
    let target = link.parent()?.join(target);
    target.ancestors().skip(1).find(|path| path.is_dir()).map(Path::to_owned)
}
