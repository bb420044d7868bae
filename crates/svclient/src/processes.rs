//! What Linux's table of processes tells about a service beyond its record: whether the process that
//! the record names is there, and who else runs in its directory. Elsewhere nothing is told.
//!
//! A number in a record is one of the supervisor's pid namespace. It means something here only where
//! that is the reader's, so it is asked before a process is called gone.

use std::{
    cell::OnceCell, collections::HashMap, ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf,
};

mod left;

use nix::sys::stat::FileStat;
use svproto::{Pid, UnixTime};

pub(crate) use left::{Around, Search, left_in, workers};

use crate::{Dialect, handle::Handle, liveness};

/// Whether the process of a record is dead, though its supervisor says that it runs: there is none of
/// that number any more, or nobody has taken notice of its end, or another has the number by now: one that
/// was started after `since`, and not by the supervisor. `false` where that cannot be seen.
pub(crate) fn is_dead(
    pid: Pid,
    since: Option<UnixTime>,
    handle: &Handle,
    dialect: Dialect,
) -> bool {
    let supervisor =
        || liveness::supervisor(handle, dialect).filter(|it| table::is_of_this_namespace(it.get()));
    match table::process(pid.get()) {
        Some(process) if !process.is_over => {
            let started = process.started();
            let is_later =
                since.zip(started).is_some_and(|(since, at)| since.elapsed(at) > STAMPS_DIFFER);
            is_later && supervisor().is_some_and(|it| it.get() != process.parent)
        }
        _ => supervisor().is_some(),
    }
}

/// A process and the record of its start tell moments that are no further apart.
const STAMPS_DIFFER: std::time::Duration = std::time::Duration::from_secs(2);

/// Whether a process runs that was started when the record of a supervisor that is gone says so.
pub(crate) fn still_runs(pid: Pid, since: UnixTime) -> bool {
    let process = table::process(pid.get()).filter(|process| !process.is_over);
    process.and_then(|process| process.started()).is_some_and(|at| {
        let apart = at.elapsed(since).max(since.elapsed(at));
        apart <= STAMPS_DIFFER
    })
}

/// What a process has used.
pub(crate) struct Usage {
    pub(crate) name: String,
    pub(crate) state: char,
    /// In bytes.
    pub(crate) memory: u64,
    pub(crate) processor: std::time::Duration,
    pub(crate) started: Option<UnixTime>,
}

/// What a process has used; `None` where there is none, or nothing is told.
pub(crate) fn usage(pid: Pid) -> Option<Usage> {
    table::usage(pid.get())
}

/// What processes have started. Each is asked for its own; where the system does not tell that, all
/// processes are read, once.
#[derive(Default)]
pub(crate) struct Started(OnceCell<HashMap<u32, Vec<u32>>>);

impl Started {
    /// By this process, or left to it, in the order of their numbers.
    pub(crate) fn by(&self, pid: u32) -> Vec<u32> {
        let mut children = table::children(pid).unwrap_or_else(|| self.among_all(pid));
        children.sort_unstable();
        children
    }

    fn among_all(&self, pid: u32) -> Vec<u32> {
        let all = self.0.get_or_init(|| {
            let mut all: HashMap<u32, Vec<u32>> = HashMap::new();
            for pid in table::all() {
                if let Some(process) = table::process(pid) {
                    all.entry(process.parent).or_default().push(pid);
                }
            }
            all
        });
        all.get(&pid).cloned().unwrap_or_default()
    }
}

/// When a process was started.
pub(crate) fn began(pid: Pid) -> Option<UnixTime> {
    table::process(pid.get())?.started()
}

/// Whether a process was stopped by a signal.
pub(crate) fn is_stopped(pid: Pid) -> bool {
    table::process(pid.get()).is_some_and(|process| process.is_stopped)
}

/// Names of scanners, as the system cuts them.
pub(crate) const SCANNER_NAMES: [&str; 4] = ["runsvdir", "svscan", "s6-svscan", "svctl"];

/// Processes with the name of a scanner.
pub(crate) fn scanners() -> Vec<Pid> {
    let is_one =
        |pid: &u32| table::name(*pid).is_some_and(|name| SCANNER_NAMES.contains(&name.trim_end()));
    table::all().into_iter().filter(is_one).filter_map(|pid| Pid::new(pid.into())).collect()
}

/// The first of these processes that was there before a moment and listens at a port, which one that has
/// come then does not share with it; and the port.
pub(crate) fn listener(of: &[Pid], before: UnixTime, but: Pid) -> Option<(Pid, u16)> {
    let own = table::sockets(but.get());
    of.iter().find_map(|pid| {
        let started = table::process(pid.get())?.started()?;
        let sockets = table::sockets(pid.get());
        let alone: Vec<u64> = sockets.into_iter().filter(|it| !own.contains(it)).collect();
        if started >= before || alone.is_empty() {
            return None;
        }
        let ports = table::listening(pid.get());
        let (_, port) = ports.into_iter().find(|(socket, _)| alone.contains(socket))?;
        Some((*pid, port))
    })
}

