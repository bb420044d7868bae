//! What a service, and a supervisor, may be told beyond what `runsv` knows.

use std::{
    ffi::OsString,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use nix::sys::signal::Signal as NixSignal;

use super::{
    event::ServiceEvent,
    machine::Policy,
    probe_rules::{PROBES, ProbeRules},
    publish::LockedDir,
    restarts::RestartRule,
    sockets::SOCKETS,
};
use crate::Signal;

/// The longest delay of a crash loop, in milliseconds. Its presence makes delays grow.
pub const LONGEST_DELAY: &str = "longest-delay";
/// After which ends a service is started again, how soon and how often: [`svproto::files::RESTART`].
pub(super) const RESTART: &str = svproto::files::RESTART;
const DOWN_SIGNAL: &str = "down-signal";
const TIMEOUT_KILL: &str = "timeout-kill";
const KILL_GROUP: &str = "flag-timeout-killpg";
const GROUP: &str = "process-group";
const CRITICAL: &str = "critical";

/// What files of a service directory mean something to this supervisor alone.
pub(crate) const OWN_FILES: [&str; 6] = [LONGEST_DELAY, RESTART, GROUP, CRITICAL, PROBES, SOCKETS];

/// With which end of a service all end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Critical {
    AnyEnd,
    Failure,
}

/// The process group of `run`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessGroup {
    /// The supervisor's, as with `runsv`.
    #[default]
    Shared,
    /// One of its own. SIGKILL for a service that does not end in time goes to all of it.
    Own,
    /// One of its own, and what is left of it when `run` has ended is killed.
    Swept,
}

svproto::words!(ProcessGroup, "process group":
    Shared "shared",
    Own "own",
    Swept "swept",
);

/// What one service may do beyond `runsv`. By default nothing; files in its directory may ask too.
///
/// | option            | file                  | in the file                                       |
/// |-------------------|-----------------------|---------------------------------------------------|
/// | `notification_fd` | `notification-fd`     | number of the descriptor; a line end means ready  |
/// | `stop_signal`     | `down-signal`         | name or number; for `d` and `x`, not for `t`      |
/// | `kill_after`      | `timeout-kill`        | milliseconds from that signal to SIGKILL; 0: never |
/// | `group`           | `process-group`       | a word of [`ProcessGroup`]; else the presence of `flag-timeout-killpg` is [`ProcessGroup::Own`] |
/// | `critical`        | `critical`            | `failure`: not after an end with success; anything else: after any end |
/// | `longest_delay`   | `longest-delay`       | milliseconds; delays of a crash loop double up to it |
///
/// | -                 | `restart`             | when to start again, how soon, how often: a word and its values on each line |
///
/// `restart` has the lines `when always`, `when on-failure` or `when never`; `success 2 7`, exit codes that are no failure;
/// `delay 2000`, the rest before each start in milliseconds; `longest-delay 30000`, up to which rests of a crash loop double;
/// `limit 5 60000`, so many starts in so many milliseconds, after which it is given up. An end that somebody asked
/// for is followed by what was asked.
///
/// | file      | each line                                                                                  |
/// |-----------|--------------------------------------------------------------------------------------------|
/// | `probes`  | `ready notify`: it sends `READY=1` as `sd_notify(3)` has it (Linux); `ready tcp ADDRESS:PORT`, `ready http URL`, `ready command`: it is asked, the last one by the script `data/check`; `ready timeout 60000`: it is ended if it is not ready by then |
/// |           | `health tcp ADDRESS:PORT`, `health http URL`, `health command` (`data/health`): it is asked again and again; `health every 10000`, `health timeout 2000`, `health failures 3`: how often, for how long, and after how many failures in a row it is ended and started again |
/// |           | `watchdog 30000`: it sends `WATCHDOG=1` more often than that, or gets SIGABRT               |
/// | `sockets` | `NAME ADDRESS:PORT` or `NAME /PATH`: open before it is started, and handed over as `sd_listen_fds(3)` has it; its `run` says `export LISTEN_PID=$$`. They stay open while it is started again |
///
/// Times are in milliseconds. An address may be `localhost`; other names would have to be looked up, which a script does.
///
/// `notification-fd`, `down-signal`, `timeout-kill` and `flag-timeout-killpg` have the names and forms of s6. An option wins over a file. The files are read
/// at each start of `run`; what is no such value counts as no file.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ServiceOptions {
    notification_fd: Option<u32>,
    stop_signal: Option<Signal>,
    kill_after: Option<Duration>,
    longest_delay: Option<Duration>,
    group: Option<ProcessGroup>,
    pub(crate) critical: bool,
    pub(crate) begins_down: bool,
    pub(crate) stop_rank: u32,
    pub(crate) program: Option<Arc<Program>>,
    pub(crate) interpreter: Option<Arc<Program>>,
    pub(crate) output: Option<Arc<OwnedFd>>,
}

