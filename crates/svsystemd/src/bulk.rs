//! Many units in few round trips: one list of their states, then everything about each, all
//! questions on the wire before the first answer.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use svclient::{Batch, Observation};

use crate::{
    Action, Bus, Error, Properties, UnitName, UnitStatus, backend, bus::Inner, listed::Listed,
};

/// The status of each unit, in their order.
pub(crate) async fn status(
    bus: &Bus,
    units: &[UnitName],
) -> Result<Vec<Result<UnitStatus, Error>>, Error> {
    // The list has names that exist nowhere, too, each under the name it was asked by.
    let listed = bus.list(units).await?;
    let nothing: HashMap<_, _> =
        listed.iter().filter(|row| row.is_nothing()).map(|row| (row.name.as_str(), row)).collect();
    let (mut seen, mut asked) = (Vec::with_capacity(units.len()), Vec::new());
    for (at, unit) in units.iter().enumerate() {
        match nothing.get(unit.as_str()) {
            Some(row) => seen.push((at, Ok(absent(row)))),
            None => asked.push((at, unit.clone())),
        }
    }
    seen.extend(in_full(bus, asked).await?);
    Ok(in_order(units, seen).collect())
}

/// Everything about each of these units, all questions on the wire before the first answer.
pub(crate) async fn in_full(
    bus: &Bus,
    asked: Vec<(usize, UnitName)>,
) -> Result<Vec<(usize, Result<UnitStatus, Error>)>, Error> {
    let names: Vec<_> = asked.iter().map(|(_, unit)| unit.clone()).collect();
    let replies = bus.properties_of_all(Action::Look, &names).await?;
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
    mut seen: Vec<(usize, Result<UnitStatus, Error>)>,
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

impl Batch for AllUnits {
    fn statuses(&self, names: &[&str]) -> Vec<Result<Observation, svclient::Error>> {
        let Some(bus) = self.0.upgrade().map(Bus::again) else {
            let gone = |name: &&str| {
                let subject = (*name).to_owned();
                Err(backend::error(Error::Lost { action: Action::Look, subject }, name))
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
                let failed = |name: &&str| Err(backend::shared_error(&error, name));
                return names.iter().map(failed).collect();
            }
        };
        let answer = |(unit, name): (Result<UnitName, Error>, &&str)| match unit {
            Ok(_) => match seen.next() {
                Some(Ok(observation)) => Ok(observation),
                Some(Err(error)) => Err(backend::error(error, name)),
                None => Err(backend::error(
                    Error::Lost { action: Action::Look, subject: (*name).to_owned() },
                    name,
                )),
            },
            Err(error) => Err(backend::error(error, name)),
        };
        units.into_iter().zip(names).map(answer).collect()
    }
}
