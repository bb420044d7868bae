//! What a wait needs of the world: the time, and news. A script plays it in the tests.

use std::{
    collections::BTreeMap,
    task::{Context, Poll, Waker},
    time::Instant,
};

use svproto::{Dialect, UnixTime, s6::event::S6Event};

use crate::{Error, News, Service, Status, Supervised, WatchEvent, WatchKey, WatchSet};

/// The world.
pub(crate) trait World<B> {
    /// Arms a watch and takes the baseline.
    fn add(&mut self, service: &B) -> Result<Added, Error>;

    /// The same for all for whom somebody answers in one go; the others are left out.
    fn add_together(&mut self, _services: &[(usize, &B)]) -> BTreeMap<usize, Result<Added, Error>> {
        BTreeMap::new()
    }

    /// Whether there is a `finish` that may refuse another start (125), and that will be heard.
    /// Only s6 tells, and only its listeners.
    fn listen(&mut self, key: WatchKey) -> bool;

    /// Ends a watch.
    fn remove(&mut self, key: WatchKey);

    /// A waker: [`Heard::Woken`] once it is called, from any thread.
    fn waker(&mut self) -> Result<(WatchKey, Waker), Error>;
    /// Forgets a waker.
    fn mute(&mut self, key: WatchKey);
    /// The next news; `None` if nothing was heard until then. A world of a thread of its own waits
    /// here and is always ready; one in an executor has the task woken.
    fn poll_next_before(
        &mut self,
        cx: &mut Context<'_>,
        until: Instant,
    ) -> Poll<Result<Option<Heard>, Error>>;

    /// The time that only goes forward.
    fn now(&self) -> Instant;

    /// The time that records have.
    fn wall_clock(&self) -> UnixTime;
}

/// A service under watch.
pub(crate) struct Added {
    pub(crate) key: WatchKey,
    pub(crate) baseline: Result<Status, Error>,
    /// The service directory, if it is one.
    pub(crate) directory: Option<Service>,
}

/// News.
#[allow(clippy::large_enum_variant, reason = "made once for a change, and taken apart at once")]
pub(crate) enum Heard {
    /// About a service.
    Seen {
        key: WatchKey,
        /// What an event directory told of the last run.
        failed: Option<S6Event>,
        status: Result<Status, Error>,
    },
    /// A waker was called.
    Woken(WatchKey),
}

impl From<WatchEvent> for Heard {
    fn from(event: WatchEvent) -> Self {
        let failed = match event.news {
            News::Heard(letter) => Some(letter),
            _ => None,
        };
        Self::Seen { key: event.key, failed, status: event.status }
    }
}

impl Heard {
    /// Of whom.
    pub(crate) const fn key(&self) -> WatchKey {
        match self {
            Self::Seen { key, .. } | Self::Woken(key) => *key,
        }
    }
}

impl<B: Supervised + Clone + 'static> World<B> for WatchSet {
    fn add(&mut self, service: &B) -> Result<Added, Error> {
        let (key, baseline) = self.add_and_look(service.clone())?;
        Ok(Added { key, baseline, directory: self.directory(key).cloned() })
    }

    fn add_together(&mut self, services: &[(usize, &B)]) -> BTreeMap<usize, Result<Added, Error>> {
        let added = self.add_and_look_together(services).into_iter();
        let of = |(key, baseline)| Added { key, baseline, directory: None };
        let mut all = BTreeMap::new();
        all.extend(added.map(|(at, it)| (at, it.map(of))));
        all
    }

    fn listen(&mut self, key: WatchKey) -> bool {
        let may_refuse = self
            .directory(key)
            .is_some_and(|service| service.dialect() == Some(Dialect::S6) && service.has_finish());
        may_refuse && Self::listen(self, key).is_ok()
    }

    fn remove(&mut self, key: WatchKey) {
        Self::remove(self, key);
    }

    fn waker(&mut self) -> Result<(WatchKey, Waker), Error> {
        Self::waker(self)
    }

    fn mute(&mut self, key: WatchKey) {
        Self::mute(self, key);
    }

    fn poll_next_before(
        &mut self,
        _cx: &mut Context<'_>,
        until: Instant,
    ) -> Poll<Result<Option<Heard>, Error>> {
        if self.woken.is_empty() {
            match self.next_here(Some(until)) {
                Ok(Some(event)) => return Poll::Ready(Ok(Some(event.into()))),
                Ok(None) => (),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(self.woken.pop_front().map(Heard::Woken)))
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_clock(&self) -> UnixTime {
        UnixTime::now()
    }
}
