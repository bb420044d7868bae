//! Many units in few round trips: one list of their states, then everything about each, all
//! questions on the wire before the first answer.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Weak},
    task::Waker,
    time::Instant,
};

use svclient::{Group, Intent, Name, Pending, Status, Subscription};

use crate::{
    Action, Bus, Error, Properties, UnitName, UnitStatus,
    bus::Inner,
    direct::{self, Seen},
    error::Subject,
    listed::Listed,
    router::Listening,
    supervised,
    wire::pump::Pump,
};

/// The status of each unit, in their order.
pub(crate) async fn status(
    bus: &Bus,
    units: &[UnitName],
) -> Result<Vec<Result<UnitStatus, Error>>, Error> {
    let questions = |pump: Arc<Pump>| async move { status_over(bus, &pump, units).await };
    Ok(in_order(units, direct::ask(bus, units.len(), questions).await?).collect())
}

async fn status_over(bus: &Bus, pump: &Pump, units: &[UnitName]) -> Result<Seen, Error> {
    // The list has names that exist nowhere, too, each under the name it was asked by.
    let listed = bus.list_and(pump, units, &[]).await?.0;
    let nothing: HashMap<_, _> =
        listed.iter().filter(|row| row.is_nothing()).map(|row| (row.name.as_str(), row)).collect();
    let (mut seen, mut asked) = (Vec::with_capacity(units.len()), Vec::new());
    for (at, unit) in units.iter().enumerate() {
        match nothing.get(unit.as_str()) {
            Some(row) => seen.push((at, Ok(absent(row)))),
            None => asked.push((at, unit.clone())),
        }
    }
    seen.extend(in_full(bus, pump, asked).await?);
    Ok(seen)
}

/// As [`in_full`], by the quicker way.
pub(crate) async fn all_in_full(bus: &Bus, asked: Vec<(usize, UnitName)>) -> Result<Seen, Error> {
    direct::ask(bus, asked.len(), |pump| {
        let asked = asked.clone();
        async move { in_full(bus, &pump, asked).await }
    })
    .await
}

/// Everything about each of these units, all questions on the wire before the first answer.
pub(crate) async fn in_full(
    bus: &Bus,
    pump: &Pump,
    asked: Vec<(usize, UnitName)>,
) -> Result<Seen, Error> {
    let names: Vec<_> = asked.iter().map(|(_, unit)| unit.clone()).collect();
    let replies = bus.properties_of_all(pump, Action::Look, &names).await?;
    let mut seen = Vec::with_capacity(asked.len());
    for ((at, unit), properties) in asked.into_iter().zip(replies) {
        let status = match properties {
            Ok(properties) => bus.named(unit).seen(properties).await,
            Err(error) => Err(error),
        };
        seen.push((at, status));
    }
    Ok(seen)
}

/// By their places among the units, and an error for each that does not exist.
pub(crate) fn in_order(
    units: &[UnitName],
    mut seen: Seen,
) -> impl Iterator<Item = Result<UnitStatus, Error>> {
    seen.sort_by_key(|(at, _)| *at);
    seen.into_iter().map(|(at, result)| match (result, units.get(at)) {
        (Ok(status), Some(unit)) if !status.exists() => {
            Err(Error::NoSuchUnit { action: Action::Look, unit: unit.clone() })
        }
        (result, _) => result,
    })
}

/// What the list says of a name behind which there is nothing.
pub(crate) fn absent(row: &Listed) -> UnitStatus {
    let mut properties = Properties::default();
    row.say(&mut properties);
    UnitStatus::new(properties, None, crate::map::MainProcess::Unseen)
}

/// Answers for all units of one bus.
pub(crate) struct AllUnits(pub(crate) Weak<Inner>);

/// What wakes for each of these units.
async fn rung(
    bus: &Bus,
    members: Vec<(UnitName, Waker)>,
) -> Result<Vec<Result<Listening, Error>>, Error> {
    let names: Vec<_> = members.iter().map(|(unit, _)| unit.clone()).collect();
    // Signals come under a unit's own name only, and the list has each under that.
    let listed = bus.list(&names).await?;
    let own: HashSet<&str> = listed.iter().map(|row| row.name.as_str()).collect();
    let mut listening = Vec::with_capacity(members.len());
    for (unit, waker) in members {
        let id = if own.contains(unit.as_str()) { Ok(unit) } else { bus.id_of(&unit).await };
        listening.push(match id {
            Ok(id) => bus.router().ring(id, waker).await,
            Err(error) => Err(error),
        });
    }
    Ok(listening)
}

