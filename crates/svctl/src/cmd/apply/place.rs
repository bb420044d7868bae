//! Where `apply` puts what it makes, and who runs it: a scan directory or a manager of units.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use svcmgr::{
    Bulk, Error, Goal, Noticed, Request, ScanDir, Service, State, Status, SupervisionEnd, UnixTime,
    build::{Plan, Target, plan::Unit},
    systemd::{Action, Bus, UnitName},
};

use super::plan::{Aim, Member, Seen};
use crate::{
    args::{Apply, Global},
    cmd::{
        enable,
        report::{Asked, shortfall},
    },
    exit::Exit,
    json::Became,
    names::{self, Found, NoTargets},
    output::{Output, message},
};

/// Who runs it.
pub(super) enum Runner {
    Scanner(ScanDir),
    Manager(Bus),
}

/// Where it is made, and who runs it.
pub(super) struct Place {
    pub(super) out: PathBuf,
    pub(super) runner: Runner,
    target: Target,
    kill_after: Option<Duration>,
}

/// What came of one of them, where it did not come about.
pub(super) struct Failed {
    pub(super) name: String,
    pub(super) became: Became,
    pub(super) exit: Exit,
}

impl Failed {
    pub(super) fn of(name: &str, error: &Error) -> Self {
        let (became, exit) = (Became::failed(error), Exit::from(error));
        Self { name: name.to_owned(), became, exit }
    }

    fn says(name: &str, says: String, exit: Exit) -> Self {
        let became = Became { says: Some(says), ..Became::default() };
        Self { name: name.to_owned(), became, exit }
    }
}

/// How long what does not say that it is ready has to stay up.
/// daemontools calls a process that has ended up for a second.
const STAYS: Duration = Duration::from_secs(2);

impl Place {
    /// # Errors
    ///
    /// With what to end, where it is not clear; that is told.
    pub(super) fn of(global: &Global, args: &Apply, output: &mut Output) -> Result<Self, Exit> {
        let (target, kill_after) = (args.target, args.kill_after);
        if target == Target::Systemd {
            let bus = names::bus(global, output).map_err(|NoTargets(exit)| exit)?;
            let out = args.out.clone().or_else(|| units_of(global.user)).ok_or_else(|| {
                output.message("cannot find the directory of this user's units: HOME is not set");
                output.hint("name it with --out");
                Exit::Usage
            })?;
            return Ok(Self { out, runner: Runner::Manager(bus), target, kill_after });
        }
        let scan = names::the_scan_dir(global, output).map_err(|NoTargets(exit)| exit)?;
        let out = match &args.out {
            Some(out) => out.clone(),
            None => store_of(&scan, target, output)?,
        };
        let is_same = |a: &Path, b: &Path| {
            a.canonicalize().ok().is_some_and(|a| Some(a) == b.canonicalize().ok())
        };
        if is_same(&out, scan.dir()) {
            output.message(
                "--out is the scan directory, of which the scanner starts what is half done",
            );
            output.hint("name another directory with --out: what is in it is linked into the scan directory");
            return Err(Exit::Usage);
        }
        Ok(Self { out, runner: Runner::Scanner(scan), target, kill_after })
    }

    /// `None` for a unit.
    pub(super) fn scan_dir(&self) -> Option<&Path> {
        match &self.runner {
            Runner::Scanner(scan) => Some(scan.dir()),
            Runner::Manager(_) => None,
        }
    }

    /// The name that other commands take.
    pub(super) fn shown(&self, name: &str) -> String {
        match &self.runner {
            Runner::Scanner(_) => name.to_owned(),
            Runner::Manager(_) => format!("{name}.service"),
        }
    }

    fn found(&self, name: &str) -> Result<Found, Error> {
        match &self.runner {
            Runner::Scanner(_) => Ok(Arc::new(Service::open(self.out.join(name))?)),
            Runner::Manager(bus) => Ok(Arc::new(bus.unit(&self.shown(name))?)),
        }
    }

