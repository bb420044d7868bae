//! Many members that are no directories, looked at in one go: their subscriptions, their first
//! looks, and whatever is heard of many of them at once.

use std::collections::{BTreeMap, BTreeSet};

use super::{WatchKey, WatchSet};
use crate::{
    Error, Name, Status, Subscription, Supervised,
    supervised::{Together, together},
};

/// A member, and what the first look at it told.
type Looked = (WatchKey, Result<Status, Error>);

impl WatchSet {
    /// Adds services, as [`WatchSet::add`] does each; one result for each, in their order. Services
    /// with the same [`Supervised::group`] are subscribed to and then looked at together: 200 units
    /// of systemd in 20 ms instead of 150.
    ///
    /// ```
    /// use svclient::{WatchSet, scripted::Scripted};
    ///
    /// let mut watch = WatchSet::new()?;
    /// let keys = watch.add_all(["web", "db"].map(Scripted::new));
    /// assert!(keys.iter().all(Result::is_ok));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    pub fn add_all<B: Supervised + 'static>(
        &mut self,
        services: impl IntoIterator<Item = B>,
    ) -> Vec<Result<WatchKey, Error>> {
        if self.be_here().is_err() {
            return services.into_iter().map(|service| self.add(service)).collect();
        }
        let services: Vec<(WatchKey, B)> =
            services.into_iter().map(|service| (self.next_key(), service)).collect();
        let mut subscriptions = self.subscribe_together(&services);
        let mut results = Vec::with_capacity(services.len());
        for (key, service) in services {
            let subscription = subscriptions
                .remove(&key)
                .unwrap_or_else(|| service.subscribe(self.wakers.waker(key)));
            results.push(subscription.and_then(|how| self.insert(key, service, how)));
        }
        // All are subscribed to by now: what changes from here on is seen or heard.
        let keys: Vec<WatchKey> =
            results.iter().filter_map(|it| it.as_ref().ok().copied()).collect();
        let mut seen = self.ask_together(keys.iter().copied());
        for key in keys {
            match seen.remove(&key) {
                Some(result) => self.saw(key, result, &BTreeSet::new(), false),
                None => self.look(key, &BTreeSet::new(), false),
            }
        }
        results
    }

    /// As [`WatchSet::add_and_look`] of all for whom somebody answers in one go; the others are left out.
    pub(crate) fn add_and_look_together<B: Supervised + Clone + 'static>(
        &mut self,
        services: &[(usize, &B)],
    ) -> BTreeMap<usize, Result<Looked, Error>> {
        let grouped = services.iter().filter(|(_, service)| service.group().is_some());
        let (places, keyed): (Vec<usize>, Vec<(WatchKey, B)>) =
            grouped.map(|(at, service)| (*at, (self.next_key(), (*service).clone()))).unzip();
        let mut subscriptions = self.subscribe_together(&keyed);
        let mut added = BTreeMap::new();
        for (at, (key, service)) in places.into_iter().zip(keyed) {
            if let Some(subscription) = subscriptions.remove(&key) {
                added.insert(at, subscription.and_then(|how| self.insert(key, service, how)));
            }
        }
        // All are subscribed to by now: what changes from here on is heard.
        let mut seen = self.ask_together(added.values().flatten().copied());
        let mut look = |key| {
            match seen.remove(&key) {
                Some(result) => self.saw(key, result, &BTreeSet::new(), false),
                None => self.look(key, &BTreeSet::new(), false),
            }
            #[expect(clippy::expect_used, reason = "the sentence in it")]
            let snapshot =
                self.queue.pop_back().expect("the first look at a service makes an event");
            (key, snapshot.status)
        };
        let mut all = BTreeMap::new();
        all.extend(added.into_iter().map(|(at, key)| (at, key.map(&mut look))));
        all
    }

    fn subscribe_together<B: Supervised>(
        &self,
        services: &[(WatchKey, B)],
    ) -> BTreeMap<WatchKey, Result<Subscription, Error>> {
        let members = services.iter().map(|(key, service)| (*key, service as &dyn Supervised));
        let mut subscriptions = BTreeMap::new();
        for (group, members) in several(members) {
            let wakers = members.iter().map(|(key, name)| (*name, self.wakers.waker(*key)));
            if let Some(answers) = group.subscribe(wakers.collect()) {
                subscriptions.extend(members.iter().map(|(key, _)| *key).zip(answers));
            }
        }
        subscriptions
    }

    /// How these members stand, as far as somebody answers for several of them.
    pub(super) fn ask_together(
        &self,
        keys: impl Iterator<Item = WatchKey>,
    ) -> BTreeMap<WatchKey, Result<Status, Error>> {
        let others = keys.filter_map(|key| {
            let subject = &self.members.get(&key)?.subject;
            subject.directory().is_none().then(|| (key, subject.service()))
        });
        let mut seen = BTreeMap::new();
        for (group, members) in several(others) {
            let names: Vec<Name<'_>> = members.iter().map(|(_, name)| *name).collect();
            let answers = group.statuses(&names);
            seen.extend(members.iter().zip(answers).filter_map(|((key, _), answer)| {
                let member = self.members.get(key)?;
                Some((*key, answer.map(|status| member.known_dead(status))))
            }));
        }
        seen
    }
}

