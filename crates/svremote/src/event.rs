//! What happens on hosts while they are asked.

use crate::{HostFailure, Version};

/// Something that happened on one host.
#[derive(Debug)]
#[non_exhaustive]
pub struct HostEvent {
    /// Its index among the hosts that were given.
    pub host: usize,
    /// What it is.
    pub kind: EventKind,
}

/// What happened on a host.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// It was reached, and its program says what it is.
    Answered(Version),
    /// A line of what the program there prints.
    Line(String),
    /// A line of the program's messages.
    Message(String),
    /// It is over: the exit code of the program there, or why there is none. Nothing of this host follows.
    Ended(Result<u8, HostFailure>),
}

/// What came of waiting for an event, while somebody else reads what is printed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress {
    /// Something happened.
    Event(HostEvent),
    /// Nothing for now: every host that could say something is held back ([`Calls::hold`](crate::Calls::hold)).
    Held,
    /// Whoever reads the output is gone.
    ReaderGone,
    /// All hosts have ended.
    Done,
}