    /// How they stand.
    pub(super) fn see(&self, members: &[&Member], plan: &Plan) -> BTreeMap<String, Seen> {
        let seen = |member: &&Member| {
            let status = self.found(&member.name).ok().and_then(|it| it.status().ok());
            let seen = Seen {
                enabled: self.is_enabled(member, plan),
                runs: status.as_ref().is_some_and(|it| it.pid().is_some()),
                there: status.as_ref().is_some_and(|it| is_there(member.aim, it)),
            };
            (member.name.clone(), seen)
        };
        members.iter().map(seen).collect()
    }

    fn is_enabled(&self, member: &Member, plan: &Plan) -> bool {
        match &self.runner {
            Runner::Scanner(scan) => {
                let leads = |path: PathBuf| path.canonicalize().ok();
                let dir = leads(self.out.join(&member.name));
                dir.is_some() && leads(scan.dir().join(&member.name)) == dir
            }
            Runner::Manager(bus) => installed(member, plan).iter().all(|unit| {
                let state = bus.named(unit.clone()).file_state().wait();
                state.is_ok_and(|state| state.starts_with("enabled"))
            }),
        }
    }

    pub(super) fn reload(&self) -> Result<(), Error> {
        match &self.runner {
            Runner::Scanner(_) => Ok(()),
            Runner::Manager(bus) => bus.reload().wait().map_err(Error::from),
        }
    }

    /// Each by a thread of its own: a scanner looks every few seconds, and all are to be there when it does.
    pub(super) fn enable(&self, members: &[&Member], plan: &Plan, by: Instant) -> Vec<Failed> {
        match &self.runner {
            Runner::Scanner(scan) => each(members, |member| {
                let enabled = scan.enable_as(&member.name, self.out.join(&member.name), by);
                match enabled.map(|it| it.noticed) {
                    Ok(Noticed::Supervised { .. }) => None,
                    Ok(_) if member.aim == Aim::Nothing && !scan.has_scanner() => None,
                    Ok(_) => {
                        let says = format!(
                            "linked into {}, and nobody supervises it",
                            scan.dir().display()
                        );
                        Some(Failed::says(&member.name, says, Exit::Deadline))
                    }
                    Err(error) => Some(Failed::of(&member.name, &error)),
                }
            }),
            Runner::Manager(bus) => Self::change(bus, Action::Enable, members, plan),
        }
    }

    pub(super) fn disable(&self, members: &[&Member], plan: &Plan, by: Instant) -> Vec<Failed> {
        match &self.runner {
            Runner::Scanner(scan) => each(members, |member| {
                match scan.disable_killing(&member.name, by, self.kill_after) {
                    Ok(disabled) => match disabled.ended {
                        Ok(SupervisionEnd::NotYet { .. }) => {
                            let says = "asked to end, and it has not".to_owned();
                            Some(Failed::says(&member.name, says, Exit::Deadline))
                        }
                        Ok(_) => None,
                        Err(error) => Some(Failed::of(&member.name, &error)),
                    },
                    // It was not linked yet.
                    Err(Error::NotFound { .. }) => None,
                    Err(error) => Some(Failed::of(&member.name, &error)),
                }
            }),
            Runner::Manager(bus) => {
                let mut failed = Self::change(bus, Action::Disable, members, plan);
                failed.extend(self.ask(members, &self.with_kill(Request::down()), by));
                failed
            }
        }
    }

    fn change(bus: &Bus, action: Action, members: &[&Member], plan: &Plan) -> Vec<Failed> {
        let units: BTreeSet<(String, UnitName)> = members
            .iter()
            .flat_map(|it| installed(it, plan).into_iter().map(|unit| (it.name.clone(), unit)))
            .collect();
        let (names, units): (Vec<String>, Vec<UnitName>) = units.into_iter().unzip();
        match bus.change_each(action, &units).wait() {
            Ok(results) => {
                let failed = |(name, result): (&String, Result<_, svcmgr::systemd::Error>)| {
                    result.err().map(|why| Failed::of(name, &Error::from(why)))
                };
                names.iter().zip(results).filter_map(failed).collect()
            }
            Err(why) => {
                let error = Error::from(why);
                names.iter().map(|name| Failed::of(name, &error)).collect()
            }
        }
    }

