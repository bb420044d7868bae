//! Service directories of runit, s6, daemontools and daemontools-encore.
//!
//! A `run` that only prepares a process and becomes it is taken apart; any other stays a script, word for word,
//! and is said to be opaque.
//!
//! Source: `runsv(8)`, `supervise(8)`; the documentation of s6; what svbuild writes.

mod chain;
mod kept;
mod logger;
mod script;
mod source;

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use svbuild::{
    Service,
    spec::{Id, Need, Ready, ReadyCheck, Signal, Stream, Time, Word},
};

use self::script::{Script, Step};
use crate::{
    book::{At, Book, Draft},
    files::{self, FileKind, Files},
    report::Location,
    signal,
};

/// Reads service directories, and every one of scan directories.
pub(crate) fn read(book: &mut Book, files: &dyn Files, paths: &[PathBuf]) {
    let mut all = Vec::new();
    for path in paths {
        if is_service(files, path) {
            all.push(path.clone());
            continue;
        }
        let names = files.names(path).unwrap_or_default();
        let below = names.iter().filter(|name| !name.starts_with('.')).map(|name| path.join(name));
        all.extend(below.filter(|dir| is_service(files, dir)));
    }
    // Loggers of a pipeline and bundles are no services of their own.
    let is_own = |dir: &&PathBuf| {
        let is_bundle = source::kind(files, dir).as_deref() == Some("bundle");
        !is_bundle && files.kind(&dir.join("consumer-for")).is_none()
    };
    let names: Vec<String> = all.iter().filter(is_own).filter_map(|dir| name_of(dir)).collect();
    for dir in all {
        if source::kind(files, &dir).as_deref() == Some("bundle") {
            source::bundle(book, &dir);
            continue;
        }
        Reader::new(book, files, &dir, &names).run();
    }
}

/// Whether a directory describes a service.
pub(crate) fn is_service(files: &dyn Files, dir: &Path) -> bool {
    matches!(files.kind(&dir.join("run")), Some(FileKind::File { .. }))
        || source::kind(files, dir).is_some()
}

/// Whether a directory holds such directories.
pub(crate) fn is_scan(files: &dyn Files, dir: &Path) -> bool {
    let names = files.names(dir).unwrap_or_default();
    names.iter().any(|name| !name.starts_with('.') && is_service(files, &dir.join(name)))
}

fn name_of(dir: &Path) -> Option<String> {
    let name = dir.file_name()?.to_str()?;
    Some(
        name.chars()
            .map(|c| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '-' })
            .collect(),
    )
}

/// Names in a service directory that suites give a meaning to: a word of a command that is one of them is none.
const OF_SUPERVISORS: [&str; 9] =
    ["run", "finish", "check", "env", "log", "down", "supervise", "control", "data"];

/// Whether it is known what redirections are relative to.
fn has_plain_streams(script: &Script) -> bool {
    let service = &script.chain.service;
    let is_relative =
        |it: &Option<Stream>| matches!(it, Some(Stream::File(path)) if path.is_relative());
    let streams = [&service.stdin, &service.stdout, &service.stderr];
    service.cwd.is_none() || !streams.into_iter().any(is_relative)
}

/// One file, read and put into the book.
struct File {
    shown: String,
    text: String,
}

struct Reader<'a> {
    book: &'a mut Book,
    files: &'a dyn Files,
    dir: &'a Path,
    names: &'a [String],
    name: String,
    /// The directory from the root on.
    home: PathBuf,
    service: Service,
    /// The suite is s6.
    is_s6: bool,
}

impl<'a> Reader<'a> {
    fn new(book: &'a mut Book, files: &'a dyn Files, dir: &'a Path, names: &'a [String]) -> Self {
        let name = name_of(dir).unwrap_or_default();
        let (home, service) = (files.absolute(dir), Service::default());
        Self { book, files, dir, names, name, home, service, is_s6: false }
    }

    fn run(mut self) {
        let head = self.book.heading(Location::whole(&self.dir.display().to_string()), "");
        self.book.about(head, &self.name);
        if self.is_consumer() {
            return self.of_another();
        }
        if source::kind(self.files, self.dir).as_deref() == Some("oneshot") {
            self.oneshot();
        } else if !self.longrun() {
            return;
        }
        self.others();
        let name = self.name;
        self.book.service(Draft {
            about: name.clone(),
            name,
            service: self.service,
            source: self.dir.display().to_string(),
            head,
            is_refused: false,
        });
    }

    /// Lines of a logger that is part of another service.
    fn of_another(mut self) {
        let Some(run) = self.file("run") else { return };
        for (bytes, _) in script::lines(&run.text) {
            let at = self.line(&run, bytes);
            self.book.equivalent(at, None, "it is the logger of another service, as `log`");
        }
    }

