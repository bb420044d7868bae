//! What a service needs watched to be known whole, and watching that.

use std::{collections::BTreeMap, path::Path};

use svproto::files;

use super::{
    WatchKey, WatchSet,
    dirs::{LINKS, Watched, Who, around_links, nearest_above_link},
    follow::Follow,
    member::Member,
};
use crate::{Error, changes::Dir};

impl WatchSet {
    /// Watches the directories of a service as they are now.
    pub(super) fn arm(&mut self, key: WatchKey) -> Result<(), Error> {
        let Some(member) = self.members.get_mut(&key) else { return Ok(()) };
        let Some(service) = member.subject.directory() else { return Ok(()) };
        let (dir, held) = (service.handle().for_paths().into_owned(), service.handle().is_held());
        let service = Dir::Service(dir.clone());
        let watched = &mut member.watched;
        if held || !self.dirs.watch_unless_link(Who::Service(key), &service, watched) {
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
        let Self { dirs, members, follows, .. } = self;
        watched(members, follows, who).map_or(Ok(()), |watched| dirs.watch(who, dir, watched))
    }

    pub(super) fn disarm(&mut self, key: WatchKey) {
        self.unwatch_all(Who::Service(key));
    }

    pub(super) fn unwatch_all(&mut self, who: Who) {
        let watched = watched(&mut self.members, &mut self.follows, who).map(std::mem::take);
        self.dirs.unwatch(watched.unwrap_or_default());
    }
}

/// The directories that are watched for somebody.
fn watched<'a>(
    members: &'a mut BTreeMap<WatchKey, Box<Member>>,
    follows: &'a mut [Follow],
    who: Who,
) -> Option<&'a mut Vec<Watched>> {
    match who {
        Who::Service(key) | Who::Around(key) => {
            members.get_mut(&key).map(|member| &mut member.watched)
        }
        Who::Scan(at) => follows.get_mut(at).map(Follow::watched),
    }
}
