//! Many units in few round trips: one list of their states, then everything about each, all
//! questions on the wire before the first answer.

use std::{collections::HashMap, sync::Arc};

use crate::{
    Action, Bus, BusCall, Error, Properties, UnitName, UnitStatus,
    direct::{self, Seen},
    error::Subject,
    wire::{pump::Pump, reply::Listed},
};

impl Bus {
    /// The status of many units at once, in their order.
    pub fn status_of<'a>(
        &'a self,
        units: &'a [UnitName],
    ) -> BusCall<'a, Vec<Result<UnitStatus, Error>>> {
        self.ask(Action::Look, &Subject::Manager, status(self, units))
    }
}

/// The status of each unit, in their order.
async fn status(bus: &Bus, units: &[UnitName]) -> Result<Vec<Result<UnitStatus, Error>>, Error> {
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
    seen.sort_unstable_by_key(|(at, _)| *at);
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
