//! The JSON of `build --check`.

use std::{collections::BTreeSet, fmt};

use serde::{Serialize, Serializer};
use svcmgr::build::{Error, Gap};

/// What `build --check` found, a row for each target.
#[derive(Debug, Serialize)]
pub(crate) struct Buildable {
    pub(crate) checked: Vec<ForTarget>,
}

/// One target.
#[derive(Debug, Serialize)]
pub(crate) struct ForTarget {
    target: &'static str,
    pub(crate) builds: bool,
    refused: Vec<Refused>,
    #[serde(serialize_with = "as_refused")]
    pub(crate) left_out: Vec<Gap>,
    notes: Vec<String>,
}

/// A key that keeps a file from being built.
#[derive(Debug, Serialize)]
pub(crate) struct Refused {
    service: String,
    key: String,
    why: Option<String>,
    instead: Option<String>,
}

impl ForTarget {
    pub(crate) const fn able(target: &'static str, left_out: Vec<Gap>, notes: Vec<String>) -> Self {
        Self { target, builds: true, refused: Vec::new(), left_out, notes }
    }

    pub(crate) fn unable(target: &'static str, refused: impl IntoIterator<Item = Refused>) -> Self {
        let refused = refused.into_iter().collect();
        Self { target, builds: false, refused, left_out: Vec::new(), notes: Vec::new() }
    }
}

impl fmt::Display for ForTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, refused, .. } = self;
        if self.builds {
            return write!(f, "{target}: can be built");
        }
        let keys: BTreeSet<_> =
            refused.iter().map(|it| format!("`{}` of `{}`", it.key, it.service)).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        write!(f, "{target}: cannot be built, for {}", keys.join(", "))
    }
}

impl Refused {
    pub(crate) fn gap(gap: &Gap) -> Self {
        Self {
            service: gap.service.clone(),
            key: gap.key.clone(),
            why: gap.why.clone(),
            instead: Some(gap.instead.clone()),
        }
    }

    /// `None` for an error that is about no key.
    pub(crate) fn unquotable(error: &Error) -> Option<Self> {
        let Error::Unquotable { service, key, source, .. } = error else { return None };
        let why = Some(source.to_string());
        Some(Self { service: service.clone(), key: key.clone(), why, instead: None })
    }
}

fn as_refused<S: Serializer>(gaps: &[Gap], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(gaps.iter().map(Refused::gap))
}
