//! Starting services after those that they need, and stopping them before those.
//!
//! A [`Order`] is a value: it can be printed and looked at without anything being done. It is made of
//! names and edges alone; that a service is up is what [`pursue`] says it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Instant,
};

use crate::{Error, Outcome, Request, Supervised, pursue};

/// Services in levels: each needs only services of levels before its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    levels: Vec<Vec<String>>,
}

/// Why there is no order.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// Services that wait for each other.
    #[error("cannot order services that wait for each other: {}", names.join(" after "))]
    Cycle {
        /// The services on the way round, the first one once more at the end.
        names: Vec<String>,
    },
    /// A service waits for one that is not there.
    #[error(
        "cannot order {service}: it is to start after {after}, which is not among the services"
    )]
    Unknown {
        /// The service.
        service: String,
        /// What it waits for.
        after: String,
    },
    /// Two services have one name.
    #[error("cannot order two services of the name {name}")]
    Twice {
        /// The name.
        name: String,
    },
}

svproto::readable!(OrderError);

/// What to do when a service does not reach its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// Leave the levels after its own alone.
    Stop,
    /// Go on as if it had.
    GoOn,
}

svproto::words!(OnFailure, "way to go on": Stop "stop", GoOn "go-on");

/// What came of one service of an order.
#[derive(Debug)]
#[non_exhaustive]
pub struct OrderStep {
    /// Its name.
    pub name: String,
    /// Its own result; `None` if it was left alone because of another.
    pub result: Option<Result<Outcome, Error>>,
}

/// `web: up after 0.1 s`: the name, and what came of it.
impl fmt::Display for OrderStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match &self.result {
            Some(Ok(outcome)) => outcome.fmt(f),
            Some(Err(error)) => error.fmt(f),
            None => f.write_str("left alone, because another before it failed"),
        }
    }
}

impl Order {
    /// Orders services by what each is to start after.
    ///
    /// ```
    /// use svclient::Order;
    ///
    /// let order = Order::new([("web", vec!["db"]), ("db", vec![])])?;
    /// assert_eq!(order.levels(), [["db"], ["web"]]);
    /// assert!(Order::new([("a", vec!["a"])]).is_err());
    /// # Ok::<(), svclient::OrderError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OrderError`] for a cycle, an unknown name, or a name that comes twice.
    pub fn new<'a, Names>(
        services: impl IntoIterator<Item = (&'a str, Names)>,
    ) -> Result<Self, OrderError>
    where
        Names: IntoIterator<Item = &'a str>,
    {
        let mut after: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, names) in services {
            if after.insert(name, names.into_iter().collect()).is_some() {
                return Err(OrderError::Twice { name: name.to_owned() });
            }
        }
        for (service, names) in &after {
            if let Some(unknown) = names.iter().find(|name| !after.contains_key(*name)) {
                let (service, after) = ((*service).to_owned(), (*unknown).to_owned());
                return Err(OrderError::Unknown { service, after });
            }
        }
        let mut levels = Vec::new();
        while !after.is_empty() {
            let ready: Vec<&str> = after
                .iter()
                .filter(|(_, names)| !names.iter().any(|name| after.contains_key(name)))
                .map(|(name, _)| *name)
                .collect();
            if ready.is_empty() {
                return Err(OrderError::Cycle { names: a_cycle(&after) });
            }
            after.retain(|name, _| !ready.contains(name));
            levels.push(ready.into_iter().map(str::to_owned).collect());
        }
        Ok(Self { levels })
    }

    /// The names by level, in the order of starting.
    #[must_use]
    pub fn levels(&self) -> &[Vec<String>] {
        &self.levels
    }

    /// The same order the other way round, for stopping.
    ///
    /// ```
    /// use svclient::Order;
    ///
    /// let order = Order::new([("web", vec!["db"]), ("db", vec![])])?;
    /// assert_eq!(order.reversed().levels(), [["web"], ["db"]]);
    /// # Ok::<(), svclient::OrderError>(())
    /// ```
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { levels: self.levels.iter().rev().cloned().collect() }
    }

    /// Asks the services level by level, all of a level at once, and waits for each level before the
    /// next. A level whose turn comes after the deadline is not asked ([`crate::OutcomeKind::NotAsked`]). The
    /// steps come in this order. Services that it does not name are left
    /// alone; of several with one name, the first is meant.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{OnFailure, Order, Request, scripted::Scripted};
    ///
    /// let services = ["web", "db"].map(Scripted::new);
    /// let order = Order::new([("web", vec!["db"]), ("db", vec![])]).unwrap();
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// for step in order.carry_out(&services, &Request::up(), deadline, OnFailure::Stop)? {
    ///     println!("{}: {:?}", step.name, step.result);
    /// }
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the notification mechanism fails, [`Error::NotFound`] for a name of the order
    /// that no service has; nothing is asked then. What happens to one service is in its own step.
    pub fn carry_out<B: Supervised + Clone + 'static>(
        &self,
        services: &[B],
        request: &Request,
        deadline: Instant,
        on_failure: OnFailure,
    ) -> Result<Vec<OrderStep>, Error> {
        let of = |name: &String| services.iter().find(|service| service.name() == name.as_str());
        if let Some(name) = self.levels.iter().flatten().find(|name| of(name).is_none()) {
            return Err(Error::NotFound { path: name.into() });
        }
        let mut steps = Vec::new();
        let mut failed = false;
        for level in &self.levels {
            if failed && on_failure == OnFailure::Stop {
                let left = level.iter().map(|name| OrderStep { name: name.clone(), result: None });
                steps.extend(left);
                continue;
            }
            if !steps.is_empty() && Instant::now() >= deadline {
                failed = true;
                let left = level.iter().map(|name| OrderStep {
                    name: name.clone(),
                    result: Some(Ok(Outcome::not_asked())),
                });
                steps.extend(left);
                continue;
            }
            let of_level: Vec<B> = level.iter().filter_map(of).cloned().collect();
            for (name, result) in level.iter().zip(pursue(&of_level, request, deadline)?) {
                failed |= !result.as_ref().is_ok_and(Outcome::is_reached);
                steps.push(OrderStep { name: name.clone(), result: Some(result) });
            }
        }
        Ok(steps)
    }
}

