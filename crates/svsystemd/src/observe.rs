//! What all supervisors tell of a unit, of many units, by as few questions as that takes.
//!
//! `GetAll` costs the manager 0.4 ms for a unit, and 2 ms more at the first time since the unit was
//! loaded (`UnitFileState`); one list costs 0.5 ms for 200. So hardly a unit is read in full:
//!
//! - of one that is not in the manager's memory the list has all that there is;
//! - of a service that runs the list has its state, two questions its process and the moment of its
//!   start, and one more its type, which is kept as long as that process runs and the manager has not
//!   read its files again;
//! - of what stands still in another state, a few questions tell the rest.
//!
//! Several answers are not one moment, so they count only if they must be true of one. A process must
//! have been started before the list was asked for, and be there yet, in the unit's group, after the
//! last answer: then it was the main process when the list was made. What stands still must have
//! entered its state before the list was asked for, and be in it after the last answer. Else, and
//! while it changes, the unit is read in full.
//!
//! Whether a unit is enabled is read from the [links](crate::links); only of a manager whose files
//! are elsewhere it is asked.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use svclient::{Status, UnixTime};

use crate::{
    Action, Bus, BusCall, Error, Properties, PropertyValue, UnitName, UnitStatus, bulk,
    direct::{self, Seen},
    error::Subject,
    last_run,
    links::Links,
    map::MainProcess,
    memory::Run,
    process,
    unified::common_status,
    wire::{
        call::{MANAGER, SERVICE, UNIT},
        pump::Pump,
        reply::{self, Listed},
    },
};

/// What the files of a service say, asked once for a run. All but the first may be read from the
/// disk.
const FACTS: [(&str, &str); 3] =
    [(SERVICE, "Type"), (UNIT, "UnitFileState"), (UNIT, "DropInPaths")];

/// What is asked of a service that stands still, beside [`FACTS`].
const LAST_RUN: [(&str, &str); 3] =
    [(SERVICE, "ExecMainCode"), (SERVICE, "ExecMainStatus"), (SERVICE, "NRestarts")];

/// The last question about what stands still.
const STATE: (&str, &str) = (UNIT, "ActiveState");

/// Asked of services that say themselves when they are ready.
const READY: (&str, &str) = (UNIT, "ActiveEnterTimestamp");

/// So many are looked at together while the answers about others are on their way.
const TOGETHER: usize = 32;

/// Who is asked more, what is known so far, and what is to be asked.
type Again = (TransientRun, Run, Vec<(&'static str, &'static str)>);

/// A service that runs, by the list.
struct TransientRun {
    at: usize,
    unit: UnitName,
    row: Arc<Listed>,
    known: Option<Arc<Run>>,
}

impl Bus {
    /// What all supervisors tell of many units, in their order.
    pub(crate) fn observe<'a>(
        &'a self,
        units: &'a [UnitName],
    ) -> BusCall<'a, Vec<Result<Status, Error>>> {
        self.ask(Action::Look, &Subject::Manager, statuses(self, units))
    }
}

/// What all supervisors tell of each unit, in their order.
async fn statuses(bus: &Bus, units: &[UnitName]) -> Result<Vec<Result<Status, Error>>, Error> {
    let questions = |pump: Arc<Pump>| async move { seen_over(bus, &pump, units).await };
    let seen = direct::ask(bus, units.len(), questions).await?;
    Ok(bulk::in_order(units, seen).map(|seen| Ok(common_status(&seen?))).collect())
}

