//! For systemd, 252 and later: a unit, and a file for a journal of its own if sizes are asked for.
//!
//! Nothing that any of 252 to 262 calls deprecated or ignores is written, but what a note says. `Type=exec`, never
//! `simple`, whose start is "done" for a program that does not exist. The restart policy is that of
//! the family: no limit on starts, a second between two of them, SIGTERM to the main process only.

mod failure;
mod instances;
mod order;
mod sockets;

use std::{collections::BTreeMap, os::unix::ffi::OsStrExt, path::Path};

use super::{Job, family, identity::HOME};
use crate::{
    Service,
    error::Error,
    plan::{File, Unit},
    quote::systemd as quote,
    script::{Arg, comment_line, is_listened_to},
    spec::{
        Bound, Directive, INSTANCE, Id, IoClass, ReadyCheck, Resources, Restart, Signal, Size,
        Stream,
    },
};

/// Names of signals to numbers for finish programs; `sh` knows none of its own. Linux, but for
/// MIPS and others with numbers of their own.
const NUMBERS: &str = "HUP) s=1;; INT) s=2;; QUIT) s=3;; ILL) s=4;; TRAP) s=5;; ABRT) s=6;; BUS) s=7;; \
    FPE) s=8;; KILL) s=9;; USR1) s=10;; SEGV) s=11;; USR2) s=12;; PIPE) s=13;; ALRM) s=14;; \
    TERM) s=15;; STKFLT) s=16;; XCPU) s=24;; XFSZ) s=25;; VTALRM) s=26;; PROF) s=27;; POLL) s=29;; \
    PWR) s=30;; SYS) s=31;; *) s=0;;";

/// A unit that is being made.
struct Lines<'a, 'b> {
    job: &'a Job<'b>,
    section: &'static str,
    text: String,
}

impl Lines<'_, '_> {
    /// A line, unless the definition has text in its place.
    fn line(&mut self, directive: &str, value: impl std::fmt::Display) {
        if !self.job.service.systemd.section(self.section).contains_key(directive) {
            self.put(directive, value);
        }
    }

    fn put(&mut self, directive: &str, value: impl std::fmt::Display) {
        self.text.push_str(&format!("{directive}={value}\n"));
    }

    fn section(&mut self, name: &'static str) {
        let gap = if self.section.is_empty() { "" } else { "\n" };
        self.section = name;
        self.text.push_str(&format!("{gap}[{name}]\n"));
    }

    /// The text of the definition for this section, as it is.
    fn own_text(&mut self) {
        for (directive, Directive(values)) in self.job.service.systemd.section(self.section) {
            for value in values {
                self.put(directive, value);
            }
        }
    }

    /// A path where no quotes are known.
    fn path(&mut self, directive: &str, key: &str, prefix: &str, path: &Path) -> Result<(), Error> {
        let path = quote::path(path.as_os_str().as_bytes()).map_err(self.job.unquotable(key))?;
        self.line(directive, format_args!("{prefix}{path}"));
        Ok(())
    }

    /// A command line.
    fn command(
        &mut self,
        directive: &str,
        key: &str,
        argv: &[Arg],
        prefix: &str,
    ) -> Result<(), Error> {
        let command = command(self.job, key, argv)?;
        self.line(directive, format_args!("{prefix}{command}"));
        Ok(())
    }
}

/// A command line, quoted.
fn command(job: &Job<'_>, key: &str, argv: &[Arg]) -> Result<String, Error> {
    let mut words = Vec::with_capacity(argv.len());
    for (at, arg) in argv.iter().enumerate() {
        let Arg::Word(word) = arg else { continue };
        let word = if at == 0 { quote::program(word) } else { quote::argument(word) };
        words.push(word.map_err(job.unquotable(key))?);
    }
    Ok(words.join(" "))
}

/// For `sh`: runs its arguments with two more, which are those of `finish` under runit: exit code or -1, then
/// the signal's number or 0. The manager has them in these variables.
fn with_ends(code: &str, status: &str) -> String {
    format!(
        "case ${code} in exited) set -- \"$@\" \"${status}\" 0;; killed|dumped) \
         case ${status} in {NUMBERS} esac; set -- \"$@\" -1 \"$s\";; \
         *) set -- \"$@\" -1 0;; esac; exec \"$@\""
    )
}

