//! Completing a command line: the shells ask `svctl __complete SHELL WORD...`, which knows the
//! parser, the services of the scan directory and the units. Silent on any error: whoever presses a
//! key wants no message.
//!
//! bash gives its line as one word, and `$COMP_WORDBREAKS`; the others give words without quotes.
//! What is printed are candidates, each ended by a NUL, since a name may hold anything else: for
//! bash quoted, for zsh followed by another field with what it is, for fish with that after a tab.

mod words;

use std::{
    ffi::{OsStr, OsString},
    io::Write,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    time::Duration,
};

use clap::{Arg, Command};
use svcmgr::{Dialect, ScanDir, State, Suite, systemd::Bus};

use crate::{
    args::{Args, GOALS, Shell},
    exit::Exit,
    names,
    output::Output,
    silent::Silent,
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

/// The scan directories whose services may be meant.
pub(super) fn dirs(words: &[OsString]) -> Vec<PathBuf> {
    let words: Vec<OsString> = match words {
        [shell, line, breaks @ ..] if shell == "bash" => {
            let breaks = breaks.first().map_or(&b""[..], |breaks| breaks.as_bytes());
            let before = words::read(line.as_bytes(), breaks).before;
            before.into_iter().skip(1).map(OsString::from_vec).collect()
        }
        _ => words.iter().skip(1).cloned().collect(),
    };
    let parser = whole();
    let named = Line::read(&parser, &words).dirs;
    if named.is_empty() { ScanDir::usual_places() } else { named }
}

/// Prints what the last word may become. Nothing where the shell should offer files.
pub(crate) fn complete(silent: &Silent, words: &[OsString]) -> Exit {
    let Some((shell, words)) = words.split_first() else { return Exit::Usage };
    let parser = whole();
    let mut out = Vec::new();
    match (shell.to_str(), words) {
        (Some("bash"), [line, breaks @ ..]) => {
            let breaks = breaks.first().map_or(&b""[..], |breaks| breaks.as_bytes());
            let line = words::read(line.as_bytes(), breaks);
            let words = line.before.iter().skip(1).chain([&line.last]).cloned();
            let words: Vec<OsString> = words.map(OsString::from_vec).collect();
            for Candidate { word, .. } in candidates(silent, &parser, &words) {
                let rest = word.as_bytes().get(line.kept..);
                let quoted = rest.and_then(|rest| words::quoted(rest, line.within));
                out.extend(quoted.into_iter().flat_map(|word| [word, b"\0".to_vec()]).flatten());
            }
        }
        (Some("zsh"), words) => {
            for Candidate { word, about } in candidates(silent, &parser, words) {
                out.extend([word.as_bytes(), b"\0", about.as_bytes(), b"\0"].concat());
            }
        }
        (Some("fish"), words) => {
            for Candidate { word, about } in candidates(silent, &parser, words) {
                // What follows a tab is no name for fish.
                if !word.as_bytes().contains(&b'\t') {
                    out.extend([word.as_bytes(), b"\t", about.as_bytes(), b"\0"].concat());
                }
            }
        }
        _ => return Exit::Usage,
    }
    // Nobody is left to tell that nobody reads.
    let _gone = std::io::stdout().write_all(&out);
    Exit::Done
}

/// The parser with the options of every command, which are made only when they are asked for.
fn whole() -> Command {
    let mut parser = Args::parser().disable_help_subcommand(true);
    parser.build();
    parser
}

struct Candidate {
    word: OsString,
    about: String,
}

impl Candidate {
    fn plain(word: impl Into<OsString>) -> Self {
        Self { word: word.into(), about: String::new() }
    }
}

fn candidates(silent: &Silent, parser: &Command, words: &[OsString]) -> Vec<Candidate> {
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    let line = Line::read(parser, before);
    let options = || line.command.get_arguments().chain(parser.get_arguments());
    let text = last.to_str().unwrap_or_default();
    let mut found = if let Some(option) = line.awaits {
        values(option)
    } else if let Some((name, value)) = text.split_once('=').filter(|_| text.starts_with("--")) {
        let option = options().find(|arg| arg.get_long().is_some_and(|long| &name[2..] == long));
        let mut found = option.map(values).unwrap_or_default();
        found.retain(|candidate| candidate.word.as_bytes().starts_with(value.as_bytes()));
        for candidate in &mut found {
            let value = std::mem::take(&mut candidate.word);
            candidate.word = format!("{name}=").into();
            candidate.word.push(value);
        }
        return found;
    } else if text.starts_with('-') {
        // What means nothing to the command is hidden there.
        let hidden = |arg: &&Arg| {
            let own = line.command.get_arguments().find(|own| own.get_id() == arg.get_id());
            own.unwrap_or(*arg).is_hide_set()
        };
        options().filter(|arg| !hidden(arg)).filter_map(option).collect()
    } else if line.subcommand {
        match line.command.get_positionals().next() {
            Some(arg) if line.command.get_name() != "enable" && is_services(arg) => {
                let mut found = services(silent, &line, last);
                found.extend(units(&line, text));
                found
            }
            Some(arg) => values(arg),
            None => Vec::new(),
        }
    } else {
        let commands = parser.get_subcommands().filter(|command| !command.is_hide_set());
        commands.map(command).collect()
    };
    found.retain(|candidate| candidate.word.as_bytes().starts_with(last.as_bytes()));
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
    dirs: Vec<PathBuf>,
    manager: Manager,
}

/// Whose units are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manager {
    /// The system's, of units that are named as such.
    Unsaid,
    System,
    User,
}

