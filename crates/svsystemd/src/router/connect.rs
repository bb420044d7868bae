//! Making the connection that hears, and making it again: what is asked for, who may say what, and
//! what is told.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, Weak},
    thread,
    time::Duration,
};

use zbus::Message;

use super::{Heard, Shared};
use crate::{
    Action, Error, Properties, UnitName,
    error::Subject,
    wire::{
        call::{self, MANAGER, MANAGER_NAME, MANAGER_PATH, PROPERTIES},
        pump::{Pump, Sink, sorted},
        reply::{self, Half},
        slot::{all, block_on},
    },
};

/// Between two attempts to connect again: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Makes sure that there is a connection that hears signals.
pub(super) async fn connected(shared: &Arc<Shared>) -> Result<(), Error> {
    let there = shared.lock().pump.as_ref().is_some_and(|pump| !pump.is_lost());
    // Two at the same time may both connect; the later one replaces the earlier.
    if there { Ok(()) } else { connect(shared).await }
}

/// Connects, asks for the signals, and only then makes the connection known.
async fn connect(shared: &Arc<Shared>) -> Result<(), Error> {
    let address = shared.address.clone();
    let has_bus = address.has_bus();
    let sink = SignalSink {
        shared: Arc::downgrade(shared),
        has_bus,
        halves: BTreeMap::new(),
        passed_over: None,
    };
    let pump = Arc::new(Pump::connect(address, sink).await?);
    let before = shared.lock().owner.clone();
    let owner = subscribe(&pump, has_bus).await?;
    let mut state = shared.lock();
    // A manager that was executed again meanwhile has said so, and that is newer.
    if owner.is_some() && state.owner == before {
        state.owner = owner;
    }
    if state.closed {
        return Ok(());
    }
    let before = state.pump.replace(pump);
    drop(state);
    drop(before);
    Ok(())
}

/// Asks for the signals, all in one round trip: who connects for one request waits for it. The bus
/// takes its own calls on in their order, so that nothing is signalled before the rules are there.
/// Returns the manager's unique name, where there is a bus.
async fn subscribe(pump: &Pump, has_bus: bool) -> Result<Option<String>, Error> {
    let (action, subject) = (Action::Watch, Subject::Manager);
    let mut calls = Vec::new();
    if has_bus {
        for rule in rules() {
            calls.push(call::to_bus("AddMatch", &rule.as_str()));
        }
        calls.push(call::to_bus("GetNameOwner", &MANAGER_NAME));
    }
    // Without it the manager sends no signal to anybody.
    calls.push(subscription());
    let calls: Result<Vec<_>, _> = calls.into_iter().collect();
    let calls = calls.map_err(|why| reply::malformed(action, &subject, &why))?;
    let mut replies = all(pump.send(calls)).await;
    let subscribed = replies.pop().flatten();
    let mut owner = None;
    for reply in replies {
        owner = Some(sorted(action, &subject, reply)?);
    }
    match sorted(action, &subject, subscribed) {
        // It says so if this connection has subscribed before.
        Err(Error::Manager { source, .. }) if source.name.ends_with("AlreadySubscribed") => (),
        reply => drop(reply?),
    }
    owner.map(|reply| reply::body_of(action, &subject, &reply)).transpose()
}

/// What is to be heard, as rules for the bus.
fn rules() -> [String; 5] {
    let from = format!("type='signal',sender='{MANAGER_NAME}'");
    [
        format!(
            "{from},interface='{PROPERTIES}',member='PropertiesChanged',\
             path_namespace='{MANAGER_PATH}/unit'"
        ),
        format!("{from},interface='{MANAGER}',member='JobRemoved',path='{MANAGER_PATH}'"),
        format!("{from},interface='{MANAGER}',member='Reloading',path='{MANAGER_PATH}'"),
        format!("{from},interface='{MANAGER}',member='UnitFilesChanged',path='{MANAGER_PATH}'"),
        format!(
            "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',\
             member='NameOwnerChanged',arg0='{MANAGER_NAME}'"
        ),
    ]
}

fn subscription() -> Result<Message, zbus::Error> {
    call::message(MANAGER_PATH, MANAGER, "Subscribe", zbus::message::Flags::empty(), &())
}

