//! Many services of any kinds at once: results in the order of the services, one each, and one
//! failure hides no other.

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use crate::{
    Error, Group, Intent, Name, Outcome, Pending, Request, Status, Supervised,
    pursue::{Enough, Prober, Terms, Turns, pursue_aside},
    supervised::{ask_together, together},
    threads::each,
};

/// Calls on many services. Services of different kinds go together as `&[Arc<dyn Supervised>]`.
///
/// ```no_run
/// use std::{num::NonZeroUsize, time::{Duration, Instant}};
/// use svclient::{Bulk, Request, ScanDir};
///
/// let services = ScanDir::new("/etc/service").services()?;
/// let four = NonZeroUsize::new(4).unwrap();
/// for (service, status) in services.iter().zip(Bulk::new(&services).parallel(four).statuses()) {
///     println!("{}: {:?}", service.name(), status);
/// }
/// let deadline = Instant::now() + Duration::from_secs(60);
/// // A rolling restart, one after the other.
/// let outcomes =
///     Bulk::new(&services).limit(NonZeroUsize::MIN).pursue(&Request::restart(), deadline)?;
/// # Ok::<(), svclient::Error>(())
/// ```
pub struct Bulk<'a, B> {
    services: &'a [B],
    parallel: NonZeroUsize,
    limit: usize,
    enough: Enough,
    prober: Prober<'a>,
}

impl<'a, B: Supervised> Bulk<'a, B> {
    /// Calls on these services: one thread, all at a time.
    #[must_use]
    pub const fn new(services: &'a [B]) -> Self {
        Self {
            services,
            parallel: NonZeroUsize::MIN,
            limit: usize::MAX,
            enough: Enough::All,
            prober: Prober::none(),
        }
    }

    /// So many threads look and send, this one included. Each is worth its beginning from some two
    /// dozen service directories on. Waiting needs one, always.
    #[must_use]
    pub fn parallel(self, threads: NonZeroUsize) -> Self {
        Self { parallel: threads, ..self }
    }

