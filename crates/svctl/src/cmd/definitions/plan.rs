//! What may start, what waits for what, and when the whole ends and with which code: decisions alone, without
//! files, processes and a clock.
//!
//! Whoever carries them out tells what was [seen](Plan::observe) and what [failed](Plan::refused), and asks for
//! the next [steps](Plan::steps).
//!
//! | of a service      | is so far when                                       | cannot come any more when        |
//! |-------------------|------------------------------------------------------|----------------------------------|
//! | `up`              | it has a process, or had one                         | it cannot be started, is held back |
//! | `ready`           | it said so, or was found to be                       | it has ended for good; not in time |
//! | `done`            | the job has ended with success                       | it has ended for good with another code |
//!
//! What is late may still come, and what has failed may be started again by hand: whoever was held back then starts.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use svcmgr::{
    LastExit, Pid, State, Status, Want,
    build::{
        Definitions,
        spec::{Critical, Kind, When},
    },
    signal_name,
};

use crate::{exit::Exit, text};

/// A service that is not ready in so long a time holds back what waits for it, unless its definition says in which.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Everything that is to be started, and how far it is.
#[derive(Debug)]
pub(crate) struct Plan {
    parts: BTreeMap<String, Part>,
    /// How one of them ended.
    ended: Option<(String, LastExit)>,
    is_settled: bool,
    /// The whole ends once nothing runs, also where services have ended for good.
    ends_with_services: bool,
}

/// One service or job.
#[expect(clippy::struct_excessive_bools, reason = "facts, each on its own")]
#[derive(Debug)]
struct Part {
    is_job: bool,
    /// Exit codes that are as good as 0.
    success: Vec<u8>,
    /// How far it is when it is as far as it can be waited for.
    goal: When,
    timeout: Duration,
    ties: Vec<Tie>,
    /// With which of its ends all end.
    critical: Option<Critical>,
    /// Nobody starts it by himself.
    is_left: bool,
    /// `down` stands in its definition.
    is_down: bool,
    begun: Option<Duration>,
    pid: Option<Pid>,
    ran: bool,
    ready: bool,
    /// How it ended for good.
    over: Option<LastExit>,
    /// How it ended last.
    exit: Option<LastExit>,
    is_late: bool,
    /// Its supervisor does not start it any more: that was too often.
    gave_up: bool,
    refused: Option<String>,
    /// Why it is held back, as it was told.
    held: Option<String>,
}

/// For whom it waits.
#[derive(Debug)]
struct Tie {
    service: String,
    when: Option<When>,
    /// `wants`: it starts whatever becomes of that one.
    in_any_case: bool,
}

/// What is to be done, or told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start it; if its directory has a `down`, ask for it.
    Start { name: String, ask: bool },
    /// To be told: what became of it.
    Tell { name: String, what: String },
    /// All that is to be up is up, and ready where it says so.
    Ready,
    /// Nothing runs, and nothing will: all were jobs.
    Finished,
    /// One with which all ends has ended.
    End { name: String, exit: LastExit },
}

/// Why one is not begun.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// For these to come so far.
    For(Vec<String>),
    /// What it needs cannot come any more, or it cannot be started itself.
    Never(String),
}

/// Whether a service is as far as another wants it.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Reached,
    Pending,
    Never(String),
}

impl Plan {
    /// Of definitions that were checked: every name is known, and nothing waits in a circle.
    pub(crate) fn new(definitions: &Definitions, exit_with: &[String]) -> Self {
        let services = &definitions.service;
        let pulled: BTreeSet<&str> = services
            .values()
            .flat_map(|it| it.needs.iter().chain(&it.wants))
            .map(|need| need.service.as_str())
            .collect();
        let part = |(name, service): (&String, &svcmgr::build::Service)| {
            let tie = |in_any_case| {
                move |need: &svcmgr::build::spec::Need| Tie {
                    service: need.service.clone(),
                    when: need.when,
                    in_any_case,
                }
            };
            let strict = service.after.iter().chain(&service.needs).map(tie(false));
            let ties = strict.chain(service.wants.iter().map(tie(true))).collect();
            let part = Part {
                is_job: service.kind == Kind::Job,
                success: service.success.clone(),
                goal: match (service.kind, &service.ready) {
                    (Kind::Job, _) => When::Done,
                    (_, None) => When::Up,
                    (_, Some(_)) => When::Ready,
                },
                timeout: service
                    .ready
                    .as_ref()
                    .and_then(|ready| ready.timeout)
                    .map_or(TIMEOUT, |time| time.0),
                ties,
                critical: if exit_with.contains(name) {
                    Some(Critical::AnyEnd)
                } else {
                    service.critical
                },
                is_left: service.down && !pulled.contains(name.as_str()),
                is_down: service.down,
                begun: None,
                pid: None,
                ran: false,
                ready: false,
                over: None,
                exit: None,
                is_late: false,
                gave_up: false,
                refused: None,
                held: None,
            };
            (name.clone(), part)
        };
        let parts = services.iter().map(part).collect();
        Self { parts, ended: None, is_settled: false, ends_with_services: false }
    }

