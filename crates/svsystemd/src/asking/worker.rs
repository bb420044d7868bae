//! The thread that asks: first a list, then request after request, two handfuls under way at a time;
//! and then it judges those whose jobs are over, until all are or nobody waits any more.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use svproto::Cause;
use zbus::Message;

use super::{
    Board, Looks, RequestAnswer, RequestOutcome,
    judge::starts,
    kept::Kept,
    ledger::{Moment, Stage},
    reason::{self, RunEnd},
};
use crate::{
    Action, Bus, Error, JobResult, Properties, UnitName, UnitStatus, direct,
    error::Subject,
    file::Dirs,
    last_run,
    map::MainProcess,
    observe, once,
    process::Begun,
    router::{Attached, Observer, Router},
    wire::{
        address::Address,
        call::{MANAGER, MANAGER_PATH, UNIT},
        pump::{Pump, sorted},
        reply::{self, Listed},
        slot::{Slot, all, block_on, both, lock},
    },
};

/// Requests in a row, until the first of them is answered.
const HANDFUL: usize = 64;
/// Of so many units at most it is asked whether their files are newer than what was loaded.
const FEW: usize = 64;
/// So long a process is looked on that came up, says nothing of itself, and would be started again: if
/// it ends by then it is not up.
const SETTLE: Duration = Duration::from_millis(20);
/// Between two looks at a process that has not got a processor yet.
const LOOK_AGAIN: Duration = Duration::from_millis(3);
/// And that is looked on for no longer.
const UNHEARD: Duration = Duration::from_secs(2);

/// A unit that came up and says nothing of itself.
struct Settling {
    ended: RunEnd,
    since: Instant,
    due: Instant,
    /// The manager knows that it is not up any more, and a signal that says so is under way.
    is_over: bool,
}

/// What the thread has to do.
pub(super) struct Work {
    pub(super) bus: Bus,
    pub(super) action: Action,
    pub(super) units: Vec<UnitName>,
    pub(super) deadline: Option<Instant>,
    pub(super) board: Arc<Board>,
}

/// Over what it asks.
struct Way {
    /// Asks.
    mouth: Arc<Pump>,
    /// Whether a bus stands between, and so another connection is to ask after some jobs.
    by_bus: bool,
    /// Units that were not to be dropped from the manager's memory meanwhile.
    kept: Vec<Kept>,
    /// Hears the ends of jobs.
    _ear: Attached,
    router: Arc<Router>,
}

/// Requests in a row that were not answered yet.
struct Handful {
    asked: Vec<usize>,
    slots: Vec<Slot<Message>>,
    /// Open until all are answered.
    mouth: Arc<Pump>,
}

impl Work {
    pub(super) fn run(self) {
        if !starts(self.action) && !matches!(self.action, Action::Stop | Action::Reload) {
            return self.fail(|unit| Error::Unsupported {
                action: self.action,
                subject: unit.to_string(),
                why: "it is no request for a job",
            });
        }
        match block_on(self.begin(), self.deadline) {
            Some(Ok(way)) => self.go_on(way),
            Some(Err(why)) => self.fail(|unit| why.of(self.action, unit)),
            None => self.give_up(),
        }
    }

