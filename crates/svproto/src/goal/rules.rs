//! The rules by which a record decides a wait. They are asked in this order, and the first that has an
//! answer decides.
//!
//! | rule                | is about                                                                  |
//! |---------------------|---------------------------------------------------------------------------|
//! | `OnceDuringFinish`  | runit, s6: `once` that is asked for while `finish` runs starts no further run |
//! | `ContraryWant`      | the want is not what was asked for: the request is not read yet, or somebody else has asked since |
//! | `PausedProcess`     | a process that SIGSTOP has stopped is not up, and a request for a process does not continue it |
//! | `LeavingProcess`    | a process that was told to end before the request is not up               |
//! | `Reached`           | the facts are those of the goal                                           |
//! | `GivenUp`           | the service is down, and its supervisor will not start it again           |
//!
//! A rule may wait for another record, for [`LAST_WORD`] on the steady clock. Meanwhile the [`Pursuit`]
//! holds the rule and the moment at which it began to wait.

use core::time::Duration;

use super::{Goal, Pursuit, Read, Verdict};
use crate::{Cause, Facts, Now, Op, Phase, Pid, Readiness, Stage, State, UnixTime, Want};

/// How long a rule waits for another record. A want that is contrary to a request may come from an older
/// request that is read only now: daemontools may leave its FIFO unread for 1.8 s. A want that stays
/// for longer than this is what somebody else has asked for.
pub(super) const LAST_WORD: Duration = Duration::from_secs(3);

const PENDING: Verdict = Verdict::Pending { look_again: None };

/// The rules, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    OnceDuringFinish,
    ContraryWant,
    PausedProcess,
    LeavingProcess,
    Reached,
    GivenUp,
}

const RULES: [Rule; 6] = [
    Rule::OnceDuringFinish,
    Rule::ContraryWant,
    Rule::PausedProcess,
    Rule::LeavingProcess,
    Rule::Reached,
    Rule::GivenUp,
];

/// Now, and the rule that waited when the last record was judged, with the moment at which it began.
#[derive(Clone, Copy)]
struct At {
    now: Now,
    waited: Option<(Rule, Duration)>,
}

impl Pursuit {
    /// What the rules say of a record.
    pub(super) fn judge(&mut self, facts: &Facts, now: Now) -> Verdict {
        self.note(facts, now);
        let at = At { now, waited: self.waiting.take() };
        for rule in RULES {
            let said = match rule {
                Rule::OnceDuringFinish => self.once_during_finish(facts, at),
                Rule::ContraryWant => self.contrary_want(facts, at),
                Rule::PausedProcess => self.paused_process(facts, at),
                Rule::LeavingProcess => self.leaving_process(facts, at),
                Rule::Reached => self.reached(facts, at),
                Rule::GivenUp => self.given_up(facts),
            };
            if let Some(verdict) = said {
                return verdict;
            }
        }
        PENDING
    }

    /// Keeps what a record shows once and later ones may not: that a signal was sent, when a run was
    /// first seen.
    fn note(&mut self, facts: &Facts, now: Now) {
        let had_not = self.base().is_some_and(|base| base.got_term == Some(false));
        if facts.got_term == Some(true) && had_not && self.read == Read::Unknown {
            self.read = Read::One;
        }
        let is_same = self.run.as_ref().is_some_and(|run| run.is_of(facts));
        if !is_same {
            let had_one = self.run.as_ref().is_some_and(Run::has_process);
            self.had_another |= had_one && matches!(facts.phase, Phase::Up);
            self.run = Run::begun(facts, self.looked, now);
        }
        self.looked = now;
    }

    fn base(&self) -> Option<&Facts> {
        self.baseline.facts()
    }

    /// Lets a rule wait: its answer until it has waited long enough, and `None` from then on.
    fn wait(&mut self, rule: Rule, at: At) -> Option<Verdict> {
        let since = match at.waited {
            Some((of, since)) if of == rule => since,
            _ => at.now.steady,
        };
        self.waiting = Some((rule, since));
        let until = since.saturating_add(LAST_WORD);
        (at.now.steady < until).then_some(Verdict::Pending { look_again: Some(until) })
    }

