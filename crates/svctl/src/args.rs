//! What can be typed. Parsing decides nothing and touches nothing.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use svcmgr::{Dialect, Goal, Op, State, Suite, UnixTime, proto::version::NoVersion};

use self::value::{parse_count, parse_long_count, parse_moment, parse_positive};
pub(crate) use self::{
    apply::Apply,
    build::{Build, Made, Owner, Script},
    convert::Convert,
    dev::Dev,
    embedded::{Scan, Supervise},
    global::{Color, Global, Whose},
    hosts::OPTIONS as HOST_OPTIONS,
    later::{Later, parse},
    lint::{Form, Lint, Other},
    metrics::{Metrics, Watch},
    notify::{Notify, NotifyBridge},
    units::{Escape, NamedUnits, Units},
    value::parse_duration,
    verbs::Signal,
};

use crate::silent::Depth;

mod apply;
mod build;
mod convert;
mod dev;
mod embedded;
mod global;
mod groups;
mod hosts;
mod later;
mod lint;
mod means;
mod metrics;
mod notify;
mod units;
mod value;
mod verbs;
mod word;

/// Control services under runit, s6, daemontools, daemontools-encore and systemd.
///
/// A SERVICE is a name in the scan directory (web), the logger of a service (web/log), a pattern over
/// names ('web-*'), a path (./web, /etc/service/web), or a unit of systemd (web.service, systemd:web,
/// 'web-*.service').
///
/// Exit codes: 0 done, 1 a negative answer, 99 deadline passed, 100 wrong usage, 102 not
/// supervised, 111 the system refused. With several services, the highest.
///
/// A WORD that is none of these commands runs the program svctl-WORD from PATH with the arguments
/// that follow, and svctl ends with its exit code. Relative entries of PATH are skipped, and for root
/// those where somebody else may write.
#[derive(Debug, Parser)]
#[command(name = "svctl", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

