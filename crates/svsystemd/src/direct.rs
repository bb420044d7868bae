//! Straight to the manager, for questions about many units.
//!
//! dbus-daemon takes longer to pass a question and its answer on than the manager takes to answer:
//! of a `Get` by way of the bus three quarters are the way. Whom the manager's own socket is open
//! to (root; a user for the manager of that user) asks there, and everybody else, and for
//! everything else, by the bus: jobs, files, waiting. Both end at the same process, which answers
//! one after the other, so an answer is as good on either way.
//!
//! The connection is made for one set of questions. One that stayed would be sent every change of
//! every unit, since the manager sends those to its own socket whether or not anybody subscribed
//! (systemd 252: `bus_foreach_bus`).

use std::{path::PathBuf, sync::Arc};

use zbus::Message;

use crate::{
    Action, Bus, Error, PropertyValue, UnitStatus,
    error::Subject,
    wire::{
        address::Address,
        call::{MANAGER, MANAGER_PATH, PROPERTIES},
        pump::{Deaf, Pump},
        reply,
    },
};

/// From so many units on: connecting costs the manager as much as 30 answers (1 ms).
const ENOUGH: usize = 32;

/// So often a manager may leave: who executes it again does so several times at worst.
const TIMES: usize = 5;

/// When the manager began, in microseconds since boot: no two have the same.
const BEGAN: (&str, &str) = (MANAGER, "UserspaceTimestampMonotonic");

/// What was seen of units, by their places among those that were asked about.
pub(crate) type Seen = Vec<(usize, Result<UnitStatus, Error>)>;

/// Asks about so many units: over a connection of its own to the manager, or by the bus.
///
/// A manager that executes itself again ends the one connection, and what it was asked by the other
/// is answered by the bus: that there is no reply. Then it is asked again, which changes nothing;
/// the bus keeps that until the manager is there.
pub(crate) async fn ask<A>(
    bus: &Bus,
    units: usize,
    questions: impl Fn(Arc<Pump>) -> A,
) -> Result<Seen, Error>
where
    A: Future<Output = Result<Seen, Error>>,
{
    if let Some(direct) = connect(bus, units).await?.map(Arc::new) {
        let seen = questions(Arc::clone(&direct)).await;
        if !direct.is_lost() {
            return seen;
        }
    }
    let mut left = TIMES;
    loop {
        let seen = questions(bus.pump().await?).await;
        left -= 1;
        let has_left = match &seen {
            Ok(seen) => seen.iter().any(|(_, one)| one.as_ref().is_err_and(is_without_reply)),
            Err(why) => is_without_reply(why),
        };
        if !has_left || left == 0 {
            return seen;
        }
    }
}

/// Whether the manager, or the bus, went away before it answered.
fn is_without_reply(why: &Error) -> bool {
    match why {
        Error::Lost { .. } => true,
        Error::Manager { source, .. } => source.name == "org.freedesktop.DBus.Error.NoReply",
        _ => false,
    }
}

/// The manager's own socket, for requests to so many units; `None` where the bus is the way.
pub(crate) async fn socket(bus: &Bus, units: usize) -> Result<Option<PathBuf>, Error> {
    let socket = bus.manager_address().socket();
    Ok(connect(bus, units).await?.and(socket))
}

/// A connection for questions about so many units; `None` where the bus is the way.
async fn connect(bus: &Bus, units: usize) -> Result<Option<Pump>, Error> {
    if units < ENOUGH {
        return Ok(None);
    }
    let Some(socket) = bus.manager_address().socket() else { return Ok(None) };
    // No right, no socket, no answer: each is a reason to take the bus, and none to fail.
    let Ok(direct) = Pump::connect(Address::Private(socket), Deaf).await else { return Ok(None) };
    let question = || -> Result<Vec<Message>, Error> {
        let (action, subject) = (Action::Look, Subject::Manager);
        Ok(vec![bus.message(action, &subject, MANAGER_PATH, PROPERTIES, "Get", &BEGAN)?])
    };
    // Another bus may be the system's here, with another manager, as its address is the
    // environment's.
    let asked = vec![direct.send(question()?), bus.pump().await?.send(question()?)];
    let began = reply::answers(asked).await.into_iter().flatten();
    let began: Vec<_> = began.map(|it| it.as_ref().and_then(PropertyValue::unsigned)).collect();
    let is_same = matches!(began.as_slice(), [Some(one @ 1..), Some(other)] if one == other);
    Ok(is_same.then_some(direct))
}
