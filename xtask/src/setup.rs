//! `cargo xtask setup`: installs the supervisors that the live tests start.

pub(crate) mod readers;

use std::process::Command;

use crate::{
    command::{self, has_nextest},
    failure::Failure,
    suite::{self, Requirement, Suite},
};

/// The task: says so when nothing is missing, and then does nothing.
pub(crate) fn run() -> Result<(), Failure> {
    let done = if suite::missing(&Suite::ALL).is_empty() {
        println!("setup: every supervisor is on PATH; nothing to install");
        Ok(())
    } else {
        ensure(&Suite::ALL)
    };
    if !has_nextest() {
        println!("setup: {NEXTEST}");
    }
    done
}

/// It is no package of Debian, and takes minutes to build: that is left to whoever wants it.
pub(crate) const NEXTEST: &str = "cargo-nextest is not installed, and not needed; with it tests take less time\n  \
                                  run: cargo install --locked cargo-nextest";

/// Installs what these suites lack.
///
/// # Errors
///
/// Names what is missing and the command that installs it, where this process cannot.
pub(crate) fn ensure(suites: &[Suite]) -> Result<(), Failure> {
    let missing = suite::missing(suites);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = packages(&missing);
    if !command::on_path("apt-get") {
        return Err(refused(&missing, "this machine has no apt-get", &packages));
    }
    if !is_root() {
        return Err(refused(&missing, "installing needs root", &packages));
    }
    install(&packages)?;
    let missing = suite::missing(suites);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Because(format!(
        "missing: {}; their packages ({}) are installed\n  \
         put the directory with these programs on PATH",
        programs(&missing),
        packages.join(", "),
    )))
}

// runit's own maintainer scripts start nothing: the packages that do, `runit-run` and `runit-init`,
// are only recommended by it (Debian 12), and are left out here. s6, execline and daemontools have
// no maintainer scripts. Those of systemd, dbus and polkitd start their units where systemd is pid
// 1, and nothing elsewhere. So no policy-rc.d is put in place, which would be a change to the whole
// machine.
pub(crate) const INSTALL: [&str; 3] = ["install", "-y", "--no-install-recommends"];

fn install(packages: &[&str]) -> Result<(), Failure> {
    println!("setup: installing {}", packages.join(", "));
    apt_get(&["update"])?;
    apt_get(&[&INSTALL, packages].concat())?;
    println!("setup: installed");
    Ok(())
}

/// Shows what apt-get says only when it fails.
fn apt_get(args: &[&str]) -> Result<(), Failure> {
    let mut apt_get = Command::new("apt-get");
    // Another installation may be under way, as on a machine that has just booted.
    apt_get.args(["-o", "DPkg::Lock::Timeout=120"]).args(args);
    let done = command::capture(apt_get.env("DEBIAN_FRONTEND", "noninteractive"))?;
    if done.ok {
        return Ok(());
    }
    eprint!("{}", done.text);
    Err(Failure::cannot(
        format!("run `apt-get {}`", args.join(" ")),
        format!("{}; its output is above", done.status),
    ))
}

fn refused(missing: &[Requirement], why: &str, packages: &[&str]) -> Failure {
    Failure::Because(format!(
        "missing: {}; {why}\n  run: apt-get update && apt-get {} {}\n  \
         or install the same programs some other way and put them on PATH",
        programs(missing),
        INSTALL.join(" "),
        packages.join(" "),
    ))
}

fn programs(missing: &[Requirement]) -> String {
    let programs = missing
        .iter()
        .map(|it| format!("{} ({})", it.program, it.suite.map_or("besides", Suite::name)));
    programs.collect::<Vec<_>>().join(", ")
}

fn packages(missing: &[Requirement]) -> Vec<&'static str> {
    let mut packages: Vec<_> = missing.iter().map(|it| it.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn is_root() -> bool {
    command::capture(Command::new("id").arg("-u")).is_ok_and(|done| done.text.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_with_several_missing_programs_is_named_once() {
        let missing = ["sv", "runsv"].map(|program| Requirement {
            suite: Some(Suite::Runit),
            program,
            package: "runit",
        });
        assert_eq!(packages(&missing), ["runit"]);
        let Failure::Because(text) = refused(&missing, "installing needs root", &["runit"]) else {
            panic!("a refusal says why");
        };
        assert!(text.contains("sv (runit), runsv (runit); installing needs root"), "{text}");
        assert!(text.contains("apt-get install -y --no-install-recommends runit\n"), "{text}");
    }
}
