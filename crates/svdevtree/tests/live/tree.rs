//! Service directories in a temporary directory; whatever still runs there ends with the value.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use nix::{libc, unistd::Pid};
use tempfile::TempDir;

use crate::{
    acting::until,
    supervised::{scripts, strays},
};

pub struct Tree(TempDir);

impl Tree {
    pub fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// In memory, where there is such a place: for what would mostly wait for a disk.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::below(memory) } else { Self::new() }
    }

    fn below(place: &Path) -> Self {
        let tree = tempfile::Builder::new().prefix("svdevtree-").tempdir_in(place).unwrap();
        fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(tree)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A service directory with this `run`.
    pub fn service(&self, name: &str, run: &str) -> Dir {
        let dir = self.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        let dir = Dir(dir);
        dir.script("run", run);
        dir
    }

    /// Every process that works in the tree.
    pub fn processes(&self) -> Vec<Pid> {
        strays::processes(self.path())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        strays::end(self.path(), || ());
    }
}

/// A service directory.
#[derive(Clone, Debug)]
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn script(&self, name: &str, body: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        scripts::write(&path, &format!("#!/bin/sh\n{body}\n"));
    }

    pub fn file(&self, name: &str, content: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }

    /// Control bytes, if somebody listens.
    pub fn send(&self, bytes: &str) -> bool {
        self.send_to("supervise/control", bytes)
    }

    pub fn send_to(&self, control: &str, bytes: &str) -> bool {
        let path = self.0.join(control);
        let fifo = fs::File::options().write(true).custom_flags(libc::O_NONBLOCK).open(path);
        fifo.is_ok_and(|mut fifo| fifo.write_all(bytes.as_bytes()).is_ok())
    }

    /// What `supervise/pid` says.
    pub fn pid(&self) -> Option<i32> {
        self.read("supervise/pid").trim().parse().ok()
    }

    /// What `supervise/stat` says.
    pub fn stat(&self) -> String {
        self.read("supervise/stat").trim_end().to_owned()
    }

    #[track_caller]
    pub fn until_stat(&self, stat: &str) {
        until(&format!("{stat}, but {}", self.stat()), || (self.stat() == stat).then_some(()));
    }

    /// A process of `run` other than that one.
    #[track_caller]
    pub fn until_run(&self, former: Option<i32>) -> i32 {
        until("a process of run", || {
            // The record is the last of the files to be written.
            let record = fs::read(self.0.join("supervise/status")).ok()?;
            let pid = i32::from_le_bytes(record.get(12..16)?.try_into().unwrap());
            (record.get(19) == Some(&1) && Some(pid) != former).then_some(pid)
        })
    }
}
