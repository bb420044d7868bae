//! Arguments of what hears `sd_notify(3)` for a supervisor that does not.

use std::ffi::OsString;

/// Arguments of `notify-bridge`.
#[derive(Debug, clap::Args)]
pub(crate) struct NotifyBridge {
    /// The open descriptor that is told: a line with the pid of the program, once it is ready
    #[arg(value_name = "FD")]
    pub(crate) fd: i32,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// Arguments of `__notify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Notify {
    /// Go on as a process of its own.
    #[arg(long)]
    pub(crate) leave: bool,
    /// Whom it reads for.
    pub(crate) pid: i32,
    /// When that began, in ticks since the boot.
    pub(crate) began: u64,
}
