//! What a watch tells: which service, what happened to it, and how it stands.

use std::{fmt, str::FromStr};

use svproto::s6::event::S6Event;

use super::subject::Subject;
use crate::{Error, Name, Service, Status, Supervised};

/// A service in a [`WatchSet`](crate::WatchSet).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchKey(pub(super) u64);

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
    /// Its status changed, its `down` file, whether it can be read, or whether its supervisor can
    /// be seen.
    Changed,
    /// A supervisor holds it again.
    Supervised,
    /// Its supervisor is gone.
    Unsupervised,
    /// The service directory is gone, or its entry in a followed scan directory; nothing more is
    /// said about this service.
    Removed,
    /// A transition that s6 has told of ([`listen`](crate::WatchSet::listen)). The status is that
    /// of now; it may have gone further.
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

/// The word; after `heard`, the event of s6: `heard=died`.
///
/// ```
/// use svclient::{News, S6Event};
///
/// assert_eq!(News::Removed.to_string(), "removed");
/// assert_eq!("heard=died".parse(), Ok(News::Heard(S6Event::Died)));
/// ```
impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heard(event) => write!(f, "heard={event}"),
            other => f.pad(other.name()),
        }
    }
}

impl FromStr for News {
    type Err = svproto::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if let Some(event) = word.strip_prefix("heard=") {
            return event.parse().map(Self::Heard);
        }
        let all = [
            Self::Snapshot,
            Self::Added,
            Self::Changed,
            Self::Supervised,
            Self::Unsupervised,
            Self::Removed,
            Self::Resync,
        ];
        let named = all.into_iter().find(|news| news.name() == word);
        named.ok_or(svproto::UnknownWord::new("change"))
    }
}

/// One item of a watch.
///
/// ```
/// use std::sync::Arc;
/// use svclient::{WatchSet, scripted::Scripted};
///
/// let mut watch = WatchSet::new()?;
/// watch.add(Arc::new(Scripted::new("web")))?;
/// let event = watch.next_now()?.unwrap();
/// assert_eq!(event.to_string(), "snapshot web: down");
/// # Ok::<(), svclient::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct WatchEvent {
    /// Counts the events that the set has given out, from 1, without a gap.
    pub seq: u64,
    /// Which service of the set.
    pub key: WatchKey,
    /// What happened.
    pub news: News,
    /// How the service stands, or why that cannot be said. After an error the watch goes on.
    pub status: Result<Status, Error>,
    pub(super) subject: Subject,
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

/// What happened, to which service, and how it stands now: `changed web: up (pid 4711)`. Without the number.
impl fmt::Display for WatchEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.news, self.name())?;
        match &self.status {
            Ok(status) => write!(f, "{status}"),
            Err(error) => write!(f, "{error}"),
        }
    }
}

/// An event without its number, which it gets when it is given out.
pub(super) struct Queued {
    pub(super) key: WatchKey,
    pub(super) subject: Subject,
    pub(super) news: News,
    pub(super) status: Result<Status, Error>,
}