    /// Connects, listens, and looks at how the units stand.
    async fn begin(&self) -> Result<Way, Error> {
        let bus = &self.bus;
        let router = match direct::socket(bus, self.units.len()).await? {
            Some(socket) => Arc::new(Router::new(Address::Private(socket))),
            None => bus.router(),
        };
        let observer: Arc<dyn Observer> = Arc::clone(&self.board) as _;
        // The manager itself is asked over the connection that hears; on a bus, while that is made: who
        // is asked for after both is heard of.
        let by_bus = router.has_bus();
        let list = |mouth: Arc<Pump>| async move {
            bus.list_and(&mouth, &self.units, &[Dirs::QUESTION]).await.map(|said| (mouth, said))
        };
        let (attached, (mouth, (rows, about))) = if by_bus {
            let (attached, said) = both(router.attach(&observer), list(bus.pump().await?)).await;
            (attached?, said?)
        } else {
            let attached = router.attach(&observer).await?;
            (attached, list(router.pump().await?).await?)
        };
        let ids: Vec<UnitName> = self.board.with(|ledger| {
            ledger.listed(rows);
            ledger.members().map(|(_, it)| it.id.clone()).collect()
        });
        if starts(self.action) {
            let dirs = Dirs::answered(self.action, about.into_iter().next().flatten().as_ref())?;
            once::prepare(bus, &ids, self.action == Action::Once, &dirs).await?;
        }
        Ok(Way { by_bus, mouth, kept: Vec::new(), _ear: attached, router })
    }

