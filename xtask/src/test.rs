//! `cargo xtask test`: every test, with supervisors to run against, and one line that says it all.

mod given_out;
pub(crate) mod load;
mod repeat;
mod thirty_two;

use std::{panic, path::PathBuf, process::Command, thread, time::Instant};

use crate::{
    command::{cargo, has_nextest},
    failure::Failure,
    integration,
    session::{Failed, Scope, Session, Skips},
    setup,
    suite::Suite,
    systemd,
};

use load::Load;
pub(crate) use repeat::Times;

/// Which tests; all, if none is named.
pub(crate) struct Which {
    /// Parts of names.
    pub(crate) names: Vec<String>,
    /// Where to look for them; everywhere, if none is named.
    pub(crate) packages: Vec<String>,
}

/// What is asked of them.
#[derive(Clone, Copy)]
pub(crate) struct How {
    /// Go on where something is missing.
    pub(crate) allow_skips: bool,
    /// Leave nothing out for the sake of time.
    pub(crate) thorough: bool,
}

/// The task: these tests, so many times, beside so many processes that compute.
pub(crate) fn run(how: How, load: usize, which: &Which, times: Times) -> Result<(), Failure> {
    if !which.names.is_empty() {
        // Built before anything is loaded.
        let tests = repeat::Tests::build(&which.names, &which.packages)?;
        let _load = Load::start(load)?;
        return tests.run(times, how.thorough);
    }
    let _busy = Load::start(load)?;
    let (mut failed, times) = (0, times.runs);
    for time in 1..=times {
        let started = Instant::now();
        // Who repeats, or loads the machine, looks for tests that fail by chance.
        let done = all(how, times == 1 && load == 0);
        if times == 1 {
            return done;
        }
        failed += usize::from(done.is_err());
        if let Err(Failure::Because(text)) = &done {
            eprintln!("xtask: {text}");
        }
        let how = if done.is_ok() { "passed" } else { "failed" };
        println!("xtask: run {time} of {times} {how} after {} s", started.elapsed().as_secs());
    }
    println!("xtask: {times} runs, {failed} failed, beside {load} that compute");
    if failed == 0 { Ok(()) } else { Err(Failure::Told) }
}

/// Every test once, with or without a second attempt of those that fail.
fn all(how: How, second: bool) -> Result<(), Failure> {
    let How { allow_skips, thorough } = how;
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
    session.be_thorough(thorough);
    match setup::readers::ensure() {
        Ok(bin) => session.have_readers(bin),
        Err(why) => println!(
            "xtask: supervisord and honcho are not here, and their tests count as skipped: {why}"
        ),
    }
    if second {
        session.give_second_attempts();
    }
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
    session.build_examples()?;
    let build = ["test", "--no-run", "--workspace", "--all-features"];
    session.run("build", &mut cargo(build))?;
    if !has_nextest() {
        println!("xtask: {}", setup::NEXTEST);
    }
    session.run_tests("tests", |failed: Option<&[Failed]>| Ok(workspace(failed)))?;
    let doctests = ["test", "--workspace", "--all-features", "--no-fail-fast", "--doc"];
    session.run("doctests", &mut cargo(doctests))?;
    given_out::run(&mut session)?;
    // Asked for before cargo is busy with another build.
    let binaries = systemd::live::binaries()?;
    let thirty_two = thirty_two::Building::start(&mut session);
    // Both wait more than they compute.
    let mut roots = session.fork();
    let (here, there) = thread::scope(|scope| {
        let there =
            scope.spawn(|| integration::under_cached_roots(&mut roots, &binaries, thorough));
        let here = here(&mut session, &binaries, machine, thirty_two);
        (here, there.join())
    });
    session.join(roots);
    here?;
    there.unwrap_or_else(|panic| panic::resume_unwind(panic))?;
    session.finish()
}

/// Every test but the doctests, or those that failed.
fn workspace(failed: Option<&[Failed]>) -> Command {
    let which = ["--workspace", "--all-features", "--no-fail-fast"];
    if has_nextest() {
        let mut command = cargo(["nextest", "run"].iter().chain(&which));
        return match failed {
            None => command,
            Some(failed) => {
                command.args(["-E", &Failed::filter(failed)]);
                command
            }
        };
    }
    // Naming the kinds of targets leaves out the doctests.
    let kinds = ["--lib", "--bins", "--tests", "--examples"];
    let mut command = cargo(["test"].iter().chain(&which).chain(&kinds));
    if let Some(failed) = failed {
        command.arg("--").args(Failed::exact(failed));
    }
    command
}

/// What is left to do on this machine: its systemd, and 32 bits.
fn here(
    session: &mut Session,
    binaries: &[PathBuf],
    machine: bool,
    thirty_two: Option<thirty_two::Building>,
) -> Result<(), Failure> {
    if machine {
        systemd::live::run(session, binaries, None, systemd::live::Share::All)?;
    }
    thirty_two.map_or(Ok(()), |tests| tests.run(session))
}
