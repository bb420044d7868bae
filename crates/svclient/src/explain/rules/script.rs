//! What a shell script names and the machine lacks. Only of what fails, and never certain.

use std::path::{Path, PathBuf};

use nix::{errno::Errno, sys::stat::SFlag};
use svproto::{Cause, LastExit};

use super::super::{
    Certainty, Evidence, Finding, Remedy,
    exec::{self, Exec},
    facts::Facts,
    file::{self, Runnable},
    machine, script,
};

/// Everything that it names, in the order of the script.
pub(super) fn names(facts: &Facts, found: &mut Vec<Finding>) {
    if !facts.fails() || facts.is_elsewhere || facts.run.fault(facts.user()).is_some() {
        return;
    }
    interpreter_by_env(facts, found);
    late_line_ends(facts, found);
    unreadable(facts, found);
    variables(facts, found);
    // Where it works by then, as far as that shows: what it reads may change that.
    let mut works_in: Option<PathBuf> = Some(facts.dir.clone());
    for command in &facts.script {
        let Some((first, rest)) = command.words.split_first() else { continue };
        let here = || evidence_of(facts, command);
        match first.text.as_str() {
            "." | "source" => {
                let read = rest.first().filter(|it| it.is_plain && it.text.contains('/'));
                let at = read.and_then(|it| joined(works_in.as_deref(), &it.text));
                let missing =
                    at.filter(|it| !command.is_tested && ends_by_dot(facts) && is_missing(it));
                if let Some(at) = missing {
                    let finding = Finding::new(Cause::FileMissing, at.display().to_string());
                    found.push(
                        finding.seen(here().errno(Errno::ENOENT)).certainty(Certainty::Guess),
                    );
                    return;
                }
                works_in = None;
            }
            "pushd" | "popd" => works_in = None,
            "cd" => {
                let [to] = rest else { return };
                if !to.is_plain || to.text.starts_with('-') {
                    return;
                }
                let Some(at) = joined(works_in.as_deref(), &to.text) else { continue };
                if let Some(finding) = no_directory(&at) {
                    found.push(finding.seen(here()).certainty(of_link(facts, command)));
                    return;
                }
                works_in = Some(at);
            }
            "exec" => {
                if outputs(facts, command, works_in.as_deref(), found) {
                    return;
                }
                if input(facts, command, works_in.as_deref(), found) {
                    return;
                }
                if let Some(exec) = exec::exec(rest) {
                    let before = found.len();
                    names_of(facts, &exec, works_in.as_deref(), &here(), found);
                    if !command.is_link || found.len() > before {
                        return;
                    }
                }
            }
            name if command.is_last && !command.is_tested && !is_built_in(name) => {
                // Without `exec`, how it ends is how the script ends all the same.
                if let Some(exec) = exec::exec(&command.words) {
                    names_of(facts, &exec, works_in.as_deref(), &here(), found);
                }
            }
            _ => {}
        }
    }
}

fn is_missing(path: &Path) -> bool {
    matches!(nix::sys::stat::stat(path), Err(Errno::ENOENT | Errno::ENOTDIR))
}

/// Nothing is there, or something that is no directory.
fn no_directory(path: &Path) -> Option<Finding> {
    let finding = || Finding::new(Cause::NoDirectory, path.display().to_string());
    match nix::sys::stat::stat(path) {
        Err(errno @ (Errno::ENOENT | Errno::ENOTDIR)) => {
            Some(finding().seen(Evidence::new("is not there").at(path).errno(errno)))
        }
        Ok(stat) if file::kind(&stat) != SFlag::S_IFDIR => {
            let what = format!("is {}, not a directory", crate::node::what(&stat));
            let about = format!("{} {what}", path.display());
            Some(Finding::new(Cause::WrongType, about).seen(Evidence::new(what).at(path)))
        }
        _ => None,
    }
}

/// A file that is not there ends a shell that reads it with `.`, bash only where an error ends it.
fn ends_by_dot(facts: &Facts) -> bool {
    let text = facts.run.bytes.as_deref().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let first = text.lines().next().unwrap_or_default();
    let is_strict = |line: &str| line.starts_with("set -") && line.contains('e');
    !first.contains("bash") || first.contains(" -e") || text.lines().any(is_strict)
}

/// Words that a shell knows by itself.
fn is_built_in(name: &str) -> bool {
    const ALL: &str = " [ test : true false echo printf wait trap umask ulimit export cd read unset shift hash type \
        local kill let declare typeset shopt command builtin getopts times readonly pwd alias unalias jobs fg bg break \
        continue pushd popd enable disown suspend ";
    name.contains(['=', ' ', '(', ')']) || ALL.contains(&format!(" {name} "))
}

