//! What can be typed of the commands that are supervisors: `supervise` and `scan`.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use super::value::parse_duration;

/// Arguments of `supervise`.
#[derive(Debug, clap::Args)]
pub(crate) struct Supervise {
    /// The service directory
    // Not of the same name to the parser as the option for all commands.
    #[arg(id = "service_dir", value_name = "DIR", required_unless_present = "program")]
    pub(crate) dir: Option<PathBuf>,
    /// Without a service directory: this program, which needs no shell. svctl ends with the exit code of its last
    /// run; what the supervisor writes is in /run/service for pid 1, else in a directory that is removed at the end
    #[arg(last = true, value_name = "PROGRAM", conflicts_with_all = ["service_dir", "critical"])]
    pub(crate) program: Vec<OsString>,
    /// Of a program: after which ends it is started again: always, on-failure, never
    #[arg(long, value_name = "WHEN", default_value = "always", value_parser = ["always", "on-failure", "never"], conflicts_with = "service_dir")]
    pub(crate) restart: String,
    /// End with the exit code of the service once it has ended for good by itself: it was started for
    /// one run, or its finish script has asked its supervisor for d or x
    #[arg(long)]
    pub(crate) critical: bool,
    /// Keep what the supervisor writes in DIR/NAME, and not in the service directory NAME, which may be
    /// read-only. The other commands find the service in DIR
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Once it is told to end: when to kill what still runs. Without, never; as pid 1 after 8s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) kill_after: Option<Duration>,
}

/// Arguments of `scan`.
#[derive(Debug, clap::Args)]
pub(crate) struct Scan {
    /// The scan directory; or a file of definitions (svcmgr.toml), whose services are started in the order
    /// of their needs, and stopped in the reverse one
    #[arg(id = "scanned", value_name = "DIR|FILE")]
    pub(crate) place: PathBuf,
    /// End all once this service has ended for good and nobody asked for it, with its exit code; may be given
    /// several times
    #[arg(long, value_name = "NAME")]
    pub(crate) exit_with: Vec<OsString>,
    /// Keep what the supervisors write in DIR, and not in the service directories, which may be
    /// read-only; of a file, its services are there. To the other commands, DIR is the scan directory.
    /// Without it, a file's services are in /run/service for pid 1, else in a directory of their own that
    /// is removed at the end
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Once it is told to end: when to kill what still runs. Without, never; as pid 1 after 8s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) kill_after: Option<Duration>,
}
