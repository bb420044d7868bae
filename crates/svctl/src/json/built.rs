//! The JSON of `build`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use svcmgr::build::{
    Gap, Plan,
    plan::{Change, ChangeKind, Diff},
};

/// What `build` did, or would do.
#[derive(Debug, Serialize)]
pub(crate) struct Built<'a> {
    target: &'static str,
    units: Vec<&'a str>,
    /// `null` for a dry run, which looks at nothing.
    changes: Option<&'a [Changed]>,
    left_out: Vec<LeftOut<'a>>,
    notes: &'a [String],
    recovered: &'a [String],
}

#[derive(Debug, Serialize)]
struct LeftOut<'a> {
    service: &'a str,
    key: &'a str,
    why: Option<&'a str>,
    instead: &'a str,
}

impl<'a> Built<'a> {
    pub(crate) fn new(target: &'static str, plan: &'a Plan, found: &'a Found) -> Self {
        Self {
            changes: Some(&found.changes),
            recovered: &found.recovered,
            ..Self::dry(target, plan)
        }
    }

    /// Without a look at what is there.
    pub(crate) fn dry(target: &'static str, plan: &'a Plan) -> Self {
        let left_out = |gap: &'a Gap| LeftOut {
            service: &gap.service,
            key: &gap.key,
            why: gap.why.as_deref(),
            instead: &gap.instead,
        };
        Self {
            target,
            units: plan.units.keys().map(String::as_str).collect(),
            changes: None,
            left_out: plan.gaps.iter().map(left_out).collect(),
            notes: &plan.notes,
            recovered: &[],
        }
    }
}

/// What differs from the plan, before it is changed.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    pub(crate) changes: Vec<Changed>,
    /// The differences as text, where that was asked for.
    pub(crate) lines: Vec<String>,
    /// What was left of an earlier write, and was brought to its end.
    pub(crate) recovered: Vec<String>,
}

/// One path.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changed {
    pub(crate) path: String,
    pub(crate) what: Verb,
    pub(crate) foreign: bool,
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verb {
    New,
    Changed,
    Removed,
}

impl Verb {
    /// The word for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

impl Found {
    pub(crate) fn of(diff: &Diff, recovered: &[PathBuf], with_text: bool) -> Self {
        let change = |it: &Change| Changed {
            path: it.path.display().to_string(),
            what: match it.what {
                ChangeKind::Make => Verb::New,
                ChangeKind::Alter => Verb::Changed,
                ChangeKind::Remove => Verb::Removed,
            },
            foreign: it.foreign,
        };
        let text = if with_text { diff.to_string() } else { String::new() };
        Self {
            changes: diff.changes.iter().map(change).collect(),
            lines: text.lines().map(str::to_owned).collect(),
            recovered: recovered.iter().map(|path| path.display().to_string()).collect(),
        }
    }

    /// With what another part of the plan found.
    pub(crate) fn and(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.lines.extend(other.lines);
        self.recovered.extend(other.recovered);
    }
}
