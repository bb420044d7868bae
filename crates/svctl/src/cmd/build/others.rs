//! What somebody else made or changed where a build would write: it is replaced only where that was asked for.

use std::path::Path;

use svcmgr::build::plan::{Change, ChangeKind, Diff, PlanEntry};

/// What to do about it.
pub(super) const HINT: &str = "--diff shows what would be lost; move it away, choose another name or --out, or replace it \
                               with --adopt";

/// A line for each file or link whose text or mode would be lost, and that no earlier build wrote as it is.
/// Modes of directories and owners of files are no work of anybody: these are only told.
pub(super) fn lost(diff: &Diff, out: &Path) -> Vec<String> {
    diff.foreign().filter(|change| is_lost(change)).map(|change| line(change, out)).collect()
}

fn is_lost(change: &Change) -> bool {
    match (&change.difference.old, &change.difference.new) {
        (None | Some(PlanEntry::Directory { .. }), _) => false,
        (Some(PlanEntry::File(old)), Some(PlanEntry::File(new))) => {
            (old.mode, &old.bytes) != (new.mode, &new.bytes)
        }
        _ => true,
    }
}

fn line(change: &Change, out: &Path) -> String {
    let verb = if change.what == ChangeKind::Remove { "remove" } else { "replace" };
    format!(
        "will not {verb} {}: no build made it, or somebody changed it since",
        out.join(&change.path).display()
    )
}
