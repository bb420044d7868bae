//! Watching any number of services with one descriptor, and no timer while nothing happens.
//!
//! A watch is armed before the first look, so a change that falls between the two is seen twice at
//! worst and never missed. A hint only says where to look; readings that say nothing new are
//! dropped.

mod events;
mod follow;
mod member;
mod recheck;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use svproto::{files, s6::event::Event};

use self::{
    follow::Follow,
    member::{Member, Places},
};
use crate::{
    Error, Observation, Service,
    changes::{Changes, Dir, DirId, Hint, Place},
    node,
};

/// A service in a [`WatchSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchKey(u64);

/// What happened to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum News {
    /// The first look, after the watch was armed.
    Snapshot,
    /// The first look at a service that has appeared in a followed scan directory.
    Added,
    /// Its status changed, its `down` file, whether it can be read, or whether its supervisor can be
    /// seen.
    Changed,
    /// A supervisor holds it again.
    Supervised,
    /// Its supervisor is gone.
    Unsupervised,
    /// The service directory is gone, or its entry in a followed scan directory; nothing more is
    /// said about this service.
    Removed,
    /// A transition that s6 has told of ([`WatchSet::listen`]). The observation is that of now; it
    /// may have gone further.
    Heard(Event),
    /// The system lost events. This is how it stands now; what lay between is not known.
    Resync,
}

impl News {
    /// The word for it, as in the lines of `svctl watch`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Supervised => "supervised",
            Self::Unsupervised => "unsupervised",
            Self::Removed => "removed",
            Self::Heard(_) => "heard",
            Self::Resync => "resync",
        }
    }
}

/// One item of a watch.
#[derive(Debug)]
pub struct WatchEvent {
    /// Counts the events that the set has given out, from 1, without a gap.
    pub seq: u64,
    /// Which service of the set.
    pub key: WatchKey,
    /// The service.
    pub service: Arc<Service>,
    /// What happened.
    pub news: News,
    /// How the service stands, or why that cannot be said. After an error the watch goes on.
    pub observation: Result<Observation, Error>,
}

/// Watches services, one descriptor for all of them.
///
/// Events of one service come in the order in which they were seen; the first is a snapshot. The
/// set is an endless blocking iterator; [`WatchSet::next_before`] takes a deadline. In somebody
/// else's loop: call [`WatchSet::next_now`] until it gives nothing, then wait for the descriptor
/// (`AsFd`) to be readable, or for [`WatchSet::due`] where that is not `None`.
pub struct WatchSet {
    changes: Changes,
    members: BTreeMap<WatchKey, Member>,
    follows: Vec<Follow>,
    /// Who is interested in a watched directory. Two services may share one.
    dirs: BTreeMap<DirId, BTreeSet<Who>>,
    queue: VecDeque<Queued>,
    /// Who is to be looked at although nothing was heard, soonest first.
    due: BTreeSet<(Instant, WatchKey)>,
    next_key: u64,
    given_out: u64,
    looked: Instant,
}

/// An event without its number, which it gets when it is given out.
struct Queued {
    key: WatchKey,
    service: Arc<Service>,
    news: News,
    observation: Result<Observation, Error>,
}

/// Who is told of changes in a directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// The scan directory at this place of `follows`. It comes first: what it drops is not asked.
    Scan(usize),
    /// In the directories of a service: the names that mean something there.
    Service(WatchKey),
    /// Around them: what decides where they are.
    Around(WatchKey),
}

impl Who {
    /// Whose affair it is, wherever it was heard.
    const fn whom(self) -> Self {
        match self {
            Self::Around(key) => Self::Service(key),
            other => other,
        }
    }
}

impl WatchSet {
    /// An empty set.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system has no watch left to give; the hint names the limits.
    pub fn new() -> Result<Self, Error> {
        let changes = Changes::new()
            .map_err(|source| Error::os("watch", Path::new("services"), "read", source))?;
        Ok(Self {
            changes,
            members: BTreeMap::new(),
            follows: Vec::new(),
            dirs: BTreeMap::new(),
            queue: VecDeque::new(),
            due: BTreeSet::new(),
            next_key: 0,
            given_out: 0,
            looked: Instant::now(),
        })
    }

    /// Adds a service; its snapshot is the next event about it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Denied`] or [`Error::Io`] if its directory or `supervise` in it
    /// cannot be watched (that needs the right to read them). A service whose record cannot be read
    /// is watched all the same, and its snapshot says why.
    pub fn add(&mut self, service: Service) -> Result<WatchKey, Error> {
        let key = self.insert(service)?;
        self.look(key, &BTreeSet::new(), false);
        Ok(key)
    }

    /// As [`WatchSet::add`], with the snapshot at once instead of in the queue.
    pub(crate) fn add_and_look(
        &mut self,
        service: Service,
    ) -> Result<(WatchKey, Result<Observation, Error>), Error> {
        let dir = service.dir().to_owned();
        let key = self.add(service)?;
        // The first look at a service always makes an event, the last of the queue.
        match self.queue.pop_back() {
            Some(snapshot) => Ok((key, snapshot.observation)),
            None => Err(Error::NotFound { path: dir }),
        }
    }

