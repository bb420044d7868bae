//! `cargo xtask bench`: how fast the whole is beside the floor and the suites' own tools, as a
//! page. What is compared takes turns, so a busy machine slows down both; the ratio is what counts.

mod criterion;
mod numbers;
mod page;
mod rows;
mod size;
mod syscalls;
mod table;
mod tree;
mod vsv;

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
    /// A minute: every row, in a few rounds. Writes no page.
    Quick,
    /// Seconds, with what was built for tests: shows that every row is measured, and says nothing
    /// of times.
    Smoke,
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
    let programs = match extent {
        Extent::Full | Extent::Quick => {
            vsv::install();
            // Too large is told in the table; it is measured all the same.
            Programs { svctl: dist::build()?, bench: release()? }
        }
        Extent::Smoke => debug()?,
    };
    let section = match subject {
        Subject::Time => rows::all(&programs, extent)?,
        Subject::Calls => syscalls::all(&programs)?,
    };
    print!("{}", section.text);
    match extent {
        Extent::Full => page::put(&section),
        Extent::Quick | Extent::Smoke => Ok(()),
    }
}

fn release() -> Result<PathBuf, Failure> {
    build(&["--release", "-p", "svcmgr-bench"])?;
    Ok(Workspace::load()?.target.join("release/svcmgr-bench"))
}

/// What lies beside this program; built where it does not.
fn debug() -> Result<Programs, Failure> {
    let this = command::this()?;
    let beside = |name| this.with_file_name(name);
    let programs = Programs { svctl: beside("svctl"), bench: beside("svcmgr-bench") };
    // Never while it is there: other tests may be running it.
    for (path, name) in [(&programs.svctl, "svctl"), (&programs.bench, "svcmgr-bench")] {
        if !path.is_file() {
            build(&["-p", name])?;
        }
    }
    Ok(programs)
}

fn build(args: &[&str]) -> Result<(), Failure> {
    let done = command::stream(&mut cargo([&["build"], args].concat()), |_| ())?;
    if done.success() { Ok(()) } else { Err(Failure::Told) }
}
