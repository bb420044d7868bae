//! Parsing without the options of commands that were not typed: they are made when their command
//! is, by clap's own `defer`.

use std::{ffi::OsString, ops::Deref};

use clap::{ArgMatches, Command as Parser, Error, FromArgMatches, builder::Resettable};

use super::{Args, means::check};
use crate::name::from_url;

/// Arguments of a command whose options are made when it is the one that was typed.
#[derive(Debug)]
pub(crate) struct Later<T>(T);

impl<T> Later<T> {
    pub(crate) const fn get(&self) -> &T {
        &self.0
    }
}

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
    Args::read(std::env::args_os().map(from_url))
}

impl Args {
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let mut matches = Self::parser().try_get_matches_from(words)?;
        let args = Self::from_arg_matches_mut(&mut matches);
        // Thousands of names in memory of their own each: it goes with the process.
        std::mem::forget(matches);
        args.map_err(|error| error.format(&mut Self::parser())).and_then(check)
    }
}
