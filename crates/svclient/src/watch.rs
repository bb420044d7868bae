//! Watching any number of services with one descriptor, and no timer while nothing happens.
//!
//! A watch is armed before the first look, so a change that falls between the two is seen twice at
//! worst and never missed. A hint only says where to look; readings that say nothing new are
//! dropped.

mod arm;
mod collect;
mod dirs;
mod events;
mod follow;
mod many;
mod member;
mod news;
mod next;
mod recheck;
mod stopper;
mod subject;
mod wakers;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, atomic::Ordering},
    task::Waker,
    time::Instant,
};

use self::{
    dirs::Dirs,
    follow::Follow,
    member::Member,
    news::Queued,
    next::{Away, Turn},
    wakers::Wakers,
};
pub use self::{
    news::{News, WatchEvent, WatchKey},
    stopper::Stopper,
};
use crate::{Error, Service, Status, Subscription, Supervised, supervised::How};

/// Watches services, one descriptor for all of them.
///
/// Service directories and services of any other kind may be mixed. Events of one service come in
/// the order in which they were seen; the first is a snapshot. The set is an endless blocking
/// iterator; [`WatchSet::next_before`] takes a deadline. In somebody else's loop: call
/// [`WatchSet::next_now`] until it gives nothing, then wait for the descriptor (`AsFd`) to be
/// readable, or for [`WatchSet::due`] where that is not `None`.
pub struct WatchSet {
    /// In boxes: a node of the tree has eleven places of which six are taken, and a member 0.3 KiB.
    members: BTreeMap<WatchKey, Box<Member>>,
    follows: Vec<Follow>,
    dirs: Dirs,
    queue: VecDeque<Queued>,
    /// Who is to be looked at although nothing was heard, soonest first.
    due: BTreeSet<(Instant, WatchKey)>,
    /// What members ring that are no directories.
    wakers: Wakers,
    /// Those of no member, for a caller in this crate.
    others: BTreeSet<WatchKey>,
    /// Those of them that were called.
    pub(crate) woken: VecDeque<WatchKey>,
    next_key: u64,
    given_out: u64,
    looked: Instant,
    stopper: Option<Stopper>,
    turn: Turn,
    /// All of it hangs, and this only stands in for it.
    away: Option<Box<Away>>,
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
        let dirs = Dirs::new().map_err(failure)?;
        Ok(Self {
            members: BTreeMap::new(),
            follows: Vec::new(),
            dirs,
            queue: VecDeque::new(),
            due: BTreeSet::new(),
            wakers: Wakers::default(),
            others: BTreeSet::new(),
            woken: VecDeque::new(),
            next_key: 0,
            given_out: 0,
            looked: Instant::now(),
            stopper: None,
            turn: Turn::default(),
            away: None,
        })
    }

    /// Adds a service; its snapshot is the next event about it.
    ///
    /// ```
    /// use svclient::{News, WatchSet, scripted::Scripted};
    ///
    /// let mut watch = WatchSet::new()?;
    /// watch.add(Scripted::new("web"))?;
    /// let event = watch.next().unwrap()?;
    /// assert_eq!((event.name().to_string(), event.news), ("web".to_owned(), News::Snapshot));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Denied`] or [`Error::Io`] if its directory or `supervise` in
    /// it cannot be watched (that needs the right to read them); for other kinds what
    /// [`Supervised::subscribe`] says. A service whose record cannot be read is watched all the
    /// same, and its snapshot says why.
    pub fn add(&mut self, service: impl Supervised + 'static) -> Result<WatchKey, Error> {
        self.be_here()?;
        let key = self.next_key();
        let subscription = service.subscribe(self.wakers.waker(key))?;
        self.insert(key, service, subscription)?;
        self.look(key, &BTreeSet::new(), false);
        Ok(key)
    }

    /// As [`WatchSet::add`], with the snapshot at once instead of in the queue. What was opened is
    /// what is watched: a link that leads there may go, or lead elsewhere.
    pub(crate) fn add_and_look(
        &mut self,
        service: impl Supervised + 'static,
    ) -> Result<(WatchKey, Result<Status, Error>), Error> {
        let key = self.next_key();
        let subscription = match service.subscribe(self.wakers.waker(key))? {
            Subscription(How::Directory(service)) => Subscription::directory(service.held()),
            other => other,
        };
        self.insert(key, service, subscription)?;
        self.look(key, &BTreeSet::new(), false);
        #[expect(clippy::expect_used, reason = "the sentence in it")]
        let snapshot = self.queue.pop_back().expect("the first look at a service makes an event");
        Ok((key, snapshot.status))
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
            self.hear_wakers()?;
        }
        self.members.insert(key, Box::new(Member::new(service, subscription)));
        if let Err(error) = self.arm(key) {
            self.remove(key);
            return Err(error);
        }
        Ok(key)
    }

    /// A waker of its own: whoever waits for news is woken by it, too, and finds its key in `woken`.
    pub(crate) fn waker(&mut self) -> Result<(WatchKey, Waker), Error> {
        self.hear_wakers()?;
        let key = self.next_key();
        self.others.insert(key);
        Ok((key, self.wakers.waker(key)))
    }

    /// Forgets such a waker.
    pub(crate) fn mute(&mut self, key: WatchKey) {
        self.others.remove(&key);
        self.woken.retain(|woken| *woken != key);
    }

    /// Makes the one descriptor tell of wakers, too.
    pub(crate) fn hear_wakers(&mut self) -> Result<(), Error> {
        self.be_here()?;
        match self.wakers.open() {
            Ok(Some(heard)) => self.dirs.join(heard).map_err(|source| {
                self.wakers.close();
                failure(source)
            }),
            Ok(None) => Ok(()),
            Err(error) => Err(failure(error)),
        }
    }

    /// What ends this watch from another thread: blocking calls return then, and iterators and
    /// streams end.
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
        let (_, waker) = self.waker()?;
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
        if self.remove_later(key) {
            return;
        }
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

    fn look_again(&self) -> Option<Instant> {
        self.dirs.look_every().map(|pause| self.looked + pause)
    }

    fn forget(&mut self, key: WatchKey) {
        self.disarm(key);
        if let Some(recheck) = self.members.remove(&key).and_then(|member| member.recheck) {
            self.due.remove(&(recheck.at, key));
        }
    }
}

/// The descriptor stays the same but once: when the first service is added that is no service
/// directory.
impl AsFd for WatchSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dirs.as_fd()
    }
}

fn failure(source: impl Into<std::io::Error>) -> Error {
    Error::system("wait for changes of services", source)
}

#[cfg(test)]
mod tests;
