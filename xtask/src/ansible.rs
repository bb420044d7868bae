//! `cargo xtask ansible`: the collection in `contrib/ansible`, against real supervisors, by ansible-core of `PyPI`.
//!
//! Its environment is made below the user's cache, as that of other readers is. `contrib/ansible/tests/run.py` does the rest;
//! units are tried in the machine of `cargo xtask systemd`.

use std::{path::Path, process::Command};

use crate::{
    command::{self, cargo},
    failure::Failure,
    setup::readers,
    systemd,
    workspace::Workspace,
};

/// What is installed; other versions may say otherwise.
const PACKAGE: &str = "ansible-core==2.19.14";

/// The suites, as the driver names them.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Under {
    Runit,
    S6,
    Daemontools,
    Encore,
    Embedded,
    Systemd,
}

impl Under {
    const ALL: [Self; 6] =
        [Self::Runit, Self::S6, Self::Daemontools, Self::Encore, Self::Embedded, Self::Systemd];

    const fn name(self) -> &'static str {
        match self {
            Self::Runit => "runit",
            Self::S6 => "s6",
            Self::Daemontools => "daemontools",
            Self::Encore => "encore",
            Self::Embedded => "embedded",
            Self::Systemd => "systemd",
        }
    }
}

/// The task.
pub(crate) fn run(suites: &[Under]) -> Result<(), Failure> {
    let suites = if suites.is_empty() { &Under::ALL } else { suites };
    let place = readers::environment("ansible", &[PACKAGE], &["ansible-playbook"]);
    let playbook = place.map_err(Failure::Because)?.join("ansible-playbook");
    let mut build = cargo(["build", "--quiet", "-p", "svctl", "--all-features"]);
    if !command::stream(&mut build, |_| ())?.success() {
        return Err(Failure::cannot("build svctl", "the compiler says why above"));
    }
    let svctl = Workspace::load()?.target.join("debug/svctl");
    let driver = command::root().join("contrib/ansible/tests/run.py");
    let mut is_good = true;
    for suite in suites {
        let mut words = if *suite == Under::Systemd {
            systemd::require()?;
            let mut machine = Command::new(command::this()?);
            machine.args(["systemd", "--", "python3"]);
            machine
        } else {
            Command::new("python3")
        };
        words.args([&driver, &playbook, &svctl] as [&Path; 3]).arg(suite.name());
        is_good &= command::stream(&mut words, |_| ())?.success();
    }
    if is_good { Ok(()) } else { Err(Failure::Told) }
}
