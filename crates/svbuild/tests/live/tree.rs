//! A scan directory with its real scanner; nothing outlives the value.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use svbuild::{Definitions, Language, Lossy, Options, Target};

use crate::{programs::installed, rc, strays};

/// No wait of a test is longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where the directories of `dirs` are, in the order of its keys.
pub const PLACES: [&str; 4] = ["/run", "/var/lib", "/var/cache", "/var/log"];

/// A suite whose scanner is run, and the language of its scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    pub target: Target,
    pub language: Language,
}

pub const RUNIT: Suite = Suite { target: Target::Runit, language: Language::Sh };
pub const DAEMONTOOLS: Suite = Suite { target: Target::Daemontools, language: Language::Sh };
pub const S6: Suite = Suite { target: Target::S6, language: Language::Execline };
pub const S6_SH: Suite = Suite { target: Target::S6, language: Language::Sh };
pub const S6_RC: Suite = Suite { target: Target::S6Rc, language: Language::Execline };
pub const S6_RC_SH: Suite = Suite { target: Target::S6Rc, language: Language::Sh };

impl Suite {
    fn scanner(self) -> &'static str {
        match self.target {
            Target::Runit => "runsvdir",
            Target::Daemontools => "svscan",
            _ => "s6-svscan",
        }
    }

    pub fn is_installed(self) -> bool {
        installed(self.scanner()) && (self.target != Target::S6Rc || rc::is_installed())
    }

    pub fn options(self) -> Options {
        Options::new().language(self.language).lossy(Lossy::Commented)
    }

    /// Asks for something in the suite's own words.
    pub fn ask(self, service: &Path, op: &str) {
        let program = if self.target == Target::Runit { "sv" } else { "s6-svc" };
        let words = match (self.target, op) {
            (Target::Runit, "down") => vec!["-w0", "d"],
            (Target::Runit, "restart") => vec!["-w0", "t"],
            (Target::Runit, "reload") => vec!["-w0", "h"],
            (Target::Runit, _) => vec!["-w0", "u"],
            (_, "down") => vec!["-d"],
            (_, "restart") => vec!["-r"],
            (_, _) => vec!["-u"],
        };
        // `sv` tells by its exit code that it did not wait.
        let _status =
            Command::new(program).args(words).arg(service).stdout(Stdio::null()).status().unwrap();
    }
}

/// A temporary directory, with `scan` that is scanned.
pub struct Tree {
    pub suite: Suite,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Tree {
    pub fn new(suite: Suite) -> Self {
        let dir = tempfile::Builder::new().prefix("svbuild-").tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (name, mode) in [("scan", 0o755), ("open", 0o1777), ("a dir", 0o755)] {
            fs::create_dir(dir.path().join(name)).unwrap();
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(dir.path().join(name), mode).unwrap();
        }
        Self { suite, dir, child: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A name of its own in [`PLACES`], where what has it is removed at the end.
    pub fn name(&self) -> String {
        self.dir.path().file_name().unwrap().to_str().unwrap().to_owned()
    }

    pub fn service(&self, name: &str) -> PathBuf {
        self.path("scan").join(name)
    }

    /// Builds into the scan directory, and starts the scanner.
    pub fn start(&mut self, definitions: &Definitions) {
        let plan = definitions.render(self.suite.target, self.suite.options()).unwrap();
        let place = if self.suite.target == Target::S6Rc { "source" } else { "scan" };
        plan.write(&self.path(place)).unwrap();
        let child = Command::new(self.suite.scanner())
            .arg(self.path("scan"))
            .current_dir(self.path("scan"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path("stderr")).unwrap())
            .spawn()
            .unwrap();
        self.child = Some(child);
        if self.suite.target == Target::S6Rc {
            rc::begin(self);
        }
    }

    /// What a file says, once it is there and has so many lines.
    pub fn lines(&self, name: &str, count: usize) -> Vec<String> {
        let path = self.path(name);
        self.until(&format!("{count} lines in {name}"), || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            (lines.len() >= count).then_some(lines)
        })
    }

    pub fn until<T>(&self, what: &str, mut test: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = test() {
                return found;
            }
            let said = fs::read_to_string(self.path("stderr")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{:?}: no {what}\n{said}", self.suite);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // The scanner first, so that it starts nothing more.
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        strays::end(self.dir.path(), || ());
        for place in PLACES {
            let _gone = fs::remove_dir_all(Path::new(place).join(self.name()));
        }
    }
}