impl Args {
    /// The parser of everything.
    pub(crate) fn parser() -> clap::Command {
        let parser = <Self as clap::CommandFactory>::command();
        groups::grouped(means::without_what_means_nothing(parser))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how services stand
    ///
    /// Without a name, all of the scan directory are shown.
    #[command(visible_alias = "list")]
    Status(Later<Status>),
    /// Start services and keep them up
    ///
    /// Waits until they are up. From now on they are wanted up: their supervisor starts them
    /// again when they end. `svctl start` is the same.
    ///
    /// Services that were built from one file are started in the order of what they need, and what
    /// they need is started with them.
    #[command(visible_alias = "start")]
    Up(Later<Lasting>),
    /// Stop services and keep them down
    ///
    /// Waits until they are down. From now on they are wanted down: their supervisor does not start
    /// them again. `svctl stop` is the same.
    ///
    /// Of services that were built from one file those end first that need the others.
    #[command(visible_alias = "stop")]
    Down(Later<Lasting>),
    /// Start services that are down for a single run
    ///
    /// Waits until that run has begun. When it ends, the supervisor does not start another.
    Once(Later<Act>),
    /// End the process of each service, wait for the next one
    ///
    /// Services that are down are started.
    Restart(Later<Act>),
    /// Have services read their configuration again
    ///
    /// By SIGHUP, or in the way of their suite. Waits until units of systemd have done so.
    Reload(Later<Reload>),
    #[command(flatten)]
    Signal(Signal),
    /// Send any request that the suite has a byte for
    ///
    /// svctl-dialects(7) lists them.
    Send(Later<SendAny>),
    /// Stop services and their supervisors; wait until they are gone
    Exit(Later<Exit>),
    /// Wait until services are up, ready, down ...; send nothing
    ///
    /// What is waited for is said by --for.
    Wait(Later<Wait>),
    /// Print a line for every change
    ///
    /// Without a name, of all services of the scan directory.
    Watch(Later<Watch>),
    /// Say whether services are healthy, for scripts and containers
    ///
    /// Without a name, all of the scan directory are looked at.
    Check(Later<Check>),
    /// Say why services are not as they should be, and what to do
    ///
    /// Each reason is said with what was seen of it, and with what to do.
    Explain(Later<Explain>),
    /// Find mistakes in directories, units and definitions
    ///
    /// In service directories, scan directories, sources of s6-rc, unit files, definitions. Nothing is
    /// started.
    Lint(Later<Lint>),
    /// Show everything about one service
    ///
    /// Its processes, sockets and files, and the last lines of its log.
    Show {
        /// The service
        #[arg(value_name = "SERVICE")]
        service: OsString,
    },
    /// Have services started with the system, from now on
    ///
    /// Service directories are linked into the scan directory; waits until they are supervised. Units of
    /// systemd are enabled.
    Enable(Later<Enable>),
    /// Undo enable; end services and their supervisors
    ///
    /// Services are unlinked from the scan directory, and they and their supervisors are ended; waits
    /// until they are gone. Units of systemd are disabled.
    Disable(Later<Disable>),
    /// Make units impossible to start (systemd)
    Mask(Later<NamedUnits>),
    /// Undo mask (systemd)
    Unmask(Later<NamedUnits>),
    /// Have the manager read all unit files again (systemd)
    DaemonReload,
    /// Clear the failed state of units, and their count of starts (systemd)
    ResetFailed(Later<Units>),
    /// Escape texts for use in names of units (systemd)
    Escape(Later<Escape>),
    /// Print the version
    ///
    /// With --json, also that of svctl's JSON.
    Version,
    /// Print what services have logged, by time
    Logs(Later<Logs>),
    /// Make service directories or units from definitions
    ///
    /// Of the file of definitions, service directories for a suite or units of systemd are made.
    Build(Later<Build>),
    /// Make what definitions say, and have it run so
    ///
    /// Service directories or units are made as by build, enabled, and restarted if they changed, in the order of their
    /// needs; each is waited for until it is ready, or else up for two seconds. Where one does not come about, all is as
    /// it was before. What is so already is left alone.
    Apply(Later<Apply>),
    /// Make definitions of what other formats say
    ///
    /// Units of systemd, Procfiles, service directories and the like become a file of definitions, on standard output; what became
    /// of each line of them is told on standard error.
    Convert(Later<Convert>),
    /// Run the services of definitions until Ctrl-C
    ///
    /// They run under the embedded supervisor, and what happens is shown. Nothing is installed.
    Dev(Later<Dev>),
    /// Supervise one service directory, as runsv does
    ///
    /// Until it is told to end.
    Supervise(Later<Supervise>),
    /// Supervise a scan directory, as runsvdir does, or a file
    ///
    /// Of a directory, also the services that come and go later. Of a file of definitions, its services in the order
    /// of their needs. Can be process 1 of a container.
    Scan(Later<Scan>),
    /// Print metrics for Prometheus
    ///
    /// As OpenMetrics, on standard output; or into a file for `node_exporter`, or by HTTP.
    Metrics(Later<Metrics>),
    /// Explain the bytes of a status record
    ///
    /// Of a file, or with - bytes or hexadecimal digits on standard input.
    Decode {
        /// The record
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
        /// Whose record it is, instead of finding out
        #[arg(long, value_parser = parse_dialect)]
        dialect: Option<Dialect>,
    },
    /// Print a shell's completion script
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Writes the plan on standard input as this user
    #[command(name = "__write", hide = true, disable_help_flag = true)]
    Write {
        #[arg(value_name = "UID:GID", value_parser = build::parse_owner)]
        owner: Owner,
    },
    /// Looks at directories that may not answer
    #[command(name = "__look", hide = true, disable_help_flag = true)]
    Look {
        #[arg(value_enum)]
        depth: Depth,
    },
    /// Run a program that tells systemd when it is ready under a supervisor that does not hear it
    #[command(name = "notify-bridge", hide = true)]
    NotifyBridge(NotifyBridge),
    /// Reads what a program says to systemd
    #[command(name = "__notify", hide = true, disable_help_flag = true)]
    Notify(Notify),
    /// What completes the last of these words
    #[command(name = "__complete", hide = true, disable_help_flag = true)]
    Complete {
        /// The words after `svctl`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORD")]
        words: Vec<OsString>,
    },
}

/// Shells that can be completed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// bash, 4 or later.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

/// What `status` shows.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Names, patterns, paths or units; see svctl --help
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Every service of the scan directories; the same as no name
    #[arg(long, conflicts_with = "services")]
    pub(crate) all: bool,
    /// Only services in this state; may be given several times, or with commas
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = parse_state)]
    pub(crate) state: Vec<State>,
    /// Only services that started or ended within this time, as in 10m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) changed_within: Option<Duration>,
    /// Names and states alone: no pids, times and notes, and of many units one question
    #[arg(long, conflicts_with = "changed_within")]
    pub(crate) brief: bool,
}

