//! What makes a process that of a service: streams, variables, limits, user.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io,
    os::unix::{
        ffi::OsStringExt as _,
        fs::{DirBuilderExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    sys::{
        resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit},
        stat::{Mode, umask},
    },
    unistd::{
        Gid, Group, Uid, User, chroot, dup2_stderr, dup2_stdin, dup2_stdout, getpid, setgid,
        setgroups, setuid,
    },
};
use svcmgr::build::{
    Service,
    spec::{Bound, Dir, Id, Limit, Stream, Word},
};

use super::{FAILED, cannot_execute, env_file, tell};

/// A process of this service.
pub(super) struct Process<'a> {
    service: &'a Service,
}

/// Why it could not be made.
type Why = String;

fn cannot<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> Why {
    move |error| format!("cannot {what}: {error}")
}

impl<'a> Process<'a> {
    pub(super) const fn of(service: &'a Service) -> Self {
        Self { service }
    }

    /// What is done with the rights of the supervisor, before anything of the service is started.
    pub(super) fn set_up(&self) -> Result<(), Why> {
        self.make_dirs()?;
        self.open_streams()?;
        if let Some(mask) = self.service.umask {
            umask(Mode::from_bits_truncate(mask.0.into()));
        }
        Ok(())
    }

    /// Becomes this program, as a process that asks something or does something for the service. Returns if it does not.
    pub(super) fn becomes(&self, argv: &[Word]) -> u8 {
        self.execute(argv, false)
    }

    /// The same as the service itself, with its limits.
    pub(super) fn becomes_whole(&self, argv: &[Word]) -> u8 {
        self.execute(argv, true)
    }

    fn execute(&self, argv: &[Word], is_whole: bool) -> u8 {
        // What is not there does nothing.
        let Some((program, words)) = argv.split_first() else { return 0 };
        let mut command = Command::new(program.as_os_str());
        command.args(words.iter().map(Word::as_os_str));
        let prepared = self.prepare(&mut command, is_whole);
        match prepared {
            Ok(()) => cannot_execute(program, &command.exec()),
            Err(why) => {
                tell(&why);
                FAILED
            }
        }
    }

    fn prepare(&self, command: &mut Command, is_whole: bool) -> Result<(), Why> {
        let service = self.service;
        if let Some(dir) = service.cwd.as_ref().filter(|_| service.root.is_none()) {
            std::env::set_current_dir(dir).map_err(cannot(format!("enter {}", dir.display())))?;
        }
        let identity = Identity::of(service)?;
        identity.tell(command);
        for (name, value) in &service.env {
            command.env(name, value.as_os_str());
        }
        for file in &service.env_file {
            // They win.
            read_env(&file.path, file.optional, command)?;
        }
        if is_whole {
            if let Some(nice) = service.nice {
                rustix::process::nice(nice).map_err(cannot("change the niceness"))?;
            }
            self.limit()?;
            if !service.sockets.is_empty() {
                command.env("LISTEN_PID", getpid().to_string());
            }
        }
        if let Some(root) = &service.root {
            chroot(root).map_err(cannot(format!("change the root to {}", root.display())))?;
            std::env::set_current_dir("/").map_err(cannot("enter /"))?;
        }
        identity.take()
    }

    fn make_dirs(&self) -> Result<(), Why> {
        let dirs = &self.service.dirs;
        let all: [(&str, &Dir); 4] = [
            ("/run", &dirs.runtime),
            ("/var/lib", &dirs.state),
            ("/var/cache", &dirs.cache),
            ("/var/log", &dirs.logs),
        ];
        for (place, dir) in all {
            let bits = dir.mode.map_or(0o755, |mode| mode.0).into();
            for name in &dir.names {
                let path = Path::new(place).join(name);
                let refuse = || cannot(format!("make {}", path.display()));
                let made = fs::DirBuilder::new().recursive(true).mode(bits).create(&path);
                made.map_err(refuse())?;
                if self.service.user.is_some() {
                    let identity = Identity::of(self.service)?;
                    let ids = (identity.uid.map(Uid::as_raw), identity.gid.map(Gid::as_raw));
                    chown(&path, ids.0, ids.1).map_err(refuse())?;
                }
                let mode = fs::Permissions::from_mode(bits);
                fs::set_permissions(&path, mode).map_err(refuse())?;
            }
        }
        Ok(())
    }

