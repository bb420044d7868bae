//! What `apply` is to do, as data: decisions alone.
//!
//! Before the first change, what is there is kept in a journal, and it goes after the last. Whoever finds one knows
//! that a run was killed: what that one has touched is to be restarted, whatever the files say now, and what was there
//! before it is what a failure leads back to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path},
};

use svcmgr::build::{
    Plan,
    plan::{ChangeKind, Diff, PlanEntry, Unit},
};

/// A service under one name: of one with `instances`, each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Under which it runs.
    pub(super) name: String,
    /// Its units in the plan.
    pub(super) units: BTreeSet<String>,
    pub(super) aim: Aim,
}

/// How far a service is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// It says when it is ready.
    Ready,
    /// Up, and it stays so.
    Up,
    /// A job, which ends.
    Done,
    /// It is down until somebody asks for it.
    Nothing,
}

/// How a member stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) enabled: bool,
    /// It has a process.
    pub(super) runs: bool,
    /// It is as far as it is to come.
    pub(super) there: bool,
}

/// What changes of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Touch {
    pub(super) service: bool,
    pub(super) logger: bool,
    /// It has a logger from now on, or none: its supervisor learns that at its start.
    pub(super) anew: bool,
}

/// What a run leaves for the next one, should it be killed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Journal {
    /// What was there.
    pub(super) before: Plan,
    /// Whose files change.
    pub(super) touched: BTreeSet<String>,
    /// Of these, whose supervisor has to learn of a logger.
    pub(super) anew: BTreeSet<String>,
    /// What is enabled and was not.
    pub(super) enabled: BTreeSet<String>,
    /// What was restarted or started, or is about to be.
    pub(super) done: BTreeSet<String>,
}

/// One step. Names are those of members, in the order of their needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Keep(Journal),
    /// The files as they are to be.
    Write,
    /// The files as they were.
    WriteBack(Plan),
    /// The manager reads its files.
    Reload,
    Enable(Vec<String>),
    Disable(Vec<String>),
    /// Its supervisor is ended, and another starts.
    Anew(Vec<String>),
    Restart(Vec<String>),
    RestartLogger(Vec<String>),
    Start(Vec<String>),
    Await(Vec<String>),
    /// The journal goes.
    Forget,
}

impl Step {
    /// What is done, and to whom; `None` for what is nobody's.
    pub(super) fn told(&self) -> Option<(&'static str, &[String])> {
        Some(match self {
            Self::Enable(names) => ("enable", names),
            Self::Disable(names) => ("disable", names),
            Self::Anew(names) => ("supervise-anew", names),
            Self::Restart(names) => ("restart", names),
            Self::RestartLogger(names) => ("restart-logger", names),
            Self::Start(names) => ("start", names),
            Self::Await(names) => ("wait", names),
            Self::Keep(_) | Self::Write | Self::WriteBack(_) | Self::Reload | Self::Forget => {
                return None;
            }
        })
    }
}

/// What there is to decide from.
pub(super) struct Facts<'a> {
    /// The members by their needs: those of a level need earlier levels alone.
    pub(super) levels: &'a [Vec<Member>],
    pub(super) plan: &'a Plan,
    pub(super) diff: &'a Diff,
    pub(super) seen: &'a BTreeMap<String, Seen>,
    /// That of a run that was killed.
    pub(super) found: Option<&'a Journal>,
    /// A manager has to be told of new files.
    pub(super) reloads: bool,
}

impl Facts<'_> {
    /// What is to be done; nothing where all is so.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut journal = self.journal();
        let writes = !self.diff.changes.is_empty();
        let mut levels = Vec::new();
        for level in self.levels {
            levels.extend(self.level(level, &mut journal));
        }
        if !writes && self.found.is_none() && levels.is_empty() {
            return Vec::new();
        }
        let mut steps = vec![Step::Keep(Journal { done: self.done(), ..journal.clone() })];
        steps.extend(writes.then_some(Step::Write));
        steps.extend((self.reloads && (writes || self.found.is_some())).then_some(Step::Reload));
        steps.extend(levels);
        steps.push(Step::Forget);
        steps
    }

    fn done(&self) -> BTreeSet<String> {
        self.found.map(|it| it.done.clone()).unwrap_or_default()
    }

    /// What is to be kept before anything changes.
    fn journal(&self) -> Journal {
        let mut journal = self.found.cloned().unwrap_or_default();
        let known = |journal: &Journal, name: &str| {
            let before = &journal.before;
            before.units.contains_key(name) || before.removals.iter().any(|it| it == name)
        };
        for (name, before) in before(self.plan, self.diff) {
            if !known(&journal, &name) {
                journal.before = match before {
                    Some(unit) => journal.before.with(name, unit),
                    None => journal.before.without(name),
                };
            }
        }
        for member in self.levels.iter().flatten() {
            let touch = self.touch(member);
            if touch != Touch::default() {
                journal.touched.insert(member.name.clone());
            }
            if touch.anew {
                journal.anew.insert(member.name.clone());
            }
            if !self.of(member).enabled {
                journal.enabled.insert(member.name.clone());
            }
        }
        journal
    }

    fn of(&self, member: &Member) -> Seen {
        self.seen.get(&member.name).copied().unwrap_or_default()
    }

    /// What the files change of it, or what a run that was killed may not have restarted.
    fn touch(&self, member: &Member) -> Touch {
        let mut touch = touch(member, self.diff);
        if self.found.is_some_and(|it| it.touched.contains(&member.name)) {
            touch.service = true;
            touch.logger = true;
            touch.anew |= self.found.is_some_and(|it| it.anew.contains(&member.name));
        }
        touch
    }

    fn level(&self, level: &[Member], journal: &mut Journal) -> Vec<Step> {
        let mut all = Level::default();
        for member in level {
            self.sort(member, &mut all);
        }
        let (touched, awaited) = (all.touched(), std::mem::take(&mut all.awaited));
        let mut steps = Vec::new();
        if !touched.is_subset(&journal.done) {
            journal.done.extend(touched);
            steps.push(Step::Keep(journal.clone()));
        }
        steps.extend(all.steps());
        steps.extend((!awaited.is_empty()).then_some(Step::Await(awaited)));
        steps
    }

    fn sort(&self, member: &Member, all: &mut Level) {
        let (seen, touch, name) = (self.of(member), self.touch(member), &member.name);
        let is_asked_for = member.aim != Aim::Nothing;
        // A scanner starts what it finds.
        let starts_itself = !seen.enabled && !self.reloads;
        let mut acts = !seen.enabled;
        if !seen.enabled {
            all.enable.push(name.clone());
        }
        if seen.enabled && touch.anew {
            all.anew.push(name.clone());
            acts = true;
        } else {
            if touch.service && seen.runs {
                all.restart.push(name.clone());
                acts = true;
            } else if is_asked_for && (!seen.there || touch.service) && !starts_itself {
                all.start.push(name.clone());
                acts = true;
            }
            if touch.logger && seen.enabled {
                all.logger.push(name.clone());
                acts = true;
            }
        }
        if acts && (is_asked_for || seen.runs) {
            all.awaited.push(name.clone());
        }
    }
}