    /// Ends what supervises them, and has them supervised again.
    pub(super) fn anew(&self, members: &[&Member], plan: &Plan, by: Instant) -> Vec<Failed> {
        match self.runner {
            Runner::Scanner(_) => {
                let failed = self.disable(members, plan, by);
                for log in members.iter().map(|it| self.out.join(&it.name).join("log")) {
                    // A directory of that name is a logger's to the next supervisor, whatever is in it.
                    if !log.join("run").exists() {
                        let _left = fs::remove_dir_all(log.join("supervise"));
                        let _used = fs::remove_dir(log);
                    }
                }
                if failed.is_empty() { self.enable(members, plan, by) } else { failed }
            }
            Runner::Manager(_) => self.restart(members, plan, by),
        }
    }

    pub(super) fn restart(&self, members: &[&Member], plan: &Plan, by: Instant) -> Vec<Failed> {
        let has_sockets = |it: &&&Member| !sockets(it, plan).is_empty();
        let (with, without): (Vec<&Member>, Vec<&Member>) =
            members.iter().copied().partition(|it| has_sockets(&it));
        let mut failed = self.ask(&without, &self.with_kill(Request::restart()), by);
        // A socket does not change while its service has it.
        if let (false, Runner::Manager(bus)) = (with.is_empty(), &self.runner) {
            failed.extend(self.ask(&with, &self.with_kill(Request::down()), by));
            for member in &with {
                for unit in sockets(member, plan) {
                    let again = Request::restart().until(Goal::Known);
                    let done = again.pursue(&bus.named(unit), by);
                    failed.extend(done.err().map(|error| Failed::of(&member.name, &error)));
                }
            }
            failed.extend(self.ask(&with, &Request::up(), by));
        }
        failed
    }

    pub(super) fn start(&self, members: &[&Member], by: Instant) -> Vec<Failed> {
        self.ask(members, &Request::up(), by)
    }

    pub(super) fn restart_loggers(&self, members: &[&Member], by: Instant) -> Vec<Failed> {
        let Runner::Scanner(_) = self.runner else { return Vec::new() };
        let logger =
            |member: &&&Member| Service::open(self.out.join(&member.name).join("log")).ok();
        let (mut of, mut loggers): (Vec<&Member>, Vec<Found>) = (Vec::new(), Vec::new());
        for member in members {
            if let Some(found) =
                logger(&member).filter(|it| it.status().is_ok_and(|it| it.pid().is_some()))
            {
                of.push(member);
                loggers.push(Arc::new(found));
            }
        }
        pursued(&of, &loggers, &Request::restart(), by)
    }

    /// Waits until they are as far as they are to come.
    pub(super) fn wait(&self, members: &[&Member], by: Instant) -> Vec<Failed> {
        let mut failed = Vec::new();
        for aim in [Aim::Ready, Aim::Up, Aim::Done, Aim::Nothing] {
            let of: Vec<&Member> = members.iter().copied().filter(|it| it.aim == aim).collect();
            let goal = match aim {
                Aim::Ready => Goal::Ready,
                Aim::Up | Aim::Nothing => Goal::UpFor(STAYS),
                // systemd has waited for its end already.
                Aim::Done if matches!(self.runner, Runner::Manager(_)) => continue,
                Aim::Done => Goal::Finished,
            };
            failed.extend(self.ask(&of, &Request::wait(goal), by));
        }
        failed.extend(members.iter().filter_map(|it| self.of_another(it)));
        failed
    }

    /// What another supervisor runs than the one that it was made for.
    fn of_another(&self, member: &Member) -> Option<Failed> {
        let suite = self.found(&member.name).ok()?.suite()?;
        let (suite, target) = (suite.name(), self.target.name());
        let says = || format!("made for {target}, and {suite} runs it");
        (suite != target).then(|| Failed::says(&member.name, says(), Exit::Negative))
    }

    fn with_kill(&self, request: Request) -> Request {
        self.kill_after.map_or(request, |after| request.kill_after(after))
    }

