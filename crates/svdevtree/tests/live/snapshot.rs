//! All that can be seen of a supervised directory, without what must differ: numbers and times.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::FileTypeExt as _,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::Command,
};

use nix::unistd::Pid;

use crate::tree::Dir;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The records, but for time and pid.
    pub main: Option<Record>,
    pub log: Option<Record>,
    /// Type, mode and, for texts, content.
    files: BTreeMap<String, String>,
    /// Children of the supervisor.
    processes: Vec<String>,
    /// What `sv status` says.
    sv: String,
    /// What ran: run and finish with arguments, and control scripts.
    trace: String,
    /// What the service noted of its signals, and what the logger wrote; in no order, and once
    /// each: signals that arrive together have none, and are one if they are equal.
    notes: BTreeSet<String>,
    out: BTreeSet<String>,
}

/// The lines of control scripts without their argument, which is another process on each side, and
/// which `runsv` gives since 2.3 only. `differences.rs` looks at it.
fn without_process(trace: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some((script, _)) if script.starts_with("control/") => format!("{script}\n"),
        _ => format!("{line}\n"),
    };
    trace.lines().map(line).collect()
}

/// A status record without time and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    has_pid: bool,
    /// Paused, want, term, phase.
    pub rest: [u8; 4],
    /// Nanoseconds are whole microseconds and 500.
    round: bool,
}

impl Record {
    pub fn phase(&self) -> u8 {
        self.rest[3]
    }

    pub fn wants_up(&self) -> bool {
        self.rest[1] == b'u'
    }

    fn read(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let bytes: [u8; 20] = bytes.try_into().unwrap();
        let nanos = u32::from_be_bytes(bytes[8..12].try_into().unwrap());
        Some(Self {
            has_pid: bytes[12..16] != [0; 4],
            rest: bytes[16..].try_into().unwrap(),
            round: nanos % 1000 == 500,
        })
    }

    /// Down and wanted up: something is about to happen.
    fn is_resting(&self) -> bool {
        self.phase() == 0 && self.wants_up()
    }
}

/// In the line of a process that has a processor, or wants one.
const RUNS: &str = "runs:true ";

impl Snapshot {
    pub fn take(dir: &Dir, supervisor: Option<Pid>) -> Self {
        let mut files = BTreeMap::new();
        for sub in ["supervise", "log/supervise"] {
            for name in names(&dir.0.join(sub)) {
                // Written and renamed while we look; what the embedded one adds.
                if name.rsplit('.').next() != Some("new") && name != "embedded" {
                    let path = format!("{sub}/{name}");
                    files.insert(path.clone(), describe(dir, &path));
                }
            }
            let link = fs::symlink_metadata(dir.0.join(sub)).is_ok_and(|it| it.is_symlink());
            files.insert(sub.to_owned(), format!("{} link: {link}", describe(dir, sub)));
        }
        Self {
            main: Record::read(&dir.0.join("supervise/status")),
            log: Record::read(&dir.0.join("log/supervise/status")),
            files,
            processes: supervisor.map(|pid| children(pid, &dir.0)).unwrap_or_default(),
            sv: sv(dir),
            trace: without_process(&dir.read("trace")),
            notes: dir.read("notes").lines().map(str::to_owned).collect(),
            out: dir.read("out").lines().map(str::to_owned).collect(),
        }
    }

    /// Nothing is about to happen by itself.
    pub fn is_settled(&self) -> bool {
        let resting = [&self.main, &self.log].into_iter().flatten().any(Record::is_resting);
        // Blocked where the scripts of a scenario block; not on the way there.
        let stays = |process: &String| {
            let marks = ["stopped:true", "sleep 1000 ", ":/hold\"", ":/gate\""];
            // One that was woken has not run yet where others have the processors.
            let waits = !process.contains(RUNS);
            waits
                && (process.starts_with("cat ") || marks.iter().any(|mark| process.contains(mark)))
        };
        self.main.is_some() && !resting && self.processes.iter().all(stays)
    }
}

