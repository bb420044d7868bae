//! Arguments of what hears `sd_notify(3)` for a supervisor that does not.

use std::{ffi::OsString, str::FromStr};

/// Arguments of `notify-bridge`.
#[derive(Debug, clap::Args)]
pub(crate) struct NotifyBridge {
    /// The open descriptor that is told: a line with the pid of the program, once it is ready
    #[arg(value_name = "FD", value_parser = parse_number::<i32>)]
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
    #[arg(value_parser = parse_number::<i32>)]
    pub(crate) pid: i32,
    /// When that began, in ticks since the boot.
    #[arg(value_parser = parse_number::<u64>)]
    pub(crate) began: u64,
}

/// A number of the system's: what it is not is said in words of this command.
fn parse_number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "a whole number is needed, as in 3".to_owned())
}
