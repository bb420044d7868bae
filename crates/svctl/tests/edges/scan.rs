//! A scan directory under `svctl scan`, so that nothing has to be installed; gone when dropped.

#[path = "../../../svclient/tests/live/scripts.rs"]
pub mod scripts;

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    pty::{Winsize, openpty},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::svctl::{Run, command, program};

pub const SLEEP: &str = "exec sleep 1000";

pub struct Scan {
    tree: TempDir,
    scanner: Option<Child>,
}

impl Scan {
    /// A directory that nobody supervises yet.
    pub fn prepare() -> Self {
        let tree = tempfile::Builder::new().prefix("svscan-").tempdir().unwrap();
        fs::create_dir(tree.path().join("service")).unwrap();
        Self { tree, scanner: None }
    }

    pub fn path(&self) -> PathBuf {
        self.tree.path().join("service")
    }

    /// What lies beside the scan directory.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    /// A service directory there.
    pub fn service(&self, name: impl AsRef<[u8]>, run: &str) -> PathBuf {
        let dir = self.path().join(OsStr::from_bytes(name.as_ref()));
        make(&dir, run);
        dir
    }

    /// Begins, and waits until every service is up.
    pub fn start(&mut self) {
        let mut scanner = Command::new(program());
        scanner.arg("scan").arg(self.path()).stdin(Stdio::null()).stdout(Stdio::null());
        self.scanner = Some(scanner.spawn().unwrap());
        let count = fs::read_dir(self.path()).unwrap().count();
        // Hundreds of them, on a machine that has much else to do.
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.svctl(["status", "--json"]).out.matches(r#""supervised":true"#).count() < count {
            assert!(Instant::now() < deadline, "not supervised in time");
            std::thread::sleep(Duration::from_millis(5));
        }
        let up = self.svctl(["wait", "--all", "--timeout", "60s"]);
        assert_eq!(up.code, 0, "{up:?}");
    }

    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = command(["--dir".as_ref(), self.path().as_os_str()]);
        command.args(args);
        command
    }

    pub fn svctl<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// The process that supervises.
    pub fn scanner_id(&self) -> u32 {
        self.scanner.as_ref().unwrap().id()
    }

    pub fn stop(&mut self) {
        if let Some(mut scanner) = self.scanner.take() {
            let _gone = kill(Pid::from_raw(scanner.id().try_into().unwrap()), Signal::SIGTERM);
            let _reaped = scanner.wait();
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A service directory.
pub fn make(dir: &Path, run: &str) {
    fs::create_dir_all(dir).unwrap();
    scripts::write(&dir.join("run"), &format!("#!/bin/sh\n{run}\n"));
}

/// What a command shows on a terminal of so many columns, both streams in their order.
pub fn on_terminal(mut command: Command, columns: u16) -> String {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
    let mut child = command.spawn().unwrap();
    // The command holds copies of the other end.
    drop(command);
    drop(pty.slave);
    let mut shown = Vec::new();
    // EIO is the end of a terminal.
    let _end = File::from(pty.master).read_to_end(&mut shown);
    child.wait().unwrap();
    String::from_utf8(shown).unwrap().replace("\r\n", "\n")
}