impl ServiceOptions {
    /// As `runsv` does, but for what the files ask.
    pub fn new() -> Self {
        Self::default()
    }

    /// `run` gets a pipe as this descriptor and writes a line end to it once it is ready.
    pub const fn notification_fd(mut self, fd: u32) -> Self {
        self.notification_fd = Some(fd);
        self
    }

    /// In the place of `run`, this program with these arguments is started in that directory. A name without a slash is
    /// looked up in `PATH`. No shell has a part in it.
    ///
    /// ```
    /// use svdevtree::ServiceOptions;
    ///
    /// let options = ServiceOptions::new().program(["sleep", "1000"], "/");
    /// # drop(options);
    /// ```
    pub fn program<W: Into<OsString>>(
        mut self,
        words: impl IntoIterator<Item = W>,
        dir: impl Into<PathBuf>,
    ) -> Self {
        let mut words = words.into_iter().map(Into::into);
        let name = words.next().unwrap_or_default();
        self.program = Some(Arc::new(Program { name, words: words.collect(), dir: dir.into() }));
        self
    }

    /// What starts each script of the service, but not of its logger: this program gets these words, the path of the script
    /// in the service directory, and the script's own arguments. For a file system without a shell, or from which nothing
    /// may be executed. A [`program`](Self::program) is started without it.
    ///
    /// ```
    /// use svdevtree::ServiceOptions;
    ///
    /// // Also where the directory is mounted with `noexec`.
    /// let options = ServiceOptions::new().interpreter(["/bin/sh"]);
    /// # drop(options);
    /// ```
    pub fn interpreter<W: Into<OsString>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        let mut words = words.into_iter().map(Into::into);
        let name = words.next().unwrap_or_default();
        let program = Program { name, words: words.collect(), dir: PathBuf::new() };
        self.interpreter = Some(Arc::new(program));
        self
    }

    /// Sent instead of SIGTERM when the service is wanted down.
    pub const fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = Some(signal);
        self
    }

    /// SIGKILL for what has not ended so long after it was wanted down; zero for never.
    pub const fn kill_after(mut self, after: Duration) -> Self {
        self.kill_after = Some(after);
        self
    }

    /// Delays between the starts of a crash loop double from one second up to this.
    ///
    /// A crash is an end that nobody asked for within ten seconds of the start.
    pub const fn longest_delay(mut self, longest: Duration) -> Self {
        self.longest_delay = Some(longest);
        self
    }

    /// The process group of `run`.
    pub const fn group(mut self, group: ProcessGroup) -> Self {
        self.group = Some(group);
        self
    }

    /// When it has ended for good, the supervisor stops all services, and its process ends with the exit
    /// code of this one ([`ProcessEnd::Critical`](super::ProcessEnd::Critical)). That is an end after which
    /// nothing starts it by itself: it was started for one run, or its `finish` asked for `d` or `x`. An
    /// end that was asked for is none.
    pub const fn critical(mut self) -> Self {
        self.critical = true;
        self
    }

    /// It is not started when it is taken on, but once somebody asks, as with a file `down`.
    pub const fn begin_down(mut self) -> Self {
        self.begins_down = true;
        self
    }

    /// When its turn is once all are to end: services of a higher rank are told first, those of the next one when
    /// these have ended. Where stopping has a limit ([`Options::kill_after`]), each rank has its share of that, so
    /// that everything is told before anything is killed. 0 if nothing is said.
    pub const fn stop_rank(mut self, rank: u32) -> Self {
        self.stop_rank = rank;
        self
    }

    /// Where standard output and error go: of `run` and `finish`, of control scripts and of the
    /// logger; but for what goes to the logger. For a pipe, this is its writing end.
    pub fn output(mut self, output: impl Into<OwnedFd>) -> Self {
        self.output = Some(Arc::new(output.into()));
        self
    }

    /// What counts for the next run of a service, logger or not.
    pub(crate) fn settle(&self, dir: &LockedDir, default: ProcessGroup) -> Settings {
        let number = |name| dir.read(name).and_then(|text| number(&text));
        let fd = self.notification_fd.or_else(|| number(svproto::files::NOTIFICATION_FD));
        let millis = |name| number(name).map(|millis| Duration::from_millis(millis.into()));
        let stop = self.stop_signal.or_else(|| {
            let text = dir.read(DOWN_SIGNAL)?;
            text.strip_suffix('\n').unwrap_or(&text).parse().ok()
        });
        let kill_after = self.kill_after.or_else(|| millis(TIMEOUT_KILL));
        let word = || dir.read(GROUP)?.trim_end().parse().ok();
        let flag = || dir.has(KILL_GROUP).then_some(ProcessGroup::Own);
        let group = self.group.or_else(word).or_else(flag).unwrap_or(default);
        let critical = dir.read(CRITICAL).map(|text| match text.trim_end() {
            "failure" => Critical::Failure,
            _ => Critical::AnyEnd,
        });
        let critical = self.critical.then_some(Critical::AnyEnd).or(critical);
        // 0 would take standard input away.
        let notify = fd.filter(|&fd| fd > 0).and_then(|fd| i32::try_from(fd).ok());
        let restart =
            dir.read(RESTART).as_deref().map_or(RestartRule::ALWAYS, RestartRule::from_text);
        let longest_delay = self.longest_delay.or_else(|| millis(LONGEST_DELAY));
        let longest_delay = longest_delay.or(restart.longest_delay);
        let probes = dir.read(PROBES).as_deref().map_or(ProbeRules::NONE, ProbeRules::from_text);
        let policy = Policy {
            stop: stop.map_or(NixSignal::SIGTERM, |signal| signal.0),
            kill_after: kill_after.filter(|after| !after.is_zero()),
            restart: restart.with_longest_delay(longest_delay),
            notifies: notify.is_some() || probes.ready.is_some(),
        };
        Settings { policy, notify, group, critical, probes }
    }
}

