//! `cargo xtask systemd -- COMMAND`: a command inside a machine of its own, whose pid 1 is a real
//! systemd.
//!
//! The machine is a set of namespaces over an overlay of this root: it sees the programs and files
//! that are here, and what it writes is gone when it ends. Nothing of it is left behind: ending its
//! pid 1 ends every process in it, and with them its mounts; its control group is removed.

mod cgroup;
mod etc;
mod lacks;
pub(crate) mod live;
mod machine;
mod root;

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    command,
    failure::Failure,
    overlay::visible,
    roots::{self, Root},
};

use machine::{Machine, User};

pub(crate) use root::{RootArgs, run as build_root};

/// What is asked of the machine.
#[derive(clap::Args)]
pub(crate) struct Systemd {
    /// Run the command as an ordinary user who has a user manager, instead of as root
    #[arg(long)]
    as_user: bool,
    /// Boot the systemd of a root that `cargo xtask roots` has made
    #[arg(long, value_name = "ROOT")]
    root: Option<Root>,
    /// End the machine after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    limit: u64,
    /// Write the machine's journal to this file
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// What to run in it; `SYSTEMD_HOST=1` tells it where it is
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Set in the environment of what runs inside, so that a test can refuse to run elsewhere.
const MARKER: &str = "SYSTEMD_HOST";
/// Set when this process is in a control group that the machine's own systemd has handed to it.
const DELEGATED: &str = "XTASK_DELEGATED";

/// The task: passes on the exit status of the command.
pub(crate) fn run(args: &Systemd) -> Result<(), Failure> {
    let lower = if let Some(root) = args.root {
        require_host()?;
        roots::require(root)?
    } else {
        require()?;
        PathBuf::from("/")
    };
    if Path::new("/run/systemd/system").exists() && std::env::var_os(DELEGATED).is_none() {
        return Err(delegate());
    }
    let limit = Duration::from_secs(args.limit);
    let machine = Machine::boot(&lower, &visible()?)?;
    let user = if args.as_user { User::Ordinary } else { User::Root };
    let ended = machine.run(&args.command, user, limit);
    if let Some(path) = &args.journal {
        machine.save_journal(path)?;
    }
    drop(machine);
    command::passed_on(ended?)
}

/// That a machine can be booted here.
///
/// # Errors
///
/// Names each thing that is missing.
pub(crate) fn require() -> Result<(), Failure> {
    nothing_lacks(&lacks::lacks())
}

/// That a machine over another root can be booted here, which has its own systemd.
fn require_host() -> Result<(), Failure> {
    nothing_lacks(&lacks::of_host())
}

fn nothing_lacks(lacks: &[String]) -> Result<(), Failure> {
    if lacks.is_empty() {
        return Ok(());
    }
    Err(Failure::Because(format!("cannot boot a systemd here: {}", lacks.join("; "))))
}

/// Where this process' own systemd manages the control groups, it is asked for one.
fn delegate() -> Failure {
    let this = match command::this() {
        Ok(this) => this,
        Err(failure) => return failure,
    };
    let mut scope = Command::new("systemd-run");
    scope.args(["--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"]);
    scope.arg(this).args(std::env::args_os().skip(1)).env(DELEGATED, "1");
    let why = scope.exec();
    command::not_run(&scope, &why)
}
