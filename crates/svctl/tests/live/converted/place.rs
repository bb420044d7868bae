//! A directory of a test's own, and what runs in it: nothing outlives the value.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::supervised::{PATIENCE, scripts, strays};

/// A temporary directory. Texts say `TREE` for it, and `PROBE` for the program that writes down what it sees.
pub struct Place {
    tree: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let tree = tempfile::Builder::new().prefix("svlive-").tempdir().unwrap();
        let this = Self { tree };
        for (name, mode) in [("", 0o755), ("open", 0o1777), ("a dir", 0o755), ("app", 0o755)] {
            let path = this.path(name);
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    pub fn text(&self, text: &str) -> String {
        let probe = crate::converted::seen::probe();
        let tree = self.tree.path().to_str().unwrap();
        text.replace("PROBE", probe.to_str().unwrap()).replace("TREE", tree)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.text(text)).unwrap();
    }

    pub fn script(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        scripts::write(&path, &self.text(text));
    }

    /// Starts a program in one of its directories, with an environment that is the same for all.
    pub fn start(&self, dir: &str, words: &[&str]) -> Running<'_> {
        let dir = self.path(dir);
        let child = environment(&mut Command::new(words[0]))
            .args(&words[1..])
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(fs::File::create(self.path("said")).unwrap())
            .stderr(fs::File::options().append(true).create(true).open(self.path("wrong")).unwrap())
            .spawn()
            .unwrap_or_else(|why| panic!("{}: {why}", words[0]));
        Running { place: self, child }
    }

    #[track_caller]
    pub fn until<T>(&self, what: &str, mut test: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = test() {
                return found;
            }
            if Instant::now() > deadline {
                let said = |name| fs::read_to_string(self.path(name)).unwrap_or_default();
                panic!("no {what}\n{}\n{}", said("said"), said("wrong"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lines of a file in `open`, if it is there.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path("open").join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Takes away what was written down.
    pub fn clear(&self) {
        for entry in fs::read_dir(self.path("open")).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}

/// No variable of whoever tests but `PATH`.
pub fn environment(command: &mut Command) -> &mut Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", "/root").env("LANG", "C.UTF-8")
}

/// A supervisor, and everything below it.
pub struct Running<'a> {
    place: &'a Place,
    child: Child,
}

impl Running<'_> {
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    pub fn wait(&mut self) -> Option<i32> {
        self.place.until("end", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // The supervisor first, so that it starts nothing more.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        strays::end(self.place.tree.path(), || ());
    }
}

/// The directory that a program is in, by `PATH` or by the variable that names it.
pub fn dir_of(program: &str, variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).into_iter().chain(std::env::var_os("PATH"));
    let mut dirs = path.flat_map(|it| std::env::split_paths(&it).collect::<Vec<_>>());
    dirs.find(|dir| Path::new(dir).join(program).is_file())
}
