//! What to ask of a service, when that is done, and what to do if it is not done in time.

use std::time::Duration;

use svproto::goal::Goal;

use crate::{CheckRule, Error, Intent, Pending, Supervised};

/// What to ask of a service, when that is done, and what to do if it is not done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Request {
    intent: Option<Intent>,
    goal: Goal,
    kill_after: Option<Duration>,
    check: Option<CheckRule>,
}

impl Request {
    /// Any intent, done when `goal` is reached.
    ///
    /// ```
    /// use svclient::{Goal, Op, Request};
    ///
    /// // Lets the supervisor end once the service is down (`svc -x`, `sv exit`).
    /// let leave = Request::new(Op::StopExit, Goal::Gone);
    /// assert_eq!(leave.goal(), Goal::Gone);
    /// ```
    pub fn new(intent: impl Into<Intent>, goal: Goal) -> Self {
        Self::of(intent.into(), goal)
    }

    const fn of(intent: Intent, goal: Goal) -> Self {
        Self { intent: Some(intent), goal, kill_after: None, check: None }
    }

    /// Want up; done when a process is there that will stay.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Request, scripted::Scripted};
    ///
    /// let web = Scripted::new("web"); // or `Service::open(…)?`, or a unit
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// let outcome = Request::up().pursue(&web, deadline)?;
    /// println!("{}: {outcome}", web.name());
    /// # use svclient::Supervised as _;
    /// # assert!(outcome.is_reached());
    /// # Ok::<(), svclient::Error>(())
    /// ```
    pub const fn up() -> Self {
        Self::of(Intent::Up, Goal::Up)
    }

    /// Want down; done when no process is left, `finish` included.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{OutcomeKind, Request, scripted::Scripted};
    ///
    /// let web = Scripted::new("web");
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// assert_eq!(Request::down().pursue(&web, deadline)?.kind(), OutcomeKind::Already);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    pub const fn down() -> Self {
        Self::of(Intent::Down, Goal::Down)
    }

    /// One run and no other; done when it has begun.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Request, scripted::Scripted};
    ///
    /// let job = Scripted::new("job");
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// assert!(Request::once().pursue(&job, deadline)?.is_reached());
    /// # Ok::<(), svclient::Error>(())
    /// ```
    pub const fn once() -> Self {
        Self::of(Intent::Once, Goal::Up)
    }

    /// Ends the process, if there is one, and wants the service up; done when a process is there
    /// that was started after the request. A service that is down is started.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Request, scripted::Scripted, Supervised};
    ///
    /// let web = Scripted::new("web");
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// Request::up().pursue(&web, deadline)?;
    /// let before = web.status()?.pid();
    /// Request::restart().kill_after(Duration::from_secs(5)).pursue(&web, deadline)?;
    /// assert_ne!(web.status()?.pid(), before);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    pub const fn restart() -> Self {
        Self::of(Intent::Restart, Goal::Restarted)
    }

    /// Lets it read its configuration again; done when that is delivered, or where the supervisor
    /// tells of it, when it is done.
    ///
    /// ```
    /// use svclient::{Intent, Request, scripted::Scripted};
    ///
    /// let web = Scripted::new("web");
    /// Request::reload().send(&web)?;
    /// assert_eq!(web.requests(), [Intent::Reload]);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    pub const fn reload() -> Self {
        Self::of(Intent::Reload, Goal::Known)
    }

    /// Nothing is asked; done when it is so.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use svclient::{Goal, Request, scripted::Scripted};
    ///
    /// let web = Scripted::new("web");
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// assert!(Request::wait(Goal::Down).pursue(&web, deadline)?.is_reached());
    /// assert!(web.requests().is_empty(), "nothing is asked");
    /// # Ok::<(), svclient::Error>(())
    /// ```
    pub const fn wait(goal: Goal) -> Self {
        Self { intent: None, goal, kill_after: None, check: None }
    }

    /// What `sv check` waits for: by the rule of one version or another, and with the `check`
    /// script of a service directory under runit. See [`CheckRule`].
    pub const fn check(rule: CheckRule) -> Self {
        let goal = match rule {
            CheckRule::Runit2_1 => Goal::Known,
            CheckRule::Runit2_3 => Goal::AsWanted,
        };
        Self { check: Some(rule), ..Self::wait(goal) }
    }

    /// The same request, done at another goal: ready, say, or up for a while. After a restart that
    /// is asked of the new process.
    ///
    /// [`Goal::Ready`] is what the service says of itself; where it says nothing, what
    /// [`crate::Bulk::ready_when`] asks, and else, under runit, the `check` script of its
    /// directory.
    ///
    /// ```
    /// use std::time::Duration;
    /// use svclient::{Goal, Request};
    ///
    /// let stays = Request::up().until(Goal::UpFor(Duration::from_secs(3)));
    /// assert_eq!(stays.goal().to_string(), "up-for=3s");
    /// ```
    pub const fn until(self, goal: Goal) -> Self {
        Self { goal, ..self }
    }

    /// The same request; a process that is still there after so long gets SIGKILL.
    ///
    /// ```
    /// use std::time::Duration;
    /// use svclient::Request;
    ///
    /// let request = Request::down().kill_after(Duration::from_secs(5));
    /// assert_eq!(request.kills_after(), Some(Duration::from_secs(5)));
    /// ```
    pub const fn kill_after(self, after: Duration) -> Self {
        Self { kill_after: Some(after), ..self }
    }

    /// What is asked; `None` for a wait alone.
    #[must_use]
    pub const fn intent(&self) -> Option<Intent> {
        self.intent
    }

    /// What is waited for.
    #[must_use]
    pub const fn goal(&self) -> Goal {
        self.goal
    }

    /// After how long a process that is still there gets SIGKILL.
    #[must_use]
    pub const fn kills_after(&self) -> Option<Duration> {
        self.kill_after
    }

    /// By which rule a `check` script is asked besides.
    pub(super) const fn check_rule(&self) -> Option<CheckRule> {
        self.check
    }

    /// Asks one service and waits for nothing. What becomes of it is in the [`Pending`], where the
    /// supervisor says so.
    ///
    /// ```
    /// use svclient::{Request, scripted::Scripted};
    ///
    /// let web = Scripted::new("web");
    /// let pending = Request::up().send(&web)?;
    /// assert!(!pending.tells(), "looks decide");
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Supervised::request`].
    pub fn send(&self, service: &(impl Supervised + ?Sized)) -> Result<Pending, Error> {
        match &self.intent {
            Some(intent) => service.request(intent),
            None => Ok(Pending::read()),
        }
    }

    /// What to wait for first, and what after that.
    pub(super) const fn goals(&self) -> (Goal, Option<Goal>) {
        match (self.intent, self.goal) {
            (Some(Intent::Restart), Goal::Up | Goal::Restarted) => (Goal::Restarted, None),
            (
                Some(Intent::Restart),
                goal @ (Goal::Ready | Goal::ReadyOrUp | Goal::UpFor(_) | Goal::AsWanted),
            ) => (Goal::Restarted, Some(goal)),
            (_, goal) => (goal, None),
        }
    }

    /// Whether a supervisor that says the request is done says that the goal is reached.
    pub(super) const fn is_done_when_told(&self) -> bool {
        matches!(
            (self.intent, self.goal),
            (Some(Intent::Up | Intent::Once), Goal::Up)
                | (Some(Intent::Down), Goal::Down | Goal::Finished)
                | (Some(Intent::Restart), Goal::Restarted | Goal::Up)
                | (Some(_), Goal::Known)
        )
    }
}
