//! When it is asked whether a run is ready, and whether it is well; and when it is not.

use std::time::Duration;

use super::{
    asking::{Answer, Asking},
    event::Unwell,
    probe_rules::{ProbeRules, Question, ReadyBy},
    reap::Process,
};

/// Until a service that was just started is asked for the first time; then it doubles.
const FIRST: Duration = Duration::from_millis(20);
/// Between two questions whether it is ready, at most.
const LONGEST: Duration = Duration::from_secs(1);
/// For the answer whether it is ready.
const ANSWER: Duration = Duration::from_secs(10);

/// What is asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Nothing,
    Ready,
    Health,
}

/// The probes of one run. Moments are on the steady clock.
#[derive(Debug)]
pub(crate) struct Probes {
    rules: ProbeRules,
    phase: Phase,
    asking: Option<Asking>,
    /// The answer that comes is to another run, or to what is not asked any more.
    is_stale: bool,
    /// When to stop waiting for the answer.
    patience: Option<Duration>,
    /// When to ask again.
    next: Option<Duration>,
    pause: Duration,
    failures: u32,
    /// When it is too late to be ready.
    late: Option<Duration>,
    /// How long it may say nothing, and until when.
    watchdog: Option<Duration>,
    silent: Option<Duration>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is to be asked.
    Ask(Question),
    /// It has answered, and so is ready.
    Ready,
    /// It is not as it should be.
    Unwell(Unwell),
}

impl Probes {
    pub(crate) const fn new() -> Self {
        Self {
            rules: ProbeRules::NONE,
            phase: Phase::Nothing,
            asking: None,
            is_stale: false,
            patience: None,
            next: None,
            pause: FIRST,
            failures: 0,
            late: None,
            watchdog: None,
            silent: None,
        }
    }

    /// A run has begun; `tells` if it says by itself that it is ready.
    pub(crate) fn begin(&mut self, rules: &ProbeRules, tells: bool, now: Duration) {
        self.end();
        self.rules.clone_from(rules);
        self.watchdog = rules.watchdog;
        if tells || rules.ready.is_some() {
            self.late = rules.ready_timeout.map(|timeout| now.saturating_add(timeout));
        } else {
            self.is_ready(now);
        }
        if matches!(rules.ready, Some(ReadyBy::Asking(_))) {
            self.phase = Phase::Ready;
            self.pause = FIRST;
            self.next = Some(now.saturating_add(FIRST));
        }
    }

