//! What can be typed. Parsing decides nothing and touches nothing.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use svcmgr::{Dialect, Goal, Op, State, Suite, UnixTime, Version, proto::version::NoVersion};

use self::value::{parse_count, parse_long_count, parse_moment, parse_positive};
pub(crate) use self::{
    build::{Build, Owner, Script},
    dev::Dev,
    later::{Later, parse},
    lint::{Form, Lint},
    units::{Escape, NamedUnits, Units},
    value::parse_duration,
    verbs::Signal,
};

use crate::silent::{Depth, Silent};

mod build;
mod dev;
mod later;
mod lint;
mod means;
mod units;
mod value;
mod verbs;

/// Control services under runit, s6, daemontools, daemontools-encore and systemd.
///
/// A SERVICE is a name in the scan directory (web), its logger (web/log), a pattern over names
/// ('web-*'), a path (./web, /etc/service/web), or a unit of systemd (web.service, systemd:web,
/// 'web-*.service').
///
/// Exit codes: 0 done, 1 a negative answer, 99 the deadline passed, 100 usage, 102 not supervised,
/// 111 the system refused. With several services: the highest.
///
/// A WORD that is no command runs the program svctl-WORD from PATH, with what follows; its exit code
/// is svctl's. Only absolute entries of PATH count, and as root only those where nobody else may write.
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
        means::without_what_means_nothing(<Self as clap::CommandFactory>::command())
    }
}

/// Options of every command that has a use for them.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "options, each on its own")]
pub(crate) struct Global {
    /// The scan directory, or several, each with --dir; else those of $SVDIR, with colons, else those of
    /// the usual places that are in use
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) dir: Vec<PathBuf>,
    /// The suite that supervises, instead of finding out; with its version, as in s6=2.15.1, where a
    /// request depends on it. systemd: names are those of its units, and without a name all of its
    /// services are meant
    #[arg(long, global = true, value_name = "SUITE", value_parser = parse_suite)]
    pub(crate) suite: Option<Whose>,
    /// Units of the system's systemd: all of its services beside those of the scan directory, and
    /// names that are in no scan directory
    #[arg(long, global = true)]
    pub(crate) system: bool,
    /// The same with this user's systemd
    #[arg(long, global = true, conflicts_with = "system")]
    pub(crate) user: bool,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how services stand; all of the scan directory without a name
    #[command(visible_alias = "list")]
    Status(Later<Status>),
    /// Want services up, start those that are down, and wait until they are up
    Up(Later<Lasting>),
    /// Want services down, stop those that are up, and wait until they are down
    Down(Later<Lasting>),
    /// Start services that are down for one run, and wait until it has begun
    Once(Later<Act>),
    /// End the process, start another, and wait until it is there; starts what is down
    Restart(Later<Act>),
    /// Let services read their configuration again: SIGHUP, or what their suite knows for it; and wait
    /// until units have done so
    Reload(Later<Reload>),
    #[command(flatten)]
    Signal(Signal),
    /// Send any request of the table of suites (svctl-dialects), in the suite's own letters
    Send(Later<SendAny>),
    /// Stop services and end their supervisors, and wait until they are gone
    Exit(Later<Exit>),
    /// Wait until services are as named; asks for nothing
    Wait(Later<Wait>),
    /// Print a line for every change; all of the scan directory without a name
    Watch {
        /// Services
        #[arg(value_name = "SERVICE")]
        services: Vec<OsString>,
    },
    /// Say whether services are healthy, for scripts and containers; all without a name
    Check(Later<Check>),
    /// Say why services are not as they should be, with what was seen and what helps
    Explain(Later<Explain>),
    /// Say what is wrong in service directories, scan directories, sources of s6-rc, units and
    /// definitions, before they are run; nothing is started
    Lint(Later<Lint>),
    /// Show the whole picture of one service: processes, sockets, files, the last lines of its log
    Show {
        /// The service
        #[arg(value_name = "SERVICE")]
        service: OsString,
    },
    /// Link service directories into the scan directory, and wait until they are supervised; let units
    /// be started by themselves
    Enable(Later<Enable>),
    /// Take services out of the scan directory, end them and their supervisors, and wait
    Disable(Later<Disable>),
    /// Make units impossible to start (systemd)
    Mask(Later<NamedUnits>),
    /// Take that back (systemd)
    Unmask(Later<NamedUnits>),
    /// Let the service manager read all unit files again (systemd)
    DaemonReload,
    /// Forget that units failed, and how often they were started (systemd)
    ResetFailed(Later<Units>),
    /// Print texts as parts of names of units (systemd)
    Escape(Later<Escape>),
    /// Print the version of svctl, and with --json that of its JSON
    Version,
    /// Print what services have logged, in the order of its times
    Logs(Later<Logs>),
    /// Make service directories, or units of systemd, from a file of definitions
    Build(Later<Build>),
    /// Run definitions under the embedded supervisor, with a view of what happens, until Ctrl-C
    Dev(Later<Dev>),
    /// Supervise one service directory until told to end, as runsv does
    Supervise(Later<Supervise>),
    /// Supervise a scan directory and follow what comes and goes there, as runsvdir does
    Scan(Later<Scan>),
    /// Explain a raw status record, given as a file or, with -, as bytes or hex on standard input
    Decode {
        /// The record
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
        /// Whose record it is, instead of finding out
        #[arg(long, value_parser = parse_dialect)]
        dialect: Option<Dialect>,
    },
    /// Print what completes the command line of a shell
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
    /// Services
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Every service of the scan directories, which is what no name means as well
    #[arg(long, conflicts_with = "services")]
    pub(crate) all: bool,
    /// Only those in this state; may be given several times, or with commas
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = parse_state)]
    pub(crate) state: Vec<State>,
    /// Only those that started or ended within this time, as in 10m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) changed_within: Option<Duration>,
}

