//! The rules, in the order of reasons: what stands first is the reason for what follows.

mod running;
mod script;
mod state;

use std::time::Duration;

use nix::{errno::Errno, sys::stat::SFlag};
use svproto::{Cause, Dialect, LastExit, Op, Phase, Readiness, State, Want, files};

use super::{
    Certainty, Evidence, Finding, Remedy,
    facts::{Facts, Log, Scan, is_record},
    file,
    machine::{self, Scanned},
    runs::Runs,
};
use crate::{Intent, Normally, Service, Status, Suite, signal_name};

type Rule = fn(&Facts, &mut Vec<Finding>);

/// Longer than a program should take to be ready that does not say more.
const LONG: Duration = Duration::from_secs(5);
/// Longer than a finish script should take: after 5 s s6 kills it, unless `timeout-finish` says otherwise.
const LONG_FINISH: Duration = Duration::from_secs(2);

const RULES: &[(&str, Rule)] = &[
    ("what could not be read is damaged", damage),
    ("nobody can supervise it", state::unmade),
    ("nobody supervises it", unsupervised),
    ("its supervisor cannot be asked", control),
    ("its supervisor does nothing", stopped),
    ("nobody has it start", wanted),
    ("run cannot be executed", run),
    ("it had too much memory", running::memory),
    ("its logs say why", running::logs),
    ("its script names what is not there", script::names),
    ("its script does not stay", backgrounds),
    ("its last word says why", running::last_word),
    ("its disk is full", disk),
    ("it was given up, or goes round", ended),
    ("it is held", held),
    ("it waits for its logger", running::pipe),
    ("it has no more descriptors", running::descriptors),
    ("its process and its record differ", odd),
    ("its finish does not end", finish),
    ("its finish cannot be executed", state::finish),
    ("a file of one value has none", state::values),
    ("it does not say that it is ready", ready),
    ("its check cannot be run", check),
    ("its logger does not run", logger),
];

/// Every finding, the first reason first.
pub(super) fn all(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for (_, rule) in RULES {
        rule(facts, &mut found);
    }
    found
}

/// What its script names that is not there, alone.
pub(super) fn of_script(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    script::names(facts, &mut found);
    found
}

fn damage(facts: &Facts, found: &mut Vec<Finding>) {
    found.extend(facts.damage.clone());
}

fn unsupervised(facts: &Facts, found: &mut Vec<Finding>) {
    if !facts.is_unsupervised() {
        return;
    }
    let ok =
        facts.dir.join(if facts.dialect == Some(Dialect::S6) { files::LOCK } else { files::OK });
    let is_there = ok.symlink_metadata().is_ok();
    let says = if is_there { "no supervisor holds it" } else { "is not there" };
    let nobody = || Evidence::new(says).at(&ok);
    if let Some(who) = &facts.lock_holder {
        let evidence = Evidence::new("is locked").at(facts.dir.join(files::LOCK));
        found.push(Finding::new(Cause::LockHeld, who.as_str()).seen(evidence).seen(nobody()));
    }
    if Service::is_late_logger(&facts.dir) {
        // No scan directory has it by itself.
        let says = "was made or changed after the supervisor of its service had started";
        let evidence = Evidence::new(says).at(&facts.dir);
        found.push(Finding::new(Cause::Unsupervised, "").seen(nobody()).seen(evidence));
        return;
    }
    let Some(Scan { dir, others, scanned }) = &facts.scan else {
        let says = "a supervisor has its lock: it is just starting, or of another suite";
        let other = facts.is_of_another_suite.then(|| Evidence::new(says).at(&facts.dir));
        let finding = Finding::new(Cause::Unsupervised, "").seen(nobody());
        found.push(other.into_iter().fold(finding, Finding::seen));
        return;
    };
    if let Some((name, by)) = &facts.hidden {
        let evidence = Evidence::new(format!("process {by} scans its directory")).at(&facts.dir);
        found.push(Finding::new(Cause::HiddenName, name.as_str()).seen(evidence).seen(nobody()));
        return;
    }
    let finding = match (dir, scanned) {
        (None, _) if !others.is_empty() => {
            let names: Vec<_> = others.iter().map(|it| it.display().to_string()).collect();
            Finding::new(Cause::NotEnabled, names.join(", ")).helps(Remedy::Enable)
        }
        (Some(dir), Scanned::ByNobody) => {
            let evidence = Evidence::new("no scanner works there").at(dir);
            Finding::new(Cause::NoScanner, dir.display().to_string()).seen(evidence)
        }
        (Some(dir), Scanned::By(pid)) => {
            let says = if *pid == 0 {
                "s6-svscan listens".to_owned()
            } else {
                format!("process {pid} scans it")
            };
            let is_stopped =
                svproto::Pid::new((*pid).into()).is_some_and(crate::processes::is_stopped);
            let says = if is_stopped { says + ", and is stopped by a signal" } else { says };
            let evidence = Evidence::new(says).at(dir);
            Finding::new(Cause::NotTakenUp, dir.display().to_string()).seen(evidence)
        }
        _ => Finding::new(Cause::Unsupervised, ""),
    };
    found.push(finding.seen(nobody()));
    if let Some(pid) = facts.odd.orphan {
        let evidence =
            Evidence::new(format!("process {pid} runs, and was started when the record says"));
        let finding = Finding::new(Cause::Orphan, pid.to_string()).seen(evidence);
        found.push(finding.helps(Remedy::Command(format!("kill {pid}"))));
    }
}

