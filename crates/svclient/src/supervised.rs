//! The seam: whatever supervises a service. Service directories, systemd's units and supervisors of
//! your own have one face, and everything that acts on many services takes any of them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use svproto::{Cause, Op, op::Refusal};

use crate::{
    Error, Explanation, Finding, Intent, Name, Oddities, Pending, Service, Status, Suite, Support,
    UnixTime,
};

/// As often as a watch looks at a directory for which there is no inotify.
const TENTH: Duration = Duration::from_millis(100);

/// One supervised service, of whatever kind.
///
/// What it cannot be asked it refuses ([`crate::ErrorKind::Unsupported`]); it never does something
/// similar instead.
///
/// ```
/// use std::{sync::Mutex, time::{Duration, Instant}};
/// use svclient::{Error, Intent, Name, Pending, Pid, Request, Status, Supervised, UnixTime};
///
/// /// A lamp, which is a service: it can be on or off.
/// struct Lamp(Mutex<Status>);
///
/// impl Supervised for Lamp {
///     fn name(&self) -> Name<'_> {
///         Name::new("lamp")
///     }
///     fn status(&self) -> Result<Status, Error> {
///         Ok(*self.0.lock().unwrap())
///     }
///     fn request(&self, intent: &Intent) -> Result<Pending, Error> {
///         let now = UnixTime::now();
///         *self.0.lock().unwrap() = match intent {
///             Intent::Up => Status::up(Pid::new(1).unwrap(), now),
///             Intent::Down => Status::down(now),
///             other => return Err(Error::unsupported(self.name(), *other)),
///         };
///         // Delivered; whether it is done, looks tell.
///         Ok(Pending::delivered())
///     }
/// }
///
/// // What is shared is in an `Arc`, which is a `Supervised` as well.
/// let lamp = std::sync::Arc::new(Lamp(Mutex::new(Status::down(UnixTime::now()))));
/// let outcome = Request::up().pursue(&lamp, Instant::now() + Duration::from_secs(10))?;
/// assert!(outcome.is_reached());
/// assert!(lamp.request(&Intent::Reload).is_err());
/// # Ok::<(), svclient::Error>(())
/// ```
pub trait Supervised: Send + Sync {
    /// What to call the service.
    fn name(&self) -> Name<'_>;

    /// Whose rules it obeys; `None` while that is not known. A program that has a supervisor of its own
    /// has a word for it: [`Suite::Own`].
    fn suite(&self) -> Option<Suite> {
        None
    }

    /// Whether it can be asked for this, by what is known and without trying. Unless said otherwise it
    /// can: what it does not know [`Supervised::request`] refuses.
    fn support(&self, _intent: &Intent) -> Support {
        Support::Yes
    }

    /// How the service stands. Being down or unsupervised is not an error.
    ///
    /// # Errors
    ///
    /// If that cannot be found out.
    fn status(&self) -> Result<Status, Error>;

    /// Delivers a request, at once or not at all. It returns when the request is delivered, not when
    /// it is carried out: what becomes of it the [`Pending`] tells, or looks do.
    /// [`crate::Bulk::pursue`] waits for either.
    ///
    /// # Errors
    ///
    /// If it was not delivered. [`crate::ErrorKind::Busy`] means that a later try may succeed.
    fn request(&self, intent: &Intent) -> Result<Pending, Error>;

