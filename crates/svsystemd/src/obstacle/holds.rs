//! Whether a condition of a unit holds, as the manager would test it; for those kinds of which everybody
//! sees what the manager sees, or it says so.
//!
//! Source: `systemd.unit(5)`, "Conditions and Asserts", and `condition.c` of systemd 252 to 262. What
//! depends on more than is read here (`ConditionSecurity=`, comparisons of versions and sizes) is nobody's
//! to tell.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use glob::{MatchOptions, Pattern};
use nix::{
    errno::Errno,
    sys::statvfs::{FsFlags, statvfs},
};

use crate::{Properties, PropertyValue};

/// What is asked of the manager, for the kinds of conditions that it decides by that.
pub(crate) const NEEDED_OF_MANAGER: [&str; 3] = ["Virtualization", "Architecture", "Environment"];

pub(super) fn is_the_managers(kind: &str) -> bool {
    matches!(kind, "Virtualization" | "Architecture" | "Environment" | "KernelCommandLine")
}

/// systemd's words for containers; its other words are of virtual machines.
const CONTAINERS: [&str; 11] = [
    "systemd-nspawn",
    "lxc",
    "lxc-libvirt",
    "openvz",
    "docker",
    "podman",
    "rkt",
    "wsl",
    "proot",
    "pouch",
    "container-other",
];

/// Where a manager is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// Whether it sees the files that are seen from here.
    is_here: bool,
    /// Whether it is the system's, and so root's.
    is_of_system: bool,
    /// What it says of itself, if it was asked.
    said: Properties,
}

impl Around {
    pub(crate) fn new(is_here: bool, is_of_system: bool) -> Self {
        Self { is_here, is_of_system, said: Properties::default() }
    }

    /// That of the system, which sees what is seen from here.
    #[cfg(test)]
    pub(crate) fn here() -> Self {
        Self::new(true, true)
    }

    /// The same, with what the manager says of itself.
    pub(crate) fn saying(self, said: Properties) -> Self {
        Self { said, ..self }
    }

    /// Whether it holds, before a `!`. `None` for what cannot be told.
    pub(super) fn holds(&self, kind: &str, about: &str) -> Option<bool> {
        match kind {
            "Virtualization" => self.is_virtualized(about),
            "Architecture" => Some(self.word("Architecture")? == about),
            "Environment" => {
                let all = self.said.get("Environment")?.fields();
                let mut all = all.iter().filter_map(PropertyValue::text);
                Some(if about.contains('=') {
                    all.any(|it| it == about)
                } else {
                    all.any(|it| it.split('=').next() == Some(about))
                })
            }
            _ if !self.is_here => None,
            "User" => self.is_user(about),
            "Group" if self.is_of_system => Some(matches!(about, "root" | "0")),
            "KernelCommandLine" => self.is_on_command_line(about),
            "KernelVersion" => is_kernel(about),
            // Its name since systemd 258; of what it is may stand before it.
            "Version" => match about.split_whitespace().next() {
                Some("systemd" | "glibc") => None,
                Some("kernel") => is_kernel(about.trim_start().strip_prefix("kernel")?),
                _ => is_kernel(about),
            },
            "Host" => is_host(about),
            "FirstBoot" => Some(Path::new("/run/systemd/first-boot").exists() == truth(about)?),
            "Firmware" if about == "uefi" => Some(Path::new("/sys/firmware/efi").exists()),
            _ => holds_for_files(kind, about),
        }
    }

    fn word(&self, name: &str) -> Option<&str> {
        self.said.get(name)?.text()
    }

    fn is_virtualized(&self, about: &str) -> Option<bool> {
        let kind = self.word("Virtualization")?;
        let is_container = CONTAINERS.contains(&kind);
        Some(match about {
            "vm" => !kind.is_empty() && !is_container,
            "container" => is_container,
            "private-users" => return None,
            _ => truth(about).map_or(about == kind, |wanted| wanted != kind.is_empty()),
        })
    }

    /// The manager of the system is root's, and a user's that of the user who asks.
    fn is_user(&self, about: &str) -> Option<bool> {
        let uid = if self.is_of_system { 0 } else { nix::unistd::getuid().as_raw() };
        if about == "@system" {
            return (uid == 0 || uid >= 1000).then_some(uid == 0);
        }
        if let Ok(number) = about.parse::<u32>() {
            return Some(number == uid);
        }
        if uid == 0 {
            return Some(about == "root");
        }
        let own = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten()?;
        Some(own.name == about)
    }

    /// A word, or the name before its `=`. In a container the command line of the manager stands for it.
    fn is_on_command_line(&self, about: &str) -> Option<bool> {
        let is_container = CONTAINERS.contains(&self.word("Virtualization")?);
        let line = if is_container { "/proc/1/cmdline" } else { "/proc/cmdline" };
        let line = String::from_utf8(fs::read(line).ok()?).ok()?;
        // Quotes have rules of their own.
        if line.contains(['"', '\'', '\\']) {
            return None;
        }
        let mut words = line.split(['\0', ' ', '\n']).filter(|word| !word.is_empty());
        Some(if about.contains('=') {
            words.any(|word| word == about)
        } else {
            words.any(|word| word.split('=').next() == Some(about))
        })
    }
}

