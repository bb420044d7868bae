//! The whole picture of one service: its processes and what they use, the sockets they listen on, the
//! files by which it is asked, and those that define it. Read once; nothing is asked or changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    time::Duration,
};

use svproto::{Dialect, Pid, UnixTime, files};

use crate::{
    Listening, Service, Unseen, liveness, node,
    processes::{self, Around},
};

/// All that is to be seen of a service beside its status. What this user may not see is in
/// [`Details::unseen`], and never taken for absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Details {
    /// Its supervisor and all that it has started, each before those that it has started itself; then
    /// what earlier runs have left behind. Linux.
    pub processes: Vec<ProcessDetails>,
    /// Sockets on which these wait for callers, and whose they are. Linux.
    pub listening: Vec<(Listening, Pid)>,
    /// The control group of the process of `run`, as the system names it. Linux.
    pub cgroup: Option<String>,
    /// What its supervisor keeps in the directory.
    pub control: Vec<FileDetails>,
    /// What an administrator has put there: `run` first.
    pub definition: Vec<FileDetails>,
    /// What this user may not see.
    pub unseen: Vec<Unseen>,
}

/// What a process is in its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessRole {
    /// It supervises.
    Supervisor,
    /// `run`.
    Main,
    /// The script that is run after each end.
    Finish,
    /// Of the logger.
    Logger,
    /// Started by one of these.
    Other,
    /// Left behind by an earlier run.
    LeftBehind,
}

svproto::words!(ProcessRole, "role of a process":
    Supervisor "supervisor",
    Main "run",
    Finish "finish",
    Logger "log",
    Other "other",
    LeftBehind "left-behind",
);

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessDetails {
    /// Its number.
    pub pid: Pid,
    /// Whoever started it, among those that are listed.
    pub parent: Option<Pid>,
    /// What it is here.
    pub role: ProcessRole,
    /// The words that it was started with; its name in brackets where it has none.
    pub command: Vec<OsString>,
    /// The letter of its state: R, S, D, T, Z.
    pub state: char,
    /// Memory that it has, in bytes.
    pub memory: u64,
    /// Processor time that it has used.
    pub processor: Duration,
    /// When it was started.
    pub started: Option<UnixTime>,
}

/// One file of a service directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileDetails {
    /// Where it is.
    pub path: PathBuf,
    /// What it is, with its article: `a FIFO`.
    pub what: &'static str,
    /// The twelve bits of its mode.
    pub mode: u32,
    /// Its user and its group.
    pub owner: (u32, u32),
    /// What it means there, in a few words.
    pub about: &'static str,
    /// Of text of an administrator that is not long: all of it.
    pub text: Option<String>,
}

/// No more of a file is shown.
const MOST: usize = 4096;
/// No service has more processes that are worth a line.
const PROCESSES: usize = 1000;

impl Service {
    /// The whole picture, beside [`Service::status`]. Needs no privilege, and shows more to a user with some.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// let details = svclient::Service::open(&dir)?.details();
    /// assert!(details.definition[0].path.ends_with("web/run"));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn details(&self) -> Details {
        let dialect = self.dialect();
        let seen = self.status().ok();
        let facts = seen.as_ref().and_then(crate::Status::facts);
        let (main, finish) = (facts.and_then(|it| it.pid), facts.and_then(|it| it.finish_pid));
        let mut roles = BTreeMap::new();
        let log = self.log().and_then(|it| it.status().ok()).and_then(|it| it.pid());
        let log = log.or_else(|| self.log_facts().ok().flatten()?.pid);
        let supervisor = dialect.and_then(|it| liveness::supervisor(self.handle(), it));
        for (pid, role) in [
            (log, ProcessRole::Logger),
            (finish, ProcessRole::Finish),
            (main, ProcessRole::Main),
            (supervisor, ProcessRole::Supervisor),
        ] {
            roles.extend(pid.map(|pid| (pid, role)));
        }
        let known: Vec<Pid> = [main, finish].into_iter().flatten().collect();
        let around = Around { supervisor, known: &known, run: main };
        for pid in self.machine().left_in(self.handle(), &around) {
            roles.entry(pid).or_insert(ProcessRole::LeftBehind);
        }
        let mut details = Details::of_processes(&roles, main);
        self.files(dialect, &mut details);
        if let (true, Some(pid)) = (details.processes.is_empty(), main) {
            let needs = "a look at the process table where its supervisor runs".to_owned();
            details.unseen.push(Unseen { what: format!("process {pid}"), needs });
        }
        details
    }

    fn files(&self, dialect: Option<Dialect>, details: &mut Details) {
        let is_its = |it: &&files::KnownFile| dialect.is_none_or(|dialect| it.is_of(dialect));
        for file in files::TABLE.iter().filter(is_its) {
            let Ok(stat) = node::lstat(&self.handle().at(file.path)) else { continue };
            let path = self.dir().join(file.path);
            let is_given = file.made_with.is_none();
            let text = if is_given { text_of(&path) } else { None };
            let one = FileDetails { about: file.about, text, ..FileDetails::of(path, &stat) };
            if is_given { &mut details.definition } else { &mut details.control }.push(one);
        }
        let log = FileDetails::at(self.dir().join("log/run"));
        details.definition.extend(log.map(|it| FileDetails { about: "the logger", ..it }));
    }
}