/// A carriage return behind a later line is part of its last word; the first line is the system's.
fn late_line_ends(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(bytes) = facts.run.bytes.as_deref().filter(|_| !facts.script.is_empty()) else {
        return;
    };
    let mut lines = (1_u32..).zip(bytes.split(|byte| *byte == b'\n'));
    let is_comment =
        |it: &[u8]| it.trim_ascii().is_empty() || it.trim_ascii_start().starts_with(b"#");
    let Some((number, line)) = lines.find(|(_, it)| it.ends_with(b"\r") && !is_comment(it)) else {
        return;
    };
    let finding = Finding::new(Cause::LineEnds, facts.run.name());
    let finding = finding.seen(Evidence::new(file::shown(line)).at(&facts.run.path).line(number));
    let remedy = format!("sed -i 's/\\r$//' {}", facts.run.to_edit());
    found.push(finding.certainty(Certainty::Likely).helps(Remedy::Command(remedy)));
}

/// `exec server </etc/web/list` ends a script where that file is missing: whether it is.
fn input(
    facts: &Facts,
    command: &script::Command,
    works_in: Option<&Path>,
    found: &mut Vec<Finding>,
) -> bool {
    let plain = command.inputs.iter().filter(|it| it.is_plain);
    let missing = plain.filter_map(|it| joined(works_in, &it.text)).find(|it| is_missing(it));
    let Some(missing) = missing else { return false };
    let evidence = evidence_of(facts, command).errno(Errno::ENOENT);
    let finding = Finding::new(Cause::FileMissing, missing.display().to_string());
    found.push(finding.seen(evidence).certainty(of_link(facts, command)));
    true
}

/// How certain it is that what a program of a chain lacks has ended it: those of execline end with 111 then.
fn of_link(facts: &Facts, command: &script::Command) -> Certainty {
    let fits = facts.reading().map(|it| it.last_exit) == Some(LastExit::Exited { code: 111 });
    if command.is_link && fits { Certainty::Likely } else { Certainty::Guess }
}

/// A path that a script names; nothing where it does not show what that is relative to.
fn joined(works_in: Option<&Path>, path: &str) -> Option<PathBuf> {
    if path.starts_with('/') { Some(path.into()) } else { Some(works_in?.join(path)) }
}

/// `exec >>/var/log/web/log` ends a script where that directory is missing: whether one is.
fn outputs(
    facts: &Facts,
    command: &script::Command,
    works_in: Option<&Path>,
    found: &mut Vec<Finding>,
) -> bool {
    let plain = command.outputs.iter().filter(|it| it.is_plain);
    let paths = plain.filter_map(|it| joined(works_in, &it.text));
    let mut above = paths.filter_map(|it| it.parent().map(Path::to_owned));
    let Some(above) = above.find(|it| is_missing(it)) else { return false };
    // What shells exit with then.
    let fits = of_link(facts, command) == Certainty::Likely
        || match facts.reading().map(|it| it.last_exit) {
            Some(LastExit::Exited { code }) => matches!(code, 1 | 2),
            Some(LastExit::Signaled { .. }) => false,
            _ => true,
        };
    let certainty = if fits { Certainty::Likely } else { Certainty::Guess };
    let line = Evidence::new(line_of(facts, command.line)).at(&facts.run.path).line(command.line);
    let finding = Finding::new(Cause::NoDirectory, above.display().to_string());
    found.push(finding.seen(line.errno(Errno::ENOENT)).certainty(certainty));
    true
}

/// The last command of a shell script that does not become its program: a signal reaches the shell alone.
pub(super) fn without_exec(facts: &Facts) -> Option<Evidence> {
    // What a shell does by itself.
    const OWN: [&str; 9] = [":", "true", "echo", "wait", "trap", "umask", "ulimit", "export", "cd"];
    let is_exec = |it: &script::Command| {
        it.words.len() > 1 && it.words.first().is_some_and(|it| it.text == "exec")
    };
    if facts.script.iter().any(|it| it.is_link || is_exec(it)) {
        return None;
    }
    let is_own = |it: &script::Command| {
        it.words.first().is_none_or(|it| OWN.contains(&it.text.as_str()) || it.text.contains('='))
    };
    let last = facts.script.iter().rev().find(|it| !is_own(it))?;
    let Evidence { path, line, says, .. } = evidence_of(facts, last);
    let says = format!("{says}: without `exec`, it outlives the shell that started it");
    let evidence = Evidence::new(says).at(path?);
    Some(line.into_iter().fold(evidence, Evidence::line))
}

pub(super) fn evidence_of(facts: &Facts, command: &script::Command) -> Evidence {
    let is_implied = |it: &&script::Word| command.is_link && it.text == "exec";
    let written = command.words.iter().skip_while(is_implied);
    let words: Vec<_> = written.map(|it| it.text.as_str()).collect();
    Evidence::new(file::shown(words.join(" ").as_bytes())).at(&facts.run.path).line(command.line)
}