fn control(facts: &Facts, found: &mut Vec<Finding>) {
    if !facts.status.is_some_and(|it| it.supervised() == Some(true) && is_record(&it)) {
        return;
    }
    let path = facts.dir.join(files::CONTROL);
    match &facts.control {
        Some(stat) if file::kind(stat) != SFlag::S_IFIFO => {
            let what = crate::node::what(stat);
            let about = format!("{} is {what}, not a FIFO", files::CONTROL);
            found.push(Finding::new(Cause::WrongType, about).seen(Evidence::new(what).at(path)));
        }
        None if matches!(path.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound) =>
        {
            let evidence = Evidence::new("is not there").at(path).errno(Errno::ENOENT);
            found.push(Finding::new(Cause::NoControl, files::CONTROL).seen(evidence));
        }
        _ => {}
    }
}

fn stopped(facts: &Facts, found: &mut Vec<Finding>) {
    if let Some(pid) = facts.supervisor.filter(|_| facts.is_supervisor_stopped) {
        let evidence = Evidence::new("its state is T").at(format!("/proc/{pid}/stat"));
        let finding = Finding::new(Cause::SupervisorStopped, pid.to_string()).seen(evidence);
        found.push(finding.helps(Remedy::Command(format!("kill -CONT {pid}"))));
    }
}

fn up() -> Remedy {
    Remedy::Ask(Intent::Up)
}

/// Down, and nobody has it up: the rest is no reason.
fn wanted(facts: &Facts, found: &mut Vec<Finding>) {
    let (Some(status), Some(State::Down | State::Exited)) = (facts.status, facts.state()) else {
        return;
    };
    if facts.want() != Some(Want::Down) || facts.odd.given_up.is_some() {
        return;
    }
    if let Some((cause, what)) = &facts.waits {
        let note = Evidence::new("says so").at(facts.dir.join(files::WAITING));
        found.push(Finding::new(*cause, what.as_str()).seen(note));
        return;
    }
    if is_done(facts, status.normally()) {
        return;
    }
    let record = Evidence::new("says that it is wanted down").at(facts.dir.join(files::STATUS));
    if status.normally() == Some(Normally::Down) {
        let path = facts.dir.join(files::DOWN);
        let finding = Finding::new(Cause::DownFile, path.display().to_string()).seen(record);
        found.push(finding.helps(up()));
        return;
    }
    found.push(Finding::new(Cause::WantedDown, "").seen(record).helps(up()));
}

