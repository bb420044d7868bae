//! What a service is: a [`Service`] from TOML or from its builder, and many of them by name.
//!
//! Every key is described once, in [`KEYS`]: its form, its unit, its default. Methods of
//! [`Service`] take and return it, and check nothing; [`Definitions::check`] checks everything, and
//! so does whatever renders or reads one.

mod base;
mod check;
mod control;
mod dirs;
mod env_file;
mod expand;
mod health;
mod instances;
mod keys;
mod life;
mod limits;
mod log;
mod order;
mod parse;
mod ready;
mod restart;
mod socket;
mod systemd;
mod text;
mod value;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use base::Base;
pub use check::Invalid;
pub(crate) use check::host_and_port;
pub use control::Control;
pub use dirs::{Dir, Dirs};
pub use env_file::EnvFile;
pub(crate) use expand::Part;
pub use health::{Health, HealthCheck, Then};
pub(crate) use instances::INSTANCE;
pub use keys::{KEYS, Key, table};
pub use life::{Critical, Reload, Stop};
pub use limits::{Bound, IoClass, IoPriority, Limit, Limits, Percent, Resources};
pub use log::{Log, Timestamp};
pub use order::{External, Kind, Need, When};
pub use parse::{Finding, Findings, Span};
pub use ready::{Ready, ReadyCheck};
pub use restart::{Restart, RestartPolicy};
pub use socket::Socket;
pub use systemd::{Directive, Systemd};
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
use setters;

