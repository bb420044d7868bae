//! What the suites of the family have in common: streams, limits, finish scripts, files.

use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{Job, env::Variables};
use crate::{
    error::Error,
    plan::{File, PlanEntry, Unit},
    script::{ASKED, Arg, Asked, Give, Language, Pass, Script, Step, argv},
    spec::{Bound, IoClass, Limits, ReadyCheck, Restart, Service, Stream, Word},
};

/// Everybody may read and run it.
pub(super) const PUBLIC: u32 = 0o755;
/// It holds values of variables.
pub(super) const PRIVATE: u32 = 0o700;

/// The entries of a service directory that is being made.
#[derive(Default)]
pub(super) struct Entries(BTreeMap<PathBuf, PlanEntry>);

impl Entries {
    pub(super) fn file(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), PlanEntry::File(File::new(mode, bytes)));
    }

    /// An empty file in a directory of names, as s6-rc has lists.
    pub(super) fn name(&mut self, list: &str, name: &str) {
        self.file(&format!("{list}/{name}"), 0o644, "");
    }

    /// A file that is taken out again.
    pub(super) fn take(&mut self, path: &str) -> Option<File> {
        match self.0.remove(Path::new(path))? {
            PlanEntry::File(file) => Some(file),
            PlanEntry::Link(_) | PlanEntry::Directory { .. } => None,
        }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A directory that may be empty.
    pub(super) fn directory(&mut self, path: &str) {
        self.0.insert(path.into(), PlanEntry::Directory { mode: 0o755 });
    }

    /// Every script of `execlineb` names this one in its first line.
    pub(super) fn interpreted_by(&mut self, execlineb: &str) {
        for entry in self.0.values_mut() {
            let PlanEntry::File(file) = entry else { continue };
            let first = format!("#!{}", crate::script::EXECLINEB);
            if let Some(rest) = file.bytes.strip_prefix(first.as_bytes()) {
                file.bytes = [b"#!", execlineb.as_bytes(), rest].concat();
            }
        }
    }

    /// The variables that are files.
    pub(super) fn variables(&mut self, variables: &Variables) {
        if !variables.files.is_empty() {
            self.0.insert("env".into(), PlanEntry::Directory { mode: 0o700 });
        }
        for (name, content) in &variables.files {
            self.file(&format!("env/{name}"), 0o600, content.clone());
        }
    }

    pub(super) fn unit(self, name: &str) -> BTreeMap<String, Unit> {
        [(name.to_owned(), Unit::Directory(self.0))].into()
    }
}

/// Writes `run`.
pub(super) fn run(
    job: &Job<'_>,
    entries: &mut Entries,
    steps: Vec<Step>,
    variables: &Variables,
    language: Language,
) -> Result<(), Error> {
    let mut script = Script::new(words(&job.service.exec));
    script.comments = job.comments();
    script.steps = steps;
    let text = script.text(language).map_err(job.unquotable("exec"))?;
    entries.file("run", if variables.are_in_script() { PRIVATE } else { PUBLIC }, text);
    entries.variables(variables);
    if job.service.down {
        entries.file(svproto::files::DOWN, 0o644, "");
    }
    Ok(())
}

pub(super) fn words(argv: &[Word]) -> Vec<Arg> {
    argv.iter().map(|word| Arg::from(word.as_bytes())).collect()
}

/// The directories of the system that it needs, made and given to its user. Each lies in a directory
/// of root's, so that nobody else can put something in its place.
fn dirs(service: &Service) -> Vec<Step> {
    let mut steps = Vec::new();
    for (_, place, _, dir) in service.dirs.each() {
        if dir.names.is_empty() {
            continue;
        }
        let mode = format!("{:04o}", dir.bits());
        let paths = || dir.names.iter().map(|name| Arg::from(format!("{place}/{name}")));
        let mut made = argv!["mkdir", "-p", "-m", mode.as_str(), "--"];
        made.extend(paths());
        steps.push(Step::Do(made));
        if let Some(user) = &service.user {
            // With nothing after the colon it is the user's own group.
            let group = service.group.as_ref().map(ToString::to_string).unwrap_or_default();
            let mut given = argv!["chown", "--", format!("{user}:{group}")];
            given.extend(paths());
            steps.push(Step::Do(given));
        }
        let mut changed = argv!["chmod", mode, "--"];
        changed.extend(paths());
        steps.push(Step::Do(changed));
    }
    steps
}

