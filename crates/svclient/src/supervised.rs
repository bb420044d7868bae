//! The seam: whatever supervises a service. Service directories, systemd's units and supervisors of
//! your own have one face, and everything that acts on many services takes any of them.

use std::{collections::BTreeMap, sync::Arc, task::Waker, time::Duration};

use svproto::Op;

use crate::{Error, Observation, Oddities, Service};

/// One supervised service, of whatever kind.
///
/// A request returns when it is delivered, not when it is carried out; [`crate::Bulk::pursue`] waits
/// for that. What it cannot do it refuses ([`crate::ErrorKind::Unsupported`]); it never does
/// something similar instead.
pub trait Supervised: Send + Sync {
    /// What to call the service in messages.
    fn name(&self) -> &str;

    /// The word for its kind, as in the `suite` of `svctl --json`: `runit`, `systemd`. `None`
    /// while that is not known.
    fn suite(&self) -> Option<&str>;

    /// Whether there is such a request, by what is known and without trying.
    fn accepts(&self, op: Op) -> bool;

    /// How the service stands. Being down or unsupervised is not an error.
    ///
    /// # Errors
    ///
    /// If that cannot be found out.
    fn status(&self) -> Result<Observation, Error>;

    /// Delivers a request, at once or not at all.
    ///
    /// # Errors
    ///
    /// If it was not delivered. [`crate::ErrorKind::NotTakingRequests`] means that a later try may
    /// succeed.
    fn send(&self, op: Op) -> Result<(), Error>;

    /// Ends the process, if there is one, and wants the service up.
    ///
    /// # Errors
    ///
    /// As [`Supervised::send`].
    fn restart(&self) -> Result<(), Error> {
        self.send(Op::Restart)
    }

    /// Whether a request that was delivered has been read, so that every status from then on is an
    /// answer to it. A service directory's supervisor may read it later, or never.
    fn acknowledges(&self) -> bool {
        false
    }

    /// How somebody who has looked at the service learns that it is worth another look.
    ///
    /// What happens after the call must be told: look after subscribing, and nothing is missed. A
    /// wake too many is harmless.
    ///
    /// # Errors
    ///
    /// If nothing would be told.
    fn subscribe(&self, waker: Waker) -> Result<Subscription, Error>;

    /// How often the service ended since its supervisor started; `None` where that is not told. s6
    /// keeps the last hundred deaths or fewer.
    ///
    /// # Errors
    ///
    /// If that cannot be found out.
    fn restarts(&self) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    /// What is odd about a service that was seen like this. Asks only for what may be odd then; what
    /// cannot be found out is not known.
    fn oddities(&self, _seen: &Observation) -> Oddities {
        Oddities::default()
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
/// answer.
pub trait Group: Send + Sync {
    /// How each of them stands, in their order, one result each. All of them gave this group as
    /// theirs.
    fn statuses(&self, names: &[&str]) -> Vec<Result<Observation, Error>>;

    /// As [`Supervised::subscribe`] of each, in their order, one result each; each has a waker of its
    /// own. `None`, as here, where each is to be asked alone.
    fn subscribe(&self, _members: Vec<(&str, Waker)>) -> Option<Vec<Result<Subscription, Error>>> {
        None
    }
}

/// Who answers, and for whom: keys and names.
pub(crate) type Together<'a, K> = (Arc<dyn Group>, Vec<(K, &'a str)>);

/// Those for whom somebody answers in one go, by who that is.
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

/// How changes of a service are learned.
#[non_exhaustive]
pub enum Subscription {
    /// It is this service directory: a set watches and reads it itself, by the one descriptor that
    /// serves all directories. The waker is not used.
    Directory(Service),
    /// The waker is called after every change, until this value is dropped.
    Wakes(Box<dyn Send + Sync>),
    /// Nobody tells; it must be looked at so often.
    Every(Duration),
}

impl Supervised for Service {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn suite(&self) -> Option<&str> {
        self.dialect().map(svproto::Dialect::name)
    }

    /// By the dialect, and by the version where [`Service::of_version`] named one.
    fn accepts(&self, op: Op) -> bool {
        self.dialect().is_some_and(|dialect| op.control_bytes(dialect, self.version()).is_ok())
    }

    fn status(&self) -> Result<Observation, Error> {
        Self::status(self)
    }

    fn send(&self, op: Op) -> Result<(), Error> {
        Self::send(self, op)
    }

    fn restart(&self) -> Result<(), Error> {
        Self::restart(self)
    }

    /// By the death tally of s6.
    fn restarts(&self) -> Result<Option<u64>, Error> {
        if self.dialect() != Some(svproto::Dialect::S6) {
            return Ok(None);
        }
        Ok(Some(self.deaths()?.len() as u64))
    }

    fn oddities(&self, seen: &Observation) -> Oddities {
        Self::oddities(self, seen)
    }

    fn directory(&self) -> Option<&Service> {
        Some(self)
    }

    /// Always [`Subscription::Directory`].
    fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
        Ok(Subscription::Directory(self.clone()))
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<B: Supervised + ?Sized> Supervised for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn suite(&self) -> Option<&str> {
                (**self).suite()
            }

            fn accepts(&self, op: Op) -> bool {
                (**self).accepts(op)
            }

            fn status(&self) -> Result<Observation, Error> {
                (**self).status()
            }

            fn send(&self, op: Op) -> Result<(), Error> {
                (**self).send(op)
            }

            fn restart(&self) -> Result<(), Error> {
                (**self).restart()
            }

            fn acknowledges(&self) -> bool {
                (**self).acknowledges()
            }

            fn subscribe(&self, waker: Waker) -> Result<Subscription, Error> {
                (**self).subscribe(waker)
            }

            fn restarts(&self) -> Result<Option<u64>, Error> {
                (**self).restarts()
            }

            fn oddities(&self, seen: &Observation) -> Oddities {
                (**self).oddities(seen)
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
