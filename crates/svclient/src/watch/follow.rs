//! Following a scan directory: its services join the watch when they appear and leave it when they
//! vanish, without anybody looking every few seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::PathBuf,
};

use super::{News, Queued, WatchKey, WatchSet, Who, nearest_above_link};
use crate::{
    Error, ScanDir, Service,
    changes::{Dir, DirId},
    node,
};

/// A followed scan directory.
pub(super) struct Follow {
    scan: ScanDir,
    watched: BTreeSet<(DirId, Who)>,
    members: BTreeMap<OsString, Entry>,
}

/// A service of a followed directory, and the numbers of what its name led to: a name may come to
/// lead to another service.
struct Entry {
    key: WatchKey,
    identity: node::Identity,
}

impl Follow {
    pub(super) fn watched(&mut self) -> &mut BTreeSet<(DirId, Who)> {
        &mut self.watched
    }
}

impl WatchSet {
    /// Adds every service of a scan directory, and from now on those that appear in it
    /// ([`News::Added`]); those that vanish from it leave the set ([`News::Removed`]). What a name
    /// leads to counts: a link that is replaced is a service that goes and one that comes.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Denied`] or [`Error::Io`] if the directory cannot be listed or
    /// watched. A service in it that cannot be watched is left out.
    pub fn follow(&mut self, scan: ScanDir) -> Result<(), Error> {
        let at = self.follows.len();
        let (watched, members) = (BTreeSet::new(), BTreeMap::new());
        self.follows.push(Follow { scan, watched, members });
        let result = self.rescan(at, News::Snapshot);
        if result.is_err() {
            self.unwatch_all(Who::Scan(at));
            self.follows.pop();
        }
        result
    }

    /// Watches a followed directory as it is now, and compares its services with those known.
    pub(super) fn rescan(&mut self, at: usize, first_news: News) -> Result<(), Error> {
        let who = Who::Scan(at);
        self.unwatch_all(who);
        let Some(follow) = self.follows.get(at) else { return Ok(()) };
        let dir = follow.scan.dir().to_owned();
        // Armed before it is listed: an entry that appears in between is seen twice at worst.
        match self.watch(who, &Dir::Service(dir.clone())) {
            Err(Error::NotFound { .. }) if first_news == News::Added => {
                // It was there; it may come back.
                let above = dir.ancestors().skip(1).find(|above| above.is_dir());
                above.map_or(Ok(()), |above| self.watch(who, &Dir::Above(above.to_owned())))?;
            }
            result => result?,
        }
        let Some(follow) = self.follows.get(at) else { return Ok(()) };
        let names = match follow.scan.names() {
            Err(Error::NotFound { .. }) if first_news == News::Added => Vec::new(),
            names => names?,
        };
        let mut found = BTreeMap::new();
        for name in names {
            let path = dir.join(&name);
            match (Service::open(&path), node::stat(&path)) {
                (Ok(service), Ok(Some(stat))) => {
                    found.insert(name, (service, node::identity(&stat)));
                }
                // Being made, or a link to what is not there yet.
                (Err(Error::NotAService { .. }), _) => self.await_in(who, Some(path))?,
                (Err(Error::NotFound { .. }), _) => {
                    self.await_in(who, nearest_above_link(&path))?;
                }
                _ => (),
            }
        }
        self.drop_vanished(at, &found);
        for (name, (service, identity)) in found {
            let known = self.follows.get(at).is_some_and(|all| all.members.contains_key(&name));
            if known {
                continue;
            }
            let key = match self.add(service) {
                Ok(key) => key,
                Err(error @ Error::Io { .. }) => return Err(error),
                // It may be gone again, or be nobody's to look at.
                Err(_) => continue,
            };
            if let Some(queued) = self.queue.back_mut().filter(|queued| queued.key == key) {
                queued.news = first_news;
            }
            if let Some(follow) = self.follows.get_mut(at) {
                follow.members.insert(name, Entry { key, identity });
            }
        }
        Ok(())
    }

    /// Waits for something to appear in a directory. One that cannot be watched is left out, but
    /// for want of watches.
    fn await_in(&mut self, who: Who, path: Option<PathBuf>) -> Result<(), Error> {
        match path.map(|path| self.watch(who, &Dir::Above(path))) {
            Some(Err(error @ Error::Io { .. })) => Err(error),
            _ => Ok(()),
        }
    }

    fn drop_vanished(&mut self, at: usize, found: &BTreeMap<OsString, (Service, node::Identity)>) {
        let Some(follow) = self.follows.get_mut(at) else { return };
        let mut vanished = Vec::new();
        follow.members.retain(|name, entry| {
            let stays = found.get(name).is_some_and(|(_, identity)| *identity == entry.identity);
            if !stays {
                vanished.push(entry.key);
            }
            stays
        });
        for key in vanished {
            // One whose directory is gone has said so itself.
            let Some(member) = self.members.get(&key) else { continue };
            let subject = member.subject.clone();
            let observation = subject.status();
            self.forget(key);
            self.queue.push_back(Queued { key, subject, news: News::Removed, observation });
        }
    }
}