    /// What `run` says. False if it cannot be read.
    fn longrun(&mut self) -> bool {
        let Some(run) = self.file("run") else { return false };
        let own = [
            "notification-fd",
            "timeout-kill",
            "timeout-finish",
            "down-signal",
            "max-death-tally",
            "data",
            "type",
        ];
        let has = |name: &str| self.files.kind(&self.dir.join(name)).is_some();
        self.is_s6 =
            own.into_iter().any(has) || script::is_execline(&run.text) || run.text.contains("s6-");
        let read = if script::is_execline(&run.text) {
            script::execline(&run.text)
        } else {
            script::sh(&run.text)
        };
        match read.filter(|it| self.has_env(it) && has_plain_streams(it)) {
            Some(script) => self.understood(&run, script),
            None => self.opaque(&run),
        }
        true
    }

    /// A file of the directory, if it is there and a text.
    fn file(&mut self, name: &str) -> Option<File> {
        let path = self.dir.join(name);
        self.files.kind(&path)?;
        let shown = path.display().to_string();
        match files::text(self.files, &path) {
            Ok(text) => Some(File { shown, text }),
            Err(why) => {
                let at = self.book.line(Location::whole(&shown), "");
                self.book.about(at, &self.name);
                self.book.refused(at, &why);
                None
            }
        }
    }

    fn line(&mut self, file: &File, bytes: std::ops::Range<usize>) -> At {
        let text = file.text.get(bytes.clone()).unwrap_or_default();
        let at = self.book.line(Location::of(&file.shown, &file.text, bytes), text);
        self.book.about(at, &self.name);
        at
    }

    /// A file with one value, as a line.
    fn value(&mut self, name: &str) -> Option<(At, String)> {
        let file = self.file(name)?;
        let at = self.line(&file, 0..file.text.len());
        Some((at, file.text.trim().to_owned()))
    }

    /// Directories of variables that are in the service directory are values; there is one other at most.
    fn has_env(&self, script: &Script) -> bool {
        let outside = |dir: &&String| dir.starts_with('/');
        let absolute = script.chain.env_dirs.iter().filter(outside).count();
        absolute <= 1
            && script
                .chain
                .env_dirs
                .iter()
                .all(|dir| dir.starts_with('/') || self.values(dir).is_some())
    }

    /// What `envdir` makes of a directory: the first line of each file without the blanks at its end.
    fn values(&self, dir: &str) -> Option<Vec<(String, String, String)>> {
        let dir = self.dir.join(dir.trim_start_matches("./"));
        let mut found = Vec::new();
        for name in self.files.names(&dir).ok()? {
            if name.starts_with('.') || !crate::env_file::is_name(&name) {
                continue;
            }
            let path = dir.join(&name);
            let text = files::text(self.files, &path).ok()?;
            let line = text
                .split('\n')
                .next()
                .unwrap_or_default()
                .trim_end_matches([' ', '\t'])
                .replace('\0', "\n");
            found.push((path.display().to_string(), name, line));
        }
        Some(found)
    }

    fn understood(&mut self, run: &File, script: Script) {
        for Step { bytes, key } in &script.steps {
            let at = self.line(run, bytes.clone());
            self.book.exact(at, *key);
        }
        let Script { chain, needs, says_stdin, has_shell, steps } = script;
        self.service = chain.service;
        let last = steps.last().map(|it| it.bytes.clone()).unwrap_or_default();
        let last = self.book.find(&run.shown, last.start).unwrap_or_default();
        if !says_stdin {
            let why = "standard input is /dev/null; it was the supervisor's";
            self.book.equivalent(last, None, why);
        }
        if has_shell {
            self.book.equivalent(
                last,
                None,
                "the program takes the place of the shell, and gets its signals itself",
            );
        }
        if chain.is_alone {
            let why = match self.service.user {
                Some(Id::Number(_)) => "HOME, USER and LOGNAME are not set",
                _ => "HOME, USER and LOGNAME are the user's as well",
            };
            self.book.equivalent(last, Some("user"), why);
        }
        self.no_session(last);
        self.paths(last);
        for why in chain.lost {
            self.book.approximated(last, None, &why);
        }
        for dir in chain.env_dirs {
            if dir.starts_with('/') {
                self.service.env_dir = Some(dir.into());
                continue;
            }
            for (path, name, value) in self.values(&dir).unwrap_or_default() {
                let at = self.book.line(Location::whole(&path), &value);
                self.book.about(at, &self.name);
                self.book.exact(at, Some(&format!("env.{name}")));
                self.service.env.insert(name, value.into());
            }
        }
        for name in needs {
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            let at = script_line(self.book, run, &name).unwrap_or(last);
            if self.names.contains(&name) {
                self.service.needs.push(Need::new(name));
                self.book.equivalent(at, Some("needs"), "the order is that of `needs`");
            } else {
                self.book.dropped(
                    at,
                    &format!("`{name}` is not converted with it, so nothing waits for it"),
                );
            }
        }
    }

