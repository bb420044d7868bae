//! `svctl logs`: what services have logged, merged by time, and followed. Directories that loggers
//! write are read; what units write is in systemd's journal, which `journalctl` reads.
//!
//! | file         | for |
//! |--------------|-----|
//! | `journal.rs` | `journalctl` as a child, and the entries that it prints |
//! | `merge.rs`   | the two kinds together, in the order of their times |
//! | `print.rs`   | how a line is printed |
//! | `sources.rs` | which logs are meant, and why there is none |
//! | `twice.rs`   | what a logger has written to two of its directories, once |

mod journal;
mod merge;
mod print;
mod sources;
mod twice;

use std::{
    io,
    time::{Duration, Instant},
};

use svcmgr::{Error, LogFrom, LogItem, UnixTime, Unseen};

use self::{
    journal::{Journal, Query, Resume},
    merge::{Merge, Past, Record},
    print::Printer,
    sources::{Source, sources},
    twice::Twice,
};
use crate::{
    args::{self, Global},
    exit::Exit,
    json,
    names::NoTargets,
    output::{Output, printable},
    text::count,
};

pub(crate) fn run(global: &Global, args: &args::Logs, output: &mut Output) -> Exit {
    let mut exit = Exit::Done;
    if args.since.zip(args.until).is_some_and(|(since, until)| since > until) {
        output.message("--until is before --since, and no line is between them");
        return Exit::Usage;
    }
    let sources = match sources(global, args, output, &mut exit) {
        Ok(sources) => sources,
        Err(NoTargets(exit)) => return exit,
    };
    if sources.is_empty() {
        return exit;
    }
    match read(global, &sources, args, output) {
        Ok(ending) => exit.max(ending),
        Err(failure) => exit.max(failure.tell(output)),
    }
}

/// The last lines of a journal are waited for no longer.
const JOURNAL_TAKES: Duration = Duration::from_secs(2);

