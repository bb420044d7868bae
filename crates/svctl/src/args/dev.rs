//! What can be typed of `dev`: which file, and which services of it.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// Arguments of `dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Dev {
    /// Only these, and what they need and want; all without a name. A first word with a slash, or of the form
    /// NAME.toml, is the file, and so is a Procfile or what else `svctl convert` reads by its ending
    #[arg(value_name = "SERVICE")]
    words: Vec<OsString>,
    /// The definitions; else svcmgr.toml in the working directory or the nearest one above
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// End all once this service has ended for good, with its exit code; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) exit_with: Vec<String>,
    /// End what another `svctl dev` of this file runs, in order, and wait until it is over
    #[arg(long, conflicts_with_all = ["exit_with", "no_reload"])]
    pub(crate) stop: bool,
    /// Leave all as it is when the definitions change
    #[arg(long)]
    pub(crate) no_reload: bool,
    /// Where the tree is to be, instead of in the runtime directory
    #[arg(long, value_name = "DIR")]
    pub(crate) tree: Option<PathBuf>,
}

impl Dev {
    /// The file that was named, and the services of it.
    pub(crate) fn named(&self) -> (Option<&Path>, &[OsString]) {
        let is_file = |word: &OsStr| {
            let ending = Path::new(word).extension().unwrap_or_default();
            let is_procfile = word == "Procfile"
                || ending == "Procfile"
                || word.as_bytes().starts_with(b"Procfile.");
            word.as_bytes().contains(&b'/')
                || is_procfile
                || ["toml", "yaml", "yml", "conf", "ini"].iter().any(|it| ending == *it)
        };
        match (&self.file, self.words.split_first()) {
            (None, Some((first, rest))) if is_file(first) => (Some(Path::new(first)), rest),
            (file, _) => (file.as_deref(), &self.words),
        }
    }

    /// The definitions: the file that was named, else the nearest one above.
    pub(crate) fn file(&self) -> PathBuf {
        const FILE: &str = "svcmgr.toml";
        if let (Some(file), _) = self.named() {
            return file.to_owned();
        }
        let here = std::env::current_dir().unwrap_or_default();
        let above = here.ancestors().skip(1).map(|dir| dir.join(FILE));
        let mut found = above.filter(|file| file.is_file());
        if Path::new(FILE).exists() { FILE.into() } else { found.next().unwrap_or(FILE.into()) }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        dev: Dev,
    }

    #[test]
    fn a_first_word_may_be_the_file() {
        let named = |words: &str| {
            let line = Line::parse_from(["dev"].into_iter().chain(words.split_whitespace()));
            let (file, services) = line.dev.named();
            let services: Vec<_> =
                services.iter().map(|it| it.to_str().unwrap().to_owned()).collect();
            (file.map(|file| file.to_str().unwrap().to_owned()), services.join(" "))
        };
        let some = |file: &str, services: &str| (Some(file.to_owned()), services.to_owned());
        assert_eq!(named(""), (None, String::new()));
        assert_eq!(named("web db"), (None, "web db".to_owned()));
        assert_eq!(named("app.toml web"), some("app.toml", "web"));
        assert_eq!(named("Procfile web"), some("Procfile", "web"));
        assert_eq!(named("compose.yaml"), some("compose.yaml", ""));
        assert_eq!(named("../app web"), some("../app", "web"));
        assert_eq!(named("-f app web a.toml"), some("app", "web a.toml"));
    }
}
