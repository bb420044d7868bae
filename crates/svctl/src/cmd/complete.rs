//! Completing a command line: the shells ask `svctl __complete`, which knows the parser and the
//! services of the scan directory. Silent on any error: who presses a key wants no message.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use clap::{Arg, Command, CommandFactory};
use svcmgr::{Dialect, ScanDir, State};

use crate::{
    args::{Args, GOALS, Shell},
    exit::Exit,
    output::Output,
};

/// Prints what the shell is to read.
pub(crate) fn script(shell: Shell, output: &mut Output) -> Exit {
    let text = match shell {
        Shell::Bash => include_str!("complete/svctl.bash"),
        Shell::Zsh => include_str!("complete/svctl.zsh"),
        Shell::Fish => include_str!("complete/svctl.fish"),
    };
    output.line(text.trim_end());
    Exit::Done
}

/// Prints what the last word may become, a line each: the word, and after a tab what it is. Nothing
/// where the shell should offer files.
pub(crate) fn complete(words: &[OsString], output: &mut Output) -> Exit {
    let parser = whole();
    for Candidate { word, about } in candidates(&parser, words) {
        output.line(&format!("{word}\t{about}"));
    }
    Exit::Done
}

/// The parser with the options of every command, which are made only when they are asked for.
fn whole() -> Command {
    let mut parser = Args::command().disable_help_subcommand(true);
    parser.build();
    parser
}

struct Candidate {
    word: String,
    about: String,
}

impl Candidate {
    fn plain(word: impl Into<String>) -> Self {
        Self { word: word.into(), about: String::new() }
    }
}

fn candidates(parser: &Command, words: &[OsString]) -> Vec<Candidate> {
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    let Some(last) = last.to_str() else { return Vec::new() };
    let line = Line::read(parser, before);
    let options = || line.command.get_arguments().chain(parser.get_arguments());
    let mut found = if let Some(option) = line.awaits {
        values(option)
    } else if let Some((name, value)) = last.split_once('=').filter(|_| last.starts_with("--")) {
        let option = options().find(|arg| arg.get_long().is_some_and(|long| &name[2..] == long));
        let mut found = option.map(values).unwrap_or_default();
        found.retain(|candidate| candidate.word.starts_with(value));
        for candidate in &mut found {
            candidate.word = format!("{name}={}", candidate.word);
        }
        return found;
    } else if last.starts_with('-') {
        options().filter(|arg| !arg.is_hide_set()).filter_map(option).collect()
    } else if line.subcommand {
        match line.command.get_positionals().next() {
            Some(arg) if line.command.get_name() != "enable" && is_services(arg) => {
                services(line.dir, last)
            }
            Some(arg) => values(arg),
            None => Vec::new(),
        }
    } else {
        let commands = parser.get_subcommands().filter(|command| !command.is_hide_set());
        commands.map(command).collect()
    };
    found.retain(|candidate| candidate.word.starts_with(last));
    // What every command takes is among its own options, too.
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|candidate| seen.insert(candidate.word.clone()));
    found
}

/// What was typed before the last word.
struct Line<'a> {
    command: &'a Command,
    subcommand: bool,
    /// The option whose value comes next.
    awaits: Option<&'a Arg>,
    dir: Option<PathBuf>,
}

impl<'a> Line<'a> {
    fn read(parser: &'a Command, words: &[OsString]) -> Self {
        let mut line = Self { command: parser, subcommand: false, awaits: None, dir: None };
        for word in words {
            if let Some(option) = line.awaits.take() {
                if option.get_long() == Some("dir") {
                    line.dir = Some(word.into());
                }
                continue;
            }
            let Some(text) = word.to_str() else { continue };
            if let Some(name) = text.strip_prefix("--") {
                let (name, value) = match name.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (name, None),
                };
                let mut options = line.command.get_arguments().chain(parser.get_arguments());
                let option = options.find(|arg| arg.get_long() == Some(name));
                match (option, value) {
                    (_, Some(value)) if name == "dir" => line.dir = Some(value.into()),
                    (Some(option), None) if option.get_action().takes_values() => {
                        line.awaits = Some(option);
                    }
                    _ => (),
                }
            } else if !line.subcommand
                && !text.starts_with('-')
                && let Some(command) = parser.find_subcommand(text)
            {
                (line.command, line.subcommand) = (command, true);
            }
        }
        line
    }
}

