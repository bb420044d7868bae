//! `cargo xtask check`: what must hold before a change is merged, other than the tests.

mod api;
mod lints;
mod msrv;
mod nopanic;
mod targets;

use std::{
    io::{self, IsTerminal},
    process::Command,
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
pub(crate) fn run(parts: &[Part]) -> Result<(), Failure> {
    let parts = if parts.is_empty() { Part::value_variants() } else { parts };
    let workspace = Workspace::load()?;
    let mut report = Report::new();
    for part in parts {
        match part {
            Part::Fmt => lints::fmt(&mut report),
            Part::Clippy => lints::clippy(&workspace, &mut report),
            Part::Doc => lints::doc(&mut report),
            Part::Tidy => report.step("tidy", tidied),
            Part::Targets => targets::run(&mut report),
            Part::Nopanic => nopanic::run(&workspace, &mut report),
            Part::Msrv => msrv::run(&workspace, &mut report),
            Part::Size => report.step("size of svctl", dist::check),
            Part::Api => api::run(&workspace, &mut report),
        }
    }
    report.finish()
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
