//! Is the wait over, and can it still be? The part of waiting that needs no files and no clock.
//!
//! Take a reading, make a [`Pursuit`] of it, send the request, then feed every later reading. What
//! counts is the record, never the time that has passed: a supervisor may accept a request and be
//! deaf for a second, or ignore it.

use core::{fmt, time::Duration};

use crate::{Cause, Facts, Op, Phase, Readiness, Reading, Stage, State, UnixTime, Want};

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Goal {
    /// `run` has a process that is not on its way out. After [`Op::Once`] a run that is over
    /// already counts as well.
    Up,
    /// The service said that it is ready.
    Ready,
    /// No process, and no wish to start one.
    Down,
    /// The run that was going on is over, `finish` included; another may have begun.
    Finished,
    /// A process that started after the first reading.
    Restarted,
    /// No supervisor.
    Gone,
    /// Up, with the same process, for so long.
    UpFor(Duration),
    /// As it is wanted: up if it is wanted up, down if it is wanted down.
    AsWanted,
    /// Supervised, with a status; up or down.
    Known,
}

impl Goal {
    /// The goals without a span, in the order of their words in help.
    pub const WORDS: [Self; 8] = [
        Self::Up,
        Self::Ready,
        Self::Down,
        Self::Finished,
        Self::Restarted,
        Self::Gone,
        Self::AsWanted,
        Self::Known,
    ];

    /// The word for it, as in `svctl wait --for`; that of [`Goal::UpFor`] is followed by `=` and a span.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Ready => "ready",
            Self::Down => "down",
            Self::Finished => "finished",
            Self::Restarted => "restarted",
            Self::Gone => "gone",
            Self::UpFor(_) => "up-for",
            Self::AsWanted => "as-wanted",
            Self::Known => "known",
        }
    }
}

/// The word; a span is in seconds: `up-for=2.5s`.
///
/// ```
/// use core::time::Duration;
/// use svproto::goal::Goal;
///
/// assert_eq!(Goal::AsWanted.to_string(), "as-wanted");
/// assert_eq!(Goal::UpFor(Duration::from_millis(2500)).to_string(), "up-for=2.5s");
/// ```
impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::UpFor(span) = self else { return f.pad(self.name()) };
        write!(f, "up-for={}", span.as_secs())?;
        let (mut part, mut width) = (span.subsec_nanos(), 9_usize);
        if part > 0 {
            while part % 10 == 0 {
                (part, width) = (part / 10, width - 1);
            }
            write!(f, ".{part:0width$}")?;
        }
        f.write_str("s")
    }
}

/// Reads what `Display` writes. A span is a number of seconds (`up-for=2.5`, `up-for=2.5s`), or has
/// another unit: `ms`, `m`, `h`.
///
/// ```
/// use core::time::Duration;
/// use svproto::goal::Goal;
///
/// assert_eq!("ready".parse(), Ok(Goal::Ready));
/// assert_eq!("up-for=500ms".parse(), Ok(Goal::UpFor(Duration::from_millis(500))));
/// assert!("running".parse::<Goal>().is_err());
/// ```
impl core::str::FromStr for Goal {
    type Err = crate::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named = Self::WORDS.into_iter().find(|goal| goal.name() == word);
        let goal = named.or_else(|| span_of(word.strip_prefix("up-for=")?).map(Self::UpFor));
        goal.ok_or(crate::UnknownWord::new("goal"))
    }
}

/// A number with at most nine places, and a unit.
fn span_of(text: &str) -> Option<Duration> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at_checked(at)?,
        None => (text, "s"),
    };
    let nanos_of_unit: u64 = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 9 {
        return None;
    }
    let unit = u128::from(nanos_of_unit);
    let whole = u128::from(whole.parse::<u64>().ok()?).checked_mul(unit)?;
    // At most nine digits, of at most an hour: no overflow, and what is below a nanosecond is left out.
    let part = part.bytes().try_fold((0_u128, unit), |(sum, place), digit| {
        let place = place / 10;
        Some((sum + place * u128::from(digit - b'0'), place))
    })?;
    let nanos = whole.checked_add(part.0)?;
    let secs = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u64::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::from_secs(secs).saturating_add(Duration::from_nanos(rest)))
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Not yet. Ask again at the next reading, or at `look_again` if there is none before.
    Pending {
        /// When the passing of time alone may reach the goal.
        look_again: Option<UnixTime>,
    },
    /// Reached.
    Reached,
    /// It will not be reached.
    Never(Cause),
}