/// The FIFOs of a supervisor: the one that takes what is asked, and the one that tells that it is there.
pub(super) const FIFOS: [&str; 2] = [svproto::files::CONTROL, "supervise/ok"];

/// Who may ask the supervisor: its directory and its FIFOs, which it has made before. What it writes there
/// itself everybody may read who gets into the directory.
pub(super) fn control(service: &Service, fifos: &[&str]) -> Vec<Step> {
    let words = || fifos.iter().map(|path| Arg::from(*path));
    let Some(control) = &service.control else { return Vec::new() };
    let mut steps = Vec::new();
    if let Some(group) = &control.group {
        let mut given = argv!["chgrp", "--", group.to_string(), "supervise"];
        given.extend(words());
        steps.push(Step::Do(given));
    }
    let mut changed = argv!["chmod", format!("{:04o}", control.of_fifos()), "--"];
    changed.extend(words());
    steps.push(Step::Do(changed));
    let mode = format!("{:04o}", control.of_directory());
    steps.push(Step::Do(argv!["chmod", mode, "--", "supervise"]));
    steps
}

/// The standard streams, and the umask, in an order in which files are made with the supervisor's.
pub(super) fn streams(service: &Service) -> Vec<Step> {
    let path = |path: &Path| path.as_os_str().as_bytes().to_vec();
    // A stream may lead into one of them.
    let mut steps = dirs(service);
    match service.stdin.as_ref().unwrap_or(&Stream::Null) {
        Stream::Inherit | Stream::Stdout => (),
        Stream::Null => steps.push(Step::Read(0, b"/dev/null".to_vec())),
        Stream::File(file) => steps.push(Step::Read(0, path(file))),
    }
    let output = |fd, stream: &Stream| match stream {
        Stream::Inherit => None,
        Stream::Null => Some(Step::Append(fd, b"/dev/null".to_vec())),
        Stream::Stdout => Some(Step::Copy(fd, 1)),
        Stream::File(file) => Some(Step::Append(fd, path(file))),
    };
    steps.extend(output(1, service.stdout.as_ref().unwrap_or(&Stream::Inherit)));
    steps.extend(output(2, service.stderr.as_ref().unwrap_or(&Stream::Stdout)));
    steps.extend(service.umask.map(|mask| Step::Umask(mask.0)));
    steps
}

/// What runs before each start, each as a process of the service (`process`).
pub(super) fn pre(service: &Service, process: &[Step]) -> Vec<Step> {
    service.pre.iter().map(|argv| Step::Block(process.to_vec(), words(argv))).collect()
}

/// The change of the working directory, unless there is another root.
pub(super) fn cwd(service: &Service) -> Option<Step> {
    let path = service.cwd.as_deref().filter(|_| service.root.is_none())?;
    Some(Step::Cd(path.as_os_str().as_bytes().to_vec()))
}

/// `nice`, for suites without an own program for it.
pub(super) fn nice(service: &Service) -> Option<Step> {
    let nice = service.nice?;
    Some(Step::Chain(argv!["nice", "-n", nice.to_string(), "--"]))
}

/// `ionice`: no suite has an own program for it.
pub(super) fn ionice(service: &Service) -> Option<Step> {
    let io = service.io_priority?;
    let class = match io.class {
        IoClass::Realtime => "1",
        IoClass::BestEffort => "2",
        IoClass::Idle => "3",
    };
    let mut words = argv!["ionice", "-c", class];
    if io.class != IoClass::Idle {
        words.extend(argv!["-n", io.level.unwrap_or(4).to_string()]);
    }
    words.push("--".into());
    Some(Step::Chain(words))
}

/// What limits are called: the letter that `chpst`, `softlimit` and `s6-softlimit` share, and the
/// name for `prlimit`.
pub(super) const LIMITS: [(&str, char, &str); 10] = [
    ("address_space", 'a', "as"),
    ("data", 'd', "data"),
    ("stack", 's', "stack"),
    ("locked_memory", 'l', "memlock"),
    ("rss", 'r', "rss"),
    ("file_size", 'f', "fsize"),
    ("core", 'c', "core"),
    ("files", 'o', "nofile"),
    ("processes", 'p', "nproc"),
    ("cpu", 't', "cpu"),
];

