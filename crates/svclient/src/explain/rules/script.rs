//! What a shell script names and the machine lacks. Only of what fails, and never certain.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use svproto::{Cause, LastExit};

use super::super::{
    Certainty, Evidence, Finding,
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
    variables(facts, found);
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

pub(super) fn evidence_of(facts: &Facts, command: &script::Command) -> Evidence {
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

/// Variables without which the script ends, and that neither it nor its supervisor sets.
fn variables(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(environment) = &facts.environment else { return };
    let missing = facts.needed.iter().find(|(_, name)| !environment.contains(name));
    let Some((line, name)) = missing else { return };
    let text = facts.run.bytes.as_deref().unwrap_or_default();
    let at = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let says = text.split(|byte| *byte == b'\n').nth(at).unwrap_or_default().trim_ascii();
    let asks = Evidence::new(file::shown(says)).at(&facts.run.path).line(*line);
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
fn fits(facts: &Facts) -> bool {
    match facts.reading().map(|it| it.last_exit) {
        Some(LastExit::Exited { code }) => matches!(code, 100 | 111 | 126 | 127),
        Some(LastExit::Signaled { .. }) => false,
        _ => true,
    }
}

fn names_of(
    facts: &Facts,
    exec: &script::Exec,
    at: &Path,
    line: &Evidence,
    found: &mut Vec<Finding>,
) {
    let certainty = if fits(facts) { Certainty::Likely } else { Certainty::Guess };
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
        let path = at.join(directory);
        if matches!(nix::sys::stat::stat(&path), Err(Errno::ENOENT | Errno::ENOTDIR)) {
            let finding = guess(Cause::NoDirectory, &path.display().to_string());
            found.push(finding.certainty(certainty));
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
    let user = exec.users.first().filter(|_| exec.is_whole);
    let program = exec.programs.last().filter(|it| it.contains('/'));
    let kept = user.zip(program).and_then(|(user, it)| Finding::of_access(user, &at.join(it)));
    if let Some(mut finding) = kept {
        finding.evidence.insert(0, line.clone());
        found.push(finding.certainty(certainty));
    }
}
