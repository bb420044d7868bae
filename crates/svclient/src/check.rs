//! The `check` script of a runit service directory, run as `sv` runs it. The one place of this crate
//! that starts a process, and the only program that it starts.
//!
//! `sv` looks at it from outside: the script is the service's own, it runs in the service directory
//! with the caller's rights, and what it prints is not shown. A directory without one passes.
//!
//! Source: `sv.c` of runit 2.1.2 (`checkscript`), sv(8); observed on 2.1.2.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::{Error, home::Home, node};

/// What "checked" means, which differs between versions of runit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CheckRule {
    /// `sv check` up to 2.2.0: a service with a process passes if its script does, and one without
    /// a process always.
    Runit2_1,
    /// `sv check` since 2.3.0: the service stands as it is wanted, and where that is up the script
    /// passes.
    #[default]
    Runit2_3,
}

/// Between two looks at a script that runs. There is no descriptor that tells of a child's end
/// everywhere, and the caller's SIGCHLD is the caller's.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Between a script that failed and the next attempt; `sv` takes 420 ms.
pub(crate) const TRY_AGAIN: Duration = Duration::from_millis(100);

/// Whether a service directory has a script to run: one that its owner may execute.
pub(crate) fn has_script(home: &Home) -> bool {
    let stat = node::stat(home.at("check")).ok().flatten();
    stat.is_some_and(|stat| stat.st_mode & 0o100 != 0 && !node::is_dir(&stat))
}

/// A running script; killed when dropped, with what it has started and not taken leave of.
pub(crate) struct Script {
    child: Child,
    path: PathBuf,
}

impl Script {
    pub(crate) fn start(home: &Home) -> Result<Self, Error> {
        let path = home.at("check").path();
        let mut command = Command::new("./check");
        command.current_dir(home.for_paths()).stdin(Stdio::null()).stdout(Stdio::null());
        // A group of its own, to be ended with all that it has started.
        match command.stderr(Stdio::null()).process_group(0).spawn() {
            Ok(child) => Ok(Self { child, path }),
            Err(source) => Err(Error::os("run", &path, "execute", source)),
        }
    }

    /// Whether it passed; `None` while it runs.
    pub(crate) fn passed(&mut self) -> Result<Option<bool>, Error> {
        let ended = self.child.try_wait();
        let ended = ended.map_err(|source| Error::os("wait for", &self.path, "run", source))?;
        Ok(ended.map(|status| status.success()))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It may end in between, which is as good. Until it is waited for, nobody else has its
            // number.
            if let Ok(group) = i32::try_from(self.child.id()) {
                let _ended = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            let _reaped = self.child.wait();
        }
    }
}