    /// s6 gives each service one, and not all targets do.
    fn no_session(&mut self, at: At) {
        if self.is_s6 && !self.service.session {
            let why = "it has no session of its own, as s6 gives each; under s6 and systemd it has";
            self.book.equivalent(at, None, why);
        }
    }

    /// What is relative to the service directory is so to the old one.
    fn paths(&mut self, last: At) {
        let home = self.home.clone();
        let whole = |path: &Path| home.join(path.strip_prefix(".").unwrap_or(path));
        let service = &mut self.service;
        for stream in [&mut service.stdin, &mut service.stdout, &mut service.stderr] {
            if let Some(Stream::File(path)) = stream {
                *path = whole(path);
            }
        }
        if let Some(cwd) = &mut service.cwd {
            *cwd = whole(cwd);
        }
        let base = service.cwd.clone().unwrap_or_else(|| home.clone());
        if let Some(program) = service.exec.first_mut() {
            let path = Path::new(program.as_os_str());
            if path.is_relative() && path.components().count() > 1 {
                *program = base.join(path.strip_prefix(".").unwrap_or(path)).into();
            }
        }
        if service.cwd.is_some() {
            return;
        }
        let args = service.exec.iter().skip(1).filter_map(|it| it.as_os_str().to_str());
        let is_beside = |name: &str| {
            if name.starts_with("./") || name.starts_with("../") {
                return true;
            }
            let mut parts = Path::new(name).components();
            let first = parts.find(|it| *it != Component::CurDir);
            let is_own =
                |it: &OsStr| OF_SUPERVISORS.iter().any(|own| it == *own) || name.starts_with('-');
            matches!(first, Some(Component::Normal(first)) if !is_own(first))
                && self.files.kind(&self.dir.join(name)).is_some()
        };
        if args.into_iter().any(is_beside) {
            service.cwd = Some(home);
            let why =
                "it names a file of the old service directory, which stays its working directory";
            self.book.equivalent(last, Some("cwd"), why);
        } else {
            let why = "its working directory is the new service directory";
            self.book.equivalent(last, None, why);
        }
    }

    /// The script as it is, where it was: what it names is beside it.
    fn opaque(&mut self, run: &File) {
        let why = "the script does more than a definition says, and is kept as it is: it is opaque, and what is in it is not \
                   known";
        for (bytes, _) in script::lines(&run.text) {
            let at = self.line(run, bytes);
            self.book.equivalent(at, Some("exec"), why);
            self.no_session(at);
        }
        self.service.exec = kept::words(&run.text, &self.home.join("run"), None);
        self.service.cwd = Some(self.home.clone());
        self.service.stderr = Some(Stream::Inherit);
    }

    fn others(&mut self) {
        let names = self.files.names(self.dir).unwrap_or_default();
        for name in names {
            if source::kind(self.files, self.dir).is_some() && self.of_s6_rc(&name) {
                continue;
            }
            match name.as_str() {
                "run" | "env" | "supervise" | "event" => (),
                "down" => {
                    let shown = self.dir.join("down").display().to_string();
                    let at = self.book.line(Location::whole(&shown), "");
                    self.book.about(at, &self.name);
                    self.book.exact(at, Some("down"));
                    self.service.down = true;
                }
                "finish" => self.finish(),
                "check" | "data" => self.check(&name),
                "log" => self.log(),
                "notification-fd" | "timeout-kill" | "timeout-finish" | "down-signal" => {
                    self.of_s6(&name);
                }
                "control" => self.control(),
                "needs" => self.order(),
                _ => self.unknown(&name),
            }
        }
    }

    fn unknown(&mut self, name: &str) {
        let path = self.dir.join(name);
        let at = self.book.line(Location::whole(&path.display().to_string()), "");
        self.book.about(at, &self.name);
        let is_dir = self.files.kind(&path) == Some(FileKind::Directory);
        if name.starts_with('.') || is_dir {
            self.book.equivalent(at, None, "no supervisor reads it");
        } else {
            self.book.dropped(at, "a definition has nothing for it; what a script reads of it has to stay where it is");
        }
    }