/// What is started in the place of `run`.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: OsString,
    pub(crate) words: Vec<OsString>,
    pub(crate) dir: PathBuf,
}

/// What counts for one run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) notify: Option<i32>,
    pub(crate) group: ProcessGroup,
    pub(crate) critical: Option<Critical>,
    pub(crate) probes: ProbeRules,
}

/// A number as s6 reads it: digits and at most a line end behind them.
fn number(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('\n').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Whoever is told.
type Observer = Box<dyn FnMut(&ServiceEvent) + Send>;

/// Whoever knows the options of what is found.
type Configure = Box<dyn FnMut(&Path) -> ServiceOptions + Send>;

/// What holds for a whole supervisor.
#[derive(Default)]
#[must_use]
pub struct Options {
    pub(crate) observer: Option<Observer>,
    pub(crate) configure: Option<Configure>,
    pub(crate) kill_after: Option<Duration>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) stdin: Stdin,
    pub(crate) group: ProcessGroup,
    pub(crate) tied: bool,
}

/// What services read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stdin {
    /// Nothing: `/dev/null`.
    #[default]
    Null,
    /// The supervisor's own standard input, as with `runsv`.
    Inherited,
}

svproto::words!(Stdin, "standard input":
    Null "null",
    Inherited "inherited",
);

impl Options {
    /// No observer, no limit on how long stopping takes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called for every event, in order, on the supervisor's thread. It must not wait for that
    /// thread.
    ///
    /// A channel does: `.observer(move |event| { let _ = sender.send(event.clone()); })`.
    ///
    /// ```
    /// use svdevtree::{EventKind, Options};
    ///
    /// let options = Options::new().observer(|event| {
    ///     if let EventKind::Exited { exit } = event.kind {
    ///         eprintln!("{}: {exit}", event.dir.display());
    ///     }
    /// });
    /// # drop(options);
    /// ```
    pub fn observer(mut self, observer: impl FnMut(&ServiceEvent) + Send + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Asked for the options of each service that is found in a scan directory, by the path of its
    /// entry there.
    pub fn configure(
        mut self,
        configure: impl FnMut(&Path) -> ServiceOptions + Send + 'static,
    ) -> Self {
        self.configure = Some(Box::new(configure));
        self
    }

    /// What is written for a service is in a directory of its name in this one, and not in the service
    /// directory, which may be read-only. It has links to the files of that, and is where the service runs
    /// and where clients find it: the place that is named in events.
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(dir.into());
        self
    }

    /// How long stopping may take: then whatever still runs gets SIGKILL.
    pub const fn kill_after(mut self, after: Duration) -> Self {
        self.kill_after = Some(after);
        self
    }

    /// What is started is killed when the thread of the supervisor ends: for a process that is one
    /// thread.
    pub(crate) const fn tied(mut self) -> Self {
        self.tied = true;
        self
    }

    /// The process group of services that do not say otherwise.
    pub const fn group(mut self, group: ProcessGroup) -> Self {
        self.group = group;
        self
    }

    /// What services read.
    pub const fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("kill_after", &self.kill_after).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_s6_reads_it() {
        assert_eq!(number("3\n"), Some(3));
        assert_eq!(number("3"), Some(3));
        for text in ["", "\n", "3 ", " 3", "+3", "-3", "3\n\n", "99999999999"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }
}