pub(super) fn units(job: &mut Job<'_>) -> Result<BTreeMap<String, Unit>, Error> {
    let bare = job.service.exec.first().is_some_and(|word| !word.as_bytes().contains(&b'/'));
    let path = job.service.env.get("PATH").filter(|_| bare);
    if path.is_some_and(|path| searched(path.as_bytes()).is_none()) {
        let why = "a name that is looked up in a `PATH` of other than absolute, plain directories";
        job.gap("exec", Some(why), "an absolute path");
    }
    order::gaps(job);
    if job.service.restart.max_delay.is_some() {
        job.notes.push(format!(
            "`restart.max_delay` of service `{}` is for systemd from 254 on; an earlier one says that it does \
             not know RestartSteps=, and each pause is `restart.delay`",
            job.name
        ));
    }
    let own_journal = journal(job);
    let mut units = BTreeMap::new();
    if let Some(text) = failure::unit(job)? {
        units.insert(failure::name(job, ""), Unit::File(File::new(0o644, text)));
    }
    units.extend(sockets::units(job)?);
    if let Some(text) = instances::target(job) {
        units.insert(format!("{}.target", job.name), Unit::File(File::new(0o644, text)));
    }
    let text = unit(job, own_journal.is_some())?;
    let at = instances::at(job, "");
    units.insert(format!("{}{at}.service", job.name), Unit::File(File::new(0o644, text)));
    if let Some(text) = own_journal {
        let name = format!("journald@{}.conf", job.name);
        job.notes.push(format!(
            "{name} belongs into /etc/systemd; the lines of `{}` are read with `journalctl --namespace={}`",
            job.name, job.name
        ));
        units.insert(name, Unit::File(File::new(0o644, text)));
    }
    if job.service.user.is_some() {
        job.notes.push(format!(
            "systemd gives service `{}` also the groups that the database lists for its user",
            job.name
        ));
    }
    Ok(units)
}

/// The file of the service's own journal, if it needs one.
fn journal(job: &Job<'_>) -> Option<String> {
    let log = job.service.log.as_ref()?;
    if log.max_size.is_none() && log.max_files.is_none() {
        return None;
    }
    let mut text: String = job.comments().iter().take(1).map(|line| comment_line(line)).collect();
    text.push_str("[Journal]\nStorage=persistent\n");
    if let Some(Size(size)) = log.max_size {
        text.push_str(&format!("SystemMaxFileSize={size}\n"));
    }
    if let Some(files) = log.max_files {
        // The one that is written to counts.
        text.push_str(&format!("SystemMaxFiles={}\n", files + 1));
    }
    Some(text)
}

fn unit(job: &Job<'_>, own_journal: bool) -> Result<String, Error> {
    let service = job.service;
    let comments = job.comments();
    let text = comments.iter().map(|line| comment_line(line));
    let mut lines = Lines { job, section: "", text: text.collect() };
    lines.section("Unit");
    let description = service.description.as_deref().unwrap_or(job.name);
    let description =
        quote::plain(description.as_bytes()).map_err(job.unquotable("description"))?;
    lines.line("Description", instances::named(job, description));
    order::lines(&mut lines);
    if !service.on_failure.is_empty() {
        lines.line("OnFailure", failure::name(job, "%i"));
    }
    if service.instances.is_some() {
        lines.line("PartOf", format_args!("{}.target", job.name));
    }
    let restart = &service.restart;
    lines.line("StartLimitIntervalSec", restart.within.map_or(0, |time| time.0.as_secs()));
    if let Some(max) = restart.max {
        lines.line("StartLimitBurst", max);
    }
    lines.own_text();

    lines.section("Service");
    sockets::lines(&mut lines);
    start(&mut lines)?;
    reload(&mut lines)?;
    stop(&mut lines)?;
    process(&mut lines)?;
    streams(&mut lines, own_journal)?;
    lines.own_text();

    let wanted = !service.down && service.instances.is_none();
    if wanted || !service.systemd.install.is_empty() {
        lines.section("Install");
        if wanted {
            lines.line("WantedBy", "multi-user.target");
        }
        lines.own_text();
    }
    Ok(lines.text)
}

