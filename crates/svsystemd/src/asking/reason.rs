//! Asking what a verdict needs beside what was signalled: which dependency failed, how a command
//! ended, what the limits are. All questions about all units are on the wire before the first answer.

use svproto::Cause;

use super::{
    judge::{self, Facts, Judged, judge, questions, starts},
    ledger::{Member, Stage},
};
use crate::{
    Action, Bus, Error, JobResult, Properties, PropertyValue, UnitName, UnitStatus,
    map::MainProcess,
    obstacle::{self, Around},
    process,
    wire::{
        call::{self, UNIT},
        pump::Pump,
        reply,
    },
};

/// A unit whose job is over.
#[derive(Clone)]
pub(super) struct RunEnd {
    pub(super) at: usize,
    pub(super) id: UnitName,
    pub(super) result: JobResult,
    pub(super) known: Properties,
    /// Nothing was signalled that tells of the end of its job.
    pub(super) is_untold: bool,
    /// It was up before, and its processes are stopped or frozen.
    pub(super) is_held: bool,
    before: String,
    asked_at: u64,
    dependency: Option<String>,
    triggered: Option<(Cause, String)>,
}

/// Questions until the manager has tested conditions, at most: it does so between two of them.
const TURNS: usize = 100;

/// How far a chain of dependencies is followed.
const DEPTH: usize = 8;

impl RunEnd {
    /// What is known of a unit whose job is over.
    pub(super) fn of(at: usize, member: &Member) -> Option<Self> {
        let Stage::Over(result) = &member.stage else { return None };
        Some(Self {
            at,
            id: member.id.clone(),
            result: result.clone(),
            known: member.known(),
            is_untold: !member.has_last_word(),
            is_held: false,
            before: member.before.as_ref().map(|row| row.active.clone()).unwrap_or_default(),
            asked_at: member.asked.map(|asked| asked.monotonic).unwrap_or_default(),
            dependency: None,
            triggered: None,
        })
    }

    /// Takes what was read after the end of its job.
    fn take(&mut self, seen: &Properties, around: &Around) {
        let is_forgotten =
            ["StateChangeTimestamp", "ConditionTimestamp"].map(|it| seen.number(it)) == [0, 0];
        let signalled = std::mem::take(&mut self.known);
        let ran = signalled.number("StateChangeTimestamp") > 0;
        let kept = obstacle::of(seen, around).filter(|(cause, _)| *cause == Cause::Condition);
        self.known = seen.clone();
        if is_forgotten && ran {
            self.known.merge(&signalled);
            for name in ["ActiveState", "SubState"] {
                self.known.set(name, seen.text(name));
            }
        } else if is_forgotten && kept.is_some() {
            // What a condition keeps down has not left its state.
            let tested =
                ("ConditionTimestampMonotonic", PropertyValue::Unsigned(self.asked_at.max(1)));
            let result = ("ConditionResult", PropertyValue::Bool(false));
            self.known.merge(&[tested, result].into_iter().collect());
        }
    }

    /// Properties of all units, and of its own type, with their interfaces.
    fn named(
        &self,
        unit: impl Iterator<Item = &'static str>,
        own: impl Iterator<Item = &'static str>,
    ) -> Names {
        let interface = call::interface(&self.id);
        let unit = unit.map(|name| (UNIT.to_owned(), name));
        unit.chain(own.map(|name| (interface.clone(), name))).collect()
    }

    fn facts(&self, action: Action) -> Facts<'_> {
        Facts {
            action,
            result: &self.result,
            unit: &self.known,
            before: &self.before,
            asked_at: self.asked_at,
            dependency: self.dependency.as_deref(),
            is_service: self.id.kind() == "service",
            triggered: self.triggered.as_ref(),
        }
    }

    pub(super) fn judge(&self, action: Action) -> Judged {
        let judged = judge(&self.facts(action));
        // The manager does nothing with what is up, and nothing lets go on what is held.
        if !starts(action) || !judged.reached || judged.changed || !self.is_held() {
            return judged;
        }
        let is_frozen = matches!(self.known.text("FreezerState"), "frozen" | "freezing");
        let cause = if is_frozen { Cause::Frozen } else { Cause::Paused };
        Judged { reached: false, cause: Some(cause), ..judged }
    }

    /// Whether its main process is stopped, or frozen with all others.
    fn is_held(&self) -> bool {
        let seen = || UnitStatus::new(self.known.clone(), None, process::main(&self.known));
        self.is_held || seen().facts.paused == Some(true)
    }

    pub(super) fn status(self) -> UnitStatus {
        let main = if self.is_held() { MainProcess::Stopped } else { MainProcess::Unseen };
        UnitStatus::new(self.known, None, main)
    }

    /// Whether a service came up that says nothing of itself and is started again when it ends: then
    /// one that ends at once is not up.
    pub(super) fn may_loop(&self, action: Action) -> bool {
        self.may_end_at_once(action) && !matches!(self.known.text("Restart"), "no" | "")
    }

    /// Whether a service came up that says nothing of itself: its program may not have begun yet.
    pub(super) fn may_end_at_once(&self, action: Action) -> bool {
        let unit = &self.known;
        starts(action)
            && self.result == JobResult::Done
            && (unit.text("ActiveState"), unit.text("SubState")) == ("active", "running")
            && matches!(unit.text("Type"), "simple" | "exec" | "idle")
            && unit.number("ExecMainStartTimestampMonotonic") >= self.asked_at
    }

    /// Whether nothing was signalled that tells how a unit that is up stands: its process, say.
    pub(super) fn is_unseen(&self) -> bool {
        self.known.get("StateChangeTimestamp").is_none()
            && !matches!(self.known.text("ActiveState"), "inactive" | "")
    }
}

