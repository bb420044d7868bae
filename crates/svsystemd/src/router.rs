//! The second connection: hears all signals of the manager, and tells those that asked for them.
//!
//! One subscription serves any number of units. A signal counts only if it comes from whoever owns
//! the manager's name on the bus: anybody may send signals there. When the connection is lost it is
//! made again, and everybody who listens is told that something may have been missed.

mod connect;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, Weak},
    task::Waker,
};

use self::connect::connected;
use crate::{
    Action, Error, Properties, PropertyValue, UnitName,
    error::Subject,
    wire::{
        address::Address,
        pump::Pump,
        slot::{Fill, Slot, lock, slot},
    },
};

/// Signals that one listener has not taken yet, at most; beyond that it is told to look again.
const QUEUE: usize = 16 * 1024;

/// Shared by all units of a bus.
pub(crate) struct Router {
    shared: Arc<Shared>,
}

struct Shared {
    address: Address,
    state: Mutex<State>,
    /// The router is being dropped.
    closing: Condvar,
}

#[derive(Default)]
struct State {
    pump: Option<Arc<Pump>>,
    /// The connection was lost, and a thread makes it again.
    reconnecting: bool,
    closed: bool,
    /// The unique name of the manager.
    owner: Option<String>,
    listeners: BTreeMap<u64, Listener>,
    jobs: BTreeMap<u64, Job>,
    observers: BTreeMap<u64, Weak<dyn Observer>>,
    next: u64,
}

/// Hears everything that is signalled, as it comes, on the thread of the connection: it must return
/// soon.
pub(crate) trait Observer: Send + Sync {
    /// Whether it wants to hear of this unit.
    fn cares(&self, unit: &UnitName) -> bool;
    /// Properties of a unit have changed.
    fn changed(&self, unit: &UnitName, properties: &Arc<Properties>);
    /// A job is over: its path, its unit, the manager's word.
    fn job_removed(&self, job: &str, unit: &str, result: &str);
    /// Signals may have been missed.
    fn resync(&self);
}

/// Ends what an [`Observer`] hears.
pub(crate) struct Attached {
    shared: Arc<Shared>,
    number: u64,
}

/// What a listener is told.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    /// Properties of a unit have changed; all that are ever signalled are among these.
    Changed(UnitName, Arc<Properties>),
    /// Nothing was signalled about this unit, and it is worth a look: a signal was sent to it.
    Look(UnitName),
    /// The manager has read its unit files again, or links to them have changed.
    Files,
    /// Signals may have been missed.
    Resync,
}

struct Listener {
    /// What is of interest; `None` for every unit.
    units: Option<Vec<UnitName>>,
    queue: VecDeque<Heard>,
    waker: Option<Waker>,
    /// Called at every change instead of queueing anything.
    on_change: Option<Waker>,
}

