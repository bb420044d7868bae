//! What a service is: a [`Service`] from TOML or from its builder, and many of them by name.
//!
//! Every key is described once, in [`KEYS`]: its form, its unit, its default. Methods of
//! [`Service`] take and return it, and check nothing; [`Definitions::check`] checks everything, and
//! so does whatever renders or reads one.

mod base;
mod check;
mod env_file;
mod keys;
mod parse;
mod value;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use base::Base;
pub use check::Invalid;
pub(crate) use check::host_and_port;
pub use env_file::EnvFile;
pub use keys::{KEYS, Key, table};
pub use parse::{Finding, Findings, Span};
pub use value::{BadValue, Id, Mode, Signal, Size, Stream, Time, Word};

/// The services of a file, by name.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definitions {
    /// `[service.NAME]`.
    #[serde(default)]
    pub service: BTreeMap<String, Service>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $from:ty => |$self:ident, $value:ident| $set:expr;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $value: $from) -> Self {
                let $self = &mut self;
                $set;
                self
            }
        )*
    };
}

/// One service. The fields are the keys of the file; [`KEYS`] says what each means.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// `exec`: the program and its arguments; never a shell line.
    pub exec: Vec<Word>,
    /// `description`: one line for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `cwd`: the working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// `env`: variables that are set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Word>,
    /// `env_dir`: a directory with a file for each variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_dir: Option<PathBuf>,
    /// `env_file`: files of variables, read in their order at each start.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "env_file::one_or_many")]
    pub env_file: Vec<EnvFile>,
    /// `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Id>,
    /// `group`: the primary group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Id>,
    /// `groups`: the supplementary groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Id>,
    /// `umask`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub umask: Option<Mode>,
    /// `nice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nice: Option<i32>,
    /// `io_priority`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_priority: Option<IoPriority>,
    /// `limits`.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// `root`: the root directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// `session`: a session and a process group of its own.
    #[serde(skip_serializing_if = "is_default")]
    pub session: bool,
    /// `stdin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Stream>,
    /// `stdout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Stream>,
    /// `stderr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<Stream>,
    /// `ready`: how it is known that the service is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<ReadyCheck>,
    /// `stop`: how it is told to end.
    #[serde(skip_serializing_if = "is_default")]
    pub stop: Stop,
    /// `finish`: a program that runs after each end of the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finish: Vec<Word>,
    /// `restart`: after which ends it is started again.
    #[serde(skip_serializing_if = "is_default")]
    pub restart: Restart,
    /// `restart_delay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_delay: Option<Time>,
    /// `after`: services that are started before this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// `down`: not started until asked.
    #[serde(skip_serializing_if = "is_default")]
    pub down: bool,
    /// `log`: a logger for what it writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `io_priority = { class = "best-effort", level = 4 }`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IoPriority {
    /// `class`.
    pub class: IoClass,
    /// `level`: 0, the first served, to 7; without meaning for `idle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
}

/// The kernel's classes of I/O priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IoClass {
    /// Served before all others.
    Realtime,
    /// The usual class.
    BestEffort,
    /// Served when nobody else asks.
    Idle,
}

svproto::words!(IoClass, "class of I/O priority":
    Realtime "realtime",
    BestEffort "best-effort",
    Idle "idle",
);

/// `limits = { … }`: soft limits, as `chpst`, `softlimit` and `s6-softlimit` set them.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// `memory`: `data`, `stack`, `locked_memory` and `address_space` in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// `address_space`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_space: Option<Size>,
    /// `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Size>,
    /// `stack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<Size>,
    /// `locked_memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_memory: Option<Size>,
    /// `rss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss: Option<Size>,
    /// `file_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<Size>,
    /// `core`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<Size>,
    /// `files`: open descriptors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u32>,
    /// `processes`: processes of the user, not of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// `cpu`: time on a processor, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Time>,
}

/// `ready = { … }`, with one of these.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadyCheck {
    /// `fd`: the service writes a line to this descriptor.
    Fd(u32),
    /// `tcp`: `HOST:PORT` takes a connection.
    Tcp(String),
    /// `http`: the URL answers with a status below 400.
    Http(String),
    /// `command`: the program exits with 0.
    Command(Vec<Word>),
}

/// `stop = { … }`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// `signal`; `TERM` if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// `kill_after`: SIGKILL follows after so long; never if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_after: Option<Time>,
}

