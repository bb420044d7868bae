//! How a service starts: its program, what runs before, and when it is ready.
//!
//! Source: `systemd.service(5)`.

use std::time::Duration;

use svbuild::spec::{Id, Kind, Ready, ReadyCheck, Reload, Time};

use super::{
    command::{self, Argv},
    daemons,
    parse::{self, boolean},
    service::Reader,
    words::{self, Command},
};
use crate::{book::At, shell};

/// What a command is for, as far as its words are concerned.
struct Prepared {
    at: At,
    command: Command,
    argv: Argv,
}

impl Reader<'_> {
    pub(super) fn start(&mut self) {
        let kind = self.last("Service", "Type");
        let lines = self.raw_list("Service", "ExecStart");
        let Some((first, _)) = lines.first() else {
            return self.refuse(self.unit.head, "it has no ExecStart=, so there is no program");
        };
        let first = *first;
        let word = kind.as_ref().map_or("simple", |(_, text)| text);
        let is_job = word == "oneshot";
        // Several programs are lines of a shell, which puts the variables in by itself.
        let may_expand = lines.len() == 1 && self.service.root.is_none();
        let mut commands = self.prepared(&lines, may_expand);
        if commands.is_empty() {
            if !self.is_refused {
                self.refuse(first, "it names no program");
            }
            return;
        }
        if commands.len() > 1 && !is_job {
            return self.refuse(first, "several programs are for Type=oneshot alone");
        }
        self.rights(&commands, "ExecStart");
        if word == "forking" {
            self.in_foreground(&mut commands, kind.as_ref().map(|(at, _)| *at));
        }
        self.before();
        self.expand(&commands);
        self.service.exec = self.joined(commands, is_job).into_iter().map(Into::into).collect();
        self.kind(kind, is_job);
        self.readiness();
    }

    /// The commands of some lines, each with its words. What has none is refused.
    fn commands(&mut self, lines: &[(At, String)]) -> Vec<Prepared> {
        self.prepared(lines, false)
    }

    /// What `expand` replaces in `exec`, it replaces in `env` and `cwd` as well.
    fn expand(&mut self, commands: &[Prepared]) {
        if !commands.iter().any(|it| it.argv.expands) {
            return;
        }
        self.service.expand = Some(true);
        for value in self.service.env.values_mut() {
            let text = value.as_os_str().to_string_lossy();
            *value = command::escaped(&text).into();
        }
        if let Some(cwd) = &mut self.service.cwd {
            *cwd = command::escaped(&cwd.to_string_lossy()).into();
        }
    }

    fn prepared(&mut self, lines: &[(At, String)], may_expand: bool) -> Vec<Prepared> {
        let mut all = Vec::new();
        for (at, text) in lines {
            let Some(commands) = words::commands(text) else {
                self.unreadable(*at);
                continue;
            };
            for mut command in commands {
                if command.has('|') {
                    self.refuse(
                        *at,
                        "the prefix `|` runs a shell of the user's; write the shell and its -c",
                    );
                    continue;
                }
                if command.has('@') {
                    if command.words.len() > 1 {
                        command.words.remove(1);
                    }
                    self.book.approximated(
                        *at,
                        None,
                        "the program gets its own name as its first word (`@`)",
                    );
                }
                match command::argv(&command, &self.unit.name, &self.variables, may_expand) {
                    Ok(argv) => all.push(Prepared { at: *at, command, argv }),
                    Err(why) => self.refuse(*at, &why),
                }
            }
        }
        all
    }

    /// `+` and `!`: the program runs as root, whatever User= says.
    fn rights(&mut self, commands: &[Prepared], directive: &str) {
        let privileged =
            |it: &Prepared| it.command.has('+') || it.command.prefixes.matches('!').count() == 1;
        let Some(one) = commands.iter().find(|it| privileged(it)) else { return };
        let why =
            format!("{directive}= has a prefix with which it runs as root, so there is no `user`");
        if self.service.user.is_some() {
            self.service.user = None;
            self.service.group = None;
            self.service.groups.clear();
        }
        self.book.equivalent(one.at, Some("exec"), &why);
    }

    fn in_foreground(&mut self, commands: &mut [Prepared], kind: Option<At>) {
        let Some(Prepared { at, argv, .. }) = commands.first_mut() else { return };
        let at = *at;
        let kind = kind.unwrap_or(at);
        // What a shell puts variables into is a line, not words.
        let words = (argv.words.get(1).map(String::as_str) != Some("-fc")).then_some(&argv.words);
        let line = argv.words.get(2).filter(|_| words.is_none()).cloned();
        let program = words.and_then(|it| it.first()).cloned().unwrap_or_else(|| {
            let words = line.as_deref().unwrap_or_default().split(' ').nth(1);
            words.unwrap_or_default().to_owned()
        });
        let found = match (words, line) {
            (Some(words), _) => daemons::in_foreground(words),
            (None, Some(line)) => {
                daemons::in_foreground(std::slice::from_ref(&program)).map(|(words, done)| {
                    let before = format!("exec {program}");
                    let line = line.replacen(&before, &format!("exec {}", shell::join(&words)), 1);
                    (["/bin/sh", "-fc", &line].map(str::to_owned).to_vec(), done)
                })
            }
            _ => None,
        };
        let Some((words, done)) = found else {
            let why = format!(
                "{program} goes to the background by itself (Type=forking), where nobody can watch it; write \
                 Type=exec, and in ExecStart= the option that keeps it in the foreground"
            );
            return self.refuse(kind, &why);
        };
        argv.words = words;
        let why = format!("it stays in the foreground, {done}");
        self.book.equivalent(at, Some("exec"), &why);
        self.book.equivalent(kind, Some("exec"), &why);
        if let Some((at, _)) = self.last("Service", "PIDFile") {
            self.book.equivalent(at, None, "the process that is started is the service itself");
        }
        if let Some((at, _)) = self.last("Service", "GuessMainPID") {
            self.book.equivalent(at, None, "the process that is started is the service itself");
        }
    }

    /// What runs before.
    fn before(&mut self) {
        let lines = self.raw_list("Service", "ExecStartPre");
        for (at, text) in lines {
            let Some(commands) = words::commands(&text) else {
                self.unreadable(at);
                continue;
            };
            let as_root = |it: &Command| it.has('+') || it.prefixes.matches('!').count() == 1;
            let is_root = matches!(&self.service.user, None | Some(Id::Number(0)))
                || self.service.user == Some(Id::from("root"));
            if commands.iter().any(as_root) && !is_root {
                self.keep_raw("Service", "ExecStartPre", at, &text);
                continue;
            }
            for Prepared { command, argv, .. } in self.commands(&[(at, text.clone())]) {
                self.book.judge(at, argv.verdict, Some("pre"), argv.why.as_deref());
                let words = if command.has('-') {
                    self.book.equivalent(at, Some("pre"), "a shell takes any end for a success");
                    shell::by_shell(&format!("{} || :", line_of(&argv)))
                } else {
                    argv.words
                };
                self.service.pre.push(words.into_iter().map(Into::into).collect());
            }
        }
    }

    /// The words of a definition for all that runs, one after the other.
    fn joined(&mut self, commands: Vec<Prepared>, is_job: bool) -> Vec<String> {
        let last = commands.len().saturating_sub(1);
        let mut script: Vec<String> = Vec::new();
        for (number, Prepared { at, command, argv }) in commands.into_iter().enumerate() {
            self.book.judge(at, argv.verdict, Some("exec"), argv.why.as_deref());
            let ignores = command.has('-');
            if ignores && !is_job {
                self.book.approximated(
                    at,
                    None,
                    "an end with an error is one, also with the prefix `-`",
                );
            }
            let shelled = ignores && is_job;
            if number == last && script.is_empty() && !shelled {
                return argv.words;
            }
            let line = line_of(&argv);
            if shelled {
                self.book.equivalent(at, Some("exec"), "a shell takes any end for a success");
                script.push(format!("{line} || :"));
            } else if number == last {
                script.push(format!("exec {line}"));
            } else {
                script.push(line);
            }
            if last > 0 {
                self.book.equivalent(at, Some("exec"), "a shell runs one program after the other");
            }
        }
        ["/bin/sh", "-efc", &script.join("\n")].map(str::to_owned).to_vec()
    }

    fn kind(&mut self, kind: Option<(At, String)>, is_job: bool) {
        if is_job {
            self.service.kind = Kind::Job;
            if let Some((at, text)) = self.last("Service", "RemainAfterExit") {
                self.service.remain = boolean(&text) == Some(true);
                self.book.exact(at, Some("remain"));
            }
        }
        let Some((at, word)) = kind else { return };
        let notify = Ready::from(ReadyCheck::Notify);
        match word.as_str() {
            "simple" | "exec" => self.book.exact(at, Some("kind")),
            "oneshot" => self.book.exact(at, Some("kind")),
            "idle" => self.book.equivalent(
                at,
                Some("kind"),
                "it does not wait until other services are started",
            ),
            "forking" => (),
            "notify" => {
                self.service.ready = Some(notify);
                self.book.exact(at, Some("ready.notify"));
            }
            "notify-reload" => {
                self.service.ready = Some(notify);
                self.service.reload = Some(Reload::new());
                let why = "a reload is SIGHUP, and nobody waits until it is told that it is done";
                self.book.approximated(at, Some("ready.notify"), why);
            }
            "dbus" => self.keep("Service", "Type", at, &word),
            _ => self.unreadable(at),
        }
    }

    fn readiness(&mut self) {
        if self.service.ready.is_none() {
            return;
        }
        let time = |text: &str| parse::time(text).ok().flatten().filter(|ms| *ms > 0);
        let watchdog = self.or_keep("WatchdogSec", "watchdog", time);
        self.service.watchdog = watchdog.map(|ms| Time(Duration::from_millis(ms)));
        let both = self.last("Service", "TimeoutSec");
        self.timeout_of_both.clone_from(&both);
        let own = self.last("Service", "TimeoutStartSec").or(both);
        let timeout = match own {
            None => Some(90_000),
            Some((at, text)) => {
                let Ok(time) = parse::time(&text) else { return self.unreadable(at) };
                self.book.exact(at, Some("ready.timeout"));
                time.filter(|time| *time > 0)
            }
        };
        if let (Some(ready), Some(ms)) = (&mut self.service.ready, timeout) {
            ready.timeout = Some(Time(Duration::from_millis(ms)));
        }
        if let Some((at, text)) = self.last("Service", "NotifyAccess") {
            match text.as_str() {
                "all" => self.book.exact(at, Some("ready.notify")),
                _ => {
                    self.book.equivalent(at, Some("ready.notify"), "any of its processes may tell");
                }
            }
        }
    }

    /// The words of the only command of some lines, or of a shell that runs them one after the other; with
    /// the line that says so.
    pub(super) fn command_of(&mut self, lines: &[(At, String)], key: &str) -> Vec<String> {
        let mut commands = self.commands(lines);
        for Prepared { at, argv, .. } in &commands {
            self.book.judge(*at, argv.verdict, Some(key), argv.why.as_deref());
        }
        if commands.len() < 2 {
            return commands.pop().map(|it| it.argv.words).unwrap_or_default();
        }
        let mut script = Vec::new();
        for Prepared { at, command, argv } in &commands {
            self.book.equivalent(*at, Some(key), "a shell runs one program after the other");
            script.push(if command.has('-') { line_of(argv) + " || :" } else { line_of(argv) });
        }
        ["/bin/sh", "-efc", &script.join("\n")].map(str::to_owned).to_vec()
    }
}

/// A line for a shell.
fn line_of(argv: &Argv) -> String {
    match argv.words.as_slice() {
        [shell, flags, line] if shell == "/bin/sh" && flags == "-fc" => {
            line.strip_prefix("exec ").unwrap_or(line).to_owned()
        }
        words => shell::join(words),
    }
}
