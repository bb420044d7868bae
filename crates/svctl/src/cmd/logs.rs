//! `svctl logs`: what services have logged, merged by time, and followed.

use std::{collections::VecDeque, io::IsTerminal, os::fd::AsFd, path::Path};

use jiff::tz::TimeZone;
use svcmgr::{Error, LogDir, LogFrom, LogItem, LogLine, Logs, UnixTime};

use crate::{
    args::{self, Global},
    exit::Exit,
    json,
    names::{self, NoTargets},
    output::{Output, printable, wait_beside},
};

pub(crate) fn run(global: &Global, args: &args::Logs, output: &mut Output) -> Exit {
    let mut exit = Exit::Done;
    let sources = match sources(global, args, output, &mut exit) {
        Ok(sources) => sources,
        Err(NoTargets(exit)) => return exit,
    };
    match read(&sources, args, output) {
        Ok(()) => exit,
        Err(error) => {
            output.error(&error);
            exit.max(Exit::from(&error))
        }
    }
}

/// A log and whose it is.
struct Source {
    name: String,
    log: LogDir,
}

fn sources(
    global: &Global,
    args: &args::Logs,
    output: &mut Output,
    exit: &mut Exit,
) -> Result<Vec<Source>, NoTargets> {
    let mut sources = Vec::new();
    let is_log = |name: &&std::ffi::OsString| {
        svcmgr::is_path(name) && Path::new(name).join("current").is_file()
    };
    let (dirs, services): (Vec<_>, Vec<_>) = args.services.iter().partition(is_log);
    for dir in dirs {
        match LogDir::open(dir) {
            Ok(log) => sources.push(Source { name: dir.to_string_lossy().into_owned(), log }),
            Err(error) => {
                *exit = (*exit).max(Exit::from(&error));
                output.error(&error);
            }
        }
    }
    if services.is_empty() && !args.services.is_empty() {
        return Ok(sources);
    }
    let services: Vec<_> = services.into_iter().cloned().collect();
    for target in names::find(global, &services, output)? {
        let found = match target.backend {
            Ok(found) => found,
            Err(error) => {
                *exit = (*exit).max(Exit::from(&error));
                output.error(&error);
                continue;
            }
        };
        let logs = found.directory().map(svcmgr::Service::logs).unwrap_or_default();
        // Who asked for all did not ask for this one.
        if logs.is_empty() && !services.is_empty() {
            *exit = (*exit).max(Exit::Negative);
            let name = printable(&target.name);
            let hint = match found.directory() {
                Some(_) => "name the log directory, as in `svctl logs /var/log/web`".to_owned(),
                None => format!("what units write is kept by journald: journalctl -u {name}"),
            };
            output.message(&format!("{name}: cannot find its log\n  hint: {hint}"));
        }
        sources.extend(logs.into_iter().map(|log| Source { name: target.name.clone(), log }));
    }
    Ok(sources)
}

fn read(sources: &[Source], args: &args::Logs, output: &mut Output) -> Result<(), Error> {
    if sources.is_empty() {
        return Ok(());
    }
    let mut printer = Printer::new(sources, args.utc, output);
    let mut logs = Logs::new()?;
    let from = match (args.since, args.lines, args.follow) {
        (Some(since), _, _) => LogFrom::Time(since),
        (None, Some(lines), _) => LogFrom::Last(lines),
        // As `tail -f`.
        (None, None, true) => LogFrom::Last(10),
        (None, None, false) => LogFrom::Start,
    };
    for source in sources {
        logs.add(&source.log, from)?;
    }
    let until =
        |line: &LogLine| args.until.is_none_or(|until| line.at.is_none_or(|at| at <= until));
    // Of several logs each gives its last lines, and the last of all are wanted.
    let mut last: Option<(usize, VecDeque<LogLine>)> = match from {
        LogFrom::Last(count) if sources.len() > 1 => Some((count, VecDeque::new())),
        _ => None,
    };
    while !output.is_closed() {
        match logs.next_now()? {
            Some(line) if !until(&line) => (),
            Some(line) => match &mut last {
                Some((count, lines)) => {
                    lines.push_back(line);
                    if lines.len() > *count {
                        lines.pop_front();
                    }
                }
                None => printer.print(&line, output),
            },
            None => {
                for line in last.take().into_iter().flat_map(|(_, lines)| lines) {
                    printer.print(&line, output);
                }
                output.flush();
                if !args.follow || wait_beside(logs.as_fd(), logs.due()).is_break() {
                    return Ok(());
                }
                logs.hear()?;
            }
        }
    }
    Ok(())
}

fn name_of(source: &Source) -> &str {
    &source.name
}

/// How a line is printed.
struct Printer<'a> {
    sources: &'a [Source],
    paths: Vec<String>,
    width: usize,
    zone: TimeZone,
    /// What a terminal shows must not move its cursor; what goes elsewhere is left as it is.
    terminal: bool,
}

impl<'a> Printer<'a> {
    fn new(sources: &'a [Source], utc: bool, output: &Output) -> Self {
        let name = |source: &Source| printable(&source.name).chars().count();
        let several =
            sources.windows(2).any(|two| two.first().map(name_of) != two.last().map(name_of));
        Self {
            sources,
            paths: sources
                .iter()
                .map(|source| source.log.path().to_string_lossy().into())
                .collect(),
            width: if several { sources.iter().map(name).max().unwrap_or(0) } else { 0 },
            zone: if utc || output.json { TimeZone::UTC } else { TimeZone::system() },
            terminal: std::io::stdout().is_terminal(),
        }
    }

    fn print(&mut self, line: &LogLine, output: &mut Output) {
        let at = line.key.index();
        let (Some(source), Some(path)) = (self.sources.get(at), self.paths.get(at)) else { return };
        let text = match &line.what {
            LogItem::Line(text) => text,
            LogItem::NotText(file) => {
                let file = printable(&file.display().to_string());
                output.message(&format!("{file}: is packed, so its lines are left out"));
                return;
            }
            _ => {
                let path = printable(path);
                output.message(&format!("{path}: files were removed, lines may be missing here"));
                return;
            }
        };
        if output.json {
            let at = line.at.and_then(json::rfc3339);
            let line = String::from_utf8_lossy(text);
            output.json(&json::Logged { service: &source.name, log: path, at, line });
            return;
        }
        let mut shown = Vec::new();
        if let Some(time) = line.at.and_then(|at| self.time(at)) {
            shown.extend(time.as_bytes());
            shown.push(b' ');
        }
        if self.width > 0 {
            let name = printable(&source.name);
            let pad = self.width.saturating_sub(name.chars().count());
            shown.extend(name.as_bytes());
            shown.extend(std::iter::repeat_n(b' ', pad + 1));
        }
        if self.terminal {
            shown.extend(printable(&String::from_utf8_lossy(text)).as_bytes());
        } else {
            shown.extend(text);
        }
        output.bytes(&shown);
    }

    fn time(&self, at: UnixTime) -> Option<String> {
        let nanos = i32::try_from(at.nanos()).ok()?;
        let time = jiff::Timestamp::new(at.secs(), nanos).ok()?.to_zoned(self.zone.clone());
        Some(time.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string())
    }
}
