//! Where the roots are kept: outside of every checkout, so that all share them.

use std::{env, path::PathBuf};

use super::Root;
use crate::failure::Failure;

/// The directory of all roots: `SV_ROOTS`, else below the user's cache directory.
pub(super) fn place() -> Result<PathBuf, Failure> {
    let named = |name| env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    named("SV_ROOTS")
        .or_else(|| named("XDG_CACHE_HOME").map(|it| it.join("svcmgr/roots")))
        .or_else(|| named("HOME").map(|it| it.join(".cache/svcmgr/roots")))
        .ok_or_else(|| {
            let hint = "name a directory for them, an absolute path, in SV_ROOTS";
            Failure::Because(format!(
                "no place for the roots: neither HOME nor XDG_CACHE_HOME is set\n  {hint}"
            ))
        })
}

/// The directory of this root, if it was made.
pub(crate) fn find(root: Root) -> Result<Option<PathBuf>, Failure> {
    // It gets this name when it is complete.
    Ok(Some(place()?.join(root.name())).filter(|it| it.is_dir()))
}
