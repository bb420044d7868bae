//! Parsing without the options of commands that were not typed: made, they are 36 commands with seven
//! options each, the larger part of what `svctl` itself adds to a start.

use std::{ffi::OsString, ops::Deref};

use clap::{
    ArgMatches, Args as _, Command as Parser, Error, FromArgMatches, Subcommand,
    builder::Resettable,
};

use super::{Args, Command, Global, means::check};
use crate::name::from_url;

/// Arguments of a command whose options are made when it is the one that was typed.
#[derive(Debug)]
pub(crate) struct Later<T>(T);

impl<T> Deref for Later<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches_mut(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: clap::Args> clap::Args for Later<T> {
    fn augment_args(parser: Parser) -> Parser {
        parser.defer(augment::<T>)
    }

    fn augment_args_for_update(parser: Parser) -> Parser {
        Self::augment_args(parser)
    }
}

/// The type's own description would take the place of the command's.
fn augment<T: clap::Args>(parser: Parser) -> Parser {
    let (about, long) = (parser.get_about().cloned(), parser.get_long_about().cloned());
    T::augment_args(parser).about(Resettable::from(about)).long_about(Resettable::from(long))
}

/// Parses the command line of this process.
pub(crate) fn parse() -> Result<Args, Error> {
    let words: Vec<OsString> = std::env::args_os().map(from_url).collect();
    match parse_one(&words) {
        Some(args) => check(args),
        // Help, mistakes, and what is rare.
        None => Args::try_parse_from_all(words),
    }
}

/// Parses with a parser that knows one command. What it takes, the whole parser takes in the same
/// way; of what it does not take it says nothing.
fn parse_one(words: &[OsString]) -> Option<Args> {
    let typed = words.iter().skip(1).filter_map(|word| word.to_str());
    let word = typed.into_iter().find(|word| Command::has_subcommand(word))?;
    let command = Command::augment_subcommands(Parser::new("")).find_subcommand(word)?.clone();
    let parser = Global::augment_args(Parser::new("svctl")).subcommand(command);
    let mut matches = parser.try_get_matches_from(words).ok()?;
    let command = Command::from_arg_matches_mut(&mut matches).ok()?;
    let global = Global::from_arg_matches_mut(&mut matches).ok()?;
    // Thousands of names in memory of their own each: it goes with the process.
    std::mem::forget(matches);
    Some(Args { command, global })
}

impl Args {
    pub(super) fn try_parse_from_all(words: Vec<OsString>) -> Result<Self, Error> {
        let mut matches = Self::parser().try_get_matches_from(words)?;
        let args = Self::from_arg_matches_mut(&mut matches);
        args.map_err(|error| error.format(&mut Self::parser())).and_then(check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether one command's parser takes these words, and both parsers take them alike.
    #[track_caller]
    fn taken(line: &str) -> bool {
        let words: Vec<OsString> =
            std::iter::once("svctl").chain(line.split_whitespace()).map(OsString::from).collect();
        let one = parse_one(&words).map(|args| format!("{args:?}"));
        let all = Args::try_parse_from_all(words).ok().map(|args| format!("{args:?}"));
        assert!(one.is_none() || one == all, "{line}: {one:?}, {all:?}");
        one.is_some()
    }

    #[test]
    fn one_command_is_parsed_as_among_all() {
        let plain = [
            "status",
            "status --json web",
            "--dir /tmp status",
            "--dir status status",
            "up web --for ready --timeout 5s",
            "hup web --quiet",
            "status up",
            "watch",
            "wait --for down status",
            "build a.toml --for runit --out /tmp",
            "__complete status --j",
        ];
        for line in plain {
            assert!(taken(line), "{line}");
        }
    }

    #[test]
    fn what_needs_the_others_is_left_to_the_whole_parser() {
        let rest = [
            "",
            "help status",
            "--help",
            "--version",
            "status --version",
            "stats",
            "up",
            "--dir up status",
        ];
        for line in rest {
            assert!(!taken(line), "{line}");
        }
    }
}