/// Reads those in full of whose end nothing was signalled. The manager drops a unit that is down, and
/// with it what it did; then what was signalled before is all there is, and what keeps it down.
pub(super) async fn untold(bus: &Bus, pump: &Pump, ended: &mut [RunEnd]) -> Result<(), Error> {
    let untold: Vec<&mut RunEnd> = ended.iter_mut().filter(|it| it.is_untold).collect();
    if untold.is_empty() {
        return Ok(());
    }
    let units: Vec<UnitName> = untold.iter().map(|it| it.id.clone()).collect();
    let seen = bus.properties_of_all(pump, Action::Look, &units).await?;
    for (it, seen) in untold.into_iter().zip(seen) {
        let Ok(seen) = seen else { continue };
        let around = bus.named(it.id.clone()).around_now(&seen).await;
        it.take(&seen, &around);
    }
    Ok(())
}

/// Asks over the connection that hears for what most verdicts on such an end need, and takes the last word on
/// each, which is heard by then: `of` has what was signalled.
pub(super) async fn ahead(
    bus: &Bus,
    ear: &Pump,
    action: Action,
    ended: &mut [RunEnd],
    of: impl Fn(usize) -> Option<RunEnd>,
) -> Result<(), Error> {
    let mut names = Vec::with_capacity(ended.len());
    for it in ended.iter().filter(|it| it.is_untold) {
        let (unit, own) = judge::likely(action, &it.result);
        names.push(it.named(unit.iter().copied().chain(asks_files(action)), own.iter().copied()));
    }
    let answers = answers_of(bus, ear, ended.iter().filter(|it| it.is_untold), &names).await?;
    for (it, answers) in ended.iter_mut().filter(|it| it.is_untold).zip(answers) {
        if let Some(last) = of(it.at) {
            *it = last;
        }
        it.known.0.extend(answers);
    }
    Ok(())
}

/// Whether the files of a few units are newer than what the manager has loaded, for which it looks at each file.
fn asks_files(action: Action) -> Option<&'static str> {
    (starts(action) || action == Action::Reload).then_some("NeedDaemonReload")
}

/// Asks for what the verdicts need and nobody has asked yet; and of a few units about their files.
pub(super) async fn complete(
    bus: &Bus,
    pump: &Pump,
    action: Action,
    ended: &mut [RunEnd],
    is_few: bool,
) -> Result<(), Error> {
    let files = asks_files(action).filter(|_| is_few);
    let mut names = Vec::with_capacity(ended.len());
    for it in ended.iter() {
        let (unit, own) = questions(&it.facts(action));
        let is_open = |name: &&str| it.known.get(name).is_none();
        let unit = unit.into_iter().chain(files).filter(is_open);
        names.push(it.named(unit, own.into_iter().filter(is_open)));
    }
    let answers = answers_of(bus, pump, ended.iter(), &names).await?;
    for (it, answers) in ended.iter_mut().zip(answers) {
        it.known.0.extend(answers);
    }
    Ok(())
}

