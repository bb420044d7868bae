//! Each crate from its package alone: unpacked outside of this workspace, built, and tested.

use std::{fs, path::Path};

use crate::{
    command::{self, cargo},
    failure::Failure,
    workspace::Workspace,
};

/// Packs, unpacks and tests all that are published.
pub(super) fn try_each() -> Result<String, Failure> {
    let workspace = Workspace::load()?;
    let names: Vec<&str> = workspace.publishable().map(|it| it.name.as_str()).collect();
    let mut pack = cargo(["package", "--no-verify", "--allow-dirty"]);
    for name in &names {
        pack.args(["--package", name]);
    }
    let done = command::capture(&mut pack)?;
    if !done.ok {
        return Err(Failure::cannot("pack the crates", done.text));
    }
    let place = tempfile::tempdir().map_err(|why| Failure::cannot("make a directory", why))?;
    let mut manifest =
        "[workspace]\nresolver = \"3\"\nmembers = [\"*-*\"]\n\n[patch.crates-io]\n".to_owned();
    for member in workspace.publishable() {
        let version = version(&member.dir)?;
        let package = workspace.target.join(format!("package/{}-{version}.crate", member.name));
        let mut unpack = std::process::Command::new("tar");
        unpack.arg("xzf").arg(&package).arg("-C").arg(place.path());
        let done = command::capture(&mut unpack)?;
        if !done.ok {
            return Err(Failure::cannot(format!("unpack {}", package.display()), done.text));
        }
        manifest.push_str(&format!("{0} = {{ path = \"{0}-{version}\" }}\n", member.name));
    }
    let fail = |why| Failure::cannot("write a workspace of the packages", why);
    fs::write(place.path().join("Cargo.toml"), manifest).map_err(fail)?;
    // The same versions of others as here.
    fs::copy(command::root().join("Cargo.lock"), place.path().join("Cargo.lock")).map_err(fail)?;
    let target = workspace.target.join("packaged");
    // What tests a program are pages of this checkout; it is built, as whoever installs it does.
    let tasks: [&[&str]; 2] = [&["build", "--bins"], &["test", "--lib", "--examples"]];
    for words in tasks {
        let mut task = cargo(words);
        task.args(["--workspace", "--all-features", "--target-dir"]).arg(&target);
        if !command::stream(task.current_dir(place.path()), |_| ())?.success() {
            return Err(Failure::Because(format!(
                "`cargo {}` of the packages alone failed",
                words.join(" ")
            )));
        }
    }
    Ok(format!("{} crates were built and tested from their packages alone", names.len()))
}

/// The version of a member.
fn version(dir: &Path) -> Result<String, Failure> {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(dir).no_deps().exec();
    let metadata =
        metadata.map_err(|why| Failure::cannot("ask for the version of a crate", why))?;
    let manifest = dir.join("Cargo.toml");
    let found = metadata.packages.iter().find(|it| it.manifest_path.as_std_path() == manifest);
    Ok(found.map(|it| it.version.to_string()).unwrap_or_default())
}
