//! Sets of directories and of what is none, without a supervisor.

use std::{
    sync::{Arc, Mutex},
    task::Waker,
    time::Duration,
};

use svproto::{Dialect, Reading, Record};

use super::{dirs::nearest_above_link, *};
use crate::{Intent, Liveness, Name, Pending, Suite, Support};

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
    watch.next_before(Instant::now() + Duration::from_secs(20)).unwrap().unwrap()
}

#[test]
fn a_service_of_another_kind_that_rings_is_told_of_beside_a_service_directory() {
    let tree = tempfile::tempdir().unwrap();
    std::fs::create_dir(tree.path().join("supervise")).unwrap();
    let mut watch = WatchSet::new().unwrap();
    let dir = watch.add(Service::open(tree.path()).unwrap()).unwrap();
    let own = Own::default();
    let key = watch.add(own.clone()).unwrap();
    let first = [watch.next_now().unwrap().unwrap(), watch.next_now().unwrap().unwrap()];
    assert_eq!(first.map(|event| (event.key, event.news)), [dir, key].map(|k| (k, News::Snapshot)));
    assert!(watch.next_now().unwrap().is_none());

    let elsewhere = own.clone();
    std::thread::spawn(move || elsewhere.turn(true));
    let event = next(&mut watch);
    assert_eq!((event.key, event.news, event.name()), (key, News::Supervised, Name::new("own")));
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
fn a_service_of_another_kind_that_tells_nothing_is_looked_at() {
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
fn a_service_of_another_kind_that_is_never_to_be_looked_at_is_not() {
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