/// What `explain` looks at.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Names, patterns, paths or units; see svctl --help
    #[arg(required = true, value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Keep looking for this long, until something is found; a crash loop shows its reason at some
    /// moments only
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) over: Option<Duration>,
    /// Also run the service's own check script, and print what it says (runit)
    #[arg(long)]
    pub(crate) probe: bool,
}

/// Services that something is asked of.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Names, patterns, paths or units; see svctl --help
    #[arg(required_unless_present = "all", value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Every service of the scan directories
    #[arg(long, conflicts_with = "services")]
    pub(crate) all: bool,
    /// Print the result of each service once it is done, in any order; with --json, one object per line
    #[arg(long)]
    pub(crate) stream: bool,
}

/// Arguments of a command that asks and does not wait.
#[derive(Debug, clap::Args)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) named: Named,
}

/// Arguments of `send`.
#[derive(Debug, clap::Args)]
pub(crate) struct SendAny {
    /// A word of svctl-dialects(7), or several with commas, which are sent in one write
    #[arg(value_name = "REQUEST", value_parser = parse_ops)]
    pub(crate) ops: Ops,
    #[command(flatten)]
    pub(crate) named: Named,
}

/// Requests in one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ops(pub(crate) Vec<Op>);

/// Arguments of `reload`.
#[derive(Debug, clap::Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    pub(crate) named: Named,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
    /// Return once the request is delivered
    #[arg(long, conflicts_with = "timeout")]
    pub(crate) no_wait: bool,
}

/// How long to wait.
#[derive(Debug, clap::Args)]
pub(crate) struct Timeout {
    /// How long to wait, as in 30s or 2m; without it $SVWAIT, else 30s
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(crate) timeout: Option<Duration>,
}

/// How to wait for what was asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Waiting {
    #[command(flatten)]
    pub(crate) timeout: Timeout,
    /// Return once the request is delivered
    #[arg(long, conflicts_with_all = ["timeout", "kill_after"])]
    pub(crate) no_wait: bool,
    /// Send SIGKILL to a process that has not ended after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(crate) kill_after: Option<Duration>,
}

/// Arguments of a command that asks for something and waits for it.
#[derive(Debug, clap::Args)]
pub(crate) struct Act {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Wait for another goal: up, ready, ready-or-up, down, finished, restarted, up-for=5s ... (see
    /// svctl wait --help)
    #[arg(long = "for", value_name = "GOAL", value_parser = parse_goal, conflicts_with = "no_wait")]
    pub(crate) goal: Option<Goal>,
    /// At most so many services at a time; the next one follows when one is done
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive, conflicts_with = "no_wait")]
    pub(crate) limit: Option<std::num::NonZeroUsize>,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// Arguments of what may last.
#[derive(Debug, clap::Args)]
pub(crate) struct Lasting {
    #[command(flatten)]
    pub(crate) act: Act,
    /// Also for the next start of the supervisor: once the request is carried out, up removes the file
    /// `down`, and down creates it. For service directories only
    #[arg(long, conflicts_with = "no_wait")]
    pub(crate) persist: bool,
}

/// Arguments of `exit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Exit {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Let the service run on; its supervisor ends when the service does. Does not wait
    #[arg(long, conflicts_with_all = ["timeout", "kill_after"])]
    pub(crate) when_ended: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// Arguments of `wait`.
#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    pub(crate) named: Named,
    /// What to wait for: up, ready, ready-or-up (ready, or up where a service cannot say it), down,
    /// finished (the run is over), restarted (another process), gone (no supervisor), supervised,
    /// as-wanted (up or down, as was asked for), up-for=5s (up for so long)
    #[arg(long = "for", value_name = "GOAL", value_parser = parse_goal, default_value = "up")]
    pub(crate) goal: Goal,
    /// Return once one of the services is so
    #[arg(long)]
    pub(crate) any: bool,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Names, patterns, paths or units; see svctl --help
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Every service of the scan directories; the same as no name
    #[arg(long, conflicts_with = "services")]
    pub(crate) all: bool,
    /// Services must be ready, and not only up
    #[arg(long)]
    pub(crate) ready: bool,
    /// Services must have been up for this long, as in 30s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) up_for: Option<Duration>,
    /// At least so many services must be healthy
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive)]
    pub(crate) expect: Option<std::num::NonZeroUsize>,
    /// Services must not have been restarted more often than this; fails where their supervisor does not
    /// count it
    #[arg(long, value_name = "NUMBER", value_parser = parse_long_count)]
    pub(crate) max_restarts: Option<u64>,
}

