//! The Debian package: the static program with its pages, completions and examples where Debian has them.
//!
//! `dpkg-deb` builds it, which every Debian has.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, GzBuilder};

use super::{
    Release,
    contents::{self, File, Places},
};
use crate::{command, failure::Failure};

const PLACES: Places = Places {
    program: "usr/bin/",
    manual: "usr/share/man/",
    completions: [
        "usr/share/bash-completion/completions/",
        "usr/share/zsh/vendor-completions/",
        "usr/share/fish/vendor_completions.d/",
    ],
    examples: "usr/share/doc/svctl/examples/",
    texts: "usr/share/doc/svctl/",
};

const DESCRIPTION: &str = "\
Description: control services under runit, s6, daemontools and systemd
 One command with the same words, the same JSON and the same exit codes under
 runit, s6, daemontools, daemontools-encore and systemd: status, start, stop,
 restart and wait, watch, logs, health checks, and why a service is not up.
 .
 It also makes service directories and units from one file of definitions,
 finds mistakes in them, and runs services for development and in containers
 under a supervisor of its own. It runs none of the suites' programs.
";

/// How Debian calls the processor of a target; `None` for one that it does not have.
pub(super) fn architecture(target: &str) -> Option<&'static str> {
    Some(match target.split('-').next()? {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7" => "armhf",
        "i686" => "i386",
        _ => return None,
    })
}

/// Builds the package in `dir`, and says where it is.
pub(super) fn write(
    dir: &Path,
    release: &Release,
    program: &Path,
    target: &str,
    architecture: &str,
) -> Result<PathBuf, Failure> {
    let tree = tempfile::tempdir().map_err(|why| Failure::cannot("make a directory", why))?;
    let mut files = contents::gather(program, target, &PLACES)?;
    files.extend(texts_of_debian(release)?);
    let mut size = 0;
    for mut file in files {
        let is_packed = file.place.starts_with("usr/share/man/")
            || file.place.contains("changelog")
            || file.place.ends_with(super::notices::NAME);
        if is_packed {
            file = File::new(format!("{}.gz", file.place), packed(&file.bytes)?);
        }
        size += file.bytes.len().div_ceil(1024) + 1;
        put(tree.path(), &file)?;
    }
    put(tree.path(), &File::new("DEBIAN/control", control(release, architecture, size)))?;
    let package = dir.join(format!("svctl_{}-1_{architecture}.deb", release.version));
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Zxz", "--build"]).arg(tree.path()).arg(&package);
    build.env("SOURCE_DATE_EPOCH", release.epoch.to_string());
    let done = command::capture(&mut build)?;
    if done.ok { Ok(package) } else { Err(Failure::cannot("build the Debian package", done.text)) }
}

fn control(release: &Release, architecture: &str, size: usize) -> String {
    let homepage = match &*release.repository {
        "" => String::new(),
        address => format!("Homepage: {address}\n"),
    };
    format!(
        "Package: svctl\nVersion: {}-1\nArchitecture: {architecture}\nMaintainer: {}\nInstalled-Size: {size}\n\
         Section: admin\nPriority: optional\nSuggests: runit | s6 | daemontools | systemd\n\
         {homepage}{DESCRIPTION}",
        release.version, release.maintainer,
    )
}

/// What a package of Debian has to say of itself.
fn texts_of_debian(release: &Release) -> Result<Vec<File>, Failure> {
    let mit = String::from_utf8_lossy(&contents::text("LICENSE-MIT")?).into_owned();
    let mit: String = mit
        .lines()
        .skip_while(|line| !line.starts_with("Permission"))
        .map(|line| if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") })
        .collect();
    let source = match &*release.repository {
        "" => String::new(),
        address => format!("Source: {address}\n"),
    };
    let copyright = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: svctl\n{source}\n\
         Files: *\nCopyright: 2026 the svcmgr contributors\nLicense: Expat or Apache-2.0\n\
         Comment: what svctl is linked with is under the licences in {}.gz beside this file.\n\n\
         License: Expat\n{mit}\n\
         License: Apache-2.0\n On Debian systems, the whole text is in /usr/share/common-licenses/Apache-2.0.\n",
        super::notices::NAME,
    );
    let date = command::capture(Command::new("date").args([
        "-u",
        "-R",
        "-d",
        &format!("@{}", release.epoch),
    ]))?;
    let changelog = format!(
        "svctl ({}-1) unstable; urgency=medium\n\n  * As upstream; see changelog.gz.\n\n -- {}  {}\n",
        release.version,
        release.maintainer,
        date.text.trim(),
    );
    let doc = PLACES.texts;
    Ok(vec![
        File::new(format!("{doc}copyright"), copyright),
        File::new(format!("{doc}changelog.Debian"), changelog),
        File::new(format!("{doc}changelog"), contents::text("CHANGELOG.md")?),
        // It needs nothing of the system, in a container of any libc, and starts in half the time. Of
        // dpkg's files it reads which version of a suite is installed, where dpkg itself may be missing.
        File::new(
            "usr/share/lintian/overrides/svctl",
            "svctl: statically-linked-binary [usr/bin/svctl]\n\
             svctl: uses-dpkg-database-directly [usr/bin/svctl]\n",
        ),
    ])
}

/// As `gzip -n9` has it: without name and time.
fn packed(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut out = GzBuilder::new().write(Vec::new(), Compression::best());
    out.write_all(bytes)
        .and_then(|()| out.finish())
        .map_err(|why| Failure::cannot("pack a file", why))
}

fn put(tree: &Path, file: &File) -> Result<(), Failure> {
    let path = tree.join(&file.place);
    let fail = |why| Failure::cannot(format!("write {}", path.display()), why);
    let dir = path.parent().unwrap_or(tree);
    fs::create_dir_all(dir).map_err(fail)?;
    // Whatever the umask is.
    for dir in dir.ancestors().take_while(|it| it.starts_with(tree)) {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).map_err(fail)?;
    }
    fs::write(&path, &file.bytes).map_err(fail)?;
    let mode = if file.is_program { 0o755 } else { 0o644 };
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(fail)
}