    /// The same, where nobody starts anything by hand once all have ended for good.
    pub(crate) fn ending_with_services(self) -> Self {
        Self { ends_with_services: true, ..self }
    }

    /// Other definitions take the place of these. What is known of a service stays, but for those that begin `anew`.
    pub(crate) fn take_up(&mut self, mut next: Self, anew: impl Fn(&str) -> bool) {
        for (name, part) in &mut next.parts {
            if let Some(old) = self.parts.remove(name).filter(|_| !anew(name)) {
                *part = Part {
                    success: std::mem::take(&mut part.success),
                    ties: std::mem::take(&mut part.ties),
                    is_job: part.is_job,
                    goal: part.goal,
                    timeout: part.timeout,
                    critical: part.critical,
                    is_left: part.is_left,
                    is_down: part.is_down,
                    ..old
                };
            }
        }
        self.parts = next.parts;
    }

    /// Whether it was started.
    pub(crate) fn is_begun(&self, name: &str) -> bool {
        self.parts.get(name).is_some_and(|part| part.begun.is_some())
    }

    /// It was looked at.
    pub(crate) fn observe(&mut self, name: &str, seen: &Status) {
        let Some(part) = self.parts.get_mut(name) else { return };
        let is_running = seen.pid().is_some();
        let exit = seen
            .exit()
            .filter(|exit| matches!(exit, LastExit::Exited { .. } | LastExit::Signaled { .. }));
        part.exit = exit.or(part.exit);
        part.ran |= is_running || exit.is_some();
        part.ready = seen.state() == State::Ready;
        part.pid = seen.pid();
        let rests = matches!(seen.state(), State::Down | State::Exited | State::Failed);
        // An end that somebody asked for, elsewhere, is none for good: its supervisor knows.
        let is_asked = seen.was_end_asked() == Some(true);
        let is_over = rests && !is_running && !is_asked && seen.want() != Some(Want::Up);
        part.gave_up = seen.state() == State::Failed;
        let was_over = part.over.is_some();
        part.over = exit.filter(|_| is_over);
        if let Some(exit) = part.over.filter(|_| !was_over && self.ended.is_none())
            && part.is_critical_after(exit)
        {
            self.ended = Some((name.to_owned(), exit));
        }
    }

    /// It could not be started.
    pub(crate) fn refused(&mut self, name: &str, why: &str) {
        if let Some(part) = self.parts.get_mut(name) {
            part.refused = Some(why.to_owned());
        }
    }

    /// When the passing of time alone leads to a step.
    pub(crate) fn due(&self) -> Option<Duration> {
        let due = |part: &Part| {
            let begun = part.begun.filter(|_| part.is_awaited() && !part.is_late)?;
            Some(begun.saturating_add(part.timeout))
        };
        self.parts.values().filter_map(due).min()
    }