/// As a setting of systemd says yes or no.
fn truth(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// Patterns that all must fit. Comparisons are for the manager.
fn is_kernel(about: &str) -> Option<bool> {
    if about.contains(['<', '>', '=', '!', '$', '^', '~', '"', '\'']) {
        return None;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut all = true;
    for word in about.split_whitespace() {
        all &= Pattern::new(word).ok()?.matches(release.trim());
    }
    Some(all)
}

/// A pattern for the name, or the number of the machine.
fn is_host(about: &str) -> Option<bool> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let options = MatchOptions { case_sensitive: false, ..MatchOptions::default() };
    let is_named = Pattern::new(about).ok()?.matches_with(host.trim(), options);
    let is_number = about.replace('-', "").eq_ignore_ascii_case(machine.trim());
    Some(is_named || (!machine.trim().is_empty() && is_number))
}

fn holds_for_files(kind: &str, about: &str) -> Option<bool> {
    let path = Path::new(about);
    let meta = || fs::metadata(path).ok();
    Some(match kind {
        "PathExists" => meta().is_some(),
        "PathExistsGlob" if about.contains('{') => return None,
        "PathExistsGlob" => glob::glob(about).ok()?.flatten().next().is_some(),
        "PathIsDirectory" => meta().is_some_and(|it| it.is_dir()),
        "PathIsSymbolicLink" => path.symlink_metadata().is_ok_and(|it| it.is_symlink()),
        "PathIsMountPoint" => is_mount_point(path)?,
        "PathIsReadWrite" => match statvfs(path) {
            Ok(found) => !found.flags().contains(FsFlags::ST_RDONLY),
            Err(Errno::ENOENT) => false,
            Err(_) => return None,
        },
        "DirectoryNotEmpty" => fs::read_dir(path).is_ok_and(|mut it| it.next().is_some()),
        "FileNotEmpty" => meta().is_some_and(|it| it.is_file() && it.len() > 0),
        "FileIsExecutable" => {
            meta().is_some_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
        }
        _ => return None,
    })
}

fn is_mount_point(path: &Path) -> Option<bool> {
    let Ok(path) = path.canonicalize() else { return Some(false) };
    let path = path.to_str()?;
    // A blank, a tab, a line end and a backslash are written as numbers there.
    if path.contains([' ', '\t', '\n', '\\']) {
        return None;
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    Some(mounts.lines().any(|line| line.split(' ').nth(4) == Some(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(is_of_system: bool) -> Around {
        let text = |it: &str| PropertyValue::Text(it.to_owned());
        let environment = PropertyValue::List(vec![text("A=b"), text("LANG=C")]);
        let said = [
            ("Virtualization", text("lxc")),
            ("Architecture", text("x86-64")),
            ("Environment", environment),
        ];
        Around::new(true, is_of_system).saying(said.into_iter().collect())
    }

    #[test]
    fn what_the_manager_says_of_itself_decides() {
        for (kind, about, holds) in [
            ("Virtualization", "container", Some(true)),
            ("Virtualization", "vm", Some(false)),
            ("Virtualization", "lxc", Some(true)),
            ("Virtualization", "docker", Some(false)),
            ("Virtualization", "no", Some(false)),
            ("Virtualization", "true", Some(true)),
            ("Virtualization", "private-users", None),
            ("Architecture", "x86-64", Some(true)),
            ("Architecture", "arm64", Some(false)),
            ("Environment", "A", Some(true)),
            ("Environment", "A=b", Some(true)),
            ("Environment", "A=c", Some(false)),
            ("Environment", "B", Some(false)),
        ] {
            assert_eq!(around(true).holds(kind, about), holds, "{kind}={about}");
            // Nobody can tell what a manager is in that was not asked.
            assert_eq!(Around::here().holds(kind, about), None, "{kind}={about}");
        }
    }

    #[test]
    fn what_is_seen_from_here_decides_only_here() {
        for (kind, about, holds) in [
            ("User", "root", Some(true)),
            ("User", "0", Some(true)),
            ("User", "@system", Some(true)),
            ("User", "nobody", Some(false)),
            ("Group", "root", Some(true)),
            ("Group", "nogroup", Some(false)),
            ("PathIsMountPoint", "/proc", Some(true)),
            ("PathIsMountPoint", "/", Some(true)),
            ("PathIsMountPoint", "/proc/self/fd", Some(false)),
            ("PathIsMountPoint", "/nonexistent", Some(false)),
            ("PathExistsGlob", "/pro?/self/stat*", Some(true)),
            ("PathExistsGlob", "/nonexistent/*", Some(false)),
            ("PathExistsGlob", "/{proc,sys}", None),
            ("PathIsReadWrite", "/nonexistent", Some(false)),
            ("KernelVersion", "*", Some(true)),
            ("KernelVersion", "0.9.*", Some(false)),
            ("KernelVersion", ">=5.0", None),
            ("Version", "0.9.*", Some(false)),
            ("Version", "kernel 0.9.*", Some(false)),
            ("Version", "systemd 0.9.*", None),
            ("Host", "*", Some(true)),
            ("Host", "nobody.example", Some(false)),
            ("FirstBoot", "yes", Some(Path::new("/run/systemd/first-boot").exists())),
            ("Security", "ima", None),
            ("Memory", ">=1", None),
        ] {
            assert_eq!(around(true).holds(kind, about), holds, "{kind}={about}");
            assert_eq!(Around::default().holds(kind, about), None, "{kind}={about}");
        }
        let own = nix::unistd::getuid().to_string();
        assert_eq!(around(false).holds("User", &own), Some(true));
        assert_eq!(around(false).holds("Group", "root"), None);
    }
}
