//! Which logs are meant, whose they are, and why there is none.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;
use svcmgr::{
    Error, FoundLogs, LogDir, LogNote, LogSearch, UnixTime,
    systemd::{UnitName, unit_in},
};

use crate::{
    args::{self, Global},
    exit::Exit,
    name,
    names::{self, NoTargets, Target},
    output::Output,
};

/// A log and whose it is.
pub(super) struct Source {
    /// As text; for JSON.
    pub(super) name: String,
    /// For people.
    pub(super) shown: String,
    /// What names it again.
    pub(super) url: Option<String>,
    /// The same number for all directories of one service.
    pub(super) service: Option<usize>,
    /// The service is the logger.
    is_own: bool,
    origin: Origin,
}

enum Origin {
    Directory(LogDir),
    /// A unit, by its name.
    Unit,
}

impl Source {
    pub(super) fn directory(&self) -> Option<&LogDir> {
        match &self.origin {
            Origin::Directory(log) => Some(log),
            Origin::Unit => None,
        }
    }

    fn unit(name: &str) -> Self {
        let (shown, name) = (name::shown(name, None), name.to_owned());
        Self { name, shown, url: None, service: None, is_own: false, origin: Origin::Unit }
    }

    fn of_path(typed: &OsStr, log: LogDir) -> Self {
        let (name, path) = (typed.to_string_lossy().into_owned(), Path::new(typed));
        Self {
            shown: name::shown(&name, Some(path)),
            name,
            url: Some(name::url(path)),
            service: None,
            is_own: false,
            origin: Origin::Directory(log),
        }
    }
}