/// Whether a scanner of this directory runs, as far as this user may see.
pub(crate) fn is_scanned(place: &FileStat) -> bool {
    table::all().into_iter().any(|pid| scans(pid, place))
}

/// The directory of a supervisor that a scanner of this directory has started for an entry of that name:
/// it may have outlived the entry.
pub(crate) fn supervised_for(place: &FileStat, name: &OsStr) -> Option<PathBuf> {
    table::all().into_iter().find_map(|pid| {
        let words = table::words(pid)?;
        let (program, rest) = program_of(&words)?;
        let is_it = SUPERVISORS.contains(&program) && rest == [name.as_bytes()];
        let parent = is_it.then(|| table::process(pid))??.parent;
        if scans(parent, place) { table::working_directory(pid) } else { None }
    })
}

/// The directories that embedded supervisors hold which scan this one, as far as this user may see.
pub(crate) fn held_by_scanners(place: &FileStat) -> Vec<PathBuf> {
    let scanners = table::all().into_iter().filter(|pid| {
        let words = table::words(*pid).unwrap_or_default();
        !program_of(&words).is_some_and(|(program, _)| SCANNERS.contains(&program))
            && scans(*pid, place)
    });
    scanners.flat_map(table::open_directories).collect()
}

const SCANNERS: [&[u8]; 3] = [b"runsvdir", b"svscan", b"s6-svscan"];
const SUPERVISORS: [&[u8]; 3] = [b"runsv", b"supervise", b"s6-supervise"];

/// Whether a process is a scanner of this directory: it names it, or works in it. Only `svscan` and
/// `s6-svscan` work in the one that they scan; the others work wherever they were started.
///
/// Source: `chdir` in svscan.c (daemontools 0.76) and s6-svscan.c (s6 2.11); runsvdir.c (runit 2.1.2)
/// goes back by `fchdir` after each look.
fn scans(pid: u32, place: &FileStat) -> bool {
    let Some(words) = table::words(pid) else { return false };
    let Some((program, rest)) = program_of(&words) else { return false };
    let is_ours = program == b"svctl" && rest.iter().any(|word| word == b"scan");
    let is_it = |found: Option<FileStat>| {
        found.is_some_and(|it| (it.st_dev, it.st_ino) == (place.st_dev, place.st_ino))
    };
    let works_in_it = matches!(program, b"svscan" | b"s6-svscan");
    (is_ours || SCANNERS.contains(&program))
        && (works_in_it && is_it(table::stat_from(pid, b"."))
            || rest.iter().any(|word| is_it(table::stat_from(pid, word))))
}

/// The name of a program and its words; busybox has its own first.
fn program_of(words: &[Vec<u8>]) -> Option<(&[u8], &[Vec<u8>])> {
    let (first, rest) = words.split_first()?;
    let name = |word: &'_ [u8]| word.rsplit(|byte| *byte == b'/').next().map(<[u8]>::len);
    let base = |word| -> &[u8] {
        let word: &Vec<u8> = word;
        let len = name(word).unwrap_or_default();
        word.get(word.len().saturating_sub(len)..).unwrap_or_default()
    };
    match (base(first), rest.split_first()) {
        (b"busybox", Some((second, rest))) => Some((base(second), rest)),
        (program, _) => Some((program, rest)),
    }
}

#[cfg(target_os = "linux")]
mod table {
    use std::{
        ffi::OsStr,
        fs,
        os::unix::ffi::OsStrExt,
        path::{Path, PathBuf},
        time::Duration,
    };

