//! A logger may write a line to two of its directories. It is printed once: the same line at the
//! same time, by the same service, in another directory than before.

use std::collections::{HashMap, VecDeque};

use svcmgr::{LogItem, UnixTime};

use super::{merge::Record, sources::Source};

/// Lines of services with several directories.
pub(super) struct Twice {
    /// Of each source the service, if it has others.
    services: Vec<Option<usize>>,
    seen: HashMap<Line, Vec<usize>>,
    order: VecDeque<Line>,
}

/// A line of a service.
type Line = (usize, UnixTime, Vec<u8>);

/// So many lines are remembered. Directories of one logger are written at the same time.
const WINDOW: usize = 4096;

impl Twice {
    pub(super) fn new(sources: &[Source]) -> Self {
        let others = |source: &Source| {
            sources.iter().filter(|other| other.service == source.service).count() > 1
        };
        let services =
            sources.iter().map(|source| source.service.filter(|_| others(source))).collect();
        Self { services, seen: HashMap::new(), order: VecDeque::new() }
    }

    /// Whether the line came from another directory of its service already.
    pub(super) fn is_told(&mut self, record: &Record) -> bool {
        let Record { source: Some(source), at: Some(at), what: LogItem::Line(text), .. } = record
        else {
            return false;
        };
        let Some(service) = self.services.get(*source).copied().flatten() else { return false };
        let is_full = self.order.len() > WINDOW;
        let line = (service, *at, text.clone());
        let seen = self.seen.entry(line.clone()).or_insert_with(|| {
            self.order.push_back(line);
            Vec::new()
        });
        // As often as it is in the one where it is most often.
        let count = |of: usize| seen.iter().filter(|source| **source == of).count();
        let before = seen.iter().map(|of| count(*of)).max().unwrap_or(0);
        let is_told = count(*source) < before;
        seen.push(*source);
        let oldest = if is_full { self.order.pop_front() } else { None };
        oldest.map(|oldest| self.seen.remove(&oldest));
        is_told
    }
}