/// The limits without a hard one, by letter and name.
pub(super) fn soft(limits: &Limits) -> Vec<(char, &'static str, Bound<u64>)> {
    let set = limits.each();
    let limit = |key| set.iter().find(|(it, limit)| *it == key && limit.hard.is_none());
    let soft =
        LIMITS.into_iter().map(|(key, letter, name)| Some((letter, name, limit(key)?.1.soft)));
    soft.flatten().collect()
}

/// The limits with a hard one, by `prlimit`: before the user changes, since that user may not raise it. No
/// suite has a program of its own for them.
pub(super) fn hard(limits: &Limits) -> Option<Step> {
    let said = |bound: Bound<u64>| bound.at().map_or("unlimited".to_owned(), |it| it.to_string());
    let set = limits.each();
    let words = LIMITS.into_iter().filter_map(|(key, _, name)| {
        let (_, limit) = set.iter().find(|(it, _)| *it == key)?;
        Some(format!("--{name}={}:{}", said(limit.soft), said(limit.hard?)))
    });
    prlimit(words.collect())
}

/// The limits by `softlimit` or `s6-softlimit`.
pub(super) fn softlimit(service: &Service, program: &str) -> Option<Step> {
    let soft = soft(&service.limits);
    if soft.is_empty() {
        return None;
    }
    let mut words = argv![program];
    for (letter, _, bound) in soft {
        // As high as the hard one.
        let value = bound.at().map_or("=".to_owned(), |number| number.to_string());
        words.extend(argv![format!("-{letter}"), value]);
    }
    Some(Step::Chain(words))
}