    /// How a watch learns that the service is worth another look. Unless said otherwise it looks ten
    /// times a second, so what comes and goes between two looks is missed.
    ///
    /// A supervisor that knows when something changes keeps `waker` and wakes it after each change from
    /// this call on. A wake too many is harmless.
    ///
    /// ```
    /// use std::{sync::Mutex, task::Waker};
    /// use svclient::{Error, Subscription};
    ///
    /// struct Lamp { wakers: Mutex<Vec<Waker>> }
    ///
    /// impl Lamp {
    ///     // As in `Supervised`; `changed` is for whatever switches the lamp.
    ///     fn subscribe(&self, waker: Waker) -> Result<Subscription, Error> {
    ///         self.wakers.lock().unwrap().push(waker);
    ///         Ok(Subscription::wakes())
    ///     }
    ///     fn changed(&self) {
    ///         self.wakers.lock().unwrap().iter().for_each(Waker::wake_by_ref);
    ///     }
    /// }
    /// # let lamp = Lamp { wakers: Mutex::default() };
    /// # lamp.subscribe(Waker::noop().clone())?;
    /// # lamp.changed();
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If nothing would be told.
    fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
        Ok(Subscription::every(TENTH))
    }

    /// What is odd about a service that was seen like this: what the look told, and more where one
    /// can ask. Asks only for what may be odd then; what cannot be found out is not known.
    fn oddities(&self, seen: &Status) -> Oddities {
        *seen.odd()
    }

    /// The same status with what takes another question: [`Supervised::oddities`], and restarts where
    /// a look does not tell them.
    fn looked_closer(&self, seen: &Status) -> Status {
        seen.with_odd(self.oddities(seen))
    }

    /// What keeps a service that is down, seen like this, from coming up whoever asks for it, and what
    /// that is about: it is masked, or a condition for its start is not met. A wait for it to be up ends
    /// with that at once, since it would be a wait for nothing.
    fn obstacle(&self, _seen: &Status) -> Option<(Cause, String)> {
        None
    }

    /// Why it is not as it should be: nothing for a service that is well. Asks and reads, and changes
    /// nothing. Unless it knows more, what it says of itself when it is looked at closer.
    ///
    /// # Errors
    ///
    /// If it cannot be looked at.
    fn explain(&self) -> Result<Explanation, Error> {
        let seen = self.looked_closer(&self.status()?);
        let mut why = Explanation::default();
        let odd = seen.odd().causes(UnixTime::now()).into_iter();
        why.findings.extend(odd.map(|(cause, about)| Finding::told(cause, about)));
        why.status = Some(seen);
        Ok(why)
    }

    /// As [`Supervised::explain`], and no later than that, where what is asked may not answer in time: a
    /// server that is gone, a manager that has much to do.
    ///
    /// # Errors
    ///
    /// As [`Supervised::explain`]; and if the deadline passed.
    fn explain_before(&self, _deadline: Instant) -> Result<Explanation, Error> {
        self.explain()
    }

    /// The service directory, if it is one.
    fn directory(&self) -> Option<&Service> {
        None
    }

    /// What answers for many services in one go, if there is such a thing. The same for all services
    /// that it answers for: they are recognized by the address.
    fn group(&self) -> Option<Arc<dyn Group>> {
        None
    }
}

