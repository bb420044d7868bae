//! Many units in few round trips: one list of their states, then what that does not say, all
//! questions on the wire before the first answer.

use std::sync::{Arc, Weak};

use svclient::{Batch, Observation};

use crate::{
    Action, Bus, Error, Properties, UnitName, UnitStatus, Value, backend, bus::Inner, proxy::Listed,
};

/// The status of each unit, in their order.
pub(crate) async fn status(
    bus: &Bus,
    units: &[UnitName],
) -> Result<Vec<Result<UnitStatus, Error>>, Error> {
    // The list has names that exist nowhere, too, each under the name it was asked by.
    let listed = bus.list(units).await?;
    let missing = |unit: &UnitName| {
        let row = listed.iter().find(|row| row.name == unit.as_str());
        row.filter(|row| row.load == "not-found" && row.active == "inactive")
    };
    let (mut results, mut asked) = (Vec::with_capacity(units.len()), Vec::new());
    for (at, unit) in units.iter().enumerate() {
        match missing(unit) {
            Some(row) => results.push((at, Ok(absent(row)))),
            None => asked.push((at, unit.clone())),
        }
    }
    let names: Vec<_> = asked.iter().map(|(_, unit)| unit.clone()).collect();
    let replies = bus.properties_of_all(Action::Look, &names).await?;
    for ((at, unit), properties) in asked.into_iter().zip(replies) {
        let seen = match properties {
            Ok(properties) => bus.named(unit).seen(properties).await,
            Err(error) => Err(error),
        };
        results.push((at, seen));
    }
    results.sort_by_key(|(at, _)| *at);
    let exists = |(at, result): (usize, Result<UnitStatus, Error>)| match (result, units.get(at)) {
        (Ok(status), Some(unit)) if !status.exists() => {
            Err(Error::NoSuchUnit { action: Action::Look, unit: unit.clone() })
        }
        (result, _) => result,
    };
    Ok(results.into_iter().map(exists).collect())
}

/// What the list says of a name behind which there is nothing.
fn absent(row: &Listed) -> UnitStatus {
    let words = [
        ("Id", &row.name),
        ("LoadState", &row.load),
        ("ActiveState", &row.active),
        ("SubState", &row.sub),
    ];
    let properties: Properties =
        words.into_iter().map(|(name, word)| (name, Value::Text(word.clone()))).collect();
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
        let mut seen = match bus.status_of(&valid).wait() {
            Ok(seen) => seen.into_iter(),
            Err(error) => {
                let error = Arc::new(error);
                let failed = |name: &&str| Err(backend::shared_error(&error, name));
                return names.iter().map(failed).collect();
            }
        };
        let answer = |(unit, name): (Result<UnitName, Error>, &&str)| match unit {
            Ok(_) => match seen.next() {
                Some(Ok(status)) => Ok(backend::observation(&status)),
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