/// Arguments of `enable`.
#[derive(Debug, clap::Args)]
pub(crate) struct Enable {
    /// Service directories, or units. A plain name that is no directory here is looked for where the other
    /// entries of the scan directory lead, and in /etc/sv, /etc/runit/sv and /etc/s6/sv
    #[arg(required = true, value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// With --json, print one object per line, each once its service is done
    #[arg(long)]
    pub(crate) stream: bool,
    /// The name in the scan directory, instead of that of the service directory; for one service only
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<OsString>,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

/// Arguments of `disable`.
#[derive(Debug, clap::Args)]
pub(crate) struct Disable {
    /// Names in the scan directory, the directories that were enabled, or units
    #[arg(required = true, value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// With --json, print one object per line, each once its service is done
    #[arg(long)]
    pub(crate) stream: bool,
    /// Send SIGKILL to a process that has not ended after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(crate) kill_after: Option<Duration>,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

/// Arguments of `logs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    /// Services, or log directories; without a name, all of the scan directory
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Also print what is logged from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines, so many of all services together
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = parse_count)]
    pub(crate) lines: Option<usize>,
    /// Only lines since then: 10m is ten minutes ago; or a moment, as in 2026-11-22T23:34:43Z
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) since: Option<UnixTime>,
    /// Only lines up to then
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) until: Option<UnixTime>,
    /// Print times in UTC instead of local time
    #[arg(long)]
    pub(crate) utc: bool,
}

fn parse_state(word: &str) -> Result<State, String> {
    let words = || State::ALL.iter().map(|state| state.name()).collect::<Vec<_>>().join(", ");
    word.parse().map_err(|_| format!("states are {}", words()))
}

/// The words of `--for`.
pub(crate) fn parse_goal(text: &str) -> Result<Goal, String> {
    if let Some(span) = text.strip_prefix("up-for=") {
        return Ok(Goal::UpFor(parse_duration(span)?));
    }
    let goal = text.parse().ok().filter(|goal| *goal != Goal::Known);
    goal.ok_or_else(|| format!("goals are {}, up-for=TIME", GOALS.join(", ")))
}

/// The goals without a time.
pub(crate) const GOALS: [&str; 9] = [
    "supervised",
    "up",
    "ready",
    "ready-or-up",
    "down",
    "finished",
    "restarted",
    "gone",
    "as-wanted",
];

fn parse_suite(text: &str) -> Result<Whose, String> {
    let (name, version) = match text.split_once('=') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    if name == Suite::Systemd.name() {
        return match version {
            // It is asked itself.
            Some(_) => Err("systemd says itself which version it is".to_owned()),
            None => Ok(Whose { dialect: None, version: None }),
        };
    }
    let unknown = |_| "not a suite; known are daemontools, encore, runit, s6 and systemd";
    let dialect = Some(parse_dialect(name).map_err(unknown)?);
    let version = version.map(|text| text.parse().map_err(|why: NoVersion| why.to_string()));
    Ok(Whose { dialect, version: version.transpose()? })
}

fn parse_ops(text: &str) -> Result<Ops, String> {
    let known = |word: &str| {
        let found = Op::all().find(|op| op.name() == word);
        found.ok_or_else(|| {
            let words: Vec<_> = Op::all().map(Op::name).collect();
            format!("requests are {}", words.join(", "))
        })
    };
    let ops = text.split(',').map(known).collect::<Result<Vec<_>, _>>()?;
    match ops.last() {
        // By itself it would do nothing: each write begins with the service and its process.
        Some(last @ (Op::ToMain | Op::ToLog | Op::ToProcess | Op::ToGroup)) => {
            Err(format!("`{last}` says to whom the next request goes; name that, too: {text},hup"))
        }
        _ => Ok(Ops(ops)),
    }
}

fn parse_dialect(name: &str) -> Result<Dialect, String> {
    name.parse().map_err(|error: svcmgr::proto::dialect::UnknownDialect| error.to_string())
}

#[cfg(test)]
mod tests;
