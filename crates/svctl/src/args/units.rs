//! Arguments of the commands that are about systemd's units alone.

use std::ffi::OsString;

/// Units; none where all are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Units {
    /// Units; without a name, all that have failed
    #[arg(value_name = "UNIT")]
    pub(crate) units: Vec<OsString>,
    /// With --json, print one object per line
    #[arg(long)]
    pub(crate) stream: bool,
}

/// Units that must be named.
#[derive(Debug, clap::Args)]
pub(crate) struct NamedUnits {
    /// Units
    #[arg(required = true, value_name = "UNIT")]
    pub(crate) units: Vec<OsString>,
    /// With --json, print one object per line
    #[arg(long)]
    pub(crate) stream: bool,
}

/// Arguments of `escape`.
#[derive(Debug, clap::Args)]
pub(crate) struct Escape {
    /// Texts; with --unescape, parts of names
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) texts: Vec<String>,
    /// The texts are paths: a `/` in front and at the end is left out
    #[arg(short, long)]
    pub(crate) path: bool,
    /// Print whole names, as instances of this template
    #[arg(long, value_name = "UNIT", conflicts_with_all = ["suffix", "unescape"])]
    pub(crate) template: Option<String>,
    /// Print whole names, with this ending, as in service or mount
    #[arg(long, value_name = "TYPE", conflicts_with = "unescape")]
    pub(crate) suffix: Option<String>,
    /// Turn parts of names into texts again
    #[arg(short, long)]
    pub(crate) unescape: bool,
}
