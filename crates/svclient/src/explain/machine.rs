//! What the machine has: users, groups, programs on a path, scanners, space.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use nix::{errno::Errno, sys::statvfs::statvfs};
use svproto::Pid;

use super::file;
use crate::{Machine, ScanDir, node, processes::SCANNER_NAMES as SCANNERS};

/// The accounts that a machine has.
pub(super) struct Accounts {
    pub(super) names: BTreeSet<String>,
    /// systemd is asked besides: it has the accounts of units that run, and few others.
    pub(super) has_more: bool,
}

/// The names in a table of accounts; `None` where it may not be read, and where other sources are asked
/// besides: a name that is not in the file may be in those.
pub(super) fn accounts(table: &str) -> Option<Accounts> {
    let database = if table == "/etc/group" { "group:" } else { "passwd:" };
    let conf = file::read(Path::new("/etc/nsswitch.conf")).unwrap_or_default();
    let conf = String::from_utf8_lossy(&conf);
    let sources = conf.lines().find_map(|it| it.trim_start().strip_prefix(database));
    let mut has_more = false;
    for source in sources.unwrap_or_default().split_whitespace() {
        match source {
            "files" | "compat" => {}
            "systemd" => has_more = true,
            _ => return None,
        }
    }
    let bytes = file::read(Path::new(table))?;
    let text = String::from_utf8_lossy(&bytes);
    let names = text.lines().filter_map(|it| it.split(':').next());
    // A long table is not read to its end, and `+` in it asks others.
    let is_whole = bytes.len() < 60_000 && !text.lines().any(|it| it.starts_with('+'));
    is_whole.then(|| Accounts { names: names.map(str::to_owned).collect(), has_more })
}

/// A user as a program is started by `chpst -u` and its kin. Some give it all of its groups, others the first
/// alone.
pub(super) struct Account {
    pub(super) name: String,
    pub(super) user: u32,
    pub(super) group: u32,
    /// Those that it may have besides; `None` where that is not known: any.
    others: Option<Vec<u32>>,
}

/// The user of this name, where the table of users has it.
pub(super) fn account(name: &str) -> Option<Account> {
    let bytes = file::read(Path::new("/etc/passwd"))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut rows = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let row = rows.find(|row| row.first() == Some(&name))?;
    let number = |at: usize| row.get(at)?.parse().ok();
    let (user, group) = (number(2)?, number(3)?);
    Some(Account { name: name.to_owned(), user, group, others: other_groups(name) })
}

/// The groups whose members have this name among them; `None` where more than the table may say so.
fn other_groups(name: &str) -> Option<Vec<u32>> {
    const TABLE: &str = "/etc/group";
    accounts(TABLE)?;
    let bytes = file::read(Path::new(TABLE))?;
    let text = String::from_utf8_lossy(&bytes);
    let rows = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let has_it = |row: &&str| row.split(',').any(|member| member == name);
    let rows = rows.filter(|row| row.get(3).is_some_and(has_it));
    Some(rows.filter_map(|row| row.get(2)?.parse().ok()).collect())
}

impl Account {
    /// Whether a right may be given to it by the mode of a file: `what` is 4 to read, 1 to execute or to pass.
    pub(super) fn may(&self, what: u32, stat: &nix::sys::stat::FileStat) -> bool {
        let has = |shift: u32| node::mode(stat) >> shift & what == what;
        let may_be_in = |gid| self.others.as_ref().is_none_or(|all| all.contains(&gid));
        match (stat.st_uid == self.user, stat.st_gid == self.group) {
            _ if self.user == 0 => true,
            (true, _) => has(6),
            (_, true) => has(3),
            // Whoever starts it gives it its other groups, or does not.
            _ => has(0) || (has(3) && may_be_in(stat.st_gid)),
        }
    }

    /// The first step of a path that it may not go, and how that is: directories are passed, the file
    /// at the end is executed.
    pub(super) fn is_kept_from(&self, path: &Path) -> Option<(PathBuf, nix::sys::stat::FileStat)> {
        // Links lead to other steps.
        let path = fs::canonicalize(path).ok()?;
        let mut steps: Vec<&Path> = path.ancestors().collect();
        steps.reverse();
        steps.into_iter().find_map(|step| {
            let stat = nix::sys::stat::stat(step).ok()?;
            // A list of rights may name it.
            let is_kept = !self.may(1, &stat) && !svtrust::has_access_list(step);
            is_kept.then(|| (step.to_owned(), stat))
        })
    }
}

/// All processes that this user may see (Linux).
pub(super) fn processes() -> impl Iterator<Item = Pid> {
    let list = fs::read_dir("/proc").into_iter().flatten().flatten();
    list.filter_map(|entry| Pid::new(entry.file_name().to_str()?.parse().ok()?))
}

/// Whoever started a process.
pub(super) fn parent(pid: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("PPid:"))?;
    Pid::new(line.trim().parse().ok()?)
}

/// Whether a process has the name of a scanner.
pub(super) fn is_scanner(pid: Pid) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    SCANNERS.contains(&name.trim_end())
}

/// Whether a process has the name of a supervisor.
pub(super) fn is_supervisor(pid: Pid) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    matches!(name.trim_end(), "runsv" | "supervise" | "s6-supervise" | "svctl")
}

/// Whether a supervisor has several services: the embedded one is supervisor and scanner in one, unless it was started
/// for one directory.
pub(super) fn has_many(supervisor: Pid) -> bool {
    let suites_own = ["runsv", "supervise", "s6-supervise"];
    let comm = fs::read_to_string(format!("/proc/{supervisor}/comm")).unwrap_or_default();
    if suites_own.contains(&comm.trim_end()) {
        return false;
    }
    let words = fs::read(format!("/proc/{supervisor}/cmdline")).unwrap_or_default();
    !words.split(|byte| *byte == 0).any(|word| word == b"supervise")
}