/// What is run, and when it counts as started.
fn start(lines: &mut Lines<'_, '_>) -> Result<(), Error> {
    let job = lines.job;
    let exec = family::words(&job.service.exec);
    // The program is checked as if it stood first, wherever it stands.
    let program = job.service.exec.first().map(|word| quote::program(word.as_bytes()));
    program.transpose().map_err(job.unquotable("exec"))?;
    search_path(lines);
    for argv in &job.service.pre {
        lines.command("ExecStartPre", "pre", &family::words(argv), "")?;
    }
    if job.service.is_job() {
        lines.line("Type", "oneshot");
        if job.service.remain {
            lines.line("RemainAfterExit", "yes");
        }
        return lines.command("ExecStart", "exec", &exec, "");
    }
    let ready = job.service.ready.as_ref();
    if let Some(ready) = ready {
        let time = ready.timeout.map(|time| format!("{}ms", time.0.as_millis()));
        lines.line("TimeoutStartSec", time.as_deref().unwrap_or("infinity"));
    }
    let check = ready.map(|ready| &ready.check);
    if matches!(check, Some(ReadyCheck::Fd(_) | ReadyCheck::Notify)) {
        lines.line("Type", "notify");
        lines.line("NotifyAccess", "all");
    }
    if let Some(time) = job.service.watchdog {
        lines.line("WatchdogSec", format_args!("{}ms", time.0.as_millis()));
    }
    if matches!(check, Some(ReadyCheck::Notify)) {
        return lines.command("ExecStart", "exec", &exec, "");
    }
    if let Some(ReadyCheck::Fd(fd)) = check {
        let wrap = format!("exec {fd}> >(read -r _ && exec systemd-notify --ready); exec \"$@\"");
        let argv = in_shell(job.service, ["/bin/bash", "-c", &wrap, "ready"], exec);
        return lines.command("ExecStart", "exec", &argv, "");
    }
    lines.line("Type", "exec");
    if ready.is_none() && !job.service.pre.is_empty() {
        // As long as they take, as elsewhere.
        lines.line("TimeoutStartSec", "infinity");
    }
    lines.command("ExecStart", "exec", &exec, "")?;
    if let Some(probe) = family::probe(job.service) {
        // It ends with the main process, whose own end then decides. `kill` is refused where that is
        // somebody else's, and /proc may hide it.
        let wait = "until \"$@\"; do kill -0 $MAINPID 2>/dev/null || [ -d /proc/$MAINPID ] || exit 0; \
                    sleep 1; done";
        let argv = in_shell(job.service, ["/bin/sh", "-c", wait, "ready"], probe);
        lines.command("ExecStartPost", "ready", &argv, "")?;
    }
    Ok(())
}

/// A name without `/` is looked up where the service's own `PATH` leads, as everywhere; systemd has a
/// path of its own for those that have none.
fn search_path(lines: &mut Lines<'_, '_>) {
    let service = lines.job.service;
    let is_name = service.exec.first().is_some_and(|word| !word.as_bytes().contains(&b'/'));
    let Some(path) = service.env.get("PATH").filter(|_| is_name) else { return };
    if let Some(path) = searched(path.as_bytes()) {
        lines.line("ExecSearchPath", path);
    }
}

/// The value for `ExecSearchPath=`, if it can be one.
fn searched(path: &[u8]) -> Option<&str> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_-.+:~@,".contains(byte);
    let text = std::str::from_utf8(path).ok().filter(|it| it.bytes().all(|byte| plain(&byte)))?;
    text.split(':').all(|dir| dir.starts_with('/')).then_some(text)
}

/// A program behind a shell. The manager sets all variables for both; those that a shell listens to
/// (dash ends at an `OPTIND` that is no number) are for the program alone.
fn in_shell(service: &Service, shell: [&str; 4], program: Vec<Arg>) -> Vec<Arg> {
    let listened_to = || service.env.iter().filter(|(name, _)| is_listened_to(name));
    if listened_to().next().is_none() {
        return shell.map(Arg::from).into_iter().chain(program).collect();
    }
    let mut argv = vec![Arg::from("/usr/bin/env")];
    for (name, _) in listened_to() {
        argv.extend([Arg::from("-u"), Arg::from(name.as_str())]);
    }
    argv.extend(shell.map(Arg::from));
    argv.push(Arg::from("/usr/bin/env"));
    argv.extend(
        listened_to()
            .map(|(name, value)| Arg::Word([name.as_bytes(), b"=", value.as_bytes()].concat())),
    );
    argv.extend(program);
    argv
}

