//! Changes what can be changed safely: each file at one moment, as it was seen, and never by a link.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use svbuild::{Error, plan::File};

use crate::{Edit, Finding, Fix, world::World};

/// What was done to a file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fixed {
    /// The file.
    pub path: PathBuf,
    /// The rules whose findings are gone.
    pub codes: Vec<&'static str>,
    /// Why it was not changed, where it was not: it is as it was.
    pub error: Option<Error>,
}

/// Makes the changes of findings that have one. The files are those of this machine, whatever image they are
/// a part of.
///
/// Each is exchanged for one with the same owner and mode, at one moment. A file that is a link, has a second
/// name, was changed since it was looked at, or lies where somebody less privileged may write, is left
/// alone and told.
///
/// ```
/// # let tree = tempfile::tempdir().unwrap();
/// # let dir = tree.path().join("web");
/// # std::fs::create_dir_all(&dir).unwrap();
/// # let run = dir.join("run");
/// # std::fs::write(&run, "#!/bin/sh\r\nexec server\r\n").unwrap();
/// let report = svlint::Linter::new().lint(&dir);
/// for fixed in svlint::fix::apply(&report.findings) {
///     assert!(fixed.error.is_none());
/// }
/// assert_eq!(std::fs::read(&run).unwrap(), b"#!/bin/sh\nexec server\n");
/// ```
#[must_use]
pub fn apply(findings: &[Finding]) -> Vec<Fixed> {
    let mut files: BTreeMap<&Path, Vec<&Finding>> = BTreeMap::new();
    for finding in findings.iter().filter(|it| it.fix.is_some()) {
        files.entry(&finding.location.path).or_default().push(finding);
    }
    files.into_iter().map(|(path, findings)| one(path, &findings)).collect()
}

fn one(path: &Path, findings: &[&Finding]) -> Fixed {
    let mut codes: Vec<_> = findings.iter().map(|it| it.rule.code).collect();
    codes.dedup();
    let fixes = findings.iter().filter_map(|it| it.fix.as_ref());
    let error = change(path, fixes).err();
    Fixed { path: path.to_owned(), codes, error }
}

fn change<'a>(path: &Path, fixes: impl Iterator<Item = &'a Fix>) -> Result<(), Error> {
    let world = World::here();
    let (before, entry) = world.read(path).map_err(|source| {
        let path = path.to_owned();
        Error::Io { doing: "read", path, source }
    })?;
    let mut edits: Vec<&Edit> = Vec::new();
    let mut mode = entry.mode;
    for fix in fixes {
        match fix {
            Fix::Bytes { edits: all, seen } => {
                if *seen.0 != *before {
                    return Err(Error::Changed { path: path.to_owned() });
                }
                edits.extend(all);
            }
            Fix::Mode { set, clear } => mode = (mode | set) & !clear,
        }
    }
    edits.sort_by_key(|it| (it.bytes.start, it.bytes.end));
    let mut after = Vec::with_capacity(before.len());
    let mut at = 0;
    for edit in edits {
        // Two findings about the same bytes: the first one's change is enough.
        let Some(kept) = before.get(at..edit.bytes.start) else { continue };
        after.extend_from_slice(kept);
        after.extend_from_slice(&edit.with);
        at = edit.bytes.end;
    }
    after.extend_from_slice(before.get(at..).unwrap_or_default());
    svbuild::exchange(path, &File::new(entry.mode, before), &File::new(mode, after))
}