/// What `explain` looks at.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Services
    #[arg(required = true, value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Look again for so long, until something is found: loops show their reason at some moments only
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) over: Option<Duration>,
    /// Run a service's own check script, too, and say what it says (runit)
    #[arg(long)]
    pub(crate) probe: bool,
}

/// Services that something is asked of.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Services
    #[arg(required_unless_present = "all", value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Every service of the scan directory
    #[arg(long, conflicts_with = "services")]
    pub(crate) all: bool,
    /// Tell of each service once it is done, in whatever order; with --json, an object a line
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
    /// What to send: a word of the table, or several with commas, which the supervisor reads at once
    #[arg(value_name = "REQUEST", value_parser = parse_ops)]
    pub(crate) ops: Ops,
    #[command(flatten)]
    pub(crate) named: Named,
}

/// Requests in one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ops(pub(crate) Vec<Op>);

/// A suite, and the version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whose {
    /// `None` for systemd.
    pub(crate) dialect: Option<Dialect>,
    pub(crate) version: Option<Version>,
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
    /// How long to wait, as in 30s or 2m; else $SVWAIT, else 30s
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
    /// Send SIGKILL to what has not obeyed after so long
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(crate) kill_after: Option<Duration>,
}

/// Arguments of a command that asks for something and waits for it.
#[derive(Debug, clap::Args)]
pub(crate) struct Act {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Wait until services are like this instead: up, ready, down, up-for=5s ...
    #[arg(long = "for", value_name = "GOAL", value_parser = parse_goal, conflicts_with = "no_wait")]
    pub(crate) goal: Option<Goal>,
    /// Services that are asked and waited for at a time; the next when one is done
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
    /// And when the supervisor starts the next time: removes the file `down` for up, makes it for down, once
    /// the request was carried out. For service directories alone
    #[arg(long, conflicts_with = "no_wait")]
    pub(crate) persist: bool,
}

/// Arguments of `exit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Exit {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Leave the service alone: its supervisor is to end when it does. Does not wait
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
    /// Until services are: up, ready, ready-or-up, down, finished, restarted, gone, up-for=5s
    #[arg(long = "for", value_name = "GOAL", value_parser = parse_goal, default_value = "up")]
    pub(crate) goal: Goal,
    /// One of them is enough
    #[arg(long)]
    pub(crate) any: bool,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Services
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Every service of the scan directories, which is what no name means as well
    #[arg(long, conflicts_with = "services")]
    pub(crate) all: bool,
    /// They must be ready, and not merely up
    #[arg(long)]
    pub(crate) ready: bool,
    /// They must have been up for so long, as in 30s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) up_for: Option<Duration>,
    /// There must be so many of them
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive)]
    pub(crate) expect: Option<std::num::NonZeroUsize>,
    /// They must not have ended more often since their supervisor started
    #[arg(long, value_name = "NUMBER", value_parser = parse_long_count)]
    pub(crate) max_restarts: Option<u64>,
}

/// Arguments of `enable`.
#[derive(Debug, clap::Args)]
pub(crate) struct Enable {
    /// Service directories; a name that is none here is one of a suite's store: /etc/sv,
    /// /etc/runit/sv, /etc/s6/sv; or units
    #[arg(required = true, value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// With --json, an object a line, once each is done
    #[arg(long)]
    pub(crate) stream: bool,
    /// Its name in the scan directory, instead of that of its directory; for one service
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<OsString>,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

/// Arguments of `disable`.
#[derive(Debug, clap::Args)]
pub(crate) struct Disable {
    /// Names in the scan directory, or the directories that were enabled
    #[arg(required = true, value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// With --json, an object a line, once each is done
    #[arg(long)]
    pub(crate) stream: bool,
    /// Send SIGKILL to what has not ended after so long
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(crate) kill_after: Option<Duration>,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

/// Arguments of `supervise`.
#[derive(Debug, clap::Args)]
pub(crate) struct Supervise {
    /// The service directory
    // Not of the same name to the parser as the option for all commands.
    #[arg(id = "service_dir", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// End with the exit code of the service once that has ended for good and nobody asked for it: nothing
    /// starts it again, since its finish script has asked for d or x, or it was started for one run
    #[arg(long)]
    pub(crate) critical: bool,
    /// Keep what the supervisor writes in a directory of that name in DIR, and not in the service directory,
    /// which may be read-only; there is where the other commands find the service
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// Arguments of `scan`.
#[derive(Debug, clap::Args)]
pub(crate) struct Scan {
    /// The scan directory
    #[arg(id = "scan_dir", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// End all once this service has ended for good and nobody asked for it, with its exit code; may be given
    /// several times
    #[arg(long, value_name = "NAME")]
    pub(crate) exit_with: Vec<OsString>,
    /// Keep what the supervisor writes in DIR, and not in the service directories, which may be read-only;
    /// DIR is then the scan directory of the other commands
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// Arguments of `logs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    /// Services, or log directories; all of the scan directory without a name
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// Go on with what is written from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last so many lines, of all services together
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = parse_count)]
    pub(crate) lines: Option<usize>,
    /// Only from then on: 10m ago, or a moment as 2026-11-22T23:34:43Z
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) since: Option<UnixTime>,
    /// Only up to then
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
