//! How a process lives, as Linux tells: what it waits for, how many files it has open, what its control
//! group was denied. Elsewhere nothing is told.

use std::{
    fs,
    path::{Path, PathBuf},
};

use svproto::Pid;

use super::machine;

/// A process that waits for room in a pipe, and who should make it.
pub(super) struct Blocked {
    pub(super) pid: Pid,
    /// In words; nobody, where the pipe has no reader.
    pub(super) reader: Option<String>,
    pub(super) says: &'static str,
}

/// Whether a process, or one that it has started, waits for room in a pipe whose reader does not read:
/// it is stopped, or sleeps, or is not there.
pub(super) fn blocked(pid: Pid) -> Option<Blocked> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = list.split_ascii_whitespace().filter_map(|it| Pid::new(it.parse().ok()?));
    [pid].into_iter().chain(children).take(8).find_map(blocked_itself)
}

fn waits_in(pid: Pid) -> String {
    fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default()
}

fn blocked_itself(pid: Pid) -> Option<Blocked> {
    let moment = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|it| it.starts_with("voluntary_ctxt_switches"))?;
        waits_in(pid).ends_with("pipe_write").then(|| line.to_owned())
    };
    let before = moment()?;
    let pipe = fs::read_link(format!("/proc/{pid}/fd/1")).ok()?;
    if !pipe.to_str()?.starts_with("pipe:") {
        return None;
    }
    let reader = machine::processes().find(|it| {
        *it != pid && fs::read_link(format!("/proc/{it}/fd/0")).is_ok_and(|link| link == pipe)
    });
    let (reader, says) = match reader {
        None => (None, "no process reads it"),
        Some(it) if crate::processes::is_stopped(it) => (Some(it), "is stopped by a signal"),
        Some(it) if waits_in(it).contains("nanosleep") => (Some(it), "sleeps and does not read"),
        Some(_) => return None,
    };
    // The search for the reader took longer than one that reads leaves a writer waiting.
    let is_same = moment()? == before;
    let reader = reader.map(|it| machine::process_in_words(Some(it)));
    is_same.then_some(Blocked { pid, reader, says })
}

/// How many files a process has open and how many it may, where it may have no more.
pub(super) fn has_all_descriptors(pid: Pid) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|it| it.strip_prefix("Max open files"))?;
    let limit: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    let place = PathBuf::from(format!("/proc/{pid}/fd"));
    // Newer kernels tell how many there are.
    let told = fs::metadata(&place).ok()?.len();
    let count = if told > 0 { told } else { fs::read_dir(&place).ok()?.count() as u64 };
    (count >= limit).then_some(limit)
}

/// How often the kernel has ended a process of this one's control group for want of memory, and where
/// that stands; `None` where there is no such group.
pub(super) fn ended_for_memory(pid: Pid) -> Option<(PathBuf, u64)> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let path = path.strip_prefix('/')?;
        if controllers.split(',').any(|it| it == "memory") {
            let file = Path::new("/sys/fs/cgroup/memory").join(path).join("memory.oom_control");
            // The first group is that of all processes.
            return if path.is_empty() { None } else { counted(file) };
        }
        let root = Path::new("/sys/fs/cgroup").join(path).join("memory.events");
        if controllers.is_empty() { counted(root) } else { None }
    })
}

fn counted(file: PathBuf) -> Option<(PathBuf, u64)> {
    let text = fs::read_to_string(&file).ok()?;
    let count = text.lines().find_map(|it| it.strip_prefix("oom_kill "))?.trim().parse().ok()?;
    Some((file, count))
}

/// The variables that a process was started with; `None` where this user may not see them.
pub(super) fn environment(pid: Pid) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let name = |it: &[u8]| {
        let end = it.iter().position(|byte| *byte == b'=')?;
        Some(String::from_utf8_lossy(it.get(..end)?).into_owned())
    };
    Some(bytes.split(|it| *it == 0).filter_map(name).collect())
}
