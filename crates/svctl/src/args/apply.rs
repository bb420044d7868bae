//! Arguments of `apply`.

use std::{path::PathBuf, time::Duration};

use svcmgr::build::Target;

use super::{Timeout, parse_duration};

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct Apply {
    /// The definitions, in TOML; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What the services run under: daemontools, encore, runit, s6, systemd or embedded
    #[arg(long = "to", visible_alias = "for", value_name = "TARGET")]
    pub(crate) target: Target,
    /// Where to make the directories or units; created if missing. Without it where the entries of the scan
    /// directory lead, else /etc/sv for runit and /etc/s6/sv for s6; of units, where an administrator's are
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print what would be done, and do nothing
    #[arg(long, conflicts_with = "diff")]
    pub(crate) dry_run: bool,
    /// Print how the files that are there differ, and do nothing; the exit code is 1 if something is to be done
    #[arg(long)]
    pub(crate) diff: bool,
    /// Replace files that no build made, or that somebody changed since, instead of refusing
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Leave out what the target cannot express, with a comment and a message, instead of refusing
    #[arg(long)]
    pub(crate) lossy: bool,
    /// Send SIGKILL to a process that has not ended after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(crate) kill_after: Option<Duration>,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
    /// The definitions themselves, for another host
    #[arg(long = "__text", hide = true)]
    pub(crate) text: Option<String>,
}
