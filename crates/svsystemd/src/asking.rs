//! Asking many units for something, and learning what became of each request: the manager's own
//! word decides, in as few round trips as that takes.
//!
//! One list of how the units stand, then all requests in a row, each of which is a job of the
//! manager; the end of a job is signalled, and what the unit says of itself just before that. A
//! thread does this: it asks, and looks for the reasons of what did not go well. The caller waits for
//! the answers.
//!
//! A job that was asked for over the bus costs the manager a match rule there until it is over, and
//! dbus-daemon allows it 512; one more throws the manager off the bus. So no connection asks for more
//! than [`PER_CONNECTION`](crate::bus::PER_CONNECTION): when it is closed, the manager drops its rules, and the jobs go on. Their
//! ends are heard on another connection. The manager's own socket has no such limit.

mod judge;
mod kept;
mod ledger;
mod reason;
mod worker;

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::Waker,
    thread,
    time::{Duration, Instant},
};

use svproto::Cause;

pub(crate) use self::judge::{
    OF_FAILURE, STAMPS, cause_of_failure, end_of_main, failed_command, failure, limit, span,
};
use crate::{Action, Bus, Error, JobResult, UnitName, UnitStatus, wire::slot::lock};

/// What became of a request to a unit, by the manager's word.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RequestOutcome {
    /// Whether the unit is as it was asked to be, or has done what it has to do.
    pub reached: bool,
    /// Whether something was started, stopped or reloaded for it.
    pub changed: bool,
    /// The manager's word for the end of the job; `None` where it took no job on.
    pub result: Option<JobResult>,
    /// Why it is not as it was asked to be; or what is worth a word although it is.
    pub cause: Option<Cause>,
    /// What the cause is about: an exit, the name of a dependency or a condition.
    pub about: String,
    /// How the unit stands, as far as it was told. Properties that take a question of their own are
    /// not among its own.
    pub status: UnitStatus,
    /// From the request to the end of its job.
    pub took: Duration,
}

impl RequestOutcome {
    /// The sentence of the cause.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        self.cause.map(|cause| cause.about(&self.about).to_string())
    }

    /// Whether nothing was started since a condition of the unit was not met.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        matches!(self.cause, Some(Cause::Condition | Cause::ConditionCommand))
    }
}

/// How far a request to a unit had come when its deadline passed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestAnswer {
    /// The manager said what became of it.
    Settled(Box<RequestOutcome>),
    /// The deadline passed first; the job goes on.
    Deadline {
        /// Whether the manager had taken the job on.
        taken: bool,
        /// How the unit stood, as far as it was told.
        status: Box<UnitStatus>,
    },
    /// The deadline passed before it was its turn: nothing was asked.
    NotAsked {
        /// How the unit stood, as far as it was told.
        status: Box<UnitStatus>,
    },
}

/// Requests to many units that are under way. Dropped, no more is asked; what was asked goes on.
pub struct UnitRequests {
    board: Arc<Board>,
    at: VecDeque<usize>,
    left: usize,
}

/// Where the answers arrive.
pub(crate) struct Board {
    state: Mutex<State>,
    /// Something arrived, or happened that the thread must see to.
    news: Condvar,
}

struct State {
    ledger: ledger::Ledger,
    answers: Vec<Option<Result<RequestAnswer, Error>>>,
    /// Places of answers that nobody has taken yet.
    fresh: VecDeque<usize>,
    wakers: Vec<Option<Waker>>,
    /// Nobody waits any more.
    closed: bool,
    /// Signals may have been missed.
    resync: bool,
    /// Whether the thread wants to hear of every change.
    looks: Looks,
}

/// Whether the thread looks on whether what has come up stays up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// No.
    Away,
    /// Yes.
    On,
    /// Yes, and something has changed since.
    Again,
}