pub(crate) async fn seen_over(bus: &Bus, pump: &Pump, units: &[UnitName]) -> Result<Seen, Error> {
    // Before the list, so that a process that was started earlier was there when it was made.
    let asked_at = micros_now();
    let manager = [
        (MANAGER, "UnitsLoadTimestampMonotonic"),
        (MANAGER, "ControlGroup"),
        (MANAGER, "UnitPath"),
    ];
    let (loaded, rows, about) = bus.list_loaded_and(pump, units, &manager).await?;
    let about = |at: usize| about.get(at).and_then(Option::as_ref);
    let read = about(0).and_then(PropertyValue::unsigned);
    let root = about(1).and_then(PropertyValue::text);
    let paths: Vec<&str> = about(2)
        .map(PropertyValue::fields)
        .unwrap_or_default()
        .iter()
        .filter_map(PropertyValue::text)
        .collect();
    let links =
        if bus.manager_address().is_here() { Links::read(&paths, units.len()) } else { None };
    let loaded: HashSet<&str> = loaded.iter().map(|row| row.name.as_str()).collect();
    let rows: HashMap<String, Arc<Listed>> =
        rows.into_iter().map(|row| (row.name.clone(), Arc::new(row))).collect();
    let (mut running, mut still) = (Vec::new(), Vec::new());
    let mut found = Found {
        bus,
        pump,
        asked_at,
        read,
        root: root.unwrap_or_default(),
        links,
        seen: Vec::with_capacity(units.len()),
        whole: Vec::new(),
    };
    for (at, unit) in units.iter().enumerate() {
        match rows.get(unit.as_str()) {
            _ if unit.is_template() => found.seen.push((at, Err(Error::template(unit)))),
            Some(row) if row.is_nothing() => found.seen.push((at, Ok(bulk::absent(row)))),
            Some(row) if root.is_some() && row.runs() => {
                let known = read.and_then(|read| bus.memory().run(read, unit));
                running.push(TransientRun { at, unit: unit.clone(), row: Arc::clone(row), known });
            }
            Some(row) if !loaded.contains(row.name.as_str()) && found.take_row(at, unit, row) => (),
            Some(row) if row.stands_still() => still.push((at, unit.clone(), Arc::clone(row))),
            _ => found.whole.push((at, unit.clone())),
        }
    }
    let again = first_turn(&mut found, running).await?;
    second_turn(&mut found, again).await?;
    still_turn(&mut found, still).await?;
    let Found { mut seen, whole, .. } = found;
    seen.extend(bulk::in_full(bus, pump, whole).await?);
    Ok(seen)
}

/// The process and the moment of its start, in this order: if it ends between the two answers, it is
/// not there afterwards. And what its files say, where that is not known. Returns who is another
/// process than before, or says itself when it is ready: there is more to ask.
async fn first_turn(
    found: &mut Found<'_>,
    running: Vec<TransientRun>,
) -> Result<Vec<Again>, Error> {
    let process = [(SERVICE, "MainPID"), (SERVICE, "ExecMainStartTimestamp")];
    let facts = found.facts();
    let all = [process.as_slice(), facts].concat();
    let question = |it: &TransientRun| {
        let asked: &[_] = if it.known.is_some() { &process } else { &all };
        (it.unit.path(), asked)
    };
    let questions: Vec<_> = running.iter().map(question).collect();
    let mut asked = found.bus.ask_each(found.pump, &questions)?.into_iter();
    let (mut running, mut again) = (running.into_iter().peekable(), Vec::new());
    while running.peek().is_some() {
        let answers = reply::answers(asked.by_ref().take(TOGETHER).collect()).await;
        for (answers, it) in answers.into_iter().zip(running.by_ref()) {
            let mut answers = answers.into_iter();
            let mut number = || answers.next().flatten().as_ref().and_then(PropertyValue::unsigned);
            let (Some(pid @ 1..), Some(started @ 1..)) = (number(), number()) else {
                found.whole.push((it.at, it.unit));
                continue;
            };
            let mut run = Run { pid, started, facts: Properties::default() };
            match it.known.clone() {
                Some(known) if (known.pid, known.started) == (pid, started) => {
                    found.settle(it, Some(known));
                }
                Some(_) => again.push((it, run, [facts, &[READY]].concat())),
                None if !run.take(facts, answers) => found.settle(it, None),
                None if crate::map::notifies(run.facts.text("Type")) => {
                    again.push((it, run, vec![READY]));
                }
                None => found.settle(it, Some(Arc::new(run))),
            }
        }
    }
    Ok(again)
}

async fn second_turn(found: &mut Found<'_>, again: Vec<Again>) -> Result<(), Error> {
    let questions: Vec<_> =
        again.iter().map(|(it, _, names)| (it.unit.path(), names.as_slice())).collect();
    let answers = reply::answers(found.bus.ask_each(found.pump, &questions)?).await;
    for ((it, mut run, names), answers) in again.into_iter().zip(answers) {
        let is_complete = run.take(&names, answers.into_iter());
        found.settle(it, is_complete.then(|| Arc::new(run)));
    }
    Ok(())
}