    /// The run has ended, or is to end: nothing more is asked.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Nothing;
        (self.next, self.late, self.silent) = (None, None, None);
        self.failures = 0;
        self.drop_question();
    }

    /// It is ready; from now on it is to be well.
    pub(crate) fn is_ready(&mut self, now: Duration) {
        self.late = None;
        self.drop_question();
        self.is_alive(now);
        if self.rules.health.is_some() {
            self.phase = Phase::Health;
            self.next = Some(now.saturating_add(self.rules.every));
        } else {
            self.phase = Phase::Nothing;
            self.next = None;
        }
    }

    /// It said that it is alive.
    pub(crate) fn is_alive(&mut self, now: Duration) {
        self.silent = self.watchdog.map(|watchdog| now.saturating_add(watchdog));
    }

    /// It is to be heard of so often.
    pub(crate) fn set_watchdog(&mut self, watchdog: Duration, now: Duration) {
        self.watchdog = Some(watchdog).filter(|it| !it.is_zero());
        if self.silent.is_some() {
            self.is_alive(now);
        }
    }

    /// It asks for more time to be ready.
    pub(crate) fn extend(&mut self, until: Duration) {
        self.late = self.late.map(|late| late.max(until));
        self.silent = self.silent.map(|silent| silent.max(until));
    }

    /// It was late at a moment at which nothing could be done about that.
    pub(crate) fn late_again(&mut self, now: Duration) {
        self.late = Some(now.saturating_add(LONGEST));
    }

    /// A script that is under way is killed, and waited for.
    fn drop_question(&mut self) {
        if let Some(asking) = self.asking.take() {
            self.asking = asking.give_up().0;
        }
        self.is_stale = self.asking.is_some();
        self.patience = None;
    }

    /// What to wait for.
    pub(crate) const fn asking(&self) -> Option<&Asking> {
        self.asking.as_ref()
    }

    /// When something is due.
    pub(crate) fn due(&self) -> Option<Duration> {
        let next = self.next.filter(|_| self.asking.is_none());
        [next, self.patience, self.late, self.silent].into_iter().flatten().min()
    }

    /// What is due by now; nothing is expected of one that is paused.
    pub(crate) fn ring(&mut self, is_paused: bool, now: Duration) -> Option<Due> {
        let is_overdue = self.patience.take_if(|at| *at <= now).is_some();
        if let Some(asking) = self.asking.take_if(|_| is_overdue) {
            let (asking, answer) = asking.give_up();
            self.asking = asking;
            if let Some(due) = self.weigh(answer, now) {
                return Some(due);
            }
        }
        if self.late.take_if(|at| *at <= now).is_some() {
            if !is_paused {
                return Some(Due::Unwell(Unwell::NotReady));
            }
            self.late = self.rules.ready_timeout.map(|timeout| now.saturating_add(timeout));
        }
        if self.silent.take_if(|at| *at <= now).is_some() {
            self.is_alive(now);
            if !is_paused {
                return Some(Due::Unwell(Unwell::Silent));
            }
        }
        if self.asking.is_none() && self.next.take_if(|at| *at <= now).is_some() {
            let question = match self.phase {
                Phase::Nothing => None,
                Phase::Ready => match &self.rules.ready {
                    Some(ReadyBy::Asking(question)) => Some(question.clone()),
                    _ => None,
                },
                Phase::Health => self.rules.health.clone(),
            };
            if is_paused {
                self.next = Some(now.saturating_add(self.rules.every));
                return None;
            }
            return question.map(Due::Ask);
        }
        None
    }

    /// It was asked; without anything to wait for, the answer is no.
    pub(crate) fn asked(&mut self, asking: Option<Asking>, now: Duration) -> Option<Due> {
        self.is_stale = false;
        let patience = if self.phase == Phase::Health { self.rules.timeout } else { ANSWER };
        self.patience = asking.is_some().then(|| now.saturating_add(patience));
        self.asking = asking;
        if self.asking.is_none() { self.weigh(Some(false), now) } else { None }
    }

    /// The descriptor of what was asked has something.
    pub(crate) fn hear(&mut self, now: Duration) -> Option<Due> {
        let (asking, answer) = self.asking.take()?.go_on();
        self.asking = asking;
        self.weigh(answer, now)
    }

    fn weigh(&mut self, answer: Answer, now: Duration) -> Option<Due> {
        let is_well = answer?;
        self.patience = None;
        if std::mem::take(&mut self.is_stale) {
            return None;
        }
        match self.phase {
            Phase::Nothing => None,
            Phase::Ready if is_well => Some(Due::Ready),
            Phase::Ready => {
                self.pause = self.pause.saturating_mul(2).min(LONGEST);
                self.next = Some(now.saturating_add(self.pause));
                None
            }
            Phase::Health => {
                self.next = Some(now.saturating_add(self.rules.every));
                self.failures = if is_well { 0 } else { self.failures.saturating_add(1) };
                let is_unwell = self.failures >= self.rules.failures;
                is_unwell.then(|| {
                    self.failures = 0;
                    Due::Unwell(Unwell::Unanswered)
                })
            }
        }
    }

    /// The process that was asked.
    pub(crate) fn process(&self) -> Option<&Process> {
        self.asking.as_ref().and_then(Asking::process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> ProbeRules {
        ProbeRules::from_text(text)
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Asks at each moment that is due, and answers; the moments at which it was asked.
    fn asked(probes: &mut Probes, mut answer: impl FnMut() -> bool, times: usize) -> Vec<u64> {
        let mut moments = Vec::new();
        while moments.len() < times {
            let now = probes.due().unwrap();
            if matches!(probes.ring(false, now), Some(Due::Ask(_))) {
                moments.push(u64::try_from(now.as_millis()).unwrap());
                let due = probes.weigh(Some(answer()), now);
                assert!(due.is_none() || moments.len() == times, "{due:?}");
            }
        }
        moments
    }

    #[test]
    fn whether_it_is_ready_is_asked_soon_and_then_ever_less_often() {
        let mut probes = Probes::new();
        probes.begin(&rules("ready tcp 127.0.0.1:1\n"), false, at(1000));
        let moments = asked(&mut probes, || false, 9);
        assert_eq!(moments, [1020, 1060, 1140, 1300, 1620, 2260, 3260, 4260, 5260]);
        probes.is_ready(at(6000));
        assert_eq!(probes.due(), None, "nothing is asked of one that is ready");
    }

    #[test]
    fn so_many_failures_in_a_row_are_too_many_and_an_answer_begins_anew() {
        let mut probes = Probes::new();
        probes.begin(&rules("health tcp 127.0.0.1:1\nhealth failures 2\n"), false, at(0));
        let mut answers = [false, true, false].into_iter();
        assert_eq!(asked(&mut probes, || answers.next().unwrap(), 3), [10_000, 20_000, 30_000]);
        assert!(matches!(probes.ring(false, at(40_000)), Some(Due::Ask(_))));
        let unwell = Due::Unwell(Unwell::Unanswered);
        assert_eq!(probes.weigh(Some(false), at(40_000)), Some(unwell));
    }

    #[test]
    fn what_is_paused_is_neither_late_nor_silent_nor_asked() {
        let mut probes = Probes::new();
        probes.begin(&rules("ready notify\nready timeout 100\nwatchdog 50\n"), false, at(0));
        assert_eq!(probes.due(), Some(at(100)), "a watchdog begins with readiness");
        assert_eq!(probes.ring(true, at(100)), None);
        assert_eq!(probes.ring(false, at(200)), Some(Due::Unwell(Unwell::NotReady)));
        probes.begin(&rules("ready notify\nwatchdog 50\n"), false, at(300));
        probes.is_ready(at(300));
        probes.is_alive(at(340));
        assert_eq!((probes.due(), probes.ring(true, at(390))), (Some(at(390)), None));
        assert_eq!(probes.ring(false, at(440)), Some(Due::Unwell(Unwell::Silent)));
        probes.extend(at(1000));
        assert_eq!(probes.due(), Some(at(1000)));
        probes.end();
        assert_eq!(probes.due(), None);
    }
}
