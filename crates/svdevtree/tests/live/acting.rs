//! The supervisor as a process: this test binary again, told by its environment what to be.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use svdevtree::{Options, ServiceOptions};

use crate::supervised::{PATIENCE, skips};

const ROLE: &str = "SVDEVTREE_TEST_ROLE";
const DIR: &str = "SVDEVTREE_TEST_DIR";

/// Not a test of its own: what the others start. Without a role it does nothing.
#[test]
fn act() {
    let (Some(role), Some(dir)) = (std::env::var_os(ROLE), std::env::var_os(DIR)) else {
        return skips::no_test("svdevtree: acting::act");
    };
    let dir = PathBuf::from(dir);
    let ended = match role.to_str() {
        Some("supervise") => svdevtree::supervise(&dir, Options::new(), ServiceOptions::new()),
        Some("scan") => svdevtree::scan(&dir, Options::new()),
        other => panic!("{other:?}"),
    };
    std::process::exit(ended.map_or(111, |ended| i32::from(ended.code())));
}

/// This test binary, or another build of it, which is to be attacked for comparison.
pub fn exe() -> PathBuf {
    let named = std::env::var_os("SVDEVTREE_TEST_EXE").map(PathBuf::from);
    named.unwrap_or_else(|| std::env::current_exe().unwrap())
}

/// `svctl` as it is given out, where the embedded supervisor is to be that: `cargo xtask test` says
/// some of these tests to it as well.
pub fn given_out() -> Option<PathBuf> {
    std::env::var_os("SV_PROGRAM").map(PathBuf::from)
}

/// Who supervises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Runsv,
    Embedded,
    EmbeddedScanner,
}

impl Who {
    /// Its words, to be put behind others.
    pub fn words(self, dir: &Path) -> Vec<std::ffi::OsString> {
        match self {
            Self::Runsv => vec!["runsv".into(), dir.into()],
            Self::Embedded | Self::EmbeddedScanner => {
                let role = if self == Self::Embedded { "supervise" } else { "scan" };
                if let Some(svctl) = given_out() {
                    return vec![svctl.into(), role.into(), dir.into()];
                }
                let mut at = std::ffi::OsString::from(format!("{DIR}="));
                at.push(dir);
                let exe = exe();
                let test = ["--exact", "acting::act", "--nocapture", "--test-threads=1"];
                let mut words: Vec<_> =
                    vec!["env".into(), format!("{ROLE}={role}").into(), at, exe.into()];
                words.extend(test.map(Into::into));
                words
            }
        }
    }

    /// Starts it by way of other words, such as those of `setpriv`.
    pub fn start_under(self, wrapper: &[&str], dir: &Path) -> Acting {
        let wrapper = wrapper.iter().map(|&word| OsStr::new(word).to_owned());
        let words: Vec<_> = wrapper.chain(self.words(dir)).collect();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Acting { child }
    }

    pub fn start(self, dir: &Path) -> Acting {
        self.start_under(&[], dir)
    }
}

/// A supervisor's process, killed when dropped; what it supervised is for the tree to end.
#[derive(Debug)]
pub struct Acting {
    child: Child,
}

impl Acting {
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// How it ended, which it must.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        // A thousand services take their time on a busy machine.
        let deadline = Instant::now() + 20 * PATIENCE;
        loop {
            if let Some(status) = self.try_wait() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Runs a test in a process of its own: it counts what is the whole process's, which `cargo test`
/// shares among tests.
#[track_caller]
pub fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "SVDEVTREE_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let output = again.args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(" 1 passed"), "{output:#?}");
}

/// Looks until it is so.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}