    fn open_streams(&self) -> Result<(), Why> {
        let null = || PathBuf::from("/dev/null");
        let refuse = |path: &Path| cannot::<io::Error>(format!("open {}", path.display()));
        let input = match self.service.stdin.as_ref().unwrap_or(&Stream::Null) {
            Stream::Inherit | Stream::Stdout => None,
            Stream::Null => Some(null()),
            Stream::File(path) => Some(path.clone()),
        };
        if let Some(path) = input {
            let file = fs::File::open(&path).map_err(refuse(&path))?;
            dup2_stdin(file).map_err(cannot("set standard input"))?;
        }
        let file = |stream: &Stream| {
            let path = match stream {
                Stream::Inherit | Stream::Stdout => return Ok(None),
                Stream::Null => null(),
                Stream::File(path) => path.clone(),
            };
            let file = OpenOptions::new().append(true).create(true).open(&path);
            file.map(Some).map_err(refuse(&path))
        };
        let output = self.service.stdout.as_ref().unwrap_or(&Stream::Inherit);
        if let Some(file) = file(output)? {
            dup2_stdout(file).map_err(cannot("set standard output"))?;
        }
        let error = self.service.stderr.as_ref().unwrap_or(&Stream::Stdout);
        if let Some(file) = file(error)? {
            dup2_stderr(file).map_err(cannot("set standard error"))?;
        } else if *error == Stream::Stdout {
            dup2_stderr(io::stdout()).map_err(cannot("set standard error"))?;
        }
        Ok(())
    }

    fn limit(&self) -> Result<(), Why> {
        let limits = &self.service.limits;
        let size = |limit: Option<Limit<svcmgr::build::spec::Size>>| {
            limit.map(|it| (number(it.soft, |it| it.0), it.hard.map(|it| number(it, |it| it.0))))
        };
        let count = |limit: Option<Limit<u32>>| {
            limit.map(|it| (number(it.soft, u64::from), it.hard.map(|it| number(it, u64::from))))
        };
        let seconds = |limit: Option<Limit<svcmgr::build::spec::Time>>| {
            let secs = |it: svcmgr::build::spec::Time| it.0.as_secs();
            limit.map(|it| (number(it.soft, secs), it.hard.map(|it| number(it, secs))))
        };
        let all = [
            (Resource::RLIMIT_AS, size(limits.address_space)),
            (Resource::RLIMIT_DATA, size(limits.data)),
            (Resource::RLIMIT_STACK, size(limits.stack)),
            (Resource::RLIMIT_MEMLOCK, size(limits.locked_memory)),
            (Resource::RLIMIT_RSS, size(limits.rss)),
            (Resource::RLIMIT_FSIZE, size(limits.file_size)),
            (Resource::RLIMIT_CORE, size(limits.core)),
            (Resource::RLIMIT_NOFILE, count(limits.files)),
            (Resource::RLIMIT_NPROC, count(limits.processes)),
            (Resource::RLIMIT_CPU, seconds(limits.cpu)),
        ];
        for (resource, limit) in all {
            let Some((soft, hard)) = limit else { continue };
            let (_, now) = getrlimit(resource).map_err(cannot("read a limit"))?;
            // Alone, "infinity" is as high as the hard one.
            let (soft, hard) = match hard {
                Some(hard) => (soft, hard),
                None if soft == RLIM_INFINITY => (now, now),
                None => (soft, now),
            };
            setrlimit(resource, soft, hard).map_err(cannot(format!("set {resource:?}")))?;
        }
        Ok(())
    }
}

