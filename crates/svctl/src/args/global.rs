//! The options of every command.

use std::{ffi::OsString, path::PathBuf};

use clap::ValueEnum;
use svcmgr::{Dialect, Version};

use super::{hosts::Elsewhere, parse_suite};
use crate::silent::Silent;

/// Options of every command that has a use for them.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "options, each on its own")]
pub(crate) struct Global {
    /// The scan directory; may be given several times. Without it: those of $SVDIR, separated by
    /// colons, else the usual ones that are in use, such as /etc/service
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) dir: Vec<PathBuf>,
    /// The services that `svctl dev` runs for the project here: for svcmgr.toml or the Procfile in the working
    /// directory, or in the nearest one above
    #[arg(long, global = true, conflicts_with_all = ["dir", "system", "user", "host"])]
    pub(crate) dev: bool,
    /// The suite of the services, instead of detecting it: daemontools, encore, runit, s6 or systemd. A
    /// version may follow (s6=2.15.1), for requests that depend on it. With systemd every name is a
    /// unit, and no name means all of its services
    #[arg(long, global = true, value_name = "SUITE", value_parser = parse_suite)]
    pub(crate) suite: Option<Whose>,
    /// Use the systemd of the system as well: without a name, its services beside those of the scan
    /// directory; a name that no scan directory has is a unit
    #[arg(long, global = true)]
    pub(crate) system: bool,
    /// The same with the systemd of this user
    #[arg(long, global = true, conflicts_with = "system")]
    pub(crate) user: bool,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(crate) color: Color,
    /// Print only errors, and JSON where that is asked for
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Also print which scan directory and which suite were found
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
    /// End when standard input does: whoever asks from another host is gone
    #[arg(long = "__tethered", global = true, hide = true)]
    pub(crate) tethered: bool,
    /// What does not answer, for a svctl that another one watches over: first an empty word, then the paths
    #[arg(long = "__apart", hide = true, value_name = "PATH", allow_hyphen_values = true)]
    pub(crate) apart: Option<Vec<OsString>>,
    /// What does not answer; found before the command begins
    #[arg(skip)]
    pub(crate) silent: Silent,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Global {
    /// Whether units of systemd are meant and nothing else.
    pub(crate) fn only_units(&self) -> bool {
        self.suite.is_some_and(|whose| whose.dialect.is_none())
    }

    /// Whether a name that is in no scan directory is that of a unit.
    pub(crate) fn units_too(&self) -> bool {
        self.system || self.user || self.only_units()
    }
}

/// A suite, and the version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whose {
    /// `None` for systemd.
    pub(crate) dialect: Option<Dialect>,
    pub(crate) version: Option<Version>,
}
