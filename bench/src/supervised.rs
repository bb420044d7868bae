//! Services under real supervisors, started here and ended here.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use svclient::{Dialect, Goal, Op, Outcome, Phase, Request, Service, pursue};

use crate::Fallible;

/// For what takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A service that has run for less is not started again at once: runit and daemontools wait a
/// second.
pub(crate) const SETTLED: Duration = Duration::from_millis(1_200);

/// Whether a service runs from the beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    Up,
    Down,
}

/// A service directory; its services sleeps for so long.
pub(crate) fn directory(dir: &Path, first: First, sleep: &str) -> Fallible {
    fs::create_dir_all(dir)?;
    let run = dir.join("run");
    fs::write(&run, format!("#!/bin/sh\nexec sleep {sleep}\n"))?;
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755))?;
    if first == First::Down {
        fs::write(dir.join("down"), [])?;
    }
    Ok(())
}

/// Supervisors and their services. Dropping it ends them.
pub(crate) struct Fleet {
    children: Vec<Child>,
    pub(crate) services: Vec<Service>,
}

impl Fleet {
    /// A supervisor of this suite for each directory.
    pub(crate) fn one_each(suite: Dialect, dirs: &[PathBuf]) -> Fallible<Self> {
        let program = match suite {
            Dialect::Runit => "runsv",
            Dialect::S6 => "s6-supervise",
            Dialect::Daemontools | Dialect::Encore => "supervise",
        };
        let mut fleet = Self { children: vec![], services: vec![] };
        for dir in dirs {
            fleet.children.push(start(Command::new(program).arg(dir))?);
        }
        fleet.wait(dirs)?;
        Ok(fleet)
    }

    /// The embedded supervisor for all directories in one.
    pub(crate) fn embedded(svctl: &Path, scan: &Path, dirs: &[PathBuf]) -> Fallible<Self> {
        let child = start(Command::new(svctl).arg("scan").arg(scan).arg("--quiet"))?;
        let mut fleet = Self { children: vec![child], services: vec![] };
        fleet.wait(dirs)?;
        Ok(fleet)
    }

    fn wait(&mut self, dirs: &[PathBuf]) -> Fallible {
        let deadline = Instant::now() + PATIENCE;
        for dir in dirs {
            loop {
                let service = Service::open(dir)?;
                if service.status()?.reading().is_supervised() {
                    self.services.push(service);
                    break;
                }
                if Instant::now() > deadline {
                    return Err(format!("no supervisor takes {}", dir.display()).into());
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    /// Down, after a run long enough that the next start is not put off.
    pub(crate) fn be_down(&self) -> Fallible {
        thread::sleep(SETTLED);
        reached(&self.services, &Request::down())
    }
}

fn start(command: &mut Command) -> Fallible<Child> {
    // Whoever reads our lines waits for the end of all who could write more.
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
}

/// All get there.
pub(crate) fn reached(services: &[Service], request: &Request) -> Fallible {
    for done in pursue(services, request, Instant::now() + PATIENCE)? {
        match done? {
            outcome if outcome.is_reached() => {}
            other => return Err(format!("not reached: {other:?}").into()),
        }
    }
    Ok(())
}

/// The process of a service that is up.
pub(crate) fn process(service: &Service) -> Option<u32> {
    let status = *service.status().ok()?.facts()?;
    status.pid.filter(|_| status.phase == Phase::Up).map(u32::from)
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let _killed = pid.map(|pid| kill_process(pid, signal));
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if self.services.iter().any(|service| process(service).is_some()) {
            // Right after a start a request is not read for a while.
            thread::sleep(SETTLED);
        }
        let request = Request::new(Op::Exit, Goal::Gone);
        let each = self.children.len() == self.services.len();
        let gone = each.then(|| pursue(&self.services, &request, Instant::now() + PATIENCE));
        if let Some(Ok(outcomes)) = gone {
            let left = self.services.iter().zip(outcomes);
            for (service, _) in left.filter(|(_, it)| !it.as_ref().is_ok_and(Outcome::is_reached)) {
                // What its supervisor would leave behind is still the process that it told of.
                if let Some(pid) = process(service) {
                    kill(pid, Signal::KILL);
                }
            }
        }
        for child in &mut self.children {
            if each {
                let _ended = child.kill();
            } else {
                // It ends its services first.
                kill(child.id(), Signal::TERM);
            }
            let _reaped = child.wait();
        }
    }
}
