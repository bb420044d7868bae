//! `cargo xtask check`: what must hold before a change is merged, other than the tests.

mod api;
mod lints;
mod msrv;
mod nopanic;
mod targets;

use std::{
    io::{self, IsTerminal},
    process::Command,
    thread,
};

use clap::ValueEnum;

use crate::{
    command, dist,
    failure::Failure,
    report::{Report, Verdict},
    tidy,
    workspace::Workspace,
};

/// A part that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Formatting
    Fmt,
    /// Lints, for each set of features that users can choose
    Clippy,
    /// The pages of the documentation: no broken link
    Doc,
    /// Who depends on whom, headers, words that stay out of a crate
    Tidy,
    /// Other platforms, and bare metal for svproto
    Targets,
    /// svproto has no path that panics
    Nopanic,
    /// The oldest compilers that the crates promise
    Msrv,
    /// svctl as it is given out is small enough
    Size,
    /// What programs can name, as `docs/api` lists it
    Api,
}

/// The task: these parts, or all of them.
pub(crate) fn run(parts: &[Part], thorough: bool) -> Result<(), Failure> {
    let parts = if parts.is_empty() { Part::value_variants() } else { parts };
    let workspace = Workspace::load()?;
    let report = Report::new();
    let run = |part: &Part| match part {
        Part::Fmt => lints::fmt(&report),
        Part::Clippy => lints::clippy(&workspace, &report),
        Part::Doc => lints::doc(&report),
        Part::Tidy => report.step("tidy", "tidy", tidied),
        Part::Targets => targets::run(&report, thorough),
        Part::Nopanic => nopanic::run(&workspace, &report),
        Part::Msrv => msrv::run(&workspace, &report),
        Part::Size => report.step("size", "size of svctl", dist::check),
        Part::Api => api::run(&workspace, &report),
    };
    let (beside, others): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.is_beside());
    thread::scope(|scope| {
        scope.spawn(|| beside.into_iter().for_each(run));
        others.into_iter().for_each(run);
    });
    report.finish()
}

impl Part {
    /// What builds into directories of its own goes on beside the rest: each build has moments in
    /// which one processor waits for the other, and that of `Size` ends with minutes of them.
    const fn is_beside(self) -> bool {
        matches!(self, Self::Size | Self::Nopanic | Self::Msrv | Self::Api)
    }
}

fn tidied() -> Verdict {
    match tidy::findings() {
        Ok(findings) if findings.is_empty() => Verdict::Passed,
        Ok(findings) => Verdict::Failed(findings.join("\n")),
        Err(failure) => failure.into(),
    }
}

/// Passed when the command succeeds; what it prints is shown only when it does not.
fn succeeds(command: &mut Command) -> Verdict {
    if !io::stdout().is_terminal() {
        // rustfmt colors its differences wherever they go, unless the terminal cannot.
        command.env("TERM", "dumb");
    }
    match command::capture(command) {
        Ok(done) if done.ok => Verdict::Passed,
        Ok(done) => Verdict::Failed(format!("$ {}\n{}", command::shown(command), done.text)),
        Err(failure) => failure.into(),
    }
}