/// It has done what it had to, and its supervisor does not start it again after that.
fn is_done(facts: &Facts, normally: Option<Normally>) -> bool {
    if normally == Some(Normally::Down)
        || facts.status.and_then(|it| it.suite()) != Some(Suite::Embedded)
    {
        return false;
    }
    let Some(LastExit::Exited { code }) = facts.reading().map(|it| it.last_exit) else {
        return false;
    };
    let rule = file::read(&facts.dir.join(files::RESTART)).unwrap_or_default();
    let rule = String::from_utf8_lossy(&rule).into_owned();
    let words = |key: &str| rule.lines().find_map(|it| it.strip_prefix(key)).unwrap_or_default();
    let is_success = |word: &str| word.parse() == Ok(code);
    let ends_well = code == 0 || words("success ").split(' ').any(is_success);
    ends_well && matches!(words("when "), "never" | "on-failure")
}

fn run(facts: &Facts, found: &mut Vec<Finding>) {
    if facts.is_proven() || (facts.has_start && !facts.run.is_there()) {
        return;
    }
    let is_its_own = |it: &Finding| {
        !facts.is_elsewhere
            || it
                .evidence
                .iter()
                .all(|it| it.path.as_ref().is_none_or(|path| *path == facts.run.path))
    };
    found.extend(
        facts
            .run
            .fault(facts.user())
            .filter(is_its_own)
            .filter(|it| !facts.is_elsewhere || it.cause != Cause::NoInterpreter),
    );
}

fn backgrounds(facts: &Facts, found: &mut Vec<Finding>) {
    let (true, Some((count, pid))) = (facts.fails(), facts.odd.left_behind) else { return };
    let what = machine::process_in_words(Some(pid));
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    let evidence = Evidence::new(format!("{what} works there, and was started by no supervisor"));
    let mut finding = Finding::new(Cause::Backgrounds, format!("{what}{more}"));
    finding = finding.seen(evidence.at(&facts.dir));
    if let Some(command) = facts.script.iter().find(|it| it.in_background) {
        finding = finding.seen(script::evidence_of(facts, command));
    }
    found.push(finding.certainty(Certainty::Likely));
}

fn disk(facts: &Facts, found: &mut Vec<Finding>) {
    let place = facts.dir.join(files::SUPERVISE);
    if let Some(what) = machine::is_full(&place) {
        let finding = Finding::new(Cause::DiskFull, place.display().to_string());
        found.push(finding.seen(Evidence::new(what).at(place)));
    }
}

fn ended(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(reading) = facts.reading() else { return };
    let record = || Evidence::new(how(reading.last_exit)).at(facts.dir.join(files::STATUS));
    for (cause, about) in facts.odd.causes(facts.now) {
        let is_it = match cause {
            Cause::CrashLoop => facts.want() == Some(Want::Up),
            Cause::GivenUp { .. } => true,
            // It names the step that failed; what was found in the file says more.
            Cause::CannotStart => found.is_empty(),
            _ => false,
        };
        if is_it {
            let finding = Finding::new(cause, about).seen(record());
            let is_loop = cause == Cause::CrashLoop;
            found.push(if is_loop { running::lives(facts, finding) } else { finding });
        }
    }
    if facts.odd.crash_loop.is_none() && facts.runs.ends.len() >= Runs::LOOP {
        let finding = Finding::new(Cause::CrashLoop, format!("{} times", facts.runs.ends.len()));
        found.push(running::lives(facts, finding).seen(record()));
        if matches!(reading.last_exit, LastExit::NotReported) {
            return;
        }
    }
    let fails = facts.fails() && facts.state() != Some(State::Finishing);
    let is_told = found.iter().any(|it| {
        matches!(it.cause, Cause::GivenUp { .. })
            || it.certainty == Certainty::Certain && it.cause != Cause::CrashLoop
    });
    if !fails || is_told {
        return;
    }
    let finding = match reading.last_exit {
        LastExit::Exited { code } => Finding::new(Cause::Exited, code.to_string()).seen(record()),
        LastExit::Signaled { signal, core } => {
            let cause = if core { Cause::CoreDump } else { Cause::Killed };
            let name =
                signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned);
            Finding::new(cause, name).seen(record())
        }
        _ => Finding::new(Cause::BackOff, "").seen(record()),
    };
    // What it said last may be why, also in words that are no known sign.
    let last = facts.lines.iter().find(|line| line.is_last && !line.is_shared);
    let last = last
        .filter(|line| !found.iter().flat_map(|it| &it.evidence).any(|it| it.says == line.text));
    let said = last.map(|line| Evidence::new(line.text.clone()).at(&line.path));
    found.push(said.into_iter().fold(finding, Finding::seen));
}