/// Those that are answered for together; whoever is alone is left out.
fn several<'a>(
    members: impl Iterator<Item = (WatchKey, &'a dyn Supervised)>,
) -> impl Iterator<Item = Together<'a, WatchKey>> {
    together(members).into_iter().filter(|(_, members)| members.len() > 1)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex, PoisonError},
        task::Waker,
        time::{Duration, Instant},
    };

    use svproto::{Cause, Dialect, Reading, Record, goal::Goal};

    use super::*;
    use crate::{
        Group, Intent, Liveness, News, Outcome, OutcomeKind, Pending, Request, Suite, Support,
        pursue,
    };

    /// What was asked of a manager, and who is to be woken.
    #[derive(Default)]
    struct Manager {
        asked: Mutex<Vec<String>>,
        wakers: Mutex<Vec<(String, Waker)>>,
        /// In the middle of the first look this one changes.
        restless: Option<&'static str>,
    }

    impl Manager {
        fn note(&self, what: String) {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        }

        fn asked(&self) -> Vec<String> {
            std::mem::take(&mut self.asked.lock().unwrap())
        }

        fn ring(&self, name: &str) {
            for (_, waker) in self.wakers.lock().unwrap().iter().filter(|(it, _)| it == name) {
                waker.wake_by_ref();
            }
        }
    }

    fn some_status() -> Status {
        let record = Record::from_bytes(Dialect::Runit, &[0; 20]).unwrap();
        let reading = Reading::Record(record.facts());
        let liveness = Liveness::Alive { supervisor: None };
        Status::new(reading, liveness)
    }

    fn joined(names: &[Name<'_>]) -> String {
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn failure(name: &str) -> Error {
        Error::other(name, "look at", crate::ErrorKind::NotFound, "there is none")
    }

    impl Group for Manager {
        fn statuses(&self, names: &[Name<'_>]) -> Vec<Result<Status, Error>> {
            self.note(format!("statuses {}", joined(names)));
            if let Some(restless) = self.restless {
                self.ring(restless);
            }
            let one = |name: &Name<'_>| match name.to_str() {
                Some("missing") => Err(failure("missing")),
                _ => Ok(some_status()),
            };
            names.iter().map(one).collect()
        }

        fn subscribe(
            &self,
            members: Vec<(Name<'_>, Waker)>,
        ) -> Option<Vec<Result<Subscription, Error>>> {
            let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
            self.note(format!("subscribe {}", joined(&names)));
            let one = |(name, waker): (Name<'_>, Waker)| {
                if name == "deaf" {
                    return Err(failure("deaf"));
                }
                self.wakers.lock().unwrap().push((name.to_string(), waker));
                Ok(Subscription::wakes())
            };
            Some(members.into_iter().map(one).collect())
        }

        fn obstacles(&self, seen: &[(Name<'_>, Status)]) -> Option<Vec<Option<(Cause, String)>>> {
            let names: Vec<_> = seen.iter().map(|(name, _)| *name).collect();
            self.note(format!("obstacles {}", joined(&names)));
            let one = |name: &Name<'_>| (*name == "kept").then(|| (Cause::Masked, String::new()));
            Some(names.iter().map(one).collect())
        }
    }

    #[derive(Clone)]
    struct Managed(&'static str, Option<Arc<Manager>>);

    impl Supervised for Managed {
        fn name(&self) -> Name<'_> {
            Name::new(self.0)
        }

        fn suite(&self) -> Option<Suite> {
            None
        }

        fn support(&self, _intent: &Intent) -> Support {
            Support::No
        }

        fn status(&self) -> Result<Status, Error> {
            if let Some(manager) = &self.1 {
                manager.note(format!("status {}", self.0));
            }
            Ok(some_status())
        }

        fn request(&self, _intent: &Intent) -> Result<Pending, Error> {
            unreachable!("nobody asks")
        }

        fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
            Ok(Subscription::wakes())
        }

        fn group(&self) -> Option<Arc<dyn Group>> {
            self.1.clone().map(|manager| manager as Arc<dyn Group>)
        }
    }

    fn snapshots(watch: &mut WatchSet) -> Vec<(String, News, bool)> {
        std::iter::from_fn(|| watch.next_now().unwrap())
            .map(|event| (event.name().to_string(), event.news, event.status.is_ok()))
            .collect()
    }

    #[test]
    fn all_are_subscribed_to_and_then_looked_at_in_one_go_each() {
        let (one, other) = (Arc::new(Manager::default()), Arc::new(Manager::default()));
        let of = |name, manager: &Arc<Manager>| Managed(name, Some(Arc::clone(manager)));
        let mut watch = WatchSet::new().unwrap();
        let keys = watch.add_all([
            of("a", &one),
            of("alone", &other),
            of("missing", &one),
            Managed("nobody's", None),
            of("deaf", &one),
            of("b", &one),
        ]);
        assert_eq!(one.asked(), ["subscribe a missing deaf b", "statuses a missing b"]);
        assert_eq!(other.asked(), ["status alone"]);
        let failed: Vec<_> = keys.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, false, false, false, true, false]);
        let names = ["a", "alone", "missing", "nobody's", "b"];
        let expected: Vec<_> =
            names.iter().map(|&it| (it.to_owned(), News::Snapshot, it != "missing")).collect();
        assert_eq!(snapshots(&mut watch), expected);
        for (key, name) in keys.iter().flatten().zip(names) {
            assert_eq!(watch.service(*key).unwrap().name(), name);
        }
        // What is heard of many is asked in one go, too, and of one alone.
        for name in ["a", "b"] {
            one.ring(name);
        }
        assert_eq!(snapshots(&mut watch), []);
        assert_eq!(one.asked(), ["statuses a b"]);
        one.ring("b");
        assert_eq!(snapshots(&mut watch), []);
        assert_eq!(one.asked(), ["status b"]);
    }

    #[test]
    fn a_wait_for_many_asks_three_questions_of_whoever_answers_for_them() {
        let manager = Arc::new(Manager::default());
        let all =
            ["a", "kept", "missing", "deaf"].map(|it| Managed(it, Some(Arc::clone(&manager))));
        let deadline = Instant::now() + Duration::from_millis(1);
        let results = pursue(&all, &Request::wait(Goal::Up), deadline).unwrap();
        let asked =
            ["subscribe a kept missing deaf", "statuses a kept missing", "obstacles a kept"];
        assert_eq!(manager.asked(), asked);
        let kinds: Vec<_> = results.iter().map(|it| it.as_ref().ok().map(Outcome::kind)).collect();
        assert_eq!(kinds, [Some(OutcomeKind::Deadline), Some(OutcomeKind::Never), None, None]);
        assert_eq!(results[1].as_ref().unwrap().why(), Some(Cause::Masked));
    }

    #[test]
    fn a_change_in_the_middle_of_the_first_look_is_looked_at_again() {
        let manager = Manager { restless: Some("b"), ..Manager::default() };
        let manager = Arc::new(manager);
        let mut watch = WatchSet::new().unwrap();
        let all = ["a", "b"].map(|name| Managed(name, Some(Arc::clone(&manager))));
        assert!(watch.add_all(all).iter().all(Result::is_ok));
        assert_eq!(snapshots(&mut watch).len(), 2);
        assert_eq!(manager.asked(), ["subscribe a b", "statuses a b", "status b"]);
    }
}
