//! Directories of logs and the journal as one stream: what there is by its times, then what comes.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use svcmgr::{LogFrom, LogItem, LogKey, LogLine, Logs, UnixTime};

use super::{
    Failure,
    journal::{Entry, Journal},
    sources::Source,
};
use crate::{
    exit::Exit,
    output::{Output, wait_beside_all},
};

/// A line of any of them.
pub(super) struct Record {
    /// Which source it is of; `None` for an entry of a unit that goes by another name.
    pub(super) source: Option<usize>,
    pub(super) unit: Option<String>,
    pub(super) at: Option<UnixTime>,
    pub(super) what: LogItem,
}

pub(super) struct Merge<'a> {
    logs: Logs,
    /// For each log its source.
    of_log: Vec<(LogKey, usize)>,
    of_unit: HashMap<&'a str, usize>,
    pub(super) journal: Option<Journal>,
    line: Option<LogLine>,
    entry: Option<Entry>,
    /// The journal goes first where both have something.
    journal_first: bool,
    patience: Patience,
    finished: bool,
    /// What was printed is with its reader, as long as the journal says nothing.
    flushed: bool,
}

/// Whether directories wait for the journal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    /// It has said nothing for so long that they go first.
    Gone,
    /// They have nothing more.
    Over,
}

/// What there is of the past.
pub(super) enum Past {
    Record(Record),
    /// From now on the journal is waited for last; told once.
    Silence,
    /// The journal is waited for.
    Pause,
    /// After silence: directories have no more, and now the journal is waited for; told once.
    Directories,
    End,
}

/// So long for the first word of the journal, while directories have lines to print.
const SILENCE: Duration = Duration::from_secs(3);

impl<'a> Merge<'a> {
    /// Those that can be read. Of the others is said why, and how bad that is.
    pub(super) fn new(
        sources: &'a [Source],
        from: LogFrom,
        output: &mut Output,
        exit: &mut Exit,
    ) -> Result<Self, Failure> {
        let mut logs = Logs::new()?;
        let (mut of_log, mut of_unit) = (Vec::new(), HashMap::new());
        for (at, source) in sources.iter().enumerate() {
            if let Some(log) = source.directory() {
                match logs.add_in_zone(log, from, super::sources::clock(log)) {
                    Ok(key) => of_log.push((key, at)),
                    Err(error) => *exit = (*exit).max(Failure::Log(error).tell(output)),
                }
            } else {
                of_unit.insert(&*source.name, at);
            }
        }
        Ok(Self {
            logs,
            of_log,
            of_unit,
            journal: None,
            line: None,
            entry: None,
            journal_first: false,
            patience: Patience::Waits,
            finished: false,
            flushed: false,
        })
    }

    /// Whether anything of a source is read.
    pub(super) fn reads(&self, source: usize) -> bool {
        self.of_log.iter().any(|(_, of)| *of == source)
    }

    /// Of each source how many lines were left out because they have no time.
    pub(super) fn without_time(&self) -> impl Iterator<Item = (usize, u64)> {
        self.of_log.iter().map(|(key, source)| (*source, self.logs.without_time(*key)))
    }

    /// What is written from now on is not of the past.
    pub(super) fn stop_at_present(&mut self) -> Result<(), Failure> {
        Ok(self.logs.stop_at_present()?)
    }

    /// What was written since then is next.
    pub(super) fn go_on(&mut self) {
        self.logs.go_on();
    }

    /// The earliest of what there is already. The journal is waited for, as it ends; but if it is
    /// silent, other logs are not kept waiting by it. `goes_on` for lines whose end may come.
    pub(super) fn next_past(&mut self, goes_on: bool) -> Result<Past, Failure> {
        if self.line.is_none() {
            self.line = self.logs.next_now()?;
            if self.line.is_none() && !goes_on && !std::mem::replace(&mut self.finished, true) {
                self.logs.finish();
                self.line = self.logs.next_now()?;
            }
        }
        if let Some(journal) = self.journal.as_mut().filter(|_| self.entry.is_none()) {
            match (self.line.is_some(), self.patience) {
                (true, Patience::Waits) if !journal.says_something(SILENCE)? => {
                    self.patience = Patience::Gone;
                    return Ok(Past::Silence);
                }
                (false, Patience::Waits | Patience::Over)
                    if !self.flushed && !journal.says_something(Duration::ZERO)? =>
                {
                    self.flushed = true;
                    return Ok(Past::Pause);
                }
                (false, Patience::Gone) => {
                    self.patience = Patience::Over;
                    return Ok(Past::Directories);
                }
                _ => (),
            }
            if self.patience != Patience::Gone {
                self.entry = journal.next()?;
                self.flushed = false;
            }
        }
        let entry_first = match (&self.line, &self.entry) {
            // A line without any time stands where it stood: before all that has one.
            (Some(line), Some(entry)) => entry.at < line.at,
            (line, _) => line.is_none(),
        };
        let record = if entry_first {
            self.entry.take().map(|entry| self.of_entry(entry))
        } else {
            self.line.take().map(|line| self.of_line(line))
        };
        Ok(record.map_or(Past::End, Past::Record))
    }

    /// What has come, as it came.
    pub(super) fn next_now(&mut self) -> Result<Option<Record>, Failure> {
        self.journal_first = !self.journal_first;
        if self.journal_first {
            let entry = self.journal.as_mut().and_then(Journal::next_now);
            if let Some(entry) = entry {
                return Ok(Some(self.of_entry(entry)));
            }
        }
        if let Some(line) = self.logs.next_now()? {
            return Ok(Some(self.of_line(line)));
        }
        let entry = self.journal.as_mut().and_then(Journal::next_now);
        Ok(entry.map(|entry| self.of_entry(entry)))
    }

    /// Waits until more may have come, or nobody reads any more; not at all where there is more
    /// already: then only what was written to the others is heard.
    pub(super) fn wait(&mut self, is_more: bool) -> Result<ControlFlow<()>, Failure> {
        let due = if is_more { Some(Instant::now()) } else { self.logs.due() };
        let mut fds: Vec<BorrowedFd<'_>> = vec![self.logs.as_fd()];
        fds.extend(self.journal.as_ref().map(Journal::as_fd));
        let ready = match wait_beside_all(&fds, due) {
            ControlFlow::Break(()) => return Ok(ControlFlow::Break(())),
            ControlFlow::Continue(ready) => ready,
        };
        self.logs.hear()?;
        if let Some(journal) = self.journal.as_mut().filter(|_| ready.get(1) == Some(&true)) {
            journal.hear()?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn of_line(&self, LogLine { key, at, item: what, .. }: LogLine) -> Record {
        Record { source: self.of_log.get(key.index()).map(|(_, at)| *at), unit: None, at, what }
    }

    fn of_entry(&self, Entry { unit, at, text }: Entry) -> Record {
        let known = unit.as_deref().and_then(|unit| self.of_unit.get(unit).copied());
        // Under another name, the only one that was asked for is meant.
        let only = || self.of_unit.values().next().copied().filter(|_| self.of_unit.len() == 1);
        Record { source: known.or_else(only), unit, at, what: LogItem::Line(text) }
    }
}