    fn go_on(&self, mut way: Way) {
        self.refuse_what_has_no_runs();
        self.refuse_what_is_not_there();
        let mut under_way: VecDeque<Handful> = VecDeque::new();
        let mut settling: Vec<Settling> = Vec::new();
        loop {
            if lock(&self.board.state).closed {
                return;
            }
            if self.is_late() {
                return self.give_up();
            }
            if under_way.len() < 2 && self.board.with(|ledger| ledger.has_queued()) {
                match self.ask(&mut way) {
                    Ok(asked) => under_way.push_back(asked),
                    Err(why) => return self.fail(|unit| why.of(self.action, unit)),
                }
                continue;
            }
            if let Some(Handful { asked, slots, mouth: _open }) = under_way.pop_front() {
                match block_on(all(slots), self.deadline) {
                    Some(replies) => self.take_replies(&way, asked, replies),
                    None => return self.give_up(),
                }
                if under_way.is_empty() && !self.board.with(|ledger| ledger.has_queued()) {
                    self.board.with(super::ledger::Ledger::forget_early);
                } else {
                    continue;
                }
            }
            let over = self.board.with(super::ledger::Ledger::take_over);
            if !over.is_empty() {
                self.judge(&way, &over, &mut settling);
            }
            self.settle(&way, &mut settling);
            lock(&self.board.state).looks =
                if settling.is_empty() { Looks::Away } else { Looks::On };
            if settling.is_empty() && self.board.with(|ledger| ledger.is_done()) {
                return;
            }
            if std::mem::take(&mut lock(&self.board.state).resync) {
                self.look_for_missed();
                continue;
            }
            self.wait(&settling);
        }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// A name without anything behind it is not asked about.
    fn refuse_what_is_not_there(&self) {
        let is_nothing = |ledger: &mut super::ledger::Ledger| -> Vec<(usize, UnitName)> {
            let none = ledger
                .members()
                .filter(|(_, it)| it.before.as_ref().is_some_and(Listed::is_nothing));
            none.map(|(at, it)| (at, it.unit.clone())).collect()
        };
        let is_template = |ledger: &mut super::ledger::Ledger| -> Vec<(usize, UnitName)> {
            let templates = ledger.members().filter(|(_, it)| it.unit.is_template());
            templates.map(|(at, it)| (at, it.unit.clone())).collect()
        };
        for (at, unit) in self.board.with(is_template) {
            self.board.with(|ledger| ledger.without(at));
            self.board.answer(at, Err(Error::template(&unit)));
        }
        for (at, unit) in self.board.with(is_nothing) {
            self.board.with(|ledger| ledger.without(at));
            self.board.answer(at, Err(Error::NoSuchUnit { action: self.action, unit }));
        }
    }

    /// Sends the next requests.
    fn ask(&self, way: &mut Way) -> Result<Handful, Error> {
        if way.by_bus {
            // Jobs that were asked for over the last one go on without it.
            let jobs = self.board.with(|ledger| ledger.queued().min(HANDFUL));
            if let Some(mouth) = block_on(self.bus.mouth(jobs), self.deadline) {
                way.mouth = mouth?;
            } else {
                let (asked, slots, mouth) = (Vec::new(), Vec::new(), Arc::clone(&way.mouth));
                return Ok(Handful { asked, slots, mouth });
            }
        }
        let now = Moment { instant: Instant::now(), monotonic: monotonic() };
        let next = self.board.with(|ledger| {
            let next = ledger.next(HANDFUL);
            for at in &next {
                ledger.asked(*at, now);
            }
            let of =
                |at: &usize| ledger.member(*at).map(|it| (it.unit.clone(), it.method(self.action)));
            next.iter().filter_map(|at| Some((*at, of(at)?))).collect::<Vec<_>>()
        });
        let mut calls = Vec::with_capacity(next.len());
        for (_, (unit, method)) in &next {
            let subject = Subject::from(unit);
            let body = (unit.as_str(), "replace");
            let call = (MANAGER_PATH, MANAGER);
            calls.push(self.bus.message(self.action, &subject, call.0, call.1, method, &body)?);
        }
        if self.may_keep(way) {
            let units: Vec<&UnitName> = next.iter().map(|(_, (unit, _))| unit).collect();
            let (keep, kept) = Kept::new(&self.bus, &way.mouth, &units)?;
            way.kept.push(kept);
            calls.splice(..0, keep);
        }
        let asked: Vec<usize> = next.into_iter().map(|(at, _)| at).collect();
        let mut slots = way.mouth.send(calls);
        slots.drain(..slots.len() - asked.len());
        Ok(Handful { asked, slots, mouth: Arc::clone(&way.mouth) })
    }

    /// Whether units that are to be started are kept loaded until then: it takes a bus, and the right to do so
    /// without anybody being asked for it.
    fn may_keep(&self, way: &Way) -> bool {
        way.by_bus
            && self.units.len() <= FEW
            && starts(self.action)
            && self.bus.manager_address().socket().is_some()
    }

    fn take_replies(&self, way: &Way, asked: Vec<usize>, replies: Vec<Option<Message>>) {
        for (at, reply) in asked.into_iter().zip(replies) {
            let unit = self.board.with(|ledger| ledger.member(at).map(|it| it.unit.clone()));
            let Some(unit) = unit else { continue };
            let subject = Subject::from(&unit);
            let job = sorted(self.action, &subject, reply).and_then(|reply| {
                reply::body_of::<zbus::OwnedObjectPath>(self.action, &subject, &reply)
            });
            match job {
                Ok(job) => self.board.with(|ledger| ledger.taken(at, job.as_str().to_owned())),
                Err(why) => self.refused(way, at, why),
            }
        }
        self.board.news.notify_all();
    }

    /// The manager took on no job.
    fn refused(&self, way: &Way, at: usize, why: Error) {
        let is_of = |unit: &UnitName| {
            self.board.with(|it| it.member(at).is_none_or(|it| it.unit == *unit || it.id == *unit))
        };
        match (self.action, why) {
            (_, Error::Masked { unit, .. }) if !is_of(&unit) => {
                self.never(at, Cause::Dependency, format!("{unit} (masked)"));
            }
            (_, Error::BadUnit { unit, .. }) if !is_of(&unit) => {
                let about = format!("{unit} (its unit file cannot be used)");
                self.never(at, Cause::Dependency, about);
            }
            // Not loaded, so it is down.
            (Action::Stop, Error::NoSuchUnit { .. }) => {
                self.board.with(|ledger| ledger.settled(at, JobResult::Done));
            }
            (Action::Reload, Error::NoSuchUnit { .. }) => {
                self.board.with(|ledger| ledger.settled(at, JobResult::Invalid));
            }
            (_, Error::Masked { .. }) => self.never(at, Cause::Masked, String::new()),
            (_, Error::BadUnit { unit, source, .. }) => {
                let text = block_on(self.load_error(way, &unit), self.deadline).flatten();
                self.never(at, Cause::BadDefinition, text.unwrap_or(source.text));
            }
            (_, Error::Dependency { on, .. }) => {
                self.never(at, Cause::Dependency, format!("{on} (there is no such unit)"));
            }
            (_, why) => self.board.answer(at, Err(why)),
        }
    }

    async fn load_error(&self, way: &Way, unit: &UnitName) -> Option<String> {
        let names = [(UNIT, "LoadError")];
        let asked = self.bus.ask_each(&way.mouth, &[(unit.path(), names.as_slice())]).ok()?;
        let answer = reply::answers(asked).await.into_iter().flatten().next()??;
        let text = answer.fields().get(1)?.text()?.to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn never(&self, at: usize, cause: Cause, about: String) {
        let known = self.board.with(|ledger| ledger.member(at).map(|it| (it.known(), it.took())));
        let (known, took) = known.unwrap_or_default();
        let status = UnitStatus::new(known, None, MainProcess::Unseen);
        let (reached, changed, result, cause) = (false, false, None, Some(cause));
        let became = RequestOutcome { reached, changed, result, cause, about, status, took };
        self.board.answer(at, Ok(RequestAnswer::Settled(Box::new(became))));
    }

    /// Only a service has a run that could be its last.
    fn refuse_what_has_no_runs(&self) {
        if self.action != Action::Once {
            return;
        }
        for (at, unit) in self.units.iter().enumerate().filter(|(_, it)| it.kind() != "service") {
            let (action, subject) = (self.action, unit.to_string());
            let why = once::NO_RUNS;
            self.board.with(|ledger| ledger.without(at));
            self.board.answer(at, Err(Error::Unsupported { action, subject, why }));
        }
    }

    /// Judges those whose jobs are over.
    fn judge(&self, way: &Way, over: &[usize], settling: &mut Vec<Settling>) {
        let ended = self.board.with(|ledger| {
            let ended = over.iter().filter_map(|at| RunEnd::of(*at, ledger.member(*at)?));
            ended.collect::<Vec<_>>()
        });
        let (frozen, mut ended): (Vec<_>, Vec<_>) =
            ended.into_iter().partition(|it| it.result == JobResult::Frozen);
        for it in frozen {
            self.thaw(it, &mut ended);
        }
        let is_few = self.units.len() <= FEW;
        // At the deadline the verdict stands without what it would have asked.
        let _late = block_on(self.complete(way, &mut ended), self.deadline);
        for mut it in ended {
            if self.action == Action::Once {
                last_run::note(&mut it.known);
            }
            let since = Instant::now();
            if it.may_loop(self.action) {
                settling.push(Settling { ended: it, since, due: since + SETTLE, is_over: false });
            } else if is_few && it.may_end_at_once(self.action) {
                settling.push(Settling { ended: it, since, due: since, is_over: false });
            } else {
                self.tell(it);
            }
        }
    }

    /// systemd 257 and later do nothing with a frozen unit; it is thawed and asked again, once: one that
    /// is frozen anew, or with its slice, stays so.
    fn thaw(&self, it: RunEnd, ended: &mut Vec<RunEnd>) {
        let unit = self.bus.named(it.id.clone());
        let may_thaw = self.board.with(|ledger| ledger.take_thaw(it.at));
        let thawed =
            may_thaw.then(|| block_on(unit.freezer(self.action, "ThawUnit"), self.deadline));
        match thawed.flatten() {
            Some(Ok(())) => self.board.with(|ledger| ledger.ask_again(it.at)),
            _ => ended.push(it),
        }
    }

    async fn complete(&self, way: &Way, ended: &mut [RunEnd]) -> Result<(), Error> {
        let is_few = self.units.len() <= FEW;
        if is_few && ended.iter().any(|it| it.is_untold) {
            // It comes right after the end of the job, and so before the answer to whatever is asked where it is
            // heard. Most that the verdict will need can be asked by then.
            let ear = way.router.pump().await?;
            let of = |at: usize| self.board.with(|ledger| RunEnd::of(at, ledger.member(at)?));
            reason::ahead(&self.bus, &ear, self.action, ended, of).await?;
        }
        reason::untold(&self.bus, &way.mouth, ended).await?;
        reason::complete(&self.bus, &way.mouth, self.action, ended, is_few).await?;
        for it in ended.iter_mut() {
            let of_other = |unit: &str| self.board.with(|it| it.end_of_other(unit).cloned());
            reason::dependency(&self.bus, &way.mouth, it, of_other).await?;
            reason::conditions(&self.bus, it).await?;
            reason::triggered(&self.bus, &way.mouth, it).await?;
        }
        // What was up before, and said nothing since, is looked at.
        let unseen: Vec<usize> =
            ended.iter().enumerate().filter(|(_, it)| it.is_unseen()).map(|(at, _)| at).collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let units: Vec<UnitName> =
            unseen.iter().filter_map(|at| ended.get(*at)).map(|it| it.id.clone()).collect();
        let seen = observe::seen_over(&self.bus, &way.mouth, &units).await?;
        for (place, status) in seen {
            let found = unseen.get(place).and_then(|at| ended.get_mut(*at));
            if let (Some(it), Ok(status)) = (found, status) {
                it.is_held = status.facts.paused == Some(true);
                it.known.merge(status.properties());
            }
        }
        Ok(())
    }

    /// Tells of those that have stayed up, and judges anew those that have not.
    fn settle(&self, way: &Way, settling: &mut Vec<Settling>) {
        let now = Instant::now();
        let is_here = self.bus.manager_address().is_here();
        for mut one in std::mem::take(settling) {
            let it = &one.ended;
            let is_up = self.board.with(|ledger| {
                ledger.member(it.at).is_some_and(|member| member.states().0 == "active")
            });
            if !is_up {
                let again = self.board.with(|ledger| RunEnd::of(it.at, ledger.member(it.at)?));
                let again = again.map(|mut again| {
                    // No signal says it.
                    let newer = it.known.get("NeedDaemonReload").cloned();
                    again.known.0.extend(newer.map(|it| ("NeedDaemonReload".to_owned(), it)));
                    again
                });
                self.tell(again.unwrap_or(one.ended));
                continue;
            }
            if one.due <= now {
                let known = self.board.with(|ledger| Some(ledger.member(it.at)?.known()));
                let pid = known.filter(|_| is_here).map_or(0, |known| known.number("MainPID"));
                let begun = if pid == 0 { Begun::AtWork } else { Begun::look(pid) };
                // It may be there where it cannot be seen from here; the manager knows.
                if begun == Begun::Gone && !one.is_over {
                    one.is_over = !self.is_up(way, &it.id);
                }
                let is_settled = match begun {
                    Begun::AtWork => true,
                    Begun::Gone => !one.is_over,
                    Begun::Hardly => false,
                };
                if is_settled || one.since + UNHEARD <= now {
                    self.tell(one.ended);
                    continue;
                }
                one.due = now + LOOK_AGAIN;
            }
            settling.push(one);
        }
    }

    /// What the manager says now: it has reaped a process before it answers a question.
    fn is_up(&self, way: &Way, unit: &UnitName) -> bool {
        let names = [(UNIT, "ActiveState")];
        let asked = self.bus.ask_each(&way.mouth, &[(unit.path(), names.as_slice())]);
        let answers = asked.ok().and_then(|it| block_on(reply::answers(it), self.deadline));
        let state = answers.and_then(|it| it.into_iter().flatten().next().flatten());
        state.as_ref().and_then(crate::PropertyValue::text).is_none_or(|state| state == "active")
    }

    fn tell(&self, ended: RunEnd) {
        let (at, result) = (ended.at, Some(ended.result.clone()));
        let judged = ended.judge(self.action);
        let took = self.board.with(|it| it.member(at).map(super::ledger::Member::took));
        let became = RequestOutcome {
            reached: judged.reached,
            changed: judged.changed,
            result,
            cause: judged.cause,
            about: judged.about,
            status: ended.status(),
            took: took.unwrap_or_default(),
        };
        self.board.answer(at, Ok(RequestAnswer::Settled(Box::new(became))));
    }

    /// Signals may have been missed: a list says whose job is there yet.
    fn look_for_missed(&self) {
        // A manager that is not there yet comes back with another word to look again.
        if let Some(Ok(rows)) = block_on(self.bus.list(&self.units), self.deadline) {
            self.board.with(|ledger| ledger.missed(&rows));
        }
    }

    /// Until something is heard, or the deadline, or a process has been up for long enough.
    fn wait(&self, settling: &[Settling]) {
        let due = settling.iter().map(|it| it.due).chain(self.deadline).min();
        let mut state = lock(&self.board.state);
        let is_quiet = |state: &super::State| {
            !state.closed
                && !state.resync
                && !state.ledger.has_over()
                && !state.ledger.has_queued()
                && state.looks != Looks::Again
        };
        while is_quiet(&state) {
            let news = &self.board.news;
            state = match due {
                None => news.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    news.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The deadline has passed: what is known is told, and nothing more is asked.
    fn give_up(&self) {
        let open = self.board.with(|ledger| {
            let of = |at: usize| ledger.member(at).map(|it| (at, it.stage.clone(), it.known()));
            ledger.open().into_iter().filter_map(of).collect::<Vec<_>>()
        });
        for (at, stage, known) in open {
            match stage {
                Stage::Over(_) => {
                    let ended = self.board.with(|ledger| RunEnd::of(at, ledger.member(at)?));
                    if let Some(ended) = ended {
                        self.tell(ended);
                    }
                }
                Stage::BusCall | Stage::Pending(_) => {
                    let status = UnitStatus::new(known, None, MainProcess::Unseen);
                    let (taken, status) = (stage != Stage::BusCall, Box::new(status));
                    self.board.answer(at, Ok(RequestAnswer::Deadline { taken, status }));
                }
                Stage::Queued => {
                    let status = UnitStatus::new(known, None, MainProcess::Unseen);
                    let status = Box::new(status);
                    self.board.answer(at, Ok(RequestAnswer::NotAsked { status }));
                }
                Stage::Told => (),
            }
        }
    }

    fn fail(&self, why: impl Fn(&UnitName) -> Error) {
        for at in self.board.with(|ledger| ledger.open()) {
            if let Some(unit) = self.units.get(at) {
                self.board.answer(at, Err(why(unit)));
            }
        }
    }
}

impl Observer for Board {
    fn cares(&self, unit: &UnitName) -> bool {
        self.with(|ledger| ledger.has(unit))
    }

    fn changed(&self, unit: &UnitName, properties: &Arc<Properties>) {
        let mut state = lock(&self.state);
        state.ledger.changed(unit, properties);
        let wake = state.looks != Looks::Away;
        if wake {
            state.looks = Looks::Again;
        }
        drop(state);
        if wake {
            self.news.notify_all();
        }
    }

    fn job_removed(&self, job: &str, unit: &str, result: &str) {
        let mut state = lock(&self.state);
        state.ledger.job_removed(job, unit, JobResult::from_name(result));
        let wake = state.ledger.has_over();
        drop(state);
        if wake {
            self.news.notify_all();
        }
    }

    fn resync(&self) {
        lock(&self.state).resync = true;
        self.news.notify_all();
    }
}

/// `CLOCK_MONOTONIC` in microseconds.
fn monotonic() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    now.ok().and_then(|now| u64::try_from(Duration::from(now).as_micros()).ok()).unwrap_or_default()
}
