//! A booted machine: starting it, running commands in it, ending it.

use std::{
    ffi::OsString,
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, SigmaskHow, Signal, kill},
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::Pid,
};

use super::{
    MARKER,
    cgroup::{Cgroup, join},
    etc::{ORDINARY_NAME, ORDINARY_UID, USER_MANAGER},
};
use crate::{command, failure::Failure};

/// Rights that would reach the host: there is no user namespace around them.
pub(super) const DROPPED: &str = "-sys_module,-sys_rawio,-sys_time,-sys_boot,-audit_control,\
                                  -audit_write,-audit_read,-syslog,-mac_admin,-mac_override,\
                                  -wake_alarm";
/// A boot takes half a second; a busy machine some more.
const BOOT: Duration = Duration::from_secs(60);

/// Who runs a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    Root,
    /// One with a user manager and a session bus.
    Ordinary,
}

/// Pid 1, what holds it, and where it is. Nothing of it outlives this value.
pub(super) struct Machine {
    /// `unshare`, whose only child is pid 1 of the machine.
    holder: Child,
    init: Pid,
    /// What stage two and pid 1 print.
    console: File,
    signals: SignalFd,
    cgroup: Cgroup,
}

impl Machine {
    /// Boots a machine over `lower` that sees these directories, and waits until its bus answers.
    pub(super) fn boot(lower: &Path, visible: &[PathBuf]) -> Result<Self, Failure> {
        let signals = signals()?;
        let cgroup = Cgroup::new()?;
        let failure = |why| Failure::cannot("make a file for the machine's console", why);
        let mut console = tempfile::tempfile().map_err(failure)?;
        let (mut holder, init) = cgroup.within(&cgroup.payload(), || {
            start(lower, visible, console.try_clone().map_err(failure)?)
        })?;
        let Some(init) = init else {
            let _ended = holder.wait();
            return Err(failed("it ended while it was set up", &mut console));
        };
        let mut machine = Self { holder, init, console, signals, cgroup };
        machine.wait_until_up()?;
        Ok(machine)
    }

    /// Hands stage two over to systemd, and waits for it.
    fn wait_until_up(&mut self) -> Result<(), Failure> {
        // A group with processes of its own cannot be divided.
        join(&self.cgroup.supervisor(), self.holder.id())?;
        let go = self.holder.stdin.take().map(|mut pipe| pipe.write_all(b"\n"));
        if !matches!(go, Some(Ok(()))) {
            return Err(failed("it ended before it could start", &mut self.console));
        }
        let deadline = Instant::now() + BOOT;
        let private = PathBuf::from(format!("/proc/{}/root/run/systemd/private", self.init));
        while !private.exists() {
            if matches!(self.holder.try_wait(), Ok(Some(_))) {
                return Err(failed("its pid 1 ended", &mut self.console));
            }
            if Instant::now() > deadline {
                return Err(failed("its pid 1 does not open its socket", &mut self.console));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        // "degraded" is up as well: a unit of the host's distribution that fails is not our
        // concern.
        let asked = self.ask(&["systemctl", "is-system-running", "--wait"], User::Root)?;
        let state = asked.text.trim();
        if !["running", "degraded"].contains(&state) {
            return Err(failed(&format!("systemd says `{state}`"), &mut self.console));
        }
        self.await_bus(User::Root).map_err(|why| failed(&why, &mut self.console))
    }

    /// The name is claimed a moment after dbus-daemon is up; this call waits for it.
    fn await_bus(&self, user: User) -> Result<(), String> {
        let which = if user == User::Root { "--system" } else { "--user" };
        let manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1"];
        let version = ["org.freedesktop.systemd1.Manager", "Version"];
        let ask = [&["busctl", which, "get-property"], &manager[..], &version[..]].concat();
        match self.ask(&ask, user) {
            Ok(asked) if asked.ok => Ok(()),
            Ok(asked) => Err(format!("its bus does not answer: {}", asked.text.trim())),
            Err(_) => Err("its bus cannot be asked".to_owned()),
        }
    }

    /// Runs a command in it to its end, or until `limit` has passed or this process is told to end;
    /// then the machine must be dropped.
    pub(super) fn run(
        &self,
        words: &[OsString],
        user: User,
        limit: Duration,
    ) -> Result<ExitStatus, Failure> {
        if user == User::Ordinary {
            let started = self.ask(&["systemctl", "start", USER_MANAGER], User::Root)?;
            if !started.ok {
                let why = started.text.trim();
                return Err(Failure::cannot("start the user manager in the machine", why));
            }
            let asked = self.await_bus(user);
            asked.map_err(|why| Failure::cannot("ask the user manager in the machine", why))?;
        }
        let mut command = self.command(words, user);
        let mut child = self.spawn(&mut command)?;
        let deadline = Instant::now() + limit;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Ok(status);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            let heard = poll(&mut fds, timeout).unwrap_or_default();
            let told_to_end = heard > 0 && self.told_to_end();
            if told_to_end || left.is_zero() {
                // Not the child, which is outside: its own child in the machine would be reparented
                // to the host's init, and the machine could not end before that reaps it.
                let _gone = kill(self.init, Signal::SIGKILL);
                let _reaped = child.wait();
                let why = if told_to_end { "told to end" } else { "its time is over" };
                return Err(Failure::Because(format!("the machine was ended: {why}")));
            }
        }
    }

    /// Writes what its journal holds to a file of the host.
    pub(super) fn save_journal(&self, path: &Path) -> Result<(), Failure> {
        let journal = self.ask(&["journalctl", "--no-pager", "-o", "short-precise"], User::Root)?;
        std::fs::write(path, journal.text)
            .map_err(|why| Failure::cannot(format!("write {}", path.display()), why))
    }

    fn ask(&self, words: &[&str], user: User) -> Result<command::Done, Failure> {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        let mut command = self.command(&words, user);
        let dir = self.cgroup.command()?;
        self.cgroup.within(&dir, || command::capture(&mut command))
    }

    fn spawn(&self, command: &mut Command) -> Result<Child, Failure> {
        let dir = self.cgroup.command()?;
        // The command inherits what is blocked, and its services would not hear SIGTERM. A signal
        // that comes this moment ends this process, and so the machine.
        let none = SigSet::empty();
        let blocked = none.thread_swap_mask(SigmaskHow::SIG_SETMASK);
        let blocked = blocked.map_err(|why| Failure::cannot("unblock signals", why))?;
        let spawned = self
            .cgroup
            .within(&dir, || command.spawn().map_err(|why| command::not_run(command, &why)));
        blocked.thread_set_mask().map_err(|why| Failure::cannot("block signals", why))?;
        spawned
    }

    fn command(&self, words: &[OsString], user: User) -> Command {
        let mut enter = Command::new("nsenter");
        enter.arg("--target").arg(self.init.to_string());
        enter.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root"]);
        // nsenter would keep a directory of the host.
        enter.arg("--").arg("env").arg("--chdir").arg(command::root());
        enter.args(["setpriv", "--bounding-set", DROPPED]);
        if user == User::Ordinary {
            let uid = ORDINARY_UID.to_string();
            enter.args(["--reuid", &uid, "--regid", &uid, "--clear-groups"]);
            enter.args(["--inh-caps", "-all"]);
        }
        enter.arg("--").args(words);
        // What would lead out of the machine, or to the wrong manager in it.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let leads_out = ["DBUS_", "XDG_", "NOTIFY_", "LISTEN_", "SYSTEMD_", "CREDENTIALS_"];
            if leads_out.iter().any(|prefix| text.starts_with(prefix)) {
                enter.env_remove(&name);
            }
        }
        if user == User::Ordinary {
            let runtime = format!("/run/user/{ORDINARY_UID}");
            enter.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={runtime}/bus"));
            enter.env("XDG_RUNTIME_DIR", runtime);
            enter.env("HOME", format!("/home/{ORDINARY_NAME}")).env("USER", ORDINARY_NAME);
        }
        enter.env(MARKER, "1");
        enter
    }

