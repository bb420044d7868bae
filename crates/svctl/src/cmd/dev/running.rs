//! What another `svctl dev` of this user runs: which tree it has, and its end.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use svcmgr::devtree::DevTree;

use super::stage::name_of;
use crate::{
    args::Dev,
    exit::Exit,
    output::{Output, printable},
};

/// What `svctl dev` runs without being told which file, and where it was told once.
const FILES: [&str; 2] = ["svcmgr.toml", "Procfile"];
/// For services to end, each in its own time.
const ENDING: Duration = Duration::from_secs(60);

/// No `svctl dev` has the tree of this file.
pub(crate) struct NotRunning {
    file: Option<PathBuf>,
}

impl NotRunning {
    pub(crate) fn tell(&self, output: &mut Output) -> Exit {
        let (told, hint) = if let Some(file) = &self.file {
            let told = format!("no svctl dev runs for {}", file.display());
            (told, "start it with `svctl dev`; one with --tree DIR is asked with --dir DIR/enabled")
        } else {
            let told = "there is no svcmgr.toml here or above, and no Procfile".to_owned();
            (told, "go to the directory of the project, or name the scan directory with --dir")
        };
        output.message(&printable(&told));
        output.hint(hint);
        Exit::Unsupervised
    }
}

/// The scan directory of the project here.
pub(crate) fn scan_dir() -> Result<PathBuf, NotRunning> {
    let here = std::env::current_dir().unwrap_or_default();
    let named = here.ancestors().flat_map(|dir| FILES.map(|name| dir.join(name)));
    let mut first = None;
    for file in named.filter(|file| file.is_file()) {
        if let Some((tree, _)) = running(None, &file) {
            return Ok(tree.scan_dir().dir().to_owned());
        }
        first.get_or_insert(file);
    }
    Err(NotRunning { file: first })
}

/// The tree of a file, and the process that has it.
fn running(base: Option<&Path>, file: &Path) -> Option<(DevTree, Pid)> {
    let tree = match base {
        Some(base) => DevTree::at(base),
        None => DevTree::named(&name_of(file)),
    };
    let tree = tree.ok()?;
    let holder = Pid::from_raw(tree.holder()?.try_into().ok()?)?;
    Some((tree, holder))
}

/// Ends what runs for a file, as Ctrl-C would where it runs.
pub(super) fn stop(args: &Dev, output: &mut Output) -> Exit {
    if let Some(name) = args.named().1.first() {
        let name = printable(&name.to_string_lossy());
        output.message("--stop ends all services of the file");
        output.hint(&format!("`svctl --dev down {name}` ends one"));
        return Exit::Usage;
    }
    let file = args.file();
    let Some((tree, holder)) = running(args.tree.as_deref(), &file) else {
        return NotRunning { file: Some(file) }.tell(output);
    };
    if let Err(errno) = kill_process(holder, Signal::TERM) {
        let error = std::io::Error::from(errno);
        output.message(&format!("cannot tell process {} to end: {error}", holder.as_raw_nonzero()));
        return Exit::System;
    }
    let deadline = Instant::now() + ENDING;
    // Nothing tells of a lock that is let go.
    while tree.holder().is_some() {
        if Instant::now() >= deadline {
            output.message("it has not ended after 60 s");
            output.hint("once more `svctl dev --stop` kills its services");
            return Exit::Deadline;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Exit::Done
}