impl FileDetails {
    /// A file of a definition, and its text; `None` where there is none, or it may not be seen.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Option<Self> {
        let path = path.into();
        let stat = nix::sys::stat::lstat(&path).ok()?;
        Some(Self { text: text_of(&path), ..Self::of(path, &stat) })
    }

    fn of(path: PathBuf, stat: &nix::sys::stat::FileStat) -> Self {
        Self {
            path,
            what: node::what(stat),
            mode: node::mode(stat),
            owner: (stat.st_uid, stat.st_gid),
            about: "",
            text: None,
        }
    }
}

/// The whole of a short text.
fn text_of(path: &std::path::Path) -> Option<String> {
    let bytes = crate::explain::read(path).filter(|it| it.len() <= MOST)?;
    String::from_utf8(bytes).ok().filter(|it| !it.contains('\0'))
}

impl Details {
    /// Of a process and all that it has started: for what has no directory.
    #[must_use]
    pub fn of_process(main: Pid) -> Self {
        Self::of_processes(&BTreeMap::from([(main, ProcessRole::Main)]), Some(main))
    }

    fn of_processes(roles: &BTreeMap<Pid, ProcessRole>, main: Option<Pid>) -> Self {
        let mut all = Self::default();
        let started = processes::Started::default();
        let mut listed = BTreeSet::new();
        let rank = |role: ProcessRole| match role {
            ProcessRole::Supervisor => 0,
            ProcessRole::Main => 1,
            ProcessRole::LeftBehind => 3,
            _ => 2,
        };
        let mut roots: Vec<(Pid, ProcessRole)> = roles.iter().map(|it| (*it.0, *it.1)).collect();
        roots.sort_unstable_by_key(|(pid, role)| (rank(*role), *pid));
        for (root, _) in roots {
            let mut next = vec![(root.get(), None)];
            while let Some((number, parent)) = next.pop() {
                let Some(pid) = Pid::new(number.into()) else { continue };
                if listed.len() >= PROCESSES || !listed.insert(number) {
                    continue;
                }
                let role = roles.get(&pid).copied().unwrap_or(ProcessRole::Other);
                let Some(found) = process(pid, parent, role) else { continue };
                all.processes.push(found);
                next.extend(started.by(number).into_iter().rev().map(|it| (it, Some(pid))));
            }
        }
        // They may be in another network than this process.
        let sockets = crate::sockets::seen_by(main);
        let mut hidden = 0;
        for process in &all.processes {
            match crate::sockets::of(process.pid) {
                Some(numbers) => {
                    let own = sockets.iter().filter(|it| it.is_of(&numbers));
                    all.listening.extend(own.map(|it| (it.clone(), process.pid)));
                }
                None => hidden += 1,
            }
        }
        if hidden > 0 {
            let what = format!("the sockets of {hidden} of its processes");
            all.unseen.push(Unseen { what, needs: "the rights of their user".to_owned() });
        }
        all.listening.sort_unstable();
        all.listening.dedup();
        all.cgroup = main.and_then(cgroup);
        all
    }
}

fn process(pid: Pid, parent: Option<Pid>, role: ProcessRole) -> Option<ProcessDetails> {
    let usage = processes::usage(pid)?;
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = words.strip_suffix(b"\0").unwrap_or(&words);
    let command = if words.is_empty() {
        vec![format!("[{}]", usage.name).into()]
    } else {
        words.split(|byte| *byte == 0).map(|it| OsString::from_vec(it.to_vec())).collect()
    };
    let (memory, processor, started) = (usage.memory, usage.processor, usage.started);
    Some(ProcessDetails {
        pid,
        parent,
        role,
        command,
        state: usage.state,
        memory,
        processor,
        started,
    })
}

/// The group of the one hierarchy of today, else that of systemd, else that of the memory controller.
fn cgroup(pid: Pid) -> Option<String> {
    let text = fs::read(format!("/proc/{pid}/cgroup")).ok()?;
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let of = |wanted: &str| {
        lines.iter().find_map(|line| {
            let (_, rest) = std::str::from_utf8(line).ok()?.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let is_it = controllers.split(',').any(|it| it == wanted);
            (is_it && path != "/")
                .then(|| OsStr::from_bytes(path.as_bytes()).to_string_lossy().into_owned())
        })
    };
    of("").or_else(|| of("name=systemd")).or_else(|| of("memory"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_with_its_words_and_its_sockets() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let pid = Pid::new(std::process::id().into()).unwrap();
        let details = Details::of_process(pid);
        let me = &details.processes[0];
        assert_eq!((me.pid, me.role, me.parent), (pid, ProcessRole::Main, None));
        assert!(me.memory > 0 && me.started.is_some());
        assert_eq!(me.command[0], std::env::args_os().next().unwrap());
        let (socket, owner) =
            details.listening.iter().find(|(socket, _)| socket.address == address).unwrap();
        assert_eq!((socket.protocol, *owner), ("tcp", pid));
    }
}