pub(super) fn sources(
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
        if let Err(error) = global.silent.refuse(Path::new(typed)) {
            refuse(error);
        } else if svcmgr::is_path(typed) && LogDir::is_at(typed) {
            match LogDir::open(typed) {
                Ok(log) => sources.push(Source::of_path(typed, log)),
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
    let targets = names::find(global, &services, output)?;
    let (found_some, search) = (!targets.is_empty(), LogSearch::new());
    for (number, target) in targets.into_iter().enumerate() {
        let found = match &target.found {
            Ok(found) => found,
            Err(error) => {
                *exit = (*exit).max(Exit::from(error));
                output.error(error);
                continue;
            }
        };
        let Some(service) = found.directory() else {
            sources.push(Source::unit(&found.name().to_string_lossy()));
            continue;
        };
        let logs = search.of(service);
        let shown = name::shown(&target.name, Some(service.dir()));
        *exit = (*exit).max(tell(&shown, &logs, !services.is_empty(), output));
        sources.extend(of_service(number, &target, service.dir(), &logs, output));
    }
    sources = without_repetitions(sources);
    if sources.is_empty() && services.is_empty() && found_some {
        *exit = (*exit).max(Exit::Negative);
        output.message("no service has a log that can be read\n  hint: `svctl logs NAME` says why");
    }
    Ok(sources)
}

/// Says why there is no log, or what is to be known of it.
fn tell(shown: &str, logs: &FoundLogs, is_named: bool, output: &mut Output) -> Exit {
    let hint = |note: &LogNote| note.hint().map(|hint| format!("\n  hint: {hint}"));
    if let Some(note) = logs.notes().iter().find(|note| note.is_denied()) {
        output.message(&format!("{shown}: {note}{}", hint(note).unwrap_or_default()));
        return if logs.dirs().is_empty() { Exit::System } else { Exit::Done };
    }
    // Who asked for all did not ask for this one.
    if !is_named && !output.verbose {
        return Exit::Done;
    }
    // Where the lines are says more than that there will be no more.
    let notes = || logs.notes().iter();
    let is_about_process =
        |note: &&LogNote| matches!(note, LogNote::Down | LogNote::Unsupervised | LogNote::TooLate);
    if !logs.dirs().is_empty() {
        if let Some(note) = notes().find(is_about_process) {
            let hint = hint(note).unwrap_or_default();
            output.message(&format!("{shown}: {note}, and nothing new is written{hint}"));
        }
        return Exit::Done;
    }
    let says_where =
        |note: &&LogNote| matches!(note, LogNote::Syslog { .. } | LogNote::Other { .. });
    let note = notes().find(says_where).or_else(|| notes().find(is_about_process));
    let note = note.or_else(|| notes().next());
    let why = note.map(|note| format!(": {note}")).unwrap_or_default();
    let hint = note.and_then(hint).unwrap_or_else(|| {
        "\n  hint: name the log directory, as in `svctl logs /var/log/web`".to_owned()
    });
    output.message(&format!("{shown}: cannot find its log{why}{hint}"));
    if is_named { Exit::Negative } else { Exit::Done }
}

/// The directories of a service, of several those that have something of their own.
fn of_service(
    number: usize,
    target: &Target,
    dir: &Path,
    logs: &FoundLogs,
    output: &mut Output,
) -> Vec<Source> {
    let shown = name::shown(&target.name, Some(dir));
    let mut dirs: Vec<&LogDir> = logs.dirs().iter().collect();
    // A line that stands in two is known by its time.
    let has_no_times = dirs.iter().any(|log| log.has_stamps() == Some(false));
    let whole = dirs.iter().find(|log| !log.selects()).copied();
    if let (true, Some(whole)) = (dirs.len() > 1 && has_no_times, whole) {
        let others = dirs.iter().filter(|log| log.path() != whole.path());
        let others: Vec<_> = others.map(|log| log.path().display().to_string()).collect();
        output.message(&format!(
            "{shown}: its logger writes to {} directories, and its lines have no time: read is {}, not {}",
            dirs.len(),
            whole.path().display(),
            others.join(", ")
        ));
        dirs = vec![whole];
    }
    let several = dirs.len() > 1;
    let source = |log: &LogDir| Source {
        name: target.name.clone(),
        shown: match log.path().file_name().filter(|_| several) {
            Some(last) => format!("{shown} ({})", name::shown(&last.to_string_lossy(), None)),
            None => shown.clone(),
        },
        url: Some(name::url(dir)),
        service: Some(number),
        is_own: logs.is_own(),
        origin: Origin::Directory(log.clone()),
    };
    dirs.into_iter().map(source).collect()
}

/// Each directory once: as that of the service, not of its logger, unless several services share
/// it.
fn without_repetitions(sources: Vec<Source>) -> Vec<Source> {
    let path = |source: &Source| source.directory().map(|log| real(log.path()));
    let mut whose: HashMap<PathBuf, Vec<(bool, usize)>> = HashMap::new();
    for (at, source) in sources.iter().enumerate() {
        if let Some(path) = path(source) {
            whose.entry(path).or_default().push((source.is_own, at));
        }
    }
    let keeps = |all: &[(bool, usize)]| {
        let own = all.iter().find(|(is_own, _)| *is_own);
        let users = || all.iter().filter(|(is_own, _)| !is_own);
        let kept =
            if users().count() > 1 { own.or_else(|| users().next()) } else { users().next() };
        kept.or(own).map(|(_, at)| *at)
    };
    let kept: Vec<usize> = whose.values().filter_map(|all| keeps(all)).collect();
    let all = sources.into_iter().enumerate();
    let kept = all.filter(|(at, source)| source.directory().is_none() || kept.contains(at));
    kept.map(|(_, source)| source).collect()
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Makes moments of stamps in the logger's local time.
pub(super) fn clock(log: &LogDir) -> impl Fn(UnixTime) -> Option<UnixTime> + Send + Sync + 'static {
    let zone = match log.zone().and_then(OsStr::to_str).map(|name| name.trim_start_matches(':')) {
        None => TimeZone::system(),
        Some("") => TimeZone::UTC,
        Some(name) => TimeZone::get(name)
            .or_else(|_| TimeZone::posix(name))
            .unwrap_or_else(|_| TimeZone::system()),
    };
    move |shown| {
        let shown = jiff::Timestamp::new(shown.secs(), i32::try_from(shown.nanos()).ok()?).ok()?;
        let local = shown.to_zoned(TimeZone::UTC).datetime();
        let moment = local.to_zoned(zone.clone()).ok()?.timestamp();
        UnixTime::new(moment.as_second(), u32::try_from(moment.subsec_nanosecond()).ok()?)
    }
}
