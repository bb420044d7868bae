//! One service of a watch: looking at it, and telling what is new about it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use svproto::{
    Reading, files,
    track::{Change, Tracker},
};

use super::{
    News,
    dirs::{Watched, nearest_above_link},
    events::Listener,
    recheck::Recheck,
    subject::Subject,
};
use crate::{
    Error, Liveness, Normally, Service, Status, Subscription, Supervised, changes::EntryKind, node,
    service::Known, supervised::How,
};

/// What the service directory, its `supervise` and its `event` are, whatever they are called, and
/// where `supervise` will appear if it is a link that leads nowhere yet.
#[derive(PartialEq, Eq)]
pub(super) struct Places {
    dir: Option<node::Identity>,
    supervise: Option<node::Identity>,
    event: Option<node::Identity>,
    above: Option<PathBuf>,
}

impl Places {
    pub(super) fn of(dir: &Path) -> Self {
        let identity = |path: &Path| node::stat(path).ok().flatten().as_ref().map(node::identity);
        let link = dir.join(files::SUPERVISE);
        let supervise = identity(&link);
        let above = if supervise.is_none() { nearest_above_link(&link) } else { None };
        Self { dir: identity(dir), supervise, event: identity(&dir.join(files::EVENT)), above }
    }
}

/// A service of a set, and what was told about it.
pub(super) struct Member {
    /// In its event directory, if it is listened to. It comes first, to be dropped first: it finds
    /// its FIFO through the descriptor of the service, where there is one.
    pub(super) listener: Option<Listener>,
    pub(super) subject: Subject,
    pub(super) tracker: Tracker,
    normally: Option<Normally>,
    liveness: Option<Liveness>,
    /// Something was told about it.
    told: bool,
    /// Why the last look failed; the same failure is not told twice.
    failed: Option<String>,
    /// Sorted.
    pub(super) watched: Vec<Watched>,
    /// Which directories are watched; if a name leads elsewhere they are others. `None` until it
    /// matters: to find out takes three calls, and most services stay where they are.
    pub(super) places: Option<Box<Places>>,
    pub(super) recheck: Option<Recheck>,
    /// Letters that were not read yet.
    pub(super) letters_left: bool,
    /// Nobody tells of its changes.
    pub(super) every: Option<Duration>,
    /// Keeps a subscription.
    _guard: Option<Box<dyn Send + Sync>>,
}

impl Member {
    /// A service that was not looked at yet, and how its changes are learned.
    pub(super) fn new(service: impl Supervised + 'static, subscription: Subscription) -> Self {
        let (subject, every, guard) = match subscription.0 {
            How::Directory(service) => (Subject::Directory(Arc::new(service)), None, None),
            How::Wakes(guard) => (Subject::Other(Arc::new(service)), None, guard),
            How::Every(pause) => (Subject::Other(Arc::new(service)), Some(pause), None),
        };
        Self {
            listener: None,
            subject,
            tracker: Tracker::new(),
            normally: None,
            liveness: None,
            told: false,
            failed: None,
            watched: Vec::new(),
            places: None,
            recheck: None,
            letters_left: false,
            every,
            _guard: guard,
        }
    }

    /// Looks at the service.
    pub(super) fn read(&mut self, heard: &BTreeSet<EntryKind>) -> Result<Status, Error> {
        let known = self.known(heard);
        self.subject.look(known).map(|status| self.known_dead(status))
    }

    /// What need not be asked of a directory. While nobody supervised it, another suite may have taken over. If the
    /// record was replaced and nothing else was heard, its supervisor lived when that was published, and has not
    /// closed its lock since: of the thirteen calls of an event seven are left.
    fn known(&self, heard: &BTreeSet<EntryKind>) -> Known {
        let was_supervised = self.tracker.last().is_some_and(|last| last.is_supervised());
        let dialect = self.subject.directory().and_then(Service::known_dialect);
        let Some(dialect) = dialect.filter(|_| was_supervised) else { return Known::Nothing };
        let is_settled = self.told && self.failed.is_none() && self.recheck.is_none();
        let is_all = heard.len() == 1 && heard.contains(&EntryKind::Status);
        let liveness = self.liveness.filter(|liveness| liveness.is_alive() == Some(true));
        match (liveness.filter(|_| is_settled && is_all), self.normally) {
            (Some(liveness), Some(normally)) => Known::AllButRecord(dialect, liveness, normally),
            _ => Known::Dialect(dialect),
        }
    }

    /// A user who may not ask the supervisor finds its lock in a table. That a lock which stood there is
    /// there no more does prove something.
    pub(super) fn known_dead(&self, status: Status) -> Status {
        match (self.liveness, status.liveness) {
            (Some(Liveness::Alive { supervisor: Some(_) } | Liveness::Dead), Liveness::Unknown) => {
                let (reading, liveness) = (Reading::Unsupervised, Liveness::Dead);
                Status { reading, liveness, ..status }
            }
            _ => status,
        }
    }

    /// Whether the record may have been published before anybody listened for that, by a supervisor
    /// that was about to open `ok`.
    fn may_be_starting(&self, heard: &BTreeSet<EntryKind>) -> bool {
        let anew = [EntryKind::Layout, EntryKind::Gone, EntryKind::Anything];
        (!self.told || anew.iter().any(|place| heard.contains(place)))
            && self.subject.directory().is_some_and(Service::has_fresh_record)
    }

    /// The next look, if what is seen contradicts what was heard, or still does.
    pub(super) fn contradiction(
        &mut self,
        status: &Status,
        heard: &BTreeSet<EntryKind>,
    ) -> Option<Recheck> {
        let before = self.recheck.take();
        let contradicts = match status.liveness {
            Liveness::Alive { .. } => heard.contains(&EntryKind::Lock),
            Liveness::Dead => heard.contains(&EntryKind::Status) || self.may_be_starting(heard),
            Liveness::Unknown => false,
        };
        let was_supervised = self.tracker.last().is_some_and(|last| last.is_supervised());
        match before {
            _ if contradicts => Some(Recheck::start()),
            Some(before) if status.reading.is_supervised() == was_supervised => before.next(),
            _ => None,
        }
    }

    /// What a look has shown that was not told yet.
    pub(super) fn news(&mut self, result: &Result<Status, Error>, resync: bool) -> Option<News> {
        let first = !self.told;
        let news = match result {
            Ok(status) => {
                let event = self.tracker.observe(status.reading);
                let normally = std::mem::replace(&mut self.normally, status.normally);
                let alive = |liveness: Liveness| liveness.is_alive();
                let liveness = self.liveness.replace(status.liveness).map(alive);
                let repaired = self.failed.take().is_some();
                let beside = repaired
                    || normally != status.normally
                    || liveness != Some(status.liveness.is_alive());
                match event.map(|event| event.change) {
                    Some(Change::Snapshot | Change::Changed) => Some(News::Changed),
                    Some(Change::Supervised) => Some(News::Supervised),
                    Some(Change::Unsupervised) => Some(News::Unsupervised),
                    None => beside.then_some(News::Changed),
                }
            }
            Err(Error::NotFound { .. }) => Some(News::Removed),
            Err(error) => {
                let why = error.in_full();
                let again = self.failed.as_ref() == Some(&why);
                self.failed = Some(why);
                (!again).then_some(News::Changed)
            }
        };
        let news = match news {
            Some(News::Removed) => News::Removed,
            _ if first => News::Snapshot,
            _ if resync => News::Resync,
            news => news?,
        };
        self.told = true;
        Some(news)
    }
}
