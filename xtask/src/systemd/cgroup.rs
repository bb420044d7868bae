//! The machine's control group: one of its own, so that its slices are not made among the host's.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    time::{Duration, Instant},
};

use crate::failure::Failure;

/// Below the group that this process started in: `payload` for the machine, `payload/command` for
/// what runs in it from outside, `supervisor` for what holds it.
pub(super) struct Cgroup {
    own_group: PathBuf,
    base: PathBuf,
    /// Controllers that `own_group` did not hand on before.
    enabled: Vec<String>,
}

const PREFIX: &str = "xtask-systemd.";

impl Cgroup {
    /// Makes the groups, and first removes what a killed run has left.
    pub(super) fn new() -> Result<Self, Failure> {
        let own_group = own()
            .ok_or_else(|| Failure::Because("no cgroup2 file system is mounted".to_owned()))?;
        sweep(&own_group);
        let base = own_group.join(format!("{PREFIX}{}", process::id()));
        let mut this = Self { own_group, base, enabled: Vec::new() };
        for dir in [this.payload(), this.supervisor()] {
            fs::create_dir_all(&dir)
                .map_err(|why| Failure::cannot(format!("make {}", dir.display()), why))?;
        }
        // The machine can do with what it gets; which controllers there are is the host's affair.
        let before = read(&control(&this.own_group));
        for dir in [&this.own_group, &this.base] {
            for controller in read(&dir.join("cgroup.controllers")).split_whitespace() {
                let _refused = fs::write(control(dir), format!("+{controller}"));
            }
        }
        let after = read(&control(&this.own_group));
        let new =
            after.split_whitespace().filter(|it| !before.split_whitespace().any(|b| b == *it));
        this.enabled = new.map(ToOwned::to_owned).collect();
        Ok(this)
    }

    pub(super) fn payload(&self) -> PathBuf {
        self.base.join("payload")
    }

    pub(super) fn supervisor(&self) -> PathBuf {
        self.base.join("supervisor")
    }

    /// Where commands run; the machine sees it as `/command`.
    pub(super) fn command(&self) -> Result<PathBuf, Failure> {
        let dir = self.payload().join("command");
        fs::create_dir_all(&dir)
            .map_err(|why| Failure::cannot(format!("make {}", dir.display()), why))?;
        Ok(dir)
    }

    /// Runs `start` in a group; what it starts stays there, and this process returns.
    pub(super) fn within<T>(
        &self,
        dir: &Path,
        start: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        join(dir, process::id())?;
        let started = start();
        join(&self.supervisor(), process::id())?;
        started
    }
}

/// Moves a process.
pub(super) fn join(dir: &Path, pid: u32) -> Result<(), Failure> {
    let path = dir.join("cgroup.procs");
    fs::write(&path, pid.to_string())
        .map_err(|why| Failure::cannot(format!("write {}", path.display()), why))
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // With controllers enabled below, it takes no process; then whoever delegated it removes
        // it.
        let _stays = fs::write(self.own_group.join("cgroup.procs"), process::id().to_string());
        remove(&self.base, Duration::from_secs(5));
        for controller in &self.enabled {
            // Another run may use it meanwhile.
            let _stays = fs::write(control(&self.own_group), format!("-{controller}"));
        }
    }
}

/// The group that this process is in, as a directory.
pub(super) fn own() -> Option<PathBuf> {
    let path = read("/proc/self/cgroup".as_ref());
    let path = path.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    let mounts = read("/proc/self/mountinfo".as_ref());
    // "29 24 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"
    let mount = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ").then(|| place.split(' ').nth(4))?
    })?;
    Some(Path::new(mount).join(path))
}

/// Whether a group can be made below this one.
pub(super) fn may_divide(dir: &Path) -> bool {
    let probe = dir.join(format!("{PREFIX}probe.{}", process::id()));
    fs::create_dir(&probe).is_ok_and(|()| fs::remove_dir(&probe).is_ok())
}

/// Removes the groups of runs that were killed: all they can leave is empty ones.
fn sweep(own_group: &Path) {
    for entry in fs::read_dir(own_group).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            remove(&entry.path(), Duration::ZERO);
        }
    }
}

/// Leaves first. A group whose last process is being reaped is busy for a moment.
fn remove(dir: &Path, patience: Duration) {
    for entry in fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path(), patience);
        }
    }
    let deadline = Instant::now() + patience;
    while let Err(why) = fs::remove_dir(dir) {
        if why.kind() != io::ErrorKind::ResourceBusy || Instant::now() >= deadline {
            eprintln!("xtask: cannot remove {}: {why}", dir.display());
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a group hands on to those below it.
fn control(dir: &Path) -> PathBuf {
    dir.join("cgroup.subtree_control")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