    /// At most so many services are asked and waited for at a time; the next is asked when one is
    /// done, whatever came of it.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use std::num::NonZeroUsize;
    /// use svclient::{Bulk, Request, scripted::Scripted};
    ///
    /// let services: Vec<Scripted> = (1..=10).map(|at| Scripted::new(format!("web-{at}"))).collect();
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// // One after the other.
    /// let outcomes = Bulk::new(&services).limit(NonZeroUsize::MIN).pursue(&Request::up(), deadline)?;
    /// assert_eq!(outcomes.len(), 10);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn limit(self, at_a_time: NonZeroUsize) -> Self {
        Self { limit: at_a_time.get(), ..self }
    }

    /// One service that reaches its goal is enough: the wait for the others ends then, as it would
    /// at the deadline.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Bulk, Request, scripted::Scripted};
    ///
    /// let services: Vec<Scripted> = (1..=10).map(|at| Scripted::new(format!("web-{at}"))).collect();
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// let outcomes = Bulk::new(&services).any().pursue(&Request::up(), deadline)?;
    /// assert!(outcomes.into_iter().flatten().any(|outcome| outcome.is_reached()));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn any(self) -> Self {
        Self { enough: Enough::One, ..self }
    }

    /// What [`svproto::goal::Goal::Ready`] means for a service that does not report readiness:
    /// `ask` says yes. It is asked when a process is there, and then every so often; while it runs
    /// nothing else goes on, so it must return soon.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Bulk, Goal, Request, scripted::Scripted};
    ///
    /// let web = [Scripted::new("web")];
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// let answers = |_: &dyn svclient::Supervised, _: &svclient::Status| true; // a request to its port
    /// let bulk = Bulk::new(&web).ready_when(Duration::from_millis(50), answers);
    /// let outcomes = bulk.pursue(&Request::up().until(Goal::Ready), deadline)?;
    /// assert!(outcomes[0].as_ref().is_ok_and(|outcome| outcome.is_reached()));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn ready_when(
        self,
        every: Duration,
        ask: impl Fn(&dyn Supervised, &Status) -> bool + Send + Sync + 'a,
    ) -> Self {
        Self { prober: Prober::asking(every, ask), ..self }
    }

    /// Asks every service and waits until each has reached the goal of the request, or cannot, or
    /// `deadline` has passed.
    ///
    /// All requests are sent before the first wait; one watch serves all services. A supervisor
    /// whose FIFO is full is asked again until the deadline, and keeps no other service waiting. A
    /// service that may be asked but not watched (its `supervise` can be searched and not listed)
    /// is looked at every 50 ms instead.
    ///
    /// All of it is done in a thread beside this one, so the call ends within 0.2 s of `deadline`,
    /// also where a directory hangs in the system (a server that is gone). The service that is held
    /// by that has [`Error::Unanswered`]; those that had no turn because of it were not asked.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the notification mechanism fails. Each service has its own result beside:
    /// the errors of [`Supervised::request`], [`crate::WatchSet::add`] and [`Supervised::status`].
    pub fn pursue(
        &self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Vec<Result<Outcome, Error>>, Error>
    where
        B: Clone + 'static,
    {
        self.pursue_telling(request, deadline, |_, _| ())
    }

    /// As [`Bulk::pursue`], and tells of each service when it is done: its place and its result.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Bulk, Request, scripted::Scripted};
    ///
    /// let services: Vec<Scripted> = (1..=10).map(|at| Scripted::new(format!("web-{at}"))).collect();
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// let mut done = 0;
    /// Bulk::new(&services).pursue_telling(&Request::up(), deadline, |_, _| done += 1)?;
    /// assert_eq!(done, 10);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Bulk::pursue`].
    pub fn pursue_telling(
        &self,
        request: &Request,
        deadline: Instant,
        mut done: impl FnMut(usize, &Result<Outcome, Error>),
    ) -> Result<Vec<Result<Outcome, Error>>, Error>
    where
        B: Clone + 'static,
    {
        let (prober, limit, enough) = (&self.prober, self.limit, self.enough);
        let turns = &Turns::of(self.services.len());
        let terms = Terms { request, prober, limit, enough, deadline, turns };
        let mut results: Vec<_> = self.services.iter().map(|_| None).collect();
        pursue_aside(self.services, &terms, &mut |at, result| {
            done(at, &result);
            if let Some(place) = results.get_mut(at) {
                *place = Some(result);
            }
        })?;
        let not_asked = |result: Option<_>| result.unwrap_or_else(|| Ok(Outcome::not_asked()));
        Ok(results.into_iter().map(not_asked).collect())
    }

    /// How each of them stands. Services with the same [`Supervised::group`] are asked together.
    ///
    /// ```
    /// use svclient::{Bulk, State, scripted::Scripted};
    ///
    /// let services = ["web", "db"].map(Scripted::new);
    /// for status in Bulk::new(&services).statuses() {
    ///     assert_eq!(status?.state(), State::Down);
    /// }
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn statuses(&self) -> Vec<Result<Status, Error>> {
        self.seen(|group, names| group.statuses(names))
    }

    /// As [`Bulk::statuses`], of their states alone: for units one question, whatever their number.
    /// What their manager tells of each alone is not reported: the process, moments, readiness (`up` may be
    /// `ready` or `paused`), how the last run ended.
    ///
    /// ```
    /// use svclient::{Bulk, State, scripted::Scripted};
    ///
    /// let services = ["web", "db"].map(Scripted::new);
    /// let states = Bulk::new(&services).states().into_iter().flatten();
    /// assert_eq!(states.filter(|seen| seen.state() == State::Down).count(), 2);
    /// ```
    #[must_use]
    pub fn states(&self) -> Vec<Result<Status, Error>> {
        self.seen(|group, names| group.states(names))
    }

    /// Groups are asked by `ask`, and a service without one for its status.
    fn seen(
        &self,
        ask: impl Fn(&dyn Group, &[Name<'_>]) -> Vec<Result<Status, Error>>,
    ) -> Vec<Result<Status, Error>> {
        let groups = together(self.services.iter().enumerate());
        if groups.is_empty() {
            return each(self.services, self.parallel, |service| Some(service.status()));
        }
        let mut results = BTreeMap::new();
        for (group, members) in groups {
            let names: Vec<Name<'_>> = members.iter().map(|(_, name)| *name).collect();
            results.extend(members.iter().map(|(at, _)| *at).zip(ask(&*group, &names)));
        }
        let is_alone = |(at, _): &(usize, &B)| !results.contains_key(at);
        let alone: Vec<_> = self.services.iter().enumerate().filter(is_alone).collect();
        results.extend(each(&alone, self.parallel, |(at, it)| Some((*at, it.status()))));
        results.into_values().collect()
    }

    /// Delivers a request to each of them, at once or not at all, and waits for nothing. Services
    /// with the same [`Supervised::group`] are asked together.
    ///
    /// ```
    /// use svclient::{Bulk, Intent, scripted::Scripted};
    ///
    /// let services = ["web", "db"].map(Scripted::new);
    /// let sent = Bulk::new(&services).request(Intent::Up);
    /// assert!(sent.iter().all(Result::is_ok));
    /// ```
    #[must_use]
    pub fn request(&self, intent: Intent) -> Vec<Result<Pending, Error>> {
        let mut results = ask_together(self.services.iter().enumerate(), intent, None);
        let is_alone = |(at, _): &(usize, &B)| !results.contains_key(at);
        let alone: Vec<_> = self.services.iter().enumerate().filter(is_alone).collect();
        results.extend(each(&alone, self.parallel, |(at, it)| Some((*at, it.request(&intent)))));
        results.into_values().collect()
    }
}

impl Request {
    /// Asks one service and waits until it has reached the goal, or cannot, or `deadline` has
    /// passed. A service of your own that is not `Clone` is given in an [`Arc`](std::sync::Arc).
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Intent, Request, scripted::{Script, Scripted}};
    ///
    /// let web = Scripted::new("web").when(Intent::Up, Script::ignore());
    /// let outcome = Request::up().pursue(&web, Instant::now() + Duration::from_millis(5))?;
    /// assert!(!outcome.is_reached());
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::Bulk::pursue`]; the service's own result is among them.
    pub fn pursue<B: Supervised + Clone + 'static>(
        &self,
        service: &B,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let outcomes = pursue(std::slice::from_ref(service), self, deadline)?;
        // One result for each service.
        outcomes.into_iter().next().unwrap_or_else(|| Ok(Outcome::not_asked()))
    }

    /// As [`Request::pursue`], for many services at once: each with its own result, in their order.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Request, scripted::Scripted, Supervised};
    ///
    /// let services = ["web", "db"].map(Scripted::new);
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// for (service, outcome) in Request::up().pursue_all(&services, deadline)? {
    ///     println!("{}: {}", service.name(), outcome?);
    /// }
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::Bulk::pursue`].
    pub fn pursue_all<'a, B: Supervised + Clone + 'static>(
        &self,
        services: &'a [B],
        deadline: Instant,
    ) -> Result<impl Iterator<Item = (&'a B, Result<Outcome, Error>)> + use<'a, B>, Error> {
        Ok(services.iter().zip(pursue(services, self, deadline)?))
    }
}

/// Asks every service and waits until each has reached the goal of the request, or cannot, or
/// `deadline` has passed: [`Bulk::pursue`] with nothing set.
///
/// ```
/// use std::time::{Duration, Instant};
/// use svclient::{Request, pursue, scripted::Scripted};
///
/// let services = ["web", "db"].map(Scripted::new);
/// let deadline = Instant::now() + Duration::from_secs(10);
/// let outcomes = pursue(&services, &Request::up(), deadline)?;
/// assert_eq!(outcomes.into_iter().flatten().filter(|it| it.is_reached()).count(), 2);
/// # Ok::<(), svclient::Error>(())
/// ```
///
/// # Errors
///
/// As [`Bulk::pursue`].
pub fn pursue<B: Supervised + Clone + 'static>(
    services: &[B],
    request: &Request,
    deadline: Instant,
) -> Result<Vec<Result<Outcome, Error>>, Error> {
    Bulk::new(services).pursue(request, deadline)
}

impl<B: Supervised> fmt::Debug for Bulk<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.services.iter().map(|service| service.name().to_string());
        f.debug_tuple("Bulk").field(&names.collect::<Vec<_>>()).finish()
    }
}
