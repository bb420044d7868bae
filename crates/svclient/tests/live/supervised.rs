//! One real supervisor on a temporary service directory of its own; nothing outlives the value.

#[path = "scripts.rs"]
pub mod scripts;
#[path = "skips.rs"]
pub mod skips;
#[path = "strays.rs"]
pub mod strays;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

/// A suite whose supervisor is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    Runit,
    Daemontools,
    /// daemontools-encore, which no distribution packages: in `SV_ENCORE_BIN`, else on `PATH`.
    /// Where it is not there, its tests count as skipped.
    Encore,
    S6,
    /// The embedded supervisor, which is one of runit to its clients: `svctl supervise` for tests
    /// of svctl, the example `supervise` for those of svcmgr.
    Embedded,
}

impl Suite {
    pub fn name(self) -> &'static str {
        match self {
            Self::Runit | Self::Embedded => "runit",
            Self::Daemontools => "daemontools",
            Self::Encore => "encore",
            Self::S6 => "s6",
        }
    }

    pub fn supervisor(self) -> &'static str {
        match self {
            Self::Runit => "runsv",
            Self::Daemontools => "supervise",
            Self::Encore => encore("supervise"),
            Self::S6 => "s6-supervise",
            Self::Embedded => option_env!("CARGO_BIN_EXE_svctl").unwrap_or_else(embedded_example),
        }
    }

    /// What stands between the supervisor and the directory.
    fn words(self) -> &'static [&'static str] {
        let is_svctl = self == Self::Embedded && option_env!("CARGO_BIN_EXE_svctl").is_some();
        if is_svctl { &["supervise"] } else { &[] }
    }

    /// The suite's own tool that tells the status of one directory.
    pub fn tool(self) -> Vec<&'static str> {
        match self {
            Self::Runit | Self::Embedded => vec!["sv", "status"],
            Self::Daemontools => vec!["svstat"],
            Self::Encore => vec![encore("svstat")],
            Self::S6 => vec!["s6-svstat"],
        }
    }

    /// Whether it is daemontools, or grew out of it.
    pub fn is_daemontools(self) -> bool {
        matches!(self, Self::Daemontools | Self::Encore)
    }

    /// Whether its programs are there. If not: says so to whoever counts, or fails.
    pub fn is_installed(self) -> bool {
        let here = |program: &&str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
        };
        let missing = [self.supervisor(), self.tool()[0]].into_iter().find(|name| !here(name));
        let Some(missing) = missing else { return true };
        let why = format!("no {missing} in PATH");
        let hint = "`cargo xtask setup` installs it";
        if self == Self::Encore {
            skips::leave_out(self.name(), &why);
        } else {
            skips::skip(self.name(), &why, hint);
        }
        false
    }
}

/// Cargo builds the examples of a package beside its tests.
fn embedded_example() -> &'static str {
    static PATH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PATH.get_or_init(|| {
        let here = std::env::current_exe().unwrap();
        let built = here.ancestors().nth(2).unwrap().join("examples/supervise");
        assert!(built.exists(), "{} is not built: test the whole package", built.display());
        built.to_str().unwrap().to_owned()
    })
}

