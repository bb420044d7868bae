//! What a shell script says: heuristics, each sure enough to be told.

use std::path::{Path, PathBuf};

use svproto::Dialect;

use super::{
    account,
    file::Script,
    logger,
    subject::{Role, Service},
    tools::{self, At},
};
use crate::{
    Finding,
    rule::scripts,
    shell::{self, Command},
    source::Source,
    visit::Visit,
};

mod daemons;

pub(crate) fn check(visit: &mut Visit<'_>, service: &Service<'_>, script: &Script, role: Role) {
    let source = &script.source;
    let Some(read) = shell::read(&source.text) else { return };
    let commands = &read.commands;
    chains(visit, service, source, commands, role);
    if role == Role::Finish {
        finish(visit, service, source, commands);
    }
    if !matches!(role, Role::Run | Role::LogRun) {
        return;
    }
    backgrounds(visit, source, commands);
    elsewhere(visit, source, commands);
    after_exec(visit, source, commands);
    pipes(visit, source, commands);
    loops(visit, source, commands);
    ignored_term(visit, source, commands);
    if read.ends_plainly {
        no_exec(visit, source, commands, role);
    }
    if role == Role::Run && service.is_logged {
        standard_error(visit, source, commands);
    }
}

/// Where a command was told to work, as far as that is plain.
fn moved(at: &mut At, command: &Command) {
    if command.name() != Some("cd") || command.is_in_function {
        return;
    }
    *at = match &*command.words {
        [_, to] if to.is_plain && command.is_reached() => match to.text.as_str() {
            "." => return,
            text => At::Elsewhere(PathBuf::from(text)),
        },
        _ => At::Unknown,
    };
}

/// Follows each `exec` and each command behind those who prepare it.
fn chains(
    visit: &mut Visit<'_>,
    service: &Service<'_>,
    source: &Source,
    commands: &[Command],
    role: Role,
) {
    let mut at = At::ServiceDir;
    // Another path, or a file that may set one: programs are found where nobody knows.
    let has_own_path = commands.iter().any(|it| {
        it.assignments.iter().any(|it| it.text.starts_with("PATH="))
            || matches!(it.name(), Some("." | "source" | "export" | "eval"))
    });
    for command in commands {
        moved(&mut at, command);
        if visit.world.is_image() && command.name() == Some("cd") && command.is_reached() {
            directory(visit, source, command, commands);
        }
        let is_exec = command.name() == Some("exec");
        let words = command.words.get(usize::from(is_exec)..).unwrap_or_default();
        let chain = shell::chain(words);
        for link in &chain.links {
            tools::check(visit, source, service.dir, &at, link);
            account::check(visit, source, link);
        }
        let Some(last) = chain.links.last().filter(|_| chain.is_whole) else { continue };
        // Another root or directory: nobody knows what is there.
        let is_moved = chain.links.iter().any(|link| {
            link.name == "chpst" && link.options.iter().any(|it| matches!(it.0, '/' | 'C'))
        });
        if is_exec && command.depth == 0 && !is_moved {
            program(visit, service, source, &at, last.program, has_own_path);
        }
        if matches!(role, Role::Run) && command.depth == 0 && (is_exec || !command.is_conditional) {
            daemons::check(visit, source, last.name, last.program, chain.rest);
        }
        if role == Role::LogRun {
            logger::command(visit, service, source, &at, commands, (last, chain.rest));
        }
    }
}

/// `cd` to what the image has not.
fn directory(visit: &mut Visit<'_>, source: &Source, command: &Command, commands: &[Command]) {
    let [_, to] = &*command.words else { return };
    let (Some(path), true) = (to.plain(), source.is_shown) else { return };
    let makes = |it: &Command| matches!(it.name(), Some("mkdir" | "install"));
    if path.starts_with('/')
        && visit.world.is_missing(Path::new(path))
        && !commands.iter().any(|it| makes(it) && it.words.iter().any(|word| word.text == path))
    {
        let message = format!("the directory {path} is missing in the image");
        visit.tell(Finding::new(&scripts::NO_DIRECTORY, source.at(to.at.clone()), message));
    }
}

