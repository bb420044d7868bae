//! What is given out is what is tested: limits, many services, floods and pid 1 once more, said to
//! the static program that `cargo xtask dist` builds.

use std::{path::Path, process::Command};

use crate::{
    command::{cargo, has_nextest},
    dist,
    failure::Failure,
    session::{Failed, Session},
};

/// Of which package, which binary of tests, and which modules; all, where none is named.
const TESTS: [(&str, &str, &[&str]); 4] = [
    ("svdevtree", "live", &["many::", "first::"]),
    ("svctl", "limits", &[]),
    ("svctl", "dev", &[]),
    ("svctl", "edges", &["floods::"]),
];

/// Builds it, unless `check` has, and runs them. What cannot be built here is said.
pub(super) fn run(session: &mut Session) -> Result<(), Failure> {
    let program = match session.spend("dist", dist::build) {
        Ok(program) => program,
        Err(Failure::Because(why)) => {
            session.leave_out(format!("svctl as it is given out: {why}"));
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    println!("xtask: said to {}", program.display());
    let part = "what is given out";
    if has_nextest() {
        return session
            .run_some(part, |failed: Option<&[Failed]>| Ok(said(nextest(failed), &program)));
    }
    for tests in TESTS {
        let one = |failed: Option<&[Failed]>| Ok(said(one(tests, failed), &program));
        session.run_some(part, one)?;
    }
    Ok(())
}

/// To this program.
fn said(mut command: Command, program: &Path) -> Command {
    command.env("SV_PROGRAM", program);
    command
}

/// All at once. The whole workspace is named, as for the other tests: for a package by itself cargo
/// would choose other features, and build everything anew.
fn nextest(failed: Option<&[Failed]>) -> Command {
    let mut command = cargo(["nextest", "run", "--workspace", "--all-features", "--no-fail-fast"]);
    let of = |(package, binary, modules): (&str, &str, &[&str])| {
        let tests: Vec<_> = modules.iter().map(|it| format!("test(/^{it}/)")).collect();
        let tests = if tests.is_empty() { "all()".to_owned() } else { tests.join(" | ") };
        format!("(package({package}) & binary({binary}) & ({tests}))")
    };
    let filter = failed.map_or_else(|| TESTS.map(of).join(" | "), Failed::filter);
    command.args(["-E", &filter]);
    command
}

fn one((package, binary, modules): (&str, &str, &[&str]), failed: Option<&[Failed]>) -> Command {
    let mut command = cargo(["test", "-p", package, "--all-features", "--no-fail-fast"]);
    command.args(["--test", binary, "--"]);
    match failed {
        None => command.args(modules),
        Some(failed) => command.args(Failed::exact(failed)),
    };
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_of_a_binary_are_chosen_and_all_tests_of_another() {
        let command = nextest(None);
        let filter = command.get_args().last().and_then(|it| it.to_str()).unwrap_or_default();
        let first = "(package(svdevtree) & binary(live) & (test(/^many::/) | test(/^first::/))) | ";
        assert!(filter.starts_with(first), "{filter}");
        assert!(filter.contains("(package(svctl) & binary(limits) & (all()))"), "{filter}");
    }
}
