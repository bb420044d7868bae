//! What works in a directory that is a test's alone: supervisors and services stay where they are
//! started, also those that nobody knows the number of.

use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Every process whose working directory is this one or below it.
pub fn processes(dir: &Path) -> Vec<Pid> {
    let cwd = |pid: i32| fs::read_link(format!("/proc/{pid}/cwd"));
    all(|pid| cwd(pid).is_ok_and(|cwd| cwd.starts_with(dir)))
}

/// One with a root of its own is somewhere else, and its words may still name the directory.
fn names(pid: i32, dir: &Path) -> bool {
    let dir = dir.as_os_str().as_bytes();
    fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|words| words.windows(dir.len()).any(|it| it == dir))
}

fn all(is_one: impl Fn(i32) -> bool) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_one(*pid)).map(Pid::from_raw).collect()
}

/// Ends them one by one until there are none: a scanner leaves its supervisors running, and a
/// supervisor its service. `reap` takes the exit codes of those that are children.
pub fn end(dir: &Path, mut reap: impl FnMut()) {
    const PATIENCE: Duration = Duration::from_secs(60);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let own = Pid::this().as_raw();
        let mut processes = processes(dir);
        processes.extend(all(|pid| pid != own && names(pid, dir)));
        if processes.is_empty() {
            return;
        }
        for pid in processes {
            let _gone = kill(pid, Signal::SIGKILL);
        }
        reap();
        if Instant::now() > deadline {
            eprintln!("processes of {} do not end", dir.display());
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
