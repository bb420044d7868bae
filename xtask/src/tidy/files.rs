//! The files that tidy reads.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{command, failure::Failure};

/// Where our code is.
const PLACES: [&str; 3] = ["crates", "fuzz", "xtask"];
/// What tools leave among it.
const NOT_OURS: [&str; 3] = ["target", "corpus", "artifacts"];

/// Every `.rs` file of ours, in a stable order.
pub(super) fn rust_files() -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for place in PLACES {
        collect(&command::root().join(place), &mut files)?;
    }
    files.sort();
    Ok(files)
}

pub(super) fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|why| Failure::cannot(format!("read {}", path.display()), why))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let cannot = |why| Failure::cannot(format!("list {}", dir.display()), why);
    for entry in fs::read_dir(dir).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        // A link could lead out of the checkout, or round in a circle.
        if entry.file_type().map_err(cannot)?.is_dir() {
            if !NOT_OURS.iter().any(|it| path.ends_with(it)) {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
