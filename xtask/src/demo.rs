//! `cargo xtask demo`: the main job of `svctl`, shown on one service under each installed suite.

mod picture;
mod supervised;
mod watching;

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    command::{self, Done, cargo},
    failure::Failure,
    setup,
    suite::{self, Suite},
    workspace::Workspace,
};

use supervised::Supervised;
use watching::Watching;

/// How long a supervisor may take until it answers, and a watch until it has told everything.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at something that cannot be waited for.
const PAUSE: Duration = Duration::from_millis(50);

/// The task.
pub(crate) fn run(is_picture: bool) -> Result<(), Failure> {
    if is_picture {
        return picture::run();
    }
    let suites = installed()?;
    let svctl = Svctl::build()?;
    let tree = tempfile::Builder::new().prefix("svctl-demo-").tempdir();
    let tree = tree.map_err(|why| Failure::cannot("create a temporary directory", why))?;
    // Dropped before `tree`, in reverse order: the supervisors end first, then their directories
    // go.
    let mut services = Vec::new();
    for suite in suites {
        let dir = tree.path().join(suite.name()).join("web");
        services.push(Supervised::start(suite, &dir, supervised::RUN)?);
    }
    let dirs: Vec<&Path> = services.iter().map(|it| it.dir.as_path()).collect();
    for dir in &dirs {
        svctl.wait_until_up(dir)?;
    }
    show(&svctl, &dirs)
}

/// The suites to show: all, or those that are there when the others cannot be installed.
fn installed() -> Result<Vec<Suite>, Failure> {
    let Err(failure) = setup::ensure(&Suite::PACKAGED) else { return Ok(Suite::PACKAGED.to_vec()) };
    let there = |it: &Suite| suite::missing(&[*it]).is_empty();
    let suites: Vec<_> = Suite::PACKAGED.into_iter().filter(there).collect();
    if suites.is_empty() {
        return Err(failure);
    }
    if let Failure::Because(text) = failure {
        eprintln!("xtask: {text}\nxtask: going on with the suites that are here");
    }
    Ok(suites)
}

fn show(svctl: &Svctl, dirs: &[&Path]) -> Result<(), Failure> {
    let Some(first) = dirs.first() else { return Ok(()) };
    svctl.show(&["status"], dirs)?;
    svctl.show(&["status", "--json"], &[first])?;
    svctl.show(&["down"], &[first])?;
    svctl.show(&["status"], &[first])?;
    svctl.show(&["up"], &[first])?;

    let watching = Watching::start(svctl.command(&["watch"], dirs))?;
    // The first line for each service says how it is now, so from then on nothing is missed.
    watching.until(|lines| lines >= dirs.len());
    svctl.show(&["down"], &[first])?;
    svctl.show(&["up"], &[first])?;
    watching.until_quiet();
    println!("$ {}", command::shown(&svctl.command(&["watch"], dirs)));
    let lines = watching.stop();
    for line in &lines {
        println!("{line}");
    }
    println!();
    // Down and up again, at the least.
    if lines.len() >= dirs.len() + 2 {
        return Ok(());
    }
    let told =
        format!("it printed {} lines while {} went down and up", lines.len(), first.display());
    Err(Failure::cannot("show `svctl watch`", told))
}

/// The program, built from this checkout.
struct Svctl(PathBuf);

impl Svctl {
    fn build() -> Result<Self, Failure> {
        let mut build = cargo(["build", "--quiet", "-p", "svctl"]);
        if !command::stream(&mut build, |_| ())?.success() {
            return Err(Failure::cannot("build svctl", "the compiler says why above"));
        }
        Ok(Self(Workspace::load()?.target.join("debug/svctl")))
    }

    fn command(&self, words: &[&str], dirs: &[&Path]) -> Command {
        let mut svctl = Command::new(&self.0);
        svctl.args(words).args(dirs);
        svctl
    }

    /// Runs it and shows what one would have typed and seen.
    fn show(&self, words: &[&str], dirs: &[&Path]) -> Result<(), Failure> {
        let mut svctl = self.command(words, dirs);
        let Done { ok, status, text } = command::capture(&mut svctl)?;
        println!("$ {}\n{text}", command::shown(&svctl));
        // The status of a service that is down may be a negative answer.
        if ok || status.code() == Some(1) && words == ["status"] {
            return Ok(());
        }
        Err(Failure::cannot(format!("show `{}`", command::shown(&svctl)), status))
    }

    /// A supervisor that has just started does not answer yet.
    fn wait_until_up(&self, dir: &Path) -> Result<(), Failure> {
        let mut status = self.command(&["status", "--json"], &[dir]);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let done = command::capture(&mut status)?;
            let text: String = done.text.split_whitespace().collect();
            if done.ok && text.contains(r#""state":"up""#) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let why = format!("not after {} s; last answer: {text}", PATIENCE.as_secs());
                return Err(Failure::cannot(format!("see {} up", dir.display()), why));
            }
            thread::sleep(PAUSE);
        }
    }
}