fn how(exit: LastExit) -> String {
    match exit {
        LastExit::Exited { code } => {
            let means = match code {
                100 | 111 => ": the suites' own programs exit so where they cannot go on",
                126 => ": shells and others exit so where a program may not be executed",
                127 => ": shells and others exit so where a program is not there",
                _ => "",
            };
            format!("the last run exited with {code}{means}")
        }
        LastExit::Signaled { signal, .. } => format!("the last run was killed by signal {signal}"),
        _ => "its suite does not record how the last run ended".to_owned(),
    }
}

fn held(facts: &Facts, found: &mut Vec<Finding>) {
    if facts.state() == Some(State::Paused) {
        let record = Evidence::new("says that it is paused").at(facts.dir.join(files::STATUS));
        let finding = Finding::new(Cause::Paused, "").seen(record);
        found.push(finding.helps(Remedy::Ask(Intent::Op(Op::Cont))));
    }
}

fn odd(facts: &Facts, found: &mut Vec<Finding>) {
    if let Some(pid) = facts.odd.dead.filter(|_| !facts.has_just_ended()) {
        // What has ended and was not noticed yet is still the supervisor's.
        let says = match machine::parent(pid).filter(|it| Some(*it) != facts.supervisor) {
            Some(_) => {
                let other = machine::process_in_words(Some(pid));
                format!("{other} has its number by now, and was not started by its supervisor")
            }
            None => "is not there, or has ended".to_owned(),
        };
        let evidence = Evidence::new(says).at(format!("/proc/{pid}"));
        let finding = Finding::new(Cause::ProcessDead, pid.to_string()).seen(evidence);
        found.push(finding);
    }
    if !facts.fails() && facts.odd.left_behind.is_some() {
        let all = facts.odd.causes(facts.now);
        let left = all.into_iter().find(|(it, _)| *it == Cause::LeftBehind);
        if let Some((cause, about)) = left {
            let evidence = Evidence::new("is their directory").at(&facts.dir);
            let pids: Vec<_> = facts.left_behind.iter().map(ToString::to_string).collect();
            let remedy = Remedy::Command(format!("kill {}", pids.join(" ")));
            let finding = Finding::new(cause, about).seen(evidence);
            let without_exec = script::without_exec(facts);
            let finding = without_exec.into_iter().fold(finding, Finding::seen);
            found.push(if pids.is_empty() { finding } else { finding.helps(remedy) });
        }
    }
    if facts.odd.is_definition_newer == Some(true) {
        let evidence = Evidence::new("was changed after the process had started")
            .at(facts.newer.as_ref().unwrap_or(&facts.run.path));
        let finding = Finding::new(Cause::DefinitionNewer, "").seen(evidence);
        found.push(finding.helps(Remedy::Ask(Intent::Restart)));
    }
}

fn finish(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(reading) = facts.reading().filter(|it| it.phase == Phase::Finish) else { return };
    let Some(span) = reading.since.map(|it| it.elapsed(facts.now)).filter(|it| *it > LONG_FINISH)
    else {
        return;
    };
    let pid = reading.finish_pid.map(|it| format!("process {it} is there")).unwrap_or_default();
    let evidence = Evidence::new(pid).at(facts.dir.join("finish"));
    let finding = Finding::new(Cause::FinishOverdue, format!("{} s", span.as_secs()));
    found.push(state::timeout_of_finish(facts, finding.seen(evidence)));
}

