//! The JSON of `apply`.

use serde::Serialize;

use super::Became;

/// What came of one service.
#[derive(Debug, Serialize)]
pub(crate) struct Applied {
    pub(crate) service: String,
    /// `None` for a unit.
    pub(crate) scan_dir: Option<String>,
    #[serde(flatten)]
    pub(crate) became: Became,
    /// What was done to it, or would be, in order.
    pub(crate) did: Vec<&'static str>,
    /// Files that are made, changed or removed.
    pub(crate) files: Vec<String>,
    /// Whether all was taken back because something did not come about.
    pub(crate) rolled_back: bool,
}