    /// A run that was asked for while `finish` ran. runit and s6 then take it for "let this run be the
    /// last", which that run is anyway: the service goes down without another one.
    fn once_during_finish(&mut self, facts: &Facts, at: At) -> Option<Verdict> {
        let base = self.base()?;
        if self.wish != Wish::Once || base.phase != Phase::Finish || !is_down(facts) {
            return None;
        }
        if matches!(facts.want, Some(Want::Up)) {
            // Between two runs, and the request is not read yet: from here on a wait like any other.
            self.baseline = crate::Reading::Record(*facts);
            return Some(PENDING);
        }
        let never = Verdict::Never(self.why_down(facts));
        Some(self.wait(Rule::OnceDuringFinish, at).unwrap_or(never))
    }

    /// What a want means that is contrary to the request.
    fn contrary_want(&mut self, facts: &Facts, at: At) -> Option<Verdict> {
        let base = self.base().and_then(|base| base.want);
        let met_before = base.is_some() && self.wish.is_met_by(base);
        if self.wish == Wish::Up && is_started(facts) {
            // Its `start` script has run, and there is nothing more to start.
            return None;
        }
        if self.wish.is_met_by(facts.want) {
            let was_contrary = matches!(at.waited, Some((Rule::ContraryWant, _)));
            if !met_before || was_contrary {
                self.read = Read::This;
            }
            return None;
        }
        if self.read != Read::This {
            if !met_before && !self.has_run_since(facts) {
                // Still the want from before the request.
                return Some(PENDING);
            }
            if let Some(pending) = self.wait(Rule::ContraryWant, at) {
                return Some(pending);
            }
        }
        Some(match self.wish {
            Wish::Down => Verdict::Never(Cause::WantedUpAgain),
            // It was wanted up, and is not any more.
            Wish::Up if is_down(facts) => Verdict::Never(self.why_down(facts)),
            Wish::Up if self.goal == Goal::Up && goes_on(facts) => Verdict::Reached,
            Wish::Up | Wish::Once | Wish::None => PENDING,
        })
    }

    /// A process that SIGSTOP has stopped. A request for a process does not continue it, so its wait ends here, after
    /// some time for a `cont` that somebody else has sent. A wait without a request goes on.
    fn paused_process(&mut self, facts: &Facts, at: At) -> Option<Verdict> {
        let needs_a_process =
            matches!(self.goal, Goal::Up | Goal::Ready | Goal::ReadyOrUp | Goal::UpFor(_));
        let asks = matches!(self.wish, Wish::Up | Wish::Once);
        if !needs_a_process || !asks || !is_up(facts) || goes_on(facts) {
            return None;
        }
        Some(self.wait(Rule::PausedProcess, at).unwrap_or(Verdict::Never(Cause::Paused)))
    }

    /// A process that was told to end before it was wanted up again: it will end, and another will start.
    ///
    /// s6 writes the same record for a process that was told to end and for one whose run is to be the
    /// last. The second kind goes on, so a process that is still there after the wait counts as up.
    fn leaving_process(&mut self, facts: &Facts, at: At) -> Option<Verdict> {
        let base = self.base()?;
        let is_same = base.pid.is_some() && base.pid == facts.pid && base.since == facts.since;
        let asks_for_one =
            matches!(self.goal, Goal::Up | Goal::Ready | Goal::ReadyOrUp | Goal::UpFor(_));
        if !asks_for_one || self.wish != Wish::Up || !is_up(facts) || !is_same {
            return None;
        }
        match (base.stage, base.got_term, base.want) {
            (Stage::Stopping, _, _) | (_, Some(true), _) => Some(PENDING),
            // Only runit tells whether SIGTERM was sent, and it says that it was not.
            (_, None, Some(Want::Down)) => self.wait(Rule::LeavingProcess, at),
            _ => None,
        }
    }

