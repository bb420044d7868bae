//! Where the log of a service is. No file says it as such: the logger's command line does, while it
//! runs, its script does else, and custom does where that says nothing.
//!
//! | file         | for |
//! |--------------|-----|
//! | `words.rs`   | what a command line says of where a logger writes |
//! | `script.rs`  | the command line in a `run` of `sh` or `execlineb` |
//! | `note.rs`    | what stands in the place of a log |
//!
//! Loggers, in the order in which they are looked for: the directory `log`; in encore an executable
//! file of that name; the service at the other end of the pipe that s6-rc made (`s6rc-w-NAME` in
//! the `run` that it compiled, as under s6-overlay); the process that reads the pipe to which the
//! service writes.
//!
//! Source: `s6-rc-compile` of s6-rc 0.5.4.1; Void's `vlogger`; observed.

mod note;
mod script;
mod words;

use std::{
    cell::OnceCell,
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use svproto::{Pid, Reading, files};

use self::words::Keeper;
use super::{CURRENT, LogDir, tail::is_log};
use crate::{Error, Service, node};

pub use self::note::LogNote;

/// What was found of the log of a service.
#[derive(Debug, Default)]
pub struct FoundLogs {
    dirs: Vec<LogDir>,
    notes: Vec<LogNote>,
    is_own: bool,
}

impl FoundLogs {
    /// The log directories.
    #[must_use]
    pub fn dirs(&self) -> &[LogDir] {
        &self.dirs
    }

    /// Why there is none, and what is to be known of those that there are: that the logger does not
    /// run, or writes to syslog.
    #[must_use]
    pub fn notes(&self) -> &[LogNote] {
        &self.notes
    }

    /// Whether the service is the logger itself.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.is_own
    }
}

impl Service {
    /// The log directories of this service, or why there is none: [`LogSearch`] for several.
    #[must_use]
    pub fn logs(&self) -> FoundLogs {
        LogSearch::new().of(self)
    }
}

/// Looks for the logs of services. What it has learned of all processes of the system it keeps.
#[derive(Debug, Default)]
pub struct LogSearch {
    /// Who reads a pipe as standard input.
    readers: OnceCell<HashMap<OsString, Pid>>,
}

/// A logger.
struct Logger {
    /// What relative directories are relative to, and where custom puts them.
    dir: PathBuf,
    /// Where its command line may be written.
    scripts: Vec<PathBuf>,
    process: Process,
    /// Its directory may hold its logs.
    is_custom: bool,
}

/// The process of a logger.
enum Process {
    Is(Pid),
    /// It does not run, and why.
    Not(LogNote),
    /// No right to look.
    Unknown(Error),
}

/// So many filters are followed from a service to its logger.
const FILTERS: usize = 8;

impl LogSearch {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The log directories of a service: those that its logger names on its command line, as far as
    /// the system shows it (Linux), or in its script; else those beside its script that hold a log.
    /// Without a logger, the one whose `current` its process has as standard output, or a FIFO
    /// `pipe` beside `current`, as under `svctl dev`. Of a logger, those that it writes.
    #[must_use]
    pub fn of(&self, service: &Service) -> FoundLogs {
        let mut found = FoundLogs::default();
        let process = process_of(service);
        let Some(logger) = self.logger(service, &process) else {
            let own = Logger::of(service, false, process);
            own.find(&mut found);
            found.is_own = !found.dirs.is_empty();
            if !found.is_own {
                // Its program is no logger, and that it does not run says nothing of a log.
                found.notes.retain(|note| matches!(note, LogNote::Denied { .. }));
                found.notes.push(LogNote::NoLogger);
            }
            if let (false, Process::Is(pid)) = (found.is_own, &own.process) {
                found.dirs.extend(written_by(*pid));
            }
            if !found.dirs.is_empty() {
                found.notes.clear();
            }
            return found;
        };
        logger.find(&mut found);
        found
    }

    /// The logger of a service.
    fn logger(&self, service: &Service, process: &Process) -> Option<Logger> {
        if let Some(logger) = service.log() {
            let process = match process_of(&logger) {
                // One that was not there when the supervisor started is nobody's.
                Process::Not(LogNote::Unsupervised) if is_supervised(service) => {
                    Process::Not(LogNote::TooLate)
                }
                other => other,
            };
            return Some(Logger::of(&logger, !logger.shares_supervisor(), process));
        }
        let dir = service.handle().for_paths().into_owned();
        if let Some(logger) = consumer_of(&dir) {
            return Some(Logger::of(&logger, true, process_of(&logger)));
        }
        let Process::Is(pid) = process else { return None };
        let pid = self.reader_of(*pid)?;
        Some(Logger { dir, scripts: Vec::new(), process: Process::Is(pid), is_custom: false })
    }

