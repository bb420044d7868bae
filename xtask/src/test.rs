//! `cargo xtask test`: every test, with supervisors to run against, and one line that says it all.

pub(crate) mod session;
mod tally;

use crate::{
    command::{self, cargo},
    failure::Failure,
    integration, setup,
    suite::Suite,
    systemd,
};

use session::{Scope, Session, Skips};

/// The task.
pub(crate) fn run(allow_skips: bool) -> Result<(), Failure> {
    let skips = if allow_skips { Skips::Allowed } else { Skips::Refused };
    match setup::ensure(&Suite::ALL) {
        Err(Failure::Because(text)) if allow_skips => {
            eprintln!("xtask: {text}\nxtask: going on; the tests that need them count as skipped");
        }
        Err(Failure::Because(text)) => {
            let hint = "or leave these tests out with `cargo xtask test --allow-skips`";
            return Err(Failure::Because(format!("{text}\n  {hint}")));
        }
        done => done?,
    }
    let mut session = Session::new(skips, Scope::All)?;
    let machine = match systemd::require() {
        Err(Failure::Because(text)) if allow_skips => {
            eprintln!("xtask: {text}\nxtask: going on; the tests that need it count as skipped");
            false
        }
        done => done.map(|()| true)?,
    };
    if machine {
        session.put_off(Suite::Systemd);
    }
    build_examples(&mut session)?;
    let tests: &[&str] = if has_nextest() {
        &["nextest", "run", "--workspace", "--all-features", "--no-fail-fast"]
    } else {
        // Naming the kinds of targets leaves out the doctests, which follow.
        let kinds = ["--lib", "--bins", "--tests", "--examples"];
        &[&["test", "--workspace", "--all-features", "--no-fail-fast"][..], &kinds].concat()
    };
    session.run(&mut cargo(tests))?;
    session.run(&mut cargo([
        "test",
        "--workspace",
        "--all-features",
        "--no-fail-fast",
        "--doc",
    ]))?;
    if machine {
        systemd::live::run(&mut session, None)?;
    }
    integration::under_cached_roots(&mut session)?;
    session.finish()
}

/// Some of the live tests run the examples; a test build alone does not put them where they are
/// found.
pub(crate) fn build_examples(session: &mut Session) -> Result<(), Failure> {
    session.run(&mut cargo(["build", "--workspace", "--all-features", "--examples"]))
}

/// Whether `cargo nextest` is there; it is faster, and gives each test a process of its own.
pub(crate) fn has_nextest() -> bool {
    command::capture(&mut cargo(["nextest", "--version"])).is_ok_and(|it| it.ok)
}
