//! All that is looked at for an explanation, once, by reading alone.

use std::{cell::RefCell, path::PathBuf};

use nix::sys::stat::{FileStat, SFlag};
use svproto::{Cause, Dialect, Phase, Pid, Reading, State, UnixTime, Want, files};

use super::{
    Finding, Unseen, exec, execline,
    file::{self, Runnable},
    life::{self, Blocked},
    machine::{self, Scanned},
    runs::Runs,
    script,
    words::{self, Line},
};
use crate::{
    ErrorKind, Liveness, Machine, Oddities, ScanDir, Service, Status, liveness, node, processes,
};

/// What was seen of one service.
#[expect(clippy::struct_excessive_bools, reason = "facts, each on its own")]
pub(super) struct Facts {
    pub(super) dir: PathBuf,
    pub(super) status: Option<Status>,
    /// Why it could not be looked at, where that is a reason of its own.
    pub(super) damage: Option<Finding>,
    pub(super) odd: Oddities,
    pub(super) left_behind: Vec<Pid>,
    /// What was changed since the process had started.
    pub(super) newer: Option<PathBuf>,
    pub(super) dialect: Option<Dialect>,
    pub(super) now: UnixTime,
    pub(super) run: Runnable,
    /// encore's first script, which may stand alone.
    pub(super) has_start: bool,
    pub(super) script: Vec<script::Command>,
    /// The script sets its own path, or reads another file.
    pub(super) has_own_path: bool,
    /// Variables without which the script ends, and the lines that ask for them.
    pub(super) needed: Vec<(u32, String)>,
    /// The line at which its interpreter gives up reading it, and why.
    pub(super) unreadable: Option<(u32, &'static str)>,
    pub(super) supervisor: Option<Pid>,
    /// Who holds the lock of a directory that no supervisor holds, in words.
    pub(super) lock_holder: Option<String>,
    /// Its lock is held by a supervisor of another suite than was named.
    pub(super) is_of_another_suite: bool,
    pub(super) is_supervisor_stopped: bool,
    /// Its supervisor sees other files than this process: it is in a container, say.
    pub(super) is_elsewhere: bool,
    pub(super) control: Option<FileStat>,
    pub(super) scan: Option<Scan>,
    /// Its name, where that begins with a dot and somebody scans the directory above.
    pub(super) hidden: Option<(String, u32)>,
    pub(super) log: Option<Log>,
    pub(super) check: Option<FileStat>,
    pub(super) lines: Vec<Line>,
    pub(super) runs: Runs,
    /// s6's record of the last ends, where they are a loop.
    pub(super) deaths: Vec<svproto::s6::tally::Death>,
    pub(super) blocked: Option<Blocked>,
    /// It has as many files open as it may have.
    pub(super) all_descriptors: Option<u64>,
    pub(super) ended_for_memory: Option<(PathBuf, u64)>,
    /// Variables that its supervisor has, where they are asked for and may be seen.
    pub(super) environment: Option<Vec<String>>,
    pub(super) finish: Runnable,
    /// What keeps it from being started, where somebody has noted that.
    pub(super) waits: Option<(Cause, String)>,
    pub(super) unseen: RefCell<Vec<Unseen>>,
}

/// The way from a scanner to a service that nobody supervises.
pub(super) struct Scan {
    /// The scan directory that has it.
    pub(super) dir: Option<PathBuf>,
    /// Those that have not.
    pub(super) others: Vec<PathBuf>,
    pub(super) scanned: Scanned,
}

/// The logger.
pub(super) struct Log {
    pub(super) status: Option<Status>,
    pub(super) run: Runnable,
    /// Its record and its file `down` are those of the service.
    pub(super) shares_supervisor: bool,
    pub(super) has_down: bool,
    /// Why it does not run, where it is looked at as a service of its own.
    pub(super) why: Option<Finding>,
}

impl Facts {
    pub(super) fn gather(service: &Service, runs: &Runs) -> Self {
        let dir = service.handle().path().to_owned();
        let unseen = RefCell::new(Vec::new());
        let (status, damage) = match service.status() {
            Ok(seen) => (Some(seen), None),
            Err(error) => {
                if error.kind() == ErrorKind::Denied {
                    let needs = error.hint().unwrap_or_else(|| error.to_string());
                    let needs = needs.strip_prefix("needs ").unwrap_or(&needs).to_owned();
                    unseen.borrow_mut().push(Unseen { what: "how it stands".into(), needs });
                }
                (None, Finding::of_error(&error))
            }
        };
        let machine = service.machine();
        let odd = status.map(|seen| service.oddities_on(&machine, &seen)).unwrap_or_default();
        let left_behind = match &status {
            Some(seen) if odd.left_behind.is_some() => service.left_behind_on(&machine, seen),
            _ => Vec::new(),
        };
        let dialect = service.dialect();
        let since = status.as_ref().filter(|_| odd.is_definition_newer == Some(true));
        let newer = since.and_then(|seen| service.newer_file(dialect, seen.since()?));
        let newer = newer.map(|name| dir.join(name));
        let run = Runnable::look(dir.join(service.program()), service.program());
        let supervisor = dialect.and_then(|it| liveness::supervisor(service.handle(), it));
        let mut facts = Self {
            status,
            damage,
            odd,
            left_behind,
            newer,
            dialect,
            now: UnixTime::now(),
            has_start: dialect == Some(Dialect::Encore)
                && !service.shares_supervisor()
                && node::exists(&service.handle().at("start")),
            script: Vec::new(),
            has_own_path: false,
            needed: Vec::new(),
            unreadable: None,
            lock_holder: None,
            is_of_another_suite: false,
            is_supervisor_stopped: supervisor.is_some_and(processes::is_stopped),
            is_elsewhere: supervisor.is_some_and(machine::is_elsewhere),
            supervisor,
            control: node::stat(service.handle().at(files::CONTROL)).ok().flatten(),
            scan: None,
            hidden: None,
            log: log(service),
            check: node::stat(service.handle().at("check")).ok().flatten(),
            lines: Vec::new(),
            runs: runs.clone(),
            deaths: Vec::new(),
            blocked: None,
            all_descriptors: None,
            ended_for_memory: None,
            environment: None,
            finish: Runnable::look(dir.join("finish"), "finish"),
            waits: odd.cause.and_then(|_| service.waits_for()),
            unseen,
            dir,
            run,
        };
        facts.read_script();
        if facts.is_unsupervised() {
            facts.look_for_scanner(service, &machine);
        }
        facts.look_at_process(service);
        facts.note_what_is_hidden();
        facts
    }

