//! Readers of other formats that Debian does not have in the versions that people run: supervisord and honcho from
//! `PyPI`, in an environment of their own below the user's cache.
//!
//! Tests find them by `SV_READERS_BIN`. Where they cannot be had, those tests are counted as skipped.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::command;

/// What tests look into.
pub(crate) const NAME: &str = "SV_READERS_BIN";

/// What is installed; other versions may read otherwise.
const PACKAGES: [&str; 3] = ["supervisor==4.3.0", "honcho==2.0.0", "setuptools<81"];

/// The directory of their programs: that which was named, or which is made now; else why there is none.
pub(crate) fn ensure() -> Result<PathBuf, String> {
    if let Some(named) = env::var_os(NAME) {
        return Ok(named.into());
    }
    environment("readers", &PACKAGES, &["supervisord", "honcho"])
}

/// The directory of these programs, in an environment of this name with these packages; else why there is none.
pub(crate) fn environment(
    name: &str,
    packages: &[&str],
    programs: &[&str],
) -> Result<PathBuf, String> {
    let cache = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(&home).join(".cache"),
        (None, None) => return Err("neither HOME nor XDG_CACHE_HOME is set".to_owned()),
    };
    let place = cache.join("svcmgr").join(name);
    let bin = place.join("bin");
    if programs.iter().all(|it| bin.join(it).exists()) {
        return Ok(bin);
    }
    done(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
    let mut install = Command::new(bin.join("pip"));
    done(install.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
    Ok(bin)
}

fn done(command: &mut Command) -> Result<(), String> {
    match command::capture(command) {
        Ok(done) if done.ok => Ok(()),
        Ok(done) => Err(format!("`{}`: {}", command::shown(command), done.text.trim())),
        Err(_) => Err(format!("{} cannot be run", command::shown(command))),
    }
}