/// What is to be run, in an image.
fn program(
    visit: &mut Visit<'_>,
    service: &Service<'_>,
    source: &Source,
    at: &At,
    word: &shell::Word,
    has_own_path: bool,
) {
    let Some(name) = word.plain().filter(|_| source.is_shown) else { return };
    let is_missing = if name.starts_with('/') {
        visit.world.is_image() && visit.world.is_missing(Path::new(name))
    } else if name.contains('/') {
        // Beside the script, image or not.
        match at {
            At::ServiceDir => visit.world.is_missing(&service.dir.join(name)),
            At::Elsewhere(to) if to.is_absolute() && visit.world.is_image() => {
                visit.world.is_missing(&to.join(name))
            }
            _ => false,
        }
    } else {
        visit.world.is_image()
            && !has_own_path
            && !shell::is_builtin(name)
            && super::names::is_missing(visit.world, name)
    };
    if is_missing {
        let message = format!("the program {name} is missing");
        visit.tell(Finding::new(&scripts::PROGRAM_MISSING, source.at(word.at.clone()), message));
    }
}

fn location(source: &Source, command: &Command) -> crate::Location {
    source.at(command.at.clone())
}

/// The last command of all goes to the background, and nothing waits for it.
fn backgrounds(visit: &mut Visit<'_>, source: &Source, commands: &[Command]) {
    let Some(at) = commands.iter().rposition(|it| it.depth == 0 && it.in_background) else {
        return;
    };
    let rest = commands.get(at + 1..).unwrap_or_default();
    let ends_at_once = |it: &Command| {
        matches!(it.name(), Some("exit" | "true" | ":" | "echo" | "printf" | "sleep"))
            || (it.words.is_empty())
    };
    let Some(command) = commands.get(at) else { return };
    let is_exec = command.name() == Some("exec") && command.words.len() > 1;
    if (is_exec || rest.iter().all(ends_at_once))
        && !rest.iter().any(|it| matches!(it.name(), Some("wait" | "exec" | "sleep")))
        && !command.words.is_empty()
    {
        let message = "run ends while this goes on in the background";
        visit.tell(Finding::new(&scripts::BACKGROUNDS, location(source, command), message));
    }
}

fn elsewhere(visit: &mut Visit<'_>, source: &Source, commands: &[Command]) {
    let Some(command) = commands.last().filter(|it| it.is_reached()) else { return };
    let is_exec = command.name() == Some("exec");
    let words = command.words.get(usize::from(is_exec)..).unwrap_or_default();
    let Some(name) = words.first().and_then(|it| it.plain()) else { return };
    let has = |word: &str| words.iter().any(|it| it.text == word);
    let base = name.rsplit('/').next().unwrap_or_default();
    let who = match base {
        "systemctl" | "service" | "rc-service" | "initctl" if has("start") || has("restart") => {
            base
        }
        "start-stop-daemon" if has("--background") || has("-b") => "start-stop-daemon --background",
        _ if name.starts_with("/etc/init.d/") && (has("start") || has("restart")) => name,
        _ => return,
    };
    let message = format!("{who} starts the process, and the supervisor does not have it");
    visit.tell(Finding::new(&scripts::STARTS_ELSEWHERE, location(source, command), message));
}

fn is_exec_of_program(command: &Command) -> bool {
    command.name() == Some("exec") && command.words.len() > 1
}

