//! One run of tests, of several commands: their environment, what they print, what they add up to.
//!
//! A live test whose supervisor is not installed appends a line `suite: reason` to the file that
//! `SV_SKIPS_FILE` names and returns, if `SV_ALLOW_SKIPS` is set; otherwise it fails. The line is
//! one `write` to a file opened for appending, since tests run at the same time.

use std::{
    fs,
    io::{self, IsTerminal},
    process::Command,
};

use tempfile::NamedTempFile;

use super::tally::Tally;
use crate::{command, failure::Failure};

/// Whether a live test may skip.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skips {
    Allowed,
    Refused,
}

/// Which tests are meant to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    /// Those that a filter lets through; the others are not "skipped".
    Selected,
}

/// What has run so far.
pub(crate) struct Session {
    skips: Skips,
    scope: Scope,
    skips_file: NamedTempFile,
    tally: Tally,
}

impl Session {
    pub(crate) fn new(skips: Skips, scope: Scope) -> Result<Self, Failure> {
        let skips_file = NamedTempFile::with_prefix("sv-skips-")
            .map_err(|why| Failure::cannot("create a temporary file for skipped tests", why))?;
        Ok(Self { skips, scope, skips_file, tally: Tally::default() })
    }

    /// Runs a test command, shows what it prints, and counts.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<(), Failure> {
        match self.skips {
            Skips::Allowed => command.env("SV_ALLOW_SKIPS", "1"),
            Skips::Refused => command.env_remove("SV_ALLOW_SKIPS"),
        };
        command.env("SV_SKIPS_FILE", self.skips_file.path());
        // It writes into a pipe and would not know.
        if io::stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let mut tally = Tally::default();
        let status = command::stream(command, |line| tally.read(line))?;
        if !status.success() && tally.failed == 0 {
            eprintln!("xtask: `{}` failed before its tests: {status}", command::shown(command));
            tally.failed = 1;
        }
        self.tally += tally;
        Ok(())
    }

    /// Lists what was skipped and prints the last line; an error unless all is well.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let path = self.skips_file.path();
        let skips = fs::read_to_string(path)
            .map_err(|why| Failure::cannot(format!("read {}", path.display()), why))?;
        for skip in skips.lines() {
            println!("skipped: {skip}");
        }
        let total = self.tally.with_skips(skips.lines().count(), self.scope);
        if total.is_empty() {
            return Err(Failure::Because("no test ran: the filter matches none".to_owned()));
        }
        println!("{total}");
        if total.failed == 0 { Ok(()) } else { Err(Failure::Told) }
    }
}
