//! Runs that are killed between any two effects, and those after them, in a world of real files and played services.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use svcmgr::build::{Definitions, Options, Plan, Service, Target};

use super::{
    drive::{Back, World, drive},
    journal,
    place::Failed,
    plan::{Aim, Facts, Member, Seen, Step, back},
};
use crate::{exit::Exit, json::Became};

/// What a service runs that does not stay up.
const BAD: &str = "/bin/false";

fn definitions(web: &str, db: &str) -> Definitions {
    Definitions::default()
        .with("db", Service::new([db]))
        .with("web", Service::new([web]).after("db"))
}

fn plan(definitions: &Definitions) -> Plan {
    let lossy = Options::new().lossy(svcmgr::build::Lossy::Commented);
    definitions.render(Target::Runit, lossy).unwrap()
}

fn member(name: &str) -> Member {
    Member { name: name.to_owned(), units: BTreeSet::from([name.to_owned()]), aim: Aim::Up }
}

fn levels() -> Vec<Vec<Member>> {
    vec![vec![member("db")], vec![member("web")]]
}

/// All that one can see of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    enabled: BTreeSet<String>,
    /// What each runs: the text of its `run`.
    runs: BTreeMap<String, String>,
}

struct Played<'a> {
    out: &'a Path,
    plan: Plan,
    state: State,
    /// So many effects until it is killed.
    left: usize,
    killed: bool,
}

impl Played<'_> {
    /// One effect, unless it is killed before.
    fn effect(&mut self, act: impl FnOnce(&mut State)) -> Result<(), Vec<Failed>> {
        if self.left == 0 {
            self.killed = true;
            return Err(Vec::new());
        }
        self.left -= 1;
        act(&mut self.state);
        Ok(())
    }

    fn each(
        &mut self,
        names: &[String],
        act: impl Fn(&mut State, &str, String),
    ) -> Result<(), Vec<Failed>> {
        for name in names {
            let run = std::fs::read_to_string(self.out.join(name).join("run")).unwrap_or_default();
            self.effect(|state| act(state, name, run))?;
        }
        Ok(())
    }

    /// A plan that is killed at a step of its own.
    fn write(&mut self, plan: &Plan) -> Result<(), Vec<Failed>> {
        let (left, killed) = (&mut self.left, &mut self.killed);
        let mut observer = |_: &_| {
            *killed = *left == 0;
            *left = left.saturating_sub(1);
            if *killed { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
        };
        plan.write_observed(self.out, &mut observer).map(drop).map_err(|_| Vec::new())
    }

    fn seen(&self) -> BTreeMap<String, Seen> {
        let seen = |name: &str| Seen {
            enabled: self.state.enabled.contains(name),
            runs: self.state.runs.contains_key(name),
            there: self.state.runs.get(name).is_some_and(|run| !run.contains(BAD)),
        };
        ["db", "web"].map(|name| (name.to_owned(), seen(name))).into()
    }

    fn steps(&self) -> Vec<Step> {
        let diff = self.plan.diff(self.out).unwrap();
        let found = journal::find(self.out).unwrap();
        let (levels, seen) = (levels(), self.seen());
        Facts {
            levels: &levels,
            plan: &self.plan,
            diff: &diff,
            seen: &seen,
            found: found.as_ref(),
            reloads: false,
        }
        .steps()
    }

    fn run(&mut self) -> Back {
        let steps = self.steps();
        drive(self, &steps, |journal| back(journal, &levels(), false)).back
    }
}

impl World for Played<'_> {
    fn carry_out(&mut self, step: &Step) -> Result<(), Vec<Failed>> {
        if self.killed {
            return Err(Vec::new());
        }
        match step {
            Step::Keep(kept) => {
                self.effect(|_| ())?;
                journal::keep(self.out, kept).map_err(|error| panic!("{error}"))
            }
            Step::Forget => {
                self.effect(|_| ())?;
                journal::forget(self.out).map_err(|error| panic!("{error}"))
            }
            Step::Write => self.write(&self.plan.clone()),
            Step::WriteBack(before) => self.write(before),
            Step::Enable(names) => self.each(names, |state, name, run| {
                state.enabled.insert(name.to_owned());
                state.runs.insert(name.to_owned(), run);
            }),
            Step::Disable(names) => self.each(names, |state, name, _| {
                state.enabled.remove(name);
                state.runs.remove(name);
            }),
            Step::Anew(names) | Step::Restart(names) | Step::Start(names) => {
                self.each(names, |state, name, run| {
                    state.runs.insert(name.to_owned(), run);
                })
            }
            Step::Await(names) => {
                let is_bad = |name: &&String| self.state.runs[*name].contains(BAD);
                let failed = |name: &String| Failed {
                    name: name.clone(),
                    became: Became::default(),
                    exit: Exit::Negative,
                };
                let failed: Vec<_> = names.iter().filter(is_bad).map(failed).collect();
                if failed.is_empty() { Ok(()) } else { Err(failed) }
            }
            Step::Reload | Step::RestartLogger(_) => Ok(()),
        }
    }
}