/// `#!/usr/bin/env PROGRAM`: the system starts env, and env does not find the program.
fn interpreter_by_env(facts: &Facts, found: &mut Vec<Finding>) {
    let Some((program, argument)) = facts.run.interpreter() else { return };
    if program.file_name() != Some("env".as_ref()) || argument.is_empty() {
        return;
    }
    // `-S PROGRAM -x` is split by env, and the first of its words is the program.
    let split = argument.strip_prefix("-S ").and_then(|it| it.split_whitespace().next());
    let argument = split.map_or(argument.clone(), str::to_owned);
    if argument.starts_with('-') || argument.contains(['=', '/', '\r']) {
        return;
    }
    if !on_path(facts, &argument).0 {
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

/// What execlineb refuses to read.
fn unreadable(facts: &Facts, found: &mut Vec<Finding>) {
    let Some((line, why)) = facts.unreadable else { return };
    let finding = Finding::new(Cause::SyntaxError, facts.run.name());
    let says = Evidence::new(format!("{}: {why}", line_of(facts, line)));
    let finding = finding.seen(says.at(&facts.run.path).line(line));
    found.push(finding.certainty(Certainty::Likely));
}

/// A line of the script, as it is shown.
fn line_of(facts: &Facts, line: u32) -> String {
    let text = facts.run.bytes.as_deref().unwrap_or_default();
    let at = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    file::shown(text.split(|byte| *byte == b'\n').nth(at).unwrap_or_default().trim_ascii())
}

/// Variables without which the script ends, and that neither it nor its supervisor sets.
fn variables(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(environment) = &facts.environment else { return };
    let missing = facts.needed.iter().find(|(_, name)| !environment.contains(name));
    let Some((line, name)) = missing else { return };
    let asks = Evidence::new(line_of(facts, *line)).at(&facts.run.path).line(*line);
    let supervisor = machine::process_in_words(facts.supervisor);
    let has_not = Evidence::new(format!("its supervisor, {supervisor}, has none of that name"));
    let finding = Finding::new(Cause::NoVariable, name.as_str()).seen(asks).seen(has_not);
    found.push(finding.certainty(Certainty::Likely));
}

/// Whether a program of this name is found, and whether the path of the supervisor is known.
fn on_path(facts: &Facts, name: &str) -> (bool, bool) {
    let (path, is_known) = machine::path_of(facts.supervisor);
    (path.iter().any(|dir| dir.join(name).symlink_metadata().is_ok()), is_known)
}

/// What a shell, and those who prepare a program for it, exit with where it is not there, or is not to
/// be executed. Suites that tell no exit do not speak against it.
fn fits(facts: &Facts, exec: &Exec) -> bool {
    match facts.reading().map(|it| it.last_exit) {
        Some(LastExit::Exited { code }) if exec.has_own_exits || exec.script.is_some() => code != 0,
        Some(LastExit::Exited { code }) => matches!(code, 100 | 111 | 126 | 127),
        Some(LastExit::Signaled { .. }) => false,
        _ => true,
    }
}

fn names_of(
    facts: &Facts,
    exec: &Exec,
    works_in: Option<&Path>,
    line: &Evidence,
    found: &mut Vec<Finding>,
) {
    let certainty = if fits(facts, exec) { Certainty::Likely } else { Certainty::Guess };
    let guess = |cause, about: &str| {
        Finding::new(cause, about).seen(line.clone()).certainty(Certainty::Guess)
    };
    for program in &exec.programs {
        if program.contains('/') {
            let Some(path) = joined(works_in, program) else { continue };
            let fault = Runnable::look(path, program.clone()).fault(None);
            if let Some(fault) = fault {
                let is_missing = fault.cause == Cause::FileMissing;
                let cause = if is_missing { Cause::ProgramMissing } else { fault.cause };
                let mut finding = Finding { cause, certainty, ..fault };
                finding.evidence.insert(0, line.clone());
                found.push(finding);
                return;
            }
        } else if !facts.has_own_path {
            let (is_there, is_known) = on_path(facts, program);
            if !is_there {
                let searched =
                    Evidence::new("is in no directory of PATH, and in none of the usual ones");
                let finding = guess(Cause::ProgramMissing, program).seen(searched);
                found.push(if is_known { finding.certainty(certainty) } else { finding });
                return;
            }
        }
    }
    for directory in &exec.directories {
        let Some(path) = joined(works_in, directory) else { continue };
        if let Some(mut finding) = no_directory(&path) {
            finding.evidence.insert(0, line.clone());
            found.push(finding.certainty(certainty));
            return;
        }
    }
    let read = exec.script.as_deref().and_then(|it| joined(works_in, it));
    if let Some(read) = read.filter(|it| is_missing(it)) {
        let evidence = Evidence::new("is not there").at(&read).errno(Errno::ENOENT);
        let finding = guess(Cause::ProgramMissing, &read.display().to_string()).seen(evidence);
        found.push(finding.certainty(certainty));
        return;
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
    // Groups that are named give rights of their own.
    let user = exec.users.first().filter(|_| exec.is_whole && exec.groups.is_empty());
    let program = exec.programs.last().filter(|it| it.contains('/'));
    let program = program.and_then(|it| joined(works_in, it));
    let kept = user.zip(program).and_then(|(user, it)| Finding::of_access(user, &it));
    if let Some(mut finding) = kept {
        finding.evidence.insert(0, line.clone());
        found.push(finding.certainty(certainty));
    }
}