/// One line a level.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, level) in self.levels.iter().enumerate() {
            writeln!(f, "{}. {}", at + 1, level.join(", "))?;
        }
        Ok(())
    }
}

/// Walks along the edges until a name comes again. Every name that is left waits for another that
/// is left, so the walk does not end before that.
fn a_cycle(after: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut way: Vec<&str> = after.keys().next().copied().into_iter().collect();
    loop {
        let next = way
            .last()
            .and_then(|last| after.get(last))
            .and_then(|names| names.iter().find(|name| after.contains_key(*name)));
        let Some(&next) = next else { break };
        let start = way.iter().position(|name| *name == next);
        way.push(next);
        if let Some(start) = start {
            way.drain(..start);
            break;
        }
    }
    way.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn levels(services: &[(&'static str, &[&'static str])]) -> Result<String, String> {
        let services = services.iter().map(|(name, after)| (*name, after.iter().copied()));
        Order::new(services).map(|order| order.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_service_comes_after_all_that_it_needs() {
        let said = levels(&[("web", &["db", "net"]), ("db", &["net"]), ("net", &[]), ("log", &[])]);
        assert_eq!(said.as_deref(), Ok("1. log, net\n2. db\n3. web\n"));
        assert_eq!(levels(&[]).as_deref(), Ok(""));
    }

    #[test]
    fn stopping_is_starting_backwards() {
        let order = Order::new([("web", vec!["db"]), ("db", vec![])]).unwrap();
        assert_eq!(order.reversed().levels(), [["web"], ["db"]]);
        assert_eq!(order.reversed().reversed(), order);
    }

    #[test]
    fn a_cycle_is_named_without_those_that_only_wait_for_it() {
        let said =
            levels(&[("a", &["b"]), ("b", &["c"]), ("c", &["d"]), ("d", &["b"]), ("e", &[])]);
        let cycle = "cannot order services that wait for each other: b after c after d after b";
        assert_eq!(said, Err(cycle.to_owned()));
        let own = levels(&[("a", &["a"])]);
        assert_eq!(own, Err("cannot order services that wait for each other: a after a".into()));
    }

    #[test]
    fn names_must_be_known_and_come_once() {
        let said = levels(&[("web", &["dbb"])]);
        assert!(said.is_err_and(|said| said.contains("web") && said.contains("dbb")));
        assert!(levels(&[("a", &[]), ("a", &[])]).is_err_and(|said| said.contains("two services")));
    }
}