    /// The process that reads what this one writes.
    fn reader_of(&self, writer: Pid) -> Option<Pid> {
        let pipe = fs::read_link(format!("/proc/{writer}/fd/1")).ok()?.into_os_string();
        if !pipe.as_bytes().starts_with(b"pipe:") {
            return None;
        }
        self.readers.get_or_init(readers).get(&pipe).copied()
    }
}

/// All processes of the system that this user may look at and that read a pipe as standard input.
fn readers() -> HashMap<OsString, Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pid = |entry: fs::DirEntry| Pid::new(entry.file_name().to_str()?.parse().ok()?);
    let reads = |pid: Pid| {
        let pipe = fs::read_link(format!("/proc/{pid}/fd/0")).ok()?.into_os_string();
        pipe.as_bytes().starts_with(b"pipe:").then_some((pipe, pid))
    };
    processes.filter_map(pid).filter_map(reads).collect()
}

/// The service that reads the pipe which s6-rc made, the last of several.
fn consumer_of(dir: &Path) -> Option<Service> {
    let mut last: Option<Service> = None;
    for _ in 0..FILTERS {
        let from = last.as_ref().map_or(dir, Service::dir);
        let Some(name) = consumer_name(from) else { break };
        // Where the name leads from, or where all directories of that s6-rc are.
        let real = fs::canonicalize(from).ok();
        let beside = [Some(from.to_owned()), real].into_iter().flatten();
        let found = beside.filter_map(|dir| dir.parent().map(|all| all.join(&name)));
        let found = found.into_iter().find_map(|dir| Service::open(dir).ok());
        let Some(found) = found else { break };
        last = Some(found);
    }
    last
}

/// The name behind `s6rc-w-` in the `run` that s6-rc compiled.
fn consumer_name(dir: &Path) -> Option<OsString> {
    const PIPE: &[u8] = b"\"pipe:s6rc-w-";
    let text = script::read(&dir.join("run")).ok()??;
    let at = text.windows(PIPE.len()).position(|bytes| bytes == PIPE)?;
    let rest = text.get(at + PIPE.len()..)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let name = rest.get(..end).filter(|name| !name.is_empty() && !name.contains(&b'/'))?;
    Some(OsStr::from_bytes(name).to_owned())
}

fn is_supervised(service: &Service) -> bool {
    service.status().is_ok_and(|status| status.reading != Reading::Unsupervised)
}

fn process_of(service: &Service) -> Process {
    match service.status().map(|status| status.reading) {
        Ok(Reading::Record(facts)) => match facts.pid {
            Some(pid) => Process::Is(pid),
            None => Process::Not(LogNote::Down),
        },
        Ok(Reading::NotYet) => Process::Not(LogNote::Down),
        Ok(Reading::Unsupervised) => Process::Not(LogNote::Unsupervised),
        Err(error) => Process::Unknown(error),
    }
}

impl Logger {
    /// A service that is one.
    fn of(service: &Service, is_custom: bool, process: Process) -> Self {
        let dir = service.handle().for_paths().into_owned();
        // What the user wrote, where s6-rc wrote another around it.
        let scripts = if service.shares_supervisor() {
            vec![dir.join(files::LOG)]
        } else {
            ["run.user", "run"].map(|name| dir.join(name)).into()
        };
        Self { dir, scripts, process, is_custom }
    }

