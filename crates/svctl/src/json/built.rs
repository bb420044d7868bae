//! The JSON of `build`.

use serde::Serialize;
use svcmgr::build::{Gap, Plan};

use crate::cmd::build::{Changed, Found};

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
