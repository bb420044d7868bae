//! Starting the scripts of a service directory.
//!
//! std starts a process without a `fork` of ours where nothing but the standard descriptors changes;
//! `command-fds` adds others where a service says that it is ready, or gets sockets.

use std::{
    fs::File,
    io,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use command_fds::{CommandFdExt as _, FdMapping};

use super::{
    limit::Limit,
    options::{ProcessGroup, Program, Stdin},
    publish::LockedDir,
    reap::Process,
};
use crate::Error;

/// A script and what it gets.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) dir: &'a LockedDir,
    /// Relative to the service directory.
    pub(crate) script: &'a str,
    /// In its place.
    pub(crate) program: Option<&'a Program>,
    /// What starts the script.
    pub(crate) interpreter: Option<&'a Program>,
    pub(crate) arguments: &'a [String],
    /// Instead of what `kind` says.
    pub(crate) stdin: Option<BorrowedFd<'a>>,
    pub(crate) kind: Stdin,
    pub(crate) stdout: Option<BorrowedFd<'a>>,
    pub(crate) output: Option<&'a Arc<OwnedFd>>,
    /// What it writes is for nobody.
    pub(crate) is_quiet: bool,
    pub(crate) group: ProcessGroup,
    /// Each as that number.
    pub(crate) descriptors: Vec<(OwnedFd, i32)>,
    /// Variables beside those of this process.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// It is killed when this thread ends.
    pub(crate) tied: bool,
}

/// Why there is no process.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The system has no room for one now.
    NoRoom(Error),
    /// This script will not do.
    Script(Error),
}

impl Launch<'_> {
    pub(crate) fn start(self, limit: &Limit) -> Result<Process, Failure> {
        let script = self.program.map_or_else(
            || self.dir.path().join(self.script.trim_start_matches("./")),
            |program| PathBuf::from(&program.name),
        );
        let fail = |source: io::Error| {
            let no_room =
                [nix::libc::EAGAIN, nix::libc::ENOMEM, nix::libc::EMFILE, nix::libc::ENFILE];
            let is_room = source.raw_os_error().is_some_and(|code| no_room.contains(&code));
            let error = Error::Io { doing: "execute", path: script.clone(), source };
            if is_room { Failure::NoRoom(error) } else { Failure::Script(error) }
        };
        let group = self.group;
        let numbers: Vec<i32> = self.descriptors.iter().map(|&(_, number)| number).collect();
        let start = |mut command| Process::adopt(limit.start(&mut command, &numbers)?, group);
        self.command().and_then(start).map_err(fail)
    }

    fn command(self) -> io::Result<Command> {
        let mut command = if let Some(program) = self.program {
            let mut command = Command::new(&program.name);
            command.args(&program.words).current_dir(&program.dir);
            command
        } else if let Some(interpreter) = self.interpreter {
            let mut command = Command::new(&interpreter.name);
            command.args(&interpreter.words).arg(self.script).args(self.arguments);
            command.current_dir(self.directory());
            command
        } else {
            let mut command = Command::new(self.script);
            command.args(self.arguments).current_dir(self.directory());
            command
        };
        let own = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map(Stdio::from);
        command.stdin(match (self.stdin, self.kind) {
            (Some(fd), _) => own(fd)?,
            (None, Stdin::Null) => File::open("/dev/null")?.into(),
            (None, Stdin::Inherited) => Stdio::inherit(),
        });
        if let Some(output) = self.output {
            command.stdout(output.try_clone()?).stderr(output.try_clone()?);
        }
        if let Some(fd) = self.stdout {
            command.stdout(own(fd)?);
        }
        if self.is_quiet {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        if self.group != ProcessGroup::Shared {
            command.process_group(0);
        }
        if self.tied {
            crate::origin::ends_with_this_thread(&mut command);
        }
        command.envs(self.variables);
        let mut mappings = Vec::new();
        for (fd, child_fd) in self.descriptors {
            // Whoever has that number in this process keeps it until the child is there (see `Limit`),
            // so that it cannot be a descriptor with which std hears how starting went.
            let parent_fd = rustix::io::fcntl_dupfd_cloexec(&fd, child_fd)?;
            mappings.push(FdMapping { parent_fd, child_fd });
        }
        if !mappings.is_empty() {
            command.fd_mappings(mappings).map_err(io::Error::other)?;
        }
        Ok(command)
    }

    /// The path as long as it leads to the directory that is supervised, which may have been renamed.
    fn directory(&self) -> PathBuf {
        use std::os::fd::AsRawFd as _;
        let path = self.dir.path();
        let same = self.dir.stat(".").is_some_and(|here| {
            let there = nix::sys::stat::stat(path);
            there.is_ok_and(|there| (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino))
        });
        let direct = PathBuf::from(format!("/proc/self/fd/{}", self.dir.dir().as_raw_fd()));
        if same || !direct.exists() { path.to_owned() } else { direct }
    }
}
