//! Engines: what supervises the services of a tree, and the process that becomes one.

use std::{
    env,
    ffi::OsStr,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;

use super::{base, wire::Message};
use crate::{EventKind, Options, ServiceEvent, ServicePart};

/// What supervises the services of a tree. The word for it is the name of its program, or `embedded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// This crate's own supervisor; nothing has to be installed. Notices links at once.
    #[default]
    Embedded,
    /// `runsvdir` of runit. Looks for links every five seconds.
    Runsvdir,
    /// `svscan` of daemontools. Looks for links every five seconds.
    Svscan,
    /// `s6-svscan` of s6. Notices links when it is told, which [`enable`](super::DevTree::enable)
    /// does.
    S6Svscan,
}

svproto::words!(Engine, "engine":
    Embedded "embedded",
    Runsvdir "runsvdir",
    Svscan "svscan",
    S6Svscan "s6-svscan",
);

impl Engine {
    pub(super) fn from_name(name: &OsStr) -> Option<Self> {
        name.to_str()?.parse().ok()
    }

    /// The program that must be installed for it.
    #[must_use]
    pub const fn program(self) -> Option<&'static str> {
        match self {
            Self::Embedded => None,
            Self::Runsvdir | Self::Svscan | Self::S6Svscan => Some(self.name()),
        }
    }

    /// Whether its program is on `PATH`.
    ///
    /// ```
    /// use svdevtree::Engine;
    ///
    /// assert!(Engine::Embedded.is_installed(), "it comes with the crate");
    /// ```
    #[must_use]
    pub fn is_installed(self) -> bool {
        let Some(program) = self.program() else { return true };
        let path = env::var_os("PATH").unwrap_or_default();
        let is_executable = |dir: PathBuf| {
            let access = nix::unistd::AccessFlags::X_OK;
            nix::unistd::access(&dir.join(program), access).is_ok()
        };
        env::split_paths(&path).any(is_executable)
    }

    /// Whether ending it ends the services, loggers last. The others leave their supervisors
    /// behind, which are then asked one by one.
    pub(super) const fn ends_services(self) -> bool {
        matches!(self, Self::Embedded | Self::S6Svscan)
    }

    /// What tells it to end.
    ///
    /// Source: `s6-svscan(8)` of s6 2.11, SIGTERM; runsvdir 2.1.2 and svscan 0.76 end of SIGTERM as
    /// a process that does not take it, and their supervisors go on.
    pub(super) const fn end_signal(self) -> Signal {
        match self {
            Self::Embedded | Self::Runsvdir | Self::Svscan | Self::S6Svscan => Signal::SIGTERM,
        }
    }

    /// What it gets when its guard was killed: as much as it can do by itself.
    const fn last_signal(self) -> Signal {
        match self {
            // SIGTERM to each `runsv`, and then it ends.
            Self::Runsvdir => Signal::SIGHUP,
            Self::Embedded | Self::Svscan | Self::S6Svscan => Signal::SIGTERM,
        }
    }
}

/// The engine's process, below its guard; `order` is `engine NAME BASE MILLISECONDS`.
pub(super) fn main(order: &Message) -> i32 {
    let engine = Engine::from_name(order.field(1)).filter(|_| order.verb() == b"engine");
    let Some(engine) = engine else { return 100 };
    let base = Path::new(order.field(2));
    let enabled = base.join(base::ENABLED);
    end_with_parent(engine.last_signal());
    if let Some(program) = engine.program() {
        let mut command = Command::new(program);
        let error = command.arg(&enabled).current_dir(base).exec();
        say(&format!("cannot execute {program}: {error}"));
        return 111;
    }
    let grace = order.number(3);
    let mut options = Options::new().observer(tell).tied();
    if let Some(grace) = grace {
        options = options.kill_after(Duration::from_millis(grace));
    }
    match crate::scan(&enabled, options) {
        Ok(ended) => i32::from(ended.code()),
        Err(error) => {
            say(&error.to_string());
            111
        }
    }
}

/// This process gets the signal when its parent ends.
#[cfg(target_os = "linux")]
pub(super) fn end_with_parent(signal: Signal) {
    let signal = rustix::process::Signal::from_named_raw(signal as i32);
    let _on_no_linux_refused = rustix::process::set_parent_process_death_signal(signal);
}

#[cfg(not(target_os = "linux"))]
pub(super) const fn end_with_parent(_: Signal) {}

/// For the engine's log: what went wrong and what was done, a line each.
fn tell(event: &ServiceEvent) {
    let name = event.dir.file_name().unwrap_or_default().to_string_lossy();
    let part = if event.part == ServicePart::Log { "/log" } else { "" };
    let details = match &event.kind {
        EventKind::Started { pid } | EventKind::Ready { pid } | EventKind::Stopping { pid, .. } => {
            format!(" {pid}")
        }
        EventKind::Exited { exit } | EventKind::Finished { exit } => format!(" {exit}"),
        EventKind::CannotStart { error }
        | EventKind::Refused { error }
        | EventKind::Trouble { error } => {
            use std::error::Error as _;
            let why = error.source().map(|why| format!(": {why}")).unwrap_or_default();
            format!(" {error}{why}")
        }
        _ => String::new(),
    };
    say(&format!("{name}{part} {}{details}", event.kind.name()));
}

/// A line for the engine's log, which is its standard error.
fn say(line: &str) {
    let _disk_is_full = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_known_by_its_name() {
        for &engine in Engine::ALL {
            assert_eq!(Engine::from_name(OsStr::new(engine.name())), Some(engine));
        }
        assert_eq!(Engine::from_name(OsStr::new("init")), None);
    }
}
