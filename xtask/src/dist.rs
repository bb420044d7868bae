//! `cargo xtask dist`: `svctl` as it is given out: one static file, alone and in packages.

mod bom;
mod contents;
mod debian;
mod linked;
mod notices;
mod sums;
mod tarball;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::MetadataCommand;

use crate::{
    command::{self, cargo},
    failure::Failure,
    report::Verdict,
    toolchain,
    workspace::Workspace,
};

/// The largest that it may be, in bytes.
pub(crate) const LARGEST: u64 = 6_000_000;

/// What is asked of the task.
#[derive(clap::Args)]
pub(crate) struct Dist {
    /// For this platform; may be given several times [default: this one, linked statically]
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// The program alone, without packages
    #[arg(long)]
    bare: bool,
    /// Pack this program, which was built before, instead of building one
    #[arg(long, value_name = "FILE", conflicts_with = "bare")]
    program: Option<PathBuf>,
}

/// What is the same for every package of a release.
pub(crate) struct Release {
    pub(crate) version: String,
    /// Empty while nobody has said it, as the next.
    pub(crate) repository: String,
    pub(crate) maintainer: String,
    pub(crate) is_without_maintainer: bool,
    /// The time of the last commit, or `SOURCE_DATE_EPOCH`, in seconds of Unix: that of every file.
    epoch: u64,
}

/// The task.
pub(crate) fn run(args: &Dist) -> Result<(), Failure> {
    let targets = match &*args.targets {
        [] => vec![target_here()?],
        targets => targets.to_vec(),
    };
    let mut made = Vec::new();
    for target in &targets {
        let built = if let Some(program) = &args.program {
            program.clone()
        } else {
            let built = build_for(target)?;
            println!("{}: {} bytes", built.display(), size(&built)?);
            built
        };
        if !args.bare {
            made.extend(packages(&built, target)?);
        }
    }
    if made.is_empty() {
        return Ok(());
    }
    made.push(sums::write(&made)?);
    for path in &made {
        println!("{}", path.display());
    }
    Ok(())
}

/// The packages of a program that was built for `target`, in `packages` of the target directory.
pub(crate) fn packages(program: &Path, target: &str) -> Result<Vec<PathBuf>, Failure> {
    let release = Release::load()?;
    let dir = Workspace::load()?.target.join("packages");
    fs::create_dir_all(&dir)
        .map_err(|why| Failure::cannot(format!("make {}", dir.display()), why))?;
    let top = format!("svctl-{}-{target}", release.version);
    let archive = dir.join(format!("{top}.tar.gz"));
    tarball::write(&archive, &top, program, target, release.epoch)?;
    let bill = dir.join(format!("{top}.cdx.json"));
    fs::write(&bill, bom::of_dependencies(&release, target)?)
        .map_err(|why| Failure::cannot(format!("write {}", bill.display()), why))?;
    let mut made = vec![archive, bill];
    match debian::architecture(target).filter(|_| target.contains(MUSL)) {
        Some(architecture) if command::on_path("dpkg-deb") => {
            made.push(debian::write(&dir, &release, program, target, architecture)?);
        }
        Some(_) => println!("no Debian package: dpkg-deb is not here"),
        None => (),
    }
    Ok(made)
}

impl Release {
    /// Of this checkout.
    pub(crate) fn load() -> Result<Self, Failure> {
        let metadata = MetadataCommand::new().current_dir(command::root()).no_deps().exec();
        let metadata = metadata
            .map_err(|why| Failure::cannot("read the workspace with `cargo metadata`", why))?;
        let svctl = metadata.packages.iter().find(|it| it.name.as_str() == "svctl");
        let version = svctl.map(|it| it.version.to_string()).unwrap_or_default();
        let said = |key: &str| {
            let found = metadata.workspace_metadata.get("release").and_then(|it| it.get(key));
            found.and_then(|it| it.as_str()).unwrap_or_default().to_owned()
        };
        let maintainer = said("maintainer");
        let is_without_maintainer = maintainer.is_empty();
        // A package without one cannot be built.
        let nobody = "The svcmgr contributors <svcmgr@invalid>".to_owned();
        let maintainer = if is_without_maintainer { nobody } else { maintainer };
        let (repository, epoch) = (said("repository"), epoch()?);
        Ok(Self { version, repository, maintainer, is_without_maintainer, epoch })
    }
}

