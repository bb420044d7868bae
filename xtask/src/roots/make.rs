//! Makes a root, with debootstrap, from the mirror that this machine's own apt uses.

use std::{env, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use super::{Root, cache};
use crate::{command, failure::Failure, setup::INSTALL};

/// The supervisors, and what a machine with this root as its own needs to boot its systemd.
const PACKAGES: [&str; 10] = [
    "s6",
    "daemontools",
    "execline",
    "systemd",
    "dbus",
    "dbus-user-session",
    "polkitd",
    "libpam-systemd",
    // What the tests of definitions start besides.
    "curl",
    "netcat-openbsd",
];
/// What is unpacked whatever it depends on: the development release has a runit that cannot be
/// installed beside systemd.
const UNPACKED: &str = "cd /tmp && apt-get -o Acquire::Check-Valid-Until=false download runit && \
                        dpkg --unpack --force-depends ./runit_*.deb && rm ./runit_*.deb";
/// Nothing is started while packages are installed.
const POLICY: &str = "#!/bin/sh
exit 101
";
/// What nothing that runs there reads.
const LEFT_OUT: [&str; 6] = [
    "var/cache/apt/archives",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
];

/// Makes it; it is there under its name once it is complete.
pub(super) fn make(root: Root) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::Because(
            "making a root needs root: debootstrap changes into it".to_owned(),
        ));
    }
    if !command::on_path("debootstrap") {
        let hint = "apt-get install --no-install-recommends debootstrap";
        return Err(Failure::Because(format!("missing: debootstrap\n  run: {hint}")));
    }
    let mirror = mirror()?;
    let place = cache::place()?;
    fs::create_dir_all(&place)
        .map_err(|why| Failure::cannot(format!("make {}", place.display()), why))?;
    // One that was interrupted is of no use to anybody.
    let part = place.join(format!("{}.part", root.name()));
    remove_tree(&part)?;
    println!("roots: making {} in {}", root.name(), place.display());
    let mut debootstrap = apart("debootstrap");
    debootstrap.args(["--variant=minbase", root.codename()]).arg(&part).arg(mirror);
    done(root, &mut debootstrap)?;
    let policy = part.join("usr/sbin/policy-rc.d");
    fs::write(&policy, POLICY)
        .and_then(|()| fs::set_permissions(&policy, fs::Permissions::from_mode(0o755)))
        .map_err(|why| Failure::cannot(format!("write {}", policy.display()), why))?;
    // By the root's own apt: the resolver of debootstrap takes whichever package it meets first.
    for words in [&["update"][..], &[&INSTALL[..], &PACKAGES[..]].concat()] {
        let mut apt_get = apart("chroot");
        // A mirror that stands still is as good as another for this.
        apt_get.arg(&part).args(["apt-get", "-o", "Acquire::Check-Valid-Until=false"]);
        apt_get.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        done(root, &mut apt_get)?;
    }
    let mut unpack = apart("chroot");
    done(root, unpack.arg(&part).args(["sh", "-c", UNPACKED]))?;
    for dir in LEFT_OUT {
        remove_tree(&part.join(dir))?;
    }
    let made = place.join(root.name());
    fs::rename(&part, &made).map_err(|why| {
        Failure::cannot(format!("rename {} to {}", part.display(), made.display()), why)
    })
}

/// In a mount namespace: what a program mounts in the tree must not outlive it, since the tree may
/// have to be removed.
fn apart(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", program]);
    command
}

/// Shows what it says only when it fails.
fn done(root: Root, command: &mut Command) -> Result<(), Failure> {
    let done = command::capture(command)?;
    if done.ok {
        return Ok(());
    }
    eprint!("{}", done.text);
    Err(Failure::cannot(
        format!("make the root {}", root.name()),
        format!("{}; its output is above", done.status),
    ))
}

/// Removes it, if it is there.
pub(super) fn remove(root: Root) -> Result<(), Failure> {
    remove_tree(&cache::place()?.join(root.name()))
}

fn remove_tree(dir: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(dir) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::cannot(format!("remove {}", dir.display()), why))
        }
        _ => Ok(()),
    }
}

/// `SV_DEBIAN_MIRROR`, else where this machine gets its own packages from.
fn mirror() -> Result<String, Failure> {
    if let Some(said) = env::var("SV_DEBIAN_MIRROR").ok().filter(|it| !it.is_empty()) {
        return Ok(said);
    }
    let format = "$(ORIGIN)|$(LABEL)|$(SITE)";
    let mut ask = Command::new("apt-get");
    let targets =
        command::capture(ask.args(["indextargets", "--format", format, "Created-By: Packages"]));
    let text = targets.map(|done| done.text).unwrap_or_default();
    from_targets(&text).ok_or_else(|| {
        let hint =
            "name one: SV_DEBIAN_MIRROR=URL; or `apt-get update`, if apt has not seen its own yet";
        Failure::Because(format!("no mirror of Debian among apt's sources\n  {hint}"))
    })
}

/// Not those with security updates alone, and not those of others.
fn from_targets(text: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix("Debian|Debian|")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_has_debian_itself() {
        let text = "Others|Debian|https://others.example/apt\n\
                    Debian|Debian-Security|http://mirror.example/debian-security\n\
                    Debian|Debian|http://mirror.example/debian\n";
        assert_eq!(from_targets(text).as_deref(), Some("http://mirror.example/debian"));
        assert_eq!(from_targets("Ubuntu|Ubuntu|http://mirror.example/ubuntu\n"), None);
    }
}
