//! Arguments of `build`.

use std::path::PathBuf;

use clap::ValueEnum;
use svcmgr::build::Target;

/// Arguments of `build`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct Build {
    /// The definitions, in TOML; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What to build for: daemontools, encore, runit, s6, s6-rc, systemd, embedded or procfile
    #[arg(
        long = "to",
        visible_alias = "for",
        value_name = "TARGET",
        required_unless_present = "check"
    )]
    pub(crate) target: Option<Target>,
    /// Where to make the directories or units; created if missing
    #[arg(long, value_name = "DIR", required_unless_present_any = ["dry_run", "check"])]
    pub(crate) out: Option<PathBuf>,
    /// Only this service; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Vec<String>,
    /// Print what would be made, and write nothing
    #[arg(long, conflicts_with = "diff")]
    pub(crate) dry_run: bool,
    /// Print how the files that are there differ, and write nothing; the exit code is 1 if they do
    #[arg(long)]
    pub(crate) diff: bool,
    /// Say whether the file can be built, for --to or else for every target but procfile, and write
    /// nothing; the exit code is 1 if not
    #[arg(long, conflicts_with_all = ["out", "dry_run", "diff", "owner"])]
    pub(crate) check: bool,
    /// Replace files that no build made, or that somebody changed since, instead of refusing
    #[arg(long, conflicts_with_all = ["dry_run", "diff", "check"])]
    pub(crate) adopt: bool,
    /// Leave out what the target cannot express, with a comment and a message, instead of refusing
    #[arg(long)]
    pub(crate) lossy: bool,
    /// Write with the rights of this user and group only, given by number, as in 1000:1000
    #[arg(long, value_name = "UID:GID", value_parser = parse_owner)]
    pub(crate) owner: Option<Owner>,
    /// For --to s6-rc: as s6-overlay has it, in the bundle user and after base
    #[arg(long)]
    pub(crate) s6_overlay: bool,
    /// The language of scripts for s6 and s6-rc
    #[arg(long, value_enum, default_value = "execline", value_name = "LANGUAGE")]
    pub(crate) script: Script,
}

/// How a plan is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) owner: Option<Owner>,
    /// Compare, and write nothing.
    pub(crate) diff: bool,
    /// Replace what somebody else made or changed.
    pub(crate) adopt: bool,
    /// Say what was done.
    pub(crate) is_told: bool,
}

impl Build {
    pub(crate) fn made(&self) -> Made {
        Made { owner: self.owner, diff: self.diff, adopt: self.adopt, is_told: true }
    }
}

/// A user and a group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The language of scripts for s6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Script {
    /// For `execlineb`.
    Execline,
    /// For `/bin/sh`.
    Sh,
}

pub(super) fn parse_owner(text: &str) -> Result<Owner, String> {
    // The highest number stands for no user; to the system it means to leave things as they are.
    let number = |text: &str| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| is_plain && *number != u32::MAX)
    };
    let numbers = text.split_once(':').map(|(uid, gid)| (number(uid), number(gid)));
    match numbers {
        Some((Some(uid), Some(gid))) => Ok(Owner { uid, gid }),
        _ => Err("write two numbers, as in 1000:1000".to_owned()),
    }
}
