//! `svctl apply`: from definitions to services that run so, and back where one does not come up.
//!
//! | file         | for                                                      |
//! |--------------|----------------------------------------------------------|
//! | `plan.rs`    | what is to be done: decisions alone                      |
//! | `drive.rs`   | carries it out, and leads back                           |
//! | `journal.rs` | what a run that is killed leaves to the next one         |
//! | `place.rs`   | a scan directory, or a manager of units                  |

mod drive;
mod journal;
mod place;
mod plan;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

use svcmgr::build::{
    Definitions, ErrorKind, Options, Plan, Service, Target, plan::Diff, spec::Base,
};

use self::{
    drive::{Back, Went, World, drive},
    place::{Failed, Place, Runner},
    plan::{Aim, Facts, Journal, Member, Step},
};
use super::{build, carried, deadline, definitions::order};
use crate::{
    args::{Apply, Global},
    exit::Exit,
    json::{Applied, Became, Ended},
    output::{Output, printable},
};

/// Applies, or says what it would do.
pub(crate) fn run(global: &Global, args: &Apply, output: &mut Output) -> Exit {
    match apply(global, args, output) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn apply(global: &Global, args: &Apply, output: &mut Output) -> Result<Exit, Exit> {
    if let Some(path) = global.silent.paths().next() {
        let error = crate::silent::Silent::error(path);
        output.error(&error);
        return Err(Exit::from(&error));
    }
    let timeout = deadline::timeout(&args.timeout).map_err(|why| {
        output.message(&why);
        Exit::Usage
    })?;
    if matches!(args.target, Target::S6Rc | Target::Procfile) {
        output.message(&format!(
            "nothing is applied for {}: no scan directory runs it",
            args.target.name()
        ));
        output.hint("`svctl build` makes its files");
        return Err(Exit::Usage);
    }
    let (definitions, text) = definitions(args, output)?;
    let rendered = definitions.render(args.target, options(args));
    let plan = build::planned(&args.file, &text, rendered, output)?;
    let order = order(&definitions, output)?;
    let levels = levels(&definitions, order.levels(), args.target, options(args));
    let place = Place::of(global, args, output)?;
    let mut work = Work { place, plan, levels, timeout, by: Instant::now() };
    if args.dry_run || args.diff {
        let steps = work.look(output)?;
        return Ok(work.tell(&steps, args, output));
    }
    if work.look(output)?.steps.is_empty() {
        // A look that finds nothing to do leaves no trace.
        return Ok(work.done(&Planned::default(), None, output));
    }
    let out = work.place.out.clone();
    let lock = journal::Lock::take(&out).map_err(|error| {
        output.message(&printable(&format!("cannot lock {}: {error}", out.display())));
        Exit::System
    })?;
    let Some(_lock) = lock else {
        output.message(&printable(&format!("another svctl apply is at work in {}", out.display())));
        output.hint("wait until it is done");
        return Err(Exit::Deadline);
    };
    let planned = work.look(output)?;
    if !args.adopt {
        build::require_own(&planned.diff, &out, output)?;
    }
    work.by = deadline::deadline(timeout);
    let went = {
        let (levels, reloads) = (work.levels.clone(), work.reloads());
        let back = |journal: &Journal| plan::back(journal, &levels, reloads);
        drive(&mut work, &planned.steps, back)
    };
    Ok(work.done(&planned, Some(went), output))
}

fn options(args: &Apply) -> Options {
    let lossy =
        if args.lossy { svcmgr::build::Lossy::Commented } else { svcmgr::build::Lossy::Refused };
    Options::new().lossy(lossy)
}

/// Of the file, or of another host.
fn definitions(args: &Apply, output: &mut Output) -> Result<(Definitions, String), Exit> {
    let text = match &args.text {
        Some(text) => carried::text(text, output)?,
        None => build::read(&args.file, output)?,
    };
    let dir = build::dir_of(&args.file);
    let base = dir.as_deref().map_or(Base::Unknown, Base::Said);
    build::understood(&args.file, text, base, output)
}

/// The members by what they wait for.
fn levels(
    definitions: &Definitions,
    order: &[Vec<String>],
    target: Target,
    options: Options,
) -> Vec<Vec<Member>> {
    let members = |name: &String| {
        let service = definitions.service.get(name)?;
        let made = definitions.render_one(name, target, options).ok()?;
        let units: BTreeSet<String> = made.units.into_keys().collect();
        let member = |running: String| {
            // A directory is of one; units may be of all.
            let of_one = units.contains(&running).then(|| BTreeSet::from([running.clone()]));
            let units = of_one.unwrap_or_else(|| units.clone());
            Member { name: running, units, aim: aim(service) }
        };
        Some(service.names(name).map(member).collect::<Vec<_>>())
    };
    order.iter().map(|level| level.iter().filter_map(members).flatten().collect()).collect()
}

fn aim(service: &Service) -> Aim {
    match (service.down, service.kind, &service.ready) {
        (true, ..) => Aim::Nothing,
        (_, svcmgr::build::spec::Kind::Job, _) => Aim::Done,
        (_, _, Some(_)) => Aim::Ready,
        _ => Aim::Up,
    }
}

/// What is to be done, and what it is decided from.
#[derive(Default)]
struct Planned {
    steps: Vec<Step>,
    diff: Diff,
    /// A run that was killed has left it.
    found: Option<Journal>,
}

struct Work {
    place: Place,
    plan: Plan,
    levels: Vec<Vec<Member>>,
    timeout: Duration,
    by: Instant,
}

impl Work {
    const fn reloads(&self) -> bool {
        matches!(self.place.runner, Runner::Manager(_))
    }

    fn members(&self, names: Option<&[String]>) -> Vec<&Member> {
        let is_named = |it: &&Member| names.is_none_or(|names| names.contains(&it.name));
        self.levels.iter().flatten().filter(is_named).collect()
    }

    /// Looks at everything, and decides.
    fn look(&self, output: &mut Output) -> Result<Planned, Exit> {
        let refused = |error, output: &mut Output| build::refused(&error, output);
        let diff = self.plan.diff(&self.place.out).map_err(|error| refused(error, output))?;
        let found = journal::find(&self.place.out).map_err(|error| refused(error, output))?;
        let seen = self.place.see(&self.members(None), &self.plan);
        let (levels, plan) = (&*self.levels, &self.plan);
        let reloads = self.reloads();
        let facts =
            Facts { levels, plan, diff: &diff, seen: &seen, found: found.as_ref(), reloads };
        Ok(Planned { steps: facts.steps(), diff, found })
    }

    /// Says what would be done.
    fn tell(&self, planned: &Planned, args: &Apply, output: &mut Output) -> Exit {
        if output.json {
            output.json(&self.rows(planned, None));
        } else {
            if args.diff {
                planned.diff.to_string().lines().for_each(|line| output.line(&printable(line)));
            }
            self.lines(planned).iter().for_each(|line| output.line(&printable(line)));
        }
        let differs = args.diff && !planned.steps.is_empty();
        if differs { Exit::Negative } else { Exit::Done }
    }

    /// The steps for people.
    fn lines(&self, planned: &Planned) -> Vec<String> {
        let mut lines = Vec::new();
        if planned.found.is_some() {
            lines.push("go on where a run was killed".to_owned());
        }
        for step in &planned.steps {
            match step {
                Step::Write => {
                    let line = |it: &svcmgr::build::plan::Change| {
                        format!("write {}", self.place.out.join(&it.path).display())
                    };
                    lines.extend(planned.diff.changes.iter().map(line));
                }
                Step::Reload => lines.push("have the manager read its files".to_owned()),
                _ => lines.extend(step.told().map(|(word, names)| {
                    let names: Vec<_> = names.iter().map(|it| self.place.shown(it)).collect();
                    format!("{word} {}", names.join(" "))
                })),
            }
        }
        if lines.is_empty() {
            lines.push("nothing to change".to_owned());
        }
        lines
    }

    /// A row for each service.
    fn rows(&self, planned: &Planned, went: Option<&Went>) -> Vec<Applied> {
        let mut did: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for (word, names) in planned.steps.iter().filter_map(Step::told) {
            for name in names.iter().filter(|_| word != "wait") {
                did.entry(name).or_default().push(word);
            }
        }
        let is_back = went.is_some_and(|it| it.back == Back::Whole);
        let row = |member: &Member| {
            let is_of = |path: &Path| {
                let unit = path.components().next().and_then(|it| it.as_os_str().to_str());
                unit.is_some_and(|unit| member.units.contains(unit))
            };
            let files: Vec<String> = planned
                .diff
                .changes
                .iter()
                .filter(|change| is_of(&change.path))
                .map(|change| change.path.display().to_string())
                .collect();
            let did = did.get(&*member.name).cloned().unwrap_or_default();
            let is_changed = !did.is_empty() || !files.is_empty();
            let failed = went.and_then(|it| it.failed.iter().find(|it| it.name == member.name));
            let has_failed = went.is_some_and(|it| !it.failed.is_empty());
            let became = match failed {
                Some(failed) => failed.became.clone(),
                None if has_failed => Became {
                    outcome: Ended::Skipped,
                    says: Some("another service did not come about".to_owned()),
                    ..Became::default()
                },
                None if is_changed => Became { outcome: Ended::Reached, ..Became::default() },
                None => Became { outcome: Ended::Already, ..Became::default() },
            };
            let changed = Some(is_changed && !is_back);
            Applied {
                service: self.place.shown(&member.name),
                scan_dir: self.place.scan_dir().map(|it| it.display().to_string()),
                became: Became { changed, ..became },
                did,
                files,
                rolled_back: is_back,
            }
        };
        self.levels.iter().flatten().map(row).collect()
    }

    /// Says what was done.
    fn done(&self, planned: &Planned, went: Option<Went>, output: &mut Output) -> Exit {
        let rows = self.rows(planned, went.as_ref());
        let failed = went.as_ref().map(|it| &*it.failed).unwrap_or_default();
        let is_json = output.json;
        // What is no service's has no row.
        for failed in failed.iter().filter(|it| !is_json || it.name.is_empty()) {
            let name = if failed.name.is_empty() {
                String::new()
            } else {
                format!("{}: ", self.place.shown(&failed.name))
            };
            output.message(&printable(&format!("{name}{}", place::words(failed))));
        }
        let exit = failed.iter().map(|it| it.exit).max().unwrap_or_default();
        if output.json {
            output.json(&rows);
        } else if failed.is_empty() && !output.quiet {
            for row in rows {
                let done = if row.became.changed == Some(false) {
                    "as it is to be".to_owned()
                } else {
                    let written = (!row.files.is_empty()).then_some("write");
                    written.into_iter().chain(row.did).collect::<Vec<_>>().join(", ")
                };
                output.line(&printable(&format!("{}: {done}", row.service)));
            }
        }
        match went.map(|it| it.back) {
            Some(Back::Whole) => output.message("all is as it was before"),
            Some(Back::InPart) => {
                output.message("not all of it could be taken back");
                output.hint("`svctl status` shows how the services stand; the same command goes on from here");
            }
            _ => (),
        }
        exit
    }

    /// Where none is at fault by itself.
    fn built(error: &svcmgr::build::Error) -> Vec<Failed> {
        let exit = match error.kind() {
            ErrorKind::Io => Exit::System,
            ErrorKind::Busy => Exit::Deadline,
            _ => Exit::Negative,
        };
        let says = Some(crate::output::in_full(error));
        let became = Became { outcome: Ended::Error, says, ..Became::default() };
        vec![Failed { name: String::new(), became, exit }]
    }
}

impl World for Work {
    fn carry_out(&mut self, step: &Step) -> Result<(), Vec<Failed>> {
        let out = &self.place.out;
        let built =
            |done: Result<(), svcmgr::build::Error>| done.map_err(|error| Self::built(&error));
        if let Step::WriteBack(_) | Step::Disable(_) = step {
            // What went wrong may have taken all the time that there was.
            self.by = self.by.max(deadline::deadline(deadline::way_back(self.timeout)));
        }
        let (place, plan, by) = (&self.place, &self.plan, self.by);
        let failed = match step {
            Step::Keep(journal) => return built(journal::keep(out, journal)),
            Step::Write => return built(plan.write(out).map(drop)),
            Step::WriteBack(before) => return built(before.write(out).map(drop)),
            Step::Forget => return built(journal::forget(out)),
            Step::Reload => return place.reload().map_err(|error| vec![place::whole(&error)]),
            Step::Enable(names) => place.enable(&self.members(Some(names)), plan, by),
            Step::Disable(names) => place.disable(&self.members(Some(names)), plan, by),
            Step::Anew(names) => place.anew(&self.members(Some(names)), plan, by),
            Step::Restart(names) => place.restart(&self.members(Some(names)), plan, by),
            Step::RestartLogger(names) => place.restart_loggers(&self.members(Some(names)), by),
            Step::Start(names) => place.start(&self.members(Some(names)), by),
            Step::Await(names) => place.wait(&self.members(Some(names)), by),
        };
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }
}
