//! What was asked of many units, and what has come of it so far. It touches nothing: rows of a
//! list, replies and signals go in; who is to be asked and whose job is over comes out.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{Action, JobResult, Properties, PropertyValue, UnitName, wire::reply::Listed};

/// The units of one request.
pub(crate) struct Ledger {
    members: Vec<Member>,
    /// Who has this name of its own. A unit that was named twice has two members.
    by_unit: HashMap<UnitName, Vec<usize>>,
    by_job: HashMap<String, Vec<usize>>,
    /// Ends of jobs while replies are awaited. The reply may be on another connection; and who asks
    /// for a job that somebody else has asked for has that one, so a job may be over for one of
    /// them before the next is known to have it.
    early: HashMap<String, JobResult>,
    /// How jobs of other units ended: a dependency may be among them.
    others: HashMap<String, JobResult>,
    queue: VecDeque<usize>,
    /// Their jobs are over, and nobody has looked at them yet.
    over: Vec<usize>,
}

/// One unit of a request.
#[derive(Debug)]
pub(crate) struct Member {
    /// As it was named.
    pub(crate) unit: UnitName,
    /// Its own name, under which it is signalled.
    pub(crate) id: UnitName,
    /// How it stood before it was asked.
    pub(crate) before: Option<Listed>,
    /// What was signalled about it last, since it was listened to: every signal has all properties
    /// that are ever signalled. Empty before the first.
    pub(crate) told: Arc<Properties>,
    /// When it was asked.
    pub(crate) asked: Option<Moment>,
    /// When its job was over.
    over: Option<Instant>,
    /// It was thawed to be asked again.
    is_thawed: bool,
    pub(crate) stage: Stage,
}

/// A moment by the clock of this program, and in microseconds of `CLOCK_MONOTONIC`, as the manager
/// has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) instant: Instant,
    pub(crate) monotonic: u64,
}

/// How far a request has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It was not sent yet.
    Queued,
    /// It was sent.
    BusCall,
    /// The manager has a job of this path for it.
    Pending(String),
    /// The job is over.
    Over(JobResult),
    /// It was told what became of it.
    Told,
}

impl Ledger {
    pub(crate) fn new(units: &[UnitName]) -> Self {
        let member = |unit: &UnitName| Member {
            unit: unit.clone(),
            id: unit.clone(),
            before: None,
            told: Arc::default(),
            asked: None,
            over: None,
            is_thawed: false,
            stage: Stage::Queued,
        };
        let mut ledger = Self {
            members: units.iter().map(member).collect(),
            by_unit: HashMap::new(),
            by_job: HashMap::new(),
            early: HashMap::new(),
            others: HashMap::new(),
            queue: (0..units.len()).collect(),
            over: Vec::new(),
        };
        ledger.index();
        ledger
    }

    fn index(&mut self) {
        self.by_unit.clear();
        for (at, member) in self.members.iter().enumerate() {
            self.by_unit.entry(member.id.clone()).or_default().push(at);
        }
    }

    /// How the units stand before they are asked, in their order.
    pub(crate) fn listed(&mut self, rows: Vec<Listed>) {
        let mut named: HashMap<String, Listed> = HashMap::new();
        let in_order = rows.len() == self.members.len();
        for (at, row) in rows.into_iter().enumerate() {
            // The manager answers in the order of the names, each under its own.
            match self.members.get_mut(at).filter(|_| in_order) {
                Some(member) => {
                    member.id = UnitName::new(&row.name).unwrap_or_else(|_| member.unit.clone());
                    member.before = Some(row);
                }
                None => drop(named.insert(row.name.clone(), row)),
            }
        }
        if !in_order {
            for member in &mut self.members {
                member.before = named.get(member.unit.as_str()).cloned();
            }
        }
        self.index();
    }

    pub(crate) fn member(&self, at: usize) -> Option<&Member> {
        self.members.get(at)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.members.iter().enumerate()
    }

    /// How a job of another unit ended.
    pub(crate) fn end_of_other(&self, unit: &str) -> Option<&JobResult> {
        self.others.get(unit)
    }

    /// The next ones to ask, at most so many.
    pub(crate) fn next(&mut self, at_most: usize) -> Vec<usize> {
        let count = at_most.min(self.queue.len());
        self.queue.drain(..count).collect()
    }

