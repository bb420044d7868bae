//! The live tests that need a systemd: built here, run in the machine.
//!
//! They are in the binaries named `live`, in modules named `systemd`. Those in `user::systemd` are
//! run as an ordinary user with a user manager, the others as root. Elsewhere each of these tests
//! notes that it was put off (see `session`) and returns.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cargo_metadata::Message;

use crate::{
    command::{self, cargo},
    failure::Failure,
    roots::Root,
    session::{Failed, Session},
};

/// Which of the tests that a filter lets through are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    All,
    /// Every third, counted from here; and those that compare with a suite's own tool.
    Third(usize),
}

/// Tests whose whole sense is another version: they are in every share.
const COMPARE: [&str; 3] = ["agrees_with", "ctl_says", "::version"];

impl Share {
    /// The words for the binary that choose them; `None` where there are none.
    pub(crate) fn words(
        self,
        binary: &Path,
        filter: &[&str],
    ) -> Result<Option<Vec<String>>, Failure> {
        let chosen = self.of(tests(binary, filter)?);
        Ok(match self {
            _ if chosen.is_empty() => None,
            Self::All => Some(filter.iter().map(ToString::to_string).collect()),
            Self::Third(_) => Some([vec!["--exact".to_owned()], chosen].concat()),
        })
    }

    fn of(self, tests: Vec<String>) -> Vec<String> {
        let Self::Third(first) = self else { return tests };
        let compares = |name: &str| COMPARE.iter().any(|word| name.contains(word));
        let chosen = tests.into_iter().enumerate();
        chosen
            .filter(|(at, name)| at % 3 == first % 3 || compares(name))
            .map(|(_, name)| name)
            .collect()
    }
}

/// Runs them, under the systemd of this machine or of a root; what they print is counted.
pub(crate) fn run(
    session: &mut Session,
    binaries: &[PathBuf],
    root: Option<Root>,
    share: Share,
) -> Result<(), Failure> {
    let this = command::this()?;
    for binary in binaries {
        for (user, filter) in [(None, AS_ROOT), (Some("--as-user"), AS_USER)] {
            let Some(words) = share.words(binary, filter)? else { continue };
            let tests = |failed: Option<&[Failed]>| {
                let mut run = Command::new(&this);
                run.current_dir(command::root()).arg("systemd").args(user);
                if let Some(root) = root {
                    run.args(["--root", root.name()]);
                }
                // They share one manager, and most make it read its files again, by which it
                // forgets what others ask for.
                run.env("RUST_TEST_THREADS", AT_ONCE);
                run.arg("--").arg(binary);
                run.args(failed.map_or_else(|| words.clone(), Failed::exact));
                Ok(run)
            };
            match root {
                None => session.run_put_off("systemd", tests)?,
                Some(root) => session.run_again(root.name(), tests)?,
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

/// The tests of this binary that the filter lets through, in the order of the binary.
fn tests(binary: &Path, filter: &[&str]) -> Result<Vec<String>, Failure> {
    let mut list = Command::new(binary);
    let done = command::capture(list.args(filter).args(["--list", "--format", "terse"]))?;
    let names = done.text.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(str::to_owned).collect())
}

/// Builds the binaries named `live` as the other tests do, so that nothing is built twice.
pub(crate) fn binaries() -> Result<Vec<PathBuf>, Failure> {
    built(&["--workspace"])
}

/// The one of a package.
pub(crate) fn binary(package: &str) -> Result<PathBuf, Failure> {
    let found = built(&["-p", package])?.pop();
    found.ok_or_else(|| {
        Failure::cannot(format!("find the live tests of {package}"), "cargo built none")
    })
}

fn built(packages: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    let words = [&["test", "--no-run"], packages, &["--all-features", "--test", "live"]].concat();
    let mut build = cargo(words);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_shares_are_all_tests_and_comparisons_are_in_each() {
        let all: Vec<String> = (0..30).map(|at| format!("runit::test_{at}")).collect();
        let compares = "s6::status_agrees_with_the_native_tool".to_owned();
        let all = [all, vec![compares.clone()]].concat();
        let mut seen = Vec::new();
        for first in 0..3 {
            let share = Share::Third(first).of(all.clone());
            assert!(share.len() < all.len() / 2 && share.contains(&compares), "{share:?}");
            seen.extend(share);
        }
        seen.sort();
        seen.dedup();
        let mut all = all;
        all.sort();
        assert_eq!(seen, all);
    }
}