/// One wait for one service.
#[derive(Clone, Copy, Debug)]
pub struct Pursuit {
    goal: Goal,
    baseline: Reading,
    wish: Wish,
    /// The want turned to what was asked for after the baseline.
    acknowledged: bool,
    /// Since when the want is contrary, where the baseline's was not.
    contrary_since: Option<UnixTime>,
    /// Since when the want fits, where the baseline's process may have been on its way out.
    fits_since: Option<UnixTime>,
    /// `finish` exited with 125 after the baseline.
    refused: bool,
    /// SIGTERM was sent after the baseline. It shows that a request was read, and not which.
    termed: bool,
    /// Since when a run that was asked for during `finish` is awaited in vain.
    down_since: Option<UnixTime>,
}

/// A want that turns against a request may be an older request that is read only now: a supervisor
/// may be deaf for 1.8 s (daemontools, between two naps). After this it is somebody's last word.
const LAST_WORD: Duration = Duration::from_secs(3);

/// What the record must say before it can have read the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// No request, or one that leaves no trace in the record.
    None,
    Up,
    Down,
    Once,
}

impl Wish {
    const fn of(op: Option<Op>) -> Self {
        match op {
            Some(Op::Up | Op::StayUp) => Self::Up,
            Some(Op::Down | Op::StayDown | Op::NoRestart | Op::StayNoRestart | Op::StopExit) => {
                Self::Down
            }
            Some(Op::Once) => Self::Once,
            _ => Self::None,
        }
    }

    const fn is_met_by(self, want: Option<Want>) -> bool {
        match (self, want) {
            (Self::None, _) | (_, None) => true,
            (Self::Up, Some(want)) => matches!(want, Want::Up),
            // runit and s6 write "once" as "down".
            (Self::Down, Some(want)) => matches!(want, Want::Down),
            (Self::Once, Some(want)) => matches!(want, Want::Down | Want::Once),
        }
    }
}

impl Pursuit {
    /// A wait that starts from `baseline`, taken before `op` is sent; `None` to only look on.
    ///
    /// ```
    /// use svproto::{Facts, Op, Phase, Pid, Reading, UnixTime, Want};
    /// use svproto::goal::{Goal, Pursuit, Verdict};
    ///
    /// let down = Reading::Record(Facts::new(Phase::Down).with_want(Want::Down));
    /// let up = Reading::Record(Facts::new(Phase::Up).with_want(Want::Up).with_pid(Pid::new(4711)));
    /// let mut wait = Pursuit::new(Goal::Up, Some(Op::Up), down);
    /// assert!(matches!(wait.observe(&down, UnixTime::EPOCH), Verdict::Pending { .. }));
    /// assert_eq!(wait.observe(&up, UnixTime::EPOCH), Verdict::Reached);
    /// ```
    #[must_use]
    pub const fn new(goal: Goal, op: Option<Op>, baseline: Reading) -> Self {
        Self {
            goal,
            baseline,
            wish: Wish::of(op),
            acknowledged: false,
            contrary_since: None,
            fits_since: None,
            refused: false,
            termed: false,
            down_since: None,
        }
    }

    /// `finish` exited with 125 (s6: [`crate::s6::event::S6Event::Failed`]), which the readings do not
    /// show.
    pub const fn refused(&mut self) {
        self.refused = true;
        // There was a run.
        self.acknowledged = true;
    }

    /// Whether the record shows that the supervisor has read the request: the want has turned to it,
    /// or SIGTERM was sent since (runit). It does not where that was so before. Without a request, and for one that changes no want,
    /// always true.
    #[must_use]
    pub const fn is_acknowledged(&self) -> bool {
        self.acknowledged || self.termed || matches!(self.wish, Wish::None)
    }

    /// Notes that the request was read, whatever readings say: some supervisors answer when they
    /// have. From now on a contrary want means that somebody asked for something else, or that
    /// nothing more will come of it.
    pub const fn acknowledge(&mut self) {
        self.acknowledged = true;
    }