enum Job {
    /// Its path is not known yet; whatever ended meanwhile may be it.
    Unknown(Vec<(String, String)>),
    Known(String, Fill<JobEnd>),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobEnd {
    /// The manager's word for it.
    Result(String),
    /// The connection was lost; the end may have been missed.
    Missed,
}

/// Ends with its subscription.
pub(crate) struct Listening {
    shared: Arc<Shared>,
    number: u64,
}

/// The end of one job, awaited.
pub(crate) struct JobWait {
    shared: Arc<Shared>,
    number: u64,
    /// What its unit says meanwhile.
    listening: Listening,
}

impl Router {
    pub(crate) fn new(address: Address) -> Self {
        let (state, closing) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { address, state, closing }) }
    }

    /// Listens to some units, or to all; what is signalled after this is told.
    pub(crate) async fn listen(&self, units: Option<Vec<UnitName>>) -> Result<Listening, Error> {
        self.register(units, None).await
    }

    /// Calls `waker` whenever something about this unit may have changed.
    pub(crate) async fn wake_on_change(
        &self,
        unit: UnitName,
        waker: Waker,
    ) -> Result<Listening, Error> {
        self.register(Some(vec![unit]), Some(waker)).await
    }

    /// Lets `observer` hear everything; what is signalled after this is told.
    pub(crate) async fn attach(&self, observer: &Arc<dyn Observer>) -> Result<Attached, Error> {
        let number = {
            let mut state = self.shared.lock();
            let number = state.number();
            state.observers.insert(number, Arc::downgrade(observer));
            number
        };
        let attached = Attached { shared: Arc::clone(&self.shared), number };
        connected(&self.shared).await?;
        Ok(attached)
    }

    /// The connection that hears.
    pub(crate) async fn pump(&self) -> Result<Arc<Pump>, Error> {
        connected(&self.shared).await?;
        let lost = || Error::Lost { action: Action::Watch, subject: Subject::Manager.to_string() };
        self.shared.lock().pump.clone().ok_or_else(lost)
    }

    /// Whether a bus stands between.
    pub(crate) fn has_bus(&self) -> bool {
        self.shared.address.has_bus()
    }

    async fn register(
        &self,
        units: Option<Vec<UnitName>>,
        on_change: Option<Waker>,
    ) -> Result<Listening, Error> {
        let number = {
            let mut state = self.shared.lock();
            let number = state.number();
            let listener = Listener { units, queue: VecDeque::new(), waker: None, on_change };
            state.listeners.insert(number, listener);
            number
        };
        let listening = Listening { shared: Arc::clone(&self.shared), number };
        connected(&self.shared).await?;
        Ok(listening)
    }

    /// From now on the ends of jobs are noted, and what is signalled about the unit, by its own
    /// name. Call this, then ask for the job.
    pub(crate) async fn jobs(&self, unit: UnitName) -> Result<JobWait, Error> {
        let listening = self.listen(Some(vec![unit])).await?;
        let number = {
            let mut state = self.shared.lock();
            let number = state.number();
            state.jobs.insert(number, Job::Unknown(Vec::new()));
            number
        };
        Ok(JobWait { shared: Arc::clone(&self.shared), number, listening })
    }

    /// Tells who listens to this unit that it is worth a look.
    pub(crate) fn look(&self, unit: &UnitName) {
        self.shared.tell(&Heard::Look(unit.clone()));
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let pump = state.pump.take();
        drop(state);
        self.shared.closing.notify_all();
        // Its thread may hold the lock at the moment.
        drop(pump);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn observers(&self) -> Vec<Arc<dyn Observer>> {
        self.lock().observers.values().filter_map(Weak::upgrade).collect()
    }

    /// Whether anybody is told of this unit.
    fn cares(&self, unit: &UnitName) -> bool {
        let is_listened_to = |it: &Listener| it.units.as_ref().is_none_or(|all| all.contains(unit));
        self.observers().iter().any(|it| it.cares(unit))
            || self.lock().listeners.values().any(is_listened_to)
    }

    fn tell(&self, heard: &Heard) {
        for observer in self.observers() {
            match heard {
                Heard::Changed(unit, properties) => observer.changed(unit, properties),
                Heard::Resync => observer.resync(),
                Heard::Look(_) | Heard::Files => (),
            }
        }
        let mut wake = Vec::new();
        for listener in self.lock().listeners.values_mut() {
            if listener.cares(heard) {
                wake.extend(listener.push(heard));
            }
        }
        // Not under the lock: who is woken may want it.
        wake.into_iter().for_each(Waker::wake);
    }

    /// Rings for a unit whose job has ended. Its own signal may not come: the first one of a unit
    /// after the manager has read its files again says that it is new, and nothing else.
    fn wake(&self, unit: &str) {
        let rung: Vec<Waker> = {
            let state = self.lock();
            let wakers = state.listeners.values().filter(|it| {
                it.units.as_ref().is_some_and(|all| all.iter().any(|it| it.as_str() == unit))
            });
            wakers.filter_map(|it| it.on_change.clone()).collect()
        };
        rung.into_iter().for_each(Waker::wake);
    }

    fn job_ended(&self, path: &str, unit: &str, result: &str) {
        for observer in self.observers() {
            observer.job_removed(path, unit, result);
        }
        let mut state = self.lock();
        let mut ended = Vec::new();
        for (number, job) in &mut state.jobs {
            match job {
                Job::Unknown(seen) => seen.push((path.to_owned(), result.to_owned())),
                Job::Known(known, _) if known == path => ended.push(*number),
                Job::Known(..) => (),
            }
        }
        let ended: Vec<_> = ended.iter().filter_map(|number| state.jobs.remove(number)).collect();
        drop(state);
        for job in ended {
            job.end(JobEnd::Result(result.to_owned()));
        }
    }

    /// Nothing more will be heard of the jobs that are waited for.
    fn lose_jobs(&self) {
        let mut state = self.lock();
        let known: Vec<_> = state
            .jobs
            .iter()
            .filter(|(_, job)| matches!(job, Job::Known(..)))
            .map(|(number, _)| *number)
            .collect();
        let lost: Vec<_> = known.iter().filter_map(|number| state.jobs.remove(number)).collect();
        drop(state);
        for job in lost {
            job.end(JobEnd::Missed);
        }
    }
}

