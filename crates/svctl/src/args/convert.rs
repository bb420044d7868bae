//! Arguments of `convert`.

use std::path::PathBuf;

use svcmgr::{build::Target, convert::Format};

/// What is converted, and what of it is made.
#[derive(Debug, clap::Args)]
pub(crate) struct Convert {
    /// What describes the services, in any of the formats of --from
    #[arg(required = true, value_name = "IN")]
    pub(crate) inputs: Vec<PathBuf>,
    /// The format of all of them, instead of recognising each by its name and what is in it
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    pub(crate) from: Option<Format>,
    /// Also say what this target lacks: daemontools, encore, runit, s6, s6-rc, systemd, embedded or procfile; with
    /// --out, make its directories, files or units, without what it lacks
    #[arg(long = "to", value_name = "TARGET")]
    pub(crate) target: Option<Target>,
    /// Where to make the directories or units; created if missing. The definition is not printed then
    #[arg(long, value_name = "DIR", requires = "target")]
    pub(crate) out: Option<PathBuf>,
    /// With --out, replace files that no build made, or that somebody changed since, instead of refusing
    #[arg(long, requires = "out")]
    pub(crate) adopt: bool,
    /// Fail, and make nothing, if a line is worse than equivalent: approximated, dropped or refused
    #[arg(long)]
    pub(crate) strict: bool,
}

fn parse_format(text: &str) -> Result<Format, String> {
    text.parse().map_err(|_| {
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("known are {}", names.join(", "))
    })
}
