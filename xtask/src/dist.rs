//! `cargo xtask dist`: `svctl` as it is given out, one static file.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::{self, cargo},
    failure::Failure,
    report::Verdict,
    toolchain,
    workspace::Workspace,
};

/// The largest that it may be, in bytes.
pub(crate) const LARGEST: u64 = 6_000_000;

/// The task.
pub(crate) fn run() -> Result<(), Failure> {
    let built = build()?;
    println!("{}: {} bytes", built.display(), size(&built)?);
    Ok(())
}

/// Builds it, and says where it is.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    let target = target(&host()?);
    toolchain::target(&target).map_err(Failure::Because)?;
    let (mut build, built) = how(&target)?;
    if !command::stream(&mut build, |_| ())?.success() {
        return Err(Failure::Told);
    }
    Ok(built)
}

/// For `check`: is it as small as it has to be?
pub(crate) fn check() -> Verdict {
    let target = match host() {
        Ok(host) => target(&host),
        Err(failure) => return failure.into(),
    };
    if let Err(why) = toolchain::target(&target) {
        return Verdict::Skipped(why);
    }
    let small = || {
        let (mut build, built) = how(&target)?;
        let done = command::capture(&mut build)?;
        if !done.ok {
            return Err(Failure::cannot("build svctl", done.text));
        }
        size(&built)
    };
    small().map_or_else(Into::into, |_| Verdict::Passed)
}

/// The command that builds it, and where it will be.
fn how(target: &str) -> Result<(Command, PathBuf), Failure> {
    let workspace = Workspace::load()?;
    let mut build = cargo(["build", "--profile", "dist", "-p", "svctl", "--target", target]);
    if target.ends_with(MUSL) {
        build.args(["--config", &flags(target, &command::root().join("xtask/src/dist.ld"))]);
    }
    Ok((build, workspace.target.join(target).join("dist/svctl")))
}

/// In bytes; an error if it is too large.
fn size(built: &Path) -> Result<u64, Failure> {
    let size = built.metadata().map_err(|why| Failure::cannot("look at svctl", why))?.len();
    if size > LARGEST {
        return Err(Failure::Because(format!("svctl has {size} bytes, at most {LARGEST} may be")));
    }
    Ok(size)
}

/// No relocations, and no tables to unwind by: as a setting of cargo, in which paths may have
/// blanks.
fn flags(target: &str, script: &Path) -> String {
    let script = format!("link-arg={}", script.display());
    let flags = ["relocation-model=static", "force-unwind-tables=no", "link-arg=-T", &script];
    let flags: Vec<String> =
        flags.iter().map(|flag| format!("{:?}", format!("-C{flag}"))).collect();
    format!("target.{target}.rustflags=[{}]", flags.join(", "))
}

/// A libc that is linked statically starts in half the time of glibc and takes 0.9 MB less: glibc
/// asks the processor what it is, which a hypervisor answers slowly, and brings its converters
/// along.
const MUSL: &str = "-linux-musl";

/// What is built on a host: a static file where the system has such a thing.
fn target(host: &str) -> String {
    host.strip_suffix("-linux-gnu").map_or_else(|| host.to_owned(), |it| format!("{it}{MUSL}"))
}

/// The platform that the compiler runs on.
fn host() -> Result<String, Failure> {
    let done = command::capture(Command::new("rustc").arg("-vV"))?;
    let host = done.text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::cannot("ask rustc for its host", done.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_blanks_is_one_flag() {
        let flags = flags("x86_64-unknown-linux-musl", Path::new("/a b/dist.ld"));
        let expected = r#", "-Clink-arg=-T", "-Clink-arg=/a b/dist.ld"]"#;
        assert!(flags.ends_with(expected), "{flags}");
        assert!(flags.starts_with("target.x86_64-unknown-linux-musl.rustflags=["), "{flags}");
    }

    #[test]
    fn linux_gets_one_static_file() {
        assert_eq!(target("x86_64-unknown-linux-gnu"), "x86_64-unknown-linux-musl");
        assert_eq!(target("aarch64-unknown-linux-musl"), "aarch64-unknown-linux-musl");
        assert_eq!(target("aarch64-apple-darwin"), "aarch64-apple-darwin");
    }
}