/// Whether nothing may be written in the file system of a place.
pub(super) fn is_read_only(place: &Path) -> bool {
    statvfs(place).is_ok_and(|it| it.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY))
}

/// Where a program of this name is looked for: on the path that the supervisor has, and on that of this
/// process, and where systems have programs. What is in none of them is missing. And whether the path of
/// the supervisor is known.
pub(super) fn path_of(supervisor: Option<Pid>) -> (Vec<PathBuf>, bool) {
    let mut all = Vec::new();
    let environment = supervisor.and_then(|it| fs::read(format!("/proc/{it}/environ")).ok());
    let is_known = environment.is_some();
    let entries = environment.unwrap_or_default();
    let of_supervisor = entries.split(|it| *it == 0).find_map(|it| it.strip_prefix(b"PATH="));
    let own = std::env::var_os("PATH").unwrap_or_default();
    let usual =
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/command:/package/admin";
    for path in [OsString::from_vec(of_supervisor.unwrap_or_default().to_vec()), own, usual.into()]
    {
        all.extend(std::env::split_paths(&path).filter(|it| it.is_absolute()));
    }
    (all, is_known)
}

/// Whether that process has another root or other mounts; what may not be seen is taken for the same.
pub(super) fn is_elsewhere(pid: Pid) -> bool {
    let differs = |name: &str| {
        let its = fs::read_link(format!("/proc/{pid}/{name}"));
        let own = fs::read_link(format!("/proc/self/{name}"));
        matches!((its, own), (Ok(its), Ok(own)) if its != own)
    };
    differs("ns/mnt") || differs("root")
}

/// Whether the file system of a place has room left for a file: `None` where that is not told.
pub(super) fn is_full(place: &Path) -> Option<&'static str> {
    let found = statvfs(place).ok()?;
    if found.blocks() > 0 && found.blocks_available() == 0 {
        return Some("no space is left");
    }
    (found.files() > 0 && found.files_available() == 0).then_some("no inode is left")
}

/// Who scans a directory.
pub(super) enum Scanned {
    By(u32),
    ByNobody,
    /// There are processes whose directory this user may not see.
    NotSeen,
}

/// Who scans this directory: a scanner works in it.
pub(super) fn scanner_of(dir: &ScanDir, shared: &Machine) -> Scanned {
    let Some(place) = node::stat(dir.dir()).ok().flatten() else { return Scanned::ByNobody };
    // s6-svscan has a FIFO, by which it is known to who may not see its process.
    let listens = || matches!(dir.scanner(), Ok(crate::Scanner::Listens));
    // The first process is always there: who may not see it may not see those of others.
    let mut not_seen = fs::read("/proc/1/comm").is_err();
    for pid in shared.scanners().iter().map(|pid| pid.get()) {
        // It may be another by now.
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if !SCANNERS.contains(&name.trim_end()) {
            continue;
        }
        let cwd = format!("/proc/{pid}/cwd");
        let is_it = |at: &Path| {
            let found = nix::sys::stat::stat(at);
            found.map(|it| node::identity(&it) == node::identity(&place))
        };
        let works_where_it_started = matches!(name.trim_end(), "svctl" | "runsvdir");
        match is_it(Path::new(&cwd)) {
            Ok(true) if !works_where_it_started => return Scanned::By(pid),
            // It names what it scans.
            Ok(_) if works_where_it_started => {
                let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let mut words = words.split(|it| *it == 0).skip(1);
                let is_scan = name.trim_end() != "svctl" || words.any(|it| it == b"scan");
                // It may have another root: that of a container.
                let is_named = |it: &[u8]| {
                    let path = Path::new(OsStr::from_bytes(it));
                    let Ok(below) = path.strip_prefix("/") else {
                        return is_it(&Path::new(&cwd).join(path));
                    };
                    match is_it(&Path::new(&format!("/proc/{pid}/root")).join(below)) {
                        Err(Errno::EACCES | Errno::EPERM) => is_it(path),
                        found => found,
                    }
                };
                if is_scan && words.any(|it| !it.is_empty() && is_named(it) == Ok(true)) {
                    return Scanned::By(pid);
                }
            }
            // It has ended meanwhile, or scans another directory.
            Ok(_) | Err(Errno::ENOENT | Errno::ESRCH) => {}
            Err(_) => not_seen = true,
        }
    }
    match (listens(), not_seen) {
        (true, _) => Scanned::By(0),
        (false, true) => Scanned::NotSeen,
        (false, false) => Scanned::ByNobody,
    }
}

/// Who holds a lock that a file is, in words.
pub(super) fn process_in_words(pid: Option<Pid>) -> String {
    let Some(pid) = pid else { return "a process".to_owned() };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = file::shown(name.trim_end().as_bytes());
    if name.is_empty() { format!("process {pid}") } else { format!("process {pid} ({name})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A right that a group gives is one that its member may have, whoever starts it.
    #[test]
    fn a_group_beside_the_first_may_give_a_right() {
        let tree = tempfile::tempdir().unwrap();
        let mut stat = nix::sys::stat::stat(tree.path()).unwrap();
        (stat.st_uid, stat.st_gid, stat.st_mode) = (4711, 60, 0o40_710);
        let may = |user, group, others: Option<Vec<u32>>| {
            Account { name: "web".into(), user, group, others }.may(1, &stat)
        };
        assert!(may(1000, 60, Some(vec![])) && may(1000, 1000, Some(vec![7, 60])));
        assert!(may(4711, 1000, Some(vec![])) && may(0, 0, Some(vec![])) && may(1000, 1000, None));
        assert!(!may(1000, 1000, Some(vec![7])));
    }
}
