//! `svctl logs`: what services have logged, merged by time, and followed. Directories that loggers write
//! are read; what units write is in systemd's journal, which `journalctl` reads.
//!
//! | file         | for |
//! |--------------|-----|
//! | `journal.rs` | `journalctl` as a child, and the entries that it prints |
//! | `merge.rs`   | the two kinds together, in the order of their times |
//! | `print.rs`   | how a line is printed |

mod journal;
mod merge;
mod print;

use std::{ffi::OsString, io, path::Path};

use svcmgr::{
    Error, LogDir, LogFrom, UnixTime,
    systemd::{UnitName, unit_in},
};

use self::{
    journal::{Journal, Place, Query},
    merge::{Merge, Past, Record},
    print::Printer,
};
use crate::{
    args::{self, Global},
    exit::Exit,
    json::now,
    name,
    names::{self, NoTargets},
    output::{Output, printable},
};

pub(crate) fn run(global: &Global, args: &args::Logs, output: &mut Output) -> Exit {
    let mut exit = Exit::Done;
    let sources = match sources(global, args, output, &mut exit) {
        Ok(sources) => sources,
        Err(NoTargets(exit)) => return exit,
    };
    if sources.is_empty() {
        return exit;
    }
    match read(global, &sources, args, output) {
        Ok(()) => exit,
        Err(failure) => exit.max(failure.tell(output)),
    }
}

/// A log and whose it is.
struct Source {
    /// As text; for JSON.
    name: String,
    /// For people.
    shown: String,
    /// What names it again.
    url: Option<String>,
    origin: Origin,
}

enum Origin {
    Directory(LogDir),
    /// A unit, by its name.
    Unit,
}

impl Source {
    fn directory(&self) -> Option<&LogDir> {
        match &self.origin {
            Origin::Directory(log) => Some(log),
            Origin::Unit => None,
        }
    }
}

fn sources(
    global: &Global,
    args: &args::Logs,
    output: &mut Output,
    exit: &mut Exit,
) -> Result<Vec<Source>, NoTargets> {
    let mut sources = Vec::new();
    let mut services: Vec<OsString> = Vec::new();
    for typed in &args.services {
        let mut refuse = |error: Error| {
            *exit = (*exit).max(Exit::from(&error));
            output.error(&error);
        };
        if svcmgr::is_path(typed) && LogDir::is_at(typed) {
            match LogDir::open(typed) {
                Ok(log) => sources.push(Source {
                    name: typed.to_string_lossy().into_owned(),
                    shown: name::shown(&typed.to_string_lossy(), Some(Path::new(typed))),
                    url: Some(name::url(Path::new(typed))),
                    origin: Origin::Directory(log),
                }),
                Err(error) => refuse(error),
            }
        } else if let Some(unit) = unit_in(typed).filter(|unit| !unit.contains(['*', '?', '['])) {
            // The journal knows it without its manager.
            match UnitName::new(unit) {
                Ok(unit) => sources.push(Source::unit(unit.as_str())),
                Err(error) => refuse(error.into()),
            }
        } else {
            services.push(typed.clone());
        }
    }
    if services.is_empty() && !args.services.is_empty() {
        return Ok(sources);
    }
    for target in names::find(global, &services, output)? {
        let found = match target.found {
            Ok(found) => found,
            Err(error) => {
                *exit = (*exit).max(Exit::from(&error));
                output.error(&error);
                continue;
            }
        };
        let Some(service) = found.directory() else {
            sources.push(Source::unit(&found.name().to_string_lossy()));
            continue;
        };
        let logs = service.logs();
        let shown = name::shown(&target.name, Some(service.dir()));
        // Who asked for all did not ask for this one.
        if logs.is_empty() && !services.is_empty() {
            *exit = (*exit).max(Exit::Negative);
            output.message(&format!(
                "{shown}: cannot find its log\n  hint: name the log directory, as in `svctl logs /var/log/web`"
            ));
        }
        sources.extend(logs.into_iter().map(|log| Source {
            name: target.name.clone(),
            shown: shown.clone(),
            url: Some(name::url(service.dir())),
            origin: Origin::Directory(log),
        }));
    }
    Ok(sources)
}

impl Source {
    fn unit(name: &str) -> Self {
        let shown = name::shown(name, None);
        Self { name: name.to_owned(), shown, url: None, origin: Origin::Unit }
    }
}

/// So many lines are printed between two looks at everything else.
const LINES_A_TURN: usize = 1000;

