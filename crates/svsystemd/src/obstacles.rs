//! What keeps units down, for one and for many: of many, few questions, and all on the wire before the
//! first answer.

use svproto::Cause;

use crate::{
    Action, Bus, Error, Properties, UnitName,
    error::Subject,
    obstacle::{self, Around},
    wire::{
        call::{MANAGER, MANAGER_PATH, UNIT},
        pump::Pump,
        reply,
    },
};

/// What is in the way of a unit, and its words as in a unit file.
pub(crate) type Obstacle = Option<(Cause, String)>;

/// What was asked about each of these, as far as it was answered.
async fn asked(
    bus: &Bus,
    pump: &Pump,
    path_of: impl Iterator<Item = String>,
    names: &[(&str, &str)],
) -> Result<Vec<Properties>, Error> {
    let questions: Vec<(String, &[(&str, &str)])> = path_of.map(|path| (path, names)).collect();
    let answers = reply::answers(bus.ask_each(pump, &questions)?).await.into_iter();
    let named = |values: Vec<_>| {
        let pairs = names.iter().zip(values);
        pairs.filter_map(|((_, name), value)| Some((*name, value?))).collect()
    };
    Ok(answers.map(named).collect())
}

/// What is in the way of each of these, in their order.
pub(crate) async fn of_all(bus: &Bus, units: &[UnitName]) -> Result<Vec<Obstacle>, Error> {
    let pump = bus.pump().await?;
    // Each question about a unit that is down makes the manager load it. Hardly one has conditions.
    let (rows, results) = obstacle::NEEDED.split_at(obstacle::ROWS);
    let [rows, results] = [rows, results].map(|it| it.iter().map(|it| (UNIT, *it)).collect());
    let (rows, results): (Vec<_>, Vec<_>) = (rows, results);
    let mut all = asked(bus, &pump, units.iter().map(UnitName::path), &rows).await?;
    let with: Vec<usize> = all
        .iter()
        .enumerate()
        .filter(|(_, unit)| obstacle::has_rows(unit))
        .map(|(at, _)| at)
        .collect();
    let paths = with.iter().filter_map(|at| Some(units.get(*at)?.path()));
    let more = asked(bus, &pump, paths, &results).await?;
    for (at, more) in with.into_iter().zip(more) {
        if let Some(unit) = all.get_mut(at) {
            unit.merge(&more);
        }
    }
    let mut around = bus.around();
    if all.iter().any(obstacle::needs_manager) {
        around = of_manager(bus, &pump, around).await?;
    }
    if pump.is_lost() {
        let subject = Subject::Manager.to_string();
        return Err(Error::Lost { action: Action::Look, subject });
    }
    Ok(all.iter().map(|unit| obstacle::of(unit, &around)).collect())
}

async fn of_manager(bus: &Bus, pump: &Pump, around: Around) -> Result<Around, Error> {
    let names = obstacle::NEEDED_OF_MANAGER.map(|name| (MANAGER, name));
    let path = std::iter::once(MANAGER_PATH.to_owned());
    let said = asked(bus, pump, path, &names).await?.pop();
    Ok(said.map_or(around.clone(), |said| around.saying(said)))
}
