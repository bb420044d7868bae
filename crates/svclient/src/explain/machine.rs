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
use crate::{ScanDir, node};

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

/// Where a program of this name is looked for: on the path that the supervisor has, and on that of this
/// process, and where systems have programs. What is in none of them is missing.
pub(super) fn path_of(supervisor: Option<Pid>) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let environment = supervisor.and_then(|it| fs::read(format!("/proc/{it}/environ")).ok());
    let entries = environment.unwrap_or_default();
    let of_supervisor = entries.split(|it| *it == 0).find_map(|it| it.strip_prefix(b"PATH="));
    let own = std::env::var_os("PATH").unwrap_or_default();
    let usual =
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/command:/package/admin";
    for path in [OsString::from_vec(of_supervisor.unwrap_or_default().to_vec()), own, usual.into()]
    {
        all.extend(std::env::split_paths(&path).filter(|it| it.is_absolute()));
    }
    all
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

/// Names of scanners, as the system cuts them.
const SCANNERS: [&str; 4] = ["runsvdir", "svscan", "s6-svscan", "svctl"];

/// Who scans this directory: a scanner works in it.
pub(super) fn scanner_of(dir: &ScanDir) -> Scanned {
    let Some(place) = node::stat(dir.dir()).ok().flatten() else { return Scanned::ByNobody };
    if matches!(dir.scanner(), Ok(crate::Scanner::Listens)) {
        return Scanned::By(0);
    }
    let Ok(list) = fs::read_dir("/proc") else { return Scanned::NotSeen };
    let mut not_seen = !cfg!(target_os = "linux");
    for entry in list.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|it| it.parse::<u32>().ok()) else {
            continue;
        };
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if !SCANNERS.contains(&name.trim_end()) {
            continue;
        }
        let cwd = format!("/proc/{pid}/cwd");
        let is_it = |at: &Path| {
            let found = nix::sys::stat::stat(at);
            found.map(|it| node::identity(&it) == node::identity(&place))
        };
        match is_it(Path::new(&cwd)) {
            Ok(true) => return Scanned::By(pid),
            // `svctl scan` works where it was started, and names what it scans.
            Ok(false) if name.trim_end() == "svctl" => {
                let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let words = words.split(|it| *it == 0);
                let mut named = words.skip_while(|it| *it != b"scan").skip(1);
                let is_named = |it: &[u8]| is_it(&Path::new(&cwd).join(OsStr::from_bytes(it)));
                if named.any(|it| !it.is_empty() && is_named(it) == Ok(true)) {
                    return Scanned::By(pid);
                }
            }
            // It has ended meanwhile, or scans another directory.
            Ok(false) | Err(Errno::ENOENT | Errno::ESRCH) => {}
            Err(_) => not_seen = true,
        }
    }
    if not_seen { Scanned::NotSeen } else { Scanned::ByNobody }
}

/// Who holds a lock that a file is, in words.
pub(super) fn process_in_words(pid: Option<Pid>) -> String {
    let Some(pid) = pid else { return "a process".to_owned() };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = file::shown(name.trim_end().as_bytes());
    if name.is_empty() { format!("process {pid}") } else { format!("process {pid} ({name})") }
}
