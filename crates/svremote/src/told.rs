//! What is told about hosts.

use crate::{Trouble, Version};

/// Something about one host.
#[derive(Debug)]
#[non_exhaustive]
pub struct Event {
    /// Its place among the hosts that were given.
    pub host: usize,
    /// What it is.
    pub told: Told,
}

/// What is told about a host.
#[derive(Debug)]
#[non_exhaustive]
pub enum Told {
    /// It was reached, and its program says what it is.
    Answered(Version),
    /// A line of what the program there prints.
    Line(String),
    /// A line of the program's messages.
    Message(String),
    /// It is over: the exit code of the program there, or why there is none. Nothing of this host follows.
    Ended(Result<u8, Trouble>),
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Something was told.
    Event(Event),
    /// Nothing is told for now: all that could is held.
    Held,
    /// Whoever reads the output is gone.
    ReaderGone,
    /// All hosts have ended.
    Done,
}