/// The time that all files of a package have.
fn epoch() -> Result<u64, Failure> {
    let said = env::var("SOURCE_DATE_EPOCH").ok();
    let text = if let Some(text) = said {
        text
    } else {
        let mut git = Command::new("git");
        git.args(["log", "-1", "--format=%ct"]).current_dir(command::root());
        command::capture(&mut git).map(|it| it.text).unwrap_or_default()
    };
    text.trim().parse().map_err(|_| {
        Failure::Because(
            "no time for the files of a package: this is no checkout of git\n  \
             hint: say it in SOURCE_DATE_EPOCH, in seconds since 1970"
                .to_owned(),
        )
    })
}

/// Builds it for this host, and says where it is.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    build_for(&target_here()?)
}

/// The same in another directory, in which nothing was built before.
pub(crate) fn build_in(dir: &Path) -> Result<PathBuf, Failure> {
    let target = target_here()?;
    let (mut build, _) = how(&target)?;
    if !command::stream(build.arg("--target-dir").arg(dir), |_| ())?.success() {
        return Err(Failure::Told);
    }
    Ok(dir.join(target).join("dist/svctl"))
}

/// The platform that is built for here.
pub(crate) fn target_here() -> Result<String, Failure> {
    Ok(target(&host()?))
}

/// The SHA-256 of a file.
pub(crate) fn sum(file: &Path) -> Result<String, Failure> {
    sums::of(file)
}

fn build_for(target: &str) -> Result<PathBuf, Failure> {
    needs(&command::on_path)?;
    toolchain::target(target).map_err(Failure::Because)?;
    let (mut build, built) = how(target)?;
    if !command::stream(&mut build, |_| ())?.success() {
        return Err(Failure::Told);
    }
    Ok(built)
}

/// What rustup does not bring along; said before minutes of building.
fn needs(is_there: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    if is_there("cc") {
        return Ok(());
    }
    let why = "no C compiler (cc), which links the programs that a build runs itself\n  \
               hint: apt-get install gcc libc6-dev, or what your system calls them";
    Err(Failure::Because(why.to_owned()))
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
        // Rust brings it and musl along, for every processor. That of the system links for its own alone, and keeps
        // functions apart that are the same: 2 percent of the file.
        build.args(["--config", &format!("target.{target}.linker=\"rust-lld\"")]);
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

/// No relocations, no tables to unwind by, and equal functions once: as a setting of cargo, in which paths may have
/// blanks.
fn flags(target: &str, script: &Path) -> String {
    let script = format!("link-arg={}", script.display());
    let flags = [
        "relocation-model=static",
        "force-unwind-tables=no",
        "link-arg=--icf=all",
        "link-arg=-T",
        &script,
    ];
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
    fn what_is_missing_is_said_before_anything_is_built() {
        assert!(needs(&|program| program == "cc").is_ok());
        let Err(Failure::Because(why)) = needs(&|_| false) else { panic!("nothing is said") };
        assert!(why.contains("hint: apt-get install gcc"), "{why}");
    }

    #[test]
    fn linux_gets_one_static_file() {
        assert_eq!(target("x86_64-unknown-linux-gnu"), "x86_64-unknown-linux-musl");
        assert_eq!(target("aarch64-unknown-linux-musl"), "aarch64-unknown-linux-musl");
        assert_eq!(target("aarch64-apple-darwin"), "aarch64-apple-darwin");
    }
}
