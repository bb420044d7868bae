//! The name that somebody may have meant.

use std::ffi::{OsStr, OsString};

use super::ScanDir;

/// Of the entries of these directories, the one that is spelled most like a name, if it is much like it.
pub(super) fn nearest(all: &[ScanDir], name: &OsStr) -> Option<OsString> {
    let name = name.to_str()?;
    let entries = all.iter().filter_map(|scan| scan.dir().read_dir().ok()).flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    let names = names.filter_map(|it| it.into_string().ok()).filter(|it| !it.starts_with('.'));
    let near = names.map(|it| (strsim::damerau_levenshtein(name, &it), it));
    // One letter in three may be wrong: `wbe` is `web`, and `api` is not `web`.
    let (distance, near) = near.min()?;
    (distance <= name.chars().count().max(2) / 3 + usize::from(name.len() < 6)).then(|| near.into())
}
