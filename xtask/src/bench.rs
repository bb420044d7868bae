//! `cargo xtask bench`: how fast the whole is beside the floor and the suites' own tools, as a page.
//! What is compared takes turns, so a busy machine slows down both; the ratio is what counts.

mod embedded;
mod numbers;
mod page;
mod process;
mod rows;
mod syscalls;
mod tree;

use std::path::PathBuf;

use crate::{
    command::{self, cargo},
    dist,
    failure::Failure,
    workspace::Workspace,
};

/// How long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Minutes: numbers to quote.
    Full,
    /// Seconds: shows that it runs. Writes no page.
    Quick,
}

/// What is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Time, memory, wake-ups.
    Time,
    /// System calls.
    Calls,
}

/// The programs that are measured.
struct Programs {
    /// As it is given out.
    svctl: PathBuf,
    /// The rows that need no process of their own for each round.
    bench: PathBuf,
}

/// The task.
pub(crate) fn run(extent: Extent, subject: Subject) -> Result<(), Failure> {
    let programs = Programs { svctl: dist::build()?, bench: build()? };
    let section = match subject {
        Subject::Time => rows::all(&programs, extent)?,
        Subject::Calls => syscalls::all(&programs)?,
    };
    print!("{}", section.text);
    match extent {
        Extent::Full => page::put(&section),
        Extent::Quick => Ok(()),
    }
}

fn build() -> Result<PathBuf, Failure> {
    let done = command::stream(&mut cargo(["build", "--release", "-p", "svcmgr-bench"]), |_| ())?;
    if !done.success() {
        return Err(Failure::Told);
    }
    Ok(Workspace::load()?.target.join("release/svcmgr-bench"))
}
