//! A service that does what it is told by a script: for unit tests of programs that act on
//! services, and for examples. No process, no file, no thread.
//!
//! A [`Scripted`] is a [`Supervised`] like any other, so it can be asked, waited for and watched.
//! Without a script it obeys at once. A [`Script`] says what comes of a request instead: later,
//! otherwise, never. It keeps what it was asked for.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use svclient::{Intent, Request, scripted::{Script, Scripted}};
//!
//! let soon = || Instant::now() + Duration::from_secs(60);
//! let web = Scripted::new("web");
//! assert!(Request::up().pursue(&web, soon())?.is_reached());
//!
//! // One that is deaf to requests for its end.
//! let deaf = Scripted::new("deaf").when(Intent::Down, Script::ignore());
//! Request::up().pursue(&deaf, soon())?;
//! let outcome = Request::down().pursue(&deaf, Instant::now())?;
//! assert!(!outcome.is_reached());
//! assert_eq!(deaf.requests(), [Intent::Up, Intent::Down]);
//! # Ok::<(), svclient::Error>(())
//! ```

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::{Duration, Instant},
};

use svproto::{Facts, Op, Phase, Pid, UnixTime, Want};

use crate::{
    Error, ErrorKind, Intent, Name, Oddities, Pending, Status, Subscription, Suite, Supervised,
    Support, Told,
};

/// A service that does what its scripts say. A clone is the same service.
#[derive(Clone)]
pub struct Scripted {
    name: Arc<str>,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    suite: Suite,
    /// What a look shows, or why it fails.
    seen: Result<Status, (ErrorKind, String)>,
    /// What looks will show, soonest first.
    to_come: VecDeque<(Instant, Status)>,
    scripts: Vec<(Intent, Script)>,
    requests: Vec<Intent>,
    next_pid: u64,
    wakers: Vec<(u64, Waker)>,
    next_waker: u64,
}

/// What comes of a request to a [`Scripted`].
///
/// ```
/// use std::time::Duration;
/// use svclient::{ErrorKind, Pid, Status, UnixTime, scripted::Script};
///
/// let slow = Script::obey().after(Duration::from_millis(20));
/// let pid = Pid::new(4711).unwrap();
/// let ready_later = Script::ignore()
///     .then(Duration::ZERO, Status::up(pid, UnixTime::now()).with_notifies(true))
///     .then(Duration::from_millis(20), Status::up_and_ready(pid, UnixTime::now()));
/// let full = Script::refuse(ErrorKind::Busy, "its queue is full");
/// # let _all = [slow, ready_later, full];
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is handed to `Scripted::when`"]
pub struct Script {
    refusal: Option<(ErrorKind, String)>,
    /// Whether it does what was asked, and when.
    obeys: Option<Duration>,
    /// What is shown besides, each so long after the one before.
    shows: Vec<(Duration, Status)>,
    tells: Option<Told>,
}

impl Script {
    /// It does what it is asked, at once.
    pub const fn obey() -> Self {
        Self { refusal: None, obeys: Some(Duration::ZERO), shows: Vec::new(), tells: None }
    }

    /// It takes the request, and nothing comes of it.
    pub const fn ignore() -> Self {
        Self { refusal: None, obeys: None, shows: Vec::new(), tells: None }
    }

    /// The request is not delivered. [`ErrorKind::Unsupported`] is known before it is tried
    /// ([`Supervised::support`]); after [`ErrorKind::Busy`] a wait tries again.
    pub fn refuse(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self { refusal: Some((kind, why.into())), ..Self::ignore() }
    }

    /// The same, and it obeys so long after the request.
    pub fn after(self, delay: Duration) -> Self {
        Self { obeys: self.obeys.map(|_| delay), ..self }
    }

    /// The same, and so long after what it showed before it shows this.
    pub fn then(mut self, delay: Duration, status: Status) -> Self {
        self.shows.push((delay, status));
        self
    }

    /// The same, and its supervisor says this of it, which is the last word.
    pub fn telling(self, told: Told) -> Self {
        Self { tells: Some(told), ..self }
    }
}