impl State {
    fn is_listened_to(&self) -> bool {
        !self.listeners.is_empty() || !self.observers.is_empty()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Job {
    fn end(self, end: JobEnd) {
        if let Self::Known(_, fill) = self {
            fill.fill(end);
        }
    }
}

impl Listener {
    fn cares(&self, heard: &Heard) -> bool {
        match (heard, &self.units) {
            (Heard::Files | Heard::Resync, _) | (_, None) => true,
            (Heard::Changed(unit, _) | Heard::Look(unit), Some(units)) => units.contains(unit),
        }
    }

    /// Who is to be woken.
    fn push(&mut self, heard: &Heard) -> Option<Waker> {
        if let Some(waker) = &self.on_change {
            return Some(waker.clone());
        }
        if self.queue.len() >= QUEUE {
            self.queue.clear();
            self.queue.push_back(Heard::Resync);
        } else {
            self.queue.push_back(heard.clone());
        }
        self.waker.take()
    }
}

impl Listening {
    /// The next thing that was heard.
    pub(crate) async fn next(&self) -> Heard {
        std::future::poll_fn(|cx| {
            let mut state = self.shared.lock();
            let Some(listener) = state.listeners.get_mut(&self.number) else {
                return std::task::Poll::Pending;
            };
            if let Some(heard) = listener.queue.pop_front() {
                return std::task::Poll::Ready(heard);
            }
            listener.waker = Some(cx.waker().clone());
            std::task::Poll::Pending
        })
        .await
    }

    /// Forgets what a look at everything makes superfluous.
    pub(crate) fn clear(&self) {
        if let Some(listener) = self.shared.lock().listeners.get_mut(&self.number) {
            listener.queue.clear();
        }
    }

    /// Adds or replaces a name: a unit is signalled under its own, never under an alias.
    pub(crate) fn also(&self, unit: &UnitName) {
        let mut state = self.shared.lock();
        let units = state.listeners.get_mut(&self.number).and_then(|it| it.units.as_mut());
        if let Some(units) = units.filter(|units| !units.contains(unit)) {
            units.push(unit.clone());
        }
    }

    /// No longer listens to this unit.
    pub(crate) fn without(&self, unit: &UnitName) {
        let mut state = self.shared.lock();
        if let Some(units) = state.listeners.get_mut(&self.number).and_then(|it| it.units.as_mut())
        {
            units.retain(|it| it != unit);
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let listener = self.shared.lock().listeners.remove(&self.number);
        // Not under the lock: wakers may do anything when they go.
        drop(listener);
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let observer = self.shared.lock().observers.remove(&self.number);
        drop(observer);
    }
}

impl JobWait {
    /// The job that was asked for; its end arrives in the slot.
    pub(crate) fn of(&self, path: &str) -> Slot<JobEnd> {
        let (fill, end) = slot();
        let mut state = self.shared.lock();
        let connected = state.pump.as_ref().is_some_and(|pump| !pump.is_lost());
        let seen = match state.jobs.remove(&self.number) {
            Some(Job::Unknown(seen)) => seen.into_iter().find(|(it, _)| it == path),
            _ => None,
        };
        match seen {
            Some((_, result)) => fill.fill(JobEnd::Result(result)),
            None if !connected => fill.fill(JobEnd::Missed),
            None => {
                state.jobs.insert(self.number, Job::Known(path.to_owned(), fill));
            }
        }
        end
    }
}

impl JobWait {
    /// Everything that was signalled about the unit so far, the last word on each property.
    pub(crate) fn told(&self) -> Properties {
        let mut told = Properties::default();
        let mut state = self.shared.lock();
        if let Some(listener) = state.listeners.get_mut(&self.listening.number) {
            for heard in listener.queue.drain(..) {
                if let Heard::Changed(_, properties) = heard {
                    hear(&mut told, &properties);
                }
            }
        }
        told
    }
}

/// Adds what was signalled. The manager drops a unit that has done its work, and signals one that is as
/// new when it reads its files again: that says nothing of the run.
fn hear(told: &mut Properties, properties: &Properties) {
    const STAMP: &str = "StateChangeTimestamp";
    let is_new = properties.get(STAMP).and_then(PropertyValue::unsigned) == Some(0);
    if !(is_new && told.number(STAMP) > 0) {
        told.merge(properties);
    }
}

impl Drop for JobWait {
    fn drop(&mut self) {
        let job = self.shared.lock().jobs.remove(&self.number);
        drop(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(state_changed: u64, result: &str) -> Properties {
        let stamp = ("StateChangeTimestamp", PropertyValue::Unsigned(state_changed));
        [stamp, ("Result", PropertyValue::Text(result.to_owned()))].into_iter().collect()
    }

    #[test]
    fn a_unit_that_is_loaded_anew_says_nothing_of_its_run() {
        let mut told = Properties::default();
        // It is loaded for the request, runs, and is dropped; then the manager reads its files again.
        for (stamp, result) in [(0, "success"), (7, "success"), (8, "exec-condition")] {
            hear(&mut told, &signal(stamp, result));
        }
        hear(&mut told, &signal(0, "success"));
        assert_eq!(
            (told.number("StateChangeTimestamp"), told.text("Result")),
            (8, "exec-condition")
        );
    }
}
