//! The service that a script is read for, and which of its scripts it is.

use std::path::Path;

use svproto::Dialect;

/// The service that scripts are read for.
#[derive(Clone, Copy)]
pub(crate) struct Service<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) suite: Option<Dialect>,
    /// A logger reads its standard output.
    pub(crate) is_logged: bool,
}

/// Which of its scripts one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Run,
    LogRun,
    Finish,
    /// Something that its supervisor runs besides.
    Other,
}
