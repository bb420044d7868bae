//! Following a scan directory: its services join the watch when they appear and leave it when they
//! vanish, without anybody looking every few seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use super::{
    News, WatchKey, WatchSet,
    dirs::{Watched, Who},
    news::Queued,
};
use crate::{Error, ScanDir, Service, changes::Dir, node};

/// A followed scan directory.
pub(super) struct Follow {
    scan: ScanDir,
    /// Sorted.
    watched: Vec<Watched>,
    members: BTreeMap<OsString, Entry>,
}

/// A service of a followed directory, and the numbers of what its name led to: a name may come to
/// lead to another service.
struct Entry {
    key: WatchKey,
    identity: node::Identity,
}

impl Follow {
    pub(super) fn watched(&mut self) -> &mut Vec<Watched> {
        &mut self.watched
    }

    /// Whether one of these services was found in it.
    pub(super) fn holds_any(&self, keys: &BTreeSet<WatchKey>) -> bool {
        self.members.values().any(|entry| keys.contains(&entry.key))
    }
}

impl WatchSet {
    /// Adds every service of a scan directory, and from now on those that appear in it
    /// ([`News::Added`]); those that vanish from it leave the set ([`News::Removed`]). What a name
    /// leads to counts: a link that is replaced is a service that goes and one that comes.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// # let scan_dir = tree.path();
    /// use svclient::{News, ScanDir, WatchSet};
    ///
    /// let mut watch = WatchSet::new()?;
    /// watch.follow(ScanDir::new(scan_dir))?;
    /// assert_eq!(watch.next_now()?.map(|event| event.news), Some(News::Snapshot));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Denied`] or [`Error::Io`] if the directory cannot be listed or
    /// watched. A service in it that cannot be watched is left out.
    pub fn follow(&mut self, scan: ScanDir) -> Result<(), Error> {
        self.be_here()?;
        let at = self.follows.len();
        let (watched, members) = (Vec::new(), BTreeMap::new());
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
        self.turn.is_of(dir.clone());
        self.watch_links(who, &dir)?;
        // Armed before it is listed: an entry that appears in between is seen twice at worst.
        match self.watch(who, &Dir::Service(dir.clone())) {
            Err(error) if first_news == News::Added => {
                // It was there; it may come back.
                let above = dir.ancestors().skip(1).find(|above| above.is_dir());
                above.map_or(Ok(()), |above| self.watch(who, &Dir::Above(above.to_owned())))?;
                if !matches!(error, Error::NotFound { .. }) {
                    return Err(error);
                }
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
            let mut opened = Service::open(&path);
            // Being made, or a link to what is not there yet; or it is by the time it is watched.
            if let Err(Error::NotFound { .. }) = opened {
                unless_refused(self.watch_above_link(who, &path))?;
                opened = Service::open(&path);
            }
            if let Err(Error::NotAService { .. }) = opened {
                unless_refused(self.watch(who, &Dir::Above(path.clone())))?;
                opened = Service::open(&path);
            }
            if let (Ok(service), Ok(Some(stat))) = (opened, node::stat(&path)) {
                found.insert(name, (service, node::identity(&stat)));
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
            let status = subject.status();
            self.forget(key);
            self.queue.push_back(Queued { key, subject, news: News::Removed, status });
        }
    }
}

/// What cannot be watched is left out, but for want of watches.
fn unless_refused(watched: Result<(), Error>) -> Result<(), Error> {
    match watched {
        Err(error @ Error::Io { .. }) => Err(error),
        _ => Ok(()),
    }
}
