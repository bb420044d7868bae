//! Watching any number of services with one descriptor, and no timer while nothing happens.
//!
//! A watch is armed before the first look, so a change that falls between the two is seen twice at
//! worst and never missed. A hint only says where to look; [`Tracker`] drops readings that say
//! nothing new.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use svproto::{
    files,
    track::{Change, Tracker},
};

use crate::{
    Error, Liveness, Normally, Observation, Service,
    changes::{Changes, Dir, DirId, Hint, Place},
    service::round_up,
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
    /// Its status or its `down` file changed.
    Changed,
    /// A supervisor holds it again.
    Supervised,
    /// Its supervisor is gone.
    Unsupervised,
    /// The service directory is gone; nothing follows for this service.
    Removed,
    /// The system lost events. This is how it stands now; what lay between is not known.
    Resync,
}

impl News {
    /// The word for it, as in the lines of `svctl watch`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Changed => "changed",
            Self::Supervised => "supervised",
            Self::Unsupervised => "unsupervised",
            Self::Removed => "removed",
            Self::Resync => "resync",
        }
    }
}

/// One item of a watch.
#[derive(Debug)]
pub struct WatchEvent {
    /// Counts the events that the set has given out, from 1, without a gap.
    pub seq: u64,
    /// The service.
    pub key: WatchKey,
    /// What happened.
    pub news: News,
    /// How the service stands, or why that cannot be said. After an error the watch goes on.
    pub observation: Result<Observation, Error>,
}

/// Watches services, one descriptor for all of them.
///
/// Events of one service come in the order in which they were seen; the first is a snapshot. The
/// set is an endless blocking iterator; [`WatchSet::next_before`] takes a deadline, and `AsFd`
/// offers the descriptor to somebody else's loop (readable: call [`WatchSet::next_before`] with a
/// deadline in the past until it gives nothing).
pub struct WatchSet {
    changes: Changes,
    members: BTreeMap<WatchKey, Member>,
    /// Who is interested in a watched directory. Two services may share one.
    dirs: BTreeMap<DirId, BTreeSet<WatchKey>>,
    queue: VecDeque<(WatchKey, News, Result<Observation, Error>)>,
    /// Who is to be looked at although nothing was heard, soonest first.
    due: BTreeSet<(Instant, WatchKey)>,
    next_key: u64,
    given_out: u64,
    looked: Instant,
}

struct Member {
    service: Service,
    tracker: Tracker,
    normally: Option<Normally>,
    /// The last look failed; the same failure is not told twice.
    failed: bool,
    watched: BTreeSet<DirId>,
    recheck: Option<Recheck>,
}

/// A look that is due although nothing new was heard: what was seen contradicts what was heard.
///
/// A supervisor that ends closes its lock first and `ok` microseconds later; one that starts
/// publishes its record first and opens `ok` microseconds later. Both are heard before they can be
/// seen, and nothing is heard afterwards.
#[derive(Clone, Copy)]
struct Recheck {
    at: Instant,
    pause: Duration,
}

impl Recheck {
    const FIRST: Duration = Duration::from_millis(1);
    /// After some four seconds of contradiction it is not a matter of microseconds.
    const LAST: Duration = Duration::from_secs(2);

    fn start() -> Self {
        Self { at: Instant::now() + Self::FIRST, pause: Self::FIRST }
    }

