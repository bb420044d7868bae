//! What the process is like: user, directory, variables, limits, streams.
//!
//! Source: `systemd.exec(5)`, `systemd.resource-control(5)`.

use std::{collections::BTreeMap, path::Path, time::Duration};

use svbuild::spec::{
    Bound, Dir, EnvFile, Id, IoClass, IoPriority, Limit, Percent, Size, Stream, Time,
};

use super::{
    parse::{self, boolean},
    service::{Reader, own},
    words,
};
use crate::{book::At, env_file};

/// A user or a group as a unit names it.
fn id(text: &str) -> Option<Id> {
    text.parse::<u32>().map(Id::Number).ok().or_else(|| own(text))
}

impl Reader<'_> {
    pub(super) fn process(&mut self) {
        self.identity();
        self.directories();
        self.environment();
        self.schedule();
        self.limits();
        self.resources();
        self.streams();
    }

    fn identity(&mut self) {
        self.service.user = self.value("User", "user", id);
        if let Some((at, text)) = self.last("Service", "Group") {
            self.service.group = id(&text);
            self.book.exact(at, Some("group"));
            if self.service.user.is_none() {
                self.service.user = Some(match &self.service.group {
                    Some(Id::Number(_)) => Id::Number(0),
                    _ => Id::from("root"),
                });
                self.book.equivalent(
                    at,
                    Some("group"),
                    "with `user`, which is root where no User= is given",
                );
            }
        }
        let groups = self.list("Service", "SupplementaryGroups");
        for (at, text) in &groups {
            self.service.groups.extend(text.split_whitespace().filter_map(id));
            self.book.exact(*at, Some("groups"));
        }
        if let Some((at, _)) = groups.first().filter(|_| self.service.group.is_none()) {
            // The user's own group, which is named like the user as a rule, and not known here.
            self.refuse(
                *at,
                "write Group= as well: the groups of a definition need the primary one",
            );
        }
    }

    fn directories(&mut self) {
        if let Some((at, text)) = self.last("Service", "WorkingDirectory") {
            let path = text.strip_prefix('-').unwrap_or(&text);
            if path == "~" {
                let home = matches!(&self.service.user, None | Some(Id::Number(0)))
                    || self.service.user == Some(Id::from("root"));
                if home {
                    self.service.cwd = Some("/root".into());
                    self.book.equivalent(at, Some("cwd"), "the home directory of root");
                } else {
                    self.refuse(at, "the home directory of the user is known to the machine alone; write its path");
                }
            } else {
                self.service.cwd = Some(path.into());
                self.book.exact(at, Some("cwd"));
                if path != text {
                    self.book.approximated(
                        at,
                        None,
                        "a directory that is missing keeps the service from starting",
                    );
                }
            }
        }
        if let Some((at, text)) = self.last("Service", "RootDirectory") {
            if text != "/" {
                self.service.root = Some(text.into());
            }
            self.book.exact(at, Some("root"));
        }
        for (word, key) in [
            ("Runtime", "dirs.runtime"),
            ("State", "dirs.state"),
            ("Cache", "dirs.cache"),
            ("Logs", "dirs.logs"),
        ] {
            self.made(word, key);
        }
        if self.service.dirs.runtime.names.is_empty() {
            return;
        }
        if let Some((at, text)) = self.last("Service", "RuntimeDirectoryPreserve") {
            match boolean(&text) {
                Some(true) => self.book.exact(at, Some("dirs.runtime")),
                _ => self.book.approximated(
                    at,
                    Some("dirs.runtime"),
                    "the directory stays when the service ends",
                ),
            }
        }
    }

    /// Directories that are made for the service.
    fn made(&mut self, word: &str, key: &str) {
        let list = self.list("Service", &format!("{word}Directory"));
        let mut names = Vec::new();
        let plain = |name: &str| !name.contains(['/', ':']);
        if !list.iter().flat_map(|(_, text)| text.split_whitespace()).all(plain) {
            for (at, text) in list {
                self.keep("Service", &format!("{word}Directory"), at, &text);
            }
            return;
        }
        for (at, text) in &list {
            names.extend(text.split_whitespace().map(str::to_owned));
            let variable = format!("{}_DIRECTORY", word.to_uppercase());
            let mut why = format!("systemd sets {variable} as well");
            if word == "Runtime" {
                why.push_str(", and removes the directory when the service ends");
            }
            self.book.equivalent(*at, Some(key), &why);
        }
        if names.is_empty() {
            return;
        }
        let mut dir = Dir::new(names);
        if let Some((at, text)) = self.last("Service", &format!("{word}DirectoryMode")) {
            match u16::from_str_radix(&text, 8) {
                Ok(mode) => {
                    // As redis has it: the group of files in it is that of the directory.
                    if mode > 0o777 {
                        let why = "the directory has no set-group-ID bit, nor a sticky one";
                        self.book.approximated(at, Some(key), why);
                    }
                    let mode = mode & 0o777;
                    // That is what a definition says without a word.
                    dir = if mode == 0o755 { dir } else { dir.mode(mode) };
                    self.book.exact(at, Some(key));
                }
                Err(_) => self.unreadable(at),
            }
        }
        let dirs = std::mem::take(&mut self.service.dirs);
        self.service.dirs = match word {
            "Runtime" => dirs.runtime(dir),
            "State" => dirs.state(dir),
            "Cache" => dirs.cache(dir),
            _ => dirs.logs(dir),
        };
    }

    fn environment(&mut self) {
        for (at, text) in self.raw_list("Service", "Environment") {
            self.assignments(at, &text);
        }
        let mut in_files = Some(BTreeMap::new());
        for (at, text) in self.list("Service", "EnvironmentFile") {
            let path = text.strip_prefix('-').unwrap_or(&text);
            if path.contains(['*', '?', '[']) {
                self.refuse(at, "name each file: a pattern has no place in a definition");
                continue;
            }
            self.variables.has_files = true;
            let read =
                self.files.read(Path::new(path)).ok().and_then(|it| String::from_utf8(it).ok());
            match (read, &mut in_files) {
                (Some(text), Some(values)) => values.extend(env_file::read(&text)),
                _ => in_files = None,
            }
            let file = EnvFile::new(path);
            let file = if path == text { file } else { file.optional() };
            self.service.env_file.push(file);
            self.book.exact(at, Some("env_file"));
        }
        self.variables.in_files = in_files;
        for (at, text) in self.list("Service", "PassEnvironment") {
            self.variables.passed.extend(text.split_whitespace().map(str::to_owned));
            self.book.equivalent(at, None, "other supervisors pass their whole environment on");
        }
    }

    fn assignments(&mut self, at: At, text: &str) {
        let Some(words) = words::words(text) else { return self.unreadable(at) };
        self.book.exact(at, Some("env"));
        for word in words {
            let word = match super::specifier::expand(&word, &self.unit.name) {
                Ok(word) => word,
                Err(why) => return self.refuse(at, &why),
            };
            if let Some((name, value)) =
                word.split_once('=').filter(|(name, _)| env_file::is_name(name))
            {
                self.variables.set.insert(name.to_owned(), value.to_owned());
                self.service.env.insert(name.to_owned(), value.into());
            } else {
                let why = format!("`{word}` is no variable, and systemd leaves it out");
                self.book.equivalent(at, None, &why);
            }
        }
    }

    fn schedule(&mut self) {
        let umask = self.value("UMask", "umask", |text| u16::from_str_radix(text, 8).ok());
        if let Some(bits) = umask {
            self.service.umask = Some(svbuild::spec::Mode(bits));
        }
        self.service.nice = self.value("Nice", "nice", |text| text.parse().ok());
        let class = self.value("IOSchedulingClass", "io_priority.class", |text| match text {
            "realtime" | "1" => Some(Some(IoClass::Realtime)),
            "best-effort" | "2" => Some(Some(IoClass::BestEffort)),
            "idle" | "3" => Some(Some(IoClass::Idle)),
            "none" | "0" => Some(None),
            _ => None,
        });
        let level = self.value("IOSchedulingPriority", "io_priority.level", |text| {
            text.parse::<u8>().ok().filter(|level| *level <= 7)
        });
        if class.is_some() || level.is_some() {
            let class = class.flatten().unwrap_or(IoClass::BestEffort);
            let io = IoPriority::new(class);
            let level = level.filter(|_| class != IoClass::Idle);
            self.service.io_priority = Some(level.map_or(io, |level| io.level(level)));
        }
    }

    fn limits(&mut self) {
        let bytes = |text: &str| limit(text, |it| parse::size(it).map(|it| it.map(Size)));
        let number = |text: &str| {
            limit(text, |it| {
                parse::size(it).and_then(|it| it.map(u32::try_from).transpose().map_err(drop))
            })
        };
        let seconds = |text: &str| {
            limit(text, |it| {
                Ok(parse::time(it)?.map(|ms| Time(Duration::from_secs(ms.div_ceil(1000)))))
            })
        };
        let mut limits = std::mem::take(&mut self.service.limits);
        limits.address_space = self.value("LimitAS", "limits.address_space", bytes);
        limits.data = self.value("LimitDATA", "limits.data", bytes);
        limits.stack = self.value("LimitSTACK", "limits.stack", bytes);
        limits.locked_memory = self.value("LimitMEMLOCK", "limits.locked_memory", bytes);
        limits.rss = self.value("LimitRSS", "limits.rss", bytes);
        limits.file_size = self.value("LimitFSIZE", "limits.file_size", bytes);
        limits.core = self.value("LimitCORE", "limits.core", bytes);
        limits.files = self.value("LimitNOFILE", "limits.files", number);
        limits.processes = self.value("LimitNPROC", "limits.processes", number);
        limits.cpu = self.value("LimitCPU", "limits.cpu", seconds);
        self.service.limits = limits;
    }

    fn resources(&mut self) {
        let size = |text: &str| {
            parse::size(text).ok().map(|it| it.map_or(Bound::Infinity, |it| Bound::At(Size(it))))
        };
        let mut resources = std::mem::take(&mut self.service.resources);
        resources.memory_max = self.or_keep("MemoryMax", "resources.memory_max", size);
        resources.memory_high = self.or_keep("MemoryHigh", "resources.memory_high", size);
        resources.swap_max = self.or_keep("MemorySwapMax", "resources.swap_max", size);
        resources.pids = self.or_keep("TasksMax", "resources.pids", |text| match text {
            "infinity" => Some(Bound::Infinity),
            text => text.parse().ok().map(Bound::At),
        });
        resources.cpu = self.or_keep("CPUQuota", "resources.cpu", own::<Percent>);
        resources.cpu_weight =
            self.or_keep("CPUWeight", "resources.cpu_weight", |text| text.parse().ok());
        resources.io_weight =
            self.or_keep("IOWeight", "resources.io_weight", |text| text.parse().ok());
        self.service.resources = resources;
    }

    /// A value, or text for systemd alone where the key has none of this form.
    pub(super) fn or_keep<T>(
        &mut self,
        directive: &str,
        key: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (at, text) = self.last("Service", directive)?;
        let value = read(&text);
        match value {
            Some(_) => self.book.exact(at, Some(key)),
            None => self.keep("Service", directive, at, &text),
        }
        value
    }

    fn streams(&mut self) {
        if let Some((at, text)) = self.last("Service", "StandardInput") {
            match text.split_once(':').unwrap_or((&text, "")) {
                ("null", _) => self.book.exact(at, Some("stdin")),
                ("file", path) => {
                    self.service.stdin = Some(Stream::File(path.into()));
                    self.book.exact(at, Some("stdin"));
                }
                _ => self.keep("Service", "StandardInput", at, &text),
            }
        }
        for (directive, key) in [("StandardOutput", "stdout"), ("StandardError", "stderr")] {
            let Some((at, text)) = self.last("Service", directive) else { continue };
            let (word, path) = text.split_once(':').unwrap_or((&text, ""));
            let file = || Some(Stream::File(path.into()));
            let (stream, why) = match word {
                // Standard output is the journal, and standard error is where standard output is.
                "inherit" if key == "stderr" => (None, None),
                "journal" if key == "stdout" => (None, None),
                "journal" => (Some(Stream::Inherit), None),
                "null" => (Some(Stream::Null), None),
                "append" => (file(), None),
                "file" => (file(), Some("it is appended to, and not written over from its start")),
                "truncate" => (file(), Some("it is appended to, and not emptied")),
                "syslog" | "syslog+console" | "journal+console" | "kmsg" | "kmsg+console" => {
                    (Some(Stream::Inherit), Some("it goes where the output of all services goes"))
                }
                _ => {
                    self.keep("Service", directive, at, &text);
                    continue;
                }
            };
            self.book.exact(at, Some(key));
            if let Some(why) = why {
                self.book.approximated(at, Some(key), why);
            }
            match key {
                "stdout" => self.service.stdout = stream,
                _ => self.service.stderr = stream,
            }
        }
    }
}

/// `SOFT:HARD`, or one for both.
fn limit<T: Copy>(text: &str, read: impl Fn(&str) -> Result<Option<T>, ()>) -> Option<Limit<T>> {
    let bound = |text: &str| {
        let value = read(text).ok()?;
        Some(value.map_or(Bound::Infinity, Bound::At))
    };
    let (soft, hard) = text.split_once(':').unwrap_or((text, text));
    Some(Limit::new(bound(soft)?, bound(hard)?))
}
