//! One unit of a test's own, gone with the value.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use svproto::State;
use svsystemd::{Bus, Job, JobOutcome, Unit, UnitEvent, UnitName, UnitStatus};

use crate::machine::{Manager, deadline};

/// A unit file in the runtime directory, under a name that nothing else has.
pub struct Fixture {
    pub manager: Manager,
    pub bus: Bus,
    pub unit: Unit,
    /// For files of its service.
    pub tmp: tempfile::TempDir,
}

pub const SLEEP: &str = "ExecStart=/bin/sleep 1000\n";

impl Fixture {
    /// A service with these lines under `[Service]`; `Type=exec` unless they say otherwise. `@` is
    /// a directory of its own.
    #[track_caller]
    pub fn new(manager: Manager, service: &str) -> Self {
        Self::with(manager, "", service)
    }

    /// As [`Fixture::new`], with lines under `[Unit]`.
    #[track_caller]
    pub fn with(manager: Manager, unit: &str, service: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("svt-{}-{number}.service", std::process::id());
        Self::named(manager, &name, unit, service)
    }

    #[track_caller]
    pub fn named(manager: Manager, name: &str, unit: &str, service: &str) -> Self {
        let bus = manager.bus();
        let tmp = tempfile::Builder::new().prefix("svt-").tempdir().unwrap();
        let kind = if service.contains("Type=") { "" } else { "Type=exec\n" };
        let text = format!("[Unit]\nStartLimitIntervalSec=0\n{unit}\n[Service]\n{kind}{service}");
        let text = text.replace('@', tmp.path().to_str().unwrap());
        let dir = manager.runtime_dir();
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(name), text).unwrap();
        Self { manager, unit: bus.unit(name).unwrap(), bus, tmp }
    }

    pub fn name(&self) -> &str {
        self.unit.name().as_str()
    }

    pub fn path(&self) -> PathBuf {
        self.manager.runtime_dir().join(self.name())
    }

    /// A script of its own; the path.
    pub fn script(&self, name: &str, body: &str) -> PathBuf {
        script(self.tmp.path(), name, body)
    }

    /// A FIFO at which its scripts wait, each for a line. It is held open for both, so that a line can be
    /// written whether or not one waits yet.
    pub fn gate(&self) -> (PathBuf, fs::File) {
        let path = self.tmp.path().join("go");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let open = fs::File::options().read(true).write(true).open(&path).unwrap();
        (path, open)
    }

    /// What systemctl says of a property.
    pub fn native(&self, property: &str) -> String {
        self.manager.systemctl(&["show", "--value", "-p", property, self.name()])
    }

    #[track_caller]
    pub fn status(&self) -> UnitStatus {
        self.unit.status().wait().unwrap()
    }

    #[track_caller]
    pub fn start(&self) -> UnitStatus {
        reached(self.unit.start().wait().unwrap())
    }

    /// Waits by events for a state.
    #[track_caller]
    pub fn until(&self, state: State) -> UnitStatus {
        // A start that is only queued is starting as well; what is asked next may take it back.
        let has_begun =
            |status: &UnitStatus| state != State::Starting || status.states().0 == "activating";
        self.until_that(|status| status.facts.state() == state && has_begun(status))
    }

    #[track_caller]
    pub fn until_that(&self, done: impl Fn(&UnitStatus) -> bool) -> UnitStatus {
        let names = [self.unit.name().clone()];
        let mut watch = self.bus.watch(&names).wait().unwrap();
        let deadline = deadline();
        let mut seen = Vec::new();
        while let Some(event) = watch.next_before(deadline) {
            let status = event.status.unwrap();
            if done(&status) {
                return status;
            }
            seen.push(words(&status));
        }
        panic!("{} not seen in time; seen {seen:#?}", self.name());
    }
}

pub fn script(dir: &Path, name: &str, body: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    let fresh = dir.join(".fresh");
    fs::write(&fresh, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(fresh, &path).unwrap();
    path
}

pub fn words(status: &UnitStatus) -> String {
    let (active, sub) = status.states();
    format!("{active}/{sub} {} {} {:?}", status.facts.state(), status.result(), status.facts)
}

#[track_caller]
pub fn outcome(job: Job) -> JobOutcome {
    job.outcome_before(deadline()).unwrap()
}

#[track_caller]
pub fn reached(job: Job) -> UnitStatus {
    match outcome(job) {
        JobOutcome::Reached { status, .. } => *status,
        other => panic!("{:?} {}", other.job(), words(other.status())),
    }
}

pub fn pid_of(status: &UnitStatus) -> u32 {
    status.facts.pid.unwrap().get()
}

/// Waits for a file that a service makes.
#[track_caller]
pub fn wait_for(path: &Path) -> String {
    let deadline = deadline();
    loop {
        match fs::read_to_string(path) {
            Ok(text) if !text.is_empty() => return text,
            _ => assert!(Instant::now() < deadline, "{} does not appear", path.display()),
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let name = self.name().to_owned();
        self.manager.systemctl(&["kill", "-s", "KILL", &name]);
        self.manager.systemctl(&["stop", &name]);
        self.manager.systemctl(&["reset-failed", &name]);
        let _gone = fs::remove_file(self.path());
        let _gone = fs::remove_dir_all(self.manager.runtime_dir().join(format!("{name}.d")));
    }
}

pub fn name(text: &str) -> UnitName {
    UnitName::new(text).unwrap()
}

#[track_caller]
pub fn event(watch: &mut svsystemd::UnitWatch, done: impl Fn(&UnitEvent) -> bool) -> UnitEvent {
    let deadline = deadline();
    let mut seen = Vec::new();
    while let Some(event) = watch.next_before(deadline) {
        if done(&event) {
            return event;
        }
        seen.push((event.news, event.status.as_ref().map(words).map_err(ToString::to_string)));
    }
    panic!("not seen in time; seen {seen:#?}");
}