    /// Whether the goal is reached, will be reached by time alone, or cannot be told.
    fn reached(&self, facts: &Facts, at: At) -> Option<Verdict> {
        let is_another_stamp = || is_another(self.base().and_then(|base| base.since), facts.since);
        let is_reached = match self.goal {
            Goal::Up => self.is_up(facts),
            Goal::ReadyOrUp if facts.readiness == Readiness::NotReported => self.is_up(facts),
            Goal::UpFor(span) => return self.up_for(span, facts, at.now),
            Goal::Ready | Goal::ReadyOrUp => match facts.readiness {
                Readiness::Ready { .. } => !is_paused(facts),
                Readiness::NotReported if is_up(facts) => {
                    return Some(Verdict::Never(Cause::NoReadiness));
                }
                _ => false,
            },
            Goal::Restarted => {
                (goes_on(facts) && self.is_another_run(facts))
                    || ((is_held(facts) || is_started(facts)) && is_another_stamp())
            }
            Goal::Down => is_down(facts) && !matches!(facts.want, Some(Want::Up)),
            Goal::Finished if self.asks_for_a_run() => {
                self.had_another || (is_down(facts) && is_another_stamp())
            }
            Goal::Finished => is_down(facts) || self.is_another_run(facts),
            Goal::Gone => false,
            Goal::AsWanted => match facts.want {
                Some(Want::Up) => goes_on(facts) || is_held(facts),
                Some(Want::Down) => is_down(facts),
                _ => goes_on(facts) || is_down(facts),
            },
            Goal::Known | Goal::Supervised => true,
        };
        is_reached.then_some(Verdict::Reached)
    }

    fn is_up(&self, facts: &Facts) -> bool {
        goes_on(facts) || is_held(facts) || self.has_run_once(facts)
    }

    fn up_for(&self, span: Duration, facts: &Facts, now: Now) -> Option<Verdict> {
        let run = self.run.as_ref().filter(|_| goes_on(facts) && facts.since.is_some())?;
        let left = minus(span, run.age(now));
        if left.is_zero() {
            return Some(Verdict::Reached);
        }
        Some(Verdict::Pending { look_again: Some(plus(now.steady, left)) })
    }

    /// For goals that need a process: never, once the supervisor will not start one any more.
    fn given_up(&self, facts: &Facts) -> Option<Verdict> {
        let needs_a_process = matches!(
            self.goal,
            Goal::Up | Goal::UpFor(_) | Goal::Ready | Goal::ReadyOrUp | Goal::Restarted
        );
        let is_down_for_good =
            is_down(facts) && !matches!(facts.want, Some(Want::Up)) && self.is_an_end(facts);
        (needs_a_process && is_down_for_good && self.has_begun(facts))
            .then(|| Verdict::Never(self.why_down(facts)))
    }

    const fn why_down(&self, facts: &Facts) -> Cause {
        let exit = facts.last_exit;
        if self.refused { Cause::Refused { exit } } else { Cause::GivenUp { exit } }
    }

    /// Whether "down" means that no other run will follow. Where the record has no want, the service may
    /// merely have been down from the beginning: then only a newer record, or the supervisor's word, shows it.
    fn is_an_end(&self, facts: &Facts) -> bool {
        facts.want.is_some()
            || matches!(facts.stage, Stage::Failed | Stage::Exited)
            || self.base().is_some_and(|base| base.since != facts.since)
    }

    /// Whether "down and not wanted up" is an outcome and not merely how the wait began: a wait without a
    /// request may still see the service started.
    fn has_begun(&self, facts: &Facts) -> bool {
        match self.wish {
            Wish::Up | Wish::Down => true,
            Wish::Once => false,
            Wish::None => self
                .base()
                .is_some_and(|base| base.since != facts.since && base.phase != Phase::Down),
        }
    }

    /// Whether a service that was down has had a run that no look saw: it was started, ended and was given
    /// up between two looks.
    fn has_run_since(&self, facts: &Facts) -> bool {
        self.base().is_some_and(|base| is_down(base) && is_another(base.since, facts.since))
    }

    /// Whether the one run that was asked for is over already. Its end is all that is left to see
    /// of a run of a millisecond.
    fn has_run_once(&self, facts: &Facts) -> bool {
        let since = self.base().and_then(|base| base.since);
        self.wish == Wish::Once && is_down(facts) && is_another(since, facts.since)
    }

    /// Whether no run was going on when one was asked for. Then [`Goal::Finished`] is about the new run.
    fn asks_for_a_run(&self) -> bool {
        matches!(self.wish, Wish::Up | Wish::Once) && self.base().is_some_and(is_down)
    }