    fn told_to_end(&self) -> bool {
        let mut told = false;
        while let Ok(Some(signal)) = self.signals.read_signal() {
            told |= signal.ssi_signo != Signal::SIGCHLD as u32;
        }
        told
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The kernel ends everything in the namespace before this process is reaped.
        let _gone = kill(self.init, Signal::SIGKILL);
        let _reaped = self.holder.wait();
    }
}

/// Starts stage two; its pid as the host knows it, unless it ended at once.
fn start(
    lower: &Path,
    visible: &[PathBuf],
    console: File,
) -> Result<(Child, Option<Pid>), Failure> {
    let this = command::this()?;
    // Whoever dies first takes the rest along: this process, the holder, pid 1.
    let mut holder = Command::new("setpriv");
    holder.args(["--pdeathsig", "KILL", "--", "unshare", "--pid", "--mount", "--cgroup", "--uts"]);
    holder.args(["--ipc", "--net", "--fork", "--kill-child", "--"]).arg(this).arg("systemd-root");
    holder.arg("--lower").arg(lower);
    for dir in visible {
        holder.arg("--bind").arg(dir);
    }
    let mut holder = holder
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(console)
        .spawn()
        .map_err(|why| Failure::cannot("run setpriv and unshare", why))?;
    let mut line = String::new();
    if let Some(out) = holder.stdout.take() {
        let _ended = BufReader::new(out).read_line(&mut line);
    }
    let pid = line.trim().parse().ok().map(Pid::from_raw);
    Ok((holder, pid))
}

/// The end of a child and of this process become readable, so that both can be waited for.
fn signals() -> Result<SignalFd, Failure> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD] {
        set.add(signal);
    }
    set.thread_block().map_err(|why| Failure::cannot("block signals", why))?;
    SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        .map_err(|why| Failure::cannot("wait for signals", why))
}

fn failed(why: &str, console: &mut File) -> Failure {
    let mut said = String::new();
    let _unread = console.seek(SeekFrom::Start(0)).and_then(|_| console.read_to_string(&mut said));
    Failure::cannot("boot systemd", format!("{why}\n{}", said.trim_end()))
}
