//! The JSON of `build`.

use std::path::PathBuf;

use serde::Serialize;
use svcmgr::build::{
    Gap, Plan,
    plan::{Diff, What},
};

/// What `build` did, or would do.
#[derive(Debug, Serialize)]
pub(crate) struct Built<'a> {
    target: &'static str,
    units: Vec<&'a str>,
    /// `null` for a dry run, which looks at nothing.
    changes: Option<Vec<Change>>,
    left_out: Vec<LeftOut<'a>>,
    notes: &'a [String],
    recovered: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Change {
    path: String,
    what: &'static str,
    foreign: bool,
}

#[derive(Debug, Serialize)]
struct LeftOut<'a> {
    service: &'a str,
    key: &'a str,
    why: Option<&'a str>,
    instead: &'a str,
}

/// The word for a change, for people too.
pub(crate) const fn what(what: What) -> &'static str {
    match what {
        What::Make => "new",
        What::Alter => "changed",
        What::Remove => "removed",
    }
}

impl<'a> Built<'a> {
    pub(crate) fn new(
        target: &'static str,
        plan: &'a Plan,
        diff: &Diff,
        recovered: &[PathBuf],
    ) -> Self {
        let change = |it: &svcmgr::build::plan::Change| Change {
            path: it.path.display().to_string(),
            what: what(it.what),
            foreign: it.foreign,
        };
        Self {
            changes: Some(diff.changes.iter().map(change).collect()),
            recovered: recovered.iter().map(|path| path.display().to_string()).collect(),
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
            recovered: Vec::new(),
        }
    }
}
