//! What came of a request.

use std::{borrow::Cow, fmt, time::Duration};

use svproto::Cause;

use crate::{
    Normally, Status,
    pending::{End, Told},
};

/// What came of a request to one service.
///
/// `Display` is a clause that follows its name: "web: up (pid 4711) after 0.5 s".
#[derive(Clone, Debug)]
pub struct Outcome {
    end: Option<End>,
    status: Option<Status>,
    took: Duration,
    is_read: bool,
    changed: Option<bool>,
    word: Option<Cow<'static, str>>,
    says: Option<String>,
    /// At the deadline: why it is not so, where that can be told.
    late: Option<Cause>,
}

/// [`Outcome`] in one word, as in the `outcome` of `svctl --json`.
///
/// ```
/// use svclient::OutcomeKind;
///
/// assert_eq!(OutcomeKind::NotAsked.to_string(), "not-asked");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutcomeKind {
    /// The goal is reached.
    Reached,
    /// The goal is reached, and nothing has changed since before the request.
    Already,
    /// Nothing was done, and that is as it should be: a condition of the service does not hold.
    Skipped,
    /// The goal will not be reached.
    Never,
    /// The deadline passed.
    Deadline,
    /// The deadline passed before it was its turn ([`crate::Bulk::limit`]); nothing was asked.
    NotAsked,
}

svproto::words!(OutcomeKind, "outcome":
    Reached "reached",
    Already "already",
    Skipped "skipped",
    Never "never",
    Deadline "deadline",
    NotAsked "not-asked",
);

impl Outcome {
    pub(super) fn of(end: Option<End>, status: Status, took: Duration) -> Self {
        let (is_read, changed) = (true, None);
        let (status, word, says) = (Some(status), None, None);
        Self { end, status, took, is_read, changed, word, says, late: None }
    }

    pub(super) fn told(told: Told, status: Status, took: Duration) -> Self {
        let Told { end, word, says, changed, took: theirs, .. } = told;
        let (end, is_read) = match end {
            End::Late { is_read } => (None, is_read),
            End::NotAsked => return Self::not_asked(),
            end => (Some(end), true),
        };
        let took = theirs.unwrap_or(took);
        Self { is_read, changed, word, says, ..Self::of(end, status, took) }
    }

    pub(crate) fn not_asked() -> Self {
        let (end, status, took) = (None, None, Duration::ZERO);
        let (is_read, changed, word, says, late) = (false, None, None, None, None);
        Self { end, status, took, is_read, changed, word, says, late }
    }

    /// The deadline passed before it was its turn; how the service stood, where that is known.
    pub(super) fn unasked(seen: Option<Status>) -> Self {
        Self { end: Some(End::NotAsked), status: seen, ..Self::not_asked() }
    }

    /// The deadline passed, and even that was not told.
    pub(super) fn unheard(took: Duration) -> Self {
        Self { took, end: Some(End::Late { is_read: false }), ..Self::not_asked() }
    }

    pub(super) fn read(self, is_read: bool) -> Self {
        Self { is_read, ..self }
    }

    /// At the deadline: why it is not so.
    pub(super) fn because(self, why: Option<(Cause, String)>) -> Self {
        let says = why.as_ref().map(|(cause, about)| cause.about(about).to_string());
        Self { late: why.map(|(cause, _)| cause), says: says.or(self.says.clone()), ..self }
    }

    pub(super) fn changed_from(self, before: Option<&Status>) -> Self {
        let changed = match (before, &self.status) {
            _ if self.changed.is_some() => self.changed,
            (Some(before), Some(after)) => Some(differ(before, after)),
            _ => None,
        };
        Self { changed, ..self }
    }

    /// In one word.
    #[must_use]
    pub const fn kind(&self) -> OutcomeKind {
        match (self.end, self.changed) {
            (Some(End::Reached), Some(false)) => OutcomeKind::Already,
            (Some(End::Reached), _) => OutcomeKind::Reached,
            (Some(End::Skipped(_)), _) => OutcomeKind::Skipped,
            (Some(End::Never(_)), _) => OutcomeKind::Never,
            (Some(End::NotAsked), _) => OutcomeKind::NotAsked,
            (Some(End::Late { .. }), _) => OutcomeKind::Deadline,
            (None, _) if self.status.is_none() => OutcomeKind::NotAsked,
            (None, _) => OutcomeKind::Deadline,
        }
    }

