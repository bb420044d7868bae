//! What was written by a plan: a list beside it, so that a foreign change is seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::PlanEntry;

/// The list, in a service directory.
pub(crate) const MANIFEST: &str = ".svbuild";
/// Where a change of a service directory is prepared, in it.
pub(crate) const WORK: &str = ".svbuild.work";

const HEADER: &str = "svbuild 1\n";

/// Paths, each with a mark of what was written there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest(pub(crate) BTreeMap<PathBuf, String>);

impl Manifest {
    /// What is written down of these entries.
    pub(crate) fn of(entries: &BTreeMap<PathBuf, PlanEntry>) -> Self {
        let mut marks = BTreeMap::new();
        marks.extend(entries.iter().map(|(path, entry)| (path.clone(), mark(entry))));
        Self(marks)
    }

    /// Reads it; what is no list is none.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let Some(lines) = std::str::from_utf8(text).ok().and_then(|it| it.strip_prefix(HEADER))
        else {
            return Self::default();
        };
        let entry = |line: &str| {
            let (mark, path) = line.split_once('\t')?;
            let path = Path::new(path);
            // It says what may be removed, so it must not lead elsewhere.
            let inside = path.components().all(|it| matches!(it, std::path::Component::Normal(_)));
            inside.then(|| (path.to_owned(), mark.to_owned()))
        };
        let mut marks = BTreeMap::new();
        marks.extend(lines.lines().filter_map(entry));
        Self(marks)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::from(HEADER);
        for (path, mark) in &self.0 {
            // Paths are made here, of ASCII.
            text.push_str(&format!("{mark}\t{}\n", path.display()));
        }
        text
    }

    /// Whether two entries differ in nothing that is written down.
    pub(crate) fn alike(a: &PlanEntry, b: &PlanEntry) -> bool {
        mark(a) == mark(b)
    }

    /// Whether what is there is what was written. Unknown for what was never written.
    pub(crate) fn wrote(&self, path: &Path, there: &PlanEntry) -> Option<bool> {
        self.0.get(path).map(|written| *written == mark(there))
    }
}

/// Tells a change by somebody else from none; it protects against nobody.
fn mark(entry: &PlanEntry) -> String {
    match entry {
        PlanEntry::File(file) => {
            format!("{:04o} {} {:016x}", file.mode, file.bytes.len(), fnv(&file.bytes))
        }
        PlanEntry::Link(to) => format!("link {:016x}", fnv(to.as_os_str().as_encoded_bytes())),
        PlanEntry::Directory { mode } => format!("{mode:04o} directory"),
    }
}

/// FNV-1a, 64 bits: the same in every version, which the standard library's hasher is not.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