/// A program of daemontools-encore. daemontools has some of the same names; `svup` is encore's
/// alone.
pub fn encore(program: &'static str) -> &'static str {
    static PROGRAMS: std::sync::Mutex<std::collections::BTreeMap<&str, &str>> =
        std::sync::Mutex::new(std::collections::BTreeMap::new());
    let mut programs = PROGRAMS.lock().unwrap();
    programs.entry(program).or_insert_with(|| {
        let path = std::env::var_os("SV_ENCORE_BIN")
            .or_else(|| std::env::var_os("PATH"))
            .unwrap_or_default();
        let mut dirs = std::env::split_paths(&path);
        let dir = dirs.find(|dir| dir.join("svup").is_file()).unwrap_or_else(|| "encore".into());
        dir.join(program).into_os_string().into_string().unwrap().leak()
    })
}

/// A module of tests named like the suite, each a function of `$said` that is told the suite.
macro_rules! of_suite {
    ($said:path, $module:ident $suite:ident $($sentence:ident)*) => {
        mod $module {
            use crate::supervised::Suite;
            use $said as said;
            $(
                #[test]
                fn $sentence() {
                    if Suite::$suite.is_installed() {
                        said::$sentence(Suite::$suite);
                    }
                }
            )*
        }
    };
}

/// Says each sentence to each suite: a module `runit`, `daemontools`, `encore` and `s6` of tests.
macro_rules! say {
    ($($sentence:ident)*) => {
        of_suite!(crate::sentences, runit Runit $($sentence)*);
        of_suite!(crate::sentences, daemontools Daemontools $($sentence)*);
        of_suite!(crate::sentences, encore Encore $($sentence)*);
        of_suite!(crate::sentences, s6 S6 $($sentence)*);
    };
}

/// No wait of a test is longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A service directory, and the supervisor on it once started.
pub struct Supervised {
    pub suite: Suite,
    tree: TempDir,
    child: Option<Child>,
}

impl Supervised {
    /// A service directory named `web` with this `run` script, and no supervisor yet.
    pub fn prepare(suite: Suite, run: &str) -> Self {
        let tree = tempfile::Builder::new().prefix("svlive-").tempdir().unwrap();
        // Others may pass, for tests as another user.
        fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let this = Self { suite, tree, child: None };
        fs::create_dir(this.dir()).unwrap();
        this.script("run", run);
        this
    }

    /// As [`Supervised::prepare`], with the supervisor started.
    pub fn start(suite: Suite, run: &str) -> Self {
        let mut this = Self::prepare(suite, run);
        this.supervise();
        this
    }

    /// The scan directory that holds the service directory.
    pub fn scan_dir(&self) -> &Path {
        self.tree.path()
    }

    pub fn dir(&self) -> PathBuf {
        self.tree.path().join("web")
    }

    pub fn script(&self, name: &str, body: &str) {
        scripts::write(&self.dir().join(name), &format!("#!/bin/sh\n{body}\n"));
    }

    pub fn file(&self, name: &str, content: &str) {
        fs::write(self.dir().join(name), content).unwrap();
    }

    pub fn supervise(&mut self) {
        self.supervise_under(&[]);
    }

    /// As [`Supervised::supervise`], by way of a command that ends in running its arguments.
    pub fn supervise_under(&mut self, wrapper: &[&str]) {
        let words = [wrapper, &[self.suite.supervisor()], self.suite.words()].concat();
        let child = Command::new(words[0])
            .args(&words[1..])
            .arg(self.dir())
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// The supervisor's process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.as_ref().unwrap().id().try_into().unwrap())
    }

    /// Sends a signal to the supervisor. One that ends it waits until its children are programs of
    /// their own: until then they hold open what it has open, and it does not seem to be gone.
    pub fn signal(&self, signal: Signal) {
        let pid = self.pid();
        let exe = |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).ok();
        let is_copy = || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let own = exe(&pid.to_string());
            children
                .unwrap_or_default()
                .split_whitespace()
                .any(|child| own.is_some() && exe(child) == own)
        };
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while signal == Signal::SIGKILL && is_copy() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        kill(pid, signal).unwrap();
    }

    /// What the suite's own tool says, without the directory's name.
    pub fn native(&self) -> String {
        let tool = self.suite.tool();
        let output = Command::new(tool[0]).args(&tool[1..]).arg(self.dir()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        said.replace(&format!("{}: ", self.dir().display()), "").trim_end().to_owned()
    }

    /// Whether the suite's own tool names this process; s6 2.13 has its group beside it.
    pub fn native_names(&self, pid: impl std::fmt::Display) -> bool {
        let said = self.native();
        [format!("(pid {pid})"), format!("(pid {pid} pgid ")].iter().any(|it| said.contains(it))
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // The supervisor first, so that it starts nothing more.
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        strays::end(self.tree.path(), || ());
    }
}
