//! The options for other hosts.

use std::{num::NonZeroUsize, time::Duration};

use super::{parse_duration, value::parse_positive};

/// On which hosts, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Elsewhere {
    /// Ask other hosts, by ssh: names with commas, groups (@web), patterns ('web*'). Names of services are
    /// those on the hosts, and svctl has to be there
    #[arg(short = 'H', long, global = true, value_name = "HOSTS")]
    pub(crate) host: Vec<String>,
    /// With -H, at most so many hosts at a time; without it 32, with --rolling 1
    #[arg(long, global = true, value_name = "NUMBER", value_parser = parse_positive, hide_short_help = true)]
    pub(crate) parallel: Option<NonZeroUsize>,
    /// With -H, one batch of --parallel hosts after the other. The next one follows when all of a batch
    /// have done it and, after up, restart and reload, are found healthy; at the first failure no other does
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) rolling: bool,
    /// With -H, copy this svctl, if it is a static program, to the cache of hosts that do not have it yet,
    /// and use it there
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) push: bool,
    /// With -H, how long a host may take to answer, beside the time that the command itself may take;
    /// without it 10s
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_duration, hide_short_help = true)]
    pub(crate) host_timeout: Option<Duration>,
}

/// The long names of these options.
pub(crate) const OPTIONS: [&str; 5] = ["host", "parallel", "rolling", "push", "host-timeout"];

/// Commands that are for this machine alone.
pub(super) const HERE: [&str; 9] =
    ["build", "completions", "convert", "decode", "dev", "escape", "metrics", "scan", "supervise"];

impl Elsewhere {
    /// Whether an option was given, by its long name.
    pub(super) fn is_given(&self, option: &str) -> bool {
        match option {
            "host" => !self.host.is_empty(),
            "parallel" => self.parallel.is_some(),
            "rolling" => self.rolling,
            "push" => self.push,
            "host-timeout" => self.host_timeout.is_some(),
            _ => false,
        }
    }
}