/// One service. The fields are the keys of the file; [`KEYS`] says what each means.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Service {
    /// `exec`: the program and its arguments; never a shell line.
    pub exec: Vec<Word>,
    /// `expand`: whether `${NAME}` is replaced in `exec`, `env` and `cwd` at each start; as above the services
    /// of the file if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expand: Option<bool>,
    /// `pre`: programs that run before each start, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pre: Vec<Vec<Word>>,
    /// `instances`: how many of it there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u16>,
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
    /// `resources`: of the service as a whole.
    #[serde(skip_serializing_if = "is_default")]
    pub resources: Resources,
    /// `dirs`: directories that are made before the user changes.
    #[serde(skip_serializing_if = "is_default")]
    pub dirs: Dirs,
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
    pub ready: Option<Ready>,
    /// `stop`: how it is told to end.
    #[serde(skip_serializing_if = "is_default")]
    pub stop: Stop,
    /// `reload`: how it is told to read its configuration again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reload: Option<Reload>,
    /// `finish`: a program that runs after each end of the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finish: Vec<Word>,
    /// `restart`: after which ends it is started again, how soon, and how often.
    #[serde(skip_serializing_if = "is_default")]
    pub restart: RestartPolicy,
    /// `on_failure`: a program that runs when the service is given up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<Word>,
    /// `sockets`: open before it is started, and given to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<Socket>,
    /// `critical`: whether an end for good is the end of everything beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical: Option<Critical>,
    /// `health`: how it is asked again and again whether it is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// `watchdog`: how long it may say nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<Time>,
    /// `kind`: whether it runs on, or to its end once.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// `success`: exit codes that are as good as 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub success: Vec<u8>,
    /// `remain`: a job that is done counts as up until it is told to stop.
    #[serde(skip_serializing_if = "is_default")]
    pub remain: bool,
    /// `after`: services that this one waits for, where they are started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Need>,
    /// `needs`: services that are started with it, and without which it is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// `wants`: services that are started with it, and before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<Need>,
    /// `after_external`: what it waits for outside of the file.
    #[serde(skip_serializing_if = "is_default")]
    pub after_external: External,
    /// `control`: who may ask its supervisor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// `down`: not started until asked.
    #[serde(skip_serializing_if = "is_default")]
    pub down: bool,
    /// `log`: a logger for what it writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// `tty`: its standard streams are a terminal (`svctl dev`).
    #[serde(skip_serializing_if = "is_default")]
    pub tty: bool,
    /// `restart_on_change`: files whose change restarts it, with `*`, `?`, `[…]` and `**` (`svctl dev`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart_on_change: Vec<PathBuf>,
    /// `systemd`: text for the unit file alone.
    #[serde(skip_serializing_if = "is_default")]
    pub systemd: Systemd,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
        /// Sets whether `${NAME}` is replaced in `exec`, `env` and `cwd`.
        expand: bool => |it, expand| it.expand = Some(expand);
        /// Sets how many of it there are.
        instances: u16 => |it, count| it.instances = Some(count);
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
        /// Sets what the service as a whole may use.
        resources: Resources => |it, resources| it.resources = resources;
        /// Sets the directories that are made before the user changes.
        dirs: Dirs => |it, dirs| it.dirs = dirs;
        /// Sets the root directory.
        root: impl Into<PathBuf> => |it, path| it.root = Some(path.into());
        /// Sets where standard input comes from.
        stdin: Stream => |it, stream| it.stdin = Some(stream);
        /// Sets where standard output goes.
        stdout: Stream => |it, stream| it.stdout = Some(stream);
        /// Sets where standard error goes.
        stderr: Stream => |it, stream| it.stderr = Some(stream);
        /// Sets how readiness is known.
        ready: impl Into<Ready> => |it, ready| it.ready = Some(ready.into());
        /// Sets how it is told to end.
        stop: Stop => |it, stop| it.stop = stop;
        /// Sets how it is told to read its configuration again.
        reload: Reload => |it, reload| it.reload = Some(reload);
        /// Sets after which ends it is started again.
        restart: impl Into<RestartPolicy> => |it, restart| it.restart = restart.into();
        /// Adds a socket that is open before it is started.
        socket: Socket => |it, socket| it.sockets.push(socket);
        /// Makes an end for good the end of everything beside it.
        critical: Critical => |it, critical| it.critical = Some(critical);
        /// Sets how it is asked whether it is well.
        health: Health => |it, health| it.health = Some(health);
        /// Sets how long it may say nothing.
        watchdog: Time => |it, time| it.watchdog = Some(time);
        /// Adds files whose change restarts it under `svctl dev`.
        restart_on_change: impl Into<PathBuf> => |it, files| it.restart_on_change.push(files.into());
        /// Adds an exit code that is as good as 0.
        success: u8 => |it, code| it.success.push(code);
        /// Adds a service that this one waits for, where it is started.
        after: impl Into<Need> => |it, need| it.after.push(need.into());
        /// Adds a service that is started with it, and without which it is not.
        needs: impl Into<Need> => |it, need| it.needs.push(need.into());
        /// Adds a service that is started with it, and before it.
        wants: impl Into<Need> => |it, need| it.wants.push(need.into());
        /// Sets what it waits for outside of the file.
        after_external: External => |it, external| it.after_external = external;
        /// Sets who may ask its supervisor.
        control: Control => |it, control| it.control = Some(control);
        /// Sets its logger.
        log: Log => |it, log| it.log = Some(log);
        /// Sets text for the unit file alone.
        systemd: Systemd => |it, text| it.systemd = text;
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<Word>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Adds a program that runs before each start.
    #[must_use]
    pub fn pre<W: Into<Word>>(mut self, argv: impl IntoIterator<Item = W>) -> Self {
        self.pre.push(argv.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the program that runs after each end.
    #[must_use]
    pub fn finish<W: Into<Word>>(mut self, argv: impl IntoIterator<Item = W>) -> Self {
        self.finish = argv.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the program that runs when the service is given up.
    #[must_use]
    pub fn on_failure<W: Into<Word>>(mut self, argv: impl IntoIterator<Item = W>) -> Self {
        self.on_failure = argv.into_iter().map(Into::into).collect();
        self
    }

    /// Gives it a terminal under `svctl dev`.
    #[must_use]
    pub fn tty(mut self) -> Self {
        self.tty = true;
        self
    }

    /// Asks for a session of its own.
    #[must_use]
    pub fn session(mut self) -> Self {
        self.session = true;
        self
    }

    /// Makes it a job, which runs to its end once.
    #[must_use]
    pub fn job(mut self) -> Self {
        self.kind = Kind::Job;
        self
    }

    /// Keeps a job that is done as up.
    #[must_use]
    pub fn remain(mut self) -> Self {
        self.remain = true;
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
        let named = services.into_iter().map(|(name, it)| (name.into(), it));
        named.fold(Self::default(), |all, (name, it): (String, _)| all.with(name, it))
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