impl Bus {
    /// Asks every unit for the same, and waits for nothing: the answers come from
    /// [`UnitRequests::next_before`], as they arrive. What was not asked when `deadline` passes never
    /// is.
    ///
    /// `action` is one of [`Action::Start`], [`Action::Stop`], [`Action::Restart`],
    /// [`Action::TryRestart`], [`Action::Reload`], [`Action::ReloadOrRestart`] and
    /// [`Action::Once`]; for any other each answer is [`Error::Unsupported`].
    ///
    /// ```no_run
    /// use std::time::{Duration, Instant};
    /// use svsystemd::{Action, RequestAnswer, Bus, UnitName};
    ///
    /// let bus = Bus::system().wait()?;
    /// let units = [UnitName::new("db")?, UnitName::new("web")?];
    /// let deadline = Instant::now() + Duration::from_secs(30);
    /// let mut requests = bus.request_all(Action::Start, &units, Some(deadline));
    /// while let Some((at, answer)) = requests.next_before(deadline) {
    ///     match answer? {
    ///         RequestAnswer::Settled(became) if became.reached => println!("{} is up", units[at]),
    ///         RequestAnswer::Settled(became) => println!("{}: {:?}", units[at], became.sentence()),
    ///         other => println!("{}: {other:?}", units[at]),
    ///     }
    /// }
    /// # Ok::<(), svsystemd::Error>(())
    /// ```
    #[must_use]
    pub fn request_all(
        &self,
        action: Action,
        units: &[UnitName],
        deadline: Option<Instant>,
    ) -> UnitRequests {
        let board = Arc::new(Board::new(units));
        let work = worker::Work {
            bus: self.clone(),
            action,
            units: units.to_vec(),
            deadline,
            board: Arc::clone(&board),
        };
        let started = thread::Builder::new().name("svsystemd".to_owned());
        if let Err(why) = started.spawn(move || work.run()) {
            board.fail_all(action, &why);
        }
        UnitRequests { board, at: VecDeque::new(), left: units.len() }
    }
}

impl UnitRequests {
    /// The next answer, and the place of its unit among those that were asked; `None` once there is
    /// one for each, or if none comes until then.
    pub fn next_before(
        &mut self,
        deadline: Instant,
    ) -> Option<(usize, Result<RequestAnswer, Error>)> {
        if self.left == 0 {
            return None;
        }
        let mut state = lock(&self.board.state);
        loop {
            self.at.append(&mut state.fresh);
            while let Some(at) = self.at.pop_front() {
                if let Some(answer) = state.answers.get_mut(at).and_then(Option::take) {
                    self.left -= 1;
                    return Some((at, answer));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.board.news.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the manager has taken on every request, or refused it, or the deadline of the
    /// requests has passed.
    pub fn delivered(&self) {
        let mut state = lock(&self.board.state);
        while state.ledger.is_under_way() {
            state = self.board.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the answer of this unit is there; then it is taken. Else `waker` is called once it is.
    pub fn poll(&self, at: usize, waker: &Waker) -> Option<Result<RequestAnswer, Error>> {
        let mut state = lock(&self.board.state);
        if let Some(answer) = state.answers.get_mut(at).and_then(Option::take) {
            return Some(answer);
        }
        if let Some(place) = state.wakers.get_mut(at) {
            *place = Some(waker.clone());
        }
        None
    }
}

impl std::fmt::Debug for UnitRequests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnitRequests").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Drop for UnitRequests {
    fn drop(&mut self) {
        lock(&self.board.state).closed = true;
        self.board.news.notify_all();
    }
}

impl Board {
    fn new(units: &[UnitName]) -> Self {
        let state = State {
            ledger: ledger::Ledger::new(units),
            answers: units.iter().map(|_| None).collect(),
            fresh: VecDeque::new(),
            wakers: units.iter().map(|_| None).collect(),
            closed: false,
            resync: false,
            looks: Looks::Away,
        };
        Self { state: Mutex::new(state), news: Condvar::new() }
    }

    /// Does something with the ledger.
    fn with<T>(&self, act: impl FnOnce(&mut ledger::Ledger) -> T) -> T {
        act(&mut lock(&self.state).ledger)
    }

    fn answer(&self, at: usize, answer: Result<RequestAnswer, Error>) {
        let mut state = lock(&self.state);
        state.ledger.told(at);
        let Some(place) = state.answers.get_mut(at) else { return };
        *place = Some(answer);
        state.fresh.push_back(at);
        let waker = state.wakers.get_mut(at).and_then(Option::take);
        drop(state);
        self.news.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn fail_all(&self, action: Action, why: &std::io::Error) {
        let open = self.with(|ledger| ledger.open());
        for at in open {
            let source = crate::BusError::of(&why.to_string());
            let subject = "units".to_owned();
            self.answer(at, Err(Error::Manager { action, subject, source }));
        }
    }
}
