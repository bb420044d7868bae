//! Watching any number of services with one descriptor, and no timer while nothing happens.
//!
//! A watch is armed before the first look, so a change that falls between the two is seen twice at
//! worst and never missed. A hint only says where to look; readings that say nothing new are
//! dropped.

mod bells;
mod events;
mod follow;
mod many;
mod member;
mod recheck;
mod stopper;
mod subject;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    task::Waker,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use svproto::{files, s6::event::S6Event};

pub use self::stopper::Stopper;
use self::{
    bells::Bells,
    follow::Follow,
    member::{Member, Places},
    recheck::Recheck,
    subject::Subject,
};
use crate::{
    Error, Name, Service, Status, Subscription, Supervised,
    changes::{Changes, Dir, DirId, Hint, Place},
    node,
    supervised::How,
};

/// A service in a [`WatchSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchKey(u64);

#[cfg(test)]
impl WatchKey {
    /// For sets that are none.
    pub(crate) fn nth(at: usize) -> Self {
        Self(at as u64)
    }
}

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
    Heard(S6Event),
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
    /// What happened.
    pub news: News,
    /// How the service stands, or why that cannot be said. After an error the watch goes on.
    pub observation: Result<Status, Error>,
    subject: Subject,
}

impl WatchEvent {
    /// The name of the service.
    #[must_use]
    pub fn name(&self) -> Name<'_> {
        self.service().name()
    }

    /// The service, of whatever kind.
    #[must_use]
    pub fn service(&self) -> &dyn Supervised {
        self.subject.service()
    }

    /// The service directory, if it is one.
    #[must_use]
    pub fn directory(&self) -> Option<&Service> {
        self.subject.directory()
    }
}

/// Watches services, one descriptor for all of them.
///
/// Service directories and services of any other kind may be mixed. Events of one service come in the order in which they were seen; the first is a snapshot. The
/// set is an endless blocking iterator; [`WatchSet::next_before`] takes a deadline. In somebody
/// else's loop: call [`WatchSet::next_now`] until it gives nothing, then wait for the descriptor
/// (`AsFd`) to be readable, or for [`WatchSet::due`] where that is not `None`.
pub struct WatchSet {
    changes: Changes,
    /// In boxes: a node of the tree has eleven places of which six are taken, and a member 0.3 KiB.
    members: BTreeMap<WatchKey, Box<Member>>,
    follows: Vec<Follow>,
    /// Who is interested in a watched directory. Two services may share one.
    /// Sorted; as a rule one, for which a set would take 0.3 KiB.
    dirs: BTreeMap<DirId, Vec<Who>>,
    queue: VecDeque<Queued>,
    /// Who is to be looked at although nothing was heard, soonest first.
    due: BTreeSet<(Instant, WatchKey)>,
    /// What members ring that are no directories.
    bells: Bells,
    /// Bells of no member, for a caller in this crate.
    others: BTreeSet<WatchKey>,
    /// Those of them that rang.
    pub(crate) rung: VecDeque<WatchKey>,
    next_key: u64,
    given_out: u64,
    looked: Instant,
    stopper: Option<Stopper>,
}

/// An event without its number, which it gets when it is given out.
struct Queued {
    key: WatchKey,
    subject: Subject,
    news: News,
    observation: Result<Status, Error>,
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

/// The services, by their keys.
impl fmt::Debug for WatchSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.members.iter().map(|(key, member)| (key, &member.subject));
        f.debug_map().entries(services).finish()
    }
}

impl WatchSet {
    /// An empty set.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system has no watch left to give; the hint names the limits.
    pub fn new() -> Result<Self, Error> {
        let changes = Changes::new().map_err(failure)?;
        Ok(Self {
            changes,
            members: BTreeMap::new(),
            follows: Vec::new(),
            dirs: BTreeMap::new(),
            queue: VecDeque::new(),
            due: BTreeSet::new(),
            bells: Bells::default(),
            others: BTreeSet::new(),
            rung: VecDeque::new(),
            next_key: 0,
            given_out: 0,
            looked: Instant::now(),
            stopper: None,
        })
    }