fn ready(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(reading) = facts.reading() else { return };
    let waits = reading.readiness == Readiness::Awaited
        && reading.pid.is_some()
        && reading.phase == Phase::Up;
    let Some(span) = reading.since.map(|it| it.elapsed(facts.now)).filter(|it| waits && *it > LONG)
    else {
        return;
    };
    let finding = Finding::new(Cause::NotReady, format!("{} s", span.as_secs()));
    found.push(match whom_it_tells(facts) {
        Some(evidence) => finding.seen(evidence),
        None => finding,
    });
}

/// How it would say that it is ready, or where it is asked.
fn whom_it_tells(facts: &Facts) -> Option<Evidence> {
    let path = facts.dir.join(files::NOTIFICATION_FD);
    if let Some(descriptor) = file::read(&path) {
        let number = file::shown(descriptor.trim_ascii());
        return Some(Evidence::new(format!("is {number}: nothing was written there")).at(path));
    }
    let path = facts.dir.join(files::PROBES);
    let probes = file::read(&path)?;
    let mut lines = (1..).zip(probes.split(|byte| *byte == b'\n'));
    let (number, asked) = lines.find_map(|(at, it)| Some((at, it.strip_prefix(b"ready ")?)))?;
    let says = match asked {
        b"notify" => "nothing has sent READY=1 to its socket".to_owned(),
        b"command" => "its check has not passed yet".to_owned(),
        place => format!("{} was asked, and has not answered yet", file::shown(place)),
    };
    Some(Evidence::new(says).at(path).line(number))
}

fn check(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(stat) = facts.check.as_ref().filter(|_| facts.dialect == Some(Dialect::Runit)) else {
        return;
    };
    if file::kind(stat) == SFlag::S_IFREG && stat.st_mode & 0o111 == 0 {
        let path = facts.dir.join("check");
        let remedy = Remedy::Command(format!("chmod +x {}", file::quoted(&path)));
        let evidence = Evidence::new(format!("its mode is {:04o}", stat.st_mode & 0o7777)).at(path);
        found.push(Finding::new(Cause::CheckNotExecutable, "").seen(evidence).helps(remedy));
        return;
    }
    if !facts.is_elsewhere {
        let check = file::Runnable::look(facts.dir.join("check"), "check");
        found.extend(check.fault(facts.user()));
    }
}

fn logger(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(Log { status, run, shares_supervisor, has_down, why }) = &facts.log else { return };
    let of_log = |name: &str| {
        let dir = facts.dir.clone();
        if *shares_supervisor { dir.join(name) } else { dir.join(files::LOG).join(name) }
    };
    if facts.is_unsupervised() {
        return;
    }
    let lives = status.is_some_and(|it| it.pid().is_some());
    if !lives && status.is_some_and(|it| it.supervised() == Some(false)) {
        found.push(state::logger_alone(facts));
    }
    let fault = if lives { None } else { run.fault(facts.user()) };
    if let Some(fault) = fault {
        found.push(fault);
        return;
    }
    let state = status.as_ref().map(Status::state);
    let Some(state) = state.filter(|_| facts.odd.logger.is_some()) else { return };
    if matches!(state, State::Unsupervised) {
        return;
    }
    let says = if *has_down { "is there" } else { "has its record" };
    let at = of_log(if *has_down { files::DOWN } else { files::STATUS });
    let mut finding =
        Finding::new(Cause::Logger, state.to_string()).seen(Evidence::new(says).at(at));
    if let Some(why) = why.as_ref().filter(|_| !has_down) {
        finding = finding.seen(Evidence::new(why.to_string()));
        finding.evidence.extend(why.evidence.iter().cloned());
    }
    found.push(finding);
}