impl Scripted {
    /// A service that is supervised, down, and wanted down.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let inner = Inner {
            suite: Suite::Own("scripted"),
            seen: Ok(Status::down(UnixTime::now())),
            to_come: VecDeque::new(),
            scripts: Vec::new(),
            requests: Vec::new(),
            next_pid: 1001,
            wakers: Vec::new(),
            next_waker: 0,
        };
        Self { name: name.into().into(), inner: Arc::new(Mutex::new(inner)) }
    }

    /// The same service, which stands like this.
    ///
    /// ```
    /// use svclient::{Status, Supervised, scripted::Scripted};
    ///
    /// let lost = Scripted::new("lost").standing(Status::unsupervised());
    /// assert_eq!(lost.status()?.state().to_string(), "unsupervised");
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn standing(self, status: Status) -> Self {
        self.lock().seen = Ok(status);
        self
    }

    /// The same service, under the rules of this suite.
    #[must_use]
    pub fn of_suite(self, suite: Suite) -> Self {
        self.lock().suite = suite;
        self
    }

    /// The same service; this comes of a request for `intent` from now on.
    #[must_use]
    pub fn when(self, intent: impl Into<Intent>, script: Script) -> Self {
        let intent = intent.into();
        let mut inner = self.lock();
        inner.scripts.retain(|(known, _)| *known != intent);
        inner.scripts.push((intent, script));
        drop(inner);
        self
    }

    /// It stands like this from now on, without having been asked. Every watch is told.
    ///
    /// ```
    /// use svclient::{News, Status, UnixTime, WatchSet, scripted::Scripted};
    ///
    /// let web = Scripted::new("web");
    /// let mut watch = WatchSet::new()?;
    /// watch.add(web.clone())?;
    /// web.show(Status::unsupervised());
    /// let news: Vec<News> = [watch.next_now()?, watch.next_now()?].into_iter().flatten().map(|it| it.news).collect();
    /// assert_eq!(news, [News::Snapshot, News::Unsupervised]);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    pub fn show(&self, status: Status) {
        let mut inner = self.lock();
        inner.seen = Ok(status);
        inner.to_come.clear();
        inner.wake();
    }

    /// Looks fail from now on, until it shows something again.
    pub fn fail(&self, kind: ErrorKind, why: impl Into<String>) {
        let mut inner = self.lock();
        inner.seen = Err((kind, why.into()));
        inner.to_come.clear();
        inner.wake();
    }

    /// What it was asked for so far, in order; refused requests too.
    #[must_use]
    pub fn requests(&self) -> Vec<Intent> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, doing: impl Into<String>, kind: ErrorKind, why: impl Into<String>) -> Error {
        Error::other(&self.name, doing, kind, why.into())
    }
}

impl Inner {
    fn script(&self, intent: Intent) -> Script {
        let found = self.scripts.iter().find(|(known, _)| *known == intent);
        found.map_or(Script::obey(), |(_, script)| script.clone())
    }

    /// What is due by now is shown.
    fn turn(&mut self, now: Instant) {
        while self.to_come.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, status)) = self.to_come.pop_front() {
                self.seen = Ok(status);
            }
        }
    }

    fn wake(&self) {
        for (_, waker) in &self.wakers {
            waker.wake_by_ref();
        }
    }

    /// How it stands once it has obeyed.
    fn obeyed(&mut self, intent: Intent, before: Status) -> Status {
        let mut another = |want| {
            let pid = Pid::new(self.next_pid);
            self.next_pid += 1;
            let facts = Facts::new(Phase::Up).with_pid(pid).with_since(Some(UnixTime::now()));
            Status::of(facts.with_want(want))
        };
        let same = |facts: Facts| Status { reading: svproto::Reading::Record(facts), ..before };
        match (intent, before.facts().copied()) {
            (_, None) => before,
            (Intent::Up | Intent::Op(Op::Up), Some(facts)) if facts.pid.is_some() => {
                same(facts.with_want(Want::Up))
            }
            (Intent::Up | Intent::Restart | Intent::Op(Op::Up), _) => another(Want::Up),
            (Intent::Once | Intent::Op(Op::Once), Some(facts)) if facts.pid.is_some() => {
                same(facts.with_want(Want::Once))
            }
            (Intent::Once | Intent::Op(Op::Once), _) => another(Want::Once),
            (Intent::Down | Intent::Op(Op::Down), Some(facts)) if facts.pid.is_none() => {
                same(facts.with_want(Want::Down))
            }
            (Intent::Down | Intent::Op(Op::Down), _) => Status::down(UnixTime::now()),
            (Intent::Op(Op::StopExit), _) => Status::unsupervised(),
            (Intent::Op(Op::Term | Op::Kill | Op::TryRestart), Some(facts))
                if facts.pid.is_some() && facts.want == Some(Want::Up) =>
            {
                another(Want::Up)
            }
            (Intent::Op(Op::Pause), Some(facts)) => same(facts.with_paused(true)),
            (Intent::Op(Op::Cont), Some(facts)) => same(facts.with_paused(false)),
            (_, Some(_)) => before,
        }
    }
}

