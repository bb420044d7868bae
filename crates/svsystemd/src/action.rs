//! What is asked of the manager, in words for messages, and the polkit action behind each.

use std::fmt;

/// An operation on a unit or on the manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it if it runs, then start it.
    Restart,
    /// Restart it if it runs.
    TryRestart,
    /// Let it read its configuration again.
    Reload,
    /// Reload it if it can, else restart it.
    ReloadOrRestart,
    /// Send a signal to its processes.
    Signal,
    /// Stop its processes by the freezer of its control group.
    Freeze,
    /// Let frozen processes go on.
    Thaw,
    /// Forget that it failed, and its count of restarts.
    ResetFailed,
    /// Start it and let this run be the last.
    Once,
    /// Run a command as a transient unit.
    Run,
    /// Take back a job.
    Cancel,
    /// Let it be started with the system.
    Enable,
    /// No longer start it with the system.
    Disable,
    /// Make it impossible to start.
    Mask,
    /// Make it possible again.
    Unmask,
    /// Write its unit file.
    Install,
    /// Remove its unit file.
    Remove,
    /// Let the manager read all unit files again.
    ReloadManager,
    /// Read its status.
    Look,
    /// Keep it loaded while the connection lasts.
    Keep,
    /// Be told of its changes.
    Watch,
    /// Something that a supervisor of the daemontools family can do, and systemd cannot.
    Other(&'static str),
}

const UNITS: &str = "org.freedesktop.systemd1.manage-units";
const FILES: &str = "org.freedesktop.systemd1.manage-unit-files";
const RELOAD: &str = "org.freedesktop.systemd1.reload-daemon";

impl Action {
    /// The verb, as in "cannot VERB web.service".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::TryRestart => "try to restart",
            Self::Reload => "reload",
            Self::ReloadOrRestart => "reload or restart",
            Self::Signal => "signal",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::ResetFailed => "reset the failures of",
            Self::Once => "start once",
            Self::Run => "run",
            Self::Cancel => "cancel the job of",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Mask => "mask",
            Self::Unmask => "unmask",
            Self::Install => "install",
            Self::Remove => "remove",
            Self::ReloadManager => "reload the unit files of",
            Self::Look => "read the status of",
            Self::Keep => "keep",
            Self::Watch => "watch",
            Self::Other(name) => name,
        }
    }

    /// The polkit action that governs it, as systemd's manual page `org.freedesktop.systemd1` has
    /// it; `None` for what anybody may do.
    #[must_use]
    pub const fn polkit(self) -> Option<&'static str> {
        match self {
            Self::Start
            | Self::Stop
            | Self::Restart
            | Self::TryRestart
            | Self::Reload
            | Self::ReloadOrRestart
            | Self::Signal
            | Self::Freeze
            | Self::Thaw
            | Self::ResetFailed
            | Self::Once
            | Self::Run
            | Self::Cancel
            | Self::Keep => Some(UNITS),
            Self::Enable
            | Self::Disable
            | Self::Mask
            | Self::Unmask
            | Self::Install
            | Self::Remove => Some(FILES),
            Self::ReloadManager => Some(RELOAD),
            Self::Look | Self::Watch | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
