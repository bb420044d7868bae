//! [`UnitWatch`]: every change of units, in order, from the signals themselves.
//!
//! [`svclient::WatchSet`] looks when something was heard, so changes that follow each other quickly
//! are one event there. A signal of systemd carries everything that changes, so here each is one,
//! and a crash loop is seen in full. Some things are never signalled: they are read again when the
//! manager has read its files again, and when something may have been missed.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use crate::{
    Action, Bus, BusCall, Error, Properties, Unit, UnitName, UnitStatus, bulk,
    error::Subject,
    router::{Heard, Listening},
    wire::slot::block_on,
};

/// What happened to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnitNews {
    /// The first look, after the watch was set up.
    Snapshot,
    /// It has changed.
    Changed,
    /// The connection was lost, or the manager was executed again. This is how it stands now; what
    /// lay between is not known.
    Resync,
}

svproto::words!(UnitNews, "change":
    Snapshot "snapshot",
    Changed "changed",
    Resync "resync",
);

/// One item of a watch.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnitEvent {
    /// Counts the events that the watch has given out, from 1, without a gap.
    pub seq: u64,
    /// The unit, by the name it was added under.
    pub unit: UnitName,
    /// What happened.
    pub news: UnitNews,
    /// How it stands, or why that cannot be said: [`Error::NoSuchUnit`] until there is such a unit.
    /// After an error the watch goes on.
    pub status: Result<UnitStatus, Error>,
}

/// Watches units of one manager: one subscription for any number.
pub struct UnitWatch {
    bus: Bus,
    listening: Listening,
    units: BTreeMap<UnitName, Seen>,
    /// By the name that signals come under.
    ids: BTreeMap<UnitName, UnitName>,
    queue: VecDeque<UnitEvent>,
    given_out: u64,
}

#[derive(Default)]
struct Seen {
    properties: Properties,
    /// When it changed last, as far as is known here.
    newest: u64,
    last: Option<UnitStatus>,
    failed: Option<String>,
}

/// Goes up with every change of a unit.
const STAMP: &str = "StateChangeTimestampMonotonic";

impl Bus {
    /// Watches units; the first event of each is a snapshot. Units that do not exist yet are
    /// watched, too.
    pub fn watch<'a>(&'a self, units: &'a [UnitName]) -> BusCall<'a, UnitWatch> {
        self.ask(Action::Watch, &Subject::Manager, async move {
            let listening = self.router().listen(Some(units.to_vec())).await?;
            let mut watch = UnitWatch {
                bus: self.clone(),
                listening,
                units: BTreeMap::new(),
                ids: BTreeMap::new(),
                queue: VecDeque::new(),
                given_out: 0,
            };
            watch.look_at_each(units, UnitNews::Snapshot).await;
            Ok(watch)
        })
    }
}

/// The names of the units.
impl std::fmt::Debug for UnitWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.units.keys()).finish()
    }
}

impl UnitWatch {
    /// Adds a unit; its snapshot is the next event about it.
    pub async fn add(&mut self, unit: &UnitName) {
        self.listening.also(unit);
        self.look(unit, UnitNews::Snapshot).await;
    }

    /// Ends the watch of one unit; events already queued for it are dropped.
    pub fn remove(&mut self, unit: &UnitName) {
        self.units.remove(unit);
        for id in self.ids.iter().filter(|(_, name)| *name == unit).map(|(id, _)| id) {
            self.listening.without(id);
        }
        self.ids.retain(|_, name| name != unit);
        self.listening.without(unit);
        self.queue.retain(|event| event.unit != *unit);
    }

    /// The next event. Dropping the future loses nothing that was queued.
    pub async fn next(&mut self) -> UnitEvent {
        loop {
            if let Some(mut event) = self.queue.pop_front() {
                self.given_out += 1;
                event.seq = self.given_out;
                return event;
            }
            let heard = self.listening.next().await;
            self.take(heard).await;
        }
    }

    /// The next event, waited for on this thread; `None` if `deadline` passes first.
    pub fn next_before(&mut self, deadline: Instant) -> Option<UnitEvent> {
        block_on(self.next(), Some(deadline))
    }

