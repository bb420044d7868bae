//! `cargo xtask dist`: `svctl` as it is given out, one static file.

use std::path::PathBuf;

use crate::{
    command::{self, cargo},
    failure::Failure,
    workspace::Workspace,
};

/// The largest that it may be, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The task.
pub(crate) fn run() -> Result<(), Failure> {
    let built = build()?;
    let size = built.metadata().map_err(|why| Failure::cannot("look at svctl", why))?.len();
    println!("{}: {size} bytes", built.display());
    if size > LARGEST {
        return Err(Failure::Because(format!("svctl has {size} bytes, at most {LARGEST} may be")));
    }
    Ok(())
}

/// Builds it, and says where it is.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    let target = host()?;
    let mut build = cargo(["build", "--profile", "dist", "-p", "svctl", "--target", &target]);
    // No loader, and no relocations: half of what a start costs beyond that of an empty program.
    let flags = "-C target-feature=+crt-static -C relocation-model=static";
    let name = target.to_uppercase().replace('-', "_");
    build.env(format!("CARGO_TARGET_{name}_RUSTFLAGS"), flags);
    let done = command::stream(&mut build, |_| ())?;
    if !done.success() {
        return Err(Failure::Told);
    }
    Ok(Workspace::load()?.target.join(target).join("dist/svctl"))
}

/// The platform that the compiler runs on.
fn host() -> Result<String, Failure> {
    let done = command::capture(std::process::Command::new("rustc").arg("-vV"))?;
    let host = done.text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::cannot("ask rustc for its host", done.text))
}