fn read_env(path: &Path, optional: bool, command: &mut Command) -> Result<(), Why> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if optional && error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    for (name, value) in env_file::variables(&text) {
        let known = std::str::from_utf8(&name).ok().filter(|name| env_file::is_name(name));
        if let Some(name) = known {
            command.env(name, OsString::from_vec(value));
        } else {
            let name = String::from_utf8_lossy(&name);
            tell(&format!("{}: no variable is named {name}", path.display()));
        }
    }
    Ok(())
}

fn number<T>(bound: Bound<T>, value: impl FnOnce(T) -> u64) -> u64 {
    bound.at().map_or(RLIM_INFINITY, value)
}

/// Who it runs as.
#[derive(Default)]
struct Identity {
    uid: Option<Uid>,
    gid: Option<Gid>,
    groups: Vec<Gid>,
    /// Of a user by name, what its process is told.
    told: Option<User>,
}

impl Identity {
    fn of(service: &Service) -> Result<Self, Why> {
        let Some(user) = &service.user else { return Ok(Self::default()) };
        let (uid, found) = match user {
            Id::Name(name) => {
                let found = User::from_name(name).map_err(cannot("look up users"))?;
                let found = found.ok_or_else(|| format!("there is no user {name}"))?;
                (found.uid, Some(found))
            }
            Id::Number(number) => (Uid::from_raw(*number), None),
        };
        let gid = if let Some(group) = &service.group {
            group_of(group)?
        } else {
            let own = found.as_ref().map(|user| user.gid);
            let own = own.or_else(|| User::from_uid(uid).ok().flatten().map(|user| user.gid));
            own.ok_or_else(|| format!("user {uid} has no group here; say `group` as well"))?
        };
        let groups = service.groups.iter().map(group_of).collect::<Result<_, _>>()?;
        Ok(Self { uid: Some(uid), gid: Some(gid), groups, told: found })
    }

    /// As systemd has it: of a user by name these are known, and a number has none.
    fn tell(&self, command: &mut Command) {
        if let Some(user) = &self.told {
            command.env("HOME", &user.dir).env("USER", &user.name).env("LOGNAME", &user.name);
        } else if self.uid.is_some() {
            for name in ["HOME", "USER", "LOGNAME"] {
                command.env_remove(name);
            }
        }
    }

    fn take(&self) -> Result<(), Why> {
        let (Some(uid), Some(gid)) = (self.uid, self.gid) else { return Ok(()) };
        setgroups(&self.groups).map_err(cannot("set groups"))?;
        setgid(gid).map_err(cannot(format!("become group {gid}")))?;
        setuid(uid).map_err(cannot(format!("become user {uid}")))
    }
}

fn group_of(group: &Id) -> Result<Gid, Why> {
    match group {
        Id::Number(number) => Ok(Gid::from_raw(*number)),
        Id::Name(name) => {
            let found = Group::from_name(name).map_err(cannot("look up groups"))?;
            found.map(|it| it.gid).ok_or_else(|| format!("there is no group {name}"))
        }
    }
}

/// To the process that the supervisor has written down. Its supervisor waits meanwhile: the number is still its own.
pub(super) fn signal(name: &str) {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = match name {
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "ABRT" => Signal::ABORT,
        "ALRM" => Signal::ALARM,
        "KILL" => Signal::KILL,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "PIPE" => Signal::PIPE,
        "WINCH" => Signal::WINCH,
        _ => Signal::HUP,
    };
    let pid = fs::read_to_string("supervise/pid").ok();
    let pid = pid.and_then(|pid| pid.trim().parse().ok()).and_then(Pid::from_raw);
    if let Some(Err(error)) = pid.map(|pid| kill_process(pid, signal)) {
        tell(&format!("cannot send SIG{name}: {error}"));
    }
}
