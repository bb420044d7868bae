//! A command in a root: a mount namespace of its own over it, and for the rest this machine.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    failure::Failure,
    overlay::{self, visible},
};

/// What the process in the namespace is told.
#[derive(clap::Args)]
pub(crate) struct InsideArgs {
    /// The root
    #[arg(long)]
    lower: PathBuf,
    /// A directory to be seen at the same place, not to be changed
    #[arg(long)]
    bind: Vec<PathBuf>,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The command that runs these words in the root.
pub(crate) fn command(root: &Path, words: &[OsString]) -> Result<Command, Failure> {
    let mut enter = Command::new("setpriv");
    enter.args([
        "--pdeathsig",
        "KILL",
        "--",
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--",
    ]);
    enter.arg(command::this()?).arg("inside-root").arg("--lower").arg(root);
    for dir in visible()? {
        enter.arg("--bind").arg(dir);
    }
    enter.arg("--").args(words).current_dir(command::root());
    Ok(enter)
}

/// In the namespace: becomes the command; returns only if that fails.
pub(crate) fn run(args: &InsideArgs) -> Result<(), Failure> {
    let [program, words @ ..] = args.command.as_slice() else { return Err(Failure::Told) };
    overlay::over(&args.lower, &args.bind)?;
    let mut command = Command::new(program);
    command.args(words).current_dir(command::root()).env("PATH", overlay::SYSTEM_PATH);
    let why = command.exec();
    Err(command::not_run(&command, &why))
}