    /// What is to be done now.
    pub(crate) fn steps(&mut self, now: Duration) -> Vec<Step> {
        if let Some((name, exit)) = self.ended.clone() {
            return vec![Step::End { name, exit }];
        }
        let mut steps = Vec::new();
        for (name, part) in &mut self.parts {
            let is_overdue = part.begun.is_some_and(|it| now.saturating_sub(it) >= part.timeout);
            if is_overdue && part.is_awaited() && !part.is_late {
                part.is_late = true;
                let name = name.clone();
                steps.push(Step::Tell { name, what: part.lateness() });
            }
        }
        let names: Vec<String> = self.parts.keys().cloned().collect();
        for name in names {
            let may = self.may_start(&name);
            let Some(part) = self.parts.get_mut(&name) else { continue };
            if part.begun.is_none() && !part.is_left && part.refused.is_none() {
                match may {
                    Progress::Reached => {
                        part.begun = Some(now);
                        part.held = None;
                        let (name, ask) = (name.clone(), part.is_down);
                        steps.push(Step::Start { name, ask });
                    }
                    Progress::Pending => part.held = None,
                    Progress::Never(why) if part.held.as_ref() != Some(&why) => {
                        let what = format!("held back: {why}");
                        part.held = Some(why);
                        steps.push(Step::Tell { name: name.clone(), what });
                    }
                    Progress::Never(_) => (),
                }
            }
        }
        self.settle(&mut steps);
        steps
    }

    /// All that there was to be started, and how that came out.
    fn settle(&mut self, steps: &mut Vec<Step>) {
        let has_services = self.parts.values().any(|it| it.begun.is_some() && !it.is_job);
        let is_well = self.parts.values().all(|it| it.is_left || it.is_there());
        let was_settled = std::mem::replace(&mut self.is_settled, is_well);
        let runs = |it: &Part| it.begun.is_some() && !it.is_job && it.over.is_none();
        if is_well && !was_settled && self.parts.values().any(runs) {
            steps.push(Step::Ready);
        }
        // What is down until it is asked for may be asked for yet.
        let is_over = |it: &Part| it.held.is_some() || it.refused.is_some() || it.over.is_some();
        let all_over = self.parts.values().all(|it| !it.is_left && is_over(it));
        let may_end = !has_services || self.ends_with_services;
        if all_over && may_end && steps.is_empty() {
            steps.push(Step::Finished);
        }
    }

    /// Whether all that it waits for has come.
    fn may_start(&self, name: &str) -> Progress {
        let ties = self.parts.get(name).map(|part| &*part.ties).unwrap_or_default();
        let mut pending = false;
        for tie in ties {
            match self.progress(&tie.service, tie.when) {
                Progress::Never(why) if !tie.in_any_case => return Progress::Never(why),
                Progress::Pending => pending = true,
                Progress::Never(_) | Progress::Reached => (),
            }
        }
        if pending { Progress::Pending } else { Progress::Reached }
    }

    /// How far it is on its way there.
    fn progress(&self, name: &str, when: Option<When>) -> Progress {
        // What is not among them is not being started.
        let Some(part) = self.parts.get(name).filter(|part| !part.is_left) else {
            return Progress::Reached;
        };
        if let Some(why) = &part.refused {
            return Progress::Never(format!("{name} cannot be started: {why}"));
        }
        if part.begun.is_none() {
            return match self.may_start(name) {
                Progress::Never(_) => Progress::Never(format!("{name} is held back itself")),
                _ => Progress::Pending,
            };
        }
        let when = when.unwrap_or(part.goal);
        if part.is_as_far_as(when) {
            return Progress::Reached;
        }
        match part.over {
            Some(exit) if part.gave_up => {
                Progress::Never(format!("{name} was given up: it {}", ended(exit)))
            }
            Some(exit) => Progress::Never(format!("{name} {}", ended(exit))),
            None if part.is_late => Progress::Never(format!("{name} {}", part.lateness())),
            None => Progress::Pending,
        }
    }

    /// What is not as it should be at the end, and what that makes of the whole.
    pub(crate) fn verdict(&self) -> (Exit, Vec<String>) {
        let mut worst = Exit::Done;
        let mut told = Vec::new();
        for (name, part) in &self.parts {
            let (exit, what) = if let Some(why) = &part.held {
                (Exit::Negative, format!("was held back: {why}"))
            } else if let Some(exit) = part.over.filter(|_| part.is_job && !part.is_done()) {
                (Exit::Negative, ended(exit))
            } else if let Some(exit) = part.over.filter(|_| part.gave_up) {
                (Exit::Negative, format!("was given up: it {}", ended(exit)))
            } else if part.is_late && part.is_awaited() {
                (Exit::Deadline, "was not ready".into())
            } else {
                continue;
            };
            worst = worst.max(exit);
            told.push(format!("{name} {what}"));
        }
        (worst, told)
    }

