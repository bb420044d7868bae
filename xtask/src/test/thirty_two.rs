//! What decodes and what reads files, on a processor of 32 bits: any of today's x86 is one as well.

use std::{
    env::consts::{ARCH, OS},
    process::Command,
    thread::{self, JoinHandle},
};

use crate::{
    command::{self, cargo, has_nextest},
    failure::Failure,
    session::{Failed, Session},
    toolchain,
};

const TARGET: &str = "i686-unknown-linux-musl";

/// The tests of svproto and svclient, being built.
pub(super) struct Building(JoinHandle<()>);

impl Building {
    /// Builds them beside what comes next, which waits more than it computes. Where they cannot be
    /// built, that is said.
    pub(super) fn start(session: &mut Session) -> Option<Self> {
        if (ARCH, OS) != ("x86_64", "linux") {
            return None;
        }
        if let Err(why) = toolchain::target(TARGET) {
            session.leave_out(format!("{TARGET}: {why}"));
            return None;
        }
        let mut build = tests(&["test", "--tests", "--no-run"]);
        // What fails here fails once more, and is shown, when they are run.
        Some(Self(thread::spawn(move || drop(command::capture(&mut build)))))
    }

    /// Runs them.
    pub(super) fn run(self, session: &mut Session) -> Result<(), Failure> {
        session.spend("rest of building for 32 bits", || drop(self.0.join()));
        session.run_again("32 bits", |failed: Option<&[Failed]>| Ok(these(failed)))
    }
}

/// All of them, or those that failed.
fn these(failed: Option<&[Failed]>) -> Command {
    let mut command = tests(if has_nextest() { &["nextest", "run"] } else { &["test", "--tests"] });
    command.arg("--no-fail-fast");
    match failed {
        None => &mut command,
        Some(failed) if has_nextest() => command.args(["-E", &Failed::filter(failed)]),
        Some(failed) => command.arg("--").args(Failed::exact(failed)),
    };
    command
}

fn tests(words: &[&str]) -> Command {
    let mut command = cargo(words);
    command.args(["--target", TARGET, "-p", "svproto", "-p", "svclient", "--all-features"]);
    command
}
