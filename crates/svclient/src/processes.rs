//! What Linux's table of processes tells about a service beyond its record: whether the process that
//! the record names is there, and who else runs in its directory. Elsewhere nothing is told.
//!
//! A number in a record is one of the supervisor's pid namespace. It means something here only where
//! that is the reader's, so it is asked before a process is called gone.

use svproto::Pid;

use crate::{Dialect, home::Home, liveness};

/// Whether the process of a record is dead, though its supervisor says that it runs: there is none of
/// that number any more, or nobody has taken notice of its end. `false` where that cannot be seen.
pub(crate) fn is_dead(pid: Pid, home: &Home, dialect: Dialect) -> bool {
    let is_dead = match table::process(pid.get()) {
        Some(process) => process.is_over,
        None => true,
    };
    is_dead
        && liveness::supervisor(home, dialect)
            .is_some_and(|it| table::is_of_this_namespace(it.get()))
}

/// Whether a process runs that was started when the record of a supervisor that is gone says so.
pub(crate) fn still_runs(pid: Pid, since: svproto::UnixTime) -> bool {
    let process = table::process(pid.get()).filter(|process| !process.is_over);
    process.and_then(|process| process.started()).is_some_and(|at| {
        let apart = at.elapsed(since).max(since.elapsed(at));
        apart <= std::time::Duration::from_secs(2)
    })
}

/// Whether a process was stopped by a signal.
pub(crate) fn is_stopped(pid: Pid) -> bool {
    table::process(pid.get()).is_some_and(|process| process.is_stopped)
}

/// Who runs in a service directory, was not started by its supervisor that is there now, and has lost
/// whoever started it: what a run script that does not `exec` leaves behind when it ends.
pub(crate) fn left_in(home: &Home, supervisor: Option<Pid>, known: &[Pid]) -> Vec<Pid> {
    let Some(place) = home.stat().ok().flatten() else { return Vec::new() };
    let sessions = supervisor.and_then(|it| table::process(it.get())).map(|it| it.session);
    let is_known = |pid: u32| {
        supervisor.is_some_and(|it| it.get() == pid) || known.iter().any(|it| it.get() == pid)
    };
    let mut left = Vec::new();
    for pid in table::working_in(&place) {
        let Some(process) = table::process(pid) else { continue };
        if is_known(pid) || process.is_over || process.has_terminal {
            continue;
        }
        // Those who started it are known, or it has a session of its own whose first process lives.
        let mut above = process.parent;
        let mut is_theirs = false;
        for _ in 0..DEEPEST {
            if is_known(above) {
                is_theirs = true;
            }
            match table::process(above) {
                Some(next) if !is_theirs && next.parent > 0 => above = next.parent,
                _ => break,
            }
        }
        let is_orphan = process.session != pid
            && (table::process(process.session).is_none_or(|it| it.is_over)
                || Some(process.session) == sessions);
        if !is_theirs && is_orphan {
            left.extend(Pid::new(pid.into()));
        }
    }
    left
}

/// No process of a service has more above it.
const DEEPEST: usize = 64;

#[cfg(target_os = "linux")]
mod table {
    use std::{fs, time::Duration};

    use nix::{
        sys::stat::{FileStat, stat},
        time::{ClockId, clock_gettime},
        unistd::{SysconfVar, sysconf},
    };
    use svproto::UnixTime;

    pub(super) struct Process {
        pub(super) parent: u32,
        pub(super) session: u32,
        pub(super) has_terminal: bool,
        /// It has ended, and nobody has taken notice.
        pub(super) is_over: bool,
        pub(super) is_stopped: bool,
        /// In ticks since the machine was started.
        began: u64,
    }

    impl Process {
        pub(super) fn started(&self) -> Option<UnixTime> {
            let ticks = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
            let began = Duration::from_millis(self.began.saturating_mul(1000) / ticks.max(1));
            let up = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
            Some(UnixTime::now().saturating_sub(up.checked_sub(began)?))
        }
    }

    /// `/proc/PID/stat`; the name, which may hold anything, ends with the last `)`.
    pub(super) fn process(pid: u32) -> Option<Process> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let text = String::from_utf8_lossy(&text);
        let (_, rest) = text.rsplit_once(") ")?;
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |at: usize| words.get(at)?.parse().ok();
        Some(Process {
            is_stopped: matches!(words.first(), Some(&("T" | "t"))),
            is_over: matches!(words.first(), Some(&("Z" | "X"))),
            parent: number(1)?,
            session: number(3)?,
            has_terminal: words.get(4).is_some_and(|tty| *tty != "0"),
            began: words.get(19)?.parse().ok()?,
        })
    }

    /// Whether numbers of processes mean here what they mean to this process.
    pub(super) fn is_of_this_namespace(pid: u32) -> bool {
        let depth = |pid: &str| {
            let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
            Some(line.split_ascii_whitespace().count())
        };
        depth(&pid.to_string()) == Some(1) && depth("self") == Some(1)
    }

    /// Processes whose working directory is this one, as far as this user may see it.
    pub(super) fn working_in(place: &FileStat) -> Vec<u32> {
        let Ok(list) = fs::read_dir("/proc") else { return Vec::new() };
        let numbers = list.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let is_there = |pid: &u32| {
            stat(&*format!("/proc/{pid}/cwd"))
                .is_ok_and(|it| (it.st_dev, it.st_ino) == (place.st_dev, place.st_ino))
        };
        numbers.filter(is_there).collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod table {
    use nix::sys::stat::FileStat;
    use svproto::UnixTime;

    pub(super) struct Process {
        pub(super) parent: u32,
        pub(super) session: u32,
        pub(super) has_terminal: bool,
        pub(super) is_over: bool,
        pub(super) is_stopped: bool,
    }

    impl Process {
        #[expect(clippy::unused_self, reason = "as on Linux")]
        pub(super) fn started(&self) -> Option<UnixTime> {
            None
        }
    }

    pub(super) fn process(_pid: u32) -> Option<Process> {
        None
    }

    pub(super) fn is_of_this_namespace(_pid: u32) -> bool {
        false
    }

    pub(super) fn working_in(_place: &FileStat) -> Vec<u32> {
        Vec::new()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_its_number_means_what_it_says() {
        let me = table::process(std::process::id()).unwrap();
        assert!(!me.is_over && table::process(me.parent).is_some());
        let started = me.started().unwrap();
        let pid = Pid::new(std::process::id().into()).unwrap();
        assert!(still_runs(pid, started));
        let before = started.saturating_sub(std::time::Duration::from_secs(60));
        assert!(!still_runs(pid, before));
        // A number that no process has: they are below 2^22.
        assert!(table::process(i32::MAX.unsigned_abs()).is_none());
    }
}