impl<'a> Line<'a> {
    fn read(parser: &'a Command, words: &[OsString]) -> Self {
        let mut line = Self {
            command: parser,
            subcommand: false,
            awaits: None,
            dirs: Vec::new(),
            manager: Manager::Unsaid,
        };
        for word in words {
            if let Some(option) = line.awaits.take() {
                if option.get_long() == Some("dir") {
                    line.dirs.push(at_home(word));
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
                    (_, Some(value)) if name == "dir" => line.dirs.push(value.into()),
                    (_, None) if name == "system" => line.manager = Manager::System,
                    (_, None) if name == "user" => line.manager = Manager::User,
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

/// A directory as a shell would pass it on: `~/` is not replaced yet in what somebody types.
fn at_home(word: &OsStr) -> PathBuf {
    let rest = word.as_bytes().strip_prefix(b"~/").map(OsStr::from_bytes);
    match (rest, std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(word),
    }
}

fn is_services(arg: &Arg) -> bool {
    arg.get_value_names().is_some_and(|names| names.iter().any(|name| name.as_str() == "SERVICE"))
}

fn command(command: &Command) -> Candidate {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    Candidate { word: command.get_name().into(), about }
}

fn option(arg: &Arg) -> Option<Candidate> {
    let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
    Some(Candidate { word: format!("--{}", arg.get_long()?).into(), about })
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
                word: value.get_name().into(),
                about: about(value.get_help()),
            })
            .collect();
    }
    match arg.get_id().as_str() {
        "suite" | "dialect" => {
            let systemd = (arg.get_id() == "suite").then(|| Suite::Systemd.name());
            let names = Dialect::ALL.into_iter().map(Dialect::name).chain(systemd);
            names.map(Candidate::plain).collect()
        }
        "goal" => GOALS.into_iter().chain(["up-for="]).map(Candidate::plain).collect(),
        "state" => State::ALL.iter().map(|state| Candidate::plain(state.name())).collect(),
        _ => Vec::new(),
    }
}

/// Services of the scan directory. Of a word that leads elsewhere the shell knows more.
fn services(silent: &Silent, line: &Line<'_>, typed: &OsStr) -> Vec<Candidate> {
    let typed = typed.as_bytes();
    if typed.starts_with(b".") || typed.starts_with(b"/") {
        return Vec::new();
    }
    let named = line.dirs.iter().map(ScanDir::new).collect();
    let scans = if line.dirs.is_empty() { names::find_all(silent) } else { named };
    let services = scans.iter().flat_map(|scan| names::services_in(scan, silent));
    let mut found = Vec::new();
    for service in services {
        let Some(name) = service.dir().file_name() else { continue };
        found.push(Candidate::plain(name));
        if typed.contains(&b'/') && service.log().is_some() {
            let mut logger = name.to_owned();
            logger.push("/log");
            found.push(Candidate::plain(logger));
        }
    }
    found
}

/// Nobody waits longer for a key to be answered.
const PATIENCE: Duration = Duration::from_secs(1);

/// Units: where a manager was named, or the word begins as the name of a unit does. Those that run
/// and those that there are files of.
fn units(line: &Line<'_>, typed: &str) -> Vec<Candidate> {
    const PREFIX: &str = "systemd:";
    let (front, typed) = match typed.strip_prefix(PREFIX) {
        Some(rest) => (PREFIX, rest),
        None => ("", typed),
    };
    let is_asked = line.manager != Manager::Unsaid || !front.is_empty() || typed.contains('.');
    let mut found = Vec::new();
    // Who may mean a unit is offered the way there; who types an `s` hardly does.
    if front.is_empty() && typed.len() >= 3 && PREFIX.starts_with(typed) {
        found.push(Candidate { word: PREFIX.into(), about: "a unit".into() });
    }
    if !is_asked || typed.starts_with(['.', '/']) {
        return found;
    }
    let bus = if line.manager == Manager::User { Bus::user() } else { Bus::system() };
    let Ok(bus) = bus.wait() else { return found };
    let bus = bus.patience(Some(PATIENCE));
    let patterns = ["*.service"];
    let mut names = bus.loaded(&patterns).wait().unwrap_or_default();
    names.extend(bus.on_disk(&patterns).wait().unwrap_or_default());
    names.sort_unstable();
    names.dedup();
    let named = names.iter().filter(|name| !name.is_template());
    found.extend(named.map(|name| Candidate::plain(format!("{front}{name}"))));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn completes(line: &str, expected: &[&str]) {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let parser = whole();
        let found: Vec<String> = candidates(&Silent::default(), &parser, &words)
            .into_iter()
            .map(|it| it.word.into_string().unwrap())
            .collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn commands_options_and_their_values() {
        completes("st", &["status"]);
        completes("res", &["restart", "reset-failed"]);
        completes("__", &[]);
        completes("--sui", &["--suite"]);
        completes("--suite ", &["daemontools", "encore", "runit", "s6", "systemd"]);
        completes("--suite=r", &["--suite=runit"]);
        completes("wait --for u", &["up", "up-for="]);
        completes("wait --for=re", &["--for=ready", "--for=ready-or-up", "--for=restarted"]);
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
        completes(&format!("--dir {dir} up ba"), &["bad\nname"]);
        completes(&format!("--dir {dir} up sys"), &["systemd:"]);
        completes(&format!("--dir {dir} up ./w"), &[]);
        completes(&format!("--dir {dir} enable w"), &[]);
    }
}
