//! The live tests that need a systemd: built here, run in the machine.
//!
//! They are in the binaries named `live`, in modules named `systemd`. Those in `user::systemd` are
//! run as an ordinary user with a user manager, the others as root. Elsewhere each of these tests
//! notes that it was put off (see `test::session`) and returns.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cargo_metadata::Message;

use crate::{
    command::{self, cargo},
    failure::Failure,
    roots::Root,
    test::session::Session,
};

/// Runs them all, under the systemd of this root or of that one; what they print is counted.
pub(crate) fn run(session: &mut Session, root: Option<Root>) -> Result<(), Failure> {
    let this = command::this()?;
    for binary in binaries()? {
        for (user, filter) in [(None, AS_ROOT), (Some("--as-user"), AS_USER)] {
            if !has_tests(&binary, filter)? {
                continue;
            }
            let mut run = Command::new(&this);
            run.current_dir(command::root()).arg("systemd").args(user);
            // They share one manager, and most make it read its files again, by which it forgets what others ask for.
            run.env("RUST_TEST_THREADS", AT_ONCE);
            match root {
                None => {
                    session.run_put_off("systemd", run.arg("--").arg(&binary).args(filter))?;
                }
                Some(root) => {
                    run.args(["--root", root.name(), "--"]).arg(&binary).args(filter);
                    session.run_again(root.name(), &mut run)?;
                }
            }
        }
    }
    Ok(())
}

/// Tests at a time.
const AT_ONCE: &str = "2";

const AS_ROOT: &[&str] = &["systemd::", "--skip", "user::systemd::"];
const AS_USER: &[&str] = &["user::systemd::"];

/// Whether a test of this name is run in the machine, and with which words for the user.
pub(crate) fn user_of(test: &str) -> Option<&'static [&'static str]> {
    let user: &[&str] = if test.contains("user::systemd::") { &["--as-user"] } else { &[] };
    test.split("::").any(|module| module == "systemd").then_some(user)
}

/// Whether the filter lets any test of this binary through.
pub(crate) fn has_tests(binary: &Path, filter: &[&str]) -> Result<bool, Failure> {
    let mut list = Command::new(binary);
    let done = command::capture(list.args(filter).args(["--list", "--format", "terse"]))?;
    Ok(done.text.lines().any(|line| line.ends_with(": test")))
}

/// Builds the binaries named `live` as the other tests do, so that nothing is built twice.
pub(crate) fn binaries() -> Result<Vec<PathBuf>, Failure> {
    let mut build = cargo(["test", "--no-run", "--workspace", "--all-features", "--test", "live"]);
    build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = build.output().map_err(|why| command::not_run(&build, &why))?;
    if !output.status.success() {
        return Err(Failure::Told);
    }
    let messages = Message::parse_stream(output.stdout.as_slice()).filter_map(Result::ok);
    let built = messages.filter_map(|message| match message {
        Message::CompilerArtifact(artifact) if artifact.target.name == "live" => {
            artifact.executable.map(PathBuf::from)
        }
        _ => None,
    });
    Ok(built.collect())
}