/// Answers for many services at once: a bus that takes all questions before it gives the first
/// answer. All services that it is asked about gave it as their [`Supervised::group`]; results come
/// in their order, one each.
pub trait Group: Send + Sync {
    /// How each of them stands.
    fn statuses(&self, names: &[Name<'_>]) -> Vec<Result<Status, Error>>;

    /// Their states alone. What takes a question for each of them may be not reported: the process,
    /// moments, readiness, how the last run ended. As [`Group::statuses`], where that costs no more.
    fn states(&self, names: &[Name<'_>]) -> Vec<Result<Status, Error>> {
        self.statuses(names)
    }

    /// As [`Supervised::subscribe`] of each; each has a waker of its own. `None`, as here, where each
    /// is to be asked alone.
    fn subscribe(
        &self,
        _members: Vec<(Name<'_>, Waker)>,
    ) -> Option<Vec<Result<Subscription, Error>>> {
        None
    }

    /// As [`Supervised::obstacle`] of each, with how it was seen. `None`, as here, where each is to be
    /// asked alone.
    fn obstacles(&self, _seen: &[(Name<'_>, Status)]) -> Option<Vec<Option<(Cause, String)>>> {
        None
    }

    /// As [`Supervised::request`] of each. `None`, as here, where each is to be asked alone.
    ///
    /// It returns once all requests are on their way, and need not have sent the last: a manager may
    /// bear so many at a time, and then the group sends the others as the first are done. Each
    /// [`Pending`] tells of its own end when that comes; when `deadline` passes it tells that
    /// ([`crate::Told::late`]), and what was not sent by then never is. Without a deadline nobody may
    /// wait, so it returns once all are delivered.
    fn requests(
        &self,
        _names: &[Name<'_>],
        _intent: &Intent,
        _deadline: Option<Instant>,
    ) -> Option<Vec<Result<Pending, Error>>> {
        None
    }
}

/// A group, and the services that it answers for: keys and names.
pub(crate) type Together<'a, K> = (Arc<dyn Group>, Vec<(K, Name<'a>)>);

/// Services that a group answers for in one go, by group.
pub(crate) fn together<'a, K, B: Supervised + ?Sized + 'a>(
    members: impl IntoIterator<Item = (K, &'a B)>,
) -> Vec<Together<'a, K>> {
    let mut groups: BTreeMap<usize, Together<'a, K>> = BTreeMap::new();
    for (key, service) in members {
        if let Some(group) = service.group() {
            let address = Arc::as_ptr(&group).cast::<()>().addr();
            groups.entry(address).or_insert((group, Vec::new())).1.push((key, service.name()));
        }
    }
    groups.into_values().collect()
}

/// Asks for the same of all for whom somebody answers in one go; the others are left out.
pub(crate) fn ask_together<'a, K: Ord, B: Supervised + ?Sized + 'a>(
    members: impl IntoIterator<Item = (K, &'a B)>,
    intent: Intent,
    deadline: Option<Instant>,
) -> BTreeMap<K, Result<Pending, Error>> {
    let mut answers = BTreeMap::new();
    for (group, members) in together(members) {
        let names: Vec<Name<'_>> = members.iter().map(|(_, name)| *name).collect();
        if let Some(results) = group.requests(&names, &intent, deadline) {
            answers.extend(members.into_iter().map(|(key, _)| key).zip(results));
        }
    }
    answers
}

/// How changes of a service are learned.
pub struct Subscription(pub(crate) How);

pub(crate) enum How {
    Directory(Service),
    Wakes(Option<Box<dyn Send + Sync>>),
    Every(Duration),
}

impl Subscription {
    /// It is this service directory: a set watches and reads it itself, by the one descriptor that
    /// serves all directories. The waker is not used.
    #[must_use]
    pub const fn directory(service: Service) -> Self {
        Self(How::Directory(service))
    }

    /// The waker is called after every change, and there is nothing to end.
    #[must_use]
    pub const fn wakes() -> Self {
        Self(How::Wakes(None))
    }

    /// The waker is called after every change, until `guard` is dropped.
    #[must_use]
    pub fn wakes_while(guard: impl Send + Sync + 'static) -> Self {
        Self(How::Wakes(Some(Box::new(guard))))
    }

    /// Nobody tells; it must be looked at so often.
    #[must_use]
    pub const fn every(pause: Duration) -> Self {
        Self(How::Every(pause))
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            How::Directory(service) => f.debug_tuple("Directory").field(service).finish(),
            How::Wakes(_) => f.write_str("Wakes"),
            How::Every(pause) => f.debug_tuple("Every").field(pause).finish(),
        }
    }
}

impl Supervised for Service {
    fn name(&self) -> Name<'_> {
        Self::name(self)
    }

    fn suite(&self) -> Option<Suite> {
        match self.dialect().map(Suite::from) {
            Some(Suite::Runit) if self.is_embeddeds() => Some(Suite::Embedded),
            suite => suite,
        }
    }

    /// By the dialect, and by the version where [`Service::of_version`] named one.
    fn support(&self, intent: &Intent) -> Support {
        let Some(dialect) = self.dialect() else { return Support::NotKnown };
        // Every dialect has the others; SIGHUP is the last resort of a reload.
        let Intent::Op(op) = *intent else { return Support::Yes };
        if self.is_shared(op) {
            return Support::No;
        }
        match op.control_bytes(dialect, self.version()).map_err(|why| why.reason) {
            Ok(_) => Support::Yes,
            Err(Refusal::VersionUnknown { .. }) => Support::NotKnown,
            Err(_) => Support::No,
        }
    }

    fn status(&self) -> Result<Status, Error> {
        Self::status(self)
    }

    fn request(&self, intent: &Intent) -> Result<Pending, Error> {
        let delivered = match *intent {
            Intent::Up => self.send(Op::Up),
            Intent::Down => self.send(Op::Down),
            Intent::Once => self.send(Op::Once),
            Intent::Restart => self.restart(),
            Intent::Reload => self.reload(),
            Intent::Op(op) => self.send(op),
        };
        delivered.map(|()| Pending::delivered())
    }

    fn oddities(&self, seen: &Status) -> Oddities {
        Self::oddities(self, seen)
    }

    /// Always something: what cannot be looked at is said in it.
    fn explain(&self) -> Result<Explanation, Error> {
        Ok(Self::explain(self))
    }

    fn explain_before(&self, deadline: Instant) -> Result<Explanation, Error> {
        Self::explain_before(self, deadline)
    }

    fn directory(&self) -> Option<&Service> {
        Some(self)
    }

    /// Always [`Subscription::directory`].
    fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
        Ok(Subscription::directory(self.clone()))
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<B: Supervised + ?Sized> Supervised for $pointer {
            fn name(&self) -> Name<'_> {
                (**self).name()
            }

            fn suite(&self) -> Option<Suite> {
                (**self).suite()
            }

            fn support(&self, intent: &Intent) -> Support {
                (**self).support(intent)
            }

            fn status(&self) -> Result<Status, Error> {
                (**self).status()
            }

            fn request(&self, intent: &Intent) -> Result<Pending, Error> {
                (**self).request(intent)
            }

            fn subscribe(&self, waker: Waker) -> Result<Subscription, Error> {
                (**self).subscribe(waker)
            }

            fn oddities(&self, seen: &Status) -> Oddities {
                (**self).oddities(seen)
            }

            fn looked_closer(&self, seen: &Status) -> Status {
                (**self).looked_closer(seen)
            }

            fn obstacle(&self, seen: &Status) -> Option<(Cause, String)> {
                (**self).obstacle(seen)
            }

            fn explain(&self) -> Result<Explanation, Error> {
                (**self).explain()
            }

            fn explain_before(&self, deadline: Instant) -> Result<Explanation, Error> {
                (**self).explain_before(deadline)
            }

            fn directory(&self) -> Option<&Service> {
                (**self).directory()
            }

            fn group(&self) -> Option<Arc<dyn Group>> {
                (**self).group()
            }
        }
    )*};
}

forward!(Arc<B>, Box<B>);
