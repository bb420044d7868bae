//! The suites that live tests run against, and what each needs to be installed.

use clap::ValueEnum;

use crate::command;

/// A suite of supervision programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// runit
    Runit,
    /// daemontools
    Daemontools,
    /// s6, with execline
    S6,
}

impl Suite {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 3] = [Self::Runit, Self::Daemontools, Self::S6];

    /// The name on the command line; also the name of the module with its live tests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Runit => "runit",
            Self::Daemontools => "daemontools",
            Self::S6 => "s6",
        }
    }

    /// The program that supervises one service directory.
    pub(crate) const fn supervisor(self) -> &'static str {
        match self {
            Self::Runit => "runsv",
            Self::Daemontools => "supervise",
            Self::S6 => "s6-supervise",
        }
    }
}

/// A program that must be on `PATH`, and the Debian package it comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    pub(crate) suite: Suite,
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// What of these suites is not on `PATH`.
pub(crate) fn missing(suites: &[Suite]) -> Vec<Requirement> {
    let wanted = REQUIREMENTS.iter().filter(|it| suites.contains(&it.suite));
    wanted.filter(|it| !command::on_path(it.program)).copied().collect()
}

const fn needs(suite: Suite, program: &'static str, package: &'static str) -> Requirement {
    Requirement { suite, program, package }
}

const REQUIREMENTS: [Requirement; 12] = [
    needs(Suite::Runit, "runsv", "runit"),
    needs(Suite::Runit, "runsvdir", "runit"),
    needs(Suite::Runit, "sv", "runit"),
    needs(Suite::Daemontools, "supervise", "daemontools"),
    needs(Suite::Daemontools, "svscan", "daemontools"),
    needs(Suite::Daemontools, "svstat", "daemontools"),
    needs(Suite::Daemontools, "svc", "daemontools"),
    needs(Suite::S6, "s6-supervise", "s6"),
    needs(Suite::S6, "s6-svscan", "s6"),
    needs(Suite::S6, "s6-svstat", "s6"),
    needs(Suite::S6, "s6-svc", "s6"),
    needs(Suite::S6, "execlineb", "execline"),
];