/// Those that stand still in a state other than running.
async fn still_turn(
    found: &mut Found<'_>,
    still: Vec<(usize, UnitName, Arc<Listed>)>,
) -> Result<(), Error> {
    let facts = found.facts();
    let names = |unit: &UnitName, row: &Listed| {
        let (of_service, of_all) = facts.split_at(1);
        let mut names = of_all.to_vec();
        if unit.kind() == "service" {
            names.extend([of_service, &LAST_RUN].concat());
        }
        // The moment after the rest: who has left the state and come back has a later one.
        names.extend([(UNIT, row.entered()), STATE]);
        names
    };
    let asked: Vec<_> = still.iter().map(|(_, unit, row)| names(unit, row)).collect();
    let questions: Vec<_> = still
        .iter()
        .zip(&asked)
        .map(|((_, unit, _), names)| (unit.path(), names.as_slice()))
        .collect();
    let answers = reply::answers(found.bus.ask_each(found.pump, &questions)?).await;
    for (((at, unit, row), names), answers) in still.into_iter().zip(&asked).zip(answers) {
        let mut run = Run { pid: 0, started: 0, facts: Properties::default() };
        let is_complete = run.take(names, answers.into_iter());
        let stood = run.facts.number(row.entered()) < found.asked_at
            && run.facts.text("ActiveState") == row.active;
        if !is_complete || !stood {
            found.whole.push((at, unit));
            continue;
        }
        let mut properties = run.facts;
        found.say(&unit, &mut properties);
        row.say(&mut properties);
        found.seen.push((at, Ok(UnitStatus::new(properties, None, MainProcess::Unseen))));
    }
    Ok(())
}

/// What has come of it so far.
struct Found<'a> {
    bus: &'a Bus,
    pump: &'a Pump,
    asked_at: u64,
    read: Option<u64>,
    root: &'a str,
    /// `None` where the manager's files are elsewhere.
    links: Option<Links>,
    seen: Seen,
    /// To be read in full.
    whole: Vec<(usize, UnitName)>,
}

impl Found<'_> {
    /// What is asked of the files of a service.
    fn facts(&self) -> &'static [(&'static str, &'static str)] {
        if self.links.is_some() { &FACTS[..1] } else { &FACTS }
    }

    /// Adds what the disk says.
    fn say(&mut self, unit: &UnitName, properties: &mut Properties) {
        let Some(links) = &mut self.links else { return };
        properties.set("UnitFileState", links.state(unit).unwrap_or_default());
        if links.is_last(unit) {
            last_run::note(properties);
        }
    }

    /// Takes a unit that is not in the manager's memory, if the list and the disk say all about it.
    fn take_row(&mut self, at: usize, unit: &UnitName, row: &Listed) -> bool {
        if row.active != "inactive" || row.job.is_some() || self.links.is_none() {
            return false;
        }
        let mut properties = Properties::default();
        self.say(unit, &mut properties);
        row.say(&mut properties);
        self.seen.push((at, Ok(UnitStatus::new(properties, None, MainProcess::Unseen))));
        true
    }

    /// The last look at a service: is its process there?
    fn settle(&mut self, it: TransientRun, run: Option<Arc<Run>>) {
        let run = run.filter(|run| run.started < self.asked_at);
        let main =
            run.as_ref().and_then(|run| process::sight(run.pid, self.root, it.unit.as_str()));
        let Some((run, main)) = run.zip(main) else {
            return self.whole.push((it.at, it.unit));
        };
        let mut status = run.facts.clone();
        self.say(&it.unit, &mut status);
        self.seen.push((it.at, Ok(status_of(&it.row, &run, status, main))));
        let is_kept = it.known.is_some_and(|known| Arc::ptr_eq(&known, &run));
        if let Some(read) = self.read.filter(|_| !is_kept) {
            self.bus.memory().keep(read, it.unit, run);
        }
    }
}

impl Run {
    /// Whether all of them were answered.
    fn take(
        &mut self,
        names: &[(&str, &str)],
        answers: impl Iterator<Item = Option<PropertyValue>>,
    ) -> bool {
        let mut complete = true;
        for ((_, name), answer) in names.iter().zip(answers) {
            match answer {
                Some(value) => drop(self.facts.0.insert((*name).to_owned(), value)),
                None => complete = false,
            }
        }
        complete
    }
}

/// By the same table as of a unit that was read in full.
fn status_of(row: &Listed, run: &Run, mut properties: Properties, main: MainProcess) -> UnitStatus {
    row.say(&mut properties);
    let mut number =
        |name: &str, it| properties.0.insert(name.to_owned(), PropertyValue::Unsigned(it));
    number("MainPID", run.pid);
    number("ExecMainStartTimestamp", run.started);
    UnitStatus::new(properties, None, main)
}

/// The clock of `ExecMainStartTimestamp`, 0 if it is out of its mind.
fn micros_now() -> u64 {
    let now = UnixTime::EPOCH.elapsed(UnixTime::now());
    u64::try_from(now.as_micros()).unwrap_or_default()
}
