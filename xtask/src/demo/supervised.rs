//! A supervisor on a service directory of its own; both its service and itself end with the value.
//!
//! It stays in our process group, so that an interrupt from the terminal reaches it as well.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

use super::{PATIENCE, PAUSE};
use crate::{command, failure::Failure, suite::Suite};

/// Does nothing, for long.
pub(super) const RUN: &str = "#!/bin/sh\nexec sleep 1000\n";

/// What has been started.
pub(super) struct Supervised {
    suite: Suite,
    /// The service directory.
    pub(super) dir: PathBuf,
    supervisor: Child,
}

impl Supervised {
    /// Writes the service directory, with this script, and starts the suite's supervisor on it.
    pub(super) fn start(suite: Suite, dir: &Path, script: &str) -> Result<Self, Failure> {
        let run = dir.join("run");
        fs::create_dir_all(dir)
            .and_then(|()| fs::write(&run, script))
            .and_then(|()| fs::set_permissions(&run, fs::Permissions::from_mode(0o755)))
            .map_err(|why| Failure::cannot(format!("write {}", run.display()), why))?;
        let mut supervisor = Command::new(suite.supervisor());
        supervisor.arg(dir).stdin(Stdio::null()).stdout(Stdio::null());
        let child = supervisor.spawn().map_err(|why| command::not_run(&supervisor, &why))?;
        Ok(Self { suite, dir: dir.to_path_buf(), supervisor: child })
    }

    /// Asks it, by the means of its own suite, to take the service down and exit.
    fn ask_to_end(&self) {
        let _ = match self.suite {
            Suite::Runit | Suite::S6 | Suite::Systemd => terminate(&self.supervisor),
            // A signal would end `supervise` and leave the service behind.
            Suite::Daemontools | Suite::Encore => {
                command::capture(Command::new("svc").arg("-dx").arg(&self.dir)).map(drop)
            }
        };
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.ask_to_end();
        if ended(&mut self.supervisor) {
            return;
        }
        // It does not listen. Its service would outlive it, so remember who that is.
        let pid = self.supervisor.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
        for child in children.unwrap_or_default().split_whitespace() {
            let _ = signal("KILL", child);
        }
    }
}

/// Sends `SIGTERM` to a process that we started.
pub(super) fn terminate(child: &Child) -> Result<(), Failure> {
    signal("TERM", &child.id().to_string())
}

/// Whether it ends in time.
pub(super) fn ended(child: &mut Child) -> bool {
    let deadline = Instant::now() + PATIENCE / 2;
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return true;
        }
        thread::sleep(PAUSE);
    }
    false
}

fn signal(name: &str, pid: &str) -> Result<(), Failure> {
    // The shell's own `kill`: small machines have no program of this name.
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -s "$1" "$2""#, "sh", name, pid]);
    command::capture(&mut kill).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_and_its_service_end_with_the_value() {
        for suite in Suite::PACKAGED.into_iter().filter(|it| command::on_path(it.supervisor())) {
            let tree = tempfile::tempdir().unwrap();
            let started = Supervised::start(suite, &tree.path().join("web"), RUN).unwrap();
            let supervisor = format!("/proc/{}", started.supervisor.id());
            let children = format!("{supervisor}/task/{}/children", started.supervisor.id());
            let deadline = Instant::now() + PATIENCE;
            let service = loop {
                let children = fs::read_to_string(&children).unwrap();
                if let Some(service) = children.split_whitespace().next() {
                    break format!("/proc/{service}");
                }
                assert!(Instant::now() < deadline, "{suite:?} starts no service");
                thread::sleep(PAUSE);
            };
            drop(started);
            assert!(!Path::new(&supervisor).exists(), "{suite:?}: the supervisor is left");
            assert!(!Path::new(&service).exists(), "{suite:?}: the service is left");
        }
    }
}