    /// It is not to be asked.
    pub(crate) fn without(&mut self, at: usize) {
        self.queue.retain(|it| *it != at);
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// It is asked now.
    pub(crate) fn asked(&mut self, at: usize, now: Moment) {
        if let Some(member) = self.members.get_mut(at) {
            member.stage = Stage::BusCall;
            member.asked.get_or_insert(now);
        }
    }

    /// Whether it may be thawed: it was not yet.
    pub(crate) fn take_thaw(&mut self, at: usize) -> bool {
        self.members.get_mut(at).is_some_and(|it| !std::mem::replace(&mut it.is_thawed, true))
    }

    /// It is to be asked once more.
    pub(crate) fn ask_again(&mut self, at: usize) {
        if let Some(member) = self.members.get_mut(at) {
            member.stage = Stage::Queued;
            self.queue.push_back(at);
        }
    }

    /// The manager has taken it on, as this job.
    pub(crate) fn taken(&mut self, at: usize, job: String) {
        let early = self.early.get(&job).cloned();
        let Some(member) = self.members.get_mut(at) else { return };
        if let Some(result) = early {
            member.over = Some(Instant::now());
            member.stage = Stage::Over(result);
            self.over.push(at);
        } else {
            member.stage = Stage::Pending(job.clone());
            self.by_job.entry(job).or_default().push(at);
        }
    }

    /// It is over without a job.
    pub(crate) fn settled(&mut self, at: usize, result: JobResult) {
        if let Some(member) = self.members.get_mut(at) {
            member.over = Some(Instant::now());
            member.stage = Stage::Over(result);
            self.over.push(at);
        }
    }

    /// Whether it was asked about a unit of this name of its own.
    pub(crate) fn has(&self, unit: &UnitName) -> bool {
        self.by_unit.contains_key(unit)
    }

    /// Something was signalled about a unit.
    pub(crate) fn changed(&mut self, unit: &UnitName, properties: &Arc<Properties>) {
        let Some(all) = self.by_unit.get(unit) else { return };
        for at in all {
            if let Some(member) = self.members.get_mut(*at) {
                member.told = Arc::clone(properties);
            }
        }
    }

    /// A job is over.
    pub(crate) fn job_removed(&mut self, job: &str, unit: &str, result: JobResult) {
        if self.is_under_way() {
            self.early.insert(job.to_owned(), result.clone());
        }
        let Some(all) = self.by_job.remove(job) else {
            self.others.insert(unit.to_owned(), result);
            return;
        };
        for at in all {
            self.settled(at, result.clone());
        }
    }

    /// Every call so far has its reply, so no job has ended before somebody knew whose it is.
    pub(crate) fn forget_early(&mut self) {
        self.early.clear();
    }

    /// Signals may have been missed: those whose job is no longer there, by a list of the units
    /// that was made since. Their ends are not known.
    pub(crate) fn missed(&mut self, rows: &[Listed]) {
        let jobs: HashMap<&str, u32> =
            rows.iter().filter_map(|row| Some((row.name.as_str(), row.job.as_ref()?.0))).collect();
        let is_gone = |member: &Member| match &member.stage {
            Stage::Pending(path) => {
                let id = path.rsplit('/').next().and_then(|id| id.parse().ok());
                jobs.get(member.id.as_str()).copied() != id
            }
            _ => false,
        };
        let gone: Vec<usize> =
            self.members().filter(|(_, member)| is_gone(member)).map(|(at, _)| at).collect();
        for at in gone {
            if let Some(Member { stage: Stage::Pending(job), .. }) = self.members.get(at) {
                self.by_job.remove(job);
            }
            self.settled(at, JobResult::Missed);
        }
    }

    /// Takes those whose jobs are over.
    pub(crate) fn take_over(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.over)
    }

    pub(crate) fn has_over(&self) -> bool {
        !self.over.is_empty()
    }

    /// It was told what became of it.
    pub(crate) fn told(&mut self, at: usize) {
        if let Some(member) = self.members.get_mut(at) {
            member.stage = Stage::Told;
        }
    }

    /// Whether a request was not sent yet, or has no reply.
    pub(crate) fn is_under_way(&self) -> bool {
        self.members.iter().any(|it| matches!(it.stage, Stage::Queued | Stage::BusCall))
    }

    /// Those of which nothing was told yet.
    pub(crate) fn open(&self) -> Vec<usize> {
        self.members().filter(|(_, it)| it.stage != Stage::Told).map(|(at, _)| at).collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.members.iter().all(|member| member.stage == Stage::Told)
    }
}

impl Member {
    /// From the request to the end of its job.
    pub(crate) fn took(&self) -> Duration {
        let asked = self.asked.map(|asked| asked.instant);
        asked.zip(self.over).map_or(Duration::ZERO, |(asked, over)| over.duration_since(asked))
    }