/// Commands that stand behind the `exec` of a program.
fn after_exec(visit: &mut Visit<'_>, source: &Source, commands: &[Command]) {
    let mut all = commands.iter();
    let found = all.find(|it| is_exec_of_program(it) && it.is_reached() && !it.in_background);
    let Some(exec) = found.filter(|it| !it.reads_pipe && !it.writes_pipe) else { return };
    // `exec a || exit 1`, and what says that it failed, are for the case that it cannot be started.
    let tells = |it: &&Command| {
        !it.is_conditional && !matches!(it.name(), Some("exit" | "echo" | "printf" | "return"))
    };
    let Some(next) = all.find(tells) else { return };
    if next.words.is_empty() {
        return;
    }
    let line = source.at(exec.at.clone()).span.map_or(0, |it| it.line);
    let message = format!("never reached: exec in line {line} has replaced the shell");
    visit.tell(Finding::new(&scripts::AFTER_EXEC, location(source, next), message));
}

fn pipes(visit: &mut Visit<'_>, source: &Source, commands: &[Command]) {
    let is_it = |it: &&Command| {
        it.depth == 0 && is_exec_of_program(it) && (it.writes_pipe || it.reads_pipe)
    };
    if let Some(command) = commands.iter().find(is_it) {
        let message = "exec in a pipeline replaces a process of the pipeline, not the shell";
        visit.tell(Finding::new(&scripts::EXEC_IN_PIPE, location(source, command), message));
    }
}

/// `while :; do program; done` as all that there is.
fn loops(visit: &mut Visit<'_>, source: &Source, commands: &[Command]) {
    let Some(head) = commands.iter().position(|it| it.depth == 1 && it.is_in_loop) else { return };
    let (Some(condition), Some(behind)) = (commands.get(head), commands.get(head + 1..)) else {
        return;
    };
    let is_endless = matches!(condition.name(), Some(":" | "true")) && condition.words.len() == 1;
    // Reading or waiting in the loop is work of its own.
    let has_work = behind.iter().any(|it| {
        matches!(it.name(), Some("read" | "wait" | "break" | "exit" | "return" | "exec" | "kill"))
    });
    let is_all = behind.iter().all(|it| it.depth > 0);
    let mut programs = behind.iter().filter(|it| {
        it.depth == 1
            && it.name().is_some_and(|name| !shell::is_builtin(name) && name != "sleep")
            && !it.reads_pipe
            && !it.writes_pipe
            && !it.in_background
    });
    if let (true, true, false, Some(program), None) =
        (is_endless, is_all, has_work, programs.next(), programs.next())
    {
        let message = "a loop starts this again, and the supervisor never sees it end";
        visit.tell(Finding::new(&scripts::RESTARTS_ITSELF, location(source, program), message));
    }
}

fn ignored_term(visit: &mut Visit<'_>, source: &Source, commands: &[Command]) {
    let is_of_term = |it: &Command| {
        it.words
            .get(2..)
            .unwrap_or_default()
            .iter()
            .any(|it| matches!(it.text.as_str(), "TERM" | "SIGTERM" | "15"))
    };
    let traps = |it: &Command| it.name() == Some("trap") && it.is_reached() && is_of_term(it);
    let Some(at) = commands.iter().rposition(traps) else { return };
    let Some(trap) = commands.get(at) else { return };
    let is_empty = trap.words.get(1).is_some_and(|it| it.is_plain && it.text.is_empty());
    let rest = commands.get(at + 1..).unwrap_or_default();
    if is_empty && rest.iter().any(|it| is_exec_of_program(it) && it.is_reached()) {
        let message = "TERM is ignored here, and stays so for the program that is started by exec";
        visit.tell(Finding::new(&scripts::IGNORES_TERM, location(source, trap), message));
    }
}