    /// Whether a process is another one than that of the baseline: another start, at full precision,
    /// or another pid.
    fn is_another_run(&self, facts: &Facts) -> bool {
        let is_same = |base: &Facts| base.pid == facts.pid && !is_another(base.since, facts.since);
        facts.pid.is_some() && !self.base().is_some_and(is_same)
    }
}

/// What the want must be once the supervisor has read the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// No request, or one that leaves no trace in the record.
    None,
    Up,
    Down,
    Once,
}

impl Wish {
    pub(super) const fn of(op: Option<Op>) -> Self {
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

/// A run that was seen: how long it had lasted then, and when that was on the steady clock. From then on
/// the wall clock does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pid: Option<Pid>,
    since: Option<UnixTime>,
    age: Duration,
    at: Duration,
}

impl Run {
    /// One that was there at the first look: only its stamp tells its age.
    pub(super) fn found(facts: &Facts, now: Now) -> Option<Self> {
        let since = facts.since?;
        let age = since.elapsed(now.wall);
        Some(Self { pid: facts.pid, since: Some(since), age, at: now.steady })
    }

    /// One that began after the last look, so it is not older than the time since then. Where the wall
    /// clock was stepped in between, its age counts from this look.
    fn begun(facts: &Facts, before: Now, now: Now) -> Option<Self> {
        let passed = minus(now.steady, before.steady);
        let expected = before.wall.saturating_add(passed);
        let off = expected.elapsed(now.wall).max(now.wall.elapsed(expected));
        let longest = if off > CLOCKS_AGREE { Duration::ZERO } else { passed };
        Self::found(facts, now).map(|run| Self { age: run.age.min(longest), ..run })
    }

    const fn has_process(&self) -> bool {
        self.pid.is_some()
    }

    fn is_of(&self, facts: &Facts) -> bool {
        self.pid == facts.pid && self.since == facts.since
    }

    fn age(&self, now: Now) -> Duration {
        plus(self.age, minus(now.steady, self.at))
    }
}

/// The difference, zero at least. `Duration`'s own could panic, for all that the compiler sees.
fn minus(a: Duration, b: Duration) -> Duration {
    of_nanos(a.as_nanos().saturating_sub(b.as_nanos()))
}

/// The sum, which ends at 584 years.
fn plus(a: Duration, b: Duration) -> Duration {
    of_nanos(a.as_nanos().saturating_add(b.as_nanos()))
}

fn of_nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// By how much the clocks may differ without a step: they are read one after the other, and one may be slewed.
const CLOCKS_AGREE: Duration = Duration::from_secs(1);

/// Another stamp, also an earlier one: the wall clock may have been stepped back.
fn is_another(before: Option<UnixTime>, after: Option<UnixTime>) -> bool {
    after.is_some() && after != before
}

fn is_up(facts: &Facts) -> bool {
    matches!(facts.state(), State::Up | State::Ready | State::Paused | State::Starting)
        && matches!(facts.phase, Phase::Up)
        // What runs before `run` (encore), or may turn out not to be executable (systemd).
        && !matches!(facts.stage, Stage::Starting)
}

/// There is a process of `run`, and nobody has stopped it.
fn goes_on(facts: &Facts) -> bool {
    is_up(facts) && !is_paused(facts)
}

fn is_paused(facts: &Facts) -> bool {
    matches!(facts.state(), State::Paused)
}

/// Its process has ended well, and its supervisor counts it as up from then on (systemd).
fn is_held(facts: &Facts) -> bool {
    matches!((facts.phase, facts.stage, facts.want), (Phase::Down, Stage::Exited, Some(Want::Up)))
}

/// Its `start` script has ended well, and there is no `run` (encore): up without a process, whatever is
/// wanted of one.
fn is_started(facts: &Facts) -> bool {
    let is_up = matches!((facts.phase, facts.stage), (Phase::Up, Stage::NotReported));
    is_up && facts.pid.is_none() && !matches!(facts.want, Some(Want::Down))
}

/// No process at all. runit's record may call a service down whose process lives.
fn is_down(facts: &Facts) -> bool {
    matches!(facts.phase, Phase::Down) && facts.pid.is_none()
}