    /// The method that asks for what `action` wants. systemd 252 lets a start wait for the next
    /// automatic one, up to `RestartSec=`; a restart does not.
    pub(crate) fn method(&self, action: Action) -> &'static str {
        let waits = self.before.as_ref().is_some_and(|row| row.sub.starts_with("auto-restart"));
        match action {
            Action::Start | Action::Once if waits => "RestartUnit",
            Action::Stop => "StopUnit",
            Action::Restart => "RestartUnit",
            Action::TryRestart => "TryRestartUnit",
            Action::Reload => "ReloadUnit",
            Action::ReloadOrRestart => "ReloadOrRestartUnit",
            _ => "StartUnit",
        }
    }

    /// Whether the last word on its job was signalled. The first signal of a unit after the manager has
    /// read its files again says that it is new and nothing else, and that may be the last one.
    pub(crate) fn has_last_word(&self) -> bool {
        let job = self.told.get("Job").map(PropertyValue::fields).unwrap_or_default();
        job.first().and_then(PropertyValue::unsigned) == Some(0)
    }

    /// What is known of it: how it stood before, and what was signalled since.
    pub(crate) fn known(&self) -> Properties {
        let mut known = Properties::default();
        if let Some(row) = &self.before {
            row.say(&mut known);
        }
        known.merge(&self.told);
        known
    }

    /// `ActiveState` and `SubState`, as far as they are known.
    pub(crate) fn states(&self) -> (&str, &str) {
        let (active, sub) = (self.told.text("ActiveState"), self.told.text("SubState"));
        match &self.before {
            Some(row) if active.is_empty() => (&row.active, &row.sub),
            _ => (active, sub),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UnitName {
        UnitName::new(text).unwrap()
    }

    fn row(name: &str, job: Option<u32>) -> Listed {
        Listed {
            name: name.to_owned(),
            load: "loaded".to_owned(),
            active: "inactive".to_owned(),
            sub: "dead".to_owned(),
            follows: String::new(),
            job: job.map(|id| (id, "start".to_owned())),
        }
    }

    fn now() -> Moment {
        Moment { instant: Instant::now(), monotonic: 1 }
    }

    const JOB: &str = "/org/freedesktop/systemd1/job/7";

    #[test]
    fn an_end_that_is_heard_before_its_reply_is_not_missed() {
        let mut ledger = Ledger::new(&[name("web")]);
        let next = ledger.next(9);
        assert_eq!((next.as_slice(), ledger.has_queued()), ([0].as_slice(), false));
        ledger.asked(0, now());
        ledger.job_removed(JOB, "web.service", JobResult::Done);
        assert!(!ledger.has_over());
        ledger.taken(0, JOB.to_owned());
        assert_eq!(ledger.take_over(), [0]);
        assert_eq!(ledger.member(0).unwrap().stage, Stage::Over(JobResult::Done));
        ledger.told(0);
        assert!(ledger.is_done() && ledger.open().is_empty());
    }

    #[test]
    fn two_names_of_one_unit_share_its_job_and_its_signals() {
        let mut ledger = Ledger::new(&[name("alias"), name("web"), name("other")]);
        ledger.listed(vec![
            row("web.service", None),
            row("web.service", None),
            row("x.service", None),
        ]);
        ledger.taken(0, JOB.to_owned());
        ledger.taken(1, JOB.to_owned());
        let active =
            [("ActiveState", PropertyValue::Text("active".to_owned()))].into_iter().collect();
        ledger.changed(&name("web"), &Arc::new(active));
        ledger.job_removed(JOB, "web.service", JobResult::Done);
        assert_eq!(ledger.take_over(), [0, 1]);
        assert_eq!(ledger.member(0).unwrap().states().0, "active");
        assert_eq!(ledger.member(1).unwrap().states().0, "active");
        assert_eq!(ledger.member(2).unwrap().states().0, "inactive");
        assert_eq!(ledger.member(0).unwrap().unit.as_str(), "alias.service");
    }

    #[test]
    fn who_joins_a_job_hears_of_its_end_also_when_it_comes_between_the_two_replies() {
        let mut ledger = Ledger::new(&[name("web"), name("web")]);
        for at in ledger.next(9) {
            ledger.asked(at, now());
        }
        ledger.taken(0, JOB.to_owned());
        ledger.job_removed(JOB, "web.service", JobResult::Done);
        ledger.taken(1, JOB.to_owned());
        assert_eq!(ledger.take_over(), [0, 1]);
        // With every reply there, nothing is kept for one.
        ledger.job_removed("/org/freedesktop/systemd1/job/8", "x.service", JobResult::Done);
        assert!(ledger.early.len() == 1);
        ledger.forget_early();
        assert!(ledger.early.is_empty());
    }

    #[test]
    fn a_job_that_is_gone_from_the_list_was_missed() {
        let mut ledger = Ledger::new(&[name("a"), name("b"), name("c")]);
        for (at, id) in [7, 8, 9].into_iter().enumerate() {
            ledger.taken(at, format!("/org/freedesktop/systemd1/job/{id}"));
        }
        // One is there yet, one is another's by now, one is gone.
        let rows = [row("a.service", Some(7)), row("b.service", Some(80)), row("c.service", None)];
        ledger.missed(&rows);
        assert_eq!(ledger.take_over(), [1, 2]);
        assert_eq!(ledger.member(2).unwrap().stage, Stage::Over(JobResult::Missed));
    }

    #[test]
    fn what_waits_for_its_next_start_is_restarted() {
        let mut ledger = Ledger::new(&[name("a")]);
        assert_eq!(ledger.member(0).unwrap().method(Action::Start), "StartUnit");
        let waits = Listed { sub: "auto-restart".to_owned(), ..row("a.service", None) };
        ledger.listed(vec![waits]);
        assert_eq!(ledger.member(0).unwrap().method(Action::Start), "RestartUnit");
        assert_eq!(ledger.member(0).unwrap().method(Action::Stop), "StopUnit");
    }
}
