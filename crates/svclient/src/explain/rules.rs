//! The rules, in the order of reasons: what stands first is the reason for what follows.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{errno::Errno, sys::stat::SFlag};
use svproto::{Cause, Dialect, LastExit, Op, Phase, Readiness, State, Want, files};

use super::{
    Certainty, Evidence, Finding, Remedy,
    facts::{Facts, Log, Scan, is_record},
    file::{self, Runnable},
    machine::{self, Scanned},
    script,
};
use crate::{Intent, Normally, Status, signal_name};

type Rule = fn(&Facts, &mut Vec<Finding>);

/// Longer than any script should take that others wait for.
const LONG: Duration = Duration::from_secs(5);

const RULES: &[(&str, Rule)] = &[
    ("what could not be read is damaged", damage),
    ("nobody supervises it", unsupervised),
    ("its supervisor cannot be asked", control),
    ("its supervisor does nothing", stopped),
    ("nobody has it start", wanted),
    ("run cannot be executed", run),
    ("its logs say why", logs),
    ("its script names what is not there", script_names),
    ("its script does not stay", backgrounds),
    ("its disk is full", disk),
    ("it was given up, or goes round", ended),
    ("it is held", held),
    ("its process and its record differ", odd),
    ("its finish does not end", finish),
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
    let Some(Scan { dir, others, scanned }) = &facts.scan else { return };
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
    let record = Evidence::new("says that it is wanted down").at(facts.dir.join(files::STATUS));
    if status.normally() == Some(Normally::Down) {
        let path = facts.dir.join(files::DOWN);
        let finding = Finding::new(Cause::DownFile, path.display().to_string()).seen(record);
        found.push(finding.helps(up()));
        return;
    }
    found.push(Finding::new(Cause::WantedDown, "").seen(record).helps(up()));
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

fn logs(facts: &Facts, found: &mut Vec<Finding>) {
    let Some((path, line)) = &facts.log_line else { return };
    let evidence = Evidence::new(line.clone()).at(path);
    let finding = Finding::new(Cause::AddressInUse, line.clone()).seen(evidence);
    found.push(finding.certainty(Certainty::Likely));
}

/// What a shell script says that it runs. Only of what fails, and never certain.
fn script_names(facts: &Facts, found: &mut Vec<Finding>) {
    if !facts.fails() || facts.is_elsewhere || facts.run.fault(facts.user()).is_some() {
        return;
    }
    interpreter_by_env(facts, found);
    let mut at: PathBuf = facts.dir.clone();
    for command in &facts.script {
        let Some((first, rest)) = command.words.split_first() else { continue };
        let here = || evidence_of(facts, command);
        match first.text.as_str() {
            "cd" => {
                let [to] = rest else { return };
                if !to.is_plain || to.text.starts_with('-') {
                    return;
                }
                at = at.join(&to.text);
                if matches!(nix::sys::stat::stat(&at), Err(Errno::ENOENT | Errno::ENOTDIR)) {
                    let finding = Finding::new(Cause::NoDirectory, at.display().to_string());
                    found.push(
                        finding.seen(here().errno(Errno::ENOENT)).certainty(Certainty::Guess),
                    );
                    return;
                }
            }
            "exec" => {
                if let Some(exec) = script::exec(rest) {
                    names_of(facts, &exec, &at, &here(), found);
                    return;
                }
            }
            _ => {}
        }
    }
}

fn evidence_of(facts: &Facts, command: &script::Command) -> Evidence {
    let words: Vec<_> = command.words.iter().map(|it| it.text.as_str()).collect();
    Evidence::new(file::shown(words.join(" ").as_bytes())).at(&facts.run.path).line(command.line)
}

/// `#!/usr/bin/env PROGRAM`: the system starts env, and env does not find the program.
fn interpreter_by_env(facts: &Facts, found: &mut Vec<Finding>) {
    let Some((program, argument)) = facts.run.interpreter() else { return };
    if program.file_name() != Some("env".as_ref()) || argument.is_empty() {
        return;
    }
    if argument.starts_with('-') || argument.contains(['=', '/', '\r']) {
        return;
    }
    if !on_path(facts, &argument) {
        let line =
            Evidence::new(file::shown(format!("#!{} {argument}", program.display()).as_bytes()));
        let line = line.at(&facts.run.path).line(1);
        let name = if argument.contains(' ') {
            format!("`{argument}`, which is one word to env,")
        } else {
            argument
        };
        let finding = Finding::new(Cause::NoInterpreter, name).seen(line);
        found.push(finding.certainty(Certainty::Likely));
    }
}

fn on_path(facts: &Facts, name: &str) -> bool {
    machine::path_of(facts.supervisor).iter().any(|dir| dir.join(name).symlink_metadata().is_ok())
}

fn names_of(
    facts: &Facts,
    exec: &script::Exec,
    at: &Path,
    line: &Evidence,
    found: &mut Vec<Finding>,
) {
    let guess = |cause, about: &str| {
        Finding::new(cause, about).seen(line.clone()).certainty(Certainty::Guess)
    };
    for program in &exec.programs {
        if program.contains('/') {
            let path = at.join(program);
            let fault = Runnable::look(path, program.clone()).fault(None);
            if let Some(fault) = fault {
                let is_missing = fault.cause == Cause::FileMissing;
                let cause = if is_missing { Cause::ProgramMissing } else { fault.cause };
                let mut finding = Finding { cause, certainty: Certainty::Guess, ..fault };
                finding.evidence.insert(0, line.clone());
                found.push(finding);
                return;
            }
        } else if !facts.has_own_path && !on_path(facts, program) {
            let searched =
                Evidence::new("is in no directory of PATH, and in none of the usual ones");
            found.push(guess(Cause::ProgramMissing, program).seen(searched));
            return;
        }
    }
    for (names, table, cause) in
        [(&exec.users, "/etc/passwd", Cause::NoUser), (&exec.groups, "/etc/group", Cause::NoGroup)]
    {
        if names.is_empty() {
            continue;
        }
        let Some(known) = machine::accounts(table) else { continue };
        let certainty = if known.has_more { Certainty::Guess } else { Certainty::Likely };
        for name in names.iter().filter(|name| !known.names.contains(*name)) {
            let evidence = Evidence::new("has no such name").at(table);
            found.push(guess(cause, name).seen(evidence).certainty(certainty));
        }
    }
}

fn backgrounds(facts: &Facts, found: &mut Vec<Finding>) {
    let (true, Some((count, pid))) = (facts.fails(), facts.odd.left_behind) else { return };
    let what = machine::process_in_words(Some(pid));
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    let evidence = Evidence::new(format!("{what} works there, and was started by no supervisor"));
    let mut finding = Finding::new(Cause::Backgrounds, format!("{what}{more}"));
    finding = finding.seen(evidence.at(&facts.dir));
    if let Some(command) = facts.script.iter().find(|it| it.in_background) {
        finding = finding.seen(evidence_of(facts, command));
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
            found.push(Finding::new(cause, about).seen(record()));
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
    found.push(match reading.last_exit {
        LastExit::Exited { code } => Finding::new(Cause::Exited, code.to_string()).seen(record()),
        LastExit::Signaled { signal, core } => {
            let cause = if core { Cause::CoreDump } else { Cause::Killed };
            let name =
                signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned);
            Finding::new(cause, name).seen(record())
        }
        _ => Finding::new(Cause::BackOff, "").seen(record()),
    });
}

fn how(exit: LastExit) -> String {
    match exit {
        LastExit::Exited { code } => format!("the last run exited with {code}"),
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
        let evidence = Evidence::new("is not there, or has ended").at(format!("/proc/{pid}"));
        let finding = Finding::new(Cause::ProcessDead, pid.to_string()).seen(evidence);
        found.push(finding);
    }
    if !facts.fails() && facts.odd.left_behind.is_some() {
        let all = facts.odd.causes(facts.now);
        let left = all.into_iter().find(|(it, _)| *it == Cause::LeftBehind);
        if let Some((cause, about)) = left {
            let evidence = Evidence::new("is their directory").at(&facts.dir);
            found.push(Finding::new(cause, about).seen(evidence));
        }
    }
    if facts.odd.is_definition_newer == Some(true) {
        let evidence =
            Evidence::new("was changed after the process had started").at(&facts.run.path);
        let finding = Finding::new(Cause::DefinitionNewer, "").seen(evidence);
        found.push(finding.helps(Remedy::Ask(Intent::Restart)));
    }
}

fn finish(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(reading) = facts.reading().filter(|it| it.phase == Phase::Finish) else { return };
    let Some(span) = reading.since.map(|it| it.elapsed(facts.now)).filter(|it| *it > LONG) else {
        return;
    };
    let pid = reading.finish_pid.map(|it| format!("process {it} is there")).unwrap_or_default();
    let evidence = Evidence::new(pid).at(facts.dir.join("finish"));
    found.push(Finding::new(Cause::FinishOverdue, format!("{} s", span.as_secs())).seen(evidence));
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
    let path = facts.dir.join(files::NOTIFICATION_FD);
    let descriptor = file::read(&path).unwrap_or_default();
    let says = format!("is {}: nothing was written there", file::shown(descriptor.trim_ascii()));
    found.push(
        Finding::new(Cause::NotReady, format!("{} s", span.as_secs()))
            .seen(Evidence::new(says).at(path)),
    );
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
    }
}

fn logger(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(Log { status, run, has_down }) = &facts.log else { return };
    if facts.is_unsupervised() {
        return;
    }
    let lives = status.is_some_and(|it| it.pid().is_some());
    if !lives && status.is_some_and(|it| it.supervised() == Some(false)) {
        let evidence = Evidence::new("no supervisor holds it").at(facts.dir.join("log/supervise"));
        found.push(Finding::new(Cause::LoggerUnsupervised, "").seen(evidence));
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
    let at = if *has_down { "log/down" } else { "log/supervise/status" };
    found.push(
        Finding::new(Cause::Logger, state.to_string())
            .seen(Evidence::new(says).at(facts.dir.join(at))),
    );
}