    async fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Changed(id, changed) => {
                if let Some(unit) = self.ids.get(&id).cloned() {
                    self.change(&unit, &changed).await;
                }
            }
            Heard::Look(id) => {
                if let Some(unit) = self.ids.get(&id).cloned() {
                    self.look(&unit, UnitNews::Changed).await;
                }
            }
            Heard::Files => self.look_at_all(UnitNews::Changed).await,
            Heard::Resync => {
                // What was heard so far is contained in what is read now.
                self.listening.clear();
                self.look_at_all(UnitNews::Resync).await;
            }
        }
    }

    async fn look_at_all(&mut self, news: UnitNews) {
        let units: Vec<_> = self.units.keys().cloned().collect();
        self.look_at_each(&units, news).await;
    }

    /// Reads many units, all questions on the wire before the first answer.
    async fn look_at_each(&mut self, units: &[UnitName], news: UnitNews) {
        let asked = units.iter().cloned().enumerate().collect();
        match bulk::all_in_full(&self.bus, asked).await {
            Ok(seen) => {
                for (unit, (_, status)) in units.iter().zip(seen) {
                    match status {
                        // Alone it is asked again over a new connection.
                        Err(Error::Lost { .. }) => self.look(unit, news).await,
                        status => {
                            if self.found(unit, news, status) {
                                self.look(unit, UnitNews::Changed).await;
                            }
                        }
                    }
                }
            }
            Err(_) => {
                for unit in units {
                    self.look(unit, news).await;
                }
            }
        }
    }

    /// Takes a signal for what it says.
    async fn change(&mut self, unit: &UnitName, changed: &Properties) {
        let Some(seen) = self.units.get_mut(unit) else { return };
        // What was read meanwhile may be newer than what was signalled before.
        let stamp = changed.number(STAMP);
        if stamp < seen.newest {
            return;
        }
        if seen.properties.text("LoadState") != "loaded" {
            // There may be a file now, of which no signal tells.
            return self.look(unit, UnitNews::Changed).await;
        }
        seen.newest = stamp;
        seen.properties.merge(changed);
        let mut properties = seen.properties.clone();
        let handle = self.bus.named(unit.clone());
        let is_failed = properties.text("ActiveState") == "failed";
        let is_placed =
            properties.number("MainPID") == 0 || !properties.text("ControlGroup").is_empty();
        if is_failed || !is_placed {
            let Ok(now) = self.bus.properties(Action::Watch, unit).await else {
                return self.look(unit, UnitNews::Changed).await;
            };
            if is_failed && now.text("ActiveState") == "failed" {
                // It is so; some of what led to it is not signalled.
                return self.look(unit, UnitNews::Changed).await;
            }
            if is_failed {
                // On the way to the next run, which newer versions say themselves.
                properties.set("SubState", "failed-before-auto-restart");
            }
            // Which group it is in is not signalled either.
            properties.set("ControlGroup", now.text("ControlGroup"));
            if let Some(seen) = self.units.get_mut(unit) {
                seen.properties.set("ControlGroup", now.text("ControlGroup"));
            }
        }
        let status = handle.told(properties).await;
        self.tell(unit, UnitNews::Changed, status);
    }

    /// Reads a unit.
    async fn look(&mut self, unit: &UnitName, news: UnitNews) {
        let handle: Unit = self.bus.named(unit.clone());
        let status = handle.look().await;
        if self.found(unit, news, status) {
            let status = handle.look().await;
            self.found(unit, UnitNews::Changed, status);
        }
    }

    /// Takes what was read, and by which name the unit is signalled. Whether that was learned only
    /// now: what was signalled since it was read was not heard then.
    fn found(
        &mut self,
        unit: &UnitName,
        news: UnitNews,
        status: Result<UnitStatus, Error>,
    ) -> bool {
        let mut is_late = false;
        if let Ok(status) = &status {
            let id = status.id().unwrap_or_else(|| unit.clone());
            self.listening.also(&id);
            is_late = id != *unit && !self.ids.contains_key(&id);
            self.ids.insert(id, unit.clone());
        }
        let seen = self.units.entry(unit.clone()).or_default();
        if let Ok(status) = &status {
            seen.properties = status.properties().clone();
            seen.newest = seen.newest.max(seen.properties.number(STAMP));
        }
        let status = match status {
            Ok(status) if !status.exists() => {
                Err(Error::NoSuchUnit { action: Action::Watch, unit: unit.clone() })
            }
            status => status,
        };
        self.tell(unit, news, status);
        is_late
    }

    /// Queues what is new.
    fn tell(&mut self, unit: &UnitName, news: UnitNews, status: Result<UnitStatus, Error>) {
        let Some(seen) = self.units.get_mut(unit) else { return };
        let is_news = match &status {
            Ok(status) => {
                let failed = seen.failed.take().is_some();
                let last = seen.last.replace(status.clone());
                failed || last.is_none_or(|last| status.is_news_after(&last))
            }
            Err(error) => {
                let why = error.to_string();
                seen.failed.replace(why.clone()) != Some(why)
            }
        };
        if is_news || news != UnitNews::Changed {
            self.queue.push_back(UnitEvent { seq: 0, unit: unit.clone(), news, status });
        }
    }
}
