//! `cargo xtask TASK`: reads the command line and starts the task; each task is a file of its name.

mod ansible;
mod bench;
mod book;
mod check;
mod command;
mod conversion;
mod daemons;
mod demo;
mod dist;
mod failure;
mod integration;
mod matrix;
mod mutants;
mod overlay;
mod pages;
mod release;
mod report;
mod roots;
mod session;
mod setup;
mod soak;
mod suite;
mod systemd;
mod test;
mod tidy;
mod times;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    bench::{Extent, Subject},
    check::Part,
    failure::Failure,
    roots::Root,
    suite::Suite,
};

/// The workshop of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the supervisors that the live tests start (Debian packages; needs root)
    Setup,
    /// Run every test; ends with the line `N passed, N failed, N skipped`
    Test {
        /// Go on when a supervisor is missing and cannot be installed; its tests count as skipped
        #[arg(long)]
        allow_skips: bool,
        /// All crash points, not a part of them
        #[arg(long)]
        thorough: bool,
        /// Beside so many processes that do nothing but compute
        #[arg(long, value_name = "N", default_value_t = 0)]
        load: usize,
        /// So many times in a row; says how many runs failed
        #[arg(long, value_name = "N", default_value_t = 1)]
        repeat: usize,
        /// So many of these runs at a time; takes a NAME
        #[arg(long, value_name = "N", default_value_t = 1, requires = "names")]
        at_a_time: usize,
        /// Of these packages alone; takes a NAME
        #[arg(short, long = "package", value_name = "PACKAGE", requires = "names")]
        packages: Vec<String>,
        /// Only tests with one of these in their names, each as a process of its own [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// What `test --load` starts: computes until its parent ends
    #[command(hide = true)]
    Load { parent: u32 },
    /// Run the tests against real supervisors
    Integration {
        /// Which suites [default: all]
        #[arg(value_name = "SUITE")]
        suites: Vec<Suite>,
        /// Those of a root that `cargo xtask roots` has made; again and again for several
        #[arg(long = "root", value_name = "ROOT")]
        roots: Vec<Root>,
    },
    /// Run what must hold before a change is merged, other than the tests
    Check {
        /// Which parts [default: all]
        #[arg(value_name = "PART")]
        parts: Vec<Part>,
        /// Also the targets that others stand for
        #[arg(long)]
        thorough: bool,
    },
    /// Check what no compiler checks: who depends on whom, headers, words that stay out of a crate
    Tidy,
    /// Run a command in a machine of namespaces whose pid 1 is a real systemd
    Systemd(systemd::Systemd),
    /// Make roots of several releases of Debian, for other versions of the supervisors; run in them
    Roots(roots::Roots),
    /// What runs in such a root, before it is the command
    #[command(hide = true)]
    InsideRoot(roots::InsideArgs),
    /// Pid 1 of that machine, before it is systemd
    #[command(hide = true)]
    SystemdRoot(systemd::RootArgs),
    /// Build `svctl` as it is given out: one static file, an archive and a Debian package of it
    Dist(dist::Dist),
    /// Try everything that a release is made of, and say what a person has to decide
    Release(release::Args),
    /// Measure, beside the floor and the suites' own tools; writes docs/performance.md
    Bench {
        /// A few rounds of every row; writes nothing
        #[arg(long)]
        quick: bool,
        /// Every row once, with what the tests have built; its times mean nothing
        #[arg(long, hide = true, conflicts_with = "quick")]
        smoke: bool,
        /// Count system calls with strace, and say why each is made
        #[arg(long)]
        syscalls: bool,
    },
    /// Show `svctl` at work on one service under each installed supervisor
    Demo {
        /// Make the picture of README instead, docs/svctl.svg
        #[arg(long)]
        picture: bool,
    },
    /// Count what `svctl convert` makes of the units of Debian, into docs/conversion.md
    Conversion,
    /// Change the code in small ways and count what no test notices, into docs/mutants.md
    Mutants {
        /// Which parts [default: all]
        #[arg(value_name = "PART")]
        parts: Vec<mutants::Part>,
    },
    /// Ask services of every suite at random, and kill what supervises them; in the end everything has to agree
    Soak(soak::Soak),
    /// Try each version of each supervisor beside its own tool, into docs/compatibility.md
    Matrix(matrix::Matrix),
    /// Try the Ansible collection in contrib/ansible against real supervisors, here and over ssh
    Ansible {
        /// Which suites [default: all]
        #[arg(value_name = "SUITE")]
        suites: Vec<ansible::Under>,
    },
    /// Make a book of the pages, in target/book, and follow every link of it
    Book,
    /// Run daemons of Debian by its scripts for runit, in a root, and compare lint with what becomes of them
    Daemons {
        /// Instead run nine daemons from examples/daemons/svcmgr.toml under each supervisor
        #[arg(long)]
        built: bool,
    },
}

fn main() -> ExitCode {
    let done = match Xtask::parse().task {
        Task::Setup => setup::run(),
        Task::Test { allow_skips, thorough, load, repeat, at_a_time, packages, names } => {
            let how = test::How { allow_skips, thorough };
            let times = test::Times { runs: repeat, at_a_time };
            test::run(how, load, &test::Which { names, packages }, times)
        }
        Task::Load { parent } => {
            test::load::compute(parent);
            Ok(())
        }
        Task::Integration { suites, roots } => integration::run(&suites, &roots),
        Task::Check { parts, thorough } => check::run(&parts, thorough),
        Task::Tidy => tidy::run(),
        Task::Systemd(args) => systemd::run(&args),
        Task::Roots(args) => roots::run(&args),
        Task::InsideRoot(args) => roots::go_inside(&args),
        Task::SystemdRoot(args) => systemd::build_root(&args),
        Task::Dist(args) => dist::run(&args),
        Task::Release(args) => release::run(&args),
        Task::Bench { quick, smoke, syscalls } => {
            let extent = match (quick, smoke) {
                (true, _) => Extent::Quick,
                (_, true) => Extent::Smoke,
                _ => Extent::Full,
            };
            bench::run(extent, if syscalls { Subject::Calls } else { Subject::Time })
        }
        Task::Demo { picture } => demo::run(picture),
        Task::Conversion => conversion::run(),
        Task::Soak(args) => soak::run(&args),
        Task::Matrix(args) => matrix::run(&args),
        Task::Ansible { suites } => ansible::run(&suites),
        Task::Book => book::run(),
        Task::Mutants { parts } => mutants::run(&parts),
        Task::Daemons { built: false } => daemons::run(),
        Task::Daemons { built: true } => daemons::built(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        Err(Failure::Status(status)) => ExitCode::from(status),
        Err(Failure::Because(text)) => {
            eprintln!("xtask: {text}");
            ExitCode::FAILURE
        }
    }
}
