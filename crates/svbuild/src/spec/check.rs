//! What a definition may say, beyond the form of each value. Everything that is wrong is told, not
//! only the first.

mod expand;
mod life;
mod order;

use std::{os::unix::ffi::OsStrExt, path::Path};

pub(crate) use life::host_and_port;

use super::{Bound, Definitions, Id, IoClass, Log, Resources, Service, Stream, Word};

/// Something that a definition may not say.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use service `{}`: {}{why}", service.escape_debug(), key_of(key))]
#[non_exhaustive]
pub struct Invalid {
    /// The service.
    pub service: String,
    /// The key, as in [`super::Key::path`]; a variable is `env.NAME`. Empty for the name itself.
    pub key: String,
    /// What is wrong, and what would be right.
    pub why: String,
}

svproto::readable!(Invalid);

fn key_of(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("`{}` ", key.escape_debug()) }
}

/// What to write in the place of a path that is relative to nothing.
const ABSOLUTE: &str = "an absolute path; or write `base = \".\"` above the services, and paths are relative to the \
                        directory of the file";

const NUL: &str = "has a NUL, which no argument can";

/// The longest name: below what scanners, loggers and unit files allow with what they add to it.
const LONGEST_NAME: usize = 200;

impl Definitions {
    /// Everything that is wrong; empty if nothing is.
    #[must_use]
    pub fn check(&self) -> Vec<Invalid> {
        let mut found: Vec<_> =
            self.service.iter().flat_map(|(name, service)| service.check(name)).collect();
        found.extend(self.check_order());
        found
    }
}

impl Service {
    /// Everything that is wrong with this service; others that it names are not looked at.
    #[must_use]
    pub fn check(&self, name: &str) -> Vec<Invalid> {
        let mut check = Check { service: name, found: Vec::new() };
        check.name(name);
        check.unit_name(name);
        check.exec(self);
        check.expand(self);
        for argv in &self.pre {
            check.program("pre", argv);
        }
        check.instances(self);
        check.sockets(self);
        if let Some(text) = &self.description {
            let clean = !text.chars().any(char::is_control) && text.trim() == text;
            check.that(clean && !text.is_empty() && !text.ends_with('\\'), "description", || {
                "must be one line without control characters, outer blanks or a final backslash"
                    .into()
            });
        }
        if !self.expands_path(self.cwd.as_deref()) {
            check.path("cwd", self.cwd.as_deref());
        }
        check.path("env_dir", self.env_dir.as_deref());
        check.path("root", self.root.as_deref());
        check.env_files(self);
        for (variable, value) in &self.env {
            check.variable(variable, value);
        }
        check.identity("", self.user.as_ref(), self.group.as_ref(), &self.groups);
        check.that(self.umask.is_none_or(|mask| mask.0 <= 0o777), "umask", || {
            "must be 000 to 777".into()
        });
        check.that(self.nice.is_none_or(|nice| (-20..=19).contains(&nice)), "nice", || {
            "must be -20 to 19".into()
        });
        if let Some(io) = self.io_priority {
            let level = io.level.is_none_or(|level| level <= 7);
            check.that(level, "io_priority.level", || "must be 0 to 7".into());
            let idle = io.class == IoClass::Idle && io.level.is_some();
            check.that(!idle, "io_priority.level", || "has no meaning with `idle`".into());
        }
        check.limits(self);
        check.resources(&self.resources);
        check.dirs(self);
        check.streams(self);
        check.ready(self.ready.as_ref());
        check.stop(&self.stop);
        check.reload(self.reload.as_ref());
        for (key, why) in self.systemd.wrong(self) {
            check.that(false, &key, || why);
        }
        check.kind(self);
        check.failure(self);
        check.health(self);
        check.restart_on_change(&self.restart_on_change);
        check.argv("finish", &self.finish);
        check.restart(self);
        check.control(self.control.as_ref());
        if let Some(log) = &self.log {
            check.log(log);
        }
        check.found
    }
}

struct Check<'a> {
    service: &'a str,
    found: Vec<Invalid>,
}

