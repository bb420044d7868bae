//! `cargo xtask integration`: the tests that start real supervisors, and only those.
//!
//! They are in test binaries named `live`, in a module that is named like the suite.

use std::{ffi::OsString, panic, path::PathBuf, thread};

use crate::{
    command::{cargo, has_nextest},
    failure::Failure,
    roots::{self, Root},
    session::{Failed, Scope, Session, Skips},
    setup,
    suite::Suite,
    systemd::{self, live::Share},
};

/// The task: these suites, or all of them; those that are installed here, or those of these roots.
pub(crate) fn run(suites: &[Suite], roots: &[Root]) -> Result<(), Failure> {
    let suites = if suites.is_empty() { &Suite::ALL } else { suites };
    if !roots.is_empty() {
        let mut session = Session::new(Skips::Refused, Scope::Selected)?;
        session.build_examples()?;
        let binaries = systemd::live::binaries()?;
        for &root in roots {
            under_root(&mut session, &binaries, root, suites, Share::All)?;
        }
        return session.finish();
    }
    setup::ensure(suites)?;
    let family: Vec<_> = suites.iter().copied().filter(|it| Suite::FAMILY.contains(it)).collect();
    let mut session = Session::new(Skips::Refused, Scope::Selected)?;
    session.build_examples()?;
    if !family.is_empty() {
        let tests = if has_nextest() { nextest(&family) } else { cargo_test(&family) };
        session.run("supervisors", &mut cargo(tests))?;
    }
    if suites.contains(&Suite::Systemd) {
        systemd::require()?;
        systemd::live::run(&mut session, &systemd::live::binaries()?, None, Share::All)?;
    }
    session.finish()
}

/// The live tests once more, under the supervisors of each root that was made, all roots at once; the others count as
/// skipped. Each test in one of the roots, unless all of them are asked for; a root that has the
/// releases that this machine has, has nothing to add.
pub(crate) fn under_cached_roots(
    session: &mut Session,
    binaries: &[PathBuf],
    thorough: bool,
) -> Result<(), Failure> {
    let mut made = Vec::new();
    for (at, root) in Root::ALL.into_iter().enumerate() {
        if !thorough && roots::are_ours(root)? {
            session.say(&format!("{}: its supervisors are this machine's", root.name()));
        } else if roots::find(root)?.is_some() {
            let share = if thorough { Share::All } else { Share::Third(at) };
            made.push((root, share, session.fork()));
        } else {
            let name = root.name();
            session.leave_out(format!("{name}: not made; `cargo xtask roots {name}` makes it"));
        }
    }
    thread::scope(|scope| {
        let run = |(root, share, mut part): (Root, Share, Session)| {
            scope.spawn(move || {
                let done = under_root(&mut part, binaries, root, &Suite::ALL, share);
                (part, done)
            })
        };
        let running: Vec<_> = made.into_iter().map(run).collect();
        let mut all = Ok(());
        for root in running {
            let (part, done) = root.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
            session.join(part);
            all = all.and(done);
        }
        all
    })
}

/// The live tests under the supervisors of a root.
fn under_root(
    session: &mut Session,
    binaries: &[PathBuf],
    root: Root,
    suites: &[Suite],
    share: Share,
) -> Result<(), Failure> {
    let dir = roots::require(root)?;
    // encore is in no root: its tests would run once more with the same programs.
    let family = suites.iter().filter(|&&it| Suite::FAMILY.contains(&it) && it != Suite::Encore);
    let filter: Vec<_> = family.map(|it| format!("{}::", it.name())).collect();
    let filter: Vec<_> = filter.iter().map(String::as_str).collect();
    session.say(&format!("under the supervisors of {}", root.name()));
    for binary in binaries {
        if filter.is_empty() {
            continue;
        }
        if let Some(tests) = share.words(binary, &filter)? {
            session.run_again(root.name(), |failed: Option<&[Failed]>| {
                let tests = failed.map_or_else(|| tests.clone(), Failed::exact);
                let words = std::iter::once(binary.clone().into_os_string());
                let words: Vec<_> = words.chain(tests.into_iter().map(OsString::from)).collect();
                roots::command(&dir, &words)
            })?;
        }
    }
    if suites.contains(&Suite::Systemd) {
        systemd::live::run(session, binaries, Some(root), share)?;
    }
    Ok(())
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