/// Whether the process waits in `poll`: it has read every request and does not nap.
pub fn is_waiting(pid: Pid) -> bool {
    let calls: &[&str] = if cfg!(target_arch = "x86_64") { &["7", "271"] } else { &["73"] };
    let tasks = names(Path::new(&format!("/proc/{pid}/task")));
    tasks.iter().any(|task| {
        let call = fs::read_to_string(format!("/proc/{pid}/task/{task}/syscall"));
        let call = call.unwrap_or_default();
        calls.contains(&call.split(' ').next().unwrap_or_default())
    })
}

pub fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn describe(dir: &Dir, path: &str) -> String {
    let Ok(metadata) = fs::metadata(dir.0.join(path)) else { return "gone".to_owned() };
    let kind = match metadata.file_type() {
        it if it.is_fifo() => "fifo",
        it if it.is_file() => "file",
        it if it.is_dir() => "directory",
        _ => "other",
    };
    let text = match path.rsplit('/').next().unwrap() {
        "stat" => dir.read(path),
        // Its own process or none.
        "pid" => {
            let text = dir.read(path);
            let status = fs::read(dir.0.join(path.replace("pid", "status"))).unwrap_or_default();
            let number = status.get(12..16).map(|it| u32::from_le_bytes(it.try_into().unwrap()));
            let number = number.filter(|&pid| pid != 0).map(|pid| format!("{pid}\n"));
            format!("right: {}", number.unwrap_or_default() == text)
        }
        _ => String::new(),
    };
    let links = if kind == "fifo" { metadata.nlink() } else { 1 };
    format!("{kind} {:o} {links} {text}", metadata.mode() & 0o7777)
}

/// Command line, whether stopped, group and session beside the supervisor's, directory,
/// descriptors.
fn children(supervisor: Pid, dir: &Path) -> Vec<String> {
    let Some((_, group, session)) = ids(&supervisor.to_string()) else { return Vec::new() };
    let mut all = Vec::new();
    for pid in names(Path::new("/proc")).iter().filter(|name| name.parse::<u32>().is_ok()) {
        let Some((parent, its_group, its_session)) = ids(pid) else { continue };
        if parent != supervisor.to_string() {
            continue;
        }
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = command.replace('\0', " ");
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let cwd = cwd.strip_prefix(dir).map_or("elsewhere".into(), Path::to_path_buf);
        let (same_group, same_session) = (its_group == group, its_session == session);
        let mut fds: Vec<_> = names(Path::new(&format!("/proc/{pid}/fd")));
        fds.sort();
        let fds: Vec<_> = fds
            .iter()
            .map(|fd| {
                let to = fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap_or_default();
                let to = to.to_string_lossy();
                let to = to
                    .strip_prefix(&*dir.to_string_lossy())
                    .unwrap_or(&to)
                    .split('[')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                format!("{fd}:{to}")
            })
            .collect();
        let (stopped, runs) = (state(pid) == Some('T'), state(pid) == Some('R'));
        let runs = if runs { RUNS } else { "" };
        all.push(format!(
            "{command}{runs}stopped:{stopped} group:{same_group} session:{same_session} {} {fds:?}",
            cwd.display()
        ));
    }
    all.sort();
    all
}

fn after_name(pid: &str) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

pub fn state(pid: &str) -> Option<char> {
    after_name(pid)?.first()?.chars().next()
}

/// Parent, group, session.
pub fn ids(pid: &str) -> Option<(String, String, String)> {
    let fields = after_name(pid)?;
    Some((fields.get(1)?.clone(), fields.get(2)?.clone(), fields.get(3)?.clone()))
}

/// What `sv status` says, without numbers and the directory's name.
fn sv(dir: &Dir) -> String {
    let output = Command::new("sv").arg("status").arg(&dir.0).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap().replace(&*dir.0.to_string_lossy(), "DIR");
    let plain: String = said.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let mut plain = plain;
    while plain.contains("00") {
        plain = plain.replace("00", "0");
    }
    format!("{plain} {:?}", output.status.code())
}

impl Snapshot {
    /// What `stat` says of the service.
    fn stat(&self) -> &str {
        let stat = self.files.get("supervise/stat").map_or("", String::as_str);
        stat.rsplit_once(" 1 ").map_or(stat, |(_, text)| text)
    }

    pub fn stat_is(&self, phase: &str) -> bool {
        self.stat().starts_with(phase)
    }

    pub fn says_want_exit(&self) -> bool {
        self.stat().contains("want exit")
    }
}