    use nix::{
        errno::Errno,
        sys::stat::{FileStat, stat},
        time::{ClockId, clock_gettime},
        unistd::{Pid, SysconfVar, getsid, sysconf},
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
        pub(super) const fn began_before(&self, other: &Self) -> bool {
            self.began < other.began
        }

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

    /// From the same file: fields 2, 3, 14, 15 and 24.
    pub(super) fn usage(pid: u32) -> Option<super::Usage> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let text = String::from_utf8_lossy(&text);
        let (before, rest) = text.rsplit_once(") ")?;
        let (_, name) = before.split_once('(')?;
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |at: usize| words.get(at)?.parse::<u64>().ok();
        let ticks = number(11)?.saturating_add(number(12)?);
        let a_second = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?.max(1);
        let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
        Some(super::Usage {
            name: name.to_owned(),
            state: words.first()?.chars().next()?,
            memory: number(21)?.saturating_mul(page),
            processor: Duration::from_millis(ticks.saturating_mul(1000) / a_second),
            started: process(pid)?.started(),
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

    /// All processes that this user may see.
    pub(super) fn all() -> Vec<u32> {
        let Ok(list) = fs::read_dir("/proc") else { return Vec::new() };
        list.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
    }

    /// What a process was started with.
    pub(super) fn words(pid: u32) -> Option<Vec<Vec<u8>>> {
        let text = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let text = text.strip_suffix(b"\0")?;
        Some(text.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
    }

    pub(super) fn working_directory(pid: u32) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{pid}/cwd")).ok()
    }

    /// The directories that a process has open.
    pub(super) fn open_directories(pid: u32) -> Vec<PathBuf> {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|fd| fs::read_link(fd.path()).ok()).filter(|it| it.is_dir()).collect()
    }

    /// What a path leads to, for a process: it may have another root, that of a container.
    pub(super) fn stat_from(pid: u32, path: &[u8]) -> Option<FileStat> {
        let path = Path::new(OsStr::from_bytes(path));
        let its = Path::new("/proc").join(pid.to_string());
        match path.strip_prefix("/") {
            Ok(below) => match stat(&its.join("root").join(below)) {
                Err(Errno::EACCES | Errno::EPERM) => stat(path).ok(),
                found => found.ok(),
            },
            Err(_) => stat(&its.join("cwd").join(path)).ok(),
        }
    }

    /// The sockets that a process has open, by their number.
    pub(super) fn sockets(pid: u32) -> Vec<u64> {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let links = open.filter_map(|fd| fs::read_link(fd.path()).ok());
        links
            .filter_map(|link| {
                link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
            })
            .collect()
    }

    /// The sockets that listen at a port of TCP, in the network of a process.
    pub(super) fn listening(pid: u32) -> Vec<(u64, u16)> {
        const LISTENS: &str = "0A";
        let texts =
            ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{pid}/net/{name}")));
        let texts: Vec<String> = texts.into_iter().flatten().collect();
        let of_line = |line: &str| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let (_, port) = words.get(1)?.rsplit_once(':')?;
            let listens = words.get(3) == Some(&LISTENS);
            let socket = words.get(9)?.parse().ok()?;
            listens.then_some((socket, u16::from_str_radix(port, 16).ok()?))
        };
        texts.iter().flat_map(|text| text.lines().skip(1)).filter_map(of_line).collect()
    }

    /// The name of its program, as the system cuts it, and the end of a line.
    pub(super) fn name(pid: u32) -> Option<String> {
        fs::read_to_string(format!("/proc/{pid}/comm")).ok()
    }

    /// The first process of its session. Costs a tenth of reading that.
    pub(super) fn session(pid: u32) -> Option<u32> {
        let pid = i32::try_from(pid).ok()?;
        u32::try_from(getsid(Some(Pid::from_raw(pid))).ok()?.as_raw()).ok()
    }

    /// What a process has started, or has got instead of whoever did; `None` where that is not told.
    pub(super) fn children(pid: u32) -> Option<Vec<u32>> {
        let mut all = None;
        for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
            // Another may have ended meanwhile.
            let Ok(text) = fs::read_to_string(task.path().join("children")) else { continue };
            let numbers = text.split_ascii_whitespace().filter_map(|it| it.parse::<u32>().ok());
            all.get_or_insert_with(Vec::new).extend(numbers);
        }
        all
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
        pub(super) const fn began_before(&self, _other: &Self) -> bool {
            true
        }

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

    pub(super) fn usage(_pid: u32) -> Option<super::Usage> {
        None
    }

    pub(super) fn name(_pid: u32) -> Option<String> {
        None
    }

    pub(super) fn session(_pid: u32) -> Option<u32> {
        None
    }

    pub(super) fn children(_pid: u32) -> Option<Vec<u32>> {
        None
    }

    pub(super) fn all() -> Vec<u32> {
        Vec::new()
    }

    pub(super) fn words(_pid: u32) -> Option<Vec<Vec<u8>>> {
        None
    }

    pub(super) fn working_directory(_pid: u32) -> Option<std::path::PathBuf> {
        None
    }

    pub(super) fn stat_from(_pid: u32, _path: &[u8]) -> Option<FileStat> {
        None
    }

    pub(super) fn open_directories(_pid: u32) -> Vec<std::path::PathBuf> {
        Vec::new()
    }

    pub(super) fn sockets(_pid: u32) -> Vec<u64> {
        Vec::new()
    }

    pub(super) fn listening(_pid: u32) -> Vec<(u64, u16)> {
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
