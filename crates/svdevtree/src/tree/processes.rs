//! The processes of a tree: who descends from its keeper, who carries its mark, and ending them.
//!
//! Only what `/proc` says of a process that a pidfd then holds is ever signalled: a number that has
//! become another's between the two is left alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
    time::Instant,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::cgroup::ControlGroup;

/// What is known of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    parent: i32,
    /// Ticks from boot to its start. With the number it names one process for good.
    started: u64,
    /// It has ended and was not waited for.
    zombie: bool,
}

/// The variable that names the tree to whatever runs in it.
pub(crate) const MARK: &str = "SVDEVTREE";

impl Process {
    /// `None` for one that is no more.
    fn look(pid: i32) -> Option<Self> {
        Self::parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// `PID (NAME) STATE PARENT ...`, where the name may hold anything; the start is field 22.
    ///
    /// Source: `proc_pid_stat(5)`.
    fn parse(pid: i32, stat: &[u8]) -> Option<Self> {
        let name_end = stat.iter().rposition(|&byte| byte == b')')?;
        let rest = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let zombie = matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok()?;
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { pid, parent, started, zombie })
    }

    /// SIGKILL, if it is still the same. The descriptor is readable once it has ended.
    #[cfg(target_os = "linux")]
    fn kill(&self) -> Option<OwnedFd> {
        use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
        let handle = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        if Self::look(self.pid)?.started != self.started {
            return None;
        }
        // Not permitted: it survives, and is told of.
        let _gone_or_denied = pidfd_send_signal(&handle, Signal::KILL);
        Some(handle)
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "a number alone may be another's by now")]
    const fn kill(&self) -> Option<OwnedFd> {
        None
    }
}

/// Every process that can be seen.
fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::look).collect()
}

/// Those whose line of parents leads to one of these.
fn below(roots: &BTreeSet<i32>, all: &[Process]) -> Vec<Process> {
    let parents: BTreeMap<i32, i32> = all.iter().map(|it| (it.pid, it.parent)).collect();
    let is_below = |process: &Process| {
        let mut at = process.parent;
        // No line is longer than there are processes, whatever changed while they were read.
        for _ in 0..all.len() {
            if roots.contains(&at) {
                return true;
            }
            match parents.get(&at) {
                Some(&parent) => at = parent,
                None => return false,
            }
        }
        false
    };
    all.iter().filter(|process| is_below(process)).copied().collect()
}

/// What descends from this process and has not ended.
pub(super) fn descendants() -> Vec<Process> {
    let me = i32::try_from(std::process::id()).unwrap_or_default();
    let all = all();
    below(&BTreeSet::from([me]), &all).into_iter().filter(|it| !it.zombie).collect()
}

/// SIGKILL to each.
pub(super) fn kill(processes: &[Process]) -> Vec<OwnedFd> {
    processes.iter().filter_map(Process::kill).collect()
}

/// What carries the mark of a tree, and what descends from that; but not this process, nor those
/// that it descends from.
fn marked(base: &Path) -> Vec<Process> {
    let all = all();
    let spared = ancestors(&all);
    let roots =
        all.iter().filter(|it| !it.zombie && !spared.contains(&it.pid) && has_mark(it.pid, base));
    let roots: BTreeSet<i32> = roots.map(|it| it.pid).collect();
    let mut found = below(&roots, &all);
    found.extend(all.iter().filter(|it| roots.contains(&it.pid)));
    found.retain(|it| !it.zombie && !spared.contains(&it.pid));
    found.dedup_by_key(|it| it.pid);
    found
}

/// What carries the mark of a tree or is in its control group, with the same exceptions.
fn left_of(base: &Path, group: Option<&ControlGroup>) -> Vec<Process> {
    let mut left = marked(base);
    let members = group.map(ControlGroup::members).unwrap_or_default();
    if !members.is_empty() {
        let all = all();
        let spared = ancestors(&all);
        let is_left = |it: &&Process| members.contains(&it.pid) && !spared.contains(&it.pid);
        left.extend(all.iter().filter(|it| !it.zombie).filter(is_left));
    }
    left.sort_unstable_by_key(|it| it.pid);
    left.dedup_by_key(|it| it.pid);
    left
}

/// A name that no other process has or has had since the machine started: number and start of this
/// one.
pub(super) fn unique_name() -> Option<String> {
    let me = i32::try_from(std::process::id()).ok()?;
    Process::look(me).map(|it| format!("{me}-{}", it.started))
}

fn ancestors(all: &[Process]) -> BTreeSet<i32> {
    let parents: BTreeMap<i32, i32> = all.iter().map(|it| (it.pid, it.parent)).collect();
    let mut line = BTreeSet::new();
    let mut at = i32::try_from(std::process::id()).unwrap_or_default();
    while line.insert(at) {
        let Some(&parent) = parents.get(&at) else { break };
        at = parent;
    }
    line
}

/// Whether it was started with the mark of this tree. Whose environment may not be read has none.
fn has_mark(pid: i32, base: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    let value = base.as_os_str().as_bytes();
    environment.split(|&byte| byte == 0).any(|entry| {
        let entry = entry.strip_prefix(MARK.as_bytes()).and_then(|it| it.strip_prefix(b"="));
        entry == Some(value)
    })
}

/// Ends what a keeper that was killed has left behind, and removes the tree's control group then.
/// What is still there at the deadline comes back.
pub(super) fn end_left(base: &Path, deadline: Instant) -> Vec<u32> {
    let group = ControlGroup::of(base);
    loop {
        let left = left_of(base, group.as_ref());
        if left.is_empty() || Instant::now() >= deadline {
            if let Some(group) = group.filter(|_| left.is_empty()) {
                group.remove();
            }
            return numbers(&left);
        }
        if let Some(group) = &group {
            // At once, so that nothing is born meanwhile; without, they are ended one by one.
            group.kill();
        }
        let ends = kill(&left);
        let mut fds: Vec<_> =
            ends.iter().map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN)).collect();
        // The first end of one; then all are looked for, also new ones.
        let _slow = poll(&mut fds, PollTimeout::from(LOOK_AGAIN));
    }
}

/// Milliseconds for the end of a process that was killed.
const LOOK_AGAIN: u8 = 20;

pub(super) fn numbers(processes: &[Process]) -> Vec<u32> {
    processes.iter().map(|it| it.pid.unsigned_abs()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_fields_behind_it() {
        let stat = b"42 (a) Z 1 (b) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2";
        let expected = Process { pid: 42, parent: 7, started: 987_654, zombie: false };
        assert_eq!(Process::parse(42, stat), Some(expected));
        for stat in [&b""[..], b"42 (a", b"42 (a) S", b"42 (a) S x y"] {
            assert_eq!(Process::parse(42, stat), None);
        }
    }

    fn process(pid: i32, parent: i32) -> Process {
        Process { pid, parent, started: 0, zombie: false }
    }

    #[test]
    fn descent_goes_through_any_number_of_parents() {
        let all = [process(1, 0), process(5, 1), process(9, 5), process(7, 9), process(8, 1)];
        let below = below(&BTreeSet::from([5]), &all);
        assert_eq!(numbers(&below), [9, 7]);
    }

    #[test]
    fn parents_that_go_round_end_the_search() {
        let all = [process(3, 4), process(4, 3)];
        assert_eq!(below(&BTreeSet::from([5]), &all), []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen_and_not_its_own_descendant() {
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(all().iter().any(|it| it.pid == me));
        assert!(!descendants().iter().any(|it| it.pid == me));
        assert!(ancestors(&all()).contains(&me));
    }
}
