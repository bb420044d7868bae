//! `cargo xtask test --repeat N NAME...`: some tests again and again, each time as a process of its
//! own, and in how many of its runs each failed.

use std::{
    fmt, panic,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use cargo_metadata::Message;

use crate::{
    command::{self, cargo},
    failure::Failure,
    session::THOROUGH,
    systemd,
};

/// How often, and how many of these runs at a time.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) runs: usize,
    pub(crate) at_a_time: usize,
}

/// Tests that are built, and their names.
pub(super) struct Tests(Vec<(Binary, Vec<String>)>);

/// A test binary, and where cargo runs it.
struct Binary {
    path: PathBuf,
    package: PathBuf,
}

/// What became of the runs of a test.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    runs: usize,
    failed: usize,
    total: Duration,
    slowest: Duration,
}

impl Tests {
    /// Those with one of these words in their names.
    pub(super) fn build(names: &[String], packages: &[String]) -> Result<Self, Failure> {
        let mut tests = Vec::new();
        for binary in binaries(packages)? {
            let found = binary.tests(names)?;
            tests.push((binary, found));
        }
        if tests.iter().all(|(_, found)| found.is_empty()) {
            let names = names.join("`, `");
            return Err(Failure::Because(format!("no test has `{names}` in its name")));
        }
        Ok(Self(tests))
    }

    /// Runs each so many times, and says what became of it.
    pub(super) fn run(&self, times: Times, thorough: bool) -> Result<(), Failure> {
        let (mut passed, mut failed) = (0, 0);
        for (binary, names) in &self.0 {
            for name in names {
                let figures = binary.repeat(name, times, thorough)?;
                println!("{name}: {figures}");
                passed += figures.runs - figures.failed;
                failed += figures.failed;
            }
        }
        println!("{passed} passed, {failed} failed, 0 skipped");
        if failed == 0 { Ok(()) } else { Err(Failure::Told) }
    }
}

impl Binary {
    fn tests(&self, names: &[String]) -> Result<Vec<String>, Failure> {
        let mut list = Command::new(&self.path);
        let done = command::capture(list.args(names).args(["--list", "--format", "terse"]))?;
        let names = done.text.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(names.map(str::to_owned).collect())
    }

    fn repeat(&self, name: &str, times: Times, thorough: bool) -> Result<Figures, Failure> {
        let begun = AtomicUsize::new(0);
        let some = || {
            let mut figures = Figures::default();
            while begun.fetch_add(1, Ordering::Relaxed) < times.runs {
                let started = Instant::now();
                let passed = self.once(name, thorough)?;
                figures.add(passed, started.elapsed());
            }
            Ok(figures)
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..times.at_a_time.max(1)).map(|_| scope.spawn(some)).collect();
            let mut all = Figures::default();
            for thread in threads {
                let done = thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
                all.merge(&done?);
            }
            Ok(all)
        })
    }

    /// Whether it passed; if not, what it printed is shown.
    fn once(&self, name: &str, thorough: bool) -> Result<bool, Failure> {
        let mut command = self.command(name)?;
        if thorough {
            command.env(THOROUGH, "1");
        }
        let done = command::capture(&mut command)?;
        // A name that is no test any more would pass as well.
        let passed = done.ok && done.text.contains(" 1 passed");
        if !passed {
            println!("{}", done.text.trim_end());
        }
        Ok(passed)
    }

    /// A live test that needs a systemd is run in its machine. What is missing fails.
    fn command(&self, name: &str) -> Result<Command, Failure> {
        let mut command;
        if let Some(user) = systemd::live::user_of(name) {
            command = Command::new(command::this()?);
            command.arg("systemd").args(user).arg("--").arg(&self.path);
        } else {
            command = Command::new(&self.path);
            command.current_dir(&self.package).env("CARGO_MANIFEST_DIR", &self.package);
        }
        command.args(["--exact", name, "--nocapture"]).env_remove("SV_ALLOW_SKIPS");
        Ok(command)
    }
}

impl Figures {
    fn add(&mut self, passed: bool, took: Duration) {
        self.runs += 1;
        self.failed += usize::from(!passed);
        self.total += took;
        self.slowest = self.slowest.max(took);
    }

    fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.failed += other.failed;
        self.total += other.total;
        self.slowest = self.slowest.max(other.slowest);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, failed, total, slowest } = self;
        let (total, slowest) = (total.as_secs_f64(), slowest.as_secs_f64());
        write!(f, "{runs} runs, {failed} failed, {total:.1} s, the slowest {slowest:.1} s")
    }
}

/// Builds what the tests need, and says where they are.
fn binaries(packages: &[String]) -> Result<Vec<Binary>, Failure> {
    let mut build = cargo(["test", "--no-run", "--all-features"]);
    if packages.is_empty() {
        build.arg("--workspace");
    }
    for package in packages {
        build.args(["-p", package]);
    }
    build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = build.output().map_err(|why| command::not_run(&build, &why))?;
    if !output.status.success() {
        return Err(Failure::Told);
    }
    let messages = Message::parse_stream(output.stdout.as_slice()).filter_map(Result::ok);
    let built = messages.filter_map(|message| {
        let Message::CompilerArtifact(artifact) = message else { return None };
        let path = artifact.executable.filter(|_| artifact.profile.test)?;
        let package = artifact.manifest_path.parent().map(|it| Path::new(it).to_owned())?;
        Some(Binary { path: path.into(), package })
    });
    Ok(built.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_test_are_runs_failures_and_seconds() {
        let mut figures = Figures::default();
        for (passed, millis) in [(true, 1000), (false, 2500)] {
            figures.add(passed, Duration::from_millis(millis));
        }
        let mut others = Figures::default();
        others.add(true, Duration::from_millis(500));
        figures.merge(&others);
        assert_eq!(figures.to_string(), "3 runs, 1 failed, 4.0 s, the slowest 2.5 s");
    }
}
