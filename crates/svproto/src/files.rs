//! Names in a service directory, as one table: what it is, whose it is, who makes it.
//!
//! Source: the suites' manual pages, and directories left by runit 2.1.2, 2.2.0, 2.3.1, daemontools
//! 0.76 and s6 2.11.3, 2.13.1, 2.15.1; `supervise.c` of daemontools-encore 1.11.

use crate::Dialect;

/// The directory that the supervisor keeps, relative to the service directory. It may be a symbolic
/// link, dangling until the first start (Debian's runit).
pub const SUPERVISE: &str = "supervise";
/// The status record.
pub const STATUS: &str = "supervise/status";
/// The FIFO that takes control bytes.
pub const CONTROL: &str = "supervise/control";
/// The FIFO that has a reader while the supervisor lives (all but s6).
pub const OK: &str = "supervise/ok";
/// The file that the supervisor locks: `flock`, in s6 POSIX `fcntl`.
pub const LOCK: &str = "supervise/lock";
/// runit's status in words.
pub const STAT: &str = "supervise/stat";
/// runit's pid in digits.
pub const PID: &str = "supervise/pid";
/// What the embedded supervisor of `svdevtree` tells beside runit's record ([`crate::embedded`]).
pub const EMBEDDED: &str = "supervise/embedded";
/// What a service waits for that is not started yet, while somebody starts services in the order of their needs: the word of
/// a cause ([`crate::Cause::Waiting`] or [`crate::Cause::HeldBack`]), a blank, and what it is about. The embedded supervisor
/// of `svdevtree` takes such a service on without starting it.
pub const WAITING: &str = "supervise/waiting";
/// When the embedded supervisor of `svdevtree` starts a service again; made by the administrator.
pub const RESTART: &str = "restart";
/// When the embedded supervisor of `svdevtree` takes a service for ready and for well; made by the administrator.
pub const PROBES: &str = "probes";
/// What the embedded supervisor of `svdevtree` listens on for a service; made by the administrator.
pub const SOCKETS: &str = "sockets";
/// For whom a service that was built from a definition waits; read by whoever starts it, and by no supervisor.
pub const NEEDS: &str = "needs";
/// s6's last deaths.
pub const DEATH_TALLY: &str = "supervise/death_tally";
/// s6's event directory.
pub const EVENT: &str = "event";
/// Present: the service is down when its supervisor starts ("normally down").
pub const DOWN: &str = "down";
/// s6: the number of the descriptor on which `run` says that it is ready.
pub const NOTIFICATION_FD: &str = "notification-fd";
/// The log service's directory; in encore an executable file.
pub const LOG: &str = "log";

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A file that is run.
    Executable,
    /// A regular file.
    File,
    /// A FIFO.
    Fifo,
    /// A file whose presence says it all.
    Flag,
}

crate::words!(FileKind, "type of file":
    Directory "directory",
    Executable "executable",
    File "file",
    Fifo "fifo",
    Flag "flag",
);

/// One name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownFile {
    /// Path relative to the service directory.
    pub path: &'static str,
    /// What it is.
    pub kind: FileKind,
    /// Mode with which the supervisor makes it, before the umask; `None` where the administrator
    /// makes it.
    pub made_with: Option<u16>,
    /// Who gives it a meaning, in the order of [`Dialect::ALL`].
    pub dialects: [bool; 4],
    /// One line.
    pub about: &'static str,
}

impl KnownFile {
    /// Whether the name means something to `dialect`.
    ///
    /// ```
    /// use svproto::{Dialect, files};
    ///
    /// let of_s6 = files::TABLE.iter().filter(|file| file.is_of(Dialect::S6));
    /// assert!(of_s6.into_iter().any(|file| file.path == files::NOTIFICATION_FD));
    /// ```
    #[must_use]
    pub fn is_of(&self, dialect: Dialect) -> bool {
        self.dialects.get(dialect as usize).copied().unwrap_or(false)
    }
}

const fn given(
    path: &'static str,
    kind: FileKind,
    dialects: [bool; 4],
    about: &'static str,
) -> KnownFile {
    KnownFile { path, kind, made_with: None, dialects, about }
}

const fn made(
    path: &'static str,
    kind: FileKind,
    mode: u16,
    dialects: [bool; 4],
    about: &'static str,
) -> KnownFile {
    KnownFile { path, kind, made_with: Some(mode), dialects, about }
}

