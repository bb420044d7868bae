//! The second connection: hears all signals of the manager, and tells who asked for them.
//!
//! One subscription serves any number of units. A signal counts only if it comes from whoever owns
//! the manager's name on the bus: anybody may send signals there. When the connection is lost it is
//! made again, and everybody who listens is told that something may have been missed.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    task::Waker,
    thread,
    time::Duration,
};

use zbus::Message;

use crate::{
    Action, Error, Properties, UnitName,
    error::Subject,
    proxy::{self, Half, MANAGER, MANAGER_NAME, MANAGER_PATH, PROPERTIES},
    wire::{
        place::Place,
        pump::{Pump, Sink},
        slot::{Fill, Slot, block_on, lock, slot},
    },
};

/// Signals that one listener has not taken yet, at most; beyond that it is told to look again.
const QUEUE: usize = 16 * 1024;
/// Between two attempts to connect again: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Shared by all units of a bus.
pub(crate) struct Router {
    shared: Arc<Shared>,
}

struct Shared {
    place: Place,
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
    next: u64,
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
    bell: Option<Waker>,
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
    pub(crate) fn new(place: Place) -> Self {
        let (state, closing) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { place, state, closing }) }
    }

    /// Listens to some units, or to all; what is signalled after this is told.
    pub(crate) async fn listen(&self, units: Option<Vec<UnitName>>) -> Result<Listening, Error> {
        self.register(units, None).await
    }

    /// Calls `bell` whenever something about this unit may have changed.
    pub(crate) async fn ring(&self, unit: UnitName, bell: Waker) -> Result<Listening, Error> {
        self.register(Some(vec![unit]), Some(bell)).await
    }

    async fn register(
        &self,
        units: Option<Vec<UnitName>>,
        bell: Option<Waker>,
    ) -> Result<Listening, Error> {
        let number = {
            let mut state = self.shared.lock();
            let number = state.number();
            let listener = Listener { units, queue: VecDeque::new(), waker: None, bell };
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

    fn tell(&self, heard: &Heard) {
        let mut wake = Vec::new();
        for listener in self.lock().listeners.values_mut() {
            if listener.cares(heard) {
                wake.extend(listener.push(heard));
            }
        }
        // Not under the lock: who is woken may want it.
        wake.into_iter().for_each(Waker::wake);
    }

    /// Rings for a unit whose job has ended. Its own signal may not come: the first one of a unit after
    /// the manager has read its files again says that it is new, and nothing else.
    fn ring(&self, unit: &str) {
        let rung: Vec<Waker> = {
            let state = self.lock();
            let bells = state.listeners.values().filter(|it| {
                it.units.as_ref().is_some_and(|all| all.iter().any(|it| it.as_str() == unit))
            });
            bells.filter_map(|it| it.bell.clone()).collect()
        };
        rung.into_iter().for_each(Waker::wake);
    }

    fn job_ended(&self, path: &str, result: &str) {
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
        if let Some(bell) = &self.bell {
            return Some(bell.clone());
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
                    told.merge(&properties);
                }
            }
        }
        told
    }
}

impl Drop for JobWait {
    fn drop(&mut self) {
        let job = self.shared.lock().jobs.remove(&self.number);
        drop(job);
    }
}

/// Makes sure that there is a connection that hears signals.
async fn connected(shared: &Arc<Shared>) -> Result<(), Error> {
    let there = shared.lock().pump.as_ref().is_some_and(|pump| !pump.is_lost());
    // Two at the same time may both connect; the later one replaces the earlier.
    if there { Ok(()) } else { connect(shared).await }
}

/// Connects, asks for the signals, and only then makes the connection known.
async fn connect(shared: &Arc<Shared>) -> Result<(), Error> {
    let place = shared.place.clone();
    let has_bus = place.has_bus();
    let ears = Ears { shared: Arc::downgrade(shared), has_bus, halves: BTreeMap::new() };
    let pump = Arc::new(Pump::connect(place, ears).await?);
    if has_bus {
        add_matches(&pump).await?;
        let owner = proxy::ask_bus(&pump, "GetNameOwner", &MANAGER_NAME).await?;
        let owner: String = proxy::body_of(Action::Watch, &Subject::Manager, &owner)?;
        shared.lock().owner = Some(owner);
    }
    subscribe(&pump).await?;
    let mut state = shared.lock();
    if state.closed {
        return Ok(());
    }
    let before = state.pump.replace(pump);
    drop(state);
    drop(before);
    Ok(())
}

/// What is to be heard, as rules for the bus.
async fn add_matches(pump: &Pump) -> Result<(), Error> {
    let from = format!("type='signal',sender='{MANAGER_NAME}'");
    let rules = [
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
    ];
    for rule in &rules {
        proxy::ask_bus(pump, "AddMatch", &rule.as_str()).await?;
    }
    Ok(())
}

/// Without it the manager sends no signal to anybody.
async fn subscribe(pump: &Pump) -> Result<(), Error> {
    let (action, subject) = (Action::Watch, Subject::Manager);
    let call = subscription().map_err(|why| proxy::malformed(action, &subject, &why))?;
    match pump.call(action, &subject, call).await {
        // It says so if this connection has subscribed before.
        Err(Error::Manager { source, .. }) if source.name.ends_with("AlreadySubscribed") => Ok(()),
        reply => reply.map(drop),
    }
}

fn subscription() -> Result<Message, zbus::Error> {
    proxy::message(MANAGER_PATH, MANAGER, "Subscribe", zbus::message::Flags::empty(), &())
}

/// What the connection's thread calls.
struct Ears {
    shared: Weak<Shared>,
    has_bus: bool,
    /// First halves of changes.
    halves: BTreeMap<UnitName, Properties>,
}

impl Sink for Ears {
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
                let unit = UnitName::from_path(path.as_str());
                let Some((unit, (half, changed))) = unit.zip(proxy::changed(message)) else {
                    return;
                };
                if half == Half::First {
                    self.halves.entry(unit).or_default().merge(&changed);
                    return;
                }
                let mut whole = self.halves.remove(&unit).unwrap_or_default();
                whole.merge(&changed);
                shared.tell(&Heard::Changed(unit, Arc::new(whole)));
            }
            (Some(MANAGER), "JobRemoved") => {
                if let Some((job, unit, result)) = proxy::job_removed(message) {
                    shared.job_ended(&job, &result);
                    shared.ring(&unit);
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
        let needed = !state.listeners.is_empty() && !state.closed && !state.reconnecting;
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
        if done || state.closed || state.listeners.is_empty() {
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