    /// Adds a service; its snapshot is the next event about it.
    ///
    /// ```
    /// use svclient::{News, WatchSet, scripted::Scripted};
    ///
    /// let mut watch = WatchSet::new()?;
    /// watch.add(Scripted::new("web"))?;
    /// let event = watch.next_before(None)?.unwrap();
    /// assert_eq!((event.name().to_string(), event.news), ("web".to_owned(), News::Snapshot));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Denied`] or [`Error::Io`] if its directory or `supervise` in it
    /// cannot be watched (that needs the right to read them); for other kinds what
    /// [`Supervised::subscribe`] says. A service whose record cannot be read is watched all the same,
    /// and its snapshot says why.
    pub fn add(&mut self, service: impl Supervised + 'static) -> Result<WatchKey, Error> {
        let key = self.next_key();
        let subscription = service.subscribe(self.bells.bell(key))?;
        self.insert(key, service, subscription)?;
        self.look(key, &BTreeSet::new(), false);
        Ok(key)
    }

    /// As [`WatchSet::add`], with the snapshot at once instead of in the queue.
    pub(crate) fn add_and_look(
        &mut self,
        service: impl Supervised + 'static,
    ) -> Result<(WatchKey, Result<Status, Error>), Error> {
        let key = self.add(service)?;
        #[expect(clippy::expect_used, reason = "the sentence in it")]
        let snapshot = self.queue.pop_back().expect("the first look at a service makes an event");
        Ok((key, snapshot.observation))
    }

    fn next_key(&mut self) -> WatchKey {
        self.next_key += 1;
        WatchKey(self.next_key)
    }

    fn insert(
        &mut self,
        key: WatchKey,
        service: impl Supervised + 'static,
        subscription: Subscription,
    ) -> Result<WatchKey, Error> {
        if matches!(subscription.0, How::Wakes(_)) {
            self.hear_bells()?;
        }
        self.members.insert(key, Box::new(Member::new(service, subscription)));
        if let Err(error) = self.arm(key) {
            self.remove(key);
            return Err(error);
        }
        Ok(key)
    }

    /// A bell of its own: whoever waits for news is woken by it, too, and finds its key in `rung`.
    pub(crate) fn bell(&mut self) -> Result<(WatchKey, Waker), Error> {
        self.hear_bells()?;
        let key = self.next_key();
        self.others.insert(key);
        Ok((key, self.bells.bell(key)))
    }

    /// Takes such a bell down.
    pub(crate) fn mute(&mut self, key: WatchKey) {
        self.others.remove(&key);
        self.rung.retain(|rung| *rung != key);
    }

    /// Makes the one descriptor tell of bells, too.
    pub(crate) fn hear_bells(&mut self) -> Result<(), Error> {
        match self.bells.hang_up() {
            Ok(Some(heard)) => self.changes.join(heard).map_err(|source| {
                self.bells.take_down();
                failure(source)
            }),
            Ok(None) => Ok(()),
            Err(error) => Err(failure(error)),
        }
    }

    /// What ends this watch from another thread: blocking calls return then, and iterators and streams end.
    ///
    /// ```
    /// use std::thread;
    /// use svclient::WatchSet;
    ///
    /// let mut watch = WatchSet::new()?;
    /// let stopper = watch.stopper()?;
    /// let reader = thread::spawn(move || watch.by_ref().count());
    /// stopper.stop();
    /// assert_eq!(reader.join().unwrap(), 0);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the system has no descriptor left.
    pub fn stopper(&mut self) -> Result<Stopper, Error> {
        if let Some(stopper) = &self.stopper {
            return Ok(stopper.clone());
        }
        let (_, waker) = self.bell()?;
        let stopper = Stopper { is_stopped: Arc::default(), waker };
        Ok(self.stopper.insert(stopper).clone())
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopper.as_ref().is_some_and(|it| it.is_stopped.load(Ordering::Acquire))
    }

    /// Ends the watch of one service; events already queued for it are dropped.
    ///
    /// ```
    /// use svclient::{WatchSet, scripted::Scripted};
    ///
    /// let mut watch = WatchSet::new()?;
    /// let key = watch.add(Scripted::new("web"))?;
    /// watch.remove(key);
    /// assert!(watch.service(key).is_none() && watch.next_now()?.is_none());
    /// # Ok::<(), svclient::Error>(())
    /// ```
    pub fn remove(&mut self, key: WatchKey) {
        self.forget(key);
        self.queue.retain(|queued| queued.key != key);
    }

