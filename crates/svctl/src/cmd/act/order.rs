//! Services in the order of the definitions that they were built from, as their directories tell it: who waits for
//! whom, who is started along, and who is left alone because of another.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use svcmgr::{
    Bulk, Error, Goal, LastExit, NeedList, NeedWhen, Needed, Outcome, Request, Service, Supervised,
};

use super::Done;
use crate::{
    args::Global,
    names::{self, Found, NoTargets, Target},
    output::Output,
};

/// Tells what came of the service at this place.
type Telling<'a> = dyn FnMut(usize, &Result<Done, Error>, &mut Output) + 'a;

/// Which way it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// What is needed comes first, and is started along.
    Up,
    /// What is needed comes first.
    Again,
    /// What needs others comes first.
    Down,
}

/// For whom the services wait, by their places among those that can be used.
pub(super) struct Ties {
    way: Way,
    of: Vec<Vec<Tie>>,
    /// How many were named; those after them were brought along.
    named: usize,
}

struct Tie {
    needed: Needed,
    /// Where that one is; `None` if it is not there.
    at: Option<usize>,
}

impl Ties {
    /// Reads what the directories of the services tell, and adds those that are started along. What cannot be
    /// followed is told.
    pub(super) fn read(
        targets: &mut Vec<Target>,
        way: Way,
        global: &Global,
        output: &mut Output,
    ) -> Result<Self, NoTargets> {
        let named = targets.iter().filter(|target| target.found.is_ok()).count();
        let mut ties = Self { way, of: Vec::new(), named };
        if named == 1 && way != Way::Up {
            return Ok(ties);
        }
        let mut places: BTreeMap<PathBuf, Option<usize>> = BTreeMap::new();
        let mut place = 0;
        for target in &*targets {
            let usable = target.found.is_ok().then_some(place);
            places.extend(entry(target).map(|path| (path, usable)));
            place += usize::from(usable.is_some());
        }
        let mut at = 0;
        while let Some(target) = targets.get(at) {
            at += 1;
            let Ok(found) = &target.found else { continue };
            let (found, by_name) = (found.clone(), !target.name.contains('/'));
            let mut own = Vec::new();
            let beside = entry(target).and_then(|path| Some(path.parent()?.to_owned()));
            for needed in needed(&found, output) {
                let Some(dir) = &beside else { continue };
                let path = dir.join(&needed.name);
                let is_along = way == Way::Up && needed.list != NeedList::After;
                if is_along && !places.contains_key(&path) {
                    let is_usable = bring((&path, by_name), targets, global, output)?;
                    places.insert(path.clone(), is_usable.then_some(place));
                    place += usize::from(is_usable);
                }
                if let Some(at) = places.get(&path) {
                    own.push(Tie { needed, at: *at });
                }
            }
            ties.of.push(own);
        }
        Ok(ties)
    }

    /// Those before which this one does not have its turn.
    fn before(&self, one: usize) -> Vec<usize> {
        match self.way {
            Way::Down => {
                let waits = |ties: &&Vec<Tie>| ties.iter().any(|tie| tie.at == Some(one));
                (0..self.of.len())
                    .filter(|it| self.of.get(*it).as_ref().is_some_and(waits))
                    .collect()
            }
            _ => self.of.get(one).into_iter().flatten().filter_map(|tie| tie.at).collect(),
        }
    }

    /// How far others want this one to be.
    fn is_wanted(&self, one: usize, when: NeedWhen) -> bool {
        let is_so = |tie: &Tie| tie.at == Some(one) && tie.needed.when == when;
        self.way != Way::Down && self.of.iter().flatten().any(is_so)
    }

    /// Who keeps this one from being asked, after what came of others.
    fn holds(&self, one: usize, results: &[Option<Result<Done, Error>>]) -> Option<&str> {
        let is_reached = |tie: &&Tie| {
            let result = tie.at.and_then(|at| results.get(at)?.as_ref());
            let Some(Ok(Done::Waited(outcome))) = result else { return false };
            outcome.is_reached() && (tie.needed.when != NeedWhen::Done || is_done(tie, outcome))
        };
        let ties = self.of.get(one).filter(|_| self.way != Way::Down)?;
        let mut bound = ties.iter().filter(|tie| tie.needed.list != NeedList::Wants);
        bound.find(|tie| !is_reached(tie)).map(|tie| &*tie.needed.name)
    }