impl Check<'_> {
    fn that(&mut self, holds: bool, key: &str, why: impl FnOnce() -> String) {
        if !holds {
            let (service, key) = (self.service.to_owned(), key.to_owned());
            self.found.push(Invalid { service, key, why: why() });
        }
    }

    fn name(&mut self, name: &str) {
        let byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let first = |first: u8| first.is_ascii_alphanumeric() || first == b'_';
        let good = name.bytes().all(byte) && name.bytes().next().is_some_and(first);
        self.that(good && name.len() <= LONGEST_NAME, "", || {
            format!(
                "its name must be letters, digits, `_`, `-` and `.`, not begin with `-` or `.`, and \
                 have at most {LONGEST_NAME} of them"
            )
        });
    }

    fn unit_name(&mut self, name: &str) {
        self.that(!name.ends_with(".service"), "", || {
            "its name must not end in `.service`, which its unit gets of itself".into()
        });
    }

    fn exec(&mut self, service: &Service) {
        let argv = &service.exec;
        self.that(!argv.is_empty(), "exec", || "must name a program".into());
        match argv.split_first() {
            // Which program it is, is known at each start.
            Some((first, rest)) if service.expands_path(Some(Path::new(first.as_os_str()))) => {
                let nul = |word: &Word| word.as_bytes().contains(&0);
                self.that(!nul(first) && !rest.iter().any(nul), "exec", || NUL.into());
            }
            _ => self.argv("exec", argv),
        }
    }

    fn argv(&mut self, key: &str, argv: &[Word]) {
        self.that(argv.iter().all(|word| !word.as_bytes().contains(&0)), key, || NUL.into());
        if let Some(program) = argv.first().map(Word::as_bytes) {
            // Prefixes such as `-` mean something to readers; a name without `/` is looked up.
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.+".contains(byte);
            let name = program.iter().all(plain) && !program.starts_with(b"-");
            let name = name && !program.is_empty() && program != b"." && program != b"..";
            let path = program.starts_with(b"/") && !program.ends_with(b"/");
            let relative = program.contains(&b'/') && !program.starts_with(b"/");
            self.that(name || path, key, || {
                if relative && !program.ends_with(b"/") {
                    return format!("must name a program by {ABSOLUTE}");
                }
                "must begin with a program: a path, or a name of letters, digits and `_-.+`".into()
            });
        }
    }

    fn path(&mut self, key: &str, path: Option<&Path>) {
        let Some(path) = path else { return };
        let bytes = path.as_os_str().as_bytes();
        self.that(bytes.starts_with(b"/") && !bytes.contains(&0), key, || {
            format!("must be {ABSOLUTE}")
        });
    }

    fn env_files(&mut self, service: &Service) {
        // Once for all of them, which have one place.
        let relative = service.env_file.iter().find(|file| !file.path.is_absolute());
        self.path(
            "env_file",
            relative.or(service.env_file.first()).map(|file| file.path.as_path()),
        );
        for file in &service.env_file {
            let bytes = file.path.as_os_str().as_bytes();
            self.that(!bytes.iter().any(|byte| b"*?[".contains(byte)), "env_file", || {
                "must be the path of one file, without `*`, `?` and `[`, which mean several to systemd"
                    .into()
            });
        }
        let both = !service.env_file.is_empty() && service.env_dir.is_some();
        self.that(!both, "env_file", || "cannot be beside `env_dir`; write one of the two".into());
    }

    fn variable(&mut self, name: &str, value: &Word) {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let good =
            name.starts_with(first) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let key = format!("env.{name}");
        self.that(good, &key, || {
            "must be named with letters, digits and `_`, and no digit first: shells and systemd drop \
             other variables"
                .into()
        });
        self.that(!value.as_bytes().contains(&0), &key, || {
            "has a NUL, which no variable can".into()
        });
    }

    fn identity(&mut self, table: &str, user: Option<&Id>, group: Option<&Id>, groups: &[Id]) {
        let key = |name: &str| format!("{table}{name}");
        let ids = [("user", user), ("group", group)];
        let ids = ids.into_iter().filter_map(|(key, id)| Some((key, id?)));
        for (name, id) in ids.chain(groups.iter().map(|id| ("groups", id))) {
            if let Id::Name(text) = id {
                let parsed = text.parse::<Id>();
                self.that(parsed.is_ok(), &key(name), || {
                    parsed.err().map(|why| why.to_string()).unwrap_or_default()
                });
            }
        }
        self.that(group.is_none() || user.is_some(), &key("group"), || "needs `user`".into());
        self.that(groups.is_empty() || group.is_some(), &key("groups"), || "needs `group`".into());
        let number = |id: &Id| matches!(id, Id::Number(_));
        if let Some(user) = user {
            self.that(!number(user) || group.is_some(), &key("user"), || {
                "is a number, which no database is asked about: `group` is needed".into()
            });
            let alike = group.into_iter().chain(groups).all(|it| number(it) == number(user));
            self.that(alike, &key("group"), || {
                "must be a name where `user` is one, and a number where it is one; so must each of \
                 `groups`"
                    .into()
            });
        }
    }

    fn limits(&mut self, service: &Service) {
        let limits = &service.limits;
        for (key, limit) in limits.each() {
            let key = format!("limits.{key}");
            let bounds = [Some(limit.soft), limit.hard];
            let mut numbers = bounds.into_iter().flatten().filter_map(Bound::at);
            self.that(numbers.all(|it| it <= i64::MAX.unsigned_abs()), &key, || {
                "is too large; write \"infinity\"".into()
            });
            let above = match (limit.soft, limit.hard) {
                (Bound::At(soft), Some(Bound::At(hard))) => soft > hard,
                (Bound::Infinity, Some(Bound::At(_))) => true,
                _ => false,
            };
            self.that(!above, &key, || "must not have a `soft` above its `hard`".into());
        }
        let times = limits.cpu.into_iter().flat_map(|it| [Some(it.soft), it.hard]);
        let mut times = times.flatten().filter_map(Bound::at);
        self.that(
            times.all(|time| time.0.subsec_nanos() == 0 && time.0.as_secs() > 0),
            "limits.cpu",
            || "must be whole seconds, and at least 1s".into(),
        );
        let files = limits.files.and_then(|files| files.soft.at()).is_none_or(|files| files >= 8);
        self.that(files, "limits.files", || {
            "must be 8 or more: a program cannot even be loaded with less".into()
        });
    }

    fn dirs(&mut self, service: &Service) {
        for (key, place, _, dir) in service.dirs.each() {
            let key = format!("dirs.{key}");
            // What lies in a directory of the service's, the service could replace by a link before
            // the supervisor's user gives it away.
            let byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            let first = |it: &str| it.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let plain = |name: &String| name.bytes().all(byte) && first(name) && name.len() <= 255;
            self.that(dir.names.iter().all(plain), &key, || {
                format!(
                    "must be names in `{place}`, of letters, digits, `_`, `-` and `.`, without a `/`; \
                     what is below them, the service makes itself"
                )
            });
            let owner = dir.mode.is_none_or(|mode| mode.0 & 0o700 == 0o700 && mode.0 <= 0o777);
            self.that(owner, &key, || {
                "must have a mode of at most 0777 that lets the owner read, write and search".into()
            });
            self.that(dir.names.is_empty() || service.root.is_none(), &key, || {
                "cannot be beside `root`, below which these places are others".into()
            });
        }
    }

    fn resources(&mut self, resources: &Resources) {
        let Resources { memory_max, memory_high, swap_max, pids, cpu: _, cpu_weight, io_weight } =
            resources;
        // Nothing can run with none of it; no swap is something that people ask for.
        for (key, size) in [("memory_max", memory_max), ("memory_high", memory_high)] {
            let some = size.and_then(Bound::at).is_none_or(|size| size.0 > 0);
            self.that(some, &format!("resources.{key}"), || "must be more than 0".into());
        }
        let sizes = [memory_max, memory_high, swap_max].into_iter().copied().flatten();
        let mut sizes = sizes.filter_map(Bound::at);
        self.that(sizes.all(|size| size.0 <= i64::MAX.unsigned_abs()), "resources", || {
            "has a size that is too large; write \"infinity\"".into()
        });
        let some = pids.and_then(Bound::at).is_none_or(|pids| pids > 0);
        self.that(some, "resources.pids", || "must be more than 0".into());
        for (key, weight) in [("cpu_weight", cpu_weight), ("io_weight", io_weight)] {
            let fits = weight.is_none_or(|weight| (1..=10_000).contains(&weight));
            self.that(fits, &format!("resources.{key}"), || "must be 1 to 10000".into());
        }
    }

    fn streams(&mut self, service: &Service) {
        let streams =
            [("stdin", &service.stdin), ("stdout", &service.stdout), ("stderr", &service.stderr)];
        for (key, stream) in streams {
            match stream {
                Some(Stream::File(path)) => self.path(key, Some(path)),
                Some(Stream::Stdout) => self.that(key == "stderr", key, || {
                    "cannot be `stdout`; that is for `stderr`".into()
                }),
                _ => (),
            }
        }
    }

    fn log(&mut self, log: &Log) {
        self.path("log.dir", log.dir.as_deref());
        // `current` and its companions would be mixed with the system's.
        self.that(log.dir.as_deref() != Some(Path::new("/")), "log.dir", || {
            "must not be `/`".into()
        });
        let size = log.max_size.is_none_or(|size| (4096..=16_777_215).contains(&size.0));
        self.that(size, "log.max_size", || {
            "must be 4096 to 16777215 bytes, which all loggers take".into()
        });
        let files = log.max_files.is_none_or(|files| (1..=999).contains(&files));
        self.that(files, "log.max_files", || "must be 1 to 999".into());
        for pattern in &log.filter {
            let signed = pattern.starts_with(['-', '+']);
            self.that(signed && !pattern.chars().any(char::is_control), "log.filter", || {
                format!(
                    "has `{}`: each begins with `-` or `+` and is one line",
                    pattern.escape_debug()
                )
            });
            // Loggers that go by bytes and by characters would differ.
            let text = pattern.get(1..).unwrap_or_default().as_bytes();
            let odd = text.windows(2).any(|pair| matches!(pair, [b'*', b'*' | 0x80..]));
            self.that(!odd, "log.filter", || {
                format!(
                    "has `{}`: after `*` comes a character of ASCII other than `*`, or nothing",
                    pattern.escape_debug()
                )
            });
        }
        self.argv("log.processor", &log.processor);
        self.identity("log.", log.user.as_ref(), log.group.as_ref(), &[]);
        self.that(log.mode.is_none_or(|mode| mode.0 & 0o700 == 0o700), "log.mode", || {
            "must let its owner read, write and search it".into()
        });
    }
}
