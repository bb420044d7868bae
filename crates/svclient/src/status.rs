//! What one look at a service shows, of whatever kind it is.

use std::{fmt, num::NonZeroU32, time::Duration};

use svproto::{Dialect, Facts, LastExit, Phase, Pid, Readiness, Reading, State, UnixTime, Want};

use crate::{Liveness, Oddities, Suite};

/// How a service stands: what one look at it showed. More facts may come.
///
/// ```
/// use svclient::{Pid, State, Status, UnixTime};
///
/// let pid = Pid::new(4711).unwrap();
/// let up = Status::up(pid, UnixTime::EPOCH);
/// assert_eq!((up.state(), up.pid()), (State::Up, Some(pid)));
/// assert_eq!(up.to_string(), "up (pid 4711)");
/// assert_eq!(Status::unsupervised().state().to_string(), "unsupervised");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    pub(crate) reading: Reading,
    pub(crate) liveness: Liveness,
    pub(crate) normally: Option<Normally>,
    pub(crate) suite: Option<Suite>,
    pub(crate) notifies: Option<bool>,
    /// A word that the facts do not give.
    pub(crate) state: Option<State>,
    pub(crate) restarts: Option<u64>,
    pub(crate) is_end_asked: Option<bool>,
    /// It rests for so many milliseconds.
    pub(crate) rests: Option<NonZeroU32>,
    pub(crate) odd: Oddities,
}

/// What a supervisor does with the service when it starts: whether there is a `down` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Normally {
    /// Starts it.
    Up,
    /// Leaves it down.
    Down,
}

svproto::words!(Normally, "start": Up "up", Down "down");

impl Status {
    /// A service that no supervisor holds.
    #[must_use]
    pub const fn unsupervised() -> Self {
        Self::new(Reading::Unsupervised, Liveness::Dead)
    }

    /// One whose supervisor has told nothing yet.
    #[must_use]
    pub const fn untold() -> Self {
        Self::new(Reading::NotYet, Liveness::Alive { supervisor: None })
    }

    /// One that stands as these facts say.
    #[must_use]
    pub const fn of(facts: Facts) -> Self {
        Self::new(Reading::Record(facts), Liveness::Alive { supervisor: None })
    }

    /// One that is up, and wanted up.
    #[must_use]
    pub const fn up(pid: Pid, since: UnixTime) -> Self {
        Self::of(
            Facts::new(Phase::Up).with_pid(Some(pid)).with_since(Some(since)).with_want(Want::Up),
        )
    }

    /// One that is up and wanted up, and said at `since` that it is ready.
    ///
    /// ```
    /// use svclient::{Pid, State, Status, UnixTime};
    ///
    /// let ready = Status::up_and_ready(Pid::new(4711).unwrap(), UnixTime::now());
    /// assert_eq!((ready.state(), ready.ready()), (State::Ready, Some(true)));
    /// ```
    #[must_use]
    pub const fn up_and_ready(pid: Pid, since: UnixTime) -> Self {
        let facts = Facts::new(Phase::Up).with_pid(Some(pid)).with_since(Some(since));
        let readiness = Readiness::Ready { since: Some(since) };
        Self::of(facts.with_want(Want::Up).with_readiness(readiness)).with_notifies(true)
    }

    /// One that is down, and wanted down.
    #[must_use]
    pub const fn down(since: UnixTime) -> Self {
        Self::of(Facts::new(Phase::Down).with_since(Some(since)).with_want(Want::Down))
    }

    pub(crate) const fn new(reading: Reading, liveness: Liveness) -> Self {
        let odd = Oddities {
            crash_loop: None,
            is_definition_newer: None,
            stale_since: None,
            stuck_since: None,
            cannot_start: None,
            cause: None,
            given_up: None,
            dead: None,
            is_noticing: false,
            orphan: None,
            left_behind: None,
            logger: None,
            logger_loop: None,
        };
        let (state, restarts, is_end_asked, rests) = (None, None, None, None);
        let (normally, suite, notifies) = (None, None, None);
        Self {
            reading,
            liveness,
            normally,
            suite,
            notifies,
            state,
            restarts,
            is_end_asked,
            rests,
            odd,
        }
    }

