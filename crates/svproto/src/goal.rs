//! Is a wait over, or can its goal never be reached? The part of waiting that needs no files and no clock.
//!
//! Take a reading, make a [`Pursuit`] of it, send the request, then feed every later reading. The
//! record decides. That a request was delivered proves nothing: a supervisor may read it a second
//! later, or ignore it. The rules are in `goal/rules.rs`. Where a record leaves it open what was
//! read, a rule waits three seconds for another record.
//!
//! Spans are measured on the steady clock and stamps are compared with the wall clock ([`Now`]), so a
//! wall clock that is stepped during a wait changes no verdict.

mod rules;

use core::{fmt, time::Duration};

use self::rules::{Rule, Run, Wish};
use crate::{Cause, Now, Op, Reading};

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Goal {
    /// `run` has a process that was not told to end. After [`Op::Once`] a run that is over already
    /// counts as well.
    Up,
    /// The service has said that it is ready.
    Ready,
    /// [`Goal::Ready`] for a service that says when it is ready, [`Goal::Up`] for any other.
    ReadyOrUp,
    /// No process, and the service is not wanted up.
    Down,
    /// The run that was going on, or that was asked for, is over, `finish` included. Another may have
    /// begun.
    Finished,
    /// A process that started after the first reading.
    Restarted,
    /// No supervisor.
    Gone,
    /// Up, with the same process, for so long.
    UpFor(Duration),
    /// As it is wanted: up if it is wanted up, down if it is wanted down.
    AsWanted,
    /// There are a supervisor and a record; up or down.
    Known,
    /// The same; where there is no supervisor yet, the wait goes on until a scanner starts one.
    Supervised,
}

impl Goal {
    /// The goals without a span, in the order of their words in help.
    pub const WORDS: &'static [Self] = &[
        Self::Up,
        Self::Ready,
        Self::ReadyOrUp,
        Self::Down,
        Self::Finished,
        Self::Restarted,
        Self::Gone,
        Self::AsWanted,
        Self::Known,
        Self::Supervised,
    ];

    /// The word for it, as in `svctl wait --for`; that of [`Goal::UpFor`] is followed by `=` and a span.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Ready => "ready",
            Self::ReadyOrUp => "ready-or-up",
            Self::Down => "down",
            Self::Finished => "finished",
            Self::Restarted => "restarted",
            Self::Gone => "gone",
            Self::UpFor(_) => "up-for",
            Self::AsWanted => "as-wanted",
            Self::Known => "known",
            Self::Supervised => "supervised",
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
        let named = Self::WORDS.iter().copied().find(|goal| goal.name() == word);
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
        /// When time alone may decide, without another reading; on the steady clock of [`Now`].
        look_again: Option<Duration>,
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
    wish: Wish,
    /// How it stood before the request.
    baseline: Reading,
    /// What shows that the supervisor has read the request.
    read: Read,
    /// `finish` exited with 125 after the baseline.
    refused: bool,
    /// The rule that waits for what may still come, and since when.
    waiting: Option<(Rule, Duration)>,
    /// The last look, and the run that it showed.
    looked: Now,
    run: Option<Run>,
    /// Two runs were seen, so the first of them is over.
    had_another: bool,
}

/// Whether the supervisor has read the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// Nothing shows it.
    Unknown,
    /// It has read a request, and it is not known which: SIGTERM was sent after the baseline.
    One,
    /// It has read this request: after the baseline the want became what was asked for, or the
    /// supervisor said so.
    This,
}

impl Pursuit {
    /// A wait that starts from `baseline`, taken `now` and before `op` is sent; `None` where nothing is sent.
    ///
    /// ```
    /// use svproto::{Facts, Now, Op, Phase, Pid, Reading, Want};
    /// use svproto::goal::{Goal, Pursuit, Verdict};
    ///
    /// let down = Reading::Record(Facts::new(Phase::Down).with_want(Want::Down));
    /// let up = Reading::Record(Facts::new(Phase::Up).with_want(Want::Up).with_pid(Pid::new(4711)));
    /// let now = Now::default(); // a program has two clocks here
    /// let mut wait = Pursuit::new(Goal::Up, Some(Op::Up), down, now);
    /// assert!(matches!(wait.observe(&down, now), Verdict::Pending { .. }));
    /// assert_eq!(wait.observe(&up, now), Verdict::Reached);
    /// ```
    #[must_use]
    pub fn new(goal: Goal, op: Option<Op>, baseline: Reading, now: Now) -> Self {
        Self {
            goal,
            wish: Wish::of(op),
            baseline,
            read: Read::Unknown,
            refused: false,
            waiting: None,
            looked: now,
            run: baseline.facts().and_then(|facts| Run::found(facts, now)),
            had_another: false,
        }
    }

    /// A wait for the next goal, from how the service stands now, without another request. The age of its
    /// process is kept.
    #[must_use]
    pub fn then(self, goal: Goal, baseline: Reading) -> Self {
        let run = self.run;
        Self { run, ..Self::new(goal, None, baseline, self.looked) }
    }

    /// `finish` exited with 125 (s6: [`crate::s6::event::S6Event::Failed`]), which the readings do not
    /// show.
    pub const fn refused(&mut self) {
        self.refused = true;
        // There was a run.
        self.read = Read::This;
    }

    /// Whether the record shows that the supervisor has read the request: since the baseline, the want
    /// has become what was asked for, or SIGTERM was sent (runit). Always true without a request, and
    /// for one that changes no want.
    #[must_use]
    pub const fn is_acknowledged(&self) -> bool {
        !matches!(self.read, Read::Unknown) || matches!(self.wish, Wish::None)
    }

    /// Notes that the request was read, whatever the readings say: some supervisors answer once they
    /// have read it. From now on a contrary want means that somebody has asked for something else, or
    /// that the supervisor has given up.
    pub const fn acknowledge(&mut self) {
        self.read = Read::This;
    }

    /// What is waited for.
    #[must_use]
    pub const fn goal(&self) -> Goal {
        self.goal
    }

    /// Takes a reading.
    pub fn observe(&mut self, reading: &Reading, now: Now) -> Verdict {
        match reading {
            Reading::Unsupervised if self.goal == Goal::Gone => Verdict::Reached,
            Reading::Unsupervised if self.goal == Goal::Supervised => {
                Verdict::Pending { look_again: None }
            }
            Reading::Unsupervised => Verdict::Never(Cause::Unsupervised),
            Reading::NotYet => Verdict::Pending { look_again: None },
            Reading::Record(facts) => self.judge(facts, now),
        }
    }
}

#[cfg(test)]
mod tests;
