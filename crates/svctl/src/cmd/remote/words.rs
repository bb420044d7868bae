//! The words for the hosts: the parsed command line, written out again without what is for this side.

use std::{ffi::OsString, iter};

use clap::{Arg, ArgAction, ArgMatches, Command, error::Result as Parsed, parser::ValueSource};

use crate::args::{Args, HOST_OPTIONS};

/// For this side as well as those of `-H`: the hosts are always told how to answer.
const ALSO_HERE: [&str; 2] = ["json", "color"];

/// What the hosts are to run.
///
/// # Errors
///
/// A word that is no text.
pub(super) fn for_hosts(typed: impl IntoIterator<Item = OsString>) -> Result<Vec<String>, String> {
    // It was parsed before; this keeps what the typed values do not: what was given, and in which words.
    let (parser, matches) = parsed(typed).map_err(|error| error.to_string())?;
    let mut words = Words::default();
    words.options(&parser, &matches, |_| true)?;
    let (mut command, mut of) = (&parser, &matches);
    while let Some((name, below)) = of.subcommand() {
        let Some(next) = command.find_subcommand(name) else { break };
        words.0.push(next.get_name().to_owned());
        // What is global is at every level, and was said at the first.
        words.options(next, below, |arg| !arg.is_global_set())?;
        (command, of) = (next, below);
    }
    words.names(command, of)?;
    Ok(words.0)
}

/// With the options of the command that was typed, which the parser makes when it comes to it.
fn parsed(typed: impl IntoIterator<Item = OsString>) -> Parsed<(Command, ArgMatches)> {
    let mut parser = Args::parser();
    let matches = parser.try_get_matches_from_mut(iter::once("svctl".into()).chain(typed))?;
    Ok((parser, matches))
}

#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn options(
        &mut self,
        command: &Command,
        matches: &ArgMatches,
        is_meant: impl Fn(&Arg) -> bool,
    ) -> Result<(), String> {
        for arg in command.get_arguments().filter(|arg| !arg.is_positional() && is_meant(arg)) {
            let id = arg.get_id().as_str();
            let Some(name) = arg.get_long() else { continue };
            let is_local = HOST_OPTIONS.contains(&name) || ALSO_HERE.contains(&name);
            if is_local || matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            if !arg.get_action().takes_values() {
                let often = match arg.get_action() {
                    ArgAction::Count => matches.get_count(id),
                    _ => 1,
                };
                self.0.extend((0..often).map(|_| format!("--{name}")));
                continue;
            }
            for values in matches.get_raw_occurrences(id).into_iter().flatten() {
                let values: Vec<String> = values.map(text).collect::<Result<_, _>>()?;
                let is_bare = values.is_empty();
                let value = values.join(",");
                self.0.push(if is_bare {
                    format!("--{name}")
                } else {
                    format!("--{name}={value}")
                });
            }
        }
        Ok(())
    }

    /// After `--`: a name may begin with a hyphen.
    fn names(&mut self, command: &Command, matches: &ArgMatches) -> Result<(), String> {
        let places = command.get_positionals().map(|arg| arg.get_id().as_str());
        let typed = places.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
        let mut names = typed.flat_map(|id| matches.get_raw(id).into_iter().flatten()).peekable();
        if names.peek().is_some() {
            self.0.push("--".to_owned());
        }
        for name in names {
            self.0.push(text(name)?);
        }
        Ok(())
    }
}

fn text(word: impl AsRef<std::ffi::OsStr>) -> Result<String, String> {
    let word = word.as_ref();
    let known = word.to_str().map(str::to_owned);
    known.ok_or_else(|| format!("cannot hand {} to other hosts: it is no text", word.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn hold(typed: &str, expected: &str) {
        let words = for_hosts(typed.split(' ').map(OsString::from)).unwrap();
        assert_eq!(words.join(" "), expected, "{typed}");
    }

    #[test]
    fn what_is_for_this_side_stays_here() {
        hold("-H web1 status web", "status -- web");
        hold("status --host=web1 --parallel 4 --json web --rolling", "status -- web");
        hold(
            "-vHweb1,web2 logs -f -n 5 --host web3 --color=never",
            "--verbose logs --follow --lines=5",
        );
        hold("logs -fH web1 --host-timeout=3s --push", "logs --follow");
        hold("-H web1 status -- -H web1 --json", "status -- -H web1 --json");
    }

    #[test]
    fn nothing_else_is_lost() {
        hold(
            "-H a --dir /x --dir=/y wait --for down web",
            "--dir=/x --dir=/y wait --for=down -- web",
        );
        hold("-H a start web", "up -- web");
        hold("-H a up --timeout 5s web -- -x", "up --timeout=5s -- web -x");
        hold("-H a send usr1 web db", "send -- usr1 web db");
        hold("-H a status", "status");
    }

    #[test]
    fn every_option_has_a_long_name() {
        let parser = Args::parser();
        let all = parser.get_subcommands().chain(iter::once(&parser));
        for arg in all.flat_map(Command::get_arguments).filter(|arg| !arg.is_positional()) {
            assert!(arg.get_long().is_some(), "{}", arg.get_id());
        }
    }
}
