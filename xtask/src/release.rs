//! `cargo xtask release`: everything that a release is made of, tried; and what a person has to decide.
//!
//! Nothing is published: who may do that does it, with the commands that this prints at its end.

mod packages;

use std::{path::Path, process::Command};

use crate::{
    command::{self, cargo},
    dist::{self, Release},
    failure::Failure,
    roots::{self, Root},
    toolchain,
};

/// What is asked of the task.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Publish nothing; the only way there is
    #[arg(long, required = true)]
    dry_run: bool,
    /// Only these parts [default: all]
    #[arg(value_name = "PART", value_enum)]
    parts: Vec<Part>,
}

/// A part of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Each crate builds and passes its tests outside of this workspace, from its package alone
    Crates,
    /// Licences and sources of what is linked, by cargo-deny
    Deny,
    /// The public faces, against the last release, by cargo-semver-checks
    Semver,
    /// The program, built twice with the same bytes, and its packages
    Dist,
    /// The Debian package is installed, used, upgraded and removed in roots of Debian 12 and 13
    Install,
}

/// The task.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let all = [Part::Crates, Part::Deny, Part::Semver, Part::Dist, Part::Install];
    let parts = if args.parts.is_empty() { &all[..] } else { &args.parts };
    let mut failed = Vec::new();
    for part in parts {
        println!("== {part:?}");
        let done = match part {
            Part::Crates => packages::try_each(),
            Part::Deny => deny(),
            Part::Semver => semver(),
            Part::Dist => twice(),
            Part::Install => install(),
        };
        match done {
            Ok(told) => println!("{told}"),
            Err(Failure::Because(why)) => {
                println!("{why}");
                failed.push(format!("{part:?}"));
            }
            Err(other) => {
                failed.push(format!("{part:?}"));
                if matches!(other, Failure::Status(_)) {
                    println!("it ended with an error");
                }
            }
        }
    }
    println!("== What a person has to decide");
    for line in decisions(&Release::load()?) {
        println!("- {line}");
    }
    if failed.is_empty() {
        println!("release: all that was asked for is well; nothing was published");
        return Ok(());
    }
    println!("release: failed: {}", failed.join(", "));
    Err(Failure::Told)
}

/// What no program can know.
fn decisions(release: &Release) -> Vec<String> {
    let mut open = Vec::new();
    if release.repository.is_empty() {
        open.push(
            "the public address of the repository: `repository` under [workspace.metadata.release] in Cargo.toml"
                .to_owned(),
        );
    }
    if release.is_without_maintainer {
        open.push("who a package names: `maintainer` in the same place".to_owned());
    }
    open.push(format!(
        "the version: {} in Cargo.toml, and its heading in CHANGELOG.md",
        release.version
    ));
    open.push(
        "then: git tag, `cargo publish --workspace`, and the files of `cargo xtask dist`"
            .to_owned(),
    );
    open
}

fn deny() -> Result<String, Failure> {
    let mut deny = Command::new(toolchain::tool("cargo-deny")?);
    // What is known of vulnerabilities is fetched by whoever releases: `cargo deny check advisories`.
    deny.args(["--all-features", "check", "licenses", "bans", "sources"])
        .current_dir(command::root());
    ended(&mut deny, "licences, bans and sources are as deny.toml has them")
}

fn semver() -> Result<String, Failure> {
    let asked = command::capture(&mut cargo(["info", "--registry", "crates-io", "svproto"]))?;
    if !asked.ok {
        return Ok("skipped: there is no earlier release to compare with".to_owned());
    }
    let mut check = Command::new(toolchain::tool("cargo-semver-checks")?);
    check.args(["semver-checks", "--workspace"]).current_dir(command::root());
    ended(&mut check, "no crate breaks what its version promises")
}

/// The same bytes, whoever builds them.
fn twice() -> Result<String, Failure> {
    let first = dist::build()?;
    let sum = dist::sum(&first)?;
    let other = tempfile::tempdir().map_err(|why| Failure::cannot("make a directory", why))?;
    let again = dist::build_in(other.path())?;
    if dist::sum(&again)? != sum {
        return Err(Failure::Because(format!(
            "{} and {} were built of the same commit and differ",
            first.display(),
            again.display()
        )));
    }
    let made = dist::packages(&first, &dist::target_here()?)?;
    let names: Vec<_> = made.iter().map(|path| path.display().to_string()).collect();
    Ok(format!("built twice with the same bytes ({sum})\n{}", names.join("\n")))
}

/// The Debian package in clean roots.
fn install() -> Result<String, Failure> {
    let built = dist::packages(&dist::build()?, &dist::target_here()?)?;
    let package = built.iter().find(|path| path.extension().is_some_and(|it| it == "deb"));
    let package = package.ok_or_else(|| {
        Failure::Because("there is no Debian package: dpkg-deb is not here".to_owned())
    })?;
    lintian(package)?;
    let mut tried = Vec::new();
    for root in [Root::Debian12, Root::Debian13] {
        let Some(dir) = roots::find(root)? else {
            return Err(Failure::Because(format!(
                "{} is not there\n  hint: cargo xtask roots {}",
                root.name(),
                root.name()
            )));
        };
        let script = command::root().join("xtask/src/release/install.sh");
        let words = ["sh".into(), "-eu".into(), script.into(), package.into()];
        let mut inside = roots::command(&dir, &words)?;
        if !command::stream(&mut inside, |_| ())?.success() {
            return Err(Failure::Because(format!("the package does not work in {}", root.name())));
        }
        tried.push(root.name());
    }
    Ok(format!("installed, used, upgraded and removed in {}", tried.join(" and ")))
}

/// What Debian's own linter says, where it is installed.
fn lintian(package: &Path) -> Result<(), Failure> {
    if !command::on_path("lintian") {
        println!("lintian is not here: apt-get install --no-install-recommends lintian");
        return Ok(());
    }
    let mut lintian = Command::new("lintian");
    lintian.args(["--allow-root", "--fail-on", "error"]);
    if Release::load()?.is_without_maintainer {
        // Named among what a person has to decide.
        lintian.args(["--suppress-tags", "bogus-mail-host,bogus-mail-host-in-debian-changelog"]);
    }
    ended(lintian.arg(package), "lintian has no error").map(|told| println!("{told}"))
}

fn ended(command: &mut Command, told: &str) -> Result<String, Failure> {
    if command::stream(command, |_| ())?.success() {
        Ok(told.to_owned())
    } else {
        Err(Failure::Because(format!("{} failed", command::shown(command))))
    }
}