    /// The same, with what the supervisor does with it when it starts.
    #[must_use]
    pub const fn with_normally(self, normally: Option<Normally>) -> Self {
        Self { normally, ..self }
    }

    /// The same, obeying the rules of this suite.
    #[must_use]
    pub const fn with_suite(self, suite: Suite) -> Self {
        Self { suite: Some(suite), ..self }
    }

    /// The same, of a service that says itself when it is ready, or does not.
    #[must_use]
    pub const fn with_notifies(self, notifies: bool) -> Self {
        Self { notifies: Some(notifies), ..self }
    }

    /// The same under another word, for what is no service: a target is `active`.
    ///
    /// ```
    /// use svclient::{State, Status, UnixTime};
    ///
    /// let target = Status::down(UnixTime::now()).with_state(State::Active);
    /// assert_eq!(target.state().to_string(), "active");
    /// ```
    #[must_use]
    pub const fn with_state(self, state: State) -> Self {
        Self { state: Some(state), ..self }
    }

    /// The same, restarted so often by its supervisor.
    ///
    /// ```
    /// use svclient::{Status, UnixTime};
    ///
    /// let status = Status::down(UnixTime::now()).with_restarts(3);
    /// assert_eq!(status.restarts(), Some(3));
    /// ```
    #[must_use]
    pub const fn with_restarts(self, restarts: u64) -> Self {
        Self { restarts: Some(restarts), ..self }
    }

    /// The same, with what is odd about it.
    #[must_use]
    pub const fn with_odd(self, odd: Oddities) -> Self {
        Self { odd, ..self }
    }

    /// The one word for it, always.
    #[must_use]
    pub const fn state(&self) -> State {
        match (self.state, &self.reading) {
            (Some(state), _) => state,
            (None, Reading::Unsupervised) => State::Unsupervised,
            (None, Reading::NotYet) => State::New,
            (None, Reading::Record(facts)) => facts.state(),
        }
    }

    /// What was asked for; `None` where that is not told.
    #[must_use]
    pub const fn want(&self) -> Option<Want> {
        match self.facts() {
            Some(facts) => facts.want,
            None => None,
        }
    }

    /// Its process; `None` while there is none. Never that of `finish`.
    #[must_use]
    pub const fn pid(&self) -> Option<Pid> {
        match self.facts() {
            Some(facts) => facts.pid,
            None => None,
        }
    }

    /// When its process last started or died.
    #[must_use]
    pub const fn since(&self) -> Option<UnixTime> {
        match self.facts() {
            Some(facts) => facts.since,
            None => None,
        }
    }

