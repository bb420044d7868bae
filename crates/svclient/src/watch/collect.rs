//! From what was heard to what is told: each hint is turned into looks, and each look into news.
//!
//! | hint | leads to |
//! |------|----------|
//! | `status` moved or modified | a look |
//! | `lock` closed after writing: the supervisor ended, even by SIGKILL | a look |
//! | `down`, `notification-fd` came or went | a look |
//! | `supervise` or `event` came or went, the directory moved or vanished | a look; watches set up again if the names lead elsewhere now |
//! | an entry beside a link that is watched came or went | the same |
//! | a listener in `event/` was closed after writing | its letters are read, a look |
//! | queue overflow | a look at everything; events are `resync` |
//! | `control`, `stat`, `pid`, `*.new`, `death_tally`; whatever else a service writes in its own directory | nothing |

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::{
    News, WatchKey, WatchSet, dirs::Who, failure, member::Places, news::Queued, recheck::Recheck,
};
use crate::{
    Error, Status,
    changes::{EntryKind, Hint},
};

impl WatchSet {
    /// Takes what was heard, and looks where it points.
    pub(super) fn collect(&mut self) -> Result<(), Error> {
        let mut heard: BTreeMap<Who, BTreeSet<EntryKind>> = BTreeMap::new();
        let mut overflow = false;
        // In a storm a directory says the same thousands of times, and may say it to thousands.
        let (mut news, mut ended) = (BTreeSet::new(), BTreeSet::new());
        let mut hear = |hint| match hint {
            Hint::In(id, place) => drop(news.insert((id, place))),
            Hint::Gone(id) => drop(ended.insert(id)),
            Hint::Overflow => overflow = true,
        };
        self.dirs.drain(&mut hear).map_err(failure)?;
        for (id, place) in news {
            for &who in self.dirs.interested(id) {
                // Services work in their directories; what they write there is their own.
                if !(place == EntryKind::Entry && matches!(who, Who::Service(_))) {
                    heard.entry(who.whom()).or_default().insert(place);
                }
            }
        }
        for id in ended {
            for who in self.dirs.ended(id) {
                heard.entry(who.whom()).or_default().insert(EntryKind::Gone);
            }
        }
        let now = Instant::now();
        for key in self.wakers.take() {
            if self.others.contains(&key) {
                self.woken.push_back(key);
                continue;
            }
            heard.entry(Who::Service(key)).or_default();
        }
        for (_, key) in self.due.iter().take_while(|(at, _)| *at <= now) {
            heard.entry(Who::Service(*key)).or_default();
        }
        let all = overflow || self.look_again().is_some_and(|due| due <= now);
        if all {
            self.looked = now;
            let services = self.members.keys().map(|&key| Who::Service(key));
            let scans = (0..self.follows.len()).map(Who::Scan);
            for who in services.chain(scans) {
                heard.entry(who).or_default().insert(EntryKind::Anything);
            }
        }
        // What was heard is not heard again, so an error does not keep it from the others.
        let mut result = Ok(());
        let mut gone = BTreeSet::new();
        let mut seen = self.ask_together(heard.keys().filter_map(|who| match *who {
            Who::Service(key) | Who::Around(key) => Some(key),
            Who::Scan(_) => None,
        }));
        for (who, places) in heard {
            match who {
                Who::Service(key) | Who::Around(key) => {
                    if let Some(result) = seen.remove(&key) {
                        self.saw(key, result, &places, overflow);
                    } else if self.members.contains_key(&key) {
                        self.revisit(key, &places, overflow);
                        if !self.members.contains_key(&key) {
                            gone.insert(key);
                        }
                    }
                }
                Who::Scan(at) => result = result.and(self.rescan(at, News::Added)),
            }
        }
        // A link outlives its target, and the directory of the link says nothing of that.
        for at in 0..self.follows.len() {
            if self.follows.get(at).is_some_and(|follow| follow.holds_any(&gone)) {
                result = result.and(self.rescan(at, News::Added));
            }
        }
        result
    }

    /// Looks at a service about which something was heard, and first watches its directories as
    /// they are now if they may have changed.
    fn revisit(&mut self, key: WatchKey, heard: &BTreeSet<EntryKind>, resync: bool) {
        let Some(member) = self.members.get(&key) else { return };
        self.turn.is(&member.subject);
        let letters_left = member.letters_left;
        if letters_left
            || heard.contains(&EntryKind::Letters)
            || heard.contains(&EntryKind::Anything)
        {
            self.hear_letters(key);
        }
        let Some(member) = self.members.get(&key) else { return };
        let may_have_moved = [EntryKind::Layout, EntryKind::Entry, EntryKind::Anything];
        let moved = member.subject.directory().and_then(|service| {
            // What was lost may have been that a directory is gone, and another may have its
            // numbers.
            if resync || heard.contains(&EntryKind::Gone) {
                return Some(None);
            }
            if !may_have_moved.iter().any(|place| heard.contains(place)) {
                return None;
            }
            let found = Places::of(&service.handle().for_paths());
            (member.places.as_deref() != Some(&found)).then(|| Some(Box::new(found)))
        });
        if let Some(places) = moved {
            let subject = member.subject.clone();
            self.disarm(key);
            // Found before it is armed: what changes in between is seen as a change.
            if let Some(member) = self.members.get_mut(&key) {
                member.places = places;
            }
            match self.arm(key) {
                // That the directory is gone is found out by looking.
                Ok(()) | Err(Error::NotFound { .. }) => (),
                Err(error) => {
                    let status = Err(error);
                    self.queue.push_back(Queued { key, subject, news: News::Changed, status });
                }
            }
            if let Some(member) = self.members.get_mut(&key) {
                member.subject.detect_again();
            }
        }
        self.look(key, heard, resync);
    }

    /// Reads a service and queues what is new about it.
    pub(super) fn look(&mut self, key: WatchKey, heard: &BTreeSet<EntryKind>, resync: bool) {
        if let Some(member) = self.members.get_mut(&key) {
            let result = member.read(heard);
            self.saw(key, result, heard, resync);
        }
    }

    /// Queues what is new about a service that was read.
    pub(super) fn saw(
        &mut self,
        key: WatchKey,
        result: Result<Status, Error>,
        heard: &BTreeSet<EntryKind>,
        resync: bool,
    ) {
        let Some(member) = self.members.get_mut(&key) else { return };
        if let Some(recheck) = member.recheck {
            self.due.remove(&(recheck.at, key));
        }
        member.recheck = match (member.every, &result) {
            (Some(pause), _) => Recheck::after(pause),
            (None, Ok(status)) => member.contradiction(status, heard),
            (None, Err(_)) => None,
        };
        if member.letters_left {
            // Nothing more need be heard of them.
            member.recheck = Some(Recheck::start());
        }
        self.due.extend(member.recheck.map(|recheck| (recheck.at, key)));
        let subject = member.subject.clone();
        let news = member.news(&result, resync);
        if matches!(result, Err(Error::NotFound { .. })) {
            self.forget(key);
        }
        if let Some(news) = news {
            self.queue.push_back(Queued { key, subject, news, status: result });
        }
    }
}