/// `restart = "…"`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// After every end.
    #[default]
    Always,
    /// Not after an exit with 0.
    OnFailure,
    /// After none: every run is the last until the service is asked up again.
    Never,
}

svproto::words!(Restart, "rule for restarts":
    Always "always",
    OnFailure "on-failure",
    Never "never",
);

/// `log = { … }`.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `dir`: the log directory; `main` in the logger's service directory if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// `max_size`: of a file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Size>,
    /// `max_files`: old files that are kept beside the current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_files: Option<u32>,
    /// `timestamp`: what stands before each line.
    #[serde(skip_serializing_if = "is_default")]
    pub timestamp: Timestamp,
    /// `filter`: patterns with `-` or `+` in front.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<String>,
    /// `processor`: a program that each old file goes through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processor: Vec<Word>,
    /// `user`: whom the logger runs as, and who owns the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Id>,
    /// `group`: its primary group, and the directory's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Id>,
    /// `mode`: of the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

/// `timestamp = "…"`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timestamp {
    /// Nothing.
    #[default]
    None,
    /// An external TAI64N label, as in `@400000006b037e0d1b96475c`.
    Tai64n,
    /// UTC, as in `2026-11-22T23:34:43.13821`; `s6-log` writes a blank for the `T`.
    Iso8601,
}

svproto::words!(Timestamp, "kind of time stamp":
    None "none",
    Tai64n "tai64n",
    Iso8601 "iso8601",
);

impl IoPriority {
    /// This class, at its usual level.
    #[must_use]
    pub const fn new(class: IoClass) -> Self {
        Self { class, level: None }
    }

    /// Sets the level: 0, the first served, to 7.
    #[must_use]
    pub const fn level(mut self, level: u8) -> Self {
        self.level = Some(level);
        self
    }
}

impl Limits {
    /// No limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets `data`, `stack`, `locked_memory` and `address_space` in one.
        memory: Size => |it, size| it.memory = Some(size);
        /// Sets the address space.
        address_space: Size => |it, size| it.address_space = Some(size);
        /// Sets the data segment.
        data: Size => |it, size| it.data = Some(size);
        /// Sets the stack.
        stack: Size => |it, size| it.stack = Some(size);
        /// Sets memory that cannot be swapped out.
        locked_memory: Size => |it, size| it.locked_memory = Some(size);
        /// Sets resident memory.
        rss: Size => |it, size| it.rss = Some(size);
        /// Sets the size of files that are written.
        file_size: Size => |it, size| it.file_size = Some(size);
        /// Sets the size of cores.
        core: Size => |it, size| it.core = Some(size);
        /// Sets the number of open descriptors.
        files: u32 => |it, number| it.files = Some(number);
        /// Sets the number of processes of the user.
        processes: u32 => |it, number| it.processes = Some(number);
        /// Sets the time on a processor, in whole seconds.
        cpu: Time => |it, time| it.cpu = Some(time);
    }
}

impl Stop {
    /// By SIGTERM, and never by SIGKILL.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets the signal.
        signal: Signal => |it, signal| it.signal = Some(signal);
        /// Sets after how long SIGKILL follows.
        kill_after: Time => |it, time| it.kill_after = Some(time);
    }
}

impl Log {
    /// A logger as its suite has it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets the log directory.
        dir: impl Into<PathBuf> => |it, path| it.dir = Some(path.into());
        /// Sets the size of a file.
        max_size: Size => |it, size| it.max_size = Some(size);
        /// Sets how many old files are kept.
        max_files: u32 => |it, number| it.max_files = Some(number);
        /// Sets what stands before each line.
        timestamp: Timestamp => |it, stamp| it.timestamp = stamp;
        /// Adds a pattern with `-` or `+` in front.
        filter: impl Into<String> => |it, pattern| it.filter.push(pattern.into());
        /// Sets whom it runs as.
        user: impl Into<Id> => |it, id| it.user = Some(id.into());
        /// Sets its primary group.
        group: impl Into<Id> => |it, id| it.group = Some(id.into());
        /// Sets the mode of the directory.
        mode: u16 => |it, bits| it.mode = Some(Mode(bits));
    }

    /// Sets the program that each old file goes through.
    #[must_use]
    pub fn processor<W: Into<Word>>(mut self, argv: impl IntoIterator<Item = W>) -> Self {
        self.processor = argv.into_iter().map(Into::into).collect();
        self
    }
}

