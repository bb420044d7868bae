//! All units of a bus as one [`Group`]: looked at, asked and watched in few round trips.

use std::{collections::HashSet, sync::Arc, task::Waker, time::Instant};

use svclient::{Group, Intent, Name, Pending, Status, Subscription};

use crate::{
    Action, BadName, Bus, Error, UnitName,
    bus::AllUnits,
    error::Subject,
    listed,
    obstacles::{self, Obstacle},
    router::Listening,
    supervised,
    unified::common_status,
};

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
            Ok(id) => bus.router().wake_on_change(id, waker).await,
            Err(error) => Err(error),
        });
    }
    Ok(listening)
}

/// A unit's name is text; what is none is the name of no unit, and is refused as such.
fn text(name: Name<'_>) -> &str {
    name.to_str().unwrap_or_default()
}

impl AllUnits {
    /// How these stand, in their order, as `look` says it of those that are names of units.
    fn seen(
        &self,
        names: &[Name<'_>],
        look: impl Fn(&Bus, &[UnitName]) -> Result<Vec<Result<Status, Error>>, Error>,
    ) -> Vec<Result<Status, svclient::Error>> {
        let names: Vec<&str> = names.iter().copied().map(text).collect();
        let Some(bus) = self.bus() else {
            let gone = |name: &&str| {
                let subject = (*name).to_owned();
                Err(supervised::error(Error::Lost { action: Action::Look, subject }, name))
            };
            return names.iter().map(gone).collect();
        };
        // The names are those of units, so they are valid; who is not would have no status.
        let units: Vec<_> = names.iter().map(|name| UnitName::new(name)).collect();
        let valid: Vec<_> = units.iter().filter_map(|unit| unit.as_ref().ok().cloned()).collect();
        let mut seen = match look(&bus, &valid) {
            Ok(seen) => seen.into_iter(),
            Err(error) => {
                let error = Arc::new(error);
                let failed = |name: &&str| Err(supervised::shared_error(&error, name));
                return names.iter().map(failed).collect();
            }
        };
        let answer = |(unit, name): (Result<UnitName, BadName>, &&str)| match unit {
            Ok(_) => match seen.next() {
                Some(Ok(status)) => Ok(status),
                Some(Err(error)) => Err(supervised::error(error, name)),
                None => Err(supervised::error(
                    Error::Lost { action: Action::Look, subject: (*name).to_owned() },
                    name,
                )),
            },
            Err(bad) => Err(supervised::error(bad.into(), name)),
        };
        units.into_iter().zip(&names).map(answer).collect()
    }
}

impl Group for AllUnits {
    fn subscribe(
        &self,
        members: Vec<(Name<'_>, Waker)>,
    ) -> Option<Vec<Result<Subscription, svclient::Error>>> {
        let bus = self.bus()?;
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
        let bus = self.bus()?;
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
        self.seen(names, |bus, units| bus.observe(units).wait())
    }

    fn states(&self, names: &[Name<'_>]) -> Vec<Result<Status, svclient::Error>> {
        self.seen(names, |bus, units| {
            let seen =
                bus.ask(Action::Look, &Subject::Manager, listed::in_brief(bus, units)).wait()?;
            Ok(seen.into_iter().map(|seen| Ok(common_status(&seen?))).collect())
        })
    }

    fn obstacles(&self, seen: &[(Name<'_>, Status)]) -> Option<Vec<Obstacle>> {
        let bus = self.bus()?;
        let known: Vec<Obstacle> =
            seen.iter().map(|(_, seen)| supervised::obstacle_seen(seen)).collect();
        let open = || known.iter().zip(seen).filter(|(known, _)| known.is_none());
        let units: Result<Vec<_>, _> =
            open().map(|(_, (name, _))| UnitName::new(text(*name))).collect();
        // The names are those of units, so they are valid; alone each would say what is wrong.
        let units = units.ok()?;
        let asked = obstacles::of_all(&bus, &units);
        // Where nobody answers, nothing is known to be in the way.
        let asked = bus.ask(Action::Look, &Subject::Manager, asked).wait().unwrap_or_default();
        let mut asked = asked.into_iter();
        let one = |known: Obstacle| known.or_else(|| asked.next().flatten());
        Some(known.into_iter().map(one).collect())
    }
}