    /// Whether the goal is reached.
    #[must_use]
    pub const fn is_reached(&self) -> bool {
        matches!(self.end, Some(End::Reached))
    }

    /// Why the goal will not be reached, why nothing was done, or why it was not so at the
    /// deadline, where that can be told.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Cause, Intent, Request, Told, scripted::{Script, Scripted}};
    ///
    /// let broken = Script::ignore().telling(Told::never(Cause::Dependency));
    /// let web = Scripted::new("web").when(Intent::Up, broken);
    /// let outcome = Request::up().pursue(&web, Instant::now() + Duration::from_secs(10))?;
    /// assert_eq!(outcome.why(), Some(Cause::Dependency));
    /// println!("{}: {outcome}", "web");
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub const fn why(&self) -> Option<Cause> {
        match self.end {
            Some(End::Skipped(cause) | End::Never(cause)) => Some(cause),
            None => self.late,
            Some(End::Reached | End::Late { .. } | End::NotAsked) => None,
        }
    }

    /// The same in words, with what its supervisor says besides: a clause that follows the name.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.says.clone().or_else(|| self.why().map(|why| why.to_string()))
    }

    /// The supervisor's own word for what became of the request; `None` where it has none.
    #[must_use]
    pub fn word(&self) -> Option<&str> {
        self.word.as_deref()
    }

    /// How the service stood last; `None` if nothing was asked.
    #[must_use]
    pub const fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// Whether something has changed since before the request: another process, another wish.
    /// `None` where nothing was asked for, or that is not known.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Request, scripted::Scripted};
    ///
    /// let web = Scripted::new("web");
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// assert_eq!(Request::up().pursue(&web, deadline)?.changed(), Some(true));
    /// assert_eq!(Request::up().pursue(&web, deadline)?.changed(), Some(false));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub const fn changed(&self) -> Option<bool> {
        self.changed
    }

    /// The same, where what its supervisor does with it at its next start was seen to as well, and
    /// whether that was otherwise before: see [`Service::set_normally`](crate::Service::set_normally).
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Normally, Request, scripted::Scripted};
    ///
    /// let web = Scripted::new("web");
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// Request::up().pursue(&web, deadline)?;
    /// let outcome = Request::up().pursue(&web, deadline)?.kept(Normally::Up, true);
    /// assert_eq!(outcome.changed(), Some(true));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn kept(self, normally: Normally, has_changed: bool) -> Self {
        let status = self.status.map(|seen| seen.with_normally(Some(normally)));
        let changed = if has_changed { Some(true) } else { self.changed };
        Self { status, changed, ..self }
    }

    /// Whether the supervisor is known to have read the request.
    #[must_use]
    pub const fn was_read(&self) -> bool {
        self.is_read
    }

    /// Time from the request.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.took
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        let state = || self.status.unwrap_or(Status::unsupervised());
        match self.kind() {
            OutcomeKind::Reached => write!(f, "{} after {took:.1} s", state()),
            OutcomeKind::Already => write!(f, "already {}", state()),
            OutcomeKind::Skipped => write!(f, "skipped: {}", self.reason().unwrap_or_default()),
            OutcomeKind::Never => f.write_str(&self.reason().unwrap_or_default()),
            OutcomeKind::Deadline if self.late.is_some() => {
                write!(f, "{} after {took:.1} s", self.reason().unwrap_or_default())
            }
            OutcomeKind::Deadline if self.is_read => {
                write!(f, "not done after {took:.1} s, now {}", state())
            }
            OutcomeKind::Deadline => write!(
                f,
                "no sign after {took:.1} s that its supervisor has read the request, now {}",
                state()
            ),
            OutcomeKind::NotAsked => f.write_str("not asked before the deadline"),
        }
    }
}

/// Whether another process runs, another thing is wanted, or it is paused and was not.
fn differ(before: &Status, after: &Status) -> bool {
    let told = |seen: &Status| {
        let of = |it: &svproto::Facts| (it.phase, it.want, it.pid, it.since, it.paused);
        (seen.reading.is_supervised(), seen.reading.facts().map(of))
    };
    told(before) != told(after)
}