/// Why reading ended too early.
enum Failure {
    Log(Error),
    /// `journalctl` could not be run, or its output not read.
    Journal(io::Error),
    /// `journalctl` said that it failed.
    Refused(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Log(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Journal(error)
    }
}

impl Failure {
    fn tell(self, output: &mut Output) -> Exit {
        match self {
            Self::Log(error) => {
                output.error(&error);
                return Exit::from(&error);
            }
            Self::Journal(error) => {
                let hint = match error.kind() {
                    io::ErrorKind::NotFound => {
                        "\n  hint: journalctl comes with systemd, and nothing else reads its journal"
                    }
                    _ => "",
                };
                let error = printable(&error.to_string());
                output.message(&format!("cannot run journalctl: {error}{hint}"));
            }
            Self::Refused(said) => {
                let (before, last) = said.rsplit_once('\n').unwrap_or(("", &said));
                for line in before.lines() {
                    output.message(&format!("journalctl: {}", line.trim()));
                }
                let hint = if last.contains("insufficient permissions") {
                    "\n  hint: members of the groups adm and systemd-journal may read it"
                } else {
                    ""
                };
                output.message(&format!("cannot read the journal: {last}{hint}"));
            }
        }
        Exit::System
    }
}

fn read(
    global: &Global,
    sources: &[Source],
    args: &args::Logs,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut printer = Printer::new(sources, args.utc, output);
    let from = match (args.since, args.lines, args.follow) {
        (Some(since), _, _) => LogFrom::Time(since),
        (None, Some(lines), _) => LogFrom::Last(lines),
        // As `tail -f`.
        (None, None, true) => LogFrom::Last(10),
        (None, None, false) => LogFrom::Start,
    };
    let units: Vec<String> = sources
        .iter()
        .filter(|source| source.directory().is_none())
        .map(|source| source.name.clone())
        .collect();
    let query = Query { units, user: global.user, from, until: args.until };
    let begun = now();
    let mut merge = Merge::new(sources, from)?;
    if !query.units.is_empty() {
        merge.journal = Some(Journal::read(&query)?);
    }
    // However fast they grow: what is there comes to an end.
    merge.stop_at_present()?;
    past(&mut merge, args, from, sources.len(), &mut printer, output)?;
    let place = finish_journal(&mut merge, begun, output)?;
    output.flush();
    if !args.follow {
        return Ok(());
    }
    merge.go_on();
    merge.journal = place.map(|place| Journal::follow(&query, &place)).transpose()?;
    follow(&mut merge, args.until, &mut printer, output)
}

/// What there is, in the order of its times.
fn past(
    merge: &mut Merge<'_>,
    args: &args::Logs,
    from: LogFrom,
    sources: usize,
    printer: &mut Printer<'_>,
    output: &mut Output,
) -> Result<(), Failure> {
    // Of several logs each gives its last lines, and the last of all are wanted; of the journal, an
    // entry may be several lines.
    let mut last = match from {
        LogFrom::Last(count) if sources > 1 || merge.journal.is_some() => {
            Some((count, std::collections::VecDeque::new()))
        }
        _ => None,
    };
    loop {
        if output.is_closed() {
            return Ok(());
        }
        let record = match merge.next_past(args.follow)? {
            Past::Record(record) => record,
            Past::Silence => {
                output.message("journalctl says nothing yet; what directories have comes first");
                continue;
            }
            Past::Pause => {
                output.flush();
                continue;
            }
            Past::Directories => {
                for record in last.take().into_iter().flat_map(|(_, records)| records) {
                    printer.print(&record, output);
                }
                output.flush();
                continue;
            }
            Past::End => break,
        };
        if is_later(&record, args.until) {
            continue;
        }
        match &mut last {
            Some((count, records)) => {
                records.push_back(record);
                if records.len() > *count {
                    records.pop_front();
                }
            }
            None => printer.print(&record, output),
        }
    }
    for record in last.into_iter().flat_map(|(_, records)| records) {
        printer.print(&record, output);
    }
    Ok(())
}

fn is_later(record: &Record, until: Option<UnixTime>) -> bool {
    until.zip(record.at).is_some_and(|(until, at)| at > until)
}

/// Ends the first `journalctl`; where a second is to go on.
fn finish_journal(
    merge: &mut Merge<'_>,
    begun: UnixTime,
    output: &mut Output,
) -> Result<Option<Place>, Failure> {
    let Some(journal) = merge.journal.take() else { return Ok(None) };
    if output.is_closed() {
        return Ok(None);
    }
    let place = match journal.cursor() {
        Some(cursor) => Place::After(cursor.to_owned()),
        None => Place::Since(begun),
    };
    match journal.end()? {
        (false, said) => Err(Failure::Refused(said)),
        (true, said) => {
            // That there are entries which this user may not see, for one.
            let said = if output.quiet { "" } else { &said };
            for line in said.lines() {
                output.message(&format!("journalctl: {}", printable(line)));
            }
            Ok(Some(place))
        }
    }
}

fn follow(
    merge: &mut Merge<'_>,
    until: Option<UnixTime>,
    printer: &mut Printer<'_>,
    output: &mut Output,
) -> Result<(), Failure> {
    while !output.is_closed() {
        // Whoever writes faster than this prints keeps neither the others from being read nor this
        // from noticing that nobody reads.
        let mut more = false;
        for _ in 0..LINES_A_TURN {
            let Some(record) = merge.next_now()? else { break };
            more = true;
            if !is_later(&record, until) {
                printer.print(&record, output);
            }
        }
        output.flush();
        if more {
            continue;
        }
        if let Some(journal) = merge.journal.take_if(|journal| journal.is_over()) {
            let (_, said) = journal.end()?;
            return Err(Failure::Refused(format!("journalctl has ended; {said}")));
        }
        if merge.wait()?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}