    /// For how long its process has been there; `None` without one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use svclient::{Pid, Status, UnixTime};
    ///
    /// let since = UnixTime::now().saturating_sub(Duration::from_secs(90));
    /// let up = Status::up(Pid::new(4711).unwrap(), since);
    /// assert!(up.uptime() >= Some(Duration::from_secs(90)));
    /// assert_eq!(Status::down(since).uptime(), None);
    /// ```
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        self.pid()?;
        Some(self.since()?.elapsed(UnixTime::now()))
    }

    /// Whether it said that it is ready; `None` where that is not told.
    #[must_use]
    pub const fn ready(&self) -> Option<bool> {
        match self.facts() {
            Some(facts) => facts.readiness.is_ready(),
            None => None,
        }
    }

    /// When it became ready, while it is.
    #[must_use]
    pub const fn ready_since(&self) -> Option<UnixTime> {
        match self.facts() {
            Some(Facts { readiness: Readiness::Ready { since }, .. }) => *since,
            _ => None,
        }
    }

    /// How its last run ended; `None` where that is not told, or it has not ended yet.
    ///
    /// ```
    /// use svclient::{Facts, LastExit, Phase, Status};
    ///
    /// let facts = Facts::new(Phase::Down).with_last_exit(LastExit::Exited { code: 1 });
    /// assert_eq!(Status::of(facts).exit(), Some(LastExit::Exited { code: 1 }));
    /// ```
    #[must_use]
    pub const fn exit(&self) -> Option<LastExit> {
        match self.facts() {
            Some(Facts { last_exit: LastExit::NotReported | LastExit::NotStarted, .. }) | None => {
                None
            }
            Some(facts) => Some(facts.last_exit),
        }
    }

    /// How often it was started again or ended, where that is told: systemd counts restarts by
    /// itself since it was last started by hand, the embedded supervisor every start but the first,
    /// and s6 every end since its supervisor started, of which it keeps the last hundred or as many
    /// as `max-death-tally` says.
    #[must_use]
    pub const fn restarts(&self) -> Option<u64> {
        self.restarts
    }

    /// When its supervisor starts it again, while it rests after an end that nobody asked for; `None` where that is
    /// not told: only the embedded supervisor does.
    #[must_use]
    pub fn starts_again(&self) -> Option<UnixTime> {
        let rest = Duration::from_millis(self.rests?.get().into());
        Some(self.since()?.saturating_add(rest))
    }

    /// Whether somebody asked for the end of its last run, by a request to its supervisor; `None` where that is not
    /// told: only the embedded supervisor does.
    #[must_use]
    pub const fn was_end_asked(&self) -> Option<bool> {
        self.is_end_asked
    }

    /// What its supervisor does with it when it starts; `None` where that is not known.
    #[must_use]
    pub const fn normally(&self) -> Option<Normally> {
        self.normally
    }

    /// Whether a supervisor holds it; `None` where this user may not ask. Then the facts may be
    /// stale.
    ///
    /// ```
    /// use svclient::Status;
    ///
    /// assert_eq!(Status::unsupervised().supervised(), Some(false));
    /// ```
    #[must_use]
    pub const fn supervised(&self) -> Option<bool> {
        self.liveness.is_alive()
    }

    /// The same, with the supervisor's process where that is told.
    #[must_use]
    pub const fn liveness(&self) -> Liveness {
        self.liveness
    }

    /// Whose rules it obeys; `None` while nobody has supervised it.
    #[must_use]
    pub const fn suite(&self) -> Option<Suite> {
        self.suite
    }

    /// Whether it is one that says when it is ready (s6: there is a `notification-fd` file, and it
    /// holds a number); `None` where that is not known.
    #[must_use]
    pub const fn notifies(&self) -> Option<bool> {
        self.notifies
    }

    /// What is odd about it, as far as the look tells. [`crate::Supervised::oddities`] asks for
    /// more.
    #[must_use]
    pub const fn odd(&self) -> &Oddities {
        &self.odd
    }

    /// What its record says, in the words of the record; `None` without one.
    #[must_use]
    pub const fn facts(&self) -> Option<&Facts> {
        self.reading.facts()
    }

    /// The same as the waits of svproto take it.
    #[must_use]
    pub const fn reading(&self) -> Reading {
        self.reading
    }

    pub(crate) fn dialect(&self) -> Option<Dialect> {
        self.suite.and_then(Suite::dialect)
    }
}

/// The state, and the process where there is one: `up (pid 4711)`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.state())?;
        match self.pid() {
            Some(pid) => write!(f, " (pid {pid})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_one_word_whatever_was_seen() {
        assert_eq!(Status::unsupervised().state(), State::Unsupervised);
        assert_eq!(Status::untold().state(), State::New);
        let since = UnixTime::EPOCH;
        assert_eq!(Status::down(since).state(), State::Down);
        let up = Status::up(Pid::new(1).unwrap(), since);
        assert_eq!((up.state(), up.want(), up.ready()), (State::Up, Some(Want::Up), None));
        assert_eq!(up.with_state(State::Active).state(), State::Active);
        assert!(up.uptime().is_some() && Status::down(since).uptime().is_none());
    }
}