    fn insert(&mut self, service: Service) -> Result<WatchKey, Error> {
        let key = WatchKey(self.next_key);
        self.members.insert(key, Member::new(service));
        if let Err(error) = self.arm(key) {
            self.remove(key);
            return Err(error);
        }
        self.next_key += 1;
        Ok(key)
    }

    /// Ends the watch of one service; events already queued for it are dropped.
    pub fn remove(&mut self, key: WatchKey) {
        self.forget(key);
        self.queue.retain(|queued| queued.key != key);
    }

    /// The service behind a key.
    #[must_use]
    pub fn service(&self, key: WatchKey) -> Option<&Service> {
        self.members.get(&key).map(|member| &*member.service)
    }

    /// The next event, or `None` if `deadline` passes first (`None` waits for ever).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the notification mechanism fails.
    pub fn next_before(&mut self, deadline: Option<Instant>) -> Result<Option<WatchEvent>, Error> {
        loop {
            if let Some(event) = self.next_now()? {
                return Ok(Some(event));
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
            let due = self.due().into_iter().chain(deadline).min();
            let timeout = due.map_or(PollTimeout::NONE, |due| {
                node::round_up(due.saturating_duration_since(now))
            });
            let mut fds = [PollFd::new(self.changes.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => (),
                Err(errno) => return Err(failure(errno)),
            }
        }
    }

    /// The next event that is there already; never waits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the notification mechanism fails.
    pub fn next_now(&mut self) -> Result<Option<WatchEvent>, Error> {
        self.collect()?;
        let Some(Queued { key, service, news, observation }) = self.queue.pop_front() else {
            return Ok(None);
        };
        self.given_out += 1;
        Ok(Some(WatchEvent { seq: self.given_out, key, service, news, observation }))
    }

    /// When to call again even if the descriptor says nothing; `None` at rest.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let recheck = self.due.first().map(|(at, _)| *at);
        recheck.into_iter().chain(self.look_again()).min()
    }

    /// Takes what was heard, and looks where it points.
    fn collect(&mut self) -> Result<(), Error> {
        let mut heard: BTreeMap<Who, BTreeSet<Place>> = BTreeMap::new();
        let mut overflow = false;
        let dirs = &mut self.dirs;
        let mut hear = |hint| match hint {
            Hint::In(id, place) => {
                for &who in dirs.get(&id).into_iter().flatten() {
                    // Services work in their directories; what they write there is their own.
                    if !(place == Place::Entry && matches!(who, Who::Service(_))) {
                        heard.entry(who.whom()).or_default().insert(place);
                    }
                }
            }
            Hint::Gone(id) => {
                for who in dirs.remove(&id).into_iter().flatten() {
                    heard.entry(who.whom()).or_default().insert(Place::Gone);
                }
            }
            Hint::Overflow => overflow = true,
        };
        self.changes.drain(&mut hear).map_err(failure)?;
        let now = Instant::now();
        for (_, key) in self.due.iter().take_while(|(at, _)| *at <= now) {
            heard.entry(Who::Service(*key)).or_default();
        }
        let all = overflow || self.look_again().is_some_and(|due| due <= now);
        if all {
            self.looked = now;
            let services = self.members.keys().map(|&key| Who::Service(key));
            let scans = (0..self.follows.len()).map(Who::Scan);
            for who in services.chain(scans) {
                heard.entry(who).or_default().insert(Place::Anything);
            }
        }
        for (who, places) in heard {
            match who {
                Who::Service(key) | Who::Around(key) => self.revisit(key, &places, overflow),
                Who::Scan(at) => self.rescan(at, News::Added)?,
            }
        }
        Ok(())
    }

    /// Looks at a service about which something was heard, and first watches its directories as
    /// they are now if they may have changed.
    fn revisit(&mut self, key: WatchKey, heard: &BTreeSet<Place>, resync: bool) {
        if heard.contains(&Place::Letters) || heard.contains(&Place::Anything) {
            self.hear_letters(key);
        }
        let Some(member) = self.members.get(&key) else { return };
        let may_have_moved = [Place::Layout, Place::Entry, Place::Anything];
        let moved = heard.contains(&Place::Gone)
            || (may_have_moved.iter().any(|place| heard.contains(place))
                && Places::of(member.service.dir()) != member.places);
        if moved {
            let service = Arc::clone(&member.service);
            self.disarm(key);
            match self.arm(key) {
                // That the directory is gone is found out by looking.
                Ok(()) | Err(Error::NotFound { .. }) => (),
                Err(error) => {
                    let observation = Err(error);
                    self.queue.push_back(Queued { key, service, news: News::Changed, observation });
                }
            }
            if let Some(member) = self.members.get_mut(&key) {
                Arc::make_mut(&mut member.service).detect_again();
            }
        }
        self.look(key, heard, resync);
    }

    fn look_again(&self) -> Option<Instant> {
        Changes::LOOK_EVERY.map(|pause| self.looked + pause)
    }

    /// Reads a service and queues what is new about it.
    fn look(&mut self, key: WatchKey, heard: &BTreeSet<Place>, resync: bool) {
        let Some(member) = self.members.get_mut(&key) else { return };
        if let Some(recheck) = member.recheck {
            self.due.remove(&(recheck.at, key));
        }
        let result = member.read();
        if let Ok(observation) = &result {
            member.recheck = member.contradiction(observation, heard);
            self.due.extend(member.recheck.map(|recheck| (recheck.at, key)));
        }
        let service = Arc::clone(&member.service);
        let news = member.news(&result, resync);
        if matches!(result, Err(Error::NotFound { .. })) {
            self.forget(key);
        }
        if let Some(news) = news {
            self.queue.push_back(Queued { key, service, news, observation: result });
        }
    }

    fn forget(&mut self, key: WatchKey) {
        self.disarm(key);
        if let Some(recheck) = self.members.remove(&key).and_then(|member| member.recheck) {
            self.due.remove(&(recheck.at, key));
        }
    }

    /// Watches the directories of a service as they are now.
    fn arm(&mut self, key: WatchKey) -> Result<(), Error> {
        let Some(member) = self.members.get_mut(&key) else { return Ok(()) };
        let dir = member.service.dir().to_owned();
        member.places = Places::of(&dir);
        // The entry of a link in its scan directory comes and goes without a word from its target.
        let is_link = dir.symlink_metadata().is_ok_and(|data| data.file_type().is_symlink());
        if let Some(parent) = dir.parent().filter(|_| is_link) {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            match self.watch(Who::Around(key), &Dir::Above(parent.to_owned())) {
                // It may be searched and not listed: then only the target tells.
                Ok(()) | Err(Error::Denied { .. }) => (),
                Err(error) => return Err(error),
            }
        }
        self.watch(Who::Service(key), &Dir::Service(dir.clone()))?;
        if self.members.get(&key).is_some_and(|member| member.listener.is_some()) {
            match self.watch(Who::Service(key), &Dir::Events(dir.join(files::EVENT))) {
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
                match nearest_above_link(&supervise) {
                    Some(above) => self.watch(Who::Around(key), &Dir::Above(above)),
                    None => Ok(()),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn watch(&mut self, who: Who, dir: &Dir) -> Result<(), Error> {
        let (Dir::Service(path) | Dir::Supervise(path) | Dir::Above(path) | Dir::Events(path)) =
            dir;
        let id = self.changes.watch(dir).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound { path: path.clone() },
            _ => Error::os("watch", path, "read", source),
        })?;
        self.dirs.entry(id).or_default().insert(who);
        if let Some(watched) = self.watched(who) {
            watched.insert((id, who));
        }
        Ok(())
    }

    fn disarm(&mut self, key: WatchKey) {
        self.unwatch_all(Who::Service(key));
    }

    fn unwatch_all(&mut self, who: Who) {
        for (id, who) in self.watched(who).map(std::mem::take).unwrap_or_default() {
            if let Some(interested) = self.dirs.get_mut(&id) {
                interested.remove(&who);
                if interested.is_empty() {
                    self.dirs.remove(&id);
                    self.changes.unwatch(id);
                }
            }
        }
    }

    /// The directories that are watched for somebody.
    fn watched(&mut self, who: Who) -> Option<&mut BTreeSet<(DirId, Who)>> {
        match who {
            Who::Service(key) | Who::Around(key) => {
                self.members.get_mut(&key).map(|member| &mut member.watched)
            }
            Who::Scan(at) => self.follows.get_mut(at).map(Follow::watched),
        }
    }
}

impl Iterator for WatchSet {
    type Item = Result<WatchEvent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_before(None).transpose()
    }
}

impl AsFd for WatchSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }
}

/// Where a dangling link will point: the deepest directory on the way that exists.
pub(crate) fn nearest_above_link(link: &Path) -> Option<PathBuf> {
    let target = std::fs::read_link(link).ok()?;
    let target = link.parent()?.join(target);
    target.ancestors().skip(1).find(|path| path.is_dir()).map(Path::to_owned)
}

fn failure(source: impl Into<std::io::Error>) -> Error {
    Error::os("watch", Path::new("services"), "read", source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dangling_link_is_awaited_where_its_target_will_appear() {
        let tree = tempfile::tempdir().unwrap();
        let link = tree.path().join("supervise");
        std::os::unix::fs::symlink(tree.path().join("run/a/b"), &link).unwrap();
        assert_eq!(nearest_above_link(&link).as_deref(), Some(tree.path()));
        std::fs::create_dir(tree.path().join("run")).unwrap();
        assert_eq!(nearest_above_link(&link), Some(tree.path().join("run")));
        assert_eq!(nearest_above_link(&tree.path().join("run")), None);
    }
}