    fn ask(&self, members: &[&Member], request: &Request, by: Instant) -> Vec<Failed> {
        let (mut failed, mut of, mut found) = (Vec::new(), Vec::new(), Vec::new());
        for member in members {
            match self.found(&member.name) {
                Ok(it) => {
                    of.push(*member);
                    found.push(it);
                }
                Err(error) => failed.push(Failed::of(&member.name, &error)),
            }
        }
        failed.extend(pursued(&of, &found, request, by));
        failed
    }
}

fn pursued(of: &[&Member], found: &[Found], request: &Request, by: Instant) -> Vec<Failed> {
    let at = UnixTime::now();
    let results = match Bulk::new(found).pursue(request, by) {
        Ok(results) => results,
        Err(error) => return of.iter().map(|it| Failed::of(&it.name, &error)).collect(),
    };
    let goal = request.goal();
    let word = request.intent().map(svcmgr::Intent::name);
    let mut failed = Vec::new();
    for ((member, service), result) in of.iter().zip(found).zip(results) {
        match result {
            Ok(outcome) if outcome.is_reached() => (),
            Ok(outcome) => {
                let asked = Asked { goal, word, at, deadline: Some(by), user: false };
                let (became, exit) = shortfall(&**service, &outcome, asked);
                failed.push(Failed { name: member.name.clone(), became, exit });
            }
            Err(error) => failed.push(Failed::of(&member.name, &error)),
        }
    }
    failed
}

fn each(members: &[&Member], act: impl Fn(&Member) -> Option<Failed> + Sync) -> Vec<Failed> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = members.iter().map(|it| scope.spawn(|| act(it))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    })
}

fn is_there(aim: Aim, status: &Status) -> bool {
    match aim {
        Aim::Ready => {
            status.state() == State::Ready
                || (status.state() == State::Up && status.ready().is_none())
        }
        Aim::Up => matches!(status.state(), State::Up | State::Ready | State::Active),
        // It is not run again for no reason.
        Aim::Done => !matches!(status.state(), State::Failed),
        Aim::Nothing => true,
    }
}

/// The units of a member that a manager enables.
fn installed(member: &Member, plan: &Plan) -> Vec<UnitName> {
    let is_installed = |name: &&String| match plan.units.get(*name) {
        Some(Unit::File(file)) => {
            file.bytes.split(|byte| *byte == b'\n').any(|line| line == b"[Install]")
        }
        _ => false,
    };
    let names = member.units.iter().filter(is_installed);
    names.filter_map(|name| UnitName::new(name).ok()).filter(|name| !name.is_template()).collect()
}

fn sockets(member: &Member, plan: &Plan) -> Vec<UnitName> {
    let names =
        member.units.iter().filter(|it| it.ends_with(".socket") && plan.units.contains_key(*it));
    names.filter_map(|name| UnitName::new(name).ok()).collect()
}

/// Where the units of an administrator are, or of a user.
fn units_of(user: bool) -> Option<PathBuf> {
    if !user {
        return Some("/etc/systemd/system".into());
    }
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    let config = of("XDG_CONFIG_HOME").or_else(|| Some(of("HOME")?.join(".config")))?;
    Some(config.join("systemd/user"))
}

/// Where the entries of a scan directory lead; else where the suite keeps them.
fn store_of(scan: &ScanDir, target: Target, output: &mut Output) -> Result<PathBuf, Exit> {
    let own = enable::own_stores(scan);
    let usual = match target {
        Target::Runit => Some("/etc/sv"),
        Target::S6 => Some("/etc/s6/sv"),
        _ => None,
    };
    let mut own = own.into_iter();
    let why = match (own.next(), own.next()) {
        (Some(one), None) => return Ok(one),
        (Some(_), Some(_)) => "lead to several directories",
        _ => match usual {
            Some(usual) => return Ok(usual.into()),
            None => "lead nowhere",
        },
    };
    output.message(&format!(
        "cannot tell where to make the directories: the entries of {} {why}",
        scan.dir().display()
    ));
    output.hint("name it with --out");
    Err(Exit::Usage)
}

/// As a message for people.
pub(super) fn words(failed: &Failed) -> String {
    failed.became.says.clone().unwrap_or_else(|| failed.became.outcome.to_string())
}

/// For what is no single service's.
pub(super) fn whole(error: &Error) -> Failed {
    Failed::says("", message(error), Exit::from(error))
}