    /// The service behind a key.
    #[must_use]
    pub fn service(&self, key: WatchKey) -> Option<&dyn Supervised> {
        self.members.get(&key).map(|member| member.subject.service())
    }

    /// The service directory behind a key, if it is one.
    #[must_use]
    pub fn directory(&self, key: WatchKey) -> Option<&Service> {
        self.members.get(&key)?.subject.directory()
    }

    /// The next event, or `None` if `deadline` passes first (`None` waits for ever).
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Status, WatchSet, scripted::Scripted};
    ///
    /// let web = Scripted::new("web");
    /// let mut watch = WatchSet::new()?;
    /// watch.add(web.clone())?;
    /// web.show(Status::unsupervised());
    /// let deadline = Instant::now() + Duration::from_millis(5);
    /// let mut words = Vec::new();
    /// while let Some(event) = watch.next_before(Some(deadline))? {
    ///     words.push(event.news.name());
    /// }
    /// assert_eq!(words, ["snapshot", "unsupervised"]);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the notification mechanism fails.
    pub fn next_before(&mut self, deadline: Option<Instant>) -> Result<Option<WatchEvent>, Error> {
        while self.queue.is_empty() && self.rung.is_empty() && !self.is_stopped() {
            let now = Instant::now();
            let due = self.due().into_iter().chain(deadline).min();
            let timeout = due.map_or(PollTimeout::NONE, |due| {
                node::round_up(due.saturating_duration_since(now))
            });
            // It comes first: what has nothing to say is not read.
            let mut fds = [PollFd::new(self.changes.as_fd(), PollFlags::POLLIN)];
            let is_heard = match poll(&mut fds, timeout) {
                Ok(count) => count > 0,
                Err(Errno::EINTR) => false,
                Err(errno) => return Err(failure(errno)),
            };
            let now = Instant::now();
            if is_heard || self.due().is_some_and(|due| due <= now) {
                self.collect()?;
            }
            if self.queue.is_empty() && deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
        }
        self.next_now()
    }

    /// The next event that is there already; never waits.
    ///
    /// ```
    /// use svclient::WatchSet;
    ///
    /// assert!(WatchSet::new()?.next_now()?.is_none());
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the notification mechanism fails.
    pub fn next_now(&mut self) -> Result<Option<WatchEvent>, Error> {
        if self.is_stopped() {
            return Ok(None);
        }
        // What waits in the queue goes first. Now and then all the same, so that the kernel's own does
        // not run over meanwhile.
        if self.queue.is_empty() || (self.given_out + 1) % LISTEN_EVERY == 0 {
            self.collect()?;
        }
        let Some(Queued { key, subject, news, observation }) = self.queue.pop_front() else {
            return Ok(None);
        };
        if self.queue.is_empty() && self.queue.capacity() > QUEUE {
            // Snapshots of 10,000 services: 3 MiB that are not needed again.
            self.queue = VecDeque::new();
        }
        self.given_out += 1;
        Ok(Some(WatchEvent { seq: self.given_out, key, news, observation, subject }))
    }

    /// How often everything is looked at because the system cannot tell of all changes; `None` if it
    /// can. It can on Linux, unless a limit of inotify is met (`fs.inotify.max_user_instances`,
    /// `max_user_watches`); it cannot elsewhere.
    #[must_use]
    pub fn polls(&self) -> Option<Duration> {
        self.changes.look_every()
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
        // In a storm a directory says the same thousands of times, and may say it to thousands.
        let (mut news, mut ended) = (BTreeSet::new(), BTreeSet::new());
        let mut hear = |hint| match hint {
            Hint::In(id, place) => drop(news.insert((id, place))),
            Hint::Gone(id) => drop(ended.insert(id)),
            Hint::Overflow => overflow = true,
        };
        self.changes.drain(&mut hear).map_err(failure)?;
        for (id, place) in news {
            for &who in self.dirs.get(&id).into_iter().flatten() {
                // Services work in their directories; what they write there is their own.
                if !(place == Place::Entry && matches!(who, Who::Service(_))) {
                    heard.entry(who.whom()).or_default().insert(place);
                }
            }
        }
        for id in ended {
            for who in self.dirs.remove(&id).into_iter().flatten() {
                heard.entry(who.whom()).or_default().insert(Place::Gone);
            }
        }
        let now = Instant::now();
        for key in self.bells.take() {
            if self.others.contains(&key) {
                self.rung.push_back(key);
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
                heard.entry(who).or_default().insert(Place::Anything);
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
    fn revisit(&mut self, key: WatchKey, heard: &BTreeSet<Place>, resync: bool) {
        let letters_left = self.members.get(&key).is_some_and(|member| member.letters_left);
        if letters_left || heard.contains(&Place::Letters) || heard.contains(&Place::Anything) {
            self.hear_letters(key);
        }
        let Some(member) = self.members.get(&key) else { return };
        let may_have_moved = [Place::Layout, Place::Entry, Place::Anything];
        let moved = member.subject.directory().and_then(|service| {
            // What was lost may have been that a directory is gone, and another may have its numbers.
            if resync || heard.contains(&Place::Gone) {
                return Some(None);
            }
            if !may_have_moved.iter().any(|place| heard.contains(place)) {
                return None;
            }
            let found = Places::of(&service.home().for_paths());
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
                    let observation = Err(error);
                    self.queue.push_back(Queued { key, subject, news: News::Changed, observation });
                }
            }
            if let Some(member) = self.members.get_mut(&key) {
                member.subject.detect_again();
            }
        }
        self.look(key, heard, resync);
    }

    fn look_again(&self) -> Option<Instant> {
        self.changes.look_every().map(|pause| self.looked + pause)
    }

    /// Reads a service and queues what is new about it.
    fn look(&mut self, key: WatchKey, heard: &BTreeSet<Place>, resync: bool) {
        if let Some(member) = self.members.get_mut(&key) {
            let result = member.read(heard);
            self.saw(key, result, heard, resync);
        }
    }

    /// Queues what is new about a service that was read.
    fn saw(
        &mut self,
        key: WatchKey,
        result: Result<Status, Error>,
        heard: &BTreeSet<Place>,
        resync: bool,
    ) {
        let Some(member) = self.members.get_mut(&key) else { return };
        if let Some(recheck) = member.recheck {
            self.due.remove(&(recheck.at, key));
        }
        member.recheck = match (member.every, &result) {
            (Some(pause), _) => Recheck::after(pause),
            (None, Ok(observation)) => member.contradiction(observation, heard),
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
            self.queue.push_back(Queued { key, subject, news, observation: result });
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
    fn watch_above_link(&mut self, who: Who, link: &Path) -> Result<(), Error> {
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
    fn watch_links(&mut self, who: Who, path: &Path) -> Result<(), Error> {
        for dir in around_links(path) {
            match self.watch(who, &Dir::Above(dir)) {
                // It may be searched and not listed: then only the target tells.
                Ok(()) | Err(Error::Denied { .. }) => (),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn watch(&mut self, who: Who, dir: &Dir) -> Result<(), Error> {
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

    fn disarm(&mut self, key: WatchKey) {
        self.unwatch_all(Who::Service(key));
    }

    fn unwatch_all(&mut self, who: Who) {
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

impl Iterator for WatchSet {
    type Item = Result<WatchEvent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_before(None).transpose()
    }
}

/// The descriptor stays the same but once: when the first service is added that is no service
/// directory.
impl AsFd for WatchSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }
}

/// So many events are given out between two looks at what was heard, while there are some.
const LISTEN_EVERY: u64 = 64;

/// So many events keep their place in memory.
const QUEUE: usize = 64;

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

fn failure(source: impl Into<std::io::Error>) -> Error {
    Error::system("wait for changes of services", source)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        task::Waker,
        time::Duration,
    };

    use svproto::{Dialect, Reading, Record};

    use super::*;
    use crate::{Intent, Liveness, Pending, Suite, Support};

    /// A supervisor of somebody's own: supervised or not, and it may tell of that.
    #[derive(Clone, Default)]
    struct Own {
        supervised: Arc<Mutex<bool>>,
        told: Arc<Mutex<Option<Waker>>>,
        every: Option<Duration>,
    }

    impl Own {
        fn turn(&self, supervised: bool) {
            *self.supervised.lock().unwrap() = supervised;
            if let Some(waker) = &*self.told.lock().unwrap() {
                waker.wake_by_ref();
            }
        }
    }

    struct Unsubscribe(Arc<Mutex<Option<Waker>>>);

    impl Drop for Unsubscribe {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = None;
        }
    }

    impl Supervised for Own {
        fn name(&self) -> Name<'_> {
            Name::new("own")
        }

        fn suite(&self) -> Option<Suite> {
            Some(Suite::Own("own"))
        }

        fn support(&self, _intent: &Intent) -> Support {
            Support::No
        }

        fn status(&self) -> Result<Status, Error> {
            let supervised = *self.supervised.lock().unwrap();
            let record = Record::from_bytes(Dialect::Runit, &[0; 20]).unwrap();
            let status = Reading::Record(record.facts());
            let reading = if supervised { status } else { Reading::Unsupervised };
            let liveness = Liveness::Unknown;
            Ok(Status::new(reading, liveness))
        }

        fn request(&self, _intent: &Intent) -> Result<Pending, Error> {
            unreachable!("nobody asks")
        }

        fn subscribe(&self, waker: Waker) -> Result<Subscription, Error> {
            if let Some(every) = self.every {
                return Ok(Subscription::every(every));
            }
            *self.told.lock().unwrap() = Some(waker);
            Ok(Subscription::wakes_while(Unsubscribe(Arc::clone(&self.told))))
        }
    }

    #[track_caller]
    fn next(watch: &mut WatchSet) -> WatchEvent {
        watch.next_before(Some(Instant::now() + Duration::from_secs(20))).unwrap().unwrap()
    }

    #[test]
    fn a_backend_that_rings_is_told_of_beside_a_service_directory() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("supervise")).unwrap();
        let mut watch = WatchSet::new().unwrap();
        let dir = watch.add(Service::open(tree.path()).unwrap()).unwrap();
        let own = Own::default();
        let key = watch.add(own.clone()).unwrap();
        let first = [watch.next_now().unwrap().unwrap(), watch.next_now().unwrap().unwrap()];
        assert_eq!(
            first.map(|event| (event.key, event.news)),
            [dir, key].map(|k| (k, News::Snapshot))
        );
        assert!(watch.next_now().unwrap().is_none());

        let elsewhere = own.clone();
        std::thread::spawn(move || elsewhere.turn(true));
        let event = next(&mut watch);
        assert_eq!(
            (event.key, event.news, event.name()),
            (key, News::Supervised, Name::new("own"))
        );
        // A ring that brings nothing new.
        own.turn(true);
        std::fs::write(tree.path().join("down"), "").unwrap();
        let event = next(&mut watch);
        assert_eq!((event.key, event.news), (dir, News::Changed));
        assert!(event.directory().is_some());

        watch.remove(key);
        assert!(own.told.lock().unwrap().is_none(), "its subscription ends");
        own.turn(false);
        assert!(watch.next_now().unwrap().is_none());
    }

    #[test]
    fn a_backend_that_tells_nothing_is_looked_at() {
        let own = Own { every: Some(Duration::from_millis(1)), ..Own::default() };
        let mut watch = WatchSet::new().unwrap();
        let key = watch.add(own.clone()).unwrap();
        assert_eq!(watch.next_now().unwrap().unwrap().news, News::Snapshot);
        assert!(watch.due().is_some());
        own.turn(true);
        let event = next(&mut watch);
        assert_eq!((event.key, event.news), (key, News::Supervised));
        watch.remove(key);
        assert_eq!(watch.due(), None);
    }

    #[test]
    fn a_backend_that_is_never_to_be_looked_at_is_not() {
        let own = Own { every: Some(Duration::MAX), ..Own::default() };
        let mut watch = WatchSet::new().unwrap();
        watch.add(own).unwrap();
        assert_eq!(watch.next_now().unwrap().unwrap().news, News::Snapshot);
        assert_eq!(watch.due(), None);
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
