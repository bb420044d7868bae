//! How a task ends badly: with something to say, or with everything said.

/// Why a task failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The task has already printed what is wrong.
    Told,
    /// A command that was run for the caller ended with this status; it is passed on.
    Status(u8),
    /// What, where, why, and what to do.
    Because(String),
}

impl Failure {
    /// "cannot VERB PLACE: why".
    pub(crate) fn cannot(what: impl AsRef<str>, why: impl std::fmt::Display) -> Self {
        Self::Because(format!("cannot {}: {why}", what.as_ref()))
    }
}