const ALL: [bool; 4] = [true; 4];
const ALL_BUT_S6: [bool; 4] = [true, true, true, false];
const ENCORE: [bool; 4] = [false, true, false, false];
const RUNIT: [bool; 4] = [false, false, true, false];
const S6: [bool; 4] = [false, false, false, true];
const RUNIT_AND_S6: [bool; 4] = [false, false, true, true];

/// Every name that a supervisor gives a meaning.
#[rustfmt::skip]
pub const TABLE: [KnownFile; 31] = [
    given("run", FileKind::Executable, ALL, "the service"),
    given("finish", FileKind::Executable, RUNIT_AND_S6, "run after every end of `run`"),
    given("start", FileKind::Executable, ENCORE, "run once before the first `run`"),
    given("stop", FileKind::Executable, ENCORE, "run after a wanted stop"),
    given("notify", FileKind::Executable, ENCORE, "told of every change"),
    given("check", FileKind::Executable, RUNIT, "exit 0 means available; run by clients, not by runsv"),
    given("control", FileKind::Directory, RUNIT, "one executable for each letter, run instead of the signal"),
    given(DOWN, FileKind::Flag, ALL, "down when the supervisor starts"),
    given(LOG, FileKind::Directory, ALL, "the log service (in encore also an executable file)"),
    given("no-setsid", FileKind::Flag, ENCORE, "keep the supervisor's session"),
    given(NOTIFICATION_FD, FileKind::File, S6, "descriptor on which `run` says it is ready"),
    given("timeout-kill", FileKind::File, S6, "milliseconds from `d` to SIGKILL; 0 for never"),
    given("timeout-finish", FileKind::File, S6, "milliseconds that `finish` may take; 5000 unless given"),
    given("max-death-tally", FileKind::File, S6, "deaths to remember, at most 4096; 100 unless given"),
    given("down-signal", FileKind::File, S6, "sent instead of SIGTERM by `d` and `r`"),
    given("reload-signal", FileKind::File, S6, "sent by `l`; SIGHUP unless given (2.15.1 on)"),
    given("lock-fd", FileKind::File, S6, "descriptor of a lock that outlives the supervisor (2.14 on)"),
    given("flag-newpidns", FileKind::Flag, S6, "`run` is pid 1 of a namespace (2.13.1 on, Linux)"),
    given("flag-timeout-killpg", FileKind::Flag, S6, "`timeout-kill` kills the process group (2.15.0 on)"),
    given("data", FileKind::Directory, S6, "the service's own, never touched by s6"),
    given("env", FileKind::Directory, S6, "the service's own, never touched by s6"),
    made(SUPERVISE, FileKind::Directory, 0o700, ALL, "kept by the supervisor"),
    made(STATUS, FileKind::File, 0o644, ALL, "the status record (s6: mode 666)"),
    made(CONTROL, FileKind::Fifo, 0o600, ALL, "takes control bytes"),
    made(LOCK, FileKind::File, 0o600, ALL, "locked by the supervisor (s6: mode 644)"),
    made(OK, FileKind::Fifo, 0o600, ALL_BUT_S6, "has a reader while the supervisor lives"),
    made(STAT, FileKind::File, 0o644, RUNIT, "the status in words"),
    made(PID, FileKind::File, 0o644, RUNIT, "the pid in digits, empty without one"),
    made(DEATH_TALLY, FileKind::File, 0o666, S6, "the last deaths"),
    made("supervise/service-lock", FileKind::File, 0o600, S6, "the lock of `lock-fd`"),
    made(EVENT, FileKind::Directory, 0o3730, S6, "listeners for events"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice_and_each_is_somebodys() {
        for (at, entry) in TABLE.iter().enumerate() {
            assert!(Dialect::ALL.iter().any(|&dialect| entry.is_of(dialect)), "{}", entry.path);
            assert!(TABLE[..at].iter().all(|other| other.path != entry.path), "{}", entry.path);
        }
    }

    #[test]
    fn only_runit_has_stat_and_only_s6_has_no_ok() {
        let of = |path| {
            let entry = TABLE.iter().find(|entry| entry.path == path).unwrap();
            Dialect::ALL.map(|dialect| entry.is_of(dialect))
        };
        assert_eq!(of(STAT), RUNIT);
        assert_eq!(of(OK), ALL_BUT_S6);
    }
}
