//! What decodes and what reads files, on a processor of 32 bits: any of today's x86 is one as well.

use std::{
    env::consts::{ARCH, OS},
    process::Command,
    thread::{self, JoinHandle},
};

use crate::{
    command::{self, cargo, has_nextest},
    failure::Failure,
    session::Session,
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
        let run: &[&str] = if has_nextest() { &["nextest", "run"] } else { &["test", "--tests"] };
        session.run_again("32 bits", tests(run).arg("--no-fail-fast"))
    }
}

fn tests(words: &[&str]) -> Command {
    let mut command = cargo(words);
    command.args(["--target", TARGET, "-p", "svproto", "-p", "svclient", "--all-features"]);
    command
}
