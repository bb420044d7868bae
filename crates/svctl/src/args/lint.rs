//! Arguments of `lint`.

use std::path::PathBuf;

use clap::ValueEnum;

/// What `lint` looks at, and how it says what it found.
#[derive(Debug, clap::Args)]
pub(crate) struct Lint {
    /// Service directories, scan directories, sources of s6-rc, directories of units, or single files;
    /// with --image, paths in the image
    #[arg(value_name = "PATH", required_unless_present = "image")]
    pub(crate) paths: Vec<PathBuf>,
    /// Look into this unpacked image, also for users, interpreters and programs; without a PATH, at its
    /// usual places. / is this machine
    #[arg(long, value_name = "ROOT")]
    pub(crate) image: Option<PathBuf>,
    /// Leave out what the rule with this code finds; may be given several times, or with commas
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) allow: Vec<String>,
    /// Change what can be changed safely, each file in one step, and report the rest
    #[arg(long)]
    pub(crate) fix: bool,
    /// Run this as well over the scripts or units that were looked at, and print what it says; may be given
    /// several times, or with commas
    #[arg(
        long,
        value_enum,
        value_name = "PROGRAM",
        value_delimiter = ',',
        conflicts_with = "image"
    )]
    pub(crate) with: Vec<Other>,
    /// How findings are printed
    #[arg(long, value_enum, default_value = "text", value_name = "FORM", conflicts_with = "json")]
    pub(crate) format: Form,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people, with the lines that they are about.
    Text,
    /// SARIF 2.1.0, one document.
    Sarif,
    /// Annotations of GitHub's workflows, one per line.
    Github,
}

/// Programs of others that look at the same files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Other {
    /// For scripts of shells.
    Shellcheck,
    /// For units: its `verify`.
    SystemdAnalyze,
}

impl Other {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Shellcheck => "shellcheck",
            Self::SystemdAnalyze => "systemd-analyze",
        }
    }
}
