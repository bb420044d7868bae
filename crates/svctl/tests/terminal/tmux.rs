//! A terminal of its own for each test: a tmux server behind a socket that nobody else knows, and
//! nothing of the environment but where programs are.

#[path = "../../../svclient/tests/live/skips.rs"]
mod skips;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub const SVCTL: &str = env!("CARGO_BIN_EXE_svctl");

/// No wait of a test is longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whether these programs are there. If not: says so to whoever counts, or fails.
pub fn are_installed(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let here =
        |program: &&&str| std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    let Some(missing) = programs.iter().find(|program| !here(program)) else { return true };
    let why = format!("no {missing} in PATH");
    skips::skip("terminal", &why, "`cargo xtask setup` installs it");
    false
}

/// A terminal, in which one program runs.
pub struct Terminal {
    home: TempDir,
}

impl Terminal {
    /// Starts a program in a terminal of so many columns and lines.
    pub fn start(columns: u32, lines: u32, env: &[(&str, &str)], argv: &[&str]) -> Self {
        let this = Self { home: tempfile::Builder::new().prefix("svtty-").tempdir().unwrap() };
        // What ended stays to be looked at; all lines are the program's.
        let settings = "set -g remain-on-exit on\nset -g remain-on-exit-format ''\n\
                        set -g status off\nset -s escape-time 0\nset -g default-terminal screen\n";
        fs::write(this.home.path().join("conf"), settings).unwrap();
        let size = [columns.to_string(), lines.to_string()];
        let mut words = vec!["new-session", "-d", "-x", &size[0], "-y", &size[1]];
        let variables: Vec<String> =
            env.iter().map(|(key, value)| format!("{key}={value}")).collect();
        // A shell around it notes how it ended. What a key interrupts is the program alone.
        let ended = this.ended_path().display().to_string();
        let note = "trap : INT; \"$@\"; echo $? >\"$0\"";
        words.extend(["--", "sh", "-c", note, &ended, "env"]);
        // tmux has ideas of its own of what PATH is.
        words.extend(variables.iter().map(|variable| &**variable));
        words.extend(argv);
        this.tmux(&words);
        this
    }

    fn try_tmux(&self, words: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-u", "-S"])
            .arg(self.home.path().join("socket"))
            .arg("-f")
            .arg(self.home.path().join("conf"))
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            // For names that are not ASCII; without it the terminal shows them as underscores.
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn tmux(&self, words: &[&str]) -> String {
        let output = self.try_tmux(words);
        assert!(output.status.success(), "tmux {words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Presses keys by their names: `Enter`, `C-c`, `Tab`.
    pub fn keys(&self, names: &[&str]) {
        self.tmux(&[&["send-keys"], names].concat());
    }

    /// Types this text.
    pub fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-l", "--", text]);
    }

    pub fn resize(&self, columns: u32, lines: u32) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]);
    }

    /// What is on the screen, without blanks at the ends.
    pub fn screen(&self) -> Vec<String> {
        lines(&self.tmux(&["capture-pane", "-p"]))
    }

    /// The same, where lines that the terminal has folded are one.
    pub fn unfolded(&self) -> Vec<String> {
        lines(&self.tmux(&["capture-pane", "-p", "-J"]))
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub fn until(&self, what: &str, wanted: impl Fn(&[String]) -> bool) {
        self.until_seen(what, || self.screen(), wanted);
    }

    /// Waits until the lines on the screen, unfolded, are as wanted.
    #[track_caller]
    pub fn until_unfolded(&self, what: &str, wanted: impl Fn(&[String]) -> bool) {
        self.until_seen(what, || self.unfolded(), wanted);
    }

    /// A hundredth of a second between two looks.
    #[track_caller]
    fn until_seen(
        &self,
        what: &str,
        see: impl Fn() -> Vec<String>,
        wanted: impl Fn(&[String]) -> bool,
    ) {
        let limit = Instant::now() + PATIENCE;
        loop {
            let seen = see();
            if wanted(&seen) {
                return;
            }
            assert!(Instant::now() < limit, "not {what}:\n{}", self.screen().join("\n"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a line with this is on the screen.
    #[track_caller]
    pub fn until_line(&self, text: &str) {
        self.until(text, |screen| screen.iter().any(|line| line.contains(text)));
    }

    /// Whether no line is longer than the terminal is wide, of those that `which` says.
    #[track_caller]
    pub fn is_not_folded(&self, which: impl Fn(&str) -> bool) {
        let (screen, unfolded) = (self.screen(), self.unfolded());
        let part = |line: &&String| which(line);
        let whole: Vec<_> = unfolded.iter().filter(part).collect();
        for line in whole {
            assert!(screen.contains(line), "{line:?} is folded:\n{}", screen.join("\n"));
        }
    }

    fn ended_path(&self) -> PathBuf {
        self.home.path().join("ended")
    }

    /// Waits until the program has ended; its exit code, or 128 and the signal.
    #[track_caller]
    pub fn ended(&self) -> i32 {
        let limit = Instant::now() + PATIENCE;
        loop {
            let noted = fs::read_to_string(self.ended_path()).unwrap_or_default();
            if let Some(code) = noted.strip_suffix('\n') {
                return code.parse().unwrap();
            }
            assert!(Instant::now() < limit, "still runs:\n{}", self.screen().join("\n"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // What runs in it gets SIGHUP, as from a terminal that is closed.
        let _gone = self.try_tmux(&["kill-server"]);
    }
}