/// Everything that is there, but for what a build writes for itself.
fn files(out: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(out).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name != ".svbuild" {
            let run = std::fs::read_to_string(entry.path().join("run")).unwrap_or_default();
            all.insert(name, run);
        }
    }
    all
}

/// From a state to definitions: killed at each effect in turn, the next run ends where one that is left alone does.
/// At every effect with `SV_THOROUGH`, else at one of six, beginning with another in each sweep.
fn sweep(first: usize, from: Option<&Definitions>, to: &Definitions, expected: Back) {
    let step = if std::env::var_os("SV_THOROUGH").is_some() { 1 } else { 6 };
    let begun = |out: &Path| {
        let Some(from) = from else { return State::default() };
        let mut first = Played {
            out,
            plan: plan(from),
            state: State::default(),
            left: usize::MAX,
            killed: false,
        };
        assert_eq!(first.run(), Back::NotNeeded);
        first.state
    };
    let run = |out: &Path, state: State, left: usize| {
        let mut world = Played { out, plan: plan(to), state, left, killed: false };
        let back = world.run();
        (world.state, back, world.killed)
    };
    // In memory where there is room for that: each effect is made durable.
    let memory = Path::new("/dev/shm");
    let tree = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let tree = tree.unwrap();
    let alone = tree.path().join("alone");
    let state = begun(&alone);
    let (whole, back, _) = run(&alone, state.clone(), usize::MAX);
    let whole_files = files(&alone);
    assert_eq!(back, expected);
    if expected == Back::Whole {
        assert_eq!(whole, state, "it is led back to what was before");
    }
    let mut killed_at = first % step;
    loop {
        let out = tree.path().join(killed_at.to_string());
        let state = begun(&out);
        let (state, _, killed) = run(&out, state, killed_at);
        let (state, again, _) = run(&out, state, usize::MAX);
        assert_eq!((&state, &files(&out)), (&whole, &whole_files), "killed at {killed_at}");
        if expected == Back::NotNeeded {
            let world =
                Played { out: &out, plan: plan(to), state, left: usize::MAX, killed: false };
            assert_eq!(world.steps(), [], "killed at {killed_at}: there is nothing left to do");
        } else {
            assert_eq!(again, expected, "killed at {killed_at}");
        }
        if !killed {
            break;
        }
        killed_at += step;
    }
    assert!(killed_at > 10, "there are effects: {killed_at}");
}

#[test]
fn killed_at_any_step_the_next_run_ends_in_the_same_state() {
    let (old, new) = (definitions("/bin/web1", "/bin/db1"), definitions("/bin/web2", "/bin/db2"));
    sweep(1, None, &new, Back::NotNeeded);
    sweep(2, Some(&old), &new, Back::NotNeeded);
    sweep(3, Some(&old), &definitions("/bin/web2", "/bin/db1"), Back::NotNeeded);
}

#[test]
fn killed_at_any_step_a_failure_leads_back_to_what_was_before() {
    let old = definitions("/bin/web1", "/bin/db1");
    sweep(4, Some(&old), &definitions(BAD, "/bin/db2"), Back::Whole);
    sweep(5, Some(&old), &definitions("/bin/web2", BAD), Back::Whole);
    sweep(6, None, &definitions(BAD, "/bin/db1"), Back::Whole);
}

#[test]
fn what_did_not_change_is_left_alone() {
    let tree = tempfile::tempdir().unwrap();
    let out = tree.path();
    let old = definitions("/bin/web1", "/bin/db1");
    let mut world =
        Played { out, plan: plan(&old), state: State::default(), left: usize::MAX, killed: false };
    world.run();
    world.plan = plan(&definitions("/bin/web2", "/bin/db1"));
    let steps = world.steps();
    let told: Vec<_> = steps.iter().filter_map(Step::told).collect();
    let web = ["web".to_owned()];
    assert_eq!(told, [("restart", &web[..]), ("wait", &web[..])]);
    // What somebody took down is started again, and nothing else.
    world.plan = plan(&old);
    world.state.runs.remove("db");
    let steps = world.steps();
    let db = ["db".to_owned()];
    let told: Vec<_> = steps.iter().filter_map(Step::told).collect();
    assert_eq!(told, [("start", &db[..]), ("wait", &db[..])]);
    assert!(!steps.contains(&Step::Write));
}
