//! Definitions, trees and what is in them, and whether a test can be.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// An ordinary user, of whom nothing else is known here.
pub const THIEF: u32 = 4711;

/// The program, or another that is to be attacked.
pub fn program() -> PathBuf {
    std::env::var_os("SV_ATTACKED")
        .map_or_else(|| env!("CARGO_BIN_EXE_svctl").into(), PathBuf::from)
}

/// Whether the tests run as root. If not, whoever counts is told, or the test fails.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
        || skipped("svctl: not root, so nobody else can be written for")
}

/// Whether `strace` is there.
pub fn has_strace() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join("strace").is_file())
        || skipped("svctl: no strace in PATH")
}

fn skipped(why: &str) -> bool {
    assert!(std::env::var_os("SV_ALLOW_SKIPS").is_some(), "{why}");
    leave_out(why);
    false
}

/// Whoever counts is told: what nobody can install.
pub fn leave_out(why: &str) {
    eprintln!("skipped: {why}");
    if let Some(file) = std::env::var_os("SV_SKIPS_FILE") {
        let mut file = fs::File::options().append(true).open(file).unwrap();
        writeln!(file, "{why}").unwrap();
    }
}

/// A tree that everybody may look into, in memory where there is room for that.
pub fn tree() -> TempDir {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("svwriting-");
    let tree = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    let tree = tree.or_else(|_| builder.tempdir()).unwrap();
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    tree
}

pub fn dir(path: &Path, owner: u32) -> PathBuf {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    chown(path, Some(owner), Some(owner)).unwrap();
    path.to_owned()
}

pub fn file(path: &Path, text: &str, mode: u32) -> PathBuf {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_owned()
}

/// How a process ended that had a limit.
#[derive(Debug)]
pub struct Ended {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub err: String,
    /// It was ended, for it did not end.
    pub is_late: bool,
}

/// Runs it to its end, or to the limit.
pub fn limited(command: &mut Command, limit: Duration) -> Ended {
    let err = tempfile::tempfile().unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(err.try_clone().unwrap())
        .spawn()
        .unwrap();
    let (says, heard) = std::sync::mpsc::channel();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    let started = Instant::now();
    let waiting = std::thread::spawn(move || {
        use nix::sys::wait::{Id, WaitPidFlag, waitid};
        // Without taking its number from it.
        let _ended = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        says.send(()).unwrap();
    });
    let is_late = heard.recv_timeout(limit).is_err();
    if is_late {
        child.kill().unwrap();
    }
    waiting.join().unwrap();
    let status = child.wait().unwrap();
    assert!(is_late || started.elapsed() <= limit + Duration::from_secs(5));
    let mut text = String::new();
    let mut err = err;
    std::io::Seek::rewind(&mut err).unwrap();
    std::io::Read::read_to_string(&mut err, &mut text).unwrap();
    Ended { code: status.code(), err: text, is_late }
}

/// What is there: type and mode, owners, number of names, content.
pub type Inventory = BTreeMap<PathBuf, (u32, u32, u32, u64, Vec<u8>)>;

pub fn inventory(top: &Path) -> Inventory {
    let mut found = Inventory::new();
    let mut all = vec![top.to_owned()];
    while let Some(path) = all.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if metadata.is_dir() {
            all.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        let below = path.strip_prefix(top).unwrap().to_owned();
        found.insert(
            below,
            (metadata.mode(), metadata.uid(), metadata.gid(), metadata.nlink(), content),
        );
    }
    found
}

/// A copy with modes and owners.
pub fn copy(from: &Path, to: &Path) {
    let metadata = fs::symlink_metadata(from).unwrap();
    if metadata.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from).unwrap(), to).unwrap();
        return;
    }
    if metadata.is_dir() {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
    chown(to, Some(metadata.uid()), Some(metadata.gid())).unwrap();
    fs::set_permissions(to, metadata.permissions()).unwrap();
}

/// With variables, a control script, a finish script, a readiness check.
pub const OLD: &str = "[service.web]\nexec = [\"/bin/old\"]\nenv = { A = \"old\", GONE = \"old\" }\n\
     stop.signal = \"INT\"\nfinish = [\"/bin/old-finish\"]\nready.command = [\"/bin/old-check\"]\n";
/// With other variables, a logger, `down`; without control script and finish script.
pub const NEW: &str = "[service.web]\nexec = [\"/bin/new\"]\nenv = { A = \"new\", COME = \"new\" }\n\
     ready.command = [\"/bin/new-check\"]\nlog.dir = \"/var/log/new\"\ndown = true\n";
/// Without anything but `run`.
pub const BARE: &str = "[service.web]\nexec = [\"/bin/bare\"]\n";

/// A copy of a program where everybody may go. Another process makes it: a child that this one starts at
/// the same moment would have it open for writing, and it could not be executed.
pub fn copied(program: &Path, to: &Path) -> PathBuf {
    assert!(Command::new("cp").arg(program).arg(to).status().unwrap().success());
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    to.to_owned()
}