    fn next(self) -> Option<Self> {
        let pause = self.pause * 2;
        (pause <= Self::LAST).then(|| Self { at: Instant::now() + pause, pause })
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
        self.look(key, &[], false);
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
            Some((_, _, observation)) => Ok((key, observation)),
            None => Err(Error::NotFound { path: dir }),
        }
    }

    fn insert(&mut self, service: Service) -> Result<WatchKey, Error> {
        let key = WatchKey(self.next_key);
        let member = Member {
            service,
            tracker: Tracker::new(),
            normally: None,
            failed: false,
            watched: BTreeSet::new(),
            recheck: None,
        };
        self.members.insert(key, member);
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
        self.queue.retain(|(of, _, _)| *of != key);
    }

    /// The service behind a key.
    #[must_use]
    pub fn service(&self, key: WatchKey) -> Option<&Service> {
        self.members.get(&key).map(|member| &member.service)
    }

    /// The next event, or `None` if `deadline` passes first (`None` waits for ever).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the notification mechanism fails.
    pub fn next_before(&mut self, deadline: Option<Instant>) -> Result<Option<WatchEvent>, Error> {
        loop {
            self.collect()?;
            if let Some((key, news, observation)) = self.queue.pop_front() {
                self.given_out += 1;
                return Ok(Some(WatchEvent { seq: self.given_out, key, news, observation }));
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
            let recheck = self.due.first().map(|(at, _)| *at);
            let due = recheck.into_iter().chain(deadline).chain(self.look_again()).min();
            let timeout =
                due.map_or(PollTimeout::NONE, |due| round_up(due.saturating_duration_since(now)));
            let mut fds = [PollFd::new(self.changes.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => (),
                Err(errno) => return Err(failure(errno)),
            }
        }
    }

    /// Takes what was heard, and looks where it points.
    fn collect(&mut self) -> Result<(), Error> {
        let mut heard: BTreeMap<WatchKey, Vec<Place>> = BTreeMap::new();
        let mut overflow = false;
        let dirs = &mut self.dirs;
        let mut hear = |hint| match hint {
            Hint::In(id, place) => {
                for &key in dirs.get(&id).into_iter().flatten() {
                    let places = heard.entry(key).or_default();
                    if !places.contains(&place) {
                        places.push(place);
                    }
                }
            }
            Hint::Gone(id) => {
                for key in dirs.remove(&id).into_iter().flatten() {
                    heard.entry(key).or_default().push(Place::Layout);
                }
            }
            Hint::Overflow => overflow = true,
        };
        self.changes.drain(&mut hear).map_err(failure)?;
        let now = Instant::now();
        for (_, key) in self.due.iter().take_while(|(at, _)| *at <= now) {
            heard.entry(*key).or_default();
        }
        let all = overflow || self.look_again().is_some_and(|due| due <= now);
        if all {
            self.looked = now;
            for &key in self.members.keys() {
                heard.entry(key).or_default().push(Place::Anything);
            }
        }
        for (key, places) in heard {
            if places.iter().any(|place| matches!(place, Place::Layout | Place::Anything)) {
                self.disarm(key);
                match self.arm(key) {
                    // That the directory is gone is found out by looking.
                    Ok(()) | Err(Error::NotFound { .. }) => (),
                    Err(error) => self.queue.push_back((key, News::Changed, Err(error))),
                }
            }
            self.look(key, &places, overflow);
        }
        Ok(())
    }

    fn look_again(&self) -> Option<Instant> {
        Changes::LOOK_EVERY.map(|pause| self.looked + pause)
    }

    /// Reads a service and queues what is new about it.
    fn look(&mut self, key: WatchKey, heard: &[Place], resync: bool) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let was_supervised = member.tracker.last().is_some_and(|last| last.is_supervised());
        if !was_supervised {
            member.service.detect_again();
        }
        let result = member.service.status();
        let recheck = member.recheck.take();
        if let Some(recheck) = recheck {
            self.due.remove(&(recheck.at, key));
        }
        let (news, observation) = match result {
            Ok(observation) => {
                let contradicts = match observation.liveness {
                    Liveness::Alive { .. } => heard.contains(&Place::Lock),
                    Liveness::Dead => heard.contains(&Place::Status),
                    Liveness::Unknown => false,
                };
                member.recheck = match (contradicts, recheck) {
                    (true, _) => Some(Recheck::start()),
                    // Still as it was when the contradiction was heard.
                    (false, Some(recheck))
                        if observation.reading.is_supervised() == was_supervised =>
                    {
                        recheck.next()
                    }
                    (false, _) => None,
                };
                self.due.extend(member.recheck.map(|recheck| (recheck.at, key)));
                let event = member.tracker.observe(observation.reading);
                let normally = member.normally.replace(observation.normally);
                let news = match event.map(|event| event.change) {
                    Some(Change::Snapshot) => News::Snapshot,
                    Some(Change::Changed) => News::Changed,
                    Some(Change::Supervised) => News::Supervised,
                    Some(Change::Unsupervised) => News::Unsupervised,
                    None if normally != Some(observation.normally) || member.failed => {
                        News::Changed
                    }
                    None if resync => News::Resync,
                    None => return,
                };
                member.failed = false;
                (if resync { News::Resync } else { news }, Ok(observation))
            }
            Err(error @ Error::NotFound { .. }) => {
                self.forget(key);
                (News::Removed, Err(error))
            }
            Err(_) if member.failed && !resync => return,
            Err(error) => {
                member.failed = true;
                let first = member.tracker.last().is_none();
                (if first { News::Snapshot } else { News::Changed }, Err(error))
            }
        };
        self.queue.push_back((key, news, observation));
    }

    fn forget(&mut self, key: WatchKey) {
        self.disarm(key);
        if let Some(recheck) = self.members.remove(&key).and_then(|member| member.recheck) {
            self.due.remove(&(recheck.at, key));
        }
    }

    /// Watches the directories of a service as they are now.
    fn arm(&mut self, key: WatchKey) -> Result<(), Error> {
        let Some(member) = self.members.get(&key) else { return Ok(()) };
        let dir = member.service.dir().to_owned();
        self.watch(key, &Dir::Service(dir.clone()))?;
        let supervise = dir.join(files::SUPERVISE);
        match self.watch(key, &Dir::Supervise(supervise.clone())) {
            Ok(()) => Ok(()),
            Err(Error::NotFound { .. }) => {
                // Debian's runit: a link to a directory that runsv makes when it first starts.
                if let Some(above) = nearest_above_link(&supervise) {
                    self.watch(key, &Dir::Above(above))?;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn watch(&mut self, key: WatchKey, dir: &Dir) -> Result<(), Error> {
        let (Dir::Service(path) | Dir::Supervise(path) | Dir::Above(path)) = dir;
        let id = self.changes.watch(dir).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound { path: path.clone() },
            _ => Error::os("watch", path, "read", source),
        })?;
        self.dirs.entry(id).or_default().insert(key);
        if let Some(member) = self.members.get_mut(&key) {
            member.watched.insert(id);
        }
        Ok(())
    }

    fn disarm(&mut self, key: WatchKey) {
        let Some(member) = self.members.get_mut(&key) else { return };
        for id in std::mem::take(&mut member.watched) {
            if let Some(keys) = self.dirs.get_mut(&id) {
                keys.remove(&key);
                if keys.is_empty() {
                    self.dirs.remove(&id);
                    self.changes.unwatch(id);
                }
            }
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
fn nearest_above_link(link: &Path) -> Option<PathBuf> {
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
    fn a_contradiction_is_looked_at_a_dozen_times_and_then_let_go() {
        let looks = std::iter::successors(Some(Recheck::start()), |recheck| recheck.next());
        let pauses: Vec<_> = looks.map(|recheck| recheck.pause.as_millis()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]);
    }

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