    /// Takes a reading; `now` is the wall clock.
    pub fn observe(&mut self, reading: &Reading, now: UnixTime) -> Verdict {
        let status = match reading {
            Reading::Unsupervised if self.goal == Goal::Gone => return Verdict::Reached,
            Reading::Unsupervised => return Verdict::Never(Cause::Unsupervised),
            Reading::NotYet => return Verdict::Pending { look_again: None },
            Reading::Record(status) => status,
        };
        let base = self.baseline.facts();
        self.termed |=
            status.got_term == Some(true) && base.is_some_and(|base| base.got_term == Some(false));
        if let Some(verdict) = self.once_during_finish(status, now) {
            return verdict;
        }
        if let Some(verdict) = self.against_the_wish(status, now) {
            return verdict;
        }
        if matches!(self.goal, Goal::Up | Goal::Ready | Goal::UpFor(_)) {
            if let Some(verdict) = self.leaves(status, now) {
                return verdict;
            }
        }
        match self.goal {
            Goal::Up => {
                let is_up = is_up(status) || is_held(status);
                self.reached_or(is_up || self.has_run_once(status), status)
            }
            Goal::UpFor(span) => match status.since {
                Some(since) if is_up(status) => {
                    if since.elapsed(now) >= span {
                        Verdict::Reached
                    } else {
                        Verdict::Pending { look_again: Some(since.saturating_add(span)) }
                    }
                }
                _ => self.reached_or(false, status),
            },
            Goal::Ready => match status.readiness {
                Readiness::Ready { .. } => Verdict::Reached,
                Readiness::NotReported if is_up(status) => Verdict::Never(Cause::NoReadiness),
                _ => self.reached_or(false, status),
            },
            Goal::Restarted => {
                let since = self.baseline.facts().and_then(|base| base.since);
                let another = is_up(status) && self.is_another_run(status);
                self.reached_or(another || (is_held(status) && status.since > since), status)
            }
            Goal::Down => pending_unless(is_down(status) && !matches!(status.want, Some(Want::Up))),
            Goal::Finished => pending_unless(is_down(status) || self.is_another_run(status)),
            Goal::Gone => pending_unless(false),
            Goal::AsWanted => pending_unless(match status.want {
                Some(Want::Up) => is_up(status),
                Some(Want::Down) => is_down(status),
                _ => is_up(status) || is_down(status),
            }),
            Goal::Known => Verdict::Reached,
        }
    }

    /// The verdict on a process that was told to end before it was wanted up again: it will go, and
    /// another will come. `None` for any other.
    ///
    /// s6 writes the same record for a process that was told to end and for one whose run was to be
    /// the last; the latter stays. If it is still there when the first would have gone, it counts.
    fn leaves(&mut self, status: &Facts, now: UnixTime) -> Option<Verdict> {
        let base = self.baseline.facts()?;
        let same = base.pid.is_some() && base.pid == status.pid && base.since == status.since;
        if self.wish != Wish::Up || !is_up(status) || !same {
            return None;
        }
        match (base.stage, base.got_term, base.want) {
            (Stage::Stopping, _, _) | (_, Some(true), _) => {
                Some(Verdict::Pending { look_again: None })
            }
            // Only runit tells whether SIGTERM was sent, and it says that it was not.
            (_, None, Some(Want::Down)) => {
                let since = *self.fits_since.get_or_insert(now);
                let look_again = Some(since.saturating_add(LAST_WORD));
                (since.elapsed(now) < LAST_WORD).then_some(Verdict::Pending { look_again })
            }
            _ => None,
        }
    }

    /// What a want that is contrary to the request comes to; `None` if it is not.
    fn against_the_wish(&mut self, status: &Facts, now: UnixTime) -> Option<Verdict> {
        let base = self.baseline.facts().and_then(|base| base.want);
        let met_before = base.is_some() && self.wish.is_met_by(base);
        if self.wish.is_met_by(status.want) {
            self.acknowledged |= !met_before || self.contrary_since.is_some();
            self.contrary_since = None;
            return None;
        }
        if !self.acknowledged {
            if !met_before && !self.has_run_since(status) {
                // It is simply the old want.
                return Some(Verdict::Pending { look_again: None });
            }
            let since = *self.contrary_since.get_or_insert(now);
            if since.elapsed(now) < LAST_WORD {
                return Some(Verdict::Pending {
                    look_again: Some(since.saturating_add(LAST_WORD)),
                });
            }
        }
        Some(match self.wish {
            Wish::Down => Verdict::Never(Cause::WantedUpAgain),
            Wish::Up => self.without_a_wish(status),
            Wish::Once | Wish::None => Verdict::Pending { look_again: None },
        })
    }

    /// For goals that need a process: reached, or out of reach once the supervisor will not start
    /// one any more.
    fn reached_or(&self, reached: bool, status: &Facts) -> Verdict {
        let ended_for_good =
            is_down(status) && !matches!(status.want, Some(Want::Up)) && self.is_an_end(status);
        if reached {
            Verdict::Reached
        } else if ended_for_good && self.has_begun(status) {
            Verdict::Never(self.given_up(status))
        } else {
            Verdict::Pending { look_again: None }
        }
    }

