//! Whole processes in turn, from the start of each to its end.
//!
//! Their environment is this process's own and their directory, too: a command with one of its own
//! is started in a slower way (fork and exec, where the others are `posix_spawn`).

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Fallible,
    rounds::{columns, in_turn},
};

/// Each command as `NAME PROGRAM ARGUMENT...`, with `;` between them.
pub(crate) fn run(rounds: usize, words: &[&str]) -> Fallible {
    let mut names = Vec::new();
    let mut commands = Vec::new();
    for words in words.split(|&word| word == ";") {
        let [name, program, args @ ..] = words else { return Err("no command".into()) };
        // Looked up once: the way along PATH is no part of what is compared.
        let mut command = Command::new(find(program)?);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
        names.push(*name);
        commands.push(command);
    }
    columns(&names);
    let mut works: Vec<_> = commands.iter_mut().map(|command| || once(command)).collect();
    let mut works: Vec<&mut dyn FnMut() -> Fallible> =
        works.iter_mut().map(|it| it as &mut dyn FnMut() -> Fallible).collect();
    in_turn(rounds, 1, &mut works)
}

/// Runs it to its end.
pub(crate) fn once(command: &mut Command) -> Fallible {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    let program = Path::new(command.get_program());
    Err(format!("{} ended with {status}", program.display()).into())
}

/// The program of this name on PATH.
pub(crate) fn find(program: &str) -> Fallible<PathBuf> {
    if program.contains('/') {
        return Ok(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|dir| dir.join(program)).find(|it| it.is_file());
    found.ok_or_else(|| format!("there is no {program}").into())
}