impl Supervised for Scripted {
    fn name(&self) -> Name<'_> {
        Name::new(self.name.as_ref())
    }

    fn suite(&self) -> Option<Suite> {
        Some(self.lock().suite)
    }

    fn support(&self, intent: &Intent) -> Support {
        match self.lock().script(*intent).refusal {
            Some((ErrorKind::Unsupported, _)) => Support::No,
            _ => Support::Yes,
        }
    }

    fn status(&self) -> Result<Status, Error> {
        let mut inner = self.lock();
        inner.turn(Instant::now());
        let suite = inner.suite;
        let seen = inner.seen.clone();
        seen.map(|seen| seen.with_suite(suite))
            .map_err(|(kind, why)| self.error("look at", kind, why))
    }

    fn request(&self, intent: &Intent) -> Result<Pending, Error> {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.turn(now);
        inner.requests.push(*intent);
        let script = inner.script(*intent);
        if let Some((kind, why)) = script.refusal {
            return Err(self.error(format!("send {intent} to"), kind, why));
        }
        let Ok(before) = inner.seen else { return Ok(Pending::delivered()) };
        if !before.reading.is_supervised() {
            let why = "no supervisor is running there";
            return Err(self.error(format!("send {intent} to"), ErrorKind::NotSupervised, why));
        }
        let mut at = now;
        if let Some(delay) = script.obeys {
            at += delay;
            let status = inner.obeyed(*intent, before);
            inner.to_come.push_back((at, status));
        }
        for (delay, status) in script.shows {
            at += delay;
            inner.to_come.push_back((at, status));
        }
        inner.to_come.make_contiguous().sort_by_key(|(at, _)| *at);
        inner.turn(now);
        inner.wake();
        Ok(match script.tells {
            Some(told) => Pending::telling(std::future::ready(Ok(told))),
            None => Pending::delivered(),
        })
    }

    /// Told at once where nothing comes later; else, as there is no thread, looked at each
    /// millisecond.
    fn subscribe(&self, waker: Waker) -> Result<Subscription, Error> {
        let mut inner = self.lock();
        let is_late = |script: &Script| {
            let mut delays = script.shows.iter().map(|(delay, _)| *delay).chain(script.obeys);
            delays.any(|delay| !delay.is_zero())
        };
        if !inner.to_come.is_empty() || inner.scripts.iter().any(|(_, script)| is_late(script)) {
            return Ok(Subscription::every(Duration::from_millis(1)));
        }
        let number = inner.next_waker;
        inner.next_waker += 1;
        inner.wakers.push((number, waker));
        Ok(Subscription::wakes_while(Listening { of: Arc::clone(&self.inner), number }))
    }

    fn oddities(&self, seen: &Status) -> Oddities {
        *seen.odd()
    }
}

/// Somebody who watches, until it is dropped.
struct Listening {
    of: Arc<Mutex<Inner>>,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut inner = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        inner.wakers.retain(|(number, _)| *number != self.number);
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        let mut scripted = f.debug_struct("Scripted");
        scripted.field("name", &self.name).field("seen", &inner.seen);
        scripted.field("requests", &inner.requests).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use svproto::{Cause, State, goal::Goal};

