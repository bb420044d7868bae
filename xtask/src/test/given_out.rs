//! What is given out is what is tested: limits, many services, floods and pid 1 once more, said to the static
//! program that `cargo xtask dist` builds.

use std::path::PathBuf;

use super::{has_nextest, session::Session};
use crate::{command::cargo, dist, failure::Failure};

/// Of which binary of tests, and which modules; all, where none is named.
const TESTS: [(&str, &str, &[&str]); 4] = [
    ("svdevtree", "live", &["many::", "first::"]),
    ("svctl", "limits", &[]),
    ("svctl", "dev", &[]),
    ("svctl", "edges", &["floods::"]),
];

/// Builds it, unless `check` has, and runs them. What cannot be built here is said.
pub(super) fn run(session: &mut Session) -> Result<(), Failure> {
    let program: PathBuf = match dist::build() {
        Ok(program) => program,
        Err(Failure::Because(why)) => {
            session.leave_out(format!("svctl as it is given out: {why}"));
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    println!("xtask: said to {}", program.display());
    for (package, binary, modules) in TESTS {
        let run: &[&str] = if has_nextest() { &["nextest", "run"] } else { &["test"] };
        let mut command = cargo(run);
        command.args(["-p", package, "--all-features", "--no-fail-fast", "--test", binary, "--"]);
        session.run_some(command.args(modules).env("SV_PROGRAM", &program))?;
    }
    Ok(())
}
