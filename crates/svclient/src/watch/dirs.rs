//! The registry of directories: which are watched for whom, and what a service needs watched to be known whole.

use std::path::{Path, PathBuf};

use svproto::files;

use super::{WatchKey, WatchSet, follow::Follow};
use crate::{
    Error,
    changes::{Dir, DirId},
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

impl WatchSet {
    /// Watches the directories of a service as they are now.
    pub(super) fn arm(&mut self, key: WatchKey) -> Result<(), Error> {
        let Some(member) = self.members.get_mut(&key) else { return Ok(()) };
        let Some(service) = member.subject.directory() else { return Ok(()) };
        let (dir, held) = (service.home().for_paths().into_owned(), service.home().is_held());
        let service = Dir::Service(dir.clone());
        let known = if held { None } else { self.changes.watch_unless_link(&service) };
        if let Some(id) = known {
            self.note(Who::Service(key), id);
        } else {
            if !held {
                self.watch_links(Who::Around(key), &dir)?;
            }
            self.watch(Who::Service(key), &service)?;
        }
        if self.members.get(&key).is_some_and(|member| member.listener.is_some()) {
            match self.listen_in(key, &dir.join(files::EVENT)) {
                // The record still tells.
                Ok(()) | Err(Error::NotFound { .. } | Error::Denied { .. }) => (),
                Err(error) => return Err(error),
            }
        }
        let supervise = dir.join(files::SUPERVISE);
        match self.watch(Who::Service(key), &Dir::Supervise(supervise.clone())) {
            Ok(()) => Ok(()),
            Err(Error::NotFound { .. }) => {
                // Debian's runit: a link to a directory that runsv makes when it first starts.
                self.watch_above_link(Who::Around(key), &supervise)?;
                // It may be there by now.
                match self.watch(Who::Service(key), &Dir::Supervise(supervise)) {
                    Err(Error::NotFound { .. }) => Ok(()),
                    result => result,
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Watches where a dangling link will point, if it is one.
    pub(super) fn watch_above_link(&mut self, who: Who, link: &Path) -> Result<(), Error> {
        let mut above = nearest_above_link(link);
        // Whoever moves directories as fast as they are watched is heard to do so.
        for _ in 0..LINKS {
            let Some(dir) = above else { break };
            self.watch(who, &Dir::Above(dir.clone()))?;
            // What came before that was not heard.
            above = nearest_above_link(link).filter(|now| *now != dir);
        }
        Ok(())
    }

    /// Watches the directories that hold the links which a path is and leads to: their entries come
    /// and go without a word from the target.
    pub(super) fn watch_links(&mut self, who: Who, path: &Path) -> Result<(), Error> {
        for dir in around_links(path) {
            match self.watch(who, &Dir::Above(dir)) {
                // It may be searched and not listed: then only the target tells.
                Ok(()) | Err(Error::Denied { .. }) => (),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn watch(&mut self, who: Who, dir: &Dir) -> Result<(), Error> {
        let path = dir.path();
        let id = self.changes.watch(dir).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound { path: path.clone() },
            _ => Error::unwatched(path, source),
        })?;
        self.note(who, id);
        Ok(())
    }

    /// Remembers for whom a directory is watched.
    fn note(&mut self, who: Who, id: DirId) {
        insert(self.dirs.entry(id).or_default(), who);
        if let Some(watched) = self.watched(who) {
            insert(watched, (id, who));
        }
    }

    pub(super) fn disarm(&mut self, key: WatchKey) {
        self.unwatch_all(Who::Service(key));
    }

    pub(super) fn unwatch_all(&mut self, who: Who) {
        for (id, who) in self.watched(who).map(std::mem::take).unwrap_or_default() {
            if let Some(interested) = self.dirs.get_mut(&id) {
                if let Ok(at) = interested.binary_search(&who) {
                    interested.remove(at);
                }
                if interested.is_empty() {
                    self.dirs.remove(&id);
                    self.changes.unwatch(id);
                }
            }
        }
    }

    /// The directories that are watched for somebody.
    fn watched(&mut self, who: Who) -> Option<&mut Vec<(DirId, Who)>> {
        match who {
            Who::Service(key) | Who::Around(key) => {
                self.members.get_mut(&key).map(|member| &mut member.watched)
            }
            Who::Scan(at) => self.follows.get_mut(at).map(Follow::watched),
        }
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
fn around_links(path: &Path) -> Vec<PathBuf> {
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
const LINKS: usize = 40;

/// Where a dangling link will point: the deepest directory on the way that exists.
pub(crate) fn nearest_above_link(link: &Path) -> Option<PathBuf> {
    let target = std::fs::read_link(link).ok()?;
    let target = link.parent()?.join(target);
    target.ancestors().skip(1).find(|path| path.is_dir()).map(Path::to_owned)
}