/// Interfaces and names of properties of one unit.
type Names = Vec<(String, &'static str)>;

/// The answers about each of these, by name.
async fn answers_of(
    bus: &Bus,
    pump: &Pump,
    ended: impl Iterator<Item = &RunEnd>,
    names: &[Names],
) -> Result<Vec<Vec<(String, PropertyValue)>>, Error> {
    let borrowed: Vec<Vec<(&str, &str)>> = names
        .iter()
        .map(|names| names.iter().map(|(interface, name)| (interface.as_str(), *name)).collect())
        .collect();
    let questions: Vec<(String, &[(&str, &str)])> =
        ended.zip(&borrowed).map(|(it, names)| (it.id.path(), names.as_slice())).collect();
    let answers = reply::answers(bus.ask_each(pump, &questions)?).await;
    let named = |(names, answers): (&Names, Vec<Option<PropertyValue>>)| {
        let pairs = names.iter().zip(answers);
        pairs.filter_map(|((_, name), answer)| Some(((*name).to_owned(), answer?))).collect()
    };
    Ok(names.iter().zip(answers).map(named).collect())
}

/// Which of several conditions was not met. The manager drops a unit that it did not start, and with
/// it what came of each; so the unit is kept and the start asked for once more, which tests them
/// again. Where it may not be kept, nobody can tell.
pub(super) async fn conditions(bus: &Bus, ended: &mut RunEnd) -> Result<(), Error> {
    let rows = ended.known.get("Conditions").map(PropertyValue::fields).unwrap_or_default();
    let is_tested = |row: &PropertyValue| {
        row.fields().last().is_some_and(|state| !matches!(state, PropertyValue::Signed(0)))
    };
    if rows.len() < 2 || rows.iter().any(is_tested) || !bus.manager_address().has_bus() {
        return Ok(());
    }
    let (pump, id) = (bus.pump().await?, &ended.id);
    if bus.unit_method(Action::Keep, id, "RefUnit").await.is_err() {
        return Ok(());
    }
    let asked = bus.job_method(Action::Start, id, "StartUnit", "replace").await;
    for _ in 0..TURNS {
        if asked.is_err() {
            break;
        }
        let names = [(UNIT, "Conditions")];
        let answers = reply::answers(bus.ask_each(&pump, &[(id.path(), names.as_slice())])?).await;
        let answer = answers.into_iter().flatten().next().flatten();
        if let Some(tested) = answer.filter(|it| it.fields().iter().any(is_tested)) {
            ended.known.0.insert("Conditions".to_owned(), tested);
            break;
        }
    }
    bus.forget(id);
    Ok(())
}

/// Finds the dependency that failed: among those that the unit requires, the one whose own job did not
/// end well, or that is not up; and what that one requires, if it is not to blame itself.
pub(super) async fn dependency(
    bus: &Bus,
    pump: &Pump,
    ended: &mut RunEnd,
    end_of_other: impl Fn(&str) -> Option<JobResult>,
) -> Result<(), Error> {
    if ended.result != JobResult::Dependency {
        return Ok(());
    }
    let mut required = required(&ended.known);
    for _ in 0..DEPTH {
        let Some(found) = failed(bus, pump, &required, &end_of_other).await? else { return Ok(()) };
        ended.dependency = Some(found.to_string());
        if end_of_other(found.as_str()) != Some(JobResult::Dependency) {
            return Ok(());
        }
        let names = [(UNIT, "Requires"), (UNIT, "Requisite"), (UNIT, "BindsTo")];
        let asked = bus.ask_each(pump, &[(found.path(), names.as_slice())])?;
        let answers = reply::answers(asked).await.into_iter().flatten();
        let answers = names.iter().map(|(_, name)| *name).zip(answers);
        let answers: Vec<_> = answers.filter_map(|(name, value)| Some((name, value?))).collect();
        required = required_by(&answers);
    }
    Ok(())
}

/// What is wrong with the unit that a socket, a timer or a path is to start: then it is refused before it
/// has begun, and the manager says so in its journal only.
pub(super) async fn triggered(bus: &Bus, pump: &Pump, ended: &mut RunEnd) -> Result<(), Error> {
    let is_refused = ended.result == JobResult::Failed
        && matches!(ended.id.kind(), "socket" | "timer" | "path" | "automount")
        && ended.known.number("InactiveExitTimestampMonotonic") < ended.asked_at.max(1);
    if !is_refused {
        return Ok(());
    }
    let names = [(UNIT, "Triggers")];
    let asked = bus.ask_each(pump, &[(ended.id.path(), names.as_slice())])?;
    let answer = reply::answers(asked).await.into_iter().flatten().next().flatten();
    let units = required_by(&[("Triggers", answer.unwrap_or_else(|| PropertyValue::List(vec![])))]);
    for row in bus.list_and(pump, &units, &[]).await?.0 {
        let name = &row.name;
        ended.triggered = match row.load.as_str() {
            "not-found" => Some((Cause::Dependency, format!("{name} (there is no such unit)"))),
            "loaded" if row.active == "inactive" => None,
            "loaded" => {
                Some((Cause::Other, format!("{name}, which it is to start, is up already")))
            }
            load => Some((Cause::Dependency, format!("{name} ({load})"))),
        };
    }
    Ok(())
}

async fn failed(
    bus: &Bus,
    pump: &Pump,
    required: &[UnitName],
    end_of_other: &impl Fn(&str) -> Option<JobResult>,
) -> Result<Option<UnitName>, Error> {
    let is_bad = |result: &JobResult| *result != JobResult::Done;
    let by_job = required.iter().find(|it| end_of_other(it.as_str()).is_some_and(|it| is_bad(&it)));
    if let Some(found) = by_job {
        return Ok(Some(found.clone()));
    }
    let rows = bus.list_and(pump, required, &[]).await?.0;
    let state = |wanted: &str| rows.iter().find(|row| row.active == wanted);
    // One that was never started is to blame where nothing has failed: `Requisite=`.
    let found = state("failed").or_else(|| state("inactive"));
    Ok(found.and_then(|row| UnitName::new(&row.name).ok()))
}

fn required(unit: &Properties) -> Vec<UnitName> {
    let names = ["Requires", "Requisite", "BindsTo"];
    let known: Vec<_> =
        names.iter().filter_map(|name| Some((*name, unit.get(name)?.clone()))).collect();
    required_by(&known)
}

fn required_by(properties: &[(&str, PropertyValue)]) -> Vec<UnitName> {
    let names =
        properties.iter().flat_map(|(_, value)| value.fields()).filter_map(PropertyValue::text);
    names.filter_map(|name| UnitName::new(name).ok()).collect()
}