    /// Asks all of them, each when it is its turn, and tells of each once it is done.
    pub(super) fn carry_out(
        &self,
        found: &[Found],
        request: Request,
        (limit, deadline): (Option<NonZeroUsize>, Instant),
        output: &mut Output,
        done: &mut Telling<'_>,
    ) -> Result<Vec<Result<Done, Error>>, Error> {
        let mut asking = Asking { found, limit, deadline, done, output, results: Vec::new() };
        asking.results.resize_with(found.len(), || None);
        let mut left: BTreeSet<usize> = (0..found.len()).collect();
        while !left.is_empty() {
            let waits = |one: &usize| self.before(*one).iter().any(|it| left.contains(it));
            let mut turn: Vec<usize> = left.iter().copied().filter(|one| !waits(one)).collect();
            if turn.is_empty() {
                asking
                    .output
                    .message("some of these services wait for each other: they are asked at once");
                turn = left.iter().copied().collect();
            } else {
                for one in &turn {
                    let held = self.holds(*one, &asking.results).map(str::to_owned);
                    if let Some(by) = held {
                        asking.is(*one, Ok(Done::Held(by)));
                    }
                }
            }
            left.retain(|one| !turn.contains(one));
            let is_late = Instant::now() >= deadline;
            turn.retain(|one| asking.results.get(*one).is_some_and(Option::is_none));
            if is_late {
                turn.drain(..).for_each(|one| asking.is(one, Ok(Done::Late)));
            }
            let is_job = |one: &usize| self.way == Way::Up && self.is_wanted(*one, NeedWhen::Done);
            let (jobs, others): (Vec<_>, Vec<_>) = turn.into_iter().partition(is_job);
            let (named, along): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|one| *one < self.named);
            asking.ask(&jobs, &request.until(Goal::Finished), None)?;
            for (those, request) in [(named, request), (along, Request::up())] {
                let is_ready = |one: &usize| self.is_wanted(*one, NeedWhen::Ready);
                let (ready, up): (Vec<_>, Vec<_>) = those.into_iter().partition(is_ready);
                asking.ask(&up, &request, None)?;
                asking.ask(&ready, &request, Some(Goal::Ready))?;
            }
        }
        let results = asking.results.into_iter().flatten();
        Ok(results.collect())
    }

    /// Whether nobody waits for anybody, so that all can be asked at once.
    pub(super) fn is_empty(&self) -> bool {
        self.of.iter().all(Vec::is_empty)
    }

    /// How many of them were named.
    pub(super) const fn named(&self) -> usize {
        self.named
    }
}

/// What has come of whom.
struct Asking<'a> {
    found: &'a [Found],
    limit: Option<NonZeroUsize>,
    deadline: Instant,
    done: &'a mut Telling<'a>,
    output: &'a mut Output,
    results: Vec<Option<Result<Done, Error>>>,
}

impl Asking<'_> {
    fn is(&mut self, one: usize, result: Result<Done, Error>) {
        (self.done)(one, &result, self.output);
        if let Some(place) = self.results.get_mut(one) {
            *place = Some(result);
        }
    }

    /// Asks these and waits for them, and after that until they are as others want them.
    fn ask(&mut self, those: &[usize], request: &Request, then: Option<Goal>) -> Result<(), Error> {
        let services: Vec<Found> =
            those.iter().filter_map(|one| self.found.get(*one).cloned()).collect();
        if services.is_empty() {
            return Ok(());
        }
        let bulk = |services: &[Found], request: &Request| {
            let bulk = Bulk::new(services);
            let bulk = match self.limit {
                Some(limit) => bulk.limit(limit),
                None => bulk,
            };
            bulk.pursue(request, self.deadline)
        };
        let mut results = bulk(&services, request)?;
        if let Some(goal) = then {
            let later = bulk(&services, &Request::wait(goal))?;
            for (first, later) in results.iter_mut().zip(later) {
                let was_well = first.as_ref().is_ok_and(Outcome::is_reached);
                if was_well && !later.as_ref().is_ok_and(Outcome::is_reached) {
                    *first = later;
                }
            }
        }
        for (one, result) in those.iter().zip(results) {
            self.is(*one, result.map(Done::Waited));
        }
        Ok(())
    }
}

/// Where it stands in its scan directory.
fn entry(target: &Target) -> Option<PathBuf> {
    std::path::absolute(target.path.as_deref()?).ok()
}

/// What its directory tells. s6-rc orders its services itself.
fn needed(found: &Found, output: &mut Output) -> Vec<Needed> {
    let service = found.directory().filter(|service| service.s6_rc().is_none());
    service.map_or(Ok(Vec::new()), Service::needed).unwrap_or_else(|error| {
        let name = found.name().to_string();
        output.message(&format!("{name}: what it needs is not followed: {error}"));
        Vec::new()
    })
}

/// Adds a service that is started along, if there is one: whether it can be used.
fn bring(
    (path, by_name): (&Path, bool),
    targets: &mut Vec<Target>,
    global: &Global,
    output: &mut Output,
) -> Result<bool, NoTargets> {
    if path.symlink_metadata().is_err() {
        return Ok(false);
    }
    let found = names::find(global, &[path.as_os_str().to_owned()], output)?;
    let is_usable = found.iter().any(|target| target.found.is_ok());
    targets.extend(found.into_iter().map(|target| match &target.found {
        Ok(it) if by_name => {
            let name = path.file_name().unwrap_or_default();
            let found = it.directory().map(|it| Arc::new(it.clone().named(name)) as Found);
            let found = Ok(found.unwrap_or_else(|| it.clone()));
            Target { name: name.to_string_lossy().into_owned(), found, ..target }
        }
        _ => target,
    }));
    Ok(is_usable)
}

/// Whether a job that has ended has done what it is for.
fn is_done(tie: &Tie, outcome: &Outcome) -> bool {
    match outcome.status().and_then(svcmgr::Status::exit) {
        Some(LastExit::Exited { code }) => code == 0 || tie.needed.success.contains(&code),
        _ => false,
    }
}