    fn finish(&mut self) {
        let Some(finish) = self.file("finish") else { return };
        for (bytes, _) in script::lines(&finish.text) {
            let at = self.line(&finish, bytes);
            let why = "the script is kept as it is: it is opaque; it runs where the new service directory is";
            self.book.equivalent(at, Some("finish"), why);
            if self.is_s6 {
                self.book.equivalent(at, None, "its arguments are those of the new supervisor");
            }
        }
        // The arguments follow.
        self.service.finish = kept::words(&finish.text, &self.home.join("finish"), Some("finish"));
    }

    fn check(&mut self, name: &str) {
        let name = if name == "data" { "data/check" } else { name };
        let Some(check) = self.file(name) else { return };
        let words = script::sh(&check.text).map(|it| it.chain.service.exec);
        let asks = |it: &[Word]| !it.is_empty();
        let exec = words
            .filter(|it| asks(it))
            .unwrap_or_else(|| kept::words(&check.text, &self.home.join(name), None));
        for (bytes, _) in script::lines(&check.text) {
            let at = self.line(&check, bytes);
            self.book.exact(at, Some("ready.command"));
        }
        let text: Vec<String> =
            exec.iter().map(|it| it.as_os_str().to_string_lossy().into_owned()).collect();
        let text: Vec<&str> = text.iter().map(String::as_str).collect();
        let check = match text.as_slice() {
            ["nc", "-z", "-w", "1", "--", host, port] => {
                let host =
                    if host.contains(':') { format!("[{host}]") } else { (*host).to_owned() };
                ReadyCheck::Tcp(format!("{host}:{port}"))
            }
            ["curl", "-gfsS", "-o", "/dev/null", "-m", "10", "--", url] => {
                ReadyCheck::Http((*url).to_owned())
            }
            _ => ReadyCheck::Command(exec),
        };
        self.service.ready = Some(Ready::new(check));
    }

    fn of_s6(&mut self, name: &str) {
        let Some((at, text)) = self.value(name) else { return };
        match (name, text.parse::<u64>()) {
            ("notification-fd", Ok(fd)) => {
                self.book.exact(at, Some("ready.fd"));
                if self.service.ready.is_none() {
                    self.service.ready =
                        u32::try_from(fd).ok().map(|fd| Ready::new(ReadyCheck::Fd(fd)));
                }
            }
            ("timeout-kill", Ok(0)) => self.book.exact(at, Some("stop.kill_after")),
            ("timeout-kill", Ok(ms)) => {
                self.service.stop.kill_after = Some(Time(Duration::from_millis(ms)));
                self.book.exact(at, Some("stop.kill_after"));
            }
            ("down-signal", _) => match signal::named(&text) {
                Ok(signal) => {
                    self.service.stop.signal = Some(signal).filter(|it| *it != Signal::TERM);
                    self.book.exact(at, Some("stop.signal"));
                }
                Err(why) => self.book.refused(at, &why),
            },
            ("timeout-finish", _) => {
                self.book.equivalent(at, Some("finish"), "it may take as long as it likes");
            }
            _ => self.book.dropped(at, "it is no number"),
        }
    }

    fn control(&mut self) {
        let dir = self.dir.join("control");
        for name in self.files.names(&dir).unwrap_or_default() {
            let Some(file) = self.file(&format!("control/{name}")) else { continue };
            for (bytes, _) in script::lines(&file.text) {
                let at = self.line(&file, bytes);
                self.book.dropped(at, "what runs in the place of a signal is not read; `stop` and `reload` are nearest");
            }
        }
    }

    fn log(&mut self) {
        let Some(run) = self.file("log/run") else { return };
        let config = self.files.kind(&self.dir.join("log/config")).is_some();
        let read = if script::is_execline(&run.text) {
            script::execline(&run.text)
        } else {
            script::sh(&run.text)
        };
        let log = read.filter(|_| !config).and_then(|it| logger::read(&it.chain, self.dir));
        for (bytes, _) in script::lines(&run.text) {
            let at = self.line(&run, bytes);
            match &log {
                Some(_) => self.book.exact(at, Some("log")),
                None => self.book.approximated(
                    at,
                    Some("log"),
                    "the logger is the usual one of its suite, with its own directory",
                ),
            }
        }
        self.service.log = Some(log.unwrap_or_default());
    }
}

/// The line of a script that names this.
fn script_line(book: &Book, run: &File, name: &str) -> Option<At> {
    let lines = script::lines(&run.text);
    let (bytes, _) =
        lines.iter().find(|(_, line)| line.starts_with("sv ") && line.contains(name))?;
    book.find(&run.shown, bytes.start)
}
