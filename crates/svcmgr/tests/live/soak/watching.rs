//! One watch of all services from the beginning to the end, and what its events have to say.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Sender, TryRecvError, channel},
    thread::{Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

use svcmgr::{News, Status, WatchSet};

use super::Subject;
use crate::supervised::PATIENCE;

/// Which service, its number, the kind of news, and what was read.
pub struct Seen {
    subject: usize,
    seq: u64,
    news: News,
    status: Status,
}

/// A watch in a thread of its own.
pub struct Watching<'scope> {
    /// What is to be seen last of each, at the end.
    last: Sender<Vec<Status>>,
    thread: ScopedJoinHandle<'scope, Vec<Seen>>,
}

impl<'scope> Watching<'scope> {
    pub fn start(scope: &'scope Scope<'scope, '_>, subjects: &'scope [Subject]) -> Self {
        let mut set = WatchSet::new().unwrap();
        let keys: Vec<_> = subjects.iter().map(|it| set.add(it.service.clone()).unwrap()).collect();
        let (last, asked) = channel::<Vec<Status>>();
        let thread = scope.spawn(move || {
            let mut seen: Vec<Seen> = Vec::new();
            let mut expected = None;
            let mut deadline = None;
            loop {
                let soon = Instant::now() + Duration::from_millis(50);
                while let Some(event) = set.next_before(soon).unwrap() {
                    let subject = keys.iter().position(|&key| key == event.key).unwrap();
                    let status = event.status.unwrap_or_else(|why| {
                        panic!("{}: the watch says {why}", subjects[subject].name())
                    });
                    seen.push(Seen { subject, seq: event.seq, news: event.news, status });
                }
                match asked.try_recv() {
                    Ok(statuses) => {
                        deadline = Some(Instant::now() + PATIENCE);
                        expected = Some(statuses);
                    }
                    Err(TryRecvError::Disconnected) if expected.is_none() => return seen,
                    Err(_) => (),
                }
                let Some(expected) = &expected else { continue };
                let late = deadline.is_some_and(|it| Instant::now() > it);
                let differs = differing(&seen, expected);
                if differs.is_empty() {
                    return seen;
                }
                let names: Vec<_> = differs.iter().map(|&it| subjects[it].name()).collect();
                assert!(!late, "the watch does not come to agree with the records of {names:?}");
            }
        });
        Self { last, thread }
    }

    /// Waits until the watch agrees with the records, which do not change any more; all that it has told.
    pub fn end(self, subjects: &[Subject]) -> Vec<Seen> {
        let statuses = subjects.iter().map(|it| it.service.status().unwrap()).collect();
        // A watch that has panicked is joined below.
        let _panicked = self.last.send(statuses);
        self.thread.join().unwrap()
    }
}

/// The services of which the last event is not what is there.
fn differing(seen: &[Seen], expected: &[Status]) -> Vec<usize> {
    let last: BTreeMap<usize, &Seen> = seen.iter().map(|it| (it.subject, it)).collect();
    let differs = |(at, status): (usize, &Status)| {
        let is_same = last.get(&at).is_some_and(|it| it.status.reading() == status.reading());
        (!is_same).then_some(at)
    };
    expected.iter().enumerate().filter_map(differs).collect()
}

/// The events of each service are those of one history.
pub fn check(subjects: &[Subject], seen: &[Seen]) {
    for pair in seen.windows(2) {
        assert!(pair[0].seq < pair[1].seq, "events have rising numbers");
    }
    for (at, subject) in subjects.iter().enumerate() {
        let name = subject.name();
        let own: Vec<&Seen> = seen.iter().filter(|it| it.subject == at).collect();
        assert_eq!(own[0].news, News::Snapshot, "{name}");
        for pair in own.windows(2) {
            assert_ne!(pair[1].news, News::Snapshot, "{name}");
            let is_resync = pair[1].news == News::Resync;
            let is_new = pair[0].status.reading() != pair[1].status.reading();
            assert!(is_resync || is_new, "{name}: the same is told twice: {:?}", pair[1].status);
        }
        let trace = subject.trace();
        let pids = own.iter().map(|it| it.status.pid().map(svcmgr::Pid::get));
        let late = out_of_order(&trace, pids);
        assert_eq!(late, None, "{name}: told after its time; the runs were {trace:?}");
    }
}

/// A process whose event comes after that of a later one. The script has noted all of them in their order, but for
/// those that were ended before they could note anything.
fn out_of_order(trace: &[u32], events: impl IntoIterator<Item = Option<u32>>) -> Option<u32> {
    let (mut at, mut last) = (0, None);
    for pid in events.into_iter().flatten() {
        if last == Some(pid) || !trace.contains(&pid) {
            continue;
        }
        let Some(found) = trace[at..].iter().position(|it| *it == pid) else { return Some(pid) };
        at += found;
        last = Some(pid);
    }
    None
}

#[test]
fn what_comes_too_late_is_noticed() {
    let events = |pids: &[u32]| pids.iter().map(|&pid| Some(pid)).collect::<Vec<_>>();
    assert_eq!(out_of_order(&[1, 2, 3], events(&[1, 1, 3])), None);
    assert_eq!(out_of_order(&[1, 2, 3], [None, Some(9), Some(2)]), None);
    assert_eq!(out_of_order(&[1, 2, 3], events(&[1, 3, 2])), Some(2));
    assert_eq!(out_of_order(&[1, 2, 1], events(&[1, 2, 1])), None, "a number that is used again");
    assert_eq!(out_of_order(&[1, 2, 1], events(&[2, 1, 2])), Some(2));
}