impl Service {
    /// A service that runs this program with these arguments.
    ///
    /// ```
    /// use svbuild::{Service, spec::{Limits, Stop}};
    ///
    /// let web = Service::new(["/usr/bin/web", "--port", "8080"])
    ///     .limits(Limits::new().files(1024))
    ///     .stop(Stop::new().kill_after("10s".parse()?));
    /// assert!(web.check("web").is_empty());
    /// # Ok::<(), svbuild::spec::BadValue>(())
    /// ```
    pub fn new<W: Into<Word>>(exec: impl IntoIterator<Item = W>) -> Self {
        Self { exec: exec.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    setters! {
        /// Sets the line for people.
        description: impl Into<String> => |it, text| it.description = Some(text.into());
        /// Sets the working directory.
        cwd: impl Into<PathBuf> => |it, path| it.cwd = Some(path.into());
        /// Sets the directory of variables.
        env_dir: impl Into<PathBuf> => |it, path| it.env_dir = Some(path.into());
        /// Sets the user.
        user: impl Into<Id> => |it, id| it.user = Some(id.into());
        /// Sets the primary group.
        group: impl Into<Id> => |it, id| it.group = Some(id.into());
        /// Adds a file of variables.
        env_file: EnvFile => |it, file| it.env_file.push(file);
        /// Adds a supplementary group.
        also_group: impl Into<Id> => |it, id| it.groups.push(id.into());
        /// Sets the umask, as in `0o022`.
        umask: u16 => |it, bits| it.umask = Some(Mode(bits));
        /// Sets what is added to the supervisor's niceness.
        nice: i32 => |it, nice| it.nice = Some(nice);
        /// Sets class and level of I/O priority.
        io_priority: IoPriority => |it, io| it.io_priority = Some(io);
        /// Sets the limits.
        limits: Limits => |it, limits| it.limits = limits;
        /// Sets the root directory.
        root: impl Into<PathBuf> => |it, path| it.root = Some(path.into());
        /// Sets where standard input comes from.
        stdin: Stream => |it, stream| it.stdin = Some(stream);
        /// Sets where standard output goes.
        stdout: Stream => |it, stream| it.stdout = Some(stream);
        /// Sets where standard error goes.
        stderr: Stream => |it, stream| it.stderr = Some(stream);
        /// Sets how readiness is known.
        ready: ReadyCheck => |it, ready| it.ready = Some(ready);
        /// Sets how it is told to end.
        stop: Stop => |it, stop| it.stop = stop;
        /// Sets after which ends it is started again.
        restart: Restart => |it, restart| it.restart = restart;
        /// Sets the pause between an end and the next start.
        restart_delay: Time => |it, time| it.restart_delay = Some(time);
        /// Adds a service that is started before this one.
        after: impl Into<String> => |it, name| it.after.push(name.into());
        /// Sets its logger.
        log: Log => |it, log| it.log = Some(log);
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<Word>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets the program that runs after each end.
    #[must_use]
    pub fn finish<W: Into<Word>>(mut self, argv: impl IntoIterator<Item = W>) -> Self {
        self.finish = argv.into_iter().map(Into::into).collect();
        self
    }

    /// Asks for a session of its own.
    #[must_use]
    pub fn session(mut self) -> Self {
        self.session = true;
        self
    }

    /// Leaves it down until it is asked up.
    #[must_use]
    pub fn down(mut self) -> Self {
        self.down = true;
        self
    }
}

/// By name, in their order.
impl IntoIterator for Definitions {
    type Item = (String, Service);
    type IntoIter = std::collections::btree_map::IntoIter<String, Service>;

    fn into_iter(self) -> Self::IntoIter {
        self.service.into_iter()
    }
}

impl<N: Into<String>> FromIterator<(N, Service)> for Definitions {
    fn from_iter<I: IntoIterator<Item = (N, Service)>>(services: I) -> Self {
        Self { service: services.into_iter().map(|(name, it)| (name.into(), it)).collect() }
    }
}

impl Definitions {
    /// Adds a service.
    ///
    /// ```
    /// use svbuild::{Definitions, Service};
    ///
    /// let definitions = Definitions::default().with("web", Service::new(["server"]));
    /// assert!(definitions.check().is_empty());
    /// ```
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, service: Service) -> Self {
        self.service.insert(name.into(), service);
        self
    }
}
