//! `cargo xtask roots`: roots of several releases of Debian, for other versions of the supervisors.
//!
//! A root is a directory outside of the checkout that is made once and never written again: what is
//! run in it sees it below an overlay.

mod cache;
mod enter;
mod make;
mod versions;

use std::{ffi::OsString, path::PathBuf};

use clap::ValueEnum;

use crate::{command, failure::Failure};

pub(crate) use cache::find;
pub(crate) use enter::{InsideArgs, command, run as go_inside};
pub(crate) use versions::{are_ours, of as version};

/// A release of Debian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Root {
    /// bookworm: runit 2.1.2, s6 2.11, daemontools 0.76-8, systemd 252
    Debian12,
    /// trixie: runit 2.2, s6 2.13, daemontools 0.76-14, systemd 257
    Debian13,
    /// The development release
    Sid,
}

impl Root {
    pub(crate) const ALL: [Self; 3] = [Self::Debian12, Self::Debian13, Self::Sid];

    /// The name on the command line, and of its directory.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Debian12 => "debian12",
            Self::Debian13 => "debian13",
            Self::Sid => "sid",
        }
    }

    /// As the archive calls it.
    const fn codename(self) -> &'static str {
        match self {
            Self::Debian12 => "bookworm",
            Self::Debian13 => "trixie",
            Self::Sid => "sid",
        }
    }
}

/// What is asked of the roots.
#[derive(clap::Args)]
pub(crate) struct Roots {
    /// Which roots [default: all]
    #[arg(value_name = "ROOT")]
    named: Vec<Root>,
    /// Show what is there, and make nothing
    #[arg(long)]
    list: bool,
    /// Make them anew
    #[arg(long, conflicts_with = "list")]
    renew: bool,
    /// Run this in each of them that is there, as root, with this checkout at its place
    #[arg(last = true, conflicts_with_all = ["list", "renew"])]
    command: Vec<OsString>,
}

/// The task.
pub(crate) fn run(args: &Roots) -> Result<(), Failure> {
    let roots: &[Root] = if args.named.is_empty() { &Root::ALL } else { &args.named };
    if !args.command.is_empty() {
        return run_in_each(roots, &args.command);
    }
    for &root in roots {
        if args.renew {
            make::remove(root)?;
        }
        if !args.list && find(root)?.is_none() {
            make::make(root)?;
        }
    }
    for &root in roots {
        println!("{}", versions::line(root)?);
    }
    Ok(())
}

fn run_in_each(roots: &[Root], words: &[OsString]) -> Result<(), Failure> {
    let mut worst = Ok(());
    for &root in roots {
        let mut command = command(&require(root)?, words)?;
        let status = command.status().map_err(|why| command::not_run(&command, &why))?;
        worst = worst.and(command::passed_on(status));
    }
    worst
}

/// The directory of a root.
///
/// # Errors
///
/// It was not made yet.
pub(crate) fn require(root: Root) -> Result<PathBuf, Failure> {
    find(root)?.ok_or_else(|| {
        let name = root.name();
        Failure::Because(format!(
            "there is no root {name}\n  make it with `cargo xtask roots {name}`"
        ))
    })
}