fn is_services(arg: &Arg) -> bool {
    arg.get_value_names().is_some_and(|names| names.iter().any(|name| name.as_str() == "SERVICE"))
}

fn command(command: &Command) -> Candidate {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    Candidate { word: command.get_name().to_owned(), about }
}

fn option(arg: &Arg) -> Option<Candidate> {
    let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
    Some(Candidate { word: format!("--{}", arg.get_long()?), about })
}

/// What may be the value of an option; nothing for what is free.
fn values(arg: &Arg) -> Vec<Candidate> {
    let named = arg.get_possible_values();
    if arg.get_action().takes_values() && !named.is_empty() {
        let about = |help: Option<&clap::builder::StyledStr>| {
            help.map(ToString::to_string).unwrap_or_default()
        };
        return named
            .iter()
            .map(|value| Candidate {
                word: value.get_name().to_owned(),
                about: about(value.get_help()),
            })
            .collect();
    }
    match arg.get_id().as_str() {
        "backend" | "dialect" => {
            Dialect::ALL.into_iter().map(|dialect| Candidate::plain(dialect.name())).collect()
        }
        "goal" => GOALS.into_iter().chain(["up-for="]).map(Candidate::plain).collect(),
        "state" => State::ALL.into_iter().map(|state| Candidate::plain(state.name())).collect(),
        _ => Vec::new(),
    }
}

/// Services of the scan directory. Of a word that leads elsewhere the shell knows more.
fn services(dir: Option<PathBuf>, typed: &str) -> Vec<Candidate> {
    if typed.starts_with(['.', '/']) {
        return Vec::new();
    }
    let scan = dir.map(ScanDir::new).or_else(ScanDir::find);
    let services = scan.and_then(|scan| scan.services().ok()).unwrap_or_default();
    let mut found = Vec::new();
    for service in services {
        let name = service.dir().file_name().and_then(OsStr::to_str);
        // A line is a candidate, so a name that is no line is none.
        let Some(name) = name.filter(|name| !name.contains(char::is_control)) else { continue };
        found.push(Candidate::plain(name));
        if typed.contains('/') && service.log().is_some() {
            found.push(Candidate::plain(format!("{name}/log")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn completes(line: &str, expected: &[&str]) {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let parser = whole();
        let found: Vec<String> =
            candidates(&parser, &words).into_iter().map(|candidate| candidate.word).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn commands_options_and_their_values() {
        completes("st", &["status"]);
        completes("res", &["restart"]);
        completes("__", &[]);
        completes("--back", &["--backend"]);
        completes("--backend ", &["daemontools", "encore", "runit", "s6"]);
        completes("--backend=r", &["--backend=runit"]);
        completes("wait --for u", &["up", "up-for="]);
        completes("wait --for=re", &["--for=ready", "--for=restarted"]);
        completes("status --state fa", &["failed"]);
        completes("status --json --changed", &["--changed-within"]);
        completes("completions ", &["bash", "zsh", "fish"]);
        completes("--color a", &["auto", "always"]);
    }

    #[test]
    fn services_of_the_directory_that_was_named() {
        let tree = tempfile::tempdir().unwrap();
        for name in ["web", "worker", "bad\nname"] {
            std::fs::create_dir_all(tree.path().join(name).join("supervise")).unwrap();
        }
        std::fs::create_dir(tree.path().join("web/log")).unwrap();
        let dir = tree.path().display();
        completes(&format!("--dir {dir} up w"), &["web", "worker"]);
        completes(&format!("up --dir={dir} we"), &["web"]);
        completes(&format!("--dir {dir} watch web/"), &["web/log"]);
        completes(&format!("--dir {dir} up ./w"), &[]);
        completes(&format!("--dir {dir} enable w"), &[]);
    }
}
