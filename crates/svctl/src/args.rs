//! What can be typed. Parsing decides nothing and touches nothing.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use svcmgr::Dialect;

/// Control services under runit, s6, daemontools and daemontools-encore.
///
/// A SERVICE is a name in the scan directory (web), its logger (web/log), a pattern over names
/// ('web-*'), or a path (./web, /etc/service/web).
///
/// Exit codes: 0 done, 1 a negative answer, 99 the deadline passed, 100 usage, 102 not supervised,
/// 111 the system refused. With several services: the highest.
#[derive(Debug, Parser)]
#[command(name = "svctl", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The scan directory; else $SVDIR, else the first of the usual places that is in use
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The suite that supervises, instead of finding out
    #[arg(long, global = true, value_name = "SUITE", value_parser = parse_dialect)]
    pub(crate) backend: Option<Dialect>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(crate) color: Color,
    /// Print nothing but errors (and JSON, where that is asked for)
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say what was detected, and from what
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how services stand; all of the scan directory without a name
    #[command(visible_alias = "list")]
    Status {
        /// Services
        #[arg(value_name = "SERVICE")]
        services: Vec<OsString>,
    },
    /// Want services up, start those that are down, and wait until they are up
    Up(Act),
    /// Want services down, stop those that are up, and wait until they are down
    Down(Act),
    /// Print a line for every change; all of the scan directory without a name
    Watch {
        /// Services
        #[arg(value_name = "SERVICE")]
        services: Vec<OsString>,
    },
    /// Explain a raw status record, given as a file or, with -, as bytes or hex on standard input
    Decode {
        /// The record
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
        /// Whose record it is, instead of finding out
        #[arg(long, value_parser = parse_dialect)]
        dialect: Option<Dialect>,
    },
}

/// Arguments of a command that asks for something.
#[derive(Debug, clap::Args)]
pub(crate) struct Act {
    /// Services
    #[arg(required_unless_present = "all", value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Every service of the scan directory
    #[arg(long, conflicts_with = "services")]
    pub(crate) all: bool,
    /// Return once the request is delivered
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait, as in 30s or 2m; else $SVWAIT, else 30s
    #[arg(
        long,
        value_name = "TIME",
        value_parser = parse_duration,
        allow_hyphen_values = true,
        conflicts_with = "no_wait"
    )]
    pub(crate) timeout: Option<Duration>,
    /// Send SIGKILL to what has not obeyed after so long
    #[arg(
        long,
        value_name = "TIME",
        value_parser = parse_duration,
        allow_hyphen_values = true,
        conflicts_with = "no_wait"
    )]
    pub(crate) kill_after: Option<Duration>,
}

fn parse_dialect(name: &str) -> Result<Dialect, String> {
    name.parse().map_err(|error: svcmgr::proto::dialect::UnknownDialect| error.to_string())
}

/// `30s`, `1m 30s`, `500ms`; a plain number is seconds, as `$SVWAIT` has always been.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let explain = |why: String| format!("{why}; write it as in 30s, 500ms or 1m 30s");
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    if let Ok(seconds) = text.parse() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| explain(error.to_string()));
    }
    let span: jiff::SignedDuration =
        text.parse().map_err(|_: jiff::Error| explain(format!("`{text}` is no time")))?;
    Duration::try_from(span).map_err(|_| explain("a time cannot be negative".into()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(parse_duration("7"), Ok(Duration::from_secs(7)));
        assert_eq!(parse_duration("7.5"), Ok(Duration::from_millis(7500)));
        assert!(parse_duration("NaN").is_err() && parse_duration("-3").is_err());
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(parse_duration("-1s").is_err_and(|error| error.contains("negative")));
        assert!(parse_duration("soon").is_err_and(|error| error.contains("30s")));
    }
}
