//! `cargo xtask integration`: the tests that start real supervisors, and only those.
//!
//! They are in test binaries named `live`, in a module that is named like the suite.

use crate::{
    command::cargo,
    failure::Failure,
    setup,
    suite::Suite,
    systemd,
    test::{
        build_examples, has_nextest,
        session::{Scope, Session, Skips},
    },
};

/// The task: these suites, or all of them.
pub(crate) fn run(suites: &[Suite]) -> Result<(), Failure> {
    let suites = if suites.is_empty() { &Suite::ALL } else { suites };
    setup::ensure(suites)?;
    let family: Vec<_> = suites.iter().copied().filter(|it| Suite::FAMILY.contains(it)).collect();
    let mut session = Session::new(Skips::Refused, Scope::Selected)?;
    build_examples(&mut session)?;
    if !family.is_empty() {
        let tests = if has_nextest() { nextest(&family) } else { cargo_test(&family) };
        session.run(&mut cargo(tests))?;
    }
    if suites.contains(&Suite::Systemd) {
        systemd::require()?;
        systemd::live::run(&mut session)?;
    }
    session.finish()
}

fn nextest(suites: &[Suite]) -> Vec<String> {
    let tests: Vec<_> = suites.iter().map(|it| format!("test(/\\b{}::/)", it.name())).collect();
    let filter = format!("binary(live) & ({})", tests.join(" | "));
    // `--test` on top of the filter, so that only those binaries are built.
    let run = ["nextest", "run", "--workspace", "--all-features", "--no-fail-fast", "--test"];
    words(&run, ["live".to_owned(), "-E".to_owned(), filter])
}

fn cargo_test(suites: &[Suite]) -> Vec<String> {
    let run = ["test", "--workspace", "--all-features", "--no-fail-fast", "--test", "live", "--"];
    words(&run, suites.iter().map(|it| format!("{}::", it.name())))
}

fn words(first: &[&str], then: impl IntoIterator<Item = String>) -> Vec<String> {
    first.iter().map(ToString::to_string).chain(then).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_selects_its_module_in_the_live_binaries() {
        let nextest = nextest(&[Suite::Runit, Suite::S6]);
        let filter = r"binary(live) & (test(/\brunit::/) | test(/\bs6::/))";
        assert_eq!(nextest.last().map(String::as_str), Some(filter));
        assert!(cargo_test(&[Suite::S6]).join(" ").ends_with("--test live -- s6::"));
    }
}