    /// What those that are not begun wait for, or why they are held back.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (&str, Waits)> {
        let of = |(name, part): (&'_ String, &Part)| {
            if part.begun.is_some() || part.is_left {
                return None;
            }
            if let Some(why) = &part.refused {
                return Some(Waits::Never(why.clone()));
            }
            Some(match self.may_start(name) {
                Progress::Never(why) => Waits::Never(why),
                Progress::Pending | Progress::Reached => Waits::For(self.pending(part)),
            })
        };
        self.parts.iter().filter_map(move |it| Some((it.0.as_str(), of(it)?)))
    }

    /// Who has to be where before it is started.
    fn pending(&self, part: &Part) -> Vec<String> {
        let is_pending = |tie: &&Tie| self.progress(&tie.service, tie.when) == Progress::Pending;
        let told = |tie: &Tie| {
            let goal = || self.parts.get(&tie.service).map(|it| it.goal);
            let word = match tie.when.or_else(goal) {
                Some(When::Ready) => "ready",
                Some(When::Done) => "done",
                _ => "up",
            };
            format!("{} to be {word}", tie.service)
        };
        part.ties.iter().filter(is_pending).map(told).collect()
    }

    /// How the one ended that has failed, if it is the only one.
    pub(crate) fn only_failure(&self) -> Option<LastExit> {
        let failed = |part: &Part| part.over.filter(|exit| !part.is_success(*exit));
        let mut all = self.parts.values().filter_map(failed);
        all.next().filter(|_| all.next().is_none())
    }

    /// Whether this end is one that was to come: a job's, which is told by its own code.
    pub(crate) fn is_job(&self, name: &str) -> bool {
        self.parts.get(name).is_some_and(|part| part.is_job)
    }
}

impl Part {
    /// Whether it is as far as it can be waited for.
    fn is_there(&self) -> bool {
        self.begun.is_some() && self.refused.is_none() && self.is_as_far_as(self.goal)
    }

    fn is_as_far_as(&self, when: When) -> bool {
        match when {
            When::Up => self.ran && !self.has_failed(),
            When::Ready => self.ready,
            When::Done => self.is_done(),
            _ => false,
        }
    }

    /// Whether it ran and will not come back by itself: a service that is not to be started again.
    fn has_failed(&self) -> bool {
        !self.is_job && self.over.is_some_and(|exit| !self.is_success(exit))
    }

    fn is_done(&self) -> bool {
        self.over.is_some_and(|exit| self.is_success(exit))
    }

    fn is_success(&self, exit: LastExit) -> bool {
        match exit {
            LastExit::Exited { code } => code == 0 || self.success.contains(&code),
            _ => false,
        }
    }

    /// Whether all end with such an end for good.
    fn is_critical_after(&self, exit: LastExit) -> bool {
        match self.critical {
            Some(Critical::Failure) => !self.is_success(exit),
            Some(_) => true,
            None => false,
        }
    }

    /// Whether time runs against it: a job may take as long as it takes.
    fn is_awaited(&self) -> bool {
        !self.is_job
            && self.over.is_none()
            && self.refused.is_none()
            && !self.is_as_far_as(self.goal)
    }

    fn lateness(&self) -> String {
        let word = if self.goal == When::Ready { "ready" } else { "up" };
        let span = text::span(self.timeout.as_secs_f64());
        let last = self.exit.map(|exit| format!("; it {} last", ended(exit))).unwrap_or_default();
        format!("is not {word} after {span}{last}")
    }
}

/// `exited with 3`, `was killed by SIGKILL`.
pub(crate) fn ended(exit: LastExit) -> String {
    match exit {
        LastExit::Exited { code } => format!("exited with {code}"),
        LastExit::Signaled { signal, .. } => signal_name(signal).map_or_else(
            || format!("was killed by signal {signal}"),
            |name| format!("was killed by {name}"),
        ),
        _ => "ended".into(),
    }
}

/// As a shell has it: 128 and the number of the signal where one ended it.
pub(crate) const fn code(exit: LastExit) -> u8 {
    match exit {
        LastExit::Exited { code } => code,
        LastExit::Signaled { signal, .. } => signal.saturating_add(128),
        _ => Exit::Negative as u8,
    }
}

#[cfg(test)]
mod tests;