/// How it is told to read its configuration again.
fn reload(lines: &mut Lines<'_, '_>) -> Result<(), Error> {
    let service = lines.job.service;
    let Some(reload) = &service.reload else { return Ok(()) };
    if !reload.check.is_empty() {
        lines.command("ExecReload", "reload.check", &family::words(&reload.check), "")?;
    }
    match reload.signals() {
        Some(signal) => {
            let kill = format!("kill -s {signal} \"$MAINPID\"");
            let argv = in_shell(service, ["/bin/sh", "-c", &kill, "reload"], Vec::new());
            lines.command("ExecReload", "reload.signal", &argv, "")
        }
        None => lines.command("ExecReload", "reload.command", &family::words(&reload.command), ""),
    }
}

/// How it is ended, and what follows.
fn stop(lines: &mut Lines<'_, '_>) -> Result<(), Error> {
    let service = lines.job.service;
    if !service.stop.command.is_empty() {
        lines.command("ExecStop", "stop.command", &family::words(&service.stop.command), "")?;
    }
    if !service.finish.is_empty() {
        // As the manager's user.
        let pass = with_ends("EXIT_CODE", "EXIT_STATUS");
        let finish = family::words(&service.finish);
        let argv = in_shell(service, ["/bin/sh", "-c", &pass, "finish"], finish);
        lines.command("ExecStopPost", "finish", &argv, "+")?;
    }
    match service.restart.when {
        Restart::Always => lines.line("Restart", "always"),
        Restart::OnFailure => {
            lines.line("Restart", "on-failure");
            // These count as success there, but not of a job, and as any other end here.
            if !service.is_job() {
                lines.line("RestartForceExitStatus", "SIGHUP SIGINT SIGPIPE SIGTERM");
            }
        }
        Restart::Never => lines.line("Restart", "no"),
    }
    if !service.success.is_empty() {
        let codes: Vec<_> = service.success.iter().map(u8::to_string).collect();
        lines.line("SuccessExitStatus", codes.join(" "));
    }
    let delay = service.restart.seconds();
    lines.line("RestartSec", delay);
    if let Some(most) = service.restart.max_delay.map(|time| time.0.as_secs()) {
        lines.line("RestartMaxDelaySec", most);
        lines.line("RestartSteps", doublings(delay, most));
    }
    lines.line("KillMode", if service.stop.group == Some(false) { "process" } else { "mixed" });
    if let Some(signal) = service.stop.signal.filter(|it| *it != Signal::TERM) {
        lines.line("KillSignal", format_args!("SIG{signal}"));
    }
    match service.stop.kill_after {
        Some(time) => lines.line("TimeoutStopSec", format_args!("{}ms", time.0.as_millis())),
        None => lines.line("TimeoutStopSec", "infinity"),
    }
    Ok(())
}

/// How often a pause is doubled until it is the longest one.
fn doublings(delay: u64, most: u64) -> u32 {
    most.div_ceil(delay.max(1)).next_power_of_two().ilog2().max(1)
}

/// What the process is like.
fn process(lines: &mut Lines<'_, '_>) -> Result<(), Error> {
    let job = lines.job;
    let service = job.service;
    if let Some(root) = &service.root {
        lines.path("RootDirectory", "root", "", root)?;
    }
    if let Some(cwd) = &service.cwd {
        lines.path("WorkingDirectory", "cwd", "", cwd)?;
    }
    for (_, _, word, dir) in service.dirs.each() {
        if !dir.names.is_empty() {
            lines.line(&format!("{word}Directory"), dir.names.join(" "));
            lines.line(&format!("{word}DirectoryMode"), format_args!("{:04o}", dir.bits()));
        }
    }
    if !service.dirs.runtime.names.is_empty() {
        // As those that the family makes, which nobody removes.
        lines.line("RuntimeDirectoryPreserve", "yes");
    }
    if let Some(user) = &service.user {
        lines.line("User", user);
    }
    if let Some(group) = &service.group {
        lines.line("Group", group);
    }
    if !service.groups.is_empty() {
        let groups: Vec<_> = service.groups.iter().map(Id::to_string).collect();
        lines.line("SupplementaryGroups", groups.join(" "));
    }
    if matches!(service.user, Some(Id::Number(_))) {
        let unset: Vec<_> = HOME.into_iter().filter(|it| !service.env.contains_key(*it)).collect();
        if !unset.is_empty() {
            // It would look the number up.
            lines.line("UnsetEnvironment", unset.join(" "));
        }
    }
    for (name, value) in &service.env {
        let key = format!("env.{name}");
        let text = quote::assignment(name, value.as_bytes()).map_err(job.unquotable(&key))?;
        lines.line("Environment", text);
    }
    if service.instances.is_some() {
        lines.line("Environment", format_args!("{INSTANCE}=%i"));
    }
    for file in &service.env_file {
        let prefix = if file.optional { "-" } else { "" };
        lines.path("EnvironmentFile", "env_file", prefix, &file.path)?;
    }
    if let Some(mask) = service.umask {
        lines.line("UMask", mask);
    }
    if let Some(nice) = service.nice {
        lines.line("Nice", nice);
    }
    if let Some(io) = service.io_priority {
        let class = match io.class {
            IoClass::Realtime => "realtime",
            IoClass::BestEffort => "best-effort",
            IoClass::Idle => "idle",
        };
        lines.line("IOSchedulingClass", class);
        if io.class != IoClass::Idle {
            lines.line("IOSchedulingPriority", io.level.unwrap_or(4));
        }
    }
    limits(lines);
    resources(lines);
    Ok(())
}