/// Soft limits for scripts in `sh` by `prlimit`: what makes them as high as the hard ones, and the
/// others in one program.
pub(super) fn by_prlimit(
    soft: impl IntoIterator<Item = (&'static str, Bound<u64>)>,
) -> (Vec<Step>, Option<Step>) {
    let (mut to_hard, mut words) = (Vec::new(), Vec::new());
    for (name, bound) in soft {
        match bound {
            Bound::At(number) => words.push(format!("--{name}={number}:")),
            Bound::Infinity => to_hard.push(Step::ToHard(name)),
        }
    }
    (to_hard, prlimit(words))
}

fn prlimit(limits: Vec<String>) -> Option<Step> {
    if limits.is_empty() {
        return None;
    }
    let mut words = argv!["prlimit"];
    words.extend(limits.into_iter().map(Arg::from));
    words.push("--".into());
    Some(Step::Chain(words))
}

/// The finish script, if one is needed for what is asked.
pub(super) fn finish(
    job: &Job<'_>,
    give: Give,
    language: Language,
) -> Result<Option<Vec<u8>>, Error> {
    let service = job.service;
    let restart = &service.restart;
    let delay = restart.seconds();
    let bare = !restart.chooses() && delay == 1;
    if bare && service.finish.is_empty() {
        return Ok(None);
    }
    let mut script = Script::new(Vec::new());
    script.comments = job.comments().into_iter().take(1).collect();
    if bare {
        script.program = words(&service.finish);
        script.pass = Pass::Arguments;
    } else if !service.finish.is_empty() {
        script.steps.push(Step::Try(words(&service.finish), Pass::Arguments));
    }
    if restart.chooses() {
        // Such an end is none of its own, whatever its exit code.
        script.steps.push(Step::UnlessAsked(match give {
            Give::Down => Asked::ByNote,
            Give::Status(_) => Asked::ByByte(minutes_to_end(service)),
        }));
    }
    let on_failure = words(&service.on_failure);
    match restart.when {
        Restart::Always => (),
        Restart::OnFailure => {
            script.steps.push(Step::IfClean(give, service.success.clone()));
        }
        Restart::Never if on_failure.is_empty() => script.steps.push(Step::Always(give)),
        Restart::Never => {
            script.steps.push(Step::IfClean(give, service.success.clone()));
            script.steps.push(Step::Try(on_failure.clone(), Pass::Arguments));
            script.steps.push(Step::Always(give));
        }
    }
    if let (Some(max), Some(within)) = (restart.max, restart.within) {
        script.steps.push(Step::Often { max, seconds: within.0.as_secs(), give, on_failure });
    }
    // s6 adds its own second after that of the script, unless the service had become ready.
    let adds = matches!(give, Give::Status(_)) && service.ready.is_none();
    let delay = delay - u64::from(adds);
    if delay > u64::from(!adds) && restart.when != Restart::Never {
        script.steps.push(Step::Try(argv!["sleep", delay.to_string()], Pass::Nothing));
    }
    script.text(language).map(Some).map_err(job.unquotable("finish"))
}

/// `finish` of the service alone, for a supervisor that decides itself what follows.
pub(super) fn own_finish(job: &Job<'_>) -> Result<Option<Vec<u8>>, Error> {
    if job.service.finish.is_empty() {
        return Ok(None);
    }
    let mut script = Script::new(words(&job.service.finish));
    script.comments = job.comments().into_iter().take(1).collect();
    script.pass = Pass::Arguments;
    script.text(Language::Sh).map(Some).map_err(job.unquotable("finish"))
}

/// How long a service may take to end when it was asked to, in minutes: at least two.
fn minutes_to_end(service: &Service) -> u64 {
    let most = service.stop.kill_after.map_or(0, |time| time.0.as_secs());
    most / 60 + 2
}

/// `control/t`, which `runsv` runs before it sends SIGTERM, or instead if it succeeds: notes that an end was
/// asked for, where `finish` is to know that (`notes`); runs `stop.command`; and sends this signal instead.
pub(super) fn stop_script(
    job: &Job<'_>,
    entries: &mut Entries,
    process: &[Step],
    signal: Option<&str>,
    notes: bool,
) -> Result<(), Error> {
    let stop = &job.service.stop;
    if !notes && signal.is_none() && stop.command.is_empty() {
        return Ok(());
    }
    let mut hook = Hook::new(job);
    if notes {
        hook.line(&format!(": >{ASKED}"));
    }
    hook.run("stop.command", &stop.command, process, "")?;
    match signal {
        Some(signal) => hook.signal(signal),
        None => hook.line("exit 1"),
    }
    hook.write(entries, "control/t");
    Ok(())
}

/// `control/f`, which the embedded supervisor runs once a failure was the last end, with the arguments of `finish`.
pub(super) fn failure_script(job: &Job<'_>, entries: &mut Entries) -> Result<(), Error> {
    if job.service.on_failure.is_empty() {
        return Ok(());
    }
    let mut script = Script::new(words(&job.service.on_failure));
    script.comments = job.comments().into_iter().take(1).collect();
    script.pass = Pass::Arguments;
    let text = script.text(Language::Sh).map_err(job.unquotable("on_failure"))?;
    entries.file("control/f", PUBLIC, text);
    Ok(())
}

/// `control/h`, which is run in the place of SIGHUP, and always takes it.
pub(super) fn reload_script(
    job: &Job<'_>,
    entries: &mut Entries,
    process: &[Step],
) -> Result<(), Error> {
    let Some(reload) = &job.service.reload else { return Ok(()) };
    let signal = reload.signals();
    if signal == Some("HUP") && reload.check.is_empty() {
        return Ok(());
    }
    let mut hook = Hook::new(job);
    hook.run("reload.check", &reload.check, process, " || exit 0")?;
    match signal {
        Some(signal) => hook.signal(signal),
        None => hook.run("reload.command", &reload.command, process, "")?,
    }
    // Else the signal would follow.
    hook.line("exit 0");
    hook.write(entries, "control/h");
    Ok(())
}

/// A script that the supervisor runs in the place of a signal. It waits for it, so that the process cannot
/// have been reaped meanwhile: the pid is the service's.
struct Hook<'a, 'b> {
    job: &'a Job<'b>,
    text: Vec<u8>,
    has_values: bool,
}

impl<'a, 'b> Hook<'a, 'b> {
    fn new(job: &'a Job<'b>) -> Self {
        let mut it = Self { job, text: b"#!/bin/sh\n".to_vec(), has_values: false };
        for comment in job.comments().into_iter().take(1) {
            it.text.extend_from_slice(crate::script::comment_line(&comment).as_bytes());
        }
        it
    }

    fn line(&mut self, line: &str) {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
    }

    fn signal(&mut self, signal: &str) {
        self.line(&format!("read -r pid <supervise/pid && kill -s {signal} \"$pid\""));
    }

    /// A program as a process of the service, and what follows in the same line.
    fn run(&mut self, key: &str, argv: &[Word], process: &[Step], then: &str) -> Result<(), Error> {
        if argv.is_empty() {
            return Ok(());
        }
        let mut script = Script::new(words(argv));
        script.steps = process.to_vec();
        self.has_values |= script.has_values();
        let text = script.text(Language::Sh).map_err(self.job.unquotable(key))?;
        let first = text.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.line("(");
        self.text.extend_from_slice(text.get(first..).unwrap_or_default());
        self.line(&format!("){then}"));
        Ok(())
    }

    fn write(self, entries: &mut Entries, path: &str) {
        entries.file(path, if self.has_values { PRIVATE } else { PUBLIC }, self.text);
    }
}

/// The descriptor by which somebody else than the service tells that it is ready.
pub(super) const READY_FD: u8 = 3;

/// For a service that speaks `sd_notify(3)`, where the supervisor does not: what hears it and tells the
/// supervisor, right before the program. It is looked up as any program: in the
/// `PATH` of the supervisor under runit, else in that of the service.
pub(super) fn bridge(job: &mut Job<'_>) -> Option<Step> {
    let ready = job.service.ready.as_ref()?;
    if ready.check != ReadyCheck::Notify {
        return None;
    }
    if job.service.root.is_some() {
        let why = "with `root`, below which there is no `svctl`";
        job.gap(
            "ready.notify",
            Some(why),
            "`ready.tcp`, `ready.http` or `ready.command`; or systemd",
        );
        return None;
    }
    Some(Step::Chain(argv!["svctl", "notify-bridge", READY_FD.to_string(), "--"]))
}

/// The program that asks whether the service is ready, where one is to ask.
pub(super) fn probe(service: &Service) -> Option<Vec<Arg>> {
    match &service.ready.as_ref()?.check {
        ReadyCheck::Fd(_) | ReadyCheck::Notify => None,
        ReadyCheck::Tcp(place) => connects(place),
        ReadyCheck::Http(url) => Some(answers(url)),
        ReadyCheck::Command(argv) => Some(words(argv)),
    }
}

/// What succeeds if this `HOST:PORT` takes a connection.
pub(super) fn connects(place: &str) -> Option<Vec<Arg>> {
    let (host, port) = crate::spec::host_and_port(place)?;
    Some(argv!["nc", "-z", "-w", "1", "--", host, port.to_string()])
}

/// What succeeds if this URL answers with a status below 400.
pub(super) fn answers(url: &str) -> Vec<Arg> {
    argv!["curl", "-gfsS", "-o", "/dev/null", "-m", "10", "--", url]
}

/// The script that asks whether the service is ready. `ready.command` runs as a process of the
/// service (`process`); what only connects has no need of that, and may be run by everybody.
pub(super) fn check(
    job: &Job<'_>,
    entries: &mut Entries,
    path: &str,
    process: Vec<Step>,
    language: Language,
) -> Result<(), Error> {
    let Some(program) = probe(job.service) else { return Ok(()) };
    let check = job.service.ready.as_ref().map(|ready| &ready.check);
    let is_own = matches!(check, Some(ReadyCheck::Command(_)));
    let process = if is_own { process } else { Vec::new() };
    ask(job, entries, (path, "ready"), (process, program), language)
}

/// A script that asks for this key: a program after these steps.
pub(super) fn ask(
    job: &Job<'_>,
    entries: &mut Entries,
    (path, key): (&str, &str),
    (steps, program): (Vec<Step>, Vec<Arg>),
    language: Language,
) -> Result<(), Error> {
    let mut script = Script::new(program);
    script.comments = job.comments().into_iter().take(1).collect();
    script.steps = steps;
    let has_values = script.has_values();
    let text = script.text(language).map_err(job.unquotable(key))?;
    entries.file(path, if has_values { PRIVATE } else { PUBLIC }, text);
    Ok(())
}
