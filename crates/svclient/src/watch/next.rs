//! The next event: waiting for it, by a deadline or for ever.
//!
//! To look at what was heard may hang in the system. Whoever has a deadline lends the set to a
//! thread beside for that, and leaves both when it hangs; the set comes back when the system lets
//! it, with everything in it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    os::fd::AsFd,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::{Queued, WatchEvent, WatchKey, WatchSet, failure, subject::Subject, wakers::Wakers};
use crate::{
    Error,
    lend::{self, Lent},
    node,
};

/// A set that hangs.
pub(super) struct Away {
    lent: lend::Away<WatchSet, Result<(), Error>>,
    /// Who is to leave it once it is back.
    removed: Vec<WatchKey>,
}

/// What is looked at: what is known of a look that hangs.
#[derive(Clone, Default)]
pub(super) struct Turn(Arc<Mutex<Option<Whose>>>);

enum Whose {
    Service(Subject),
    Directory(PathBuf),
}

impl Turn {
    pub(super) fn is(&self, subject: &Subject) {
        self.set(Whose::Service(subject.clone()));
    }

    pub(super) fn is_of(&self, dir: PathBuf) {
        self.set(Whose::Directory(dir));
    }

    fn set(&self, whose: Whose) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(whose);
    }

    fn place(&self) -> PathBuf {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Whose::Service(subject)) => match subject.directory() {
                Some(service) => service.dir().to_owned(),
                None => subject.service().name().as_os_str().into(),
            },
            Some(Whose::Directory(dir)) => dir.clone(),
            None => PathBuf::new(),
        }
    }
}

/// How what was heard is looked at.
type Look = fn(&mut WatchSet, Option<Instant>) -> Result<(), Error>;

impl WatchSet {
    /// The next event, or `None` if `deadline` passes first. As an iterator the set waits for ever.
    ///
    /// The call ends within 0.2 s of it, also where a directory hangs in the system (a server that
    /// is gone): looks are made in a thread beside this one.
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
    /// while let Some(event) = watch.next_before(deadline)? {
    ///     words.push(event.news.name());
    /// }
    /// assert_eq!(words, ["snapshot", "unsupervised"]);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the notification mechanism fails. [`Error::Unanswered`] if a directory
    /// hangs, for as long as it does; then the set has no event, takes no service, and
    /// [`WatchSet::service`] knows none. Later calls go on with it, and nothing is lost.
    pub fn next_before(&mut self, deadline: Instant) -> Result<Option<WatchEvent>, Error> {
        self.next_by(Some(deadline), Self::collect_aside)
    }