/// What the connection's thread calls.
struct SignalSink {
    shared: Weak<Shared>,
    has_bus: bool,
    /// First halves of changes.
    halves: BTreeMap<UnitName, Properties>,
    /// Whose first half was the last, if nobody wanted it.
    passed_over: Option<UnitName>,
}

impl Sink for SignalSink {
    fn signal(&mut self, message: &Message) {
        let Some(shared) = self.shared.upgrade() else { return };
        let header = message.header();
        let (Some(member), Some(path)) = (header.member(), header.path()) else { return };
        let sender = header.sender().map(zbus::names::UniqueName::as_str);
        if self.has_bus && member.as_str() == "NameOwnerChanged" {
            if sender == Some("org.freedesktop.DBus") {
                owner_changed(&shared, message);
            }
            return;
        }
        // Anybody on the bus may send a signal of this form straight to this connection.
        if self.has_bus && shared.lock().owner.as_deref() != sender {
            return;
        }
        let interface = header.interface().map(zbus::names::InterfaceName::as_str);
        match (interface, member.as_str()) {
            (Some(PROPERTIES), "PropertiesChanged") => {
                let Some(unit) = UnitName::from_path(path.as_str()) else { return };
                let half = reply::half(message);
                // A unit that is loaded or dropped has six others signalled, which wait for it at a shutdown.
                if !shared.cares(&unit) {
                    self.halves.remove(&unit);
                    self.passed_over = Some(unit).filter(|_| half == Half::First);
                    return;
                }
                // Whoever has begun to listen between two halves looks after that.
                if half == Half::Second && self.passed_over.take_if(|it| *it == unit).is_some() {
                    return;
                }
                let Some(changed) = reply::changed(message) else { return };
                if half == Half::First {
                    self.halves.entry(unit).or_default().merge(&changed);
                    return;
                }
                let mut whole = self.halves.remove(&unit).unwrap_or_default();
                whole.merge(&changed);
                shared.tell(&Heard::Changed(unit, Arc::new(whole)));
            }
            (Some(MANAGER), "JobRemoved") => {
                if let Some((job, unit, result)) = reply::job_removed(message) {
                    shared.job_ended(&job, &unit, &result);
                    shared.wake(&unit);
                }
            }
            // All units have been dropped and loaded again, without a word about any of them.
            (Some(MANAGER), "Reloading") if message.body().deserialize::<bool>() == Ok(false) => {
                shared.tell(&Heard::Files);
            }
            (Some(MANAGER), "UnitFilesChanged") => shared.tell(&Heard::Files),
            _ => (),
        }
    }

    fn lost(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        shared.lose_jobs();
        let mut state = shared.lock();
        let needed = state.is_listened_to() && !state.closed && !state.reconnecting;
        state.reconnecting |= needed;
        drop(state);
        shared.tell(&Heard::Resync);
        if needed {
            let weak = Arc::downgrade(&shared);
            let again = thread::Builder::new().name("svsystemd".to_owned());
            if again.spawn(move || reconnect(&weak)).is_err() {
                shared.lock().reconnecting = false;
            }
        }
    }
}

/// The manager was executed again, or has gone. Its subscriptions survive the former; asking again
/// does no harm.
fn owner_changed(shared: &Arc<Shared>, message: &Message) {
    let body = message.body();
    let Ok((_, _, new)) = body.deserialize::<(&str, &str, &str)>() else { return };
    let mut state = shared.lock();
    state.owner = Some(new.to_owned()).filter(|it| !it.is_empty());
    let pump = state.pump.clone();
    drop(state);
    if new.is_empty() {
        return;
    }
    if let (Some(pump), Ok(call)) = (pump, subscription()) {
        // This is the thread that reads the reply, so it cannot wait for it.
        drop(pump.send(vec![call]));
    }
    shared.tell(&Heard::Resync);
}

/// Connects until it succeeds, or nobody listens any more.
fn reconnect(weak: &Weak<Shared>) {
    let mut pause = FIRST_PAUSE;
    while let Some(shared) = weak.upgrade() {
        let done = block_on(connect(&shared), None).is_some_and(|done| done.is_ok());
        let mut state = shared.lock();
        if done || state.closed || !state.is_listened_to() {
            state.reconnecting = false;
            drop(state);
            shared.tell(&Heard::Resync);
            return;
        }
        let waited = shared.closing.wait_timeout(state, pause);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        pause = (pause * 2).min(LAST_PAUSE);
    }
}