    pub(super) fn reading(&self) -> Option<&svproto::Facts> {
        self.status.as_ref().and_then(Status::facts)
    }

    pub(super) fn state(&self) -> Option<State> {
        self.status.as_ref().map(Status::state)
    }

    pub(super) fn want(&self) -> Option<Want> {
        self.status.as_ref().and_then(Status::want)
    }

    pub(super) fn is_unsupervised(&self) -> bool {
        self.status.is_some_and(|it| it.liveness() == Liveness::Dead)
    }

    /// Who executes `run`.
    pub(super) fn user(&self) -> Option<u32> {
        let lock = node::stat(&self.dir.join(files::LOCK)).ok().flatten();
        lock.map(|it| it.st_uid)
    }

    /// A process of `run` is there, and was started when the file was as it is now: whatever is in it, it
    /// can be executed.
    pub(super) fn is_proven(&self) -> bool {
        let Some(reading) = self.reading() else { return false };
        let (Some(since), Some(_)) = (reading.since, reading.pid) else { return false };
        let changed = self.run.stat.as_ref().ok().and_then(node::changed);
        reading.phase == Phase::Up
            && changed.is_some_and(|it| it <= since)
            && self.odd.dead.is_none()
    }

    /// It is to be up and has no process that has lived for some seconds, or its runs have failed: what a
    /// script says may be the reason.
    pub(super) fn fails(&self) -> bool {
        let Some(state) = self.state() else { return false };
        let waits = matches!(state, State::Backoff | State::Failed | State::Finishing);
        let wanted = self.want() == Some(Want::Up);
        (waits && wanted)
            || state == State::Failed
            || self.odd.given_up.is_some()
            || (wanted && (self.odd.crash_loop.is_some() || self.has_just_ended()))
    }