/// Without a hard limit, that is as high as it can be, because the family leaves it alone, and there
/// is no way to say that.
fn limits(lines: &mut Lines<'_, '_>) {
    let said = |bound: Bound<u64>| bound.at().map_or("infinity".to_owned(), |it| it.to_string());
    for (key, limit) in lines.job.service.limits.each() {
        let directive = match key {
            "address_space" => "LimitAS",
            "data" => "LimitDATA",
            "stack" => "LimitSTACK",
            "locked_memory" => "LimitMEMLOCK",
            "rss" => "LimitRSS",
            "file_size" => "LimitFSIZE",
            "core" => "LimitCORE",
            "files" => "LimitNOFILE",
            "processes" => "LimitNPROC",
            _ => "LimitCPU",
        };
        let hard = limit.hard.unwrap_or(Bound::Infinity);
        lines.line(directive, format_args!("{}:{}", said(limit.soft), said(hard)));
    }
}

/// What the service as a whole may use.
fn resources(lines: &mut Lines<'_, '_>) {
    let Resources { memory_max, memory_high, swap_max, pids, cpu, cpu_weight, io_weight } =
        &lines.job.service.resources;
    let said = |bound: Bound<u64>| bound.at().map_or("infinity".to_owned(), |it| it.to_string());
    let size = |it: &Option<Bound<Size>>| it.map(|it| said(it.map(|size| size.0)));
    let number = |it: &Option<u32>| it.map(|it| it.to_string());
    for (directive, value) in [
        ("MemoryMax", size(memory_max)),
        ("MemoryHigh", size(memory_high)),
        ("MemorySwapMax", size(swap_max)),
        ("TasksMax", pids.map(|it| said(it.map(u64::from)))),
        ("CPUQuota", cpu.map(|it| it.to_string())),
        ("CPUWeight", number(cpu_weight)),
        ("IOWeight", number(io_weight)),
    ] {
        if let Some(value) = value {
            lines.line(directive, value);
        }
    }
}

/// Standard streams, and the journal.
fn streams(lines: &mut Lines<'_, '_>, own_journal: bool) -> Result<(), Error> {
    let service = lines.job.service;
    match service.stdin.as_ref() {
        Some(Stream::File(path)) => lines.path("StandardInput", "stdin", "file:", path)?,
        _ => lines.line("StandardInput", "null"),
    }
    match service.stdout.as_ref() {
        Some(Stream::File(path)) => lines.path("StandardOutput", "stdout", "append:", path)?,
        Some(Stream::Null) => lines.line("StandardOutput", "null"),
        _ => lines.line("StandardOutput", "journal"),
    }
    match service.stderr.as_ref() {
        Some(Stream::File(path)) => lines.path("StandardError", "stderr", "append:", path)?,
        Some(Stream::Null) => lines.line("StandardError", "null"),
        Some(Stream::Inherit) => lines.line("StandardError", "journal"),
        // "inherit" is standard output's.
        None | Some(Stream::Stdout) => lines.line("StandardError", "inherit"),
    }
    if service.log.is_some() {
        let at = instances::at(lines.job, "%i");
        lines.line("SyslogIdentifier", format_args!("{}{at}", lines.job.name));
    }
    if own_journal {
        lines.line("LogNamespace", lines.job.name);
    }
    Ok(())
}