/// The last lines in the journal of a unit, what the manager wrote about it among them: as many as come in
/// [`JOURNAL_TAKES`]. And why there may be more than that.
pub(super) fn last_of_unit(
    name: &str,
    user: bool,
    count: usize,
) -> (Vec<json::ShownLine>, Option<Unseen>) {
    let units = vec![name.to_owned()];
    let (from, lines) = (LogFrom::Last(count), Some(count));
    let mut all = Vec::new();
    let ended = Journal::read(&Query { units, user, from, lines, until: None })
        .and_then(|journal| last_lines(journal, &mut all));
    let needs = match ended {
        Ok(Some((is_done, said))) => journal::lacks(is_done, &said),
        Ok(None) => Some("more than 2 seconds of journalctl".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some("journalctl".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    let what = if all.is_empty() { "its journal" } else { "all of its journal" };
    (all, needs.map(|needs| Unseen::new(what, needs)))
}

/// All that comes in time, and how it ended, if it did.
fn last_lines(
    mut journal: Journal,
    all: &mut Vec<json::ShownLine>,
) -> io::Result<Option<(bool, String)>> {
    let end = Instant::now() + JOURNAL_TAKES;
    while !journal.is_over() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || !journal.says_something(left)? {
            return Ok(None);
        }
        journal.hear()?;
        while let Some(entry) = journal.next_now() {
            all.push(json::ShownLine {
                log: None,
                at: entry.at.and_then(json::rfc3339),
                line: String::from_utf8_lossy(&entry.text).into_owned(),
            });
        }
    }
    journal.end().map(Some)
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
) -> Result<Exit, Failure> {
    let mut printer = Printer::new(sources, args.utc, output);
    let from = match (args.since, args.lines, args.follow) {
        (Some(since), _, _) => LogFrom::Time(since),
        // The last of what is not too late are wanted, and these are not the last of all.
        (None, Some(_), _) if args.until.is_some() => LogFrom::Start,
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
    let query = Query { units, user: global.user, from, lines: args.lines, until: args.until };
    let begun = UnixTime::now();
    let mut exit = Exit::Done;
    let mut merge = Merge::new(sources, from, output, &mut exit)?;
    if !query.units.is_empty() {
        merge.journal = Some(Journal::read(&query)?);
    }
    // However fast they grow: what is there comes to an end.
    merge.stop_at_present()?;
    let mut twice = Twice::new(sources);
    let (lines, has_said) =
        past(&mut merge, args, from, sources, &mut twice, &mut printer, output)?;
    let resume = finish_journal(&mut merge, begun, output)?;
    output.flush();
    exit = exit.max(tell_left_out(sources, &lines, args, output));
    if !args.follow {
        if !has_said && !output.quiet {
            tell_silence(sources, &lines, &query, &merge, output);
        }
        return Ok(exit);
    }
    merge.go_on();
    merge.journal = resume.map(|resume| Journal::follow(&query, &resume)).transpose()?;
    follow(&mut merge, args.until, &mut twice, &mut printer, output)?;
    Ok(exit)
}

/// Lines of a log.
#[derive(Clone, Copy, Default)]
struct Lines {
    printed: bool,
    /// Nobody says when they were written, and that is what was asked for.
    left_out: u64,
}

/// Says of which logs lines were left out because they have no time. That nothing else is there is
/// a negative answer.
fn tell_left_out(
    sources: &[Source],
    lines: &[Lines],
    args: &args::Logs,
    output: &mut Output,
) -> Exit {
    let mut exit = Exit::Done;
    let option = if args.since.is_some() { "--since" } else { "--until" };
    for (source, lines) in sources.iter().zip(lines).filter(|(_, lines)| lines.left_out > 0) {
        let many = if lines.left_out == 1 { "1 line has" } else { "lines have" };
        let counted = match lines.left_out {
            1 => many.to_owned(),
            more => format!("{} {many}", count(more)),
        };
        output.message(&format!(
            "{}: {counted} no time, and {option} leaves out what has none",
            source.shown
        ));
        if !lines.printed {
            exit = Exit::Negative;
        }
    }
    exit
}

/// Says of which logs there was nothing to print. Those whose lines were left out are told already.
fn tell_silence(
    sources: &[Source],
    lines: &[Lines],
    query: &Query,
    merge: &Merge<'_>,
    output: &mut Output,
) {
    if !query.units.is_empty() {
        let names = query.units.join(", ");
        output
            .message(&printable(&format!("the journal has no line of {names} that was asked for")));
    }
    let mut told = "";
    for (at, (source, lines)) in sources.iter().zip(lines).enumerate() {
        // Several directories of one logger stand one after the other.
        if merge.reads(at) && lines.left_out == 0 && source.shown != told {
            told = &source.shown;
            output.message(&format!("{told}: its log has no line that was asked for"));
        }
    }
}

/// What there is, in the order of its times; and whether there was anything.
fn past(
    merge: &mut Merge<'_>,
    args: &args::Logs,
    from: LogFrom,
    sources: &[Source],
    twice: &mut Twice,
    printer: &mut Printer<'_>,
    output: &mut Output,
) -> Result<(Vec<Lines>, bool), Failure> {
    // Of several logs each gives its last lines, and the last of all are wanted; of the journal, an
    // entry may be several lines. What is too late is none of them.
    let mut last = match (from, args.lines) {
        (LogFrom::Last(count), _) if sources.len() > 1 || merge.journal.is_some() => Some(count),
        (LogFrom::Last(_), _) => None,
        (_, lines) => lines,
    }
    .map(|count| (count, std::collections::VecDeque::new()));
    let mut lines = vec![Lines::default(); sources.len()];
    let mut has_said = false;
    loop {
        if output.is_closed() {
            return Ok((lines, true));
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
        if is_later(&record, args.until) || twice.is_told(&record) {
            continue;
        }
        let is_timeless = record.at.is_none() && matches!(record.what, LogItem::Line(_));
        let is_left_out = is_timeless && args.until.is_some();
        if let Some(of) = record.source.and_then(|source| lines.get_mut(source)) {
            of.left_out += u64::from(is_left_out);
            of.printed |= !is_left_out;
        }
        if is_left_out {
            continue;
        }
        has_said = true;
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
    for (source, without_time) in merge.without_time() {
        if let Some(of) = lines.get_mut(source) {
            of.left_out += without_time;
        }
    }
    Ok((lines, has_said))
}

fn is_later(record: &Record, until: Option<UnixTime>) -> bool {
    until.zip(record.at).is_some_and(|(until, at)| at > until)
}

/// Ends the first `journalctl`; where a second is to go on.
fn finish_journal(
    merge: &mut Merge<'_>,
    begun: UnixTime,
    output: &mut Output,
) -> Result<Option<Resume>, Failure> {
    let Some(journal) = merge.journal.take() else { return Ok(None) };
    if output.is_closed() {
        return Ok(None);
    }
    let resume = match journal.cursor() {
        Some(cursor) => Resume::After(cursor.to_owned()),
        None => Resume::Since(begun),
    };
    match journal.end()? {
        (false, said) => Err(Failure::Refused(said)),
        (true, said) => {
            // That there are entries which this user may not see, for one.
            let said = if output.quiet { "" } else { &said };
            for line in said.lines() {
                output.message(&format!("journalctl: {}", printable(line)));
            }
            Ok(Some(resume))
        }
    }
}

fn follow(
    merge: &mut Merge<'_>,
    until: Option<UnixTime>,
    twice: &mut Twice,
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
            if !is_later(&record, until) && !twice.is_told(&record) {
                printer.print(&record, output);
            }
        }
        output.flush();
        let journal = &mut merge.journal;
        if let Some(journal) = journal.take_if(|journal| !more && journal.is_over()) {
            let (_, said) = journal.end()?;
            return Err(Failure::Refused(format!("journalctl has ended; {said}")));
        }
        if merge.wait(more)?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}
