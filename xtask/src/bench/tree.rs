//! A scan directory of captured records, alive as long as the value.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::Programs;
use crate::{command, failure::Failure};

/// The directory and the process that holds its FIFOs and locks.
pub(super) struct Tree {
    dir: tempfile::TempDir,
    holder: Child,
}

impl Tree {
    pub(super) fn new(programs: &Programs, suite: &str, count: usize) -> Result<Self, Failure> {
        let dir = directory()?;
        let mut hold = Command::new(&programs.bench);
        hold.args(["hold", suite]).arg(dir.path()).arg(count.to_string());
        let spawned = hold.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut holder = spawned.map_err(|why| command::not_run(&hold, &why))?;
        let mut line = String::new();
        if let Some(out) = holder.stdout.take() {
            // An empty line tells of the error, too: the holder has printed it.
            let _ = BufReader::new(out).read_line(&mut line);
        }
        let tree = Self { dir, holder };
        if line.trim_end() == "ready" { Ok(tree) } else { Err(Failure::Told) }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn names(&self) -> Result<Vec<PathBuf>, Failure> {
        let list = self.path().read_dir().map_err(|why| Failure::cannot("list a tree", why))?;
        let mut names: Vec<_> = list.flatten().map(|it| it.file_name().into()).collect();
        names.sort_unstable();
        Ok(names)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // The end of its standard input ends it.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// A directory for a measurement.
pub(super) fn directory() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|why| Failure::cannot("make a temporary directory", why))
}
