//! `cargo xtask soak`: services of every suite for minutes, under several clients that ask at random, while processes
//! crash and supervisors are stopped, killed and started again. It is the test `soak::` of `svcmgr`, for longer.

use clap::Args;

use crate::{
    command::{self, cargo},
    failure::Failure,
    setup,
    suite::Suite,
};

/// How long, with how many services, and which requests.
#[derive(Args, Debug)]
pub(crate) struct Soak {
    /// For so many minutes
    #[arg(long, value_name = "N", default_value_t = 2)]
    minutes: u64,
    /// So many services of each kind and suite; there are four kinds and up to five suites
    #[arg(long, value_name = "N", default_value_t = 10)]
    services: usize,
    /// The requests of this seed, which an earlier run has printed; when each of them is read is another matter
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
}

/// The task.
///
/// # Errors
///
/// A supervisor is missing, or something does not agree.
pub(crate) fn run(soak: &Soak) -> Result<(), Failure> {
    setup::ensure(&[Suite::Runit, Suite::Daemontools, Suite::S6])?;
    let package = ["-q", "-p", "svcmgr", "--all-features"];
    let mut build = cargo([&["build"], &package[..], &["--example", "supervise"]].concat());
    command::passed_on(command::stream(&mut build, |_| ())?)?;
    let test = "soak::nothing_is_lost_or_left_however_they_are_treated";
    let words = ["--test", "live", "--", "--exact", test, "--nocapture"];
    let mut run = cargo([&["test"], &package[..], &words].concat());
    run.env("SV_SOAK_SECONDS", (soak.minutes * 60).to_string());
    run.env("SV_SOAK_SERVICES", soak.services.to_string());
    if let Some(seed) = soak.seed {
        run.env("SV_SOAK_SEED", seed.to_string());
    }
    command::passed_on(command::stream(&mut run, |_| ())?)
}
