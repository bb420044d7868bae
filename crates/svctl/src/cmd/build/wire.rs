//! What `svctl build` and the process that it starts as another user say to each other: one plan there,
//! lines of JSON back.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use svcmgr::build::{
    Plan,
    plan::{File, PlanEntry, Unit},
};

use crate::{args::Made, json::Found};

/// No plan is larger.
pub(super) const LARGEST_PLAN: u64 = 256 << 20;
/// No answer is larger.
pub(super) const LARGEST_ANSWER: u64 = 64 << 20;

/// What is to be done, and where.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cmd) struct Errand {
    out: Bytes,
    /// To compare, and to write nothing.
    pub(super) diff: bool,
    /// To replace what somebody else made or changed.
    pub(super) adopt: bool,
    units: BTreeMap<String, WireUnit>,
}

/// Text where it is text.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Raw(Vec<u8>),
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
enum WireUnit {
    File(WireFile),
    Directory(Vec<(Bytes, WireEntry)>),
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
enum WireEntry {
    File(WireFile),
    Link(Bytes),
    Directory { mode: u32 },
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WireFile {
    mode: u32,
    bytes: Bytes,
}

/// What is said back, in this order: what differs, then how it ended.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Told {
    Found(Found),
    /// All is as planned, or was compared.
    Done,
    Failed(Failed),
}

/// Why it was not done.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failed {
    /// A line for each thing.
    pub(super) lines: Vec<String>,
    pub(super) hint: Option<String>,
    /// The user has not the right.
    pub(super) denied: bool,
    /// The system refused; else what is there is wrong.
    pub(super) system: bool,
}

impl Errand {
    pub(in crate::cmd) fn new(plan: &Plan, out: &Path, args: &Made) -> Self {
        let file = |file: &File| WireFile { mode: file.mode, bytes: Bytes::of(&file.bytes) };
        let entry = |entry: &PlanEntry| match entry {
            PlanEntry::File(it) => WireEntry::File(file(it)),
            PlanEntry::Link(to) => WireEntry::Link(Bytes::of(to.as_os_str().as_bytes())),
            PlanEntry::Directory { mode } => WireEntry::Directory { mode: *mode },
        };
        let unit = |unit: &Unit| match unit {
            Unit::File(it) => WireUnit::File(file(it)),
            Unit::Directory(entries) => WireUnit::Directory(
                entries
                    .iter()
                    .map(|(path, it)| (Bytes::of(path.as_os_str().as_bytes()), entry(it)))
                    .collect(),
            ),
        };
        Self {
            out: Bytes::of(out.as_os_str().as_bytes()),
            diff: args.diff,
            adopt: args.adopt,
            units: plan.units.iter().map(|(name, it)| (name.clone(), unit(it))).collect(),
        }
    }

    /// The plan, and where it is to be carried out.
    pub(in crate::cmd) fn into_plan(self) -> (Plan, PathBuf) {
        let file = |it: WireFile| File { bytes: it.bytes.into(), mode: it.mode, owner: None };
        let entry = |entry| match entry {
            WireEntry::File(it) => PlanEntry::File(file(it)),
            WireEntry::Link(to) => PlanEntry::Link(to.into()),
            WireEntry::Directory { mode } => PlanEntry::Directory { mode },
        };
        let unit = |unit| match unit {
            WireUnit::File(it) => Unit::File(file(it)),
            WireUnit::Directory(entries) => Unit::Directory(
                entries.into_iter().map(|(path, it)| (path.into(), entry(it))).collect(),
            ),
        };
        let units = self.units.into_iter().map(|(name, it)| (name, unit(it)));
        let plan =
            units.fold(Plan::default(), |plan, (name, unit): (String, Unit)| plan.with(name, unit));
        (plan, self.out.into())
    }
}

impl Bytes {
    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Raw(bytes.to_owned()),
        }
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        match bytes {
            Bytes::Text(text) => text.into_bytes(),
            Bytes::Raw(bytes) => bytes,
        }
    }
}

impl From<Bytes> for PathBuf {
    fn from(bytes: Bytes) -> Self {
        OsString::from_vec(bytes.into()).into()
    }
}

#[cfg(test)]
mod tests {
    use svcmgr::build::{Definitions, Options, Service, Target};

    use super::*;

    #[test]
    fn a_plan_survives_the_way() {
        for target in Target::ALL {
            let service = Service::new(["/bin/true"]).env("A", "b\u{1b}");
            // A Procfile has no word for what is normally down.
            let service = if target == Target::Procfile { service } else { service.down() };
            let mut plan = Definitions::default()
                .with("web", service)
                .render(target, Options::default())
                .unwrap();
            plan.notes.clear();
            let odd = PlanEntry::File(File { bytes: vec![0, 0xff], mode: 0o600, owner: None });
            let odd = [
                ("odd".into(), odd),
                ("link".into(), PlanEntry::Link("/x".into())),
                ("dir".into(), PlanEntry::Directory { mode: 0o700 }),
            ];
            plan.units.insert("odd".to_owned(), Unit::Directory(odd.into()));
            let args = Made { owner: None, diff: false, adopt: true, is_told: true };
            let out = OsString::from_vec(b"/tmp/\xff".to_vec());
            let text = serde_json::to_vec(&Errand::new(&plan, out.as_ref(), &args)).unwrap();
            let errand: Errand = serde_json::from_slice(&text).unwrap();
            assert_eq!(errand.into_plan(), (plan, out.into()));
        }
    }
}