    /// Its process is dead, and its supervisor will notice in a moment: daemontools takes a second.
    pub(super) fn has_just_ended(&self) -> bool {
        self.odd.is_noticing
    }

    fn read_script(&mut self) {
        let Some((program, argument)) = self.run.interpreter() else { return };
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let argument = argument.rsplit('/').next().unwrap_or_default();
        let name = if name == "env" { argument } else { &*name };
        // invoke-run is what reads the scripts of Debian's packages for runit: a shell, with their variables.
        let shells = ["sh", "bash", "dash", "ash", "ksh", "mksh", "busybox", "invoke-run"];
        let is_execline = name == "execlineb";
        if !is_execline && !shells.contains(&name) {
            return;
        }
        let Some(text) = self.run.bytes.as_deref().and_then(|it| std::str::from_utf8(it).ok())
        else {
            return;
        };
        if is_execline {
            let chain = execline::chain(text);
            (self.script, self.needed) = (chain.commands, chain.needed);
            self.unreadable = chain.fault;
        } else {
            self.script = script::commands(text);
            self.needed = script::needed(text, &self.script);
        }
        self.has_own_path =
            text.contains("PATH") || text.split_whitespace().any(|it| matches!(it, "." | "source"));
    }

    /// What its lines in a log of many begin with: its own name, and that of its program.
    fn names(&self) -> Vec<String> {
        const OF_MANY: [&str; 12] = [
            "sh", "bash", "dash", "env", "perl", "python", "python3", "ruby", "node", "java",
            "php", "run",
        ];
        let last = |command: &script::Command| {
            let (first, rest) = command.words.split_first()?;
            let programs = exec::exec(rest)?.programs;
            (first.text == "exec").then(|| programs.last().cloned())?
        };
        let program = self.script.iter().rev().find_map(last);
        let its = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let dir = self.dir.file_name().map(|it| it.to_string_lossy().into_owned());
        let names = program.as_deref().map(its).into_iter().chain(dir);
        names.filter(|it| it.len() > 1 && !OF_MANY.contains(&it.as_str())).collect()
    }

    fn look_at_process(&mut self, service: &Service) {
        if self.fails() || self.runs.ends.len() >= Runs::LOOP {
            self.lines = words::last(service, self.supervisor);
            // What others write there as well says nothing of this one unless it names it.
            let names = self.names();
            self.lines.retain(|line| !line.is_shared || line.names_one_of(&names));
            self.ended_for_memory = self.supervisor.and_then(life::ended_for_memory);
            if !self.needed.is_empty() {
                self.environment = self.supervisor.and_then(life::environment);
            }
            if self.odd.crash_loop.is_some() && self.dialect == Some(Dialect::S6) {
                self.deaths = service.deaths().unwrap_or_default();
            }
        }
        let up = self.reading().filter(|it| it.phase == Phase::Up).and_then(|it| it.pid);
        if let Some(pid) = up.filter(|_| !self.is_elsewhere) {
            self.blocked = life::blocked(pid);
            self.all_descriptors = life::has_all_descriptors(pid);
        }
    }