    /// What it says that it writes.
    fn find(&self, found: &mut FoundLogs) {
        let mut program = None;
        match &self.process {
            Process::Is(pid) => {
                let (words, dir) = (command_line(*pid), working_directory(*pid));
                let dir = dir.as_deref().unwrap_or(&self.dir);
                // What has ended and is not waited for yet has no words.
                let first = words.first().filter(|word| !word.is_empty());
                program = first.map(|word| words::shown(word));
                if program.is_none() {
                    found.notes.push(LogNote::Down);
                }
                add(found, words::of(&words), dir, zone_of(*pid).as_deref());
            }
            Process::Not(note) => found.notes.push(note.clone()),
            Process::Unknown(_) => (),
        }
        let mut unreadable = None;
        if found.is_without_place() {
            for script in &self.scripts {
                match script::commands(script, &self.dir) {
                    Ok(script::Script { commands, zone }) => {
                        for words in &commands {
                            add(found, words::of(words), &self.dir, zone.as_deref());
                        }
                    }
                    Err(error) => unreadable = Some(error),
                }
                if !found.is_without_place() {
                    break;
                }
            }
        }
        if found.dirs.is_empty() && self.is_custom {
            match in_directory(&self.dir) {
                Ok(dirs) => found.dirs.extend(dirs),
                Err(error) => unreadable = unreadable.or(Some(error)),
            }
        }
        if !found.is_without_place() || !found.dirs.is_empty() {
            return;
        }
        match &self.process {
            Process::Unknown(error) => found.notes.push(LogNote::denied(error)),
            _ => match (unreadable, program) {
                (Some(error), _) => found.notes.push(LogNote::denied(&error)),
                (None, Some(program)) => found.notes.push(LogNote::Other { program }),
                (None, None) => (),
            },
        }
    }
}

impl FoundLogs {
    /// Whether nothing says where the lines are.
    fn is_without_place(&self) -> bool {
        let says = |note: &LogNote| {
            matches!(note, LogNote::Syslog { .. } | LogNote::Empty(_) | LogNote::Denied { .. })
        };
        self.dirs.is_empty() && !self.notes.iter().any(says)
    }
}

/// Adds where a logger writes.
fn add(found: &mut FoundLogs, keeper: Option<Keeper<'_>>, from: &Path, zone: Option<&OsStr>) {
    match keeper {
        None => (),
        Some(Keeper::Syslog { program, tag }) => {
            found.notes.push(LogNote::Syslog { program, tag });
        }
        Some(Keeper::Directories(scale, words)) => {
            let mut all = words.iter().map(|(word, _)| Path::new(*word));
            let from = all.find_map(|word| started_in(from, word)).unwrap_or(from);
            for (word, selects) in words {
                let path = from.join(word);
                match is_log_at(&path) {
                    Ok(true) => {
                        let (scale, zone) = (Some(scale), zone.map(OsStr::to_owned));
                        let config = || script::read(&path.join("config")).ok().flatten();
                        let selects =
                            selects || config().is_some_and(|text| words::config_selects(&text));
                        found.dirs.push(LogDir { path, scale, zone, selects });
                    }
                    Ok(false) => found.notes.push(LogNote::Empty(path)),
                    Err(error) => found.notes.push(LogNote::denied(&error)),
                }
            }
        }
    }
}

/// Where a logger started that has gone to the directory where it writes, as `multilog` does.
fn started_in<'a>(now: &'a Path, word: &Path) -> Option<&'a Path> {
    let word = word.strip_prefix(".").unwrap_or(word);
    let steps = word.components().count();
    let has_gone = steps > 0 && word.is_relative() && now.ends_with(word) && is_log(now);
    now.ancestors().nth(steps).filter(|_| has_gone && !now.join(word).exists())
}

/// Whether a log is there; an error where that may not be seen.
fn is_log_at(path: &Path) -> Result<bool, Error> {
    if is_log(path) {
        return Ok(true);
    }
    node::stat(&path.join(CURRENT)).map(|_| false)
}

/// What the system shows of a process.
fn command_line(pid: Pid) -> Vec<OsString> {
    let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return Vec::new() };
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    line.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect()
}

fn working_directory(pid: Pid) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// `TZ` in its environment, which its own user and root may see.
fn zone_of(pid: Pid) -> Option<OsString> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let zone = variables.find_map(|variable| variable.strip_prefix(b"TZ="))?;
    Some(OsStr::from_bytes(zone).to_owned())
}

/// Where a process writes that keeps its log itself.
fn written_by(pid: Pid) -> Option<LogDir> {
    let file = fs::read_link(format!("/proc/{pid}/fd/1")).ok()?;
    let dir = file.parent().filter(|_| file.ends_with(CURRENT) || file.ends_with(PIPE))?;
    LogDir::open(dir).ok()
}

/// In the log directory itself, a FIFO whose reader writes the log.
const PIPE: &str = "pipe";

/// `log/` itself, or what lies in it.
fn in_directory(dir: &Path) -> Result<Vec<LogDir>, Error> {
    if is_log(dir) {
        return Ok(LogDir::open(dir).into_iter().collect());
    }
    let entries = fs::read_dir(dir).map_err(|source| Error::os("list", dir, "read", source))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    let logs = paths.into_iter().filter(|path| is_log(path));
    Ok(logs.filter_map(|path| LogDir::open(path).ok()).collect())
}