    /// The same for a thread beside the caller, which may be held.
    pub(crate) fn next_here(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<WatchEvent>, Error> {
        self.next_by(deadline, |this, _| this.collect())
    }

    fn next_by(
        &mut self,
        deadline: Option<Instant>,
        look: Look,
    ) -> Result<Option<WatchEvent>, Error> {
        if self.is_stopped() {
            return Ok(None);
        }
        self.come_back(deadline)?;
        while self.queue.is_empty() && self.woken.is_empty() && !self.is_stopped() {
            let now = Instant::now();
            let due = self.due().into_iter().chain(deadline).min();
            let timeout = due.map_or(PollTimeout::NONE, |due| {
                node::round_up(due.saturating_duration_since(now))
            });
            // It comes first: what has nothing to say is not read.
            let mut fds = [PollFd::new(self.dirs.as_fd(), PollFlags::POLLIN)];
            let is_heard = match poll(&mut fds, timeout) {
                Ok(count) => count > 0,
                Err(Errno::EINTR) => false,
                Err(errno) => return Err(failure(errno)),
            };
            let now = Instant::now();
            if is_heard || self.due().is_some_and(|due| due <= now) {
                look(self, deadline)?;
            }
            if self.queue.is_empty() && deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
        }
        self.take_by(deadline, look)
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
    /// As [`WatchSet::next_before`].
    pub fn next_now(&mut self) -> Result<Option<WatchEvent>, Error> {
        self.be_here()?;
        self.take_by(None, |this, _| this.collect())
    }

    fn take_by(
        &mut self,
        deadline: Option<Instant>,
        look: Look,
    ) -> Result<Option<WatchEvent>, Error> {
        if self.is_stopped() {
            return Ok(None);
        }
        // What waits in the queue goes first. Now and then all the same, so that the kernel's own
        // does not run over meanwhile.
        if self.queue.is_empty() || (self.given_out + 1) % LISTEN_EVERY == 0 {
            look(self, deadline)?;
        }
        let Some(Queued { key, subject, news, status }) = self.queue.pop_front() else {
            return Ok(None);
        };
        if self.queue.is_empty() && self.queue.capacity() > QUEUE {
            // Snapshots of 10,000 services: 3 MiB that are not needed again.
            self.queue = VecDeque::new();
        }
        self.given_out += 1;
        Ok(Some(WatchEvent { seq: self.given_out, key, news, status, subject }))
    }

    /// Looks without being held beyond the deadline.
    fn collect_aside(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        let Some(deadline) = deadline else { return self.collect() };
        let stand_in = self.stand_in()?;
        match lend::lend(self, stand_in, deadline, Self::collect) {
            Lent::Done(result) => result,
            Lent::TooMany => Err(self.unanswered()),
            Lent::Away(lent) => {
                self.away = Some(Box::new(Away { lent, removed: Vec::new() }));
                Err(self.unanswered())
            }
        }
    }

    /// What is here while the set is elsewhere: it has nobody, and knows its stopper.
    fn stand_in(&self) -> Result<Self, Error> {
        Ok(Self {
            dirs: self.dirs.stand_in().map_err(failure)?,
            members: BTreeMap::new(),
            follows: Vec::new(),
            queue: VecDeque::new(),
            due: BTreeSet::new(),
            wakers: Wakers::default(),
            others: BTreeSet::new(),
            woken: VecDeque::new(),
            next_key: self.next_key,
            given_out: self.given_out,
            looked: self.looked,
            stopper: self.stopper.clone(),
            turn: self.turn.clone(),
            away: None,
        })
    }

    /// Waits for a set that hangs.
    fn come_back(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        let Some(away) = self.away.take() else { return Ok(()) };
        let Away { lent, removed } = *away;
        match lent.take_back(deadline) {
            Ok((set, result)) => {
                *self = set;
                for key in removed {
                    self.remove(key);
                }
                result
            }
            Err(lent) => {
                self.away = Some(Box::new(Away { lent, removed }));
                Err(self.unanswered())
            }
        }
    }

    /// For whatever needs the set itself.
    pub(super) fn be_here(&mut self) -> Result<(), Error> {
        self.come_back(Some(Instant::now()))
    }

    /// Whoever is removed from a set that hangs leaves it when it is back.
    pub(super) fn remove_later(&mut self, key: WatchKey) -> bool {
        let _it_hangs = self.be_here();
        let Some(away) = &mut self.away else { return false };
        away.removed.push(key);
        true
    }

    fn unanswered(&self) -> Error {
        Error::Unanswered { path: self.turn.place() }
    }

    /// How often everything is looked at because the system cannot tell of all changes; `None` if
    /// it can. It can on Linux, unless a limit of inotify is met (`fs.inotify.max_user_instances`,
    /// `max_user_watches`); it cannot elsewhere.
    #[must_use]
    pub fn polls(&self) -> Option<Duration> {
        self.dirs.look_every()
    }

    /// When to call again even if the descriptor says nothing; `None` at rest.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let recheck = self.due.first().map(|(at, _)| *at);
        recheck.into_iter().chain(self.look_again()).min()
    }
}

impl Iterator for WatchSet {
    type Item = Result<WatchEvent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_here(None).transpose()
    }
}

/// So many events are given out between two looks at what was heard, while there are some.
const LISTEN_EVERY: u64 = 64;

/// So many events keep their place in memory.
const QUEUE: usize = 64;