/// What is done to the members of one level.
#[derive(Default)]
struct Level {
    enable: Vec<String>,
    anew: Vec<String>,
    restart: Vec<String>,
    logger: Vec<String>,
    start: Vec<String>,
    awaited: Vec<String>,
}

impl Level {
    fn touched(&self) -> BTreeSet<String> {
        let lists = [&self.anew, &self.restart, &self.logger, &self.start];
        lists.into_iter().flatten().cloned().collect()
    }

    fn steps(self) -> impl Iterator<Item = Step> {
        let steps = [
            Step::Enable(self.enable),
            Step::Anew(self.anew),
            Step::Restart(self.restart),
            Step::RestartLogger(self.logger),
            Step::Start(self.start),
        ];
        steps.into_iter().filter(|step| step.told().is_some_and(|(_, names)| !names.is_empty()))
    }
}

/// What a change of files changes of a member.
fn touch(member: &Member, diff: &Diff) -> Touch {
    let mut touch = Touch::default();
    for change in &diff.changes {
        let mut parts = change.path.components();
        let Some(Component::Normal(unit)) = parts.next() else { continue };
        if !unit.to_str().is_some_and(|unit| member.units.contains(unit)) {
            continue;
        }
        let rest = parts.as_path();
        if rest == Path::new("down") {
            // It is for the next start of the supervisor alone.
        } else if let Ok(of_log) = rest.strip_prefix("log") {
            touch.logger = true;
            touch.anew |= of_log == Path::new("run") && change.what != ChangeKind::Alter;
        } else {
            touch.service = true;
        }
    }
    touch
}

/// Each unit that changes, as it is on disk; `None` for what is not there.
fn before(plan: &Plan, diff: &Diff) -> Vec<(String, Option<Unit>)> {
    let mut all = Vec::new();
    for (name, unit) in &plan.units {
        let of = diff.changes.iter().filter(|it| it.path.starts_with(name)).collect::<Vec<_>>();
        if of.is_empty() {
            continue;
        }
        let before = match unit {
            Unit::File(_) => match of.first().and_then(|it| it.difference.old.clone()) {
                Some(PlanEntry::File(file)) => Some(Unit::File(file)),
                _ => None,
            },
            Unit::Directory(entries) => {
                let mut entries = entries.clone();
                for change in of {
                    let Ok(path) = change.path.strip_prefix(name) else { continue };
                    match change.difference.old.clone() {
                        Some(old) => entries.insert(path.to_owned(), old),
                        None => entries.remove(path),
                    };
                }
                (!entries.is_empty()).then_some(Unit::Directory(entries))
            }
        };
        all.push((name.clone(), before));
    }
    all
}

/// What leads back to how it was before a run that failed, and what it takes to undo what has no before.
pub(super) fn back(journal: &Journal, levels: &[Vec<Member>], reloads: bool) -> Vec<Step> {
    let writes = !journal.before.units.is_empty() || !journal.before.removals.is_empty();
    let is_new = |member: &&Member| journal.enabled.contains(&member.name);
    let of = |member: &Member| member.name.clone();
    let disable: Vec<_> = levels.iter().rev().flatten().filter(is_new).map(of).collect();
    let mut steps = Vec::new();
    if !disable.is_empty() {
        steps.push(Step::Disable(disable));
    }
    if writes {
        steps.push(Step::WriteBack(journal.before.clone()));
        steps.extend(reloads.then_some(Step::Reload));
    }
    for level in levels {
        let restart = level.iter().filter(|it| {
            let is_done = journal.done.contains(&it.name) && journal.touched.contains(&it.name);
            is_done && !is_new(it)
        });
        let restart: Vec<_> = restart.map(of).collect();
        if !restart.is_empty() {
            let is_anew = |name: &String| journal.anew.contains(name);
            let (anew, again): (Vec<_>, Vec<_>) = restart.iter().cloned().partition(is_anew);
            steps.extend((!anew.is_empty()).then_some(Step::Anew(anew)));
            steps.extend((!again.is_empty()).then_some(Step::Restart(again)));
            steps.push(Step::Await(restart));
        }
    }
    steps.push(Step::Forget);
    steps
}