    use super::*;
    use crate::{Bulk, News, OutcomeKind, Request, WatchSet};

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn without_a_script_it_obeys_as_a_supervisor_does() {
        let web = Scripted::new("web");
        let pid = |service: &Scripted| service.status().unwrap().pid();
        assert_eq!(Request::up().pursue(&web, soon()).unwrap().kind(), OutcomeKind::Reached);
        let first = pid(&web);
        assert_eq!(Request::up().pursue(&web, soon()).unwrap().kind(), OutcomeKind::Already);
        assert_eq!(pid(&web), first);
        assert!(Request::restart().pursue(&web, soon()).unwrap().is_reached());
        assert!(pid(&web) > first);
        assert!(Request::down().pursue(&web, soon()).unwrap().is_reached());
        assert_eq!(web.status().unwrap().state(), State::Down);
        let gone = Request::new(Op::StopExit, Goal::Gone);
        assert!(gone.pursue(&web, soon()).unwrap().is_reached());
        assert_eq!(web.request(&Intent::Up).unwrap_err().kind(), ErrorKind::NotSupervised);
    }

    #[test]
    fn what_comes_later_is_waited_for() {
        let pid = Pid::new(7).unwrap();
        let starting = Status::of(
            Facts::new(Phase::Up)
                .with_pid(Some(pid))
                .with_since(Some(UnixTime::now()))
                .with_want(Want::Up)
                .with_readiness(svproto::Readiness::Awaited),
        );
        let script = Script::ignore()
            .then(Duration::from_millis(2), starting)
            .then(Duration::from_millis(2), Status::up_and_ready(pid, UnixTime::now()));
        let web = Scripted::new("web").when(Intent::Up, script);
        let slow =
            Scripted::new("slow").when(Intent::Up, Script::obey().after(Duration::from_millis(5)));
        let ready = Request::up().until(Goal::Ready).pursue(&web, soon()).unwrap();
        assert!(ready.is_reached() && ready.status().unwrap().ready() == Some(true), "{ready}");
        assert!(Request::up().pursue(&slow, soon()).unwrap().took() >= Duration::from_millis(5));
    }

    #[test]
    fn a_refusal_a_word_and_a_failed_look_come_as_they_are_written() {
        let odd = Scripted::new("odd")
            .when(Intent::Reload, Script::refuse(ErrorKind::Unsupported, "it cannot"))
            .when(Intent::Up, Script::ignore().telling(Told::never(Cause::Dependency)));
        assert_eq!(odd.support(&Intent::Reload), Support::No);
        assert_eq!(odd.request(&Intent::Reload).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(Request::up().pursue(&odd, soon()).unwrap().why(), Some(Cause::Dependency));
        odd.fail(ErrorKind::NoAnswer, "it sleeps");
        assert_eq!(odd.status().unwrap_err().kind(), ErrorKind::NoAnswer);
        assert_eq!(odd.requests(), [Intent::Reload, Intent::Up]);
    }

    #[test]
    fn who_watches_hears_of_what_nobody_asked_for_and_of_nothing_after_the_end() {
        let web = Scripted::new("web");
        let mut watch = WatchSet::new().unwrap();
        let key = watch.add(web.clone()).unwrap();
        let mut news = || watch.next_before(soon()).unwrap().unwrap().news;
        assert_eq!(news(), News::Snapshot);
        web.show(Status::up(Pid::new(5).unwrap(), UnixTime::now()));
        assert_eq!(news(), News::Changed);
        watch.remove(key);
        assert!(web.lock().wakers.is_empty());
    }

    #[test]
    fn many_are_asked_as_one_is() {
        let services: Vec<Scripted> = (0..100).map(|at| Scripted::new(format!("s{at}"))).collect();
        let outcomes = Bulk::new(&services).pursue(&Request::up(), soon()).unwrap();
        assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().is_reached()));
        assert!(services.iter().all(|service| service.requests() == [Intent::Up]));
    }
}