    /// Whether "down" says that nothing more will come. Where the want is not told, it may merely be
    /// how the wait began: then only another record, or the supervisor's own word, says so.
    fn is_an_end(&self, status: &Facts) -> bool {
        status.want.is_some()
            || matches!(status.stage, Stage::Failed | Stage::Exited)
            || self.baseline.facts().is_some_and(|base| base.since != status.since)
    }

    const fn given_up(&self, status: &Facts) -> Cause {
        let exit = status.last_exit;
        if self.refused { Cause::Refused { exit } } else { Cause::GivenUp { exit } }
    }

    /// Wanted up once, and no longer.
    fn without_a_wish(&self, status: &Facts) -> Verdict {
        if is_down(status) {
            Verdict::Never(self.given_up(status))
        } else {
            self.reached_or(matches!(self.goal, Goal::Up) && is_up(status), status)
        }
    }

    /// Whether "down and not wanted up" is an outcome and not merely where the wait began: somebody
    /// who only looks on may still see it started.
    fn has_begun(&self, status: &Facts) -> bool {
        match self.wish {
            Wish::Up | Wish::Down => true,
            Wish::Once => false,
            Wish::None => self
                .baseline
                .facts()
                .is_some_and(|base| base.since != status.since && base.phase != Phase::Down),
        }
    }

    /// A run that was asked for while `finish` ran. runit and s6 then take it for "let this run be the
    /// last", which it is already: the service goes down, and that is no run.
    fn once_during_finish(&mut self, status: &Facts, now: UnixTime) -> Option<Verdict> {
        let base = self.baseline.facts()?;
        if self.wish != Wish::Once || base.phase != Phase::Finish || !is_down(status) {
            return None;
        }
        if matches!(status.want, Some(Want::Up)) {
            // Between two runs, and the request not read yet: from here it is as anywhere.
            self.baseline = Reading::Record(*status);
            return Some(Verdict::Pending { look_again: None });
        }
        let since = *self.down_since.get_or_insert(now);
        if since.elapsed(now) < LAST_WORD {
            return Some(Verdict::Pending { look_again: Some(since.saturating_add(LAST_WORD)) });
        }
        Some(Verdict::Never(self.given_up(status)))
    }

    /// Whether a service that was down had a run in between, which nobody saw: wanted up, started,
    /// ended and given up within one look.
    fn has_run_since(&self, status: &Facts) -> bool {
        self.baseline.facts().is_some_and(|base| is_down(base) && status.since > base.since)
    }

    /// Whether the one run that was asked for is over already. Its end is all that is left to see
    /// of a run of a millisecond.
    fn has_run_once(&self, status: &Facts) -> bool {
        let since = self.baseline.facts().and_then(|base| base.since);
        self.wish == Wish::Once && is_down(status) && status.since > since
    }

    /// Whether a process is another one than that of the baseline: a later start, at full
    /// precision, or another pid where the clock was stepped.
    fn is_another_run(&self, status: &Facts) -> bool {
        match self.baseline.facts() {
            Some(base) if matches!(base.phase, Phase::Up) => {
                status.pid.is_some() && (base.pid != status.pid || status.since > base.since)
            }
            Some(base) if matches!(base.phase, Phase::Finish) => status.pid.is_some(),
            Some(_) | None => status.pid.is_some(),
        }
    }
}

fn pending_unless(reached: bool) -> Verdict {
    if reached { Verdict::Reached } else { Verdict::Pending { look_again: None } }
}

fn is_up(status: &Facts) -> bool {
    matches!(status.state(), State::Up | State::Ready | State::Paused | State::Starting)
        && matches!(status.phase, Phase::Up)
        // What runs before `run` (encore), or may turn out not to be executable (systemd).
        && !matches!(status.stage, Stage::Starting)
}

/// It has done what it had to, and its supervisor takes it for up from then on (systemd).
fn is_held(status: &Facts) -> bool {
    matches!(
        (status.phase, status.stage, status.want),
        (Phase::Down, Stage::Exited, Some(Want::Up))
    )
}

/// No process at all. runit's record may call a service down whose process lives.
fn is_down(status: &Facts) -> bool {
    matches!(status.phase, Phase::Down) && status.pid.is_none()
}

#[cfg(test)]
mod tests;