    fn look_for_scanner(&mut self, service: &Service, shared: &Machine) {
        let lock = node::stat(service.handle().at(files::LOCK)).ok().flatten();
        let holder = lock.as_ref().map(liveness::holder);
        if let Some(Liveness::Alive { supervisor }) = holder {
            // One of another suite than was named is no stranger.
            self.is_of_another_suite = supervisor.is_some_and(machine::is_supervisor);
            if self.is_of_another_suite {
                return;
            }
            self.lock_holder = Some(machine::process_in_words(supervisor));
        }
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy();
        if let (true, Some(above)) = (name.starts_with('.'), self.dir.parent()) {
            if let Scanned::By(pid) = machine::scanner_of(&ScanDir::new(above), shared) {
                self.hidden = Some((name.into_owned(), pid));
            }
        }
        // A link that was named shows which scan directory is meant; so does one in a usual place.
        let here = service.handle().stat().ok().flatten().as_ref().map(node::identity);
        let mut candidates: Vec<ScanDir> = ScanDir::find_all();
        let known = candidates.len();
        if let Some(above) = self.dir.parent().filter(|it| !it.as_os_str().is_empty()) {
            let above = ScanDir::new(above);
            if !candidates.contains(&above) {
                candidates.push(above);
            }
        }
        let (mut dir, mut others, mut is_scanned) = (None, Vec::new(), false);
        for (at, candidate) in candidates.into_iter().enumerate() {
            let names = || candidate.names().unwrap_or_default();
            let leads_here = here.is_some_and(|it| shared.leads_to(candidate.dir(), names, it));
            let scanned = machine::scanner_of(&candidate, shared);
            is_scanned |= !leads_here && matches!(scanned, Scanned::By(_));
            // A directory of directories that nobody scans is no scan directory by that, where others are.
            if at >= known && is_scanned && matches!(scanned, Scanned::ByNobody) {
                continue;
            }
            if leads_here && (dir.is_none() || matches!(scanned, Scanned::By(_))) {
                dir = Some((candidate.dir().to_owned(), scanned));
            } else if !leads_here {
                others.push(candidate.dir().to_owned());
            }
        }
        let (dir, scanned) = match dir {
            Some((dir, scanned)) => (Some(dir), scanned),
            None => (None, Scanned::ByNobody),
        };
        self.scan = Some(Scan { dir, others, scanned });
    }

    fn note_what_is_hidden(&self) {
        let mut unseen = self.unseen.borrow_mut();
        let is_file = |it: &FileStat| file::kind(it) == SFlag::S_IFREG;
        if self.run.bytes.is_none() && self.run.stat.as_ref().is_ok_and(is_file) {
            let needs = format!("the right to read {}", self.run.path.display());
            unseen.push(Unseen { what: "what is in run".into(), needs });
        }
        if matches!(self.status, Some(it) if it.liveness() == Liveness::Unknown) {
            let needs = format!("the right to open {}", self.dir.join(files::OK).display());
            unseen.push(Unseen { what: "whether its supervisor runs".into(), needs });
        }
        if self.is_elsewhere {
            let what = "which programs and users its supervisor finds".to_owned();
            unseen.push(Unseen { what, needs: "to be asked where its supervisor runs".to_owned() });
        }
        if !self.needed.is_empty() && self.fails() && self.environment.is_none() {
            let what = "which variables its supervisor has".to_owned();
            unseen.push(Unseen { what, needs: "the rights of its user".to_owned() });
        }
        if let Some(Scan { scanned: Scanned::NotSeen, dir: Some(dir), .. }) = &self.scan {
            let needs = "the rights of the scanner's user".to_owned();
            unseen.push(Unseen {
                what: format!("whether a scanner runs on {}", dir.display()),
                needs,
            });
        }
    }
}

fn log(service: &Service) -> Option<Log> {
    let log = service.log()?;
    let run = if log.shares_supervisor() {
        Runnable::look(log.dir().to_owned(), files::LOG)
    } else {
        Runnable::look(log.dir().join("run"), "log/run")
    };
    let status = log.status().ok();
    let ends = status.is_some_and(|it| it.supervised() == Some(true) && it.pid().is_none());
    let is_its_own = ends && !log.shares_supervisor();
    let why = if is_its_own { log.explain().findings } else { Vec::new() };
    Some(Log {
        status,
        why: why.into_iter().next(),
        run,
        shares_supervisor: log.shares_supervisor(),
        has_down: node::exists(&log.handle().at(files::DOWN)),
    })
}

/// Whether it is supervised, and by a record.
pub(super) fn is_record(status: &Status) -> bool {
    matches!(status.reading(), Reading::Record(_))
}