/// The last command is a program that the shell waits for.
fn no_exec(visit: &mut Visit<'_>, source: &Source, commands: &[Command], role: Role) {
    let Some(last) = commands.last() else { return };
    let Some(name) = last.name() else { return };
    let has_own_ways = commands.iter().any(|it| matches!(it.name(), Some("trap" | "wait")));
    let is_program = !shell::is_builtin(name) && last.depth == 0 && !last.in_background;
    // A function's name, or something that is done in a moment.
    let is_short =
        ["sv", "svc", "s6-svc", "rm", "mkdir", "touch", "chown", "chmod", "ln", "kill", "logger"];
    let is_function = commands.iter().any(|it| it.is_in_function)
        && !name.contains('/')
        && source.text.contains(&format!("{name}()"));
    let is_told = is_short.contains(&name) || is_function || has_own_ways || last.reads_pipe;
    let behind_exec = commands.iter().any(|it| is_exec_of_program(it) && it.is_reached());
    if !is_program || is_told || last.is_conditional || behind_exec || last.writes_pipe {
        return;
    }
    if role == Role::Run && is_elsewhere(last) {
        return;
    }
    let message =
        format!("the shell waits for {}, and is what the supervisor signals", source.quoted(name));
    visit.tell(Finding::new(&scripts::NO_EXEC, location(source, last), message));
}

/// What [`elsewhere`] tells.
fn is_elsewhere(command: &Command) -> bool {
    let name = command.name().unwrap_or_default();
    let base = name.rsplit('/').next().unwrap_or_default();
    matches!(base, "systemctl" | "service" | "rc-service" | "initctl" | "start-stop-daemon")
        || name.starts_with("/etc/init.d/")
}

/// No redirection of standard error anywhere, and a logger that reads standard output.
fn standard_error(visit: &mut Visit<'_>, source: &Source, commands: &[Command]) {
    // A program may be one that writes to standard output alone; a shell script that says nothing of
    // standard error and ends in exec is what this is about.
    let redirects = commands.iter().any(|it| {
        it.redirections.iter().any(|it| {
            (it.from == Some(2) && it.operator.starts_with('>'))
                || it.operator == "&>"
                || it.operator == "&>>"
                || (it.operator == ">&" && it.to == "2")
                || (it.operator == ">&" && it.from.is_none())
        })
    });
    let last = commands.iter().rev().find(|it| is_exec_of_program(it) && it.is_reached());
    let Some(exec) = last.filter(|_| !redirects) else { return };
    let words = exec.words.get(1..).unwrap_or_default();
    let chain = shell::chain(words);
    // fdmove and its like do it for the program.
    let has_own = words.iter().any(|it| it.text.starts_with("2>") || it.text == "fdmove");
    if has_own || !chain.is_whole {
        return;
    }
    let message = "its logger reads standard output, and nothing leads standard error there";
    visit.tell(Finding::new(&scripts::STDERR_NOT_LOGGED, location(source, exec), message));
}

fn finish(visit: &mut Visit<'_>, service: &Service<'_>, source: &Source, commands: &[Command]) {
    if service.suite != Some(Dialect::S6) {
        return;
    }
    let exits = |it: &&Command| it.is_reached() && it.name() == Some("exit");
    let has_way_around = commands.iter().any(|it| it.depth > 0 || it.is_conditional);
    let exit = commands.iter().find(exits).filter(|_| !has_way_around);
    if let Some(exit) = exit.filter(|it| it.words.get(1).is_some_and(|it| it.text == "125")) {
        let message =
            "finish exits with 125 whatever has happened, so s6 never starts the service again";
        visit.tell(Finding::new(&scripts::FINISH_REFUSES, location(source, exit), message));
    }
    let limit = visit.world.read(&service.dir.join("timeout-finish")).ok();
    let limit = limit.and_then(|it| String::from_utf8(it.0).ok());
    let limit: u64 = limit.and_then(|it| it.trim_end().parse().ok()).unwrap_or(5000);
    for command in commands.iter().filter(|it| it.is_reached() && !it.in_background) {
        let [name, time] = &*command.words else { continue };
        let (Some("sleep"), Some(time)) = (name.plain(), time.plain()) else { continue };
        let Ok(seconds) = time.parse::<f64>() else { continue };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a script")]
        let is_too_long = limit > 0 && seconds * 1000.0 >= limit as f64;
        if is_too_long {
            let message =
                format!("s6 kills finish after {limit} ms, and this alone takes {time} s");
            visit.tell(Finding::new(&scripts::FINISH_TOO_LONG, location(source, command), message));
            return;
        }
    }
}