/// A unit's name is text; what is none is the name of no unit, and is refused as such.
fn text(name: Name<'_>) -> &str {
    name.to_str().unwrap_or_default()
}

impl Group for AllUnits {
    fn subscribe(
        &self,
        members: Vec<(Name<'_>, Waker)>,
    ) -> Option<Vec<Result<Subscription, svclient::Error>>> {
        let bus = self.0.upgrade().map(Bus::again)?;
        let names: Vec<&str> = members.iter().map(|(name, _)| text(*name)).collect();
        let named =
            |(name, waker): (Name<'_>, Waker)| Some((UnitName::new(text(name)).ok()?, waker));
        // The names are those of units, so they are valid; alone each would say what is wrong.
        let units: Vec<_> = members.into_iter().map(named).collect::<Option<_>>()?;
        let rung = rung(&bus, units);
        let rung = bus.ask(Action::Watch, &Subject::Manager, rung).wait();
        Some(match rung {
            Ok(all) => names
                .iter()
                .zip(all)
                .map(|(name, one)| match one {
                    Ok(listening) => Ok(Subscription::wakes_while(listening)),
                    Err(why) => Err(supervised::error(why, name)),
                })
                .collect(),
            Err(why) => {
                let why = Arc::new(why);
                names.iter().map(|name| Err(supervised::shared_error(&why, name))).collect()
            }
        })
    }

    fn requests(
        &self,
        names: &[Name<'_>],
        intent: &Intent,
        deadline: Option<Instant>,
    ) -> Option<Vec<Result<Pending, svclient::Error>>> {
        let action = supervised::action_of(*intent)?;
        let bus = self.0.upgrade().map(Bus::again)?;
        // The names are those of units, so they are valid; alone each would say what is wrong.
        let units: Vec<UnitName> =
            names.iter().map(|name| UnitName::new(text(*name))).collect::<Result<_, _>>().ok()?;
        let requests = Arc::new(bus.request_all(action, &units, deadline));
        if deadline.is_none() {
            requests.delivered();
        }
        let of = |(at, unit): (usize, &UnitName)| match requests.poll(at, Waker::noop()) {
            Some(Err(why)) => Err(supervised::error(why, unit.as_str())),
            Some(Ok(answer)) => Ok(supervised::answered(answer)),
            None => Ok(supervised::pending(&requests, at, unit.as_str())),
        };
        Some(units.iter().enumerate().map(of).collect())
    }

    fn statuses(&self, names: &[Name<'_>]) -> Vec<Result<Status, svclient::Error>> {
        let names: Vec<&str> = names.iter().copied().map(text).collect();
        let Some(bus) = self.0.upgrade().map(Bus::again) else {
            let gone = |name: &&str| {
                let subject = (*name).to_owned();
                Err(supervised::error(Error::Lost { action: Action::Look, subject }, name))
            };
            return names.iter().map(gone).collect();
        };
        // The names are those of units, so they are valid; who is not would have no status.
        let units: Vec<_> = names.iter().map(|name| UnitName::new(name)).collect();
        let valid: Vec<_> = units.iter().filter_map(|unit| unit.as_ref().ok().cloned()).collect();
        let mut seen = match bus.observe(&valid).wait() {
            Ok(seen) => seen.into_iter(),
            Err(error) => {
                let error = Arc::new(error);
                let failed = |name: &&str| Err(supervised::shared_error(&error, name));
                return names.iter().map(failed).collect();
            }
        };
        let answer = |(unit, name): (Result<UnitName, Error>, &&str)| match unit {
            Ok(_) => match seen.next() {
                Some(Ok(observation)) => Ok(observation),
                Some(Err(error)) => Err(supervised::error(error, name)),
                None => Err(supervised::error(
                    Error::Lost { action: Action::Look, subject: (*name).to_owned() },
                    name,
                )),
            },
            Err(error) => Err(supervised::error(error, name)),
        };
        units.into_iter().zip(&names).map(answer).collect()
    }
}
